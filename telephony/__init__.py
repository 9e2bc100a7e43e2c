"""Making calls: the scenario is pure, the dialer conducts one call, the worker finds what is due.

One module per engine, whose name is the kind of its trunks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hub.calls.trunk import Trunk
from hub.errors import ConfigError

KINDS = ("asterisk", "mango", "simulator")


def kinds() -> list[str]:
    """Every kind there is, without importing any."""
    return list(KINDS)


def load(kind: str) -> type[Trunk[Any]]:
    """The class of that kind."""
    if kind not in KINDS:
        raise ConfigError(
            f"there is no telephone engine of that name; known: {', '.join(KINDS)}", field="kind"
        )
    module = import_module(f"{__name__}.{kind}")
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, Trunk) and each.__dict__.get("kind") == kind:
            return each
    raise ConfigError(f"telephony/{kind}.py defines no trunk of that kind", field="kind")

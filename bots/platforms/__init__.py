"""The platforms played on this machine, as real HTTP servers: for the tests and for `hub demo`.

One module per kind, file name = kind, as among the channels; nothing here is loaded by a hub
that serves real people.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bots.platforms.platform import Platform

_THERE = {each.name for each in pkgutil.iter_modules(__path__)}
KINDS = tuple(k for k in ("telegram", "max", "vk", "whatsapp", "viber") if k in _THERE)
"""Those on the phone of the demo, in the order shown."""


def load(kind: str) -> type[Platform]:
    """The class that plays that kind's platform."""
    module = import_module(f"{__name__}.{kind}")
    for each in vars(module).values():
        if isinstance(each, type) and each.__module__ == module.__name__:
            found: type[Platform] = each
            if getattr(found, "kind", None) == kind:
                return found
    raise LookupError(kind)

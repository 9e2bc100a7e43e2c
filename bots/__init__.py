"""One module per channel kind; the file's name is the kind, and nothing else registers it.

How far a kind is, as its reviewer's list says:
works     text both ways, verified requests, the contract of `tests/bots/contract.py` passes
solid     attachments, edits, delivery reports, limits with links to the platform's pages,
          a refused key stops the channel
complete  every ability that the platform has, markup there and back, a load fixture

form: solid
greenapi: solid
jivosite: works
marquiz: works
max: solid
site: solid
smsaero: solid
telegram: solid
tilda: solid
viber: solid
vk: solid
whatsapp: solid
"""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from typing import Any

from hub.channels.port import ChannelKind
from hub.errors import ConfigError


def kinds() -> list[str]:
    """Every kind there is, without importing any."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__) if not each.ispkg)


def load(kind: str) -> type[ChannelKind[Any]]:
    """The class of that kind; its module is imported now, because some cost seconds."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind) or kind not in kinds():
        raise ConfigError(
            f"there is no channel kind of that name; known: {', '.join(kinds())}", field="kind"
        )
    module = import_module(f"{__name__}.{kind}")
    for each in vars(module).values():
        if (
            isinstance(each, type)
            and issubclass(each, ChannelKind)
            and getattr(each, "kind", None) == kind
        ):
            return each
    raise ConfigError(f"bots/{kind}.py defines no channel of that kind", field="kind")

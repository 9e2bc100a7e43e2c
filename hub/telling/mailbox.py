"""Addresses that letters go to: those of plain letters alone, in which nothing can hide."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST = r"[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
PATTERN = rf"^{_ATOM}(?:\.{_ATOM}){{0,10}}@(?:{_LABEL}\.){{1,10}}{_LAST}\Z"
"""https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2 without quotes and bare hosts."""

Mailbox = Annotated[str, Meta(pattern=PATTERN, max_length=200)]
NoMailbox = Annotated[str, Meta(pattern=rf"{PATTERN}|^\Z", max_length=200)]
"""The same, or none."""

_READ = re.compile(PATTERN)


def is_mailbox(text: str) -> bool:
    return len(text) <= 200 and _READ.match(text) is not None

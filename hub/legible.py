"""Foreign words made fit to keep: whatever a platform or a page sends, every store can hold it."""

from __future__ import annotations

import re

from msgspec.structs import replace

from hub.events import ChannelEvent, MessageEdited, MessageReceived, Sender
from hub.model import Visit

UTM_MAX = 20
URL_MAX = 2_000
NAME_MAX = 200

# NUL, other control characters than tab and line break, and halves of characters. Nobody
# sees them, terminals obey them, and MongoDB refuses NUL in a key.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_UNNAMED = re.compile(r"[^\w-]")


def legible(text: str) -> str:
    """The text as people see it; line breaks and tabs stay."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def line(text: str, most: int) -> str:
    """The same in one line of at most so many characters."""
    return " ".join(legible(text[: most * 4]).split())[:most]


def visit(claimed: Visit) -> Visit:
    """What a page claims of the visit, cut to sane lengths; a long address is no offence."""
    utm = {}
    for name, value in list(claimed.utm.items())[:UTM_MAX]:
        # MongoDB gives "." and "$" in a key a meaning of its own.
        if known := _UNNAMED.sub("_", legible(name[:64])):
            utm[known] = line(value, 300)
    return Visit(
        page=line(claimed.page, URL_MAX),
        title=line(claimed.title, 300),
        referrer=line(claimed.referrer, URL_MAX),
        lang=line(claimed.lang, 35),
        zone=line(claimed.zone, 64),
        utm=utm,
    )


def event(reported: ChannelEvent) -> ChannelEvent:
    """The channel's report with every text in it legible; ids are left as they are."""
    match reported:
        case MessageReceived():
            return replace(
                reported,
                sender=_sender(reported.sender),
                text=legible(reported.text),
                visit=visit(reported.visit) if reported.visit else None,
            )
        case MessageEdited():
            return replace(reported, text=legible(reported.text))
        case _:
            return reported


def _sender(sender: Sender) -> Sender:
    if not (sender.name or sender.username or sender.phone):
        return sender
    return replace(
        sender,
        name=line(sender.name, NAME_MAX),
        username=line(sender.username, NAME_MAX),
        phone=line(sender.phone, 40),
    )

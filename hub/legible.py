"""Foreign words made fit to keep: whatever a platform or a page sends, every store can hold it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec.structs import replace

from hub.content import Card, Remote, Spot
from hub.events import (
    CallAsked,
    CallReported,
    ChannelEvent,
    ConsentGiven,
    FieldsTold,
    FormFilled,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    PhoneCalled,
    PhoneLeft,
    PhoneTapped,
    Rated,
    Sender,
    StaffReplied,
    Subscribed,
)
from hub.model import cut
from hub.people.visit import FirstTouch, Visit

UTM_MAX = 20
URL_MAX = 2_000
NAME_MAX = 200
EMAIL_MAX = 300
NUMBER_MAX = 40
MARK_MAX = 200
FIELDS_MAX = 20
FIELD_MAX = 500
PAGES_MAX = 100_000
PRESSED_MAX = 200
ANSWERS_MAX = 100
ANSWER_MAX = 4_000
EMOJI_MAX = 32
LARGEST = 2**53
"""Browsers read no larger one exactly, and MongoDB keeps none past 2**63."""
DEVICES = ("phone", "tablet", "pc")

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


def marks(claimed: Mapping[str, str]) -> dict[str, str]:
    """The marks of a campaign, cut to sane lengths."""
    utm = {}
    for name, value in list(claimed.items())[:UTM_MAX]:
        # MongoDB gives "." and "$" in a key a meaning of its own.
        if known := _UNNAMED.sub("_", legible(name[:64])):
            utm[known] = line(value, 300)
    return utm


def visit(claimed: Visit) -> Visit:
    """What a page claims of the visit, cut to sane lengths; a long address is no offence."""
    return Visit(
        page=line(claimed.page, URL_MAX),
        title=line(claimed.title, 300),
        referrer=line(claimed.referrer, URL_MAX),
        lang=line(claimed.lang, 35),
        zone=line(claimed.zone, 64),
        utm=marks(claimed.utm),
        first=_first(claimed.first) if claimed.first else None,
        entry_page=line(claimed.entry_page, URL_MAX),
        yclid=line(claimed.yclid, MARK_MAX),
        gclid=line(claimed.gclid, MARK_MAX),
        ym_client_id=line(claimed.ym_client_id, MARK_MAX),
        ga_client_id=line(claimed.ga_client_id, MARK_MAX),
        pages=min(max(claimed.pages, 0), PAGES_MAX),
        device=claimed.device if claimed.device in DEVICES else "",
    )


def _first(claimed: FirstTouch) -> FirstTouch:
    at = claimed.at
    return FirstTouch(
        utm=marks(claimed.utm),
        page=line(claimed.page, URL_MAX),
        referrer=line(claimed.referrer, URL_MAX),
        # A year that no visit was in is of no use, and some have no moment in UTC.
        at=cut(at) if at is not None and 2000 < at.year < 3000 else None,
    )


def event(reported: ChannelEvent) -> ChannelEvent:
    """The channel's report with every text in it legible; ids are left as they are."""
    match reported:
        case MessageReceived():
            return replace(
                reported,
                sender=_sender(reported.sender),
                order=bounded(reported.order),
                text=legible(reported.text),
                visit=visit(reported.visit) if reported.visit else None,
                media=_media(reported.media),
                spot=spot(reported.spot),
                card=card(reported.card),
                pressed=line(reported.pressed, PRESSED_MAX),
            )
        case StaffReplied():
            return replace(
                reported,
                sender=_sender(reported.sender),
                order=bounded(reported.order),
                name=line(reported.name, NAME_MAX),
                text=legible(reported.text),
                media=_media(reported.media),
                spot=spot(reported.spot),
                card=card(reported.card),
            )
        case FormFilled():
            return replace(
                reported,
                sender=_sender(reported.sender),
                form=line(reported.form, NAME_MAX),
                answers=tuple(
                    (line(question, ANSWER_MAX), legible(answer)[:ANSWER_MAX])
                    for question, answer in reported.answers[:ANSWERS_MAX]
                ),
                name=line(reported.name, NAME_MAX),
                phone=line(reported.phone, 100),
                email=line(reported.email, EMAIL_MAX),
                comment=legible(reported.comment)[:ANSWER_MAX],
                fields=answers(reported.fields),
                hidden=tuple(line(each, NAME_MAX) for each in reported.hidden[:ANSWERS_MAX]),
                visit=visit(reported.visit) if reported.visit else None,
                advertising=line(reported.advertising, NAME_MAX),
            )
        case PhoneTapped():
            return replace(
                reported,
                sender=_sender(reported.sender),
                visit=visit(reported.visit) if reported.visit else None,
            )
        case Subscribed():
            return replace(
                reported,
                sender=_sender(reported.sender),
                email=line(reported.email, EMAIL_MAX),
                visit=visit(reported.visit) if reported.visit else None,
                page=line(reported.page, URL_MAX),
            )
        case CallAsked():
            return replace(
                reported,
                sender=_sender(reported.sender),
                comment=legible(reported.comment),
                zone=line(reported.zone, 64),
                visit=visit(reported.visit) if reported.visit else None,
                page=line(reported.page, URL_MAX),
            )
        case PhoneLeft():
            return replace(
                reported,
                sender=_sender(reported.sender),
                messenger=line(reported.messenger, 20),
                zone=line(reported.zone, 64),
                visit=visit(reported.visit) if reported.visit else None,
                page=line(reported.page, URL_MAX),
            )
        case ConsentGiven():
            return replace(reported, page=line(reported.page, URL_MAX))
        case FieldsTold():
            return replace(reported, fields=fields(reported.fields))
        case Rated():
            return replace(reported, text=legible(reported.text))
        case MessageEdited():
            return replace(reported, text=legible(reported.text), order=bounded(reported.order))
        case PhoneCalled():
            return replace(
                reported,
                sender=_sender(reported.sender),
                line=line(reported.line, NUMBER_MAX),
                operator_number=line(reported.operator_number, NUMBER_MAX),
            )
        case CallReported():
            return replace(
                reported,
                number=line(reported.number, NUMBER_MAX),
                code=line(reported.code, NUMBER_MAX),
            )
        case MessageReacted():
            return replace(
                reported,
                emoji=line(reported.emoji, EMOJI_MAX),
                order=bounded(reported.order),
            )
        case _:
            return reported


def bounded(claimed: int) -> int:
    """The number as every store keeps it; one past all bounds is the bound."""
    return max(-LARGEST, min(claimed, LARGEST))


def spot(claimed: Spot | None) -> Spot | None:
    """The place, if it is one on this earth."""
    if claimed is None:
        return None
    if not (abs(claimed.latitude) <= 90 and abs(claimed.longitude) <= 180):
        return None
    return Spot(
        latitude=claimed.latitude,
        longitude=claimed.longitude,
        title=line(claimed.title, NAME_MAX),
        address=line(claimed.address, ANSWER_MAX),
    )


def card(claimed: Card | None) -> Card | None:
    if claimed is None:
        return None
    return Card(name=line(claimed.name, NAME_MAX), phone=line(claimed.phone, 100), own=claimed.own)


def answers(told: Mapping[str, str]) -> dict[str, str]:
    """A form's answers under the names that it gives them itself."""
    return {
        known: legible(value[: ANSWER_MAX * 2])[:ANSWER_MAX]
        for name, value in list(told.items())[:ANSWERS_MAX]
        if (known := line(name, NAME_MAX))
    }


def fields(told: Mapping[str, str]) -> dict[str, str]:
    """What is told of a person, under names that every store can keep."""
    return {
        known: legible(value[: FIELD_MAX * 2])[:FIELD_MAX]
        for name, value in list(told.items())[:FIELDS_MAX]
        if (known := _UNNAMED.sub("_", legible(name[:40])))
    }


def _media(claimed: tuple[Remote, ...]) -> tuple[Remote, ...]:
    if all(0 <= each.size_bytes <= LARGEST for each in claimed):
        return claimed
    return tuple(replace(each, size_bytes=max(0, bounded(each.size_bytes))) for each in claimed)


def _sender(sender: Sender) -> Sender:
    if not (sender.name or sender.username or sender.phone):
        return sender
    return replace(
        sender,
        name=line(sender.name, NAME_MAX),
        username=line(sender.username, NAME_MAX),
        phone=line(sender.phone, 40),
    )

"""Sources tried out: how a body would be read, before a site sends one in earnest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from hub import legible, phones
from hub.channels.port import Hook, Reading
from hub.errors import ConflictError, LimitedError, NotFoundError, PayloadError
from hub.events import FieldsTold, FormFilled, MessageReceived, StaffReplied
from hub.people import contacts
from hub.phones import Phone
from hub.rights import Right
from web.api_channels import asked
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

READINGS = 60
READINGS_PERIOD = timedelta(minutes=5)


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body as it would come, and what its sender would say that it is."""

    body: Annotated[str, Meta(max_length=200_000)]
    content_type: Annotated[str, Meta(max_length=300)] = "application/json"


class FieldView(View, frozen=True, kw_only=True):
    name: str
    value: str


class PassedView(View, frozen=True, kw_only=True):
    """`why` is a code: dropped, service, file, deep, many, absent, honeypot."""

    name: str
    why: str


class SaidView(View, frozen=True, kw_only=True):
    staff: bool
    text: str
    at: datetime


class ReadingView(View, frozen=True, kw_only=True):
    """`error` says why nothing could be made of it, `event` what else it was than a form.

    `phone` is empty where nobody could be called, with `why_not`; `written` is what stood there.
    `advertising` is the box that was ticked for offers.
    """

    error: str
    event: str
    form: str
    id: str
    handling: str
    name: str
    phone: str
    written: str
    why_not: str
    email: str
    advertising: str
    comment: str
    page: str
    utm: dict[str, str]
    fields: list[FieldView]
    said: list[SaidView]
    ignored: list[PassedView]


async def reading(ask: Ask[Nothing, Sample]) -> ReadingView:
    document = await asked(ask)
    wait = await ask.hub.bus.allow(f"reading:{ask.who.id}", READINGS, READINGS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    try:
        kind = ask.hub.channels.get(document.id)
    except NotFoundError:
        raise ConflictError("off" if not document.enabled else "broken") from None
    sample = Hook(
        body=ask.body.body.encode(errors="replace"),
        headers={"content-type": ask.body.content_type},
        received_at=ask.hub.now(),
    )
    try:
        found = kind.reading(sample)
    except PayloadError as error:
        return _shown(Reading(), error=str(error))
    if found is None:
        raise NotFoundError
    return _shown(found)


def _shown(found: Reading, error: str = "") -> ReadingView:
    events = [legible.event(each) for each in found.events]
    form = next((each for each in events if isinstance(each, FormFilled)), None)
    first = events[0] if events else None
    told = form.phone if form else first.sender.phone if first else ""
    number, why_not = _number(told)
    other = next((each for each in events if isinstance(each, FieldsTold)), None)
    answers = form.fields if form else other.fields if other else {}
    passed = {name for name, _ in found.ignored}
    visit = getattr(form or first, "visit", None)
    return ReadingView(
        error=error,
        event="" if form or first is None else getattr(first, "name", "") or _tag(first),
        form=form.form if form else "",
        id=form.external_id if form else "",
        handling=form.handling if form else "",
        name=form.name if form else first.sender.name if first else "",
        phone=number,
        written=told,
        why_not=why_not,
        email=form.email if form else "",
        advertising=form.advertising if form else "",
        comment=form.comment if form else "",
        page=visit.page if visit else "",
        utm=visit.utm if visit else {},
        fields=[
            FieldView(name=name, value=value)
            for name, value in answers.items()
            if name not in passed
        ],
        said=[
            SaidView(staff=isinstance(each, StaffReplied), text=each.text, at=each.at)
            for each in events
            if isinstance(each, MessageReceived | StaffReplied)
        ],
        ignored=[PassedView(name=name, why=why) for name, why in found.ignored],
    )


def _tag(event: msgspec.Struct) -> str:
    return str(event.__struct_config__.tag)


def _number(written: str) -> tuple[str, str]:
    """The number that would be called, or the code of why nobody could be."""
    if not written:
        return "", phones.WhyNot.EMPTY
    found = phones.parse(written[:100], contacts.REGION, contacts.ALSO)
    if not isinstance(found, Phone):
        return "", found
    return (found.e164, "") if found.dialable else ("", found.why_not or phones.WhyNot.UNKNOWN_KIND)


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="POST",
        path="/projects/{project}/channels/{channel}/reading",
        right=Right.ARRANGE,
        summary="How a source would read that body; nothing of it is kept",
        call=reading,
        query=Nothing,
        body=Sample,
        answer=ReadingView,
    ),
)

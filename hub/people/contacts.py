"""The person behind an identity: made at the first word, filled in with what is told later."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from hub import phones
from hub.errors import RefusedError
from hub.events import Sender
from hub.model import Channel, ChannelId, Contact, ContactId, Identity, IdentityId
from hub.phones import Phone
from hub.store.engine import AbsentError, Engine, Insert, TakenError

REGION = "RU"
ALSO = ("AM", "AZ", "BY", "GE", "KG", "KZ", "MD", "TJ", "UZ")
"""Where numbers are from that a person may leave to be called."""

VALUES_MAX = 5
"""Phones and addresses that are kept of one person."""

_EMAIL = re.compile(r"[^@\s<>\"']{1,64}@[^@\s<>\"']{1,190}\.[^@\s<>\"'.]{2,63}")


class NotAPhoneError(RefusedError):
    """It is no number, or none that the hub may call."""

    code = "phone"


class NotAnEmailError(RefusedError):
    """It is no address of e-mail."""

    code = "email"


def phone_of(written: str) -> str | None:
    """The number in E.164 if it is one that the hub may call, None if not."""
    found = phones.parse(written[:100], REGION, ALSO)
    return found.e164 if isinstance(found, Phone) and found.dialable else None


def is_email(written: str) -> bool:
    return _EMAIL.fullmatch(written) is not None


async def meet(engine: Engine, channel: Channel, sender: Sender, now: datetime) -> ContactId:
    """Makes the person whom nobody knows yet: contact, then identity; whose it is if one does.

    The contact's id follows from the identity's, so that fifty first messages at once and a
    crash after either write make one person.
    """
    identity = identity_id(channel.id, sender)
    contact = ContactId(identity)
    for document in (
        Contact(
            id=contact,
            project=channel.project,
            name=sender.name,
            phones=(sender.phone,) if sender.phone else (),
            created_at=now,
        ),
        Identity(
            id=identity,
            project=channel.project,
            channel=ChannelId(channel.id),
            external_id=sender.external_id,
            contact=contact,
            name=sender.name,
            username=sender.username,
            phone=sender.phone,
            created_at=now,
            seen_at=now,
        ),
    ):
        try:
            await engine.write(Insert(document))
        except TakenError:
            if isinstance(document, Identity):
                return await of(engine, identity)
    return contact


async def of(engine: Engine, identity: IdentityId) -> ContactId:
    """Whose identity it is, or will be once the person has said a word."""
    known = await engine.get(Identity, identity)
    return known.contact if known is not None else ContactId(identity)


async def fill(
    engine: Engine, contact: ContactId, *, name: str = "", email: str = "", phone: str = ""
) -> None:
    """Adds what is not known yet; a name that is there stays."""

    def filled(had: Contact) -> Contact | None:
        after = replace(
            had,
            name=had.name or name,
            emails=_with(had.emails, email),
            phones=_with(had.phones, phone),
        )
        return after if after != had else None

    try:
        await engine.change(Contact, contact, filled)
    except AbsentError:
        return


async def reach(engine: Engine, identity: IdentityId, at: datetime, *, phone: str = "") -> None:
    """Who wrote then can be written to, unless something else is known since.

    A `phone` is one that the platform proves to be the person's own.
    """

    def reached(had: Identity) -> Identity | None:
        after = replace(had, phone=phone or had.phone)
        if not had.reachable and (had.reach_at is None or at > had.reach_at):
            after = replace(after, reachable=True, reach_at=at)
        return after if after != had else None

    known = await engine.get(Identity, identity)
    if known is None or reached(known) is None:
        return
    with suppress(AbsentError):
        await engine.change(Identity, identity, reached)


async def refuse(
    engine: Engine, contact: ContactId, what: Sequence[str], at: datetime | None
) -> None:
    """Since `at` nothing of the hub's own accord calls or writes there; None allows it again.

    Who refuses once more takes back what was asked for in between, so the last refusal counts.
    """

    def since(before: datetime | None) -> datetime | None:
        return max(before or at, at) if at is not None else None

    def refused(had: Contact) -> Contact | None:
        after = replace(
            had,
            no_calls_at=since(had.no_calls_at) if "calls" in what else had.no_calls_at,
            no_writes_at=since(had.no_writes_at) if "messages" in what else had.no_writes_at,
        )
        return after if after != had else None

    person = await root(engine, contact)
    with suppress(AbsentError):
        await engine.change(Contact, person.id if person is not None else contact, refused)


async def list_spam(engine: Engine, identity: IdentityId, at: datetime | None) -> None:
    """Puts somebody on the list of those who are not listened to; None takes it off."""

    def listed(had: Identity) -> Identity | None:
        after = replace(had, spam_at=had.spam_at or at if at else None)
        return after if after != had else None

    with suppress(AbsentError):
        await engine.change(Identity, identity, listed)


async def merge(engine: Engine, into: ContactId, other: ContactId) -> ContactId:
    """Makes two contacts one person and says which of them it is now; a repeat changes nothing.

    Whose identity is whose is the caller's to say. Two that are merged into each other at the
    same moment are one all the same.
    """
    kept, gone = await root(engine, into), await root(engine, other)
    if kept is None or gone is None or kept.id == gone.id:
        return ContactId(kept.id) if kept is not None else into

    def merged(had: Contact) -> Contact | None:
        return None if had.merged_into is not None else replace(had, merged_into=ContactId(kept.id))

    def filled(had: Contact) -> Contact | None:
        after = replace(
            had,
            name=had.name or gone.name,
            no_calls_at=max(filter(None, (had.no_calls_at, gone.no_calls_at)), default=None),
            no_writes_at=max(filter(None, (had.no_writes_at, gone.no_writes_at)), default=None),
        )
        for phone in gone.phones:
            after = replace(after, phones=_with(after.phones, phone))
        for email in gone.emails:
            after = replace(after, emails=_with(after.emails, email))
        return after if after != had else None

    await engine.change(Contact, kept.id, filled)
    await engine.change(Contact, gone.id, merged)
    return ContactId(kept.id)


async def root(engine: Engine, id: ContactId) -> Contact | None:
    """Who that is now; of several that were merged in a circle, the same for whoever asks."""
    seen: dict[str, Contact] = {}
    while (contact := await engine.get(Contact, id)) is not None:
        if contact.id in seen:
            circle = list(seen)[list(seen).index(contact.id) :]
            return seen[min(circle)]
        seen[contact.id] = contact
        if contact.merged_into is None:
            return contact
        id = contact.merged_into
    return None


def _with(had: tuple[str, ...], value: str) -> tuple[str, ...]:
    if not value or value in had or len(had) >= VALUES_MAX:
        return had
    return (*had, value)


def identity_id(channel: str, sender: Sender) -> IdentityId:
    return IdentityId(f"{channel}:{sender.external_id}")

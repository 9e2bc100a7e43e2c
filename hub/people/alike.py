"""Contacts that seem to be one person, by a phone they share, and making them one.

That they are one is a line of the dialog before anything follows from it, so that it is carried
out also if the process dies in between.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec.structs import replace

from hub import dialogs, lines
from hub.accounts import Who
from hub.audits import audited
from hub.bus import Bus
from hub.errors import NotFoundError
from hub.leads import ordering
from hub.model import (
    Author,
    Contact,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    Identity,
    IdentityId,
    Verb,
)
from hub.people import contacts
from hub.rights import Right, What, may
from hub.store.engine import AbsentError, Engine
from hub.store.schema import BY_CONTACT, CONTACTS_BY_PHONE, IDENTITIES_OF

ALIKE_MAX = 10
IDENTITIES_MAX = 50
DIALOGS_MAX = 20


class Alike(msgspec.Struct, frozen=True):
    """Another contact with a phone of this one, and its last dialogs that the asker sees."""

    contact: Contact
    dialogs: tuple[Dialog, ...]


class People:
    def __init__(self, engine: Engine, bus: Bus, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now

    async def alike(self, who: Who, row: Dialog) -> list[Alike]:
        """Who may be the person of the dialog too; only those whom the asker sees anywhere."""
        person = await contacts.root(self._engine, row.contact)
        if person is None:
            return []
        found: dict[str, Contact] = {}
        for phone in dict.fromkeys(filter(None, (*person.phones, row.phone))):
            page = await self._engine.find(
                CONTACTS_BY_PHONE,
                {"project": row.project, "phones": phone},
                descending=True,
                limit=ALIKE_MAX,
                where=lambda each: each.merged_into is None and each.id != person.id,
            )
            found |= {each.id: each for each in page.items}
        seen = [each for each in found.values() if await self._is_seen(who, each)]
        return [Alike(each, await self._dialogs(who, each)) for each in seen[:ALIKE_MAX]]

    async def _is_seen(self, who: Who, contact: Contact) -> bool:
        known = await _identities(self._engine, contact)
        return any(may(who, Right.SEE, What(each.project, each.channel)) for each in known)

    async def _dialogs(self, who: Who, contact: Contact) -> tuple[Dialog, ...]:
        page = await self._engine.find(
            BY_CONTACT,
            {"project": contact.project, "contact": contact.id},
            descending=True,
            limit=DIALOGS_MAX,
            where=lambda each: (
                each.seq > 0 and may(who, Right.SEE, What(each.project, each.channel))
            ),
        )
        return tuple(page.items)

    async def merge(self, who: Who, row: Dialog, other: str, address: str) -> Dialog:
        """Makes the contact one with the dialog's; NotFoundError for one that is not alike.

        All of the other's identities go over, so each of their channels must be the asker's.
        """
        person = await contacts.root(self._engine, row.contact)
        gone = await contacts.root(self._engine, ContactId(other))
        if person is None or gone is None or gone.project != row.project:
            raise NotFoundError
        if gone.id == person.id:
            return row
        if gone.id not in {each.contact.id for each in await self.alike(who, row)}:
            raise NotFoundError
        for each in await _identities(self._engine, gone):
            if not may(who, Right.WRITE, What(each.project, each.channel)):
                raise NotFoundError
        now = self._now()
        verb, of = "contact.merged", row.project
        note = audited(now, who.id, verb, person.id, of, address, contact=gone.id, dialog=row.id)
        await self._engine.write(note)
        entry = await lines.write(
            self._engine,
            self._bus,
            DialogId(row.id),
            f"{person.id}:merged:{gone.id}",
            Verb.JOINED,
            {"contact": person.id, "merged": gone.id},
            now,
            Author("operator", who.operator.id, who.operator.name),
        )
        if entry is not None:
            await follow(self._engine, self._bus, entry, now)
        return await dialogs.level(self._engine, DialogId(row.id))


async def follow(engine: Engine, bus: Bus, entry: Entry, now: datetime) -> None:
    """Makes of two contacts the one that the line says they are; a repeat changes nothing."""
    if entry.verb is not Verb.JOINED or not entry.data.get("merged"):
        return
    into, other = ContactId(entry.data.get("contact", "")), ContactId(entry.data["merged"])
    gone = await engine.get(Contact, other)
    if gone is None or gone.project != entry.project:
        return
    person = await contacts.merge(engine, into, other)
    if person == other:
        return
    for identity in await _identities(engine, gone):
        # First the line: an identity that went over is not looked for again.
        last = await dialogs.latest(engine, gone.project, IdentityId(identity.id))
        if last is not None and last.seq:
            told = {"contact": person, "by": entry.author.name}
            line = f"{identity.id}:merged:{entry.id}"
            await lines.write(engine, bus, DialogId(last.id), line, Verb.JOINED, told, now)
        with suppress(AbsentError):
            await engine.change(Identity, identity.id, lambda had: replace(had, contact=person))
    await ordering.unite(engine, bus, gone.project, person, other, now)


async def _identities(engine: Engine, contact: Contact) -> list[Identity]:
    page = await engine.find(
        IDENTITIES_OF, {"project": contact.project, "contact": contact.id}, limit=IDENTITIES_MAX
    )
    return page.items

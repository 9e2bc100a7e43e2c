"""One person on the site and in a messenger: a link with a key that works once joins the two.

The key is worth a person's name: it lives a day, is kept as a hash, is good on one channel for
one person, and is never part of what the person said. One that is used, over, foreign or unknown
changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from hub import dialogs
from hub.bus import Bus
from hub.channels.abilities import Ability
from hub.channels.in_use import Channels
from hub.errors import NotFoundError
from hub.events import DialogChanged, Sender
from hub.leads import ordering
from hub.model import (
    Channel,
    ChannelId,
    Contact,
    ContactId,
    Dialog,
    Entry,
    EntryKind,
    Identity,
    IdentityId,
    ProjectId,
    Verb,
)
from hub.people import contacts
from hub.people.visit import Visit
from hub.records import JoinKey, Pulse
from hub.store.engine import AbsentError, Engine, Insert, Range
from hub.store.schema import IDENTITIES_OF, JOIN_KEYS_OLD

KEY_LASTS = timedelta(hours=24)
KEY_BYTES = 16
MOVED_MAX = 50
"""Identities of one person that follow it to another contact."""

GATEWAYS = {"greenapi": "whatsapp"}
"""Kinds by which one gets to a messenger that people know by another name."""

log = logging.getLogger(__name__)


class _ForeignError(Exception):
    """The key was another's first."""


@dataclass(frozen=True)
class Door:
    """A messenger where a visitor of the site can go on."""

    channel: ChannelId
    kind: str
    username: str


class Joining:
    def __init__(
        self, engine: Engine, bus: Bus, channels: Channels, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._now = now

    async def doors(self, project: ProjectId) -> dict[str, Door]:
        """By messenger, the first channel of the project that a link of ours can lead to."""
        able = [each for each in self._channels.of(project) if self._leads(each)]
        pulses = await self._engine.get_many(Pulse, [each.id for each in able])
        doors: dict[str, Door] = {}
        for channel in sorted(able, key=lambda each: (each.created_at, each.id)):
            pulse = pulses.get(channel.id)
            if pulse is not None and pulse.account is not None and pulse.account.username:
                door = Door(ChannelId(channel.id), channel.kind, pulse.account.username)
                doors.setdefault(GATEWAYS.get(channel.kind, channel.kind), door)
        return doors

    def _leads(self, channel: Channel) -> bool:
        try:
            can = self._channels.get(channel.id).capabilities
            return Ability.JOIN in can.hears | can.does
        except NotFoundError:
            return False

    async def link(
        self, door: Door, site: Channel, visitor: str, name: str = "", visit: Visit | None = None
    ) -> str:
        """Where that visitor of the site goes on there, with a key of its own."""
        kind = self._channels.get(door.channel)
        key = await self.mint(door.channel, site, visitor, name, visit)
        return kind.join_link(door.username, key)

    async def mint(
        self,
        channel: ChannelId,
        site: Channel,
        visitor: str,
        name: str = "",
        visit: Visit | None = None,
    ) -> str:
        """A key for a visitor of the site that is good once on the channel; 22 characters."""
        if self._channels.document(channel).project != site.project:
            raise NotFoundError
        key, now = secrets.token_urlsafe(KEY_BYTES), self._now()
        await self._engine.write(
            Insert(
                JoinKey(
                    id=_hash(key),
                    project=site.project,
                    channel=channel,
                    site=ChannelId(site.id),
                    visitor=visitor,
                    name=name,
                    visit=visit or Visit(),
                    expires_at=now + KEY_LASTS,
                    created_at=now,
                )
            )
        )
        return key

    async def join(self, row: Dialog, key: str) -> None:
        """Makes the person of the dialog one with whom the key was made for.

        To be repeated with every copy of the message that brought the key: each step of it is
        done once.
        """
        known = await self._claimed(row, key)
        if known is None:
            return
        try:
            site = self._channels.document(known.site)
        except NotFoundError:
            return
        sender = Sender(external_id=known.visitor, name=known.name)
        theirs = contacts.identity_id(site.id, sender)
        person = await contacts.meet(self._engine, site, sender, self._now())
        person = await contacts.merge(self._engine, person, row.contact)
        before = await dialogs.latest(self._engine, site.project, theirs)
        contact = await self._engine.get(Contact, person)
        for identity in await self._followed(row, person):
            if identity.id != row.identity:
                await self._line(
                    await dialogs.latest(self._engine, row.project, IdentityId(identity.id)),
                    f"{identity.id}:joined:{known.id}",
                    {"contact": person},
                )
        await ordering.unite(self._engine, self._bus, row.project, person, row.contact, self._now())
        visit = known.visit if known.visit.page or before is None else before.visit
        told = {
            "contact": person,
            "from": before.id if before is not None and before.seq else "",
            "name": known.name or (before.name if before else ""),
            "phone": (before.phone if before else "") or _first_phone(contact),
            "page": visit.page,
            "title": visit.title,
            "visit": msgspec.json.encode(visit).decode(),
        }
        await self._line(
            row,
            f"{row.identity}:joined:{known.id}",
            {name: value for name, value in told.items() if value},
        )
        if before is not None and before.seq:
            went = {"to": row.id, "kind": row.kind}
            await self._line(before, f"{before.identity}:joined:{known.id}", went)

    async def _claimed(self, row: Dialog, key: str) -> JoinKey | None:
        """The key, if it is good here and this person's."""
        now = self._now()

        def claimed(known: JoinKey) -> JoinKey | None:
            if known.project != row.project or known.channel != row.channel:
                raise _ForeignError
            if known.used_by == row.identity:
                return None
            if known.used_by is not None or known.expires_at <= now:
                raise _ForeignError
            return replace(known, used_by=row.identity)

        try:
            return await self._engine.change(JoinKey, _hash(key), claimed)
        except (AbsentError, _ForeignError):
            log.info("join.refused", extra={"dialog": row.id})
            return None

    async def _followed(self, row: Dialog, person: ContactId) -> list[Identity]:
        """The identities that were the messenger's person before and are the other's now."""
        own = await self._engine.get(Identity, row.identity)
        former = {row.contact, own.contact if own is not None else row.contact} - {person}
        moved: list[Identity] = []
        for contact in former:
            page = await self._engine.find(
                IDENTITIES_OF, {"project": row.project, "contact": contact}, limit=MOVED_MAX
            )
            moved += page.items
        for identity in moved:
            with suppress(AbsentError):
                await self._engine.change(
                    Identity, identity.id, lambda had: replace(had, contact=person)
                )
        return moved

    async def _line(self, row: Dialog | None, id: str, data: dict[str, str]) -> None:
        """A line in the person's last dialog, once."""
        if row is None:
            return
        now = self._now()

        def make(current: Dialog) -> Entry:
            line = dialogs.draft(current, id, EntryKind.SYSTEM, now, now)
            return replace(line, verb=Verb.JOINED, data=data)

        for _ in range(dialogs.TRIES):
            try:
                appended = await dialogs.append(self._engine, row, make)
            except dialogs.SealedError:
                last = await dialogs.latest(self._engine, row.project, row.identity)
                if last is None or last.id == row.id:
                    return
                row = last
                continue
            await self._bus.announce(
                DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
            )
            await self._bus.wake("rules")
            return


async def sweep(engine: Engine, now: datetime) -> None:
    """Deletes keys some time after they are over."""
    page = await engine.find(
        JOIN_KEYS_OLD, range=Range("expires_at", below=now - KEY_LASTS), limit=500
    )
    for key in page.items:
        await engine.delete_if(JoinKey, key.id, lambda _: True)


def _first_phone(contact: Contact | None) -> str:
    return contact.phones[0] if contact is not None and contact.phones else ""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

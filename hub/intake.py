"""The way in: a channel's events become entries, durable before anybody is told "ok".

Steady state is one read and two writes for a message; messages of one person that come
together share the read and the row. A repeat changes nothing and is
announced again; what comes before its message waits in `early`.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import msgspec
from msgspec.structs import replace

from hub import dialogs, legible, marks, observe
from hub.bus import Bus
from hub.channel import ChannelKind
from hub.channels import Channels
from hub.errors import ConflictError, UnavailableError
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    DialogChanged,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    ReachabilityChanged,
    Reported,
    TypingNoticed,
    VisitorTyping,
)
from hub.files import Files
from hub.model import (
    Author,
    Channel,
    ChannelId,
    Contact,
    ContactId,
    DeadLetter,
    Dialog,
    DialogId,
    Entry,
    EntryId,
    EntryKind,
    EntryPoint,
    Identity,
    IdentityId,
    Project,
    Visit,
)
from hub.store.engine import AbsentError, Engine, Insert, TakenError

Kind = ChannelKind[msgspec.Struct]
BODY_KEPT_BYTES = 3_000_000
EPISODES_KNOWN = 10_000


@dataclass(frozen=True)
class Accepted:
    """What became of one event; `entry` is None for what is no message."""

    entry: Entry | None = None
    dialog: DialogId | None = None
    fresh: bool = True


class _OutdatedError(Exception):
    """The episode closed too long ago for this message by the time it was to be appended."""


class Intake:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        files: Files,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._now = now
        self._episodes: OrderedDict[IdentityId, DialogId] = OrderedDict()

    async def accept(self, channel: Kind, events: Sequence[ChannelEvent]) -> list[Accepted]:
        """Stores the events in order; when it returns all of them are durable.

        Raises UnavailableError; the platform may then repeat the whole request.
        """
        accepted: list[Accepted] = []
        for person, together in groupby(map(legible.event, events), key=_writes):
            if person is None:
                with observe.about(channel=channel.id):
                    accepted += [await self._report(channel, each) for each in together]
            else:
                said = [each for each in together if isinstance(each, MessageReceived)]
                accepted += await self._messages(channel, said)
        return accepted

    async def undigested(self, channel: Kind, body: bytes, error: str) -> None:
        """Keeps a body that we failed to digest, for replay."""
        document = self._channels.document(channel.id)
        letter = DeadLetter(
            id=secrets.token_hex(12),
            project=document.project,
            channel=channel.id,
            body=body[:BODY_KEPT_BYTES],
            error=error[:2_000],
            created_at=self._now(),
        )
        await self._engine.write(Insert(letter))
        observe.DEAD_LETTERS.inc()

    async def _report(self, channel: Kind, event: ChannelEvent) -> Accepted:
        document = self._channels.document(channel.id)
        match event:
            case MessageEdited() | MessageDeleted() | MessageReacted() | DeliveryReported():
                await marks.report(self._engine, self._bus, document, event, self._now())
            case TypingNoticed():
                await self._typing(document, event)
            case ReachabilityChanged():
                await self._reachability(document, event)
            case Ignored():
                observe.EVENTS_IGNORED.labels(kind=channel.kind, name=event.name).inc()
            case MessageReceived():
                raise TypeError("a message is no report")
        return Accepted()

    async def _messages(self, kind: Kind, events: Sequence[MessageReceived]) -> list[Accepted]:
        """Messages of one person: one write as long as nothing is in the way."""
        channel = self._channels.document(kind.id)
        project = self._channels.project(channel.project)
        identity = identity_id(channel, events[0])
        ids = [dialogs.entry_id(channel.id, each.external_id) for each in events]
        now = self._now()
        for id, event in zip(ids, events, strict=True):
            if event.attachments:
                await self._files.mark_used([each.id for each in event.attachments], id)
        makes = [_maker(project, id, event, now) for id, event in zip(ids, events, strict=True)]
        episode, row = self._episodes.get(identity), None
        with observe.about(channel=channel.id, entry=",".join(ids)):
            for _ in range(dialogs.TRIES):
                if episode is None:
                    row = await dialogs.latest(self._engine, channel.project, identity)
                    if row is None:
                        row = await self._first(kind, channel, events[0])
                    elif not _belongs(row, events[0], project):
                        known = await self._engine.get(Entry, ids[0])
                        if known is not None:
                            repeat = dialogs.Appended(known, row, fresh=False)
                            accepted = await self._accepted(channel, [repeat])
                            if len(events) > 1:
                                accepted += await self._messages(kind, events[1:])
                            return accepted
                        row = await self._next(kind, channel, row, events[0])
                        if row is None:
                            continue
                    episode = DialogId(row.id)
                try:
                    appended = await dialogs.append_all(self._engine, episode, makes, row)
                except (dialogs.SealedError, _OutdatedError):
                    episode = None
                    continue
                except ConflictError:
                    if row is not None:
                        raise
                    episode = None
                    continue
                self._remember(identity, episode)
                return await self._accepted(channel, appended)
        raise UnavailableError(f"{identity} is too busy")

    def _remember(self, identity: IdentityId, episode: DialogId) -> None:
        """Where the person's next message is tried first; the store refuses it if it is not."""
        self._episodes[identity] = episode
        self._episodes.move_to_end(identity)
        if len(self._episodes) > EPISODES_KNOWN:
            self._episodes.popitem(last=False)

    async def _accepted(
        self, channel: Channel, appended: Sequence[dialogs.Appended]
    ) -> list[Accepted]:
        for row, together in groupby(appended, key=lambda each: each.row):
            entries = tuple(each.entry for each in together if each.entry.dialog == row.id)
            if entries:
                await self._bus.announce(
                    DialogChanged(project=row.project, dialog=row, entries=entries)
                )
        fresh = sum(each.fresh for each in appended)
        if fresh:
            observe.MESSAGES_ACCEPTED.labels(kind=channel.kind).inc(fresh)
            await self._bus.wake("rules")
        if fresh < len(appended):
            observe.UPDATES_REPEATED.labels(kind=channel.kind).inc(len(appended) - fresh)
        return [Accepted(each.entry, each.entry.dialog, each.fresh) for each in appended]

    async def _first(self, kind: Kind, channel: Channel, event: MessageReceived) -> Dialog:
        """A person nobody knows yet: contact, identity, first episode, in that order.

        The contact's id follows from the identity's, so that fifty first messages at once
        and a crash after any of the three writes make one person and one dialog.
        """
        now, sender = self._now(), event.sender
        identity = identity_id(channel, event)
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
                await self._engine.write(Insert(document))
            except TakenError:
                continue
        return await dialogs.open_episode(
            self._engine, _episode(kind, channel, contact, 1, event, now)
        )

    async def _next(
        self, kind: Kind, channel: Channel, row: Dialog, event: MessageReceived
    ) -> Dialog | None:
        """The episode after that one, which is sealed; None if it was reopened meanwhile."""
        now = self._now()
        try:
            await dialogs.seal(self._engine, row, now)
        except ConflictError:
            return None
        return await dialogs.open_episode(
            self._engine,
            _episode(kind, channel, row.contact, row.n + 1, event, now, row.name),
        )

    async def _typing(self, channel: Channel, event: Reported) -> None:
        identity = identity_id(channel, event)
        row = await dialogs.latest(self._engine, channel.project, identity)
        if row is not None:
            await self._bus.announce(
                VisitorTyping(
                    project=channel.project,
                    channel=ChannelId(channel.id),
                    identity=identity,
                    dialog=DialogId(row.id),
                )
            )

    async def _reachability(self, channel: Channel, event: ReachabilityChanged) -> None:
        def reached(identity: Identity) -> Identity | None:
            if identity.reachable == event.reachable:
                return None
            return replace(identity, reachable=event.reachable)

        try:
            await self._engine.change(Identity, identity_id(channel, event), reached)
        except AbsentError:
            return

    async def visitor_tail(
        self, channel: Channel, identity: IdentityId, dialog: str | None, after_seq: int, limit: int
    ) -> tuple[Dialog | None, list[Entry]]:
        """The identity's current episode and what a visitor who saw up to `after_seq` lacks.

        The whole tail if the visitor last saw another episode; notes and system lines are
        the operators' own.
        """
        row = await dialogs.latest(self._engine, channel.project, identity)
        if row is None or row.seq == 0:
            return None, []
        seen = after_seq if dialog == row.id else 0
        if row.seq - seen > limit:
            entries, _ = await dialogs.read_log(self._engine, DialogId(row.id), limit=limit)
        else:
            entries, _ = await dialogs.read_log(
                self._engine, DialogId(row.id), after_seq=seen, limit=limit
            )
        return row, [each for each in entries if each.kind in (EntryKind.IN, EntryKind.OUT)]


def _writes(event: ChannelEvent) -> str | None:
    """Whose message it is; None for what is no message."""
    return event.sender.external_id if isinstance(event, MessageReceived) else None


def _maker(project: Project, id: EntryId, event: MessageReceived, now: datetime) -> dialogs.Maker:
    def make(row: Dialog) -> Entry:
        if not _belongs(row, event, project):
            raise _OutdatedError
        return Entry(
            id=id,
            project=row.project,
            dialog=DialogId(row.id),
            seq=row.seq + 1,
            kind=EntryKind.IN,
            author=Author("visitor", row.contact, event.sender.name or row.name),
            at=event.at,
            order=event.order,
            late=_comes_before(event, row),
            stored_at=now,
            changed_at=now,
            text=event.text,
            attachments=event.attachments,
            reply_to=event.reply_to,
            album=event.album,
            question=event.question,
        )

    return make


def identity_id(channel: Channel, event: Reported) -> IdentityId:
    return IdentityId(f"{channel.id}:{event.sender.external_id}")


def _belongs(row: Dialog, event: MessageReceived, project: Project) -> bool:
    return dialogs.reopens(row, event.at, project.reopen_days, project.reopen_days_auto)


def _comes_before(event: MessageReceived, row: Dialog) -> bool:
    last = row.last_place
    return last is not None and (event.at, event.order) < (last.at, last.order)


def _episode(
    kind: Kind,
    channel: Channel,
    contact: ContactId,
    n: int,
    event: MessageReceived,
    now: datetime,
    name: str = "",
) -> Dialog:
    identity = identity_id(channel, event)
    return Dialog(
        id=dialogs.dialog_id(identity, n),
        project=channel.project,
        channel=kind.id,
        kind=channel.kind,
        type=kind.capabilities.type,
        identity=identity,
        contact=contact,
        n=n,
        name=event.sender.name or name,
        entry_point=EntryPoint(kind=channel.kind, value=channel.id, comment=channel.name),
        visit=event.visit or Visit(),
        created_at=now,
        last_at=now,
        changed_at=now,
    )

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

from hub import contacts, dialogs, legible, marks, observe
from hub.bus import Bus
from hub.channel import ChannelKind
from hub.channels import Channels
from hub.consents import Consents
from hub.contacts import identity_id
from hub.errors import ConflictError, UnavailableError
from hub.events import (
    CallAsked,
    ChannelEvent,
    ConsentGiven,
    DeliveryReported,
    DialogChanged,
    FieldsTold,
    FormFilled,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    Rated,
    ReachabilityChanged,
    Reported,
    StaffReplied,
    TypingNoticed,
    VisitorTyping,
)
from hub.files import Files
from hub.model import (
    Author,
    Channel,
    ChannelId,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    EntryId,
    EntryKind,
    EntryPoint,
    Identity,
    IdentityId,
    Project,
    Verb,
)
from hub.records import DeadLetter
from hub.statuses import RequestType
from hub.store.engine import AbsentError, Engine, Insert
from hub.told import Told
from hub.visit import Visit

Kind = ChannelKind[msgspec.Struct]
Spoken = MessageReceived | CallAsked
"""What opens a dialog if none is open."""

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
        consents: Consents,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._told = Told(engine, bus, consents, now)
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
            case CallAsked():
                return await self._call(channel, document, event)
            case ConsentGiven():
                await self._told.consent(document, event)
            case FieldsTold():
                await self._told.fields(document, event)
            case Rated():
                await self._told.rated(document, event)
            case TypingNoticed():
                await self._typing(document, event)
            case ReachabilityChanged():
                await self._reachability(document, event)
            case Ignored():
                observe.EVENTS_IGNORED.labels(kind=channel.kind, name=event.name).inc()
            case StaffReplied() | FormFilled():
                observe.EVENTS_IGNORED.labels(kind=channel.kind, name="later").inc()
            case MessageReceived():
                raise TypeError("a message is no report")
        return Accepted()

    async def _messages(self, kind: Kind, events: Sequence[Spoken]) -> list[Accepted]:
        """What one person said: one write as long as nothing is in the way."""
        channel = self._channels.document(kind.id)
        project = self._channels.project(channel.project)
        identity = identity_id(channel.id, events[0].sender)
        ids = [dialogs.entry_id(channel.id, each.external_id) for each in events]
        now = self._now()
        for id, event in zip(ids, events, strict=True):
            if isinstance(event, MessageReceived) and event.attachments:
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

    async def _first(self, kind: Kind, channel: Channel, event: Spoken) -> Dialog:
        """A person nobody knows yet: contact, identity, first episode, in that order."""
        now = self._now()
        contact = await contacts.meet(self._engine, channel, event.sender, now)
        return await dialogs.open_episode(
            self._engine, _episode(kind, channel, contact, 1, event, now)
        )

    async def _next(
        self, kind: Kind, channel: Channel, row: Dialog, event: Spoken
    ) -> Dialog | None:
        """The episode after that one, which is sealed; None if it was reopened meanwhile."""
        now = self._now()
        try:
            await dialogs.seal(self._engine, row, now)
        except ConflictError:
            return None
        return await dialogs.open_episode(
            self._engine,
            _episode(kind, channel, row.contact, row.n + 1, event, now, row),
        )

    async def _call(self, kind: Kind, channel: Channel, event: CallAsked) -> Accepted:
        """Consents, then the wish to be called; without a consent nothing of it is kept."""
        agreed = await self._told.agreed(channel, event)
        await self._told.require(channel, event.sender)
        [accepted] = await self._messages(kind, [event])
        await self._told.called(channel, event, agreed)
        return accepted

    async def _typing(self, channel: Channel, event: Reported) -> None:
        identity = identity_id(channel.id, event.sender)
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
            await self._engine.change(Identity, identity_id(channel.id, event.sender), reached)
        except AbsentError:
            return

    async def visitor_tail(
        self, channel: Channel, identity: IdentityId, dialog: str | None, after_seq: int, limit: int
    ) -> tuple[Dialog | None, list[Entry]]:
        """The identity's current episode and what a visitor who saw up to `after_seq` lacks.

        The whole tail if the visitor last saw another episode, and before it, for one who
        knows of none, the last lines of the episode before; notes and system lines are the
        operators' own.
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
        if dialog is None and row.n > 1 and len(entries) < limit:
            before = dialogs.dialog_id(identity, row.n - 1)
            last, _ = await dialogs.read_log(self._engine, before, limit=limit - len(entries))
            entries = [*last, *entries]
        return row, [each for each in entries if each.kind in (EntryKind.IN, EntryKind.OUT)]


def _writes(event: ChannelEvent) -> str | None:
    """Whose message it is; None for what is no message."""
    return event.sender.external_id if isinstance(event, MessageReceived) else None


def _maker(project: Project, id: EntryId, event: Spoken, now: datetime) -> dialogs.Maker:
    def make(row: Dialog) -> Entry:
        if not _belongs(row, event, project):
            raise _OutdatedError
        author = Author("visitor", row.contact, event.sender.name or row.name)
        if isinstance(event, CallAsked):
            return replace(
                dialogs.draft(row, id, EntryKind.SYSTEM, event.at, now),
                author=author,
                verb=Verb.CALL_ASKED,
                data=_wish(event),
            )
        return Entry(
            id=id,
            project=row.project,
            dialog=DialogId(row.id),
            seq=row.seq + 1,
            kind=EntryKind.IN,
            author=author,
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
            data=_moved(row, event.visit),
        )

    return make


def _wish(event: CallAsked) -> dict[str, str]:
    """The wall's time stands beside the instant: the zone's rules may change before it comes."""
    time = event.time
    return {
        "phone": event.phone,
        "at": time.at.isoformat().replace("+00:00", "Z") if time else "",
        "local": time.local if time else "",
        "zone": time.zone if time else event.zone,
        "comment": event.comment,
    }


def _moved(row: Dialog, visit: Visit | None) -> dict[str, str]:
    """The page written from, where it is not the last one that is known."""
    if visit is None or not visit.page or row.seq == 0 or visit.page == row.visit.page:
        return {}
    return {"page": visit.page, "title": visit.title}


def _belongs(row: Dialog, event: Spoken, project: Project) -> bool:
    """A wish to be called reopens nothing: after a closing it is a request of its own."""
    if isinstance(event, CallAsked):
        return not row.sealed and (row.open or row.closed_at is None)
    return dialogs.reopens(row, event.at, project.reopen_days, project.reopen_days_auto)


def _comes_before(event: MessageReceived, row: Dialog) -> bool:
    last = row.last_place
    return last is not None and (event.at, event.order) < (last.at, last.order)


def _episode(
    kind: Kind,
    channel: Channel,
    contact: ContactId,
    n: int,
    event: Spoken,
    now: datetime,
    before: Dialog | None = None,
) -> Dialog:
    identity, sender = identity_id(channel.id, event.sender), event.sender
    return Dialog(
        id=dialogs.dialog_id(identity, n),
        project=channel.project,
        channel=kind.id,
        kind=channel.kind,
        type=RequestType.CALLBACK if isinstance(event, CallAsked) else kind.capabilities.type,
        identity=identity,
        contact=contact,
        n=n,
        name=sender.name or (before.name if before else ""),
        entry_point=EntryPoint(kind=channel.kind, value=channel.id, comment=channel.name),
        creation="form" if isinstance(event, CallAsked) else "message",
        visit=event.visit or Visit(),
        phone=sender.phone or (before.phone if before else ""),
        fields=before.fields if before else {},
        verified=sender.verified,
        created_at=now,
        last_at=now,
        changed_at=now,
    )

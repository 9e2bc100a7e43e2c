"""The way in: a channel's events become entries, durable before anybody is told "ok".

Steady state is one read and two writes for a message; messages of one person that come
together share the read and the row. A repeat changes nothing and is
announced again; what comes before its message waits in `early`.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import msgspec
from msgspec.structs import replace

from hub import dialogs, incoming, legible, marks, observe
from hub.bus import Bus
from hub.calls.exchange import Exchange
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind, Hook
from hub.errors import ConflictError, UnavailableError
from hub.events import (
    CallAsked,
    CallReported,
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
    PhoneCalled,
    PhoneLeft,
    PhoneTapped,
    Rated,
    ReachabilityChanged,
    Reported,
    StaffReplied,
    Subscribed,
    TypingNoticed,
    VisitorTyping,
)
from hub.files import fetching
from hub.files.kept import Files
from hub.incoming import Line, OutdatedError, Spoken
from hub.model import (
    Channel,
    ChannelId,
    Dialog,
    DialogId,
    Entry,
    EntryId,
    EntryKind,
    Identity,
    IdentityId,
)
from hub.people import contacts
from hub.people.consents import Consents
from hub.people.contacts import identity_id
from hub.people.joining import Joining
from hub.records import DeadLetter, Fetch
from hub.store.engine import AbsentError, Engine, Insert, TakenError
from hub.store.schema import BY_EXTERNAL
from hub.told import Asking, Told

Kind = ChannelKind[msgspec.Struct]

BODY_KEPT_BYTES = 3_000_000
EPISODES_KNOWN = 10_000
ECHOES_LOOK_BACK = 30
UNKNOWN = "unknown:"
"""What begins the name of an event of a kind that the adapter has never heard of."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accepted:
    """What became of one event; `entry` is None for what is no message."""

    entry: Entry | None = None
    dialog: DialogId | None = None
    fresh: bool = True


class Intake:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        files: Files,
        consents: Consents,
        joining: Joining,
        now: Callable[[], datetime],
        *,
        heard: Callable[[ChannelId, datetime], Awaitable[None]] | None = None,
        acknowledge: Callable[[ChannelId, str], Awaitable[None]] | None = None,
    ) -> None:
        """`heard` is told that something came in, `acknowledge` that a button was pressed."""
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._exchange = Exchange(engine, bus, now)
        self._told = Told(engine, bus, consents, now)
        self._joining = joining
        self._now = now
        self._heard = heard
        self._acknowledge = acknowledge
        self._episodes: OrderedDict[IdentityId, DialogId] = OrderedDict()
        self.aside: Callable[[Kind, ChannelEvent], Awaitable[bool]] | None = None
        """Asked of everybody new here: whether it is no visitor, and is dealt with."""

    async def take(self, kind: Kind, hook: Hook) -> None:
        """Stores what a verified request, or one body of a poll, holds.

        When it returns all of it is durable: what cannot be digested is kept whole, and so is
        what holds events of a kind that nobody here knows yet. Raises UnavailableError.
        """
        events: Sequence[ChannelEvent] = ()
        try:
            events = kind.parse(hook)
            await self.accept(kind, events)
        except UnavailableError:
            raise
        except Exception as error:
            log.exception("hook.undigested")
            await self.undigested(kind, hook.body, f"{type(error).__name__}: {error}")
        else:
            names = [each.name for each in events if isinstance(each, Ignored)]
            if any(each.startswith(UNKNOWN) for each in names):
                await self._unknown(kind, hook.body, names)
        # A tick, or a platform that looks whether anybody is there, is nobody's word.
        if self._heard is not None and any(isinstance(each, Line | PhoneCalled) for each in events):
            await self._heard(kind.id, self._now())

    async def accept(self, channel: Kind, events: Sequence[ChannelEvent]) -> list[Accepted]:
        """Stores the events in order; when it returns all of them are durable.

        Raises UnavailableError; the platform may then repeat the whole request.
        """
        accepted: list[Accepted] = []
        for person, together in groupby(map(legible.event, events), key=incoming.speaker):
            if person is None:
                with observe.about(channel=channel.id):
                    accepted += [await self._report(channel, each) for each in together]
            else:
                said = [each for each in together if isinstance(each, Line)]
                accepted += await self._lines(channel, said)
        return accepted

    async def undigested(self, channel: Kind, body: bytes, error: str) -> None:
        """Keeps a body that we failed to digest, for replay."""
        letter = self._letter(channel, secrets.token_hex(12), body, error)
        await self._engine.write(Insert(letter))
        observe.DEAD_LETTERS.inc()

    async def _unknown(self, channel: Kind, body: bytes, names: Sequence[str]) -> None:
        """Keeps a body for a later version of its adapter; once, and nobody is alarmed."""
        id = hashlib.sha256(channel.id.encode() + b"\0" + body).hexdigest()[:24]
        names = sorted({each for each in names if each.startswith(UNKNOWN)})
        letter = self._letter(channel, id, body, ", ".join(names))
        with suppress(TakenError):
            await self._engine.write(Insert(replace(letter, replayed_at=letter.created_at)))

    def _letter(self, channel: Kind, id: str, body: bytes, error: str) -> DeadLetter:
        return DeadLetter(
            id=id,
            project=self._channels.document(channel.id).project,
            channel=channel.id,
            body=body[:BODY_KEPT_BYTES],
            error=error[:2_000],
            created_at=self._now(),
        )

    async def _report(self, channel: Kind, event: ChannelEvent) -> Accepted:
        document = self._channels.document(channel.id)
        match event:
            case MessageEdited() | MessageDeleted() | MessageReacted() | DeliveryReported():
                await marks.report(self._engine, self._bus, document, event, self._now())
            case CallAsked() | PhoneLeft() | Subscribed():
                return await self._call(channel, document, event)
            case PhoneTapped():
                [accepted] = await self._spoken(channel, [event])
                return accepted
            case ConsentGiven():
                await self._told.consent(document, event)
            case FieldsTold():
                await self._told.fields(document, event)
            case Rated():
                await self._told.rated(document, event)
            case TypingNoticed():
                await self._typing(document, event)
            case ReachabilityChanged():
                if self.aside is None or not await self.aside(channel, event):
                    await self._reachability(document, event)
            case PhoneCalled():
                await self._exchange.heard(document, event)
            case CallReported():
                await self._exchange.reported(document, event)
            case Ignored():
                # What a platform calls its news is its own: no end of names is counted.
                name = UNKNOWN if event.name.startswith(UNKNOWN) else event.name[:40]
                observe.EVENTS_IGNORED.labels(kind=channel.kind, name=name).inc()
            case MessageReceived() | StaffReplied() | FormFilled():
                raise TypeError("a line is no report")
        return Accepted()

    async def _lines(self, kind: Kind, events: Sequence[Line]) -> list[Accepted]:
        """What was said in one person's dialog, but for what we said there ourselves."""
        told = [each for each in events if not await self._is_ours(kind, each)]
        if not told:
            return [Accepted(fresh=False) for _ in events]
        return await self._spoken(kind, told)

    async def _is_ours(self, kind: Kind, event: Line) -> bool:
        """Whether the platform only tells us of what the hub sent."""
        if not isinstance(event, StaffReplied):
            return False
        project = self._channels.document(kind.id).project
        id = dialogs.entry_id(kind.id, event.external_id)
        page = await self._engine.find(
            BY_EXTERNAL, {"project": project, "external_id": id}, limit=1
        )
        if page.items:
            return page.items[0].id != id
        row = await dialogs.latest(self._engine, project, identity_id(kind.id, event.sender))
        if row is None:
            return False
        last, _ = await dialogs.read_log(self._engine, DialogId(row.id), limit=ECHOES_LOOK_BACK)
        return incoming.is_echo(event, id, last)

    async def _spoken(self, kind: Kind, events: Sequence[Spoken]) -> list[Accepted]:
        """What one person said: one write as long as nothing is in the way."""
        channel = self._channels.document(kind.id)
        project = self._channels.project(channel.project)
        identity = identity_id(channel.id, events[0].sender)
        ids = [dialogs.entry_id(channel.id, each.external_id) for each in events]
        makes = [
            incoming.maker(
                channel,
                project,
                id,
                event,
                self._now(),
                fetching.coming,
                await self._quoted(channel, event),
            )
            for id, event in zip(ids, events, strict=True)
        ]
        await self._expect(channel, ids, events)
        episode, row = self._episodes.get(identity), None
        if any(isinstance(each, MessageReceived) and each.start for each in events):
            episode = None
        with observe.about(channel=channel.id, entry=",".join(ids)):
            for _ in range(dialogs.TRIES):
                if episode is None:
                    if await self._is_aside(kind, events):
                        return [Accepted(fresh=False) for _ in events]
                    row = await dialogs.latest(self._engine, channel.project, identity)
                    if row is None:
                        row = await self._first(kind, channel, events[0])
                    elif not incoming.belongs(row, events[0], project):
                        known = await self._engine.get(Entry, ids[0])
                        if known is not None:
                            repeat = dialogs.Appended(known, row, fresh=False)
                            accepted = await self._accepted(channel, events[:1], [repeat])
                            if len(events) > 1:
                                accepted += await self._spoken(kind, events[1:])
                            return accepted
                        row = await self._next(kind, channel, row, events[0])
                        if row is None:
                            continue
                    episode = DialogId(row.id)
                try:
                    appended = await dialogs.append_all(self._engine, episode, makes, row)
                except (dialogs.SealedError, OutdatedError) as refused:
                    if isinstance(refused, OutdatedError) and len(events) > 1:
                        # One may belong where the next does not any more.
                        first = await self._spoken(kind, events[:1])
                        return first + await self._spoken(kind, events[1:])
                    episode = None
                    continue
                except ConflictError:
                    if row is not None:
                        raise
                    episode = None
                    continue
                self._remember(identity, episode)
                return await self._accepted(channel, events, appended)
        raise UnavailableError(f"{identity} is too busy")

    async def _is_aside(self, kind: Kind, events: Sequence[Spoken]) -> bool:
        if self.aside is None:
            return False
        for event in events:
            if not await self.aside(kind, event):
                return False
        return True

    async def _expect(
        self, channel: Channel, ids: Sequence[EntryId], events: Sequence[Spoken]
    ) -> None:
        """Sees to it that no entry names a file that nobody keeps or will bring."""
        now = self._now()
        coming: list[Fetch] = []
        for id, event in zip(ids, events, strict=True):
            if isinstance(event, MessageReceived) and event.attachments:
                await self._files.mark_used([each.id for each in event.attachments], id)
            coming += [
                Fetch(
                    id=file,
                    project=channel.project,
                    channel=ChannelId(channel.id),
                    entry=id,
                    remote=msgspec.json.encode(remote),
                    due_at=now,
                    created_at=now,
                )
                for file, remote in incoming.files(id, event)
            ]
        if not coming:
            return
        known = await self._engine.get_many(Entry, [each.entry for each in coming])
        await fetching.expect(self._engine, [each for each in coming if each.entry not in known])

    async def _quoted(self, channel: Channel, event: Spoken) -> str:
        """The entry that is quoted: the person's, or what we said under the platform's id."""
        quoted = event.reply_to if isinstance(event, MessageReceived | StaffReplied) else ""
        if not quoted:
            return ""
        there = dialogs.entry_id(channel.id, quoted)
        known = await self._engine.get_many(Entry, [there, quoted])
        if there in known or quoted in known:
            return there if there in known else quoted
        page = await self._engine.find(
            BY_EXTERNAL, {"project": channel.project, "external_id": there}, limit=1
        )
        return page.items[0].id if page.items else there

    def _remember(self, identity: IdentityId, episode: DialogId) -> None:
        """Where the person's next message is tried first; the store refuses it if it is not."""
        self._episodes[identity] = episode
        self._episodes.move_to_end(identity)
        if len(self._episodes) > EPISODES_KNOWN:
            self._episodes.popitem(last=False)

    async def _accepted(
        self, channel: Channel, events: Sequence[Spoken], appended: Sequence[dialogs.Appended]
    ) -> list[Accepted]:
        """Tells of what now stands in the log, and sees to what follows from it."""
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
        for event, each in zip(events, appended, strict=True):
            await self._follow(channel, event, each)
        return [Accepted(each.entry, each.entry.dialog, each.fresh) for each in appended]

    async def _follow(self, channel: Channel, event: Spoken, appended: dialogs.Appended) -> None:
        if incoming.media(event):
            await self._bus.wake(fetching.WAKE)
        if isinstance(event, FormFilled) and event.advertising:
            await self._told.filled(channel, event, appended.row)
        if not isinstance(event, MessageReceived):
            return
        if event.start and appended.entry.dialog == appended.row.id:
            await self._joining.join(appended.row, event.start)
        if event.press and self._acknowledge is not None:
            await self._acknowledge(ChannelId(channel.id), event.press)

    async def _first(self, kind: Kind, channel: Channel, event: Spoken) -> Dialog:
        """A person nobody knows yet: contact, identity, first episode, in that order."""
        now = self._now()
        contact = await contacts.meet(self._engine, channel, event.sender, now)
        first = incoming.episode(channel, kind.capabilities.type, contact, 1, event, now)
        row = await dialogs.open_episode(self._engine, first)
        await self._introduce(kind, row)
        return row

    async def _next(
        self, kind: Kind, channel: Channel, row: Dialog, event: Spoken
    ) -> Dialog | None:
        """The episode after that one, which is sealed; None if it was reopened meanwhile."""
        now = self._now()
        try:
            await dialogs.seal(self._engine, row, now)
        except ConflictError:
            return None
        n, type = row.n + 1, kind.capabilities.type
        row = await dialogs.open_episode(
            self._engine, incoming.episode(channel, type, row.contact, n, event, now, row)
        )
        await self._introduce(kind, row)
        return row

    async def _introduce(self, kind: Kind, row: Dialog) -> None:
        """Lets the platform be asked who that is, where it tells."""
        await fetching.introduce(self._engine, kind, row.identity, row.project, self._now())
        await self._bus.wake(fetching.WAKE)

    async def _call(self, kind: Kind, channel: Channel, event: Asking) -> Accepted:
        """Consents, then the wish, number or address; without a consent nothing of it is kept."""
        agreed = await self._told.agreed(channel, event)
        await self._told.require(channel, event)
        [accepted] = await self._spoken(kind, [event])
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
        who = identity_id(channel.id, event.sender)
        row = await dialogs.latest(self._engine, channel.project, who)
        if row is not None and row.heard_at is not None and row.heard_at > event.at:
            # Who has written since then can be written to.
            return

        def reached(identity: Identity) -> Identity | None:
            if identity.reach_at is not None and event.at < identity.reach_at:
                return None
            after = replace(identity, reachable=event.reachable, reach_at=event.at)
            return after if after != identity else None

        try:
            await self._engine.change(Identity, who, reached)
        except AbsentError:
            return
        if row is not None:
            # The row itself is as it was; who has it open looks at the person again.
            await self._bus.announce(DialogChanged(project=row.project, dialog=row))

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

"""How each channel is: whether its platform answers and takes its key, when it was last heard.

A channel whose key died is halted: nothing of the hub calls the platform until its settings are
other. One whose platform is away is asked by one lane at a time, ever more rarely. What is known
is of one state of the settings, its `mark`; with other settings it begins anew.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from hub import lanes, observe
from hub.bus import Bus
from hub.channels.in_use import FRESH, Channels
from hub.errors import NotFoundError
from hub.events import ChannelTold
from hub.lanes import Lanes, Wait
from hub.model import Channel, ChannelId
from hub.records import Pulse
from hub.store.engine import AbsentError, Engine, Insert, TakenError

log = logging.getLogger(__name__)

HOLD = timedelta(minutes=10)
"""How long a lane waits for its channel before it looks itself, should nobody call it."""
PROBE_FIRST, PROBE_LAST = timedelta(seconds=10), timedelta(minutes=2)
LOOK_AGAIN = timedelta(minutes=15)
"""When a channel is tried again whose owner may mend it at the platform."""
SEEN_EVERY = timedelta(seconds=10)
KNOWN_FOR = timedelta(seconds=1)
PAUSE_MAX = timedelta(hours=24)
MENDED_HERE = frozenset({"dead_key", "credentials"})
"""What only other settings end, so that nobody tries meanwhile."""


How = Callable[[Pulse], Pulse | None]


class Pulses:
    """The pulse of every channel, kept in the store and, for a second, here."""

    def __init__(
        self, engine: Engine, bus: Bus, channels: Channels, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._lanes = Lanes(engine, now)
        self._now = now
        self._known: dict[str, tuple[Pulse, datetime]] = {}
        self._seen: dict[tuple[str, str], datetime] = {}
        self._marks: dict[str, tuple[Channel, str]] = {}

    async def of(self, id: str) -> Pulse:
        """As the store has it; NotFoundError for a channel that there is not."""
        document = self._channels.acting(id)
        pulse = await self._engine.get(Pulse, id) or _blank(document)
        self._known[id] = (pulse, self._now())
        return pulse

    async def all(self, ids: Iterable[str]) -> dict[str, Pulse]:
        """Those that are known of these channels."""
        return await self._engine.get_many(Pulse, list(ids))

    async def wait(self, id: ChannelId) -> Wait | None:
        """None when its platform may be called now, else when to ask again.

        Of those who ask about a platform that was away one is let through, and all the others
        wait for what it is told.
        """
        now, mark = self._now(), self.mark(id)
        known, at = self._known.get(id, (None, now))
        if known is not None and abs(now - at) < KNOWN_FOR and _open(known, mark, now):
            return None
        pulse = await self.of(id)
        if self._is_outdated(pulse):
            return Wait(now + FRESH, held=True)
        if _open(pulse, mark, now):
            return None
        if pulse.state == "ok" and pulse.until is not None:
            return Wait(min(pulse.until, now + lanes.WAIT_MAX), held=True)
        if not _is_over(pulse, now):
            return Wait(now + HOLD, held=True)
        return None if await self._may_probe(pulse) else Wait(now + HOLD, held=True)

    async def _may_probe(self, seen: Pulse) -> bool:
        mine, now = False, self._now()

        def probing(pulse: Pulse) -> Pulse | None:
            nonlocal mine
            mine = pulse.until == seen.until and pulse.state == seen.state
            return replace(pulse, until=now + lanes.LEASE) if mine else None

        await self._change(self._channels.acting(seen.id), probing)
        return mine

    def is_well(self, pulse: Pulse, id: str) -> bool:
        """Whether nothing that is known there speaks against a call now."""
        return not self._is_outdated(pulse) and _open(pulse, self.mark(id), self._now())

    def may_be_asked(self, pulse: Pulse, id: str) -> bool:
        """Whether it is well, or what spoke against a call has had its time."""
        now = self._now()
        is_free = _is_over(pulse, now) or _open(pulse, self.mark(id), now)
        return is_free and not self._is_outdated(pulse)

    def is_away(self, id: str) -> bool:
        """Whether who was just let through by `wait` is to find out if the platform is back."""
        known, _ = self._known.get(id, (None, None))
        return known is not None and known.state == "away"

    def mark(self, id: str) -> str:
        """Of the settings it now has; to be given back with what a call met."""
        try:
            document = self._channels.acting(id)
        except NotFoundError:
            return ""
        known = self._marks.get(id)
        if known is None or known[0] is not document:
            known = self._marks[id] = (document, mark_of(document))
        return known[1]

    async def heard(self, id: ChannelId, at: datetime) -> None:
        """Something came in; kept at most once in ten seconds."""
        if self._is_late("in", id, at):
            await self._tell(id, lambda pulse: replace(pulse, last_in_at=at))

    async def spoke(self, id: ChannelId, at: datetime) -> None:
        """Something was taken by the platform, which is therefore well."""
        if self._is_late("out", id, at) or not self._is_well(id):
            await self._tell(id, lambda pulse: replace(_well(pulse, at), last_out_at=at))

    async def reached(self, id: ChannelId) -> None:
        """The platform answered, whatever it was asked."""
        if not self._is_well(id):
            now = self._now()
            await self._tell(id, lambda pulse: _well(pulse, now) if _is_ill(pulse, now) else None)

    async def halt(
        self, id: ChannelId, reason: str, mark: str, until: datetime | None = None
    ) -> None:
        """The key is refused: nobody calls again, or not before `until`.

        Nothing if the settings became other than those that the call was made with.
        """
        now = self._now()
        if until is None and reason not in MENDED_HERE:
            until = now + LOOK_AGAIN

        def halted(pulse: Pulse) -> Pulse:
            since = pulse.since if pulse.state == "halted" and pulse.reason == reason else now
            return replace(
                _erred(pulse, reason, now), state="halted", reason=reason, since=since, until=until
            )

        if mark == self.mark(id):
            await self._tell(id, halted)

    async def pause(self, id: ChannelId, reason: str, until: datetime) -> None:
        """The platform asks not to be called before that by anybody."""
        now = self._now()

        def paused(pulse: Pulse) -> Pulse | None:
            if pulse.state in ("halted", "away"):
                return None
            latest = max(until, pulse.until or until)
            return replace(_erred(pulse, reason, now), state="ok", reason=reason, until=latest)

        await self._tell(id, paused)

    async def away(self, id: ChannelId, reason: str) -> datetime:
        """Nobody answers there; returns when it is to be tried again."""
        now = self._now()

        def gone(pulse: Pulse) -> Pulse | None:
            if pulse.state == "halted" and not _is_over(pulse, now):
                return None
            since = pulse.since if pulse.state == "away" and pulse.since else now
            wait = min(max(now - since, PROBE_FIRST), PROBE_LAST)
            return replace(
                _erred(pulse, reason, now),
                state="away",
                reason=reason,
                since=since,
                until=now + wait,
            )

        pulse = await self._tell(id, gone)
        return (pulse.until if pulse is not None else None) or now + PROBE_FIRST

    async def revive(self, id: ChannelId) -> None:
        """It is well as far as anybody knows: what waits for it is due at once."""
        now = self._now()
        await self._tell(id, lambda pulse: replace(_well(pulse, now), reason="", until=None))
        await self._free(id)

    async def deafen(self, id: ChannelId, reason: str) -> None:
        """Nothing can come in, and why; an empty reason takes it back."""
        now = self._now()

        def deaf(pulse: Pulse) -> Pulse | None:
            if pulse.deaf == reason:
                return None
            return replace(pulse, deaf=reason, deaf_since=now if reason else None)

        await self._tell(id, deaf)

    async def note(self, id: ChannelId, how: How) -> None:
        """Keeps what was found out about the account or the hook."""
        await self._tell(id, how)

    async def renewed(self, document: Channel) -> None:
        """Begins anew with a channel whose settings are other than those that are known of."""
        known = await self._engine.get(Pulse, document.id)
        if known is not None:
            if known.mark == mark_of(document):
                return
            await self._tell(ChannelId(document.id), lambda _: None)
        await self._free(ChannelId(document.id))

    async def round(self) -> None:
        """Says again what people have to know, and calls lanes that nobody called."""
        now = self._now()
        documents = self._channels.all()
        known = await self.all([each.id for each in documents])
        for document in documents:
            pulse = known.get(document.id)
            if pulse is None:
                continue
            state, _, since = pulse.told
            observe.CHANNEL_WORKING.labels(channel=pulse.id).set(state == "ok")
            if state != "ok" or (since is not None and now - since < timedelta(minutes=2)):
                await self._announce(pulse)
            if self.is_well(pulse, document.id):
                await self._lanes.free(document.project, ChannelId(document.id))

    async def _free(self, id: ChannelId) -> None:
        document = self._channels.acting(id)
        freed = await self._lanes.free(document.project, id)
        if freed:
            log.info("channel.revived", extra={"channel": id, "lanes": freed})
        await self._bus.wake("delivery")

    async def _tell(self, id: ChannelId, how: How) -> Pulse | None:
        """Changes the pulse; says so, and calls the lanes, when that is news."""
        try:
            document = self._channels.acting(id)
        except NotFoundError:
            return None
        before, after = await self._change(document, how)
        if before.told[:2] != after.told[:2]:
            state, reason, _ = after.told
            level = logging.INFO if state == "ok" else logging.WARNING
            log.log(level, f"channel.{state}", extra={"channel": id, "reason": reason})
            await self._announce(after)
        waited = before.state in ("halted", "away") or before.until is not None
        if waited and after.state == "ok" and after.until is None:
            await self._free(id)
        return after

    async def _change(self, document: Channel, how: How) -> tuple[Pulse, Pulse]:
        """The pulse before and after; it is of the settings as they now are."""
        mark = self.mark(document.id)
        before = _blank(document)

        def changed(pulse: Pulse) -> Pulse | None:
            nonlocal before
            before = pulse
            if self._is_outdated(pulse):
                return None
            current = pulse if pulse.mark == mark else _anew(pulse, mark, document.rev)
            after = how(current)
            return after if after is not None else current if current is not pulse else None

        try:
            after = await self._engine.change(Pulse, document.id, changed)
        except AbsentError:
            after = replace(how(before) or before, rev=0)
            try:
                await self._engine.write(Insert(after))
            except TakenError:
                after = await self._engine.change(Pulse, document.id, changed)
        self._known[document.id] = (after, self._now())
        return before, after

    def _is_outdated(self, pulse: Pulse) -> bool:
        """Whether another process knows newer settings than this one does yet."""
        document = self._channels.acting(pulse.id)
        return pulse.channel_rev > document.rev and pulse.mark != self.mark(pulse.id)

    async def _announce(self, pulse: Pulse) -> None:
        state, reason, since = pulse.told
        observe.CHANNEL_WORKING.labels(channel=pulse.id).set(state == "ok")
        await self._bus.announce(
            ChannelTold(
                project=pulse.project,
                channel=ChannelId(pulse.id),
                state=state,
                reason=reason,
                since=since,
            )
        )

    def _is_late(self, way: str, id: str, at: datetime) -> bool:
        last = self._seen.get((way, id))
        if last is not None and abs(at - last) < SEEN_EVERY:
            return False
        self._seen[way, id] = at
        return True

    def _is_well(self, id: str) -> bool:
        """Whether it was when last looked at, as the call that was just made had to look."""
        known, _ = self._known.get(id, (None, None))
        return known is not None and known.state == "ok" and known.until is None


def mark_of(document: Channel) -> str:
    """Tells one state of a channel's settings from another and nothing of what is in them."""
    told = msgspec.json.encode(
        [document.kind, document.enabled, document.settings], order="deterministic"
    )
    return hashlib.sha256(told).hexdigest()[:24]


def _blank(document: Channel) -> Pulse:
    return Pulse(
        id=document.id,
        project=document.project,
        mark=mark_of(document),
        channel_rev=document.rev,
    )


def _anew(pulse: Pulse, mark: str, rev: int) -> Pulse:
    return replace(
        pulse,
        mark=mark,
        channel_rev=rev,
        state="unknown",
        reason="",
        since=None,
        until=None,
        deaf="",
        deaf_since=None,
        checked_at=None,
    )


def _open(pulse: Pulse, mark: str, now: datetime) -> bool:
    """Whether nothing is known that speaks against a call."""
    if pulse.mark != mark:
        return True
    if pulse.state in ("halted", "away"):
        return False
    return pulse.until is None or _is_over(pulse, now)


def _is_over(pulse: Pulse, now: datetime) -> bool:
    """Whether the time has come until which nobody was to call."""
    # An end further ahead than any pause was written by a clock that is wrong.
    return pulse.until is not None and not now < pulse.until <= now + PAUSE_MAX


def _is_ill(pulse: Pulse, now: datetime) -> bool:
    """Whether any answer proves that it is well again."""
    return pulse.state in ("away", "unknown") or _is_over(pulse, now)


def _well(pulse: Pulse, at: datetime) -> Pulse:
    """What one answer proves; a pause that the platform asked for is not over by it."""
    if pulse.state != "ok":
        return replace(pulse, state="ok", reason="", since=at, until=None)
    if _is_over(pulse, at):
        return replace(pulse, reason="", until=None)
    return pulse


def _erred(pulse: Pulse, reason: str, at: datetime) -> Pulse:
    return replace(pulse, last_error=reason, last_error_at=at)

"""The way out: what waits in a lane is sent in order, with an honest state for every message.

Before a request leaves, the entry becomes `sending` with an attempt token. A lease found
expired in `sending` becomes `unknown` and is sent again only while the platform's own
idempotency holds. Later messages pass a failed or unknown one; throttled, transient and
credentials hold the lane, and what concerns the whole channel holds every lane of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from hub import attempts, lanes, marks, observe
from hub.attempts import TRIES_MAX, Policy, attempt, is_offline, policy
from hub.bus import Bus
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind, Draft, Receipt
from hub.channels.pulse import HOLD, Pulses
from hub.dialogs import entry_id, external_ids
from hub.errors import (
    CredentialsError,
    DeliveryError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnreachableError,
)
from hub.lanes import Lanes, LostError, Wait
from hub.model import Dialog, DialogId, Entry, EntryKind, Identity, OutState, Verb
from hub.orders import Orders
from hub.store.engine import Engine
from hub.store.schema import LOG_PENDING

log = logging.getLogger(__name__)

WAKE = "delivery"
IDLE = timedelta(seconds=1)
LANES_AT_ONCE = 20
OF_A_CHANNEL = 8
"""How many of them one channel may have: a platform that hangs keeps no other waiting."""
SHORT = timedelta(milliseconds=100)
"""A wait that is waited in place; for a longer one the lane is left to others."""
FAILING_MAX = 3
"""In how many dialogs in a row a platform fails before it counts as away."""
OFFLINE_MAX = timedelta(hours=24)
"""How long a message waits for a platform where nobody answers."""

Kind = ChannelKind[Any]


class Delivery:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        pulses: Pulses,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._pulses = pulses
        self._lanes = Lanes(engine, now)
        self._orders = Orders(engine, bus, now)
        self._now = now
        self._failing: dict[str, set[str]] = {}
        self.timeout = attempts.SEND_TIMEOUT

    async def recover(self) -> int:
        """Frees every lane that a dead process held; for the one that serves an embedded store."""
        return await self._lanes.recover()

    async def run(self) -> None:
        """Delivers what is due until cancelled; what is on its way is finished first."""
        busy: dict[str, tuple[str, asyncio.Task[None]]] = {}
        try:
            while True:
                try:
                    await self._begin(busy)
                except UnavailableError as error:
                    log.warning("delivery.waits", extra={"reason": str(error)})
                await self._bus.sleep(WAKE, IDLE)
        finally:
            if busy:
                await asyncio.wait(
                    [task for _, task in busy.values()],
                    timeout=self.timeout.total_seconds(),
                )

    async def _begin(self, busy: dict[str, tuple[str, asyncio.Task[None]]]) -> None:
        """Takes up as many of the lanes that are due as may be worked on at once."""
        of = Counter(channel for channel, _ in busy.values())
        full = {channel for channel, n in of.items() if n >= OF_A_CHANNEL}
        for row in await self._lanes.rows(LANES_AT_ONCE + len(busy), full):
            room = len(busy) < LANES_AT_ONCE and of[row.channel] < OF_A_CHANNEL
            if row.id in busy or not room:
                continue
            of[row.channel] += 1
            task = asyncio.create_task(self._guarded(DialogId(row.id)))
            busy[row.id] = (row.channel, task)
            task.add_done_callback(partial(self._freed, busy, row.id))

    def _freed(
        self, busy: dict[str, tuple[str, asyncio.Task[None]]], id: str, _: asyncio.Task[None]
    ) -> None:
        busy.pop(id, None)

    async def _guarded(self, id: DialogId) -> None:
        with observe.about(dialog=id):
            try:
                await self.deliver(id)
            except UnavailableError as error:
                log.warning("delivery.waits", extra={"reason": str(error)})
            except Exception:
                log.exception("delivery.failed")

    async def due(self, limit: int) -> list[DialogId]:
        """Dialogs whose lane may be claimed now, the longest due first."""
        return await self._lanes.due(limit)

    async def deliver(self, id: DialogId) -> None:
        """Sends what waits in this dialog's lane, in order; nothing if the lane is held."""
        token = secrets.token_hex(8)
        try:
            row = await self._lanes.claim(id, token)
            while True:
                seen, wait = await self._empty(row, token)
                row = await self._lanes.release(row.id, token, seen, wait)
                if wait is not None and wait.held:
                    await self._look_again(row)
                if row.lane_by != token:
                    return
        except LostError:
            return

    async def _look_again(self, row: Dialog) -> None:
        """The channel may have become well between the look at it and the lane's release."""
        try:
            live, pulse = self._channels.get(row.channel), await self._pulses.of(row.channel)
        except (NotFoundError, UnavailableError):
            return
        if self._pulses.is_well(pulse, live.id):
            await self._lanes.free(row.project, row.channel)

    async def _empty(self, row: Dialog, token: str) -> tuple[int, Wait | None]:
        """Works the lane off; the highest `seq` seen, and when to come again if it is held."""
        claimed_at, seen = self._now(), 0
        while True:
            page = await self._engine.find(
                LOG_PENDING, {"dialog": row.id, "pending": True}, limit=50
            )
            if not page.items:
                return max(seen, row.out_seq), None
            for entry in page.items:
                if self._now() - claimed_at > lanes.LEASE / 2:
                    await self._lanes.renew(row.id, token)
                    claimed_at = self._now()
                seen = max(seen, entry.seq)
                if entry.verb is Verb.RETRIED:
                    await self._orders.requeue(entry)
                    break
                step = self._send if entry.kind is EntryKind.OUT else self._carry_out
                with observe.about(dialog=row.id, entry=entry.id, channel=row.channel):
                    wait = await step(row, entry)
                if wait is not None:
                    return seen, wait

    async def _send(self, row: Dialog, entry: Entry) -> Wait | None:
        """One attempt; None when the lane may go on, else when to come again."""
        now = self._now()
        try:
            channel = self._channels.get(row.channel)
        except (NotFoundError, UnavailableError):
            return Wait(now + HOLD, held=True)
        # `attempt_at` stands as long as it may have gone out since then.
        if (
            entry.attempt_at is not None
            # Of an attempt in the future only this is sure: one of the clocks is wrong by that.
            and abs(now - entry.attempt_at) >= channel.capabilities.idempotent_for
        ):
            await self._settle(row, entry, OutState.UNKNOWN, entry.failure or "interrupted")
            return None
        identity = await self._engine.get(Identity, row.identity)
        if identity is None:
            await self._settle(row, entry, OutState.FAILED, "unreachable")
            return None
        wait = await self._turn(channel, entry, row)
        if wait is not None:
            if not await self._is_given_up(entry, row):
                return wait
            doubted = entry.attempt_at is not None
            state = OutState.UNKNOWN if doubted else OutState.FAILED
            await self._settle(row, entry, state, "offline")
            return None
        token, doubt_since = secrets.token_hex(8), entry.attempt_at

        def sending(current: Entry) -> Entry | None:
            if not current.pending or current.attempt != entry.attempt:
                return None
            return replace(
                current,
                state=OutState.SENDING,
                attempt=token,
                attempt_at=doubt_since or now,
                changed_at=now,
            )

        entry = await self._engine.change(Entry, entry.id, sending)
        if entry.attempt != token:
            return None
        draft = Draft(
            key=entry.id,
            text=entry.text,
            attachments=entry.attachments,
            reply_to=await self._quoted(row, entry.reply_to),
            buttons=entry.buttons,
        )
        mark = self._pulses.mark(row.channel)
        outcome = await attempt(channel.send(identity, draft), self.timeout)
        if isinstance(outcome, Receipt):
            await self._sent(row, entry, outcome)
            return None
        return await self._refused(row, entry, outcome, doubt_since, channel, mark)

    async def _quoted(self, row: Dialog, reply_to: str) -> str:
        """The platform's own name of the message that is quoted; empty if it knows none."""
        quoted = await self._engine.get(Entry, reply_to) if reply_to else None
        names = external_ids(row.channel, quoted) if quoted is not None else []
        return names[0] if names else ""

    async def _turn(self, channel: Kind, entry: Entry, row: Dialog) -> Wait | None:
        """None when the platform may be called now, for this person, else when to ask again."""
        now = self._now()
        # One further ahead than any pause was written by a clock that is wrong.
        if entry.next_at is not None and now < entry.next_at <= now + OFFLINE_MAX:
            return Wait(min(entry.next_at, now + lanes.WAIT_MAX))
        wait = await self._pulses.wait(channel.id)
        if wait is None and self._pulses.is_away(channel.id):
            wait = await self._probe(channel, row)
        if wait is not None:
            return wait
        pace = channel.capabilities.pace
        if pace.per_chat and entry.kind is EntryKind.OUT:
            key = f"pace:{channel.id}:{row.identity}"
            if (pause := await self._paced(key, 1, pace.per_chat)) is not None:
                return Wait(now + pause)
        if pace.per_second:
            key = f"pace:{channel.id}"
            if (pause := await self._paced(key, pace.per_second, timedelta(seconds=1))) is not None:
                return Wait(now + pause)
        return None

    async def _probe(self, channel: Kind, row: Dialog) -> Wait | None:
        """Asks a platform that was away for something that risks no message."""
        mark = self._pulses.mark(row.channel)
        told = await attempt(channel.account(), self.timeout)
        if isinstance(told, TransientError):
            return Wait(await self._pulses.away(row.channel, told.reason), held=True)
        if isinstance(told, RejectedError) and told.reason == "not_here":
            return None
        await self._pulses.reached(row.channel)
        return await self._tell(row, told, mark) if isinstance(told, DeliveryError) else None

    async def _paced(self, key: str, rate: int, per: timedelta) -> timedelta | None:
        """Takes a turn, waiting a moment for it; else after how long to come back."""
        for _ in range(10):
            pause = await self._bus.allow(key, rate, per)
            if pause is None or pause > SHORT:
                return pause
            await asyncio.sleep(pause.total_seconds())
        return SHORT

    async def _is_given_up(
        self, entry: Entry, row: Dialog, error: DeliveryError | None = None
    ) -> bool:
        """Whether nobody has answered there for as long as a message may wait for that."""
        if error is not None and not is_offline(error):
            return False
        pulse = await self._pulses.of(row.channel)
        if pulse.state != "away" or pulse.since is None:
            return False
        waits_since = max(pulse.since, entry.queued_at or entry.stored_at)
        return self._now() - waits_since >= OFFLINE_MAX

    async def _sent(self, row: Dialog, entry: Entry, receipt: Receipt) -> None:
        external = entry_id(row.channel, receipt.external_id)
        more = {"more": " ".join(receipt.more)} if receipt.more else {}

        def sent(current: Entry) -> Entry:
            # Also when the lane was lost meanwhile: a late result moves "unknown" on.
            known = replace(current, external_id=external, data=current.data | more)
            return marks.advanced(known, OutState.SENT, "", self._now()) or known

        entry = await marks.change(self._engine, self._bus, entry, sent)
        observe.DELIVERIES_FINISHED.labels(kind=row.kind, state=OutState.SENT.value).inc()
        await marks.settle(self._engine, self._bus, row.channel, entry, self._now())
        self._failing.pop(row.channel, None)
        await self._pulses.spoke(row.channel, self._now())

    async def _refused(
        self,
        row: Dialog,
        entry: Entry,
        error: DeliveryError,
        doubt_since: datetime | None,
        channel: Kind,
        mark: str,
    ) -> Wait | None:
        """What follows from an attempt that did not succeed; see `_send` for the answer."""
        follows = policy(error)
        wait = await self._tell(row, error, mark)
        if error.maybe_sent:
            doubt_since = entry.attempt_at
        tries = entry.tries + (1 if follows.counted else 0)
        ends = not follows.holds or tries >= TRIES_MAX or await self._is_given_up(entry, row, error)
        if ends or (doubt_since is not None and not channel.capabilities.idempotent_for):
            state = OutState.FAILED if doubt_since is None else OutState.UNKNOWN
            await self._settle(row, entry, state, error.reason)
            return None
        wait = wait or self._later(follows, error, tries)
        await self._hold(row, entry, error, tries, wait, doubt_since)
        return wait

    async def _tell(self, row: Dialog, error: DeliveryError, mark: str) -> Wait | None:
        """Tells the channel, and the person's identity, what concerns more than the message."""
        now = self._now()
        if isinstance(error, UnreachableError):
            await self._engine.change(
                Identity,
                row.identity,
                lambda had: replace(had, reachable=False, reach_at=self._now()),
            )
        if isinstance(error, CredentialsError):
            await self._pulses.halt(row.channel, error.reason, mark)
            return Wait(now + HOLD, held=True)
        if isinstance(error, ThrottledError) and error.everywhere:
            until = now + error.retry_after
            await self._pulses.pause(row.channel, error.reason, until)
            return Wait(min(until, now + lanes.WAIT_MAX), held=True)
        if isinstance(error, TransientError):
            failing = self._failing.setdefault(row.channel, set())
            failing.add(row.id)
            if is_offline(error) or len(failing) >= FAILING_MAX:
                return Wait(await self._pulses.away(row.channel, error.reason), held=True)
        if isinstance(error, RejectedError | UnreachableError):
            self._failing.pop(row.channel, None)
            await self._pulses.reached(row.channel)
        return None

    def _later(self, follows: Policy, error: DeliveryError, tries: int) -> Wait:
        now = self._now()
        if isinstance(error, ThrottledError):
            return Wait(now + min(error.retry_after, lanes.WAIT_MAX))
        return Wait(now + min(follows.wait * (1 << max(tries - 1, 0)), lanes.WAIT_MAX))

    async def _hold(
        self,
        row: Dialog,
        entry: Entry,
        error: DeliveryError,
        tries: int,
        wait: Wait,
        doubt_since: datetime | None = None,
    ) -> None:
        asked = isinstance(error, ThrottledError) and not wait.held
        next_at = self._now() + error.retry_after if isinstance(error, ThrottledError) else None

        def held(current: Entry) -> Entry | None:
            if current.attempt != entry.attempt or not current.pending:
                return None
            return replace(
                current,
                state=OutState.QUEUED,
                tries=tries,
                failure=error.reason,
                attempt_at=doubt_since,
                next_at=next_at if asked else None,
                changed_at=self._now(),
            )

        await marks.change(self._engine, self._bus, entry, held)
        observe.DELIVERIES_HELD.labels(kind=row.kind, reason=error.code).inc()
        log.info("delivery.held", extra={"reason": error.reason, "tries": tries})

    async def _settle(self, row: Dialog, entry: Entry, state: OutState, failure: str) -> None:
        """Ends the attempt in that state, unless the platform has told more meanwhile."""

        def settled(current: Entry) -> Entry | None:
            if current.attempt != entry.attempt or not current.pending:
                return None
            return replace(
                current, state=state, failure=failure, pending=False, changed_at=self._now()
            )

        await marks.change(self._engine, self._bus, entry, settled)
        observe.DELIVERIES_FINISHED.labels(kind=row.kind, state=state.value).inc()

    async def _carry_out(self, row: Dialog, order: Entry) -> Wait | None:
        """One try of an edit, a deletion or a reaction; see `_send` for the answer.

        The platform takes each of them twice for once, so that nothing is ever in doubt but by
        its own last word.
        """
        target = await self._orders.target(order)
        if target is None:
            await self._orders.end(order, OutState.FAILED, "not_found")
            return None
        if await self._orders.meet(order, target):
            return None
        now = self._now()
        try:
            channel = self._channels.get(row.channel)
        except (NotFoundError, UnavailableError):
            return Wait(now + HOLD, held=True)
        identity = await self._engine.get(Identity, row.identity)
        if identity is None:
            await self._orders.end(order, OutState.FAILED, "unreachable")
            return None
        wait = await self._turn(channel, order, row)
        if wait is not None:
            if not await self._is_given_up(order, row):
                return wait
            await self._orders.end(order, OutState.FAILED, "offline")
            return None
        mark = self._pulses.mark(row.channel)
        error = await attempt(self._orders.call(channel, identity, order, target), self.timeout)
        if not isinstance(error, DeliveryError):
            await self._orders.put(order, target)
            await self._orders.end(order, OutState.SENT)
            self._failing.pop(row.channel, None)
            await self._pulses.spoke(row.channel, self._now())
            return None
        follows = policy(error)
        wait = await self._tell(row, error, mark)
        tries = order.tries + (1 if follows.counted else 0)
        if not follows.holds or tries >= TRIES_MAX or await self._is_given_up(order, row, error):
            await self._orders.end(order, OutState.FAILED, error.reason)
            return None
        wait = wait or self._later(follows, error, tries)
        await self._hold(row, order, error, tries, wait)
        return wait

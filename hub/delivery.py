"""The way out: one lane per dialog, claimed by lease, an honest state for every message.

Before a request leaves, the entry becomes `sending` with an attempt token. A lease found
expired in `sending` becomes `unknown` and is sent again only while the platform's own
idempotency holds. Later messages pass a failed or unknown one; throttled, transient and
credentials hold the lane.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from hub import marks, observe
from hub.abilities import Capabilities
from hub.bus import Bus
from hub.channel import Draft, Receipt
from hub.channels import Channels
from hub.dialogs import entry_id
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
from hub.model import Dialog, DialogId, Entry, EntryId, Identity, OutState, Verb
from hub.store.engine import AbsentError, Engine, Range
from hub.store.schema import LANES, LOG_PENDING

log = logging.getLogger(__name__)

WAKE = "delivery"
LEASE = timedelta(seconds=60)
SEND_TIMEOUT = timedelta(seconds=25)
IDLE = timedelta(seconds=1)
LANES_AT_ONCE = 20


@dataclass(frozen=True)
class Policy:
    """What becomes of a message that did not go out."""

    holds: bool
    counted: bool
    wait: timedelta


POLICIES: dict[type[DeliveryError], Policy] = {
    ThrottledError: Policy(holds=True, counted=False, wait=timedelta(seconds=5)),
    TransientError: Policy(holds=True, counted=True, wait=timedelta(seconds=10)),
    DeliveryError: Policy(holds=True, counted=True, wait=timedelta(seconds=10)),
    CredentialsError: Policy(holds=True, counted=False, wait=timedelta(minutes=1)),
    RejectedError: Policy(holds=False, counted=True, wait=timedelta(0)),
    UnreachableError: Policy(holds=False, counted=True, wait=timedelta(0)),
}
TRIES_MAX = 6
WAIT_MAX = timedelta(minutes=30)


class _LostError(Exception):
    """The lane is somebody else's now."""


class Delivery:
    def __init__(
        self, engine: Engine, bus: Bus, channels: Channels, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._now = now

    async def recover(self) -> int:
        """Frees every lane at once; only for the one process that serves an embedded store.

        Whoever held a lease there is dead, so nothing has to wait for it to run out.
        """
        freed, after = 0, None
        while True:
            page = await self._engine.find(LANES, after=after, limit=200)
            for row in page.items:
                if row.lane_by:
                    await self._engine.change(Dialog, row.id, self._abandoned)
                    freed += 1
            if (after := page.next) is None:
                return freed

    def _abandoned(self, row: Dialog) -> Dialog:
        return replace(row, lane_by="", lane_at=self._now())

    async def run(self) -> None:
        """Delivers what is due until cancelled; what is on its way is finished first."""
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                try:
                    for id in await self.due(LANES_AT_ONCE + len(busy)):
                        if id not in busy and len(busy) < LANES_AT_ONCE:
                            busy[id] = task = asyncio.create_task(self._guarded(id))
                            task.add_done_callback(partial(self._freed, busy, id))
                except UnavailableError as error:
                    log.warning("delivery.waits", extra={"reason": str(error)})
                await self._bus.sleep(WAKE, IDLE)
        finally:
            if busy:
                await asyncio.wait(list(busy.values()), timeout=SEND_TIMEOUT.total_seconds())

    def _freed(self, busy: dict[str, asyncio.Task[None]], id: str, _: asyncio.Task[None]) -> None:
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
        page = await self._engine.find(
            LANES, range=Range("lane_at", at_most=self._now()), limit=limit
        )
        return [DialogId(row.id) for row in page.items]

    async def deliver(self, id: DialogId) -> None:
        """Sends what waits in this dialog's lane, in order; nothing if the lane is held."""
        token = secrets.token_hex(8)
        try:
            row = await self._claim(id, token)
            while True:
                seen, again = await self._empty(row, token)
                row = await self._release(row, token, seen, again)
                if row.lane_by != token:
                    return
        except _LostError:
            return

    async def _claim(self, id: DialogId, token: str) -> Dialog:
        now = self._now()

        def claimed(row: Dialog) -> Dialog:
            if row.lane_at is None or row.lane_at > now:
                raise _LostError
            return replace(row, lane_at=now + LEASE, lane_by=token)

        return await self._engine.change(Dialog, id, claimed)

    async def _renew(self, row: Dialog, token: str) -> None:
        until = self._now() + LEASE

        def renewed(current: Dialog) -> Dialog:
            if current.lane_by != token:
                raise _LostError
            return replace(current, lane_at=until)

        await self._engine.change(Dialog, row.id, renewed)

    async def _release(self, row: Dialog, token: str, seen: int, again: datetime | None) -> Dialog:
        """Gives the lane back, or keeps it when more came while it was being emptied."""

        def released(current: Dialog) -> Dialog:
            if current.lane_by != token:
                raise _LostError
            if again is None and current.out_seq > seen:
                return replace(current, lane_at=self._now() + LEASE)
            return replace(current, lane_at=again, lane_by="")

        return await self._engine.change(Dialog, row.id, released)

    async def _empty(self, row: Dialog, token: str) -> tuple[int, datetime | None]:
        """Works the lane off; the highest `seq` seen, and when to come again if it is held."""
        claimed_at, seen = self._now(), 0
        while True:
            page = await self._engine.find(
                LOG_PENDING, {"dialog": row.id, "pending": True}, limit=50
            )
            if not page.items:
                return max(seen, row.out_seq), None
            for entry in page.items:
                if self._now() - claimed_at > LEASE / 2:
                    await self._renew(row, token)
                    claimed_at = self._now()
                seen = max(seen, entry.seq)
                if entry.verb is Verb.RETRIED:
                    await self._requeue(entry)
                    break
                with observe.about(dialog=row.id, entry=entry.id, channel=row.channel):
                    again = await self._send(row, entry)
                if again is not None:
                    return seen, again

    async def _requeue(self, order: Entry) -> None:
        """Carries out an operator's "retry": the failed entry waits again, the order is done."""
        target = EntryId(order.data.get("entry", ""))

        def queued(entry: Entry) -> Entry | None:
            # An order that was carried out before the crash is not carried out again.
            if entry.data.get("order") == order.id:
                return None
            if entry.state not in (OutState.FAILED, OutState.UNKNOWN):
                return None
            return replace(
                entry,
                state=OutState.QUEUED,
                pending=True,
                failure="",
                tries=0,
                attempt_at=None,
                data=entry.data | {"order": order.id},
                changed_at=self._now(),
            )

        known = await self._engine.get(Entry, target)
        if known is not None:
            await marks.change(self._engine, self._bus, known, queued)
        await self._engine.change(Entry, order.id, lambda entry: replace(entry, pending=False))

    async def _send(self, row: Dialog, entry: Entry) -> datetime | None:
        """One attempt; None when the lane may go on, else when to come again."""
        now = self._now()
        try:
            channel = self._channels.get(row.channel)
        except NotFoundError:
            return now + POLICIES[CredentialsError].wait
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
        attempt, doubt_since = secrets.token_hex(8), entry.attempt_at

        def sending(current: Entry) -> Entry | None:
            if not current.pending or current.attempt != entry.attempt:
                return None
            return replace(
                current,
                state=OutState.SENDING,
                attempt=attempt,
                attempt_at=doubt_since or now,
                changed_at=now,
            )

        entry = await self._engine.change(Entry, entry.id, sending)
        if entry.attempt != attempt:
            return None
        draft = Draft(
            key=entry.id,
            text=entry.text,
            attachments=entry.attachments,
            reply_to=entry.reply_to,
        )
        try:
            async with asyncio.timeout(SEND_TIMEOUT.total_seconds()):
                receipt = await channel.send(identity, draft)
        except DeliveryError as refusal:
            error = refusal
        except TimeoutError:
            error = TransientError("timeout", maybe_sent=True)
        except Exception:
            log.exception("delivery.broken")
            error = TransientError("internal", maybe_sent=True)
        else:
            await self._sent(row, entry, receipt)
            return None
        return await self._refused(row, entry, error, doubt_since, channel.capabilities)

    async def _sent(self, row: Dialog, entry: Entry, receipt: Receipt) -> None:
        external = entry_id(row.channel, receipt.external_id)

        def sent(current: Entry) -> Entry:
            # Also when the lane was lost meanwhile: a late result moves "unknown" on.
            known = replace(current, external_id=external)
            return marks.advanced(known, OutState.SENT, "", self._now()) or known

        entry = await marks.change(self._engine, self._bus, entry, sent)
        observe.DELIVERIES_FINISHED.labels(kind=row.kind, state=OutState.SENT.value).inc()
        await marks.settle(self._engine, self._bus, entry, self._now())

    async def _refused(
        self,
        row: Dialog,
        entry: Entry,
        error: DeliveryError,
        doubt_since: datetime | None,
        can: Capabilities,
    ) -> datetime | None:
        """What follows from an attempt that did not succeed; see `_send` for the answer."""
        policy = next(POLICIES[each] for each in type(error).__mro__ if each in POLICIES)
        if isinstance(error, UnreachableError):
            await self._engine.change(
                Identity, row.identity, lambda identity: replace(identity, reachable=False)
            )
        if isinstance(error, TransientError) and error.maybe_sent:
            doubt_since = entry.attempt_at
        tries = entry.tries + (1 if policy.counted else 0)
        ends = not policy.holds or tries >= TRIES_MAX
        if ends or (doubt_since is not None and not can.idempotent_for):
            state = OutState.FAILED if doubt_since is None else OutState.UNKNOWN
            await self._settle(row, entry, state, error.code)
            return None

        def held(current: Entry) -> Entry | None:
            if current.attempt != entry.attempt or not current.pending:
                return None
            return replace(
                current,
                state=OutState.QUEUED,
                tries=tries,
                failure=error.code,
                attempt_at=doubt_since,
                changed_at=self._now(),
            )

        await marks.change(self._engine, self._bus, entry, held)
        observe.DELIVERIES_HELD.labels(kind=row.kind, reason=error.code).inc()
        log.info("delivery.held", extra={"reason": error.code, "tries": tries})
        if isinstance(error, ThrottledError):
            return self._now() + min(error.retry_after, WAIT_MAX)
        return self._now() + min(policy.wait * (1 << max(tries - 1, 0)), WAIT_MAX)

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


async def straighten(engine: Engine, now: datetime) -> int:
    """Makes lanes due that wait longer than one can: a clock that was ahead put them off."""

    def straight(row: Dialog) -> Dialog | None:
        # Whoever still holds the lane finds at its next step that it was lost.
        if row.lane_at is None or row.lane_at <= now + WAIT_MAX + LEASE:
            return None
        return replace(row, lane_at=now, lane_by="")

    page = await engine.find(
        LANES, range=Range("lane_at", at_least=now + WAIT_MAX + 2 * LEASE), limit=500
    )
    for row in page.items:
        with suppress(AbsentError):
            await engine.change(Dialog, row.id, straight)
    return len(page.items)

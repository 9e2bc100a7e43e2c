"""What operators order of messages that stand in the log: send again, edit, delete, react.

An order is a system entry that waits in the lane behind what was said before it. Each may be
carried out twice and changes its message once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from hub import marks, observe
from hub.bus import Bus
from hub.channels.port import ChannelKind, Draft
from hub.dialogs import external_ids
from hub.errors import RejectedError
from hub.model import Entry, EntryId, EntryKind, Identity, OutState, Reaction, Verb
from hub.store.engine import Engine

Kind = ChannelKind[Any]

OURS = "operator"
"""Who of the two a reaction is by: all operators are one to the person."""


class Orders:
    def __init__(self, engine: Engine, bus: Bus, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now

    async def requeue(self, order: Entry) -> None:
        """Carries out a "retry": the failed entry waits again, the order is done."""
        target = EntryId(order.data.get("entry", ""))

        def queued(entry: Entry) -> Entry | None:
            # An order that was carried out before the crash is not carried out again.
            if entry.data.get("order") == order.id or entry.deleted_at is not None:
                return None
            if entry.state not in (OutState.FAILED, OutState.UNKNOWN):
                return None
            now = self._now()
            return replace(
                entry,
                state=OutState.QUEUED,
                pending=True,
                failure="",
                tries=0,
                attempt_at=None,
                next_at=None,
                queued_at=now,
                data=entry.data | {"order": order.id},
                changed_at=now,
            )

        known = await self._engine.get(Entry, target)
        if known is not None:
            await marks.change(self._engine, self._bus, known, queued)
        await self._engine.change(Entry, order.id, lambda entry: replace(entry, pending=False))

    async def target(self, order: Entry) -> Entry | None:
        """The message it is about; None if it is not there, or of another dialog."""
        entry = await self._engine.get(Entry, order.data.get("entry", ""))
        return entry if entry is not None and entry.dialog == order.dialog else None

    async def meet(self, order: Entry, target: Entry) -> bool:
        """Ends an order that needs no call of the platform; whether it did.

        What never went out is changed here alone, so that a retry sends it as it now is.
        """
        if target.kind is EntryKind.OUT and unsent(target):
            if order.verb is Verb.REACTED:
                await self.end(order, OutState.FAILED, "not_found")
            else:
                await self.put(order, target)
                await self.end(order, OutState.SENT)
        elif target.external_id is None and target.kind is EntryKind.OUT:
            await self.end(order, OutState.FAILED, "in_doubt")
        elif target.deleted_at is not None:
            if order.verb is Verb.DELETED:
                await self.put(order, target)
                await self.end(order, OutState.SENT)
            else:
                await self.end(order, OutState.FAILED, "not_found")
        else:
            return False
        return True

    async def call(self, channel: Kind, to: Identity, order: Entry, target: Entry) -> None:
        """Has the platform do it; raises a DeliveryError."""
        ids = external_ids(channel.id, target)
        match order.verb:
            case Verb.EDITED:
                if len(ids) > 1:
                    # It left in pieces only after this was ordered.
                    raise RejectedError("split", reason="not_here")
                draft = Draft(
                    key=order.id,
                    text=order.data.get("text", ""),
                    attachments=target.attachments,
                    buttons=target.buttons,
                )
                await channel.edit(to, ids[0], draft)
            case Verb.DELETED:
                await channel.delete(to, ids)
            case Verb.REACTED:
                await channel.react(to, ids[0], order.data.get("emoji", ""))
            case _:
                raise RejectedError("no such order", reason="bad_request")

    async def put(self, order: Entry, target: Entry) -> Entry:
        """The message as the order leaves it; the same however often it is put."""
        at = self._now()
        return await marks.change(
            self._engine, self._bus, target, lambda entry: carried_out(entry, order, at)
        )

    async def put_unsent(self, order: Entry, target: Entry) -> Entry:
        """The message with the order on it, if it has still not left; else the lane does it."""
        at = self._now()

        def changed(entry: Entry) -> Entry | None:
            return carried_out(entry, order, at) if unsent(entry) else None

        target = await marks.change(self._engine, self._bus, target, changed)
        if unsent(target):
            await self.end(order, OutState.SENT)
        return target

    async def end(self, order: Entry, state: OutState, failure: str = "") -> None:
        def ended(entry: Entry) -> Entry | None:
            if not entry.pending:
                return None
            now = self._now()
            return replace(entry, state=state, failure=failure, pending=False, changed_at=now)

        await marks.change(self._engine, self._bus, order, ended)
        observe.ORDERS_FINISHED.labels(verb=order.verb or "", state=state.value).inc()


def unsent(entry: Entry) -> bool:
    """Whether it surely never reached the platform, nor is on its way there."""
    if entry.state is OutState.QUEUED:
        return entry.attempt_at is None
    return entry.state is OutState.FAILED and entry.external_id is None


def carried_out(entry: Entry, order: Entry, at: datetime) -> Entry | None:
    """The message after the order; None if it changes nothing, or comes a second time."""
    match order.verb:
        case Verb.EDITED:
            text = order.data.get("text", "")
            if entry.text == text or entry.deleted_at is not None:
                return None
            changed = replace(entry, text=text, changed_at=at, reread_at=at)
            if unsent(entry):
                # Nobody saw the former words.
                return changed
            first = {"before": entry.data.get("before", entry.text)}
            return replace(changed, data=entry.data | first, edited_at=order.stored_at)
        case Verb.DELETED:
            if entry.deleted_at is not None:
                return None
            gone = replace(entry, deleted_at=order.stored_at, changed_at=at, reread_at=at)
            if unsent(entry):
                return replace(gone, state=OutState.FAILED, failure="cancelled", pending=False)
            return gone
        case Verb.REACTED:
            emoji = order.data.get("emoji", "")
            rest = tuple(each for each in entry.reactions if each.by != OURS)
            after = (*rest, Reaction(OURS, emoji)) if emoji else rest
            if after == entry.reactions:
                return None
            return replace(entry, reactions=after, changed_at=at)
        case _:
            return None

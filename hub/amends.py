"""What operators do to messages that stand: say it otherwise, take it back, put a reaction on it.

Each is an order in the lane, behind what was said before. What has not left yet is changed here
and now, so that only the last word is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import delivery
from hub.accounts import Who
from hub.bus import Bus
from hub.channels.abilities import Ability, Capabilities
from hub.channels.in_use import Channels
from hub.desk import Desk, key_of
from hub.dialogs import external_ids, level
from hub.errors import BadValueError, ConflictError, ForbiddenError, NotFoundError, TooLargeError
from hub.legible import legible
from hub.model import Dialog, DialogId, Entry, EntryId, EntryKind, OutState, Verb
from hub.orders import Orders, unsent
from hub.rights import Right, What, may
from hub.store.engine import Engine, Range
from hub.store.schema import LOG_PENDING

EMOJI_MAX_CHARS = 16


class Amends:
    """The caller has already checked that `who` may write in the dialog.

    Raises ConflictError: "not_here" where the platform has none of it, "too_old", "split" for
    what went out in several pieces, "in_doubt" for what nobody knows to have arrived, "deleted".
    """

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        desk: Desk,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._desk = desk
        self._orders = Orders(engine, bus, now)
        self._now = now

    async def edit(self, who: Who, id: str, entry_id: str, key: str, text: str) -> Entry:
        """Has the message say this instead, once for each `key`; the message as it now stands."""
        row = await self._desk.dialog(id)
        entry = await self._own(who, row, entry_id)
        if (known := await self._known(row, who, key, entry)) is not None:
            return known
        text, can = legible(text), self._can(row)
        if len(text) > can.text_max_chars:
            raise TooLargeError(f"at most {can.text_max_chars} characters", field="text")
        if not text.strip() and not entry.attachments:
            raise BadValueError("says nothing", field="text")
        if entry.deleted_at is not None:
            raise ConflictError("deleted")
        if not unsent(entry):
            self._check(entry, can, Ability.EDITS, can.edits_for)
            if len(external_ids(row.channel, entry)) > 1:
                raise ConflictError("split")
        return await self._order(who, row, entry, key, Verb.EDITED, {"text": text})

    async def delete(self, who: Who, id: str, entry_id: str, key: str) -> Entry:
        """Takes the message back; one that has not left yet is never sent."""
        row = await self._desk.dialog(id)
        entry = await self._own(who, row, entry_id)
        if (known := await self._known(row, who, key, entry)) is not None:
            return known
        if entry.deleted_at is not None:
            return entry
        can = self._can(row)
        if not unsent(entry):
            self._check(entry, can, Ability.DELETES, can.deletes_for)
        return await self._order(who, row, entry, key, Verb.DELETED, {})

    async def react(self, who: Who, id: str, entry_id: str, key: str, emoji: str) -> Entry:
        """Puts our one reaction on either's message; an empty one takes it back."""
        row = await self._desk.dialog(id)
        entry = await self._entry(row, entry_id)
        if (known := await self._known(row, who, key, entry)) is not None:
            return known
        can = self._can(row)
        emoji = legible(emoji).strip()
        if len(emoji) > EMOJI_MAX_CHARS:
            raise TooLargeError(f"at most {EMOJI_MAX_CHARS} characters", field="emoji")
        if emoji and can.reactions and emoji not in can.reactions:
            raise BadValueError("the platform has no such reaction", field="emoji")
        if entry.deleted_at is not None:
            raise ConflictError("deleted")
        self._check(entry, can, Ability.REACTIONS, timedelta(0))
        return await self._order(who, row, entry, key, Verb.REACTED, {"emoji": emoji})

    async def _own(self, who: Who, row: Dialog, entry_id: str) -> Entry:
        """A message of ours that this operator may change: his own, or any for who oversees."""
        entry = await self._entry(row, entry_id)
        if entry.kind is not EntryKind.OUT:
            raise NotFoundError
        if entry.author.id != who.id and not may(who, Right.OVERSEE, What(row.project)):
            raise ForbiddenError
        return entry

    async def _entry(self, row: Dialog, entry_id: str) -> Entry:
        entry = await self._engine.get(Entry, EntryId(entry_id))
        if entry is None or entry.dialog != row.id:
            raise NotFoundError
        if entry.kind not in (EntryKind.IN, EntryKind.OUT):
            raise NotFoundError
        return entry

    def _can(self, row: Dialog) -> Capabilities:
        try:
            return self._channels.get(row.channel).capabilities
        except NotFoundError:
            raise ConflictError("channel_off") from None

    def _check(self, entry: Entry, can: Capabilities, ability: Ability, lasts: timedelta) -> None:
        if ability not in can.does:
            raise ConflictError("not_here")
        if entry.kind is EntryKind.OUT and entry.state in (OutState.UNKNOWN, OutState.FAILED):
            raise ConflictError("in_doubt")
        if lasts and self._now() - entry.at > lasts:
            raise ConflictError("too_old")

    async def _known(self, row: Dialog, who: Who, key: str, entry: Entry) -> Entry | None:
        """The message as it is, if this was ordered before; the lane is called once more."""
        order = await self._engine.get(Entry, key_of(row, who, key))
        if order is None:
            return None
        # What cut the first try short may have left the row without its lane.
        await level(self._engine, DialogId(row.id))
        return await self._carry_on(order, entry)

    async def _order(
        self, who: Who, row: Dialog, entry: Entry, key: str, verb: Verb, data: dict[str, str]
    ) -> Entry:
        own = key_of(row, who, key)

        def make(current: Dialog) -> Entry:
            return replace(
                self._desk.line(current, who, own, EntryKind.SYSTEM, verb),
                data={"entry": entry.id, **data},
                state=OutState.QUEUED,
                pending=True,
            )

        appended = await self._desk.enter(row, make, own)
        return await self._carry_on(appended.entry, entry)

    async def _carry_on(self, order: Entry, entry: Entry) -> Entry:
        if order.pending and unsent(entry) and not await self._is_behind(order, entry):
            entry = await self._orders.put_unsent(order, entry)
        await self._bus.wake(delivery.WAKE)
        return entry

    async def _is_behind(self, order: Entry, entry: Entry) -> bool:
        """Whether another order of the same message comes first, or this one needs it sent."""
        if order.verb is Verb.REACTED:
            return True
        page = await self._engine.find(
            LOG_PENDING,
            {"dialog": order.dialog, "pending": True},
            range=Range("seq", below=order.seq),
            limit=1,
            where=lambda each: each.data.get("entry") == entry.id,
        )
        return bool(page.items)

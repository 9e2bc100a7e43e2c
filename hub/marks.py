"""What happens to an entry after it was stored: ticks, edits, deletions, reactions.

A mark whose entry is unknown waits in `early`. Both sides look again after writing: the
mark's side for the entry, the worker for early marks of every new entry. Who dies between
writing and looking is made up for by `meet`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from hub.bus import Bus
from hub.dialogs import entry_id, external_ids, latest
from hub.events import (
    DeliveryReported,
    DialogChanged,
    EntryChanged,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
)
from hub.fold import preview
from hub.model import (
    Channel,
    ChannelId,
    Dialog,
    Entry,
    EntryKind,
    OutState,
    Place,
    Preview,
    ProjectId,
    Reaction,
)
from hub.people.contacts import identity_id
from hub.records import Early
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import BY_EXTERNAL, EARLY_FOR, EARLY_OLD, LOG

Mark = MessageEdited | MessageDeleted | MessageReacted | DeliveryReported

EARLY_KEPT = timedelta(hours=48)
REACTIONS_MAX = 20
UPTO_LOOKS_BACK = 200
PIECES_LOOK_BACK = 50

RANK = {
    OutState.QUEUED: 0,
    OutState.SENDING: 1,
    OutState.FAILED: 2,
    OutState.UNKNOWN: 2,
    OutState.SENT: 3,
    OutState.DELIVERED: 4,
    OutState.READ: 5,
}


def advanced(entry: Entry, state: OutState, failure: str, at: datetime) -> Entry | None:
    """The outgoing entry in that state, or None: a state never falls.

    A platform may still report a failure of what it took, until it said "delivered".
    """
    if entry.kind is not EntryKind.OUT or entry.state is None or entry.state is state:
        return None
    if state is OutState.FAILED:
        if RANK[entry.state] > RANK[OutState.SENT]:
            return None
    elif RANK[state] <= RANK[entry.state]:
        return None
    return replace(entry, state=state, failure=failure, pending=False, changed_at=at)


def marked(entry: Entry, mark: Mark, at: datetime) -> Entry | None:
    """The entry with the mark on it, None if that changes nothing."""
    if isinstance(mark, MessageEdited | MessageDeleted) and not _is_theirs(entry, mark):
        return None
    match mark:
        case DeliveryReported():
            if mark.state is OutState.SENT and entry.state is OutState.FAILED:
                # That it was taken was known before it failed; the two came in the other order.
                return None
            return advanced(entry, mark.state, mark.failure, at)
        case MessageEdited():
            return _edited(entry, mark, at)
        case MessageDeleted():
            if entry.deleted_at is not None and entry.deleted_at <= mark.at:
                return None
            return replace(entry, deleted_at=mark.at, changed_at=at, reread_at=at)
        case MessageReacted():
            return _reacted(entry, mark, at)


def _is_theirs(entry: Entry, mark: MessageEdited | MessageDeleted) -> bool:
    """Whether who changed it is of the side that said it; nobody rewrites the other's words."""
    return not mark.by or (mark.by == "person") == (entry.kind is EntryKind.IN)


def _edited(entry: Entry, mark: MessageEdited, at: datetime) -> Entry | None:
    """The newest words win in whatever order they come; `before` are the first ones."""
    before = entry.data.get("before", entry.text)
    data = {name: value for name, value in entry.data.items() if name != "edit"}
    data |= {"before": before} | ({"edit": str(mark.order)} if mark.order else {})
    if entry.edited_at is not None:
        had = (entry.edited_at, _number(entry.data.get("edit", "")), entry.text)
        if (mark.at, mark.order, mark.text) <= had:
            return None
    return replace(entry, text=mark.text, data=data, edited_at=mark.at, changed_at=at, reread_at=at)


def _reacted(entry: Entry, mark: MessageReacted, at: datetime) -> Entry | None:
    """What each felt last; that it was taken back is remembered, for what comes too late."""
    new = Reaction(mark.sender.external_id, mark.emoji, mark.at, mark.order)
    had = next((each for each in entry.reactions if each.by == new.by), None)
    if had is not None and _felt(new, entry) <= _felt(had, entry):
        return None
    rest = [each for each in entry.reactions if each.by != new.by]
    felt = sorted([*rest, new], key=lambda each: (*_felt(each, entry), each.by))
    return replace(entry, reactions=tuple(felt[-REACTIONS_MAX:]), changed_at=at)


def _felt(reaction: Reaction, entry: Entry) -> tuple[datetime, int, str]:
    return reaction.at or entry.at, reaction.order, reaction.emoji


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


async def report(engine: Engine, bus: Bus, channel: Channel, mark: Mark, now: datetime) -> None:
    """Puts the mark on its entry, or keeps it until the entry comes."""
    about = entry_id(channel.id, mark.external_id)
    entry = await _known(engine, channel.project, about) or await _piece(engine, channel, mark)
    if entry is None:
        body = msgspec.json.encode(mark)
        early = Early(
            id=f"{about}:{hashlib.sha256(body).hexdigest()[:24]}",
            project=channel.project,
            channel=ChannelId(channel.id),
            about=about,
            event=body,
            created_at=now,
        )
        with suppress(TakenError):
            await engine.write(Insert(early))
        entry = await _known(engine, channel.project, about)
        if entry is None:
            return
    await _put(engine, bus, entry, mark, now)


async def _piece(engine: Engine, channel: Channel, mark: Mark) -> Entry | None:
    """The message of ours that was too long for one, by a later piece of it."""
    if not isinstance(mark, DeliveryReported):
        return None
    row = await latest(engine, channel.project, identity_id(channel.id, mark.sender))
    if row is None:
        return None
    page = await engine.find(
        LOG,
        {"dialog": row.id},
        descending=True,
        limit=PIECES_LOOK_BACK,
        where=lambda each: mark.external_id in external_ids(row.channel, each)[1:],
        budget=PIECES_LOOK_BACK,
    )
    return page.items[0] if page.items else None


async def any_early(engine: Engine, project: ProjectId) -> bool:
    """Whether `settle` can have anything to do for entries stored before this was asked."""
    return await engine.count(EARLY_FOR, {"project": project}, cap=1) > 0


async def settle(engine: Engine, bus: Bus, channel: ChannelId, entry: Entry, now: datetime) -> None:
    """Puts on an entry the marks that were earlier than it; idempotent."""
    if entry.kind not in (EntryKind.IN, EntryKind.OUT):
        return
    for external in external_ids(channel, entry):
        about = {"project": entry.project, "about": entry_id(channel, external)}
        page = await engine.find(EARLY_FOR, about, limit=100)
        for early in page.items:
            await _bring(engine, bus, entry, early, now)


async def meet(engine: Engine, bus: Bus, since: datetime | None, now: datetime) -> None:
    """Puts on what came too early since then and whose entry is there now; idempotent."""
    after = None
    while True:
        page = await engine.find(
            EARLY_OLD,
            range=None if since is None else Range("created_at", at_least=since),
            after=after,
            limit=200,
        )
        for early in page.items:
            entry = await _known(engine, early.project, early.about)
            if entry is not None:
                await _bring(engine, bus, entry, early, now)
        if (after := page.next) is None:
            return


async def sweep(engine: Engine, now: datetime) -> int:
    """Drops early marks whose message did not come within 48 hours."""
    page = await engine.find(
        EARLY_OLD, range=Range("created_at", below=now - EARLY_KEPT), limit=500
    )
    for early in page.items:
        await engine.delete_if(Early, early.id, lambda _: True)
    return len(page.items)


async def _bring(engine: Engine, bus: Bus, entry: Entry, early: Early, now: datetime) -> None:
    mark = msgspec.json.decode(early.event, type=Mark)
    await _put(engine, bus, entry, mark, now)
    await engine.delete_if(Early, early.id, lambda _: True)


async def _known(engine: Engine, project: ProjectId, about: str) -> Entry | None:
    entry = await engine.get(Entry, about)
    if entry is not None:
        return entry
    page = await engine.find(BY_EXTERNAL, {"project": project, "external_id": about}, limit=1)
    return page.items[0] if page.items else None


async def _put(engine: Engine, bus: Bus, entry: Entry, mark: Mark, now: datetime) -> None:
    reached = [entry]
    if isinstance(mark, DeliveryReported) and mark.upto:
        page = await engine.find(
            LOG,
            {"dialog": entry.dialog},
            range=Range("seq", below=entry.seq),
            descending=True,
            limit=UPTO_LOOKS_BACK,
            where=lambda each: each.kind is EntryKind.OUT,
        )
        for each in page.items:
            if each.state is not None and RANK[each.state] >= RANK[mark.state]:
                break
            if each.state in (OutState.SENT, OutState.DELIVERED):
                reached.append(each)
    for each in reached:
        await change(engine, bus, each, lambda current: marked(current, mark, now))


async def change(
    engine: Engine, bus: Bus, entry: Entry, how: Callable[[Entry], Entry | None]
) -> Entry:
    """Changes an entry after the fact and announces it if that changed anything."""
    after = await engine.change(Entry, entry.id, how)
    row = await engine.get(Dialog, entry.dialog)
    if row is None:
        return after
    if after.rev != entry.rev:
        await bus.announce(
            EntryChanged(
                project=row.project, channel=row.channel, identity=row.identity, entry=after
            )
        )
    # Also where nothing changed: whoever changed it before may have died right after.
    await _show_last(engine, bus, row, after)
    return after


async def _show_last(engine: Engine, bus: Bus, row: Dialog, entry: Entry) -> None:
    """Has lists show the last message as it now is: rewritten, or not at all."""
    while row.last_place == entry.place and row.preview != (fresh := preview(entry)):

        def shown(had: Dialog, place: Place = entry.place, fresh: Preview = fresh) -> Dialog | None:
            if had.last_place != place or had.preview == fresh:
                return None
            return replace(had, preview=fresh)

        try:
            row = await engine.change(Dialog, row.id, shown)
        except AbsentError:
            return
        await bus.announce(DialogChanged(project=row.project, dialog=row))
        # Who changed it once more meanwhile may have been here first.
        entry = await engine.get(Entry, entry.id) or entry

"""Callback orders: one live lead for a phone in a project and one for a person.

A phone's leads are a chain, whose next number is tried only when the last has ended; a person's
are compared by what only ever grows, so of two that are made at once never both give way. What
becomes of a lead stands in the dialogs that asked for it, as lines of the verb `call`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from hub import dialogs, lines
from hub.bus import Bus
from hub.calling import Plan
from hub.calls.wishes import WAKE, stop
from hub.events import LeadChanged
from hub.leads.lead import CONTACTS_MAX, JOINS_MAX, Joined, Lead
from hub.model import (
    HUB,
    Author,
    CallTime,
    ChannelId,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    LeadId,
    OperatorId,
    ProjectId,
    Verb,
)
from hub.people import contacts
from hub.statuses import LIVE, PLANNED, Status
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import LEADS, LEADS_IN, LEADS_OF

DUPLICATE = "duplicate"
CORRECTED = "corrected"
OF_ONE_PERSON = 50
CHAIN_LOOKED = 10
"""Leads of a phone in which an order is looked for that is carried out again."""

LOOKED_BACK = 5
"""Leads of a dialog in which those are looked for whose end was not told yet."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_SKEW = timedelta(minutes=1)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks at `at` that a phone (E.164) be called; `id` is the entry that it follows from.

    With `asked_at` it is a person's own wish: the newest decides when the lead is due, and no
    rule moves it. `due_at` is what automatic dialling would do, None that people will.
    """

    id: str
    project: ProjectId
    phone: str
    at: datetime
    origin: str
    extension: str = ""
    rule: str = ""
    rule_name: str = ""
    connection: str = ""
    automation: str = ""
    channel: ChannelId | None = None
    dialog: DialogId | None = None
    contact: ContactId | None = None
    name: str = ""
    due_at: datetime | None = None
    held: CallTime | None = None
    wanted: CallTime | None = None
    asked_at: datetime | None = None
    zones: tuple[str, ...] = ()
    zone_why: str = ""
    plan: Plan = Plan()
    comment: str = ""
    attempts: int = 0
    requested_at: datetime | None = None
    operator: OperatorId | None = None


async def order(engine: Engine, order: Order, now: datetime) -> tuple[Lead, bool]:
    """The lead of the phone that answers the order, and whether it was opened just now.

    Who asks while one is live joins it. An order that is older than what the last lead was
    asked for opens no other: it was answered. One that is carried out again has the lead that it
    had, whatever became of it.
    """
    while True:
        page = await engine.find(
            LEADS,
            {"project": order.project, "phone": order.phone},
            descending=True,
            limit=CHAIN_LOOKED,
        )
        last = page.items[0] if page.items else None
        for each in page.items:
            if any(joined.entry == order.id for joined in each.joins):
                return each, False
        if last is not None and last.live:
            last = await engine.change(Lead, last.id, partial(_joining, order, now))
            if last.live:
                return last, False
        if last is not None and _past(_heard(last), now) > order.at:
            return last, False
        lead = _opened(order, 1 if last is None else last.n + 1, now)
        try:
            await engine.write(Insert(lead))
        except TakenError:
            continue
        return lead, True


async def made(engine: Engine, asked: Order, now: datetime) -> Lead | None:
    """The lead that answers the order; None if whoever asked for it was erased this moment."""
    lead, _ = await order(engine, asked, now)
    if not await dialogs.is_gone(engine, asked.dialog):
        return lead
    await engine.delete_if(Lead, lead.id, lambda had: had.dialog == asked.dialog)
    return None


def _opened(order: Order, n: int, now: datetime) -> Lead:
    return Lead(
        id=f"{order.project}:{order.phone}:{n}",
        project=order.project,
        phone=order.phone,
        n=n,
        extension=order.extension,
        channel=order.channel,
        dialog=order.dialog,
        contact=order.contact,
        contacts=(order.contact,) if order.contact is not None else (),
        name=order.name,
        status=Status.AWAITING_RETRY if order.attempts else Status.NEW,
        origin=order.origin,
        rule=order.rule,
        rule_name=order.rule_name,
        connection=order.connection,
        automation=order.automation,
        joins=(_join(order),),
        due_at=order.held.at if order.held else order.due_at,
        auto_due_at=order.due_at,
        ranked_at=order.due_at or now,
        held=order.held,
        wanted=order.wanted,
        zones=order.zones,
        zone_why=order.zone_why,
        plan=order.plan,
        comment=order.comment,
        attempts=order.attempts,
        requested_at=order.requested_at or order.at,
        operator=order.operator,
        asked_at=order.asked_at,
        moved_at=order.at if order.held else None,
        moved_by=order.id if order.held else "",
        heard_at=order.at,
        created_at=now,
        changed_at=now,
    )


def _join(order: Order) -> Joined:
    return Joined(
        entry=order.id, origin=order.origin, at=order.at, dialog=order.dialog, rule=order.rule
    )


def _joining(order: Order, now: datetime, lead: Lead) -> Lead | None:
    """The live lead as it is once that was asked too; None if it ended, or was asked that."""
    if not lead.live or any(each.entry == order.id for each in lead.joins):
        return None
    after = replace(
        lead,
        joins=_kept((*lead.joins, _join(order))),
        heard_at=max(_heard(lead), order.at),
        extension=lead.extension or order.extension,
        contact=lead.contact or order.contact,
        contacts=_people((*lead.contacts, order.contact)),
        name=lead.name or order.name,
        comment=lead.comment or order.comment,
        changed_at=now,
    )
    if order.held is not None:
        after = replace(after, operator=order.operator or lead.operator)
        return held(after, order.held, order.at, order.id, now) or after
    if order.asked_at is not None:
        if _past(lead.asked_at, now) >= order.asked_at:
            return after
        after = replace(
            after,
            auto_due_at=order.due_at,
            wanted=order.wanted,
            asked_at=order.asked_at,
            zones=order.zones,
            zone_why=order.zone_why,
            comment=order.comment or lead.comment,
        )
        if _past(lead.moved_at, now) < order.asked_at:
            after = replace(after, held=None)
    elif lead.asked_at is None and not lead.attempts:
        soonest = [each for each in (lead.auto_due_at, order.due_at) if each is not None]
        after = replace(after, auto_due_at=min(soonest, default=None))
    return _due(after)


def _kept(joins: tuple[Joined, ...]) -> tuple[Joined, ...]:
    """The first, and of the others the last."""
    return joins if len(joins) <= JOINS_MAX else (joins[0], *joins[1 - JOINS_MAX :])


def _people(contacts: Iterable[ContactId | None]) -> tuple[ContactId, ...]:
    return tuple(dict.fromkeys(each for each in contacts if each is not None))[:CONTACTS_MAX]


def _due(lead: Lead) -> Lead:
    """Due when it is to be; while it is being dialled, whoever dials it says what is next."""
    if lead.status not in PLANNED:
        return lead
    return replace(lead, due_at=lead.held.at if lead.held else lead.auto_due_at)


def _heard(lead: Lead) -> datetime:
    return lead.heard_at or lead.asked_at or lead.created_at


def _past(at: datetime | None, now: datetime) -> datetime:
    """When that was said; what lies in the future was said by a clock that was wrong."""
    return at if at is not None and at <= now + _SKEW else _NEVER


def held(lead: Lead, at: CallTime | None, word_at: datetime, by: str, now: datetime) -> Lead | None:
    """The live lead at the time that an operator sets in the entry `by`, with None by itself.

    None if a newer word of anybody stands, or the lead ended. What automatic dialling would do
    is kept beside it, and so are the attempts: a lead given back goes on where it was.
    """
    newer = (_past(lead.moved_at, now), lead.moved_by) >= (word_at, by)
    if not lead.live or newer or _past(lead.asked_at, now) > word_at:
        return None
    return _due(replace(lead, held=at, moved_at=word_at, moved_by=by, changed_at=now))


async def latest(engine: Engine, project: ProjectId, phone: str) -> Lead | None:
    page = await engine.find(LEADS, {"project": project, "phone": phone}, descending=True, limit=1)
    return page.items[0] if page.items else None


async def live_of(engine: Engine, project: ProjectId, contact: ContactId) -> list[Lead]:
    """The live leads of the person."""
    page = await engine.find(
        LEADS_OF, {"project": project, "contacts": contact, "live": True}, limit=OF_ONE_PERSON
    )
    return page.items


def rank(lead: Lead) -> tuple[bool, datetime, float, str]:
    """The highest of a person's leads is carried out.

    One that is being dialled; what a human being said last; what is due the soonest, as it was
    when it was ordered. Nothing of it ever falls while the lead lives.
    """
    dialled = bool(lead.attempts) or lead.status is not Status.NEW
    return dialled, _said(lead), -(lead.ranked_at or lead.created_at).timestamp(), lead.id


def _said(lead: Lead) -> datetime:
    """When a human being last said something of it."""
    return max(lead.asked_at or _NEVER, lead.moved_at or _NEVER)


async def settle(engine: Engine, lead: Lead, now: datetime) -> Lead:
    """Ends all live leads of the person but the one that is to be carried out; this lead after.

    What ends is recorded in the one that stays, before, so that who died between is made up for.
    """
    while True:
        live = await _rivals(engine, lead)
        *others, first = sorted(live, key=rank) or [lead]
        planned = [each for each in others if each.status in PLANNED]
        if not planned:
            return await engine.get(Lead, lead.id) or lead
        for other in planned:
            await _give_way(engine, other, first, now)


async def prefer(engine: Engine, lead: Lead, now: datetime) -> None:
    """Has what was planned of the person before give way to a lead that an operator wants.

    Also what was tried already: he has a reason to call another phone. A newer word stands.
    """
    for other in await _rivals(engine, lead):
        if other.id != lead.id and other.status in PLANNED and _said(other) < _said(lead):
            await _give_way(engine, other, lead, now)


async def _rivals(engine: Engine, lead: Lead) -> list[Lead]:
    """The live leads of everybody who is taken for one person with whom the lead is of."""
    found: dict[str, Lead] = {}
    seen: set[ContactId] = set()
    people = list(lead.contacts)
    while people:
        person = people.pop()
        if person in seen:
            continue
        seen.add(person)
        for each in await live_of(engine, lead.project, person):
            found[each.id] = each
            people += each.contacts
    return list(found.values())


async def _give_way(engine: Engine, other: Lead, first: Lead, now: datetime) -> None:
    joined = Joined(
        entry=other.id,
        origin=other.origin,
        at=now,
        dialog=other.dialog,
        rule=other.rule,
        lead=LeadId(other.id),
    )

    def took(lead: Lead) -> Lead | None:
        if not lead.live or any(each.entry == other.id for each in lead.joins):
            return None
        return replace(
            lead,
            joins=_kept((*lead.joins, joined)),
            contacts=_people((*lead.contacts, *other.contacts)),
            changed_at=now,
        )

    if not (await engine.change(Lead, first.id, took)).live:
        return

    def gave_way(lead: Lead) -> Lead | None:
        # One that rose meanwhile is compared anew.
        if rank(lead) != rank(other):
            return None
        return ended(lead, Status.PROCESSED, DUPLICATE, now, of=LeadId(first.id))

    await engine.change(Lead, other.id, gave_way)


def ended(
    lead: Lead, status: Status, cause: str, now: datetime, of: LeadId | None = None
) -> Lead | None:
    """The live lead as it ends; None if it has ended."""
    if not lead.live:
        return None
    return replace(
        lead,
        status=status,
        live=False,
        cause=cause,
        of=of,
        due_at=None,
        ended_at=now,
        changed_at=now,
    )


async def end(
    engine: Engine,
    lead: Lead,
    status: Status,
    now: datetime,
    cause: str = "",
    of: LeadId | None = None,
) -> Lead:
    """Ends a live lead with that status; a lead that has ended stays as it is."""
    return await engine.change(Lead, lead.id, lambda had: ended(had, status, cause, now, of))


async def withdraw_of(
    engine: Engine, bus: Bus, row: Dialog, rule: str, cause: str, now: datetime
) -> None:
    """Takes back what the rule had ordered in this dialog, unless it was dialled.

    A lead that somebody else asked for too, or that a person decided on, goes on. Without a
    rule whatever this dialog asked for is taken back, also from a phone that rings.
    """

    def withdrawn(had: Lead) -> Lead | None:
        rest = tuple(
            each
            for each in had.joins
            if each.dialog != row.id or (rule and each.rule != rule) or each.lead
        )
        if not had.live or rest == had.joins or had.status not in PLANNED:
            return None
        if rule and (had.attempts or had.asked_at or had.moved_at or had.status is not Status.NEW):
            return None
        if rest:
            return replace(had, joins=rest, changed_at=now)
        return ended(had, Status.PROCESSED, cause, now)

    def is_hung_up(had: Lead) -> bool:
        return not rule and all(each.dialog == row.id for each in had.joins)

    found = await _asked_in(engine, row)
    await _end_each(engine, bus, found, withdrawn, is_hung_up, cause, now)


async def stop_all(
    engine: Engine,
    bus: Bus,
    row: Dialog,
    cause: str,
    now: datetime,
    *,
    before: datetime | None = None,
) -> None:
    """Ends every lead of the person of the dialog, and of the person's phones.

    A call that is under way is ended too, unless they talk. With `before` only those that nobody
    has asked for since.
    """

    def stopped(had: Lead) -> Lead | None:
        if before is not None and _heard(had) > before:
            return None
        waits = had.status is Status.AWAITING_OPERATOR or had.status not in LIVE
        return ended(had, Status.PROCESSED, cause, now) if waits else None

    def is_hung_up(had: Lead) -> bool:
        # Whoever talks says so to the other.
        is_older = before is None or _heard(had) <= before
        return is_older and had.status is not Status.TALKING

    await _end_each(engine, bus, await _asked_in(engine, row), stopped, is_hung_up, cause, now)


async def _asked_in(engine: Engine, row: Dialog) -> list[Lead]:
    """The last leads that the dialog has to do with, live or not."""
    person = await contacts.root(engine, row.contact)
    phones = {row.phone, *(person.phones if person else ())} - {""}
    last = [await latest(engine, row.project, phone) for phone in sorted(phones)]
    page = await engine.find(
        LEADS_IN,
        {"project": row.project, "dialog": row.id},
        descending=True,
        limit=LOOKED_BACK,
    )
    live = await live_of(engine, row.project, ContactId(person.id) if person else row.contact)
    return list({each.id: each for each in (*filter(None, last), *page.items, *live)}.values())


async def _end_each(
    engine: Engine,
    bus: Bus,
    found: list[Lead],
    how: Callable[[Lead], Lead | None],
    is_hung_up: Callable[[Lead], bool],
    cause: str,
    now: datetime,
) -> None:
    for had in found:
        lead = await engine.change(Lead, had.id, how)
        if lead.live and lead.call and lead.status in LIVE and is_hung_up(lead):
            await stop(engine, bus, lead.call, cause)
        if lead.rev != had.rev:
            await announce(bus, lead)
        # Also one that ended before: whoever ended it may have died before it was told.
        if not lead.live and lead.cause == cause:
            await tell(
                engine,
                bus,
                lead.dialog,
                f"{lead.id}:ended",
                {"lead": lead.id, "status": lead.status, "cause": cause, "rule": lead.rule},
                now,
            )


async def tell(
    engine: Engine,
    bus: Bus,
    dialog: DialogId | None,
    id: str,
    data: dict[str, str],
    now: datetime,
    author: Author = HUB,
) -> Entry | None:
    """A line about the call in that dialog, once."""
    return await lines.write(engine, bus, dialog, id, Verb.CALL, data, now, author)


async def announce(bus: Bus, lead: Lead) -> None:
    """Tells the screens of it, and whoever dials if there is anything to dial."""
    await bus.announce(LeadChanged(project=lead.project, channel=lead.channel, lead=lead))
    if lead.due_at is not None:
        await bus.wake(WAKE)

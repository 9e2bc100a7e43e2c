"""From a word in the log to a callback order: who is called when, and what each dialog says of it.

Everything is keyed by the entry it follows from, so that a worker may die at any line and another
may do it again. What operators decide about a lead is an entry too, and follows from it here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from hub.bus import Bus
from hub.calling import Cause, Plan
from hub.leads import leads, slots, unwanted
from hub.leads.callside import moment
from hub.leads.lead import CONTACTS_MAX, Joined, Lead
from hub.leads.leads import DUPLICATE, Order, announce, tell
from hub.leads.quiet import Whereabouts, whereabouts
from hub.model import (
    CallTime,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    LeadId,
    OperatorId,
    Project,
    ProjectId,
    Verb,
)
from hub.people import contacts
from hub.requests.terms import Connection
from hub.statuses import PLANNED, Status
from hub.store.engine import Engine
from hub.store.schema import LEADS_IN

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
EXHAUSTED = "exhausted"
FAR = timedelta(days=366)
"""Nothing is planned further off, whatever a form says."""

OWN_WORDS = frozenset({"bot"})
"""Origins by which it is the person who asks, as by the widget's form."""


async def follow(engine: Engine, bus: Bus, row: Dialog, entry: Entry, now: datetime) -> None:
    """Carries out what the entry says of calling this person; a repeat changes nothing."""
    match entry.verb:
        case Verb.CALL_ASKED | Verb.PLANNED:
            await _ordered(engine, bus, row, entry, now)
        case Verb.CALL:
            await _decided(engine, bus, row, entry, now)
        case Verb.SPAM | Verb.REFUSED if entry.author.kind == "operator":
            await unwanted.ended_by_hand(engine, bus, row, entry, now)
        case _:
            pass


async def _ordered(engine: Engine, bus: Bus, row: Dialog, entry: Entry, now: datetime) -> None:
    project = await engine.get(Project, row.project)
    phone = entry.data.get("phone", "")
    if project is None or not E164.fullmatch(phone):
        return
    # The door does so too; here it is done also if that died after the wish was in the log.
    person = await contacts.root(engine, row.contact)
    contact = ContactId(person.id) if person is not None else row.contact
    await contacts.fill(engine, contact, phone=phone)
    own = _is_own(entry)
    cause, _ = await unwanted.why(engine, row, entry, contact, own=own)
    if cause:
        await unwanted.take_back(engine, bus, row, entry, cause, now)
        return
    order = replace(await _order(engine, project, row, entry, now), contact=contact)
    lead = await leads.made(engine, order, now)
    if lead is None:
        return
    # Who refused in between, or was marked, found no lead that could be ended.
    current = await engine.get(Dialog, row.id) or row
    cause, in_spite = await unwanted.why(engine, current, entry, contact, own=own)
    if cause:
        await unwanted.take_back(engine, bus, row, entry, cause, now)
        return
    if order.held is not None:
        await leads.prefer(engine, lead, now)
    lead = await leads.settle(engine, lead, now)
    lead = await _at_home(engine, lead, row)
    await _told(engine, bus, row, entry, lead, now, in_spite=in_spite)


def _is_own(entry: Entry) -> bool:
    """Whether the person asked for it, and no rule did."""
    data = entry.data
    return (
        entry.verb is Verb.CALL_ASKED
        or data.get("chosen") == "1"
        or data.get("origin") in OWN_WORDS
    )


async def _order(
    engine: Engine, project: Project, row: Dialog, entry: Entry, now: datetime
) -> Order:
    data, phone = entry.data, entry.data["phone"]
    own, by_hand = _is_own(entry), data.get("origin") == "operator"
    where = place_of(project, row, phone, entry)
    at = moment(data.get("at", ""))
    zone = slots.zone_of(data.get("zone", ""), project.schedule)
    time = CallTime(at=at, local=data.get("local", ""), zone=zone) if at is not None else None
    held = time or CallTime(at=entry.stored_at, local="", zone=zone)
    return Order(
        id=entry.id,
        project=row.project,
        phone=phone,
        extension=data.get("extension", ""),
        at=entry.stored_at,
        origin=data.get("origin") or ("asked" if entry.verb is Verb.CALL_ASKED else "own"),
        rule=data.get("rule", ""),
        rule_name=entry.author.name if entry.author.kind == "rule" else "",
        connection=data.get("connection", ""),
        automation=data.get("automation", ""),
        channel=row.channel,
        dialog=DialogId(row.id),
        name=row.name,
        due_at=lawful(project, where.zones, at or entry.stored_at, now),
        held=held if by_hand else None,
        wanted=time if own else None,
        asked_at=entry.stored_at if own else None,
        zones=where.zones,
        zone_why=where.why,
        plan=await _plan(engine, project, data.get("connection", "")),
        comment=data.get("comment", ""),
        requested_at=moment(data.get("requested", "")),
        operator=OperatorId(entry.author.id) if by_hand and entry.author.id else None,
    )


def place_of(project: Project, row: Dialog, phone: str, entry: Entry | None = None) -> Whereabouts:
    """Where the person is, by what the entry and the dialog know."""
    data = entry.data if entry is not None else {}
    said, browser = data.get("said_zone", ""), data.get("zone", "")
    if data.get("rule", "").startswith("connection:"):
        # Only the wall that the planning was read by.
        browser = ""
    elif entry is not None and entry.verb is Verb.PLANNED and data.get("local"):
        # A zone beside a time was named with it.
        said, browser = said or browser, ""
    return whereabouts(phone, project.schedule.zone, said=said, browser=browser or row.visit.zone)


def lawful(
    project: Project, zones: tuple[str, ...], at: datetime, now: datetime
) -> datetime | None:
    """The first minute from then and from now on at which the hub itself may call.

    None where it calls nobody: people do.
    """
    if project.calling.autonomous or project.calling.mode == "collect":
        return None
    return slots.soonest(
        project.schedule, zones, min(max(at, now), now + FAR), project.calling.quiet
    )


async def _plan(engine: Engine, project: Project, connection: str) -> Plan:
    """As the project calls now, and as its connection does where that says something else."""
    calling = project.calling
    own = await engine.get(Connection, connection) if connection else None
    terms = own.terms if own is not None and own.project == project.id else None
    return Plan(
        tries=len(terms.offsets) if terms and terms.offsets else calling.tries,
        pauses={each: calling.pause_minutes(each) for each in Cause},
        offsets=terms.offsets if terms else (),
        numbers=(terms.numbers if terms else ()) or calling.numbers,
        shown=(terms.shown if terms else "") or calling.shown,
        script=(terms.script if terms else None) or calling.script,
    )


async def _at_home(engine: Engine, lead: Lead, row: Dialog) -> Lead:
    """The lead, in the person's dialog of now if that where it was first asked for is sealed."""
    if not lead.live or lead.dialog in (None, row.id):
        return lead
    home = await engine.get(Dialog, lead.dialog)
    if home is not None and not (home.sealed and home.identity == row.identity):
        return lead

    def moved(had: Lead) -> Lead | None:
        return replace(had, dialog=DialogId(row.id), channel=row.channel) if had.live else None

    return await engine.change(Lead, lead.id, moved)


async def _told(
    engine: Engine,
    bus: Bus,
    row: Dialog,
    entry: Entry,
    lead: Lead,
    now: datetime,
    *,
    in_spite: bool = False,
) -> None:
    """Says in every dialog concerned what became of the wish, also `in_spite` of a refusal."""
    here, line = DialogId(row.id), f"{entry.id}:call"
    concerned = {here, lead.dialog}
    if not lead.live:
        first = await _first(engine, lead)
        if first is not lead:
            await _told_duplicate(engine, bus, lead.id, lead.dialog, first, now)
        if lead.dialog != here:
            await _told_given_way(engine, bus, here, line, first, now)
    else:
        await announce(bus, lead)
        plan = planned(lead, now)
        if in_spite:
            plan["despite"] = unwanted.OPTED_OUT
        if lead.dialog == here:
            opened = not lead.joins or lead.joins[0].entry == entry.id
            if opened or in_spite or row.call_at != shown_at(lead, now):
                await tell(engine, bus, here, line, plan, now)
        else:
            await _told_given_way(engine, bus, here, line, lead, now)
            joined = plan | {"cause": "joined", "from": here, "rule": entry.data.get("rule", "")}
            await tell(engine, bus, lead.dialog, f"{entry.id}:joined", joined, now)
        concerned |= await _told_joins(engine, bus, lead, now)
    for dialog in concerned:
        await agree(engine, bus, dialog, now)


async def _told_joins(engine: Engine, bus: Bus, lead: Lead, now: datetime) -> set[DialogId | None]:
    """Says of the leads that gave way to this one that they did; in which dialogs."""
    gave_way = [each for each in lead.joins if each.lead is not None]
    for each in gave_way:
        await _told_duplicate(engine, bus, each.lead or lead.id, each.dialog, lead, now, each)
    return {each.dialog for each in gave_way}


async def unite(
    engine: Engine,
    bus: Bus,
    project: ProjectId,
    person: ContactId,
    former: ContactId,
    now: datetime,
) -> None:
    """Leaves two contacts that became one person one live lead."""

    def of_person(had: Lead) -> Lead | None:
        if not had.live or person in had.contacts:
            return None
        return replace(had, contacts=(person, *had.contacts)[:CONTACTS_MAX], contact=person)

    for each in await leads.live_of(engine, project, former):
        await engine.change(Lead, each.id, of_person)
    for each in await leads.live_of(engine, project, person):
        lead = await leads.settle(engine, each, now)
        if lead.live:
            await announce(bus, lead)
            told = await _told_joins(engine, bus, lead, now)
            for dialog in told | {lead.dialog}:
                await agree(engine, bus, dialog, now)


async def _told_given_way(
    engine: Engine, bus: Bus, dialog: DialogId | None, id: str, to: Lead, now: datetime
) -> None:
    """A dialog's order that gave way leaves the dialog processed, unless it has another."""
    told = {"cause": DUPLICATE, "lead": to.id, "of": to.dialog or ""}
    if dialog is not None and await _planned_in(engine, to.project, dialog) is None:
        told = {"status": Status.PROCESSED} | told
    await tell(engine, bus, dialog, id, told, now)


async def _planned_in(engine: Engine, project: ProjectId, dialog: DialogId) -> Lead | None:
    """The live lead that the dialog is shown with."""
    page = await engine.find(
        LEADS_IN,
        {"project": project, "dialog": dialog},
        descending=True,
        limit=1,
        where=lambda each: each.live,
    )
    return page.items[0] if page.items else None


async def agree(engine: Engine, bus: Bus, dialog: DialogId | None, now: datetime) -> None:
    """Has the dialog shown as new again where a lead of it lives that another line passed over.

    Whoever ends a lead and whoever looks whether one lives both look after they wrote.
    """
    row = await engine.get(Dialog, dialog) if dialog is not None else None
    while row is not None and row.call_status is Status.PROCESSED:
        lead = await _planned_in(engine, row.project, DialogId(row.id))
        if lead is None or lead.status not in PLANNED:
            return
        anew = planned(lead, now) | {"status": Status.NEW}
        await tell(engine, bus, DialogId(row.id), f"{lead.id}:anew:{row.seq}", anew, now)
        lead = await engine.get(Lead, lead.id)
        if lead is not None and not lead.live:
            over = {"status": lead.status, "cause": lead.cause, "lead": lead.id}
            await tell(engine, bus, DialogId(row.id), f"{lead.id}:over:{row.seq}", over, now)
        row = await engine.get(Dialog, row.id)


async def _first(engine: Engine, lead: Lead) -> Lead:
    """The lead that is carried out for this one, which may have given way itself."""
    seen = {lead.id}
    while lead.of is not None and lead.of not in seen:
        of = await engine.get(Lead, lead.of)
        if of is None:
            break
        seen.add(of.id)
        lead = of
    return lead


async def _told_duplicate(
    engine: Engine,
    bus: Bus,
    id: str,
    dialog: DialogId | None,
    first: Lead,
    now: datetime,
    joined: Joined | None = None,
) -> None:
    """Says where the lead of that id was asked for, and in its stead's, that it gave way."""
    if dialog == first.dialog:
        return
    await _told_given_way(engine, bus, dialog, f"{id}:duplicate", first, now)
    if first.live and joined is not None:
        told = planned(first, now) | {"cause": "joined", "from": dialog or "", "rule": joined.rule}
        await tell(engine, bus, first.dialog, f"{id}:joined", told, now)


def shown_at(lead: Lead, now: datetime) -> datetime | None:
    """When people are told that the call will be; None is as soon as somebody is free."""
    if lead.held is not None:
        return lead.held.at
    if lead.auto_due_at is None:
        return lead.wanted.at if lead.wanted else None
    return lead.auto_due_at if lead.auto_due_at > now else None


def planned(lead: Lead, now: datetime) -> dict[str, str]:
    """What a line says of a lead that is to be carried out, and why then."""
    at = shown_at(lead, now)
    return {
        "lead": lead.id,
        "at": at.isoformat().replace("+00:00", "Z") if at is not None else "",
        "due": "1" if lead.due_at is not None else "",
        "zones": " ".join(lead.zones),
        "why": lead.zone_why,
        "rule": lead.rule,
        "origin": lead.origin,
    }


async def _decided(engine: Engine, bus: Bus, row: Dialog, entry: Entry, now: datetime) -> None:
    """What an operator decided about a lead: `do` it."""
    data = entry.data
    lead = await engine.get(Lead, data.get("lead", "")) if data.get("do") else None
    if lead is None or lead.project != row.project:
        return
    match data["do"]:
        case "move":
            at = moment(data.get("at", "")) or entry.stored_at
            time = CallTime(at=at, local=data.get("local", ""), zone=data.get("zone", ""))
            lead = await _hold(engine, lead, time, entry, now)
        case "automatic":
            lead = await _let_go(engine, lead, row, entry, now)
            if lead.live:
                await tell(engine, bus, lead.dialog, f"{entry.id}:call", planned(lead, now), now)
        case "cancel":
            lead = await leads.end(engine, lead, Status.PROCESSED, now, data.get("cause", ""))
        case "correct":
            await _correct(engine, bus, lead, row, entry, now)
        case "result":
            lead = await _resulted(engine, lead, row, entry, now)
            await agree(engine, bus, DialogId(row.id), now)
        case _:
            return
    await announce(bus, lead)


async def _resulted(engine: Engine, lead: Lead, row: Dialog, entry: Entry, now: datetime) -> Lead:
    """What came of a call of the lead: nothing is left to do, or a machine answered."""
    result, project = entry.data.get("result", ""), await engine.get(Project, row.project)
    if entry.data.get("status") == Status.PROCESSED:
        return await leads.end(engine, lead, Status.PROCESSED, now, result)
    if result != "voicemail" or lead.live or project is None:
        return lead
    due = moment(entry.data.get("at", ""))
    once_more = replace(_in_place_of(lead, project, row, entry, now), due_at=due, held=None)
    made = await leads.made(engine, once_more, now)
    if made is None:
        return lead
    if due is None and made.attempts >= made.plan.tries:
        made = await engine.change(Lead, made.id, partial(_for_people, now=now))
    return await leads.settle(engine, made, now)


def _for_people(lead: Lead, now: datetime) -> Lead | None:
    """That lead once its attempts are used up."""
    if not lead.live or lead.due_at is not None or lead.status not in PLANNED or lead.cause:
        return None
    return replace(lead, status=Status.NEW, cause=EXHAUSTED, changed_at=now)


async def _hold(
    engine: Engine, lead: Lead, time: CallTime | None, entry: Entry, now: datetime
) -> Lead:
    return await engine.change(
        Lead, lead.id, lambda had: leads.held(had, time, entry.stored_at, entry.id, now)
    )


async def _let_go(engine: Engine, lead: Lead, row: Dialog, entry: Entry, now: datetime) -> Lead:
    """Due when automatic dialling would go on; if that has passed, the first minute from now."""
    project = await engine.get(Project, row.project)
    if project is None:
        return lead

    def let_go(had: Lead) -> Lead | None:
        zones = had.zones or (project.schedule.zone,)
        auto = lawful(project, zones, had.auto_due_at or entry.stored_at, now)
        return leads.held(replace(had, auto_due_at=auto), None, entry.stored_at, entry.id, now)

    return await engine.change(Lead, lead.id, let_go)


async def _correct(
    engine: Engine, bus: Bus, lead: Lead, row: Dialog, entry: Entry, now: datetime
) -> None:
    """Goes on with the right phone where the wrong one's lead was; the old one ends first.

    The entry stands in the log by then, so what it died at is done again.
    """
    phone = entry.data.get("phone", "")
    project = await engine.get(Project, row.project)
    if project is None or lead.phone == phone or not E164.fullmatch(phone):
        return
    old = await leads.end(engine, lead, Status.PROCESSED, now, leads.CORRECTED)
    if old.cause != leads.CORRECTED:
        return
    if old.of is not None:
        other = await engine.get(Lead, old.of)
        if other is None or all(each.entry != entry.id for each in other.joins):
            return
    await contacts.fill(engine, row.contact, phone=phone)
    made = await leads.made(engine, _in_place_of(old, project, row, entry, now), now)
    if made is None:
        return
    right = LeadId(made.id)

    def leads_on(had: Lead) -> Lead | None:
        return replace(had, of=right) if had.of is None else None

    await announce(bus, await engine.change(Lead, old.id, leads_on))
    made = await leads.settle(engine, made, now)
    await _told(engine, bus, row, entry, made, now)


def _in_place_of(old: Lead, project: Project, row: Dialog, entry: Entry, now: datetime) -> Order:
    """The order of the old lead with the entry's phone: what was planned and tried goes on."""
    where = place_of(project, row, entry.data.get("phone", ""))
    return Order(
        id=entry.id,
        project=old.project,
        phone=entry.data.get("phone", ""),
        extension=entry.data.get("extension", ""),
        at=entry.stored_at,
        origin=old.origin,
        rule=old.rule,
        rule_name=old.rule_name,
        connection=old.connection,
        automation=old.automation,
        channel=old.channel,
        dialog=old.dialog,
        contact=old.contact,
        name=old.name,
        due_at=lawful(project, where.zones, old.auto_due_at or now, now),
        held=old.held,
        wanted=old.wanted,
        asked_at=old.asked_at,
        zones=where.zones,
        zone_why=where.why,
        plan=old.plan,
        comment=old.comment,
        attempts=old.attempts,
        operator=old.operator,
        requested_at=old.requested_at,
    )

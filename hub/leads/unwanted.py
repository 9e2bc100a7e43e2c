"""Whom nobody is to call: who refused, who is spam; and taking back what was asked for them."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub.bus import Bus
from hub.leads import leads
from hub.leads.callside import is_spam, moment
from hub.leads.lead import Lead
from hub.leads.leads import announce, tell
from hub.model import ContactId, Dialog, DialogId, Entry, ProjectId, Verb
from hub.people import contacts
from hub.requests.automation import Automation
from hub.statuses import PLANNED, Status
from hub.store.engine import Engine
from hub.store.schema import CONTACTS_BY_PHONE

OPTED_OUT, SPAM, AUTOMATION_OFF = "opted_out", "spam", "automation_off"
FORM = "form"
"""The origin of a call that a filled form asks for; when it is due a rule decides."""

SAME_PHONE = 50


async def why(
    engine: Engine, row: Dialog, entry: Entry, contact: ContactId, *, own: bool
) -> tuple[str, bool]:
    """Why nobody is to be called for what the entry asks, "" if somebody is.

    What people do by hand stands, and so does a word of the person's `own`, or a form filled to
    be called, that is newer than the refusal; then the second is True.
    """
    data = entry.data
    if data.get("origin") == "operator":
        return "", False
    if is_spam(row):
        return SPAM, False
    since = await refused_at(engine, row.project, contact, data["phone"])
    asked_at = _asked_at(entry) if own or data.get("origin") == FORM else None
    if since is not None and (asked_at is None or asked_at <= since):
        return OPTED_OUT, False
    known = await engine.get(Automation, data["automation"]) if data.get("automation") else None
    return AUTOMATION_OFF if known is not None and not known.enabled else "", since is not None


def _asked_at(entry: Entry) -> datetime:
    """When the person asked; a form may reach the hub long after it was filled."""
    filled = moment(entry.data.get("requested", "")) if entry.data.get("origin") == FORM else None
    return min(filled or entry.stored_at, entry.stored_at)


def wished_at(lead: Lead) -> datetime | None:
    """When the person last asked for the call, or an operator decided on it; no rule's word."""
    forms = [each.at for each in lead.joins if each.origin == FORM]
    return max((each for each in (lead.asked_at, lead.moved_at, *forms) if each), default=None)


async def take_back(
    engine: Engine, bus: Bus, row: Dialog, entry: Entry, cause: str, now: datetime
) -> None:
    """Leaves no lead that only this asked for; of spam nothing more is said."""
    phone = entry.data["phone"]

    def taken(had: Lead) -> Lead | None:
        rest = tuple(each for each in had.joins if each.entry != entry.id)
        if not had.live or had.status not in PLANNED or rest == had.joins:
            return None
        if rest:
            return replace(had, joins=rest, changed_at=now)
        return leads.ended(had, Status.PROCESSED, cause, now)

    if (last := await leads.latest(engine, row.project, phone)) is not None:
        lead = await engine.change(Lead, last.id, taken)
        if lead.rev != last.rev:
            await announce(bus, lead)
    if cause != SPAM:
        told = {"status": Status.PROCESSED, "cause": cause, "phone": phone}
        await tell(engine, bus, DialogId(row.id), f"{entry.id}:call", told, now)


async def ended_by_hand(engine: Engine, bus: Bus, row: Dialog, entry: Entry, now: datetime) -> None:
    """Ends what was planned, where whoever marked or refused died before that was done."""
    if entry.verb is Verb.SPAM and is_spam(row):
        await leads.withdraw_of(engine, bus, row, "", SPAM, now)
    elif "calls" in entry.data.get("what", "").split():
        person = await contacts.root(engine, row.contact)
        if person is not None and person.no_calls_at is not None:
            before = entry.stored_at
            await leads.stop_all(engine, bus, row, OPTED_OUT, now, before=before)


async def refused_at(
    engine: Engine, project: ProjectId, contact: ContactId, phone: str
) -> datetime | None:
    """Since when the person, or anybody of that phone, is not to be called by the hub itself."""
    page = await engine.find(
        CONTACTS_BY_PHONE,
        {"project": project, "phones": phone},
        limit=SAME_PHONE,
        where=lambda each: each.no_calls_at is not None or each.merged_into is not None,
    )
    # Of who became one with another only that one's word counts, which may be newer.
    people = {contact, *(ContactId(each.id) for each in page.items)}
    known = [await contacts.root(engine, each) for each in sorted(people)]
    return max((each.no_calls_at for each in known if each and each.no_calls_at), default=None)

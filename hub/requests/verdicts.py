"""Whether an automation calls the person of a request, and if it does not, why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from hub import phones
from hub.finding.filters import Filter
from hub.leads import unwanted
from hub.model import Contact, ContactId, Dialog, Entry, EntryKind, OutState, ProjectId, Verb
from hub.people.consents import PROCESSING, Consents
from hub.requests.automation import Aim, Handled, Skipped
from hub.requests.segments import names
from hub.sites import Purpose
from hub.statuses import Status
from hub.store.engine import Engine
from hub.store.schema import BY_CONTACT, CONTACTS_BY_PHONE, LOG

REACH = timedelta(days=3)
"""How old a request may be at most when it is taken."""

ADVERTISING: Purpose = "advertising"
FINAL: frozenset[Skipped] = frozenset({"handled", "spam", "sealed"})
"""Reasons that no later word of the person takes away."""

PEOPLE_MAX = 10
DIALOGS_MAX = 20
LINES_MAX = 1_000

_ANSWERED = frozenset({Status.TALKING, Status.ENDED_BY_OPERATOR, Status.ENDED_BY_VISITOR})


class Verdict(Struct, frozen=True):
    """The phone (E.164) to call, or why none is."""

    phone: str = ""
    why: Skipped = ""


def takes(aim: Aim, filters: Sequence[Filter], row: Dialog, now: datetime) -> bool:
    """Whether the request is one of those that the automation is for."""
    return (
        row.seq > 0
        # What another system has dealt with is no request to this one.
        and row.creation != "import"
        and (not aim.channels or row.channel in aim.channels)
        and names(filters, row, now)
    )


def is_decided(done: Handled | None) -> bool:
    """Whether the automation has done with the request what it does once."""
    if done is None or done.state == "skipped":
        return done is not None and done.cause in FINAL
    return True


def handled_id(automation: str, dialog: str) -> str:
    return f"{automation}:{dialog}"


async def verdict(engine: Engine, consents: Consents, aim: Aim, row: Dialog) -> Verdict:
    """What becomes of the request as things stand now; what is cheap to know is asked first."""
    if Status.SPAM in (row.chat_status, row.call_status):
        return Verdict(why="spam")
    if row.sealed:
        return Verdict(why="sealed")
    contact = await _person(engine, row.contact)
    phone, why = _callable(aim, row.phone, *(contact.phones if contact else ()))
    if why:
        return Verdict(why=why)
    person = ContactId(contact.id) if contact else row.contact
    if await unwanted.refused_at(engine, row.project, person, phone) is not None:
        return Verdict(why="opted_out")
    if aim.purpose == "advert" and not await consents.stands(row.project, person, ADVERTISING):
        return Verdict(why="no_consent")
    given = await consents.last(row.project, person, PROCESSING)
    if given is not None and not given.given:
        return Verdict(why="consent_withdrawn")
    if await handled_since(engine, row, person, phone, row.created_at):
        return Verdict(why="handled")
    return Verdict(phone=phone)


async def handled_since(
    engine: Engine, row: Dialog, person: ContactId, phone: str, since: datetime
) -> bool:
    """Whether anybody of ours has dealt with the client since then, in whichever dialog.

    That is a staff message, a letter, an answered call either way, a closing result; what the
    client says and a call that nobody answered are not. A client is the person, and whoever has
    the phone.
    """
    people = {row.contact, person, *await _with_phone(engine, row.project, phone)}
    dialogs = {row.id: row}
    for contact in people:
        page = await engine.find(
            BY_CONTACT,
            {"project": row.project, "contact": contact},
            descending=True,
            limit=DIALOGS_MAX,
            where=lambda each: each.changed_at >= since,
        )
        dialogs |= {each.id: each for each in page.items}

    def ends_the_search(entry: Entry) -> bool:
        return entry.stored_at < since or _is_handling(entry, since)

    for id in dialogs:
        log = await engine.find(
            LOG,
            {"dialog": id},
            descending=True,
            limit=1,
            where=ends_the_search,
            budget=LINES_MAX,
        )
        if any(_is_handling(each, since) for each in log.items):
            return True
    return False


def _is_handling(entry: Entry, since: datetime) -> bool:
    if entry.at < since:
        return False
    if entry.kind is EntryKind.OUT:
        return entry.author.kind == "operator" and entry.state is not OutState.FAILED
    match entry.verb:
        case Verb.CLOSED:
            return entry.cycle is not None and bool(entry.cycle.result)
        case Verb.SPAM | Verb.EMAILED:
            return True
        case Verb.CALL:
            status = entry.data.get("status", "")
            by_hand = entry.author.kind == "operator" and status == Status.PROCESSED
            return status in _ANSWERED or by_hand
        case _:
            return False


def _callable(aim: Aim, *known: str) -> tuple[str, Skipped]:
    """The first of the numbers that is a mobile or a city one of the countries called."""
    for written in filter(None, known):
        found = phones.parse(written, also=aim.countries)
        if (
            isinstance(found, phones.Phone)
            and found.kind in (phones.Kind.MOBILE, phones.Kind.CITY)
            and found.region in aim.countries
        ):
            return found.e164, ""
    return "", "phone" if any(known) else "no_phone"


async def _person(engine: Engine, id: ContactId) -> Contact | None:
    """The contact, or whom it became one with."""
    contact = await engine.get(Contact, id)
    for _ in range(PEOPLE_MAX):
        if contact is None or contact.merged_into is None:
            break
        contact = await engine.get(Contact, contact.merged_into)
    return contact


async def _with_phone(engine: Engine, project: ProjectId, phone: str) -> list[ContactId]:
    page = await engine.find(
        CONTACTS_BY_PHONE, {"project": project, "phones": phone}, limit=PEOPLE_MAX
    )
    return [ContactId(each.id) for each in page.items]

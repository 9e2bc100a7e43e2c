"""What becomes of a filled form: its connection is found, its phone read, its call planned.

All of it is keyed by the form's entry, and what was decided first stands in the log, so whoever
does it again does the same. A form whose phone cannot be read is kept as an invalid one until it
is sent again, by the settings of then.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from hub import dialogs
from hub.bus import Bus
from hub.errors import ConflictError, NotFoundError, UnavailableError
from hub.events import DialogChanged
from hub.leads.quiet import whereabouts
from hub.leads.unwanted import FORM
from hub.model import (
    HUB,
    Author,
    ChannelId,
    Dialog,
    DialogId,
    Entry,
    EntryKind,
    Project,
    ProjectId,
    Verb,
)
from hub.requests import connections
from hub.requests.connections import Filled, Read
from hub.requests.terms import CONNECTIONS_MAX, Connection, Handling, Invalid
from hub.statuses import Status
from hub.store.engine import Engine, Insert, Page, TakenError
from hub.store.schema import CONNECTIONS, INVALID, TIMELINE

T = TypeVar("T")

SAME_WITHIN = timedelta(minutes=10)
"""The same form with the same phone in this time is one person who pressed twice."""

HANDLINGS: Mapping[str, Handling] = {"callback": "callback", "register": "register"}
LOOKS_BACK = 20
RULE = "form"
"""The rule by which a form is called back that no connection is for."""


class _NeedlessError(Exception):
    """The call is not to be planned any more."""


async def follow(engine: Engine, bus: Bus, row: Dialog, entry: Entry, now: datetime) -> None:
    """Handles the form that the entry is; does nothing for any other."""
    if entry.kind is not EntryKind.IN or "form" not in entry.data:
        return
    project = await engine.get(Project, row.project)
    if project is None:
        return
    told = await _routing(engine, project, row, entry)
    if told is None:
        return
    routed = await _append(engine, bus, row, told, f"routed:{entry.id}", Verb.ROUTED, now)
    await _finish(engine, bus, row, entry, routed, now)


async def resend(engine: Engine, bus: Bus, project: ProjectId, id: str, now: datetime) -> Invalid:
    """Tries an invalid form by the settings as they now are; once it went, nothing changes.

    NotFoundError also for another project's.
    """
    had = await engine.get(Invalid, id)
    if had is None or had.project != project:
        raise NotFoundError
    if not had.waiting:
        return had
    entry, row = await engine.get(Entry, id), await engine.get(Dialog, had.dialog)
    home = await engine.get(Project, project)
    if entry is None or row is None or home is None:
        raise NotFoundError
    told = await _routing(engine, home, row, entry)
    if told is None or told.get("invalid"):
        return await _tried(engine, had, told or {}, now)
    routed = await _append(engine, bus, row, told, f"rerouted:{id}", Verb.ROUTED, now)
    await _finish(engine, bus, row, entry, routed, now)
    return await engine.change(
        Invalid, id, lambda one: replace(one, waiting=False, tried_at=now, tries=one.tries + 1)
    )


async def invalid(
    engine: Engine, project: ProjectId, *, waiting: bool, after: str | None, limit: int
) -> Page[Invalid]:
    """The project's invalid forms, those that wait or those that went, the newest first."""
    return await engine.find(
        INVALID,
        {"project": project, "waiting": waiting},
        descending=True,
        after=after,
        limit=limit,
    )


async def connected(engine: Engine, project: ProjectId) -> list[Connection]:
    """The project's connections, the highest priority first."""
    page = await engine.find(
        CONNECTIONS,
        {"project": project, "gone": False},
        limit=CONNECTIONS_MAX,
    )
    return page.items


def filled(row: Dialog, entry: Entry, zone: str) -> Filled:
    """The form as its entry has it; dates are read in the zone."""
    told = entry.data
    return Filled(
        source=told.get("source") or row.kind,
        channel=row.channel,
        form=told.get("form", ""),
        form_id=told.get("form_id", ""),
        group_id=told.get("group_id", ""),
        ad_id=told.get("ad_id", ""),
        fields=_read(told.get("fields", ""), dict[str, str]) or {},
        hidden=_read(told.get("hidden", ""), tuple[str, ...]) or (),
        raw_phone=told.get("raw_phone") or told.get("phone", ""),
        handling=HANDLINGS.get(told.get("handling", "")),
        submitted_at=entry.at.astimezone(ZoneInfo(zone)),
    )


async def _routing(
    engine: Engine, project: Project, row: Dialog, entry: Entry
) -> dict[str, str] | None:
    """What is to stand in the log of how the form is handled; None if it is only a message."""
    form = filled(row, entry, project.schedule.zone)
    fitting = connections.fitting(await connected(engine, row.project), form)
    connection = fitting[0] if fitting else None
    terms = connection.terms if connection else None
    handling = form.handling or (terms.handling if terms else None)
    if not handling:
        return None
    if "subscribed" in entry.data:
        # There is nobody to be called.
        handling = "register"
    read = connections.phone_of(terms, form)
    told = {
        "form": entry.id,
        "submitted": _iso(entry.at),
        "key": f"{form.source}:{form.form_id or form.form}",
        "handling": handling,
        "rule": f"connection:{connection.id}" if connection else RULE,
        "connection": connection.id if connection else "",
        "name": terms.name if terms else "",
        "others": " ".join(each.id for each in fitting[1:]),
        "phone": read.phone,
        "extension": read.extension,
        "written": read.written,
    }
    if terms:
        visit = connections.processed(terms, form, row.visit)
        told["visit"] = msgspec.json.encode(visit).decode() if visit != row.visit else ""
    if handling == "callback":
        told |= {"invalid": read.why_not} | _time(connection, form, project, row, read)
        told["repeat"] = await _repeats(engine, row, entry, told)
    return {name: value for name, value in told.items() if value}


def _time(
    connection: Connection | None, form: Filled, project: Project, row: Dialog, read: Read
) -> dict[str, str]:
    """When to call: a wall's time is the person's where it is known, else the project's."""
    there = whereabouts(read.phone, project.schedule.zone, browser=row.visit.zone).zones
    zone = there[0] if len(there) == 1 else project.schedule.zone
    when = connections.plan_of(connection, form, zone)
    return {
        "at": _iso(when.at) if when.at else "",
        "local": when.time.local if when.time else "",
        "zone": when.time.zone if when.time else "",
        "row": "" if when.row is None else str(when.row),
    }


async def _repeats(engine: Engine, row: Dialog, entry: Entry, told: dict[str, str]) -> str:
    """The entry of the same form a moment before, if its call was planned for the same time."""
    if told["invalid"]:
        return ""
    same = ("key", "handling", "phone", "extension", "row", "local")

    def is_same(other: Entry) -> bool:
        had = other.data
        return (
            other.verb is Verb.ROUTED
            and had.get("form") != entry.id
            and not had.keys() & {"invalid", "repeat"}
            and abs(entry.at - datetime.fromisoformat(had["submitted"])) <= SAME_WITHIN
            and all(had.get(each, "") == told[each] for each in same)
        )

    page = await engine.find(
        TIMELINE,
        {"dialog": row.id},
        descending=True,
        limit=1,
        # Who refused in between and fills the form again has not pressed twice.
        where=lambda other: other.verb is Verb.REFUSED or is_same(other),
        budget=LOOKS_BACK,
    )
    return page.items[0].data.get("form", "") if page.items else ""


async def _finish(
    engine: Engine, bus: Bus, row: Dialog, entry: Entry, routed: Entry, now: datetime
) -> None:
    """Does what the log says was decided, whoever decided it."""
    told = routed.data
    if told.get("handling") != "callback" or told.get("repeat"):
        return
    if reason := told.get("invalid"):
        kept = Invalid(
            id=entry.id,
            project=row.project,
            channel=ChannelId(row.channel),
            dialog=DialogId(routed.dialog),
            connection=told.get("connection", ""),
            name=told.get("name", ""),
            form=entry.data.get("form", ""),
            reason=reason,
            written=told.get("written", ""),
            created_at=entry.stored_at,
            tried_at=now,
        )
        with suppress(TakenError):
            await engine.write(Insert(kept))
        return
    taken = ("rule", "name", "phone", "extension", "at", "local", "zone", "connection")
    planned: dict[str, str] = {name: told[name] for name in taken if name in told}
    planned |= {"origin": FORM, "requested": told["submitted"]}
    if "row" in told:
        planned["chosen"] = "1"
    if comment := entry.data.get("comment"):
        planned["comment"] = comment
    with suppress(_NeedlessError):
        await _append(engine, bus, row, planned, f"planned:{entry.id}", Verb.PLANNED, now)


async def _append(
    engine: Engine,
    bus: Bus,
    row: Dialog,
    data: dict[str, str],
    id: str,
    verb: Verb,
    now: datetime,
) -> Entry:
    """The line as it stands, which may be one that another drew before."""

    def make(current: Dialog) -> Entry:
        if verb is Verb.PLANNED and Status.SPAM in (current.chat_status, current.call_status):
            raise _NeedlessError
        rule, name = data.get("rule", ""), data.get("name", "")
        return replace(
            dialogs.draft(current, id, EntryKind.SYSTEM, now, now),
            author=Author("rule", rule, name) if rule else HUB,
            verb=verb,
            data=data,
        )

    for _ in range(dialogs.TRIES):
        try:
            appended = await dialogs.append(engine, row, make)
        except dialogs.SealedError:
            # What the form began has ended since: it goes on where the person is now.
            latest = await dialogs.latest(engine, row.project, row.identity)
            if latest is None or latest.id == row.id:
                # Not that the store is away: for that the worker would let everybody wait.
                raise ConflictError("sealed") from None
            row = latest
            continue
        if appended.entry.dialog == appended.row.id:
            await bus.announce(
                DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
            )
        if appended.fresh:
            await bus.wake("rules")
        return appended.entry
    raise UnavailableError(f"{row.id} is too busy")


async def _tried(engine: Engine, had: Invalid, told: dict[str, str], now: datetime) -> Invalid:
    """It is as invalid as before, perhaps for another reason."""

    def tried(one: Invalid) -> Invalid | None:
        if not one.waiting:
            return None
        return replace(
            one,
            connection=told.get("connection", ""),
            name=told.get("name", ""),
            reason=told.get("invalid", one.reason),
            written=told.get("written", ""),
            tries=one.tries + 1,
            tried_at=now,
        )

    return await engine.change(Invalid, had.id, tried)


def _read(text: str, of: type[T]) -> T | None:
    """What an entry keeps as JSON; a log is read whatever it holds."""
    try:
        return msgspec.json.decode(text, type=of) if text else None
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""What operators do with callback orders: see them, ask for one, move, give back, correct, cancel.

A decision is a line of the dialog before anything follows from it, so it is carried out also if
the process dies in between. An operator may call when the hub itself may not, and is warned.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from hub.accounts import Who
from hub.bus import Bus
from hub.calls import dialling
from hub.desk import Desk, key_of
from hub.errors import BadValueError, ConflictError, ForbiddenError, NotFoundError
from hub.leads import leads, ordering, slots, unwanted
from hub.leads.lead import Lead
from hub.model import (
    Author,
    Dialog,
    Entry,
    EntryKind,
    OperatorId,
    Project,
    ProjectId,
    Verb,
    cut,
)
from hub.people.contacts import NotAPhoneError, phone_of
from hub.rights import Right, What, may
from hub.statuses import LIVE, Status
from hub.store.engine import Engine, Page
from hub.store.schema import LEADS, LEADS_DUE, LEADS_ENDED, LEADS_LIVE, TIMELINE

View = Literal["planned", "waiting", "ended"]
Cause = Literal["handled", "not_needed", "wrong_number", "called_back"]
Doubt = Literal["outside", "opted_out"]

LOOKED = 200
WHOLE_DIGITS = 10
"""A phone with fewer may be the middle of a longer one."""
DIALOGS = 5
FAR = slots.HORIZON


class Decided(msgspec.Struct, frozen=True):
    """How the lead stands now, and what the operator should have known; no lead if it waits."""

    lead: Lead | None
    warnings: tuple[Doubt, ...] = ()


class Callbacks:
    def __init__(self, engine: Engine, bus: Bus, desk: Desk, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._desk = desk
        self._now = now

    async def page(
        self,
        who: Who,
        project: ProjectId,
        view: View,
        *,
        phone: str = "",
        sought: str = "",
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Lead]:
        """The leads that he may see: planned by their time, the others the newest first.

        `sought` is a phone, any part of one, or how a name begins; but for a whole phone a page
        may pause before it is full, as it looks at so many leads and no more.
        """
        is_sought = sought_by(sought)

        def shown(lead: Lead) -> bool:
            of_view = lead.live and (lead.due_at is not None) == (view == "planned")
            of_view = of_view if view != "ended" else not lead.live
            return of_view and is_sought(lead) and _may(who, Right.SEE, lead)

        if phone or (phone := _whole(sought)):
            phone = phone_of(phone) or phone
            return await self._engine.find(
                LEADS,
                {"project": project, "phone": phone},
                descending=True,
                after=after,
                limit=limit,
                where=shown,
            )
        if view == "planned":
            return await self._engine.find(
                LEADS_DUE,
                {"project": project, "live": True},
                after=after,
                limit=limit,
                where=shown,
            )
        if view == "ended":
            return await self._engine.find(
                LEADS_ENDED,
                {"project": project},
                descending=True,
                after=after,
                limit=limit,
                where=shown,
            )
        return await self._engine.find(
            LEADS_LIVE,
            {"project": project, "live": True},
            descending=True,
            after=after,
            limit=limit,
            where=shown,
        )

    async def lead(self, who: Who, project: ProjectId, id: str, right: Right = Right.SEE) -> Lead:
        """NotFoundError also for what he may not see."""
        lead = await self._engine.get(Lead, id)
        if lead is None or lead.project != project or not _may(who, Right.SEE, lead):
            raise NotFoundError
        if not _may(who, right, lead):
            raise ForbiddenError
        return lead

    async def timeline(self, who: Who, lead: Lead) -> list[Entry]:
        """What was said of the lead in the dialogs that asked for it, the newest first."""
        asked = {each.entry for each in lead.joins}
        named = dict.fromkeys([lead.dialog, *(each.dialog for each in reversed(lead.joins))])
        dialogs = [each for each in named if each is not None][:DIALOGS]
        rows = await self._engine.get_many(Dialog, dialogs)
        found: list[Entry] = []
        for row in rows.values():
            if row.project != lead.project or not may(
                who, Right.SEE, What(row.project, row.channel)
            ):
                continue
            page = await self._engine.find(
                TIMELINE,
                {"dialog": row.id},
                descending=True,
                limit=LOOKED,
                budget=LOOKED,
                where=lambda each: each.id in asked or each.data.get("lead") == lead.id,
            )
            found += page.items
        return sorted(found, key=lambda each: (each.stored_at, each.seq), reverse=True)

    async def callable_now(self, lead: Lead) -> bool:
        """Whether the hub itself might call there now."""
        project = await self._engine.known(Project, lead.project)
        return _is_day(project, lead.zones, self._now())

    async def move(self, who: Who, lead: Lead, at: datetime) -> Decided:
        """Sets an exact time, also outside the hours; BadValueError for one that is over."""
        at = self._to_come(at)
        project = await self._engine.known(Project, lead.project)
        self._movable(lead)
        zone = (lead.zones or (project.schedule.zone,))[0]
        told = {"do": "move", "at": _iso(at), "zone": zone}
        doubts: tuple[Doubt, ...] = () if _is_day(project, lead.zones, at) else ("outside",)
        return Decided(await self._decide(who, lead, told), doubts)

    async def automatic(self, who: Who, lead: Lead) -> Decided:
        """Gives it back to automatic dialling, which goes on where it was."""
        self._movable(lead)
        return Decided(await self._decide(who, lead, {"do": "automatic"}))

    async def cancel(self, who: Who, lead: Lead, cause: Cause) -> Decided:
        """Ends it; ConflictError("calling") while the phone rings."""
        if not lead.live or lead.status is not Status.AWAITING_OPERATOR:
            self._movable(lead)
        told = {"do": "cancel", "cause": cause, "status": Status.PROCESSED}
        return Decided(await self._decide(who, lead, told))

    async def correct(self, who: Who, lead: Lead, written: str) -> Decided:
        """Goes on with the right phone: what was planned and tried stays, or joins its lead."""
        phone = _phone(written)
        self._movable(lead)
        if phone == lead.phone:
            return Decided(lead)
        await self._decide(who, lead, {"do": "correct", "phone": phone})
        return Decided(await leads.latest(self._engine, lead.project, phone))

    async def ask(
        self,
        who: Who,
        row: Dialog,
        key: str,
        written: str,
        at: datetime | None = None,
        *,
        anyway: bool = False,
    ) -> Decided:
        """Has the person of the dialog called, now or then; once for each `key`.

        Outside the hours, or where the person refused, only if he says so a second time.
        """
        phone = _phone(written or row.phone)
        id = key_of(row, who, key)
        project = await self._engine.known(Project, row.project)
        if await self._engine.get(Entry, id) is None:
            when = self._to_come(at) if at is not None else self._now()
            where = ordering.place_of(project, row, phone)
            warnings = await self._doubts(project, row, phone, where.zones, when)
            if warnings and not anyway:
                return Decided(None, warnings)
        else:
            warnings = ()
        told = {"phone": phone, "origin": "operator", "rule": "operator"}
        told |= {"at": _iso(self._to_come(at))} if at is not None else {}

        def make(current: Dialog) -> Entry:
            line = self._desk.line(current, who, id, EntryKind.SYSTEM, Verb.PLANNED)
            return replace(line, data=told)

        appended = await self._desk.enter(row, make, id)
        await ordering.follow(self._engine, self._bus, appended.row, appended.entry, self._now())
        phone = appended.entry.data.get("phone", phone)
        lead = await leads.latest(self._engine, row.project, phone)
        if (
            lead is not None
            and lead.live
            and lead.status is Status.AWAITING_OPERATOR
            and at is None
        ):
            # Who wants it called now says what it waits for.
            by = OperatorId(who.operator.id)
            lead = await dialling.confirm(self._engine, self._bus, lead.id, by, self._now())
        return Decided(lead, warnings)

    async def _decide(self, who: Who, lead: Lead, told: dict[str, str]) -> Lead:
        """Writes it down, and carries it out as the worker would."""
        now, author = self._now(), Author("operator", who.operator.id, who.operator.name)
        what = told.get("at") or told.get("phone") or told.get("cause", "")
        id = f"{lead.id}:{lead.rev}:{who.operator.id}:{told['do']}:{what}"
        entry = await leads.tell(
            self._engine, self._bus, lead.dialog, id, told | {"lead": lead.id}, now, author
        )
        if entry is None:
            raise ConflictError("sealed")
        row = await self._desk.dialog(entry.dialog)
        await ordering.follow(self._engine, self._bus, row, entry, now)
        return await self._engine.get(Lead, lead.id) or lead

    def _movable(self, lead: Lead) -> None:
        if not lead.live:
            raise ConflictError("ended", lead.cause)
        if lead.status in LIVE:
            raise ConflictError("calling", lead.status)

    def _to_come(self, at: datetime) -> datetime:
        now = self._now()
        if not now <= at <= now + FAR:
            raise BadValueError("not a time to come", field="at")
        return cut(at)

    async def _doubts(
        self, project: Project, row: Dialog, phone: str, zones: tuple[str, ...], at: datetime
    ) -> tuple[Doubt, ...]:
        doubts: list[Doubt] = [] if _is_day(project, zones, at) else ["outside"]
        refused = await unwanted.refused_at(self._engine, row.project, row.contact, phone)
        return (*doubts, *(("opted_out",) if refused is not None else ()))


def sought_by(text: str) -> Callable[[Lead], bool]:
    """Whether a lead is what somebody looks for who typed that.

    Without a letter it is a phone or a part of one, however it is spaced, and 8 at its head may
    stand for +7. Else each word is the beginning of a word of the name.
    """
    words = _words(text)
    digits = _digits(text)
    if any(each.isalpha() for each in text):
        return lambda lead: all(
            any(one.startswith(word) for one in _words(lead.name)) for word in words
        )
    if text.strip().startswith("+"):
        return lambda lead: _digits(lead.phone).startswith(digits)
    national = "7" + digits[1:] if digits.startswith("8") else digits
    return lambda lead: digits in lead.phone or _digits(lead.phone).startswith(national)


def _whole(sought: str) -> str:
    """The phone, if it was typed to its end."""
    is_phone = not any(each.isalpha() for each in sought)
    return (phone_of(sought) or "") if is_phone and len(_digits(sought)) >= WHOLE_DIGITS else ""


def _digits(text: str) -> str:
    return "".join(each for each in text if each in "0123456789")


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("ё", "е"))


def _may(who: Who, right: Right, lead: Lead) -> bool:
    return may(who, right, What(lead.project, lead.channel))


def _is_day(project: Project, zones: tuple[str, ...], at: datetime) -> bool:
    zones = zones or (project.schedule.zone,)
    return slots.callable_at(project.schedule, zones, at, project.calling.quiet)


def _phone(written: str) -> str:
    phone = phone_of(written)
    if phone is None:
        raise NotAPhoneError(field="phone")
    return phone


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

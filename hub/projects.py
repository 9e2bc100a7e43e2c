"""What a project is set to: hours, calls, rules, its production calendar.

A change names the `rev` that it was made from, so that two admins cannot undo each other unseen,
and every process acts by it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from hub import calendar, phones
from hub.accounts import Who, clean_name
from hub.audits import audited
from hub.bus import Bus
from hub.calendar import Calendar
from hub.calling import Calling
from hub.calls import says, trunks
from hub.calls import script as scripts
from hub.channels.in_use import WAKE, Channels
from hub.errors import BadValueError, ConflictError, UnavailableError
from hub.files.kept import Files
from hub.leads import quiet, slots
from hub.leads.quiet import Whereabouts
from hub.model import Project, ProjectId
from hub.people.contacts import ALSO, REGION
from hub.phones import Kind, WhyNot
from hub.policy import Policy
from hub.rules.checks import Warned
from hub.rules.checks import check as check_policy
from hub.schedule import Schedule, next_opening
from hub.store.engine import Engine, MovedError, Replace
from hub.telling import texting
from hub.telling.triggers import SmsTrigger


class NoNumberError(BadValueError):
    """What is in the field is no number; the code says why."""

    def __init__(self, why: WhyNot) -> None:
        super().__init__(field="phone")
        self.code = why.value


class Change(Struct, frozen=True, kw_only=True):
    """What is to be another; None stays, and what is given is given whole."""

    name: str | None = None
    lang: Literal["ru", "en"] | None = None
    schedule: Schedule | None = None
    calling: Calling | None = None
    policy: Policy | None = None
    reopen_days: int | None = None
    reopen_days_auto: int | None = None
    notices_name_people: bool | None = None
    texting: tuple[SmsTrigger, ...] | None = None


class There(Struct, frozen=True, kw_only=True):
    """Where the person of a number is, what the clocks read there, and when to call.

    `local` is of each zone in its order; `soonest` is None if at no time.
    """

    phone: str
    kind: Kind
    where: Whereabouts
    local: tuple[str, ...]
    callable: bool
    soonest: datetime | None


class Projects:
    """The caller has already checked that `who` may do this to the project."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        files: Files,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._files = files
        self._now = now

    async def get(self, id: ProjectId) -> Project:
        """As it stands in the store now."""
        return await self._engine.known(Project, id)

    async def change(
        self, id: ProjectId, rev: int, change: Change, who: Who, *, address: str = ""
    ) -> Project:
        """The project after the change; ConflictError("changed") if it was changed since `rev`.

        ConflictError("as_code") names what of it is kept in the settings file.
        """
        had = await self._unchanged(id, rev)
        if change.policy is not None:
            check_policy(change.policy)
        if change.calling is not None:
            await self._check_calling(had, change.calling)
        if change.texting is not None and change.texting != had.texting:
            texting.check(self._channels, id, change.texting)
        given = {
            name: value
            for name in change.__struct_fields__
            if (value := getattr(change, name)) is not None
        }
        if change.name is not None:
            given["name"] = clean_name(change.name)
        after = replace(had, **given)
        if after.schedule.week != had.schedule.week:
            years = [year for year in had.calendar_years if year >= self._today(had).year]
            hours = await asyncio.to_thread(calendar.followed, had.schedule, after.schedule, years)
            after = replace(after, schedule=hours)
        _check_code(had, after)
        by = f"calling:{id}"
        await says.keep(self._files, after.calling.script, by)
        kept = await self._keep(had, after, "project_changed", who, address)
        await says.let_go(self._files, had.calling.script, after.calling.script, by)
        return kept

    async def _check_calling(self, had: Project, calling: Calling) -> None:
        """Only of what is changed: a line that is gone for a while spoils no other settings."""
        project, before = ProjectId(had.id), had.calling
        says.check(calling.script, "calling.script")
        if calling.script != before.script:
            await says.check_files(self._files, project, calling.script, "calling.script")
            trunks.check_scenario(self._channels, project, calling.script, "calling.script")
        if calling.shown != before.shown:
            trunks.check_shown(self._channels, project, calling.shown, "calling.shown")
        if calling.numbers != before.numbers:
            for n, number in enumerate(calling.numbers):
                trunks.check_dialled(self._channels, project, number, f"calling.numbers.{n}")

    async def calendar(self, schedule: Schedule, year: int) -> Calendar:
        """What the production calendar of the year would change of that week."""
        # What it is made of is imported at the first use.
        return await asyncio.to_thread(calendar.proposed, year, schedule)

    async def confirm(
        self,
        id: ProjectId,
        rev: int,
        year: int,
        chosen: Sequence[str],
        who: Who,
        *,
        address: str = "",
    ) -> Project:
        """The project with those dates of the year's calendar, which is settled now."""
        had = await self._unchanged(id, rev)
        found = await self.calendar(had.schedule, year)
        after = replace(
            had,
            schedule=calendar.confirmed(had.schedule, found.proposals, chosen),
            calendar_years=tuple(sorted({*had.calendar_years, year})),
        )
        return await self._keep(had, after, "calendar_confirmed", who, address, str(year))

    async def where(
        self, id: ProjectId, number: str | None, *, said: str = "", browser: str = ""
    ) -> There:
        """Where that number's person is, and when they may be called from now on.

        NoNumberError for what is none; None is somebody without a number.
        """
        project, now = await self.get(id), self._now()
        phone = phones.parse(number, REGION, ALSO) if number is not None else None
        if isinstance(phone, WhyNot):
            raise NoNumberError(phone)
        e164, kind = (phone.e164, phone.kind) if phone else ("", Kind.UNKNOWN)
        schedule, hours = project.schedule, project.calling.quiet
        where = quiet.whereabouts(e164, schedule.zone, said=said, browser=browser)
        return There(
            phone=e164,
            kind=kind,
            where=where,
            local=tuple(f"{now.astimezone(ZoneInfo(each)):%Y-%m-%dT%H:%M}" for each in where.zones),
            callable=slots.callable_at(schedule, where.zones, now, hours),
            soonest=slots.soonest(schedule, where.zones, now, hours),
        )

    def missing(self, project: Project) -> int | None:
        """The year whose production calendar somebody ought to confirm."""
        return calendar.missing(project.schedule, self._today(project), project.calendar_years)

    def warned(self, project: Project) -> tuple[Warned, ...]:
        """What can be kept and yet is hardly meant."""
        now, schedule = self._now(), project.schedule
        odd = []
        if next_opening(schedule, now) is None:
            odd.append(Warned(field="schedule", code="never_open", names=()))
        elif slots.soonest(schedule, schedule.zone, now, project.calling.quiet) is None:
            odd.append(Warned(field="calling.quiet", code="never_callable", names=()))
        calling = project.calling
        odd += [
            Warned(field="calling.script", code=each, names=())
            for each in scripts.doubts(calling.script)
        ]
        if not trunks.is_confirmed(self._channels, ProjectId(project.id), calling.shown):
            odd.append(Warned(field="calling.shown", code="shown_unconfirmed", names=()))
        return (*odd, *check_policy(project.policy))

    def _today(self, project: Project) -> date:
        return self._now().astimezone(ZoneInfo(project.schedule.zone)).date()

    async def _unchanged(self, id: ProjectId, rev: int) -> Project:
        had = await self.get(id)
        if had.rev != rev:
            raise ConflictError("changed", str(had.rev))
        return had

    async def _keep(
        self, had: Project, after: Project, verb: str, who: Who, address: str, what: str = ""
    ) -> Project:
        changed = _changed(had, after)
        if not changed:
            return had
        now, told = self._now(), what or ", ".join(changed)
        note = audited(now, who.id, verb, had.id, ProjectId(had.id), address, what=told)
        try:
            # First the note, as for channels: a trace without a change misleads less than a
            # change without a trace.
            await self._engine.write(note, Replace(after))
        except MovedError:
            raise ConflictError("changed", str(had.rev + 1)) from None
        await self._bus.wake(WAKE)
        with suppress(UnavailableError):
            await self._channels.refresh()
        return replace(after, rev=had.rev + 1)


def _check_code(had: Project, after: Project) -> None:
    kept = {
        "name": had.name != after.name,
        "lang": had.lang != after.lang,
        "zone": had.schedule.zone != after.schedule.zone,
        "hours": had.schedule.week != after.schedule.week,
    }
    refused = [name for name, changed in kept.items() if changed and name in had.as_code]
    if refused:
        raise ConflictError("as_code", ", ".join(refused))


def _changed(had: Project, after: Project) -> list[str]:
    """Which fields are other, one level into what has parts."""
    found = []
    for name in had.__struct_fields__:
        before, now = getattr(had, name), getattr(after, name)
        if before == now:
            continue
        if isinstance(before, Struct):
            found += [
                f"{name}.{part}"
                for part in before.__struct_fields__
                if getattr(before, part) != getattr(now, part)
            ]
        else:
            found.append(name)
    return found

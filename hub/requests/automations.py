"""Automations as people set them up: made, changed, switched, and looked at before they call.

What one does by itself, round after round, is in `hub.requests.automating`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from hub.accounts import Who
from hub.audits import audited
from hub.errors import BadValueError, ConflictError, NotFoundError, UnavailableError
from hub.leads import ordering
from hub.model import ChannelId, Dialog, DialogId, Project, ProjectId
from hub.people.consents import Consents
from hub.requests.automating import Automating
from hub.requests.automation import Aim, Automation, Handled, Skipped
from hub.requests.segments import Segments, made_id
from hub.requests.verdicts import REACH, handled_id, is_decided, takes, verdict
from hub.store.engine import Engine, Insert, MovedError, Page, Range, Replace, TakenError
from hub.store.schema import AUTOMATIONS, BY_CREATED, HANDLED, HANDLED_OPEN

AUTOMATIONS_MAX = 50
FORESEEN_MAX = 200
"""Requests that a preview decides about."""
TRIES = 20


class Foreseen(Struct, frozen=True, kw_only=True):
    """What would become of one request; `due_at` is when it would be called."""

    dialog: DialogId
    name: str
    channel: ChannelId
    created_at: datetime
    phone: str = ""
    why: Skipped = ""
    due_at: datetime | None = None
    zones: tuple[str, ...] = ()
    zone_why: str = ""


class Preview(Struct, frozen=True, kw_only=True):
    """Of the requests made since `since`; with `more` there are others."""

    items: tuple[Foreseen, ...]
    since: datetime
    more: bool


class Automations:
    """The caller has already checked that `who` may do this in the project."""

    def __init__(
        self,
        engine: Engine,
        segments: Segments,
        automating: Automating,
        consents: Consents,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._segments = segments
        self._automating = automating
        self._consents = consents
        self._now = now

    async def of(self, project: ProjectId) -> list[Automation]:
        page = await self._engine.find(AUTOMATIONS, {"project": project}, limit=AUTOMATIONS_MAX)
        return page.items

    async def get(self, project: ProjectId, id: str) -> Automation:
        """NotFoundError also for another project's."""
        automation = await self._engine.get(Automation, id)
        if automation is None or automation.project != project:
            raise NotFoundError
        return automation

    async def add(
        self, project: ProjectId, aim: Aim, who: Who, key: str, *, address: str = ""
    ) -> Automation:
        """A new automation, switched off, once for the same key.

        ConflictError("automations_full") past the limit.
        """
        await self._check(project, aim, who)
        now = self._now()
        automation = Automation(
            id=made_id("automation", project, key),
            project=project,
            aim=aim,
            since=now,
            created_at=now,
            changed_at=now,
        )
        known = await self._engine.get(Automation, automation.id)
        if known is not None:
            return known
        if len(await self.of(project)) >= AUTOMATIONS_MAX:
            raise ConflictError("automations_full")
        note = audited(
            now, who.id, "automation_added", automation.id, project, address, what=aim.name
        )
        try:
            await self._engine.write(Insert(automation), note)
        except TakenError:
            return await self.get(project, automation.id)
        return automation

    async def change(
        self, project: ProjectId, id: str, aim: Aim, who: Who, *, address: str = ""
    ) -> Automation:
        """The automation as it is from its next round on; what it has planned stays planned."""
        await self._check(project, aim, who)

        def changed(had: Automation) -> Automation | None:
            return replace(had, aim=aim) if had.aim != aim else None

        return await self._write(project, id, changed, "automation_changed", who, address)

    async def switch(
        self, project: ProjectId, id: str, who: Who, *, on: bool, address: str = ""
    ) -> tuple[Automation, int]:
        """Has it take requests from now on, or no more, and how many planned calls that stopped.

        A call that was dialled already, or that others asked for too, goes on.
        """
        now = self._now()

        def switched(had: Automation) -> Automation | None:
            if had.enabled == on:
                return None
            return replace(had, enabled=on, since=now if on else had.since)

        if on:
            await self._check(project, (await self.get(project, id)).aim, who)
        verb = "automation_on" if on else "automation_off"
        automation = await self._write(project, id, switched, verb, who, address)
        return automation, 0 if on else await self._automating.follow(automation)

    async def drop(self, project: ProjectId, id: str, who: Who, *, address: str = "") -> None:
        """Deletes one that is off and has no calls to come.

        ConflictError("enabled") or ("busy") for another.
        """
        automation = await self.get(project, id)
        if automation.enabled:
            raise ConflictError("enabled", automation.aim.name)
        open_calls: dict[str, str | bool] = {"project": project, "automation": id, "open": True}
        if await self._engine.count(HANDLED_OPEN, open_calls, cap=1):
            raise ConflictError("busy", automation.aim.name)
        verb, now, name = "automation_dropped", self._now(), automation.aim.name
        await self._engine.write(audited(now, who.id, verb, id, project, address, what=name))
        await self._engine.delete_if(Automation, id, lambda had: not had.enabled)

    async def handled(
        self, automation: Automation, who: Who, *, after: str | None = None, limit: int = 50
    ) -> Page[Handled]:
        """What it did, the newest first."""
        allowed = who.channels(automation.project)
        return await self._engine.find(
            HANDLED,
            {"project": automation.project, "automation": automation.id},
            descending=True,
            after=after,
            limit=limit,
            where=lambda each: allowed is None or each.channel in allowed,
        )

    async def preview(
        self, project: Project, aim: Aim, who: Who, automation: Automation | None = None
    ) -> Preview:
        """Whom it would call, and when, with nothing done.

        One that is not there yet is tried on the last three days; one that is, on what it has not
        decided about.
        """
        now = self._now()
        filters = (await self._segments.get(ProjectId(project.id), aim.segment, who)).filters
        since = now - REACH
        if automation is not None and automation.enabled:
            since = max(since, automation.since)
        allowed = who.channels(ProjectId(project.id))
        page = await self._engine.find(
            BY_CREATED,
            {"project": project.id},
            range=Range("created_at", at_least=since),
            limit=FORESEEN_MAX,
            where=lambda row: (
                takes(aim, filters, row, now) and (allowed is None or row.channel in allowed)
            ),
        )
        done: dict[str, Handled] = {}
        if automation is not None:
            ids = [handled_id(automation.id, row.id) for row in page.items]
            done = await self._engine.get_many(Handled, ids)
        items = []
        for row in page.items:
            if automation is not None and is_decided(done.get(handled_id(automation.id, row.id))):
                continue
            items.append(await self._foreseen(project, aim, row, now))
        return Preview(items=tuple(items), since=since, more=page.next is not None)

    async def _foreseen(self, project: Project, aim: Aim, row: Dialog, now: datetime) -> Foreseen:
        found = await verdict(self._engine, self._consents, aim, row)
        seen = Foreseen(
            dialog=DialogId(row.id),
            name=row.name,
            channel=row.channel,
            created_at=row.created_at,
            phone=found.phone,
            why=found.why,
        )
        if found.why:
            return seen
        where = ordering.place_of(project, row, found.phone)
        due = row.created_at + timedelta(hours=aim.delay_hours)
        return replace(
            seen,
            due_at=ordering.lawful(project, where.zones, due, now),
            zones=where.zones,
            zone_why=where.why,
        )

    async def _check(self, project: ProjectId, aim: Aim, who: Who) -> None:
        try:
            await self._segments.get(project, aim.segment, who)
        except NotFoundError:
            raise BadValueError("there is no such segment", field="segment") from None

    async def _write(
        self,
        project: ProjectId,
        id: str,
        how: Callable[[Automation], Automation | None],
        verb: str,
        who: Who,
        address: str,
    ) -> Automation:
        for _ in range(TRIES):
            had, now = await self.get(project, id), self._now()
            after = how(had)
            if after is None:
                return had
            after = replace(after, changed_at=now)
            note = audited(now, who.id, verb, id, project, address, what=after.aim.name)
            try:
                await self._engine.write(note, Replace(after))
            except MovedError:
                continue
            return replace(after, rev=had.rev + 1)
        raise UnavailableError("others change it all the time")

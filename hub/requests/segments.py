"""Saved filters: who keeps which, how many requests they name now, and which ones.

A segment is asked of the newest requests first and looks at a bounded number of them; how far
back it looked is part of the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from hub.accounts import Who
from hub.audits import audited
from hub.errors import BadValueError, ConflictError, NotFoundError, UnavailableError
from hub.finding.filters import FIELDS, Filter, check, conditions, passes, subject
from hub.model import ChannelId, Dialog, OperatorId, ProjectId
from hub.requests.automation import Filters, Name, Segment
from hub.store.engine import Engine, Insert, MovedError, Page, Replace, TakenError
from hub.store.schema import AUTOMATIONS, BY_CREATED, SEGMENTS

SEGMENTS_MAX = 100
CONDITIONS_MAX = 100
"""In all the filters of one segment, each of which is asked of thousands of requests."""
LOOKED_AT = 5_000
"""Requests that one count looks at."""
FIRST = 20
PAGE_BUDGET = 2_000
TRIES = 20


class Draft(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A segment as somebody puts it together."""

    name: Name
    filters: Filters
    shared: bool = True


class Count(Struct, frozen=True, kw_only=True):
    """How many there are among the requests made since `back_to`; with `more` there are older.

    `first` are the newest of them.
    """

    n: int
    first: tuple[Dialog, ...]
    back_to: datetime
    more: bool


class Segments:
    """The caller has already checked that `who` may do this in the project."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def of(self, project: ProjectId, who: Who) -> list[Segment]:
        """What `who` sees of the project's, the oldest first."""
        page = await self._engine.find(SEGMENTS, {"project": project}, limit=SEGMENTS_MAX)
        return [each for each in page.items if each.shared or each.by == who.operator.id]

    async def get(self, project: ProjectId, id: str, who: Who) -> Segment:
        """NotFoundError also for another project's, and for what another keeps for himself."""
        segment = await self._engine.get(Segment, id)
        if segment is None or segment.project != project:
            raise NotFoundError
        if not segment.shared and segment.by != who.operator.id:
            raise NotFoundError
        return segment

    async def add(
        self, project: ProjectId, draft: Draft, who: Who, key: str, *, address: str = ""
    ) -> Segment:
        """A new segment, once for the same key; ConflictError("segments_full") past the limit."""
        checked(draft.filters)
        now = self._now()
        segment = Segment(
            id=made_id("segment", project, key),
            project=project,
            name=draft.name,
            filters=draft.filters,
            shared=draft.shared,
            by=OperatorId(who.id),
            created_at=now,
            changed_at=now,
        )
        known = await self._engine.get(Segment, segment.id)
        if known is not None:
            return known
        if await self._engine.count(SEGMENTS, {"project": project}, cap=SEGMENTS_MAX) >= (
            SEGMENTS_MAX
        ):
            raise ConflictError("segments_full")
        note = audited(
            now, who.id, "segment_added", segment.id, project, address, what=segment.name
        )
        try:
            await self._engine.write(Insert(segment), note)
        except TakenError:
            return await self.get(project, segment.id, who)
        return segment

    async def change(
        self, project: ProjectId, id: str, draft: Draft, who: Who, *, address: str = ""
    ) -> Segment:
        """The segment as it is now; an automation goes by it from its next round on."""
        checked(draft.filters)
        for _ in range(TRIES):
            had, now = await self.get(project, id, who), self._now()
            after = replace(
                had, name=draft.name, filters=draft.filters, shared=draft.shared, changed_at=now
            )
            if replace(after, changed_at=had.changed_at) == had:
                return had
            note = audited(now, who.id, "segment_changed", id, project, address, what=draft.name)
            try:
                await self._engine.write(note, Replace(after))
            except MovedError:
                continue
            return replace(after, rev=had.rev + 1)
        raise UnavailableError("others change it all the time")

    async def drop(self, project: ProjectId, id: str, who: Who, *, address: str = "") -> None:
        """ConflictError("in_use", name) while an automation goes by it."""
        segment = await self.get(project, id, who)
        automations = await self._engine.find(AUTOMATIONS, {"project": project}, limit=100)
        for each in automations.items:
            if each.aim.segment == id:
                raise ConflictError("in_use", each.aim.name)
        now = self._now()
        note = audited(now, who.id, "segment_dropped", id, project, address, what=segment.name)
        await self._engine.write(note)
        await self._engine.delete_if(Segment, id, lambda _: True)

    async def count(
        self,
        project: ProjectId,
        filters: Sequence[Filter],
        allowed: Collection[ChannelId] | None = None,
    ) -> Count:
        """How many requests pass; `allowed` are the channels that may be looked into."""
        page = await self._walk(project, filters, allowed, None, LOOKED_AT, LOOKED_AT)
        return Count(
            n=len(page.items),
            first=tuple(page.items[:FIRST]),
            back_to=self._back_to(page),
            more=page.next is not None,
        )

    async def members(
        self,
        project: ProjectId,
        filters: Sequence[Filter],
        allowed: Collection[ChannelId] | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> tuple[Page[Dialog], datetime]:
        """A page of them, the newest first, and how far back it looked; it may be short."""
        page = await self._walk(project, filters, allowed, after, limit, PAGE_BUDGET)
        return page, self._back_to(page)

    async def _walk(
        self,
        project: ProjectId,
        filters: Sequence[Filter],
        allowed: Collection[ChannelId] | None,
        after: str | None,
        limit: int,
        budget: int,
    ) -> Page[Dialog]:
        checked(filters)
        now = self._now()

        def is_one(row: Dialog) -> bool:
            return (
                row.seq > 0
                and (allowed is None or row.channel in allowed)
                and names(filters, row, now)
            )

        return await self._engine.find(
            BY_CREATED,
            {"project": project},
            descending=True,
            after=after,
            limit=limit,
            where=is_one,
            budget=budget,
        )

    def _back_to(self, page: Page[Dialog]) -> datetime:
        return page.last.created_at if page.last is not None else self._now()


def names(filters: Sequence[Filter], row: Dialog, now: datetime) -> bool:
    """Whether one of the filters lets the request pass."""
    about = subject(row, now)
    return any(passes(each, about) for each in filters)


def checked(filters: Sequence[Filter]) -> None:
    """BadValueError with the path of what is wrong, which begins with `filters`."""
    for n, each in enumerate(filters):
        try:
            check(each, FIELDS)
        except BadValueError as wrong:
            raise BadValueError(str(wrong), field=f"filters.{n}.{wrong.field}") from None
    if sum(map(conditions, filters)) > CONDITIONS_MAX:
        raise BadValueError(f"more than {CONDITIONS_MAX} conditions", field="filters")


def made_id(what: str, project: ProjectId, key: str) -> str:
    """The id of what was made in that project under that key."""
    return hashlib.sha256(f"{what}\0{project}\0{key}".encode()).hexdigest()[:20]

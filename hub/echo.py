"""Says again what changed lately, for screens that did not hear it the first time.

A process may die between what it stored and what it would have announced. Screens take a
repeat for what it is, by the row's `rev` and the entry's.
"""

from __future__ import annotations

from datetime import datetime

from hub.bus import Bus
from hub.events import DialogChanged, EntryChanged
from hub.model import Dialog, Project, ProjectId
from hub.store.engine import Engine, Range
from hub.store.schema import BY_CHANGE, LOG, PROJECTS_BY_NAME

PAGE = 200
ENTRIES_MAX = 50


async def echo(engine: Engine, bus: Bus, since: datetime) -> int:
    """Announces every row that changed since then and what changed of its last entries."""
    said = 0
    for project in await _projects(engine):
        after = None
        while True:
            page = await engine.find(
                BY_CHANGE,
                {"project": project},
                range=Range("changed_at", at_least=since),
                after=after,
                limit=PAGE,
            )
            for row in page.items:
                await _say(engine, bus, row, since)
            said += len(page.items)
            if (after := page.next) is None:
                break
    return said


async def _say(engine: Engine, bus: Bus, row: Dialog, since: datetime) -> None:
    await bus.announce(DialogChanged(project=row.project, dialog=row))
    if row.sealed:
        # The visitor's page is in the next episode, and would be led back by lines of this one.
        return
    page = await engine.find(LOG, {"dialog": row.id}, descending=True, limit=ENTRIES_MAX)
    for entry in reversed(page.items):
        # An entry ahead of its row belongs to a writer who is about to announce both.
        if entry.changed_at >= since and entry.seq <= row.seq:
            await bus.announce(
                EntryChanged(
                    project=row.project, channel=row.channel, identity=row.identity, entry=entry
                )
            )


async def _projects(engine: Engine) -> list[ProjectId]:
    found: list[Project] = []
    after = None
    while True:
        page = await engine.find(PROJECTS_BY_NAME, after=after, limit=500)
        found += page.items
        if (after := page.next) is None:
            return [ProjectId(each.id) for each in found]

"""Connections as admins set them up: made, changed, taken away, and tried on a sample form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from hub.accounts import Who
from hub.audits import audited
from hub.calls import says, trunks
from hub.channels.in_use import Channels
from hub.errors import BadValueError, ConflictError
from hub.files.kept import Files
from hub.leads import slots
from hub.leads.quiet import whereabouts
from hub.model import Project, ProjectId
from hub.people.visit import Visit
from hub.requests import connections
from hub.requests.connections import Filled, Read, When
from hub.requests.handling import connected
from hub.requests.terms import CONNECTIONS_MAX, Connection, Doubts, Handling, Terms, checked
from hub.store.engine import Engine, Insert, MovedError, Replace, TakenError
from hub.store.schema import CONNECTIONS


class Shown(Struct, frozen=True):
    """A connection with what is doubtful of it, and the ids of those that some form fits too."""

    connection: Connection
    doubts: Doubts
    meets: tuple[str, ...] = ()


class Tried(Struct, frozen=True, kw_only=True):
    """What would become of a form: nothing is stored, nobody is called.

    `calls_at` is the first lawful moment, None if there is none within a month.
    """

    connection: Connection | None
    others: tuple[Connection, ...]
    handling: Handling | None
    read: Read
    when: When
    zone: str
    calls_at: datetime | None
    visit: Visit


class Connecting:
    """The caller has already checked that `who` may do this in the project."""

    def __init__(
        self, engine: Engine, channels: Channels, files: Files, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._files = files
        self._now = now

    async def all(self, project: ProjectId) -> list[Shown]:
        """The highest priority first."""
        home = await self._engine.known(Project, project)
        had = await connected(self._engine, project)
        return [self._shown(each, had, home) for each in had]

    async def get(self, project: ProjectId, id: str) -> Shown:
        """NotFoundError also for another project's."""
        found = await connections.get(self._engine, project, id)
        had = await connected(self._engine, project)
        return self._shown(found, had, await self._engine.known(Project, project))

    async def add(
        self, project: ProjectId, key: str, terms: Terms, who: Who, *, address: str = ""
    ) -> Shown:
        """A new connection, at work at once; the same key again gives the one it made.

        BadValueError for terms that cannot be, ConflictError("connections_full") past the limit.
        """
        home, now = await self._engine.known(Project, project), self._now()
        terms, _ = checked(terms, home.schedule.zone, now)
        await self._check_calls(project, terms, None)
        id = hashlib.sha256(f"{project}:{key}".encode()).hexdigest()[:16]
        counted = await self._engine.count(
            CONNECTIONS, {"project": project, "gone": False}, cap=CONNECTIONS_MAX
        )
        if counted >= CONNECTIONS_MAX:
            raise ConflictError("connections_full")
        made = Connection(
            id=id,
            project=project,
            terms=terms,
            priority=terms.priority,
            created_at=now,
            changed_at=now,
        )
        note = audited(now, who.id, "connection_added", id, project, address, what=terms.name)
        await says.keep(self._files, terms.script, _by(id))
        try:
            await self._engine.write(Insert(made), note)
        except TakenError:
            return await self.get(project, id)
        return await self.get(project, id)

    async def change(
        self,
        project: ProjectId,
        id: str,
        rev: int,
        terms: Terms,
        who: Who,
        *,
        address: str = "",
    ) -> Shown:
        """The connection with these terms; ConflictError("changed") if it is not as it was read.

        What it is a connection to stays: another source is another connection.
        """
        had = await connections.get(self._engine, project, id)
        if terms.source is not had.terms.source:
            raise BadValueError("another source is another connection", field="source")
        home, now = await self._engine.known(Project, project), self._now()
        terms, _ = checked(terms, home.schedule.zone, now)
        changed = [
            name
            for name in Terms.__struct_fields__
            if getattr(terms, name) != getattr(had.terms, name)
        ]
        if not changed:
            return await self.get(project, id)
        await self._check_calls(project, terms, had.terms)
        after = replace(had, rev=rev, terms=terms, priority=terms.priority, changed_at=now)
        await says.keep(self._files, terms.script, _by(id))
        await self._write(after, "connection_changed", who, address, ", ".join(changed))
        await says.let_go(self._files, had.terms.script, terms.script, _by(id))
        return await self.get(project, id)

    async def drop(
        self, project: ProjectId, id: str, rev: int, who: Who, *, address: str = ""
    ) -> None:
        """It handles nothing more; what it handled keeps its name."""
        had = await connections.get(self._engine, project, id)
        after = replace(had, rev=rev, gone=True, changed_at=self._now())
        await self._write(after, "connection_dropped", who, address, had.terms.name)
        await says.let_go(self._files, had.terms.script, None, _by(id))

    async def tried(
        self, project: ProjectId, form: Filled, visit: Visit, unsaved: Connection | None = None
    ) -> Tried:
        """What would become of the form, with an unsaved connection in the place of its saved one.

        Its terms must have been `checked`.
        """
        home = await self._engine.known(Project, project)
        had = [
            each
            for each in await connected(self._engine, project)
            if unsaved is None or each.id != unsaved.id
        ]
        fitting = connections.fitting([*had, *([unsaved] if unsaved else ())], form)
        chosen = fitting[0] if fitting else None
        terms = chosen.terms if chosen else None
        read = connections.phone_of(terms, form)
        there = whereabouts(read.phone, home.schedule.zone, browser=visit.zone).zones
        zone = there[0] if len(there) == 1 else home.schedule.zone
        when = connections.plan_of(chosen, form, zone)
        begins = max(when.at or form.submitted_at, form.submitted_at)
        return Tried(
            connection=chosen,
            others=tuple(fitting[1:]),
            handling=form.handling or (terms.handling if terms else None),
            read=read,
            when=when,
            zone=zone,
            calls_at=slots.soonest(home.schedule, there, begins, home.calling.quiet),
            visit=connections.processed(terms, form, visit) if terms else visit,
        )

    def _shown(self, one: Connection, had: list[Connection], home: Project) -> Shown:
        try:
            _, doubts = checked(one.terms, home.schedule.zone, self._now())
        except BadValueError:
            # It was well when it was saved: the project's clock is another now.
            doubts = Doubts()
        others = (each for each in had if each.id != one.id)
        return Shown(one, doubts, tuple(each.id for each in others if connections.meets(one, each)))

    async def _check_calls(self, project: ProjectId, terms: Terms, before: Terms | None) -> None:
        """Only of what is changed, as for the project itself."""
        if terms.script is not None and (before is None or terms.script != before.script):
            await says.check_files(self._files, project, terms.script)
            trunks.check_scenario(self._channels, project, terms.script, "script")
        if before is None or terms.shown != before.shown:
            trunks.check_shown(self._channels, project, terms.shown, "shown")
        if before is None or terms.numbers != before.numbers:
            for n, number in enumerate(terms.numbers):
                trunks.check_dialled(self._channels, project, number, f"numbers.{n}")

    async def _write(self, after: Connection, verb: str, who: Who, address: str, what: str) -> None:
        now, of = after.changed_at, after.project
        note = audited(now, who.id, verb, after.id, of, address, what=what)
        try:
            # First the note: a trace without a change is better than a change without a trace.
            await self._engine.write(note, Replace(after))
        except MovedError:
            raise ConflictError("changed") from None


def _by(id: str) -> str:
    """Who names the recordings of a connection's script."""
    return f"calling:{id}"

"""What operators do with calls: see them, hang up, hand over, begin one, say what came of it.

What an operator wants of a call under way is a wish that its worker carries out; what came of it
is a line of the dialog before anything follows. Recordings are files that no link opens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace as with_items
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from hub.accounts import Who
from hub.audits import audited
from hub.bus import Bus
from hub.calling import Cause
from hub.calls import dialling, trunks, verdict, whom
from hub.calls.call import Call, Party, Wish
from hub.calls.trunk import Trunk
from hub.channels.in_use import Channels
from hub.errors import (
    BadValueError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)
from hub.files.kept import Files
from hub.leads import leads, ordering
from hub.leads.callbacks import Callbacks, Doubt
from hub.leads.lead import Lead
from hub.model import (
    Author,
    Dialog,
    DialogId,
    Entry,
    File,
    OperatorId,
    Project,
    ProjectId,
    Verb,
)
from hub.peace import Peace
from hub.people.contacts import phone_of
from hub.rights import Right, What, may
from hub.statuses import LIVE, Status
from hub.store.engine import AbsentError, Engine, Index, Page, TakenError
from hub.store.schema import CALLS, CALLS_IN, CALLS_LIVE, CALLS_OF, CALLS_WITH

Result = Literal["done", "call_again", "voicemail", "wrong_number", "no_need", "spam"]

LISTENING = timedelta(minutes=10)
"""A player asks for one recording many times; within so long that is one listening."""


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are wanted; the first that is given decides."""

    lead: str = ""
    dialog: str = ""
    phone: str = ""
    live: bool = False


class Resulted(msgspec.Struct, frozen=True, kw_only=True):
    """The call with its result, and the order that follows; with warnings nothing was done."""

    call: Call
    lead: Lead | None = None
    warnings: tuple[Doubt, ...] = ()


class Switchboard:
    """`follows` are told of a call whose result changed what becomes of its lead."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        callbacks: Callbacks,
        peace: Peace,
        files: Files,
        now: Callable[[], datetime],
        follows: Sequence[dialling.Follow] = (),
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._callbacks = callbacks
        self._peace = peace
        self._files = files
        self._now = now
        self._follows = follows

    async def page(
        self,
        who: Who,
        project: ProjectId,
        narrowed: Narrowed,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Call]:
        """The calls that he may see, the newest first; an empty page with a `next` is no end."""
        index, equal = _walk(narrowed)
        page = await self._engine.find(
            index, {"project": project} | equal, descending=True, after=after, limit=limit
        )
        return with_items(page, items=[each for each in page.items if _may(who, Right.SEE, each)])

    async def call(self, who: Who, project: ProjectId, id: str, right: Right = Right.SEE) -> Call:
        """NotFoundError also for what he may not see."""
        call = await self._engine.get(Call, id)
        if call is None or call.project != project or not _may(who, Right.SEE, call):
            raise NotFoundError
        if not _may(who, right, call):
            raise ForbiddenError
        return call

    async def cancel(self, who: Who, call: Call) -> Call:
        """Has it hung up, which ends its lead; one that is over stays as it is."""
        if not call.live:
            return call
        by = OperatorId(who.operator.id)
        return await self._wish(call, Wish(id="cancel", do="cancel", by=by))

    async def colleagues(self, call: Call) -> list[Party]:
        """Who else of those who may see the dialog has a phone."""
        project = await self._engine.known(Project, call.project)
        row = await self._dialog(call)
        seats = await whom.seated(self._engine, project, row)
        return [each for each in seats if each.operator not in (call.operator, None)]

    async def transfer(self, who: Who, call: Call, operator: str = "", number: str = "") -> Call:
        """Hands the talk over to a colleague, or to a number that the trunk may dial.

        Raises ConflictError("not_talking") where nobody talks, ("no_transfer") where it cannot.
        """
        trunk = self._trunk(call)
        if trunk is None or not trunk.calls.transfers:
            raise ConflictError("no_transfer")
        if operator:
            known = {each.operator: each for each in await self.colleagues(call)}
            if OperatorId(operator) not in known:
                raise BadValueError("has no phone here", field="operator")
            to = known[OperatorId(operator)]
        else:
            to = Party(number=trunks.number_of(number))
        if to.number == call.phone:
            raise BadValueError("is the person's own", field="operator" if operator else "number")
        if not trunks.dials(trunk.settings, to.number):
            raise trunks.NotDialledError(field="operator" if operator else "number")
        if not call.live or call.talk_at is None:
            raise ConflictError("not_talking")
        id = f"transfer:{len(call.done)}:{to.operator or to.number}"
        by = OperatorId(who.operator.id)
        return await self._wish(call, Wish(id=id, do="transfer", by=by, to=to))

    def transfers(self, call: Call) -> bool:
        """Whether its engine can hand a talk over."""
        trunk = self._trunk(call)
        return trunk is not None and trunk.calls.transfers

    async def confirm(self, who: Who, lead: Lead) -> Lead:
        """Lets a lead be dialled that waits for an operator to say so; he is rung first."""
        by = OperatorId(who.operator.id)
        return await dialling.confirm(self._engine, self._bus, lead.id, by, self._now())

    async def result(
        self,
        who: Who,
        call: Call,
        code: Result,
        comment: str = "",
        at: datetime | None = None,
        *,
        anyway: bool = False,
    ) -> Resulted:
        """Says what came of a call that is over; ConflictError("resulted") if another was said.

        To call again is an order for that time, with its warnings; a voicemail is one more
        attempt of the same; all else leaves the request processed.
        """
        if call.live:
            raise ConflictError("calling", call.status)
        if call.result not in ("", code):
            raise ConflictError("resulted", call.result)
        row = await self._dialog(call)
        if row is None:
            raise ConflictError("no_dialog")
        lead = await self._engine.get(Lead, call.lead) if call.lead else None
        if lead is not None and lead.live and lead.status in LIVE:
            raise ConflictError("calling", lead.status)
        if code == "voicemail" and lead is None:
            raise BadValueError("nobody was called", field="code")
        planned: Lead | None = None
        if code == "call_again":
            decided = await self._callbacks.ask(
                who, row, f"again-{call.key}", call.phone, at, anyway=anyway
            )
            if decided.lead is None:
                return Resulted(call=call, warnings=decided.warnings)
            planned = decided.lead
        told = await self._told(call, lead, code, comment)
        author, now = Author("operator", who.operator.id, who.operator.name), self._now()
        entry = await leads.tell(
            self._engine, self._bus, DialogId(row.id), f"{call.id}:result", told, now, author
        )
        if entry is None:
            raise ConflictError("sealed")
        if entry.data.get("result") != code:
            raise ConflictError("resulted", entry.data.get("result", ""))
        here = await self._engine.get(Dialog, entry.dialog) or row
        await ordering.follow(self._engine, self._bus, here, entry, now)
        if code == "voicemail" and lead is not None:
            planned = await leads.latest(self._engine, lead.project, lead.phone)
        await self.follow(entry)
        return Resulted(call=await self._engine.get(Call, call.id) or call, lead=planned)

    async def follow(self, entry: Entry) -> None:
        """Does what follows from a result that stands in the log; all of it may be done again."""
        code: str = entry.data.get("result", "")
        if entry.verb is not Verb.CALL or entry.data.get("do") != "result":
            return
        call = await self._engine.get(Call, entry.data.get("call", ""))
        if call is None or call.project != entry.project:
            return
        if code == "spam" and call.result != code:
            await self._peace.mark_told(entry)
        elif code == "voicemail" and call.lead is not None:
            planned = await leads.latest(self._engine, call.project, call.phone)
            for follow in self._follows:
                await follow(call, planned)
        now = self._now()
        with suppress(AbsentError):
            after = await self._engine.change(Call, call.id, lambda had: _resulted(had, code, now))
            if after.rev != call.rev:
                await dialling.announce(self._bus, after)

    async def _told(
        self, call: Call, lead: Lead | None, code: Result, comment: str
    ) -> dict[str, str]:
        told = {
            "do": "result",
            "result": code,
            "call": call.id,
            "lead": call.lead or "",
            "comment": comment.strip(),
            "since": _iso(call.ended_at or call.began_at),
        }
        told = {name: value for name, value in told.items() if value}
        if code == "voicemail" and lead is not None:
            due = await self._once_more(lead)
            at = _iso(due) if due is not None else ""
            status = Status.AWAITING_RETRY if due is not None else Status.NEW
            status = lead.status if lead.live else status
            return told | {"phone": lead.phone, "status": status, "at": at}
        if code in ("call_again", "spam"):
            return told
        return told | {"status": Status.PROCESSED}

    async def _once_more(self, lead: Lead) -> datetime | None:
        """When a machine that answered is called again; None once the attempts are used up."""
        if lead.live:
            return lead.due_at
        if lead.attempts >= lead.plan.tries:
            return None
        now = self._now()
        at = verdict.next_at(lead, Cause.NO_ANSWER, now)
        project = await self._engine.known(Project, lead.project)
        return ordering.lawful(project, lead.zones or (project.schedule.zone,), at, now)

    async def recording(self, who: Who, call: Call, address: str = "") -> File:
        """The file of it, for who oversees the project or spoke himself; that is kept on record."""
        if call.operator != who.operator.id and not _may(who, Right.OVERSEE, call):
            raise ForbiddenError
        if call.recording is None:
            raise NotFoundError
        file = await self._files.get(call.recording)
        if file.project != call.project:
            raise NotFoundError
        now = self._now()
        turn = int(now.timestamp() // LISTENING.total_seconds())
        note = audited(
            now,
            who.id,
            "call.listened",
            call.id,
            call.project,
            address,
            id=f"listened:{call.key}:{who.id}:{turn}",
            operator=call.operator or "",
            dialog=call.dialog or "",
        )
        with suppress(TakenError):
            await self._engine.write(note)
        return file

    async def _wish(self, call: Call, wish: Wish) -> Call:
        return await dialling.wish(self._engine, self._bus, call.id, wish)

    def _trunk(self, call: Call) -> Trunk[Any] | None:
        try:
            kind = self._channels.get(call.channel)
        except (NotFoundError, UnavailableError):
            return None
        return kind if isinstance(kind, Trunk) else None

    async def _dialog(self, call: Call) -> Dialog | None:
        return await self._engine.get(Dialog, call.dialog) if call.dialog is not None else None


def _walk(narrowed: Narrowed) -> tuple[Index[Call], dict[str, str | int | bool | datetime | None]]:
    if narrowed.lead:
        return CALLS_OF, {"lead": narrowed.lead}
    if narrowed.dialog:
        return CALLS_IN, {"dialog": narrowed.dialog}
    if narrowed.phone:
        return CALLS_WITH, {"phone": phone_of(narrowed.phone) or narrowed.phone}
    if narrowed.live:
        return CALLS_LIVE, {"live": True}
    return CALLS, {}


def _may(who: Who, right: Right, call: Call) -> bool:
    if call.purpose == "test" and call.by == who.id:
        # Who tries his own phone may be of channels of which the line is none.
        return may(who, right, What(call.project))
    return may(who, right, What(call.project, call.seen_by))


def _resulted(had: Call, code: str, now: datetime) -> Call | None:
    return replace(had, result=code, changed_at=now) if had.result != code else None


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

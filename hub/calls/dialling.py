"""Calls in the store: taken from leads, told as they go, settled when they end.

Whoever dials asks here first and tells everything. A call's end is written before anything follows
from it, and all that follows is keyed by the call, so another may do it again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from hub import dialogs, lines, observe
from hub.bus import Bus
from hub.calls import capacity, hindrances, trunks, verdict, whom
from hub.calls.approval import confirm as confirm
from hub.calls.call import Call, Outcome, Party, Side
from hub.calls.hindrances import Why
from hub.calls.trunk import TrunkSettings
from hub.calls.wishes import WAKE as WAKE
from hub.calls.wishes import stop
from hub.calls.wishes import wish as wish
from hub.errors import UnavailableError
from hub.events import CallChanged
from hub.leads import leads, ordering
from hub.leads.callside import is_spam
from hub.leads.lead import Lead
from hub.model import (
    Author,
    ChannelId,
    Dialog,
    DialogId,
    LeadId,
    OperatorId,
    Project,
    Verb,
)
from hub.statuses import PLANNED, Status
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import CALLS_WATCHED

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
"""How long a worker that says nothing of its call is still believed to lead it."""
SETTLED_AT_ONCE = 50
BUSY_AGAIN = timedelta(seconds=2)
ASIDE = timedelta(minutes=1)

Follow = Callable[[Call, Lead | None], Awaitable[None]]
"""What else follows from the end of a call; told again if somebody died, so keyed by the call."""


async def ordered(engine: Engine, bus: Bus, call: Call) -> Call:
    """Has a call made that no lead asks for; once for its id."""
    try:
        await engine.write(Insert(call))
    except TakenError:
        had = await engine.get(Call, call.id)
        if had is not None:
            return had
    await announce(bus, call)
    await bus.wake(WAKE)
    return call


async def announce(bus: Bus, call: Call) -> None:
    await bus.announce(CallChanged(project=call.project, channel=call.seen_by, call=call))


class Dialling:
    """For those who dial, in any process; `follows` are told of every call that has ended."""

    def __init__(self, engine: Engine, bus: Bus, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now
        self.follows: list[Follow] = []

    async def hindered(self, lead: Lead, project: Project) -> Why:
        """Why a lead that is due is not to be dialled now; what follows from that is done."""
        return await hindrances.hindered(self._engine, self._bus, lead, project, self._now())

    async def is_night(self, call: Call) -> bool:
        """Whether it is too late by now to ring the person, whom the call was begun for by day."""
        return await hindrances.is_night(self._engine, call, self._now())

    async def take(
        self,
        lead: Lead,
        project: Project,
        trunk: ChannelId,
        settings: TrunkSettings,
        worker: str,
        *,
        training: bool = False,
        may: Callable[[], Awaitable[bool]] | None = None,
    ) -> Call | Literal["full", "busy", "nobody", "gone"]:
        """The call of a due lead, which is nobody else's then.

        Full, if there is no line; busy, if the phone is in another call or nobody is free to talk
        with it: it waits a little, and no attempt is used. Nobody, if the trunk rings none of ours.
        `may` is asked when there is all else, so whoever is told yes dials.
        """
        now = self._now()
        caps = (project.calling.calls_max, settings.calls_max)
        if await capacity.is_full(self._engine, project.id, caps[0], trunk, caps[1]):
            return "full"
        row = await self._engine.get(Dialog, lead.dialog) if lead.dialog is not None else None
        stages = await whom.stages(self._engine, self._bus, project, lead, row)
        stages = whom.those(stages, lambda each: trunks.dials(settings, each.number))
        if not stages:
            return "nobody"
        id, n = f"{lead.id}:{lead.calls + 1}", lead.calls + 1
        while (had := await self._engine.get(Call, id)) is not None and had.stage == "settled":
            n += 1
            id = f"{lead.id}:{n}"
        if had is not None:
            return "gone"
        lines = [capacity.of_project(lead.project, caps[0]), capacity.of_trunk(trunk, caps[1])]
        taken = await capacity.take_all(self._engine, id, lines, now)
        if taken is None:
            return "full"
        phone = await capacity.take(self._engine, id, capacity.of_phone(lead.phone, trunk), now)
        if phone is None:
            await capacity.free(self._engine, id, taken)
            return await self._busy(lead, now)
        stages, seats = await self._free_ones(id, stages, now)
        taken += [phone, *seats]
        if not stages:
            await capacity.free(self._engine, id, taken)
            return await self._busy(lead, now)
        if may is not None and not await may():
            await capacity.free(self._engine, id, taken)
            return "full"
        call = Call(
            id=id,
            project=lead.project,
            channel=trunk,
            lead=LeadId(lead.id),
            dialog=lead.dialog,
            dialog_channel=row.channel if row is not None else None,
            contact=lead.contact,
            phone=lead.phone,
            name=lead.name,
            n=n,
            plan=whom.plan_of(project, lead, row, stages, settings.numbers),
            by=lead.operator if lead.held is not None else None,
            slots=tuple(taken),
            training=training,
            worker=worker,
            watch_at=now + LEASE,
            began_at=now,
            changed_at=now,
        )
        try:
            await self._engine.write(Insert(call))
        except TakenError:
            return "gone"

        is_ours_first = lead.plan.script.first == "operator"
        begins = Status.CALLING_OPERATOR if is_ours_first else Status.CALLING_VISITOR

        def dialled(had: Lead) -> Lead | None:
            is_due = had.due_at is not None and had.due_at <= now
            if not had.live or not is_due or had.status not in PLANNED or had.calls >= n:
                return None
            # From here on it is the call's: people wish it ended, and move it no more.
            return replace(
                had,
                status=begins,
                calls=n,
                call=id,
                due_at=None,
                held=None,
                cause="",
                changed_at=now,
            )

        try:
            is_ours = (await self._engine.change(Lead, lead.id, dialled)).call == id
        except AbsentError:
            is_ours = False
        if not is_ours:
            await self.end(call, Outcome.CANCELLED)
            return "gone"
        return call

    async def _busy(self, lead: Lead, now: datetime) -> Literal["busy"]:
        """Lets others go first, who wait for other people."""
        await self._later(lead, now + BUSY_AGAIN)
        return "busy"

    async def _later(self, lead: Lead, due: datetime) -> None:
        def later(had: Lead) -> Lead | None:
            return replace(had, due_at=due) if had.rev == lead.rev else None

        with suppress(AbsentError):
            await self._engine.change(Lead, lead.id, later)

    async def nobody(self, lead: Lead) -> None:
        """Nobody has a phone: the lead stays for people, who can see why."""
        now = self._now()

        def waits(had: Lead) -> Lead | None:
            if had.rev != lead.rev:
                return None
            return replace(
                had, due_at=None, held=None, auto_due_at=None, cause="nobody", changed_at=now
            )

        await leads.announce(self._bus, await self._engine.change(Lead, lead.id, waits))

    async def _free_ones(
        self, call: str, stages: tuple[tuple[Party, ...], ...], now: datetime
    ) -> tuple[tuple[tuple[Party, ...], ...], list[str]]:
        """Without the operators who are in another call, and the slots of those who stay."""
        taken, free = [], []
        for operator in whom.who(stages):
            name = await capacity.take(self._engine, call, capacity.of_operator(operator), now)
            if name is not None:
                taken.append(name)
                free.append(operator)
        left = whom.those(stages, lambda each: each.operator is None or each.operator in free)
        return left, taken

    async def engage(self, call: Call, operator: OperatorId) -> None:
        """Has no other call ring an operator to whom this one is handed over."""
        names = capacity.of_operator(operator)
        name = await capacity.take(self._engine, call.id, names, self._now())
        if name is None:
            return

        def engaged(had: Call) -> Call | None:
            return replace(had, slots=(*had.slots, name)) if name not in had.slots else None

        await self._engine.change(Call, call.id, engaged)

    async def put_aside(self, lead: Lead) -> None:
        """Lets others go first for a while, where it is not known why it cannot be called."""
        await self._later(lead, self._now() + ASIDE)

    async def equip(self, call: Call, settings: TrunkSettings) -> capacity.Lack | None:
        """Gives a call that no lead asked for a line, and its people to itself.

        One that lacks something is looked at again soon.
        """
        now = self._now()
        taken, lacks = await capacity.take_whole(self._engine, call, settings.calls_max, now)

        def equipped(had: Call) -> Call:
            if lacks is not None:
                return replace(had, watch_at=now + BUSY_AGAIN)
            return replace(had, slots=tuple(taken))

        await self._engine.change(Call, call.id, equipped)
        return lacks

    async def leave(self, call: Call) -> None:
        """Lets another worker lead it at once."""
        now = self._now()

        def left(had: Call) -> Call | None:
            return replace(had, worker="", watch_at=now) if had.is_led else None

        with suppress(AbsentError):
            await self._engine.change(Call, call.id, left)

    async def release(self, call: Call, operators: Sequence[OperatorId]) -> None:
        """Lets other calls ring operators who will not talk in this one."""
        names = [name for each in operators for name in capacity.of_operator(each)]
        await capacity.free(self._engine, call.id, names)

    async def begin(self, call: Call, worker: str) -> Call | None:
        """Marks it begun, which is before the engine hears of it; None if it is not ours to.

        A lead that was taken back meanwhile, or erased, is not dialled.
        """
        now = self._now()
        lead = await self._engine.get(Lead, call.lead) if call.lead is not None else None
        is_asked = lead is not None and lead.live and lead.call == call.id
        if call.lead is not None and not is_asked:
            await self.end(call, Outcome.CANCELLED)
            return None

        def begun(had: Call) -> Call | None:
            if had.stage != "ordered" or had.worker not in ("", worker) or had.is_cancelled:
                return None
            return replace(had, stage="begun", worker=worker, watch_at=now + LEASE, changed_at=now)

        after = await self._engine.change(Call, call.id, begun)
        if after.stage == "ordered" and after.is_cancelled:
            await self.end(after, Outcome.CANCELLED)
            return None
        return after if after.stage == "begun" and after.worker == worker else None

    async def note(self, call: Call, how: Callable[[Call], Call], worker: str = "") -> Call:
        """Changes what is known of a call that is under way, and says so; an ended one stays.

        So does one that another `worker` leads by now.
        """
        now = self._now()

        def noted(had: Call) -> Call | None:
            if had.stage != "begun" or worker not in ("", had.worker):
                return None
            return replace(how(had), watch_at=now + LEASE, changed_at=now)

        after = await self._engine.change(Call, call.id, noted)
        if worker not in ("", after.worker):
            return after
        await announce(self._bus, after)
        if after.status is not call.status:
            await self._tell(after, after.status, now)
        return after

    async def catch_up(self, call: Call) -> None:
        """Tells how a call stands that is led anew, where its worker died before it was told."""
        row = await self._engine.get(Dialog, call.dialog) if call.dialog is not None else None
        lead = await self._engine.get(Lead, call.lead) if call.lead is not None else None
        is_ours = lead is not None and lead.live and lead.call == call.id
        if call.stage == "begun" and is_ours and row and row.call_status is not call.status:
            await self._tell(call, call.status, self._now())

    async def keep(self, call: Call, worker: str) -> bool:
        """Says that its worker is alive; False if the call is another's by now."""
        until = self._now() + LEASE

        def kept(had: Call) -> Call | None:
            return replace(had, watch_at=until) if had.is_led and had.worker == worker else None

        had = await self._engine.change(Call, call.id, kept)
        return not had.is_led or had.worker == worker

    async def _tell(self, call: Call, status: Status, now: datetime) -> None:
        """The status of the lead and a line of its dialog."""
        if call.lead is not None:

            def moved(had: Lead) -> Lead | None:
                if not had.live or had.call != call.id or had.status is status:
                    return None
                return replace(had, status=status, changed_at=now)

            try:
                lead = await self._engine.change(Lead, call.lead, moved)
            except AbsentError:
                # The person was erased: nobody is to be rung, but who talks may end the talk.
                if status is not Status.TALKING:
                    await stop(self._engine, self._bus, call.id, "erased")
            else:
                await leads.announce(self._bus, lead)
        await self._say(call, f"{call.id}:{status}:{call.rev}", {"status": status}, now)
        if status is Status.TALKING and call.operator is not None and call.dialog is not None:
            await self._taken(call, call.operator, now)

    async def _taken(self, call: Call, operator: OperatorId, now: datetime) -> None:
        """The request is whose who talks, unless somebody had it already."""
        row = await self._engine.get(Dialog, call.dialog or "")
        if row is not None and row.open and row.owner is None and not row.sealed:
            author = Author("operator", operator, call.operator_name)
            await lines.write(
                self._engine,
                self._bus,
                DialogId(row.id),
                f"{call.id}:taken",
                Verb.TAKEN,
                {"call": call.id},
                now,
                author,
            )

    async def _say(self, call: Call, id: str, told: dict[str, str], now: datetime) -> None:
        """A line of the dialog; of what is spam nothing more is said."""
        row = await self._engine.get(Dialog, call.dialog) if call.dialog is not None else None
        if row is not None and not is_spam(row):
            told = verdict.said(call) | told
            await leads.tell(self._engine, self._bus, call.dialog, id, told, now)

    async def end(
        self,
        call: Call,
        outcome: Outcome,
        *,
        side: Side = "",
        ended_by: Literal["", "operator", "visitor", "hub"] = "",
        talked_s: float = 0,
    ) -> Call:
        """Writes how it ended, once, and settles what follows.

        One that somebody wants ended, and that was no talk, was cancelled. `talked_s` counts where
        the clock was put back while they talked.
        """
        now = self._now()

        def ended(had: Call) -> Call | None:
            if had.stage in ("ended", "settled"):
                return None
            is_back = had.talk_at is not None and now < had.talk_at
            talked = outcome is Outcome.TALKED or (outcome is Outcome.UNKNOWN and had.talk_at)
            return replace(
                had,
                stage="ended",
                outcome=Outcome.CANCELLED if had.is_cancelled and not talked else outcome,
                side=side,
                ended_by=ended_by,
                live=False,
                talk_at=now - timedelta(seconds=talked_s) if is_back else had.talk_at,
                ended_at=now,
                watch_at=now + LEASE,
                changed_at=now,
            )

        after = await self._engine.change(Call, call.id, ended)
        if after.rev != call.rev:
            observe.CALLS_FINISHED.labels(outcome=str(after.outcome), side=side).inc()
        return await self.settle(after)

    async def settle(self, call: Call) -> Call:
        """Does what follows from the end of a call; all of it may be done again."""
        if call.stage == "settled":
            return call
        now = self._now()
        lead = await self._engine.get(Lead, call.lead) if call.lead is not None else None
        if (how := verdict.ended_as(call)) is not None:
            await self._say(call, f"{call.id}:ended", {"status": how}, now)
        if lead is not None and lead.call == call.id:
            try:
                lead = await self._lead_after(call, lead, now)
            except AbsentError:
                lead = None
        await capacity.free(self._engine, call.id, call.slots)
        is_gone = await dialogs.is_gone(self._engine, call.dialog)
        for follow in self.follows if not is_gone else ():
            try:
                await follow(call, lead)
            except UnavailableError:
                raise
            except Exception:
                # A fault of one is met once, and keeps no other from being done.
                log.exception("call.follow", extra={"call": call.key})

        def settled(had: Call) -> Call:
            status = verdict.ended_as(had) or had.status
            until = now + LEASE if had.unfetched else None
            return replace(had, stage="settled", status=status, watch_at=until)

        with suppress(AbsentError):
            call = await self._engine.change(Call, call.id, settled)
            await announce(self._bus, call)
        await self._bus.wake(WAKE)
        if await dialogs.is_gone(self._engine, call.dialog):
            # The person was erased while it was under way.
            await self._engine.delete_if(
                Call, call.id, lambda had: had.recording is None and not had.unfetched
            )
        return call

    async def _lead_after(self, call: Call, lead: Lead, now: datetime) -> Lead:
        project = await self._engine.get(Project, lead.project)
        if project is None:
            return lead
        after = await self._engine.change(
            Lead, lead.id, lambda had: verdict.after(had, call, project, now)
        )
        await leads.announce(self._bus, after)
        told = {"status": str(after.status), "cause": after.cause}
        if after.live:
            at = after.due_at
            told["at"] = at.isoformat().replace("+00:00", "Z") if at is not None else ""
            told["attempts"] = str(after.attempts)
        await self._say(call, f"{call.id}:next", told, now)
        await ordering.agree(self._engine, self._bus, call.dialog, now)
        return after

    async def watched(self, worker: str) -> list[Call]:
        """Calls whose worker has died, or that wait for one; they are this worker's now."""
        now = self._now()
        page = await self._engine.find(
            CALLS_WATCHED, range=Range("watch_at", at_most=now), limit=SETTLED_AT_ONCE
        )
        mine = []
        for each in page.items:
            with suppress(AbsentError):
                claimed = await self._claim(each, worker, now)
                if claimed is not None:
                    mine.append(claimed)
        return mine

    async def _claim(self, call: Call, worker: str, now: datetime) -> Call | None:
        def claimed(had: Call) -> Call | None:
            if had.watch_at is None or had.watch_at > now:
                return None
            return replace(had, worker=worker, watch_at=now + LEASE)

        had = await self._engine.change(Call, call.id, claimed)
        return had if had.worker == worker and had.rev != call.rev else None

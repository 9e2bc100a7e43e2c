"""Finds leads that are due and calls that nobody leads, and has them made, one line for a trunk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from hub.bus import Bus
from hub.calls import capacity, trunks
from hub.calls.call import Call, Outcome, Side, Wish
from hub.calls.dialling import LEASE, WAKE, Dialling
from hub.calls.trunk import Legs, LineError
from hub.channels.in_use import Channels
from hub.errors import UnavailableError
from hub.leads.lead import Lead
from hub.model import Project
from hub.statuses import Status
from hub.store.engine import AbsentError, Engine, Range
from hub.store.schema import LEADS_DUE
from telephony.acts import Cancel, Event, Stop, Transfer
from telephony.dialer import Dialer, TakenOverError
from telephony.hosted import HostedDialer
from telephony.open_lines import Conductor, Lines, Open, able, waits
from telephony.voice.sounds import Sounds, Voice, silent

log = logging.getLogger(__name__)

IDLE = timedelta(seconds=1)
AT_ONCE = 50
KEEP_EVERY_S = LEASE.total_seconds() / 4
SWEEP_EVERY = timedelta(seconds=30)
DRAINS_IN_S = 8.0
LOOKED_S = 0.2
ORDERED_LASTS = timedelta(minutes=1)
RINGS_AT_MOST = timedelta(minutes=10)
"""No phone rings, and nobody listens alone, for so long: engines end it with nobody to lead it."""
LOOKED_MAX = 300
"""Leads that are due and looked at in one round, most of which may wait for a line."""
BUSY_MAX = 5
"""After so many whose people are busy others are looked at in the next round."""

Fetch = Callable[[Call, Legs | None], Coroutine[Any, Any, None]]
"""Brings what was recorded of a call that is over, where there is a line to its engine."""


class Telephony:
    """`voice` makes what is said; `fetch` brings what was recorded, until it is brought or lost.

    `overdue` has calls from outside of which nothing was heard for too long.
    """

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        dialling: Dialling,
        now: Callable[[], datetime],
        name: str,
        *,
        voice: Voice = silent,
        fetch: Fetch | None = None,
        overdue: Callable[[Call], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._dialling = dialling
        self._now = now
        self._name = name
        self._overdue = overdue
        self._voice = voice
        self._fetch = fetch
        self._lines = Lines(channels, name)
        self._running: set[asyncio.Task[None]] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._swept: datetime | None = None
        self._passed: dict[str, str] = {}
        """Up to where a project's leads were passed over, as their lines were full."""

    async def run(self) -> None:
        """Works until cancelled. Who talks then goes on talking, for whoever comes after."""
        keeping = asyncio.create_task(self._keep())
        try:
            while True:
                try:
                    more = await self.work()
                except UnavailableError as error:
                    log.warning("telephony.waits", extra={"reason": str(error)})
                    more = False
                except Exception:
                    # The calls under way are led on whatever is wrong with one document.
                    log.exception("telephony.failed")
                    more = False
                if not more:
                    await self._bus.sleep(WAKE, IDLE)
        finally:
            keeping.cancel()
            await self.close()

    async def work(self) -> bool:
        """One round: lines, calls without a leader, leads that are due, wishes."""
        await self._lines.refresh()
        for call in await self._dialling.watched(self._name):
            with _guarded("call.unmet", call.key):
                await self._meet(call)
        more = False
        for project in await self._projects():
            more = await self._due(project) or more
        await self._heed()
        now = self._now()
        if self._swept is None or not timedelta(0) <= now - self._swept < SWEEP_EVERY:
            self._swept = now
            await capacity.sweep(self._engine, now)
        return more

    async def idle(self) -> None:
        """Returns when no call is under way here; for whoever drains or tests."""
        while self._running:
            await asyncio.wait(self._running)

    async def _projects(self) -> list[Project]:
        known = await self._engine.get_many(Project, self._lines.projects())
        return list(known.values())

    async def _meet(self, call: Call) -> None:
        """A call whose worker died, that ended and was not settled, or that was only ordered."""
        if call.purpose == "incoming":
            if self._overdue is not None:
                await self._overdue(call)
            return
        if call.stage == "ended":
            call = await self._dialling.settle(call)
        opened = self._lines.get(call.channel)
        if opened is not None and call.key in opened.calls:
            return
        if call.stage == "settled":
            await self._bring(opened, call)
            return
        # A phone that was to ring on trial does not ring once nobody waits for it any more.
        late = call.stage == "ordered" and self._now() - call.began_at > ORDERED_LASTS
        is_ready = opened is not None and opened.line.ready
        if call.stage == "ordered" and call.is_cancelled:
            await self._dialling.end(call, Outcome.CANCELLED)
        elif call.stage == "ordered" and (call.lead is not None or (late and not is_ready)):
            # Its worker died before the engine heard of it: the lead is taken anew.
            await self._dialling.end(call, Outcome.ENGINE_ERROR)
        elif not is_ready:
            is_out = opened is None and not self._lines.is_coming(call.channel)
            if is_out or (call.stage == "begun" and self._is_past(call)):
                await self._dialling.catch_up(call)
                side: Side = "visitor" if call.dialled_at is not None else "operator"
                side = side if call.talk_at is None else ""
                await self._dialling.end(call, Outcome.UNKNOWN, side=side)
        elif opened is not None:
            if call.stage == "begun":
                await self._dialling.catch_up(call)
                self._start(opened, call, anew=True)
                return
            lacks = await self._dialling.equip(call, opened.trunk.settings)
            if late:
                outcome, of = lacks or (Outcome.ENGINE_ERROR, "")
                await self._dialling.end(call, outcome, side=of)
            elif lacks is None:
                self._start(opened, call)

    def _is_past(self, call: Call) -> bool:
        """Whether the engine has ended it by now, though it cannot be asked."""
        if call.talk_at is None or call.plan is None:
            return self._now() - call.changed_at > RINGS_AT_MOST
        return self._now() - call.talk_at > timedelta(seconds=call.plan.script.talk_max_s)

    async def _bring(self, opened: Open | None, call: Call) -> None:
        """What was recorded, where whoever led the call died before he had it."""
        if not call.unfetched or self._fetch is None:
            return
        if opened is not None and opened.line.ready and isinstance(opened.line, Legs):
            self._start(opened, call, anew=True)
        else:
            await self._fetch(call, None)

    def _start(self, opened: Open, call: Call, *, anew: bool = False) -> None:
        settings = opened.trunk.settings
        dials = partial(trunks.dials, settings)
        conductor: Conductor
        if not isinstance(opened.line, Legs):
            conductor = HostedDialer(
                self._dialling, opened.line, call, self._now, dials, self._name
            )
        else:
            conductor = Dialer(
                self._dialling,
                opened.line,
                call,
                Sounds(self._voice),
                self._now,
                dials,
                self._name,
            )
        opened.calls[call.key] = conductor
        task = asyncio.create_task(self._lead(opened, conductor, anew=anew), name="call")
        self._tasks[call.key] = task
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _lead(self, opened: Open, conductor: Conductor, *, anew: bool) -> None:
        key = conductor.call.key
        try:
            call = await (conductor.resume() if anew else conductor.run())
            if self._fetch and call.unfetched and isinstance(opened.line, Legs):
                await self._fetch(call, opened.line)
        except TakenOverError:
            log.info("call.taken_over", extra={"call": key})
        except (UnavailableError, LineError) as error:
            # The call's lease runs out, and whoever finds it then leads it on or ends it.
            log.warning("call.left", extra={"call": key, "reason": str(error)})
        except Exception:
            log.exception("call.failed", extra={"call": key})
        finally:
            opened.calls.pop(key, None)
            self._tasks.pop(key, None)

    async def _due(self, project: Project) -> bool:
        """Takes the project's leads that are due; True when there may be more.

        Those that only full lines can call are passed over, so many in a round: the next one looks
        at the first again, and then goes on behind those.
        """
        lines, now = self._lines.ready(project), self._now()
        if not lines:
            return False
        full: set[str] = set()
        busy = looked = 0
        after, passed = None, self._passed.pop(project.id, None)
        while True:
            page = await self._engine.find(
                LEADS_DUE,
                {"project": project.id, "live": True},
                range=Range("due_at", at_most=now),
                after=after,
                limit=AT_ONCE,
                where=lambda lead: not waits(lines, lead, full),
                budget=LOOKED_MAX - looked,
            )
            for lead in page.items:
                if waits(lines, lead, full):
                    continue
                busy += await self._took(lines, lead, project, full) == "busy"
                if len(full) == len(lines) or busy == BUSY_MAX:
                    return False
            looked += page.looked
            if page.next is None or not full:
                return page.next is not None and busy == 0
            if looked >= LOOKED_MAX:
                self._passed[project.id] = page.next
                return False
            after, passed = passed or page.next, None

    async def _took(
        self, lines: Sequence[Open], lead: Lead, project: Project, full: set[str]
    ) -> str:
        """Begins the call of the lead, or says why not; one that it cannot judge is put aside."""
        taken = "aside"
        with _guarded("lead.undialled", lead.id):
            if found := able(lines, lead):
                if await self._dialling.hindered(lead, project):
                    return "hindered"
                taken = await self._by_one_of(found, lead, project, full)
        if taken == "aside":
            await self._dialling.put_aside(lead)
        return taken

    async def _by_one_of(
        self, lines: Sequence[Open], lead: Lead, project: Project, full: set[str]
    ) -> str:
        """Begins the call of the lead by the first line that has room; puts the others in `full`.

        Nobody whom one line rings may well be somebody for another.
        """
        for opened in lines:
            id = opened.trunk.id
            taken = "full" if id in full else await self._call(opened, lead, project)
            if taken == "full":
                full.add(id)
            elif taken != "nobody":
                return taken
        if any(each.trunk.id in full for each in lines):
            return "full"
        await self._dialling.nobody(lead)
        return "nobody"

    async def _call(self, opened: Open, lead: Lead, project: Project) -> str:
        """Begins the call of the lead, or says why not: full, busy, nobody or gone."""
        settings = opened.trunk.settings
        turns, per = max(1, round(settings.calls_per_second)), timedelta(seconds=1)
        if settings.calls_per_second < 1:
            per = timedelta(seconds=1 / settings.calls_per_second)
        clock = asyncio.get_running_loop().time
        if clock() < opened.rests_until:
            return "full"

        async def may() -> bool:
            wait = await self._bus.allow(f"calls:{opened.trunk.id}", turns, per)
            if wait is not None:
                opened.rests_until = clock() + wait.total_seconds()
            return wait is None

        try:
            taken = await self._dialling.take(
                lead,
                project,
                opened.trunk.id,
                settings,
                self._name,
                training=opened.trunk.calls.training,
                may=may,
            )
        except AbsentError:
            return "gone"
        if not isinstance(taken, Call):
            return taken
        self._start(opened, taken)
        return ""

    async def _heed(self) -> None:
        """Carries out what people want of the calls that are led here."""
        leading = [each for opened in self._lines.all() for each in opened.calls.values()]
        if not leading:
            return
        calls = await self._engine.get_many(Call, sorted({each.call.id for each in leading}))
        for each in leading:
            call = calls.get(each.call.id)
            if call is None:
                continue
            if isinstance(each, HostedDialer):
                for report in call.told:
                    each.heard(report)
            for wish in call.wishes:
                if wish.id not in call.done:
                    with _guarded("wish.unheeded", call.key):
                        await self._carry_out(each, call, wish)

    async def _carry_out(self, conductor: Conductor, call: Call, wish: Wish) -> None:
        if isinstance(conductor, Dialer):
            event: Event = Cancel()
            if wish.do == "transfer" and wish.to is not None:
                event = Transfer(wish.to)
            conductor.heard(event)
        elif wish.do == "cancel":
            conductor.call = call
            if not await conductor.cancel():
                return
        await self._dialling.note(conductor.call, partial(_heeded, wish.id))

    async def _keep(self, every_s: float = KEEP_EVERY_S) -> None:
        while True:
            await asyncio.sleep(every_s)
            for opened in self._lines.all():
                for key, each in list(opened.calls.items()):
                    try:
                        is_ours = await self._dialling.keep(each.call, self._name)
                    except Exception as error:
                        # The others must be kept all the same.
                        log.warning("call.unkept", extra={"reason": str(error)})
                        continue
                    task = self._tasks.get(key)
                    if not is_ours and task is not None:
                        # Whoever found it leads it: two would hang up on each other.
                        task.cancel()

    async def close(self) -> None:
        """Ends what only rings, and leaves talks to whoever comes after."""
        leading = [each for opened in self._lines.all() for each in opened.calls.values()]
        for each in leading:
            if isinstance(each, Dialer):
                each.heard(Stop())
        for _ in range(round(DRAINS_IN_S / LOOKED_S)):
            if not self._running or all(self._is_left(each) for each in leading):
                break
            await asyncio.wait(self._running, timeout=LOOKED_S)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        # A store that is away is told nothing: the leases of these calls run out by themselves.
        with suppress(UnavailableError):
            for each in leading:
                await self._dialling.leave(each.call)
        await self._lines.close()

    def _is_left(self, conductor: Conductor) -> bool:
        """Whether nothing more is done about that call here: it talks, or is over."""
        call = conductor.call
        hosted = isinstance(conductor, HostedDialer)
        return hosted or call.status is Status.TALKING or call.stage in ("ended", "settled")


@contextmanager
def _guarded(event: str, about: str) -> Iterator[None]:
    """A fault of one must not keep all others from being called."""
    try:
        yield
    except UnavailableError:
        raise
    except AbsentError:
        # The person was erased meanwhile, and nobody is to be called.
        return
    except Exception:
        log.exception(event, extra={"about": about})


def _heeded(wish: str, call: Call) -> Call:
    return replace(call, done=(*call.done, wish))

"""Finds leads that are due and calls that nobody leads, and has them made, one line for a trunk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from hub.bus import Bus
from hub.calls import capacity, trunks
from hub.calls.call import Call, Outcome, Reported, Role, Wish
from hub.calls.dialling import LEASE, WAKE, Dialling
from hub.calls.trunk import AnyLegEvent, Hosted, Legs, Trunk, TrunkSettings
from hub.channels.in_use import Channels
from hub.errors import UnavailableError
from hub.leads.lead import Lead
from hub.model import ChannelId, Project, ProjectId
from hub.statuses import Status
from hub.store.engine import AbsentError, Engine, Range
from hub.store.schema import LEADS_DUE
from telephony.acts import Cancel, Event, Lost, Stop, Transfer
from telephony.dialer import Dialer, TakenOverError
from telephony.hosted import HostedDialer
from telephony.voice.sounds import Sounds, Voice, silent

log = logging.getLogger(__name__)

IDLE = timedelta(seconds=1)
AT_ONCE = 50
KEEP_EVERY_S = LEASE.total_seconds() / 4
SWEEP_EVERY = timedelta(seconds=30)
DRAINS_IN_S = 8.0
LOOKED_S = 0.2
ORDERED_LASTS = timedelta(minutes=1)
BUSY_MAX = 5
"""After so many whose people are busy others are looked at in the next round."""

Conductor = Dialer | HostedDialer
Fetch = Callable[[Call, Legs | None], Coroutine[Any, Any, None]]
"""Brings what was recorded of a call that is over, where there is a line to its engine."""


@dataclass
class _Open:
    """A line in use, made of a trunk; `calls` are those that this process leads on it, by key.

    `trunk` is the newest of the same account, by whose caps and numbers it goes on. It has begun
    as many calls as it may until the loop's clock says `rests_until`.
    """

    trunk: Trunk[TrunkSettings]
    made_of: Trunk[TrunkSettings]
    line: Legs | Hosted
    listening: asyncio.Task[None] | None = None
    calls: dict[str, Conductor] = field(default_factory=dict)
    rests_until: float = 0


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
        self._channels = channels
        self._dialling = dialling
        self._now = now
        self._name = name
        self._overdue = overdue
        self._voice = voice
        self._fetch = fetch
        self._lines: dict[ChannelId, _Open] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._swept: datetime | None = None

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
        await self._open_lines()
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
        ids = sorted({each.project for each in self._channels.all() if each.id in self._lines})
        known = await self._engine.get_many(Project, ids)
        return list(known.values())

    async def _open_lines(self) -> None:
        """A line for each trunk, and another once its settings are others."""
        wanted: dict[ChannelId, Trunk[TrunkSettings]] = {}
        for project in {each.project for each in self._channels.all()}:
            for trunk in trunks.of(self._channels, project):
                wanted[trunk.id] = trunk
        for id, had in list(self._lines.items()):
            fresh = wanted.get(id)
            if fresh is had.made_of:
                if had.listening is not None and had.listening.done():
                    self._listen(had)
                continue
            if had.calls:
                # Whoever talks by the old settings ends the talk by them.
                if fresh is not None and _is_same_account(fresh, had.made_of):
                    had.trunk = fresh
                continue
            await self._close(self._lines.pop(id))
        for id, trunk in wanted.items():
            if id not in self._lines:
                opened = _Open(trunk, trunk, trunk.line(self._name))
                opened.line.listen(
                    partial(self._heard, opened),
                    partial(self._lost, opened),
                )
                self._lines[id] = opened
                self._listen(opened)

    def _listen(self, opened: _Open) -> None:
        opened.listening = asyncio.create_task(opened.line.run(), name="line")
        opened.listening.add_done_callback(_told)

    async def _close(self, opened: _Open) -> None:
        if opened.listening is not None:
            opened.listening.cancel()
            await asyncio.wait([opened.listening])

    def _heard(self, opened: _Open, event: AnyLegEvent | Reported) -> None:
        key = event.key if isinstance(event, Reported) else event.leg.partition("-")[0]
        conductor = opened.calls.get(key)
        if isinstance(event, Reported):
            if isinstance(conductor, HostedDialer):
                conductor.heard(event)
        elif isinstance(conductor, Dialer):
            conductor.heard(event)

    def _lost(self, opened: _Open) -> None:
        for each in opened.calls.values():
            if isinstance(each, Dialer):
                each.heard(Lost())

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
        late = call.stage == "ordered" and self._now() - call.began_at > ORDERED_LASTS
        if call.stage == "ordered" and (call.lead is not None or late):
            # Its worker died before the engine heard of it: the lead is taken anew. A phone that
            # was to ring on trial does not ring once nobody waits for it any more.
            await self._dialling.end(call, Outcome.ENGINE_ERROR)
        elif opened is None:
            if not self._is_coming(call.channel):
                await self._dialling.catch_up(call)
                side: Role = "visitor" if call.dialled_at is not None else "operator"
                await self._dialling.end(call, Outcome.UNKNOWN, side=side)
        elif opened.line.ready:
            settings = opened.trunk.settings
            if call.stage == "begun":
                await self._dialling.catch_up(call)
                self._start(opened, call, anew=True)
            elif await self._dialling.equip(call, settings):
                self._start(opened, call)

    async def _bring(self, opened: _Open | None, call: Call) -> None:
        """What was recorded, where whoever led the call died before he had it."""
        if not call.unfetched or self._fetch is None:
            return
        if opened is not None and opened.line.ready and isinstance(opened.line, Legs):
            self._start(opened, call, anew=True)
        else:
            await self._fetch(call, None)

    def _is_coming(self, channel: ChannelId) -> bool:
        """Whether the trunk is in use, though there is no line yet."""
        return any(each.id == channel and each.enabled for each in self._channels.all())

    def _start(self, opened: _Open, call: Call, *, anew: bool = False) -> None:
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

    async def _lead(self, opened: _Open, conductor: Conductor, *, anew: bool) -> None:
        key = conductor.call.key
        try:
            call = await (conductor.resume() if anew else conductor.run())
            if self._fetch and call.unfetched and isinstance(opened.line, Legs):
                await self._fetch(call, opened.line)
        except TakenOverError:
            log.info("call.taken_over", extra={"call": key})
        except UnavailableError as error:
            # The call's lease runs out, and whoever finds it then ends it.
            log.warning("call.left", extra={"call": key, "reason": str(error)})
        except Exception:
            log.exception("call.failed", extra={"call": key})
        finally:
            opened.calls.pop(key, None)
            self._tasks.pop(key, None)

    async def _due(self, project: Project) -> bool:
        """Takes the project's leads that are due; True when there may be more."""
        now = self._now()
        page = await self._engine.find(
            LEADS_DUE,
            {"project": project.id, "live": True},
            range=Range("due_at", at_most=now),
            limit=AT_ONCE,
        )
        lines = self._ready_lines(project)
        if not lines:
            return False
        busy = 0
        full: set[str] = set()
        for lead in page.items:
            taken = "aside"
            with _guarded("lead.undialled", lead.id):
                if able := _for_lead(lines, lead):
                    if full.issuperset(each.trunk.id for each in able):
                        continue
                    if await self._dialling.hindered(lead, project):
                        continue
                    taken = await self._by_one_of(able, lead, project, full)
            if taken == "aside":
                await self._dialling.put_aside(lead)
            busy += taken == "busy"
            if len(full) == len(lines) or busy == BUSY_MAX:
                return False
        return len(page.items) == AT_ONCE and busy == 0 and not full

    def _ready_lines(self, project: Project) -> list[_Open]:
        """The project's lines by which calls can be made now.

        Nobody is called by what rings no phone while the real line is down.
        """
        known = trunks.of(self._channels, ProjectId(project.id))
        is_real = any(not each.calls.training for each in known)
        known = [each for each in known if not (is_real and each.calls.training)]
        lines = [(each, self._lines.get(ChannelId(each.id))) for each in known]
        return [line for each, line in lines if line and line.trunk is each and line.line.ready]

    async def _by_one_of(
        self, lines: Sequence[_Open], lead: Lead, project: Project, full: set[str]
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

    async def _call(self, opened: _Open, lead: Lead, project: Project) -> str:
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
        leading = [each for opened in self._lines.values() for each in opened.calls.values()]
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
            for opened in list(self._lines.values()):
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
        leading = [each for opened in self._lines.values() for each in opened.calls.values()]
        for each in leading:
            if isinstance(each, Dialer):
                each.heard(Stop())
        for _ in range(round(DRAINS_IN_S / LOOKED_S)):
            if all(self._is_left(each) for each in leading):
                break
            await asyncio.wait(self._running, timeout=LOOKED_S)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        for each in leading:
            await self._dialling.leave(each.call)
        for opened in self._lines.values():
            await self._close(opened)
        self._lines.clear()

    def _is_left(self, conductor: Conductor) -> bool:
        """Whether nothing more is done about that call here: it talks, or is over."""
        call = conductor.call
        hosted = isinstance(conductor, HostedDialer)
        return hosted or call.status is Status.TALKING or call.stage in ("ended", "settled")


def _for_lead(lines: Sequence[_Open], lead: Lead) -> list[_Open]:
    """Those that can make such a call; if none dials the number, the first says so of it."""
    wanted = (lead.plan.script.first, lead.plan.script.connect)
    able = [each for each in lines if wanted in each.trunk.calls.scenarios]
    dial = [each for each in able if trunks.dials(each.trunk.settings, lead.phone)]
    return dial or able[:1]


def _is_same_account(one: Trunk[TrunkSettings], other: Trunk[TrunkSettings]) -> bool:
    """Whether they differ in nothing that the engine has to know."""
    if type(one) is not type(other):
        return False
    ours = {name: getattr(one.settings, name) for name in TrunkSettings.__struct_fields__}
    return replace(other.settings, **ours) == one.settings


@contextmanager
def _guarded(event: str, about: str) -> Iterator[None]:
    """A fault of one must not keep all others from being called."""
    try:
        yield
    except UnavailableError:
        raise
    except Exception:
        log.exception(event, extra={"about": about})


def _heeded(wish: str, call: Call) -> Call:
    return replace(call, done=(*call.done, wish))


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("line.ended", exc_info=error)

"""Conducts one call: the scenario says what is to be done, the line does it, the store hears first.

What the next requests will be about is stored before they leave, so whoever finds the call after
this process knows which legs to look for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from hub.calls.call import LEGS_MAX, Call, Leg, Outcome, Role
from hub.calls.dialling import Dialling
from hub.calls.trunk import (
    Answered,
    AnyLegEvent,
    Gone,
    LegEvent,
    Legs,
    LineError,
    Played,
    Ringing,
)
from hub.model import OperatorId
from hub.statuses import Status
from telephony import scenario
from telephony.acts import (
    Alarm,
    Arm,
    Command,
    Dial,
    Disarm,
    Event,
    Finish,
    HangUp,
    Hush,
    Join,
    Joined,
    Lost,
    Play,
    Press,
    Rang,
    Record,
    Tell,
)
from telephony.standing import State
from telephony.voice.sounds import Sounds

log = logging.getLogger(__name__)

GONE_IN_S = 5.0
"""How long the engine is given to say that the legs which were hung up are gone."""

LOOKED_S = 0.5
"""How often it is looked whether an engine that was away is back."""

SAFETY_S = 60
"""What the engine's own end of a leg comes later than ours: it is for when we are dead."""


class TakenOverError(Exception):
    """Another worker leads the call: nothing more is to be done about it here."""


class Dialer:
    """`dials` says whether a number may be asked of this line at all."""

    def __init__(
        self,
        dialling: Dialling,
        line: Legs,
        call: Call,
        sounds: Sounds,
        now: Callable[[], datetime],
        dials: Callable[[str], bool],
        worker: str,
    ) -> None:
        self._dialling = dialling
        self._line = line
        self._sounds = sounds
        self._now = now
        self._dials = dials
        self._worker = worker
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._alarms: dict[Alarm, asyncio.TimerHandle] = {}
        self._commanded: set[str] = set()
        self._released: set[OperatorId] = set()
        self._talks_since: float | None = None
        self.call = call

    def heard(self, event: Event) -> None:
        """Something happened to the call; legs by the engine's ids."""
        match event:
            case Played():
                event = replace(event, leg=self._own(event.leg), id=self._own(event.id))
            case LegEvent():
                event = replace(event, leg=self._own(event.leg))
            case _:
                pass
        self._events.put_nowait(event)

    async def run(self) -> Call:
        """Makes the call and settles it; returns it as it ended."""
        begun = await self._dialling.begin(self.call, self._worker)
        if begun is None or begun.plan is None:
            return self.call
        self.call = begun
        return await self._conduct(*scenario.begin(begun.plan))

    async def resume(self) -> Call:
        """Goes on with a talk that another worker began, or ends what it left of one.

        Raises LineError where the engine says nothing of that talk, which may well go on.
        """
        if self.call.stage == "settled":
            # Only what was recorded of it is still to be fetched.
            return self.call
        plan = self.call.plan
        up = [each for each in self.call.legs if each.state == "up"]
        roles = {each.role for each in up}
        if plan is not None and self.call.status is Status.TALKING and len(up) == len(roles) == 2:
            ids = [self._id(each.id) for each in up]
            if await self._line.adopt(ids):
                log.info("call.adopted", extra={"call": self.call.key})
                self._commanded.add("bridge")
                return await self._conduct(*scenario.resumed(plan, self.call.legs))
        return await self.abandon()

    async def abandon(self) -> Call:
        """Ends what nobody led any more; whether a phone rang is not known."""
        await self._sweep()
        talked = self.call.talk_at is not None
        if self.call.stage == "ordered":
            return await self._dialling.end(self.call, Outcome.ENGINE_ERROR)
        outcome = Outcome.DROPPED if talked else Outcome.UNKNOWN
        side: Role = "visitor" if self.call.dialled_at is not None else "operator"
        return await self._dialling.end(self.call, outcome, side="" if talked else side)

    async def _conduct(self, state: State, commands: Sequence[Command]) -> Call:
        self._sounds.prepare(self.call)
        try:
            await self._note(state, commands, None)
            await self._do(commands)
            while not state.over:
                event = await self._events.get()
                if isinstance(event, Lost) and state.phase == "talk" and await self._found(state):
                    continue
                state, commands = scenario.step(state, event)
                await self._note(state, commands, event)
                await self._do(commands)
            return await self._over(state)
        finally:
            self._sounds.end()
            for alarm in self._alarms.values():
                alarm.cancel()

    async def _found(self, state: State) -> bool:
        """Whether they still talk, once an engine that nothing was heard of for long can tell."""
        log.info("call.unheard", extra={"call": self.call.key})
        up = [self._id(each.id) for each in state.legs if each.state == "up"]
        there = None
        # By the end of that time the engine has ended the talk itself.
        with suppress(TimeoutError):
            async with asyncio.timeout(state.plan.script.talk_max_s):
                while (there := await self._there(up)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(LOOKED_S)
        if not there:
            return False
        log.info("call.adopted", extra={"call": self.call.key})
        for each in state.legs:
            # Nobody hears any more of a colleague whose phone was ringing.
            if each.state in ("calling", "ringing"):
                with suppress(LineError):
                    await self._line.hang_up(self._id(each.id), Outcome.CANCELLED)
                self._events.put_nowait(Gone(leg=each.id, outcome=Outcome.UNKNOWN))
        return True

    async def _there(self, legs: Sequence[str]) -> bool | None:
        """Whether all of them are, and are heard again; None while the engine cannot tell."""
        try:
            return await self._line.adopt(legs) if self._line.ready else None
        except LineError:
            return None

    async def _over(self, state: State) -> Call:
        """Waits until the phones are let go, and only then says that it is over."""
        await self._let_go()
        outcome = state.outcome or Outcome.ENGINE_ERROR
        since = self._talks_since
        talked_s = asyncio.get_running_loop().time() - since if since is not None else 0
        call = await self._dialling.end(
            self.call, outcome, side=state.side, ended_by=state.ended_by, talked_s=talked_s
        )
        self.call = call
        return call

    async def _let_go(self) -> None:
        waiting = {each.id for each in self.call.legs if each.state != "ended"}
        with suppress(TimeoutError):
            async with asyncio.timeout(GONE_IN_S):
                while waiting:
                    event = await self._events.get()
                    if isinstance(event, Lost):
                        break
                    if isinstance(event, Gone):
                        waiting.discard(event.leg)
                        await self._mark(event)
        if waiting or "bridge" in self._commanded:
            await self._sweep()

    async def _sweep(self) -> None:
        """Nothing of the call is left in the engine after it, as far as that can be reached."""
        try:
            await self._line.sweep(self.call.key)
        except LineError as error:
            log.warning("call.unswept", extra={"call": self.call.key, "reason": error.detail})

    async def _note(self, state: State, commands: Sequence[Command], event: Event | None) -> None:
        """Stores what has changed, and what the commands are about to ask for."""
        now = self._now()
        if state.phase == "talk" and self._talks_since is None:
            self._talks_since = asyncio.get_running_loop().time()
        dialled = [each for each in commands if isinstance(each, Dial)]
        told = [each for each in commands if isinstance(each, Tell)]
        records = any(isinstance(each, Record) for each in commands)
        changed = isinstance(event, Ringing | Answered | Gone)
        if not dialled and not told and not records and not changed:
            return

        def noted(had: Call) -> Call:
            legs = _marked(had.legs, event, now)
            legs += tuple(_leg(each, now) for each in dialled)
            after = replace(had, legs=legs[-LEGS_MAX:], unfetched=had.unfetched or records)
            if any(each.role == "visitor" for each in dialled) and had.dialled_at is None:
                after = replace(after, dialled_at=now)
            return _told(after, told[0], now) if told else after

        for dial in dialled:
            await self._engage(state, dial)
        self.call = await self._dialling.note(self.call, noted, self._worker)
        if self.call.worker != self._worker:
            raise TakenOverError
        for each in told[1:]:
            # Each is a line of its own, however short it stood so.
            self.call = await self._dialling.note(self.call, partial(_told, told=each, now=now))
        await self._release(state)

    async def _engage(self, state: State, dialled: Dial) -> None:
        """The colleague to whom it is handed over is rung by no other call."""
        operator = dialled.party.operator
        if operator is not None and state.phase == "talk":
            self._released.discard(operator)
            await self._dialling.engage(self.call, operator)

    async def _mark(self, event: Gone) -> None:
        now = self._now()
        self.call = await self._dialling.note(
            self.call, lambda had: replace(had, legs=_marked(had.legs, event, now))
        )

    async def _release(self, state: State) -> None:
        """Operators whose phones are silent, and ring in no round to come, are free for others."""
        if state.phase in ("first", "pause"):
            return
        silent = _operators(self.call, ended=True) - _operators(self.call, ended=False)
        if newly := silent - self._released:
            self._released |= newly
            await self._dialling.release(self.call, sorted(newly))

    async def _do(self, commands: Sequence[Command]) -> None:
        for each in commands:
            try:
                await self._carry_out(each)
            except LineError as error:
                log.info("call.refused", extra={"call": self.call.key, "reason": error.detail})
                self._refused(each, error)

    def _refused(self, command: Command, error: LineError) -> None:
        match command:
            case Dial():
                gone = Gone(leg=command.leg, outcome=error.outcome, code=error.detail)
                self._events.put_nowait(gone)
            case Play():
                self._events.put_nowait(Played(leg=command.leg, id=command.id, whole=False))
            case Join():
                for leg in command.legs:
                    gone = Gone(leg=leg, outcome=error.outcome, code=error.detail)
                    self._events.put_nowait(gone)
            case _:
                pass

    async def _carry_out(self, command: Command) -> None:
        line = self._line
        match command:
            case Dial():
                await self._dial(command)
            case Play():
                sound = None
                if command.what != "ring":
                    sound = await self._sounds.of(self.call, self._role(command.leg), command.what)
                    if sound is None:
                        raise LineError(Outcome.ENGINE_ERROR, "no sound")
                await line.play(self._id(command.leg), self._id(command.id), sound)
            case Hush():
                await line.hush(self._id(command.leg), self._id(command.id))
            case Press():
                await line.press(self._id(command.leg), command.tones)
            case Join():
                self._commanded.add("bridge")
                await line.join(self._id("b"), [self._id(each) for each in command.legs])
                self._events.put_nowait(Joined())
            case HangUp():
                await line.hang_up(self._id(command.leg), command.why)
            case Record():
                await line.record(self._id("b"), self._id("r"))
            case Arm():
                self._disarm(command.alarm)
                loop = asyncio.get_running_loop()
                self._alarms[command.alarm] = loop.call_later(
                    command.after_s, self._events.put_nowait, Rang(command.alarm)
                )
            case Disarm():
                self._disarm(command.alarm)
            case Tell() | Finish():
                pass

    def _disarm(self, alarm: Alarm) -> None:
        if (had := self._alarms.pop(alarm, None)) is not None:
            had.cancel()

    async def _dial(self, command: Dial) -> None:
        plan = self.call.plan
        if plan is None or not self._dials(command.party.number):
            raise LineError(Outcome.INVALID_NUMBER, "not dialled by this line")
        if command.role == "visitor" and await self._dialling.is_night(self.call):
            raise LineError(Outcome.TOO_LATE, "night")
        talk_s = plan.script.talk_max_s
        await self._line.dial(
            self._id(command.leg),
            command.party.number,
            shown=plan.shown,
            display=plan.display if command.role == "operator" else "",
            ring_s=command.ring_s,
            limit_s=command.ring_s + talk_s + SAFETY_S,
        )

    def _role(self, leg: str) -> Role:
        return "operator" if leg.startswith("o") else "visitor"

    def _id(self, own: str) -> str:
        return f"{self.call.key}-{own}"

    def _own(self, id: str) -> str:
        return id.removeprefix(f"{self.call.key}-")


def _leg(command: Dial, now: datetime) -> Leg:
    return Leg(
        id=command.leg,
        role=command.role,
        number=command.party.number,
        operator=command.party.operator,
        name=command.party.name,
        at=now,
    )


def _marked(legs: tuple[Leg, ...], event: Event | None, now: datetime) -> tuple[Leg, ...]:
    if not isinstance(event, Ringing | Answered | Gone):
        return legs
    return tuple(_after(each, event, now) if each.id == event.leg else each for each in legs)


def _after(leg: Leg, event: AnyLegEvent, now: datetime) -> Leg:
    match event:
        case Ringing() if leg.state == "calling":
            return replace(leg, state="ringing")
        case Answered() if leg.state != "ended":
            return replace(leg, state="up", answered_at=leg.answered_at or now)
        case Gone() if leg.state != "ended":
            return replace(
                leg,
                state="ended",
                outcome=event.outcome,
                by_far=event.by_far,
                code=event.code[:200],
                ended_at=now,
            )
        case _:
            return leg


def _told(call: Call, told: Tell, now: datetime) -> Call:
    leg = next((each for each in call.legs if each.id == told.leg), None)
    after = replace(call, status=told.status)
    if told.status is Status.TALKING:
        after = replace(after, talk_at=call.talk_at or now)
    if leg is not None and leg.role == "operator" and leg.operator is not None:
        after = replace(after, operator=leg.operator, operator_name=leg.name)
    return after


def _operators(call: Call, *, ended: bool) -> set[OperatorId]:
    return {
        each.operator
        for each in call.legs
        if each.operator is not None and (each.state == "ended") is ended
    }

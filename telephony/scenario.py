"""What happens in a call, step by step: a pure machine from events to commands.

`begin` and `step` give the next state and what is to be done. Every path ends in `over` with an
outcome; after it nothing is commanded, and every leg that was dialled has gone or was hung up.
No clock: a time is armed by name and comes back as `Rang`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from hub.calls.call import TRUNKS_OWN, CallPlan, Leg, Outcome, Party, Role
from hub.calls.trunk import Gone, Played, Pressed, Ringing
from hub.statuses import Status
from telephony.acts import (
    Alarm,
    Arm,
    Cancel,
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
    Stop,
    Tell,
    Transfer,
    What,
)
from telephony.standing import LegState, State

KEYS_KEPT = 8
PLAY_MAX_S = 180.0
"""No message is waited for longer; an engine may never say that one has ended."""

# Which of several outcomes of one side is told: the one that says most of the people there.
_TELLING = (
    Outcome.TOO_LATE,
    Outcome.NO_ANSWER,
    Outcome.BUSY,
    Outcome.REJECTED,
    Outcome.UNREACHABLE,
    Outcome.INVALID_NUMBER,
    Outcome.PROVIDER_REFUSED,
    Outcome.CONGESTION,
    Outcome.ENGINE_ERROR,
)

Step = tuple[State, list[Command]]


def begin(plan: CallPlan) -> Step:
    """Rings the first side."""
    return _ring_first(State(plan=plan))


def resumed(plan: CallPlan, legs: Sequence[Leg]) -> Step:
    """A talk that goes on, as the legs stand which another conducted before."""
    known = tuple(
        LegState(
            each.id,
            each.role,
            Party(number=each.number, operator=each.operator, name=each.name),
            "gone" if each.state == "ended" else each.state,
            each.outcome,
        )
        for each in legs
    )
    up = {each.role: each.id for each in known if each.state == "up"}
    state = State(plan=plan, phase="talk", legs=known)
    state = replace(
        state, first=up.get(_first_role(state), ""), second=up.get(_second_role(state), "")
    )
    return state, [Arm("talk", plan.script.talk_max_s)]


def step(state: State, event: Event) -> Step:
    """What becomes of the call by that; what is of no use now changes nothing."""
    if state.over:
        return state, []
    match event:
        case Lost():
            gone = tuple(replace(each, state="gone") for each in state.legs)
            return _broken_off(replace(state, legs=gone))
        case Stop():
            return (state, []) if _talking(state) else _broken_off(state)
        case Cancel():
            if _talking(state):
                return _over(state, Outcome.TALKED, ended_by="operator")
            return _over(state, Outcome.CANCELLED)
        case Transfer():
            return _transfer(state, event.to)
        case Joined():
            return _joined(state)
        case Rang():
            return _rang(state, event.alarm)
        case Gone():
            return _gone(state, event)
        case Played():
            return _played(state, event)
        case _:
            leg = state.leg(event.leg)
            if leg is None or leg.state == "gone":
                return state, []
            if isinstance(event, Pressed):
                return _pressed(state, leg, event.digit)
            if isinstance(event, Ringing):
                return _with(state, leg, "ringing") if leg.state == "calling" else state, []
            return _answered(state, leg) if leg.state != "up" else (state, [])


def _broken_off(state: State) -> Step:
    if _talking(state):
        return _over(state, Outcome.DROPPED)
    if any(each.role == "visitor" for each in state.legs):
        # The phone may have rung: whoever plans the next call has to reckon with it.
        return _over(state, Outcome.UNKNOWN, side="visitor")
    return _over(state, Outcome.ENGINE_ERROR)


def _first_role(state: State) -> Role:
    return state.plan.script.first


def _second_role(state: State) -> Role:
    return "visitor" if _first_role(state) == "operator" else "operator"


def _talking(state: State) -> bool:
    return state.phase == "talk"


def _with(state: State, leg: LegState, how: Literal["ringing", "up"]) -> State:
    after = replace(leg, state=how)
    return replace(state, legs=tuple(after if each.id == leg.id else each for each in state.legs))


def _alive(state: State, role: Role | None = None) -> list[LegState]:
    there = [each for each in state.legs if each.state != "gone"]
    return [each for each in there if role in (None, each.role)]


def _dial(state: State, role: Role, parties: Sequence[Party], ring_s: float) -> Step:
    """Rings all of them at once."""
    commands: list[Command] = []
    legs = list(state.legs)
    for party in parties:
        n = sum(each.role == role for each in legs) + 1
        leg = LegState(f"{role[0]}{n}", role, party)
        legs.append(leg)
        commands.append(Dial(leg.id, role, party, ring_s))
    status = Status.CALLING_OPERATOR if role == "operator" else Status.CALLING_VISITOR
    commands = [Tell(status), *commands, Arm("ring", ring_s)]
    return replace(state, legs=tuple(legs)), commands


def _ring_first(state: State) -> Step:
    script, role = state.plan.script, _first_role(state)
    state = replace(state, phase="first")
    if role == "visitor":
        return _dial(state, role, [state.plan.visitor], script.visitor_ring_s)
    if not state.plan.operators:
        return _over(state, Outcome.UNREACHABLE, side="operator")
    return _dial(state, role, state.plan.operators[state.stage], script.ring_s)


def _ring_second(state: State) -> Step:
    """The one who waits hears it ring."""
    script, role = state.plan.script, _second_role(state)
    state = replace(state, phase="second")
    everybody = [each for stage in state.plan.operators for each in stage]
    parties = [state.plan.visitor] if role == "visitor" else everybody
    if not parties:
        return _over(state, Outcome.UNREACHABLE, side=role)
    ring_s = script.visitor_ring_s if role == "visitor" else script.ring_s
    state, tone = _play(state, state.first, "ring")
    state, commands = _dial(state, role, parties, ring_s)
    return state, [*tone, *commands]


def _play(state: State, leg: str, what: What) -> tuple[State, list[Command]]:
    id = f"p{state.plays + 1}"
    state = replace(state, plays=state.plays + 1, playing=(*state.playing, (leg, id)))
    commands: list[Command] = [Play(leg, id, what)]
    if what != "ring":
        commands.append(Arm("play", PLAY_MAX_S))
    return state, commands


def _hush(state: State, leg: str) -> tuple[State, list[Command]]:
    """Stops whatever is played to the leg, before anything else is asked of it."""
    commands: list[Command] = [Hush(at, id) for at, id in state.playing if at == leg]
    return replace(state, playing=tuple(each for each in state.playing if each[0] != leg)), commands


def _answered(state: State, leg: LegState) -> Step:
    state = _with(state, leg, "up")
    if leg.id == state.coming:
        return _took_over(state, leg)
    waited_for = (state.phase == "first" and leg.role == _first_role(state)) or (
        state.phase == "second" and leg.role == _second_role(state)
    )
    if not waited_for:
        # Somebody else was quicker, or it is too late for this call.
        return state, [HangUp(leg.id, Outcome.CANCELLED)]
    others = [each for each in _alive(state, leg.role) if each.id != leg.id]
    commands: list[Command] = [Disarm("ring")]
    commands += [HangUp(each.id, Outcome.CANCELLED) for each in others]
    if leg.party.tones:
        commands.append(Press(leg.id, leg.party.tones))
    on_line = Status.OPERATOR_ON_LINE if leg.role == "operator" else Status.VISITOR_ON_LINE
    commands.append(Tell(on_line, leg.id))
    if state.phase == "first":
        state, more = _say_first(replace(state, first=leg.id, phase="message", keys=""))
    else:
        state, more = _greet(replace(state, second=leg.id, keys=""))
    return state, [*commands, *more]


def _says(state: State, role: Role) -> bool:
    script = state.plan.script
    return bool(script.operator_says if role == "operator" else script.visitor_says)


def _notifies(state: State, role: Role) -> bool:
    return role == "visitor" and state.plan.script.record and bool(state.plan.script.record_notice)


def _say_first(state: State) -> Step:
    script, role = state.plan.script, _first_role(state)
    commands: list[Command] = []
    if script.connect == "key":
        commands.append(Arm("wait", script.wait_s))
    if _notifies(state, role) and not state.said:
        state, more = _play(state, state.first, "notice")
        return state, [*commands, *more]
    if _says(state, role):
        state, more = _play(replace(state, said=1), state.first, "message")
        return state, [*commands, *more]
    if script.connect == "key":
        return state, commands
    return _heard_first(state)


def _heard_first(state: State) -> Step:
    """The first side heard what there is to hear, or pressed the keys."""
    state, hushed = _hush(state, state.first)
    commands: list[Command] = [*hushed, Disarm("wait"), Disarm("play")]
    if state.plan.ring_only:
        state, more = _over(state, Outcome.TALKED, ended_by="hub")
    else:
        state, more = _ring_second(state)
    return state, [*commands, *more]


def _greet(state: State) -> Step:
    """What the second side hears before the two are joined; the first still hears the ringing."""
    role = _second_role(state)
    state = replace(state, phase="greeting", said=0)
    if _notifies(state, role):
        return _play(state, state.second, "notice")
    if _says(state, role):
        return _play(replace(state, said=1), state.second, "message")
    return _join(state)


def _join(state: State) -> Step:
    state, one = _hush(state, state.first)
    state, other = _hush(state, state.second)
    state = replace(state, phase="joining", joining="both")
    return state, [*one, *other, Disarm("play"), Join((state.first, state.second))]


def _joined(state: State) -> Step:
    if state.phase == "joining":
        commands: list[Command] = [Tell(Status.TALKING), Arm("talk", state.plan.script.talk_max_s)]
        if state.plan.script.record and not state.unnoticed:
            commands.append(Record())
        return replace(state, phase="talk", joining=""), commands
    if state.phase == "talk" and state.joining:
        # The colleague hears the visitor: the operator before may go.
        before, state = state.joining, replace(state, joining="")
        leaving = state.leg(before)
        operator = state.first if _first_role(state) == "operator" else state.second
        commands = [Tell(Status.TALKING, operator)]
        if leaving is not None and leaving.state != "gone":
            commands = [HangUp(before, Outcome.TALKED), *commands]
        return state, commands
    return state, []


def _played(state: State, event: Played) -> Step:
    if (event.leg, event.id) not in state.playing:
        return state, []
    state = replace(
        state, playing=tuple(each for each in state.playing if each != (event.leg, event.id))
    )
    return _after_message(state, event.whole)


def _after_message(state: State, whole: bool) -> Step:
    script = state.plan.script
    if state.phase in ("message", "greeting") and not state.said and not whole:
        state = replace(state, unnoticed=True)
    if state.phase == "greeting":
        if not state.said and _says(state, _second_role(state)):
            return _play(replace(state, said=1), state.second, "message")
        return _join(state)
    if state.phase != "message":
        return state, []
    says = _says(state, _first_role(state))
    if not state.said:
        if says:
            return _play(replace(state, said=1), state.first, "message")
        return (state, []) if script.connect == "key" else _heard_first(state)
    if not whole:
        # What cannot be played is not tried again: with keys the time goes on in silence.
        return (state, []) if script.connect == "key" else _heard_first(state)
    if script.connect == "key" or state.said < script.repeats:
        return _play(replace(state, said=state.said + 1), state.first, "message")
    return _heard_first(state)


def _pressed(state: State, leg: LegState, digit: str) -> Step:
    script = state.plan.script
    if leg.id != state.first or state.phase not in ("message", "second", "greeting"):
        return state, []
    keys = (state.keys + digit)[-KEYS_KEPT:]
    state = replace(state, keys=keys)
    if script.first == "operator" and script.cancel_keys and keys.endswith(script.cancel_keys):
        return _over(state, Outcome.CANCELLED, side="operator")
    if state.phase == "message" and script.connect == "key" and keys.endswith(script.keys):
        return _heard_first(state)
    return state, []


def _rang(state: State, alarm: Alarm) -> Step:
    match alarm:
        case "ring" if state.coming:
            return _nobody_came(state)
        case "ring" if state.phase in ("first", "second"):
            return _rang_out(state)
        case "pause" if state.phase == "pause":
            return _ring_first(replace(state, round=state.round + 1))
        case "wait" if state.phase == "message":
            return _over(state, Outcome.NO_KEY, side=_first_role(state))
        case "play" if state.phase in ("message", "greeting"):
            leg = state.first if state.phase == "message" else state.second
            state, hushed = _hush(state, leg)
            state, more = _after_message(state, whole=False)
            return state, [*hushed, *more]
        case "talk" if state.phase == "talk":
            return _over(state, Outcome.TALKED, ended_by="hub")
        case _:
            return state, []


def _rang_out(state: State) -> Step:
    """Nobody of the side that is rung answered in time."""
    role = _first_role(state) if state.phase == "first" else _second_role(state)
    commands: list[Command] = []
    legs = []
    for each in state.legs:
        if each.role != role or each.state not in ("calling", "ringing"):
            legs.append(each)
            continue
        outcome = Outcome.NO_ANSWER if each.state == "ringing" else Outcome.UNREACHABLE
        commands.append(HangUp(each.id, Outcome.NO_ANSWER))
        legs.append(replace(each, state="gone", outcome=outcome))
    state, more = _nobody(replace(state, legs=tuple(legs)))
    return state, [*commands, *more]


def _nobody(state: State) -> Step:
    """Nobody of the side that is rung is left: another stage, another round, or the end."""
    script = state.plan.script
    if state.phase == "second":
        role = _second_role(state)
        return _over(state, _outcome_of(state, role), side=role)
    role = _first_role(state)
    outcome = _outcome_of(state, role)
    if role == "operator" and outcome not in TRUNKS_OWN:
        if state.stage + 1 < len(state.plan.operators):
            state, more = _ring_first(replace(state, stage=state.stage + 1))
            return state, [Disarm("ring"), *more]
        if state.round < script.rounds:
            state = replace(state, phase="pause")
            return state, [Disarm("ring"), Arm("pause", script.pause_s)]
    return _over(state, outcome, side=role)


def _outcome_of(state: State, role: Role) -> Outcome:
    """What most legs of that side would say; of several rounds all count."""
    found = {each.outcome for each in state.legs if each.role == role}
    return next((each for each in _TELLING if each in found), Outcome.UNREACHABLE)


def _gone(state: State, event: Gone) -> Step:
    leg = state.leg(event.leg)
    if leg is None or leg.state == "gone":
        return state, []
    was_up = leg.state == "up"
    after = replace(leg, state="gone", outcome=event.outcome)
    state = replace(
        state,
        legs=tuple(after if each.id == leg.id else each for each in state.legs),
        playing=tuple(each for each in state.playing if each[0] != leg.id),
    )
    if leg.id == state.coming:
        return _nobody_came(state)
    if leg.id in (state.first, state.second):
        return _left(state, leg, event)
    rung = _first_role(state) if state.phase == "first" else _second_role(state)
    is_rung = state.phase in ("first", "second") and leg.role == rung and not was_up
    if is_rung and not [each for each in _alive(state, rung) if each.id != state.first]:
        return _nobody(state)
    return state, []


def _left(state: State, leg: LegState, event: Gone) -> Step:
    """One of the two who are on the line is gone."""
    if state.phase == "talk":
        if leg.role == "operator" and state.coming:
            # The colleague is still rung, and the visitor hears it.
            visitor = state.first if state.second == leg.id else state.second
            return _play(state, visitor, "ring")
        if state.joining == leg.id:
            return state, []
        if event.by_far:
            return _over(state, Outcome.TALKED, ended_by=leg.role)
        return _over(state, Outcome.DROPPED)
    return _over(state, Outcome.DROPPED, side=leg.role)


def _transfer(state: State, to: Party) -> Step:
    if state.phase != "talk" or state.coming or state.joining:
        return state, []
    state, commands = _dial(state, "operator", [to], state.plan.script.ring_s)
    return replace(state, coming=state.legs[-1].id), commands


def _took_over(state: State, leg: LegState) -> Step:
    first, second = state.leg(state.first), state.leg(state.second)
    before = first if first is not None and first.role == "operator" else second
    visitor = state.second if before is first else state.first
    if before is None:
        return state, []
    state = replace(state, coming="", joining=before.id)
    state = replace(state, first=leg.id) if before is first else replace(state, second=leg.id)
    state, hushed = _hush(state, visitor)
    commands: list[Command] = [Disarm("ring"), *hushed]
    if leg.party.tones:
        commands.append(Press(leg.id, leg.party.tones))
    return state, [*commands, Join((leg.id,))]


def _nobody_came(state: State) -> Step:
    """The colleague did not answer: the talk goes on, if the operator is still there."""
    commands: list[Command] = [Disarm("ring")]
    coming = state.leg(state.coming)
    if coming is not None and coming.state != "gone":
        commands.append(HangUp(coming.id, Outcome.NO_ANSWER))
    state = replace(state, coming="")
    on_line = [state.leg(each) for each in (state.first, state.second)]
    if any(each is None or each.state == "gone" for each in on_line):
        state, more = _over(state, Outcome.TALKED, ended_by="operator")
    else:
        more = [Tell(Status.TALKING)]
    return state, [*commands, *more]


def _over(
    state: State,
    outcome: Outcome,
    *,
    side: Literal["", "operator", "visitor"] = "",
    ended_by: Literal["", "operator", "visitor", "hub"] = "",
) -> Step:
    commands: list[Command] = [HangUp(each.id, outcome) for each in _alive(state)]
    state = replace(
        state,
        phase="over",
        outcome=outcome,
        side=side,
        ended_by=ended_by,
        playing=(),
        coming="",
    )
    return state, [*commands, Finish()]

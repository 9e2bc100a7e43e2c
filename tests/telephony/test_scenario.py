"""The scenario alone: whatever phones, people and clocks do, it ends, and leaves no phone off."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.calls.call import CallPlan, Leg, Outcome, Party
from hub.calls.script import Say, Script
from hub.calls.trunk import Answered, Gone, Played, Pressed, Ringing
from hub.model import OperatorId
from hub.statuses import CALL_MOVES, Status
from telephony import scenario
from telephony.acts import (
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
)
from telephony.standing import State
from tests.spine import START

SAYS = Say(text="Поступила заявка с сайта, нажмите 1")
OLGA = Party(number="101", operator=OperatorId("olga"), name="Ольга")
PETR = Party(number="102", operator=OperatorId("petr"))
IVAN = Party(number="+79161234567")


class Told:
    """A scenario under way and everything that it commanded."""

    def __init__(self, plan: CallPlan) -> None:
        self.commands: list[Command] = []
        self.last: list[Command] = []
        self.state = self._after(scenario.begin(plan))

    def _after(self, step: scenario.Step) -> State:
        state, self.last = step
        self.commands += self.last
        return state

    def tell(self, *events: Event) -> list[Command]:
        """What is commanded after the last of the events."""
        for each in events:
            self.state = self._after(scenario.step(self.state, each))
        return self.last

    def did(self, kind: type[Command]) -> list[Command]:
        return [each for each in self.commands if isinstance(each, kind)]

    @property
    def statuses(self) -> list[Status]:
        return [each.status for each in self.commands if isinstance(each, Tell)]


def planned(*stages: Sequence[Party], **script: object) -> CallPlan:
    given = {"operator_says": SAYS, "rounds": 1} | script
    return CallPlan(
        script=Script(**given),  # type: ignore[arg-type]
        operators=tuple(tuple(each) for each in stages or ([OLGA],)),
        visitor=IVAN,
    )


def gone(leg: str, outcome: Outcome = Outcome.BUSY, *, by_far: bool = False) -> Gone:
    return Gone(leg=leg, outcome=outcome, by_far=by_far)


def talking(**script: object) -> Told:
    told = Told(planned(**script))
    told.tell(Answered(leg="o1"), Played(leg="o1", id="p1"), Answered(leg="v1"), Joined())
    assert told.state.phase == "talk"
    return told


def test_a_key_connects_whoever_hears_the_message_over_and_over() -> None:
    told = Told(planned(connect="key", keys="5"))
    assert Play("o1", "p1", "message") in told.tell(Answered(leg="o1"))

    assert told.tell(Played(leg="o1", id="p1")) == [Play("o1", "p2", "message"), Arm("play", 180)]
    assert told.tell(Pressed(leg="o1", digit="9")) == []
    commands = told.tell(Pressed(leg="o1", digit="5"))

    assert Hush("o1", "p2") in commands
    assert any(isinstance(each, Dial) and each.role == "visitor" for each in commands)


def test_nobody_presses_the_key_and_the_call_ends() -> None:
    told = Told(planned(connect="key"))
    told.tell(Answered(leg="o1"))
    commands = told.tell(Rang("wait"))

    assert commands == [HangUp("o1", Outcome.NO_KEY), Finish()]
    assert (told.state.outcome, told.state.side) == (Outcome.NO_KEY, "operator")


def test_a_message_is_said_as_often_as_it_is_to_be() -> None:
    told = Told(planned(repeats=2))
    told.tell(Answered(leg="o1"), Played(leg="o1", id="p1"))
    assert not [each for each in told.did(Dial) if each.role == "visitor"]  # type: ignore[union-attr]

    told.tell(Played(leg="o1", id="p2"))
    assert [each.role for each in told.did(Dial)] == ["operator", "visitor"]  # type: ignore[union-attr]


def test_what_cannot_be_played_holds_nobody_up_and_is_not_tried_again() -> None:
    told = Told(planned(repeats=5))
    told.tell(Answered(leg="o1"), Played(leg="o1", id="p1", whole=False))
    assert told.state.phase == "second"

    keys = Told(planned(connect="key"))
    assert keys.tell(Answered(leg="o1"), Played(leg="o1", id="p1", whole=False)) == []
    assert keys.tell(Pressed(leg="o1", digit="1")), "the key still connects"


def test_the_cancel_keys_end_it_also_while_the_person_is_rung() -> None:
    for events in ([], [Played(leg="o1", id="p1")]):
        told = Told(planned(cancel_keys="9#"))
        told.tell(Answered(leg="o1"), *events)
        told.tell(Pressed(leg="o1", digit="9"), Pressed(leg="o1", digit="#"))
        assert told.state.outcome is Outcome.CANCELLED


def test_the_responsible_operator_is_rung_first_and_then_the_group_at_once() -> None:
    told = Told(planned([OLGA], [OLGA, PETR], rounds=2, pause_s=30))
    told.tell(gone("o1", Outcome.NO_ANSWER))
    assert [each.party for each in told.did(Dial)] == [OLGA, OLGA, PETR]  # type: ignore[union-attr]

    told.tell(gone("o2"))
    assert told.tell(gone("o3")) == [Disarm("ring"), Arm("pause", 30)]
    told.tell(Rang("pause"))
    assert len(told.did(Dial)) == 5
    told.tell(Rang("ring"))
    assert (told.state.outcome, told.state.side) == (Outcome.NO_ANSWER, "operator")


def test_whoever_of_a_group_answers_first_has_it() -> None:
    told = Told(planned([OLGA, PETR]))
    commands = told.tell(Answered(leg="o2"))
    assert HangUp("o1", Outcome.CANCELLED) in commands
    assert Tell(Status.OPERATOR_ON_LINE, "o2") in commands

    assert told.tell(Answered(leg="o1")) == [HangUp("o1", Outcome.CANCELLED)]


def test_extensions_are_pressed_once_the_phone_answers() -> None:
    told = Told(planned([replace(OLGA, tones=",,12")]))
    assert Press("o1", ",,12") in told.tell(Answered(leg="o1"))


def test_nobody_answers_in_time_and_one_that_never_rang_is_unreachable() -> None:
    rang = Told(planned())
    rang.tell(Answered(leg="o1"), Played(leg="o1", id="p1"), Ringing(leg="v1"), Rang("ring"))
    assert (rang.state.outcome, rang.state.side) == (Outcome.NO_ANSWER, "visitor")

    silent = Told(planned())
    silent.tell(Answered(leg="o1"), Played(leg="o1", id="p1"), Rang("ring"))
    assert (silent.state.outcome, silent.state.side) == (Outcome.UNREACHABLE, "visitor")


def test_who_hangs_up_ended_it_and_the_other_is_let_go() -> None:
    for leg, by in (("o1", "operator"), ("v1", "visitor")):
        told = talking()
        commands = told.tell(gone(leg, Outcome.TALKED, by_far=True))
        assert commands[-1] == Finish()
        assert (told.state.outcome, told.state.ended_by) == (Outcome.TALKED, by)
    told = talking()
    told.tell(gone("v1", Outcome.DROPPED))
    assert (told.state.outcome, told.state.ended_by) == (Outcome.DROPPED, "")


def test_a_colleague_takes_the_talk_over_and_the_operator_may_go() -> None:
    told = talking()
    told.tell(Transfer(PETR))
    assert told.tell(Answered(leg="o2"))[-1] == Join(("o2",))
    assert HangUp("o1", Outcome.TALKED) in told.tell(Joined())

    assert told.tell(gone("o1", Outcome.TALKED)) == []
    told.tell(gone("o2", Outcome.TALKED, by_far=True))
    assert told.state.ended_by == "operator"


def test_a_colleague_who_does_not_answer_leaves_the_talk_as_it_was() -> None:
    told = talking()
    told.tell(Transfer(PETR), Rang("ring"))
    assert told.state.phase == "talk"
    assert told.statuses[-2:] == [Status.CALLING_OPERATOR, Status.TALKING]


def test_the_person_hears_that_it_is_recorded_before_anything_is() -> None:
    told = Told(planned(record=True, record_notice=SAYS))
    told.tell(Answered(leg="o1"), Played(leg="o1", id="p1"), Answered(leg="v1"))
    assert [each.what for each in told.did(Play)] == ["message", "ring", "notice"]  # type: ignore[union-attr]
    assert not told.did(Record)

    told.tell(Played(leg="v1", id="p3"), Joined())
    assert told.did(Record)


@pytest.mark.parametrize("how", [Played(leg="v1", id="p3", whole=False), Rang("play")])
@pytest.mark.parametrize("also", [Say(), SAYS])
def test_whoever_could_not_be_told_that_it_is_recorded_is_not_recorded(
    how: Event, also: Say
) -> None:
    told = Told(planned(record=True, record_notice=SAYS, visitor_says=also))
    told.tell(Answered(leg="o1"), Played(leg="o1", id="p1"), Answered(leg="v1"), how)
    if also:
        told.tell(Played(leg="v1", id="p4"))
    told.tell(Joined())
    assert told.state.phase == "talk"
    assert not told.did(Record)


def test_a_message_that_cannot_be_played_forbids_no_recording() -> None:
    told = Told(planned(record=True, record_notice=SAYS, visitor_says=SAYS))
    told.tell(Answered(leg="o1"), Played(leg="o1", id="p1", whole=False), Answered(leg="v1"))
    told.tell(Played(leg="v1", id="p3"), Played(leg="v1", id="p4", whole=False), Joined())
    assert told.did(Record)


def test_another_worker_goes_on_with_a_talk() -> None:
    plan = planned()
    legs = [
        Leg(id="o1", role="operator", number="101", state="up", at=START),
        Leg(id="v1", role="visitor", number="+79161234567", state="up", at=START),
    ]
    state, _ = scenario.resumed(plan, legs)
    state, commands = scenario.step(state, gone("v1", Outcome.TALKED, by_far=True))
    assert (state.ended_by, commands[-1]) == ("visitor", Finish())


def test_the_engine_loses_everything() -> None:
    told = Told(planned())
    assert told.tell(Lost()) == [Finish()]
    assert told.state.outcome is Outcome.ENGINE_ERROR

    late = Told(planned())
    late.tell(Answered(leg="o1"), Played(leg="o1", id="p1"), Lost())
    assert late.state.outcome is Outcome.UNKNOWN, "the person's phone may have rung"


scripts = st.builds(
    Script,
    first=st.sampled_from(["operator", "visitor"]),
    connect=st.sampled_from(["key", "message"]),
    keys=st.sampled_from(["1", "12"]),
    cancel_keys=st.sampled_from(["", "9"]),
    repeats=st.integers(1, 3),
    rounds=st.integers(1, 3),
    operator_says=st.sampled_from([Say(), SAYS]),
    visitor_says=st.sampled_from([Say(), SAYS]),
    record=st.booleans(),
    record_notice=st.sampled_from([Say(), SAYS]),
)
groups = st.lists(
    st.lists(st.sampled_from([OLGA, PETR, replace(OLGA, tones="12")]), min_size=1, max_size=3),
    max_size=2,
)
legs = st.sampled_from(["o1", "o2", "o3", "o4", "v1", "v2"])
events = st.one_of(
    st.builds(Ringing, leg=legs),
    st.builds(Answered, leg=legs),
    st.builds(Pressed, leg=legs, digit=st.sampled_from(list("129#"))),
    st.builds(
        Played,
        leg=legs,
        id=st.sampled_from([f"p{n}" for n in range(1, 8)]),
        whole=st.booleans(),
    ),
    st.builds(Gone, leg=legs, outcome=st.sampled_from(Outcome), by_far=st.booleans()),
    st.builds(Rang, st.sampled_from(["ring", "pause", "wait", "play", "talk"])),
    st.just(Joined()),
    st.just(Cancel()),
    st.just(Stop()),
    st.just(Lost()),
    st.builds(Transfer, st.just(PETR)),
)


@settings(max_examples=400)
@given(scripts, groups, st.lists(events, max_size=40), st.booleans())
def test_every_path_ends_and_leaves_no_leg(
    script: Script, stages: list[list[Party]], wild: list[Event], ring_only: bool
) -> None:
    plan = CallPlan(
        script=script,
        operators=tuple(map(tuple, stages)),
        visitor=IVAN,
        ring_only=ring_only,
    )
    told = Told(plan)
    dialled: set[str] = set()
    let_go: set[str] = set()
    armed: set[str] = set()
    over = False
    status: Status | None = Status.NEW

    def look(event: Event | None, commands: Sequence[Command]) -> None:
        nonlocal over, status
        assert not (over and commands), "nothing is commanded after the end"
        if isinstance(event, Gone):
            let_go.add(event.leg)
        if isinstance(event, Lost):
            let_go.update(dialled)
        if isinstance(event, Rang):
            armed.discard(event.alarm)
        for each in commands:
            match each:
                case Dial():
                    assert each.leg not in dialled, "no leg is dialled twice"
                    dialled.add(each.leg)
                case HangUp():
                    assert each.leg in dialled
                    let_go.add(each.leg)
                case Play() | Hush() | Press():
                    assert each.leg in dialled - let_go
                case Join():
                    assert set(each.legs) <= dialled - let_go
                case Arm():
                    armed.add(each.alarm)
                case Disarm():
                    armed.discard(each.alarm)
                case Tell():
                    lawful = each.status is status or each.status in CALL_MOVES[status]
                    assert lawful, f"{status} → {each.status}"
                    status = each.status
                case Finish():
                    over = True
                case _:
                    pass

    look(None, told.last)
    for event in wild:
        named = getattr(event, "leg", None)
        if named is not None and named not in dialled:
            continue
        if isinstance(event, Rang) and event.alarm not in armed:
            continue
        look(event, told.tell(event))

    # Whatever has happened so far: time alone ends it, if the engine answers what it is asked.
    for _ in range(200):
        if told.state.over:
            break
        if told.state.phase == "joining":
            look(Joined(), told.tell(Joined()))
        elif armed:
            first = sorted(armed)[0]
            look(Rang(first), told.tell(Rang(first)))  # type: ignore[arg-type]
        else:
            break
    assert told.state.over, told.state
    assert told.state.outcome is not None
    assert dialled <= let_go, "a phone was left"

"""What a call makes of its lead: never nothing, never two things, never outside the hours."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.calling import Calling, Cause, Plan
from hub.calls import verdict, whom
from hub.calls.call import TRUNKS_OWN, Call, CallPlan, Leg, Outcome, Party
from hub.calls.script import Say, Script, doubts
from hub.leads import slots
from hub.leads.lead import Lead
from hub.model import CallTime, ChannelId, LeadId, Project, ProjectId
from hub.schedule import daily
from hub.statuses import Status
from tests.spine import START

PHONE = "+79161234567"
PROJECT = Project(
    id="shop", name="Shop", schedule=daily("Europe/Moscow", "09:00–18:00"), created_at=START
)


def lead(**other: object) -> Lead:
    given = {
        "id": f"shop:{PHONE}:1",
        "project": ProjectId("shop"),
        "phone": PHONE,
        "n": 1,
        "status": Status.CALLING_VISITOR,
        "origin": "silence",
        "call": "c1",
        "calls": 1,
        "requested_at": START,
        "plan": Plan(pauses=dict.fromkeys(Cause, 10)),
        "created_at": START,
        "changed_at": START,
    }
    return Lead(**(given | other))  # type: ignore[arg-type]


def call(outcome: Outcome, *, talked_s: float = 0, **other: object) -> Call:
    given = {
        "id": "c1",
        "project": ProjectId("shop"),
        "channel": ChannelId("phone"),
        "lead": LeadId("x"),
        "phone": PHONE,
        "plan": CallPlan(script=Script(short_talk_s=10), visitor=Party(number=PHONE)),
        "outcome": outcome,
        "dialled_at": START,
        "talk_at": START if talked_s else None,
        "ended_at": START + timedelta(seconds=talked_s),
        "began_at": START,
        "changed_at": START,
    }
    return Call(**(given | other))  # type: ignore[arg-type]


leads = st.builds(
    lead,
    attempts=st.integers(0, 3),
    operator_tries=st.integers(0, 3),
    calls=st.integers(1, 60),
    plan=st.builds(
        Plan,
        tries=st.integers(1, 4),
        offsets=st.sampled_from([(), (900, 1_800, 3_600, 7_200)]),
        pauses=st.just(dict.fromkeys(Cause, 10)),
    ),
    zones=st.sampled_from([(), ("Asia/Kamchatka",), ("Europe/Moscow", "Asia/Vladivostok")]),
)
calls = st.builds(
    call,
    st.sampled_from(Outcome),
    talked_s=st.sampled_from([0, 3, 60]),
    side=st.sampled_from(["", "operator", "visitor"]),
    ended_by=st.sampled_from(["", "operator", "visitor", "hub"]),
)
projects = st.builds(
    lambda autonomous: replace(PROJECT, calling=Calling(autonomous=autonomous)), st.booleans()
)


@settings(max_examples=300)
@given(leads, calls, projects, st.integers(0, 48))
def test_a_lead_is_done_or_due_at_a_lawful_minute_or_for_people(
    before: Lead, made: Call, project: Project, hours: int
) -> None:
    now = START + timedelta(hours=hours)
    after = verdict.after(before, made, project, now)
    assert after is not None
    if not after.live:
        assert after.due_at is None
        assert after.ended_at == now
    elif after.due_at is not None:
        zones = after.zones or (project.schedule.zone,)
        assert after.due_at >= now
        assert slots.callable_at(project.schedule, zones, after.due_at)
        # What people had called beyond its attempts is tried again where our own side failed.
        is_left = after.attempts < after.plan.tries or after.attempts == before.attempts
        assert is_left or made.outcome in TRUNKS_OWN
    elif not project.calling.autonomous and after.cause == "":
        assert after.zones, "in no minute of a month it is day everywhere"
    used = (after.attempts - before.attempts) + (after.operator_tries - before.operator_tries)
    assert used in (0, 1), "one call uses one attempt, on one side"
    if made.outcome in TRUNKS_OWN:
        assert used == 0, "a line that fails is nobody's attempt"
    assert verdict.after(after, replace(made, id="other"), project, now) is None
    assert verdict.after(after, made, project, now) is None, "an end counts once"


def test_whoever_hangs_up_before_anybody_spoke_is_not_rung_in_a_minute() -> None:
    gone = Leg(id="v1", role="visitor", number=PHONE, state="ended", by_far=True, at=START)
    plan = Plan(pauses={Cause.DROPPED: 1, Cause.REJECTED: 60})
    made = call(Outcome.DROPPED, side="visitor", legs=(gone,))
    after = verdict.after(lead(plan=plan), made, PROJECT, START)
    assert after is not None
    assert after.due_at == START + timedelta(minutes=60)
    made = call(Outcome.DROPPED, side="visitor", legs=(replace(gone, by_far=False),))
    after = verdict.after(lead(plan=plan), made, PROJECT, START)
    assert after is not None
    assert after.due_at == START + timedelta(minutes=1)


def test_who_was_connected_is_called_again_only_where_an_operator_said_when() -> None:
    made = call(Outcome.UNKNOWN, talked_s=7_200)
    assert (made.is_lost, made.talked_s) == (True, 0)
    after = verdict.after(lead(), made, PROJECT, START)
    assert after is not None
    assert (after.live, after.cause, after.attempts) == (False, "connected", 1)
    told = verdict.said(made)
    assert (told["outcome"], "talked_s" in told) == ("unknown", False)

    at = CallTime(at=START + timedelta(hours=2), local="14:00", zone="Europe/Moscow")
    after = verdict.after(lead(held=at), made, PROJECT, START)
    assert after is not None
    assert (after.live, after.due_at) == (True, at.at)

    made = call(Outcome.UNKNOWN, side="visitor")
    after = verdict.after(lead(), made, PROJECT, START)
    assert after is not None
    assert (made.is_lost, after.live, after.status) == (False, True, Status.AWAITING_RETRY)


def test_a_line_that_keeps_failing_is_left_alone_for_longer_each_time() -> None:
    waits = []
    for calls_ in range(1, 9):
        after = verdict.after(lead(calls=calls_), call(Outcome.CONGESTION), PROJECT, START)
        assert after is not None
        assert after.due_at is not None
        waits.append((after.due_at - START).total_seconds() / 60)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_what_is_said_where_a_project_wrote_nothing_names_the_client_and_the_keys() -> None:
    known = {"name": "Анна", "page": "Окна"}
    script = whom.worded(Script(connect="key", keys="12"), "ru", known)
    assert script.operator_says.text == (
        "Поступила заявка с сайта. Клиент: $name$. Страница: $page$. "
        "Нажмите 1 2, чтобы соединиться с клиентом."
    )
    assert not script.visitor_says
    assert doubts(Script(connect="key")) == ()
    bare = whom.worded(Script(), "en", {"name": "", "page": ""})
    assert bare.operator_says.text == "A request from the site."
    visitor = whom.worded(Script(first="visitor", connect="key", keys="5"), "ru", known)
    assert "Нажмите 5" in visitor.visitor_says.text
    assert "Нажмите" not in visitor.operator_says.text


def test_nobody_is_recorded_without_being_told() -> None:
    told = [
        whom.worded(Script(record=on, record_notice=Say(text=own)), "ru", {}).record_notice.text
        for on, own in ((True, ""), (True, "Пишем вас"), (False, ""))
    ]
    assert told == ["Разговор записывается.", "Пишем вас", ""]

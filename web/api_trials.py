"""How a channel is connected: what its kind asks for, and a trial that a real message ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from hub.channels.forms import Field
from hub.channels.trial import LASTS, Seen
from hub.errors import LimitedError
from hub.model import Channel, FileId
from hub.records import Trial, TrialStep
from hub.rights import Right
from web.api_channels import asked
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View

TRIALS = 20
TRIALS_PERIOD = timedelta(minutes=5)

StepName = Literal["key", "hook", "write", "seen"]
StepState = Literal["waiting", "ok", "failed"]


class KindView(View, frozen=True, kw_only=True):
    kind: str


class KindList(View, frozen=True, kw_only=True):
    items: list[KindView]


class FormView(View, frozen=True, kw_only=True):
    """`fields` are those that a plain form can hold, in the order in which they are asked.

    A `mute` kind only hears: what it is sent can be tried out by a reading, unless it `calls`.
    """

    kind: str
    fields: list[Field]
    receives: list[str]
    mute: bool
    calls: bool


class StepView(View, frozen=True, kw_only=True):
    """`code` says how it went or why not; `detail` is what a person or the platform said."""

    step: StepName
    state: StepState
    code: str
    detail: str
    took_ms: int


class TrialView(View, frozen=True, kw_only=True):
    """`picture` opens for an hour; `dialog` is where the message that was seen stands."""

    began_at: datetime
    until: datetime
    name: str
    username: str
    picture: str
    link: str
    dialog: str
    steps: list[StepView]


class TrialNow(View, frozen=True, kw_only=True):
    """Null if nobody tried the channel lately."""

    trial: TrialView | None


async def kinds(ask: Ask[Nothing, Nothing]) -> KindList:
    return KindList(items=[KindView(kind=each) for each in ask.hub.setup.kinds()])


async def form(ask: Ask[Nothing, Nothing]) -> FormView:
    found = await ask.hub.setup.form(ask.part("kind"))
    return FormView(
        kind=found.kind,
        fields=list(found.fields),
        receives=list(found.receives),
        mute=found.mute,
        calls=found.calls,
    )


async def begin(ask: Ask[Nothing, Nothing]) -> TrialNow:
    document = await asked(ask)
    wait = await ask.hub.bus.allow(f"channel-test:{ask.who.id}", TRIALS, TRIALS_PERIOD)
    if wait is not None:
        raise LimitedError(wait)
    await ask.hub.setup.note(document, "channel_tested", ask.who, address=ask.address)
    trial = await ask.hub.trials.begin(document, ask.who)
    return await _now(ask, document, trial)


async def look(ask: Ask[Nothing, Nothing]) -> TrialNow:
    document = await asked(ask)
    trial = await ask.hub.trials.of(document)
    return await _now(ask, document, trial) if trial else TrialNow(trial=None)


async def _now(ask: Ask[Any, Any], document: Channel, trial: Trial) -> TrialNow:
    seen = await ask.hub.trials.seen(trial)
    now = ask.hub.now()
    steps = [_step(each, seen) for each in trial.steps]
    if not (await ask.hub.setup.capabilities(document)).one_way:
        steps += _waiting(trial, seen)
    link = ask.hub.files.link(FileId(trial.picture), "picture", now) if trial.picture else ""
    return TrialNow(
        trial=TrialView(
            began_at=trial.began_at,
            until=trial.began_at + LASTS,
            name=trial.name,
            username=trial.username,
            picture=link,
            link=trial.link,
            dialog=seen.dialog if seen else "",
            steps=steps,
        )
    )


def _step(step: TrialStep, seen: Seen | None) -> StepView:
    # Whatever the platform said of its hook, a message that came shows that they come.
    heard = seen is not None and step.name == "hook" and step.state != "ok"
    return StepView(
        step=step.name,
        state="ok" if heard else step.state,
        code="ok" if heard else step.code,
        detail="" if heard else step.detail,
        took_ms=step.took_ms,
    )


def _waiting(trial: Trial, seen: Seen | None) -> list[StepView]:
    """The two steps that are a person's: to write, and to be seen."""
    known = all(each.state != "failed" for each in trial.steps if each.name == "key")
    write = StepView(
        step="write",
        state="ok" if seen else "waiting",
        code="link" if trial.link else "find" if known else "key_first",
        detail=trial.username or trial.name,
        took_ms=0,
    )
    took = round((seen.at - trial.began_at).total_seconds() * 1_000) if seen else 0
    return [
        write,
        StepView(
            step="seen",
            state="ok" if seen else "waiting",
            code="waiting" if seen is None else "seen" if seen.dialog else "heard",
            detail=seen.name if seen else "",
            took_ms=took,
        ),
    ]


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/channels/kinds",
        right=Right.ARRANGE,
        summary="The kinds of channels that can be added",
        call=kinds,
        query=Nothing,
        body=Nothing,
        answer=KindList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/channels/kinds/{kind}",
        right=Right.ARRANGE,
        summary="What a channel of that kind is asked for, read off its settings",
        call=form,
        query=Nothing,
        body=Nothing,
        answer=FormView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/channels/{channel}/test",
        right=Right.ARRANGE,
        summary="Try the channel anew: its key, how updates come, then wait for a message",
        call=begin,
        query=Nothing,
        body=Nothing,
        answer=TrialNow,
    ),
    Route(
        method="GET",
        path="/projects/{project}/channels/{channel}/test",
        right=Right.ARRANGE,
        summary="How the trial of the last half hour goes",
        call=look,
        query=Nothing,
        body=Nothing,
        answer=TrialNow,
    ),
)

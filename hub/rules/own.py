"""A project's own rules: on that happening, where the filter passes, these actions.

Only what people do makes happenings, so no rule can set off another, however they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from msgspec.structs import replace

from hub import phrases, policy
from hub.finding import filters
from hub.finding.filters import Value
from hub.model import EntryKind, Verb
from hub.policy import OwnRule
from hub.rules import effects
from hub.rules.effects import Effect
from hub.rules.moment import Moment, asks, is_heard

RULE = "own"


def rule(moment: Moment) -> Iterator[Effect]:
    if moment.timer or not moment.project.policy.own:
        return
    happened = _happened(moment)
    subject = None
    for each in moment.project.policy.own:
        if not each.enabled or each.on not in happened:
            continue
        if subject is None:
            subject = _Said(filters.subject(moment.row, moment.at), moment.entry.text)
        if filters.passes(each.where, subject):
            for effect in _actions(each, moment):
                # Of one moment there may be several lines: the first message is one all the same.
                once = moment.row.id if each.on == "first_message" else ""
                yield replace(effect, name=each.name, once=once)


class _Said(Mapping[str, Value]):
    """The dialog as filters see it, with the line that set the rule off."""

    def __init__(self, row: Mapping[str, Value], text: str) -> None:
        self._row = row
        self._text = text

    def __getitem__(self, name: str) -> Value:
        return self._text if name == "text" else self._row[name]

    def __iter__(self) -> Iterator[str]:
        yield "text"
        yield from self._row

    def __len__(self) -> int:
        return len(self._row) + 1


def _happened(moment: Moment) -> frozenset[str]:
    entry = moment.entry
    if entry.kind is EntryKind.SYSTEM:
        if entry.author.kind not in ("visitor", "operator"):
            return frozenset()
        names = {Verb.CALL_ASKED: "call_asked", Verb.CLOSED: "closed"}
        return frozenset({names[entry.verb]}) if entry.verb in names else frozenset()
    if not is_heard(entry):
        return frozenset()
    found = {"message"} if asks(entry) else set()
    if entry.data.get("form"):
        found = {"form"}
    elif found and moment.row.cycle.n == 1 and moment.row.asked_at == entry.at:
        found.add("first_message")
    if entry.data.get("opened"):
        found.add("opened")
    return frozenset(found)


def _actions(own: OwnRule, moment: Moment) -> Iterator[Effect]:
    for n, action in enumerate(own.actions):
        # Two actions of one rule are two things to do, each once.
        name = f"{RULE}:{own.id}" if n == 0 else f"{RULE}:{own.id}:{n}"
        match action:
            case policy.Say():
                said = phrases.render(action.text, moment.names)
                if said.strip():
                    yield effects.Say(rule=name, text=said)
            case policy.Call():
                if phone := moment.row.phone:
                    at = moment.entry.stored_at + timedelta(minutes=action.after_minutes)
                    yield effects.Plan(rule=name, origin=RULE, phone=phone, at=at)
            case policy.Note():
                noted = phrases.render(action.text, moment.names)
                if noted.strip():
                    yield effects.Note(rule=name, text=noted)
            case policy.Assign():
                yield effects.Assign(rule=name, operator=action.operator)
            case policy.Tell():
                value = phrases.render(action.value, moment.names)
                yield effects.Tell(rule=name, field=action.field, value=value)
            case policy.MarkSpam():
                yield effects.MarkSpam(rule=name)
            case policy.Close():
                yield effects.Close(rule=name, result=action.result)

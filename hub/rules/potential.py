"""A number that was typed and not sent is kept as a potential client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hub.model import Verb
from hub.rules.effects import Effect, MarkPotential, Promise
from hub.rules.moment import Moment

RULE = "potential"
COMES_BACK = timedelta(minutes=10)
"""A page is left and opened again; who sends the form after all is no potential client."""


def rule(moment: Moment) -> Iterator[Effect]:
    entry, row = moment.entry, moment.row
    if entry.verb is not Verb.LEFT or not entry.data.get("unsent"):
        return
    if not moment.project.policy.potential.enabled:
        return
    if not moment.timer:
        yield Promise(rule=RULE, verb=RULE, due_at=entry.stored_at + COMES_BACK)
    elif moment.timer == RULE and row.call_status is None and row.asked_at is None:
        yield MarkPotential(rule=RULE, phone=entry.data["phone"])

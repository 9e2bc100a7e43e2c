"""A message that is only a phone number, with polite words around it, asks for a call."""

from __future__ import annotations

from collections.abc import Iterator

from hub.rules.effects import Effect, Plan
from hub.rules.moment import Moment, is_heard

RULE = "phone_only"


def rule(moment: Moment) -> Iterator[Effect]:
    entry = moment.entry
    if moment.timer or not moment.project.policy.phone_only.enabled:
        return
    if not is_heard(entry) or entry.data.get("only") != "phone":
        return
    yield Plan(
        rule=RULE,
        origin=RULE,
        phone=entry.data["phone"],
        extension=entry.data.get("extension", ""),
    )

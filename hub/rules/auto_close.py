"""A dialog whose visitor says nothing more after our answer is closed after its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hub import phrases
from hub.model import Awaits, EntryKind
from hub.rules.effects import Close, Effect, Promise, Say, Wait
from hub.rules.moment import Moment

RULE = "auto_close"


def rule(moment: Moment) -> Iterator[Effect]:
    settings, row, entry = moment.project.policy.auto_close, moment.row, moment.entry
    if not settings.enabled:
        return
    quiet = timedelta(hours=settings.hours)
    if moment.timer != RULE:
        if not moment.timer and entry.kind is EntryKind.OUT and entry.author.kind == "operator":
            target = f"{row.id}:{row.cycle.n}"
            yield Promise(rule=RULE, verb=RULE, due_at=entry.stored_at + quiet, target=target)
        return
    if not row.open or row.awaits is not Awaits.CUSTOMER:
        # The next answer of ours promises anew only in another cycle, so this one goes on.
        if row.open:
            yield Wait(rule=RULE, until=moment.at + quiet)
        return
    if row.last_at + quiet > moment.at:
        yield Wait(rule=RULE, until=min(row.last_at, moment.at) + quiet)
        return
    if settings.text:
        yield Say(rule=RULE, text=phrases.render(settings.text, moment.names))
    yield Close(rule=RULE, result="silent")

"""Whoever asks at night is told when the project opens: once in each closed period."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from hub import phrases
from hub.rules.effects import Effect, Say
from hub.rules.moment import Moment, is_heard
from hub.schedule import is_open, next_opening
from hub.texts import text

RULE = "closed_hours"


def rule(moment: Moment) -> Iterator[Effect]:
    settings, entry, project = moment.project.policy.closed_hours, moment.entry, moment.project
    if moment.timer or not settings.enabled or not is_heard(entry) or not entry.question:
        return
    if is_open(project.schedule, entry.at) or is_open(project.schedule, moment.at):
        return
    opens = next_opening(project.schedule, moment.at)
    if opens is None:
        return
    wall = opens.astimezone(ZoneInfo(project.schedule.zone))
    when = text(project.lang, "rules.opens", date=f"{wall:%d.%m}", time=f"{wall:%H:%M}")
    if settings.text:
        words = phrases.render(settings.text, {**moment.names, "opens": when})
    else:
        words = text(project.lang, "rules.closed_hours", when=when)
    yield Say(rule=RULE, once=f"{moment.row.identity}:{opens.isoformat()}", text=words)

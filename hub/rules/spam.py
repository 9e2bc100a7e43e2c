"""First words that a project does not want to read, and people it does not want to hear."""

from __future__ import annotations

from collections.abc import Iterator

from hub.leads.callside import is_spam
from hub.rules.effects import Effect, MarkSpam
from hub.rules.moment import Moment, is_heard

RULE = "spam"


def rule(moment: Moment) -> Iterator[Effect]:
    entry, row = moment.entry, moment.row
    if moment.timer or not is_heard(entry) or row.owner is not None:
        return
    # Whoever marked it may have died before the rest was done.
    if not row.open and not is_spam(row):
        return
    listed = moment.identity is not None and moment.identity.spam_at is not None
    if listed or _matches(moment):
        yield MarkSpam(rule=RULE)


def _matches(moment: Moment) -> bool:
    settings, entry = moment.project.policy.spam, moment.entry
    if not settings.enabled or moment.row.cycle.answered_at is not None:
        return False
    phone = entry.data.get("phone", "") or moment.row.phone
    if phone and phone in settings.phones:
        return True
    said = _plain(entry.text)
    # Blanks alone stand in every message, and name none.
    return any(phrase in said for phrase in filter(None, map(_plain, settings.phrases)))


def _plain(words: str) -> str:
    return " ".join(words.casefold().replace("ё", "е").split())

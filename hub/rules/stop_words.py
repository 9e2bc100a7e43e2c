"""A message that is a stop word ends all that the hub writes or dials by itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from hub import phrases
from hub.rules.effects import Effect, Refuse, Say
from hub.rules.moment import Moment, is_heard
from hub.texts import text

RULE = "stop_words"


def rule(moment: Moment) -> Iterator[Effect]:
    settings, entry = moment.project.policy.stop_words, moment.entry
    if moment.timer or not settings.enabled or not is_heard(entry):
        return
    said = _plain(entry.text)
    if not said or said not in _plain_all(settings.words):
        return
    words = settings.text or text(moment.project.lang, "rules.stopped")
    # What is said of it goes out first: after it nothing does.
    yield Say(rule=RULE, text=phrases.render(words, moment.names))
    yield Refuse(rule=RULE, what=("calls", "messages"))


@lru_cache(maxsize=256)
def _plain_all(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_plain, words))


def _plain(words: str) -> str:
    return " ".join("".join(each if each.isalnum() else " " for each in words).casefold().split())

"""G5: a message that is a stop word ends all that the hub writes or dials by itself."""

from __future__ import annotations

from collections.abc import Iterator

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
    if not said or said not in {_plain(word) for word in settings.words}:
        return
    words = settings.text or text(moment.project.lang, "rules.stopped")
    # What is said of it goes out first: after it nothing does.
    yield Say(rule=RULE, text=phrases.render(words, moment.names))
    yield Refuse(rule=RULE, what=("calls", "messages"))


def _plain(words: str) -> str:
    return " ".join("".join(each if each.isalnum() else " " for each in words).casefold().split())

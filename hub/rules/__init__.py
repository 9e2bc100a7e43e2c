"""What follows by itself from what people do: `rules(moment)` says it, and does nothing.

Pure: the clock, the row and the person are arguments, so that a rule can be tried out over the
past as it is run over the present. `hub.ruling` carries out what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub.leads.callside import is_spam
from hub.rules import (
    auto_close,
    bot,
    closed_hours,
    own,
    phone_only,
    potential,
    silence,
    spam,
    stop_words,
)
from hub.rules.effects import Effect, Say
from hub.rules.moment import Moment

Rule = Callable[[Moment], Iterable[Effect]]

# Spam and a stop word come first: whoever is marked by them hears nothing more of the rest.
FIRST: tuple[Rule, ...] = (spam.rule, stop_words.rule)
THEN: tuple[Rule, ...] = (
    bot.rule,
    phone_only.rule,
    silence.rule,
    potential.rule,
    closed_hours.rule,
    auto_close.rule,
    own.rule,
)


def rules(moment: Moment) -> tuple[Effect, ...]:
    """What is to be done, in order; at most a few things for each rule."""
    for rule in FIRST:
        if effects := tuple(rule(moment)):
            return effects
    if is_spam(moment.row):
        # Also of what was sent together with it, and of what it is read again for.
        return ()
    effects = tuple(effect for rule in THEN for effect in rule(moment))
    said = any(isinstance(each, Say) and each.rule.startswith(bot.RULE) for each in effects)
    if said or moment.row.bot.greeted:
        # The greeting has the key that asks for the phone: nobody is asked twice.
        effects = tuple(each for each in effects if each.rule != silence.ASK)
    return effects

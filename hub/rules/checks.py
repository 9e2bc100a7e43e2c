"""What is wrong with a policy before it is saved, and what is only odd."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from msgspec import Struct

from hub import phrases
from hub.bot import Asks, BotSettings, CallsBack, HandsOver, Tells
from hub.errors import BadValueError
from hub.finding import filters
from hub.finding.filters import FIELDS, Field, Type
from hub.policy import Call, Note, OwnRule, Policy, Say, Tell
from hub.rules.moment import NAMES

RULE_FIELDS = MappingProxyType({**FIELDS, "text": Field(Type.TEXT)})
"""What conditions of an own rule may ask: the dialog, and the line that set it off."""

OPENS = (*NAMES, "opens")


class Warned(Struct, frozen=True, kw_only=True):
    """A phrase uses names that nothing fills in."""

    field: str
    code: str
    names: tuple[str, ...]


def check(policy: Policy) -> tuple[Warned, ...]:
    """What is odd; BadValueError with the path of what cannot be kept."""
    for n, own in enumerate(policy.own):
        for m, action in enumerate(own.actions):
            if own.on == "closed" and isinstance(action, Call):
                # A call opens the request, and nobody could ever close it.
                path = f"policy.own.{n}.actions.{m}"
                raise BadValueError("what was just closed is not called", field=path)
        try:
            filters.check(own.where, RULE_FIELDS)
        except BadValueError as error:
            path = f"policy.own.{n}.where.{error.field}".rstrip(".")
            raise BadValueError(str(error), field=path) from None
    return tuple(_warned(policy))


def _warned(policy: Policy) -> Iterator[Warned]:
    for path, template, known in _phrases(policy):
        try:
            unknown = unknown_in(template, known)
        except phrases.PhraseError as error:
            raise phrases.PhraseError(str(error), field=path) from None
        if unknown:
            yield Warned(field=path, code="unknown_names", names=unknown)


def check_bot(settings: BotSettings) -> tuple[Warned, ...]:
    """What is odd in a bot's phrases; BadValueError for what cannot be kept."""
    warned = []
    for path, template in _of_bot(settings):
        try:
            unknown = unknown_in(template, NAMES)
        except phrases.PhraseError as error:
            raise phrases.PhraseError(str(error), field=path) from None
        if unknown:
            warned.append(Warned(field=path, code="unknown_names", names=unknown))
    return tuple(warned)


def _of_bot(settings: BotSettings) -> Iterator[tuple[str, str]]:
    yield "settings.greeting", settings.greeting
    for n, button in enumerate(settings.buttons):
        path = f"settings.buttons.{n}.does"
        match button.does:
            case Tells() | HandsOver() as does:
                yield f"{path}.text", does.text
            case Asks() as does:
                yield f"{path}.question", does.question
                yield f"{path}.thanks", does.thanks
            case CallsBack() as does:
                yield f"{path}.text", does.text
                yield f"{path}.question", does.question


def unknown_in(template: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The names in a phrase that nothing fills in; PhraseError if it cannot be read."""
    return phrases.check(template, _Known(known))


def _phrases(policy: Policy) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    yield "policy.silence.text", policy.silence.text, NAMES
    yield "policy.closed_hours.text", policy.closed_hours.text, OPENS
    yield "policy.auto_close.text", policy.auto_close.text, NAMES
    yield "policy.stop_words.text", policy.stop_words.text, NAMES
    for n, own in enumerate(policy.own):
        yield from _of_actions(f"policy.own.{n}.actions", own)


def _of_actions(path: str, own: OwnRule) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for n, action in enumerate(own.actions):
        match action:
            case Say() | Note():
                yield f"{path}.{n}.text", action.text, NAMES
            case Tell():
                yield f"{path}.{n}.value", action.value, NAMES
            case _:
                pass


class _Known(tuple[str, ...]):
    """The names given, and all that are made of fields and labels of campaigns."""

    def __contains__(self, name: object) -> bool:
        made = isinstance(name, str) and name.startswith(("field_", "utm_"))
        return made or super().__contains__(name)

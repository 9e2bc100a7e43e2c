"""The first bot: greets once in a cycle, answers its buttons, hands over, and then is silent.

Whoever presses a button, says its label or its number, or answers what was asked, asks no
question; anything else is one, and an operator's. The bot speaks at most once to one line.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hub import bot, content, phrases
from hub.bot import PHONE, PRESSED, BotSettings
from hub.channels.abilities import Ability
from hub.rules.effects import Effect, HandOver, Plan, Say, Tell
from hub.rules.moment import Moment, is_heard
from hub.texts import text

RULE = "bot"


def rule(moment: Moment) -> Iterator[Effect]:
    settings, row, entry = moment.bot, moment.row, moment.entry
    if settings is None or not settings.enabled or moment.timer or not is_heard(entry):
        return
    if row.bot.off or row.owner is not None or row.cycle.answered_at is not None:
        return
    if entry.data.get("form"):
        return
    pressed, answers = entry.data.get("pressed", ""), entry.data.get("answers", "")
    if pressed.startswith(PRESSED):
        yield from _pressed(moment, settings, pressed.removeprefix(PRESSED))
    elif answers:
        yield from _answered(moment, settings, answers)
    elif not row.bot.greeted:
        yield from _greets(moment, settings)


def _greets(moment: Moment, settings: BotSettings) -> Iterator[Effect]:
    project, row = moment.project, moment.row
    said = phrases.render(settings.greeting, moment.names).strip()
    said = said or text(project.lang, "rules.bot.greeting", name=project.name)
    menu = [(each.id, each.label) for each in settings.buttons]
    buttons: list[tuple[content.Button, ...]] = []
    if Ability.BUTTONS in moment.can.does:
        buttons = [(content.Button(label=label, data=PRESSED + id),) for id, label in menu]
    elif menu:
        said += "\n\n" + "\n".join(f"{n}. {label}" for n, (_, label) in enumerate(menu, start=1))
    if not row.phone and Ability.PHONE in moment.can.does:
        share = settings.share
        if not share and project.policy.silence.enabled and project.policy.silence.asks_phone:
            share = text(project.lang, "rules.share_phone")
        if share:
            buttons.append((content.Button(label=share, asks="phone"),))
    told = {"greets": "1", "menu": msgspec.json.encode(menu).decode()}
    once = f"{row.id}:{row.cycle.n}"
    yield Say(rule=f"{RULE}:greeting", once=once, text=said, buttons=tuple(buttons), data=told)


def _pressed(moment: Moment, settings: BotSettings, id: str) -> Iterator[Effect]:
    button = next((each for each in settings.buttons if each.id == id), None)
    if button is None:
        return
    name, lang = f"{RULE}:{button.id}", moment.project.lang

    def say(template: str, own: str = "", **data: str) -> Iterator[Effect]:
        said = phrases.render(template, moment.names).strip() or (text(lang, own) if own else "")
        if said:
            yield Say(rule=name, text=said, data=data)

    match button.does:
        case bot.Tells(text=words):
            yield from say(words)
        case bot.Asks(question=words):
            yield from say(words, asks=button.id)
        case bot.HandsOver(text=words):
            yield from say(words, "rules.bot.handed", off="1")
            yield HandOver(rule=name)
        case bot.CallsBack(text=words, question=question):
            if phone := moment.row.phone:
                yield from say(words, "rules.bot.calls")
                yield Plan(rule=name, origin=RULE, phone=phone)
                return
            said = phrases.render(question, moment.names).strip()
            share = content.Button(label=text(lang, "rules.share_phone"), asks="phone")
            yield Say(
                rule=name,
                text=said or text(lang, "rules.bot.number"),
                buttons=((share,),),
                data={"asks": PHONE + button.id},
            )


def _answered(moment: Moment, settings: BotSettings, asked: str) -> Iterator[Effect]:
    id = asked.removeprefix(PHONE)
    button = next((each for each in settings.buttons if each.id == id), None)
    if button is None:
        return
    name, lang = f"{RULE}:{button.id}", moment.project.lang
    match button.does:
        case bot.Asks(field=field, thanks=thanks):
            yield Tell(rule=name, field=field, value=moment.entry.text[:500])
            said = phrases.render(thanks, moment.names).strip() or text(lang, "rules.bot.thanks")
            yield Say(rule=name, text=said)
        case bot.CallsBack(text=words):
            phone = moment.entry.data.get("phone", "")
            if not phone:
                return
            said = phrases.render(words, moment.names).strip() or text(lang, "rules.bot.calls")
            yield Say(rule=name, text=said)
            yield Plan(rule=name, origin=RULE, phone=phone)
        case _:
            pass

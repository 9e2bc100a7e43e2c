"""Whoever left a phone and asks nothing for an hour is called; who left none is asked once.

The hour runs from the platform's time of the line that brought the phone, whatever the hub did
meanwhile, so a question of minute 59 counts however late it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from hub import phrases
from hub.content import Button
from hub.rules.effects import Effect, Plan, Promise, Say, Wait, Withdraw
from hub.rules.moment import Moment, asks, is_heard, left_phone
from hub.texts import text

RULE = "silence"
ASK = "ask_phone"


def rule(moment: Moment) -> Iterator[Effect]:
    settings, entry, row = moment.project.policy.silence, moment.entry, moment.row
    if moment.timer:
        if moment.timer == RULE:
            yield from _fires(moment)
        return
    if asks(entry):
        # What was planned stands in the row even if the rule was switched off since.
        if row.planned_until is not None and entry.at <= row.planned_until:
            yield Withdraw(rule=RULE, of=RULE, cause="wrote_in_time")
        return
    if not settings.enabled:
        return
    if left_phone(entry):
        if row.asked_at is None and not entry.data.get("only"):
            # Left again, it is the same silence; after a closing it is another.
            yield Promise(
                rule=RULE,
                verb=RULE,
                due_at=entry.at + timedelta(minutes=settings.minutes),
                target=f"{row.id}:{row.cycle.n}:{_short(left_phone(entry))}",
            )
    elif settings.asks_phone and _only_opened(moment):
        lang = moment.project.lang
        own = phrases.render(settings.text, moment.names).strip()
        words = own or text(lang, "rules.ask_phone", name=moment.project.name)
        share = Button(label=text(lang, "rules.share_phone"), asks="phone")
        yield Say(rule=ASK, once=row.id, text=words, buttons=((share,),))


def _short(phone: str) -> str:
    """Tells numbers apart where none is to stand: a timer's id outlives its person."""
    return hashlib.sha256(phone.encode()).hexdigest()[:12]


def _only_opened(moment: Moment) -> bool:
    """Whether the messenger was opened, nothing asked, and no phone is known."""
    row, contact = moment.row, moment.contact
    known = row.phone or (contact is not None and contact.phones)
    opened = is_heard(moment.entry) and moment.entry.data.get("opened")
    return bool(opened) and not known and row.asked_at is None and row.owner is None


def _fires(moment: Moment) -> Iterator[Effect]:
    row, entry, settings = moment.row, moment.entry, moment.project.policy.silence
    phone = left_phone(entry)
    if not settings.enabled or not phone or row.asked_at is not None or moment.asked_elsewhere:
        return
    # Whoever closed it meanwhile has handled it.
    if row.closed_at is not None and row.closed_at >= entry.stored_at:
        return
    deadline = entry.at + timedelta(minutes=settings.minutes)
    if entry.at <= moment.at < deadline:
        yield Wait(rule=RULE, until=deadline)
        return
    yield Plan(
        rule=RULE,
        origin=RULE,
        phone=phone,
        zone=entry.data.get("zone", ""),
        deadline=deadline,
        type=entry.data.get("messenger", ""),
    )

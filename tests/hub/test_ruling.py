"""What happens by itself: silence, a number alone, closed hours, spam, stop words, own rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.events import MessageReceived
from hub.finding.filters import Filter, Op
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import Awaits, Contact, Dialog, Entry, EntryKind, Identity, Project, Timer, Verb
from hub.policy import (
    Assign,
    AutoClose,
    Call,
    ClosedHours,
    Note,
    OwnRule,
    PhoneOnly,
    Policy,
    Say,
    Silence,
    Spam,
    Tell,
)
from hub.schedule import daily
from hub.statuses import Status
from hub.store.engine import Engine
from hub.store.schema import LEADS, TIMERS_DUE
from tests.spine import SHOP, Clock, current, log_of, message, receive

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
YEARS = timedelta(days=3_650)
SECOND = timedelta(seconds=1)
PHONE = "+79123456789"


async def ruled_by(hub: Hub, policy: Policy) -> None:
    """The shop with these rules."""
    await hub.engine.change(Project, SHOP, lambda had: replace(had, policy=policy))
    await hub.channels.refresh()


async def worked(hub: Hub) -> None:
    """Everything that is due is done."""
    for _ in range(10):
        await hub.worker.work()
        await hub.worker.fire()


async def leads(engine: Engine) -> list[Lead]:
    page = await engine.find(LEADS, {"project": SHOP}, limit=100)
    return page.items


async def timers(engine: Engine) -> list[Timer]:
    return (await engine.find(TIMERS_DUE, limit=100)).items


def shared(n: int, at: datetime, visitor: str = "ivan") -> MessageReceived:
    """A contact's card that the platform proves to be the person's own."""
    from hub.content import Card

    plain = message(n, at, visitor=visitor, question=False)
    return replace(plain, text="", card=Card(name="Иван", phone=PHONE, own=True))


def opened(n: int, at: datetime) -> MessageReceived:
    return replace(message(n, at, question=False), text="", start="campaign")


async def said(engine: Engine, row: Dialog) -> list[Entry]:
    return [each for each in await log_of(engine, row.id) if each.kind is EntryKind.OUT]


SILENCE = Policy(silence=Silence(enabled=True))


async def test_whoever_left_a_phone_and_is_silent_for_an_hour_becomes_one_lead(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    await receive(hub, shared(1, clock.at))
    await worked(hub)
    clock.forward(HOUR - SECOND)
    await worked(hub)
    assert await leads(hub.engine) == []
    clock.forward(SECOND)
    await worked(hub)
    [lead] = await leads(hub.engine)
    row = await current(hub)
    assert (lead.phone, lead.live, lead.rule) == (PHONE, True, "silence")
    assert row.call_status is Status.NEW
    clock.forward(5 * HOUR)
    await worked(hub)
    assert len(await leads(hub.engine)) == 1
    assert await timers(hub.engine) == []


@pytest.mark.parametrize("early", [SECOND, timedelta(minutes=59, seconds=59)])
async def test_a_question_before_the_hour_is_over_means_no_lead(
    hub: Hub, clock: Clock, early: timedelta
) -> None:
    await ruled_by(hub, SILENCE)
    left_at = clock.at
    await receive(hub, shared(1, left_at))
    await worked(hub)
    clock.forward(early)
    await receive(hub, message(2, clock.at, text="Сколько стоит?"))
    await worked(hub)
    clock.at = left_at + 2 * HOUR
    await worked(hub)
    assert await leads(hub.engine) == []


async def test_the_hour_waits_for_what_was_written_while_nobody_listened(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    left_at = clock.at
    await hub.outages.mark("doors", "polls")
    await receive(hub, shared(1, left_at))
    await worked(hub)
    clock.forward(HOUR + timedelta(minutes=1))
    # The hub was away from minute 0 on and is back now; the question of 59:59 comes in later.
    await hub.outages.mark("doors", "polls")
    await worked(hub)
    assert await leads(hub.engine) == []
    clock.forward(timedelta(minutes=2))
    await hub.outages.mark("doors", "polls")
    await receive(hub, message(2, left_at + timedelta(minutes=59, seconds=59), text="А доставка?"))
    await worked(hub)
    for _ in range(10):
        clock.forward(timedelta(seconds=30))
        await hub.outages.mark("doors", "polls")
        await worked(hub)
    assert await leads(hub.engine) == []
    assert await timers(hub.engine) == []


async def test_after_an_outage_silence_is_believed_three_minutes_later(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    await hub.outages.mark("doors", "polls")
    await receive(hub, shared(1, clock.at))
    await worked(hub)
    clock.forward(2 * HOUR)
    for _ in range(5):
        await hub.outages.mark("doors", "polls")
        await worked(hub)
        assert await leads(hub.engine) == []
        clock.forward(timedelta(seconds=35))
    clock.forward(timedelta(seconds=10))
    await hub.outages.mark("doors", "polls")
    await worked(hub)
    assert len(await leads(hub.engine)) == 1


async def listened(hub: Hub, clock: Clock, for_: timedelta) -> None:
    """The hub says all the time that it listens, and does what is due."""
    until = clock.at + for_
    while clock.at < until:
        await hub.outages.mark("doors", "polls")
        await hub.worker.fire()
        clock.at = min(until, clock.at + MINUTE)


async def test_a_clock_that_was_years_ahead_when_the_hub_began_has_no_silence_wait_for_years(
    hub: Hub, clock: Clock
) -> None:
    await listened(hub, clock, MINUTE)
    now = clock.at
    clock.forward(YEARS)
    await listened(hub, clock, MINUTE)
    clock.at = now
    assert (await hub.outages.settled_at() or now) <= now + 5 * MINUTE
    await listened(hub, clock, 5 * MINUTE)
    assert await hub.outages.settled_at() is None


async def test_a_promise_that_a_clock_years_ahead_put_off_is_kept_when_its_hour_is_over(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    left_at = clock.at
    await receive(hub, shared(1, left_at))
    await worked(hub)
    await hub.outages.mark("doors", "polls")
    clock.forward(YEARS)
    await listened(hub, clock, MINUTE)
    clock.at = left_at + MINUTE
    await hub.worker.sweep()
    await listened(hub, clock, HOUR - 2 * MINUTE)
    await worked(hub)
    assert await leads(hub.engine) == []
    await listened(hub, clock, 2 * MINUTE)
    await worked(hub)
    [lead] = await leads(hub.engine)
    assert (lead.phone, lead.rule) == (PHONE, "silence")


async def test_a_word_that_was_written_in_time_and_came_late_takes_the_lead_back(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    left_at = clock.at
    await receive(hub, shared(1, left_at))
    await worked(hub)
    clock.forward(HOUR)
    await worked(hub)
    assert [each.live for each in await leads(hub.engine)] == [True]
    await receive(hub, message(2, left_at + timedelta(minutes=30), text="Есть кто?"))
    await worked(hub)
    [lead] = await leads(hub.engine)
    assert not lead.live
    assert lead.cause == "wrote_in_time"


async def test_whoever_opens_the_messenger_without_a_phone_is_asked_for_it_once(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    await receive(hub, opened(1, clock.at))
    await receive(hub, opened(2, clock.at + SECOND))
    await worked(hub)
    row = await current(hub)
    assert len(await said(hub.engine, row)) == 1
    clock.forward(3 * HOUR)
    await worked(hub)
    assert await leads(hub.engine) == []
    # The hour begins when the number is there.
    await receive(hub, shared(3, clock.at))
    await worked(hub)
    clock.forward(HOUR)
    await worked(hub)
    assert len(await leads(hub.engine)) == 1


async def test_an_autonomous_project_has_a_new_request_and_no_time(hub: Hub, clock: Clock) -> None:
    await ruled_by(hub, SILENCE)
    await hub.engine.change(
        Project, SHOP, lambda had: replace(had, calling=replace(had.calling, autonomous=True))
    )
    await hub.channels.refresh()
    await receive(hub, shared(1, clock.at))
    await worked(hub)
    clock.forward(HOUR)
    await worked(hub)
    [lead] = await leads(hub.engine)
    assert (lead.status, lead.due_at) == (Status.NEW, None)
    assert (await current(hub)).call_status is Status.NEW


async def test_at_night_the_call_is_planned_for_the_first_minute_of_work(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, SILENCE)
    day = daily("Europe/Moscow", "09:00–18:00")
    await hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=day))
    await hub.channels.refresh()
    clock.at = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)
    await receive(hub, shared(1, clock.at))
    await worked(hub)
    clock.forward(HOUR)
    await worked(hub)
    [lead] = await leads(hub.engine)
    assert lead.due_at is not None
    assert lead.due_at >= datetime(2026, 3, 3, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("written", ["8 (912) 345-67-89", "Мой номер +79123456789, спасибо"])
async def test_a_message_that_is_only_a_number_asks_for_a_call(
    hub: Hub, clock: Clock, written: str
) -> None:
    await ruled_by(hub, Policy(phone_only=PhoneOnly(enabled=True)))
    await receive(hub, message(1, clock.at, text=written))
    await worked(hub)
    [lead] = await leads(hub.engine)
    row = await current(hub)
    assert (lead.phone, lead.rule) == (PHONE, "phone_only")
    assert row.chat_status is None
    assert row.unanswered == 1


async def test_a_number_with_a_question_is_a_question(hub: Hub, clock: Clock) -> None:
    await ruled_by(hub, Policy(phone_only=PhoneOnly(enabled=True)))
    await receive(hub, message(1, clock.at, text="Сколько стоит балкон? Звоните 89123456789"))
    await worked(hub)
    row = await current(hub)
    assert await leads(hub.engine) == []
    assert (row.phone, row.chat_status) == (PHONE, Status.CHATTING)


async def test_at_night_one_is_told_once_when_the_project_opens(hub: Hub, clock: Clock) -> None:
    await ruled_by(hub, Policy(closed_hours=ClosedHours(enabled=True)))
    day = daily("Europe/Moscow", "09:00–18:00")
    await hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=day))
    await hub.channels.refresh()
    clock.at = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    for n in range(3):
        await receive(hub, message(n, clock.at, text="Есть кто?"))
        clock.forward(timedelta(minutes=1))
        await worked(hub)
    row = await current(hub)
    [told] = await said(hub.engine, row)
    assert "03.03 в 09:00" in told.text
    clock.forward(timedelta(days=1))
    await receive(hub, message(9, clock.at, text="А сегодня?"))
    await worked(hub)
    assert len(await said(hub.engine, await current(hub))) == 2


async def test_a_stop_word_ends_what_the_hub_does_by_itself(hub: Hub, clock: Clock) -> None:
    await ruled_by(
        hub,
        Policy(
            phone_only=PhoneOnly(enabled=True),
            own=(
                OwnRule(
                    id="hello", name="Привет", on="message", actions=(Say(text="Здравствуйте"),)
                ),
            ),
        ),
    )
    await receive(hub, message(1, clock.at, text="89123456789"))
    await worked(hub)
    assert [each.live for each in await leads(hub.engine)] == [True]
    clock.forward(SECOND)
    await receive(hub, message(2, clock.at, text="СТОП!"))
    await worked(hub)
    [lead] = await leads(hub.engine)
    contact = await hub.engine.get(Contact, lead.contact or "")
    assert contact is not None
    assert contact.no_calls_at is not None
    assert (lead.live, lead.cause) == (False, "opted_out")
    row = await current(hub)
    before = len(await said(hub.engine, row))
    clock.forward(SECOND)
    await receive(hub, message(3, clock.at, text="Привет"))
    await receive(hub, message(4, clock.at, text="89123456789"))
    await worked(hub)
    assert len(await said(hub.engine, row)) == before
    assert [each.live for each in await leads(hub.engine)] == [False]


async def test_a_stop_word_holds_for_what_was_written_in_the_same_burst(
    hub: Hub, clock: Clock
) -> None:
    hello = OwnRule(id="hello", name="Привет", on="message", actions=(Say(text="Здравствуйте"),))
    await ruled_by(hub, Policy(own=(hello,)))
    await receive(
        hub,
        message(1, clock.at, text="стоп"),
        message(2, clock.at + SECOND, text="И ещё: верните деньги"),
    )
    await worked(hub)
    told = [each.text for each in await said(hub.engine, await current(hub))]
    assert "Здравствуйте" not in told
    assert len(told) == 1


async def test_spam_is_closed_and_its_sender_is_not_listened_to(hub: Hub, clock: Clock) -> None:
    await ruled_by(hub, Policy(spam=Spam(enabled=True, phrases=("казино",))))
    await receive(hub, message(1, clock.at, text="Лучшее  КАЗИНО города"))
    await worked(hub)
    row = await current(hub)
    identity = await hub.engine.get(Identity, row.identity)
    assert (row.open, row.chat_status, row.cycle.result) == (False, Status.SPAM, "spam")
    assert identity is not None
    assert identity.spam_at is not None
    clock.forward(HOUR)
    await receive(hub, message(2, clock.at, text="И снова мы"))
    await worked(hub)
    assert not (await current(hub)).open


async def test_a_mark_of_spam_is_taken_back_within_ten_seconds(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    await receive(hub, message(1, clock.at))
    await receive(hub, message(2, clock.at))
    clock.forward(HOUR)
    row = await current(hub)
    marked = await hub.peace.mark_spam(anna, row.id)
    assert (marked.open, marked.chat_status) == (False, Status.SPAM)
    clock.forward(timedelta(seconds=9))
    back = await hub.peace.unmark_spam(anna, row.id)
    identity = await hub.engine.get(Identity, row.identity)
    assert (back.open, back.chat_status) == (True, Status.CHATTING)
    # Whoever waited an hour has waited an hour.
    assert (back.awaits, back.waiting_since, back.unanswered) == (
        *(Awaits.OPERATOR, row.waiting_since, 2),
    )
    assert identity is not None
    assert identity.spam_at is None


async def test_a_mark_of_spam_taken_back_waits_for_whom_it_waited_and_for_what_came_since(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    await receive(hub, message(1, clock.at))
    row = await current(hub)
    await hub.desk.reply(anna, row.id, "answer-1", "Да, есть")
    await hub.peace.mark_spam(anna, row.id)
    back = await hub.peace.unmark_spam(anna, row.id)
    assert (back.awaits, back.waiting_since, back.unanswered) == (Awaits.CUSTOMER, None, 0)
    await hub.peace.mark_spam(anna, row.id)
    clock.forward(SECOND)
    await receive(hub, message(2, clock.at))
    back = await hub.peace.unmark_spam(anna, row.id)
    assert (back.awaits, back.unanswered) == (Awaits.OPERATOR, 1)


async def test_a_dialog_whose_visitor_is_silent_after_our_answer_closes_by_itself(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    await ruled_by(hub, Policy(auto_close=AutoClose(enabled=True, hours=2)))
    await receive(hub, message(1, clock.at))
    row = await current(hub)
    await hub.desk.reply(anna, row.id, "answer-1", "Да, есть")
    await worked(hub)
    clock.forward(2 * HOUR - SECOND)
    await receive(hub, message(2, clock.at, text="Спасибо, думаю"))
    await worked(hub)
    clock.forward(timedelta(minutes=5))
    await hub.desk.reply(anna, row.id, "answer-2", "Ждём")
    await worked(hub)
    clock.forward(2 * HOUR - timedelta(minutes=1))
    await worked(hub)
    assert (await current(hub)).open
    clock.forward(2 * HOUR)
    await worked(hub)
    row = await current(hub)
    assert (row.open, row.closed_by, row.cycle.result) == (False, "auto", "silent")


async def test_an_answer_given_while_a_clock_was_years_ahead_has_no_timer_wait_for_years(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    await ruled_by(hub, Policy(auto_close=AutoClose(enabled=True, hours=2)))
    now = clock.at
    clock.forward(YEARS)
    await receive(hub, message(1, clock.at))
    row = await current(hub)
    await hub.desk.reply(anna, row.id, "answer-1", "Да, есть")
    await worked(hub)
    clock.at = now
    await hub.worker.sweep()
    await worked(hub)
    [timer] = await timers(hub.engine)
    assert timer.due_at == now + 2 * HOUR


async def test_own_rules_act_where_their_filter_passes_and_set_off_no_other(
    hub: Hub, clock: Clock
) -> None:
    about_price = Filter(field="text", op=Op.CONTAINS, value="цена")
    own = (
        OwnRule(
            id="price",
            name="Цена",
            on="message",
            where=about_price,
            actions=(
                Say(text="Цена на сайте, {{ first_name }}"),
                Say(text="Какая цена вас устроит?"),
                Note(text="спросил цену: $text$"),
                Tell(field="topic", value="price"),
                Call(after_minutes=5),
                Assign(operator="nobody"),
            )[:5],
        ),
        OwnRule(id="echo", name="Эхо", on="message", actions=(Say(text="цена {{ text }}"),)),
    )
    await ruled_by(hub, Policy(own=own))
    await receive(hub, message(1, clock.at, text="Какая цена? 89123456789", name="Иван Петров"))
    await worked(hub)
    row = await current(hub)
    lines = await log_of(hub.engine, row.id)
    assert [each.text for each in lines if each.kind is EntryKind.OUT] == [
        "Цена на сайте, Иван",
        "Какая цена вас устроит?",
        "цена Какая цена? 89123456789",
    ]
    assert [each.text for each in lines if each.kind is EntryKind.NOTE] == [
        "спросил цену: Какая цена? 89123456789"
    ]
    assert row.fields == {"topic": "price"}
    [lead] = await leads(hub.engine)
    assert lead.rule == "own:price:4"
    assert [each.verb for each in lines if each.verb is Verb.PLANNED] == [Verb.PLANNED]

"""What must not follow: after a mark of spam, a refusal, a switch, or a word that came between."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub import config, dialogs
from hub.accounts import Who
from hub.bot import Bot, BotSettings
from hub.errors import BadValueError
from hub.finding.filters import Filter
from hub.hub import Hub, assemble
from hub.leads import leads
from hub.model import Contact, DialogId, Identity, OperatorId, Verb
from hub.people import contacts
from hub.policy import AutoClose, Call, Note, OwnRule, PhoneOnly, Policy, Say, Silence, Spam, Tell
from hub.records import Fact
from hub.requests import importing
from hub.requests.automation import Aim, Automation, Segment
from hub.rules.checks import check
from hub.statuses import Status
from hub.store.engine import Insert
from tests.hub.test_ordering import again, calls, live, plan, works
from tests.hub.test_ruling import PHONE, opened, ruled_by, said, shared, timers, worked
from tests.hub.test_ruling import leads as all_leads
from tests.spine import (
    SHOP,
    Clock,
    Crash,
    Mortal,
    ask,
    build,
    current,
    log_of,
    message,
    receive,
    say,
)

HOUR = timedelta(hours=1)
SPAM = Policy(
    spam=Spam(enabled=True, phrases=("раскрутка сайтов",)), phone_only=PhoneOnly(enabled=True)
)
SPAM_TEXT, NUMBER_TEXT = "Раскрутка сайтов недорого", "8 912 345-67-89"


@pytest.mark.parametrize("texts", [(SPAM_TEXT, NUMBER_TEXT), (NUMBER_TEXT, SPAM_TEXT)])
async def test_spam_and_a_number_sent_together_call_nobody(
    hub: Hub, clock: Clock, texts: tuple[str, str]
) -> None:
    await ruled_by(hub, SPAM)
    for n, text in enumerate(texts):
        await receive(hub, message(n, clock.at, text=text))
    await worked(hub)
    row = await current(hub)
    assert await live(hub.engine) == []
    assert (row.open, row.chat_status) == (False, Status.SPAM)


async def test_a_phrase_of_blanks_makes_nobody_spam(hub: Hub, clock: Clock) -> None:
    await ruled_by(hub, Policy(spam=Spam(enabled=True, phrases=(" ",))))
    await receive(hub, message(1, clock.at))
    await worked(hub)
    assert (await current(hub)).open


async def test_spam_that_a_dead_worker_marked_and_did_not_list_is_listed_by_the_next(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, replace(SPAM, spam=Spam(enabled=True, phones=(PHONE,))))
    await receive(hub, message(1, clock.at, text=NUMBER_TEXT))
    await worked(hub)
    row = await current(hub)
    await contacts.list_spam(hub.engine, row.identity, None)
    await again(hub, row)
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    assert identity.spam_at is not None
    assert await live(hub.engine) == []
    assert (await current(hub)).open is False


async def test_a_number_left_twice_is_one_promise_and_one_call(hub: Hub, clock: Clock) -> None:
    await ruled_by(hub, Policy(silence=Silence(enabled=True)))
    await receive(hub, shared(1, clock.at))
    await worked(hub)
    clock.forward(HOUR / 2)
    await receive(hub, shared(2, clock.at))
    await worked(hub)
    clock.forward(HOUR / 2)
    await worked(hub)
    [lead] = await live(hub.engine)
    await leads.end(hub.engine, lead, Status.PROCESSED, clock.at, "called_back")
    clock.forward(HOUR)
    await worked(hub)
    assert len(await all_leads(hub.engine)) == 1
    assert await timers(hub.engine) == []


async def test_a_question_that_comes_while_a_dialog_is_being_closed_by_itself_keeps_it_open(
    hub: Hub, clock: Clock, mortal: Mortal, anna: Who
) -> None:
    await ruled_by(hub, Policy(auto_close=AutoClose(enabled=True, hours=1)))
    row = await ask(hub)
    await worked(hub)
    await say(hub, row, "answer")
    await worked(hub)
    clock.forward(2 * HOUR)
    # The claim of the timer is the first step, and the line that closes the second.
    mortal.meanwhile(lambda: receive(hub, message(2, clock.at)), before=1)
    await hub.worker.fire()
    await worked(hub)
    assert (await current(hub)).open


async def test_who_refuses_while_the_order_is_being_made_is_not_called(
    hub: Hub, clock: Clock, mortal: Mortal, anna: Who
) -> None:
    row = await ask(hub)
    await works(hub)
    await plan(hub, row, phone=PHONE)

    async def refuses() -> None:
        await hub.peace.refuse(anna, row.id, ("calls",))

    mortal.meanwhile(refuses, before=1)
    await works(hub)
    person = await hub.engine.get(Contact, row.contact)
    assert person is not None
    assert person.no_calls_at is not None
    assert await live(hub.engine) == []
    assert (await current(hub)).call_status is Status.PROCESSED


async def test_who_is_marked_as_spam_while_the_order_is_being_made_is_not_called(
    hub: Hub, clock: Clock, mortal: Mortal, anna: Who
) -> None:
    row = await ask(hub)
    await works(hub)
    await plan(hub, row, phone=PHONE)
    mortal.meanwhile(lambda: hub.peace.mark_spam(anna, row.id), before=1)
    await works(hub)
    assert await live(hub.engine) == []
    assert Status.SPAM in ((await current(hub)).chat_status, (await current(hub)).call_status)


async def test_a_refusal_is_found_among_any_number_of_people_with_that_phone(
    hub: Hub, clock: Clock
) -> None:
    for n in range(60):
        await hub.engine.write(
            Insert(
                Contact(
                    id=f"other{n}",
                    project=SHOP,
                    phones=(PHONE,),
                    created_at=clock.at,
                    no_calls_at=clock.at if n == 59 else None,
                )
            )
        )
        clock.forward(timedelta(seconds=1))
    await plan(hub, await ask(hub), phone=PHONE)
    await works(hub)
    assert await live(hub.engine) == []


async def test_what_an_automation_asked_for_and_nobody_followed_ends_with_its_switch(
    hub: Hub, clock: Clock
) -> None:
    aim = Aim(name="Осень", segment="all")
    off = Automation(
        id="autumn", project=SHOP, aim=aim, since=clock.at, created_at=clock.at, changed_at=clock.at
    )
    await hub.engine.write(Insert(off))
    row = await plan(hub, await ask(hub), phone=PHONE, origin="automation", automation="autumn")
    await works(hub)
    assert await live(hub.engine) == []
    assert (await calls(hub, row))[0]["cause"] == "automation_off"


async def test_a_rule_keeps_no_word_for_a_number_to_be_called(hub: Hub, clock: Clock) -> None:
    own = OwnRule(
        id="asks", name="Номер", on="message", actions=(Tell(field="phone", value="$text$"),)
    )
    await ruled_by(hub, Policy(own=(own,)))
    await receive(hub, message(1, clock.at, text="не скажу"))
    await worked(hub)
    row = await current(hub)
    assert (row.phone, row.fields) == ("", {})


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("what", ["spam", "refusal"])
async def test_who_decides_by_hand_and_dies_at_any_step_leaves_no_call_once_it_is_written(
    hub: Hub, clock: Clock, mortal: Mortal, anna: Who, steps: int, what: str
) -> None:
    row = await plan(hub, await ask(hub), phone=PHONE)
    await works(hub)
    assert await live(hub.engine) != []
    clock.forward(HOUR)
    mortal.dies_after(steps)
    with suppress(Crash):
        if what == "spam":
            await hub.peace.mark_spam(anna, row.id)
        else:
            await hub.peace.refuse(anna, row.id, ("calls",))
    mortal.lives()
    await works(hub)
    row = await dialogs.level(hub.engine, DialogId(row.id))
    await works(hub)
    verbs = {each.verb for each in await log_of(hub.engine, row.id)}
    if verbs & {Verb.SPAM, Verb.REFUSED}:
        assert await live(hub.engine) == []
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    assert (identity.spam_at is not None) is (Verb.SPAM in verbs)


async def test_a_mark_that_is_taken_back_while_a_worker_follows_it_leaves_nobody_listed(
    hub: Hub, mortal: Mortal, anna: Who
) -> None:
    row = await hub.peace.mark_spam(anna, (await ask(hub)).id)
    await contacts.list_spam(hub.engine, row.identity, None)
    [mark] = [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.SPAM]
    mortal.meanwhile(lambda: hub.peace.unmark_spam(anna, row.id), before=0)
    await hub.peace.follow(mark)
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    assert ((await current(hub)).open, identity.spam_at) == (True, None)


async def test_what_came_before_a_restart_is_answered_once_its_channel_has_started(
    hub: Hub, clock: Clock, tmp_path: Path
) -> None:
    own = OwnRule(id="hello", name="Привет", on="message", actions=(Say(text="Здравствуйте"),))
    await ruled_by(hub, Policy(own=(own,)))
    row = await ask(hub)
    settings = config.settings({"data": {"dir": "data"}}, tmp_path)
    after = assemble(settings, lambda *_: build, now=clock, engine=hub.engine)
    await after.channels.begin()
    await worked(after)
    assert await said(hub.engine, row) == []
    await after.channels.refresh()
    clock.forward(timedelta(seconds=2))
    await worked(after)
    assert [each.text for each in await said(hub.engine, row)] == ["Здравствуйте"]


async def test_an_automation_calls_nobody_whose_request_was_brought_from_another_system(
    hub: Hub, clock: Clock
) -> None:
    clock.forward(timedelta(hours=5))
    table = "Дата;Тип;Статус;Телефон\n02.03.2026 13:00;Обратный звонок;Обработана;89123456789\n"
    project, channel = hub.channels.project(SHOP), hub.channels.document("site")
    await importing.bring(hub.engine, project, channel, table.encode(), clock.at)
    every = Segment(
        id="all",
        project=SHOP,
        name="Все",
        filters=(Filter(),),
        by=OperatorId("anna"),
        created_at=clock.at,
        changed_at=clock.at,
    )
    await hub.engine.write(
        Insert(every),
        Insert(
            Automation(
                id="autumn",
                project=SHOP,
                aim=Aim(name="Осень", segment="all"),
                enabled=True,
                since=clock.at - timedelta(days=1),
                created_at=clock.at,
                changed_at=clock.at,
            )
        ),
    )
    await hub.automating.round()
    await works(hub)
    assert await live(hub.engine) == []


async def test_who_was_greeted_with_the_key_for_the_number_is_not_asked_for_it_once_more(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, Policy(silence=Silence(enabled=True)))
    bot = Bot(id="site", project=SHOP, settings=BotSettings(enabled=True), changed_at=clock.at)
    await hub.engine.write(Insert(bot))
    for n in range(2):
        await receive(hub, opened(n, clock.at))
        await worked(hub)
    assert len(await said(hub.engine, await current(hub))) == 1


@pytest.mark.parametrize("by", ["hand", "rule"])
async def test_a_request_that_ends_as_spam_is_ended_in_the_reports_too(
    hub: Hub, clock: Clock, anna: Who, by: str
) -> None:
    row = await ask(hub)
    await works(hub)
    if by == "hand":
        await hub.peace.mark_spam(anna, row.id)
    else:
        await ruled_by(hub, SPAM)
        await receive(hub, message(2, clock.at, text=SPAM_TEXT))
    await works(hub)
    fact = await hub.engine.get(Fact, f"{row.id}:1")
    assert fact is not None
    assert (fact.cycle.closed_at, fact.cycle.result) == (clock.at, "spam")
    assert fact.status is Status.SPAM
    if by == "hand":
        await hub.peace.unmark_spam(anna, row.id)
        await works(hub)
        fact = await hub.engine.get(Fact, f"{row.id}:1")
        assert fact is not None
        assert (fact.cycle.closed_at, fact.status) == (None, Status.CHATTING)


async def test_the_first_message_is_the_first_question_and_not_the_opening_of_the_messenger(
    hub: Hub, clock: Clock
) -> None:
    own = OwnRule(
        id="hello", name="Привет", on="first_message", actions=(Say(text="Здравствуйте"),)
    )
    await ruled_by(hub, Policy(own=(own,)))
    await receive(hub, opened(0, clock.at))
    await worked(hub)
    # Two pictures of one album have one time.
    await receive(hub, message(1, clock.at), message(2, clock.at))
    await worked(hub)
    clock.forward(HOUR)
    await receive(hub, message(3, clock.at))
    await worked(hub)
    assert len(await said(hub.engine, await current(hub))) == 1


async def test_a_mark_of_spam_that_is_taken_back_leaves_a_closed_request_as_it_ended(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    await hub.desk.close(anna, row.id)
    before = await current(hub)
    await hub.peace.mark_spam(anna, row.id)
    await hub.peace.unmark_spam(anna, row.id)
    after = await current(hub)
    assert (after.cycle, after.chat_status) == (before.cycle, before.chat_status)


def test_no_rule_calls_whoever_was_just_closed_for_it_would_open_the_request_again() -> None:
    own = OwnRule(id="again", name="Снова", on="closed", actions=(Note(text="Закрыто"), Call()))
    with pytest.raises(BadValueError) as refused:
        check(Policy(own=(own,)))
    assert refused.value.field == "policy.own.0.actions.1"

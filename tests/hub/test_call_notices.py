"""Operators hear of callback orders in their own messengers, and decide there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.script import Script
from hub.errors import RejectedError, ThrottledError, UnreachableError
from hub.events import PhoneCalled, Sender
from hub.model import Dialog, Project
from hub.people.erasure import Eraser, dropping
from hub.records import Notice, Reach
from hub.schedule import daily
from hub.statuses import Status
from hub.store.engine import Engine
from hub.store.schema import LEADS, NOTICES_OLD
from hub.telling.notices import GRACE
from hub.telling.reaches import LATER
from hub.texts import catalogue, text
from tests.hub.test_ordering import PHONE, iso, works
from tests.pagers import BOT, Phones, button, paged
from tests.spine import SHOP, Clock, Crash, Mortal, log_of, receive

HOUR = timedelta(hours=1)


@pytest.fixture
async def desk(engine: Engine, clock: Clock, tmp_path: Path) -> AsyncIterator[Phones]:
    async with paged(engine, clock, tmp_path) as made:
        phones = Phones(made.hub, clock)
        await phones.arrange()
        yield phones


async def test_a_number_that_was_left_is_told_at_once_with_no_number_and_no_surname(
    desk: Phones,
) -> None:
    await desk.linked("Anna")
    await desk.wanted(comment="Наберите +7 916 123-45-67 про диван")
    [notice] = desk.notices("p-anna")
    assert "Иван" in notice.text
    assert "диван" in notice.text
    assert not {"Петров", "916", PHONE} & set(notice.text.replace(",", " ").split())
    assert "916" not in notice.text
    labels = [each.label for row in notice.buttons for each in row]
    assert labels == ["Взять", "Позвонить сейчас", "Позже", "Готово"]
    assert all(len(each.data.encode()) <= 64 for row in notice.buttons for each in row)
    await desk.passes(timedelta(minutes=1))
    assert len(desk.notices("p-anna")) == 1, "one order, one notice, and none of a new dialog"


@pytest.mark.parametrize("name", [PHONE, "8(916)123-45-67", "Иван+79161234567"])
async def test_a_number_for_a_name_is_told_no_more_than_another(desk: Phones, name: str) -> None:
    await desk.linked("Anna")
    await desk.wanted(name)
    assert "123" not in desk.notices("p-anna")[0].text


async def test_a_project_may_have_the_number_told(desk: Phones) -> None:
    await desk.hub.engine.change(Project, SHOP, lambda had: replace(had, notices_name_people=True))
    await desk.linked("Anna")
    await desk.wanted()
    assert f"Иван Петров, {PHONE}" in desk.notices("p-anna")[0].text


async def test_a_call_of_later_is_told_when_it_is_due_wherever_it_was_moved(desk: Phones) -> None:
    [anna] = await desk.linked("Anna")
    lead = await desk.wanted(at=iso(desk.clock.at + 3 * HOUR))
    assert desk.notices("p-anna") == []
    who = await desk.who(anna)
    await desk.hub.callbacks.move(who, lead, desk.clock.at + HOUR)
    await works(desk.hub)
    await desk.passes(HOUR)
    [notice] = desk.notices("p-anna")
    assert "13:00" in notice.text


async def test_whoever_asked_for_the_call_or_sees_the_inbox_is_not_told(desk: Phones) -> None:
    anna, boris = await desk.linked("Anna", "Boris")
    await desk.hub.bus.appear(SHOP, boris, "online", timedelta(hours=1))
    await desk.wanted()
    assert len(desk.notices("p-anna")) == 1
    assert desk.notices("p-boris") == []
    await desk.hub.callbacks.cancel(await desk.who(anna), await desk.lead(), "handled")
    desk.clock.forward(HOUR)
    row = await desk.row()
    await desk.hub.callbacks.ask(await desk.who(anna), row, "key-00000001", PHONE)
    await works(desk.hub)
    await desk.passes(timedelta(0))
    assert len(desk.notices("p-anna")) == 1


@pytest.mark.parametrize("verb", ["take", "now", "done"])
async def test_a_press_that_a_crash_cut_short_is_whole_once_it_is_told_again(
    desk: Phones, verb: str
) -> None:
    [anna] = await desk.linked("Anna")
    store = desk.hub.engine
    assert isinstance(store, Mortal)
    await desk.wanted()
    notice = desk.notices("p-anna")[0]
    pressed = button(notice, verb)
    for steps in range(60):
        store.dies_after(steps)
        try:
            await desk.hears("p-anna", "same", "…", pressed=pressed, press="ref")
        except Crash:
            store.lives()
            continue
        store.lives()
        break
    assert steps >= 3
    await works(desk.hub)
    row, lead = await desk.row(), await desk.lead()
    assert (row.owner, lead.operator) == (anna, anna)
    assert lead.live is (verb != "done")
    assert (lead.held is not None) is (verb == "now")
    decided = [each for each in await log_of(store, row.id) if each.data.get("do")]
    assert len(decided) <= 1


async def test_only_those_who_may_see_the_channel_are_told(desk: Phones) -> None:
    await desk.link(await desk.join("Vera", channels=("kiosk", BOT)), "p-vera")
    await desk.settled()
    await desk.wanted()
    assert desk.notices("p-vera") == []


async def test_at_night_an_order_waits_for_the_morning(desk: Phones) -> None:
    hours = daily("Europe/Moscow", "09:00–18:00")
    await desk.hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=hours))
    await desk.arrange(autonomous=True)
    await desk.linked("Anna")
    desk.clock.forward(timedelta(hours=10))
    await desk.wanted()
    assert desk.notices("p-anna") == []
    await desk.passes(timedelta(hours=11))
    assert "позвоните сами" in desk.notices("p-anna")[0].text


async def test_of_fifty_presses_at_once_one_wins_and_all_are_told_who(desk: Phones) -> None:
    names = [f"Op{n}" for n in range(25)]
    await desk.linked(*names)
    await desk.wanted()
    presses = []
    for n, name in enumerate(names):
        person = f"p-{name.lower()}"
        verb = ("take", "now")[n % 2]
        for again in range(2):
            pressed = button(desk.notices(person)[0], verb)
            presses.append(desk.hears(person, f"press{again}", "…", pressed=pressed, press="ref"))
    await asyncio.gather(*presses)
    await desk.settled()
    lead, row = await desk.lead(), await desk.row()
    winner = lead.operator
    assert winner is not None
    assert row.owner == winner
    mine = await desk.who(winner)
    won, lost = 0, 0
    for name in names:
        answers = [each.text for each in desk.told(f"p-{name.lower()}")[2:] if not each.buttons]
        assert len(answers) == 2
        taken = [each for each in answers if mine.operator.name in each]
        won, lost = won + (not taken), lost + (len(taken) == 2)
    assert (won, lost) == (1, 24)

    await desk.passes(timedelta(0))
    edits = {to: draft for to, _, draft in desk.bot().edits}
    assert len(edits) == 25
    theirs = edits.pop(f"p-{mine.operator.name.lower()}")
    assert "Звонок за вами" in theirs.text
    assert theirs.buttons
    assert {mine.operator.name in each.text and not each.buttons for each in edits.values()} == {
        True
    }


async def test_where_the_dialog_is_closed_the_order_itself_decides_who_was_first(
    desk: Phones,
) -> None:
    anna, _ = await desk.linked("Anna", "Boris")
    await desk.wanted()
    notices = {each: button(desk.notices(each)[0], "take") for each in ("p-anna", "p-boris")}
    await desk.hub.desk.close(await desk.who(anna), (await desk.row()).id)
    await asyncio.gather(
        *(desk.hears(who, "1", "…", pressed=data, press="r") for who, data in notices.items())
    )
    await desk.settled()
    answers = {each: desk.told(each)[-1].text for each in notices}
    mine = [each for each, said in answers.items() if said == text("ru", "notice.call.mine")]
    assert len(mine) == 1, answers
    winner = await desk.who((await desk.lead()).operator or anna)
    assert mine == [f"p-{winner.operator.login}"]
    assert [winner.operator.name in said for said in answers.values()].count(True) == 1


async def test_who_takes_it_on_a_screen_is_said_in_the_notices_of_the_others(desk: Phones) -> None:
    anna, _ = await desk.linked("Anna", "Boris")
    await desk.wanted()
    await desk.hub.desk.take(await desk.who(anna), (await desk.row()).id)
    await works(desk.hub)
    await desk.passes(timedelta(0))
    said = {to: draft.text for to, _, draft in desk.bot().edits}
    assert "Anna" in said["p-boris"]
    assert "за вами" in said["p-anna"]
    count = len(desk.bot().edits)
    await desk.hub.worker.work()
    await desk.passes(timedelta(minutes=1))
    assert len(desk.bot().edits) == count, "what says so already is not edited again"


@pytest.mark.parametrize(
    "refusal", [RejectedError("old", reason="too_old"), UnreachableError("403", reason="blocked")]
)
async def test_a_notice_that_cannot_be_edited_is_left_and_its_press_answered(
    desk: Phones, refusal: Exception
) -> None:
    await desk.linked("Anna", "Boris")
    await desk.wanted()
    desk.bot().refuses_edits = refusal
    assert await desk.presses("p-anna", "take") == text("ru", "notice.call.mine")
    await desk.passes(timedelta(minutes=5))
    assert "Anna" in await desk.presses("p-boris", "take")


async def test_an_edit_that_is_throttled_comes_later(desk: Phones) -> None:
    await desk.linked("Anna", "Boris")
    await desk.wanted()
    desk.bot().refuses_edits = ThrottledError("429", retry_after=timedelta(seconds=30))
    await desk.presses("p-anna", "take")
    await desk.passes(timedelta(0))
    desk.bot().refuses_edits = None
    await desk.passes(timedelta(seconds=31))
    assert {to for to, _, _ in desk.bot().edits} == {"p-anna", "p-boris"}


async def test_a_call_of_now_is_due_at_once_and_that_operators(desk: Phones) -> None:
    [anna] = await desk.linked("Anna")
    await desk.wanted()
    desk.clock.forward(timedelta(minutes=2))
    assert await desk.presses("p-anna", "now") == text("ru", "notice.call.no_trunk")
    lead = await desk.lead()
    assert (lead.operator, lead.due_at) == (anna, desk.clock.at)
    assert lead.held is not None


async def test_a_call_at_night_wants_a_second_press(desk: Phones) -> None:
    hours = daily("Europe/Moscow", "09:00–18:00")
    await desk.linked("Anna")
    await desk.wanted()
    await desk.hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=hours))
    desk.clock.forward(timedelta(hours=10))
    notice = desk.notices("p-anna")[0]
    assert await desk.presses("p-anna", "now", notice) == text("ru", "notice.call.outside")
    assert (await desk.lead()).held is None
    await desk.presses("p-anna", "anyway")
    assert (await desk.lead()).due_at == desk.clock.at


async def test_an_order_that_wants_a_word_is_dialled_once_somebody_gives_it(desk: Phones) -> None:
    await desk.arrange(script=Script(confirm=True))
    [anna] = await desk.linked("Anna")
    await desk.wanted()
    [notice] = desk.notices("p-anna")
    assert notice.text.startswith("Позвонить?")
    project = await desk.hub.engine.get(Project, SHOP)
    assert project is not None
    assert await desk.hub.dialling.hindered(await desk.lead(), project) == "confirm"
    await works(desk.hub)
    await desk.passes(timedelta(0))
    assert len(desk.notices("p-anna")) == 1
    await desk.presses("p-anna", "now", notice)
    lead = await desk.lead()
    assert (lead.confirmed, lead.operator, lead.due_at) == (True, anna, desk.clock.at)


async def test_done_ends_the_order_and_every_later_press_is_told(desk: Phones) -> None:
    await desk.linked("Anna", "Boris")
    await desk.wanted()
    stale = desk.notices("p-boris")[0]
    assert await desk.presses("p-anna", "done") == text("ru", "notice.call.done")
    lead = await desk.lead()
    assert (lead.live, lead.status, lead.cause) == (False, Status.PROCESSED, "handled")
    assert "Anna" in await desk.presses("p-boris", "now", stale)
    await desk.passes(timedelta(0))
    assert {draft.buttons for _, _, draft in desk.bot().edits} == {()}


async def test_later_tells_it_anew_unless_somebody_has_it_by_then(desk: Phones) -> None:
    anna, _ = await desk.linked("Anna", "Boris")
    await desk.wanted()
    first = desk.notices("p-anna")[0]
    await desk.presses("p-anna", "later")
    await desk.hub.bus.appear(SHOP, anna, "online", timedelta(hours=1))
    await desk.passes(LATER)
    assert len(desk.notices("p-anna")) == 2
    assert desk.notices("p-anna")[1].key != first.key, "a platform would not show it again"
    await desk.presses("p-anna", "later")
    await desk.presses("p-boris", "take")
    await desk.passes(LATER)
    assert len(desk.notices("p-anna")) == 2


async def test_a_talk_is_told_to_those_who_heard_of_the_order_and_once(desk: Phones) -> None:
    await desk.linked("Anna")
    await desk.wanted()
    await desk.linked("Late")
    call = await desk.dialled()
    await desk.ends(call, Outcome.TALKED, talk=timedelta(seconds=192))
    for _ in range(2):
        ended = await desk.hub.engine.get(Call, call.id)
        assert ended is not None
        await desk.hub.dialling.settle(replace(ended, stage="ended"))
        await works(desk.hub)
        await desk.passes(timedelta(minutes=1))
    said = [each.text for each in desk.told("p-anna")]
    assert [each for each in said if "3:12" in each] == ["Поговорили 3:12 · Иван\nОператор: Olga"]
    assert not [each for each in desk.told("p-late") if "3:12" in each.text]
    [(_, _, edit)] = [each for each in desk.bot().edits if each[0] == "p-anna"]
    assert not edit.buttons
    assert "Разговор состоялся" in edit.text


async def test_a_talk_of_whose_end_nothing_is_known_is_told_as_that(desk: Phones) -> None:
    await desk.linked("Anna")
    await desk.wanted()
    await desk.ends(await desk.dialled(), Outcome.UNKNOWN, talk=timedelta(hours=2))
    assert "Соединили, чем кончился разговор, неизвестно · Иван\nОператор: Olga" in [
        each.text for each in desk.told("p-anna")
    ]
    [(_, _, edit)] = [each for each in desk.bot().edits if each[0] == "p-anna"]
    assert "Чем кончился разговор, неизвестно." in edit.text


async def test_who_was_not_reached_is_told_with_why_and_when_next(desk: Phones) -> None:
    await desk.linked("Anna")
    await desk.wanted()
    await desk.ends(await desk.dialled(), Outcome.BUSY, "visitor")
    assert desk.told("p-anna")[-1].text == (
        "Не дозвонились · Иван: занято\nСледующая попытка: 12:05"
    )
    desk.clock.forward(timedelta(minutes=5))
    await desk.ends(await desk.dialled(), Outcome.NO_ANSWER, "operator")
    assert "Никто из операторов" in desk.told("p-anna")[-1].text
    assert len(desk.notices("p-anna")) == 1


async def test_used_up_attempts_are_told_to_all_who_may_see_it_also_at_night(desk: Phones) -> None:
    await desk.arrange(tries=1)
    await desk.linked("Anna")
    await desk.wanted()
    await desk.linked("Boris")
    hours = daily("Europe/Moscow", "09:00–12:00")
    await desk.hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=hours))
    call = await desk.dialled()
    desk.clock.forward(timedelta(minutes=1))
    await desk.ends(call, Outcome.NO_ANSWER, "visitor")
    for person in ("p-anna", "p-boris"):
        last = desk.told(person)[-1]
        assert "Попытки закончились" in last.text
        assert last.buttons
    assert len([each for each in desk.told("p-anna") if "Не дозвонились" in each.text]) == 1


async def test_a_line_that_fails_is_no_news_of_the_person(desk: Phones) -> None:
    await desk.linked("Anna")
    await desk.wanted()
    before = len(desk.told("p-anna"))
    await desk.ends(await desk.dialled(), Outcome.CONGESTION)
    assert len(desk.told("p-anna")) == before


async def test_one_operators_button_is_no_door_for_another_nor_for_a_stranger(
    desk: Phones,
) -> None:
    anna, _ = await desk.linked("Anna", "Boris")
    await desk.wanted()
    stolen = desk.notices("p-anna")[0]
    assert await desk.presses("p-boris", "done", stolen) == text("ru", "notice.help")
    await desk.hears("p-eve", "1", "…", pressed=button(stolen, "done"))
    await desk.hub.accounts.disable(anna)
    await desk.hears("p-anna", "1", "…", pressed=button(stolen, "now"))
    lead = await desk.lead()
    assert (lead.live, lead.operator, lead.held) == (True, None, None)


async def test_an_unknown_button_writes_nothing_to_the_visitor(desk: Phones) -> None:
    await desk.linked("Anna")
    await desk.wanted()
    notice = button(desk.notices("p-anna")[0], "take").partition(" ")[2]
    await desk.hears("p-anna", "1", "Позвонить", pressed=f"burn {notice}")
    await desk.settled()
    row = await desk.row()
    assert (row.owner, row.preview) == (None, row.preview)
    assert (await desk.lead()).operator is None
    assert desk.told("p-anna")[-1].text == text("ru", "notice.help")


async def test_a_call_that_nobody_answered_is_told_as_one_and_called_back_from_there(
    desk: Phones,
) -> None:
    anna, _ = await desk.linked("Anna", "Boris")
    for state, by in (("ringing", timedelta(seconds=20)), ("missed", GRACE)):
        event = PhoneCalled(
            sender=Sender(external_id=PHONE),
            external_id="c1",
            state=state,  # type: ignore[arg-type]
            at=desk.clock.at,
            seq=desk.clock.at.second,
        )
        await receive(desk.hub, event, channel="kiosk")
        await works(desk.hub)
        await desk.passes(by)
    hers, his = desk.notices("p-anna")[-1], desk.notices("p-boris")[-1]
    assert hers.text.startswith("Пропущенный звонок")
    assert PHONE[-4:] not in hers.text
    for _ in range(2):
        assert await desk.presses("p-anna", "now", hers) == text("ru", "notice.call.no_trunk")
    assert "Anna" in await desk.presses("p-boris", "now", his)
    page = await desk.hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE}, limit=5)
    [lead] = page.items
    assert (lead.origin, lead.operator, lead.live) == ("operator", anna, True)


async def test_what_no_messenger_takes_is_given_to_the_mail(desk: Phones) -> None:
    lost: list[tuple[str, str]] = []

    async def mail(notice: Notice, who: object, said: str) -> None:
        lost.append((notice.id, said))

    desk.hub.notices.lost = mail
    await desk.linked("Anna")
    reach = await desk.hub.engine.get(Reach, f"{BOT}:p-anna")
    assert reach is not None
    desk.bot().script.append(UnreachableError("403", reason="blocked"))
    await desk.wanted()
    [(_, said)] = lost
    assert "Иван" in said
    assert PHONE not in said


async def test_with_the_dialog_goes_what_was_told_of_its_order(desk: Phones) -> None:
    await desk.linked("Anna")
    await desk.wanted()
    hub = desk.hub
    row = await desk.row()
    row = await hub.engine.change(Dialog, row.id, lambda had: dropping(had, desk.clock.at))
    await Eraser(hub.engine, hub.files, hub.search).erase(row)
    assert (await hub.engine.find(NOTICES_OLD)).items == []


def test_every_sentence_about_a_call_is_there_in_both_languages() -> None:
    ru, en = (
        {each for each in catalogue(lang) if each.startswith("notice.call.")}
        for lang in ("ru", "en")
    )
    assert ru == en
    for head in ("asked", "confirm", "by_hand", "exhausted", "invalid_number", "nobody"):
        assert f"notice.call.{head}" in ru

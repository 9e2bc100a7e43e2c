"""Operators hear of dialogs in their own messengers, and answer from there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.content import Remote
from hub.errors import NotFoundError, ThrottledError, UnreachableError
from hub.events import ReachabilityChanged, Sender
from hub.model import ChannelId, Dialog, Project
from hub.records import Notice, Reach
from hub.schedule import always, daily
from hub.store.engine import Engine
from hub.store.schema import NOTICES_OLD
from hub.telling.notices import ALARM_OWNER, GRACE
from hub.telling.reaches import KEY_LASTS, LATER
from hub.texts import text
from tests.pagers import BOT, OTHER, Desk, paged
from tests.spine import (
    SHOP,
    Clock,
    Crash,
    Mortal,
    current,
    log_of,
    receive,
)


@pytest.fixture
async def desk(engine: Engine, clock: Clock, tmp_path: Path) -> AsyncIterator[Desk]:
    async with paged(engine, clock, tmp_path) as made:
        yield made


async def test_a_new_dialog_is_told_once_with_its_first_name_and_no_number(desk: Desk) -> None:
    anna = await desk.join("Anna")
    await desk.link(anna, "p-anna")
    await desk.asked("Перезвоните на +7 916 123-45-67")
    assert len(desk.told("p-anna")) == 0 or "Готово" in desk.told("p-anna")[0].text
    await desk.passes(GRACE)
    await desk.passes(timedelta(seconds=30))
    [notice] = [each for each in desk.told("p-anna") if each.buttons]
    assert "Иван" in notice.text
    assert "Петров" not in notice.text
    assert "916" not in notice.text
    assert [button.label for button in notice.buttons[0]] == ["Взять", "Позже"]
    assert all(len(button.data.encode()) <= 64 for row in notice.buttons for button in row)


async def test_a_project_may_have_people_named_in_full(desk: Desk) -> None:
    await desk.hub.engine.change(Project, SHOP, lambda had: replace(had, notices_name_people=True))
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.asked()
    await desk.passes(GRACE)
    assert "Иван Петров" in desk.told("p-anna")[-1].text


async def test_what_was_answered_or_taken_in_time_disturbs_nobody(desk: Desk) -> None:
    anna = await desk.join("Anna")
    await desk.link(anna, "p-anna")
    await desk.settled()
    row = await desk.asked()
    await desk.hub.desk.reply(await desk.who(anna), row.id, "key-00000001", "Иду")
    before = len(desk.told("p-anna"))
    await desk.passes(ALARM_OWNER * 3)
    assert len(desk.told("p-anna")) == before


async def test_whoever_has_the_inbox_open_is_told_only_when_somebody_waits_too_long(
    desk: Desk,
) -> None:
    anna = await desk.join("Anna")
    await desk.link(anna, "p-anna")
    await desk.settled()
    await desk.hub.bus.appear(SHOP, anna, "online", timedelta(hours=1))
    await desk.asked()
    await desk.passes(GRACE)
    assert [each for each in desk.told("p-anna") if each.buttons] == []
    await desk.passes(ALARM_OWNER)
    [alarm] = [each for each in desk.told("p-anna") if each.buttons]
    assert "5 мин" in alarm.text


async def test_the_owner_hears_of_a_waiting_client_before_the_others(desk: Desk) -> None:
    anna, boris = await desk.join("Anna"), await desk.join("Boris")
    await desk.link(anna, "p-anna")
    await desk.link(boris, "p-boris")
    row = await desk.asked()
    await desk.hub.desk.reply(await desk.who(anna), row.id, "key-00000001", "Иду")
    await desk.settled()
    before = len(desk.told("p-anna")), len(desk.told("p-boris"))
    desk.clock.forward(timedelta(seconds=1))
    await desk.asked("Вы тут?")
    await desk.passes(ALARM_OWNER)
    assert (len(desk.told("p-anna")), len(desk.told("p-boris"))) == (before[0] + 1, before[1])
    await desk.passes(ALARM_OWNER)
    assert len(desk.told("p-boris")) == before[1] + 1


async def test_only_those_who_may_see_the_channel_are_told(desk: Desk) -> None:
    await desk.link(await desk.join("Vera", channels=("kiosk", BOT)), "p-vera")
    await desk.settled()
    before = len(desk.told("p-vera"))
    await desk.asked()
    await desk.passes(ALARM_OWNER * 3)
    assert len(desk.told("p-vera")) == before


async def test_at_night_nobody_is_told_before_the_morning(desk: Desk) -> None:
    hours = daily("Europe/Moscow", "09:00–18:00")
    await desk.hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=hours))
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.settled()
    desk.clock.forward(timedelta(hours=10))
    before = len(desk.told("p-anna"))
    await desk.asked()
    await desk.passes(timedelta(hours=1))
    assert len(desk.told("p-anna")) == before
    await desk.hub.engine.change(
        Project, SHOP, lambda had: replace(had, schedule=always("Europe/Moscow"))
    )
    await desk.passes(timedelta(hours=13))
    assert len(desk.told("p-anna")) > before


async def test_a_reply_to_a_notice_goes_to_the_visitor_once(desk: Desk) -> None:
    anna = await desk.join("Anna")
    await desk.link(anna, "p-anna")
    row = await desk.asked()
    await desk.passes(GRACE)
    sent = desk.bot().shown
    number = f"out-{sent.index(desk.told('p-anna')[-1].text) + 1}"
    for _ in range(3):
        await desk.hears("p-anna", "r1", "От 18 000 ₽", reply_to=number)
    said = [each for each in await log_of(desk.hub.engine, row.id) if each.text == "От 18 000 ₽"]
    assert len(said) == 1
    assert said[0].author.id == anna
    assert (await current(desk.hub)).owner == anna
    assert await desk.hub.engine.get(Dialog, f"{BOT}:p-anna:1") is None


async def test_a_reply_with_a_file_goes_nowhere_by_half(desk: Desk) -> None:
    await desk.link(await desk.join("Anna"), "p-anna")
    row = await desk.asked()
    await desk.passes(GRACE)
    number = f"out-{desk.bot().shown.index(desk.told('p-anna')[-1].text) + 1}"
    photo = (Remote(ref="a", kind="image"),)
    await desk.hears("p-anna", "r1", "Вот такой диван", reply_to=number, media=photo)
    await desk.settled()
    assert desk.told("p-anna")[-1].text == text("ru", "notice.text_only")
    assert [each.text for each in await log_of(desk.hub.engine, row.id)] == ["Сколько стоит?"]


async def test_a_press_takes_the_dialog_and_the_second_is_told_who_was_first(desk: Desk) -> None:
    anna, boris = await desk.join("Anna"), await desk.join("Boris")
    await desk.link(anna, "p-anna")
    await desk.link(boris, "p-boris")
    await desk.asked()
    await desk.passes(GRACE)
    for person in ("p-anna", "p-boris"):
        button = next(each for each in desk.told(person) if each.buttons).buttons[0][0]
        await desk.hears(person, "press", button.label, pressed=button.data, press="ref")
    await desk.settled()
    assert (await current(desk.hub)).owner == anna
    assert "Anna" in desk.told("p-boris")[-1].text


async def test_later_reminds_again_if_nobody_answered_meanwhile(desk: Desk) -> None:
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.asked()
    await desk.passes(GRACE)
    later = next(each for each in desk.told("p-anna") if each.buttons).buttons[0][1]
    await desk.hears("p-anna", "press", later.label, pressed=later.data)
    await desk.settled()
    count = len([each for each in desk.told("p-anna") if each.buttons])
    await desk.passes(LATER)
    assert len([each for each in desk.told("p-anna") if each.buttons]) > count


async def test_one_operators_notice_is_no_door_for_another(desk: Desk) -> None:
    anna, boris = await desk.join("Anna"), await desk.join("Boris")
    await desk.link(anna, "p-anna")
    await desk.link(boris, "p-boris")
    await desk.asked()
    await desk.passes(GRACE)
    stolen = next(each for each in desk.told("p-anna") if each.buttons).buttons[0][0]
    await desk.hears("p-boris", "press", stolen.label, pressed=stolen.data)
    assert (await current(desk.hub)).owner is None


async def test_a_messenger_that_is_blocked_gives_way_to_the_next(desk: Desk) -> None:
    anna = await desk.join("Anna")
    await desk.link(anna, "p-anna")
    desk.clock.forward(timedelta(seconds=1))
    await desk.link(anna, "p-anna2", OTHER)
    await desk.settled()
    await desk.asked()
    desk.bot().script.append(UnreachableError("403", reason="blocked"))
    await desk.passes(GRACE)
    assert [each for each in desk.told("p-anna2", OTHER) if each.buttons]
    first = await desk.hub.engine.get(Reach, f"{BOT}:p-anna")
    assert first is not None
    assert not first.reachable
    back = ReachabilityChanged(
        sender=Sender(external_id="p-anna"), at=desk.clock.at, reachable=True
    )
    await receive(desk.hub, back, channel=BOT)
    again = await desk.hub.engine.get(Reach, f"{BOT}:p-anna")
    assert again is not None
    assert again.reachable


async def test_a_throttled_notice_comes_when_the_platform_lets_it(desk: Desk) -> None:
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.settled()
    await desk.asked()
    desk.bot().script.append(ThrottledError("429", retry_after=timedelta(seconds=40)))
    await desk.passes(GRACE)
    await desk.passes(timedelta(seconds=39))
    assert [each for each in desk.told("p-anna") if each.buttons] == []
    await desk.passes(timedelta(seconds=2))
    assert [each for each in desk.told("p-anna") if each.buttons]


async def test_a_link_is_good_once_for_its_bot_and_for_half_an_hour(desk: Desk) -> None:
    anna = await desk.join("Anna")
    link = await desk.hub.reaches.link(await desk.who(anna), SHOP, BOT)
    key = link.partition("start=")[2]
    await desk.hears("p-eve", "1", start=key, channel=OTHER)
    assert await desk.hub.engine.get(Reach, f"{OTHER}:p-eve") is None
    desk.clock.forward(KEY_LASTS)
    await desk.hears("p-late", "1", start=key)
    assert await desk.hub.engine.get(Reach, f"{BOT}:p-late") is None
    await desk.link(anna, "p-anna")
    link = await desk.hub.reaches.link(await desk.who(anna), SHOP, BOT)
    key = link.partition("start=")[2]
    await desk.hears("p-anna2", "1", start=key)
    await desk.hears("p-eve", "2", start=key)
    assert await desk.hub.engine.get(Reach, f"{BOT}:p-eve") is None
    with pytest.raises(NotFoundError):
        await desk.hub.reaches.link(await desk.who(anna), SHOP, ChannelId("site"))


async def test_whoever_wrote_as_a_visitor_before_is_one_no_more(desk: Desk) -> None:
    await desk.hears("p-anna", "0", "Здравствуйте")
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.hears("p-anna", "1", "А это уже не вопрос")
    row = await current(desk.hub, "p-anna", BOT)
    assert row.sealed
    assert not row.open
    assert [each.text for each in await log_of(desk.hub.engine, row.id) if each.text] == [
        "Здравствуйте"
    ]


async def test_a_member_no_more_is_told_nothing_and_may_do_nothing(desk: Desk) -> None:
    anna = await desk.join("Anna")
    await desk.link(anna, "p-anna")
    await desk.asked()
    await desk.passes(GRACE)
    button = next(each for each in desk.told("p-anna") if each.buttons).buttons[0][0]
    await desk.hub.accounts.disable(anna)
    await desk.hears("p-anna", "press", button.label, pressed=button.data)
    assert (await current(desk.hub)).owner is None
    count = len(desk.told("p-anna"))
    await desk.passes(ALARM_OWNER)
    assert len([each for each in desk.told("p-anna")[count:] if each.buttons]) == 0


async def test_notices_of_long_ago_are_cleared_away(desk: Desk) -> None:
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.asked()
    await desk.passes(ALARM_OWNER)
    desk.clock.forward(timedelta(days=31))
    assert await desk.hub.notices.sweep(desk.clock.at) > 0
    page = await desk.hub.engine.find(NOTICES_OLD)
    assert page.items == []
    assert await desk.hub.engine.get(Notice, "x") is None


async def test_of_two_who_open_one_link_at_once_one_is_the_operator(desk: Desk) -> None:
    anna = await desk.join("Anna")
    link = await desk.hub.reaches.link(await desk.who(anna), SHOP, BOT)
    key = link.partition("start=")[2]
    store = desk.hub.engine
    assert isinstance(store, Mortal)
    store.meanwhile(lambda: desk.hears("p-eve", "1", start=key), before=0)
    await desk.hears("p-anna", "1", start=key)

    linked = [each.external_id for each in await desk.hub.reaches.of(SHOP)]
    assert linked == ["p-eve"]


async def test_a_link_that_a_crash_cut_short_is_whole_once_the_update_is_told_again(
    desk: Desk,
) -> None:
    anna = await desk.join("Anna")
    store = desk.hub.engine
    assert isinstance(store, Mortal)
    for steps in range(20):
        person = f"p-{steps}"
        await desk.hears(person, "0", "Здравствуйте")
        link = await desk.hub.reaches.link(await desk.who(anna), SHOP, BOT)
        key = link.partition("start=")[2]
        store.dies_after(steps)
        try:
            await desk.hears(person, "1", start=key)
        except Crash:
            store.lives()
            await desk.hears(person, "1", start=key)
            await desk.hears(person, "2", "А это уже не вопрос")
            assert (await current(desk.hub, person, BOT)).sealed
            assert await store.get(Reach, f"{BOT}:{person}") is not None
        else:
            store.lives()
            assert steps > 3
            return
    pytest.fail("it never came to an end")


async def test_a_bot_whose_key_died_is_not_called_for_notices(desk: Desk) -> None:
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.settled()
    await desk.asked()
    pulses = desk.hub.pulses
    await pulses.halt(BOT, "dead_key", pulses.mark(BOT))
    calls = len(desk.bot().attempts)
    await desk.passes(GRACE)
    await desk.hears("p-anna", "9", "Что тут?")
    await desk.settled()
    assert len(desk.bot().attempts) == calls

    await pulses.revive(BOT)
    await desk.passes(timedelta(minutes=1))
    assert [each for each in desk.told("p-anna") if each.buttons]


async def test_a_bot_that_asks_to_be_left_alone_is_not_called_for_notices(desk: Desk) -> None:
    await desk.link(await desk.join("Anna"), "p-anna")
    await desk.settled()
    await desk.asked()
    desk.bot().script.append(
        ThrottledError("429", retry_after=timedelta(minutes=2), everywhere=True)
    )
    await desk.passes(GRACE)
    calls = len(desk.bot().attempts)
    await desk.asked("Ещё вопрос", visitor="petr")
    await desk.passes(GRACE)
    await desk.passes(timedelta(minutes=1))
    assert len(desk.bot().attempts) == calls

"""The regulation of automated requests, bullet by bullet: text 004, numbered as it goes.

1.x are the settings of an automation, 2.x what is controlled, 3.x the technical points.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.calling import MINUTES, Calling
from hub.finding.filters import Filter, Op
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import Author, ChannelId, Dialog, Project, Role
from hub.requests import automating
from hub.requests.segments import Draft
from hub.schedule import daily
from hub.statuses import RequestType, Status
from hub.store.engine import Engine
from tests.automated import (
    HOUR,
    MINUTE,
    asks,
    automation,
    call,
    dialled,
    done,
    leads,
    planned,
    round_of,
    ruled,
)
from tests.spine import MS, SHOP, START, Clock, ask, assembled, operator, sound

DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(engine: Engine, tmp_path: Path, clock: Clock) -> Hub:
    return await assembled(engine, clock, tmp_path)


@pytest.fixture
def olga() -> Who:
    return operator("Olga", role=Role.ADMIN)


async def becomes(hub: Hub, row: Dialog, **what: object) -> None:
    """As another source would have left it."""
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, **what))


async def calls_by(hub: Hub, calling: Calling) -> None:
    await hub.engine.change(Project, SHOP, lambda had: replace(had, calling=calling))
    await hub.channels.refresh()


async def test_the_name_goes_with_every_call_and_says_what_called(hub: Hub, olga: Who) -> None:
    """1.1: «первое что они услышат - это именно то что вы напишете здесь»."""
    made = await automation(hub, olga, name="Пропущенные звонки")
    row = await asks(hub)
    (lead,) = await round_of(hub)
    assert lead.automation == made.id
    (entry,) = await planned(hub, row)
    assert entry.author.name == "Пропущенные звонки"


async def test_requests_of_the_segment_are_automated_a_sum_of_sources_among_them(
    hub: Hub, olga: Who
) -> None:
    """1.2: «обращения попадающие в этот показатель … будут автоматизироваться».

    The sum of missed calls and of leads by a quiz, as in the text's example.
    """
    missed = Filter(
        all=(
            Filter(field="type", op=Op.IS, value="comagic"),
            Filter(field="call_status", op=Op.IS, value="dropped"),
        )
    )
    quiz = Filter(field="utm.source", op=Op.IS, value="marquiz")
    await automation(hub, olga, filters=(missed, quiz))
    one = await asks(hub, "+79120000001", "missed")
    await becomes(hub, one, type=RequestType.COMAGIC, call_status=Status.DROPPED)
    two = await asks(hub, "+79120000002", "quiz")
    await becomes(hub, two, visit=replace(two.visit, utm={"utm_source": "marquiz"}))
    talked = await asks(hub, "+79120000003", "talked")
    await becomes(hub, talked, type=RequestType.COMAGIC, call_status=Status.ENDED_BY_VISITOR)
    await asks(hub, "+79120000004", "other")
    assert {each.phone for each in await round_of(hub)} == {"+79120000001", "+79120000002"}


async def test_colleagues_use_a_segment_that_is_shared_with_them(hub: Hub, olga: Who) -> None:
    """1.3: «этим показателем смогут воспользоваться … если вы им дадите доступ»."""
    boris = operator("Boris", role=Role.ADMIN)
    for name, shared in (("Общий", True), ("Мой", False)):
        draft = Draft(name=name, filters=(Filter(),), shared=shared)
        await hub.segments.add(SHOP, draft, olga, f"key-{name}")
    assert [each.name for each in await hub.segments.of(SHOP, olga)] == ["Общий", "Мой"]
    assert [each.name for each in await hub.segments.of(SHOP, boris)] == ["Общий"]


async def test_only_requests_of_the_project_and_its_chosen_channels_are_automated(
    hub: Hub, olga: Who
) -> None:
    """1.4: «только те обращения, которые принадлежат конкретному проекту»."""
    await automation(hub, olga, channels=(ChannelId("vk"), ChannelId("kiosk")))
    await asks(hub, "+79120000001", "a", "vk")
    await asks(hub, "+79120000002", "b", "kiosk")
    await asks(hub, "+79120000003", "c", "site")
    await asks(hub, "+79120000004", "d", "oven")
    assert {each.phone for each in await round_of(hub)} == {"+79120000001", "+79120000002"}


async def test_calls_go_by_the_projects_calling_profile(hub: Hub, olga: Who) -> None:
    """1.5: «настроить рабочее расписание, контакты кол-центра»."""
    await calls_by(hub, Calling(numbers=("+74951234567",), shown="+74957654321", tries=5))
    await automation(hub, olga)
    await asks(hub)
    (lead,) = await round_of(hub)
    assert lead.plan.numbers == ("+74951234567",)
    assert (lead.plan.shown, lead.plan.tries) == ("+74957654321", 5)


async def test_the_delay_gives_operators_a_chance_and_nought_gives_none(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    """1.6: «Вы можете дать шанс вашим операторам … обработать обращение»."""
    await automation(hub, olga, delay_hours=3)
    await asks(hub, "+79120000001", "waits")
    assert await round_of(hub) == []
    clock.forward(3 * HOUR - MS)
    assert await round_of(hub) == []
    clock.forward(MS)
    assert len(await round_of(hub)) == 1
    await automation(hub, olga, key="key-0002", delay_hours=0)
    await asks(hub, "+79120000002", "at-once")
    assert len(await round_of(hub)) == 2


@pytest.mark.parametrize("by", ["a word of the staff", "a call out", "a call in", "a result"])
async def test_who_was_dealt_with_in_the_delay_is_not_called(
    hub: Hub, olga: Who, clock: Clock, by: str
) -> None:
    """1.7: «по клиенту были действия после обращения», calls both ways among them."""
    await automation(hub, olga, delay_hours=1)
    row = await asks(hub)
    clock.forward(MINUTE)
    match by:
        case "a word of the staff":
            await hub.desk.reply(olga, row.id, "key-0002", "Здравствуйте")
        case "a call out":
            await call(hub, row, Status.ENDED_BY_OPERATOR, Author("operator", "olga", "Olga"))
        case "a call in":
            await call(hub, row, Status.ENDED_BY_VISITOR)
        case _:
            await hub.desk.close(olga, row.id, "sold")
    clock.forward(HOUR)
    assert await round_of(hub) == []


async def test_what_came_out_of_hours_is_done_at_the_next_working_minute(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    """2.1: «будет автоматизировано в ближайшее настроенное рабочее»."""
    office = daily("Europe/Moscow", "10:00–18:00")
    await hub.engine.change(Project, SHOP, lambda had: replace(had, schedule=office))
    await hub.channels.refresh()
    await automation(hub, olga)
    clock.at = START + 10 * HOUR
    await asks(hub)
    (lead,) = await round_of(hub)
    assert lead.due_at == START + DAY - 2 * HOUR, "22:00 in Moscow, then 10:00 of the next day"


async def test_however_many_come_at_once_each_waits_and_none_is_lost(hub: Hub, olga: Who) -> None:
    """2.2: «он дойдет до операторов тогда, когда нагрузка снизится»."""
    await automation(hub, olga)
    for n in range(25):
        await asks(hub, f"+791200000{n:02}", f"v{n}")
    found = await round_of(hub)
    assert len(found) == 25
    assert all(each.attempts == 0 and each.live for each in found)


async def test_more_attempts_follow_at_intervals_by_the_cause(hub: Hub, olga: Who) -> None:
    """2.3: «обычно 3 шт.», «В зависимости от причины недоступности будут разные … интервалы»."""
    await automation(hub, olga)
    await asks(hub)
    (lead,) = await round_of(hub)
    assert lead.plan.tries == 3
    assert lead.plan.pauses == MINUTES
    assert len(set(MINUTES.values())) > 1


async def test_of_a_queue_for_one_client_the_nearest_is_done_and_the_rest_are_processed(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    """2.4: «будет выполнен ближайший …, а остальные будут помечены обработанными»."""
    await automation(hub, olga)
    first = await asks(hub, visitor="ivan", channel="site")
    (lead,) = await round_of(hub)
    clock.forward(MINUTE)
    second = await asks(hub, visitor="ivan-too", channel="kiosk")
    (still,) = await round_of(hub)
    assert still.id == lead.id
    assert (await sound(hub.engine, first.id)).call_status is Status.NEW
    assert (await sound(hub.engine, second.id)).call_status is Status.PROCESSED


async def test_switched_off_it_stops(hub: Hub, olga: Who) -> None:
    """2.5: «можете просто выключить соответствующую интеграцию»."""
    made = await automation(hub, olga)
    await asks(hub)
    await round_of(hub)
    await hub.automations.switch(SHOP, made.id, olga, on=False)
    assert await leads(hub) == []
    (ended,) = await leads(hub, live=False)
    assert ended.cause == "automation_off"
    await asks(hub, "+79120000002", "later")
    assert await round_of(hub) == []


async def test_what_was_automated_can_be_filtered_and_grouped(hub: Hub, olga: Who) -> None:
    """2.6: «были добавлены специальные фильтры и группировки»."""
    made = await automation(hub, olga)
    row = await asks(hub)
    await round_of(hub)
    await ask(hub, visitor="other")
    by = Filter(field="automation", op=Op.IS, value=made.id)
    page, _ = await hub.segments.members(SHOP, (by,))
    assert [each.id for each in page.items] == [row.id]


def test_it_runs_at_least_every_three_minutes() -> None:
    """3.1: «Автоматизатор запускается каждые 3 минуты»."""
    assert timedelta(minutes=3) >= automating.EVERY


async def test_it_takes_the_requests_of_the_last_three_days(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    """3.2: «за последние 3 суток»."""
    await automation(hub, olga)
    await asks(hub, "+79120000001", "older")
    clock.forward(MS)
    await asks(hub, "+79120000002", "younger")
    clock.forward(3 * DAY)
    assert [each.phone for each in await round_of(hub)] == ["+79120000002"]


async def test_a_new_one_takes_requests_only_from_its_creation_on(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    """3.3: «возьмутся обращения только с момента создания интеграции»."""
    await asks(hub, "+79120000001", "before")
    clock.forward(MS)
    await automation(hub, olga)
    await asks(hub, "+79120000002", "after")
    assert [each.phone for each in await round_of(hub)] == ["+79120000002"]


async def test_a_request_that_was_automated_is_not_again(hub: Hub, olga: Who, clock: Clock) -> None:
    """3.4: «Если обращение еще не автоматизировалось - запускается звонок»."""
    await automation(hub, olga)
    row = await asks(hub)
    (lead,) = await round_of(hub)
    ended = replace(lead, live=False, status=Status.PROCESSED, ended_at=clock.at)
    await hub.engine.change(Lead, lead.id, lambda had: replace(ended, rev=had.rev))
    for _ in range(3):
        clock.forward(3 * MINUTE)
        assert await round_of(hub) == []
    assert len(await planned(hub, row)) == 1


async def test_its_status_is_kept_current_until_it_is_final(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    """3.5: «актуализироваться статус до тех пор пока он не будет окончательно обработан»."""
    made = await automation(hub, olga)
    await asks(hub)
    (lead,) = await round_of(hub)
    for status in (Status.CALLING_VISITOR, Status.AWAITING_RETRY, Status.TALKING):
        await dialled(hub, lead, status)
        clock.forward(3 * MINUTE)
        await hub.automating.round()
        (known,) = await done(hub, made)
        assert (known.status, known.open) == (status, True)
    await hub.engine.change(
        Lead, lead.id, lambda had: replace(had, live=False, status=Status.ENDED_BY_OPERATOR)
    )
    await hub.automating.round()
    (known,) = await done(hub, made)
    assert (known.state, known.status, known.open) == ("ended", Status.ENDED_BY_OPERATOR, False)


@pytest.mark.parametrize(
    ("phone", "is_called"),
    [
        ("+7 912 345-67-89", True),
        ("8 (495) 123-45-67", True),
        ("8 800 123-45-67", False),
        ("112", False),
        ("123-45-67", False),
        ("+375 29 123-45-67", False),
        ("+1 212 555 0123", False),
        ("нет", False),
        ("", False),
    ],
)
async def test_only_valid_mobile_and_city_numbers_of_the_country_are_automated(
    hub: Hub, olga: Who, phone: str, is_called: bool
) -> None:
    """3.6: «только обращения с корректным мобильным … или корректным городским номеров РФ»."""
    await automation(hub, olga)
    row = await ask(hub)
    await becomes(hub, row, phone=phone)
    await ruled(hub)
    assert len(await round_of(hub)) == is_called

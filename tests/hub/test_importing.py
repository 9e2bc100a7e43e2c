"""Requests of another system from a table: each once, the old statuses too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import BadValueError
from hub.finding.lists import status
from hub.hub import Hub
from hub.model import Dialog
from hub.records import Fact
from hub.requests.importing import Brought, Row, Wrong, bring, read
from hub.statuses import LEGACY, RequestType, Status, imported_side, label
from hub.store.schema import BY_CHANGE, FACTS
from tests.spine import SHOP, sound

TABLE = """Номер;Дата;Тип;Статус;Имя;Телефон;Комментарий;Сотрудник
1;31.12.2017 23:30;Telegram;Telegram;Анна;8 (912) 345-67-89;Балкон;Олег
2;01.02.2018;Вконтакте;Вконтакте;Пётр;;;
3;01.02.2018 10:00;WhatsApp;WhatsApp;;;;
4;01.02.2018 10:00;Viber;Viber;;;;
5;01.02.2018 10:00;Facebook;Facebook;;;;
6;01.02.2018 10:00;LiveChat;Запрос на чат;;;;
7;05.03.2024 12:00;Обратный звонок;Обработана;Анна;+79123456789;;
8;05.03.2024 12:00;Telegram;Диалог закрыт;;;;
9;05.03.2024 12:00;CallBack;Идет общение;;;;
10;вчера;Telegram;Новая;;;;
11;05.03.2024 12:00;Факс;Новая;;;;
12;05.03.2024 12:00;Telegram;Ушёл;;;;
"""


async def brought(hub: Hub, table: str = TABLE, encoding: str = "utf-8") -> Brought:
    project, channel = hub.channels.project(SHOP), hub.channels.document("site")
    return await bring(hub.engine, project, channel, table.encode(encoding), hub.now())


async def rows(hub: Hub) -> list[Dialog]:
    return (await hub.engine.find(BY_CHANGE, {"project": SHOP}, limit=100)).items


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
async def test_every_row_becomes_one_request_however_often_it_is_brought(
    hub: Hub, encoding: str
) -> None:
    first = await brought(hub, encoding=encoding)
    again = await brought(hub, encoding=encoding)
    assert (first.made, first.refused) == (8, 4)
    assert (again.made, again.known) == (0, 8)
    assert [each.line for each in first.wrong] == [10, 11, 12, 13]
    found = await rows(hub)
    assert len(found) == 8
    for row in found:
        await sound(hub.engine, row.id)
        assert (row.creation, row.open) == ("import", False)


async def test_the_six_statuses_of_old_come_in_by_it(hub: Hub) -> None:
    await brought(hub)
    assert {status(row) for row in await rows(hub)} >= LEGACY


async def test_one_phone_is_one_person_with_its_own_times(hub: Hub) -> None:
    await brought(hub)
    anna = [row for row in await rows(hub) if row.phone == "+79123456789"]
    assert len(anna) == 2
    assert len({row.contact for row in anna}) == 1
    assert {row.closed_at.year for row in anna if row.closed_at} == {2017, 2024}
    # The clock of the table is the project's.
    assert {row.created_at.hour for row in anna} == {20, 9}


async def test_what_is_brought_stands_in_the_reports(hub: Hub) -> None:
    await brought(hub)
    while await hub.worker.work():
        pass
    facts = await hub.engine.find(FACTS, {"project": SHOP}, limit=100)
    assert len([each for each in facts.items if isinstance(each, Fact)]) == 8


@pytest.mark.parametrize("table", ["", "a;b\n1;2\n", "\0\0", "Дата;Тип\n"])
async def test_what_is_no_such_table_is_refused_by_the_name_of_the_file(
    hub: Hub, table: str
) -> None:
    with pytest.raises(BadValueError) as refused:
        await brought(hub, table)
    assert refused.value.field == "file"


@given(st.text(max_size=200))
def test_wild_tables_are_rows_or_told_and_nothing_else(wild: str) -> None:
    table = f"Дата,Тип,Статус,Имя\n{wild}\n05.03.2024,Telegram,Новая,Иван\n"
    try:
        found = list(read(table.encode("utf-8", "replace"), "Europe/Moscow"))
    except BadValueError:
        return
    assert all(isinstance(each, Row | Wrong) for each in found)


def test_a_time_is_kept_to_the_millisecond_and_one_of_no_calendar_is_told() -> None:
    first, last = "2025-01-01T10:00:00.123456Z", "0002-01-01T10:00:00Z"
    table = f"Дата;Тип;Статус\n{first};Telegram;Новая\n{last};Telegram;Новая\n"
    [row, wrong] = read(table.encode(), "Europe/Moscow")
    assert isinstance(row, Row)
    assert row.at.microsecond == 123_000
    assert isinstance(wrong, Wrong)


def test_every_status_has_a_side_in_some_type() -> None:
    for each in Status:
        assert any(imported_side(type, each) for type in RequestType), label(each, "en")

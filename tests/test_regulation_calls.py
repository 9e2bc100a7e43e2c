"""The regulations of calls, sentence by sentence: texts 000 (3.5 on), 001 (scenarios), 002 (forms).

All on the simulator, whose phones do what the text speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.calls import dialling
from hub.calls.call import Call, Outcome
from hub.calls.script import Say, Script, doubts
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import Dialog, OperatorId
from hub.statuses import Status, label
from hub.store.engine import Engine
from telephony.voice.spoken import spoken
from tests.spine import Clock, assembled
from tests.telephony.office import (
    QUICK,
    calls,
    dialled,
    due,
    equip,
    lead_of,
    row_of,
    statuses,
    wanted,
    working,
)

GOOD, BUSY, SILENT = "+79161234567", "+79161234501", "+79161234502"
KEY = replace(QUICK, connect="key", operator_says=Say(text="Нажмите 5"), keys="5", cancel_keys="0")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(engine: Engine, clock: Clock, tmp_path: Path) -> Hub:
    return await assembled(engine, clock, tmp_path)


async def made(
    hub: Hub, script: Script, phone: str = GOOD, settings: Mapping[str, object] | None = None
) -> tuple[Lead, Call]:
    told = {"pace": 100, "talk_s": 2} | dict(settings or {})
    await equip(hub, settings=told, script=script)
    await wanted(hub, phone)
    async with working(hub) as telephony:
        return await dialled(hub, telephony, phone)


async def test_the_statuses_of_a_call_are_told_in_their_order(hub: Hub) -> None:
    """000 3.5 «Вызов оператора» … «Идет разговор», «Завершено посетителем»."""
    lead, _ = await made(hub, QUICK)
    told = [label(Status(each), "ru") for each in await statuses(hub, lead)]
    assert told[:6] == [
        "Вызов оператора",
        "Оператор на линии",
        "Вызов посетителя",
        "Посетитель на линии",
        "Идет разговор",
        "Завершено посетителем",
    ]


async def test_before_they_are_connected_the_operator_hears_name_and_page(hub: Hub) -> None:
    """000 3.3, 002 4: имя клиента, страница обращения; «Поступила заявка с сайта»."""
    await equip(hub)
    lead = await wanted(hub, GOOD)
    await hub.engine.change(Lead, lead.id, lambda had: replace(had, name="Анна Соколова"))
    visit = replace((await row_of(hub, lead)).visit, title="Пластиковые окна")
    await hub.engine.change(Dialog, str(lead.dialog), lambda had: replace(had, visit=visit))
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
    assert call.plan is not None
    says = spoken(call.plan.script.operator_says, call.plan.variables, "ru")
    assert says.startswith("Поступила заявка с сайта.")
    assert "Анна Соколова" in says
    assert "Пластиковые окна" in says


async def test_the_phone_shows_whose_request_it_is(hub: Hub) -> None:
    """002 2: "Заявка с сайта Имя: <Имя> Телефон: <Телефон>"."""
    _, call = await made(hub, QUICK)
    assert call.plan is not None
    assert call.plan.display == f"Заявка с сайта Имя: Иван Телефон: {GOOD}"


async def test_an_operator_confirms_where_that_is_wanted(hub: Hub) -> None:
    """000 3.6 Если подключен функционал действие оператора, потребуется подтверждение."""
    await equip(hub, script=replace(QUICK, confirm=True))
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        await telephony.work()
        lead = await lead_of(hub, GOOD)
        assert label(lead.status, "ru") == "Ожидаем действие оператора"
        assert await calls(hub) == []
        await dialling.confirm(hub.engine, hub.bus, lead.id, OperatorId("olga"), hub.now())
        _, call = await dialled(hub, telephony, GOOD)
    assert call.outcome is Outcome.TALKED


async def test_several_attempts_by_the_result_of_the_call(hub: Hub, clock: Clock) -> None:
    """000 3.7 Система может предпринять несколько попыток дозвона."""
    await equip(hub, tries=3, retries={"busy": 5, "no_answer": 30})
    await wanted(hub, BUSY)
    async with working(hub) as telephony:
        for attempt in (1, 2):
            lead, _ = await dialled(hub, telephony, BUSY)
            assert label(lead.status, "ru") == "Ожидание повторного звонка"
            assert lead.attempts == attempt
            assert (due(lead) - clock.at).total_seconds() == 5 * 60
            clock.at = due(lead)


async def test_attempts_are_used_up_and_a_letter_goes_out(hub: Hub, clock: Clock) -> None:
    """000 3.8 Исчерпаны попытки: уведомление на почту, обработать вручную."""
    told: list[str] = []

    async def follow(call: Call, lead: Lead | None) -> None:
        if lead is not None and lead.cause == "exhausted":
            told.append(lead.phone)

    hub.dialling.follows.append(follow)
    await equip(hub, tries=2, mails=("shop@example.com",))
    await wanted(hub, SILENT)
    async with working(hub) as telephony:
        lead, _ = await dialled(hub, telephony, SILENT)
        clock.at = due(lead)
        lead, _ = await dialled(hub, telephony, SILENT)
    assert told == [SILENT]
    assert (lead.live, lead.due_at, lead.status) == (True, None, Status.NEW)


async def test_the_call_goes_on_to_the_client_only_if_the_key_is_pressed(hub: Hub) -> None:
    """001 Звонок пойдет клиенту только если менеджер нажмет 5."""
    _, call = await made(hub, KEY, settings={"keys": "5"})
    assert call.outcome is Outcome.TALKED


async def test_nobody_presses_and_the_call_ends_by_itself(hub: Hub) -> None:
    """001 Если за это время не будет введена комбинация, звонок автоматически завершится."""
    _, call = await made(hub, KEY, settings={"keys": "7"})
    assert (call.outcome, call.side, call.dialled_at) == (Outcome.NO_KEY, "operator", None)


async def test_the_manager_ends_the_calls_for_a_request(hub: Hub) -> None:
    """001 Оператор может остановить прозвон заявки: the cancel keys end all further attempts."""
    lead, call = await made(hub, KEY, settings={"keys": "0"})
    assert call.outcome is Outcome.CANCELLED
    assert (lead.live, lead.cause) == (False, "cancelled")


async def test_the_client_agrees_to_be_connected(hub: Hub) -> None:
    """001 Звоним клиенту, соединение по нажатию клавиши."""
    script = replace(KEY, first="visitor", cancel_keys="", visitor_says=Say(text="Нажмите 5"))
    lead, call = await made(hub, script, settings={"keys": "5"})
    assert (await statuses(hub, lead))[:3] == [
        "calling_visitor",
        "visitor_on_line",
        "calling_operator",
    ]
    assert call.outcome is Outcome.TALKED


async def test_the_client_hears_that_he_is_being_connected(hub: Hub) -> None:
    """001 Звоним клиенту, соединение после произнесения сообщения."""
    script = replace(QUICK, first="visitor", visitor_says=Say(text="Соединяем"))
    _, call = await made(hub, script)
    assert call.outcome is Outcome.TALKED


def test_a_message_without_the_key_warns() -> None:
    """001 Если соединение по клавише, добавьте в текст: Нажмите Х для соединения."""
    assert doubts(replace(KEY, operator_says=Say(text="Заявка"))) == ("keys_unsaid",)
    assert doubts(KEY) == ()


async def test_variables_between_dollars_are_those_of_the_form(hub: Hub) -> None:
    """001 Заявка с VK по объекту $form_name$ клиент $first_name$."""
    says = Say(text="Заявка с VK по объекту $form_name$ клиент $first_name$")
    await equip(hub, script=replace(QUICK, operator_says=says))
    lead = await wanted(hub, GOOD)
    told = {"form_name": "Дом у реки", "first_name": "Анна"}
    await hub.engine.change(Dialog, str(lead.dialog), lambda had: replace(had, fields=told))
    async with working(hub) as telephony:
        _, call = await dialled(hub, telephony, GOOD)
    assert call.plan is not None
    said = spoken(call.plan.script.operator_says, call.plan.variables, "ru")
    assert "Дом у реки" in said


async def test_first_the_responsible_one_then_the_group_three_times(hub: Hub) -> None:
    """002 1: ответственный сотрудник, затем группа 30 сек. × 3; the rounds are one attempt."""
    script = replace(QUICK, rounds=3, ring_s=0.2, pause_s=0.05)
    await equip(hub, script=script, seats={"olga": "302", "petr": "402"})
    lead = await wanted(hub, GOOD)
    await hub.engine.change(
        Dialog, str(lead.dialog), lambda had: replace(had, owner=OperatorId("petr"))
    )
    await hub.engine.change(
        Lead, lead.id, lambda had: replace(had, plan=replace(had.plan, script=script))
    )
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, GOOD)
    rung = [each.number for each in call.legs]
    assert rung[0] == "402"
    assert [sorted(rung[n : n + 2]) for n in (1, 3, 5)] == [["302", "402"]] * 3
    assert (len(rung), lead.operator_tries, lead.attempts) == (7, 1, 0)


async def test_whoever_answered_has_to_say_what_came_of_it(hub: Hub) -> None:
    """002 3: задача «Укажите результат обращения» назначается принявшему звонок."""
    lead, call = await made(hub, QUICK)
    row = await row_of(hub, lead)
    assert (row.owner, call.operator) == ("olga", "olga")
    assert row.awaits.value == "operator"


async def test_nobody_answers_and_the_request_waits_for_working_hours(hub: Hub) -> None:
    """002 3: если никто не ответит, задача выполняется в рабочее время."""
    await equip(hub, seats={"olga": "302"})
    await wanted(hub, GOOD)
    async with working(hub) as telephony:
        lead, call = await dialled(hub, telephony, GOOD)
    assert (call.side, lead.operator_tries, lead.attempts) == ("operator", 1, 0)
    assert (lead.status, lead.live) == (Status.NEW, True)
    assert lead.due_at is not None

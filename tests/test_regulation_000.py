"""The regulation of requests, sentence by sentence: text 000, numbered as it goes.

1.x are types and statuses, 2.x messengers and chats, 3.x the callback. What an attempt to call
does belongs to the telephone and is tested there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.content import Card
from hub.events import (
    CallAsked,
    MessageReceived,
    PhoneLeft,
    PhoneTapped,
    Sender,
    Subscribed,
)
from hub.finding.lists import status
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.leads.slots import offered
from hub.model import Contact, Dialog, Given, Project, Verb
from hub.people.consents import Asked
from hub.policy import Policy, Potential, Silence, Spam
from hub.schedule import daily
from hub.statuses import (
    CALL_MOVES,
    LEGACY,
    LIVE,
    RequestType,
    Side,
    Status,
    has_calls,
    has_chat,
    label,
    moves,
    type_label,
)
from hub.store.engine import Engine
from hub.store.schema import LEADS
from tests.spine import (
    SHOP,
    START,
    Clock,
    ask,
    assembled,
    current,
    episodes,
    log_of,
    message,
    operator,
    receive,
)

HOUR, DAY, MS = timedelta(hours=1), timedelta(days=1), timedelta(milliseconds=1)
PHONE = "+79123456789"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(engine: Engine, tmp_path: Path, clock: Clock) -> Hub:
    made = await assembled(engine, clock, tmp_path)
    box = Asked(purpose="processing", version="v1", text="Согласен", url="", required=True)
    await made.consents.show(SHOP, [box], START)
    return made


@pytest.fixture
def anna() -> Who:
    return operator("Anna")


async def shop_is(hub: Hub, **what: object) -> None:
    await hub.engine.change(Project, SHOP, lambda had: replace(had, **what))
    await hub.channels.refresh()


async def worked(hub: Hub) -> None:
    for _ in range(8):
        await hub.worker.work()
        await hub.worker.fire()


async def leads(hub: Hub) -> list[Lead]:
    return (await hub.engine.find(LEADS, {"project": SHOP}, limit=50)).items


def left(clock: Clock, *, sent: bool = True, messenger: str = "telegram") -> PhoneLeft:
    return PhoneLeft(
        sender=Sender(external_id="ivan", name="Иван"),
        at=clock.at,
        external_id="ivan.left",
        phone=PHONE,
        messenger=messenger,
        sent=sent,
        given=(Given("processing", "v1"),),
    )


def wish(clock: Clock, **more: object) -> CallAsked:
    made = CallAsked(
        sender=Sender(external_id="ivan", name="Иван"),
        at=clock.at,
        external_id="ivan.call",
        phone=PHONE,
        given=(Given("processing", "v1"),),
    )
    return replace(made, **more)


async def wished(hub: Hub, clock: Clock, **more: object) -> Dialog:
    await receive(hub, wish(clock, **more))
    await worked(hub)
    return await current(hub)


@pytest.mark.parametrize(
    ("type", "chat", "calls"),
    [
        (RequestType.TAXI, False, True),
        (RequestType.VK, True, True),
        (RequestType.WHATSAPP, True, True),
        (RequestType.VIBER, True, True),
        (RequestType.MOBILE_DIRECT, False, True),
        (RequestType.TELEGRAM, True, True),
        (RequestType.FACEBOOK, True, True),
        (RequestType.EMAIL, True, True),
        (RequestType.COMAGIC, True, True),
        (RequestType.CALLBACK, False, True),
        (RequestType.ODNOKLASSNIKI, True, True),
        (RequestType.LIVE_CHAT, True, True),
    ],
)
def test_each_type_has_the_statuses_of_its_footnote(
    type: RequestType, chat: bool, calls: bool
) -> None:
    """1.1 Такси Т, Вконтакте З/Т, … LiveChat: the types and what they may have."""
    assert (has_chat(type), has_calls(type)) == (chat, calls)
    assert type_label(type, "ru")


def test_every_status_is_called_as_in_the_regulation() -> None:
    """1.2 The twenty statuses, word for word."""
    assert {label(each, "ru") for each in Status if each not in LEGACY} == {
        "Новая",
        "Принята",
        "Обработана",
        "MobileDirect",
        "Вызов оператора",
        "Вызов посетителя",
        "Оператор на линии",
        "Посетитель на линии",
        "Идет разговор",
        "Завершено оператором",
        "Завершено посетителем",
        "Обрыв связи",
        "Email",
        "Ожидание повторного звонка",
        "Потенциальный клиент",
        "Ожидаем действие оператора",
        "Помечено как спам",
        "Подписка",
        "Идет общение",
        "Диалог закрыт",
    }


def test_the_old_statuses_are_reached_by_no_move() -> None:
    """1.3 Устаревшие статусы: Viber, WhatsApp, Telegram, Facebook, Вконтакте, Запрос на чат."""
    names = {"Viber", "WhatsApp", "Telegram", "Facebook", "Вконтакте", "Запрос на чат"}
    assert {label(each, "ru") for each in LEGACY} == names
    for type in RequestType:
        for side in Side:
            for start in (None, *Status):
                assert not LEGACY & moves(start, type, side)


async def test_each_request_has_its_own_status_and_type(hub: Hub, clock: Clock) -> None:
    """1.4 Каждое обращение имеет собственную пометку по статусу и типу."""
    chat, vk = await ask(hub, 1, "ivan", "site"), await ask(hub, 1, "olga", "vk")
    assert (chat.type, status(chat)) == (RequestType.LIVE_CHAT, Status.CHATTING)
    assert (vk.type, status(vk)) == (RequestType.VK, Status.CHATTING)


async def test_a_new_request_awaits_automatic_dialling(hub: Hub, clock: Clock) -> None:
    """1.5 «Новая»: сформирована, ожидает автоматического прозвона."""
    row = await wished(hub, clock)
    [lead] = await leads(hub)
    assert (row.call_status, lead.status, lead.live) == (Status.NEW, Status.NEW, True)
    assert lead.due_at is not None


async def test_in_autonomous_mode_a_new_request_only_waits(hub: Hub, clock: Clock) -> None:
    """1.6 «Новая»: за исключением работы в автономном режиме."""
    project = hub.channels.project(SHOP)
    await shop_is(hub, calling=replace(project.calling, autonomous=True))
    row = await wished(hub, clock)
    [lead] = await leads(hub)
    assert (row.call_status, lead.due_at) == (Status.NEW, None)


async def test_accepted_comes_by_manual_handling_alone(hub: Hub, clock: Clock, anna: Who) -> None:
    """1.7 «Принята»: промежуточный статус, появляется при ручной обработке."""
    project = hub.channels.project(SHOP)
    await shop_is(hub, calling=replace(project.calling, mode="collect"))
    row = await ask(hub)
    assert row.chat_status is Status.NEW
    row = await hub.desk.take(anna, row.id)
    assert row.chat_status is Status.ACCEPTED
    await hub.desk.reply(anna, row.id, "answer-1", "Здравствуйте")
    assert (await current(hub)).chat_status is Status.CHATTING


def test_only_the_visitor_who_was_not_reached_waits_for_another_call() -> None:
    """1.8 «Ожидание повторного звонка»: не удалось дозвониться до клиента."""
    from_whom = {start for start, ends in CALL_MOVES.items() if Status.AWAITING_RETRY in ends}
    assert Status.CALLING_VISITOR in from_whom
    assert not from_whom & {Status.CALLING_OPERATOR, Status.OPERATOR_ON_LINE, None, Status.NEW}


async def test_a_number_typed_and_not_sent_is_a_potential_client(hub: Hub, clock: Clock) -> None:
    """1.9 «Потенциальный клиент»: оставил номер в форме, но не нажал «отправить»."""
    await shop_is(hub, policy=Policy(potential=Potential(enabled=True)))
    await receive(hub, left(clock, sent=False, messenger=""))
    await worked(hub)
    clock.forward(HOUR)
    await worked(hub)
    assert status(await current(hub)) is Status.POTENTIAL
    assert await leads(hub) == []


async def test_whoever_sends_the_form_after_all_is_no_potential_client(
    hub: Hub, clock: Clock
) -> None:
    """1.9 The other side of it: the button was pressed later."""
    await shop_is(hub, policy=Policy(potential=Potential(enabled=True)))
    await receive(hub, left(clock, sent=False, messenger=""))
    await worked(hub)
    clock.forward(timedelta(minutes=5))
    await wished(hub, clock)
    clock.forward(HOUR)
    await worked(hub)
    assert (await current(hub)).call_status is Status.NEW


async def test_the_system_marks_a_request_as_spam(hub: Hub, clock: Clock) -> None:
    """1.10 «Помечено как спам»: система пометила данную заявку как спам."""
    await shop_is(hub, policy=Policy(spam=Spam(enabled=True, phrases=("казино",))))
    await receive(hub, message(1, clock.at, text="Казино онлайн"))
    await worked(hub)
    row = await current(hub)
    assert (status(row), row.open) == (Status.SPAM, False)


async def test_a_talk_is_a_chat_and_its_end_a_closed_dialog(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    """1.11 «Идет общение», «Диалог закрыт»."""
    row = await ask(hub)
    assert status(row) is Status.CHATTING
    assert status(await hub.desk.close(anna, row.id)) is Status.CHAT_CLOSED


async def test_a_tap_on_the_number_in_the_mobile_widget_is_a_request(
    hub: Hub, clock: Clock
) -> None:
    """1.12 «MobileDirect»: заявка через виджет на мобильной версии сайта."""
    who = Sender(external_id="ivan")
    await receive(hub, PhoneTapped(sender=who, at=clock.at, external_id="ivan.tap"))
    await worked(hub)
    row = await current(hub)
    assert (row.type, status(row)) == (RequestType.MOBILE_DIRECT, Status.MOBILE_DIRECT)
    assert await leads(hub) == []


async def subscription(hub: Hub, clock: Clock) -> Dialog:
    box = Asked(purpose="advertising", version="v1", text="Акции", url="", required=True)
    await hub.consents.show(SHOP, [box], START)
    event = Subscribed(
        sender=Sender(external_id="ivan"),
        at=clock.at,
        external_id="ivan.subscribe",
        email="ivan@example.com",
        given=(Given("processing", "v1"), Given("advertising", "v1")),
    )
    await receive(hub, event)
    await worked(hub)
    return await current(hub)


async def test_a_letter_to_the_person_is_a_status(hub: Hub, clock: Clock, anna: Who) -> None:
    """1.13 «Email»: письмо пользователю."""
    row = await subscription(hub, clock)
    assert status(await hub.desk.emailed(anna, row.id)) is Status.EMAIL


async def test_whoever_subscribes_to_offers_leaves_an_address(hub: Hub, clock: Clock) -> None:
    """1.14 «Подписка»: подписался на новые акции, указана почта пользователя."""
    row = await subscription(hub, clock)
    assert status(row) is Status.SUBSCRIBED
    contact = await hub.engine.get(Contact, row.contact)
    assert contact is not None
    assert contact.emails == ("ivan@example.com",)


async def test_in_the_first_mode_requests_are_collected_for_hands(hub: Hub, clock: Clock) -> None:
    """2.1 Сбор заявок в кабинете с последующей ручной обработкой."""
    project = hub.channels.project(SHOP)
    await shop_is(hub, calling=replace(project.calling, mode="collect"))
    row = await ask(hub)
    assert (status(row), row.open, row.unanswered) == (Status.NEW, True, 1)


async def test_in_the_second_mode_a_dialog_is_made_by_itself(hub: Hub, clock: Clock) -> None:
    """2.2 Сбор заявок с автоматическим созданием диалога и работой в едином окне."""
    row = await ask(hub)
    assert (status(row), row.open) == (Status.CHATTING, True)


async def test_whoever_leaves_a_number_is_kept_before_the_messenger_is_opened(
    hub: Hub, clock: Clock
) -> None:
    """2.3 Пользователь может оставить свой номер, после чего его перенаправят в диалог."""
    await receive(hub, left(clock))
    row = await current(hub)
    assert (row.phone, row.open, row.unanswered) == (PHONE, True, 0)


async def test_a_question_makes_a_dialog_of_the_messengers_type(hub: Hub, clock: Clock) -> None:
    """2.4 Если пользователь задаст вопрос, система создаст диалог с типом мессенджера."""
    row = await ask(hub, channel="vk")
    assert (row.type, row.chat_status, row.call_status) == (RequestType.VK, Status.CHATTING, None)


@pytest.mark.parametrize("opening", ["start", "card"])
async def test_to_open_the_messenger_is_no_question(hub: Hub, clock: Clock, opening: str) -> None:
    """2.4 What is no question: /start and a shared contact."""
    plain = replace(message(1, clock.at, question=False), text="")
    opened: MessageReceived = replace(plain, start="campaign")
    if opening == "card":
        opened = replace(plain, card=Card(phone=PHONE, own=True))
    await receive(hub, opened)
    row = await current(hub)
    assert (row.chat_status, row.unanswered) == (None, 0)


async def test_the_operator_sees_the_source_the_client_and_the_project(
    hub: Hub, clock: Clock
) -> None:
    """2.5 Рабочее место оператора: источник обращения, клиент, проект."""
    row = await ask(hub)
    assert (row.entry_point.comment, row.name, row.project) == ("Site", "Иван", SHOP)


async def test_an_hour_of_silence_makes_a_request_of_the_messengers_type_with_a_call(
    hub: Hub, clock: Clock
) -> None:
    """2.6 Если в течение 1 часа пользователь не задаст вопрос, система создаст заявку."""
    await shop_is(hub, policy=Policy(silence=Silence(enabled=True)))
    await receive(hub, left(clock))
    await worked(hub)
    clock.forward(HOUR - MS)
    await worked(hub)
    assert await leads(hub) == []
    clock.forward(MS)
    await worked(hub)
    row = await current(hub)
    [lead] = await leads(hub)
    assert (row.type, status(row)) == (RequestType.TELEGRAM, Status.NEW)
    assert (lead.phone, lead.rule, lead.live) == (PHONE, "silence", True)
    planned = [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.PLANNED]
    assert [each.author.id for each in planned] == ["silence"]


async def test_the_hour_is_a_setting(hub: Hub, clock: Clock) -> None:
    """2.6 The hour may be another time."""
    await shop_is(hub, policy=Policy(silence=Silence(enabled=True, minutes=10)))
    await receive(hub, left(clock))
    await worked(hub)
    clock.forward(timedelta(minutes=10))
    await worked(hub)
    assert len(await leads(hub)) == 1


@pytest.mark.parametrize(("later", "episodes_then"), [(7 * DAY, 1), (7 * DAY + MS, 2)])
async def test_more_than_seven_days_after_the_closing_it_is_a_new_request(
    hub: Hub, clock: Clock, anna: Who, later: timedelta, episodes_then: int
) -> None:
    """2.7 Больше 7 дней после закрытия оператором: новая заявка."""
    row = await ask(hub)
    await hub.desk.close(anna, row.id)
    clock.at = START + later
    await ask(hub, 2)
    assert len(await episodes(hub)) == episodes_then


@pytest.mark.parametrize("hour", [12, 23])
async def test_a_call_is_ordered_by_day_and_by_night(hub: Hub, clock: Clock, hour: int) -> None:
    """3.1 Заявка может быть оставлена как в рабочие часы, так и в ночные."""
    await shop_is(hub, schedule=daily("Europe/Moscow", "10:00–18:00"))
    clock.at = datetime(2026, 3, 2, hour, tzinfo=UTC)
    await wished(hub, clock)
    [lead] = await leads(hub)
    assert lead.due_at is not None
    local = lead.due_at.astimezone(UTC).hour + 3
    assert 10 <= local < 18


async def test_the_call_is_made_at_the_time_that_the_person_chose(hub: Hub, clock: Clock) -> None:
    """3.2 Система соединит оператора и клиента в выбранное пользователем время."""
    from hub.leads.slots import chosen

    schedule = daily("Europe/Moscow", "10:00–18:00")
    await shop_is(hub, schedule=schedule)
    slot = offered(schedule, "Europe/Moscow", clock.at)[1].slots[3]
    time = chosen(schedule, "Europe/Moscow", slot.at, clock.at)
    row = await wished(hub, clock, time=time, zone="Europe/Moscow")
    [lead] = await leads(hub)
    assert (lead.due_at, row.call_at) == (slot.at, slot.at)


async def test_the_name_and_the_page_are_kept_for_the_announcement(hub: Hub, clock: Clock) -> None:
    """3.3 Система оповестит оператора о имени клиента и странице обращения."""
    from hub.people.visit import Visit

    visit = Visit(page="https://okna.example/balkon", title="Балконы")
    row = await wished(hub, clock, visit=visit)
    assert (row.name, row.visit.page, row.visit.title) == (
        "Иван",
        "https://okna.example/balkon",
        "Балконы",
    )


def test_a_live_call_has_the_statuses_of_its_stages() -> None:
    """3.4 Вызов, линия, разговор: what is shown while a call is under way."""
    assert {label(each, "ru") for each in LIVE} == {
        "Ожидаем действие оператора",
        "Вызов оператора",
        "Вызов посетителя",
        "Оператор на линии",
        "Посетитель на линии",
        "Идет разговор",
    }


async def test_night_holiday_and_the_clients_night_end_at_the_first_lawful_minute(
    hub: Hub, clock: Clock
) -> None:
    """2.6 A project in Kaliningrad, a client in Kamchatka, and a holiday between."""
    week = daily("Europe/Kaliningrad", "09:00–18:00")
    schedule = replace(week, dates={"2026-03-03": ()})
    await shop_is(hub, schedule=schedule, policy=Policy(silence=Silence(enabled=True)))
    clock.at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    await receive(hub, replace(left(clock), zone="Asia/Kamchatka"))
    await worked(hub)
    clock.forward(HOUR)
    await worked(hub)
    [lead] = await leads(hub)
    # 9:00 in Kaliningrad is 19:00 there, where one may be called until 21:00; the 3rd is off.
    assert lead.due_at == datetime(2026, 3, 4, 7, 0, tzinfo=UTC)
    assert (lead.zones, lead.zone_why) == (("Asia/Kamchatka",), "browser")
    row = await current(hub)
    assert (row.call_at, status(row)) == (lead.due_at, Status.NEW)

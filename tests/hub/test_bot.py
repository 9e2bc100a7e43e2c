"""The first bot of a channel: greets once, answers its buttons, hands over, is silent then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import answering
from hub.accounts import Who
from hub.answering import Line, try_out
from hub.bot import Asks, Bot, BotSettings, Button, CallsBack, HandsOver, Tells
from hub.channels.abilities import Ability, Capabilities
from hub.content import Card
from hub.events import MessageReceived
from hub.hub import Hub
from hub.model import Awaits, Channel, ChannelId, Dialog, EntryKind, Project
from hub.policy import Policy, Silence
from hub.schedule import always
from hub.statuses import RequestType
from hub.store.engine import Insert
from hub.store.schema import LEADS
from tests.scripted import Platform
from tests.spine import KINDS, SHOP, START, Clock, current, log_of, message, receive

BOT = BotSettings(
    enabled=True,
    greeting="Здравствуйте, {{ first_name }}",
    buttons=(
        Button(id="price", label="Цены", does=Tells(text="От 900 ₽ за метр")),
        Button(
            id="size",
            label="Замер",
            does=Asks(field="size", question="Какой размер?", thanks="Записал: {{ text }}"),
        ),
        Button(id="man", label="Оператор", does=HandsOver()),
        Button(id="call", label="Позвоните мне", does=CallsBack()),
    ),
)


class Keyed(Platform):
    """A messenger with buttons and its own sharing of the phone."""

    kind: ClassVar[str] = "keyed"
    capabilities: ClassVar[Capabilities] = replace(
        Platform.capabilities,
        type=RequestType.TELEGRAM,
        does=frozenset({Ability.BUTTONS, Ability.PHONE}),
    )


@pytest.fixture
async def keyed(hub: Hub) -> AsyncIterator[Hub]:
    """The hub with a channel that has buttons, and the bot in it and in the plain one."""
    KINDS["keyed"] = lambda document: Keyed(ChannelId(document.id))
    await hub.engine.write(
        Insert(Channel(id="tg", project=SHOP, kind="keyed", name="Tg", created_at=START))
    )
    await hub.channels.refresh()
    for id in ("tg", "site"):
        await answering.save(
            hub.engine, Bot(id=id, project=SHOP, settings=BOT, changed_at=START), 0
        )
    yield hub
    del KINDS["keyed"]


async def worked(hub: Hub) -> None:
    for _ in range(6):
        await hub.worker.work()


async def spoken(hub: Hub, channel: str = "tg") -> list[str]:
    row = await current(hub, channel=channel)
    return [
        each.text
        for each in await log_of(hub.engine, row.id)
        if each.kind is EntryKind.OUT and each.author.kind == "bot"
    ]


async def hears(hub: Hub, clock: Clock, event: MessageReceived, channel: str = "tg") -> Dialog:
    clock.forward(timedelta(seconds=1))
    await receive(hub, replace(event, at=clock.at), channel=channel)
    await worked(hub)
    return await current(hub, channel=channel)


def pressed(n: int, id: str) -> MessageReceived:
    return replace(message(n, START, question=False), text=id, pressed=f"bot:{id}")


async def test_it_greets_once_in_a_cycle_with_its_buttons(keyed: Hub, clock: Clock) -> None:
    for n in range(3):
        await hears(keyed, clock, message(n, START))
    row = await current(keyed, channel="tg")
    [greeting] = [each for each in await log_of(keyed.engine, row.id) if each.kind is EntryKind.OUT]
    assert greeting.text == "Здравствуйте, Иван"
    assert [[each.data for each in line] for line in greeting.buttons] == [
        ["bot:price"],
        ["bot:size"],
        ["bot:man"],
        ["bot:call"],
    ]
    assert row.awaits is Awaits.OPERATOR


async def test_a_pressed_button_is_answered_and_is_no_question(keyed: Hub, clock: Clock) -> None:
    await hears(keyed, clock, replace(message(0, START, question=False), text="", start="ads"))
    row = await hears(keyed, clock, pressed(1, "price"))
    assert (await spoken(keyed))[1:] == ["От 900 ₽ за метр"]
    assert (row.unanswered, row.chat_status) == (0, None)


@pytest.mark.parametrize("said", ["1", "1.", "цены", "ЦЕНЫ "])
async def test_where_there_are_no_buttons_the_number_or_the_label_is_a_press(
    keyed: Hub, clock: Clock, said: str
) -> None:
    await hears(keyed, clock, message(0, START), "site")
    [greeting] = await spoken(keyed, "site")
    assert greeting.endswith("1. Цены\n2. Замер\n3. Оператор\n4. Позвоните мне")
    row = await hears(keyed, clock, message(1, START, text=said), "site")
    assert (await spoken(keyed, "site"))[1:] == ["От 900 ₽ за метр"]
    assert row.unanswered == 1, "only the first words were a question"


async def test_what_it_asks_is_kept_in_its_field(keyed: Hub, clock: Clock) -> None:
    await hears(keyed, clock, message(0, START))
    await hears(keyed, clock, pressed(1, "size"))
    row = await hears(keyed, clock, message(2, START, text="3 метра"))
    assert row.fields == {"size": "3 метра"}
    assert (await spoken(keyed))[1:] == ["Какой размер?", "Записал: 3 метра"]
    assert row.unanswered == 1
    row = await hears(keyed, clock, message(3, START, text="А доставка?"))
    assert row.unanswered == 2


async def test_after_the_hand_over_it_is_silent(keyed: Hub, clock: Clock) -> None:
    await hears(keyed, clock, replace(message(0, START, question=False), text="", start="ads"))
    row = await hears(keyed, clock, pressed(1, "man"))
    assert (row.awaits, row.unanswered) == (Awaits.OPERATOR, 1)
    said = await spoken(keyed)
    await hears(keyed, clock, pressed(2, "price"))
    await hears(keyed, clock, message(3, START, text="цены"))
    assert await spoken(keyed) == said


async def test_it_is_silent_once_an_operator_has_written(
    keyed: Hub, clock: Clock, anna: Who
) -> None:
    row = await hears(keyed, clock, message(0, START))
    await keyed.desk.reply(anna, row.id, "answer-1", "Слушаю")
    said = await spoken(keyed)
    await hears(keyed, clock, pressed(1, "price"))
    assert await spoken(keyed) == said


@pytest.mark.parametrize(
    "told",
    [
        message(2, START, text="8 912 345-67-89"),
        replace(
            message(2, START, text="", question=False), card=Card(phone="+79123456789", own=True)
        ),
    ],
    ids=["written", "shared"],
)
async def test_call_me_asks_for_the_number_and_then_plans_the_call(
    keyed: Hub, clock: Clock, told: MessageReceived
) -> None:
    await hears(keyed, clock, message(0, START))
    await hears(keyed, clock, pressed(1, "call"))
    row = await current(keyed, channel="tg")
    last = [each for each in await log_of(keyed.engine, row.id) if each.buttons][-1]
    assert [each.asks for each in last.buttons[0]] == ["phone"]
    await hears(keyed, clock, told)
    page = await keyed.engine.find(LEADS, {"project": SHOP}, limit=10)
    assert [(each.phone, each.rule, each.live) for each in page.items] == [
        ("+79123456789", "bot:call", True)
    ]


async def test_nobody_is_asked_for_the_phone_twice(keyed: Hub, clock: Clock) -> None:
    policy = Policy(silence=Silence(enabled=True))
    await keyed.engine.change(Project, SHOP, lambda had: replace(had, policy=policy))
    await keyed.channels.refresh()
    await hears(keyed, clock, replace(message(0, START, question=False), text="", start="ads"))
    assert len(await spoken(keyed)) == 1


def sandboxed(*lines: Line, can: Capabilities = Keyed.capabilities) -> list[answering.Answered]:
    project = Project(id=SHOP, name="Shop", schedule=always("Europe/Moscow"), created_at=START)
    channel = Channel(id="tg", project=SHOP, kind="keyed", name="Tg", created_at=START)
    return try_out(BOT, project, channel, can, lines, START)


def test_the_sandbox_says_what_the_bot_would() -> None:
    opened, asked, told, called, shared, handed, after = sandboxed(
        Line(opens=True),
        Line(pressed="bot:size", text="Замер"),
        Line(text="два метра"),
        Line(text="Позвоните мне"),
        Line(phone="+79123456789"),
        Line(text="3"),
        Line(text="1"),
    )
    assert opened.says[0][0] == "Здравствуйте,"
    assert asked.says[0][0] == "Какой размер?"
    assert (told.did, told.says[0][0]) == (("kept:size",), "Записал: два метра")
    assert called.says[0][0] == "На какой номер перезвонить?"
    assert shared.did == ("planned:+79123456789",)
    assert handed.did == ("handed",)
    assert after.silent


said = st.sampled_from(
    ["", "1", "2", "Цены", "замер", "Позвоните мне", "89123456789", "Сколько?", "3", "оператор"]
)
lines = st.lists(
    st.builds(
        Line,
        text=said,
        pressed=st.sampled_from(["", "", "bot:price", "bot:size", "bot:call", "bot:no"]),
        phone=st.sampled_from(["", "", "+79123456789"]),
        opens=st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(lines)
def test_it_says_at_most_one_thing_to_one_line_and_nothing_after_a_hand_over(
    said: list[Line],
) -> None:
    answers = sandboxed(*said)
    assert all(len(each.says) <= 1 for each in answers)
    handed = next((n for n, each in enumerate(answers) if "handed" in each.did), len(answers))
    assert all(each.silent for each in answers[handed + 1 :])

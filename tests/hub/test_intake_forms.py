"""Filled forms in the log: whose they are, what they make of a request, and each of them once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import bots
from hub.accounts import Who
from hub.channels.port import Hook
from hub.errors import ConflictError
from hub.events import FormFilled, Sender
from hub.hub import Hub
from hub.keeping.keys import Keys
from hub.model import Awaits, Channel, ChannelId, Contact, Dialog, Entry, EntryKind, Verb
from hub.people.visit import Visit
from hub.records import Consent, ConsentText
from hub.statuses import RequestType, Status
from hub.store.engine import Insert
from hub.store.schema import BY_CHANGE, CONSENTS, DEAD_LETTERS, INVALID
from tests.spine import (
    KINDS,
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    ask,
    current,
    episodes,
    log_of,
    message,
    receive,
    sound,
)

KEYS = Keys(bytes(range(32)))
PHONE = "+79123456789"
ANNA = {"name": "Анна", "phone": "8 (912) 345-67-89", "comment": "После шести", "Услуга": "Замер"}


@pytest.fixture
async def forms(hub: Hub) -> AsyncIterator[Hub]:
    """The hub with two doors for forms: one asks for a call at once, one only for a request."""

    def build(document: Channel) -> Any:
        kind = bots.load(document.kind)
        settings = msgspec.convert(document.settings, kind.settings_type)
        return kind(ChannelId(document.id), settings, KEYS)

    KINDS["form"] = build
    for id, handling in (("calls", "callback"), ("notes", "register")):
        settings: dict[str, object] = {"handling": handling}
        channel = Channel(
            id=id, project=SHOP, kind="form", name=id, settings=settings, created_at=START
        )
        await hub.engine.write(Insert(channel))
    await hub.channels.refresh()
    yield hub
    del KINDS["form"]
    KINDS.pop("jivosite", None)


async def post(hub: Hub, told: object, channel: str = "calls") -> None:
    body = msgspec.json.encode(told)
    headers = {"content-type": "application/json"}
    await hub.intake.take(
        hub.channels.get(channel), Hook(body=body, headers=headers, received_at=hub.now())
    )


async def rules(hub: Hub) -> None:
    while await hub.worker.work():
        pass


async def said(hub: Hub, row: Dialog) -> list[Entry]:
    return [each for each in await log_of(hub.engine, row.id) if each.kind is EntryKind.IN]


def verbs(entries: list[Entry]) -> list[Verb | None]:
    return [each.verb for each in entries if each.kind is EntryKind.SYSTEM]


async def test_a_form_is_a_request_of_its_own_type_from_whoever_has_the_phone(forms: Hub) -> None:
    await post(forms, ANNA | {"page_url": "https://shop.example/?utm_source=ya"})
    await rules(forms)

    row = await current(forms, PHONE, "calls")
    assert (row.type, row.creation, row.kind) == (RequestType.SITE_FORM, "form", "form")
    assert (row.name, row.phone, row.unanswered, row.chat_status) == ("Анна", PHONE, 1, None)
    assert row.fields["comment"] == "После шести"
    assert row.fields["Услуга"] == "Замер"
    assert "8 (912) 345-67-89" not in row.fields.values()
    assert (row.visit.page, row.visit.utm) == (
        "https://shop.example/?utm_source=ya",
        {"utm_source": "ya"},
    )
    contact = await forms.engine.get(Contact, row.contact)
    assert contact is not None
    assert (contact.name, contact.phones) == ("Анна", (PHONE,))
    [entry] = await said(forms, row)
    assert "После шести" in entry.text
    assert msgspec.json.decode(entry.data["fields"])["Услуга"] == "Замер"
    assert entry.data["raw_phone"] == ANNA["phone"]
    await sound(forms.engine, row.id)


async def test_without_any_connection_one_door_plans_a_call_and_the_other_only_notes(
    forms: Hub,
) -> None:
    for channel in ("calls", "notes"):
        await post(forms, ANNA, channel)
        assert (await current(forms, PHONE, channel)).call_status is Status.NEW
    await rules(forms)

    planned = [
        each
        for channel in ("calls", "notes")
        for each in await log_of(forms.engine, (await current(forms, PHONE, channel)).id)
        if each.verb is Verb.PLANNED
    ]
    assert [(each.dialog, each.data["rule"]) for each in planned] == [
        ((await current(forms, PHONE, "calls")).id, "form")
    ]
    assert (await current(forms, PHONE, "notes")).call_status is Status.NEW


async def test_a_form_sent_twenty_times_at_once_is_one_request(forms: Hub) -> None:
    await asyncio.gather(*(post(forms, ANNA) for _ in range(20)))
    await asyncio.gather(*(post(forms, ANNA | {"request_id": "7"}) for _ in range(20)))
    rows = await episodes(forms, PHONE, "calls")
    assert len(rows) == 1
    assert len(await said(forms, rows[0])) == 2


async def test_the_same_phone_in_another_form_of_the_source_is_the_same_person(
    forms: Hub, clock: Clock
) -> None:
    await post(forms, ANNA)
    clock.forward(timedelta(hours=1))
    await post(forms, {"Телефон": "+7 912 345 67 89", "вопрос": "Когда?", "page": "https://b.c/"})
    [row] = await episodes(forms, PHONE, "calls")
    assert len(await said(forms, row)) == 2
    assert (row.fields["comment"], row.visit.page) == ("Когда?", "https://b.c/")
    assert row.name == "Анна"


async def test_a_form_after_a_closing_is_a_request_of_its_own(
    forms: Hub, clock: Clock, anna: Who
) -> None:
    await post(forms, ANNA)
    row = await current(forms, PHONE, "calls")
    await forms.desk.close(anna, row.id)
    clock.forward(timedelta(minutes=5))
    await post(forms, ANNA)
    first, second = await episodes(forms, PHONE, "calls")
    assert first.sealed
    assert (second.creation, second.open, second.fields["comment"]) == ("form", True, "После шести")
    # The platform may repeat an old one at any age.
    clock.at = START
    await post(forms, ANNA)
    assert len(await episodes(forms, PHONE, "calls")) == 2


async def heard(hub: Hub) -> list[Dialog]:
    """Every request that came by the door that asks for calls."""
    page = await hub.engine.find(BY_CHANGE, {"project": SHOP}, limit=50)
    return [each for each in page.items if each.channel == "calls"]


async def test_a_form_without_a_number_is_somebody_of_its_own(forms: Hub) -> None:
    await post(forms, {"name": "Анна", "comment": "Без телефона"})
    await post(forms, {"name": "Борис", "comment": "Тоже"})
    await rules(forms)
    rows = await heard(forms)
    assert sorted(each.name for each in rows) == ["Анна", "Борис"]
    assert {each.phone for each in rows} == {""}
    assert all(each.call_status is Status.NEW for each in rows), "somebody has to look"


async def test_a_body_that_is_no_form_is_kept_whole_and_is_no_request(forms: Hub) -> None:
    await post(forms, {})
    assert await heard(forms) == []
    page = await forms.engine.find(DEAD_LETTERS, {"project": SHOP}, limit=5)
    assert [(each.body, each.error) for each in page.items] == [(b"{}", "PayloadError: empty")]


async def test_nobody_can_be_answered_where_a_form_came_in(forms: Hub, anna: Who) -> None:
    await post(forms, ANNA)
    row = await current(forms, PHONE, "calls")
    with pytest.raises(ConflictError, match="mute"):
        await forms.desk.reply(anna, row.id, "key-0001", "Здравствуйте")
    assert (await current(forms, PHONE, "calls")).owner is None


async def test_a_chat_of_jivo_is_a_dialog_with_both_sides_told_any_number_of_times(
    forms: Hub, clock: Clock
) -> None:
    KINDS["jivosite"] = KINDS["form"]
    jivo = Channel(id="jivo", project=SHOP, kind="jivosite", name="Jivo", created_at=START)
    await forms.engine.write(Insert(jivo))
    await forms.channels.refresh()
    at = int(START.timestamp())
    lines = [
        {"message": "Есть доставка?", "timestamp": at, "type": "visitor"},
        {"message": "Да", "timestamp": at + 7, "type": "agent", "agent_id": 1},
    ]
    told = {
        "event_name": "chat_finished",
        "chat_id": 7607,
        "visitor": {"number": "2198", "name": "Анна", "phone": "8 912 345-67-89"},
        "agents": [{"id": "1", "name": "Ольга"}],
        "chat": {"messages": lines},
    }
    clock.forward(timedelta(seconds=5))
    await post(forms, told | {"event_name": "chat_accepted"}, "jivo")
    clock.forward(timedelta(minutes=5))
    for _ in range(3):
        await post(forms, told, "jivo")
    await rules(forms)

    [row] = await episodes(forms, "2198", "jivo")
    assert (row.type, row.name, row.phone) == (RequestType.JIVOSITE, "Анна", PHONE)
    assert (row.awaits, row.unanswered) == (Awaits.CUSTOMER, 0)
    shown = [each for each in await log_of(forms.engine, row.id) if each.text]
    assert [(each.kind, each.text, each.author.name) for each in shown] == [
        (EntryKind.IN, "Есть доставка?", "Анна"),
        (EntryKind.OUT, "Да", "Ольга"),
    ]


def vk_form(hub: Hub, n: int = 1, sender: str = "77") -> FormFilled:
    return FormFilled(
        sender=Sender(external_id=sender),
        at=hub.now(),
        external_id=f"form:6:{n}",
        form="Заявка",
        answers=(("Телефон", PHONE),),
        phone=PHONE,
        name="Анна Ким",
        source="vk",
        form_id="6",
        group_id="1234",
        fields={"phone_number": PHONE},
        hidden=("age",),
        visit=Visit(page="https://vk.example/"),
    )


async def test_a_form_of_an_advertisement_is_a_request_of_that_type(hub: Hub) -> None:
    await receive(hub, vk_form(hub), channel="vk")
    row = await current(hub, "77", "vk")
    assert (row.type, row.call_status, row.chat_status) == (RequestType.VK_LEAD, Status.NEW, None)
    assert (row.name, row.visit.page) == ("Анна Ким", "https://vk.example/")
    [entry] = await said(hub, row)
    told = {name: entry.data[name] for name in ("source", "form_id", "group_id", "hidden")}
    assert told == {"source": "vk", "form_id": "6", "group_id": "1234", "hidden": '["age"]'}
    assert "ad_id" not in entry.data
    await sound(hub.engine, row.id)


async def test_a_form_in_an_open_chat_stays_in_the_chat(hub: Hub) -> None:
    await ask(hub, 1, "77", "vk")
    await receive(hub, vk_form(hub), channel="vk")
    row = await current(hub, "77", "vk")
    assert (row.n, row.type, row.chat_status) == (1, RequestType.VK, Status.CHATTING)
    await receive(
        hub, replace(message(2, hub.now()), sender=Sender(external_id="77")), channel="vk"
    )
    assert (await current(hub, "77", "vk")).n == 1


@pytest.mark.parametrize("steps", range(6))
async def test_a_form_is_whole_wherever_the_process_died(
    forms: Hub, mortal: Mortal, steps: int
) -> None:
    mortal.dies_after(steps)
    with suppress(Crash):
        await post(forms, ANNA)
    mortal.lives()
    await post(forms, ANNA)
    [row] = await episodes(forms, PHONE, "calls")
    assert len(await said(forms, row)) == 1
    await rules(forms)
    await rules(forms)
    done = verbs(await log_of(forms.engine, row.id))
    assert done.count(Verb.PLANNED) == 1


async def consents(hub: Hub, row: Dialog) -> list[Consent]:
    equal = {"project": SHOP, "contact": row.contact, "purpose": "advertising"}
    return (await hub.engine.find(CONSENTS, equal, limit=5)).items


@pytest.mark.parametrize("channel", ["calls", "notes"])
async def test_an_address_with_a_ticked_box_for_offers_is_a_subscription(
    forms: Hub, channel: str
) -> None:
    told = {"Email": "anna@example.com", "Согласие на рассылку": "да"}
    for _ in range(2):
        await post(forms, told, channel)
        await rules(forms)
    page = await forms.engine.find(BY_CHANGE, {"project": SHOP}, limit=5)
    [row] = page.items
    assert (row.type, row.call_status) == (RequestType.SITE_FORM, Status.SUBSCRIBED)
    assert (row.awaits, row.fields["email"]) == (Awaits.NOBODY, "anna@example.com")
    contact = await forms.engine.get(Contact, row.contact)
    assert contact is not None
    assert contact.emails == ("anna@example.com",)
    [consent] = await consents(forms, row)
    text = await forms.engine.get(ConsentText, f"{SHOP}:advertising:{consent.version}")
    assert text is not None
    assert text.text == "Согласие на рассылку"
    waiting = await forms.engine.find(INVALID, {"project": SHOP, "waiting": True}, limit=5)
    assert waiting.items == []


@pytest.mark.parametrize(
    "box",
    [
        {},
        {"Согласие на рассылку": "нет"},
        {"Согласие на рассылку": "0"},
        {"Не присылать рекламу": "да"},
        {"subscribe": "weekly or never"},
    ],
)
async def test_without_a_ticked_box_an_address_is_no_subscription(
    forms: Hub, box: dict[str, str]
) -> None:
    await post(forms, {"Email": "anna@example.com"} | box, "notes")
    await rules(forms)
    [row] = (await forms.engine.find(BY_CHANGE, {"project": SHOP}, limit=5)).items
    assert row.call_status is Status.NEW
    assert await consents(forms, row) == []


async def test_a_form_with_a_phone_is_called_and_its_consent_kept_beside(forms: Hub) -> None:
    await post(forms, ANNA | {"email": "anna@example.com", "newsletter": "on"})
    await rules(forms)
    [row] = (await forms.engine.find(BY_CHANGE, {"project": SHOP}, limit=5)).items
    assert (row.call_status, row.phone) == (Status.NEW, PHONE)
    [consent] = await consents(forms, row)
    assert consent.given

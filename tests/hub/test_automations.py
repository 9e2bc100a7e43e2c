"""An automation calls each request of its segment once, and only where it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub import dialogs
from hub.accounts import Who
from hub.finding.filters import Filter, Op
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import (
    Author,
    ChannelId,
    Contact,
    Dialog,
    Entry,
    EntryKind,
    Role,
)
from hub.statuses import Status
from tests.automated import (
    HOUR,
    MINUTE,
    PHONE,
    agree,
    asks,
    automation,
    call,
    done,
    planned,
    round_of,
    ruled,
)
from tests.spine import (
    MS,
    SHOP,
    Clock,
    ask,
    operator,
    sound,
)


@pytest.fixture
def olga() -> Who:
    return operator("Olga", role=Role.ADMIN)


async def test_a_request_of_the_segment_is_planned_once_however_many_rounds_there_are(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    row = await asks(hub)
    (lead,) = await round_of(hub)
    clock.forward(3 * MINUTE)
    assert [each.id for each in await round_of(hub)] == [lead.id]

    assert (lead.phone, lead.dialog, lead.origin) == (PHONE, row.id, "automation")
    assert (lead.rule, lead.automation) == (f"automation:{made.id}", made.id)
    (entry,) = await planned(hub, row)
    assert entry.id == f"automation:{made.id}:{row.id}"
    assert entry.author == Author("rule", f"automation:{made.id}", "Перезвон")
    (handled,) = await done(hub, made)
    assert (handled.state, handled.status, handled.lead) == ("planned", Status.NEW, lead.id)
    row = await sound(hub.engine, row.id)
    assert (row.call_status, row.automation) == (Status.NEW, made.id)


async def test_of_the_segments_filters_any_is_enough_and_others_are_left_alone(
    hub: Hub, olga: Who
) -> None:
    vk = Filter(field="channel", op=Op.IS, value="vk")
    kiosk = Filter(field="channel", op=Op.IS, value="kiosk")
    await automation(hub, olga, filters=(vk, kiosk))
    await asks(hub, "+79120000001", "a", "vk")
    await asks(hub, "+79120000002", "b", "kiosk")
    await asks(hub, "+79120000003", "c", "site")
    assert {each.phone for each in await round_of(hub)} == {"+79120000001", "+79120000002"}


async def test_only_the_channels_it_names_are_taken(hub: Hub, olga: Who) -> None:
    await automation(hub, olga, channels=(ChannelId("vk"),))
    await asks(hub, "+79120000001", "a", "vk")
    await asks(hub, "+79120000002", "b", "site")
    assert [each.phone for each in await round_of(hub)] == ["+79120000001"]


async def test_the_delay_is_waited_out_to_the_millisecond(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    await automation(hub, olga, delay_hours=2)
    await asks(hub)
    clock.forward(2 * HOUR - MS)
    assert await round_of(hub) == []
    clock.forward(MS)
    assert len(await round_of(hub)) == 1


async def test_requests_from_before_it_was_switched_on_are_not_its(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    await asks(hub, "+79120000001", "before")
    clock.forward(MINUTE)
    made = await automation(hub, olga, on=False)
    await asks(hub, "+79120000002", "while-off")
    clock.forward(MINUTE)
    await hub.automations.switch(SHOP, made.id, olga, on=True)
    await asks(hub, "+79120000003", "after")
    assert [each.phone for each in await round_of(hub)] == ["+79120000003"]


async def test_requests_of_more_than_three_days_are_not_taken_any_more(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    await automation(hub, olga)
    await asks(hub, "+79120000001", "older")
    clock.forward(MINUTE)
    await asks(hub, "+79120000002", "younger")
    clock.forward(timedelta(days=3))
    assert [each.phone for each in await round_of(hub)] == ["+79120000002"]


@pytest.mark.parametrize(
    ("phone", "countries", "why"),
    [
        ("+79123456789", ("RU",), ""),
        ("8 (495) 123-45-67", ("RU",), ""),
        ("+77012345678", ("RU",), "phone"),
        ("+77012345678", ("RU", "KZ"), ""),
        ("+78001234567", ("RU",), "phone"),
        ("+375291234567", ("RU",), "phone"),
        ("", ("RU",), "no_phone"),
    ],
)
async def test_only_mobile_and_city_numbers_of_the_countries_chosen_are_called(
    hub: Hub, olga: Who, phone: str, countries: tuple[str, ...], why: str
) -> None:
    made = await automation(hub, olga, countries=countries)
    row = await ask(hub)
    # As a form or an import may have left it.
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, phone=phone))
    assert len(await round_of(hub)) == (not why)
    assert [each.cause for each in await done(hub, made)] == [why]


async def test_a_number_that_comes_later_is_called_then(hub: Hub, olga: Who, clock: Clock) -> None:
    made = await automation(hub, olga)
    await ask(hub)
    assert await round_of(hub) == []
    assert [(each.state, each.cause) for each in await done(hub, made)] == [("skipped", "no_phone")]
    clock.forward(HOUR)
    await asks(hub, n=2)
    assert [each.phone for each in await round_of(hub)] == [PHONE]
    assert [(each.state, each.cause) for each in await done(hub, made)] == [("planned", "")]


Act = Callable[[Hub, Who, Dialog], Awaitable[object]]


async def _elsewhere(hub: Hub, who: Who, _: Dialog) -> None:
    other = await asks(hub, visitor="ivan-too", channel="kiosk")
    await hub.desk.reply(who, other.id, "key-0002", "Здравствуйте")


async def _bot_says(hub: Hub, row: Dialog) -> None:
    def make(current: Dialog) -> Entry:
        line = dialogs.draft(current, f"{row.id}:bot", EntryKind.OUT, hub.now(), hub.now())
        return replace(line, author=Author("bot", "greeting"), text="Здравствуйте")

    await dialogs.append(hub.engine, row, make)


HANDLING: dict[str, Act] = {
    "a staff message": lambda hub, who, row: hub.desk.reply(who, row.id, "key-0002", "Да"),
    "a staff message to the same phone elsewhere": _elsewhere,
    "a closing result": lambda hub, who, row: hub.desk.close(who, row.id, "sold"),
    "a talk": lambda hub, _, row: call(hub, row, Status.TALKING),
    "a call that the client ended": lambda hub, _, row: call(hub, row, Status.ENDED_BY_VISITOR),
    "processed by hand": lambda hub, who, row: call(
        hub, row, Status.PROCESSED, Author("operator", who.id, "Olga")
    ),
    "spam": lambda hub, who, row: hub.peace.mark_spam(who, row.id),
}
NOT_HANDLING: dict[str, Act] = {
    "nothing": lambda hub, _, row: ruled(hub),
    "the client's own message": lambda hub, _, row: ask(hub, 2),
    "taking it": lambda hub, who, row: hub.desk.take(who, row.id),
    "closing without a result": lambda hub, who, row: hub.desk.close(who, row.id, ""),
    "a note": lambda hub, who, row: hub.desk.note(who, row.id, "key-0002", "странно"),
    "a word of the bot": lambda hub, _, row: _bot_says(hub, row),
    "a missed call": lambda hub, _, row: call(hub, row, Status.VISITOR_ON_LINE),
    "a call to nobody": lambda hub, _, row: call(hub, row, Status.CALLING_VISITOR),
    "a duplicate": lambda hub, _, row: call(hub, row, Status.PROCESSED),
}


@pytest.mark.parametrize("what", HANDLING)
async def test_who_was_handled_since_is_not_called(
    hub: Hub, olga: Who, clock: Clock, what: str
) -> None:
    await automation(hub, olga, delay_hours=1, channels=(ChannelId("site"),))
    row = await asks(hub)
    clock.forward(MINUTE)
    await HANDLING[what](hub, olga, row)
    clock.forward(HOUR)
    assert await round_of(hub) == []


@pytest.mark.parametrize("what", NOT_HANDLING)
async def test_what_is_no_handling_keeps_nobody_from_being_called(
    hub: Hub, olga: Who, clock: Clock, what: str
) -> None:
    await automation(hub, olga, delay_hours=1)
    row = await asks(hub)
    clock.forward(MINUTE)
    await NOT_HANDLING[what](hub, olga, row)
    clock.forward(HOUR)
    assert len(await round_of(hub)) == 1


async def test_what_was_done_before_the_request_is_no_handling_of_it(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga, channels=(ChannelId("kiosk"),))
    before = await asks(hub, channel="site")
    await hub.desk.reply(olga, before.id, "key-0002", "Здравствуйте")
    clock.forward(MINUTE)
    await asks(hub, channel="kiosk")
    await ask(hub, 2, channel="site")
    assert len(await round_of(hub)) == 1
    assert [each.state for each in await done(hub, made)] == ["planned"]


async def test_who_is_handled_while_the_call_waits_is_not_called_any_more(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    row = await asks(hub)
    (lead,) = await round_of(hub)
    clock.forward(MINUTE)
    await hub.desk.reply(olga, row.id, "key-0002", "Здравствуйте")
    assert await round_of(hub) == []
    ended = await hub.engine.get(Lead, lead.id)
    assert ended is not None
    assert (ended.cause, ended.status) == ("handled", Status.PROCESSED)
    (known,) = await done(hub, made)
    assert (known.state, known.cause, known.open) == ("ended", "handled", False)
    clock.forward(MINUTE)
    assert await round_of(hub) == [], "once for a request, for good"


async def test_an_advert_waits_for_the_consent_to_advertising_and_an_answer_does_not(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    advert = await automation(hub, olga, purpose="advert")
    row = await asks(hub)
    assert await round_of(hub) == []
    assert [each.cause for each in await done(hub, advert)] == ["no_consent"]
    await agree(hub, row, "advertising", 1, given=True)
    assert len(await round_of(hub)) == 1

    await asks(hub, "+79120000002", "other")
    await automation(hub, olga, key="key-0002", purpose="answer")
    clock.forward(MINUTE)
    await asks(hub, "+79120000003", "third")
    assert "+79120000003" in {each.phone for each in await round_of(hub)}


async def test_a_consent_that_was_withdrawn_is_none(hub: Hub, olga: Who, clock: Clock) -> None:
    made = await automation(hub, olga, purpose="advert")
    row = await asks(hub)
    await agree(hub, row, "advertising", 1, given=True)
    clock.forward(MINUTE)
    await agree(hub, row, "advertising", 2, given=False)
    assert await round_of(hub) == []
    await agree(hub, row, "processing", 1, given=False)
    await agree(hub, row, "advertising", 3, given=True)
    clock.forward(MINUTE)
    await agree(hub, row, "advertising", 4, given=True)
    assert await round_of(hub) == []
    assert [each.cause for each in await done(hub, made)] == ["consent_withdrawn"]


async def test_who_asked_not_to_be_called_is_not_on_any_channel(hub: Hub, olga: Who) -> None:
    made = await automation(hub, olga)
    await asks(hub, visitor="ivan")
    other = await asks(hub, visitor="ivan-too", channel="kiosk")
    await hub.engine.change(Contact, other.contact, lambda had: replace(had, no_calls_at=hub.now()))
    assert await round_of(hub) == []
    assert {each.cause for each in await done(hub, made)} == {"opted_out"}

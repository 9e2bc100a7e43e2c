"""What an automation planned is followed to its end, through switches, deaths and rivals."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.dialogs import latest
from hub.errors import BadValueError, ConflictError, NotFoundError
from hub.events import CallAsked
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import (
    DialogId,
    IdentityId,
    Project,
    Role,
)
from hub.requests.automating import Automating
from hub.statuses import Status
from hub.store.schema import AUDIT
from tests.automated import (
    HOUR,
    MINUTE,
    PHONE,
    agree,
    asks,
    automation,
    dialled,
    done,
    leads,
    planned,
    round_of,
    ruled,
)
from tests.spine import (
    BAKERY,
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    all_of,
    ask,
    current,
    message,
    operator,
    receive,
    sound,
)


@pytest.fixture
def olga() -> Who:
    return operator("Olga", role=Role.ADMIN)


async def test_switched_off_it_takes_back_what_was_not_dialled_and_nothing_else(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    waiting = await asks(hub, "+79120000001", "waiting")
    await asks(hub, "+79120000002", "dialled")
    await asks(hub, "+79120000003", "wished")
    await round_of(hub)
    [known] = [each for each in await leads(hub) if each.phone == "+79120000002"]
    await dialled(hub, known, Status.AWAITING_RETRY)
    await agree(hub, await current(hub, "wished"), "processing", 1, given=True)
    wish = CallAsked(
        sender=message(1, hub.now(), visitor="wished").sender,
        at=clock.forward(MINUTE),
        external_id="wish",
        phone="+79120000003",
    )
    await receive(hub, wish)
    await ruled(hub)

    _, stopped = await hub.automations.switch(SHOP, made.id, olga, on=False)

    assert stopped == 1
    assert {each.phone for each in await leads(hub)} == {"+79120000002", "+79120000003"}
    (ended,) = await leads(hub, live=False)
    assert (ended.phone, ended.cause) == ("+79120000001", "automation_off")
    row = await sound(hub.engine, waiting.id)
    assert row.call_status is Status.PROCESSED
    assert row.call_at is None
    await asks(hub, "+79120000004", "later")
    await hub.automating.round()
    assert len(await leads(hub)) == 2, "what is off takes no more"


async def test_switched_on_again_it_calls_nobody_that_it_had_stopped(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    await asks(hub)
    await round_of(hub)
    await hub.automations.switch(SHOP, made.id, olga, on=False)
    clock.forward(MINUTE)
    await hub.automations.switch(SHOP, made.id, olga, on=True)
    assert await round_of(hub) == []


async def test_the_status_is_kept_current_until_it_is_final(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    await asks(hub)
    (lead,) = await round_of(hub)
    for status in (Status.CALLING_OPERATOR, Status.CALLING_VISITOR, Status.AWAITING_RETRY):
        await dialled(hub, lead, status)
        clock.forward(3 * MINUTE)
        await hub.automating.round()
        (known,) = await done(hub, made)
        assert (known.status, known.open) == (status, True)
    await hub.engine.change(
        Lead,
        lead.id,
        lambda had: replace(had, status=Status.ENDED_BY_VISITOR, live=False, cause="talked"),
    )
    await hub.automating.round()
    (known,) = await done(hub, made)
    assert (known.state, known.status, known.cause, known.open) == (
        "ended",
        Status.ENDED_BY_VISITOR,
        "talked",
        False,
    )


async def test_the_second_request_of_one_client_is_a_duplicate(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    await asks(hub, visitor="ivan")
    await asks(hub, visitor="ivan-too", channel="kiosk")
    (lead,) = await round_of(hub)
    assert len(lead.joins) == 2
    assert {each.lead for each in await done(hub, made)} == {lead.id}


async def test_at_night_the_call_waits_for_the_next_lawful_minute(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    await automation(hub, olga)
    clock.at = START + timedelta(hours=12, minutes=30)
    await asks(hub)
    (lead,) = await round_of(hub)
    # 00:30 in Moscow; the person may be called from 09:00 on.
    assert lead.due_at is not None
    assert lead.due_at > clock.at + 8 * HOUR


async def test_an_autonomous_project_only_collects(hub: Hub, olga: Who) -> None:
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    calling = replace(project.calling, autonomous=True)
    await hub.engine.change(Project, SHOP, lambda had: replace(had, calling=calling))
    await hub.channels.refresh()
    await automation(hub, olga)
    await asks(hub)
    (lead,) = await round_of(hub)
    assert (lead.due_at, lead.status) == (None, Status.NEW)


@pytest.mark.parametrize("steps", range(8))
async def test_whoever_dies_in_a_round_is_made_up_for_in_the_next(
    hub: Hub, mortal: Mortal, olga: Who, steps: int
) -> None:
    made = await automation(hub, olga)
    row = await asks(hub)
    mortal.dies_after(steps)
    with suppress(Crash):
        await hub.automating.round()
        await ruled(hub)
    mortal.lives()
    await hub.worker.repair()
    (lead,) = await round_of(hub)
    assert len(await planned(hub, row)) == 1
    assert [each.lead for each in await done(hub, made)] == [lead.id]
    await sound(hub.engine, row.id)


@pytest.mark.parametrize("steps", range(6))
async def test_whoever_dies_while_it_is_switched_off_is_made_up_for(
    hub: Hub, mortal: Mortal, olga: Who, steps: int
) -> None:
    made = await automation(hub, olga)
    await asks(hub)
    await round_of(hub)
    mortal.dies_after(steps)
    with suppress(Crash):
        await hub.automations.switch(SHOP, made.id, olga, on=False)
    mortal.lives()
    await hub.worker.repair()
    await hub.automations.switch(SHOP, made.id, olga, on=False)
    await ruled(hub)
    await hub.automating.round()
    assert await leads(hub) == []
    assert [each.cause for each in await done(hub, made)] == ["automation_off"]


async def test_two_processes_at_once_plan_each_request_once(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga)
    rows = [await asks(hub, f"+7912000000{n}", f"v{n}") for n in range(6)]
    others = [
        Automating(hub.engine, hub.bus, hub.consents, hub.outages, clock, f"p{n}") for n in range(3)
    ]
    await asyncio.gather(*(each.round() for each in others))
    await ruled(hub)
    assert len(await leads(hub)) == 6
    assert [len(await planned(hub, row)) for row in rows] == [1] * 6
    assert len(await done(hub, made)) == 6


async def test_a_preview_tells_whom_it_would_call_and_does_nothing(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    made = await automation(hub, olga, delay_hours=1)
    await asks(hub, "+79120000001", "a")
    await ask(hub, visitor="b")
    project = hub.channels.project(SHOP)

    seen = await hub.automations.preview(project, made.aim, olga, made)

    assert [(each.phone, each.why) for each in seen.items] == [
        ("+79120000001", ""),
        ("", "no_phone"),
    ]
    assert seen.items[0].due_at == clock.at + HOUR
    assert not seen.more
    assert await done(hub, made) == []
    clock.forward(HOUR)
    assert [each.phone for each in await round_of(hub)] == ["+79120000001"]
    again = await hub.automations.preview(project, made.aim, olga, made)
    assert [each.why for each in again.items] == ["no_phone"]
    fresh = await hub.automations.preview(project, made.aim, olga)
    assert len(fresh.items) == 2, "one that is not saved is tried on the last three days"


async def test_an_operator_of_one_channel_foresees_only_what_is_there(hub: Hub, olga: Who) -> None:
    made = await automation(hub, olga)
    await asks(hub, "+79120000001", "a", "vk")
    await asks(hub, "+79120000002", "b", "site")
    narrow = operator("Nina", role=Role.SUPERVISOR, channels=["vk"])
    project = hub.channels.project(SHOP)
    seen = await hub.automations.preview(project, made.aim, narrow, made)
    assert [each.phone for each in seen.items] == ["+79120000001"]
    await round_of(hub)
    assert len((await hub.automations.handled(made, narrow)).items) == 1


async def test_automations_of_one_project_are_nothing_to_another(hub: Hub, olga: Who) -> None:
    made = await automation(hub, olga)
    eve = operator("Eve", project=BAKERY, role=Role.ADMIN)
    await receive(hub, message(1, hub.now(), text=f"Перезвоните {PHONE}"), channel="oven")
    await ruled(hub)
    await hub.automating.round()
    assert await done(hub, made) == []
    with pytest.raises(NotFoundError):
        await hub.automations.get(BAKERY, made.id)
    with pytest.raises(BadValueError):
        await hub.automations.add(BAKERY, made.aim, eve, "key-0009")
    assert await hub.automations.of(BAKERY) == []


async def test_one_is_deleted_only_when_it_is_off_and_calls_nobody(hub: Hub, olga: Who) -> None:
    made = await automation(hub, olga)
    await asks(hub)
    await round_of(hub)
    with pytest.raises(ConflictError, match="enabled"):
        await hub.automations.drop(SHOP, made.id, olga)
    with pytest.raises(ConflictError, match="in_use"):
        await hub.segments.drop(SHOP, made.aim.segment, olga)
    await hub.automations.switch(SHOP, made.id, olga, on=False)
    await hub.automations.drop(SHOP, made.id, olga)
    await hub.segments.drop(SHOP, made.aim.segment, olga)
    assert await hub.automations.of(SHOP) == []
    verbs = [each.verb for each in await all_of(hub.engine, AUDIT, {"project": SHOP})]
    assert sorted(verbs) == sorted(
        [
            "segment_added",
            "automation_added",
            "automation_on",
            "automation_off",
            "automation_dropped",
            "segment_dropped",
        ]
    )


async def test_what_was_done_with_a_dialog_goes_when_the_dialog_does(hub: Hub, olga: Who) -> None:
    from hub.people.erasure import Eraser

    made = await automation(hub, olga)
    row = await asks(hub)
    await round_of(hub)
    eraser = Eraser(hub.engine, hub.files, hub.search)
    going = await eraser.close_off(await sound(hub.engine, DialogId(row.id)), hub.now())
    assert going is not None
    assert await eraser.erase(going)
    assert await done(hub, made) == []
    await hub.automating.round()


async def test_after_an_outage_requests_wait_until_all_that_was_said_meanwhile_is_in(
    hub: Hub, olga: Who, clock: Clock
) -> None:
    await automation(hub, olga)
    await hub.outages.mark("doors", "polls")
    await asks(hub)
    clock.forward(HOUR)
    await hub.outages.mark("doors", "polls")
    assert await round_of(hub) == []
    for _ in range(4):
        clock.forward(MINUTE)
        await hub.outages.mark("doors", "polls")
    assert len(await round_of(hub)) == 1


ACTS = ("asks", "asks", "reply", "close", "round", "round", "rule", "on", "off")


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_each_request_is_asked_for_once_and_off_means_off(
    hub: Hub, mortal: Mortal, olga: Who, clock: Clock, seed: int
) -> None:
    dice = Random(seed)
    visitors = ("a", "b", "c")
    made = await automation(hub, olga)

    async def acts() -> None:
        visitor = dice.choice(visitors)
        row = await latest(hub.engine, SHOP, IdentityId(f"site:{visitor}"))
        match dice.choice(ACTS):
            case "asks":
                n = clock.at.timestamp()
                words = f"Наберите +7912000000{visitors.index(visitor) % 2}, жду по окнам"
                await receive(hub, message(f"{n}", clock.at, visitor=visitor, text=words))
            case "reply" if row is not None and row.open:
                await hub.desk.reply(
                    olga, row.id, f"key-{int(clock.at.timestamp())}", "Здравствуйте"
                )
            case "close" if row is not None and row.open:
                await hub.desk.close(olga, row.id, dice.choice(("", "sold")))
            case "round":
                await hub.automating.round()
            case "on" | "off" as to:
                await hub.automations.switch(SHOP, made.id, olga, on=to == "on")
            case _:
                await ruled(hub)

    for _ in range(25):
        clock.forward(timedelta(minutes=dice.choice((1, 10, 90))))
        if dice.random() < 0.2:
            mortal.dies_after(dice.randrange(6))
        with suppress(Crash):
            await acts()
        mortal.lives()
    await hub.worker.repair()
    for on in (True, False):
        await hub.automations.switch(SHOP, made.id, olga, on=on)
        await round_of(hub)

    known = {each.dialog: each for each in await done(hub, made)}
    assert not any(each.open for each in known.values())
    for visitor in visitors:
        row = await latest(hub.engine, SHOP, IdentityId(f"site:{visitor}"))
        if row is not None:
            await sound(hub.engine, row.id)
            asked = await planned(hub, row)
            assert len(asked) <= 1
            assert not asked or known[DialogId(row.id)].state == "ended"
    assert await leads(hub) == [], "nobody but the automation asked for a call"

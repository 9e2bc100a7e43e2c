"""Timers and rules under several workers that may die at any line: each thing exactly once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.content import Card
from hub.events import FormFilled, Sender
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import Dialog, EntryKind, Project, Verb
from hub.policy import Note, OwnRule, PhoneOnly, Policy, Say, Silence
from hub.ruling import Ruling
from hub.statuses import Status
from hub.store.engine import Engine
from hub.store.schema import BY_CHANGE, LEADS, TIMERS_DUE
from hub.timers import CLAIM
from hub.worker import Worker
from tests.spine import SHOP, Clock, Crash, Mortal, current, log_of, message, receive, sound

HOUR = timedelta(hours=1)
PEOPLE = 6


async def ruled_by(hub: Hub, policy: Policy) -> None:
    await hub.engine.change(Project, SHOP, lambda had: replace(had, policy=policy))
    await hub.channels.refresh()


def worker(hub: Hub, name: str) -> Worker:
    """Another process's worker over the same store."""
    ruling = Ruling(hub.engine, hub.bus, hub.channels, hub.outages, hub.now)
    return Worker(hub.engine, hub.bus, hub.files, hub.search, hub.now, name, None, ruling)


async def leads(engine: Engine) -> list[Lead]:
    return (await engine.find(LEADS, {"project": SHOP}, limit=100)).items


async def rows(engine: Engine) -> list[Dialog]:
    return (await engine.find(BY_CHANGE, {"project": SHOP}, limit=200)).items


async def at_it(*workers: Worker) -> None:
    """All of them do all that is due, at once."""

    async def one(each: Worker) -> None:
        for _ in range(6):
            await each.work()
            await each.fire()

    await asyncio.gather(*(one(each) for each in workers))


async def silent_people(hub: Hub, clock: Clock) -> list[str]:
    phones = [f"+7912345678{n}" for n in range(PEOPLE)]
    for n, phone in enumerate(phones):
        plain = replace(message(1, clock.at, visitor=f"v{n}", question=False), text="")
        await receive(hub, replace(plain, card=Card(phone=phone, own=True)))
    return phones


async def test_two_workers_at_once_make_one_lead_for_each_who_is_silent(
    hub: Hub, clock: Clock
) -> None:
    await ruled_by(hub, Policy(silence=Silence(enabled=True)))
    phones = await silent_people(hub, clock)
    anna, boris = worker(hub, "a"), worker(hub, "b")
    await at_it(anna, boris)
    clock.forward(HOUR)
    await at_it(anna, boris)
    found = await leads(hub.engine)
    assert sorted(each.phone for each in found) == phones
    for n in range(PEOPLE):
        row = await current(hub, f"v{n}")
        await sound(hub.engine, row.id)
        lines = await log_of(hub.engine, row.id)
        assert [each.verb for each in lines].count(Verb.PLANNED) == 1
    assert (await hub.engine.find(TIMERS_DUE, limit=10)).items == []


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_a_worker_that_dies_at_any_step_leaves_exactly_one_of_each(
    hub: Hub, clock: Clock, mortal: Mortal, steps: int
) -> None:
    own = OwnRule(
        id="hello",
        name="Привет",
        on="first_message",
        actions=(Say(text="Здравствуйте"), Note(text="написал впервые")),
    )
    policy = Policy(
        silence=Silence(enabled=True, minutes=10), phone_only=PhoneOnly(enabled=True), own=(own,)
    )
    await ruled_by(hub, policy)
    [phone] = (await silent_people(hub, clock))[:1]
    await receive(hub, message(1, clock.at, visitor="asks", text="Есть балконы?"))
    mortal.dies_after(steps)
    try:
        await at_it(worker(hub, "a"))
        clock.forward(timedelta(minutes=10))
        await at_it(worker(hub, "a"))
    except Crash:
        pass
    mortal.lives()
    # What the dead one had claimed is free when its claim is over.
    clock.forward(timedelta(minutes=10) + CLAIM)
    second = worker(hub, "b")
    await at_it(second)
    await at_it(second)
    assert len([each for each in await leads(hub.engine) if each.phone == phone]) == 1
    lines = await log_of(hub.engine, (await current(hub, "v0")).id)
    assert [each.verb for each in lines].count(Verb.PLANNED) == 1
    told = await log_of(hub.engine, (await current(hub, "asks")).id)
    kinds = [each.kind for each in told]
    assert (kinds.count(EntryKind.OUT), kinds.count(EntryKind.NOTE)) == (1, 1)


WRITTEN = (
    "8 (912) 345-67-89",
    "+79123456789",
    "Мой номер 8-912-345-67-89, спасибо",
    "8 912 345 67 89",
)


async def test_one_phone_in_texts_and_forms_of_two_channels_is_one_live_lead(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    await ruled_by(hub, Policy(phone_only=PhoneOnly(enabled=True)))

    async def asks(n: int) -> None:
        channel = ("site", "vk")[n % 2]
        if n % 5:
            event = message(1, clock.at, visitor=f"v{n}", text=WRITTEN[n % 4])
            await receive(hub, event, channel=channel)
            return
        form = FormFilled(
            sender=Sender(external_id=f"f{n}"),
            at=clock.at,
            external_id=f"form.{n}",
            form="Замер",
            answers=(("Телефон", WRITTEN[n % 4]),),
            phone=WRITTEN[n % 4],
            fields={"phone": WRITTEN[n % 4]},
            source="form",
            handling="callback",
        )
        await receive(hub, form, channel=channel)

    await asyncio.gather(*(asks(n) for n in range(50)))
    await at_it(worker(hub, "a"), worker(hub, "b"))
    found = await leads(hub.engine)
    assert [each.phone for each in found if each.live] == ["+79123456789"]
    [lead] = [each for each in found if each.live]
    assert len({each.dialog for each in lead.joins} | {lead.dialog}) == 50
    asked = [row for row in await rows(hub.engine) if row.call_status is Status.NEW]
    assert [row.id for row in asked] == [lead.dialog]
    alike = await hub.people.alike(anna, asked[0])
    assert alike

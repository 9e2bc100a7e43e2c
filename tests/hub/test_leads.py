"""One live lead for a phone, whoever orders it."""

from __future__ import annotations

import asyncio

from hub import leads
from hub.model import DialogId, Lead
from hub.statuses import Status
from hub.store.engine import Engine
from tests.spine import BAKERY, MS, SHOP, START

PHONE = "+79161234567"


async def test_orders_at_once_join_in_one_lead(engine: Engine) -> None:
    done = await asyncio.gather(
        *(leads.order(engine, SHOP, PHONE, origin="form", now=START) for _ in range(12))
    )
    assert sorted(opened for _, opened in done) == [False] * 11 + [True]
    assert {lead.id for lead, _ in done} == {f"{SHOP}:{PHONE}:1"}


async def test_a_lead_keeps_what_it_was_ordered_with(engine: Engine) -> None:
    dialog = DialogId("site:ivan:1")
    await leads.order(
        engine, SHOP, PHONE, origin="silence", now=START, dialog=dialog, due_at=START + MS
    )
    lead = await leads.latest(engine, SHOP, PHONE)
    assert lead is not None
    assert (lead.dialog, lead.origin, lead.due_at) == (dialog, "silence", START + MS)
    assert (lead.status, lead.live, lead.attempts) == (Status.NEW, True, 0)


async def test_the_next_lead_is_opened_when_the_last_has_ended(engine: Engine) -> None:
    first, _ = await leads.order(engine, SHOP, PHONE, origin="form", now=START)
    ended = await leads.end(engine, first, Status.PROCESSED, START + MS)
    again = await leads.end(engine, first, Status.SPAM, START + MS * 2)
    assert again == ended
    assert (ended.status, ended.live, ended.due_at) == (Status.PROCESSED, False, None)

    done = await asyncio.gather(
        *(leads.order(engine, SHOP, PHONE, origin="form", now=START + MS * 3) for _ in range(6))
    )

    assert {(lead.n, lead.live) for lead, _ in done} == {(2, True)}
    assert await engine.get(Lead, first.id) == ended


async def test_a_phone_is_another_lead_in_another_project(engine: Engine) -> None:
    shop, _ = await leads.order(engine, SHOP, PHONE, origin="form", now=START)
    bakery, opened = await leads.order(engine, BAKERY, PHONE, origin="form", now=START)
    assert opened
    assert shop.id != bakery.id
    assert await leads.latest(engine, SHOP, "+79160000000") is None

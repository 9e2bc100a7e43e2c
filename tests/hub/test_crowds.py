"""Everybody at once, and any of them may die at any write: what was told "ok" is there, once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from hub.accounts import Who
from hub.errors import ConflictError, NotFoundError
from hub.hub import Hub
from hub.lanes import LEASE
from hub.model import Dialog, Entry, EntryKind, OutState, Verb
from hub.store.schema import FACTS, LANES, RULES_DUE
from tests.scripted import Platform
from tests.spine import (
    SHOP,
    WEEK,
    Clock,
    Crash,
    Mortal,
    all_of,
    current,
    episodes,
    log_of,
    message,
    operator,
    receive,
)

VISITORS = ("ivan", "petr")


class Crowd:
    """Platform, operators and workers of one shop, each trying again until it is told "ok"."""

    def __init__(self, hub: Hub, clock: Clock, seed: int) -> None:
        self.hub = hub
        self.clock = clock
        self.dice = random.Random(seed)
        self.asked: dict[str, list[str]] = {visitor: [] for visitor in VISITORS}
        self.answered: list[str] = []
        self.died = 0

    async def visitor(self, name: str, messages: int) -> None:
        for n in range(messages):
            update = message(n, self.clock.at, visitor=name, order=n, text=f"{name} {n}")
            await self._until_done(partial(receive, self.hub, update))
            self.asked[name].append(update.text)
            if self.dice.random() < 0.3:
                await self._until_done(partial(receive, self.hub, update))

    async def operator(self, who: Who, acts: int) -> None:
        for n in range(acts):
            row = await self._some_dialog()
            if row is None:
                continue
            text = f"{who.operator.name} {n}"
            desk = self.hub.desk
            verbs = (desk.take, desk.close, desk.reopen, desk.give_back)
            try:
                if self.dice.random() < 0.4:
                    key = f"key-{n:04}"
                    await self._until_done(partial(desk.reply, who, row.id, key, text))
                    self.answered.append(text)
                else:
                    await self._until_done(partial(self.dice.choice(verbs), who, row.id))
            except (ConflictError, NotFoundError):
                continue

    async def workers(self, rounds: int) -> None:
        for _ in range(rounds):
            try:
                await self.hub.worker.work()
                for id in await self.hub.delivery.due(5):
                    await self.hub.delivery.deliver(id)
            except Crash:
                self.died += 1
            if self.dice.random() < 0.1:
                self.clock.forward(self.dice.choice((LEASE, timedelta(days=1), WEEK)))

    async def _until_done(self, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await act()
            except Crash:
                self.died += 1
            else:
                return

    async def _some_dialog(self) -> Dialog | None:
        try:
            return await current(self.hub, self.dice.choice(VISITORS))
        except AssertionError:
            return None


@pytest.mark.parametrize("seed", range(4))
async def test_crowds_and_crashes_lose_nothing_and_double_nothing(
    hub: Hub, mortal: Mortal, clock: Clock, site: Platform, seed: int
) -> None:
    crowd = Crowd(hub, clock, seed)
    mortal.dice = lambda: crowd.dice.random() < 0.12
    await asyncio.gather(
        *(crowd.visitor(name, 12) for name in VISITORS),
        *(crowd.operator(operator(name), 12) for name in ("Anna", "Boris")),
        crowd.workers(12),
        crowd.workers(12),
    )
    mortal.lives()
    assert crowd.died
    await hub.worker.repair()
    for _ in range(3):
        clock.forward(LEASE)
        while await hub.worker.work():
            pass
        for id in await hub.delivery.due(10):
            await hub.delivery.deliver(id)

    said: list[Entry] = []
    closings = 0
    for visitor in VISITORS:
        rows = await episodes(hub, visitor)
        log = [line for row in rows for line in await log_of(hub.engine, row.id)]
        assert Counter(e.text for e in log if e.kind is EntryKind.IN) == Counter(
            crowd.asked[visitor]
        )
        said += [each for each in log if each.kind is EntryKind.OUT]
        closings += sum(each.verb is Verb.CLOSED for each in log)
    assert max(Counter(each.text for each in said).values(), default=1) == 1
    assert set(crowd.answered) <= {each.text for each in said}
    assert {each.state for each in said} <= {OutState.SENT, OutState.UNKNOWN}
    assert max(Counter(site.shown).values(), default=1) == 1
    assert {e.text for e in said if e.state is OutState.SENT} <= set(site.shown)
    assert await all_of(hub.engine, LANES, {}) == []
    assert await all_of(hub.engine, RULES_DUE, {}) == []
    facts = await all_of(hub.engine, FACTS, {"project": SHOP})
    assert sum(each.cycle.closed_at is not None for each in facts) == closings

"""Screens whose sockets are cut all the time: when it is over they all show the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.valkey import Valkey

from .conftest import Start
from .process import Program
from .screens import Desk, Panel, living, signed_in
from .test_killed import logs, settled, shown
from .visitor import Acknowledged, Copy, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


async def storm(
    webs: Sequence[Program],
    draw: random.Random,
    *,
    visitors: int,
    each: int,
    halfway: Callable[[], Any] = lambda: None,
) -> Desk:
    """Messages and answers while every socket but one is cut; the screen that was left alone."""
    acknowledged = Acknowledged()
    done = visitors * each

    def met() -> None:
        if acknowledged.copies == done // 2:
            halfway()

    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        desks: list[Desk] = []
        token = ""
        for program in webs:
            session, token = await signed_in(program)
            await stack.enter_async_context(session)
            desks += [Desk(session, program.url) for _ in range(2)]
        panels, keys, clock = [], [], 0
        for n in range(visitors):
            key, clock = await introduce(outside, webs[n % len(webs)].url)
            keys.append(key)
            panels.append(Panel(outside, webs[(n + 1) % len(webs)].url, key))
        calm = Desk(desks[0].session, desks[0].url)
        for screen in (*desks, *panels):
            # 0.1 to 120 seconds, as much shorter as the storm is.
            screen.cuts = lambda: draw.uniform(0.02, 2)
        await stack.enter_async_context(living(calm, *desks, *panels))
        async with asyncio.TaskGroup() as group:
            for n, key in enumerate(keys):
                copies = [Copy(f"key-{n}-{m:04}", m, clock, f"{n}:{m}") for m in range(each)]
                for half in (copies[::2], copies[1::2]):
                    send = partial(send_all, outside, draw.choice(webs).url, key, half)
                    group.create_task(send(acknowledged, met, lambda: draw.random() < 0.02))
            group.create_task(replies(desks[-1], token, 20))
        for screen in (*desks, *panels):
            screen.cuts = None

        truth = await logs(webs[0])
        assert len(truth) == visitors
        assert all(
            [e["seq"] for e in log] == list(range(1, len(log) + 1)) for log in truth.values()
        )
        said = Counter(text for log in truth.values() for text in shown(log))
        assert said == Counter(f"{n}:{m}" for n in range(visitors) for m in range(each))
        wanted = {
            id: [(e["seq"], e["text"], e["state"]) for e in log]
            for id, log in (await settled(webs[0])).items()
        }
        for desk in (calm, *desks):
            await desk.until(partial(shows, desk, wanted), 90)
        tails = {tuple(text for _, text, _ in lines if text)[-20:] for lines in wanted.values()}
        for panel in panels:
            await panel.until(partial(ends_as, panel, tails), 90)
        assert sum(screen.connects for screen in (*desks, *panels)) > 2 * len(panels)
    return calm


async def test_1000_messages_while_sockets_are_cut_are_the_same_on_every_screen(
    tmp_path: Path, draw: random.Random
) -> None:
    program = Program(tmp_path)
    await program.start()
    calm = await storm([program], draw, visitors=10, each=100)
    assert (calm.gaps, calm.connects) == (0, 1)
    assert await program.stop() == 0
    assert program.errors() == []


@pytest.mark.parametrize("redis", ["lives", "dies"])
async def test_300_messages_over_two_doors_while_sockets_are_cut_are_the_same_on_every_screen(
    start: Start, valkey: Valkey, draw: random.Random, redis: str
) -> None:
    """Two doors, a worker; Redis is killed and started empty in the middle, or not."""
    webs = [await start("web") for _ in range(2)]
    await start("worker")
    deaths: list[asyncio.Task[None]] = []

    async def die() -> None:
        valkey.kill()
        await asyncio.sleep(draw.random())
        await asyncio.to_thread(valkey.start)

    def halfway() -> None:
        if redis == "dies":
            deaths.append(asyncio.create_task(die()))

    calm = await storm(webs, draw, visitors=6, each=50, halfway=halfway)
    for death in deaths:
        await death
    assert len(deaths) == (redis == "dies")
    if redis == "lives":
        assert (calm.gaps, calm.connects) == (0, 1)


def shows(desk: Desk, wanted: dict[str, list[Any]]) -> bool:
    return desk.shown() == wanted


def ends_as(panel: Panel, tails: set[tuple[str, ...]]) -> bool:
    return tuple(panel.lines[n] for n in sorted(panel.lines))[-20:] in tails


async def replies(desk: Desk, token: str, count: int) -> None:
    """An operator who answers while everything happens."""
    headers = {"X-CSRF-Token": token, "Origin": desk.url}
    for n in range(count):
        await desk.until(lambda: bool(desk.rows))
        id = sorted(desk.rows)[n % len(desk.rows)]
        while True:
            answer = await desk.session.post(
                f"/api/v1/dialogs/{id}/messages",
                json={"key": f"key-reply-{n:03}", "text": f"reply {n}"},
                headers=headers,
            )
            if answer.status in (200, 201):
                break
            assert answer.status in (429, 503), await answer.text()

"""Files are brought in turn, and once each, whoever waits and whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.errors import UnavailableError
from hub.files import fetching
from hub.files.arrivals import FILES_OF_ONE, FILES_PERIOD
from hub.files.fetching import Fetching
from hub.hub import Hub
from hub.model import Channel, Entry
from hub.records import Fetch
from hub.store.engine import Insert
from hub.store.schema import FILES
from tests.hub.faraway import (
    PNG,
    Far,
    bytes_of,
    far,
    file_of,
    heard,
    hub_over,
    lying,
    promise_of,
    promises,
    said,
    work,
)
from tests.spine import SHOP, START, Clock, Crash, Mortal, all_of


@pytest.fixture
async def hub(mortal: Mortal, tmp_path: Path, clock: Clock) -> Hub:
    return await hub_over(mortal, clock, tmp_path)


@pytest.fixture
def tg(hub: Hub) -> Far:
    return far(hub)


async def test_who_dies_between_the_two_writes_of_asking_again_has_asked(
    hub: Hub, tg: Far, mortal: Mortal
) -> None:
    entry = await said(hub, 1, lying())
    await work(hub)
    lost = await hub.engine.get(Entry, entry.id)
    assert lost is not None
    assert lost.attachments[0].lost == "file_gone"
    tg.lies("a", PNG)
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await hub.fetching.again(lost, lost.attachments[0].id)
    mortal.lives()
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"


async def test_one_channels_backlog_keeps_no_other_waiting(hub: Hub, tg: Far) -> None:
    hangs = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        await hangs.wait()
        yield PNG

    tg.lies("slow", hanging)
    far(hub, "wa").lies("a", PNG)
    for n in range(20):
        await said(hub, n, lying("slow"))
    entry = await said(hub, 1, lying(), channel="wa")
    async with hub.bus.listen() as screens:
        running = asyncio.create_task(hub.fetching.run())
        try:
            [shown] = await heard(screens)
            assert shown.id == entry.id
            assert len(tg.asked) == fetching.AT_ONCE_OF_CHANNEL
            hangs.set()
            seen = 0
            while seen < 20:
                seen += len(await heard(screens))
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert len(tg.asked) == 20


async def test_who_sends_files_without_end_keeps_nobody_elses_waiting(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying())
    # What its sender has sent before.
    while not await hub.bus.allow(f"fetches:{entry.dialog}", FILES_OF_ONE, FILES_PERIOD):
        pass
    await work(hub)
    [promise] = await promises(hub)
    assert (tg.asked, promise.tries) == ([], 0)
    far(hub, "wa").lies("a", PNG)
    other = await said(hub, 1, lying(), channel="wa")
    await work(hub)
    assert not (await file_of(hub, other)).coming


async def test_who_stops_gives_back_what_is_on_its_way(hub: Hub, tg: Far) -> None:
    begun = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        begun.set()
        await asyncio.Event().wait()
        yield PNG

    tg.lies("a", hanging, PNG)
    entry = await said(hub, 1, lying())
    running = asyncio.create_task(hub.fetching.run())
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    [promise] = await promises(hub)
    assert (promise.tries, promise.by) == (0, "")
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"


async def test_every_channel_has_its_turn(hub: Hub, clock: Clock) -> None:
    for id in [f"c{n:02}" for n in range(fetching.AT_ONCE)]:
        await hub.engine.write(
            Insert(Channel(id=id, project=SHOP, kind="far", name=id, created_at=START))
        )
        for n in range(3):
            promise = promise_of(hub, f"{id}:{n}", 0, lying(), id)
            await fetching.expect(hub.engine, [promise])
    await hub.channels.refresh()
    first = {each.channel for each in await hub.fetching.due()}
    second = {each.channel for each in await hub.fetching.due()}
    third = {each.channel for each in await hub.fetching.due()}
    assert len(first) == len(second) == 4
    assert len(first | second | third) == fetching.AT_ONCE


async def test_what_a_clock_ahead_put_off_is_due_again(hub: Hub, tg: Far, clock: Clock) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying())
    id = entry.attachments[0].id
    ahead = clock.at + timedelta(days=400)
    await hub.engine.change(Fetch, id, lambda had: replace(had, due_at=ahead))
    assert await hub.fetching.straighten() == 1
    await work(hub)
    assert not (await file_of(hub, entry)).coming


async def test_a_nearly_full_disk_loses_nothing(
    mortal: Mortal, tmp_path: Path, clock: Clock
) -> None:
    hub = await hub_over(mortal, clock, tmp_path, spare=10**15)
    far(hub).lies("a", PNG)
    entry = await said(hub, 1, lying())
    for _ in range(20):
        for each in await hub.fetching.due():
            if each.identity is None:
                with pytest.raises(UnavailableError, match="nearly full"):
                    await hub.fetching.fetch(each.id)
        clock.forward(timedelta(hours=1))
    assert (await file_of(hub, entry)).coming
    [promise] = await promises(hub)
    assert promise.tries == 0


async def test_whatever_write_it_dies_at_the_file_is_there_once(
    hub: Hub, tg: Far, mortal: Mortal, clock: Clock
) -> None:
    steps = 0
    for die_at in range(1_000):
        tg.lies(f"f{die_at}", PNG)
        entry = await said(hub, die_at, lying(f"f{die_at}"))
        mortal.dies_after(die_at)
        try:
            await work(hub)
        except Crash:
            steps += 1
        else:
            break
        finally:
            mortal.lives()
        again = Fetching(
            hub.engine, hub.bus, hub.channels, hub.fetching._arrivals, hub.pulses, clock
        )
        await again.recover()
        for each in await again.due():
            await again.fetch(each.id)
        file = await file_of(hub, entry)
        assert (file.kind, file.coming) == ("image", False), die_at
        assert await bytes_of(hub, file.id) == PNG
        assert await promises(hub) == []
    assert steps > 3
    kept = await all_of(hub.engine, FILES, {"project": SHOP})
    assert len(kept) == steps + 1
    assert all(each.used and each.state == "kept" for each in kept)

"""Channels as they come up: the hub's own first, a heavy one later, a broken one by itself."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind
from hub.errors import ConfigError, NotFoundError, UnavailableError
from hub.hub import Hub
from hub.model import Channel
from hub.store.engine import Insert
from tests.messenger import change, connected, live
from tests.scripted import Platform
from tests.spine import KINDS, SHOP, START, Mortal, ask, say


class Import:
    """A kind whose import takes its time."""

    def __init__(self) -> None:
        self.began, self.done = threading.Event(), threading.Event()
        self.asked: list[str] = []

    def __call__(self, kind: str) -> None:
        self.asked.append(kind)
        if kind == "heavy":
            self.began.set()
            self.done.wait(30)
        if kind == "torn":
            raise ImportError("half of it is missing")


@pytest.fixture
def heavy() -> Iterator[Import]:
    import_ = Import()
    yield import_
    import_.done.set()


def document(id: str, kind: str) -> Channel:
    return Channel(id=id, project=SHOP, kind=kind, name=id, created_at=START)


def build(kept: Channel) -> ChannelKind[Any]:
    if kept.kind == "torn":
        raise ImportError("half of it is missing")
    if kept.kind == "wrong":
        raise ConfigError("no such setting")
    return KINDS["plain"](kept)


async def test_the_hub_s_own_channel_is_there_while_a_heavy_kind_is_imported(
    hub: Hub, heavy: Import
) -> None:
    for each in (document("a-heavy", "heavy"), document("z-own", "site")):
        await hub.engine.write(Insert(each))
    channels = Channels(hub.engine, hub.bus, build, hub.vault, heavy)

    await channels.begin()

    assert channels.get("z-own").id == "z-own"
    assert "heavy" not in heavy.asked
    with pytest.raises(UnavailableError):
        channels.get("a-heavy")
    with pytest.raises(NotFoundError):
        channels.get("nowhere")
    there = asyncio.Event()

    async def swapped(kept: Channel) -> None:
        if kept.id == "a-heavy":
            there.set()

    channels.swapped = swapped
    running = asyncio.create_task(channels.run())
    assert await asyncio.to_thread(heavy.began.wait, 60)
    assert channels.get("z-own").id == "z-own"
    heavy.done.set()
    await asyncio.wait_for(there.wait(), 60)
    assert channels.get("a-heavy").id == "a-heavy"
    running.cancel()
    await asyncio.wait([running])


async def test_a_broken_kind_hides_no_other(hub: Hub, heavy: Import) -> None:
    heavy.done.set()
    for each in (document("a", "torn"), document("b", "wrong"), document("c", "heavy")):
        await hub.engine.write(Insert(each))
    channels = Channels(hub.engine, hub.bus, build, hub.vault, heavy)
    await channels.refresh()
    assert channels.get("c").id == "c"
    for id in "ab":
        with pytest.raises(NotFoundError):
            channels.get(id)
    await hub.engine.change(Channel, "a", lambda had: replace(had, kind="heavy"))
    await channels.refresh()
    assert channels.get("a").id == "a"
    await channels.close()


async def test_a_refresh_that_was_cut_short_is_taken_up_again(hub: Hub, mortal: Mortal) -> None:
    """The store goes away between the look at the documents and what follows from them."""
    await connected(hub, token="one")
    told: list[str] = []

    async def swapped(kept: Channel) -> None:
        if not told:
            told.append("failed")
            raise UnavailableError("the store is down")
        told.append(str(kept.settings["token"]))

    hub.channels.swapped = swapped
    await hub.engine.change(Channel, "rich", lambda had: replace(had, settings={"token": "two"}))
    with pytest.raises(UnavailableError):
        await hub.channels.refresh()
    await hub.channels.refresh()
    assert told == ["failed", "two"]


async def test_what_is_on_its_way_when_the_settings_change_is_not_cut_off(hub: Hub) -> None:
    first = await connected(hub)
    row = await ask(hub, channel="rich")
    await say(hub, row, "one")
    asked, answer, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()
        assert not closed.is_set()

    async def close() -> None:
        closed.set()

    first.script.append(slowly)
    first.close = close  # type: ignore[method-assign]
    (id,) = await hub.delivery.due(10)
    sending = asyncio.create_task(hub.delivery.deliver(id))
    await asked.wait()
    await change(hub, token="other")
    assert live(hub) is not first
    answer.set()
    await sending
    assert first.world.said == [("ivan", "one")]
    await hub.channels.close()
    assert closed.is_set()


async def test_a_channel_that_cannot_close_keeps_nothing_from_its_end(
    hub: Hub, site: Platform
) -> None:
    async def close() -> None:
        raise OSError("already gone")

    site.close = close  # type: ignore[method-assign]
    await asyncio.wait_for(hub.channels.close(), timedelta(seconds=10).total_seconds())
    with pytest.raises(NotFoundError):
        hub.channels.get("site")


SERVES = """
import asyncio, sys
from pathlib import Path
from hub import config
from hub.channels import in_use as channels
from hub.__main__ import builder, kinds, secret_fields
from hub.hub import assemble, opened
from hub.model import now

CHANNELS = {"own": {"settings": {"origins": []}}}
if "telegram" in sys.argv:
    CHANNELS["bot"] = {"kind": "telegram", "settings": {"token": "123456789:" + "A" * 35}}

async def main():
    settings = config.settings({"data": {"dir": "data"}, "channels": CHANNELS}, Path.cwd())
    hub = assemble(settings, builder, secret_fields=secret_fields, kinds=kinds, now=now)
    async with opened(hub):
        await channels.adopt(hub.engine, hub.vault, settings, now())
        async with hub.working(loops=False):
            hub.channels.get("own")
            served = "aiogram" in sys.modules
            await hub.channels.refresh()
            print(served, "aiogram" in sys.modules, len(hub.channels.all()))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("words", "told"), [((), "False False 1"), (("telegram",), "False True 2")]
)
async def test_a_heavy_kind_is_imported_only_by_a_hub_that_has_it_and_after_it_serves(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVES,
        *words,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert said.decode().strip() == told

"""Several processes on one Redis, and what becomes of them when it is slow, gone or empty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from hub.bus import Announcement, GapError, Subscription
from hub.errors import ConfigError
from hub.events import HubEvent, OperatorTyping, PresenceChanged
from hub.model import ChannelId, DialogId, IdentityId, OperatorId, ProjectId
from hub.redis_bus import UNSAID_MAX, RedisBus
from hub.redis_scripts import HEAD
from tests.between import Between
from tests.valkey import Valkey

SHOP, ANNA = ProjectId("shop"), OperatorId("anna")
LONG = timedelta(minutes=1)
PROMPT = 0.5
"""For a server that is slower, or stopped."""


def event(n: int) -> HubEvent:
    return PresenceChanged(project=SHOP, operator=OperatorId(f"operator{n}"), presence="online")


TYPING = OperatorTyping(
    project=SHOP,
    channel=ChannelId("site"),
    identity=IdentityId("site:ivan"),
    dialog=DialogId("site:ivan:1"),
    operator=ANNA,
    name="Anna",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    """A server of this test's own, to be killed."""
    made = Valkey(tmp_path)
    made.start()
    yield made
    made.kill()


@asynccontextmanager
async def process(
    url: str, *, answer_seconds: float = 60, unsaid_max: int = UNSAID_MAX
) -> AsyncIterator[RedisBus]:
    """The bus as a process has it, but patient: no server is away because the tests are slow."""
    bus = RedisBus(url, answer_seconds=answer_seconds, unsaid_max=unsaid_max)
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(url, protocol=2)
    try:
        yield client
    finally:
        await client.aclose()


async def heard(ear: Subscription[Announcement], n: int) -> list[HubEvent]:
    got: list[Announcement] = []
    async with asyncio.timeout(60):
        while len(got) < n:
            got += await ear.take()
    return [each.event for each in got]


async def ended(ear: Subscription[Announcement]) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await ear.take()
            except GapError:
                return


def unshared() -> float:
    return REGISTRY.get_sample_value("hub_bus_limits_unshared_total") or 0


async def until_connected(*buses: RedisBus, is_so: bool = True) -> None:
    async with asyncio.timeout(60):
        while any(bus.connected is not is_so for bus in buses):
            for bus in buses:
                await bus.wake("nothing")
            await asyncio.sleep(0)


async def test_what_one_process_says_every_process_hears(redis_url: str) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        async with one.listen() as at_one, other.listen() as at_other:
            said = [await (one, other)[n % 2].announce(event(n)) for n in range(10)]
            assert await heard(at_one, 10) == [event(n) for n in range(10)]
            assert await heard(at_other, 10) == [event(n) for n in range(10)]
        assert len(set(said)) == 10
        for bus in (one, other):
            assert [each.event for each in await bus.since(said[7])] == [event(8), event(9)]


async def test_a_process_that_starts_later_knows_the_cursors_of_the_others(redis_url: str) -> None:
    async with process(redis_url) as one:
        said = [await one.announce(event(n)) for n in range(5)]
        async with process(redis_url) as late, late.listen() as ear:
            missed = [each.event for each in await late.since(said[1])]
            assert missed == [event(2), event(3), event(4)]
            await one.announce(event(5))
            assert await heard(ear, 1) == [event(5)]


async def test_a_process_is_woken_by_another_and_once(redis_url: str) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        sleeping = asyncio.create_task(other.sleep("rules", LONG))
        await one.wake("rules")
        assert await sleeping
        assert await one.sleep("rules", LONG)
        async with one.listen() as ear:
            await other.announce(event(1))
            await heard(ear, 1)
        assert not await one.sleep("rules", timedelta(0)), "nobody hears his own call again"


async def test_a_limit_is_one_for_all_processes(redis_url: str) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        turns = [await (one, other)[n % 2].allow("key", 3, LONG) for n in range(4)]
    assert turns[:3] == [None] * 3
    assert turns[3] is not None


async def test_who_leaves_one_process_is_still_present_by_another(redis_url: str) -> None:
    async with process(redis_url) as one, process(redis_url) as other:
        await one.appear(SHOP, ANNA, "online", LONG)
        await other.appear(SHOP, ANNA, "away", LONG)
        for bus in (one, other):
            assert await bus.present(SHOP) == {ANNA: "away"}
        await other.appear(SHOP, ANNA, "offline", timedelta(0))
        assert await one.present(SHOP) == {ANNA: "online"}
        await one.appear(SHOP, ANNA, "offline", timedelta(0))
        assert await one.present(SHOP) == {}


async def test_every_key_ends_some_day(redis_url: str) -> None:
    async with process(redis_url) as bus, process(redis_url) as other:
        async with other.listen() as ear:
            await bus.announce(event(1))
            await heard(ear, 1)
        await bus.wake("rules")
        await bus.allow("key", 3, LONG)
        await bus.appear(SHOP, ANNA, "online", LONG)
        await bus.cursor()
        async with asking(redis_url) as client:
            keys = [key async for key in client.scan_iter("*")]
            assert {str(key, "ascii").split(":")[1] for key in keys} == {
                "events",
                "wakes",
                "limit",
                "presence",
            }
            assert [key for key in keys if await client.pttl(key) <= 0] == []


async def test_cut_connections_lose_nothing_and_make_no_gap(redis_url: str) -> None:
    async with (
        process(redis_url) as one,
        process(redis_url) as other,
        asking(redis_url) as client,
        other.listen() as ear,
    ):
        for n in range(30):
            await one.announce(event(n))
            if n % 10 == 5:
                await client.client_kill_filter(_type="normal", skipme=True)
        got: list[HubEvent] = []
        while event(29) not in got:
            got += await heard(ear, 1)
    # What may have been said before the cut is said again: screens take a repeat for one.
    assert set(map(repr, got)) == {repr(event(n)) for n in range(30)}


async def test_a_server_that_was_emptied_is_a_gap_to_everybody(redis_url: str) -> None:
    async with process(redis_url) as one, process(redis_url) as other, asking(redis_url) as client:
        async with other.listen() as ear:
            old = await one.announce(event(1))
            await heard(ear, 1)
            await client.flushdb()
            await ended(ear)
        async with other.listen() as ear:
            new = await one.announce(event(2))
            assert await heard(ear, 1) == [event(2)]
        assert new.partition(":")[0] != old.partition(":")[0]
        for bus in (one, other):
            with pytest.raises(GapError):
                await bus.since(old)
            assert list(await bus.since(new)) == []


async def test_a_server_that_runs_anew_on_old_data_is_a_gap_to_everybody(redis_url: str) -> None:
    """What it kept may be older than what was told, and its numbers would be given twice."""
    async with process(redis_url) as bus, asking(redis_url) as client:
        async with bus.listen() as ear:
            old = await bus.announce(event(1))
            await client.hset(HEAD, "run", "an earlier one")
            await client.client_kill_filter(_type="normal", skipme=True)
            await ended(ear)
        await until_connected(bus)
        with pytest.raises(GapError):
            await bus.since(old)


async def test_a_killed_server_that_comes_back_empty_costs_a_reload_and_no_event(
    server: Valkey,
) -> None:
    async with process(server.url) as one, process(server.url) as other:
        async with one.listen() as at_one, other.listen() as at_other:
            old = await one.announce(event(1))
            await heard(at_other, 1)
            server.kill()
            await one.announce(event(2))
            assert event(2) in await heard(at_one, 2), "one's own screens hear it without a server"
            assert not one.connected
            with pytest.raises(GapError):
                await one.since(old)
            server.start()
            await ended(at_other)
        await until_connected(one, other)
        async with other.listen() as ear:
            await one.announce(event(3))
            assert event(3) in await heard(ear, 1)
        async with asyncio.timeout(10):
            tail = await other.since(f"{(await other.cursor()).partition(':')[0]}:0")
        assert [each.event for each in tail] == [event(2), event(3)], "said as soon as it could be"


async def test_a_server_that_does_not_answer_holds_nobody_up(server: Valkey) -> None:
    prompt = process(server.url, answer_seconds=PROMPT)
    async with prompt as one, process(server.url) as other:
        async with other.listen() as ear:
            server.freeze()
            try:
                before = unshared()
                async with asyncio.timeout(10):
                    await asyncio.gather(*(one.announce(event(n)) for n in range(50)))
                    turns = [await one.allow("key", 2, LONG) for _ in range(3)]
                    await one.appear(SHOP, ANNA, "online", LONG)
                    assert await one.present(SHOP) == {ANNA: "online"}
                    await one.cursor()
                assert [turn is None for turn in turns] == [True, True, False]
                assert unshared() == before + 3
                assert not one.connected
            finally:
                server.thaw()
            got: list[HubEvent] = []
            while len(set(map(repr, got))) < 50:
                got += await heard(ear, 1)
        await until_connected(one)


async def test_a_slow_server_makes_everything_late_and_nothing_lost(redis_url: str) -> None:
    async with Between(redis_url) as door:
        door.delay = 0.15
        async with process(door.url) as slow, process(redis_url) as other:
            async with slow.listen() as at_slow, other.listen() as at_other:
                before = unshared()
                said = await asyncio.gather(*(slow.announce(event(n)) for n in range(20)))
                await other.announce(event(20))
                for ear in (at_slow, at_other):
                    got = await heard(ear, 21)
                    assert set(map(repr, got)) == {repr(event(n)) for n in range(21)}
                assert await slow.allow("key", 1, LONG) is None
                assert await other.allow("key", 1, LONG) is not None
                assert (slow.connected, unshared()) == (True, before)
            assert len(set(said)) == 20


async def test_a_server_slower_than_its_time_is_as_good_as_gone_until_it_is_fast_again(
    redis_url: str,
) -> None:
    async with (
        Between(redis_url) as door,
        process(redis_url) as other,
        process(door.url, answer_seconds=PROMPT) as one,
        other.listen() as ear,
    ):
        door.delay = 5
        async with asyncio.timeout(10):
            await one.announce(event(1))
            assert await one.allow("key", 1, LONG) is None
            await one.cursor()
        assert not one.connected
        door.delay = 0
        got: list[HubEvent] = []
        while event(1) not in got:
            got += await heard(ear, 1)
        await until_connected(one)


async def test_typing_that_could_not_be_said_is_not_said_late(server: Valkey) -> None:
    async with process(server.url) as one, process(server.url) as other:
        server.kill()
        await one.announce(event(1))
        await one.announce(TYPING)
        server.start()
        await until_connected(one, other)
        last = await one.announce(event(2))
        epoch = last.partition(":")[0]
        assert [each.event for each in await other.since(f"{epoch}:0")] == [event(1), event(2)]


async def test_too_much_that_could_not_be_said_makes_every_screen_look(server: Valkey) -> None:
    forgetful = process(server.url, answer_seconds=PROMPT, unsaid_max=3)
    async with forgetful as one, process(server.url) as other:
        async with other.listen() as ear:
            old = await other.announce(event(0))
            await heard(ear, 1)
            server.freeze()
            for n in range(10):
                await one.announce(event(n))
            server.thaw()
            await ended(ear)
        await until_connected(one, other)
        with pytest.raises(GapError):
            await other.since(old)


async def test_an_event_of_a_newer_program_is_nothing_to_an_older_one(redis_url: str) -> None:
    async with process(redis_url) as bus, asking(redis_url) as client, bus.listen() as ear:
        before = await bus.announce(event(1))
        epoch = before.partition(":")[0]
        await client.xadd("hub:events", {"e": epoch, "w": '{"event":"of.tomorrow"}'}, id="2-0")
        await client.hset(HEAD, "number", 2)
        await bus.announce(event(3))
        assert await heard(ear, 2) == [event(1), event(3)]
        assert [each.event for each in await bus.since(before)] == [event(3)]


async def test_a_wrong_password_refuses_to_start_and_is_not_shown(tmp_path: Path) -> None:
    server = Valkey(tmp_path, password="right")
    server.start()
    try:
        async with process(server.url):
            pass
        for url in (server.url.replace("right", "wrong-one"), server.url.replace(":right@", "")):
            with pytest.raises(ConfigError) as caught:
                await RedisBus(url).open()
            assert caught.value.field == "redis.url"
            assert str(caught.value).startswith("redis.url: ")
            assert "wrong-one" not in str(caught.value)
    finally:
        server.kill()


async def test_a_server_that_comes_later_is_waited_for(server: Valkey) -> None:
    server.kill()
    async with process(server.url) as one:
        assert not one.connected
        await one.announce(event(1))
        server.start()
        await until_connected(one)
        async with process(server.url) as other, other.listen() as ear:
            await one.announce(event(2))
            assert await heard(ear, 1) == [event(2)]

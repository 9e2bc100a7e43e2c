"""Channels that are asked: nothing is lost, nothing asked twice at once, nobody asked in vain."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from datetime import timedelta

import msgspec
import pytest

from hub.bus import LocalBus
from hub.channels.polling import Polling, how
from hub.channels.pulse import Pulses
from hub.errors import CredentialsError, RejectedError, ThrottledError, TransientError
from hub.hub import Hub
from hub.model import EntryKind
from hub.store.engine import Engine
from hub.store.schema import DEAD_LETTERS
from tests.messenger import Messenger, World, change, connected, live
from tests.spine import SHOP, Clock, Crash, Mortal, all_of, current, log_of, message, texts

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
async def rich(hub: Hub) -> Messenger:
    return await connected(hub, receive="poll")


def write(hub: Hub, world: World, *numbers: int) -> None:
    """The person writes these in the messenger."""
    world.updates += [msgspec.json.encode(message(n, hub.now())) for n in numbers]


async def received(hub: Hub) -> list[str]:
    row = await current(hub, "ivan", "rich")
    return texts(await log_of(hub.engine, row.id), EntryKind.IN)


async def test_what_is_brought_is_stored_before_the_next_question_says_so(
    hub: Hub, rich: Messenger
) -> None:
    write(hub, rich.world, 1, 2)
    assert await hub.polling.once(rich) == timedelta(0)
    assert await received(hub) == ["message 1", "message 2"]
    write(hub, rich.world, 3)
    await hub.polling.once(rich)
    assert rich.calls == ["poll ", "poll 2"]
    assert await received(hub) == ["message 1", "message 2", "message 3"]
    assert (await hub.pulses.of("rich")).state == "ok"
    assert (await hub.pulses.of("rich")).last_in_at == hub.now()


async def test_a_process_that_dies_after_any_write_loses_and_doubles_nothing(
    hub: Hub, rich: Messenger, mortal: Mortal
) -> None:
    count = itertools.count(1)
    for k in range(40):
        write(hub, rich.world, next(count), next(count))
        mortal.dies_after(k % 9)
        with suppress(Crash):
            await hub.polling.once(rich)
        mortal.lives()
        await hub.polling.once(rich)
        assert await received(hub) == [f"message {n}" for n in range(1, 2 * k + 3)]


async def test_a_body_that_cannot_be_read_is_kept_and_asked_for_no_more(
    hub: Hub, rich: Messenger
) -> None:
    rich.world.updates.append(b"<html>")
    write(hub, rich.world, 1)
    await hub.polling.once(rich)
    await hub.polling.once(rich)
    [letter] = await all_of(hub.engine, DEAD_LETTERS, {"project": SHOP})
    assert letter.body == b"<html>"
    assert await received(hub) == ["message 1"]
    assert rich.calls == ["poll ", "poll 2"]


async def test_another_key_is_another_account_and_begins_anew(hub: Hub, rich: Messenger) -> None:
    write(hub, rich.world, 1, 2, 3)
    await hub.polling.once(rich)
    await change(hub, token="other")
    again = live(hub)
    again.world.updates = []
    write(hub, again.world, 4)
    await hub.polling.once(again)
    assert again.calls == ["poll "]
    assert "message 4" in await received(hub)


async def test_a_refused_key_is_asked_with_no_more(hub: Hub, rich: Messenger, clock: Clock) -> None:
    rich.world.tokens = {"new"}
    for _ in range(20):
        assert await hub.polling.once(rich) > timedelta(0)
        clock.forward(10 * MINUTE)
    assert len(rich.calls) == 1
    assert (await hub.pulses.of("rich")).told[:2] == ("halted", "dead_key")
    await change(hub, token="new")
    write(hub, rich.world, 1)
    assert await hub.polling.once(live(hub)) == timedelta(0)
    assert await received(hub) == ["message 1"]


async def test_what_its_owner_mends_at_the_platform_is_found_out_by_asking_again(
    hub: Hub, rich: Messenger, clock: Clock
) -> None:
    """Nobody has a word to send meanwhile, and nobody touches the settings."""
    rich.script.extend([CredentialsError(reason="no_balance")] * 2)
    write(hub, rich.world, 1)
    for _ in range(30):
        assert await hub.polling.once(rich) > timedelta(0)
        clock.forward(MINUTE)
    assert rich.calls == ["poll ", "account"]
    assert (await hub.pulses.of("rich")).told[:2] == ("halted", "no_balance")

    assert await hub.polling.once(rich) == timedelta(0)

    assert await received(hub) == ["message 1"]
    assert (await hub.pulses.of("rich")).told[0] == "ok"


@pytest.mark.parametrize(
    ("error", "pauses", "told"),
    [
        (ThrottledError(retry_after=70 * SECOND), [70, 70, 70], "ok"),
        (TransientError(reason="offline"), [1, 2, 4], "away"),
        (TransientError(reason="page"), [1, 2, 4], "away"),
        (RejectedError(reason="misconfigured"), [60, 60, 60], "deaf"),
        (CredentialsError(reason="no_rights"), [30, 30, 30], "halted"),
    ],
)
async def test_each_refusal_has_its_pause(
    hub: Hub, rich: Messenger, error: Exception, pauses: list[int], told: str
) -> None:
    rich.script.extend([error] * 3)
    found = [await hub.polling.once(rich, failed) for failed in range(3)]
    assert [each // SECOND for each in found] == pauses
    assert (await hub.pulses.of("rich")).told[0] == told


async def test_the_pause_grows_to_a_minute_and_ends_with_the_first_answer(
    hub: Hub, rich: Messenger
) -> None:
    rich.script.extend([TransientError(reason="offline")] * 20)
    for failed in range(20):
        pause = await hub.polling.once(rich, failed)
        assert pause == min(SECOND * 2**failed, MINUTE)
    assert await hub.polling.once(rich, 20) == timedelta(0)
    assert (await hub.pulses.of("rich")).state == "ok"


async def test_a_pause_of_the_whole_channel_is_kept_by_polling_too(
    hub: Hub, rich: Messenger, clock: Clock
) -> None:
    await hub.pulses.pause(rich.id, "rate", clock.at + 20 * SECOND)
    assert await hub.polling.once(rich) == 20 * SECOND
    assert rich.calls == []
    clock.forward(20 * SECOND)
    assert await hub.polling.once(rich) == timedelta(0)


def process(hub: Hub, engine: Engine, name: str) -> Polling:
    bus = LocalBus()
    pulses = Pulses(engine, bus, hub.channels, hub.now)
    return Polling(
        engine,
        bus,
        hub.channels,
        hub.intake,
        pulses,
        hub.keys,
        "",
        hub.now,
        name,
        turn_again=timedelta(milliseconds=10),
    )


async def test_two_processes_never_ask_at_once_and_the_second_takes_over(
    hub: Hub, rich: Messenger, engine: Engine, clock: Clock
) -> None:
    now, most, asked = 0, 0, asyncio.Event()

    async def quiet() -> None:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            now -= 1

    rich.world.quiet = quiet  # type: ignore[method-assign]
    running = [asyncio.create_task(process(hub, engine, name).run()) for name in ("one", "two")]
    await asyncio.wait_for(asked.wait(), 60)
    for leaving in running:
        assert (now, most) == (1, 1)
        asked.clear()
        before = len(rich.calls)
        leaving.cancel()
        await asyncio.wait([leaving], timeout=60)
        assert leaving.done()
        # Who leaves passes its turn on; nobody waits for a lease to run out.
        if leaving is running[0] and len(rich.calls) == before and now == 0:
            await asyncio.wait_for(asked.wait(), 60)
    assert (now, most) == (0, 1)


async def test_the_loop_asks_what_is_to_be_asked_and_ends_at_once(
    hub: Hub, rich: Messenger
) -> None:
    asked = asyncio.Event()

    async def quiet() -> None:
        asked.set()
        await asyncio.Event().wait()

    rich.world.quiet = quiet  # type: ignore[method-assign]
    write(hub, rich.world, 1)
    running = asyncio.create_task(hub.polling.run())
    await asyncio.wait_for(asked.wait(), 60)
    assert await received(hub) == ["message 1"]
    running.cancel()
    await asyncio.wait_for(asyncio.wait([running]), 60)
    assert running.cancelled()


async def test_a_channel_that_is_switched_off_is_asked_no_more(hub: Hub, rich: Messenger) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def quiet() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    rich.world.quiet = quiet  # type: ignore[method-assign]
    running = asyncio.create_task(hub.polling.run())
    await asyncio.wait_for(asked.wait(), 60)
    await change(hub, enabled=False)
    await asyncio.wait_for(ended.wait(), 60)
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(
    ("receive", "url", "way"),
    [
        ("auto", "https://chat.example.com", "hook"),
        ("auto", "http://chat.example.com", "poll"),
        ("auto", "", "poll"),
        ("hook", "http://chat.example.com", "hook"),
        ("hook", "", "none"),
        ("poll", "https://chat.example.com", "poll"),
    ],
)
async def test_how_updates_come(hub: Hub, receive: str, url: str, way: str) -> None:
    assert how(await connected(hub, receive=receive), url) == way

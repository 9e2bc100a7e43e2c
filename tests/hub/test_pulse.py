"""How a channel is: known by all processes, told once, and said again to who was not there."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from hub.bus import LocalBus
from hub.channels.in_use import Channels
from hub.channels.pulse import Pulses, mark_of
from hub.delivery import Delivery
from hub.errors import NotFoundError
from hub.events import ChannelTold
from hub.hub import Hub
from hub.model import ChannelId
from hub.store.engine import Engine
from tests.messenger import Messenger, change, connected, live
from tests.scripted import Platform
from tests.spine import Clock, ask, build, say, states

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
RICH = ChannelId("rich")


@pytest.fixture
async def rich(hub: Hub) -> Messenger:
    return await connected(hub, token="old")


class Process:
    """Another process over the same store; it takes changes over when it is told to."""

    def __init__(self, hub: Hub, engine: Engine) -> None:
        self.bus = LocalBus()
        self.channels = Channels(engine, self.bus, build, hub.vault)
        self.pulses = Pulses(engine, self.bus, self.channels, hub.now)
        self.channels.swapped = self.pulses.renewed
        self.delivery = Delivery(engine, self.bus, self.channels, self.pulses, hub.now)

    async def deliver(self) -> None:
        while ids := await self.delivery.due(50):
            for id in ids:
                await self.delivery.deliver(id)


async def told(hub: Hub, since: str) -> list[str]:
    events = [each.event for each in await hub.bus.since(since)]
    return [each.state for each in events if isinstance(each, ChannelTold)]


async def test_what_one_process_learns_another_acts_by_within_a_second(
    hub: Hub, rich: Messenger, engine: Engine, clock: Clock
) -> None:
    other = Process(hub, engine)
    await other.channels.refresh()
    assert await other.pulses.wait(RICH) is None
    await hub.pulses.halt(RICH, "dead_key", hub.pulses.mark("rich"))
    clock.forward(SECOND)
    assert await other.pulses.wait(RICH) is not None


async def test_a_process_that_has_only_the_former_settings_undoes_nothing(
    hub: Hub, rich: Messenger, engine: Engine, clock: Clock
) -> None:
    """Between the change and its word the two processes see the channel differently."""
    rich.world.tokens = {"new"}
    other = Process(hub, engine)
    await other.channels.refresh()
    row = await ask(hub, channel="rich")
    await say(hub, row, "one")
    await other.deliver()
    assert await states(hub, row) == ["queued"]
    await change(hub, token="new")
    cursor = await hub.bus.cursor()

    await other.deliver()
    await other.pulses.halt(RICH, "dead_key", other.pulses.mark("rich"))
    clock.forward(2 * SECOND)

    assert await hub.pulses.wait(RICH) is None
    assert (await hub.pulses.of("rich")).state == "unknown"
    calls = [call for made in rich.world.made for call in made.calls]
    assert calls == ["send"], "the former key is not tried again"
    await other.channels.refresh()
    clock.forward(MINUTE)
    await other.deliver()
    assert await states(hub, row) == ["sent"]
    assert await told(hub, cursor) == []


async def test_of_many_who_ask_about_a_platform_that_was_away_one_is_let_through(
    hub: Hub, rich: Messenger, engine: Engine, clock: Clock
) -> None:
    other = Process(hub, engine)
    await other.channels.refresh()
    clock.at = await hub.pulses.away(RICH, "offline")
    waits = await asyncio.gather(
        *(each.wait(RICH) for each in (hub.pulses, other.pulses) for _ in range(10))
    )
    assert waits.count(None) == 1


async def test_it_is_asked_for_ever_more_rarely(hub: Hub, rich: Messenger, clock: Clock) -> None:
    pauses = []
    for _ in range(9):
        until = await hub.pulses.away(RICH, "offline")
        pauses.append((until - clock.at) // SECOND)
        clock.at = until
    assert pauses == [10, 10, 20, 40, 80, 120, 120, 120, 120]


async def test_a_busy_channel_costs_a_write_in_ten_seconds(
    hub: Hub, rich: Messenger, clock: Clock
) -> None:
    await hub.pulses.spoke(RICH, clock.at)
    before = (await hub.pulses.of("rich")).rev
    for _ in range(100):
        await hub.pulses.spoke(RICH, clock.forward(timedelta(milliseconds=99)))
        await hub.pulses.heard(RICH, clock.at)
        await hub.pulses.reached(RICH)
    assert (await hub.pulses.of("rich")).rev - before == 1
    await hub.pulses.spoke(RICH, clock.forward(SECOND))
    assert (await hub.pulses.of("rich")).last_out_at == clock.at


async def test_trouble_is_said_again_to_screens_that_missed_it(
    hub: Hub, rich: Messenger, clock: Clock
) -> None:
    await hub.pulses.halt(RICH, "dead_key", hub.pulses.mark("rich"))
    for _ in range(3):
        clock.forward(HOUR)
        cursor = await hub.bus.cursor()
        await hub.pulses.round()
        assert await told(hub, cursor) == ["halted"]
    await hub.pulses.revive(RICH)
    cursor = await hub.bus.cursor()
    await hub.pulses.round()
    assert await told(hub, cursor) == ["ok"], "its end may have been missed too"
    clock.forward(HOUR)
    cursor = await hub.bus.cursor()
    await hub.pulses.round()
    assert await told(hub, cursor) == []


async def test_one_trouble_stays_since_it_began_whoever_meets_it_again(
    hub: Hub, rich: Messenger, clock: Clock
) -> None:
    began, cursor = clock.at, await hub.bus.cursor()
    for _ in range(3):
        await hub.pulses.halt(RICH, "dead_key", hub.pulses.mark("rich"))
        clock.forward(MINUTE)
    assert (await hub.pulses.of("rich")).since == began
    assert await told(hub, cursor) == ["halted"]


async def test_a_pause_written_by_a_clock_that_was_wrong_is_none(
    hub: Hub, rich: Messenger, clock: Clock
) -> None:
    await hub.pulses.pause(RICH, "rate", clock.at + timedelta(days=365))
    assert await hub.pulses.wait(RICH) is None


async def test_a_channel_that_hears_nothing_still_speaks(hub: Hub, rich: Messenger) -> None:
    await hub.pulses.deafen(RICH, "hook_elsewhere")
    assert (await hub.pulses.of("rich")).told[:2] == ("deaf", "hook_elsewhere")
    assert await hub.pulses.wait(RICH) is None
    await hub.pulses.halt(RICH, "dead_key", hub.pulses.mark("rich"))
    assert (await hub.pulses.of("rich")).told[:2] == ("halted", "dead_key")
    await hub.pulses.revive(RICH)
    assert (await hub.pulses.of("rich")).told[:2] == ("deaf", "hook_elsewhere")


async def test_a_mark_tells_nothing_of_the_key(hub: Hub, rich: Messenger) -> None:
    document = hub.channels.document("rich")
    assert "old" not in mark_of(document)
    await change(hub, token="new")
    assert mark_of(hub.channels.document("rich")) != mark_of(document)
    assert live(hub).settings.token == "new"


async def test_of_a_channel_that_there_is_not_nothing_is_kept(hub: Hub, site: Platform) -> None:
    nowhere = ChannelId("nowhere")
    await hub.pulses.spoke(nowhere, hub.now())
    await hub.pulses.halt(nowhere, "dead_key", "")
    with pytest.raises(NotFoundError):
        await hub.pulses.of("nowhere")
    assert await hub.pulses.all(["nowhere", site.id]) == {}


async def test_the_former_key_s_refusal_while_the_new_adapter_is_made_says_nothing_of_it(
    hub: Hub, rich: Messenger
) -> None:
    """A kind may take its time to open, and until then the former adapter goes on."""
    rich.world.tokens = {"new"}
    row = await ask(hub, channel="rich")
    await say(hub, row, "one")
    opening, opened = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        opening.set()
        await opened.wait()

    rich.world.opening = slowly
    saving = asyncio.create_task(change(hub, token="new"))
    await opening.wait()
    (id,) = await hub.delivery.due(10)
    await hub.delivery.deliver(id)
    opened.set()
    await saving
    rich.world.opening = None
    for due in await hub.delivery.due(10):
        await hub.delivery.deliver(due)
    assert await states(hub, row) == ["sent"]

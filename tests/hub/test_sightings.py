"""Where chats were seen: little is kept and little is written, whoever asks how often."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.bus import LocalBus
from hub.channels.sightings import REFUSED_KEPT, REFUSED_LASTS, SEEN_KEPT, WRITES, Sightings
from hub.hub import Hub
from hub.model import Channel, ChannelId
from hub.sites import Sighting
from hub.store.engine import Engine
from tests.spine import BAKERY, SHOP, Clock, Mortal

SITE = ChannelId("site")
HOME = "https://shop.example"


@pytest.fixture
def channel(hub: Hub) -> Channel:
    return hub.channels.document(SITE)


def process(engine: Engine, clock: Clock) -> Sightings:
    return Sightings(engine, LocalBus(), clock)


async def rev(engine: Engine) -> int:
    known = await engine.get(Sighting, SITE)
    return known.rev if known else -1


async def test_an_origin_is_written_once_a_minute_by_all_processes(
    hub: Hub, channel: Channel, clock: Clock
) -> None:
    one, other = process(hub.engine, clock), process(hub.engine, clock)
    assert (await one.of(SHOP, SITE)).seen == ()
    for _ in range(5):
        await one.saw(channel, HOME, f"{HOME}/a")
        await other.saw(channel, HOME, f"{HOME}/b")
    assert await rev(hub.engine) == 0
    clock.forward(timedelta(minutes=1))
    await other.saw(channel, HOME, f"{HOME}/b")
    [sight] = (await one.of(SHOP, SITE)).seen
    assert (sight.page, sight.at, await rev(hub.engine)) == (f"{HOME}/b", clock(), 1)


async def test_the_newest_are_kept_and_no_more(hub: Hub, channel: Channel, clock: Clock) -> None:
    sightings = process(hub.engine, clock)
    for n in range(20):
        clock.forward(timedelta(seconds=10))
        await sightings.saw(channel, f"https://s{n}.example")
        await sightings.turned_away(channel, f"https://r{n}.example")
    known = await sightings.of(SHOP, SITE)
    assert [each.origin for each in known.seen] == [
        f"https://s{n}.example" for n in range(19, 19 - SEEN_KEPT, -1)
    ]
    assert len(known.refused) == REFUSED_KEPT


async def test_what_was_refused_is_forgotten_after_a_day(
    hub: Hub, channel: Channel, clock: Clock
) -> None:
    sightings = process(hub.engine, clock)
    await sightings.turned_away(channel, HOME)
    clock.forward(REFUSED_LASTS)
    assert len((await sightings.of(SHOP, SITE)).refused) == 1
    clock.forward(timedelta(milliseconds=1))
    assert (await sightings.of(SHOP, SITE)).refused == ()


async def test_a_flood_of_made_up_origins_writes_little_and_holds_up_nobody_seen(
    hub: Hub, channel: Channel, clock: Clock
) -> None:
    sightings = process(hub.engine, clock)
    for n in range(300):
        await sightings.turned_away(channel, f"https://r{n}.example")
    await sightings.saw(channel, HOME)
    assert await rev(hub.engine) <= WRITES + 2
    assert [each.origin for each in (await sightings.of(SHOP, SITE)).seen] == [HOME]


@pytest.mark.parametrize("origin", ["", "x" * 301, "https://пример.рф", "https://a\n.example"])
async def test_what_no_browser_sends_is_not_kept(
    hub: Hub, channel: Channel, clock: Clock, origin: str
) -> None:
    await process(hub.engine, clock).saw(channel, origin)
    assert await rev(hub.engine) == -1


@pytest.mark.parametrize(
    ("page", "kept"),
    [
        (f"{HOME}/cart?phone=79991234567#top", f"{HOME}/cart"),
        ("https://other.example/", ""),
        (f"{HOME}.evil.example/", ""),
        ("javascript:alert(1)", ""),
        (f"{HOME}/{'x' * 900}", f"{HOME}/{'x' * 900}"[:500]),
    ],
)
async def test_of_a_page_only_its_place_is_kept(
    hub: Hub, channel: Channel, clock: Clock, page: str, kept: str
) -> None:
    sightings = process(hub.engine, clock)
    await sightings.saw(channel, HOME, page)
    [sight] = (await sightings.of(SHOP, SITE)).seen
    assert (sight.page, sight.script) == (kept, True)


async def test_another_project_learns_nothing(hub: Hub, channel: Channel, clock: Clock) -> None:
    sightings = process(hub.engine, clock)
    await sightings.saw(channel, HOME)
    assert (await sightings.of(BAKERY, SITE)).seen == ()


async def test_a_store_that_is_away_keeps_nobody_from_the_chat(
    hub: Hub, mortal: Mortal, channel: Channel, clock: Clock
) -> None:
    sightings = process(hub.engine, clock)
    mortal.down = True
    await sightings.saw(channel, HOME)
    mortal.down = False
    assert (await sightings.of(SHOP, SITE)).seen == ()

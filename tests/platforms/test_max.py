"""The played MAX keeps the platform's own rules about who is brought what, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from bots.platforms.max import MaxPlatform
from bots.platforms.max_asked import RefusedError, message
from bots.platforms.max_hooks import Subscription


class Door:
    """A hub that answers with these statuses in turn, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[bytes] = []
        self.times: list[float] = []

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.times.append(asyncio.get_running_loop().time())
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status)


@pytest.fixture
async def platform() -> AsyncIterator[MaxPlatform]:
    made = MaxPlatform(hour=1.2)
    await made.start()
    yield made
    await made.stop()


async def subscribed(platform: MaxPlatform, door: Door) -> web.AppRunner:
    app = web.Application()
    app.add_routes([web.post("/hooks/x", door.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/x"
    platform.hooks.known[url] = Subscription(url, "secret", (), 0)
    return runner


async def test_only_a_200_ends_the_repeats_whose_pauses_grow(platform: MaxPlatform) -> None:
    door = Door(500, 403, 204, 200)
    runner = await subscribed(platform, door)
    await platform.write(platform.person(), "здравствуйте")
    await platform.settled()
    assert len(door.bodies) == 4
    assert len(set(door.bodies)) == 1
    pauses = [later - former for former, later in zip(door.times, door.times[1:], strict=False)]
    assert pauses[1] > pauses[0]
    assert pauses[2] > pauses[1]
    assert platform.hooks.known
    await runner.cleanup()


async def test_a_hub_that_never_takes_anything_is_signed_off(platform: MaxPlatform) -> None:
    platform.hooks.hour = 0.05
    door = Door(500)
    runner = await subscribed(platform, door)
    await platform.write(platform.person(), "здравствуйте")
    await platform.wait_for(lambda: not platform.hooks.known)
    # The eighth try would come after the eight hours.
    assert 6 <= len(door.bodies) <= 8
    await runner.cleanup()


async def test_copies_and_a_shuffled_order_are_brought_on_demand(platform: MaxPlatform) -> None:
    platform.copies, platform.shuffled = 3, True
    door = Door(200)
    runner = await subscribed(platform, door)
    person = platform.person()
    for text in ("раз", "два"):
        await platform.write(person, text)
    await platform.settled()
    assert len(door.bodies) == 6
    assert len(set(door.bodies)) == 2
    await runner.cleanup()


@pytest.mark.parametrize(
    "told",
    [
        [],
        {},
        {"text": 5},
        {"text": "x" * 4_001},
        {"text": "x", "format": "bbcode"},
        {"text": "x", "parse_mode": "html"},
        {"attachments": [{"type": "image", "payload": {"token": "of-nobody"}}]},
        {"attachments": [{"type": "file"}]},
        {"text": "x", "link": {"type": "reply"}},
        {"text": "x", "attachments": [{"type": "inline_keyboard", "payload": {"buttons": []}}]},
        {
            "attachments": [
                {"type": "audio", "payload": {"token": "a"}},
                {"type": "image", "payload": {"token": "b"}},
            ]
        },
    ],
)
def test_what_it_would_not_take_is_refused(told: object) -> None:
    with pytest.raises(RefusedError):
        message(told, {"a": "audio", "b": "image"})


@pytest.mark.parametrize(
    "row",
    [
        [{"type": "callback", "text": "x", "payload": "p"}] * 8,
        [{"type": "link", "text": "x", "url": "https://a.ru"}] * 4,
        [{"type": "callback", "text": "", "payload": "p"}],
        [{"type": "callback", "text": "x" * 129, "payload": "p"}],
        [{"type": "callback", "text": "x", "payload": "p" * 1_025}],
        [{"type": "teleport", "text": "x"}],
    ],
)
def test_a_row_of_buttons_it_would_not_take_is_refused(row: object) -> None:
    keyboard = {"type": "inline_keyboard", "payload": {"buttons": [row]}}
    with pytest.raises(RefusedError):
        message({"text": "x", "attachments": [keyboard]}, {})


async def test_more_than_two_a_second_to_one_chat_are_too_many() -> None:
    clock = [datetime(2026, 11, 1, tzinfo=UTC)]
    platform = MaxPlatform(now=lambda: clock[0])
    await platform.start()
    platform.per_chat = 2
    person = platform.person()
    await platform.begin(person)
    statuses = []
    headers, query = {"Authorization": platform.token}, {"user_id": person.id}
    async with aiohttp.ClientSession(headers=headers) as session:
        for seconds in (0, 0.4, 0.4, 0.3):
            clock[0] += timedelta(seconds=seconds)
            url = f"{platform.url}/messages"
            async with session.post(url, params=query, json={"text": "x"}) as answer:
                statuses.append(answer.status)
    assert statuses == [200, 200, 429, 200]
    await platform.stop()

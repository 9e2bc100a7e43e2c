"""Platforms bring every update three times in any order while the hub is killed with -9."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import bots
from bots import platforms
from bots.platforms.telegram import TelegramPlatform
from bots.platforms.whatsapp import WhatsAppPlatform
from tests.e2e.test_messengers import toml

from .process import Program
from .test_killed import logs, shown

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

PEOPLE = 6
MESSAGES = 10
DEATHS = 2


@pytest.mark.parametrize("kind", ["telegram", "vk", "max", "whatsapp", "greenapi", "viber"])
async def test_each_message_is_there_once_in_the_platforms_order(kind: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown with a failure, to draw the same again
    draw = random.Random(seed)
    # The platforms' hours and days of repeats have to last for a start of the hub.
    slow: dict[str, Any] = {"max": {"hour": 30}, "viber": {"hour": 40}, "vk": {"hurry": 100}}
    if kind in ("whatsapp", "greenapi", "viber"):
        # They tell a time and no order within it, so here no two messages are of one.
        began, ticks = datetime.now(UTC) - timedelta(hours=1), count()
        slow.setdefault(kind, {})["now"] = lambda: began + timedelta(seconds=next(ticks))
    platform = platforms.load(kind)(**slow.get(kind, {}))
    if isinstance(platform, TelegramPlatform):
        platform.second = 0.02
    if isinstance(platform, WhatsAppPlatform):
        platform.hooks.retries = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 6.4, 6.4)
    await platform.start()
    can = bots.load(kind).capabilities
    settings = platform.settings() | ({"receive": "hook"} if "poll" in can.receives else {})
    program = Program(tmp_path, channels=toml(kind, settings), public=True)
    await program.start()
    await program.logged("hook.set")
    platform.copies, platform.shuffled = 3, True
    people = [platform.person(f"Анна {n}") for n in range(PEOPLE)]
    written: dict[str, list[str]] = {each.id: [] for each in people}
    deaths = set(draw.sample(range(PEOPLE * MESSAGES), DEATHS))
    try:
        turns = [each for each in people for _ in range(MESSAGES)]
        draw.shuffle(turns)
        for n, person in enumerate(turns):
            text = f"{person.name} говорит {len(written[person.id])}"
            written[person.id].append(text)
            await platform.write(person, text)
            if n in deaths:
                program.kill()
                await program.ended()
                await program.start()
        await platform.settled(120)
        found = await logs(program)
        heard = {each["text"] for log in found.values() for each in log if each["kind"] == "in"}
        async with asyncio.timeout(60):
            while len(heard) < PEOPLE * MESSAGES:
                await platform.settled(60)
                found = await logs(program)
                heard = {e["text"] for log in found.values() for e in log if e["kind"] == "in"}
        counts = Counter(e["text"] for log in found.values() for e in log if e["kind"] == "in")
        assert set(counts.values()) == {1}, [text for text, n in counts.items() if n > 1]
        in_order = sorted(texts for log in found.values() if (texts := shown(log)))
        assert in_order == sorted(written.values())
    finally:
        await program.stop()
        await platform.stop()

"""Typing, reading and presses are told to the platforms, and nobody waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from hub import config
from hub.accounts import Who
from hub.channels import signals
from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import ChannelKind
from hub.errors import CredentialsError, ThrottledError, TransientError
from hub.hub import Hub, assemble
from hub.model import Channel, ChannelId, Identity
from hub.store.engine import Engine, Insert
from tests.scripted import Platform
from tests.spine import (
    SHOP,
    START,
    Clock,
    ask,
    current,
    message,
    receive,
    settled_documents,
)

Said = tuple[str, str, str]


class Polite(Platform):
    """A messenger that shows who writes and what was read; `told` is what it was told, in order."""

    kind: ClassVar[str] = "polite"
    capabilities: ClassVar[Capabilities] = msgspec.structs.replace(
        Platform.capabilities, does=frozenset({Ability.TYPING, Ability.READ})
    )

    def __init__(self, id: ChannelId) -> None:
        super().__init__(id)
        self.told: asyncio.Queue[Said] = asyncio.Queue()
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.begun = 0

    async def _hear(self, *said: str) -> None:
        self.begun += 1
        verb, to, what = said
        self.told.put_nowait((verb, to, what))
        await self.answers.wait()
        if self.error is not None:
            raise self.error

    async def show_typing(self, to: Identity, external_id: str = "") -> None:
        await self._hear("typing", to.external_id, external_id)

    async def mark_read(self, to: Identity, external_id: str) -> None:
        await self._hear("read", to.external_id, external_id)

    async def acknowledge(self, ref: str, text: str = "") -> None:
        await self._hear("press", ref, text)


def build(document: Channel) -> ChannelKind[Any]:
    return (Polite if document.kind == "polite" else Platform)(ChannelId(document.id))


@pytest.fixture
async def hub(engine: Engine, tmp_path: Path, clock: Clock) -> Hub:
    settings = config.settings({"data": {"dir": "data"}}, tmp_path)
    hub = assemble(settings, lambda *_: build, now=clock, engine=engine)
    for document in settled_documents():
        await engine.write(Insert(document))
    for id in ("tg", "wa"):
        await engine.write(
            Insert(Channel(id=id, project=SHOP, kind="polite", name=id, created_at=START))
        )
    await hub.channels.refresh()
    return hub


def polite(hub: Hub, id: str = "tg") -> Polite:
    live = hub.channels.get(id)
    assert isinstance(live, Polite)
    return live


@pytest.fixture
async def running(hub: Hub) -> AsyncIterator[None]:
    task = asyncio.create_task(hub.signals.run())
    yield
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
def tg(hub: Hub, running: None) -> Polite:
    return polite(hub)


async def nothing_more(hub: Hub, tg: Polite) -> None:
    """All that was given is dealt with, and nothing of it was told."""
    while hub.signals._waiting or hub.signals._busy:
        await asyncio.wait([*hub.signals._busy, asyncio.create_task(asyncio.sleep(0))])
    assert tg.told.empty()


async def test_who_writes_is_shown_every_four_seconds(
    hub: Hub, tg: Polite, anna: Who, clock: Clock
) -> None:
    row = await ask(hub, channel="tg")
    await hub.desk.typing(anna, row.id)
    assert await tg.told.get() == ("typing", "ivan", "ivan.1")
    clock.forward(timedelta(seconds=3))
    await hub.desk.typing(anna, row.id)
    await nothing_more(hub, tg)
    clock.forward(timedelta(seconds=1))
    await hub.desk.typing(anna, row.id)
    assert await tg.told.get() == ("typing", "ivan", "ivan.1")


async def test_what_an_operator_saw_is_marked_read_once(
    hub: Hub, tg: Polite, anna: Who, boris: Who
) -> None:
    await receive(hub, message(1, hub.now()), message(2, hub.now()), channel="tg")
    row = await current(hub, channel="tg")
    await hub.desk.see(anna, row, 1)
    assert await tg.told.get() == ("read", "ivan", "ivan.1")
    await hub.desk.see(anna, row, 100)
    assert await tg.told.get() == ("read", "ivan", "ivan.2")
    await hub.desk.see(boris, row, 2)
    await nothing_more(hub, tg)


async def test_an_answer_marks_what_it_answers_as_read(hub: Hub, tg: Polite, anna: Who) -> None:
    row = await ask(hub, channel="tg")
    await hub.desk.reply(anna, row.id, "key-0001", "Да")
    assert await tg.told.get() == ("read", "ivan", "ivan.1")


async def test_a_channel_that_cannot_is_told_nothing(hub: Hub, tg: Polite, anna: Who) -> None:
    row = await ask(hub, channel="site")
    await hub.desk.typing(anna, row.id)
    await hub.desk.see(anna, row, 1)
    await nothing_more(hub, tg)


async def test_who_has_blocked_us_is_shown_nothing(hub: Hub, tg: Polite, anna: Who) -> None:
    row = await ask(hub, channel="tg")
    await hub.engine.change(Identity, row.identity, lambda had: replace(had, reachable=False))
    await hub.desk.typing(anna, row.id)
    await nothing_more(hub, tg)


@pytest.mark.parametrize(
    "error", [TransientError("502"), ZeroDivisionError(), TimeoutError()], ids=repr
)
async def test_a_sign_that_fails_is_lost_and_the_next_is_told(
    hub: Hub, tg: Polite, error: Exception
) -> None:
    tg.error = error
    for ref in ("one", "two"):
        await hub.signals.acknowledge("tg", ref)
        assert await tg.told.get() == ("press", ref, "")


@pytest.mark.parametrize(
    ("error", "rests"),
    [(ThrottledError(retry_after=timedelta(seconds=60)), 60), (CredentialsError(), 60)],
    ids=repr,
)
async def test_a_platform_that_wants_quiet_is_told_nothing_for_a_while(
    hub: Hub, tg: Polite, clock: Clock, error: Exception, rests: int
) -> None:
    tg.error = error
    await hub.signals.acknowledge("tg", "one")
    await tg.told.get()
    while hub.signals._busy:
        await asyncio.wait(list(hub.signals._busy))
    tg.error = None
    await hub.signals.acknowledge("tg", "two")
    await hub.signals.acknowledge("wa", "other")
    assert await polite(hub, "wa").told.get() == ("press", "other", "")
    assert tg.told.empty()
    clock.forward(timedelta(seconds=rests))
    await hub.signals.acknowledge("tg", "three")
    assert await tg.told.get() == ("press", "three", "")


async def test_a_channel_that_asked_for_quiet_or_lost_its_key_is_shown_nothing(
    hub: Hub, tg: Polite, clock: Clock
) -> None:
    pulses, id = hub.pulses, ChannelId("tg")
    await pulses.pause(id, "rate", clock.at + timedelta(minutes=2))
    await hub.signals.acknowledge("tg", "one")
    await nothing_more(hub, tg)
    clock.forward(timedelta(minutes=2))
    await pulses.halt(id, "dead_key", pulses.mark(id))
    await hub.signals.acknowledge("tg", "two")
    await nothing_more(hub, tg)
    await pulses.revive(id)
    await hub.signals.acknowledge("tg", "three")
    assert await tg.told.get() == ("press", "three", "")


async def test_a_platform_that_hangs_holds_nobody_up(hub: Hub, tg: Polite) -> None:
    tg.answers.clear()
    for n in range(signals.WAITING_MAX * 2):
        await hub.signals.acknowledge("tg", str(n))
    await hub.signals.acknowledge("wa", "other")
    assert await polite(hub, "wa").told.get() == ("press", "other", "")
    assert tg.begun == signals.AT_ONCE_OF_CHANNEL
    assert len(hub.signals._waiting) <= signals.WAITING_MAX


async def test_of_too_many_signs_the_oldest_are_lost(hub: Hub) -> None:
    for n in range(signals.WAITING_MAX + 10):
        await hub.signals.acknowledge("tg", str(n))
    task = asyncio.create_task(hub.signals.run())
    tg = polite(hub)
    told = [await tg.told.get() for _ in range(signals.WAITING_MAX)]
    task.cancel()
    await asyncio.wait([task])
    assert [what for _, what, _ in told] == [str(n) for n in range(10, signals.WAITING_MAX + 10)]


async def test_what_is_late_is_not_told(hub: Hub, anna: Who, clock: Clock) -> None:
    row = await ask(hub, channel="tg")
    await hub.desk.typing(anna, row.id)
    clock.forward(timedelta(seconds=5))
    task = asyncio.create_task(hub.signals.run())
    await nothing_more(hub, polite(hub))
    task.cancel()
    await asyncio.wait([task])

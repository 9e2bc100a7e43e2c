"""A channel being tried out: what its platform says, what takes too long, whose word is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.channels.abilities import Capabilities
from hub.channels.port import Account, Hook, HookState
from hub.channels.trial import LASTS, Trials
from hub.content import Remote
from hub.errors import ConflictError, CredentialsError, RejectedError, TransientError
from hub.hub import Hub
from hub.model import Channel, ChannelId
from hub.records import Pulse, Trial
from hub.store.engine import Engine, Insert
from tests import spine
from tests.scripted import Platform
from tests.spine import (
    BAKERY,
    SHOP,
    START,
    Clock,
    assembled,
    current,
    message,
    operator,
    receive,
    say,
)

PUBLIC = "https://hub.example"
OURS = f"{PUBLIC}/hooks/bot"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


class Bot(Platform):
    """A platform whose answers a test writes down; an exception is raised instead."""

    kind: ClassVar[str] = "bot"
    capabilities: ClassVar[Capabilities] = replace(
        Platform.capabilities, receives=frozenset({"hook", "poll"})
    )

    def __init__(self, id: ChannelId) -> None:
        super().__init__(id)
        self.whose: Account | Exception = Account(name="Bakery", username="bakery_bot")
        self.told: HookState | Exception = HookState()
        self.sets: Exception | None = None
        self.was_set: list[str] = []
        self.bytes = PNG
        self.hangs = False

    async def account(self) -> Account:
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.whose, Exception):
            raise self.whose
        return self.whose

    async def hook(self) -> HookState:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    async def set_hook(self, url: str) -> None:
        if self.sets is not None:
            raise self.sets
        self.was_set.append(url)

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        for at in range(0, len(self.bytes), 500_000):
            yield self.bytes[at : at + 500_000]

    def join_link(self, username: str, key: str) -> str:
        return f"https://bots.example/{username}?start={key}"


class World:
    def __init__(self, hub: Hub, bot: Bot, clock: Clock) -> None:
        self.hub, self.bot, self.clock = hub, bot, clock
        self.ada: Who = operator("Ada")
        self.public_url = PUBLIC
        self.call_seconds = 60.0

    @property
    def trials(self) -> Trials:
        hub = self.hub
        return Trials(
            hub.engine,
            hub.channels,
            hub.files,
            hub.pulses,
            self.public_url,
            self.clock,
            call_seconds=self.call_seconds,
        )

    async def begin(self) -> Trial:
        return await self.trials.begin(self.hub.channels.document("bot"), self.ada)

    async def codes(self) -> dict[str, tuple[str, str]]:
        return {each.name: (each.state, each.code) for each in (await self.begin()).steps}

    async def pulse(self) -> Pulse:
        return await self.hub.pulses.of("bot")


@pytest.fixture
async def world(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made: list[Bot] = []

    def build(document: Channel) -> Bot:
        made.append(Bot(ChannelId(document.id)))
        return made[-1]

    monkeypatch.setitem(spine.KINDS, "bot", build)
    clock = Clock()
    hub = await assembled(engine, clock, tmp_path)
    await engine.write(
        Insert(Channel(id="bot", project=SHOP, kind="bot", name="Bot", created_at=START))
    )
    await hub.channels.refresh()
    return World(hub, made[-1], clock)


async def test_whose_key_it_is_and_where_to_write_are_told(world: World) -> None:
    trial = await world.begin()
    assert (trial.name, trial.username) == ("Bakery", "bakery_bot")
    assert trial.link == "https://bots.example/bakery_bot"
    assert [(each.name, each.state) for each in trial.steps] == [("key", "ok"), ("hook", "ok")]
    assert await world.trials.of(world.hub.channels.document("bot")) == trial


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CredentialsError("401", reason="dead_key"), "dead_key"),
        (TransientError("dns", reason="offline"), "dns"),
        (TransientError("proxy", reason="offline"), "proxy"),
        (TransientError("strange", reason="offline"), "offline"),
        (RejectedError("x", reason="no_rights"), "no_rights"),
        (ZeroDivisionError("ours"), "internal"),
    ],
)
async def test_why_a_key_does_not_do_is_a_code_and_the_rest_is_told_all_the_same(
    world: World, error: Exception, code: str
) -> None:
    world.bot.whose = error
    world.bot.told = HookState(url=OURS)
    assert await world.codes() == {"key": ("failed", code), "hook": ("ok", "hook")}


async def test_a_platform_that_never_answers_holds_nobody_up(world: World) -> None:
    world.bot.hangs = True
    world.call_seconds = 0.2
    assert (await world.codes())["key"] == ("failed", "timeout")


async def test_a_kind_that_has_no_account_needs_no_key(world: World) -> None:
    world.bot.whose = RejectedError("not_here", reason="not_here")
    assert (await world.codes())["key"] == ("ok", "none")


@pytest.mark.parametrize(
    ("told", "step"),
    [
        (HookState(url=OURS), ("ok", "hook")),
        (HookState(url="https://other.example/x"), ("failed", "hook_elsewhere")),
        (HookState(url="http://[half"), ("failed", "hook_elsewhere")),
        (
            HookState(url=OURS, error="502", error_at=START - timedelta(minutes=1)),
            ("failed", "hook_error"),
        ),
        (HookState(url=OURS, error="502", error_at=START - timedelta(hours=1)), ("ok", "hook")),
        (HookState(), ("ok", "hook_set")),
        (CredentialsError("401", reason="dead_key"), ("failed", "dead_key")),
    ],
)
async def test_how_updates_come_is_told_as_the_platform_tells_it(
    world: World, told: HookState | Exception, step: tuple[str, str]
) -> None:
    world.bot.told = told
    assert (await world.codes())["hook"] == step
    assert world.bot.was_set == ([OURS] if step[1] == "hook_set" else [])


async def test_of_another_address_only_the_host_is_said(world: World) -> None:
    world.bot.told = HookState(url="https://other.example/secret-path?key=1")
    hook = (await world.begin()).steps[1]
    assert hook.detail == "other.example"


async def test_a_hook_that_is_entered_by_hand_waits_for_a_message(world: World) -> None:
    world.bot.sets = RejectedError("not_here", reason="not_here")
    assert (await world.codes())["hook"] == ("waiting", "by_hand")


async def test_without_a_public_address_messages_are_fetched(world: World) -> None:
    world.public_url = ""
    assert (await world.codes())["hook"] == ("ok", "poll")
    world.bot.told = HookState(url="https://other.example/x")
    assert (await world.codes())["hook"] == ("failed", "hook_elsewhere")


async def test_a_picture_is_kept_for_a_day_and_nothing_but_a_picture(world: World) -> None:
    world.bot.whose = Account(name="Bakery", picture=Remote(ref="x", mime="image/png"))
    trial = await world.begin()
    file = await world.hub.files.get(trial.picture)
    assert (file.kind, file.used, file.project) == ("image", False, SHOP)
    for instead in (b"<html>not a picture</html>", b"", PNG + bytes(2_000_000)):
        world.bot.bytes = instead
        assert (await world.begin()).picture == ""


async def test_a_dead_key_found_here_holds_the_channel_and_a_good_one_frees_it(
    world: World,
) -> None:
    world.bot.whose = CredentialsError("401", reason="dead_key")
    await world.begin()
    assert ((await world.pulse()).state, (await world.pulse()).reason) == ("halted", "dead_key")
    world.bot.whose = Account(name="Bakery")
    await world.begin()
    assert (await world.pulse()).state == "ok"


async def test_a_message_that_came_since_is_seen_whatever_the_platform_s_clock_says(
    world: World,
) -> None:
    trial = await world.begin()
    assert await world.trials.seen(trial) is None
    world.clock.forward(timedelta(seconds=3))
    await receive(world.hub, message(1, START - timedelta(days=1)), channel="bot")
    seen = await world.trials.seen(trial)
    assert seen is not None
    assert (seen.name, seen.at) == ("Иван", START + timedelta(seconds=3))
    assert seen.dialog == "bot:ivan:1"


async def test_neither_an_older_message_nor_one_of_another_channel_is_seen(world: World) -> None:
    await receive(world.hub, message(1, START), channel="bot")
    world.clock.forward(timedelta(seconds=3))
    trial = await world.begin()
    await receive(world.hub, message(2, START), channel="site")
    assert await world.trials.seen(trial) is None
    await say(world.hub, await current(world.hub, channel="bot"), "Answered since")
    assert await world.trials.seen(trial) is None
    await receive(world.hub, message(2, START), channel="bot")
    assert await world.trials.seen(trial) is not None


async def test_what_makes_no_dialog_shows_that_the_channel_hears(world: World) -> None:
    trial = await world.begin()
    world.clock.forward(timedelta(seconds=20))
    await world.hub.pulses.heard(ChannelId("bot"), world.clock())
    seen = await world.trials.seen(trial)
    assert seen is not None
    assert seen.dialog == ""


async def test_a_trial_is_over_after_half_an_hour_and_is_of_one_project(world: World) -> None:
    document = world.hub.channels.document("bot")
    await world.begin()
    assert await world.trials.of(replace(document, project=BAKERY)) is None
    world.clock.forward(LASTS)
    assert await world.trials.of(document) is None


async def test_a_channel_that_is_off_or_cannot_be_opened_is_not_tried(world: World) -> None:
    document = world.hub.channels.document("bot")
    with pytest.raises(ConflictError) as refused:
        await world.trials.begin(replace(document, enabled=False), world.ada)
    assert refused.value.code == "off"
    with pytest.raises(ConflictError) as refused:
        await world.trials.begin(replace(document, id="never-opened"), world.ada)
    assert refused.value.code == "broken"


async def test_a_platform_that_looks_whether_anybody_is_there_is_nobody_s_word(
    world: World,
) -> None:
    trial = await world.begin()
    world.clock.forward(timedelta(seconds=20))
    await world.hub.intake.take(
        world.hub.channels.get("bot"), Hook(body=b"", method="GET", received_at=START)
    )
    assert (await world.pulse()).last_in_at is None
    assert await world.trials.seen(trial) is None

"""Hooks are set, looked after and taken off; what keeps them from it is told in a word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.channels.hooking import CHECK_EVERY, Hooking
from hub.channels.port import ChannelKind
from hub.errors import CredentialsError, RejectedError, ThrottledError, TransientError
from hub.hub import Hub
from hub.keeping import keys as key_file
from hub.records import Whose
from tests.messenger import Messenger, change, connected, live
from tests.spine import Clock

MINUTE = timedelta(minutes=1)
URL = "https://chat.example.com"
OURS = f"{URL}/hooks/rich"


@pytest.fixture
async def rich(hub: Hub) -> Messenger:
    return await connected(hub)


@pytest.fixture
def hooking(hub: Hub) -> Hooking:
    return at(hub, URL)


def at(hub: Hub, url: str) -> Hooking:
    return Hooking(hub.engine, hub.bus, hub.channels, hub.pulses, hub.keys, url, hub.now)


async def test_a_hook_is_set_once_and_then_only_looked_at(
    hub: Hub, rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    for _ in range(3):
        await hooking.round()
    assert rich.calls == ["account", f"set_hook {OURS}", "hook"]
    pulse = await hub.pulses.of("rich")
    assert pulse.account == Whose(name="Shop", username="shop_bot")
    assert pulse.hook is not None
    assert (pulse.hook.url, pulse.checked_at, pulse.told[:2]) == (OURS, clock.at, ("ok", ""))
    rich.calls.clear()
    clock.forward(CHECK_EVERY)
    await hooking.round()
    assert rich.calls == ["hook"]


async def test_a_hook_that_vanished_is_set_again(
    rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    await hooking.round()
    rich.world.hook = ""
    clock.forward(CHECK_EVERY)
    await hooking.round()
    assert rich.world.hook == OURS


async def test_a_hook_that_leads_elsewhere_is_told_and_not_fought_over(
    hub: Hub, rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    await hooking.round()
    rich.world.hook = "https://elsewhere.example.org/bot"
    for _ in range(5):
        clock.forward(CHECK_EVERY)
        await hooking.round()
    assert rich.world.hook == "https://elsewhere.example.org/bot"
    assert (await hub.pulses.of("rich")).told[:2] == ("deaf", "hook_elsewhere")
    rich.world.hook = OURS
    clock.forward(CHECK_EVERY)
    await hooking.round()
    assert (await hub.pulses.of("rich")).told[:2] == ("ok", "")


async def test_other_settings_or_another_address_set_the_hook_anew(
    hub: Hub, rich: Messenger, hooking: Hooking
) -> None:
    await hooking.round()
    await change(hub, token="other")
    await hooking.round()
    assert live(hub).calls == ["account", f"set_hook {OURS}", "hook"]
    await at(hub, "https://new.example.com").round()
    assert rich.world.hook == OURS, "it is looked at when it is time"


async def test_a_new_key_of_ours_gives_the_hook_its_new_secret(
    hub: Hub, rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    await hooking.round()
    key_file.add(hub.settings.security.key_file)
    hub.keys.refresh()
    rich.calls.clear()
    clock.forward(CHECK_EVERY)
    await hooking.round()
    assert f"set_hook {OURS}" in rich.calls


async def test_a_channel_that_is_switched_off_takes_its_hook_off(
    hub: Hub, rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    await hooking.round()
    await change(hub, enabled=False)
    beside = rich.world.made
    rich.script.append(TransientError(reason="offline"))
    rich.world.down = True
    await hooking.round()
    assert rich.world.hook == OURS
    rich.world.down = False
    await hooking.round()
    await hooking.round()
    assert rich.world.hook == ""
    assert [call for made in beside for call in made.calls].count("drop_hook") == 2
    await change(hub, enabled=True)
    await hooking.round()
    assert rich.world.hook == OURS


async def test_a_channel_whose_key_died_is_not_asked_to_take_its_hook_off_for_ever(
    hub: Hub, rich: Messenger, hooking: Hooking
) -> None:
    await hooking.round()
    rich.world.tokens = set()
    await change(hub, enabled=False)
    for _ in range(5):
        await hooking.round()
    calls = [call for made in rich.world.made for call in made.calls]
    assert calls.count("drop_hook") == 1


async def test_where_updates_are_asked_for_the_hook_is_taken_off_first(
    hub: Hub, hooking: Hooking, clock: Clock
) -> None:
    rich = await connected(hub, receive="poll")
    rich.world.hook = "https://former.example.com"
    await hooking.round()
    assert rich.world.hook == ""
    rich.calls.clear()
    clock.forward(CHECK_EVERY)
    await hooking.round()
    assert "drop_hook" not in rich.calls


@pytest.mark.parametrize("receive", ["poll", "hook"])
async def test_whose_key_it_is_is_asked_once_an_hour_where_no_hook_is_looked_at_too(
    hub: Hub, clock: Clock, receive: str
) -> None:
    rich = await connected(hub, receive=receive)
    hooking = at(hub, "")
    for _ in range(5 * 60):
        await hooking.round()
        clock.forward(MINUTE)
    assert 5 <= rich.calls.count("account") <= 6


async def test_a_hook_without_a_public_address_is_told(hub: Hub) -> None:
    await connected(hub, receive="hook")
    await at(hub, "").round()
    assert (await hub.pulses.of("rich")).told[:2] == ("deaf", "no_public_address")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CredentialsError(reason="dead_key"), ("halted", "dead_key")),
        (TransientError(reason="offline"), ("away", "offline")),
        (RejectedError(reason="no_public_address"), ("deaf", "no_public_address")),
        (RejectedError(reason="not_here"), ("ok", "")),
    ],
)
async def test_what_keeps_a_hook_from_being_set_is_told_in_a_word(
    hub: Hub, rich: Messenger, hooking: Hooking, error: Exception, told: tuple[str, str]
) -> None:
    async def known() -> None:
        rich.script.append(error)

    rich.script.append(known)
    await hooking.round()
    assert (await hub.pulses.of("rich")).told[:2] == told


async def test_a_refused_key_is_not_asked_about_again(
    hub: Hub, rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    rich.world.tokens = {"new"}
    for _ in range(20):
        await hooking.round()
        clock.forward(10 * MINUTE)
    assert rich.calls == ["account"]


async def test_a_pause_is_kept_by_hooking_too(
    hub: Hub, rich: Messenger, hooking: Hooking, clock: Clock
) -> None:
    rich.script.append(ThrottledError(retry_after=30 * MINUTE, everywhere=True))
    await hooking.round()
    clock.forward(29 * MINUTE)
    await hooking.round()
    assert rich.calls == ["account"]
    clock.forward(MINUTE)
    await hooking.round()
    assert rich.world.hook == OURS


async def test_a_broken_kind_keeps_no_other_from_its_hook(
    hub: Hub, rich: Messenger, hooking: Hooking
) -> None:
    other = await connected(hub, "other")
    rich.script.append(ZeroDivisionError())
    await hooking.round()
    assert other.world.hook == f"{URL}/hooks/other"


async def test_a_kind_whose_hook_is_written_by_hand_is_no_trouble(
    hub: Hub, hooking: Hooking, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the port itself does for a kind that has none of it."""
    for name in ("account", "hook", "set_hook", "drop_hook"):
        monkeypatch.setattr(Messenger, name, getattr(ChannelKind, name))
    await connected(hub)
    for _ in range(3):
        await hooking.round()
        clock.forward(CHECK_EVERY)
    assert (await hub.pulses.of("rich")).told[:2] == ("ok", "")

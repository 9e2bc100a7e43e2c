"""What concerns a whole channel: a key that died, a platform that is away or asks for a pause."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.channels.abilities import Capabilities, Pace
from hub.delivery import OF_A_CHANNEL
from hub.errors import CredentialsError, ThrottledError, TransientError
from hub.events import ChannelTold
from hub.hub import Hub
from hub.lanes import straighten
from hub.model import Channel, Dialog, DialogId, OutState
from tests.messenger import Messenger, change, connected, live
from tests.scripted import Lost, Platform
from tests.spine import (
    MS,
    Clock,
    Crash,
    Mortal,
    ask,
    deliver,
    say,
    sent,
    sound,
    states,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DAY = timedelta(days=1)


async def told(hub: Hub, since: str) -> list[tuple[str, str]]:
    events = [each.event for each in await hub.bus.since(since)]
    return [(each.state, each.reason) for each in events if isinstance(each, ChannelTold)]


async def crowd(hub: Hub, people: int, each: int) -> list[Dialog]:
    """Dialogs of the rich channel, each with so many answers queued."""
    rows = [await ask(hub, 1, f"v{n}", "rich") for n in range(people)]
    for n, row in enumerate(rows):
        await say(hub, row, *(f"v{n} {k}" for k in range(each)))
    return rows


async def everything(hub: Hub) -> None:
    """Works until nothing is due, as the running loop does."""
    while ids := await hub.delivery.due(50):
        for id in ids:
            await hub.delivery.deliver(id)


async def test_a_dead_key_is_told_once_and_called_no_more_until_it_is_another(
    hub: Hub, clock: Clock
) -> None:
    """Two hundred answers in twenty dialogs wait, and then go out once each, in their order."""
    first = await connected(hub, token="old")
    first.world.tokens = {"new"}
    rows = await crowd(hub, 20, 10)
    cursor = await hub.bus.cursor()

    for _ in range(120):
        await everything(hub)
        clock.forward(MINUTE)

    assert await told(hub, cursor) == [("halted", "dead_key")]
    assert first.calls == ["send"]
    assert (await hub.pulses.of("rich")).reason == "dead_key"

    await change(hub, token="new")
    await everything(hub)

    assert await told(hub, cursor) == [("halted", "dead_key"), ("ok", "")]
    said = first.world.said
    assert len(said) == 200
    for n, row in enumerate(rows):
        assert [text for who, text in said if who == f"v{n}"] == [f"v{n} {k}" for k in range(10)]
        assert await states(hub, row) == ["sent"] * 10
        await sound(hub.engine, row.id)


async def test_a_new_name_is_no_new_key(hub: Hub, clock: Clock) -> None:
    rich = await connected(hub, token="old")
    rich.world.tokens = {"new"}
    [row] = await crowd(hub, 1, 1)
    await everything(hub)
    await hub.engine.change(Channel, "rich", lambda had: replace(had, name="Other"))
    await hub.channels.refresh()
    await everything(hub)
    assert [each for made in rich.world.made for each in made.calls] == ["send"]
    assert await states(hub, row) == ["queued"]


async def test_a_refusal_of_the_former_key_says_nothing_of_the_new_one(hub: Hub) -> None:
    old = await connected(hub, token="old")
    old.world.tokens = {"new"}
    [row] = await crowd(hub, 1, 1)
    cursor, asked, answer = await hub.bus.cursor(), asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await answer.wait()

    old.world.before_key = slowly
    sending = asyncio.create_task(everything(hub))
    await asked.wait()
    await change(hub, token="new")
    answer.set()
    await sending
    old.world.before_key = None
    await everything(hub)

    assert await told(hub, cursor) == []
    assert await states(hub, row) == ["sent"]


async def test_a_channel_halted_for_what_its_owner_may_mend_is_tried_again_by_one_lane(
    hub: Hub, clock: Clock
) -> None:
    rich = await connected(hub)
    rows = await crowd(hub, 5, 1)
    rich.script.append(CredentialsError("403", reason="no_rights"))
    await everything(hub)
    for _ in range(13):
        clock.forward(MINUTE)
        await everything(hub)
    assert rich.calls == ["send"]

    clock.forward(10 * MINUTE)
    await everything(hub)

    assert [await states(hub, row) for row in rows] == [["sent"]] * 5


@pytest.mark.parametrize(
    "error",
    [CredentialsError("403", reason="no_rights"), TransientError("connect", reason="offline")],
)
async def test_a_clock_that_was_ahead_keeps_no_channel_silent(
    hub: Hub, clock: Clock, error: Exception
) -> None:
    """A year ahead for a moment, and just then the platform refused."""
    rich = await connected(hub)
    rows = await crowd(hub, 2, 1)
    rich.script.append(error)
    clock.forward(365 * DAY)
    await everything(hub)
    clock.forward(-365 * DAY)
    await straighten(hub.engine, hub.now())

    for _ in range(3):
        clock.forward(10 * MINUTE)
        await everything(hub)

    assert [await states(hub, row) for row in rows] == [["sent"]] * 2


async def test_an_outage_fails_nothing_and_everything_goes_out_after_it(
    hub: Hub, clock: Clock
) -> None:
    """Three hours: one lane asks, ever more rarely, and no try is counted."""
    rich = await connected(hub)
    rows = await crowd(hub, 10, 3)
    cursor = await hub.bus.cursor()
    rich.world.down = True
    began = clock.at
    while clock.at < began + 3 * HOUR:
        await everything(hub)
        clock.forward(10 * SECOND)

    assert await told(hub, cursor) == [("away", "offline")]
    assert 60 < len(rich.calls) < 120
    entries = [each for row in rows for each in await sent(hub, row)]
    assert {(each.state, each.tries) for each in entries} == {(OutState.QUEUED, 0)}

    rich.world.down = False
    clock.forward(2 * MINUTE)
    await everything(hub)

    assert await told(hub, cursor) == [("away", "offline"), ("ok", "")]
    assert sorted(rich.world.said) == sorted(
        (f"v{n}", f"v{n} {k}") for n in range(10) for k in range(3)
    )
    for n, row in enumerate(rows):
        mine = [text for who, text in rich.world.said if who == f"v{n}"]
        assert mine == [f"v{n} {k}" for k in range(3)]
        await sound(hub.engine, row.id)


@pytest.mark.parametrize("people", [1, 3])
async def test_what_nobody_took_for_a_day_has_failed_and_says_so(
    hub: Hub, clock: Clock, people: int
) -> None:
    rich = await connected(hub)
    rows = await crowd(hub, people, 2)
    rich.world.down = True
    began = clock.at
    while clock.at < began + DAY:
        await everything(hub)
        assert [await states(hub, row) for row in rows] == [["queued"] * 2] * people
        clock.forward(30 * MINUTE)
    for _ in range(3):
        await everything(hub)
        clock.forward(30 * MINUTE)
    for row in rows:
        assert [(each.state, each.failure) for each in await sent(hub, row)] == [
            (OutState.FAILED, "offline")
        ] * 2
    later = await ask(hub, 1, "later", "rich")
    await say(hub, later, "later")
    await everything(hub)
    assert await states(hub, later) == ["queued"], "its own day begins with it"


async def test_a_pause_that_the_platform_asks_of_all_is_kept_by_all(hub: Hub, clock: Clock) -> None:
    rich = await connected(hub)
    rows = await crowd(hub, 5, 2)
    rich.script.append(ThrottledError(retry_after=2 * HOUR, everywhere=True))
    cursor = await hub.bus.cursor()
    await everything(hub)
    until = clock.at + 2 * HOUR
    while clock.at < until - MINUTE:
        clock.forward(MINUTE)
        await everything(hub)
    clock.at = until - MS
    await everything(hub)
    assert rich.calls == ["send"]

    clock.forward(MS)
    await everything(hub)

    assert len(rich.world.said) == 10
    assert [await states(hub, row) for row in rows] == [["sent"] * 2] * 5
    assert await told(hub, cursor) == []


async def test_an_answer_on_its_way_ends_no_pause(hub: Hub, clock: Clock) -> None:
    rich = await connected(hub)
    one, two = await crowd(hub, 2, 1)

    async def meanwhile() -> None:
        rich.script.append(ThrottledError(retry_after=HOUR, everywhere=True))
        await hub.delivery.deliver(DialogId(two.id))

    rich.script.append(meanwhile)
    await hub.delivery.deliver(DialogId(one.id))
    assert await states(hub, one) == ["sent"]

    more = await ask(hub, 1, "v9", "rich")
    await say(hub, more, "more")
    await everything(hub)

    assert rich.calls == ["send", "send"]


async def test_a_pause_longer_than_any_wait_of_a_lane_is_kept_for_one_person(
    hub: Hub, site: Platform, clock: Clock
) -> None:
    row = await ask(hub)
    await say(hub, row, "one")
    site.script.append(ThrottledError(retry_after=3 * HOUR))
    await deliver(hub)
    until = clock.at + 3 * HOUR
    while clock.at < until - 7 * MINUTE:
        clock.forward(7 * MINUTE)
        await deliver(hub)
    assert site.attempts == ["one"]
    clock.at = until
    await deliver(hub)
    assert await states(hub, row) == ["sent"]


async def test_the_channel_s_own_pace_is_kept(hub: Hub, clock: Clock) -> None:
    rich = await connected(hub)
    vars(rich)["capabilities"] = paced(per_second=0, per_chat=HOUR)
    [row] = await crowd(hub, 1, 2)
    await deliver(hub)
    assert await states(hub, row) == ["sent", "queued"]
    after = await sound(hub.engine, row.id)
    assert after.lane_at is not None
    assert HOUR - MINUTE < after.lane_at - clock.at <= HOUR

    vars(rich)["capabilities"] = paced(per_second=1, per_chat=timedelta(0))
    rows = [await ask(hub, 1, f"w{n}", "rich") for n in range(3)]
    for n, each in enumerate(rows):
        await say(hub, each, f"w{n}")
    await asyncio.gather(*(hub.delivery.deliver(DialogId(each.id)) for each in rows))
    assert sorted([(await states(hub, each))[0] for each in rows]) == ["queued", "queued", "sent"]


def paced(per_second: int, per_chat: timedelta) -> Capabilities:
    return replace(Messenger.capabilities, pace=Pace(per_second=per_second, per_chat=per_chat))


async def test_a_revived_channel_calls_its_lanes_whenever_the_process_died(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    """Halting, replacing the key and delivering, with a death after every single write."""
    k, died = 0, True
    while died:
        id = f"rich{k}"
        rich = await connected(hub, id, token="old")
        rich.world.tokens = {"new"}
        rows = [await ask(hub, 1, f"v{n}", id) for n in range(3)]
        for n, row in enumerate(rows):
            await say(hub, row, f"v{n} one", f"v{n} two")
        died = False
        mortal.dies_after(k)
        try:
            await everything(hub)
            await change(hub, id, token="new")
            await everything(hub)
        except Crash:
            died = True
        mortal.lives()
        # A new process: nothing of what the former knew, and its leases run out.
        hub.pulses._known.clear()
        await change(hub, id, token="new")
        clock.forward(MINUTE)
        await hub.pulses.round()
        await everything(hub)
        clock.forward(11 * MINUTE)
        await everything(hub)
        said = rich.world.said
        assert sorted(set(said)) == sorted(said)
        for n, row in enumerate(rows):
            mine = [text for who, text in said if who == f"v{n}"]
            assert mine == sorted(mine)
            for entry in await sent(hub, row):
                assert entry.state in (OutState.SENT, OutState.UNKNOWN)
                assert entry.text in mine or entry.state is OutState.UNKNOWN
        k += 1
    assert k > 10


async def test_a_time_out_after_acceptance_says_nothing_of_the_channel(hub: Hub) -> None:
    rich = await connected(hub)
    [row] = await crowd(hub, 1, 2)
    cursor = await hub.bus.cursor()
    rich.script.append(Lost(TransientError("timeout", maybe_sent=True, reason="timeout")))
    await everything(hub)
    assert await states(hub, row) == ["unknown", "sent"]
    assert (await sent(hub, row))[0].failure == "timeout"
    assert len(rich.world.said) == 2
    assert await told(hub, cursor) == [] or (await told(hub, cursor))[0][0] == "ok"


async def test_a_channel_that_is_switched_off_forgets_its_trouble(hub: Hub, clock: Clock) -> None:
    rich = await connected(hub, token="old")
    rich.world.tokens = {"new"}
    [row] = await crowd(hub, 1, 1)
    await everything(hub)
    cursor = await hub.bus.cursor()
    await change(hub, enabled=False)
    assert await told(hub, cursor) == [("ok", "")]
    await everything(hub)
    await change(hub, enabled=True, token="new")
    await everything(hub)
    assert await states(hub, row) == ["sent"]
    assert live(hub).calls == ["send"]


async def test_a_platform_that_takes_and_never_answers_leaves_few_in_doubt(
    hub: Hub, clock: Clock
) -> None:
    """After three dialogs the rest waits until the platform answers a question that risks none."""
    rich = await connected(hub)
    rows = await crowd(hub, 20, 1)
    cursor = await hub.bus.cursor()
    rich.world.silent = True
    for _ in range(30):
        await everything(hub)
        clock.forward(MINUTE)
    found = [(await states(hub, row))[0] for row in rows]
    assert (found.count("unknown"), found.count("queued")) == (3, 17)
    assert await told(hub, cursor) == [("away", "timeout")]
    assert set(rich.calls[3:]) == {"account"}

    rich.world.silent = False
    clock.forward(2 * MINUTE)
    await everything(hub)

    found = [(await states(hub, row))[0] for row in rows]
    assert (found.count("unknown"), found.count("sent")) == (3, 17)
    assert len(rich.world.said) == len(set(rich.world.said)) == 20


async def test_one_message_that_nobody_can_send_takes_no_channel_with_it(
    hub: Hub, clock: Clock
) -> None:
    rich = await connected(hub)
    [row] = await crowd(hub, 1, 1)
    rich.script.extend([TransientError(reason="page")] * 6)
    for _ in range(6):
        await everything(hub)
        clock.forward(HOUR)
    assert await states(hub, row) == ["failed"]
    assert (await hub.pulses.of("rich")).told[0] == "ok"


async def test_a_channel_that_hangs_keeps_no_other_waiting(hub: Hub, site: Platform) -> None:
    rich = await connected(hub)
    await crowd(hub, 40, 1)
    hanging, answer, shown = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        hanging.set()
        await answer.wait()

    async def show() -> None:
        shown.set()

    rich.world.before_key = hang
    site.script.append(show)
    running = asyncio.create_task(hub.delivery.run())
    await asyncio.wait_for(hanging.wait(), 60)
    row = await ask(hub)
    await say(hub, row, "one")
    await asyncio.wait_for(shown.wait(), 60)
    assert len(rich.calls) <= OF_A_CHANNEL
    running.cancel()
    answer.set()
    await asyncio.wait([running])

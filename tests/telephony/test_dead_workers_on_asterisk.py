"""A worker dies with calls at every moment on a real Asterisk: none is left, none rings twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.dialling import LEASE
from hub.calls.script import Say, Script
from hub.hub import Hub
from hub.statuses import Status
from hub.store.schema import SLOTS_OLD
from telephony.ari.stasis import Stasis
from telephony.worker import Telephony
from tests.between import Between
from tests.spine import Clock
from tests.telephony.office import QUICK, arrange, calls, equip, lead_of, wanted, working
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.cases import talking
from tests.telephony.pbx.legs import until_ready
from tests.telephony.pbx.phones import Phones, Step
from tests.telephony.pbx.sound import noise

WAITS_S = 60.0
TALKS = 2
SLOW = replace(
    QUICK, ring_s=60, visitor_ring_s=60, wait_s=60, connect="key", operator_says=Say(text="long")
)
PLAIN = replace(SLOW, connect="message", operator_says=Say())
GREETED = replace(PLAIN, visitor_says=Say(text="long"))
VISITOR_FIRST = replace(SLOW, first="visitor", operator_says=Say(), visitor_says=Say(text="long"))
ANSWERS: Sequence[Step] = ["ring", "answer"]


@dataclass
class Moment:
    """Where a call is when its worker dies: the phones stay so, and `there` says that it is."""

    script: Script
    operator: Sequence[Step]
    visitor: Sequence[Step]
    there: Callable[[Call], bool]


def leg(role: str, state: str) -> Callable[[Call], bool]:
    return lambda call: any(each.role == role and each.state == state for each in call.legs)


def stands(status: Status) -> Callable[[Call], bool]:
    return lambda call: call.status is status


MOMENTS = {
    "the operator is called": Moment(PLAIN, [], [], leg("operator", "calling")),
    "the operator's phone rings": Moment(PLAIN, ["ring"], [], leg("operator", "ringing")),
    "the operator hears the message": Moment(SLOW, ANSWERS, [], leg("operator", "up")),
    "the pause between two rounds": Moment(
        replace(PLAIN, rounds=2, pause_s=60), [("hang up", "busy")], [], leg("operator", "ended")
    ),
    "the person is called": Moment(PLAIN, ANSWERS, [], leg("visitor", "calling")),
    "the person's phone rings": Moment(PLAIN, ANSWERS, ["ring"], leg("visitor", "ringing")),
    "the person is greeted": Moment(GREETED, ANSWERS, ANSWERS, leg("visitor", "up")),
    "the person hears the message": Moment(VISITOR_FIRST, [], ANSWERS, leg("visitor", "up")),
    "they talk": Moment(PLAIN, ANSWERS, ANSWERS, stands(Status.TALKING)),
    "they talk and are recorded": Moment(
        replace(PLAIN, record=True, record_notice=Say(text="short")),
        ANSWERS,
        ANSWERS,
        stands(Status.TALKING),
    ),
}


async def test_ten_calls_at_ten_moments_outlive_their_worker_or_are_ended(
    hub: Hub,
    exchange: Asterisk,
    phones: Phones,
    clock: Clock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sounds = {
        text: noise(tmp_path / f"{text}.wav", 1, seconds)
        for text, seconds in (("long", 12), ("short", 0.3))
    }

    async def voice(call: Call, say: Say) -> Path | None:
        return sounds.get(say.text)

    told = {"api_url": exchange.url, "user": exchange.user, "password": exchange.password}
    told["internal"] = "PJSIP/{number}@office"
    await equip(hub, "asterisk", told | {"calls_max": 50}, seats={}, calls_max=50)
    caplog.set_level("INFO", "telephony")
    over = asyncio.Event()
    people = {name: f"+791612300{n:02}" for n, name in enumerate(MOMENTS)}
    first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1", voice=voice)
    await first.work()
    await ready(first)
    for n, (name, moment) in enumerate(MOMENTS.items()):
        phones.on(f"{200 + n}", moment.operator)
        phones.on(people[name], [*moment.visitor, ("until", over), "hang up"])
        await arrange(hub, script=moment.script, numbers=(f"{200 + n}",))
        await wanted(hub, people[name], visitor=f"v{n}")
    async with asyncio.timeout(WAITS_S):
        await first.work()
        while not await all_there(hub, people):
            await asyncio.wait(first._running, timeout=0.05)
    await dies(first)

    clock.forward(LEASE + timedelta(seconds=1))
    async with working(hub, "w2", voice=voice) as second:
        await second.work()
        await ready(second)
        # What it found before it had a line it looks at again a lease later.
        clock.forward(LEASE + timedelta(seconds=1))
        async with asyncio.timeout(WAITS_S):
            while len(await live(hub)) > TALKS or len(second._running) < TALKS:
                await second.work()
                if second._running:
                    await asyncio.wait(second._running, timeout=0.05)
        await said(second, "call.adopted", TALKS, caplog)
        over.set()
        await second.idle()
        await second.work()
    await phones.silent()

    made = {each.phone: each for each in await calls(hub)}
    assert len(made) == len(MOMENTS) == 10
    assert {name: made[phone].outcome for name, phone in people.items()} == {
        name: Outcome.TALKED if "talk" in name else Outcome.UNKNOWN for name in MOMENTS
    }
    for n, (name, phone) in enumerate(people.items()):
        lead = await lead_of(hub, phone)
        assert lead.live is ("talk" not in name), name
        assert lead.due_at is None or lead.due_at > clock.at, name
        assert made[phone].stage == "settled"
        assert len(phones.rings[f"{200 + n}"]) <= 1, name
        assert len(phones.rings[phone[1:]]) <= 1, name
    assert (await hub.engine.find(SLOTS_OLD, limit=50)).items == []


class Deaf(Between):
    """A door that hangs up on the next `asks` of a worker that would hear of a talk."""

    asks = 0

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if self.asks and b"/subscription" in data:
                self.asks -= 1
                return
            target.write(data)


async def test_a_talk_goes_on_though_the_engine_says_nothing_to_whoever_takes_it_over(
    hub: Hub,
    exchange: Asterisk,
    phones: Phones,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "telephony")
    over = asyncio.Event()
    phones.on("200", ANSWERS)
    phones.on("+79161230000", [*ANSWERS, ("until", over), "hang up"])
    async with Deaf(exchange.url) as door:
        told = {"api_url": door.url, "user": exchange.user, "password": exchange.password}
        await equip(hub, "asterisk", told | {"internal": "PJSIP/{number}@office"}, seats={})
        await arrange(hub, script=PLAIN, numbers=("200",))
        await wanted(hub, "+79161230000")
        first = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w1")
        await first.work()
        await ready(first)
        await first.work()
        await talking(hub, first, "+79161230000")
        await dies(first)

        door.asks = 2
        clock.forward(LEASE + timedelta(seconds=1))
        async with working(hub, "w2") as second:
            await second.work()
            await ready(second)
            while door.asks:
                clock.forward(LEASE + timedelta(seconds=1))
                await second.work()
                await second.idle()
            assert [each.status for each in await calls(hub)] == [Status.TALKING]
            clock.forward(LEASE + timedelta(seconds=1))
            await second.work()
            await said(second, "call.adopted", 1, caplog)
            over.set()
            await second.idle()
    await phones.silent()
    [call] = await calls(hub)
    assert (call.outcome, call.ended_by) == (Outcome.TALKED, "visitor")


async def test_a_line_that_is_away_for_long_ends_no_talk_and_leaves_no_phone_ringing(
    hub: Hub, exchange: Asterisk, phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "telephony")
    away, over = asyncio.Event(), asyncio.Event()
    people: dict[str, Sequence[Step]] = {
        "+79161230000": [*ANSWERS, ("until", over), "hang up"],
        "+79161230001": [*ANSWERS, ("until", away), "hang up"],
        "+79161230002": ["ring"],
    }
    async with Deaf(exchange.url) as door:
        told = {"api_url": door.url, "user": exchange.user, "password": exchange.password}
        told["internal"] = "PJSIP/{number}@office"
        await equip(hub, "asterisk", told | {"calls_max": 9}, seats={}, calls_max=9)
        async with working(hub) as telephony:
            await telephony.work()
            await ready(telephony)
            for n, (phone, steps) in enumerate(people.items()):
                phones.on(f"20{n}", ANSWERS)
                phones.on(phone, steps)
                await arrange(hub, script=PLAIN, numbers=(f"20{n}",))
                await wanted(hub, phone, visitor=f"v{n}")
            await telephony.work()
            goes_on, ends, rings = people
            await talking(hub, telephony, goes_on)
            await talking(hub, telephony, ends)
            await phones.rung(rings[1:])

            door.shut = True
            door.cut()
            await said(telephony, "call.unheard", 2, caplog)
            away.set()
            door.shut = False
            await said(telephony, "call.adopted", 1, caplog)
            over.set()
            await telephony.idle()
    await phones.silent()
    made = {each.phone: (each.outcome, each.ended_by) for each in await calls(hub)}
    assert made == {
        goes_on: (Outcome.TALKED, "visitor"),
        ends: (Outcome.DROPPED, ""),
        rings: (Outcome.UNKNOWN, ""),
    }
    assert all(len(phones.rings[phone[1:]]) == 1 for phone in people)


async def said(telephony: Telephony, what: str, n: int, caplog: pytest.LogCaptureFixture) -> None:
    """Returns once the worker has logged that of so many calls."""
    async with asyncio.timeout(WAITS_S):
        while [each.message for each in caplog.records].count(what) < n:
            await asyncio.wait(telephony._running, timeout=0.05)


async def all_there(hub: Hub, people: dict[str, str]) -> bool:
    made = {each.phone: each for each in await calls(hub)}
    return all(phone in made and MOMENTS[name].there(made[phone]) for name, phone in people.items())


async def live(hub: Hub) -> list[Call]:
    return [each for each in await calls(hub) if each.live]


async def ready(telephony: Telephony) -> None:
    for each in telephony._lines.all():
        assert isinstance(each.line, Stasis)
        await until_ready(each.line)


async def dies(telephony: Telephony) -> None:
    """It does nothing more and says nothing, neither to the store nor to Asterisk."""
    listening = [each.listening for each in telephony._lines.all() if each.listening]
    for task in [*telephony._running, *listening]:
        task.cancel()
    for task in [*telephony._running, *listening]:
        with suppress(asyncio.CancelledError):
            await task

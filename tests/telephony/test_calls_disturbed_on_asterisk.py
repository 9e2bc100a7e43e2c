"""Calls on a real Asterisk while others are made, handed over or cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from hub.calls import dialling
from hub.calls.call import Outcome, Party, Wish
from hub.calls.script import Say
from hub.hub import Hub
from hub.model import OperatorId
from telephony.ari.client import Ari
from tests.between import Between
from tests.spine import Clock
from tests.telephony.office import arrange, calls, equip, lead_of, wanted, working
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.cases import (
    ANSWERS,
    BY_VISITOR,
    KEY,
    MAX_S,
    PRESSES,
    QUICK,
    RING_V,
    RINGS,
    STAYS,
    TALKED,
    TALKS,
    VL,
    Case,
    T,
    conduct,
    on_asterisk,
    spoken,
    talking,
    until_dials,
)
from tests.telephony.pbx.phones import Phones, Step
from tests.telephony.pbx.sound import likeness, noise


async def test_a_socket_that_breaks_changes_no_call(
    hub: Hub, exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    broken = asyncio.Event()
    rings: Sequence[Step] = ["ring", ("until", broken), "answer"]
    cases = {
        "while the operator is rung": Case(
            KEY, [*rings, ("wait", 0.2), ("dtmf", "1")], TALKS, TALKED, (*RING_V, VL, T, BY_VISITOR)
        ),
        "while the person is rung": Case(
            KEY, PRESSES, [*rings, ("wait", 2), "hang up"], TALKED, (*RING_V, VL, T, BY_VISITOR)
        ),
        "while they talk": Case(
            KEY, PRESSES, [*ANSWERS, ("until", broken), "hang up"], TALKED, (*RING_V, VL, T)
        ),
    }
    async with Between(exchange.url) as door:
        settings = on_asterisk(exchange) | {"api_url": door.url}
        await equip(hub, "asterisk", settings, seats={}, calls_max=50)
        made = asyncio.create_task(conduct(hub, phones, cases, spoken(tmp_path)))
        await phones.rung("200")
        person = await phones.rung("+79161230001")
        await phones.until(lambda: "ring" in person.did)
        await talking(hub, None, "+79161230002")
        door.cut()
        broken.set()
        found = await made
    assert {name: each.told[: len(cases[name].told)] for name, each in found.items()} == {
        name: list(case.told) for name, case in cases.items()
    }
    # What is heard of the last may have been said while nobody listened.
    assert found["while they talk"].call.outcome in (TALKED, Outcome.DROPPED)


async def test_fifteen_that_are_due_at_once_are_never_more_than_five_calls(
    hub: Hub, exchange: Asterisk, phones: Phones, clock: Clock, tmp_path: Path
) -> None:
    await equip(hub, "asterisk", on_asterisk(exchange, calls_max=5), seats={}, calls_max=50)
    ari = Ari(exchange.url, exchange.user, exchange.password)
    counted: list[int] = []

    async def count() -> None:
        while True:
            channels = await ari.get("channels")
            counted.append(len({each["id"].rpartition("-")[0] for each in channels}))
            await asyncio.sleep(0.02)

    phones_of = [f"+791612300{n:02}" for n in range(15)]
    for n, phone in enumerate(phones_of):
        phones.on(f"{200 + n}", ANSWERS)
        phones.on(phone, TALKS)
        await arrange(hub, script=replace(QUICK, operator_says=Say()), numbers=(f"{200 + n}",))
        await wanted(hub, phone, visitor=f"v{n}")
    async with working(hub) as telephony:
        await until_dials(telephony)
        counting = asyncio.create_task(count())
        async with asyncio.timeout(MAX_S):
            while not all([not (await lead_of(hub, each)).live for each in phones_of]):
                await telephony.work()
                clock.forward(timedelta(seconds=1))
                await asyncio.wait(telephony._running or [counting], timeout=0.1)
        counting.cancel()
    await ari.close()
    await phones.silent()

    assert max(counted) == 5
    leads = [await lead_of(hub, each) for each in phones_of]
    assert {(each.attempts, each.calls, each.cause) for each in leads} == {(1, 1, "talked")}
    assert [len(phones.rings[each[1:]]) for each in phones_of] == [1] * 15


async def test_a_talk_is_handed_to_a_colleague_and_another_is_ended_on_the_screen(
    hub: Hub, exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    said = noise(tmp_path / "said.wav", 9, 3)
    await equip(hub, "asterisk", on_asterisk(exchange), seats={}, calls_max=50)
    phones.on("200", STAYS)
    phones.on("201", STAYS)
    phones.on("700", [*ANSWERS, ("say", said)])
    phones.on(
        "+79161230000", [*ANSWERS, "record", ("until", (heard := asyncio.Event())), "hang up"]
    )
    phones.on("+79161230001", STAYS)
    plain = replace(QUICK, operator_says=Say())
    async with working(hub) as telephony:
        await until_dials(telephony)
        for n in range(2):
            await arrange(hub, script=plain, numbers=(f"20{n}",))
            await wanted(hub, f"+7916123000{n}", visitor=f"v{n}")
        await telephony.work()
        first, second = [await talking(hub, telephony, f"+7916123000{n}") for n in range(2)]
        by = OperatorId("olga")
        over = Wish(id="w1", do="transfer", by=by, to=Party(number="700", name="Pyotr"))
        await dialling.wish(hub.engine, hub.bus, first.id, over)
        await dialling.wish(hub.engine, hub.bus, second.id, Wish(id="w2", do="cancel", by=by))
        await telephony.work()
        await (await phones.rung("200")).ended.wait()
        colleague = await phones.rung("700")
        await phones.until(lambda: "say" in colleague.did)
        await asyncio.wait([asyncio.create_task(colleague.ended.wait())], timeout=0.6)
        heard.set()
        await telephony.idle()
    await phones.silent()
    calls_of = {each.phone[-1]: each for each in await calls(hub)}
    assert (calls_of["0"].outcome, calls_of["0"].ended_by) == (TALKED, "visitor")
    assert (calls_of["1"].outcome, calls_of["1"].ended_by) == (TALKED, "operator")
    assert likeness((await phones.rung("+79161230000")).recording, said) > 0.8


async def test_a_killed_asterisk_loses_no_lead_and_rings_nobody_twice_at_once(
    hub: Hub, exchange: Asterisk, phones: Phones
) -> None:
    await equip(hub, "asterisk", on_asterisk(exchange), seats={}, calls_max=50)
    plain = replace(QUICK, operator_says=Say())
    phones.on("200", STAYS)
    phones.on("201", RINGS)
    phones.on("202", STAYS)
    phones.on("+79161230000", STAYS)
    phones.on("+79161230002", RINGS)
    async with working(hub) as telephony:
        await until_dials(telephony)
        for n in range(3):
            await arrange(hub, script=plain, numbers=(f"20{n}",))
            await wanted(hub, f"+7916123000{n}", visitor=f"v{n}")
        await telephony.work()
        await talking(hub, telephony, "+79161230000")
        await phones.rung("201")
        await phones.rung("+79161230002")
        exchange.kill()
        await asyncio.to_thread(exchange.start)
        await telephony.idle()
        made = {each.phone[-1]: each for each in await calls(hub)}
        assert {n: each.outcome for n, each in made.items()} == {
            "0": Outcome.DROPPED,
            "1": Outcome.ENGINE_ERROR,
            "2": Outcome.UNKNOWN,
        }
        leads = [await lead_of(hub, f"+7916123000{n}") for n in range(3)]
        assert [each.attempts for each in leads] == [1, 0, 1]
        assert all(each.live and each.due_at is not None for each in leads)
        assert all(each.due_at is not None and each.due_at > hub.now() for each in leads)
        await telephony.work()
        await telephony.idle()
        assert len(await calls(hub)) == 3

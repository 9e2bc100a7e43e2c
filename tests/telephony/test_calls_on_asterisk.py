"""Leads that become calls on a real Asterisk: all scenarios, to every end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.script import Say
from hub.hub import Hub
from hub.statuses import Status
from tests.telephony.office import arrange, calls, equip, lead_of, statuses, wanted, working
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.cases import (
    ANSWERS,
    BY_OPERATOR,
    BY_VISITOR,
    CASES,
    CV,
    KEY,
    MAX_S,
    OL,
    RING_O,
    RING_V,
    SHOWN,
    TALKED,
    VL,
    C,
    Case,
    T,
    conduct,
    on_asterisk,
    spoken,
    talking,
)
from tests.telephony.pbx.phones import Phones, Step
from tests.telephony.pbx.sound import likeness, noise


async def test_every_call_ends_as_its_phones_did(
    hub: Hub, exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    await equip(hub, "asterisk", on_asterisk(exchange), seats={}, calls_max=50)
    made = await conduct(hub, phones, CASES, spoken(tmp_path))

    assert {name: (each.call.outcome, each.call.side) for name, each in made.items()} == {
        name: (case.outcome, case.side) for name, case in CASES.items()
    }
    for name, case in CASES.items():
        each = made[name]
        assert each.told[: len(case.told)] == list(case.told), name
        assert all(leg.state == "ended" for leg in each.call.legs), name
        assert each.call.stage == "settled", name
        rung = len(phones.rings[each.visitor.removeprefix("+")])
        assert rung == (1 if CV in case.told else 0), name
    cancelled = [each.lead for name, each in made.items() if "cancelled" in name]
    assert {(each.live, each.status, each.cause) for each in cancelled} == {
        (False, Status.PROCESSED, "cancelled")
    }
    # Whoever was too late was told so; three rounds were three rounds.
    group = made["a group in which the second answers"]
    assert [(await phones.rung(each)).cause for each in group.operators] == [32, 16, 26]
    rounds = made["three rounds"]
    assert len(phones.rings[rounds.operators[0]]) == 3
    assert [each.outcome for each in rounds.call.legs] == [
        *(Outcome.NO_ANSWER, Outcome.BUSY, TALKED, TALKED)
    ]
    codes = {name: each.call.legs[-1].code.split()[0] for name, each in made.items()}
    assert (codes["A, busy"], codes["A, no such number"]) == ("486", "404")
    # Each phone saw the confirmed number; the operator's also whom it is about, the person nobody.
    seen = await phones.rung(made["A, key"].visitor)
    assert (seen.caller, seen.name) == (SHOWN[1:], "")
    seen = await phones.rung(made["A, key"].operators[0])
    assert seen.caller == SHOWN[1:]
    assert made["A, key"].visitor in seen.name


ALIKE = {
    "A, key": ("00", "67"),
    "A, no key": ("06", "67"),
    "A, cancelled in the message": ("07", "67"),
    "A, busy": ("00", "01"),
    "A, no answer": ("00", "02"),
    "A, rejected": ("00", "03"),
    "A, switched off": ("00", "04"),
    "A, no such number": ("00", "05"),
    "A, operator busy": ("01", "67"),
    "A, operator does not answer": ("02", "67"),
    "A, operator rejects": ("03", "67"),
    "A, operator switched off": ("04", "67"),
    "A, no such extension": ("05", "67"),
    "B, the operator ends it": ("00", "67"),
    "C": ("00", "67"),
    "C, no key": ("00", "06"),
    "C, nobody there for the person": ("01", "67"),
    "D": ("00", "67"),
}
"""How the simulator's phones end that do the same, operator's and person's."""


async def test_the_simulator_tells_the_same(hub: Hub) -> None:
    await equip(
        hub, "simulator", {"pace": 20, "talk_s": 2, "calls_max": 50}, seats={}, calls_max=50
    )
    async with working(hub) as telephony:
        for n, (name, (own, person)) in enumerate(ALIKE.items()):
            script = replace(CASES[name].script, ring_s=0.6, visitor_ring_s=0.6, wait_s=0.6)
            await arrange(hub, script=script, numbers=(f"2{n:02}{own}",))
            await wanted(hub, f"+7916123{n:02}{person}", visitor=f"v{n}")
        async with asyncio.timeout(MAX_S):
            while len(await calls(hub)) < len(ALIKE):
                await telephony.work()
            await telephony.idle()
    for n, (name, (_, person)) in enumerate(ALIKE.items()):
        case, lead = CASES[name], await lead_of(hub, f"+7916123{n:02}{person}")
        call = await hub.engine.get(Call, lead.call)
        assert call is not None
        assert (call.outcome, call.side) == (case.outcome, case.side), name
        # Who hangs up in the end is the visitor there.
        alike = [each for each in case.told if each not in (BY_OPERATOR, BY_VISITOR)]
        assert (await statuses(hub, lead))[: len(alike)] == alike, name
        assert call.training


async def test_each_side_hears_what_is_for_it(
    hub: Hub, exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    said, reply = noise(tmp_path / "said.wav", 7), noise(tmp_path / "reply.wav", 8)
    names = ("A", "C", "both")
    talks = {name: asyncio.Event() for name in names}

    def speaks(name: str) -> Sequence[Step]:
        return [*ANSWERS, "record", ("wait", 1.5), ("dtmf", "1"), *joined(name), ("say", said)]

    def joined(name: str) -> Sequence[Step]:
        """That they talk is stored before they are joined."""
        return [("until", talks[name]), ("wait", 0.8)]

    def replies(name: str, *words: Step) -> Sequence[Step]:
        return [*ANSWERS, "record", *joined(name), *words, ("wait", 2), "hang up"]

    told = (*RING_V, VL, T, BY_VISITOR)
    cases = {
        "A": Case(KEY, speaks("A"), replies("A", ("say", reply)), TALKED, told),
        "C": Case(
            C, replies("C", ("say", reply)), speaks("C"), TALKED, (*RING_O, OL, T, BY_OPERATOR)
        ),
        "both": Case(
            replace(KEY, visitor_says=Say(text="visitor")),
            speaks("both"),
            replies("both"),
            TALKED,
            told,
        ),
    }
    await equip(hub, "asterisk", on_asterisk(exchange), seats={}, calls_max=50)

    async def tell(name: str, person: str) -> None:
        await phones.rung(person)
        await talking(hub, None, person)
        talks[name].set()

    async with asyncio.TaskGroup() as group:
        making = group.create_task(conduct(hub, phones, cases, spoken(tmp_path)))
        for n, name in enumerate(names):
            group.create_task(tell(name, f"+791612300{n:02}"))
    made = making.result()

    assert {name: each.told[: len(cases[name].told)] for name, each in made.items()} == {
        name: list(case.told) for name, case in cases.items()
    }
    heard = {
        (name, side): [
            text
            for text in ("operator", "visitor", "said", "reply")
            if likeness((await phones.rung(number)).recording, tmp_path / f"{text}.wav") > 0.8
        ]
        for name, each in made.items()
        for side, number in (("operator", each.operators[0]), ("visitor", each.visitor))
    }
    assert heard == {
        ("A", "operator"): ["operator", "reply"],
        ("A", "visitor"): ["said"],
        ("C", "operator"): ["said"],
        ("C", "visitor"): ["visitor", "reply"],
        ("both", "operator"): ["operator"],
        ("both", "visitor"): ["visitor", "said"],
    }

"""Leads that become calls on a real Asterisk: all scenarios, to every end, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from hub.calls import dialling
from hub.calls.call import Call, Outcome, Party, Wish
from hub.calls.script import Say, Script
from hub.hub import Hub
from hub.lead import Lead
from hub.model import OperatorId
from hub.statuses import Status
from telephony.ari.client import Ari
from telephony.ari.stasis import Stasis
from telephony.voice.sounds import Voice
from telephony.worker import Telephony
from tests.between import Between
from tests.spine import Clock
from tests.telephony.office import arrange, calls, equip, lead_of, statuses, wanted, working
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.legs import until_ready
from tests.telephony.pbx.phones import Phones, Step
from tests.telephony.pbx.sound import likeness, noise

SHOWN = "+74950000000"
MAX_S = 40.0

QUICK = Script(
    ring_s=3,
    visitor_ring_s=3,
    rounds=1,
    pause_s=0.2,
    wait_s=3,
    short_talk_s=0,
    cancel_keys="9",
    operator_says=Say(text="operator"),
)
KEY = replace(QUICK, connect="key")
TWICE = replace(QUICK, repeats=2)
C = replace(
    KEY, first="visitor", cancel_keys="", operator_says=Say(), visitor_says=Say(text="visitor")
)
D = replace(C, connect="message")

ANSWERS: Sequence[Step] = ["ring", ("wait", 0.1), "answer"]
PRESSES: Sequence[Step] = [*ANSWERS, ("wait", 0.3), ("dtmf", "1")]
TALKS: Sequence[Step] = [*ANSWERS, ("wait", 0.8), "hang up"]
STAYS = ANSWERS
RINGS: Sequence[Step] = ["ring"]

CO, OL, CV, VL, T = (
    *("calling_operator", "operator_on_line", "calling_visitor"),
    *("visitor_on_line", "talking"),
)
BY_VISITOR, BY_OPERATOR = "ended_by_visitor", "ended_by_operator"


def refuses(word: str) -> Sequence[Step]:
    return [("hang up", word)]


@dataclass
class Case:
    """What the phones do, and what the dialog says of the call in the end."""

    script: Script
    operator: Sequence[Step]
    visitor: Sequence[Step]
    outcome: Outcome
    told: Sequence[str]
    side: str = ""
    more: Sequence[Sequence[Step]] = field(default_factory=list)
    """Further phones that ring with the operator's."""
    next: Sequence[Sequence[Step]] = field(default_factory=list)
    """What the operator's phone does when it is rung again."""


TALKED = Outcome.TALKED
RING_V, RING_O = (CO, OL, CV), (CV, VL, CO)
CASES = {
    "A, key": Case(KEY, PRESSES, TALKS, TALKED, (*RING_V, VL, T, BY_VISITOR)),
    "A, key while it is said again; the operator ends it": Case(
        KEY,
        [*ANSWERS, ("wait", 1.2), ("dtmf", "1"), ("wait", 1.5), "hang up"],
        STAYS,
        TALKED,
        (*RING_V, VL, T, BY_OPERATOR),
    ),
    "A, wrong key and then the right one": Case(
        KEY,
        [*ANSWERS, ("wait", 0.3), ("dtmf", "5"), ("wait", 0.2), ("dtmf", "1")],
        TALKS,
        TALKED,
        (*RING_V, VL, T, BY_VISITOR),
    ),
    "A, wrong key": Case(
        KEY, [*ANSWERS, ("dtmf", "5")], STAYS, Outcome.NO_KEY, (CO, OL), "operator"
    ),
    "A, no key": Case(KEY, ANSWERS, STAYS, Outcome.NO_KEY, (CO, OL), "operator"),
    "A, cancelled in the message": Case(
        KEY,
        [*ANSWERS, ("wait", 0.3), ("dtmf", "9")],
        STAYS,
        Outcome.CANCELLED,
        (CO, OL),
        "operator",
    ),
    "A, cancelled while the person is rung": Case(
        KEY, [*PRESSES, ("wait", 0.6), ("dtmf", "9")], RINGS, Outcome.CANCELLED, RING_V, "operator"
    ),
    "A, the operator leaves in the message": Case(
        KEY, [*ANSWERS, ("wait", 0.3), "hang up"], STAYS, Outcome.DROPPED, (CO, OL), "operator"
    ),
    "A, the operator leaves while the person is rung": Case(
        KEY, [*PRESSES, ("wait", 0.6), "hang up"], RINGS, Outcome.DROPPED, RING_V, "operator"
    ),
    "A, busy": Case(KEY, PRESSES, refuses("busy"), Outcome.BUSY, RING_V, "visitor"),
    "A, no answer": Case(KEY, PRESSES, RINGS, Outcome.NO_ANSWER, RING_V, "visitor"),
    "A, rejected": Case(KEY, PRESSES, refuses("rejected"), Outcome.REJECTED, RING_V, "visitor"),
    "A, no such number": Case(
        KEY, PRESSES, refuses("unallocated"), Outcome.INVALID_NUMBER, RING_V, "visitor"
    ),
    "A, switched off": Case(KEY, PRESSES, [], Outcome.UNREACHABLE, RING_V, "visitor"),
    "A, operator busy": Case(KEY, refuses("busy"), [], Outcome.BUSY, (CO,), "operator"),
    "A, operator does not answer": Case(KEY, RINGS, [], Outcome.NO_ANSWER, (CO,), "operator"),
    "A, operator rejects": Case(KEY, refuses("rejected"), [], Outcome.REJECTED, (CO,), "operator"),
    "A, no such extension": Case(
        KEY, refuses("unallocated"), [], Outcome.INVALID_NUMBER, (CO,), "operator"
    ),
    "A, operator switched off": Case(KEY, [], [], Outcome.UNREACHABLE, (CO,), "operator"),
    "B, the operator ends it": Case(
        TWICE,
        [*ANSWERS, "record", ("wait", 4), "hang up"],
        STAYS,
        TALKED,
        (*RING_V, VL, T, BY_OPERATOR),
    ),
    "C": Case(C, [*TALKS], PRESSES, TALKED, (*RING_O, OL, T, BY_OPERATOR)),
    "C, no key": Case(C, STAYS, ANSWERS, Outcome.NO_KEY, (CV, VL), "visitor"),
    "C, nobody there for the person": Case(
        C, refuses("busy"), PRESSES, Outcome.BUSY, RING_O, "operator"
    ),
    "D": Case(D, STAYS, [*ANSWERS, ("wait", 3), "hang up"], TALKED, (*RING_O, OL, T, BY_VISITOR)),
    "a group in which the second answers": Case(
        KEY,
        refuses("busy"),
        TALKS,
        TALKED,
        (*RING_V, VL, T, BY_VISITOR),
        more=[["ring", ("wait", 0.4), "answer", ("wait", 0.3), ("dtmf", "1")], RINGS],
    ),
    "three rounds": Case(
        replace(KEY, rounds=3, ring_s=0.8),
        RINGS,
        TALKS,
        TALKED,
        (*RING_V, VL, T, BY_VISITOR),
        next=[refuses("busy"), PRESSES],
    ),
}


@dataclass
class Made:
    lead: Lead
    call: Call
    told: list[str]
    operators: list[str]
    visitor: str


def on_asterisk(exchange: Asterisk, **more: object) -> dict[str, object]:
    return {
        "api_url": exchange.url,
        "user": exchange.user,
        "password": exchange.password,
        "internal": "PJSIP/{number}@office",
        "calls_max": 50,
        **more,
    }


async def until_dials(telephony: Telephony) -> None:
    """The worker has a line, and it is there."""
    await telephony.work()
    for each in telephony._lines.values():
        assert isinstance(each.line, Stasis)
        await until_ready(each.line)


def spoken(folder: Path) -> Voice:
    """Two noises instead of two voices."""
    sounds = {
        text: noise(folder / f"{text}.wav", n, 0.9)
        for n, text in enumerate(("operator", "visitor"))
    }

    async def voice(call: Call, say: Say) -> Path | None:
        return sounds.get(say.text)

    return voice


async def conduct(
    hub: Hub, phones: Phones, cases: Mapping[str, Case], voice: Voice
) -> dict[str, Made]:
    """Makes the calls of all cases at once, each of a person and of operators of its own."""
    leads: dict[str, tuple[str, list[str]]] = {}
    async with working(hub, voice=voice) as telephony:
        await until_dials(telephony)
        for n, (name, case) in enumerate(cases.items()):
            phone, own = f"+791612300{n:02}", f"{200 + n}"
            group = [own, *(f"{300 + 10 * n + each}" for each in range(len(case.more)))]
            phones.on(own, case.operator, *case.next)
            for number, steps in zip(group[1:], case.more, strict=True):
                phones.on(number, steps)
            phones.on(phone, case.visitor)
            await arrange(hub, script=case.script, numbers=tuple(group), shown=SHOWN)
            await wanted(hub, phone, visitor=f"v{n}")
            leads[name] = phone, group
        async with asyncio.timeout(MAX_S):
            while len(await calls(hub)) < len(cases):
                await telephony.work()
            await telephony.idle()
    made = {}
    for name, (phone, group) in leads.items():
        lead = await lead_of(hub, phone)
        call = await hub.engine.get(Call, lead.call)
        assert call is not None
        made[name] = Made(lead, call, await statuses(hub, lead), group, phone)
    await phones.silent()
    return made


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
            KEY, PRESSES, [*rings, ("wait", 0.6), "hang up"], TALKED, (*RING_V, VL, T, BY_VISITOR)
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
    speaks: Sequence[Step] = [*ANSWERS, "record", ("wait", 0.9), ("dtmf", "1"), ("wait", 0.4)]
    speaks = [*speaks, ("say", said)]
    replies: Sequence[Step] = [*ANSWERS, "record", ("wait", 0.3), ("say", reply), ("wait", 1.6)]
    told = (*RING_V, VL, T, BY_VISITOR)
    cases = {
        "A": Case(KEY, speaks, [*replies, "hang up"], TALKED, told),
        "C": Case(C, [*replies, "hang up"], speaks, TALKED, (*RING_O, OL, T, BY_OPERATOR)),
        "both": Case(
            replace(KEY, visitor_says=Say(text="visitor")),
            [*speaks, ("wait", 1.6), ("say", said)],
            [*ANSWERS, "record", ("wait", 3), "hang up"],
            TALKED,
            told,
        ),
    }
    await equip(hub, "asterisk", on_asterisk(exchange), seats={}, calls_max=50)
    made = await conduct(hub, phones, cases, spoken(tmp_path))

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


async def talking(hub: Hub, telephony: Telephony | None, phone: str) -> Call:
    async with asyncio.timeout(MAX_S):
        while True:
            lead = await lead_of(hub, phone)
            call = await hub.engine.get(Call, lead.call) if lead.call else None
            if call is not None and call.status is Status.TALKING:
                return call
            if telephony is None:
                await asyncio.sleep(0.02)
            else:
                await asyncio.wait(telephony._running, timeout=0.05)


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

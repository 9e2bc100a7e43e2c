"""What the phones of a real Asterisk do in a call, and the calls that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.calls.script import Say, Script
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.statuses import Status
from telephony.ari.stasis import Stasis
from telephony.voice.sounds import Voice
from telephony.worker import Telephony
from tests.telephony.office import arrange, calls, lead_of, statuses, wanted, working
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.legs import until_ready
from tests.telephony.pbx.phones import Phones, Step
from tests.telephony.pbx.sound import noise

SHOWN = "+74950000000"
MAX_S = 90.0

# Whoever answers or presses has the time of a machine that is busy; where nobody does, `BRIEF`.
QUICK = Script(
    ring_s=20,
    visitor_ring_s=20,
    rounds=1,
    pause_s=0.2,
    wait_s=10,
    short_talk_s=0,
    cancel_keys="9",
    operator_says=Say(text="operator"),
)
KEY = replace(QUICK, connect="key")
BRIEF = replace(KEY, ring_s=3, wait_s=3)
BRIEF_V = replace(KEY, visitor_ring_s=3)
TWICE = replace(QUICK, repeats=2)
C = replace(
    KEY, first="visitor", cancel_keys="", operator_says=Say(), visitor_says=Say(text="visitor")
)
BRIEF_C = replace(C, wait_s=3)
D = replace(C, connect="message")

ANSWERS: Sequence[Step] = ["ring", ("wait", 0.1), "answer"]
PRESSES: Sequence[Step] = [*ANSWERS, ("wait", 0.3), ("dtmf", "1")]
TALKS: Sequence[Step] = [*ANSWERS, ("wait", 2), "hang up"]
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
        [*ANSWERS, ("wait", 1.2), ("dtmf", "1"), ("wait", 4), "hang up"],
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
        BRIEF, [*ANSWERS, ("dtmf", "5")], STAYS, Outcome.NO_KEY, (CO, OL), "operator"
    ),
    "A, no key": Case(BRIEF, ANSWERS, STAYS, Outcome.NO_KEY, (CO, OL), "operator"),
    "A, cancelled in the message": Case(
        KEY,
        [*ANSWERS, ("wait", 0.3), ("dtmf", "9")],
        STAYS,
        Outcome.CANCELLED,
        (CO, OL),
        "operator",
    ),
    "A, cancelled while the person is rung": Case(
        KEY, [*PRESSES, ("wait", 2), ("dtmf", "9")], RINGS, Outcome.CANCELLED, RING_V, "operator"
    ),
    "A, the operator leaves in the message": Case(
        KEY, [*ANSWERS, ("wait", 0.3), "hang up"], STAYS, Outcome.DROPPED, (CO, OL), "operator"
    ),
    "A, the operator leaves while the person is rung": Case(
        KEY, [*PRESSES, ("wait", 2), "hang up"], RINGS, Outcome.DROPPED, RING_V, "operator"
    ),
    "A, busy": Case(KEY, PRESSES, refuses("busy"), Outcome.BUSY, RING_V, "visitor"),
    "A, no answer": Case(BRIEF_V, PRESSES, RINGS, Outcome.NO_ANSWER, RING_V, "visitor"),
    "A, rejected": Case(KEY, PRESSES, refuses("rejected"), Outcome.REJECTED, RING_V, "visitor"),
    "A, no such number": Case(
        KEY, PRESSES, refuses("unallocated"), Outcome.INVALID_NUMBER, RING_V, "visitor"
    ),
    "A, switched off": Case(BRIEF_V, PRESSES, [], Outcome.UNREACHABLE, RING_V, "visitor"),
    "A, operator busy": Case(KEY, refuses("busy"), [], Outcome.BUSY, (CO,), "operator"),
    "A, operator does not answer": Case(BRIEF, RINGS, [], Outcome.NO_ANSWER, (CO,), "operator"),
    "A, operator rejects": Case(KEY, refuses("rejected"), [], Outcome.REJECTED, (CO,), "operator"),
    "A, no such extension": Case(
        KEY, refuses("unallocated"), [], Outcome.INVALID_NUMBER, (CO,), "operator"
    ),
    "A, operator switched off": Case(BRIEF, [], [], Outcome.UNREACHABLE, (CO,), "operator"),
    "B, the operator ends it": Case(
        TWICE,
        [*ANSWERS, "record", ("wait", 6), "hang up"],
        STAYS,
        TALKED,
        (*RING_V, VL, T, BY_OPERATOR),
    ),
    "C": Case(C, [*TALKS], PRESSES, TALKED, (*RING_O, OL, T, BY_OPERATOR)),
    "C, no key": Case(BRIEF_C, STAYS, ANSWERS, Outcome.NO_KEY, (CV, VL), "visitor"),
    "C, nobody there for the person": Case(
        C, refuses("busy"), PRESSES, Outcome.BUSY, RING_O, "operator"
    ),
    "D": Case(D, STAYS, [*ANSWERS, ("wait", 6), "hang up"], TALKED, (*RING_O, OL, T, BY_VISITOR)),
    "a group in which the second answers": Case(
        KEY,
        refuses("busy"),
        TALKS,
        TALKED,
        (*RING_V, VL, T, BY_VISITOR),
        more=[["ring", ("wait", 0.4), "answer", ("wait", 0.3), ("dtmf", "1")], RINGS],
    ),
    "three rounds": Case(
        replace(KEY, rounds=3, ring_s=3),
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
    for each in telephony._lines.all():
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

"""Legs on a real Asterisk, with another as the phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.calls.call import Outcome
from hub.calls.trunk import Answered, LineError, Played, Pressed, Ringing
from hub.errors import CredentialsError, RejectedError, TransientError
from telephony.ari.stasis import Stasis
from tests.ports import free_port
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.legs import Heard, serving, trunk
from tests.telephony.pbx.phones import Phones
from tests.telephony.pbx.sound import likeness, noise
from tests.telephony.pbx.wire import Wire, listening

MANAGER, VISITOR = "101", "+79161234501"
KEY = "0123456789abcdef"


@pytest.fixture
def line(exchange: Asterisk) -> Stasis:
    return trunk(exchange).line("w1")


@pytest.fixture
async def heard(line: Stasis) -> AsyncIterator[Heard]:
    async with serving(line) as heard:
        yield heard


@pytest.fixture
async def wire(wire_port: int) -> AsyncIterator[Wire]:
    wire = await listening(wire_port)
    yield wire
    wire.close()


async def ring(line: Stasis, leg: str, number: str, ring_s: float = 5, **told: str) -> None:
    shown, display = told.get("shown", "+74950000000"), told.get("display", "")
    await line.dial(leg, number, shown=shown, display=display, ring_s=ring_s, limit_s=60)


async def test_two_who_answer_hear_each_other_until_one_hangs_up(
    line: Stasis, heard: Heard, phones: Phones, tmp_path: Path
) -> None:
    said, answer = (noise(tmp_path / f"{n}.wav", n) for n in (1, 2))
    # It lasts longer than anybody takes to press a key.
    message = noise(tmp_path / "0.wav", 0, 6)
    joined = asyncio.Event()
    phones.on(
        MANAGER,
        ["ring", "answer", "record", ("wait", 1), ("dtmf", "1"), ("until", joined), ("say", said)],
    )
    phones.on(
        VISITOR,
        ["ring", "answer", "record", ("until", joined), ("say", answer), ("wait", 2.2), "hang up"],
    )

    await ring(line, f"{KEY}-o1", MANAGER)
    await heard.first(f"{KEY}-o1", Answered)
    await line.play(f"{KEY}-o1", f"{KEY}-p1", message)
    assert (await heard.first(f"{KEY}-o1", Pressed)).digit == "1"
    await line.hush(f"{KEY}-o1", f"{KEY}-p1")
    await line.play(f"{KEY}-o1", f"{KEY}-p2", None)
    await ring(line, f"{KEY}-v1", VISITOR)
    await heard.first(f"{KEY}-v1", Answered)
    await line.hush(f"{KEY}-o1", f"{KEY}-p2")
    await line.join(f"{KEY}-b", [f"{KEY}-o1", f"{KEY}-v1"])
    await line.record(f"{KEY}-b", f"{KEY}-r")
    joined.set()
    gone = await heard.gone(f"{KEY}-v1")
    assert (gone.outcome, gone.by_far) == (Outcome.TALKED, True)
    await line.hang_up(f"{KEY}-o1", Outcome.TALKED)
    gone = await heard.gone(f"{KEY}-o1")
    assert (gone.outcome, gone.by_far) == (Outcome.TALKED, False)
    await line.part(f"{KEY}-b")
    for _ in range(2):
        assert await line.recorded(f"{KEY}-r", tmp_path / "kept.wav"), "it stays until it is kept"
    for _ in range(2):
        await line.forget(f"{KEY}-r")
    assert not await line.recorded(f"{KEY}-r", tmp_path / "again.wav")

    assert heard.sorts(f"{KEY}-o1") == ["Ringing", "Answered", "Pressed", "Gone"]
    assert heard.sorts(f"{KEY}-v1") == ["Ringing", "Answered", "Gone"]
    await phones.silent()
    manager, visitor = await phones.rung(MANAGER), await phones.rung(VISITOR)
    assert likeness(manager.recording, message) > 0.9
    assert likeness(manager.recording, answer) > 0.9
    assert likeness(visitor.recording, said) > 0.9
    assert likeness(visitor.recording, message) < 0.2
    # Both talk at once there, and of what is unlike it finds 0.13 at most.
    assert likeness(tmp_path / "kept.wav", said) > 0.3


CODES = {
    403: Outcome.REJECTED,
    404: Outcome.INVALID_NUMBER,
    408: Outcome.UNREACHABLE,
    410: Outcome.INVALID_NUMBER,
    480: Outcome.NO_ANSWER,
    483: Outcome.PROVIDER_REFUSED,
    484: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    488: Outcome.PROVIDER_REFUSED,
    500: Outcome.CONGESTION,
    502: Outcome.UNREACHABLE,
    503: Outcome.CONGESTION,
    504: Outcome.UNREACHABLE,
    600: Outcome.BUSY,
    603: Outcome.REJECTED,
    604: Outcome.INVALID_NUMBER,
}


async def test_each_word_of_a_network_has_its_outcome(exchange: Asterisk, wire: Wire) -> None:
    line = trunk(exchange, trunk="PJSIP/{number}@wire").line("w1")
    async with serving(line) as heard:
        for code in CODES:
            await ring(line, f"{KEY}-v{code}", f"+79160000{code}", ring_s=20)
        await ring(line, f"{KEY}-v180", "+79160000180", ring_s=1)
        await ring(line, f"{KEY}-v001", "+79160001180", ring_s=0.1)
        await ring(line, f"{KEY}-v000", "+79160000000", ring_s=20)
        await heard.first(f"{KEY}-v180", Ringing)
        await line.hang_up(f"{KEY}-v180", Outcome.NO_ANSWER)
        found = {code: await heard.gone(f"{KEY}-v{code}") for code in CODES}
        hung_up = await heard.gone(f"{KEY}-v180")
        # Nobody hangs these up: one rings until Asterisk itself ends it, one address is dead.
        rang_out, silent = await heard.gone(f"{KEY}-v001"), await heard.gone(f"{KEY}-v000")

    assert {code: each.outcome for code, each in found.items()} == CODES
    assert {code: each.code.split()[0] for code, each in found.items()} == {
        code: str(code) for code in CODES
    }
    assert not any(each.by_far for each in found.values())
    assert hung_up.outcome is Outcome.NO_ANSWER
    assert "79160000180" in wire.cancelled
    assert rang_out.outcome is Outcome.NO_ANSWER
    assert silent.outcome is Outcome.UNREACHABLE


async def test_each_phone_sees_who_calls_and_nothing_of_the_other(
    exchange: Asterisk, wire: Wire
) -> None:
    for plus, seen in ((False, "74950000000"), (True, "+74950000000")):
        line = trunk(exchange, trunk="PJSIP/{number}@wire", plus=plus).line("w1")
        async with serving(line) as heard:
            number = f"+7916{int(plus)}000486"
            display = 'Иван "Й" <sip:1@x>;a=b\r\nX-Evil: 1 +7 916 000-00-00'
            await ring(line, f"{KEY}-v1", number, display=display)
            await heard.gone(f"{KEY}-v1")
        invite = wire.invites[number[1:]]
        assert f"<sip:{seen}@127.0.0.1" in next(
            each for each in invite.split("\r\n") if each.startswith("From:")
        )
        assert "X-Evil: 1\r\n" not in invite
        assert not any(each.startswith("X-Evil") for each in invite.split("\r\n"))
        assert 'From: "Иван Й sip 1 x a b X-Evil 1 +7 916 000-00-00"' in invite


async def test_whoever_is_too_late_is_told_that_another_answered(
    line: Stasis, heard: Heard, phones: Phones
) -> None:
    phones.on("101", ["ring"])
    phones.on("102", ["ring", ("wait", 0.2), "answer"])
    phones.on("103", [("hang up", "busy")])
    for n, number in enumerate(("101", "102", "103"), 1):
        await ring(line, f"{KEY}-o{n}", number)
    await heard.first(f"{KEY}-o2", Answered)
    assert (await heard.gone(f"{KEY}-o3")).outcome is Outcome.BUSY
    await line.hang_up(f"{KEY}-o1", Outcome.CANCELLED)
    assert (await heard.gone(f"{KEY}-o1")).outcome is Outcome.CANCELLED
    await line.hang_up(f"{KEY}-o2", Outcome.TALKED)
    await heard.gone(f"{KEY}-o2")
    await phones.silent()
    assert (await phones.rung("101")).cause == 26
    assert (await phones.rung("102")).cause == 16


async def test_keys_are_pressed_for_the_phone_that_answered(
    line: Stasis, heard: Heard, phones: Phones
) -> None:
    phones.on(VISITOR, ["answer"])
    await ring(line, f"{KEY}-v1", VISITOR)
    await heard.first(f"{KEY}-v1", Answered)
    await line.press(f"{KEY}-v1", ",12*,#")
    there = await phones.rung(VISITOR)
    await phones.until(lambda: there.pressed == "12*#")
    await line.hang_up(f"{KEY}-v1", Outcome.CANCELLED)
    await heard.gone(f"{KEY}-v1")


async def test_a_leg_that_nobody_ended_was_dropped_or_had_its_time(
    exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    line = trunk(exchange, internal="PJSIP/{number}@brittle").line("w1")
    phones.on("101", ["answer", ("say", noise(tmp_path / "a.wav", 1, 0.3))])
    phones.on(VISITOR, ["answer"])
    async with serving(line) as heard:
        await ring(line, f"{KEY}-o1", "101")
        await line.dial(f"{KEY}-v1", VISITOR, shown="", display="", ring_s=5, limit_s=1.5)
        # Its network vanished: it says nothing any more.
        gone = await heard.gone(f"{KEY}-o1")
        assert (gone.outcome, gone.by_far) == (Outcome.DROPPED, False)
        gone = await heard.gone(f"{KEY}-v1")
        assert (gone.outcome, gone.by_far) == (Outcome.TIME_LIMIT, False)


async def test_what_cannot_be_played_says_so_once(
    line: Stasis, heard: Heard, phones: Phones, tmp_path: Path
) -> None:
    phones.on(MANAGER, ["answer"])
    await ring(line, f"{KEY}-o1", MANAGER)
    await heard.first(f"{KEY}-o1", Answered)
    await line.play(f"{KEY}-o1", f"{KEY}-p1", tmp_path / "nothing.wav")
    assert not (await heard.first(f"{KEY}-o1", Played)).whole
    await line.play(f"{KEY}-o1", f"{KEY}-p2", noise(tmp_path / "short.wav", 1, 0.2))
    await heard.until(lambda: len(heard.all(f"{KEY}-o1", Played)) == 2)
    await line.hang_up(f"{KEY}-o1", Outcome.CANCELLED)
    await heard.gone(f"{KEY}-o1")
    assert [(each.id, each.whole) for each in heard.all(f"{KEY}-o1", Played)] == [
        (f"{KEY}-p1", False),
        (f"{KEY}-p2", True),
    ]


async def test_a_leg_is_dialled_once(
    exchange: Asterisk, line: Stasis, heard: Heard, phones: Phones
) -> None:
    phones.on(MANAGER, ["ring"])
    await ring(line, f"{KEY}-o1", MANAGER)
    await heard.first(f"{KEY}-o1", Ringing)
    with pytest.raises(LineError, match="dialled already"):
        await ring(line, f"{KEY}-o1", MANAGER)
    other = trunk(exchange).line("w2")
    async with serving(other):
        with pytest.raises(LineError, match="dialled already"):
            await ring(other, f"{KEY}-o1", MANAGER)
    assert len(phones.rings[MANAGER]) == 1
    await line.hang_up(f"{KEY}-o1", Outcome.CANCELLED)
    await heard.gone(f"{KEY}-o1")


async def test_a_phone_that_is_not_registered_is_unreachable_at_once(exchange: Asterisk) -> None:
    line = trunk(exchange, internal="PJSIP/{number}@noaor", trunk="PJSIP/{number}@nobody").line("w")
    async with serving(line) as heard:
        with pytest.raises(LineError) as away:
            await ring(line, f"{KEY}-o1", MANAGER)
        with pytest.raises(LineError) as unknown:
            await ring(line, f"{KEY}-v1", VISITOR)
        assert heard.of == {}
    assert away.value.outcome is Outcome.UNREACHABLE
    assert unknown.value.outcome is Outcome.ENGINE_ERROR


async def test_whoever_is_gone_is_no_error(
    line: Stasis, heard: Heard, phones: Phones, tmp_path: Path
) -> None:
    phones.on(MANAGER, ["answer", "hang up"])
    phones.on(VISITOR, ["answer"])
    await ring(line, f"{KEY}-o1", MANAGER)
    await heard.gone(f"{KEY}-o1")
    await line.play(f"{KEY}-o1", f"{KEY}-p1", None)
    await line.hush(f"{KEY}-o1", f"{KEY}-p1")
    await line.press(f"{KEY}-o1", "1")
    await line.hang_up(f"{KEY}-o1", Outcome.CANCELLED)
    await line.part(f"{KEY}-b")
    await line.record(f"{KEY}-b", f"{KEY}-r")
    await ring(line, f"{KEY}-v1", VISITOR)
    await heard.first(f"{KEY}-v1", Answered)
    await line.join(f"{KEY}-b", [f"{KEY}-o1", f"{KEY}-v1"])
    assert await line.sweep(KEY) == 1
    assert (await heard.gone(f"{KEY}-v1")).by_far is False
    assert await line.sweep(KEY) == 0


async def test_another_worker_goes_on_with_a_talk(
    exchange: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    said = noise(tmp_path / "said.wav", 5)
    adopted = asyncio.Event()
    phones.on(MANAGER, ["answer", ("until", adopted), ("say", said)])
    phones.on(VISITOR, ["answer", "record", ("until", adopted), ("wait", 1.5), "hang up"])
    legs = [f"{KEY}-o1", f"{KEY}-v1"]
    before, after = trunk(exchange).line("w1"), trunk(exchange).line("w2")
    async with serving(before) as heard:
        for leg, number in zip(legs, (MANAGER, VISITOR), strict=True):
            await ring(before, leg, number)
            await heard.first(leg, Answered)
        await before.join(f"{KEY}-b", legs)
    async with serving(after) as heard:
        assert await after.adopt(legs)
        adopted.set()
        gone = await heard.gone(legs[1])
        assert (gone.outcome, gone.by_far) == (Outcome.TALKED, True)
        assert not await after.adopt(legs)
        await after.sweep(KEY)
    await phones.silent()
    assert likeness((await phones.rung(VISITOR)).recording, said) > 0.8


async def test_whoever_takes_over_is_heard_by_every_visitor(
    line: Stasis, heard: Heard, phones: Phones, tmp_path: Path
) -> None:
    said = noise(tmp_path / "said.wav", 3)

    async def hand_over(n: int) -> float:
        key = f"{KEY[:-1]}{n}"
        before, visitor, after = f"{key}-o1", f"{key}-v1", f"{key}-o2"
        phones.on(f"20{n}", ["answer"])
        phones.on(f"+7916123450{n}", ["answer", "record"])
        phones.on(f"70{n}", ["answer", ("say", said), ("wait", 1.3), "hang up"])
        for leg, number in ((before, f"20{n}"), (visitor, f"+7916123450{n}")):
            await ring(line, leg, number)
            await heard.first(leg, Answered)
        await line.join(f"{key}-b", [before, visitor])
        await ring(line, after, f"70{n}")
        await heard.first(after, Answered)
        await line.join(f"{key}-b", [after])
        await line.hang_up(before, Outcome.TALKED)
        await heard.gone(after)
        await line.sweep(key)
        await heard.gone(visitor)
        there = await phones.rung(f"+7916123450{n}")
        await phones.silent()
        return likeness(there.recording, said)

    found = await asyncio.gather(*(hand_over(n) for n in range(6)))
    assert min(found) > 0.8


async def test_a_recording_for_which_there_is_no_room_stays_where_it_was(
    line: Stasis, heard: Heard, phones: Phones, tmp_path: Path
) -> None:
    phones.on(
        MANAGER, ["answer", ("say", noise(tmp_path / "a.wav", 1, 0.5)), ("wait", 1), "hang up"]
    )
    await ring(line, f"{KEY}-o1", MANAGER)
    await heard.first(f"{KEY}-o1", Answered)
    await line.join(f"{KEY}-b", [f"{KEY}-o1"])
    await line.record(f"{KEY}-b", f"{KEY}-r")
    await heard.gone(f"{KEY}-o1")
    await line.part(f"{KEY}-b")
    with pytest.raises(LineError, match="No such file"):
        await line.recorded(f"{KEY}-r", tmp_path / "no such" / "kept.wav")
    assert await line.recorded(f"{KEY}-r", tmp_path / "kept.wav")
    assert [each.name for each in tmp_path.iterdir() if "kept" in each.name] == ["kept.wav"]


async def test_a_test_of_the_trunk_says_what_is_wrong(
    exchange: Asterisk, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await trunk(exchange).account()).name.startswith("Asterisk ")
    assert "+" not in (await trunk(exchange).account()).name
    with pytest.raises(CredentialsError):
        await trunk(exchange, password="wrong").account()
    with pytest.raises(RejectedError) as refused:
        await trunk(exchange, trunk="PJSIP/{number}@nobody").account()
    assert refused.value.reason == "no_endpoint"
    with pytest.raises(TransientError):
        await trunk(exchange, api_url=f"http://127.0.0.1:{free_port()}").account()
    assert exchange.password not in caplog.text

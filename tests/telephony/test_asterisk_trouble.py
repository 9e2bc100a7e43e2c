"""What the line makes of an Asterisk that is cut off, killed, taken over or says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.calls.call import Outcome
from hub.calls.trunk import Answered, Gone, LineError, Played, Pressed, Ringing
from hub.keeping.keys import Keys
from telephony.ari.client import Ari, AriError
from telephony.ari.stasis import Stasis
from telephony.asterisk import Asterisk as Kind
from telephony.asterisk import Dialled
from tests.between import Between
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.legs import serving, trunk, until_ready
from tests.telephony.pbx.phones import Phones
from tests.telephony.pbx.sound import noise

KEY = "0123456789abcdef"


@pytest.fixture
async def door(exchange: Asterisk) -> AsyncIterator[Between]:
    async with Between(exchange.url) as door:
        yield door


async def ring(line: Stasis, leg: str, number: str) -> None:
    await line.dial(leg, number, shown="+74950000000", display="", ring_s=8, limit_s=60)


async def test_what_happened_while_the_socket_was_cut_is_told_after_it(
    exchange: Asterisk, door: Between, phones: Phones, tmp_path: Path
) -> None:
    line = trunk(exchange, api_url=door.url).line("w1")
    cut, back = asyncio.Event(), asyncio.Event()
    phones.on("101", ["ring", ("until", cut), "answer", ("until", back), ("dtmf", "7")])
    phones.on("102", ["ring", "answer", ("until", cut), "hang up"])
    phones.on("103", ["ring", ("until", cut), ("hang up", "busy")])
    phones.on("104", ["answer"])
    phones.on("105", [("until", cut), "ring"])
    answers, leaves, declines, hears, late = (f"{KEY}-o{n}" for n in range(1, 6))
    async with serving(line) as heard:
        for n in range(1, 6):
            await ring(line, f"{KEY}-o{n}", f"10{n}")
        await heard.first(answers, Ringing)
        await heard.first(declines, Ringing)
        await heard.first(leaves, Answered)
        await heard.first(hears, Answered)
        await phones.rung("105")
        await line.play(hears, f"{KEY}-p1", noise(tmp_path / "said.wav", 1, 0.5))
        await line.play(answers, f"{KEY}-p2", None)
        door.shut = True
        door.cut()
        await until_ready(line, is_so=False)
        with pytest.raises(LineError, match="away"):
            await ring(line, f"{KEY}-o9", "109")
        cut.set()
        await (await phones.rung("102")).ended.wait()
        await (await phones.rung("103")).ended.wait()
        await played_out(exchange)
        assert not any(isinstance(each, Gone) for each in heard.of[leaves])
        door.shut = False
        await until_ready(line)

        await heard.first(answers, Answered)
        gone = await heard.gone(leaves)
        assert (gone.outcome, gone.by_far, gone.code) == (Outcome.DROPPED, False, "gap")
        assert (await heard.gone(declines)).outcome is Outcome.UNKNOWN
        assert (await heard.first(hears, Played)).id == f"{KEY}-p1"
        await heard.first(late, Ringing)
        back.set()
        assert (await heard.first(answers, Pressed)).digit == "7"
        assert heard.lost == 0
        assert await line.sweep(KEY) == 3
        for leg in (answers, hears, late):
            await heard.gone(leg)
        assert all(len(heard.all(each, Gone)) == 1 for each in heard.of)


async def played_out(exchange: Asterisk) -> None:
    """Returns when the message of the test has come to its end there."""
    ari = Ari(exchange.url, exchange.user, exchange.password)
    mark = trunk(exchange).line("w1")._prefix
    try:
        async with asyncio.timeout(60):
            while await is_there(ari, f"playbacks/{mark}{KEY}-o4.{KEY}-p1"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await ari.close()


async def is_there(ari: Ari, path: str) -> bool:
    try:
        await ari.get(path)
    except AriError as error:
        if error.status != 404:
            raise
        return False
    return True


async def test_a_killed_asterisk_has_lost_every_call_and_serves_again_after_its_start(
    exchange: Asterisk, phones: Phones
) -> None:
    phones.on("101", ["ring", "answer"])
    line = trunk(exchange).line("w1")
    async with serving(line) as heard:
        await ring(line, f"{KEY}-o1", "101")
        await heard.first(f"{KEY}-o1", Answered)
        exchange.kill()
        await until_ready(line, is_so=False)
        with pytest.raises(LineError):
            await ring(line, f"{KEY}-o2", "101")
        await asyncio.to_thread(exchange.start)
        await until_ready(line)
        assert heard.lost == 1
        assert heard.sorts(f"{KEY}-o1") == ["Ringing", "Answered"]
        await ring(line, f"{KEY}-o3", "101")
        await heard.first(f"{KEY}-o3", Answered)
        await line.hang_up(f"{KEY}-o3", Outcome.CANCELLED)
        await heard.gone(f"{KEY}-o3")


async def test_what_is_away_for_long_has_lost_every_call(
    exchange: Asterisk, door: Between, phones: Phones
) -> None:
    kind = trunk(exchange, api_url=door.url)
    line = Stasis(kind.ari(), Dialled(kind.settings), mark="m", worker="w1", patience_s=0.2)
    phones.on("101", ["ring", "answer"])
    async with serving(line) as heard:
        await ring(line, f"{KEY}-o1", "101")
        await heard.first(f"{KEY}-o1", Answered)
        door.shut = True
        door.cut()
        await heard.until(lambda: heard.lost == 1)
        with pytest.raises(LineError):
            await line.sweep(KEY)
        door.shut = False
        await until_ready(line)
        # What could not be let go of then is now.
        await (await phones.rung("101")).ended.wait()
        assert await line.sweep(KEY) == 0
        assert heard.lost == 1


async def test_whose_socket_is_taken_gives_up_its_calls_and_begins_anew(
    exchange: Asterisk, phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    phones.on("101", ["ring", "answer"])
    line = trunk(exchange).line("w1")
    thief = Ari(exchange.url, exchange.user, exchange.password)
    async with serving(line) as heard:
        await ring(line, f"{KEY}-o1", "101")
        await heard.first(f"{KEY}-o1", Answered)
        taken = line._app
        stolen = thief.events(taken)
        assert await anext(stolen) == {}
        await heard.until(lambda: heard.lost == 1)
        await until_ready(line, is_so=False)
        await until_ready(line)
        assert line._app != taken
        assert await line.sweep(KEY) == 1
        await (await phones.rung("101")).ended.wait()
        await ring(line, f"{KEY}-o2", "101")
        await heard.first(f"{KEY}-o2", Answered)
        await line.hang_up(f"{KEY}-o2", Outcome.CANCELLED)
        await heard.gone(f"{KEY}-o2")
        assert heard.lost == 1
        await stolen.aclose()
    await thief.close()
    assert "took over" in caplog.text


async def test_two_hubs_with_the_same_call_do_not_touch_each_other(
    exchange: Asterisk, phones: Phones
) -> None:
    phones.on("101", ["ring"])
    ours = trunk(exchange)
    theirs = Kind(ours.id, ours.settings, Keys(b"another hub's key of 32 bytes!!!"))
    line, other = ours.line("w1"), theirs.line("w1")
    async with serving(line) as heard, serving(other) as also:
        await ring(line, f"{KEY}-o1", "101")
        await ring(other, f"{KEY}-o1", "101")
        await heard.first(f"{KEY}-o1", Ringing)
        await also.first(f"{KEY}-o1", Ringing)
        assert await other.sweep(KEY) == 1
        await also.gone(f"{KEY}-o1")
        assert heard.sorts(f"{KEY}-o1") == ["Ringing"]
        assert await line.sweep(KEY) == 1

"""An Asterisk of which every answer is written down, and what no real one is known to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.calls.call import Outcome
from hub.calls.trunk import Answered, AnyLegEvent, Gone, LineError, Ringing
from hub.channels.port import Hook
from hub.errors import SignatureError
from hub.keeping.secrets import secret_fields
from hub.model import ChannelId
from telephony.ari.client import Ari, AriError
from telephony.ari.hearing import HEARD, Hearing, Leg
from telephony.ari.stasis import Stasis
from telephony.asterisk import Asterisk, AsteriskSettings, Dialled
from tests.telephony.pbx.legs import KEYS, Heard, serving, until_ready

LEG = "0123456789abcdef-o1"
PASSWORD = "a-long-secret-of-the-exchange"
GIVEN = AsteriskSettings(
    api_url="http://127.0.0.1:1", user="hub", password=PASSWORD, calls_per_second=50
)


class Written:
    """`answers` are statuses by verb, the last for ever; 0 is no answer at all."""

    def __init__(self) -> None:
        self.answers: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self._sockets: list[web.WebSocketResponse] = []

    async def take(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/ari/")
        if path == "events":
            return await self._serve(request)
        verb = f"{request.method} {path.rpartition('/')[2]}"
        verb = request.method if request.method == "DELETE" else verb
        self.asked.append(verb)
        told = self.answers.get(verb, [200])
        status = told[0] if len(told) == 1 else told.pop(0)
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        if path == "channels/create" and status == 200:
            await self.say(type="StasisStart", channel={"id": (await request.json())["channelId"]})
        if path == "asterisk/info":
            return web.json_response({"status": {"startup_time": "x"}})
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.json_response({"message": "Said"}, status=status, headers=headers)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if status := self.answers.get("socket", [0])[0]:
            return web.Response(status=status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        async for _ in socket:
            pass
        return socket

    async def say(self, **event: Any) -> None:
        await self.write(msgspec.json.encode(event).decode())

    async def write(self, text: str) -> None:
        for each in self._sockets:
            await each.send_str(text)


@asynccontextmanager
async def written() -> AsyncIterator[tuple[Written, Stasis, Heard]]:
    there = Written()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", there.take)
    async with TestServer(app) as server:
        ari = Ari(str(server.make_url("")), "hub", PASSWORD, seconds=0.5)
        line = Stasis(ari, Dialled(GIVEN), mark="m", worker="w")
        async with serving(line) as heard:
            there.asked.clear()
            yield there, line, heard


async def ring(line: Stasis, number: str = "+79161234567") -> None:
    await line.dial(LEG, number, shown="", display="", ring_s=5, limit_s=60)


@pytest.mark.parametrize("status", [0, 302, 400, 401, 403, 409, 500, 503])
async def test_a_leg_that_is_not_made_rings_nobody(status: int) -> None:
    async with written() as (there, line, heard):
        there.answers = {"POST create": [status], f"GET otklik.m.{LEG}": [404]}
        with pytest.raises(LineError) as refused:
            await ring(line)
        assert refused.value.outcome is Outcome.ENGINE_ERROR
        assert "POST dial" not in there.asked
        assert ("DELETE" in there.asked) is (status == 0)
        assert PASSWORD not in str(refused.value)
        assert heard.of == {}
        # It may be dialled again under the same name: nothing of it is left here.
        there.answers = {}
        await ring(line)
        assert there.asked.count("POST dial") == 1


@pytest.mark.parametrize("status", [409, 500])
async def test_an_extension_that_cannot_be_made_is_a_phone_that_is_off(status: int) -> None:
    async with written() as (there, line, _):
        there.answers = {"POST create": [status], f"GET otklik.m.{LEG}": [404]}
        with pytest.raises(LineError) as refused:
            await ring(line, "101")
        assert refused.value.outcome is Outcome.UNREACHABLE


async def test_a_leg_of_which_it_is_not_known_whether_it_rings_is_ended() -> None:
    async with written() as (there, line, _):
        there.answers = {"POST dial": [0]}
        with pytest.raises(LineError) as refused:
            await ring(line)
        assert there.asked == ["POST create", "POST dial", "DELETE"]
        assert refused.value.outcome is Outcome.ENGINE_ERROR
        there.answers = {"POST dial": [0], "DELETE": [0]}
        with pytest.raises(LineError) as refused:
            await ring(line)
        assert refused.value.outcome is Outcome.UNKNOWN


async def test_a_phone_is_let_go_also_by_one_that_says_no_at_first() -> None:
    async with written() as (there, line, _):
        there.answers = {"DELETE": [503, 0, 204]}
        await line.hang_up(LEG, Outcome.CANCELLED)
        assert there.asked == ["DELETE"] * 3
        there.answers = {"DELETE": [403]}
        with pytest.raises(LineError):
            await line.hang_up(LEG, Outcome.CANCELLED)


async def test_what_is_asked_of_one_that_says_no_is_a_line_error() -> None:
    async with written() as (there, line, _):
        await ring(line)
        for status in (500, 503, 0):
            there.answers = {f"POST otklik.m.{LEG}.p1": [status], "POST dtmf": [status]}
            there.answers |= {"GET otklik.m.b": [status], "GET channels": [status]}
            for asked in (line.play(LEG, "p1", None), line.press(LEG, "1"), line.sweep("key")):
                with pytest.raises(LineError):
                    await asked
            with pytest.raises(LineError):
                await line.join("b", [LEG])


async def test_an_answer_that_comes_in_many_pieces_is_read_to_its_end_and_not_without_end() -> None:
    channels = [{"id": f"c{n}", "name": "x" * 500} for n in range(1_000)]

    async def answers(request: web.Request) -> web.StreamResponse:
        times = 40 if request.path.endswith("endless") else 1
        return web.json_response(channels * times)

    app = web.Application()
    app.router.add_get("/ari/{what}", answers)
    async with TestServer(app) as server:
        ari = Ari(str(server.make_url("")), "hub", PASSWORD)
        assert len(await ari.get("channels")) == 1_000
        with pytest.raises(AriError, match="too long"):
            await ari.get("endless")
        await ari.close()


async def test_a_wrong_password_is_told_once_and_never_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with written() as (there, line, _):
        there.answers = {"socket": [401]}
        for each in list(there._sockets):
            await each.close()
        await until_ready(line, is_so=False)
        with pytest.raises(LineError):
            await ring(line)
        there.answers = {}
        await until_ready(line)
    assert PASSWORD not in caplog.text
    assert sum("asterisk is away" in each.message for each in caplog.records) <= 1


async def test_what_is_no_event_is_passed_over() -> None:
    async with written() as (there, line, heard):
        await ring(line)
        for text in ("", "nonsense", "[1]", "{}", '{"type": 7, "channel": "x", "peer": [1]}'):
            await there.write(text)
        await there.say(type="ChannelDtmfReceived", channel={"id": f"otklik.m.{LEG}"}, digit="5")
        await heard.until(lambda: heard.sorts(LEG) == ["Pressed"])
        assert line.ready


async def test_one_who_listens_badly_does_not_deafen_the_others() -> None:
    async with written() as (there, line, heard):
        await ring(line)

        def breaks(event: AnyLegEvent) -> None:
            heard.take(event)
            raise RuntimeError(event.leg)

        line.listen(breaks, heard.lose)
        for digit in "12":
            await there.say(
                type="ChannelDtmfReceived", channel={"id": f"otklik.m.{LEG}"}, digit=digit
            )
        await heard.until(lambda: heard.sorts(LEG) == ["Pressed", "Pressed"])
        assert line.ready


async def test_providers_are_not_asked_faster_than_they_take_calls() -> None:
    async with written() as (there, line, _):
        began = asyncio.get_running_loop().time()
        for n in range(6):
            await line.dial(f"k-v{n}", "+79161234567", shown="", display="", ring_s=1, limit_s=9)
        assert asyncio.get_running_loop().time() - began >= 5 / 50
        assert there.asked.count("POST dial") == 6


def test_the_password_is_kept_sealed() -> None:
    assert secret_fields(AsteriskSettings) == {"password"}


def test_asterisk_has_no_hook() -> None:
    kind = Asterisk(ChannelId("pbx"), GIVEN, KEYS)
    hook = Hook(body=b"{}", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(SignatureError):
        kind.verify(hook)


@settings(max_examples=150)
@given(
    st.one_of(
        st.text(max_size=20),
        st.from_regex(r"\+?[0-9]{1,16}", fullmatch=True),
        st.from_regex(r"\+?7[0-9]{10}[;@:,/&|a-z0-9]{1,8}", fullmatch=True),
    )
)
def test_nothing_but_digits_is_ever_dialled(number: str) -> None:
    try:
        endpoint = Dialled(GIVEN).endpoint(number)
    except LineError:
        return
    digits = number.removeprefix("+")
    assert digits.isascii()
    assert digits.isdigit()
    if number.startswith("+7"):
        assert endpoint == f"PJSIP/{digits}@trunk"
    else:
        assert endpoint == f"PJSIP/{digits}"
        assert len(digits) <= 6


@pytest.mark.parametrize(
    "number",
    [
        *("", "+", "7916123456", "79161234567", "+79161234567;phone-context=x", "+7916123456٣"),
        *("sip:1@evil.example", "101@evil.example", "+7916123\n4567", "112", "02", "+442071234567"),
        *("+79161234567&PJSIP/101", "1", "1234567", "+7916 123 45 67", "+7900123456789012"),
    ],
)
def test_tricks_with_numbers_are_refused(number: str) -> None:
    with pytest.raises(LineError) as refused:
        Dialled(GIVEN).endpoint(number)
    assert refused.value.outcome is Outcome.INVALID_NUMBER


@pytest.mark.parametrize(
    "template", ["PJSIP/trunk", "PJSIP/{number};x=1@trunk", "{number}", "x&y/{number}"]
)
def test_a_dial_string_that_could_be_anything_is_no_setting(template: str) -> None:
    told = {"api_url": "http://a", "user": "hub", "password": "x", "trunk": template}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(told, AsteriskSettings)


@given(
    st.text(max_size=80),
    st.sampled_from(["", "+74951234567", "101", "x\r\ny", "12345678901234567"]),
)
@settings(max_examples=100)
def test_no_name_is_more_than_a_name(name: str, number: str) -> None:
    shown = Dialled(GIVEN).shown(number, name)
    if shown:
        quoted, _, rest = shown[1:].partition('"')
        assert shown.startswith('"')
        assert rest in (" <>", " <74951234567>", " <101>")
        assert not set(quoted) & set('<>"\\;$%{}\r\n\x00')
        assert len(quoted) <= 80


EVENTS = st.lists(
    st.one_of(
        st.sampled_from(["RINGING", "PROGRESS", "ANSWER", "BUSY", ""]).map(
            lambda status: {"type": "Dial", "dialstatus": status, "peer": {"id": "p.k-o1"}}
        ),
        st.builds(
            lambda kind, soft, cause: {
                "type": kind,
                "channel": {"id": "p.k-o1"},
                "cause": cause,
                **({"soft": True} if soft else {}),
            },
            st.sampled_from([*HEARD, "Other"]),
            st.booleans(),
            st.one_of(st.integers(0, 200), st.none(), st.text(max_size=3)),
        ),
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(EVENTS, st.booleans())
def test_each_thing_of_a_leg_is_told_once_and_nothing_after_its_end(
    events: list[dict[str, Any]], dialled: bool
) -> None:
    told: list[AnyLegEvent] = []
    legs = Hearing("p.")
    legs.listen(told.append, lambda: None)
    legs.add(Leg(id="k-o1", limit_at=0, dialled=dialled))
    for event in events:
        legs.take(event)
    sorts = [type(each) for each in told]
    assert all(sorts.count(each) <= 1 for each in (Ringing, Answered, Gone))
    assert Gone not in sorts[:-1]
    assert (Gone in sorts) is any(each["type"] == "ChannelDestroyed" for each in events)
    assert (len(legs) == 0) is (Gone in sorts)

"""Calls from outside that an Asterisk leads by itself: who called, who answered, who was missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.channels.port import Hook
from hub.errors import CredentialsError, PayloadError, TransientError
from hub.events import PhoneCalled
from hub.hub import Hub
from hub.model import Dialog
from hub.statuses import RequestType
from telephony.ari.outside import News, Outside, endpoint
from telephony.ari.watch import Watch
from telephony.asterisk import Asterisk as Kind
from tests.between import Between
from tests.spine import Clock
from tests.telephony.office import TRUNK, calls, equip
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.legs import serving, trunk
from tests.telephony.pbx.phones import Phones

CALLER, LINE = "79165550001", "74950000000"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def until(kind: Kind, state: str) -> list[PhoneCalled]:
    """What is told up to the first news of that sort."""
    told: list[PhoneCalled] = []
    async with asyncio.timeout(60):
        while True:
            polled = await kind.poll("")
            for body in polled.bodies:
                (event,) = kind.parse(Hook(body=body, received_at=AT))
                assert isinstance(event, PhoneCalled)
                told.append(event)
            if any(each.state == state for each in told):
                return told


async def listens(kind: Kind) -> None:
    """Returns once the kind hears of every call."""
    polling = asyncio.create_task(kind.poll(""))
    ari = kind.ari()
    try:
        async with asyncio.timeout(60):
            while not any(".outside." in each["name"] for each in await ari.get("applications")):
                await asyncio.wait([polling], timeout=0.02)
    finally:
        await ari.close()
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


async def test_who_answered_and_for_how_long_is_told(exchange: Asterisk, phones: Phones) -> None:
    kind = trunk(exchange)
    phones.on("100", ["ring", ("wait", 0.2), "answer"])
    try:
        await listens(kind)
        await phones.call(LINE, CALLER, [("wait", 0.3), "hang up"])
        told = await until(kind, "ended")
    finally:
        await kind.close()
    assert [each.state for each in told] == ["ringing", "ringing", "answered", "ended"]
    assert [each.loss for each in told] == ["menu", "operator", "", ""]
    assert {(each.sender.external_id, each.line) for each in told} == {(CALLER, LINE)}
    assert len({each.external_id for each in told}) == 1
    assert [each.seq for each in told] == sorted({each.seq for each in told})
    assert [each.operator_number for each in told] == ["", "100", "100", "100"]
    assert told[-1].ended_by == "visitor"
    assert (told[-1].talked_s or 0) > 0.2
    assert 0.1 < (told[-1].waited_s or 0) < 60
    await phones.silent()


async def test_what_is_told_is_of_our_own_clock_whatever_that_of_the_exchange_shows(
    exchange: Asterisk, phones: Phones
) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(hours=2)

    kind = trunk(exchange)
    kind._watch = Watch(kind.ari(), Outside("PJSIP/trunk", ()), kind.mark, now)
    phones.on("100", ["answer"])
    began = now()
    try:
        await listens(kind)
        await phones.call(LINE, CALLER, [("wait", 0.2), "hang up"])
        told = await until(kind, "ended")
    finally:
        await kind.close()
    assert all(began - timedelta(seconds=1) < each.at < now() for each in told)
    assert 0 < (told[-1].talked_s or 0) < 60
    await phones.silent()


async def test_whoever_hangs_up_in_the_office_ended_it(exchange: Asterisk, phones: Phones) -> None:
    kind = trunk(exchange)
    phones.on("100", ["answer", ("wait", 0.3), "hang up"])
    try:
        await listens(kind)
        await phones.call(LINE, CALLER, [])
        told = await until(kind, "ended")
    finally:
        await kind.close()
    assert told[-1].ended_by == "operator"
    await phones.silent()


async def test_a_call_that_nobody_answered_was_missed(exchange: Asterisk, phones: Phones) -> None:
    kind = trunk(exchange)
    phones.on("100", ["ring"])
    try:
        await listens(kind)
        await phones.call(LINE, CALLER, [])
        told = await until(kind, "missed")
    finally:
        await kind.close()
    assert (told[-1].state, told[-1].loss) == ("missed", "operator")
    assert (told[-1].waited_s or 0) >= 1.5
    await phones.silent()


async def test_nothing_is_heard_of_devices_whose_news_stop_an_asterisk_while_a_socket_closes(
    exchange: Asterisk,
) -> None:
    kind = trunk(exchange)
    polling = asyncio.create_task(kind.poll(""))
    ari = kind.ari()
    try:
        async with asyncio.timeout(60):
            while True:
                await asyncio.wait([polling], timeout=0.02)
                heard = [each for each in await ari.get("applications") if each["channel_ids"]]
                if heard:
                    break
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await ari.close()
        await kind.close()
    assert [(each["device_names"], each["endpoint_ids"]) for each in heard] == [([], [])]


async def test_our_own_calls_and_other_lines_are_nobodys_call_to_us(
    exchange: Asterisk, phones: Phones
) -> None:
    kind = trunk(exchange, numbers=("+74950000000",))
    phones.on("100", ["answer"])
    phones.on("101", ["answer"])
    phones.on("+79161234567", ["answer"])
    line = kind.line("w1")
    try:
        await listens(kind)
        async with serving(line) as heard:
            for leg, number in (("k-o1", "101"), ("k-v1", "+79161234567")):
                await line.dial(leg, number, shown="", display="", ring_s=5, limit_s=9)
            await phones.rung("+79161234567")
            await phones.call("74951111111", "79165550002", [("wait", 0.1), "hang up"])
            await phones.rung("100")
            await phones.call(LINE, CALLER, [("wait", 0.1), "hang up"])
            told = await until(kind, "ended")
            await line.sweep("k")
            for leg in ("k-o1", "k-v1"):
                await heard.gone(leg)
    finally:
        await kind.close()
    assert {(each.sender.external_id, each.line) for each in told} == {(CALLER, LINE)}
    await phones.silent()


async def test_a_call_that_ended_while_nothing_was_heard_is_told_after_it(
    exchange: Asterisk, phones: Phones
) -> None:
    async with Between(exchange.url) as door:
        kind = trunk(exchange, api_url=door.url)
        phones.on("100", ["answer"])
        leaves = asyncio.Event()
        try:
            await listens(kind)
            ring = await phones.call(LINE, CALLER, [("until", leaves), "hang up"])
            await until(kind, "answered")
            door.shut = True
            door.cut()
            with pytest.raises(TransientError):
                await kind.poll("")
            leaves.set()
            await ring.ended.wait()
            await phones.silent()
            with pytest.raises(TransientError):
                await kind.poll("")
            door.shut = False
            told = await until(kind, "ended")
        finally:
            await kind.close()
    assert [each.state for each in told] == ["ended"]


async def test_a_wrong_password_is_the_channels_own_failure(exchange: Asterisk) -> None:
    for more in ({}, {"incoming": False}):
        kind = trunk(exchange, password="wrong", **more)
        with pytest.raises(CredentialsError):
            await kind.poll("")
        await kind.close()


async def test_a_call_from_outside_is_in_the_inbox(
    hub: Hub, clock: Clock, exchange: Asterisk, phones: Phones
) -> None:
    clock.at = datetime.now(UTC) + timedelta(minutes=1)
    told = {"api_url": exchange.url, "user": exchange.user, "password": exchange.password}
    await equip(hub, "asterisk", told | {"numbers": ["+74950000000"]}, seats={"olga": "100"})
    live = hub.channels.get(TRUNK)
    kind = cast(Kind, live)
    phones.on("100", ["ring", ("wait", 0.1), "answer"], ["ring"])
    try:
        await listens(kind)
        await phones.call(LINE, CALLER, [("wait", 0.2), "hang up"])
        await phones.rung("100")
        for wanted in (1, 2):
            async with asyncio.timeout(60):
                while len([each for each in await calls(hub) if not each.live]) < wanted:
                    for body in (await kind.poll("")).bodies:
                        await hub.intake.take(live, Hook(body=body, received_at=hub.now()))
            if wanted == 1:
                await phones.call(LINE, "79165550002", [])
    finally:
        await kind.close()
    answered, missed = await calls(hub)
    assert (answered.purpose, answered.phone, answered.operator) == (
        *("incoming", f"+{CALLER}"),
        "olga",
    )
    assert (missed.phone, missed.loss) == ("+79165550002", "operator")
    row = await hub.engine.get(Dialog, missed.dialog or "")
    assert row is not None
    assert row.type is RequestType.MISSED_CALL
    await phones.silent()


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("PJSIP/{number}@trunk", "PJSIP/trunk"),
        ("PJSIP/trunk/sip:{number}@sip.example.com", "PJSIP/trunk"),
        ("SIP/trunk/{number}", "SIP/trunk"),
        ("Local/{number}@from-internal", ""),
        ("PJSIP/{number}", ""),
        ("", ""),
    ],
)
def test_the_line_to_the_city_is_known_by_how_it_is_dialled(template: str, line: str) -> None:
    assert endpoint(template) == line


def event(kind: str, at: int = 0, **told: Any) -> dict[str, Any]:
    channel = {"id": "1.1", "name": "PJSIP/trunk-1", "state": "Ring", "caller": {"number": CALLER}}
    channel["dialplan"] = {"exten": LINE, "app_name": told.pop("app", "")}
    stamp = (AT + timedelta(seconds=at)).isoformat()
    about = {"caller": channel} if kind == "Dial" else {"channel": channel}
    return {"type": kind, "timestamp": stamp, **about, **told}


def test_a_caller_who_waits_in_a_queue_was_lost_there() -> None:
    outside = Outside("PJSIP/trunk", ())
    told = [
        *outside.take(event("ChannelCreated")),
        *outside.take(event("ChannelDialplan", 3, app="Queue")),
        *outside.take(event("ChannelDialplan", 4, app="Queue")),
        *outside.take(event("ChannelDestroyed", 20)),
        *outside.take(event("ChannelDestroyed", 20)),
    ]
    assert [(each.state, each.loss) for each in told] == [
        ("ringing", "menu"),
        ("ringing", "queue"),
        ("missed", "queue"),
    ]
    assert told[-1].waited_s == 20


def test_a_call_that_was_under_way_when_we_came_is_not_said_to_be_missed() -> None:
    outside = Outside("PJSIP/trunk", ())
    [seen] = outside.compare([event("", app="Dial")["channel"] | {"state": "Up"}], AT)
    [end] = outside.take(event("ChannelDestroyed", 60))
    assert (seen.state, end.state, end.ended_by) == ("ringing", "ended", "operator")
    assert (end.waited_s, end.talked_s, end.loss) == (None, None, "")

    ringing = Outside("PJSIP/trunk", ())
    ringing.compare([event("")["channel"]], AT)
    assert [each.state for each in ringing.take(event("ChannelDestroyed", 60))] == ["missed"]


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.builds(
                event,
                st.sampled_from(
                    [
                        *("ChannelCreated", "ChannelDialplan", "Dial", "ChannelHangupRequest"),
                        "ChannelDestroyed",
                    ]
                ),
                st.integers(0, 90),
                app=st.sampled_from(["", "Queue", "Dial"]),
                dialstatus=st.sampled_from(["", "RINGING", "ANSWER", "BUSY"]),
                dialstring=st.one_of(st.text(max_size=12), st.just("101@office")),
            ),
            st.dictionaries(
                st.sampled_from(["type", "channel", "caller", "peer", "timestamp"]),
                st.one_of(st.none(), st.text(max_size=5), st.integers(), st.lists(st.none())),
            ),
        ),
        max_size=14,
    )
)
def test_whatever_is_heard_a_call_ends_once_and_its_news_grow(events: list[dict[str, Any]]) -> None:
    outside = Outside("PJSIP/trunk", ())
    told: list[News] = []
    for each in events:
        told += outside.take(each)
    told += outside.compare([], AT)
    began = sum(each.state == "ringing" and each.seq == 1 for each in told)
    assert sum(each.state in ("missed", "ended") for each in told) == began
    for before, after in pairwise(told):
        assert after.seq > before.seq or before.state in ("missed", "ended")
    assert all((each.waited_s or 0) >= 0 and (each.talked_s or 0) >= 0 for each in told)
    assert all(msgspec.json.decode(msgspec.json.encode(each), type=News) == each for each in told)


def test_what_is_no_news_is_refused() -> None:
    kind = Kind.__new__(Kind)
    for body in (b"", b"{}", b"[" * 5_000, b'{"call": 1}'):
        with pytest.raises(PayloadError):
            kind.parse(Hook(body=body, received_at=AT))

"""One event and everybody who hears it: decided once, made once, and nobody is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.writer import WebSocketWriter
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.events import PresenceChanged
from hub.model import ChannelId, Membership, OperatorId, ProjectId, Role
from hub.rights import Right, What, may
from tests.bench.ears import WIDGET, Door, inbox, listening
from tests.web.house import House, LiveSocket
from web import live
from web.routes import ROOT
from web.sockets import SocketLimits, framed
from web.state import STATE

ALPHA = ProjectId("alpha")


class _Kept(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: Any) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return False


@given(st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) | st.integers(0, 70_000))
def test_a_frame_is_byte_for_byte_what_aiohttp_would_send(size: int) -> None:
    text, kept = b"x" * size, _Kept()

    async def send() -> None:
        protocol: Any = None
        await WebSocketWriter(protocol, kept, limit=1 << 30).send_frame(text, WSMsgType.TEXT)

    asyncio.run(send())
    assert framed(text) == kept.data


def _presence(words: str) -> PresenceChanged:
    return PresenceChanged(project=ALPHA, operator=OperatorId("x"), presence=words)


async def test_rights_are_asked_once_for_all_who_are_alike(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.operator("vera", ALPHA)
    await house.operator("chief", ALPHA, Role.SUPERVISOR)
    narrow = await house.operator("narrow", ALPHA)
    await house.hub.engine.change(
        Membership,
        f"{narrow.id}:alpha",
        lambda had: replace(had, channels=(ChannelId("alpha-echo"),)),
    )
    browsers = [await house.browser(login) for login in ("anna", "vera", "chief", "narrow")]
    sockets = [await each.live() for each in browsers for _ in range(3)]
    for socket in sockets:
        await socket.frame("hello")
    asked: list[tuple[Role, ...]] = []

    def counted(who: Any, verb: Right, what: What) -> bool:
        asked.append(tuple(each.role for each in who.memberships.values()))
        return may(who, verb, what)

    monkeypatch.setattr(live, "may", counted)
    await house.hub.bus.announce(_presence("the last"))
    for socket in sockets:
        await socket.until(lambda f: f["t"] == "event" and f["event"].get("presence") == "the last")
    assert sorted(asked) == [(Role.OPERATOR,), (Role.OPERATOR,), (Role.SUPERVISOR,)]


async def test_a_right_given_to_one_is_heard_by_that_one_alone(house: House) -> None:
    narrow = [await house.operator(login, ALPHA) for login in ("narrow", "other")]

    async def hears(id: str, *channels: ChannelId) -> None:
        await house.hub.engine.change(
            Membership, f"{id}:alpha", lambda had: replace(had, channels=channels)
        )

    sockets = []
    for each in narrow:
        await hears(each.id, ChannelId("alpha-echo"))
        sockets.append(await (await house.browser(each.login)).live())
        await sockets[-1].frame("hello")
    given, other = sockets
    guest = await house.visitor("alpha-site")
    await guest.write("рано")
    await hears(narrow[0].id)
    # The role is the same; that it was given is said to the doors, and they look again.
    await house.hub.accounts.join(OperatorId(narrow[0].id), ALPHA, Role.OPERATOR)
    for n in range(100):
        await guest.write("теперь")
        await house.hub.bus.announce(_presence(str(n)))
        for socket in sockets:
            await socket.until(lambda f, mark=str(n): f.get("event", {}).get("presence") == mark)  # type: ignore[misc]
        if "теперь" in "".join(given.raw):
            break
    assert "теперь" in "".join(given.raw)
    assert "рано" not in "".join(given.raw)
    assert "dialog.changed" not in "".join(other.raw)


async def test_a_silent_socket_has_no_task_but_those_of_aiohttp(house: House) -> None:
    url = str(house.server.make_url("")).rstrip("/")
    widgets = [Door(WIDGET.path.replace("site", "alpha-site", 1), WIDGET.hello)] * 10
    anna = await house.browser("anna")
    cookies = anna.client.session.cookie_jar.filter_cookies(house.server.make_url("/"))
    for doors in (widgets, [inbox(cookies["otklik"].value)] * 10):
        before = asyncio.all_tasks()
        async with listening(url, doors):
            new = [repr(each.get_coro()) for each in asyncio.all_tasks() - before]
        assert len(new) == 20
        assert all("RequestHandler." in each for each in new)


SHORT = SocketLimits(queue=200)


@pytest.mark.parametrize("socket_limits", [SHORT])
async def test_who_was_behind_and_reads_again_misses_nothing(house: House) -> None:
    anna = await house.browser("anna")
    ws = await anna.client.ws_connect(f"{ROOT}/live", headers={"Origin": anna.origin})
    await ws.send_json({"hello": {"cursor": None}})
    socket = LiveSocket(ws)
    await socket.frame("hello")
    [served] = house.server.app[STATE].sockets._open
    transport: Any = ws._conn and ws._conn.transport
    transport.pause_reading()
    sent = 0
    while not served._behind:
        await house.hub.bus.announce(_presence(f"{sent}:" + "x" * 50_000))
        sent += 1
        await asyncio.sleep(0)
    for _ in range(20):
        await house.hub.bus.announce(_presence(f"{sent}:"))
        sent += 1
    transport.resume_reading()
    last = f"{sent - 1}:"
    await socket.until(lambda f: f["t"] == "event" and f["event"].get("presence") == last)
    told = [each["event"]["presence"] for each in socket.frames if each["t"] == "event"]
    numbers = [int(each.partition(":")[0]) for each in told if ":" in each]
    assert numbers == list(range(sent))
    async with asyncio.timeout(60):
        # The last frame may be read before its sender has gone to rest.
        while served._catching_up is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)


PATIENT = SocketLimits(queue=10, send_seconds=600)


@pytest.mark.parametrize("socket_limits", [PATIENT])
async def test_who_is_too_far_behind_is_ended_before_his_time_is_over(house: House) -> None:
    anna = await house.browser("anna")
    socket = await anna.live()
    await socket.frame("hello")
    transport: Any = socket.ws._conn and socket.ws._conn.transport
    transport.pause_reading()
    open_sockets = house.server.app[STATE].sockets._open
    [served] = open_sockets
    most = 0
    async with asyncio.timeout(60):
        while served._over is None:
            await house.hub.bus.announce(_presence("x" * 50_000))
            await asyncio.sleep(0)
            most = max(most, len(served._behind or ()))
    assert (most, served._over) == (10, 4408)


async def test_an_end_interrupts_whatever_the_socket_waits_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await house.visitor()
    begun, never = asyncio.Event(), asyncio.Event()

    async def stuck(*_: Any) -> Any:
        begun.set()
        await never.wait()

    monkeypatch.setattr(house.hub.intake, "accept", stuck)
    await guest.socket.say(t="send", key="stuck-0001", at=1, text="?")
    await begun.wait()
    house.server.app[STATE].sockets.stop()
    assert await guest.socket.closed() == 1012

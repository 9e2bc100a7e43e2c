"""The operators' socket: what it shows, how it resumes, and when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace

from hub.events import PresenceChanged
from hub.model import ChannelId, Membership, OperatorId, ProjectId, Role, Session
from hub.store.schema import SESSIONS_OLD
from tests.web.house import PASSWORD, House
from web import sockets
from web.app import build
from web.routes import ROOT
from web.shown import shown
from web.sockets import SocketLimits
from web.state import STATE

# A test is given the one limit that it is about: whoever is slow meets no other.
SILENCE = SocketLimits(hello_seconds=0.2)
PINGS = SocketLimits(ping_seconds=0.1)
FEW = SocketLimits(per_operator=3)
HURRY = SocketLimits(send_seconds=0.3, queue=50)


async def test_a_cursor_brings_back_exactly_what_was_missed(house: House) -> None:
    anna = await house.browser("anna")
    visitor = await house.visitor()
    live = await anna.live()
    assert (await live.frame("hello"))["gap"] is False
    await visitor.write("раз")
    seen = await live.until(lambda f: f["t"] == "event" and f["event"]["event"] == "dialog.changed")
    await live.ws.close()
    await visitor.write("два")
    await visitor.write("три")
    back = await anna.live(seen["cursor"])
    assert (await back.frame("hello"))["gap"] is False
    texts = [
        entry["text"] for _ in range(2) for entry in (await back.event("dialog.changed"))["entries"]
    ]
    assert texts == ["два", "три"]


@pytest.mark.parametrize("cursor", ["another:5", "nonsense", "", "x" * 1000])
async def test_an_unknown_cursor_is_a_gap(house: House, cursor: str) -> None:
    live = await (await house.browser("anna")).live(cursor)
    assert (await live.frame("hello"))["gap"] is True


async def test_every_socket_gets_the_same_bytes_made_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def counted(views: Any, event: Any) -> Any:
        made.append(event)
        return shown(views, event)

    monkeypatch.setattr(sockets, "shown", counted)
    anna = await house.browser("anna")
    screens = [await anna.live() for _ in range(5)]
    for each in screens:
        await each.frame("hello")
    await (await house.visitor()).write("раз")
    raw = set()
    for each in screens:
        await each.event("dialog.changed")
        raw.add(each.raw[-1])
    assert len(raw) == 1
    assert len([event for event in made if not isinstance(event, PresenceChanged)]) == 1


async def test_an_event_that_cannot_be_shown_ends_no_socket(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = house.server.app[STATE].views
    plain = type(views).dialog

    def picky(self: Any, row: Any) -> Any:
        if row.seq == 1:
            raise ZeroDivisionError
        return plain(self, row)

    monkeypatch.setattr(type(views), "dialog", picky)
    anna = await house.browser("anna")
    live = await anna.live()
    cursor = (await live.frame("hello"))["cursor"]
    visitor = await house.visitor()
    await visitor.write("раз")
    await visitor.write("два")
    for each in (live, await anna.live(cursor)):
        event = await each.event("dialog.changed")
        assert [entry["text"] for entry in event["entries"]] == ["два"]


async def test_what_only_opened_the_door_has_a_status_too(house: House) -> None:
    ok = await (await house.visitor()).write("раз")
    row = await house.hub.desk.dialog(ok["dialog"])
    shown = house.server.app[STATE].views.dialog(replace(row, chat_status=None))
    assert shown.status == "new"


async def test_another_project_hears_nothing(house: House) -> None:
    boris = await (await house.browser("boris")).live()
    await boris.frame("hello")
    await (await house.visitor("alpha-site")).write("секрет")
    await (await house.visitor("beta-site")).write("offen")
    event = await boris.event("dialog.changed")
    assert event["project"] == "beta"
    assert "секрет" not in "".join(boris.raw)


async def test_a_membership_that_names_channels_hears_only_them(house: House) -> None:
    await house.operator("vera", ProjectId("alpha"))
    vera = await house.hub.accounts.by_login("vera")
    assert vera is not None
    await house.hub.engine.change(
        Membership,
        f"{vera.id}:alpha",
        lambda had: replace(had, channels=(ChannelId("alpha-echo"),)),
    )
    live = await (await house.browser("vera")).live()
    await live.frame("hello")
    await (await house.visitor("alpha-site")).write("секрет")
    await house.hub.bus.announce(
        PresenceChanged(project=ProjectId("alpha"), operator=OperatorId("x"), presence="away")
    )
    await live.until(lambda f: f["t"] == "event" and f["event"].get("presence") == "away")
    assert "секрет" not in "".join(live.raw)


async def test_a_cursor_of_one_project_shows_nothing_of_another(house: House) -> None:
    cursor = await house.hub.bus.cursor()
    await (await house.visitor("alpha-site")).write("секрет")
    await (await house.visitor("beta-site")).write("offen")
    boris = await (await house.browser("boris")).live(cursor)
    await boris.event("dialog.changed")
    assert "секрет" not in "".join(boris.raw)


async def test_a_stranger_is_told_that_the_session_is_over(house: House) -> None:
    live = await (await house.browser()).live()
    assert await live.closed() == 4401


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_another_sites_page_gets_no_socket(house: House, headers: dict[str, str]) -> None:
    anna = await house.browser("anna")
    answer = await anna.raw(
        "GET",
        f"{ROOT}/live",
        headers=headers
        | {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    assert answer.status == 403
    plain = await anna.raw("GET", f"{ROOT}/live")
    assert plain.status == 426


async def test_a_new_password_cuts_the_other_sockets_at_once(house: House) -> None:
    anna, other = await house.browser("anna"), await house.browser("anna")
    live = await other.live()
    await live.frame("hello")
    await anna.ask("POST", f"{ROOT}/me/password", {"current": PASSWORD, "new": "a new password"})
    assert await live.closed() == 4401


async def test_signing_out_cuts_that_sessions_socket_and_no_other(house: House) -> None:
    anna, other = await house.browser("anna"), await house.browser("anna")
    mine, theirs = await anna.live(), await other.live()
    await mine.frame("hello")
    await theirs.frame("hello")
    await anna.ask("DELETE", f"{ROOT}/session")
    assert await mine.closed() == 4401
    await (await house.visitor()).write("раз")
    await theirs.event("dialog.changed")


async def test_a_session_ended_at_another_door_is_over_at_once(house: House) -> None:
    """Long before the next ping; a second door is what another process has."""
    door = TestServer(build(house.hub))
    await door.start_server(shutdown_timeout=1)
    anna = await house.browser("anna")
    live = await anna.live()
    await live.frame("hello")
    theirs: TestClient[Any, Any] = TestClient(door)
    answer = await theirs.delete(
        f"{ROOT}/session",
        headers={"X-CSRF-Token": anna.csrf},
        cookies={each.key: each.value for each in anna.client.session.cookie_jar},
    )
    assert answer.status == 204
    assert await live.closed() == 4401
    await theirs.session.close()
    await door.close()


@pytest.mark.parametrize(
    "ends",
    [
        lambda accounts, id: accounts.set_password(id, "set by the admin"),
        lambda accounts, id: accounts.disable(id),
        lambda accounts, id: accounts.join(id, ProjectId("beta"), Role.OPERATOR),
    ],
)
async def test_what_changes_somebodys_rights_is_felt_at_once(house: House, ends: Any) -> None:
    live = await (await house.browser("anna")).live()
    await live.frame("hello")
    anna = await house.hub.accounts.by_login("anna")
    assert anna is not None
    await ends(house.hub.accounts, OperatorId(anna.id))
    assert await live.closed() == 4401


@pytest.mark.parametrize("socket_limits", [PINGS])
async def test_a_session_that_ended_unheard_is_noticed_at_the_next_ping(house: House) -> None:
    live = await (await house.browser("anna")).live()
    await live.frame("ping")
    page = await house.hub.engine.find(SESSIONS_OLD, limit=10)
    for session in page.items:
        await house.hub.engine.delete_if(Session, session.id, lambda _: True)
    assert await live.closed() == 4401


async def test_a_change_of_rights_is_shown_to_no_screen(house: House) -> None:
    live = await (await house.browser("anna")).live()
    await live.frame("hello")
    boris = await house.hub.accounts.by_login("boris")
    assert boris is not None
    await house.hub.accounts.set_password(OperatorId(boris.id), "set by the admin")
    cursor = live.frames[0]["cursor"]
    await (await house.visitor()).write("раз")
    await live.event("dialog.changed")
    later = await (await house.browser("anna")).live(cursor)
    await later.event("dialog.changed")
    assert "access.changed" not in "".join(live.raw + later.raw)


@pytest.mark.parametrize("socket_limits", [PINGS])
async def test_a_taken_away_membership_ends_the_socket(house: House) -> None:
    live = await (await house.browser("anna")).live()
    await live.frame("ping")
    anna = await house.hub.accounts.by_login("anna")
    assert anna is not None
    await house.hub.engine.delete_if(Membership, f"{anna.id}:alpha", lambda _: True)
    assert await live.closed() == 4401


@pytest.mark.parametrize("socket_limits", [SILENCE])
async def test_a_socket_that_says_no_hello_is_closed(house: House) -> None:
    anna = await house.browser("anna")
    ws = await anna.client.ws_connect(f"{ROOT}/live", headers={"Origin": anna.origin})
    message = await ws.receive(timeout=20)
    assert message.data == 1002


@pytest.mark.parametrize("first", ["", "nonsense", "[]", '{"hello": 5}', "[" * 50_000, b"\xff"])
async def test_a_bad_hello_closes_the_socket(house: House, first: str | bytes) -> None:
    anna = await house.browser("anna")
    ws = await anna.client.ws_connect(f"{ROOT}/live", headers={"Origin": anna.origin})
    await (ws.send_str(first) if isinstance(first, str) else ws.send_bytes(first))
    message = await ws.receive(timeout=20)
    assert message.data == 1002


async def test_a_frame_too_large_closes_the_socket(house: House) -> None:
    live = await (await house.browser("anna")).live()
    await live.frame("hello")
    await live.ws.send_str(json.dumps({"t": "typing", "dialog": "x" * 70_000}))
    assert await live.closed() == 1009


@pytest.mark.parametrize("socket_limits", [FEW])
async def test_an_operator_has_a_bounded_number_of_sockets(house: House) -> None:
    anna = await house.browser("anna")
    sockets = [await anna.live() for _ in range(3)]
    for each in sockets:
        await each.frame("hello")
    assert await (await anna.live()).closed() == 4429


@pytest.mark.parametrize("socket_limits", [HURRY])
async def test_a_socket_that_reads_too_slowly_is_dropped(house: House) -> None:
    anna = await house.browser("anna")
    ws = await anna.client.ws_connect(
        f"{ROOT}/live", headers={"Origin": anna.origin}, autoping=False
    )
    await ws.send_json({"hello": {"cursor": None}})
    await ws.receive(timeout=20)
    transport: Any = ws._conn and ws._conn.transport
    transport.pause_reading()
    state = house.server.app[STATE]
    assert len(state.sockets._open) == 1
    anna_id = (await anna.get("/me"))["operator"]["id"]
    assert house.server.runner is not None
    served = house.server.runner.server
    assert served is not None
    talking = len(served.connections)
    while state.sockets._open:
        for _ in range(20):
            await house.hub.bus.announce(
                PresenceChanged(
                    project=ProjectId("alpha"),
                    operator=OperatorId(anna_id),
                    presence="x" * 50_000,
                )
            )
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        # The server tells nobody when a connection is gone.
        while len(served.connections) >= talking:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert (await anna.get("/me"))["operator"]["login"] == "anna"


async def test_after_a_deaf_moment_everybody_resumes(house: House) -> None:
    anna = await house.browser("anna")
    live = await anna.live()
    cursor = (await live.frame("hello"))["cursor"]
    visitor = await house.visitor()
    await house.hub.bus.close()
    assert await live.closed() == 4408
    assert await visitor.socket.closed() == 4408
    back = await anna.live(cursor)
    await back.frame("hello")
    await (await house.visitor()).write("раз")
    await back.event("dialog.changed")


async def test_stopping_says_goodbye_to_everybody(house: House) -> None:
    anna = await house.browser("anna")
    live = await anna.live()
    await live.frame("hello")
    visitor = await house.visitor()
    house.server.app[STATE].sockets.stop()
    assert await live.closed() == 1012
    assert await visitor.socket.closed() == 1012
    status, told = await anna.ask("GET", "/ready")
    assert (status, told["code"]) == (503, "unavailable")


async def test_coming_and_going_is_told_to_colleagues(house: House) -> None:
    await house.operator("vera", ProjectId("alpha"))
    anna = await (await house.browser("anna")).live()
    await anna.frame("hello")
    vera = await (await house.browser("vera")).live()
    await vera.frame("hello")
    known = await house.hub.accounts.by_login("vera")
    assert known is not None

    def is_vera(presence: str) -> Callable[[Any], bool]:
        return lambda f: (
            f["t"] == "event"
            and f["event"].get("operator") == known.id
            and f["event"]["presence"] == presence
        )

    await anna.until(is_vera("online"))
    await vera.ws.close()
    await anna.until(is_vera("offline"))

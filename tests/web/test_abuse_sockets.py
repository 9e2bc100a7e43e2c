"""The live sockets against floods, crowds and frames that no widget sends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.dialogs import seal
from hub.events import AccessChanged
from hub.model import Dialog, EntryKind, Membership, OperatorId, ProjectId, Verb
from hub.store.schema import DEAD_LETTERS, LOG
from tests.web.house import SHOP, House, LiveSocket, sign
from web.sockets import SocketLimits

FEW = SocketLimits(per_source=3)
SHORT = SocketLimits(frames=5, frames_ignored=20, pings=5, ticks=5, refusals=20)


async def _widget(house: House, **more: Any) -> LiveSocket:
    browser = await house.browser()
    ws = await browser.client.ws_connect(
        "/widget/alpha-site/live", headers={"Origin": SHOP} | more.pop("headers", {}), **more
    )
    return LiveSocket(ws)


@pytest.mark.parametrize("socket_limits", [FEW])
async def test_idle_sockets_of_one_address_are_only_so_many(house: House) -> None:
    held = [await _widget(house) for _ in range(2)]
    greeted = await house.visitor()
    assert await (await _widget(house)).closed() == 4429
    anna = await house.browser("anna")
    assert await (await anna.live()).closed() == 4429
    assert (await greeted.write("старые живут"))["t"] == "ok"
    await held[0].ws.close()
    again = await house.visitor()
    assert (await again.write("место освободилось"))["t"] == "ok"


@pytest.mark.parametrize("socket_limits", [FEW])
@pytest.mark.parametrize("server_settings", [{"trusted_proxies": ["127.0.0.1"]}])
async def test_another_address_has_room_of_its_own(house: House) -> None:
    for n in range(3):
        await _widget(house, headers={"X-Forwarded-For": f"2001:db8::{n}"})
    over = await _widget(house, headers={"X-Forwarded-For": "2001:db8::dead:beef"})
    assert await over.closed() == 4429
    # What the visitor himself writes to the left of the proxy's word is not believed.
    liar = await _widget(house, headers={"X-Forwarded-For": "203.0.113.9, 2001:db8::5"})
    assert await liar.closed() == 4429
    other = await _widget(house, headers={"X-Forwarded-For": "203.0.113.9"})
    await other.say(t="hello", key=None)
    await other.frame("hello")


@pytest.mark.parametrize("socket_limits", [SHORT])
@pytest.mark.parametrize("frame", [{"t": "ping"}, {"t": "typing"}, {"t": "read", "seq": 1}])
async def test_a_flood_of_small_frames_ends_the_socket_and_harms_no_other(
    house: House, frame: dict[str, object]
) -> None:
    flood, calm = await house.visitor(), await house.visitor()
    for _ in range(40):
        await flood.socket.say(**frame)
    assert await flood.socket.closed() == 4429
    assert (await calm.write("слышно?"))["t"] == "ok"


@pytest.mark.parametrize("socket_limits", [SHORT])
async def test_an_operator_who_floods_is_shown_the_door(house: House) -> None:
    socket = await (await house.browser("anna")).live()
    await socket.frame("hello")
    for _ in range(40):
        await socket.say(t="pong")
    assert await socket.closed() == 4429


@pytest.mark.parametrize(
    "at",
    ["1e308", "-1e308", "-1e-308", "9223372036854775808", str(-(2**62)), "1" + "0" * 300, "0.5"],
)
async def test_a_number_of_any_size_is_a_time(house: House, at: str) -> None:
    guest = await house.visitor()
    await guest.socket.ws.send_str(
        '{"t": "send", "key": "wild-time-1", "text": "когда", "at": ' + at + "}"
    )
    told = await guest.socket.until(lambda frame: frame["t"] in ("ok", "error"))
    assert told["t"] == "ok" or (told["code"], told["field"]) == ("bad_value", "at")
    assert not (await house.hub.engine.find(DEAD_LETTERS, {"project": "alpha"})).items


async def test_what_nobody_can_see_is_not_kept(house: House) -> None:
    utm = {"utm\0source": "a\0", "$where": "1", "a.b": "2", "": "3"}
    guest = await house.visitor(
        visit={"page": "https://shop.example/\0\x1b[2J", "title": "\0" * 900, "utm": utm}
    )
    refused = await guest.write("\0\x01\x7f", key="unseen-01")
    assert (refused["code"], refused["field"]) == ("bad_value", "text")
    ok = await guest.write("видно\0\x1b[31m\r\nи это\ud7ff")
    [entry] = (await house.hub.engine.find(LOG, {"dialog": ok["dialog"]})).items
    assert entry.text == "видно[31m\nи это\ud7ff"
    row = await house.hub.engine.get(Dialog, ok["dialog"])
    assert row is not None
    assert row.visit.page == "https://shop.example/[2J"
    assert row.visit.title == ""
    assert row.visit.utm == {"utmsource": "a", "_where": "1", "a_b": "2"}


async def test_what_an_operator_pastes_is_cleaned_as_well(house: House) -> None:
    ok = await (await house.visitor()).write("?")
    anna = await house.browser("anna")
    for path, text in (("messages", "да\0\x1b"), ("notes", "\x00сам\r\n")):
        body = {"key": "pasted-001", "text": text} | (
            {"key": "pasted-002"} if path[0] == "n" else {}
        )
        made = await anna.post(f"/dialogs/{ok['dialog']}/{path}", body, 201)
        assert made["text"] in ("да", "сам\n")
    body = {"key": "pasted-003", "text": "\0"}
    status, told = await anna.ask("POST", f"/api/v1/dialogs/{ok['dialog']}/messages", body)
    assert (status, told["field"]) == (400, "text")


@pytest.mark.parametrize(
    "raw",
    [
        '{"t":"send","key":"half-a-char","at":1,"text":"\\ud800"}',
        '{"t":"send","key":"not-a-number","at":NaN,"text":"x"}',
        '{"t":"send","key":"infinite-1","at":1e400,"text":"x"}',
        '{"t":"send","x":' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"t":"send","t":"read","key":"two-kinds1","at":1,"text":"x","seq":1}',
        '{"t":"read","seq":9007199254740993}',
        '{"t":"read","seq":-1}',
        '"' + "\\u0000" * 5_000 + '"',
    ],
)
async def test_a_frame_that_json_does_not_allow_is_refused_and_costs_nobody(
    house: House, raw: str, caplog: pytest.LogCaptureFixture
) -> None:
    guest = await house.visitor()
    await guest.socket.ws.send_str(raw)
    refused = await guest.socket.frame("error")
    assert (refused["code"], refused["again"]) == ("bad_value", False)
    assert (await guest.write("ещё жив"))["t"] == "ok"
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_a_binary_or_huge_frame_ends_only_its_own_socket(house: House) -> None:
    calm = await house.visitor()
    for frame, code in ((b"\xff\xfe\x00", 1002), (b"x" * 70_000, 1009)):
        wild = await house.visitor()
        await wild.socket.ws.send_bytes(frame)
        assert await wild.socket.closed() == code
    assert (await calm.write("слышно?"))["t"] == "ok"


async def test_one_visitors_files_and_ticks_are_nobody_elses(house: House) -> None:
    one, two = await house.visitor(), await house.visitor()
    ok = await one.write("мой")
    anna = await house.browser("anna")
    said = await anna.post(
        f"/dialogs/{ok['dialog']}/messages", {"key": "to-one-01", "text": "ответ"}, 201
    )
    await one.socket.until(lambda f: f["t"] == "entry" and f["entry"]["state"] == "sent")
    headers = {"Origin": SHOP, "X-Visitor-Key": one.key}
    _, file = await one.browser.ask(
        "POST", "/widget/alpha-site/files?name=a", data=b"x", headers=headers
    )
    refused = await two.write("чужой файл", attachments=[file["id"]])
    assert (refused["t"], refused["field"], refused["again"]) == ("error", "attachments", False)
    await two.write("здравствуйте")
    thief = await house.visitor(key=two.key, dialog=ok["dialog"], after_seq=0)
    assert "ответ" not in json.dumps(thief.greeting, ensure_ascii=False)
    for seq in (1, 2, 3, 2**53):
        await thief.socket.say(t="read", seq=seq)
    await thief.write("прочёл")
    log = (await anna.get(f"/dialogs/{ok['dialog']}/log"))["items"]
    assert next(each["state"] for each in log if each["id"] == said["id"]) == "sent"


async def test_a_hook_replayed_at_any_age_changes_nothing(house: House) -> None:
    body = json.dumps({"messages": [{"from": "u", "id": "m-1", "text": "раз\0"}]}).encode()
    browser = await house.browser()
    for _ in range(3):
        headers = {"X-Signature": sign(body)}
        assert (await browser.ask("POST", "/hooks/alpha-echo", data=body, headers=headers))[
            0
        ] == 200
    anna = await house.browser("anna")
    [row] = (await anna.get("/projects/alpha/dialogs"))["items"]
    [entry] = (await anna.get(f"/dialogs/{row['id']}/log"))["items"]
    assert entry["text"] == "раз"


async def test_a_revoked_channel_is_silent_for_its_operator_at_the_next_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await house.hub.accounts.by_login("anna")
    assert anna is not None
    browser = await house.browser("anna")
    socket = await browser.live()
    await socket.frame("hello")
    guest = await house.visitor()
    await guest.write("видно")
    await socket.event("dialog.changed")
    await house.hub.engine.change(
        Membership, f"{anna.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    looked, recheck = asyncio.Event(), house.hub.accounts.recheck

    async def told(session: str) -> Who | None:
        who = await recheck(session)
        looked.set()
        return who

    monkeypatch.setattr(house.hub.accounts, "recheck", told)
    doubt = AccessChanged(project=ProjectId(""), operator=OperatorId(anna.id))
    await house.hub.bus.announce(doubt)
    async with asyncio.timeout(60):
        await looked.wait()
    row = (await guest.write("уже нет"))["dialog"]
    status, _ = await browser.ask("GET", f"/api/v1/dialogs/{row}")
    assert status == 404
    await browser.ask("PUT", "/api/v1/me/presence", {"presence": "away"})
    await socket.event("presence.changed")
    assert "уже нет" not in "".join(socket.raw)


async def test_every_id_of_a_log_begins_with_its_own_channel(house: House) -> None:
    """So whatever ids a platform makes up, they can never be those of another channel's log."""
    guest = await house.visitor()
    dialog = (await guest.write("раз"))["dialog"]
    anna = await house.browser("anna")
    await anna.post(f"/dialogs/{dialog}/messages", {"key": "an-answer", "text": "да"}, 201)
    await anna.post(f"/dialogs/{dialog}/notes", {"key": "a-note-01", "text": "сам"}, 201)
    await anna.post(f"/dialogs/{dialog}/return")
    await anna.post(f"/dialogs/{dialog}/close")
    row = await house.hub.engine.get(Dialog, dialog)
    assert row is not None
    await seal(house.hub.engine, row, house.hub.now())
    log = (await house.hub.engine.find(LOG, {"dialog": dialog})).items
    assert {each.kind for each in log} == set(EntryKind)
    assert log[-1].verb is Verb.SEALED
    assert [each.id for each in log if not each.id.startswith("alpha-site:")] == []
    assert len({each.id for each in log}) == len(log)

"""The visitors' door against everything that a stranger's browser, or no browser, may try."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from msgspec.structs import replace

from hub.errors import UnavailableError
from hub.model import Channel
from hub.store.schema import DEAD_LETTERS
from tests.web.house import SHOP, House, LiveSocket, sign
from web.sockets import SocketLimits

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
SILENCE = SocketLimits(hello_seconds=0.2)


async def test_the_configuration_goes_to_allowed_sites_only(house: House) -> None:
    browser = await house.browser()
    answer = await browser.raw("GET", "/widget/alpha-site/config", headers={"Origin": SHOP})
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    told = await answer.json()
    assert told["project"] == {"name": "Альфа"}
    assert (told["lang"], told["open"], told["greeting"]) == ("ru", True, "Здравствуйте")
    assert told["text_max_chars"] == 4_000
    status, told = await browser.ask(
        "GET", "/widget/alpha-site/config", headers={"Origin": "https://evil.example"}
    )
    assert (status, told["code"]) == (403, "origin")
    assert (await browser.ask("GET", "/widget/alpha-site/config"))[0] == 200


async def test_a_page_can_read_that_it_has_no_chat(house: House) -> None:
    browser = await house.browser()
    for channel, origin in (("alpha-site", "https://evil.example"), ("nothing", SHOP)):
        answer = await browser.raw("GET", f"/widget/{channel}/config", headers={"Origin": origin})
        assert answer.status in (403, 404)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("channel", ["alpha-echo", "nothing", "%2e%2e%2falpha-site"])
async def test_only_a_sites_chat_has_a_widget(house: House, channel: str) -> None:
    browser = await house.browser()
    for path in ("config", "live"):
        status, _ = await browser.ask("GET", f"/widget/{channel}/{path}", headers={"Origin": SHOP})
        assert status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://shop.example.evil.example"},
        {"Origin": "http://shop.example"},
        {"Origin": "https://shop.example:8443"},
    ],
)
async def test_another_sites_page_gets_no_socket(house: House, headers: dict[str, str]) -> None:
    browser = await house.browser()
    status, told = await browser.ask("GET", "/widget/alpha-site/live", headers=headers | UPGRADE)
    assert (status, told["code"]) == (403, "origin")


async def test_the_hubs_own_page_may_show_the_chat(house: House) -> None:
    browser = await house.browser()
    ws = await browser.client.ws_connect(
        "/widget/alpha-site/live", headers={"Origin": browser.origin}
    )
    socket = LiveSocket(ws)
    await socket.say(t="hello", key=None)
    await socket.frame("hello")


async def test_a_forged_key_is_shown_the_door(house: House) -> None:
    visitor = await house.visitor()
    await visitor.write("моё")
    id, _, signature = visitor.key.partition(".")
    foreign = (await house.visitor("beta-site")).key
    for key in (
        f"{id}.",
        id,
        f"{id}.{'A' * 43}",
        f"{id[:-1]}.{signature}",
        f"{id}x.{signature}",
        f".{signature}",
        foreign,
        "х.у",
    ):
        browser = await house.browser()
        ws = await browser.client.ws_connect("/widget/alpha-site/live", headers={"Origin": SHOP})
        socket = LiveSocket(ws)
        await socket.say(t="hello", key=key)
        assert await socket.closed() == 4403, key
        status, _ = await browser.ask(
            "POST",
            "/widget/alpha-site/files?name=a",
            data=b"x",
            headers={"Origin": SHOP, "X-Visitor-Key": key.encode().decode("latin-1")},
        )
        assert status == 403, key


async def test_a_visitor_sees_only_his_own(house: House) -> None:
    one, two = await house.visitor(), await house.visitor()
    ok = await one.write("секрет")
    await two.write("привет")
    assert "секрет" not in "".join(two.socket.raw)
    back = await house.visitor(key=two.key, dialog=ok["dialog"], after_seq=0)
    assert [entry["text"] for entry in back.greeting["entries"]] == ["привет"]
    assert back.greeting["dialog"] != ok["dialog"]


@pytest.mark.parametrize(
    ("frame", "code", "field"),
    [
        ({"text": ""}, "bad_value", "text"),
        ({"text": " \n "}, "bad_value", "text"),
        ({"text": 5}, "bad_value", "text"),
        ({"text": "x" * 4_001}, "too_large", "text"),
        ({"order": -1}, "bad_value", "order"),
        ({"order": 2**70}, "bad_value", "order"),
        ({"at": "yesterday"}, "bad_value", "at"),
        ({"attachments": ["a"] * 11}, "too_large", "attachments"),
        ({"attachments": ["../../etc/passwd"]}, "bad_value", "attachments"),
        ({"reply_to": "x" * 301}, "bad_value", "reply_to"),
        ({"key": "with space 1"}, "bad_value", "key"),
    ],
)
async def test_a_bad_message_is_refused_for_good_and_the_socket_lives_on(
    house: House, frame: dict[str, Any], code: str, field: str
) -> None:
    visitor = await house.visitor()
    key = frame.get("key", "bad-00001")
    refused = await visitor.write("x", **({"key": key} | frame))
    assert (refused["t"], refused["code"], refused["field"]) == ("error", code, field)
    assert refused["again"] is False
    assert (await visitor.write("хорошо"))["t"] == "ok"


@pytest.mark.parametrize(
    "raw",
    ["", "{", "[]", "5", '{"t": "hello"}', '{"t": "nonsense"}', '{"t": 5}', "[" * 60_000],
)
async def test_a_frame_that_is_no_frame_is_refused(house: House, raw: str) -> None:
    visitor = await house.visitor()
    await visitor.socket.ws.send_str(raw)
    assert (await visitor.socket.frame("error"))["again"] is False
    await visitor.socket.say(t="ping")
    await visitor.socket.frame("pong")


async def test_a_frame_too_large_or_binary_closes_the_socket(house: House) -> None:
    one, two = await house.visitor(), await house.visitor()
    await one.socket.ws.send_str(json.dumps({"t": "send", "text": "x" * 70_000}))
    assert await one.socket.closed() == 1009
    await two.socket.ws.send_bytes(b"\xff\xff")
    assert await two.socket.closed() == 1002


@pytest.mark.parametrize("at", [0, -(2**62), 2**62, 1e300, -1e300])
async def test_a_wild_clock_is_put_within_two_days(house: House, at: float) -> None:
    visitor = await house.visitor()
    ok = await visitor.write("x", at=at)
    assert ok["t"] == "ok", ok
    anna = await house.browser("anna")
    [entry] = (await anna.get(f"/dialogs/{ok['dialog']}/log"))["items"]
    told, stored = (datetime.fromisoformat(entry[each]) for each in ("at", "stored_at"))
    assert told <= stored


async def test_who_writes_too_often_is_asked_to_come_again(house: House) -> None:
    await house.hub.engine.change(
        Channel,
        "alpha-site",
        lambda had: replace(had, settings=had.settings | {"visitor_per_minute": 3}),
    )
    await house.hub.channels.refresh()
    visitor = await house.visitor()
    answers = [await visitor.write(str(n)) for n in range(4)]
    assert [answer["t"] for answer in answers] == ["ok", "ok", "ok", "error"]
    assert (answers[3]["code"], answers[3]["again"]) == ("limited", True)


async def test_whoever_only_talks_nonsense_is_cut_off(house: House) -> None:
    visitor = await house.visitor()
    for _ in range(201):
        await visitor.socket.ws.send_str("{")
    assert await visitor.socket.closed() == 4429


@pytest.mark.parametrize("socket_limits", [SILENCE])
async def test_a_silent_socket_is_closed(house: House) -> None:
    browser = await house.browser()
    ws = await browser.client.ws_connect("/widget/alpha-site/live", headers={"Origin": SHOP})
    assert (await ws.receive(timeout=20)).data == 1002


async def test_a_store_that_is_away_asks_to_send_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await house.visitor()

    async def away(*_: object, **__: object) -> None:
        raise UnavailableError("disk full at /secret/path")

    with monkeypatch.context() as patch:
        patch.setattr(house.hub.engine, "write", away)
        refused = await visitor.write("x", key="again-0001")
    assert refused == {"t": "error", "key": "again-0001", "code": "unavailable", "again": True}
    assert (await visitor.write("x", key="again-0001"))["t"] == "ok"


async def test_a_channel_switched_off_keeps_the_message_waiting(house: House) -> None:
    visitor = await house.visitor()

    async def switch(*, on: bool) -> None:
        await house.hub.engine.change(Channel, "alpha-site", lambda had: replace(had, enabled=on))
        await house.hub.channels.refresh()

    await switch(on=False)
    await visitor.socket.say(t="send", key="waits-0001", at=0, text="x")
    assert await visitor.socket.closed() == 1013
    status, _ = await visitor.browser.ask("GET", "/widget/alpha-site/config")
    assert status == 404
    await switch(on=True)
    back = await house.visitor(key=visitor.key)
    assert (await back.write("x", key="waits-0001"))["t"] == "ok"


async def test_what_we_fail_to_take_is_kept_aside_and_said_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await house.visitor()

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(house.hub.intake, "accept", broken)
        refused = await visitor.write("важное", key="broken-001")
    assert (refused["t"], refused["again"]) == ("error", False)
    [letter] = (await house.hub.engine.find(DEAD_LETTERS, {"project": "alpha"})).items
    kept = json.loads(letter.body)
    assert (kept["frame"]["text"], kept["identity"]) == (
        "важное",
        f"alpha-site:{visitor.key.partition('.')[0]}",
    )
    assert (await visitor.write("важное", key="broken-001"))["t"] == "ok"


async def test_a_long_address_of_the_page_is_cut_and_no_offence(house: House) -> None:
    visit = {
        "page": "https://shop.example/?" + "x" * 5_000,
        "utm": {f"utm_{n}": "v" * 500 for n in range(40)},
    }
    visitor = await house.visitor(visit=visit)
    ok = await visitor.write("привет")
    card = await (await house.browser("anna")).get(f"/dialogs/{ok['dialog']}")
    assert len(card["dialog"]["visit"]["page"]) == 2_000
    assert len(card["dialog"]["visit"]["utm"]) == 20


async def test_fifty_first_messages_at_once_are_one_dialog(house: House) -> None:
    first = await house.visitor()
    sockets = [first, *[await house.visitor(key=first.key) for _ in range(9)]]
    answers = await asyncio.gather(
        *(
            each.write(f"{n}", key=f"first-{s}-{n:03}")
            for s, each in enumerate(sockets)
            for n in range(1)
        )
    )
    for n in range(1, 5):
        answers += await asyncio.gather(
            *(each.write(f"{n}", key=f"first-{s}-{n:03}") for s, each in enumerate(sockets))
        )
    assert {answer["t"] for answer in answers} == {"ok"}
    assert len({answer["dialog"] for answer in answers}) == 1
    assert sorted(answer["seq"] for answer in answers) == list(range(1, 51))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("picture.png", b"<html><script>alert(1)</script>"),
        ("x.xml", b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>"),
    ],
)
async def test_what_a_browser_could_run_is_only_ever_saved(
    house: House, name: str, body: bytes
) -> None:
    visitor = await house.visitor()
    status, file = await visitor.browser.ask(
        "POST",
        f"/widget/alpha-site/files?name={name}",
        data=body,
        headers={"Origin": SHOP, "X-Visitor-Key": visitor.key, "Content-Type": "image/svg+xml"},
    )
    assert status == 201
    assert file["kind"] == "file"
    answer = await visitor.browser.raw("GET", file["url"])
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "C:\\Windows\\system.ini",
        'a".html"; filename="b.exe',
        "line%0d%0aSet-Cookie: a=b",
        "%00.png",
        "%E2%80%AEgnp.exe",
        "",
        "x" * 900,
        "фото отпуска.jpg",
    ],
)
async def test_a_files_name_is_only_ever_a_name(house: House, name: str) -> None:
    visitor = await house.visitor()
    status, file = await visitor.browser.ask(
        "POST",
        f"/widget/alpha-site/files?name={name}",
        data=b"hello",
        headers={"Origin": SHOP, "X-Visitor-Key": visitor.key},
    )
    assert status == 201, file
    assert 1 <= len(file["name"]) <= 120
    assert not set(file["name"]) & set('/\\\r\n\0\u202e"')
    answer = await visitor.browser.raw("GET", file["url"])
    assert (answer.status, await answer.read()) == (200, b"hello")
    assert "Set-Cookie" not in answer.headers


async def test_a_link_to_a_file_cannot_be_made_up(house: House) -> None:
    visitor = await house.visitor()
    headers = {"Origin": SHOP, "X-Visitor-Key": visitor.key}
    path = "/widget/alpha-site/files?name="
    _, one = await visitor.browser.ask("POST", f"{path}a", data=b"one", headers=headers)
    _, two = await visitor.browser.ask("POST", f"{path}b", data=b"two", headers=headers)
    query = one["url"].partition("?")[2]
    for url in (
        f"/files/{one['id']}/a",
        f"/files/{two['id']}/b?{query}",
        f"/files/{one['id']}/a?{query}x",
        f"/files/..%2f..%2fhub.db/a?{query}",
        f"/files/{one['id']}/a?e=99999999999&s=x",
    ):
        status, _ = await visitor.browser.ask("GET", url)
        assert status == 403, url


async def test_an_empty_or_huge_file_is_refused(house: House) -> None:
    visitor = await house.visitor()
    headers = {"Origin": SHOP, "X-Visitor-Key": visitor.key}
    path = "/widget/alpha-site/files?name=a"
    answer = await visitor.browser.raw("POST", path, data=b"", headers=headers)
    assert answer.status == 400
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP

    async def flood() -> Any:
        for _ in range(400):
            yield b"x" * 64_000

    # The refusal may overtake the rest of the upload and end it.
    with suppress(OSError):
        answer = await visitor.browser.raw("POST", path, data=flood(), headers=headers)
        assert answer.status == 413
    status, _ = await visitor.browser.ask("POST", path, data=b"good", headers=headers)
    assert status == 201


async def test_a_preflight_is_answered_for_allowed_sites(house: House) -> None:
    browser = await house.browser()
    for path in ("files", "config"):
        good = await browser.raw("OPTIONS", f"/widget/alpha-site/{path}", headers={"Origin": SHOP})
        assert good.status == 204
        assert "X-Visitor-Key" in good.headers["Access-Control-Allow-Headers"]
        for headers in ({}, {"Origin": "https://evil.example"}):
            bad = await browser.raw("OPTIONS", f"/widget/alpha-site/{path}", headers=headers)
            assert bad.status == 403


def _body(*messages: tuple[str, str], **more: object) -> bytes:
    return json.dumps(
        {"messages": [{"id": id, "from": "77", "text": text} for id, text in messages]} | more
    ).encode()


async def _hook(house: House, body: bytes, signature: str | None = None) -> tuple[int, Any]:
    browser = await house.browser()
    return await browser.ask(
        "POST",
        "/hooks/alpha-echo",
        data=body,
        headers={"X-Signature": sign(body) if signature is None else signature},
    )


async def test_a_signed_hook_is_stored_whole_and_once(house: House) -> None:
    body = _body(("m1", "раз"), ("m2", "два"))
    assert (await _hook(house, body))[0] == 200
    assert (await _hook(house, body))[0] == 200
    anna = await house.browser("anna")
    [row] = (await anna.get("/projects/alpha/dialogs"))["items"]
    log = await anna.get(f"/dialogs/{row['id']}/log")
    assert [entry["text"] for entry in log["items"]] == ["раз", "два"]


async def test_an_unsigned_hook_changes_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for signature in ("", "wrong"):
        status, told = await _hook(house, _body(("m1", "тайное слово")), signature)
        assert (status, told["code"]) == (403, "signature")
    assert (await (await house.browser("anna")).get("/projects/alpha/dialogs"))["items"] == []
    assert "тайное" not in caplog.text
    status, _ = await (await house.browser()).ask("POST", "/hooks/nothing", data=b"{}")
    assert status == 404


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"messages": 5}', _body(explode=True)])
async def test_what_cannot_be_digested_is_kept_and_answered_ok(house: House, body: bytes) -> None:
    assert (await _hook(house, body))[0] == 200
    page = await house.hub.engine.find(DEAD_LETTERS, {"project": "alpha"})
    assert [letter.body for letter in page.items] == [body]


async def test_a_hook_meets_a_store_that_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise UnavailableError("disk full at /secret/path")

    with monkeypatch.context() as patch:
        patch.setattr(house.hub.engine, "write", away)
        status, told = await _hook(house, _body(("m1", "раз")))
    assert (status, told["code"]) == (503, "unavailable")
    assert "secret" not in json.dumps(told)
    assert (await _hook(house, _body(("m1", "раз"))))[0] == 200


async def test_a_hook_too_large_is_refused(house: House) -> None:
    browser = await house.browser()
    large = BytesIO(b"x" * 3_000_001)
    assert (await browser.ask("POST", "/hooks/alpha-echo", data=large))[0] == 413


async def test_a_sites_chat_cannot_be_written_to_through_the_hooks(house: House) -> None:
    visitor = await house.visitor()
    body = json.dumps({"t": "send", "key": "forged-001", "at": 0, "text": "x"}).encode()
    status, _ = await visitor.browser.ask(
        "POST",
        "/hooks/alpha-site",
        data=body,
        headers={"X-Visitor-Key": visitor.key, "Origin": SHOP},
    )
    assert status == 404

"""The doors against what browsers never send: raw bytes, silence, noise, foreign ids."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from hub.accounts import TRIES_ADDRESS, TRIES_LOGIN, source_of
from hub.config import Server
from hub.errors import UnavailableError
from hub.model import Channel, Membership
from tests.web.house import PASSWORD, Echo, House
from web import wire
from web.app import build
from web.door import Door
from web.intray import HELD_BY_SOURCE, HELD_MAX
from web.routes import ROOT
from web.server import Runner
from web.state import STATE

NO_UTF8 = "\udcff\udcfe"


@dataclass
class Raw:
    status: int
    headers: dict[str, str]
    body: bytes


async def said(house: House, request: str | bytes) -> Raw:
    """What the served hub says to these very bytes."""
    if isinstance(request, str):
        request = request.replace("\n", "\r\n").encode("utf-8", "surrogateescape")
    assert house.server.port is not None
    return await _answer(house.server.port, request)


async def _answer(port: int, request: bytes) -> Raw:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    return Raw(int(first.split(" ")[1]), headers, body)


@asynccontextmanager
async def listening(house: House, connections: int, silence: float = 30) -> AsyncIterator[int]:
    """The hub behind the listener that the program itself uses; its port."""
    from aiohttp import web

    runner = Runner(build(house.hub), connections, silence)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield int(runner.addresses[0][1])
    await runner.cleanup()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"GET {ROOT}/me HTTP/1.1\nHost: x\nCookie: otklik={NO_UTF8}\nConnection: close\n\n", 401),
        (f"GET /inbox HTTP/1.1\nHost: x\nCookie: otklik={NO_UTF8}\nConnection: close\n\n", 200),
        (
            "POST /widget/alpha-site/files HTTP/1.1\nHost: x\n"
            f"X-Visitor-Key: a{NO_UTF8}.{NO_UTF8}\nContent-Length: 1\nConnection: close\n\nx",
            403,
        ),
        (
            "GET /widget/alpha-site/config HTTP/1.1\nHost: x\n"
            f"Origin: https://{NO_UTF8}\nConnection: close\n\n",
            403,
        ),
        (
            f"POST {ROOT}/session HTTP/1.1\nHost: x\nContent-Encoding: gzip\nContent-Length: 5\n"
            "Content-Type: application/json\nConnection: close\n\nhello",
            400,
        ),
        (
            f"POST {ROOT}/session HTTP/1.1\nHost: x\nUser-Agent: {NO_UTF8}\nContent-Length: 54\n"
            "Content-Type: application/json\nConnection: close\n\n"
            '{"login": "anna", "password": "correct horse battery"}',
            200,
        ),
    ],
)
async def test_raw_bytes_are_a_refusal_and_never_a_fault(
    house: House, request_text: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await said(house, request_text)
    assert answer.status == status, answer
    assert "request.failed" not in caplog.text


async def test_a_chat_for_every_site_is_not_for_a_site_of_raw_bytes(house: House) -> None:
    await house.hub.engine.change(
        Channel, "beta-site", lambda had: replace(had, settings={"origins": ["*"]})
    )
    await house.hub.channels.refresh()
    asked = "GET /widget/beta-site/config HTTP/1.1\nHost: x\nConnection: close\nOrigin: https://"
    good = await said(house, f"{asked}any.example\n\n")
    assert good.headers["Access-Control-Allow-Origin"] == "https://any.example"
    bad = await said(house, f"{asked}{NO_UTF8}\n\n")
    assert bad.status == 403
    assert bad.headers["Access-Control-Allow-Origin"] == "*", "a refusal is for whoever asks"


async def test_a_token_of_raw_bytes_is_no_token(house: House) -> None:
    anna = await house.browser("anna")
    cookie = next(iter(anna.client.session.cookie_jar))
    answer = await said(
        house,
        f"PATCH {ROOT}/me HTTP/1.1\nHost: x\nCookie: {cookie.key}={cookie.value}\n"
        f"X-CSRF-Token: {NO_UTF8}\nContent-Length: 0\nConnection: close\n\n",
    )
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "csrf")


async def test_a_signature_of_raw_bytes_is_no_signature(house: House) -> None:
    answer = await said(
        house,
        f"POST /hooks/alpha-echo HTTP/1.1\nHost: x\nX-Signature: {NO_UTF8}\n"
        "Content-Length: 2\nConnection: close\n\n{}",
    )
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "signature")


async def test_a_body_that_unpacks_beyond_the_limit_is_refused_while_it_unpacks(
    house: House,
) -> None:
    bomb = gzip.compress(bytes(200_000_000))
    browser = await house.browser()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    status, told = await browser.ask("POST", f"{ROOT}/session", headers=headers, data=bomb)
    assert (status, told["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03<script>\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\nAccept: text/html\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_noise_is_answered_briefly_and_leaves_no_traceback(
    house: House, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(house, 100) as port:
        answer = await _answer(port, noise)
    assert answer.status == 400
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "refused",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in answer.headers.get("Server", "")
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_never_finishes_a_request_is_hung_up_on(house: House, begun: bytes) -> None:
    async with listening(house, 100, silence=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_who_breaks_off_leaves_no_traceback(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    begun = f"POST {ROOT}/session HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
    bad = begun + "Content-Encoding: gzip\r\nContent-Type: application/json\r\n\r\nhellohell"
    async with listening(house, 100) as port:
        for request in (begun + "Content-Type: application/json\r\n\r\n{", bad):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        answer = await _answer(port, b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.status == 200
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_more_connections_than_there_may_be_are_told_so_and_the_rest_served(
    house: House,
) -> None:
    async with listening(house, 10) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        over = await _answer(port, b"")
        assert (over.status, over.headers["Retry-After"]) == (503, "5")
        held[0][1].write(b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await held[0][0].read()).startswith(b"HTTP/1.1 200")
        served = await _answer(port, b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert served.status == 200
        for _, writer in held:
            writer.close()


async def test_a_body_that_drips_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PACE_AFTER_SECONDS", -1)
    anna = await house.browser("anna")
    given_up = asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        yield b"x"
        await given_up.wait()

    path = f"{ROOT}/projects/alpha/files?name=a"
    status, told = await anna.ask("POST", path, data=drip())
    given_up.set()
    assert (status, told["code"], told["field"]) == (400, "bad_value", "file")


async def test_unverified_bodies_are_held_only_so_many_at_once(
    house: House,
) -> None:
    browser, held = await house.browser(), house.server.app[STATE].intray
    with held.room("203.0.113.9") as took:
        took(HELD_BY_SOURCE)
        status, told = await browser.ask("POST", "/hooks/alpha-echo", data=b"x")
        assert (status, told["code"]) == (403, "signature")
        with ExitStack() as others:
            for n in range(1, HELD_MAX // HELD_BY_SOURCE):
                others.enter_context(held.room(f"203.0.113.{n}"))(HELD_BY_SOURCE)
            for path in ("/hooks/alpha-echo", f"{ROOT}/session"):
                status, told = await browser.ask("POST", path, {"messages": []})
                assert (status, told["code"]) == (503, "unavailable")
    with held.room("203.0.113.9") as took, pytest.raises(UnavailableError):
        took(HELD_BY_SOURCE + 1)
    status, told = await browser.ask("POST", "/hooks/alpha-echo", data=b"x" * 10_000)
    assert (status, told["code"]) == (403, "signature")


async def test_a_check_that_stumbles_says_no(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Echo, "verify", stumble)
    status, told = await (await house.browser()).ask("POST", "/hooks/alpha-echo", {"messages": []})
    assert (status, told["code"]) == (403, "signature")


@pytest.mark.parametrize("server_settings", [{"trusted_proxies": ["127.0.0.1"]}])
async def test_one_address_cannot_shut_an_operator_out(house: House) -> None:
    attacker, anna = await house.browser(), await house.browser()
    house.stop_the_clock()
    wrong, right = ({"login": "anna", "password": each} for each in ("wrong", PASSWORD))
    bad = {"X-Forwarded-For": "2001:db8::1"}
    statuses = [
        (await attacker.ask("POST", f"{ROOT}/session", wrong, headers=bad))[0]
        for _ in range(TRIES_LOGIN + 5)
    ]
    assert statuses == [401] * TRIES_LOGIN + [429] * 5
    # The next address of the same network is the same attacker.
    near = {"X-Forwarded-For": "2001:db8::ffff:ffff:1"}
    assert (await attacker.ask("POST", f"{ROOT}/session", right, headers=near))[0] == 429
    far = {"X-Forwarded-For": "203.0.113.9"}
    assert (await anna.ask("POST", f"{ROOT}/session", right, headers=far))[0] == 200


def test_an_address_is_counted_by_what_its_owner_can_change_at_will() -> None:
    assert (
        source_of("2001:db8:1:2:3::4") == source_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    )
    assert source_of("2001:db8:1:3::4") != source_of("2001:db8:1:2::4")
    assert source_of("203.0.113.9") == "203.0.113.9"
    assert source_of("unknown") == "unknown"
    assert TRIES_LOGIN < TRIES_ADDRESS


async def test_signing_in_again_ends_the_session_that_was_there(house: House) -> None:
    anna = await house.browser("anna")
    before = next(iter(anna.client.session.cookie_jar)).value
    await anna.post("/session", {"login": "anna", "password": PASSWORD})
    after = next(iter(anna.client.session.cookie_jar)).value
    assert before != after
    assert await house.hub.accounts.whoami(before) is None
    assert await house.hub.accounts.whoami(after) is not None


@pytest.mark.parametrize(
    ("remote", "host", "near"),
    [
        ("127.0.0.1", "localhost:8080", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "[::1]:8080", True),
        ("127.0.0.1", "rebound.evil.example", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "chat.example", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[]", False),
        ("127.0.0.1", "[::1", False),
    ],
)
def test_a_name_that_was_made_to_lead_here_opens_no_counts(
    remote: str, host: str, near: bool
) -> None:
    from aiohttp.test_utils import make_mocked_request

    request = make_mocked_request("GET", "/metrics", headers={"Host": host}).clone(remote=remote)
    assert Door(Server()).is_near(request) is near


async def test_a_reply_to_other_peoples_words_is_refused(house: House) -> None:
    theirs = await (await house.visitor("beta-site")).write("чужое")
    stranger, visitor = await house.visitor(), await house.visitor()
    foreign = (await stranger.write("другое"))["dialog"]
    ok = await visitor.write("моё")
    anna, boris = await house.browser("anna"), await house.browser("boris")
    ids = [
        (await boris.get(f"/dialogs/{theirs['dialog']}/log"))["items"][0]["id"],
        (await anna.get(f"/dialogs/{foreign}/log"))["items"][0]["id"],
        "alpha-site:nothing:here",
        "x' OR 1=1 --",
    ]
    own = (await anna.get(f"/dialogs/{ok['dialog']}/log"))["items"][0]["id"]
    for n, id in enumerate(ids):
        refused = await visitor.write("?", key=f"reply-{n:04d}", reply_to=id)
        assert (refused["t"], refused["code"], refused["field"]) == (
            "error",
            "not_found",
            "reply_to",
        )
        status, told = await anna.ask(
            "POST",
            f"{ROOT}/dialogs/{ok['dialog']}/messages",
            {"key": f"reply-{n:04d}", "text": "?", "reply_to": id},
        )
        assert (status, told["field"]) == (400, "reply_to")
    assert (await visitor.write("!", reply_to=own))["t"] == "ok"
    said = {"key": "reply-good", "text": "!", "reply_to": own}
    assert (await anna.post(f"/dialogs/{ok['dialog']}/messages", said, 201))["reply_to"] == own


async def test_counts_hold_nothing_that_may_not_be_opened(house: House) -> None:
    await (await house.visitor()).write("на сайте")
    vera = await house.operator("vera", house_project("alpha"))
    await house.hub.engine.change(
        Membership, f"{vera.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    limited, anna = await house.browser("vera"), await house.browser("anna")
    assert (await anna.get("/projects/alpha/counts"))["all"]["n"] == 1
    for name, count in (await limited.get("/projects/alpha/counts")).items():
        assert (name, count["n"]) == (name, 0)


async def test_one_key_in_two_places_is_two_messages(house: House) -> None:
    visitors = [await house.visitor(), await house.visitor(), await house.visitor("beta-site")]
    oks = [await each.write(f"{n}", key="same-key-1") for n, each in enumerate(visitors)]
    assert len({ok["dialog"] for ok in oks}) == 3
    anna, boris = await house.browser("anna"), await house.browser("boris")
    for browser, ok in ((anna, oks[0]), (anna, oks[1]), (boris, oks[2])):
        body = {"key": "same-key-1", "text": "да"}
        made = await browser.post(f"/dialogs/{ok['dialog']}/messages", body, 201)
        assert made["text"] == "да"
        log = (await browser.get(f"/dialogs/{ok['dialog']}/log"))["items"]
        assert [each["kind"] for each in log].count("out") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/%2e%2e/pyproject.toml",
        "/static/....//config.toml",
        "/static/inbox.js%00.png",
        "/files/..%2f..%2fhub.key/a",
        "/files/%00/a?e=1&s=%ff",
        "/widget/..%2falpha-site/config",
        "/widget/alpha-site%00/config",
        "//evil.example/%2e%2e",
    ],
)
async def test_a_path_leads_nowhere_else(house: House, path: str) -> None:
    answer = await said(house, f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")
    assert answer.status in (403, 404)
    assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PROPFIND", "CONNECT"])
async def test_another_method_is_refused_under_whatever_name(house: House, method: str) -> None:
    headers = "Host: x\nX-HTTP-Method-Override: DELETE\nConnection: close"
    answer = await said(house, f"{method} {ROOT}/session HTTP/1.1\n{headers}\n\n")
    assert answer.status in (400, 404, 405)
    asked = await said(house, f"GET {ROOT}/session HTTP/1.1\n{headers}\n\n")
    assert asked.status == 405


async def test_private_answers_are_kept_by_nobody_and_read_by_no_other_site(house: House) -> None:
    visitor = await house.visitor()
    ok = await visitor.write("секрет")
    anna = await house.browser("anna")
    for path in (
        f"{ROOT}/me",
        f"{ROOT}/projects/alpha/dialogs",
        f"{ROOT}/dialogs/{ok['dialog']}/log",
        "/inbox",
        f"{ROOT}/nothing",
    ):
        answer = await anna.raw("GET", path, headers={"Origin": "https://evil.example"})
        assert answer.headers["Cache-Control"] == "no-store", path
        assert not [name for name in answer.headers if name.startswith("Access-Control")], path


async def test_the_session_cookie_cannot_be_read_by_pages_or_sent_by_other_sites(
    house: House,
) -> None:
    browser = await house.browser()
    answer = await browser.raw("POST", f"{ROOT}/session", {"login": "anna", "password": PASSWORD})
    cookie = answer.cookies["otklik"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert cookie["domain"] == ""


def house_project(id: str) -> Any:
    return id

"""The platforms' door: whatever is sent to it, the status is right and nothing is lost."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.channels.port import BODY_MAX_BYTES, Hook
from hub.errors import PayloadError
from hub.events import MessageReceived
from hub.model import Entry, ProjectId
from hub.store.schema import DEAD_LETTERS
from tests.web.house import ECHO_SECRET, Browser, House, sign

DOOR = "/hooks/alpha-echo"
ONE = {"messages": [{"from": "vera", "id": "1", "text": "Здравствуйте"}]}


async def send(
    browser: Browser,
    body: bytes,
    signed: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    made = {"X-Signature": sign(body if signed is None else signed)}
    return await browser.ask("POST", DOOR, data=body, headers=made | dict(headers or {}))


async def letters(house: House) -> list[tuple[bytes, str]]:
    page = await house.hub.engine.find(DEAD_LETTERS, {"project": ProjectId("alpha")}, limit=500)
    return [(each.body, each.error) for each in page.items]


async def said(house: House) -> list[str]:
    """The last words of each dialog."""
    anna = await house.browser("anna")
    listed = await anna.get("/projects/alpha/dialogs")
    return [each["preview"]["text"] for each in listed["items"]]


async def test_the_platform_is_answered_what_it_wants_to_hear(house: House) -> None:
    browser = await house.browser()
    asked = f"{DOOR}?token={ECHO_SECRET}&challenge=12345"
    assert await browser.ask("GET", asked) == (200, b"12345")
    status, told = await browser.ask("GET", f"{DOOR}?token=other&challenge=12345")
    assert (status, told["code"]) == (403, "signature")
    assert await browser.ask("GET", f"{DOOR}?token={ECHO_SECRET}") == (200, b"ok")
    assert await letters(house) == [], "an answer that cannot be made loses nothing"


@pytest.mark.parametrize("id", ["{3F2504E0}", "a/b", "?#&=", "100%", "%2F", "..", "{}:[]"])
async def test_whatever_a_platform_calls_its_person_the_dialog_is_opened(
    house: House, id: str
) -> None:
    body = json.dumps({"messages": [{"from": id, "id": f"{id}.1", "text": "Здравствуйте"}]})
    assert (await send(await house.browser(), body.encode()))[0] == 200
    anna = await house.browser("anna")
    path = f"/dialogs/{quote(f'alpha-echo:{id}:1', safe='')}"
    assert (await anna.get(path))["dialog"]["name"] == id
    [entry] = (await anna.get(f"{path}/log"))["items"]
    told = await anna.get(f"{path}/entries/{quote(entry['id'], safe='')}")
    assert told["text"] == "Здравствуйте"


async def test_a_platform_may_have_an_address_for_each_sort_of_news(house: House) -> None:
    body = json.dumps(ONE).encode()
    browser = await house.browser()
    headers = {"X-Signature": sign(body)}
    status, _ = await browser.ask("POST", f"{DOOR}/events/call", data=body, headers=headers)
    assert status == 200
    assert await said(house) == ["Здравствуйте"]
    for path in (f"{DOOR}/events/call", "/hooks/nothing/events/call"):
        status, _ = await browser.ask("POST", path, data=body)
        assert status in (403, 404), "it is the same door"
    assert (await browser.ask("POST", f"{DOOR}/{'x' * 101}", data=body, headers=headers))[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_door_is_knocked_at_in_two_ways_only(house: House, method: str) -> None:
    status, _ = await (await house.browser()).ask(method, DOOR)
    assert status == 405


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
async def test_what_a_body_is_called_does_not_matter(house: House, kind: str) -> None:
    body = json.dumps(ONE).encode()
    status, _ = await send(await house.browser(), body, headers={"Content-Type": kind})
    assert status == 200
    assert await said(house) == ["Здравствуйте"]


def _raw(body: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(body) + made.flush()


PACKED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", _raw),
)


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
async def test_a_packed_body_is_read_as_what_it_holds(
    house: House, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = json.dumps(ONE).encode()
    status, _ = await send(
        await house.browser(), pack(body), body, headers={"Content-Encoding": encoding}
    )
    assert status == 200
    assert await said(house) == ["Здравствуйте"]


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
async def test_a_body_that_unpacks_without_end_is_let_go_of(
    house: House, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    bomb = pack(bytes(200_000_000))
    assert len(bomb) < BODY_MAX_BYTES
    status, told = await send(await house.browser(), bomb, headers={"Content-Encoding": encoding})
    assert (status, told["code"]) == (413, "too_large")
    assert await letters(house) == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_body_that_is_none_is_broken(house: House, encoding: str) -> None:
    body = json.dumps(ONE).encode()
    status, _ = await send(await house.browser(), body, headers={"Content-Encoding": encoding})
    assert status == 400
    assert (await letters(house), await said(house)) == ([], [])


async def test_a_body_that_ends_early_is_neither_read_nor_kept(house: House) -> None:
    """Whoever is cut off repeats it: nobody said "ok"."""
    body = json.dumps(ONE).encode()
    head = f"POST {DOOR} HTTP/1.1\r\nHost: x\r\nX-Signature: {sign(body)}\r\n"
    url = (await house.browser()).client.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
    writer.write_eof()
    assert not (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    assert (await letters(house), await said(house)) == ([], [])
    assert (await send(await house.browser(), body))[0] == 200
    assert await said(house) == ["Здравствуйте"]


async def test_news_of_a_later_time_are_kept_and_their_neighbours_are_read(house: House) -> None:
    body = json.dumps(ONE | {"news": ["telepathy", "smell"], "version": 99}).encode()
    for _ in range(3):
        assert (await send(await house.browser(), body))[0] == 200
    assert await letters(house) == [(body, "unknown:smell, unknown:telepathy")]
    assert await said(house) == ["Здравствуйте"]


async def test_a_signature_is_of_this_body_and_no_other(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"messages": [{"from": "x", "id": "1", "text": "тайное"}]}).encode()
    caplog.set_level(logging.DEBUG)
    status, told = await send(await house.browser(), body, b"another body")
    assert (status, told["code"]) == (403, "signature")
    assert await letters(house) == []
    assert "тайное" not in caplog.text
    assert "\\u0442" not in caplog.text
    assert sign(body) not in caplog.text


bodies = (
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["messages", "explode", "news", "from", "id", "text"])
                | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {
            "messages": st.lists(
                st.fixed_dictionaries(
                    {each: st.text(max_size=5) for each in ("from", "id", "text")}
                ),
                max_size=3,
            )
        }
    ).map(lambda value: json.dumps(value).encode())
)


@given(body=bodies)
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whatever_is_signed_is_taken_and_stands_somewhere(house: House, body: bytes) -> None:
    before = len(await letters(house))
    status, _ = await send(await house.browser(), body)
    assert status == 200
    kept = len(await letters(house)) - before
    kind = house.hub.channels.get("alpha-echo")
    try:
        events = kind.parse(Hook(body=body, received_at=house.hub.now()))
    except (PayloadError, ZeroDivisionError):
        assert kept == 1
        return
    for event in events:
        if isinstance(event, MessageReceived):
            stands = await house.hub.engine.get(Entry, f"alpha-echo:{event.external_id}")
            assert stands is not None or kept == 1

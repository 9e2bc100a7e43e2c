"""The line to a platform: it goes nowhere else, ends in time, and names no address in an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from traceback import format_exception

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from bots.line.line import ANSWER_MAX_BYTES, Line, Said, refused
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from tests.bots.house import serving
from tests.ports import free_port
from tests.web.test_outside import certificate

KEY = "bot123:secret-key"


@asynccontextmanager
async def line(url: str, *, proxy: str = "", hosts: tuple[str, ...] = ()) -> AsyncIterator[Line]:
    made = Line(url, proxy=proxy, hosts=hosts)
    try:
        yield made
    finally:
        await made.close()


async def plain(request: web.Request) -> web.StreamResponse:
    return web.Response(text=f"{request.method} {request.path_qs} {await request.text()}")


async def read(line: Line, url: str, **headers: str) -> bytes:
    return b"".join([chunk async for chunk in line.download(url, headers=headers)])


async def test_a_call_brings_back_what_was_answered_whatever_its_status() -> None:
    async def teapot(request: web.Request) -> web.StreamResponse:
        return web.Response(status=418, text=await request.text(), headers={"X-Some": "Thing"})

    async with serving(teapot) as url, line(f"{url}/") as at:
        said = await at.call("POST", "/a", json={"b": "я"}, query={"c": "1"})
    assert (said.status, said.json(), said.headers["x-some"]) == (418, {"b": "я"}, "Thing")


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://api.example:8081/x", True),
        ("http://api.example:80/x", False),
        ("https://api.example:8081/x", False),
        ("https://cdn.example/x", True),
        ("https://a.b.files.example/x", True),
        ("https://files.example/x", False),
        ("https://evilfiles.example/x", False),
        ("https://cdn.example.evil/x", False),
        ("http://cdn.example/x", False),
        ("https://cdn.example:8443/x", False),
        ("https://me@cdn.example/x", False),
        ("https://cdn.example@evil.example/x", False),
        ("https://127.0.0.1/x", False),
        ("https://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_the_platforms_own_addresses_are_its_own(url: str, ours: bool) -> None:
    at = Line("http://api.example:8081", hosts=("cdn.example", ".files.example"))
    assert at.is_ours(URL(url)) is ours


async def test_no_redirect_and_no_whole_address_leads_elsewhere() -> None:
    reached: list[str] = []

    async def inner(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response(text="inside")

    async with serving(inner) as inside:

        async def leads(request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": f"{inside}/metadata"})

        async with serving(leads) as url, line(url) as at:
            for wanted in (f"{url}/file", f"{inside}/metadata"):
                with pytest.raises(RejectedError) as caught:
                    await read(at, wanted)
                assert caught.value.reason == "bad_request"
            with pytest.raises(RejectedError):
                await at.call("GET", f"{inside}/metadata")
            assert (await at.call("GET", "/file")).status == 302
    assert reached == []


async def test_redirects_within_the_platform_are_followed_without_the_key() -> None:
    keys: list[str] = []

    async def hops(request: web.Request) -> web.StreamResponse:
        keys.append(request.headers.get("Authorization", ""))
        if request.path == "/loop":
            return web.Response(status=307, headers={"Location": "/loop"})
        if request.path == "/first":
            return web.Response(status=303, headers={"Location": "second"})
        return web.Response(text="here")

    async with serving(hops) as url, line(url) as at:
        assert await read(at, f"{url}/first", Authorization=KEY) == b"here"
        assert keys == [KEY, ""]
        with pytest.raises(RejectedError):
            await read(at, f"{url}/loop")


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (404, RejectedError, "file_gone"),
        (410, RejectedError, "file_gone"),
        (403, RejectedError, "file_gone"),
        (401, CredentialsError, "dead_key"),
        (429, TransientError, "offline"),
        (500, TransientError, "offline"),
    ],
)
async def test_a_file_that_is_not_given_says_why(
    status: int, error: type[DeliveryError], reason: str
) -> None:
    async def refuses(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serving(refuses) as url, line(url) as at:
        with pytest.raises(error) as caught:
            await read(at, f"{url}/file")
    assert caught.value.reason == reason


async def test_an_endless_answer_is_left() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionError):
            for _ in range(2 * ANSWER_MAX_BYTES // 100_000):
                await answer.write(bytes(100_000))
        return answer

    async with serving(endless) as url, line(url) as at:
        with pytest.raises(TransientError) as caught:
            await at.call("GET", "/")
    assert caught.value.maybe_sent


async def test_nothing_that_one_answer_sets_goes_with_the_next_call() -> None:
    cookies: list[str] = []

    async def sets(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie", ""))
        return web.Response(headers={"Set-Cookie": "track=me; Path=/"})

    async with serving(sets) as url, line(url) as at:
        await at.call("GET", "/")
        await at.call("GET", "/")
    assert cookies == ["", ""]


async def test_what_never_left_is_told_from_what_may_have_arrived() -> None:
    async def cuts(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport
        request.transport.abort()
        return web.Response()

    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    nobody = f"http://127.0.0.1:{free_port()}"
    async with line(nobody) as at:
        with pytest.raises(TransientError) as refused_:
            await at.call("POST", f"/{KEY}/x")
    async with line("http://no-such-host.invalid") as at:
        with pytest.raises(TransientError) as unknown:
            await at.call("POST", f"/{KEY}/x")
    async with serving(cuts) as url, line(url) as at:
        with pytest.raises(TransientError) as cut:
            await at.call("POST", f"/{KEY}/x")
    async with serving(never) as url, line(url) as at:
        with pytest.raises(TransientError) as late:
            await at.call("POST", f"/{KEY}/x", seconds=0.05)
    errors = [each.value for each in (refused_, unknown, cut, late)]
    assert [each.maybe_sent for each in errors] == [False, False, True, True]
    assert [each.reason for each in errors] == ["offline", "offline", "offline", "timeout"]
    told = "".join(line for each in errors for line in format_exception(each))
    assert KEY not in told


async def test_a_server_that_nobody_vouches_for_is_told_nothing(
    tls: tuple[str, list[bytes]],
) -> None:
    url, got = tls
    async with line(url) as at:
        with pytest.raises(TransientError) as caught:
            await at.call("POST", f"/{KEY}/x")
    assert (str(caught.value), caught.value.maybe_sent) == ("tls", False)
    assert got == []


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server with a certificate of its own making, and what it was told."""
    got: list[bytes] = []

    async def hears(request: web.Request) -> web.StreamResponse:
        got.append(await request.read())
        return web.Response()

    context, _ = certificate(tmp_path, 90)
    async with serving(hears, context) as url:
        yield url, got


class Proxy:
    """A proxy of the other kind for each first byte: SOCKS5, or HTTP's CONNECT; with a password."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.logins: list[bytes] = []
        self.refuses = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            port = await (self._socks if first == b"\x05" else self._http)(reader, writer)
            if port:
                await self._join(reader, writer, port)
        writer.close()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x02")
        await reader.readexactly(1)
        name = await reader.readexactly((await reader.readexactly(1))[0])
        word = await reader.readexactly((await reader.readexactly(1))[0])
        self.logins.append(name + b":" + word)
        writer.write(b"\x01\x01" if self.refuses else b"\x01\x00")
        kind = (await reader.readexactly(4))[3]
        host = await reader.readexactly(4 if kind == 1 else (await reader.readexactly(1))[0])
        self.seen.append(".".join(map(str, host)) if kind == 1 else host.decode())
        port = int.from_bytes(await reader.readexactly(2))
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        return port

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host, port = head.split()[1].rsplit(":", 1)
        self.seen.append(host)
        self.logins.append(head.partition("Basic ")[2].partition("\r\n")[0].encode())
        if self.refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return 0
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        return int(port)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

        async def pour(of: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while chunk := await of.read(65_536):
                    into.write(chunk)
                    await into.drain()
            into.close()

        await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[int, Proxy]]:
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], made
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_calls_and_files_go_by_the_proxy(scheme: str, proxy: tuple[int, Proxy]) -> None:
    port, at = proxy
    async with (
        serving(plain) as url,
        line(url, proxy=f"{scheme}://me:w0rd@127.0.0.1:{port}") as through,
    ):
        assert (await through.call("GET", "/a")).body == b"GET /a "
        assert await read(through, f"{url}/b") == b"GET /b "
    assert set(at.seen) == {"127.0.0.1"}
    assert set(at.logins) <= {b"me:w0rd", b"bWU6dzByZA=="}


@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_without_its_proxy_nothing_goes_at_all(scheme: str, proxy: tuple[int, Proxy]) -> None:
    port, at = proxy
    at.refuses = True
    reached: list[str] = []

    async def hears(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response()

    async with serving(hears) as url:
        for where in (port, free_port()):
            async with line(url, proxy=f"{scheme}://me:w0rd@127.0.0.1:{where}") as through:
                with pytest.raises(TransientError) as caught:
                    await through.call("POST", f"/{KEY}/x")
                assert (caught.value.reason, caught.value.maybe_sent) == ("offline", False)
                assert "w0rd" not in "".join(format_exception(caught.value))
                with pytest.raises(TransientError):
                    await read(through, f"{url}/{KEY}/x")
    assert reached == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 5),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "1000000"}, 86_400),
        ({"retry-after": "1e30"}, 5),
        ({"retry-after": "nan"}, 5),
        ({"retry-after": "soon"}, 5),
        (
            {
                "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT",
                "date": "Sun, 22 Nov 2026 10:00:00 GMT",
            },
            30,
        ),
        ({"retry-after": "Sun, 22 Nov 2026 10:00:30 GMT"}, 5),
    ],
)
def test_a_pause_is_read_in_seconds_or_by_the_platforms_own_clock(
    headers: dict[str, str], seconds: float
) -> None:
    said = Said(status=429, headers=headers, body=b"")
    assert said.retry_after(timedelta(seconds=5)) == timedelta(seconds=seconds)


@given(st.text(max_size=20), st.text(max_size=40))
def test_no_pause_is_unreadable(told: str, date: str) -> None:
    said = Said(status=429, headers={"retry-after": told, "date": date}, body=b"")
    assert timedelta(0) <= said.retry_after(timedelta(seconds=5)) <= timedelta(days=1)


def test_what_every_platforms_statuses_mean_is_raised() -> None:
    raised: dict[int, type[DeliveryError]] = {
        429: ThrottledError,
        401: CredentialsError,
        500: TransientError,
        503: TransientError,
    }
    for status in (200, 204, 302, 400, 403, 404, *raised):
        said = Said(status=status, headers={}, body=b"")
        if status in raised:
            with pytest.raises(raised[status]):
                refused(said)
        else:
            refused(said)

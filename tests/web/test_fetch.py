"""A page fetched on a person's word: it leads nowhere but to the open internet."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from web.fetch import (
    BODY_MAX_BYTES,
    SECONDS,
    FetchError,
    Reach,
    Resolve,
    address_of,
    download,
    fetch,
    is_public,
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[URL]]
PUBLIC, NEAR = Reach(), Reach(near=True)

PRIVATE = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.9.9.9",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2002:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def begin(answer: Answer) -> URL:
            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", answer)
            server = TestServer(app)
            await server.start_server()
            stack.push_async_callback(server.close)
            return server.make_url("/")

        yield begin


async def refusal(
    url: URL | str,
    reach: Reach = PUBLIC,
    *,
    resolve: Resolve | None = None,
    seconds: float = SECONDS,
) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await fetch(URL(url), reach, resolve=resolve, seconds=seconds)
    return caught.value


def named(*addresses: str) -> Resolve:
    """A name service that says this of every name."""

    async def resolve(_: str, __: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2a00:1450::1", "64:ff9b::808:808", "2002:808:808::"]
)
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.integers(0, 2**32 - 1))
def test_every_way_to_write_an_address_is_judged_as_the_address(number: int) -> None:
    plain = IPv4Address(number)
    for written in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert is_public(IPv6Address(written)) is is_public(plain)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(address: str) -> None:
    refused = await refusal("https://shop.example/", resolve=named(address))
    assert (refused.code, refused.detail) == ("private", "shop.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
        "http://localhost./",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
async def test_this_machine_by_any_of_its_names_is_refused(url: str) -> None:
    assert (await refusal(url)).code in ("private", "unknown", "bad")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://shop.example/", "bad"),
        ("file:///etc/passwd", "bad"),
        ("gopher://shop.example/", "bad"),
        ("https://user:secret@shop.example/", "bad"),
        ("https://shop.example:22/", "port"),
        ("http://shop.example:6379/", "port"),
    ],
)
async def test_only_web_pages_at_web_ports_are_asked(url: str, code: str) -> None:
    assert (await refusal(url, resolve=named("8.8.8.8"))).code == code


@pytest.mark.parametrize(
    "typed",
    ["", "   ", "https://", "http://[", "https://a b/", "https://shop.example:99999/", "x" * 3000],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(FetchError) as caught:
        address_of(typed)
    assert caught.value.code == "bad"


def test_a_bare_name_is_taken_for_https() -> None:
    assert address_of(" shop.example/cart ") == URL("https://shop.example/cart")
    assert address_of("магазин.рф").raw_host == "xn--80aairftm.xn--p1ai"


async def test_a_near_page_comes_with_its_policy(serve: Serve) -> None:
    async def page(request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        return web.Response(
            text="<html>Привет",
            content_type="text/html",
            headers={"Content-Security-Policy": "x y"},
        )

    url = await serve(page)
    got = await fetch(url.with_fragment("secret"), NEAR)
    assert (got.status, got.kind, got.policies, got.url) == (200, "text/html", ("x y",), url)
    assert got.body.startswith("<html>")


async def test_the_name_goes_along_and_the_judged_address_is_connected_to(serve: Serve) -> None:
    hosts = []

    async def page(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.Response(text="ok")

    url = await serve(page)
    got = await fetch(url.with_host("shop.example"), NEAR, resolve=named("127.0.0.1"))
    assert (got.status, hosts) == (200, [f"shop.example:{url.port}"])


async def test_a_redirect_inside_is_refused(serve: Serve) -> None:
    async def lead(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest"})

    assert (await refusal(await serve(lead), NEAR)).code == "private"


async def test_a_name_that_changes_its_mind_on_a_redirect_is_judged_anew(serve: Serve) -> None:
    async def lead(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/again"})

    answers = iter([["127.0.0.1"], ["10.0.0.7"]])

    async def resolve(_: str, __: int) -> list[str]:
        return next(answers)

    url = (await serve(lead)).with_host("shop.example")
    assert (await refusal(url, NEAR, resolve=resolve)).code == "private"


@pytest.mark.parametrize("to", ["ftp://shop.example/", "http://u:p@shop.example/", "http://["])
async def test_a_redirect_to_what_is_no_page_is_refused(serve: Serve, to: str) -> None:
    async def lead(_: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": to})

    assert (await refusal(await serve(lead), NEAR)).code in ("bad", "unreadable")


async def test_redirects_without_end_end(serve: Serve) -> None:
    asked = []

    async def lead(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": f"{request.path}x"})

    assert (await refusal(await serve(lead), NEAR)).code == "redirects"
    assert len(asked) == 4


async def test_an_endless_body_is_cut(serve: Serve) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/html"})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 65_536)
        except ConnectionError:
            return answer

    assert len((await fetch(await serve(flood), NEAR)).body) == BODY_MAX_BYTES


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_a_body_that_unfolds_without_end_is_cut(
    serve: Serve, pack: Callable[[bytes], bytes]
) -> None:
    packed = pack(b"x" * 50_000_000)

    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    assert len((await fetch(await serve(bomb), NEAR)).body) == BODY_MAX_BYTES


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_body_that_cannot_be_unfolded_is_said_to_be_so(serve: Serve, coding: str) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(body=b"not that", headers={"Content-Encoding": coding})

    assert (await refusal(await serve(broken), NEAR)).code == "unreadable"


async def test_a_page_that_never_answers_is_left(serve: Serve) -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    assert (await refusal(await serve(silent), NEAR, seconds=0.05)).code == "unreachable"


async def test_nobody_there_and_no_such_name_are_told_apart(unused_tcp_port: int) -> None:
    near = f"http://127.0.0.1:{unused_tcp_port}/"
    assert (await refusal(near, NEAR)).code == "unreachable"

    async def unknown(_: str, __: int) -> list[str]:
        raise OSError("no such name")

    assert (await refusal("https://shop.example/", resolve=unknown)).code == "unknown"


async def test_plain_words_at_a_port_of_tls_are_a_bad_certificate_or_nobody(serve: Serve) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response()

    url = (await serve(page)).with_scheme("https")
    assert (await refusal(url, NEAR)).code in ("certificate", "unreachable")


async def test_ports_below_a_thousand_are_not_asked_even_here() -> None:
    assert (await refusal("http://127.0.0.1:22/", NEAR)).code == "port"
    assert (await refusal("http://10.0.0.1:8080/", NEAR)).code == "private"


async def test_a_file_is_brought_whole_or_not_at_all(serve: Serve) -> None:
    async def file(request: web.Request) -> web.Response:
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/file"})
        if request.path != "/file":
            return web.Response(status=404)
        return web.Response(body=gzip.compress(b"x" * 1_000), headers={"Content-Encoding": "gzip"})

    url = await serve(file)
    assert await download(url / "moved", NEAR, 1_000) == b"x" * 1_000
    for path, most, code in (("file", 999, "large"), ("gone", 1_000, "status")):
        with pytest.raises(FetchError) as caught:
            await download(url / path, NEAR, most)
        assert caught.value.code == code


async def test_a_file_does_not_come_from_inside_either(serve: Serve) -> None:
    async def inside(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://10.0.0.1/"})

    for url, reach in ((await serve(inside), NEAR), (URL("https://shop.example/a.mp3"), PUBLIC)):
        with pytest.raises(FetchError) as caught:
            await download(url, reach, 1_000, resolve=named("127.0.0.1"))
        assert caught.value.code == "private"

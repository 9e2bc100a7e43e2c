"""`hub check --public`: the hub as a visitor's browser reaches it, through good and bad proxies."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, WSMsgType, web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub import model
from hub.config import Server
from hub.store.schema import BY_LIFE
from tests.web.house import House
from web import outside
from web.state import STATE

# The proxy comes to the hub from an address of its own, as one on another machine would.
PROXY = "127.0.0.2"
HOPS = {"connection", "upgrade", "host", "transfer-encoding", "content-length"}


@dataclass
class Proxy:
    """A reverse proxy as people set one up, with the usual mistakes to choose from."""

    to: str
    forwards: str = "adds"
    sockets: bool = True
    host: bool = True
    lead: str = ""
    status: int = 0
    drops: str = ""
    proto: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.lead:
            return web.Response(status=302, headers={"Location": self.lead})
        if self.status:
            return web.Response(status=self.status, text="Bad Gateway")
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOPS}
        if self.host:
            headers["Host"] = request.headers["Host"]
        if self.proto:
            headers["X-Forwarded-Proto"] = self.proto
        came = headers.pop("X-Forwarded-For", "")
        if self.forwards == "adds":
            headers["X-Forwarded-For"] = ", ".join(filter(None, [came, request.remote]))
        elif self.forwards == "passes":
            headers["X-Forwarded-For"] = came or (request.remote or "")
        connector = TCPConnector(local_addr=(PROXY, 0))
        async with ClientSession(connector=connector, auto_decompress=False) as session:
            if request.headers.get("Upgrade") and self.sockets:
                return await self._socket(request, session, headers)
            async with session.request(
                request.method,
                self.to + request.path_qs,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOPS}
                kept.pop(self.drops, None)
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def _socket(
        self, request: web.Request, session: ClientSession, headers: dict[str, str]
    ) -> web.StreamResponse:
        here = web.WebSocketResponse()
        await here.prepare(request)
        headers = {k: v for k, v in headers.items() if not k.lower().startswith("sec-websocket")}
        async with session.ws_connect(self.to + request.path_qs, headers=headers) as there:
            async for message in here:
                if message.type is not WSMsgType.TEXT:
                    break
                await there.send_str(message.data)
                with suppress(TypeError):
                    await here.send_str(await there.receive_str())
        return here


@dataclass
class Findings:
    told: list[tuple[bool | None, str]] = field(default_factory=list)

    def __call__(self, good: bool | None, words: str) -> None:
        self.told.append((good, words))

    @property
    def bad(self) -> list[str]:
        return [words for good, words in self.told if good is False]

    def of(self, subject: str) -> list[bool | None]:
        return [good for good, words in self.told if words.startswith(subject)]


Look = Callable[..., Any]


@pytest.fixture
def server_settings() -> dict[str, Any]:
    return {"trusted_proxies": [PROXY]}


@pytest.fixture
async def look(house: House) -> AsyncIterator[Look]:
    """Looks at the hub through a proxy of that kind; what was found."""
    async with AsyncExitStack() as stack:

        async def through(
            *, skew: float = 0, key: str = "", tls: ssl.SSLContext | None = None, **how: Any
        ) -> Findings:
            to = str(house.server.make_url("/")).rstrip("/")
            url = await stack.enter_async_context(served(Proxy(to, **how), tls))
            return await look_at(house, url, skew=skew, key=key)

        yield through


@asynccontextmanager
async def served(proxy: Proxy, tls: ssl.SSLContext | None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    server = TestServer(app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls, shutdown_timeout=1)
    yield str(server.make_url("/")).rstrip("/")
    await server.close()


async def look_at(
    house: House, url: str, *, skew: float = 0, key: str = "", server: Server | None = None
) -> Findings:
    findings = Findings()
    expected = outside.Expected(
        server=server or house.hub.settings.server,
        sign=lambda text: key or house.hub.keys.sign("check", text),
        channels=("alpha-site",),
        now=lambda: model.now() + timedelta(seconds=skew),
    )
    await outside.look(url, expected, findings)
    return findings


async def test_through_a_good_proxy_everything_works(look: Look) -> None:
    found = await look()
    assert found.bad == []
    for subject in ("hub", "clock", "settings", "visitors' addresses", "chat"):
        assert found.of(subject) == [True], subject
    assert found.of("channel alpha-site") == [True, True]


async def test_looking_leaves_nobody_behind(look: Look, house: House) -> None:
    await look()
    assert (await house.hub.engine.count(BY_LIFE, {"project": "alpha"})) == 0


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"forwards": "passes"}, "anyone can give himself another one"),
        ({"sockets": False}, "let the proxy pass WebSockets"),
        ({"host": False}, "set server.public_url"),
        ({"status": 502}, "it does not reach the hub"),
        ({"status": 200}, "something else answers"),
        ({"lead": "http://10.0.0.7/login"}, "10.0.0.7, an address of a private network"),
        ({"lead": "https://elsewhere.example/"}, "sends visitors on to elsewhere.example"),
        ({"drops": "Access-Control-Allow-Origin"}, "drops the headers"),
        ({"skew": 90}, "differ by 90 s"),
        ({"key": "x" * 43}, "does not know this key file"),
    ],
)
async def test_a_mistake_is_named_with_what_to_do(
    look: Look, how: dict[str, Any], words: str
) -> None:
    found = await look(**how)
    assert any(words in each for each in found.bad), found.told


async def test_a_proxy_that_is_not_trusted_is_named(house: House) -> None:
    # Without a proxy in the settings the hub takes the proxy's address for everybody's.
    async with served(Proxy(str(house.server.make_url("/")).rstrip("/")), None) as url:
        house.server.app[STATE].door._trusted.clear()
        found = await look_at(house, url, server=Server())
    assert any(f'trusted_proxies = ["{PROXY}"]' in each for each in found.bad)


async def test_whoever_is_trusted_himself_is_told_to_ask_from_elsewhere(house: House) -> None:
    url = str(house.server.make_url("/")).rstrip("/")
    found = await look_at(house, url, server=Server(trusted_proxies=("127.0.0.0/8",)))
    assert found.of("visitors' addresses") == [None]


@pytest.mark.parametrize(
    "url",
    [
        "chat.example.com",
        "ftp://x.example",
        "https://",
        "https://x.example/path",
        "http://[",
        "a b",
    ],
)
async def test_what_is_no_address_is_said_so(house: House, url: str) -> None:
    found = await look_at(house, url)
    assert len(found.bad) == 1
    assert found.bad[0].startswith("address")


async def test_a_port_where_nobody_listens_is_said_so(house: House) -> None:
    assert (await look_at(house, "http://127.0.0.1:9")).of("connection") == [False]
    assert (await look_at(house, "https://127.0.0.1:9")).of("connection") == [False]


async def test_an_unknown_name_is_said_so(house: House) -> None:
    assert (await look_at(house, "https://nobody.invalid")).of("name") == [False]


def certificate(folder: Path, days: int) -> tuple[ssl.SSLContext, Path]:
    """A certificate for 127.0.0.1 that its owner signed himself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "hub.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


async def test_a_certificate_that_browsers_refuse_is_said_so(look: Look, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, 90)
    found = await look(tls=context)
    assert found.of("TLS") == [False]
    assert "self-signed" in found.bad[0]


@pytest.mark.parametrize(("days", "good"), [(90, True), (5, None)])
async def test_a_good_certificate_is_told_with_its_last_day(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, good: bool | None
) -> None:
    context, file = certificate(tmp_path, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    found = await look(tls=context, proto="https")
    assert (found.of("TLS"), found.bad) == ([good], [])


async def test_a_hub_that_does_not_know_of_https_is_told(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, file = certificate(tmp_path, 90)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    found = await look(tls=context)
    assert any("does not know that people come by https" in each for each in found.bad)


@pytest.mark.parametrize("header", ["", "x", "1.x", "9" * 30 + ".x", "1700000000000."])
async def test_a_stranger_learns_nothing_of_how_he_is_seen(house: House, header: str) -> None:
    browser = await house.browser()
    status, told = await browser.ask("GET", "/seen", headers={"X-Hub-Check": header})
    assert (status, told["code"]) == (404, "not_found")


async def test_an_old_signature_is_worth_nothing(house: House) -> None:
    at = str(round((model.now() - timedelta(hours=2)).timestamp() * 1000))
    signed = {"X-Hub-Check": f"{at}.{house.hub.keys.sign('check', at)}"}
    status, _ = await (await house.browser()).ask("GET", "/seen", headers=signed)
    assert status == 404

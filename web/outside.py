"""The hub looked at from outside, as a visitor's browser reaches it: `hub check --public`.

Nothing is followed blindly: every step asks one thing, and a redirect is judged, not taken.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import msgspec
from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWSTimeout,
    TCPConnector,
    WSServerHandshakeError,
)
from yarl import URL

from hub.config import Server
from web.ops import CHECK_HEADER, Seen

SECONDS = 15
BODY_MAX_BYTES = 1_000_000
SKEW_MAX = 10
CERTIFICATE_DAYS = 14
# Of a network reserved for documentation (RFC 5737): nobody's real address.
FORGED = "192.0.2.77"

Say = Callable[[bool | None, str], None]
"""Takes one finding: good, bad, or None for what is only worth knowing."""


@dataclass(frozen=True)
class Expected:
    """What this machine knows of the hub that should be found there."""

    server: Server
    sign: Callable[[str], str]
    channels: tuple[str, ...]
    now: Callable[[], datetime]


class _EndError(Exception):
    """What comes after cannot be looked at."""


@dataclass(frozen=True)
class _Page:
    status: int
    kind: str
    body: bytes
    headers: dict[str, str]


async def look(target: str, expected: Expected, say: Say) -> None:
    """Asks one thing after another and says of each in plain words how it is."""
    with suppress(_EndError):
        url = _address(target, say)
        outer = await _resolve(url, say)
        # Made now and not by the library at its import, so that SSL_CERT_FILE is heard.
        context = ssl.create_default_context()
        await _secure(url, context, say)
        async with ClientSession(
            connector=TCPConnector(ssl=context), timeout=ClientTimeout(total=SECONDS)
        ) as session:
            visit = _Visit(url, session, expected, say)
            await visit.alive()
            await visit.seen(outer)
            await visit.widget()
            for channel in expected.channels:
                await visit.chat(channel)
            await visit.plain()


def _address(target: str, say: Say) -> URL:
    try:
        url = URL(target)
        good = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        good, url = False, URL()
    if not good or url.path not in ("", "/") or url.query_string or url.fragment or url.user:
        say(False, f"address: {target} must look like https://chat.example.com")
        raise _EndError
    return url.origin()


async def _resolve(url: URL, say: Say) -> bool:
    """Whether the name leads out of private networks; says where to."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port)
    except OSError:
        say(False, f"name: {url.host} is not known here; ask whoever keeps its DNS")
        raise _EndError from None
    addresses = sorted({str(each[4][0]) for each in found})
    where = ", ".join(addresses)
    outer = any(_ip(each).is_global for each in addresses)
    if outer:
        say(True, f"name: {url.host} is {where}")
    else:
        say(None, f"name: {url.host} is {where}, which nobody outside of your network can reach")
    return outer


async def _secure(url: URL, context: ssl.SSLContext, say: Say) -> None:
    if url.scheme == "http":
        near = url.host == "localhost" or _ip(url.host or "").is_loopback
        say(
            None if near else False,
            "TLS: none, so passwords and messages travel in the open; give the address with https",
        )
        return
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        say(False, f"TLS: browsers will refuse the certificate: {error.verify_message}")
        raise _EndError from None
    except ssl.SSLError as error:
        say(False, f"TLS: port {url.port} does not speak it: {error.reason}")
        raise _EndError from None
    except (OSError, TimeoutError):
        say(False, f"connection: nothing answers at {url.host}:{url.port}")
        raise _EndError from None
    certificate: Any = writer.get_extra_info("peercert")
    writer.close()
    with suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    left = (until - datetime.now(UTC)).days
    words = f"TLS: the certificate is good until {until:%d.%m.%Y}, {left} days"
    say(True if left > CERTIFICATE_DAYS else None, words)


class _Visit:
    def __init__(self, url: URL, session: ClientSession, expected: Expected, say: Say) -> None:
        self._url = url
        self._session = session
        self._expected = expected
        self._say = say
        self._origin = str(url).rstrip("/")

    async def alive(self) -> None:
        page = await self._get("/live")
        if 300 <= page.status < 400:
            self._say(False, f"redirect: {self._led(page.headers.get('Location', ''))}")
            raise _EndError
        if page.status in (502, 503, 504):
            self._say(False, f"hub: the proxy answers {page.status}: it does not reach the hub")
            raise _EndError
        if page.status != 200 or page.body != b"ok":
            self._say(False, f"hub: something else answers at /live ({page.status})")
            raise _EndError
        self._say(True, "hub: it answers")

    async def seen(self, outer: bool) -> None:
        """How the hub believes that this machine came to it."""
        asked = self._expected.now()
        seen = await self._see({})
        skew = abs(seen.now / 1000 - asked.timestamp())
        self._say(
            skew <= SKEW_MAX,
            f"clock: the hub's and this machine's differ by {skew:.0f} s"
            if skew > SKEW_MAX
            else "clock: the hub's and this machine's agree",
        )
        self._settings(seen)
        await self._believed(seen, outer)

    def _settings(self, seen: Seen) -> None:
        configured = self._expected.server.public_url
        if configured and configured != self._origin:
            self._say(False, f"settings: server.public_url is {configured}, not {self._origin}")
        elif self._url.scheme == "https" and not seen.https:
            self._say(
                False,
                "settings: the hub does not know that people come by https; set "
                f'server.public_url = "{self._origin}"',
            )
        elif not seen.ours:
            self._say(
                False,
                "settings: the hub takes its own pages for a stranger's, nobody could sign in; "
                f'set server.public_url = "{self._origin}", or let the proxy pass the Host header',
            )
        else:
            self._say(True, "settings: the hub knows its own address")

    async def _believed(self, seen: Seen, outer: bool) -> None:
        peer, say = _ip(seen.peer), self._say
        if seen.forwarded and seen.address == str(peer):
            say(
                False,
                f"visitors' addresses: all look like {peer}, the proxy's; name it in "
                f'server.trusted_proxies = ["{peer}"]',
            )
            return
        if not seen.forwarded and outer and not peer.is_global:
            say(
                False,
                f"visitors' addresses: all look like {peer}; let the proxy send X-Forwarded-For",
            )
            return
        trusted = [ip_network(each) for each in self._expected.server.trusted_proxies]
        if any(_ip(seen.address) in network for network in trusted):
            say(
                None,
                f"visitors' addresses: this machine ({seen.address}) is itself a trusted proxy, "
                "so ask from another one whether a stranger is believed",
            )
            return
        forged = await self._see({"X-Forwarded-For": FORGED})
        if forged.address == FORGED:
            say(
                False,
                "visitors' addresses: anyone can give himself another one; let the proxy add to "
                "X-Forwarded-For and name only your proxies in server.trusted_proxies",
            )
        else:
            say(True, f"visitors' addresses: told right ({seen.address}), a forged one is not")

    async def widget(self) -> None:
        page = await self._get("/widget.js")
        if page.status != 200 or "javascript" not in page.kind or not page.body:
            self._say(False, f"chat: /widget.js cannot be loaded ({page.status} {page.kind})")
        elif page.headers.get("Access-Control-Allow-Origin") != "*":
            self._say(False, "chat: the proxy drops the headers that let pages load /widget.js")
        else:
            self._say(True, "chat: /widget.js can be loaded")

    async def chat(self, channel: str) -> None:
        page = await self._get(f"/widget/{channel}/config", {"Origin": self._origin})
        if page.status != 200 or "json" not in page.kind:
            self._say(False, f"channel {channel}: its settings do not come ({page.status})")
            return
        self._say(True, f"channel {channel}: its settings come")
        await self._talk(channel)

    async def _talk(self, channel: str) -> None:
        """Says hello as a new visitor; one who writes nothing is kept nowhere."""
        words = f"channel {channel}: live connection"
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._session.ws_connect(
                    self._url / f"widget/{channel}/live",
                    headers={"Origin": self._origin},
                    timeout=ClientWSTimeout(ws_close=2),
                    max_msg_size=BODY_MAX_BYTES,
                ) as socket,
            ):
                await socket.send_json({"t": "hello", "key": None, "now": 0})
                hello = json.loads(await socket.receive_str())
        except WSServerHandshakeError as error:
            self._say(
                False,
                f"{words}: refused with {error.status}; let the proxy pass WebSockets "
                "(the headers Upgrade and Connection, HTTP/1.1)",
            )
        except (ClientError, OSError, TimeoutError, TypeError, ValueError):
            self._say(False, f"{words}: it opens, and then nothing comes through the proxy")
        else:
            self._say(hello.get("t") == "hello", f"{words}: works (WebSocket)")

    async def plain(self) -> None:
        """Whether the same is served without TLS too."""
        if self._url.scheme != "https" or not self._url.is_default_port():
            return
        try:
            page = await self._get("/", base=URL.build(scheme="http", host=self._url.host or ""))
        except _EndError:
            return
        leads = page.headers.get("Location", "")
        if page.status < 400 and not leads.startswith(f"{self._origin}/"):
            self._say(None, "TLS: http:// works too; let the proxy send everybody on to https://")

    def _led(self, location: str) -> str:
        try:
            to = self._url.join(URL(location))
        except ValueError:
            return "the address leads on to something that is no address"
        if to.host == self._url.host and to.scheme == "https" and self._url.scheme == "http":
            return f"the address leads on to {to.origin()}; check that one"
        private = ""
        with suppress(ValueError):
            if to.host and not ip_address(to.host).is_global:
                private = ", an address of a private network"
        return f"the proxy sends visitors on to {to.host}{private}; the hub itself never does"

    async def _see(self, headers: dict[str, str]) -> Seen:
        at = str(round(self._expected.now().timestamp() * 1000))
        signed = {CHECK_HEADER: f"{at}.{self._expected.sign(at)}", "Origin": self._origin}
        page = await self._get("/seen", signed | headers)
        try:
            return msgspec.json.decode(page.body, type=Seen)
        except msgspec.MsgspecError:
            self._say(
                False,
                f"hub: it does not know this key file ({page.status}): another hub serves there, "
                "or the clocks are hours apart",
            )
            raise _EndError from None

    async def _get(
        self, path: str, headers: dict[str, str] | None = None, base: URL | None = None
    ) -> _Page:
        """One request; a redirect is an answer like any other."""
        try:
            async with self._session.get(
                (base or self._url).join(URL(path)), headers=headers or {}, allow_redirects=False
            ) as answer:
                body = bytearray()
                async for piece in answer.content.iter_any():
                    body += piece[: BODY_MAX_BYTES - len(body)]
                    if len(body) == BODY_MAX_BYTES:
                        break
                return _Page(answer.status, answer.content_type, bytes(body), dict(answer.headers))
        except (ClientError, OSError, TimeoutError) as error:
            if base is None:
                reason = getattr(error, "strerror", None) or type(error).__name__
                self._say(False, f"connection: {path} does not come: {reason}")
            raise _EndError from None


def _ip(text: str) -> IPv4Address | IPv6Address:
    """The address; of what is none, one that belongs to nobody."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return IPv4Address(0)

"""A page or a file of somebody's site fetched on a person's word, without becoming his way inside.

Only addresses of the open internet are asked. A name is looked up once for every step and
exactly what was found is connected to, so that a name cannot change its mind in between.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp.client_exceptions import ClientConnectorCertificateError, ClientConnectorSSLError
from yarl import URL

SECONDS = 5
DOWNLOAD_SECONDS = 20
POST_SECONDS = 15
BODY_MAX_BYTES = 1_000_000
REDIRECTS_MAX = 3
ADDRESSES_MAX = 3
CHUNK_BYTES = 64 * 1024
URL_MAX = 2_000
WEB_PORTS = frozenset({80, 443})
# Below these sit a machine's own servants, which are nobody's pages.
FREE_PORTS = 1_024

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

# What `is_global` takes for public and is not, in one or another Python: a network kept for
# protocols, and ways to write an IPv4 address as one of version 6.
_PROTOCOLS = ip_network("192.0.0.0/24")
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


class FetchError(Exception):
    """Why nothing came: `code` is what the screen translates, `detail` a value to it."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Page:
    """What came at last, cut at the limit; `body` is ASCII, the rest of it is anyhow."""

    url: URL
    status: int
    kind: str
    policies: tuple[str, ...]
    body: str


@dataclass(frozen=True)
class _Wanted:
    """What is asked for, and how much of it is taken at most."""

    accept: str
    agent: str
    seconds: float
    most_bytes: int


@dataclass(frozen=True)
class _Taken:
    """An answer as it came, one byte longer than was wanted if there was more."""

    url: URL
    status: int
    kind: str
    policies: tuple[str, ...]
    body: bytes


@dataclass(frozen=True)
class Reach:
    """Which addresses may be asked: public ones at `ports`; if `near`, this machine's too."""

    near: bool = False
    ports: frozenset[int] = WEB_PORTS

    def check(self, url: URL) -> URL:
        """The address without its fragment; FetchError for one that is not to be asked."""
        if url.scheme not in ("http", "https") or not url.host or url.user or url.password:
            raise FetchError("bad")
        if url.port not in self.ports and not (self.near and (url.port or 0) >= FREE_PORTS):
            raise FetchError("port", str(url.port))
        return url.with_fragment(None)

    def admits(self, address: Address, port: int) -> bool:
        if address.is_loopback:
            return self.near
        return port in self.ports and is_public(address)


def is_public(address: Address) -> bool:
    """Whether it leads to the open internet, by whichever way it is written."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _NAT64):
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None or address.scope_id is not None:
            return False
        if inner is not None:
            return is_public(inner)
        if int(address) >> 32 == 0:
            return False
    if address in _PROTOCOLS:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def address_of(text: str) -> URL:
    """What a person typed as an address, with https where no scheme is told; FetchError("bad")."""
    text = text.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        if len(text) > URL_MAX or not text.isprintable():
            raise ValueError
        url = URL(text)
        if not url.host or url.port is None or len(url.host.split()) != 1:
            raise ValueError
    except (ValueError, UnicodeError):
        raise FetchError("bad") from None
    return url


async def fetch(
    url: URL,
    reach: Reach,
    *,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
) -> Page:
    """The page at the end of the redirects, each of them judged as the first address was.

    Raises FetchError with bad, port, private, unknown, unreachable, certificate, redirects or
    unreadable.
    """
    wanted = _Wanted("text/html", "Otklik page check", seconds, BODY_MAX_BYTES)
    took = await _followed(url, reach, wanted, resolve or _resolved, context)
    # Tags, addresses and policies are ASCII in whichever encoding a page has.
    body = took.body[:BODY_MAX_BYTES].decode("ascii", "replace")
    return Page(took.url, took.status, took.kind, took.policies, body)


async def download(
    url: URL,
    reach: Reach,
    most_bytes: int,
    *,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> bytes:
    """A whole file; raises FetchError as `fetch` does, and with status and large."""
    wanted = _Wanted("*/*", "Otklik", DOWNLOAD_SECONDS, most_bytes)
    took = await _followed(url, reach, wanted, resolve or _resolved, context)
    if took.status != 200:
        raise FetchError("status", str(took.status))
    if len(took.body) > most_bytes:
        raise FetchError("large", str(most_bytes))
    return took.body


async def post(
    url: URL,
    reach: Reach,
    body: bytes,
    headers: Mapping[str, str],
    *,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> int:
    """The status that the body was answered with; redirects are not followed.

    Raises FetchError as `fetch` does.
    """
    if context is None:
        context = await asyncio.to_thread(_context)
    url = reach.check(url)
    host, port = url.raw_host or "", url.port or 0
    told = {"Host": _authority(url), "User-Agent": "Otklik", **headers}
    try:
        async with (
            asyncio.timeout(POST_SECONDS),
            ClientSession(connector=TCPConnector(ssl=context, force_close=True)) as session,
        ):
            # The first only: of a second attempt nobody knows whether it is one too many.
            address = (await _admitted(host, port, reach, resolve or _resolved))[0]
            async with session.post(
                url.with_host(str(address)),
                data=body,
                headers=told,
                server_hostname=host if url.scheme == "https" else None,
                allow_redirects=False,
            ) as answer:
                return answer.status
    except (ClientConnectorCertificateError, ClientConnectorSSLError):
        raise FetchError("certificate", host) from None
    except (ClientError, OSError, TimeoutError):
        raise FetchError("unreachable", host) from None
    except ValueError:
        raise FetchError("unreadable", host) from None


async def _followed(
    url: URL, reach: Reach, wanted: _Wanted, resolve: Resolve, context: ssl.SSLContext | None
) -> _Taken:
    if context is None:
        context = await asyncio.to_thread(_context)
    try:
        async with asyncio.timeout(wanted.seconds):
            for _ in range(REDIRECTS_MAX + 1):
                answer = await _ask(reach.check(url), reach, wanted, resolve, context)
                if isinstance(answer, _Taken):
                    return answer
                url = answer
    except TimeoutError:
        raise FetchError("unreachable", url.host or "") from None
    raise FetchError("redirects", str(url))


async def _ask(
    url: URL, reach: Reach, wanted: _Wanted, resolve: Resolve, context: ssl.SSLContext
) -> _Taken | URL:
    """The answer, or where it leads on to."""
    host, port = url.raw_host or "", url.port or 0
    refused: FetchError | None = None
    async with ClientSession(
        connector=TCPConnector(ssl=context, force_close=True),
        timeout=ClientTimeout(total=wanted.seconds),
        auto_decompress=False,
        headers={"User-Agent": wanted.agent, "Accept": wanted.accept},
    ) as session:
        for address in await _admitted(host, port, reach, resolve):
            try:
                # The socket goes to the address that was judged; the name goes along in words.
                async with session.get(
                    url.with_host(str(address)),
                    headers={"Host": _authority(url), "Accept-Encoding": "gzip"},
                    server_hostname=host if url.scheme == "https" else None,
                    allow_redirects=False,
                    max_line_size=16_000,
                    max_field_size=32_000,
                ) as answer:
                    return await _taken(url, answer, wanted.most_bytes)
            except (ClientConnectorCertificateError, ClientConnectorSSLError):
                raise FetchError("certificate", host) from None
            except (ClientError, OSError):
                refused = FetchError("unreachable", host)
            except ValueError:
                raise FetchError("unreadable", host) from None
    raise refused or FetchError("unreachable", host)


async def _admitted(host: str, port: int, reach: Reach, resolve: Resolve) -> list[Address]:
    """What the name leads to and may be asked."""
    bare = host.strip("[]")
    try:
        found = [ip_address(bare)]
    except ValueError:
        try:
            found = [ip_address(each) for each in await resolve(bare, port)]
        except (OSError, ValueError, UnicodeError):
            raise FetchError("unknown", bare) from None
    good = [each for each in found if reach.admits(each, port)]
    if not good:
        raise FetchError("private" if found else "unknown", bare)
    return good[:ADDRESSES_MAX]


async def _resolved(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def _taken(url: URL, answer: ClientResponse, most_bytes: int) -> _Taken | URL:
    to = answer.headers.get("Location", "")
    if answer.status in (301, 302, 303, 307, 308) and to:
        return url.join(URL(to[:URL_MAX]))
    return _Taken(
        url=url,
        status=answer.status,
        kind=answer.content_type,
        policies=tuple(answer.headers.getall("Content-Security-Policy", [])),
        body=await _read(answer, most_bytes + 1),
    )


async def _read(answer: ClientResponse, most_bytes: int) -> bytes:
    """The beginning of the body; what unfolds to more than the limit is cut there too."""
    coding = answer.headers.get("Content-Encoding", "identity").lower()
    if coding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise FetchError("unreadable", coding[:40])
    unpacker = None if coding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
        left = most_bytes - len(body)
        try:
            body += unpacker.decompress(chunk, left) if unpacker else chunk[:left]
        except zlib.error:
            raise FetchError("unreadable", coding) from None
        if len(body) >= most_bytes:
            break
    return bytes(body)


def _authority(url: URL) -> str:
    host = url.raw_host or ""
    host = f"[{host}]" if ":" in host else host
    return host if url.is_default_port() else f"{host}:{url.port}"


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()

"""One way to call a platform: limits of time and size, errors named by what to do.

No address of a platform is ever in an error or a log: some hold the key.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
from aiohttp_socks import (
    ProxyConnectionError,
    ProxyConnector,
    ProxyError,
    ProxyTimeoutError,
)
from yarl import URL

from hub.errors import CredentialsError, RejectedError, ThrottledError, TransientError

CALL_SECONDS = 20
CONNECT_SECONDS = 8
DOWNLOAD_SECONDS = 300
ANSWER_MAX_BYTES = 4_000_000
REDIRECTS_MAX = 3
CHUNK_BYTES = 64 * 1024
RETRY_AFTER_MAX = timedelta(hours=24)
PROXY = (ProxyError, ProxyConnectionError, ProxyTimeoutError)
NEVER_THERE = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    ssl.SSLCertVerificationError,
    *PROXY,
)
"""What is raised before any of a request was on its way."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; a page of some proxy is a TransientError that may have been sent."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.MsgspecError, RecursionError):
            raise TransientError("not_json", maybe_sent=self.status < 300, reason="page") from None

    def retry_after(self, default: timedelta) -> timedelta:
        """How long the platform asks to wait, in seconds or as a date beside its own clock."""
        told = self.headers.get("retry-after", "")
        try:
            asked = timedelta(seconds=float(told))
        except (ValueError, OverflowError):
            try:
                now = parsedate_to_datetime(self.headers.get("date", ""))
                asked = parsedate_to_datetime(told) - now
            except (TypeError, ValueError, IndexError):
                return default
        return min(max(asked, timedelta(0)), RETRY_AFTER_MAX)


class Line:
    """Connections to one platform, through the proxy if there is one.

    `hosts` are where its files may lie, a leading dot meaning all below; beside them there is
    the API's own host. `trust` is what certificates are checked by, if not the system's roots.
    """

    def __init__(
        self,
        api_url: str,
        *,
        proxy: str = "",
        hosts: Collection[str] = (),
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._api = URL(api_url)
        self._proxy = proxy
        self._hosts = tuple(hosts)
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Said:
        """One request to the API, or to a whole address that the platform named.

        Raises TransientError; `maybe_sent` once the request may have reached the platform.
        Which statuses are errors is for the caller to say: see `Said` and `refused`.
        """
        url = self._address(path, query)
        body = None if json is None else msgspec.json.encode(json)
        told = dict(headers or {})
        if body is not None:
            told["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(seconds),
                self._open().request(
                    method,
                    url,
                    data=data if body is None else body,
                    headers=told,
                    allow_redirects=False,
                ) as answer,
            ):
                read = bytearray()
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    read += chunk
                    if len(read) > ANSWER_MAX_BYTES:
                        raise TransientError("answer_too_long", maybe_sent=True, reason="page")
                return Said(
                    status=answer.status,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=bytes(read),
                )
        except NEVER_THERE as error:
            raise TransientError(_words(error), reason="offline") from None
        except TimeoutError:
            raise TransientError("timeout", maybe_sent=True, reason="timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransientError(_words(error), maybe_sent=True, reason="offline") from None

    async def download(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes at an address of the platform's, by way of redirects to such addresses only.

        RejectedError("foreign_host") for any other, ("gone") for what is not there any more.
        Its headers go to the first address alone.
        """
        at = _url(url)
        told: Mapping[str, str] = dict(headers or {})
        for _ in range(REDIRECTS_MAX + 1):
            if not self.is_ours(at):
                raise RejectedError("foreign_host", reason="bad_request")
            try:
                async with (
                    asyncio.timeout(DOWNLOAD_SECONDS),
                    self._open().get(at, headers=told, allow_redirects=False) as answer,
                ):
                    if answer.status in (301, 302, 303, 307, 308):
                        at, told = at.join(URL(answer.headers.get("Location", ""))), {}
                        continue
                    _check(answer.status)
                    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                        yield chunk
                    return
            except TimeoutError:
                raise TransientError("timeout", reason="timeout") from None
            except (aiohttp.ClientError, *PROXY, OSError, ValueError) as error:
                raise TransientError(_words(error), reason="offline") from None
        raise RejectedError("too_many_redirects", reason="bad_request")

    def is_ours(self, url: URL) -> bool:
        """Whether it is an address of the platform: the API's own, or https at one of its hosts."""
        if (url.scheme, url.host, url.port) == (self._api.scheme, self._api.host, self._api.port):
            return True
        host = (url.host or "").lower()
        known = any(
            host == each or (each.startswith(".") and host.endswith(each)) for each in self._hosts
        )
        return known and url.scheme == "https" and url.port == 443 and not url.user

    def _address(self, path: str, query: Mapping[str, str] | None) -> URL:
        if "://" in path:
            url = _url(path)
            if not self.is_ours(url):
                raise RejectedError("foreign_host", reason="bad_request")
        else:
            url = URL(f"{str(self._api).rstrip('/')}/{path.lstrip('/')}")
        return url.update_query(dict(query)) if query else url

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trust: ssl.SSLContext | bool = self._trust or True
            connector = (
                ProxyConnector.from_url(self._proxy, ssl=trust, limit=100)
                if self._proxy
                else aiohttp.TCPConnector(ssl=trust, limit=100)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS),
                # Nothing that a platform sets is given back to it with another person's message.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _url(text: str) -> URL:
    try:
        return URL(text)
    except ValueError:
        # What yarl says of it holds it.
        raise RejectedError("no_address", reason="bad_request") from None


def refused(said: Said) -> None:
    """Raises for what every platform's HTTP means alike; a 4xx with a body of its own is not."""
    if said.status == 429:
        raise ThrottledError(
            "429", retry_after=said.retry_after(timedelta(seconds=5)), reason="rate"
        )
    if said.status == 401:
        raise CredentialsError("401", reason="dead_key")
    if said.status >= 500:
        raise TransientError(str(said.status), maybe_sent=True, reason="internal")


def _check(status: int) -> None:
    if status in (404, 410):
        raise RejectedError("gone", reason="file_gone")
    if status == 401:
        raise CredentialsError("401", reason="dead_key")
    if status == 429 or status >= 500:
        raise TransientError(str(status), reason="offline")
    if status != 200:
        raise RejectedError(str(status), reason="file_gone")


def _words(error: Exception) -> str:
    """What kind of trouble it was; its own text may name addresses."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "tls"
    if isinstance(error, PROXY):
        return "proxy"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connect"
    return "connection"

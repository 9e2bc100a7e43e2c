"""Asterisk's REST interface: requests that end in time, and the socket of its events.

https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from hub.errors import CredentialsError, DeliveryError, HubError, TransientError

CALL_SECONDS = 8.0
CONNECT_SECONDS = 3.0
HEARTBEAT_SECONDS = 10.0
FETCH_SECONDS = 300.0
ANSWER_MAX_BYTES = 8_000_000
EVENT_MAX_BYTES = 1_000_000
AT_ONCE = 50
CHUNK_BYTES = 64 * 1024


class AriError(HubError):
    """A request was not carried out; without a `status` nobody knows whether it was."""

    code = "ari"

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(f"{status or 'no answer'} {detail}".strip())
        self.status = status
        self.detail = detail

    @property
    def gone(self) -> bool:
        """Whether what was asked for is no more, or is on its way out of our hands.

        Asterisk says 409 for a channel that left the application a moment ago, 412 for one in
        the wrong state, 422 for a bridge's member that went meanwhile.
        """
        return self.status in (404, 409, 412, 422)


class Ari:
    """One account at one Asterisk; its password is in a header and nowhere else."""

    def __init__(
        self, api_url: str, user: str, password: str, *, seconds: float = CALL_SECONDS
    ) -> None:
        bare = api_url.rstrip("/").removesuffix("/ari")
        self._root = URL(f"{bare}/ari")
        self._seconds = seconds
        self._authorization = aiohttp.encode_basic_auth(user, password)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, **query: str) -> Any:
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, **told: Any) -> Any:
        return await self.ask("POST", path, told)

    async def delete(self, path: str, **told: Any) -> None:
        """Whatever is gone already is deleted."""
        try:
            await self.ask("DELETE", path, told)
        except AriError as error:
            if not error.gone:
                raise

    async def ask(
        self,
        method: str,
        path: str,
        told: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """One request, its answer as JSON; raises AriError and nothing else."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._open().request(
                    method,
                    self._address(path, query),
                    data=msgspec.json.encode(told) if told else None,
                    headers={"Content-Type": "application/json"} if told else {},
                    allow_redirects=False,
                ) as answer,
            ):
                body = await _whole(answer)
                if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise AriError(answer.status, _words(body))
                return msgspec.json.decode(body) if body else None
        except TimeoutError:
            raise AriError(0, "timeout") from None
        except (aiohttp.ClientError, OSError, ValueError, msgspec.MsgspecError) as error:
            raise AriError(0, type(error).__name__) from None

    async def download(self, path: str, to: Path, max_bytes: int) -> None:
        """Puts a file there, whole or not at all; OSError is the disk's."""
        beside = to.with_name(f".{to.name}.part")
        try:
            async with (
                asyncio.timeout(FETCH_SECONDS),
                self._open().get(self._address(path), allow_redirects=False) as answer,
            ):
                if answer.status != HTTPStatus.OK:
                    raise AriError(answer.status)
                with beside.open("wb") as file:
                    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                        await asyncio.to_thread(file.write, chunk)
                        if file.tell() > max_bytes:
                            raise AriError(0, "too long")
            await asyncio.to_thread(beside.replace, to)
        except TimeoutError:
            raise AriError(0, "timeout") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise AriError(0, type(error).__name__) from None
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    async def events(self, app: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """The events of one application; the first, an empty one, is when the socket is there.

        Ends with the socket. Nothing is told again of what happened while there was none.
        """
        query = {"app": app, "subscribeAll": "false"}
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await self._open().ws_connect(
                    self._address("events", query),
                    heartbeat=HEARTBEAT_SECONDS,
                    max_msg_size=EVENT_MAX_BYTES,
                )
        except TimeoutError:
            raise AriError(0, "timeout") from None
        except aiohttp.WSServerHandshakeError as error:
            raise AriError(error.status) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AriError(0, type(error).__name__) from None
        async with socket:
            yield {}
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                with suppress(msgspec.MsgspecError):
                    event = msgspec.json.decode(message.data)
                    if isinstance(event, dict):
                        yield event

    async def every_channel(self, app: str) -> None:
        """Has Asterisk tell that application of all channels, also of those that are none of its.

        Not by `subscribeAll`: that tells of the states of devices too, and one that changes while
        the socket closes stops all of ARI for good,
        https://github.com/asterisk/asterisk/issues/2170.
        """
        await self.post(f"applications/{app}/subscription", eventSource="channel:")

    async def only(self, app: str, types: Sequence[str]) -> None:
        """Has Asterisk tell that application nothing else; of the whole talk that is a quarter."""
        await self.ask(
            "PUT",
            f"applications/{app}/eventFilter",
            {"allowed": [{"type": each} for each in types]},
        )

    def _address(self, path: str, query: Mapping[str, str] | None = None) -> URL:
        url = self._root / path
        return url.with_query(query) if query else url

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Authorization": self._authorization},
                timeout=aiohttp.ClientTimeout(connect=CONNECT_SECONDS),
                connector=aiohttp.TCPConnector(limit=AT_ONCE),
            )
        return self._session


def failure(error: AriError) -> DeliveryError:
    """The same for whoever looks after a channel: named by what is to be done."""
    if error.status in (401, 403):
        return CredentialsError("the name or the password is wrong", reason="dead_key")
    return TransientError(str(error), reason="page" if error.status == 404 else "offline")


async def version(ari: Ari) -> str:
    """What answers there, "22.10.1"; raises a DeliveryError, as the test of a channel wants."""
    try:
        told = await ari.get("asterisk/info", only="system")
        return str(told["system"]["version"]).partition("+")[0].partition("~")[0]
    except AriError as error:
        raise failure(error) from None
    except (LookupError, TypeError):
        raise TransientError("this is no Asterisk", reason="page") from None


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """All of an answer: a hundred channels do not come in one piece."""
    said = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
        said += chunk
        if len(said) > ANSWER_MAX_BYTES:
            raise AriError(0, "too long")
    return bytes(said)


def _words(body: bytes) -> str:
    """Asterisk's own words for what is wrong."""
    with suppress(msgspec.MsgspecError):
        told = msgspec.json.decode(body)
        if isinstance(told, dict):
            return str(told.get("message") or told.get("error") or "")[:200]
    return ""

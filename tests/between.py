"""What stands between the hub and a server of its own: may be slow, mute, or say no for it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

import bson

OP_MSG = 2013
HEADER = struct.Struct("<iiii")


class Between:
    """A TCP door that carries everything on, late by `delay` seconds, unless `mute` or `shut`."""

    def __init__(self, url: str) -> None:
        self._far = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._carried: set[asyncio.Task[None]] = set()
        self._ways: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.delay = 0.0
        self.shut = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for way in list(self._ways):
            way.cancel()
        await asyncio.gather(*self._carried)

    @property
    def url(self) -> str:
        """The same address by this door."""
        assert self._server is not None
        host, _, _ = self._far.netloc.rpartition("@")
        port = self._server.sockets[0].getsockname()[1]
        netloc = f"{host}@127.0.0.1:{port}" if host else f"127.0.0.1:{port}"
        return self._far._replace(netloc=netloc).geturl()

    @property
    def mute(self) -> bool:
        return not self._flows.is_set()

    @mute.setter
    def mute(self, is_so: bool) -> None:
        (self._flows.clear if is_so else self._flows.set)()

    def cut(self) -> None:
        """Every connection ends now."""
        for way in list(self._ways):
            way.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._carried.add(task)
        try:
            there, back = await asyncio.open_connection(self._far.hostname, self._far.port)
        except OSError:
            writer.close()
            return
        ways = {
            asyncio.create_task(self._ask(reader, back, writer)),
            asyncio.create_task(self._answer(there, writer)),
        }
        self._ways |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        self._ways -= ways
        for each in (writer, back):
            each.close()
            with suppress(OSError):
                await each.wait_closed()

    async def _ask(
        self, near: asyncio.StreamReader, far: asyncio.StreamWriter, _: asyncio.StreamWriter
    ) -> None:
        await self._pump(near, far)

    async def _answer(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        await self._pump(far, near)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await asyncio.sleep(self.delay)
            await self._flows.wait()
            target.write(data)


Said = dict[str, Any]
Doubt = Callable[[str], "Refusal | None"]


class Refusal:
    """What a member that is no primary any more says; `done` if it carried the command out."""

    def __init__(self, code: int, *, done: bool) -> None:
        self.code = code
        self.done = done


class Stepping(Between):
    """A door to a MongoDB server; `doubt` is asked at each command whether it is refused."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.doubt: Doubt = lambda _: None
        self._replaced: dict[int, bytes] = {}

    async def _ask(
        self,
        near: asyncio.StreamReader,
        far: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> None:
        while message := await _message(near):
            _, number, _, kind = HEADER.unpack_from(message)
            refusal = self.doubt(_command(message)) if kind == OP_MSG else None
            if refusal is None:
                far.write(message)
                continue
            said = {"ok": 0.0, "errmsg": "not primary", "code": refusal.code}
            answer = _packed(number, said)
            if refusal.done:
                self._replaced[number] = answer
                far.write(message)
            else:
                writer.write(answer)

    async def _answer(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        while message := await _message(far):
            _, _, to, _ = HEADER.unpack_from(message)
            near.write(self._replaced.pop(to, message))


async def _message(source: asyncio.StreamReader) -> bytes:
    try:
        head = await source.readexactly(HEADER.size)
        return head + await source.readexactly(HEADER.unpack(head)[0] - HEADER.size)
    except asyncio.IncompleteReadError:
        return b""


def _command(message: bytes) -> str:
    # Flags and the kind of the first section stand before the command itself.
    (size,) = struct.unpack_from("<i", message, HEADER.size + 5)
    start = HEADER.size + 5
    return next(iter(bson.decode(message[start : start + size])))


def _packed(to: int, said: Said) -> bytes:
    body = struct.pack("<ib", 0, 0) + bson.encode(said)
    return HEADER.pack(HEADER.size + len(body), 0, to, OP_MSG) + body

"""Many visitors at once, by their sockets alone: what they see is not looked at."""

from __future__ import annotations

import asyncio
import time

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType

TOGETHER = 20
PER_ADDRESS = 100
"""One address may not greet the hub without end, so the crowd comes from several."""


class Voice:
    """One visitor who writes and leaves; his name is what he is called in the list."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._key: str | None = None
        self._said = 0

    async def say(self, session: ClientSession, words: str) -> None:
        """Returns once the hub has it."""
        async with session.ws_connect(f"{self._url}/widget/site/live", origin=self._url) as socket:
            await socket.send_json(
                {"t": "hello", "key": self._key, "after_seq": 0, "dialog": None, "visit": {}}
                | {"now": int(time.time() * 1000)}
            )
            self._key = (await _until(socket, "hello"))["key"]
            self._said += 1
            await socket.send_json(
                {"t": "send", "key": f"said{self._said:08d}", "order": self._said, "text": words}
                | {"at": int(time.time() * 1000)}
            )
            await _until(socket, "ok")


async def _until(socket: ClientWebSocketResponse, name: str) -> dict[str, str]:
    async for frame in socket:
        assert frame.type is WSMsgType.TEXT
        said: dict[str, str] = frame.json()
        if said["t"] == name:
            return said
        assert said["t"] != "error", said
    raise AssertionError(f"closed with {socket.close_code} before {name!r}")


async def crowd(url: str, words: list[str]) -> list[Voice]:
    """As many visitors as there are words, each with a dialog of his own."""
    voices = [Voice(url) for _ in words]
    room = asyncio.Semaphore(TOGETHER)

    async def one(session: ClientSession, n: int) -> None:
        async with room:
            await voices[n].say(session, words[n])

    for first in range(0, len(words), PER_ADDRESS):
        address = (f"127.0.1.{first // PER_ADDRESS + 1}", 0)
        async with (
            ClientSession(connector=TCPConnector(local_addr=address)) as session,
            asyncio.TaskGroup() as tasks,
        ):
            for n in range(first, min(first + PER_ADDRESS, len(words))):
                tasks.create_task(one(session, n))
    return voices

"""A visitor's browser as the hub sees it: several sockets, resends until "ok"."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

WINDOW = 16
RETRY_SECONDS = 0.05


@dataclass(frozen=True)
class Copy:
    """One sending of one message."""

    key: str
    order: int
    at: int
    text: str


@dataclass
class Acknowledged:
    """What the hub answered, by key; every copy must get the same answer."""

    seqs: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    copies: int = 0

    def add(self, key: str, dialog: str, seq: int) -> None:
        self.seqs.setdefault(key, set()).add((dialog, seq))
        self.copies += 1


async def introduce(session: aiohttp.ClientSession, url: str) -> tuple[str, int]:
    """A new visitor's key and the hub's clock in ms."""
    async with session.ws_connect(f"{url}/widget/site/live", origin=url) as socket:
        await socket.send_json(hello(None))
        answer = await socket.receive_json()
        return answer["key"], answer["now"]


def hello(key: str | None) -> dict[str, Any]:
    return {"t": "hello", "key": key, "after_seq": 0, "dialog": None, "visit": {}, "now": 0}


async def send_all(
    session: aiohttp.ClientSession,
    url: str,
    visitor: str,
    copies: list[Copy],
    acknowledged: Acknowledged,
    met: Callable[[], None],
    cut: Callable[[], bool] = lambda: False,
) -> None:
    """Sends every copy over one socket at a time, again and again until each got its "ok".

    `cut` is asked at each answer whether the socket breaks here.
    """
    waiting = deque(copies)
    while waiting:
        flying: dict[str, deque[Copy]] = {}
        try:
            async with session.ws_connect(f"{url}/widget/site/live", origin=url) as socket:
                await socket.send_json(hello(visitor))
                while waiting or flying:
                    while waiting and sum(map(len, flying.values())) < WINDOW:
                        copy = waiting.popleft()
                        flying.setdefault(copy.key, deque()).append(copy)
                        await socket.send_json(
                            {
                                "t": "send",
                                "key": copy.key,
                                "order": copy.order,
                                "at": copy.at,
                                "text": copy.text,
                                "attachments": [],
                            }
                        )
                    answer = await socket.receive()
                    if answer.type is not aiohttp.WSMsgType.TEXT:
                        break
                    _read(answer.json(), flying, waiting, acknowledged, met)
                    if cut():
                        break
        except (aiohttp.ClientError, ConnectionError):
            # The hub is down; a browser would back off in the same way.
            await asyncio.sleep(RETRY_SECONDS * (1 + random.random()))
        for copies_in_flight in flying.values():
            waiting.extend(copies_in_flight)


def _read(
    frame: dict[str, Any],
    flying: dict[str, deque[Copy]],
    waiting: deque[Copy],
    acknowledged: Acknowledged,
    met: Callable[[], None],
) -> None:
    if frame["t"] not in ("ok", "error"):
        return
    copies = flying[frame["key"]]
    copy = copies.popleft()
    if not copies:
        del flying[frame["key"]]
    if frame["t"] == "ok":
        acknowledged.add(frame["key"], frame["dialog"], frame["seq"])
        met()
    elif frame["again"]:
        waiting.append(copy)
    else:
        raise AssertionError(f"refused: {frame}")

"""The telephone of a played person: rings in the browser, is answered, pressed and hung up there.

It knows no telephone engine: whoever lets it ring gives it something with the verbs of `Ringing`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

KEYS = frozenset("0123456789*#")
RINGS_MAX = 10
"""More at once is nobody's telephone."""


class Ringing(Protocol):
    """One call at this telephone, as an engine offers it; `hears` is told what is to be heard."""

    id: str
    display: str
    is_up: bool
    is_gone: bool
    hears: Callable[[str], None]

    def answer(self) -> None: ...

    def press(self, digit: str) -> None: ...

    def hang_up(self) -> None: ...


async def _nothing(_: str) -> str:
    return ""


@dataclass
class _Call:
    ringing: Ringing
    says: str = ""
    hears: str = ""
    sound: str = ""


class Handset:
    """`words` tells what is said in a call of that id, for who has no sound."""

    def __init__(self, words: Callable[[str], Awaitable[str]] = _nothing) -> None:
        self._words = words
        self._calls: dict[str, _Call] = {}
        self._sounds: dict[str, Path] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def rings(self, phone: Ringing) -> None:
        if len(self._calls) >= RINGS_MAX:
            phone.hang_up()
            return
        call = self._calls[phone.id] = _Call(phone)
        phone.hears = partial(self._hears, call)
        task = asyncio.create_task(self._ask(call))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def asking(self) -> set[asyncio.Task[None]]:
        """What is being asked at this moment, for whoever has to wait for it."""
        return set(self._asking)

    async def _ask(self, call: _Call) -> None:
        call.says = await self._words(call.ringing.id)

    def _hears(self, call: _Call, what: str) -> None:
        if what == "gone":
            self._calls.pop(call.ringing.id, None)
        elif what in ("ring", "joined"):
            call.hears, call.sound = what, ""
        else:
            id = hashlib.sha256(what.encode()).hexdigest()[:32]
            self._sounds[id] = Path(what)
            call.hears, call.sound = "says", f"/sounds/{id}.wav"

    def sound(self, id: str) -> Path | None:
        """The file that is heard under that id, and no other of this machine."""
        return self._sounds.get(id)

    def do(self, verb: str, id: str, digit: str = "") -> None:
        """What the person does with the call of that id; with one that is gone nothing."""
        call = self._calls.get(id)
        if call is None:
            return
        match verb:
            case "answer":
                call.ringing.answer()
            case "press" if digit in KEYS:
                call.ringing.press(digit)
            case "hang_up":
                call.ringing.hang_up()
            case _:
                return

    def state(self) -> dict[str, Any]:
        return {
            "kind": "call",
            "calls": [
                {
                    "id": id,
                    "display": each.ringing.display,
                    "up": each.ringing.is_up,
                    "says": each.says,
                    "hears": each.hears,
                    "sound": each.sound,
                }
                for id, each in self._calls.items()
            ],
        }

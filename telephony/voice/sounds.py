"""What the two sides of a call are to hear, made while their phones still ring."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from hub.calls.call import Call, Role
from hub.calls.script import Say
from hub.calls.speech import Speech
from hub.errors import RefusedError

log = logging.getLogger(__name__)

MADE_IN_S = 20.0
Heard = Literal["message", "notice"]
Voice = Callable[[Call, Say], Awaitable[Path | None]]
"""Makes a file of it with the call's variables, in its language; None if it cannot be said."""


async def silent(call: Call, say: Say) -> Path | None:
    """A voice for where there is none."""
    return None


def said_by(speech: Speech) -> Voice:
    """A voice for each call in its own language."""

    async def voice(call: Call, say: Say) -> Path | None:
        plan = call.plan
        if plan is None:
            return None
        return await speech.say(say, plan.variables, plan.lang, call.project)

    return voice


class Sounds:
    """The sounds of one call."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._made: dict[tuple[Role, Heard], asyncio.Task[Path | None]] = {}

    def prepare(self, call: Call) -> None:
        """Begins to make all that may be heard."""
        if call.plan is None:
            return
        script = call.plan.script
        wanted: dict[tuple[Role, Heard], Say] = {
            ("operator", "message"): script.operator_says,
            ("visitor", "message"): script.visitor_says,
        }
        if script.record:
            wanted["visitor", "notice"] = script.record_notice
        for what, say in wanted.items():
            if say:
                self._made[what] = asyncio.create_task(self._make(call, say))

    async def of(self, call: Call, role: Role, what: Heard) -> Path | None:
        """The file; None if it could not be made, which ends no call."""
        made = self._made.get((role, what))
        return await made if made is not None else None

    def end(self) -> None:
        for each in self._made.values():
            each.cancel()

    async def _make(self, call: Call, say: Say) -> Path | None:
        try:
            async with asyncio.timeout(MADE_IN_S):
                return await self._voice(call, say)
        except RefusedError as error:
            log.warning("call.unsaid", extra={"call": call.key, "reason": error.code})
            return None
        except Exception:
            # Two people still can talk without a word said before.
            log.exception("call.unsaid", extra={"call": call.key})
            return None

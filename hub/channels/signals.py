"""Small signs to the person: an answer is being written, the message was read, the press arrived.

They are worth something only at once: they are kept in memory, said at most once, and lost
without a word when a platform is slow or the hub ends. Nobody who gives one waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from hub import observe
from hub.channels.abilities import Ability
from hub.channels.in_use import Channels
from hub.channels.port import ChannelKind
from hub.channels.pulse import Pulses
from hub.dialogs import external_ids
from hub.errors import (
    CredentialsError,
    DeliveryError,
    HubError,
    NotFoundError,
    ThrottledError,
    UnavailableError,
)
from hub.model import Dialog, Entry, EntryKind, Identity
from hub.store.engine import Engine, Range
from hub.store.schema import LOG

TYPING_EVERY = timedelta(seconds=4)
TYPING_LASTS = timedelta(seconds=5)
LASTS = timedelta(minutes=1)
CALL_TIMEOUT = timedelta(seconds=5)
NO_KEY_REST = timedelta(minutes=1)
REST_MAX = timedelta(minutes=5)
WAITING_MAX = 500
DIALOGS_KNOWN = 5_000
AT_ONCE = 10
AT_ONCE_OF_CHANNEL = 3
LOOKS_BACK = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sign:
    """`ref` is the button's press; `upto` the last entry that was seen."""

    verb: Literal["typing", "read", "press"]
    channel: str
    until: datetime
    row: Dialog | None = None
    upto: int = 0
    ref: str = ""
    text: str = ""


class Signals:
    def __init__(
        self, engine: Engine, channels: Channels, pulses: Pulses, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._pulses = pulses
        self._now = now
        self._waiting: deque[_Sign] = deque()
        self._ready = asyncio.Event()
        self._busy: dict[asyncio.Task[None], str] = {}
        self._rests: dict[str, datetime] = {}
        self._typed: OrderedDict[str, datetime] = OrderedDict()
        self._read: OrderedDict[str, int] = OrderedDict()

    def typing(self, row: Dialog) -> None:
        """Somebody of ours is writing in the dialog."""
        now = self._now()
        last = self._typed.get(row.id)
        if not self._does(row.channel, Ability.TYPING) or (
            last is not None and abs(now - last) < TYPING_EVERY
        ):
            return
        _remember(self._typed, row.id, now)
        self._put(_Sign("typing", row.channel, now + TYPING_LASTS, row))

    def seen(self, row: Dialog, seq: int) -> None:
        """Somebody of ours saw the dialog up to that entry."""
        upto = min(seq, row.seq)
        if not self._does(row.channel, Ability.READ) or upto <= self._read.get(row.id, 0):
            return
        _remember(self._read, row.id, upto)
        self._put(_Sign("read", row.channel, self._now() + LASTS, row, upto))

    def answered(self, row: Dialog) -> None:
        """Somebody of ours answered, and so has read all before it."""
        self.seen(row, row.seq)

    async def acknowledge(self, channel: str, press: str, text: str = "") -> None:
        """The press of a button arrived; waits for nothing."""
        if press:
            self._put(_Sign("press", channel, self._now() + LASTS, ref=press, text=text))

    async def run(self) -> None:
        """Says what is given until cancelled; what is being said then is not waited for."""
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while (sign := self._next()) is not None:
                    task = asyncio.create_task(self._guarded(sign))
                    self._busy[task] = sign.channel
                    task.add_done_callback(self._freed)
        finally:
            running = list(self._busy)
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running)

    def _put(self, sign: _Sign) -> None:
        self._waiting.append(sign)
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            observe.SIGNALS_DROPPED.labels(why="full").inc()
        self._ready.set()

    def _next(self) -> _Sign | None:
        """The first whose channel has room; those whose time is over are forgotten."""
        if len(self._busy) >= AT_ONCE:
            return None
        now, busy = self._now(), Counter(self._busy.values())
        for sign in list(self._waiting):
            resting = self._rests.get(sign.channel, now) > now
            if now >= sign.until or resting:
                self._waiting.remove(sign)
                observe.SIGNALS_DROPPED.labels(why="resting" if resting else "late").inc()
            elif busy[sign.channel] < AT_ONCE_OF_CHANNEL:
                self._waiting.remove(sign)
                return sign
        return None

    def _freed(self, task: asyncio.Task[None]) -> None:
        self._busy.pop(task, None)
        self._ready.set()

    async def _guarded(self, sign: _Sign) -> None:
        with observe.about(channel=sign.channel):
            try:
                async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                    await self._say(sign)
            except (DeliveryError, TimeoutError) as error:
                self._failed(sign, error)
            except (NotFoundError, UnavailableError):
                observe.SIGNALS_DROPPED.labels(why="away").inc()
            except Exception:
                log.exception("signal.broken")
                observe.SIGNALS_DROPPED.labels(why="failed").inc()

    def _failed(self, sign: _Sign, error: Exception) -> None:
        observe.SIGNALS_DROPPED.labels(why="failed").inc()
        if isinstance(error, ThrottledError):
            self._rests[sign.channel] = self._now() + min(error.retry_after, REST_MAX)
        elif isinstance(error, CredentialsError):
            self._rests[sign.channel] = self._now() + NO_KEY_REST

    async def _say(self, sign: _Sign) -> None:
        channel = self._channels.get(sign.channel)
        if not self._pulses.is_well(await self._pulses.of(sign.channel), sign.channel):
            observe.SIGNALS_DROPPED.labels(why="resting").inc()
            return
        if sign.row is None:
            await channel.acknowledge(sign.ref, sign.text)
            return
        call = await self._call(channel, sign, sign.row)
        if call is not None:
            await call

    async def _call(
        self, channel: ChannelKind[Any], sign: _Sign, row: Dialog
    ) -> Coroutine[Any, Any, None] | None:
        to = await self._engine.get(Identity, row.identity)
        last = await self._last_word(row, sign.upto or row.seq)
        if to is None or not to.reachable or not last:
            return None
        say = channel.mark_read if sign.verb == "read" else channel.show_typing
        return say(to, last)

    async def _last_word(self, row: Dialog, upto: int) -> str:
        """What the platform calls the person's last message up to that entry, if there is one."""
        page = await self._engine.find(
            LOG,
            {"dialog": row.id},
            range=Range("seq", at_most=upto),
            descending=True,
            limit=1,
            where=partial(_is_theirs, row.channel),
            budget=LOOKS_BACK,
        )
        return external_ids(row.channel, page.items[0])[0] if page.items else ""

    def _does(self, channel: str, ability: Ability) -> bool:
        try:
            return ability in self._channels.get(channel).capabilities.does
        except HubError:
            return False


def _is_theirs(channel: str, entry: Entry) -> bool:
    """What was pressed or joined has an id of ours, which no platform knows."""
    return entry.kind is EntryKind.IN and entry.id.startswith(f"{channel}:")


def _remember(known: OrderedDict[str, Any], id: str, what: object) -> None:
    known[id] = what
    known.move_to_end(id)
    if len(known) > DIALOGS_KNOWN:
        known.popitem(last=False)

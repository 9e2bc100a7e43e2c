"""Trying a channel out: whose key it is, how updates come, and a word that really arrives.

A trial is a document, so that it goes on after a reload and on every process. What it calls
is bounded; that somebody wrote is read from the log and never kept twice.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace
from yarl import URL

from hub import legible
from hub.accounts import Who
from hub.channels.in_use import Channels
from hub.channels.polling import how
from hub.channels.port import Account, ChannelKind, HookState
from hub.channels.pulse import MENDED_HERE, Pulses
from hub.content import Remote
from hub.errors import (
    ConflictError,
    DeliveryError,
    HubError,
    NotFoundError,
    TooLargeError,
    TransientError,
)
from hub.files.kept import Files
from hub.model import Channel, DialogId, Entry, EntryKind, ProjectId
from hub.records import Pulse, Trial, TrialStep
from hub.store.engine import Engine, Insert, Range, TakenError
from hub.store.schema import BY_CHANGE, LOG

CALL_SECONDS = 8
PICTURE_SECONDS = 3
PICTURE_MAX_BYTES = 1_000_000
LASTS = timedelta(minutes=30)
ROWS = 50
ENTRIES = 20
HOOK_TOLD = timedelta(minutes=10)
"""How long the platform's complaint about the hook counts; it keeps the last one for ever."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wrote since the trial began; without a dialog something else was brought."""

    dialog: DialogId = DialogId("")
    name: str = ""
    at: datetime


class Trials:
    """The caller has already checked that `who` may do this to the channel."""

    def __init__(
        self,
        engine: Engine,
        channels: Channels,
        files: Files,
        pulses: Pulses,
        public_url: str,
        now: Callable[[], datetime],
        *,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._files = files
        self._pulses = pulses
        self._public_url = public_url
        self._now = now
        self._call_seconds = call_seconds

    async def begin(self, document: Channel, who: Who) -> Trial:
        """A new trial in the place of any other; takes at most a dozen seconds.

        ConflictError("off") for a channel that is switched off, ("broken") for one that its
        settings do not open.
        """
        if not document.enabled:
            raise ConflictError("off")
        try:
            kind = self._channels.get(document.id)
        except NotFoundError:
            raise ConflictError("broken") from None
        began = self._now()
        (account, key), hook = await asyncio.gather(self._key(kind), self._hook(kind))
        picture = await self._picture(kind, account, document.project, who) if account else ""
        trial = Trial(
            id=document.id,
            project=document.project,
            began_at=began,
            name=legible.line(account.name, legible.NAME_MAX) if account else "",
            username=legible.line(account.username, legible.NAME_MAX) if account else "",
            picture=picture,
            link=_link(kind, account) if account else "",
            steps=(key, hook),
        )
        await self._keep(trial)
        return trial

    async def of(self, document: Channel) -> Trial | None:
        """The trial that was begun last, if that was lately."""
        trial = await self._engine.get(Trial, document.id)
        if trial is None or trial.project != document.project:
            return None
        return trial if self._now() - trial.began_at < LASTS else None

    async def seen(self, trial: Trial) -> Seen | None:
        """The first message that came to the channel since the trial began.

        Where there is none, whatever else came shows as well that it is heard: an operator's own
        messenger makes no dialog.
        """
        found = await self._engine.find(
            BY_CHANGE,
            {"project": trial.project},
            range=Range("changed_at", at_least=trial.began_at),
            where=lambda row: row.channel == trial.id,
            limit=ROWS,
        )
        heard: list[Seen] = []
        for row in found.items:
            # The order of storing is what counts: the platform's clock may be another.
            page = await self._engine.find(
                LOG,
                {"dialog": row.id},
                descending=True,
                limit=ENTRIES,
                budget=ENTRIES,
                where=lambda entry: _is_word(entry, trial.began_at),
            )
            heard += [
                Seen(dialog=DialogId(row.id), name=row.name, at=each.stored_at)
                for each in page.items
            ]
        if heard:
            return min(heard, key=lambda each: each.at)
        pulse = await self._engine.get(Pulse, trial.id)
        last = pulse.last_in_at if pulse is not None else None
        return Seen(at=last) if last is not None and last >= trial.began_at else None

    async def _keep(self, trial: Trial) -> None:
        try:
            await self._engine.write(Insert(trial))
        except TakenError:
            await self._engine.change(Trial, trial.id, lambda had: replace(trial, rev=had.rev))

    async def _key(self, kind: ChannelKind[Any]) -> tuple[Account | None, TrialStep]:
        mark = self._pulses.mark(kind.id)
        account, code, took_ms = await self._asked(kind.id, kind.account())
        await self._tell(kind, account, code, mark)
        if code == "not_here":
            # Nobody is behind the channel who could be asked; nothing is wrong with that.
            return None, TrialStep(name="key", state="ok", code="none", took_ms=took_ms)
        state: Literal["ok", "failed"] = "ok" if account else "failed"
        return account, TrialStep(name="key", state=state, code=code, took_ms=took_ms)

    async def _tell(
        self, kind: ChannelKind[Any], account: Account | None, code: str, mark: str
    ) -> None:
        """What the trial found out is the channel's pulse too: held messages go out at once."""
        if code in MENDED_HERE:
            await self._pulses.halt(kind.id, code, mark)
        elif account is not None:
            pulse = await self._pulses.of(kind.id)
            await (self._pulses.reached if pulse.state == "ok" else self._pulses.revive)(kind.id)

    async def _hook(self, kind: ChannelKind[Any]) -> TrialStep:
        way = how(kind, self._public_url)
        if way == "none":
            receives = kind.capabilities.receives
            code = "no_public_address" if receives else "none"
            return TrialStep(name="hook", state="failed" if receives else "ok", code=code)
        if "hook" not in kind.capabilities.receives:
            return TrialStep(name="hook", state="ok", code="poll")
        told, code, took_ms = await self._asked(kind.id, kind.hook())
        step = TrialStep(name="hook", state="failed", code=code, took_ms=took_ms)
        if told is None:
            return step
        wanted = f"{self._public_url}/hooks/{kind.id}" if way == "hook" else ""
        if told.url and told.url != wanted:
            return replace(step, code="hook_elsewhere", detail=_host(told.url))
        if way == "poll":
            return replace(step, state="ok", code="poll")
        if not told.url:
            return await self._set(kind, wanted)
        if self._is_fresh(told):
            return replace(step, code="hook_error", detail=told.error[:300])
        return replace(step, state="ok", code="hook")

    async def _set(self, kind: ChannelKind[Any], url: str) -> TrialStep:
        _, code, took_ms = await self._asked(kind.id, kind.set_hook(url))
        if code == "not_here":
            # It is entered by hand at the platform, and only a message can show that it was.
            return TrialStep(name="hook", state="waiting", code="by_hand", took_ms=took_ms)
        state: Literal["ok", "failed"] = "failed" if code else "ok"
        return TrialStep(name="hook", state=state, code=code or "hook_set", took_ms=took_ms)

    def _is_fresh(self, told: HookState) -> bool:
        if not told.error:
            return False
        return told.error_at is None or self._now() - told.error_at < HOOK_TOLD

    async def _asked(self, channel: str, asking: Awaitable[T]) -> tuple[T | None, str, int]:
        """What was told, or the code of why not, and how long it took."""
        began = monotonic()
        told, code = None, ""
        try:
            async with asyncio.timeout(self._call_seconds):
                told = await asking
        except TimeoutError:
            code = "timeout"
        except DeliveryError as error:
            code = _code(error)
        except Exception:
            # A fault of ours is told as one, and the other steps are still told.
            log.exception("trial.fell", extra={"channel": channel})
            code = "internal"
        return told, code, round((monotonic() - began) * 1_000)

    async def _picture(
        self, kind: ChannelKind[Any], account: Account, project: ProjectId, who: Who
    ) -> str:
        """The id of a file that nothing names and that is therefore gone in a day."""
        if account.picture is None:
            return ""
        try:
            async with (
                asyncio.timeout(PICTURE_SECONDS),
                aclosing(_few(kind, account.picture)) as it,
            ):
                file = await self._files.keep(project, "account", it, who.id)
        except (HubError, TimeoutError):
            return ""
        except Exception:
            log.exception("trial.picture", extra={"channel": kind.id})
            return ""
        return file.id if file.kind == "image" else ""


def _code(error: DeliveryError) -> str:
    """Its reason; of a line that did not hold the one word that says where."""
    said = str(error)
    if isinstance(error, TransientError) and said in ("dns", "tls", "proxy", "connect", "timeout"):
        return said
    return error.reason


async def _few(kind: ChannelKind[Any], remote: Remote) -> AsyncGenerator[bytes]:
    came = 0
    async for chunk in kind.fetch(remote):
        came += len(chunk)
        if came > PICTURE_MAX_BYTES:
            raise TooLargeError("no picture of an account is that large")
        yield chunk


def _host(url: str) -> str:
    try:
        return URL(url).host or ""
    except ValueError:
        return ""


def _link(kind: ChannelKind[Any], account: Account) -> str:
    """Where one can write to it; without the place for a key that it would end in."""
    return re.sub(r"[?&][A-Za-z_]+=$", "", kind.join_link(account.username, ""))


def _is_word(entry: Entry, since: datetime) -> bool:
    return entry.kind is EntryKind.IN and entry.stored_at >= since

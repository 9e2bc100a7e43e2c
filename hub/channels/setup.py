"""Channels as people set them up: made, changed and looked at, their secrets never shown.

A change is checked whole by the settings' type of the channel's kind before it is stored.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from hub.accounts import Who, clean_name
from hub.audits import audited
from hub.bus import Bus
from hub.calls.trunk import Trunk
from hub.channels.abilities import Capabilities
from hub.channels.forms import Field, form
from hub.channels.in_use import WAKE, Channels
from hub.channels.port import ChannelKind
from hub.errors import BadValueError, ConfigError, ConflictError, NotFoundError, UnavailableError
from hub.keeping.secrets import SealError, Vault, is_sealed, secret_fields
from hub.model import Channel, ChannelId, ProjectId
from hub.records import Pulse
from hub.store.engine import Engine, Insert, MovedError, Replace, TakenError
from hub.store.schema import CHANNELS

CHANNELS_MAX = 100
ID_MAX = 32
TRIES = 20

Kinds = Callable[[str], type[ChannelKind[Any]]]
"""The class of a channel kind; ConfigError for a kind that there is not."""


class KeyAgainError(BadValueError):
    """The key has to be entered again: it would go where whoever entered it did not send it."""

    code = "key_again"


def no_kind(kind: str) -> type[ChannelKind[Any]]:
    """For a hub that nobody sets up."""
    raise ConfigError(f"no channel kind is known here, not even {kind}", field="kind")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What a new channel of a kind is asked for, how its updates may come, if it only hears.

    One that `calls` is a trunk: nobody writes there.
    """

    kind: str
    fields: tuple[Field, ...]
    receives: tuple[str, ...]
    mute: bool = False
    calls: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be another: `settings` are merged into those that stand (RFC 7396).

    `rev` is that of the channel as it was read; without it whatever stands is changed.
    """

    rev: int | None = None
    name: str | None = None
    enabled: bool | None = None
    settings: Mapping[str, Any] = {}


class Setup:
    """The caller has already checked that `who` may do this to the channel.

    Settings that the kind refuses raise msgspec's ValidationError, whose path begins in them.
    """

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        vault: Vault,
        kinds: Kinds,
        now: Callable[[], datetime],
        known: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._vault = vault
        self._kinds = kinds
        self._known = known
        self._now = now

    def kinds(self) -> Sequence[str]:
        """Every kind that there is, none of them imported."""
        return self._known()

    async def form(self, kind: str) -> Form:
        """What that kind asks for; BadValueError if there is none of that name."""
        found = await self._kind(kind)
        can = found.capabilities
        return Form(
            kind=kind,
            fields=form(found.settings_type),
            receives=tuple(sorted(can.receives)),
            mute=can.mute,
            calls=issubclass(found, Trunk),
        )

    async def get(self, project: ProjectId, id: str) -> Channel:
        """The document as it now stands; NotFoundError also for another project's."""
        document = await self._engine.get(Channel, id)
        if document is None or document.project != project:
            raise NotFoundError
        return document

    async def capabilities(self, document: Channel) -> Capabilities:
        """What its kind can do, also where the channel is switched off."""
        return (await self._kind(document.kind)).capabilities

    async def shown(self, document: Channel) -> dict[str, Any]:
        """All its settings with the kind's defaults; of a secret only whether it is set."""
        kind = await self._kind(document.kind)
        hidden = secret_fields(kind.settings_type)
        try:
            plain = self._vault.opened(document).settings
            whole = msgspec.to_builtins(msgspec.convert(plain, kind.settings_type))
        except (SealError, msgspec.ValidationError):
            # What does not work any more is shown as it is, so that it can be mended.
            whole = dict(document.settings)
        return {
            name: {"secret": True, "set": bool(value)}
            if name in hidden or is_sealed(value)
            else value
            for name, value in whole.items()
        }

    async def add(
        self,
        project: ProjectId,
        kind: str,
        name: str,
        who: Who,
        *,
        settings: Mapping[str, Any] | None = None,
        address: str = "",
    ) -> Channel:
        """A new channel with these settings, else the kind's defaults, at work at once.

        ConflictError("channels_full") past the limit.
        """
        name = clean_name(name)
        kept = _checked({}, settings or {}, (await self._kind(kind)).settings_type)
        counted = await self._engine.count(CHANNELS, {"project": project}, cap=CHANNELS_MAX)
        if counted >= CHANNELS_MAX:
            raise ConflictError("channels_full")
        for n in range(1, TRIES + 1):
            document = Channel(
                id=_id(project, kind, name, n),
                project=project,
                kind=kind,
                name=name,
                settings=kept,
                created_at=self._now(),
            )
            note = self._noted(document, "channel_added", who, address, kind)
            try:
                sealed = self._vault.sealed(document)
                await self._engine.write(Insert(sealed), note)
            except TakenError:
                continue
            await self._tell()
            return sealed
        raise UnavailableError("no id was free")

    async def change(
        self, project: ProjectId, id: str, change: Change, who: Who, *, address: str = ""
    ) -> Channel:
        """The channel as it is after the change, which every process acts by at once.

        ConflictError("as_code") when it is kept in the settings file, ("changed") when it is not
        as it was read, ("other_account") for the key of an account whose messages would be taken
        for those of the one before.
        """
        for _ in range(TRIES):
            had = await self.get(project, id)
            if had.as_code:
                raise ConflictError("as_code")
            kind = await self._kind(had.kind)
            after, changed = self._changed(had, change, kind.settings_type)
            if not changed:
                return had
            if change.rev not in (None, had.rev):
                raise ConflictError("changed", str(had.rev))
            if self._numbered_by(kind, had) not in ("", self._numbered_by(kind, after)):
                await self._check_silent(had)
            note = self._noted(had, "channel_changed", who, address, ", ".join(changed))
            try:
                # First the note: on some stores a crash parts the two, and a change without a
                # trace would be worse than a trace without a change.
                await self._engine.write(note, Replace(after))
            except MovedError:
                continue
            await self._tell()
            return replace(after, rev=had.rev + 1)
        raise UnavailableError("others change it all the time")

    async def note(self, channel: Channel, verb: str, who: Who, *, address: str = "") -> None:
        """Puts on record what somebody did with the channel that changed nothing of it."""
        await self._engine.write(self._noted(channel, verb, who, address, ""))

    def _changed(
        self, had: Channel, change: Change, settings_type: type[msgspec.Struct]
    ) -> tuple[Channel, list[str]]:
        """Its successor as it may be written, and which of its fields are other."""
        after = replace(
            had,
            name=had.name if change.name is None else clean_name(change.name),
            enabled=had.enabled if change.enabled is None else change.enabled,
        )
        changed = [
            each for each in ("name", "enabled") if getattr(after, each) != getattr(had, each)
        ]
        if not change.settings:
            return after, changed
        try:
            before = self._vault.opened(had).settings
        except SealError:
            # The key may have been changed this moment, and is read again within seconds.
            raise UnavailableError("its secrets cannot be opened now") from None
        settings = _checked(before, change.settings, settings_type)
        if _leads_elsewhere(before, settings):
            _ask_again(before, change.settings, secret_fields(settings_type))
        names = sorted(settings.keys() | before.keys())
        changed += [f"settings.{name}" for name in names if settings.get(name) != before.get(name)]
        return self._vault.sealed(replace(after, settings=settings)), changed

    def _numbered_by(self, kind: type[ChannelKind[Any]], document: Channel) -> str:
        try:
            settings = self._vault.opened(document).settings
            return kind.numbered_by(msgspec.convert(settings, kind.settings_type))
        except (SealError, msgspec.ValidationError):
            return ""

    async def _check_silent(self, document: Channel) -> None:
        """ConflictError if anything was ever said on the channel, either way."""
        pulse = await self._engine.get(Pulse, document.id)
        if pulse is not None and (pulse.last_in_at or pulse.last_out_at):
            raise ConflictError("other_account")

    async def _kind(self, kind: str) -> type[ChannelKind[Any]]:
        try:
            # Some take seconds to import.
            return await asyncio.to_thread(self._kinds, kind)
        except ConfigError as error:
            raise BadValueError(str(error), field="kind") from None

    async def _tell(self) -> None:
        """Has every process take it over now; this one has done so when it is answered."""
        await self._bus.wake(WAKE)
        with suppress(UnavailableError):
            await self._channels.refresh()

    def _noted(self, channel: Channel, verb: str, who: Who, address: str, what: str) -> Insert:
        now, of = self._now(), channel.project
        return audited(now, who.id, verb, channel.id, of, address, what=what)


def _checked(
    before: Mapping[str, Any], patch: Mapping[str, Any], settings_type: type[msgspec.Struct]
) -> dict[str, Any]:
    """The settings with the patch, as their type takes them; what was never set stays unset."""
    merged = _merged(before, _without_covers(patch, secret_fields(settings_type)))
    whole = msgspec.to_builtins(msgspec.convert(merged, settings_type))
    return {name: whole[name] for name in merged}


def _leads_elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether others than before could read what is sent with the channel's keys."""
    changed = {
        name
        for name in ("api_url", "trusted_root", "proxy")
        if after.get(name) and after.get(name) != before.get(name)
    }
    bare = str(after.get("api_url", "")).startswith("http:")
    return bool(changed & {"api_url", "trusted_root"} or (bare and "proxy" in changed))


def _ask_again(before: Mapping[str, Any], given: Mapping[str, Any], hidden: frozenset[str]) -> None:
    """KeyAgainError for a secret that is kept: to change its way would be to read it."""
    for name in sorted(hidden - {"proxy"}):
        if before.get(name) and not (isinstance(given.get(name), str) and given[name]):
            raise KeyAgainError(field=f"settings.{name}")


def _without_covers(given: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """The patch without the secrets that came back as they were shown; empty ones are none."""
    return {
        name: (value or None) if name in hidden else value
        for name, value in given.items()
        if not (name in hidden and isinstance(value, dict) and value.get("secret") is True)
    }


def _merged(into: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(into)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            had = merged.get(name)
            merged[name] = _merged(had if isinstance(had, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _id(project: ProjectId, kind: str, name: str, n: int) -> ChannelId:
    """One that says in an address what it is of; the later tries lead away from what is taken."""
    words = "-".join(re.findall(r"[a-z0-9]+", name.lower())) or kind
    end = "" if n == 1 else f"-{n}" if n < TRIES // 2 else f"-{secrets.token_hex(4)}"
    start = f"{project}-{words}"[: ID_MAX - len(end)].strip("-")
    return ChannelId(start + end)

"""The channels and projects in use, as every message needs them, read again when they change.

Documents in the store are the truth; this is a copy at most `FRESH` old, so that a message
costs no read of settings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from hub.bus import Bus
from hub.channels.abilities import Capabilities
from hub.channels.port import ChannelKind
from hub.config import ProjectCode, Settings
from hub.errors import HubError, NotFoundError, UnavailableError
from hub.keeping.secrets import SealError, Vault
from hub.model import Channel, Dialog, Project, ProjectId
from hub.schedule import Schedule, always, daily
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import CHANNELS_ALL, PROJECTS_BY_NAME

FRESH = timedelta(seconds=5)
WAKE = "channels"
OWN = "site"
"""The hub's own kind, which is there before anything of others is imported."""
NAME, ZONE = "Моя компания", "Europe/Moscow"
"""Of a project that nobody has set up yet."""
LEAVES_AFTER = timedelta(seconds=30)
"""How long an adapter that was replaced goes on, for what it is just carrying."""

Build = Callable[[Channel], ChannelKind[msgspec.Struct]]
Swapped = Callable[[Channel], Awaitable[None]]

log = logging.getLogger(__name__)


async def _nobody(_: Channel) -> None:
    """For channels that nobody watches."""


class Channels:
    """Live adapters by id; `build` makes one of a document and may refuse its settings.

    `load` imports a kind, in a thread, before the first of it is built: some take seconds.
    `swapped` is told of each document that was taken over, once its adapter is in place.
    """

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        build: Build,
        vault: Vault,
        load: Callable[[str], object] = str,
        *,
        fresh: timedelta = FRESH,
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._build = build
        self._vault = vault
        self._load = load
        self._fresh = fresh
        self._loaded: set[str] = set()
        self._coming: set[str] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self.swapped: Swapped = _nobody
        self._documents: dict[str, Channel] = {}
        self._live: dict[str, ChannelKind[msgspec.Struct]] = {}
        self._acting: dict[str, Channel] = {}
        self._projects: dict[str, Project] = {}
        self._pending: set[str] = set()
        self._untold: dict[str, Channel] = {}
        self._refreshing = asyncio.Lock()

    def get(self, id: str) -> ChannelKind[msgspec.Struct]:
        """The live adapter; NotFoundError when there is none or it is switched off.

        UnavailableError while it is being made ready for the first time.
        """
        try:
            return self._live[id]
        except KeyError:
            if id in self._coming:
                raise UnavailableError("the channel is being made ready") from None
            raise NotFoundError from None

    def can(self, row: Dialog) -> Capabilities:
        """What may be said there; nothing in a channel that is switched off."""
        try:
            return self.get(row.channel).capabilities
        except (NotFoundError, UnavailableError):
            return Capabilities(
                type=row.type, text_max_chars=0, attachments_max=0, attachment_max_bytes=0
            )

    def document(self, id: str) -> Channel:
        try:
            return self._documents[id]
        except KeyError:
            raise NotFoundError from None

    def acting(self, id: str) -> Channel:
        """The document that the live adapter was made of, a moment longer than it is the newest."""
        return self._acting.get(id) or self.document(id)

    def project(self, id: str) -> Project:
        try:
            return self._projects[id]
        except KeyError:
            raise NotFoundError from None

    def of(self, project: ProjectId) -> list[Channel]:
        return [each for each in self._documents.values() if each.project == project]

    def all(self) -> list[Channel]:
        """Every document, also of what is switched off."""
        return list(self._documents.values())

    async def made(self, document: Channel) -> ChannelKind[msgspec.Struct]:
        """An adapter of the document beside the live one, not opened; for the caller to close.

        Raises ConfigError for settings that its kind refuses.
        """
        await self._import(document.kind)
        return self._build(self._vault.opened(document))

    async def begin(self) -> None:
        """Takes over what is in the store, but leaves what has to be imported to `run`.

        A heavy import keeps nobody from being served.
        """
        async with self._refreshing:
            await self._refresh(lambda each: each.kind == OWN)

    async def refresh(self) -> None:
        """Takes over what changed in the store; a channel that cannot be opened is left out."""
        async with self._refreshing:
            await self._refresh(lambda _: True)

    async def _refresh(self, now: Callable[[Channel], bool]) -> None:
        await asyncio.to_thread(self._vault.refresh)
        projects: dict[str, Project] = {}
        after = None
        while True:
            page = await self._engine.find(PROJECTS_BY_NAME, after=after, limit=500)
            projects |= {each.id: each for each in page.items}
            if (after := page.next) is None:
                break
        documents: dict[str, Channel] = {}
        while True:
            found = await self._engine.find(CHANNELS_ALL, after=after, limit=500)
            documents |= {each.id: each for each in found.items}
            if (after := found.next) is None:
                break
        before, self._documents, self._projects = self._documents, documents, projects
        changed = [
            each for id, each in documents.items() if before.get(id) != each or id in self._pending
        ]
        # What is cut short here is taken up by the next refresh.
        self._pending = {each.id for each in changed}
        self._coming |= {each.id for each in changed if each.enabled and each.id not in self._live}
        self._coming &= {id for id, each in documents.items() if each.enabled}
        for document in sorted(changed, key=lambda each: each.kind != OWN):
            if document.enabled and not now(document):
                continue
            id = document.id
            if document.enabled and not await self._opens(document):
                # It goes on as it was, until the key that it was sealed with is here too.
                self._coming.discard(id)
                continue
            self._swap(id, await self._started(document) if document.enabled else None)
            self._acting[id] = document
            self._coming.discard(id)
            self._pending.discard(id)
            self._untold[id] = document
        for id, document in list(self._untold.items()):
            await self.swapped(document)
            del self._untold[id]
        for id in before.keys() - documents.keys():
            self._swap(id, None)
            self._acting.pop(id, None)

    async def _opens(self, document: Channel) -> bool:
        """Whether its secrets can be read, also when the key file changed this moment."""
        for _ in range(2):
            try:
                self._vault.opened(document)
            except SealError as error:
                log.error("channel.sealed", extra={"channel": document.id, "reason": str(error)})
                await asyncio.to_thread(self._vault.refresh)
            else:
                return True
        return False

    async def _started(self, document: Channel) -> ChannelKind[msgspec.Struct] | None:
        channel = None
        try:
            channel = await self.made(document)
            await channel.open()
        except HubError as error:
            log.error("channel.refused", extra={"channel": document.id, "reason": str(error)})
        except Exception:
            # A kind that is broken hides no other.
            log.exception("channel.broken", extra={"channel": document.id})
        else:
            return channel
        if channel is not None:
            await _closed(channel)
        return None

    async def _import(self, kind: str) -> None:
        """A kind that cannot be imported is complained of by whoever builds it."""
        if kind not in self._loaded:
            with suppress(Exception):
                await asyncio.to_thread(self._load, kind)
            self._loaded.add(kind)

    def _swap(self, id: str, fresh: ChannelKind[msgspec.Struct] | None) -> None:
        """Puts it in the place of the one before, which ends what it is at and then closes."""
        before = self._live.pop(id, None)
        if fresh is not None:
            self._live[id] = fresh
        if before is not None:
            leaving = asyncio.create_task(_leave(before))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def run(self) -> None:
        """Keeps the copy fresh until cancelled, then closes every channel."""
        try:
            while True:
                try:
                    await self.refresh()
                except HubError as error:
                    log.warning("channels.stale", extra={"reason": str(error)})
                await self._bus.sleep(WAKE, self._fresh)
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """Closes every channel, and those that were still leaving."""
        for id in list(self._live):
            self._swap(id, None)
        # Those that have not begun to wait would not see that they are to hurry.
        await asyncio.sleep(0)
        leaving = list(self._leaving)
        for each in leaving:
            each.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)


async def _leave(channel: ChannelKind[msgspec.Struct]) -> None:
    try:
        await asyncio.sleep(LEAVES_AFTER.total_seconds())
    finally:
        await _closed(channel)


async def _closed(channel: ChannelKind[msgspec.Struct]) -> None:
    try:
        await channel.close()
    except Exception:
        log.exception("channel.unclosed", extra={"channel": channel.id})


async def put(engine: Engine, vault: Vault, document: Channel) -> None:
    """Keeps the channel as given, its secrets sealed, whatever it was before."""
    sealed = vault.sealed(document)

    def changed(had: Channel) -> Channel | None:
        kept = replace(document, rev=had.rev, v=had.v, created_at=had.created_at)
        try:
            same = vault.opened(had) == vault.opened(kept) and vault.resealed(had) is None
        except SealError:
            same = False
        return None if same else replace(kept, settings=sealed.settings)

    try:
        await engine.write(Insert(sealed))
    except TakenError:
        await engine.change(Channel, document.id, changed)


async def adopt(engine: Engine, vault: Vault, settings: Settings, now: datetime) -> None:
    """Takes projects and channels over from the settings, where they are kept as code.

    A channel that was there as code and is no more is switched off, its dialogs stay.
    """
    for id, code in settings.projects.items():
        new = Project(id=id, name=NAME, schedule=always(ZONE), created_at=now)
        try:
            await engine.write(Insert(_as_code(code, new) or new))
        except TakenError:
            await engine.change(Project, id, partial(_as_code, code))
    for id, channel in settings.channels.items():
        await put(
            engine,
            vault,
            Channel(
                id=id,
                project=ProjectId(channel.project),
                kind=channel.kind,
                name=channel.name,
                settings=channel.settings,
                as_code=True,
                created_at=now,
            ),
        )
    after = None
    while True:
        page = await engine.find(
            CHANNELS_ALL, after=after, where=lambda each: each.as_code and each.enabled
        )
        for gone in page.items:
            if gone.id not in settings.channels:
                await engine.change(Channel, gone.id, lambda had: replace(had, enabled=False))
        if (after := page.next) is None:
            return


def _as_code(code: ProjectCode, had: Project) -> Project | None:
    """The project with what is kept as code as it is there, and all else as it was."""
    zone = code.zone or had.schedule.zone
    week = daily(zone, *code.hours).week if code.hours else had.schedule.week
    after = replace(
        had,
        name=code.name or had.name,
        lang=code.lang or had.lang,
        schedule=Schedule(zone, week, had.schedule.dates),
        as_code=tuple(each for each in ("name", "lang", "zone", "hours") if getattr(code, each)),
    )
    return after if after != had else None

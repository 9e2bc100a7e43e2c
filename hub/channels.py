"""The channels and projects in use, as every message needs them, read again when they change.

Documents in the store are the truth; this is a copy at most `FRESH` old, so that a message
costs no read of settings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from msgspec.structs import replace

from hub.bus import Bus
from hub.channel import ChannelKind
from hub.config import Settings
from hub.errors import HubError, NotFoundError
from hub.model import Channel, Project, ProjectId
from hub.schedule import always, daily
from hub.secrets import SealError, Vault
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import CHANNELS_ALL, PROJECTS_BY_NAME

FRESH = timedelta(seconds=5)
WAKE = "channels"

Build = Callable[[Channel], ChannelKind[msgspec.Struct]]

log = logging.getLogger(__name__)


class Channels:
    """Live adapters by id; `build` makes one of a document and may refuse its settings."""

    def __init__(self, engine: Engine, bus: Bus, build: Build, vault: Vault) -> None:
        self._engine = engine
        self._bus = bus
        self._build = build
        self._vault = vault
        self._documents: dict[str, Channel] = {}
        self._live: dict[str, ChannelKind[msgspec.Struct]] = {}
        self._projects: dict[str, Project] = {}
        self._sealed: set[str] = set()
        self._refreshing = asyncio.Lock()

    def get(self, id: str) -> ChannelKind[msgspec.Struct]:
        """The live adapter; NotFoundError when there is none or it is switched off."""
        try:
            return self._live[id]
        except KeyError:
            raise NotFoundError from None

    def document(self, id: str) -> Channel:
        try:
            return self._documents[id]
        except KeyError:
            raise NotFoundError from None

    def project(self, id: str) -> Project:
        try:
            return self._projects[id]
        except KeyError:
            raise NotFoundError from None

    def of(self, project: ProjectId) -> list[Channel]:
        return [each for each in self._documents.values() if each.project == project]

    async def refresh(self) -> None:
        """Takes over what changed in the store; a channel that cannot be opened is left out."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
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
        for id, document in documents.items():
            if before.get(id) == document and id not in self._sealed:
                continue
            if document.enabled and not await self._opens(document):
                # It goes on as it was, until the key that it was sealed with is here too.
                self._sealed.add(id)
                continue
            self._sealed.discard(id)
            await self._swap(id, await self._started(document) if document.enabled else None)
        for id in before.keys() - documents.keys():
            await self._swap(id, None)

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
        try:
            channel = self._build(self._vault.opened(document))
            await channel.open()
        except HubError as error:
            log.error("channel.refused", extra={"channel": document.id, "reason": str(error)})
            return None
        return channel

    async def _swap(self, id: str, fresh: ChannelKind[msgspec.Struct] | None) -> None:
        """Puts it in the place of the one before, without a moment in which there is none."""
        before = self._live.pop(id, None)
        if fresh is not None:
            self._live[id] = fresh
        if before is not None:
            await before.close()

    async def run(self) -> None:
        """Keeps the copy fresh until cancelled, then closes every channel."""
        try:
            while True:
                try:
                    await self.refresh()
                except HubError as error:
                    log.warning("channels.stale", extra={"reason": str(error)})
                await self._bus.sleep(WAKE, FRESH)
        except asyncio.CancelledError:
            for id in list(self._live):
                await self._swap(id, None)
            raise


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
    for id, project in settings.projects.items():
        hours = project.hours
        schedule = daily(project.zone, *hours) if hours else always(project.zone)
        wanted = Project(
            id=id, name=project.name, lang=project.lang, schedule=schedule, created_at=now
        )
        try:
            await engine.write(Insert(wanted))
        except TakenError:
            await engine.change(Project, id, partial(_as_code, wanted))
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


def _as_code(wanted: Project, had: Project) -> Project | None:
    after = replace(had, name=wanted.name, lang=wanted.lang, schedule=wanted.schedule)
    return after if after != had else None

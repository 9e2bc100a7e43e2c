"""Where the chats of sites were seen lately: on which pages they stand, from which they were
turned away. Little is kept and seldom written, however many visitors come.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from hub.bus import Bus
from hub.errors import UnavailableError
from hub.model import Channel, ChannelId, ProjectId
from hub.sites import Sight, Sighting
from hub.store.engine import AbsentError, Engine, Insert, TakenError

SEEN_KEPT = 5
REFUSED_KEPT = 10
REFUSED_LASTS = timedelta(hours=24)
EVERY = timedelta(minutes=1)
# An origin is easily forged, so many of them may not become many writes.
WRITES = 30
REMEMBERED_MAX = 1_000
ORIGIN_MAX = 300
PAGE_MAX = 500

What = Literal["seen", "refused"]

log = logging.getLogger(__name__)


class Sightings:
    """Notes an origin at most once a minute, also when many processes meet it."""

    def __init__(self, engine: Engine, bus: Bus, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now
        self._noted: OrderedDict[tuple[str, What, str], datetime] = OrderedDict()

    async def saw(self, channel: Channel, origin: str, page: str = "") -> None:
        """A page of that origin asked for the chat and got it; a store that is away is no error."""
        bare = page.partition("#")[0].partition("?")[0]
        told = bare if bare.startswith(f"{origin}/") and bare.isprintable() else ""
        await self._note(channel, "seen", origin, told[:PAGE_MAX], script=bool(page))

    async def turned_away(self, channel: Channel, origin: str) -> None:
        """A page of that origin asked for the chat and may not show it."""
        await self._note(channel, "refused", origin)

    async def of(self, project: ProjectId, channel: ChannelId) -> Sighting:
        """What is known of the channel; of the refused only those of the last day."""
        known = await self._engine.get(Sighting, channel)
        if known is None or known.project != project:
            return Sighting(id=channel, project=project)
        since = self._now() - REFUSED_LASTS
        return replace(known, refused=tuple(each for each in known.refused if each.at >= since))

    async def _note(
        self, channel: Channel, what: What, origin: str, page: str = "", *, script: bool = False
    ) -> None:
        if (
            not origin
            or len(origin) > ORIGIN_MAX
            or not (origin.isascii() and origin.isprintable())
        ):
            return
        now, key = self._now(), (channel.id, what, origin)
        if _is_fresh(self._noted.get(key), now):
            return
        if await self._bus.allow(f"sightings:{what}:{channel.id}", WRITES, EVERY) is not None:
            return
        self._noted[key] = now
        self._noted.move_to_end(key)
        while len(self._noted) > REMEMBERED_MAX:
            self._noted.popitem(last=False)
        try:
            await self._keep(channel, what, Sight(origin=origin, page=page, at=now, script=script))
        except UnavailableError:
            log.info("sighting.lost", extra={"channel": channel.id})

    async def _keep(self, channel: Channel, what: What, sight: Sight) -> None:
        def noted(had: Sighting) -> Sighting | None:
            before: tuple[Sight, ...] = getattr(had, what)
            if any(each.origin == sight.origin and _is_fresh(each.at, sight.at) for each in before):
                return None
            others = (each for each in before if each.origin != sight.origin)
            kept = (sight, *others)[: SEEN_KEPT if what == "seen" else REFUSED_KEPT]
            return replace(had, seen=kept) if what == "seen" else replace(had, refused=kept)

        try:
            await self._engine.change(Sighting, channel.id, noted)
        except AbsentError:
            first = Sighting(id=channel.id, project=channel.project)
            try:
                await self._engine.write(Insert(noted(first) or first))
            except TakenError:
                await self._engine.change(Sighting, channel.id, noted)


def _is_fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and abs(now - at) < EVERY

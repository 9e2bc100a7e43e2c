"""The lines of a process: one for each trunk in use, and another once its settings are others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.calls import trunks
from hub.calls.call import Reported
from hub.calls.trunk import AnyLegEvent, Hosted, Legs, Trunk, TrunkSettings
from hub.channels.in_use import Channels
from hub.leads.lead import Lead
from hub.model import ChannelId, Project, ProjectId
from telephony.acts import Lost
from telephony.dialer import Dialer
from telephony.hosted import HostedDialer

log = logging.getLogger(__name__)

Conductor = Dialer | HostedDialer


@dataclass
class Open:
    """A line in use, made of a trunk; `calls` are those that this process leads on it, by key.

    `trunk` is the newest of the same account, by whose caps and numbers it goes on. It has begun
    as many calls as it may until the loop's clock says `rests_until`.
    """

    trunk: Trunk[TrunkSettings]
    made_of: Trunk[TrunkSettings]
    line: Legs | Hosted
    listening: asyncio.Task[None] | None = None
    calls: dict[str, Conductor] = field(default_factory=dict)
    rests_until: float = 0

    def heard(self, event: AnyLegEvent | Reported) -> None:
        key = event.key if isinstance(event, Reported) else event.leg.partition("-")[0]
        conductor = self.calls.get(key)
        if isinstance(event, Reported):
            if isinstance(conductor, HostedDialer):
                conductor.heard(event)
        elif isinstance(conductor, Dialer):
            conductor.heard(event)

    def lost(self) -> None:
        for each in self.calls.values():
            if isinstance(each, Dialer):
                each.heard(Lost())


class Lines:
    """Those of the process of that name."""

    def __init__(self, channels: Channels, name: str) -> None:
        self._channels = channels
        self._name = name
        self._open: dict[ChannelId, Open] = {}

    def get(self, trunk: ChannelId) -> Open | None:
        return self._open.get(trunk)

    def all(self) -> list[Open]:
        return list(self._open.values())

    def projects(self) -> list[ProjectId]:
        return sorted({each.project for each in self._channels.all() if each.id in self._open})

    async def refresh(self) -> None:
        """Has a line for each trunk as it is now; one that is in use goes on as it was."""
        wanted: dict[ChannelId, Trunk[TrunkSettings]] = {}
        for project in {each.project for each in self._channels.all()}:
            for trunk in trunks.of(self._channels, project):
                wanted[trunk.id] = trunk
        for id, had in list(self._open.items()):
            fresh = wanted.get(id)
            if fresh is had.made_of:
                if had.listening is not None and had.listening.done():
                    self._listen(had)
                continue
            if had.calls:
                # Whoever talks by the old settings ends the talk by them.
                if fresh is not None and trunks.is_same_account(fresh, had.made_of):
                    had.trunk = fresh
                continue
            await self._close(self._open.pop(id))
        for id, trunk in wanted.items():
            if id not in self._open:
                opened = Open(trunk, trunk, trunk.line(self._name))
                opened.line.listen(opened.heard, opened.lost)
                self._open[id] = opened
                self._listen(opened)

    def _listen(self, opened: Open) -> None:
        opened.listening = asyncio.create_task(opened.line.run(), name="line")
        opened.listening.add_done_callback(_told)

    async def _close(self, opened: Open) -> None:
        if opened.listening is not None:
            opened.listening.cancel()
            await asyncio.wait([opened.listening])

    async def close(self) -> None:
        for opened in self.all():
            await self._close(opened)
        self._open.clear()

    def is_coming(self, channel: ChannelId) -> bool:
        """Whether the trunk is in use, though there is no line yet."""
        return any(each.id == channel and each.enabled for each in self._channels.all())

    def ready(self, project: Project) -> list[Open]:
        """The project's lines by which calls can be made now.

        Nobody is called by what rings no phone while the real line is down.
        """
        known = trunks.of(self._channels, ProjectId(project.id))
        is_real = any(not each.calls.training for each in known)
        known = [each for each in known if not (is_real and each.calls.training)]
        lines = [(each, self._open.get(ChannelId(each.id))) for each in known]
        return [line for each, line in lines if line and line.trunk is each and line.line.ready]


def able(lines: Sequence[Open], lead: Lead) -> list[Open]:
    """Those that can make such a call; if none dials the number, the first says so of it."""
    wanted = (lead.plan.script.first, lead.plan.script.connect)
    found = [each for each in lines if wanted in each.trunk.calls.scenarios]
    dial = [each for each in found if trunks.dials(each.trunk.settings, lead.phone)]
    return dial or found[:1]


def waits(lines: Sequence[Open], lead: Lead, full: set[str]) -> bool:
    """Whether only lines that are full can call it."""
    found = able(lines, lead)
    return bool(found) and full.issuperset(each.trunk.id for each in found)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("line.ended", exc_info=error)

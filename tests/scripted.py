"""A messenger that does what its script says: it takes, refuses, and loses its answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import ClassVar

import msgspec

from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import ChannelKind, Draft, Hook, Receipt
from hub.events import ChannelEvent
from hub.model import ChannelId, Identity
from hub.statuses import RequestType


class Nothing(msgspec.Struct, frozen=True):
    """A platform of tests has no settings."""


Turn = Exception | Callable[[], Awaitable[None]] | None


class Platform(ChannelKind[Nothing]):
    """A messenger that does what `script` says for each attempt, and then takes everything.

    `shown` is what the person saw, in order; a turn that raises after showing is written as
    `lost`, and a turn that is called decides when the platform answers.
    """

    kind: ClassVar[str] = "plain"
    settings_type: ClassVar[type[msgspec.Struct]] = Nothing
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.LIVE_CHAT,
        text_max_chars=1_000,
        attachments_max=3,
        attachment_max_bytes=1_000_000,
        hears=frozenset({Ability.DELIVERED, Ability.READ}),
    )

    def __init__(self, id: ChannelId) -> None:
        self.id = id
        self.settings = Nothing()
        self.script: deque[Turn] = deque()
        self.attempts: list[str] = []
        self.shown: list[str] = []
        self._seen: dict[str, str] = {}

    def verify(self, hook: Hook) -> None:
        """Nobody knocks at this door in these tests."""

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return ()

    def show(self, draft: Draft) -> Receipt:
        """What the platform does with a request that reached it."""
        number = self._seen.get(draft.key) if self.capabilities.idempotent_for else None
        if number is None:
            number = str(len(self.shown) + 1)
            self._seen[draft.key] = number
            self.shown.append(draft.text)
        return Receipt(external_id=f"out-{number}")

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        self.attempts.append(draft.text)
        turn = self.script.popleft() if self.script else None
        if isinstance(turn, Lost):
            self.show(draft)
            raise turn.error
        if isinstance(turn, Exception):
            raise turn
        if turn is not None:
            await turn()
        return self.show(draft)


class Lost(Exception):  # noqa: N818 - it is what happened to the answer, not a fault of ours
    """The platform showed the message and its answer never arrived; `error` arrives instead."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Careful(Platform):
    """A messenger that knows a repeated key for an hour."""

    kind: ClassVar[str] = "careful"
    capabilities: ClassVar[Capabilities] = msgspec.structs.replace(
        Platform.capabilities, type=RequestType.VK, idempotent_for=timedelta(hours=1)
    )

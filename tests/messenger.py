"""A messenger of tests that can do everything: it edits, takes back, reacts, is asked and asks.

Like `tests.scripted.Platform` it does what its script says, and then what it is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import Account, Draft, Hook, HookState, Polled, Receipt
from hub.errors import CredentialsError, PayloadError, RejectedError, TransientError
from hub.events import ChannelEvent, MessageReceived
from hub.hub import Hub
from hub.model import Channel, ChannelId, Identity
from hub.store.engine import Insert
from tests.scripted import Lost, Platform
from tests.spine import KINDS, SHOP, START

NO_ANSWER = TransientError("timeout", maybe_sent=True, reason="timeout")


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    token: str = "good"
    receive: Literal["auto", "hook", "poll"] = "auto"


class Messenger(Platform):
    """`bubbles` is what the person sees now, by the platform's id of each message."""

    kind: ClassVar[str] = "rich"
    settings_type: ClassVar[type[msgspec.Struct]] = Wishes
    capabilities: ClassVar[Capabilities] = replace(
        Platform.capabilities,
        does=frozenset({Ability.EDITS, Ability.DELETES, Ability.REACTIONS, Ability.QUOTES}),
        edits_for=timedelta(hours=48),
        reactions=("👍", "❤"),
        receives=frozenset({"hook", "poll"}),
    )

    def __init__(self, id: ChannelId) -> None:
        super().__init__(id)
        self.settings: Wishes = Wishes()  # type: ignore[assignment]
        self.bubbles: dict[str, str] = {}
        self.reactions: dict[str, str] = {}
        self.quotes: list[str] = []
        self.calls: list[str] = []
        self.world = World()
        self.pieces = 1

    async def open(self) -> None:
        if self.world.opening is not None:
            await self.world.opening()

    async def _turn(self, what: str) -> None:
        self.calls.append(what)
        if self.world.down:
            raise TransientError("connect", reason="offline")
        if self.world.before_key is not None:
            await self.world.before_key()
        if self.world.tokens is not None and self.settings.token not in self.world.tokens:
            raise CredentialsError("401", reason="dead_key")
        turn = self.script.popleft() if self.script else None
        if isinstance(turn, Exception) and not isinstance(turn, Lost):
            raise turn
        if turn is not None and not isinstance(turn, Exception):
            await turn()

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        lost = self.script[0] if self.script and isinstance(self.script[0], Lost) else None
        self.attempts.append(draft.text)
        await self._turn("send")
        receipt = self.show(draft)
        if self.world.silent:
            self.world.said.append((to.external_id, draft.text))
            raise NO_ANSWER
        self.quotes.append(draft.reply_to)
        self.world.said.append((to.external_id, draft.text))
        self.bubbles[receipt.external_id] = draft.text
        if isinstance(lost, Lost):
            raise lost.error
        more = tuple(f"{receipt.external_id}-{n}" for n in range(2, self.pieces + 1))
        return Receipt(external_id=receipt.external_id, more=more)

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        lost = self.script[0] if self.script and isinstance(self.script[0], Lost) else None
        await self._turn(f"edit {external_id} {draft.text}")
        if external_id not in self.bubbles:
            raise RejectedError("no such message", reason="not_found")
        self.bubbles[external_id] = draft.text
        if isinstance(lost, Lost):
            raise lost.error

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        await self._turn(f"delete {' '.join(external_ids)}")
        for each in external_ids:
            self.bubbles.pop(each, None)

    async def react(self, to: Identity, external_id: str, emoji: str) -> None:
        await self._turn(f"react {external_id} {emoji}")
        self.reactions[external_id] = emoji

    async def account(self) -> Account:
        await self._turn("account")
        if self.world.silent:
            raise NO_ANSWER
        return Account(name="Shop", username="shop_bot")

    async def hook(self) -> HookState:
        await self._turn("hook")
        return HookState(url=self.world.hook)

    async def set_hook(self, url: str) -> None:
        await self._turn(f"set_hook {url}")
        self.world.hook = url

    async def drop_hook(self) -> None:
        await self._turn("drop_hook")
        self.world.hook = ""

    async def poll(self, marker: str) -> Polled:
        await self._turn(f"poll {marker}")
        begin = int(marker or 0)
        if begin == len(self.world.updates):
            await self.world.quiet()
        return Polled(bodies=tuple(self.world.updates[begin:]), marker=str(len(self.world.updates)))

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        try:
            return [msgspec.json.decode(hook.body, type=MessageReceived)]
        except msgspec.MsgspecError:
            raise PayloadError("not of this platform") from None


class World:
    """The platform behind every adapter of it: what outlives a change of settings."""

    def __init__(self) -> None:
        self.tokens: set[str] | None = None
        self.down = False
        self.silent = False
        self.before_key: Callable[[], Awaitable[None]] | None = None
        self.hook = ""
        self.opening: Callable[[], Awaitable[None]] | None = None
        self.updates: list[bytes] = []
        self.said: list[tuple[str, str]] = []
        self.made: deque[Messenger] = deque()

    async def quiet(self) -> None:
        """What a long poll does when nothing happens."""


def channel(id: str = "rich", **settings: object) -> Channel:
    return Channel(
        id=id, project=SHOP, kind="rich", name="Rich", settings=settings, created_at=START
    )


def _made(document: Channel) -> Messenger:
    messenger = Messenger(ChannelId(document.id))
    messenger.settings = msgspec.convert(document.settings, Wishes)
    messenger.world = WORLDS[document.id]
    messenger.world.made.append(messenger)
    return messenger


WORLDS: dict[str, World] = {}
KINDS["rich"] = _made


async def connected(hub: Hub, id: str = "rich", **settings: object) -> Messenger:
    """A channel of the shop on a platform of its own, live."""
    WORLDS[id] = World()
    await hub.engine.write(Insert(channel(id, **settings)))
    await hub.channels.refresh()
    return live(hub, id)


def live(hub: Hub, id: str = "rich") -> Messenger:
    found = hub.channels.get(id)
    assert isinstance(found, Messenger)
    return found


async def change(hub: Hub, id: str = "rich", *, enabled: bool = True, **settings: object) -> None:
    """What an admin saves, taken over by this process."""
    await hub.engine.change(
        Channel, id, lambda had: replace(had, enabled=enabled, settings=had.settings | settings)
    )
    await hub.channels.refresh()

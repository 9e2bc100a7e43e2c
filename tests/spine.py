"""The spine's world in tests: a clock that is moved by hand, two projects, a store that dies.

The outside is played by `tests.scripted`. Everything of ours is the real thing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hub import config
from hub.accounts import Who
from hub.channels.port import ChannelKind
from hub.dialogs import latest
from hub.errors import UnavailableError
from hub.events import ChannelEvent, DeliveryReported, MessageReceived, Sender
from hub.fold import fold
from hub.hub import Hub, assemble
from hub.intake import Accepted
from hub.model import (
    Channel,
    ChannelId,
    Contact,
    Dialog,
    DialogId,
    Document,
    Entry,
    EntryKind,
    Identity,
    IdentityId,
    Membership,
    Operator,
    OperatorId,
    OutState,
    Project,
    ProjectId,
    Role,
    Session,
)
from hub.schedule import always
from hub.store.engine import (
    Engine,
    Index,
    Insert,
    Key,
    MovedError,
    Range,
    Replace,
    TakenError,
    Walk,
)
from hub.store.schema import BY_CONTACT, LOG
from tests.scripted import Careful, Platform

D = TypeVar("D", bound=Document)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP, BAKERY = ProjectId("shop"), ProjectId("bakery")
MS = timedelta(milliseconds=1)
WEEK = timedelta(days=7)


class Clock:
    """The only clock of the hub under test."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, by: timedelta) -> datetime:
        self.at += by
        return self.at


KINDS: dict[str, Callable[[Channel], ChannelKind[Any]]] = {
    "plain": lambda document: Platform(ChannelId(document.id)),
    "careful": lambda document: Careful(ChannelId(document.id)),
}
"""How a channel of each kind is made; a test's own kind is put beside these."""


def build(document: Channel) -> ChannelKind[Any]:
    return KINDS[document.kind](document)


def settled_documents() -> Iterable[Document]:
    """Two projects; the shop has two plain channels and a careful one."""
    for id in (SHOP, BAKERY):
        yield Project(id=id, name=id.title(), schedule=always("Europe/Moscow"), created_at=START)
    for channel, project, kind in (
        ("site", SHOP, "plain"),
        ("kiosk", SHOP, "plain"),
        ("vk", SHOP, "careful"),
        ("oven", BAKERY, "plain"),
    ):
        yield Channel(
            id=channel, project=project, kind=kind, name=channel.title(), created_at=START
        )


async def assembled(engine: Engine, clock: Clock, folder: Path) -> Hub:
    """The hub over an open store, with what every test finds in it and nothing running."""
    settings = config.settings({"data": {"dir": "data"}}, folder)
    hub = assemble(settings, lambda *_: build, now=clock, engine=engine)
    for document in settled_documents():
        await engine.write(Insert(document))
    await hub.channels.refresh()
    return hub


def operator(
    name: str,
    project: ProjectId = SHOP,
    role: Role = Role.OPERATOR,
    channels: Sequence[str] = (),
) -> Who:
    """Somebody signed in, a member of one project."""
    id = OperatorId(name.lower())
    membership = Membership(
        id=f"{id}:{project}",
        project=project,
        operator=id,
        role=role,
        channels=tuple(ChannelId(each) for each in channels),
        created_at=START,
    )
    return Who(
        operator=Operator(id=id, login=id, name=name, created_at=START),
        session=Session(
            id=f"session-{id}", operator=id, created_at=START, expires_at=START, seen_at=START
        ),
        memberships={project: membership},
    )


def message(
    n: int | str,
    at: datetime,
    *,
    visitor: str = "ivan",
    name: str = "Иван",
    order: int = 0,
    text: str = "",
    question: bool = True,
) -> MessageReceived:
    return MessageReceived(
        sender=Sender(external_id=visitor, name=name),
        external_id=f"{visitor}.{n}",
        at=at,
        order=order,
        text=text or f"message {n}",
        question=question,
    )


def tick(
    external_id: str,
    state: OutState,
    at: datetime,
    *,
    visitor: str = "ivan",
    upto: bool = False,
    failure: str = "",
) -> DeliveryReported:
    return DeliveryReported(
        sender=Sender(external_id=visitor),
        at=at,
        external_id=external_id,
        state=state,
        upto=upto,
        failure=failure,
    )


async def receive(hub: Hub, *events: ChannelEvent, channel: str = "site") -> list[Accepted]:
    return await hub.intake.accept(hub.channels.get(channel), events)


async def ask(hub: Hub, n: int | str = 1, visitor: str = "ivan", channel: str = "site") -> Dialog:
    """A visitor's message of this moment and the dialog that it is in."""
    await receive(hub, message(n, hub.now(), visitor=visitor), channel=channel)
    return await current(hub, visitor, channel)


async def current(hub: Hub, visitor: str = "ivan", channel: str = "site") -> Dialog:
    """The last episode of that visitor."""
    project = hub.channels.document(channel).project
    row = await latest(hub.engine, project, IdentityId(f"{channel}:{visitor}"))
    assert row is not None
    return row


async def log_of(engine: Engine, id: str) -> list[Entry]:
    entries: list[Entry] = []
    while True:
        page = await engine.find(
            LOG, {"dialog": id}, range=Range("seq", at_least=len(entries) + 1), limit=200
        )
        entries += page.items
        if page.next is None:
            return entries


async def episodes(hub: Hub, visitor: str = "ivan", channel: str = "site") -> list[Dialog]:
    """Every episode of the visitor from the first on, each proven sound."""
    project = hub.channels.document(channel).project
    page = await hub.engine.find(
        BY_CONTACT, {"project": project, "contact": f"{channel}:{visitor}"}, limit=200
    )
    rows = sorted(page.items, key=lambda row: row.n)
    assert [row.n for row in rows] == list(range(1, len(rows) + 1))
    assert all(row.sealed and not row.open for row in rows[:-1]), "only the last may live on"
    for row in rows:
        await sound(hub.engine, row.id)
    return rows


async def sound(engine: Engine, id: str) -> Dialog:
    """The row, proven to be the fold of a log without gaps."""
    row = await engine.get(Dialog, id)
    assert row is not None
    entries = await log_of(engine, id)
    assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
    again = msgspec.structs.replace(
        Dialog(
            id=row.id,
            project=row.project,
            channel=row.channel,
            kind=row.kind,
            type=row.type,
            identity=row.identity,
            contact=row.contact,
            n=row.n,
            name=row.name,
            entry_point=row.entry_point,
            created_at=row.created_at,
            last_at=row.created_at,
            changed_at=row.created_at,
        ),
        # What is known of the person is carried over from the episode before.
        visit=row.visit,
        creation=row.creation,
        phone=row.phone,
        fields=row.fields,
        verified=row.verified,
        heard_at=row.heard_at,
        direction=row.direction,
    )
    for entry in entries:
        again = fold(again, entry)
    assert of_the_log(row) == of_the_log(again)
    return row


def of_the_log(row: Dialog) -> Dialog:
    """The row without what delivery and the rules write beside the fold."""
    return msgspec.structs.replace(row, rev=0, lane_at=None, lane_by="", rules_at=None, ruled_seq=0)


def texts(entries: Sequence[Entry], kind: EntryKind = EntryKind.IN) -> list[str]:
    """What was said, in the order shown."""
    return [each.text for each in sorted(entries, key=lambda e: e.place) if each.kind is kind]


async def people(engine: Engine, visitor: str = "ivan", channel: str = "site") -> int:
    """How many persons the store knows of that visitor."""
    contact = await engine.get(Contact, f"{channel}:{visitor}")
    identity = await engine.get(Identity, f"{channel}:{visitor}")
    return 1 if contact is not None and identity is not None else 0


class Crash(BaseException):
    """The process died here; nothing of ours may catch it."""


class Mortal(Engine):
    """The real store, in whose process the power fails after a number of write steps.

    While it is told to fail, what is written together is split into steps of their own, so
    both engines play the worse one, where a crash may come between any two of them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.left: int | None = None
        self.steps = 0
        self._others: Callable[[], Awaitable[object]] | None = None
        self._before = 0
        self.dice: Callable[[], bool] | None = None
        self.down = False

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self._engine.kind

    def behind_bytes(self) -> int:
        return self._engine.behind_bytes()

    def dies_after(self, steps: int) -> None:
        self.left, self.steps = steps, 0

    def lives(self) -> None:
        self.left = self.dice = None
        self.down = False

    def meanwhile(self, act: Callable[[], Awaitable[object]], *, before: int) -> None:
        """Lets another worker act right before that one of the next write steps, from 0."""
        self._others, self._before = act, before

    async def _step(self) -> None:
        if self._others is not None:
            if self._before == 0:
                act, self._others = self._others, None
                await act()
            self._before -= 1
        if self.left is not None and self.steps >= self.left:
            raise Crash
        if self.dice is not None and self.dice():
            raise Crash
        self._answers()
        self.steps += 1

    async def open(self) -> None:
        await self._engine.open()

    async def close(self) -> None:
        await self._engine.close()

    def _answers(self) -> None:
        if self.down:
            raise UnavailableError("the store is down")

    async def get(self, of: type[D], id: str) -> D | None:
        self._answers()
        return await self._engine.get(of, id)

    async def get_many(self, of: type[D], ids: Sequence[str]) -> dict[str, D]:
        self._answers()
        return await self._engine.get_many(of, ids)

    @property
    def _told(self) -> bool:
        return bool(self.left is not None or self._others or self.dice or self.down)

    async def extend(
        self, of: type[D], id: str, how: Callable[[D], Any], known: D | None = None
    ) -> D:
        if not self._told:
            return await self._engine.extend(of, id, how, known)
        return await super().extend(of, id, how, known)

    async def write(self, *steps: Insert | Replace) -> None:
        if not self._told:
            await self._engine.write(*steps)
            return
        for n, step in enumerate(steps):
            await self._step()
            try:
                await self._engine.write(step)
            except TakenError as taken:
                raise TakenError(taken.index, n) from None
            except MovedError:
                raise MovedError(n) from None

    async def change(self, of: type[D], id: str, how: Callable[[D], D | None]) -> D:
        await self._step()
        return await self._engine.change(of, id, how)

    async def delete_if(self, of: type[D], id: str, condition: Callable[[D], bool]) -> bool:
        await self._step()
        return await self._engine.delete_if(of, id, condition)

    async def walk(self, walk: Walk[D], limit: int) -> list[D]:
        self._answers()
        return await self._engine.walk(walk, limit)

    async def touch(
        self, walk: Walk[D], also: Sequence[str], limit: int
    ) -> tuple[list[Key], Key | None]:
        self._answers()
        return await self._engine.touch(walk, also, limit)

    async def tally(self, walk: Walk[D], cap: int) -> int:
        return await self._engine.tally(walk, cap)


async def all_of(engine: Engine, index: Index[D], equal: dict[str, Any]) -> list[D]:
    items: list[D] = []
    after = None
    while True:
        page = await engine.find(index, equal, after=after, limit=200)
        items += page.items
        if (after := page.next) is None:
            return items


def dialog_of(accepted: Accepted) -> DialogId:
    assert accepted.dialog is not None
    return accepted.dialog


async def say(hub: Hub, row: Dialog, *texts: str) -> None:
    for text in texts:
        await hub.desk.reply(operator("Anna"), row.id, f"key-{text.replace(' ', '_'):0>8}", text)


async def deliver(hub: Hub) -> None:
    """Everything that is due at this moment."""
    for id in await hub.delivery.due(50):
        await hub.delivery.deliver(id)


async def sent(hub: Hub, row: Dialog) -> list[Entry]:
    return [each for each in await log_of(hub.engine, row.id) if each.kind is EntryKind.OUT]


async def states(hub: Hub, row: Dialog) -> list[str]:
    return [str(each.state) for each in await sent(hub, row)]


async def lane(hub: Hub, row: Dialog) -> tuple[datetime | None, str]:
    """Until when the lane is held, and by whom."""
    after = await sound(hub.engine, row.id)
    return after.lane_at, after.lane_by

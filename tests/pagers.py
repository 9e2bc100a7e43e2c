"""Operators with messengers of their own: a bot with buttons, and a shop that has two of them.

Visitors of that shop may leave a number, and calls end as a test says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from msgspec.structs import replace

from hub import config
from hub.calling import Calling
from hub.calls.call import Call, Outcome, Side
from hub.calls.trunk import TrunkSettings
from hub.channels.abilities import Ability, Capabilities
from hub.channels.port import ChannelKind, Draft
from hub.events import MessageReceived, Sender
from hub.hub import Hub, assemble
from hub.leads.lead import Lead
from hub.model import Channel, ChannelId, Dialog, Identity, OperatorId, Project, Role
from hub.records import Pulse, Whose
from hub.store.engine import Engine, Insert
from hub.store.schema import LEADS_IN
from tests.hub.test_ordering import PHONE, RULE, plan, works
from tests.scripted import Platform
from tests.spine import (
    SHOP,
    Clock,
    Mortal,
    current,
    message,
    receive,
    settled_documents,
)

BOT, OTHER = ChannelId("bot"), ChannelId("bot2")


class Pager(Platform):
    """A messenger with buttons and links, by which operators can be told."""

    kind: ClassVar[str] = "pager"
    capabilities: ClassVar[Capabilities] = replace(
        Platform.capabilities,
        does=frozenset({Ability.BUTTONS, Ability.QUOTES, Ability.EDITS}),
        hears=frozenset({Ability.JOIN, Ability.BLOCKED}),
    )

    def __init__(self, id: ChannelId) -> None:
        super().__init__(id)
        self.drafts: list[tuple[str, Draft]] = []
        self.edits: list[tuple[str, str, Draft]] = []
        self.refuses_edits: Exception | None = None

    async def send(self, to: Any, draft: Draft) -> Any:
        receipt = await super().send(to, draft)
        self.drafts.append((to.external_id, draft))
        return receipt

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        if self.refuses_edits is not None:
            raise self.refuses_edits
        self.edits.append((to.external_id, external_id, draft))

    def join_link(self, username: str, key: str) -> str:
        return f"https://pager.example/{username}?start={key}"


class Desk:
    """The shop with two operators and a bot of its own."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self.hub = hub
        self.clock = clock

    def bot(self, id: ChannelId = BOT) -> Pager:
        live = self.hub.channels.get(id)
        assert isinstance(live, Pager)
        return live

    async def join(self, name: str, channels: tuple[str, ...] = ()) -> OperatorId:
        made = await self.hub.accounts.add_operator(name.lower(), name)
        id = OperatorId(made.id)
        membership = await self.hub.accounts.join(id, SHOP, Role.OPERATOR)
        if channels:
            named = tuple(ChannelId(each) for each in channels)
            await self.hub.engine.change(
                type(membership), membership.id, lambda had: replace(had, channels=named)
            )
        return id

    async def who(self, id: OperatorId) -> Any:
        who = await self.hub.accounts.known(id)
        assert who is not None
        return who

    async def link(self, id: OperatorId, person: str, channel: ChannelId = BOT) -> None:
        link = await self.hub.reaches.link(await self.who(id), SHOP, channel)
        key = link.partition("start=")[2]
        await self.hears(person, f"start-{person}", start=key, channel=channel)

    async def hears(
        self, person: str, n: str, text: str = "", channel: ChannelId = BOT, **more: Any
    ) -> None:
        event = MessageReceived(
            sender=Sender(external_id=person, name=person.title()),
            at=self.clock.at,
            external_id=f"{person}.{n}",
            text=text,
            question=not more,
            **more,
        )
        await receive(self.hub, event, channel=channel)

    async def asked(self, text: str = "Сколько стоит?", visitor: str = "ivan") -> Dialog:
        event = message(text, self.clock.at, visitor=visitor, name="Иван Петров", text=text)
        await receive(self.hub, event)
        await self.hub.worker.work()
        return await current(self.hub, visitor)

    async def passes(self, by: timedelta) -> None:
        self.clock.forward(by)
        while await self.hub.notices.work():
            pass

    async def settled(self) -> None:
        """Lets what is only said out of courtesy be said."""
        while tasks := self.hub.reaches.saying():
            await asyncio.wait(tasks)

    def told(self, person: str, channel: ChannelId = BOT) -> list[Draft]:
        return [draft for to, draft in self.bot(channel).drafts if to == person]


TRUNK = ChannelId("line")


class Phones(Desk):
    """The shop whose visitors leave a number, and a line that does what the test says."""

    async def arrange(self, **calling: object) -> None:
        made = Calling(numbers=("101",), **calling)  # type: ignore[arg-type]
        await self.hub.engine.change(Project, SHOP, lambda had: replace(had, calling=made))

    async def wanted(self, name: str = "Иван Петров", **data: str) -> Lead:
        """Somebody's number is left, and whoever is to hear of it now does."""
        event = message(1, self.clock.at, name=name, question=False)
        await receive(self.hub, replace(event, text=""))
        await plan(self.hub, await self.row(), "", PHONE, RULE, **data)
        await works(self.hub)
        await self.passes(timedelta(0))
        return await self.lead()

    async def row(self) -> Dialog:
        row = await self.hub.engine.get(Dialog, "site:ivan:1")
        assert row is not None
        return row

    async def lead(self) -> Lead:
        page = await self.hub.engine.find(
            LEADS_IN, {"project": SHOP, "dialog": "site:ivan:1"}, descending=True, limit=1
        )
        return page.items[0]

    async def dialled(self) -> Call:
        lead, dialling = await self.lead(), self.hub.dialling
        project = await self.hub.engine.get(Project, SHOP)
        assert project is not None
        call = await dialling.take(lead, project, TRUNK, TrunkSettings(), "here")
        assert isinstance(call, Call), call
        begun = await dialling.begin(call, "here")
        assert begun is not None
        return begun

    async def ends(
        self, call: Call, outcome: Outcome, side: Side = "", talk: timedelta | None = None
    ) -> None:
        """The call ends so, at the visitor's phone or after a talk."""

        def went(had: Call) -> Call:
            at = self.clock.at
            return replace(
                had,
                dialled_at=at if side != "operator" else None,
                talk_at=at - talk if talk is not None else None,
                operator_name="Olga" if talk is not None else "",
            )

        call = await self.hub.dialling.note(call, went)
        by: Side = "visitor" if talk is not None else ""
        await self.hub.dialling.end(call, outcome, side=side, ended_by=by)
        await works(self.hub)
        await self.passes(timedelta(0))

    def notices(self, person: str) -> list[Draft]:
        return [each for each in self.told(person) if each.buttons]

    async def presses(self, person: str, verb: str, notice: Draft | None = None) -> str:
        """What that operator is answered."""
        pressed = button(notice or self.notices(person)[-1], verb)
        told = len(self.told(person))
        await self.hears(person, f"{verb}.{told}", "…", pressed=pressed, press="ref")
        await self.settled()
        return self.told(person)[-1].text

    async def linked(self, *names: str) -> list[OperatorId]:
        made = []
        for name in names:
            made.append(await self.join(name))
            await self.link(made[-1], f"p-{name.lower()}")
        await self.settled()
        return made


def button(notice: Draft, verb: str) -> str:
    return next(
        each.data for row in notice.buttons for each in row if each.data.startswith(f"{verb} ")
    )


@asynccontextmanager
async def paged(engine: Engine, clock: Clock, folder: Path) -> AsyncIterator[Desk]:
    kinds: dict[str, Callable[[ChannelId], ChannelKind[Any]]] = {
        "plain": Platform,
        "careful": Platform,
        "pager": Pager,
    }
    hub = assemble(
        config.settings({"data": {"dir": "data"}}, folder),
        lambda *_: lambda document: kinds[document.kind](ChannelId(document.id)),
        now=clock,
        engine=Mortal(engine),
    )
    for document in settled_documents():
        await engine.write(Insert(document))
    for id in (BOT, OTHER):
        made = Channel(id=id, project=SHOP, kind="pager", name="Бот", created_at=clock.at)
        pulse = Pulse(id=id, project=SHOP, account=Whose(name="Бот", username=f"{id}_name"))
        await engine.write(Insert(made), Insert(pulse))
    await hub.channels.refresh()
    desk = Desk(hub, clock)
    yield desk
    await desk.settled()

"""The notices of callbacks as each messenger shows them, and what a press there does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.platforms import load
from bots.platforms.platform import Bubble, Person, Platform
from hub import config
from hub.__main__ import builder
from hub.channels import in_use as channels
from hub.hub import Hub, assemble, opened
from hub.model import Channel, ChannelId, OperatorId, Project, Role
from hub.records import Pulse, Whose
from hub.schedule import always
from hub.store.engine import Insert
from hub.store.schema import LEADS_LIVE
from hub.texts import text
from tests.hub.test_ordering import PHONE, plan, works
from tests.spine import SHOP, START, Clock, current

BOT = ChannelId("bot")
EDITS_BUTTONS = {"telegram": True, "vk": False, "max": False}
"""Whether an edit also takes the buttons off; where it does not, a press of one is answered."""


class Office:
    def __init__(self, hub: Hub, platform: Platform, clock: Clock) -> None:
        self.hub = hub
        self.platform = platform
        self.clock = clock

    async def hears(self) -> None:
        """What people did in the messenger is brought, and what follows is said."""
        await self.hub.polling.once(self.hub.channels.get(BOT))
        await self.says()

    async def says(self) -> None:
        await works(self.hub)
        while await self.hub.notices.work():
            pass
        for each in self.hub.reaches.saying():
            await each

    async def linked(self, name: str) -> Person:
        made = await self.hub.accounts.add_operator(name.lower(), name)
        await self.hub.accounts.join(OperatorId(made.id), SHOP, Role.OPERATOR)
        who = await self.hub.accounts.known(OperatorId(made.id))
        assert who is not None
        link = await self.hub.reaches.link(who, SHOP, BOT)
        given = parse_qs(urlsplit(link).query)
        person = self.platform.person(name)
        await self.platform.begin(person, (given.get("start") or given["ref"])[0])
        await self.hears()
        return person

    def notice(self, person: Person) -> Bubble:
        return next(each for each in self.platform.shown(person) if each.buttons and not each.mine)

    async def presses(self, person: Person, bubble: Bubble, verb: str) -> str:
        """What that person reads then."""
        data = next(each[1] for row in bubble.buttons for each in row if f"{verb} " in each[1])
        await self.platform.press(person, bubble.id, data)
        await self.hears()
        return self.platform.shown(person)[-1].text


@pytest.fixture(params=["telegram", "vk", "max"])
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    clock = Clock()
    platform = load(request.param)()
    await platform.start()
    hub = assemble(config.settings({"data": {"dir": "data"}}, tmp_path), builder, now=clock)
    async with opened(hub):
        schedule = always("Europe/Moscow")
        project = Project(id=SHOP, name="Shop", schedule=schedule, created_at=START)
        pulse = Pulse(id=BOT, project=SHOP, account=Whose(name="Бот", username="bot_name"))
        await hub.engine.write(Insert(project), Insert(pulse))
        document = Channel(
            id=BOT,
            project=SHOP,
            kind=request.param,
            name="Бот",
            settings=platform.settings(),
            created_at=START,
        )
        await channels.put(hub.engine, hub.vault, document)
        await hub.channels.refresh()
        if request.param == "vk":
            # What it tells begins with the first question.
            await hub.polling.once(hub.channels.get(BOT))
        yield Office(hub, platform, clock)
        for live in hub.channels.of(SHOP):
            await hub.channels.get(live.id).close()
    await platform.stop()


async def test_two_hear_of_a_callback_the_first_takes_it_and_the_other_reads_who(
    office: Office,
) -> None:
    anna, boris = await office.linked("Anna"), await office.linked("Boris")
    client = office.platform.person("Иван Петров")
    await office.platform.write(client, "Наберите меня")
    await office.hears()
    row = await current(office.hub, client.id, BOT)
    await plan(office.hub, row)
    await office.says()

    hers, his = office.notice(anna), office.notice(boris)
    assert "Петров" not in hers.text
    assert PHONE[-4:] not in hers.text
    assert await office.presses(anna, hers, "take") == text("ru", "notice.call.mine")
    edited = next(each for each in office.platform.shown(boris) if each.id == his.id)
    assert edited.edited
    assert "Anna" in edited.text
    assert bool(edited.buttons) is not EDITS_BUTTONS[office.platform.kind]
    if edited.buttons:
        assert "Anna" in await office.presses(boris, his, "now")

    assert await office.presses(anna, hers, "now") == text("ru", "notice.call.no_trunk")
    page = await office.hub.engine.find(LEADS_LIVE, {"project": SHOP, "live": True}, limit=5)
    [lead] = page.items
    assert lead.due_at == office.clock.at
    assert await office.presses(anna, hers, "done") == text("ru", "notice.call.done")
    assert text("ru", "notice.call.ended.handled") in next(
        each.text for each in office.platform.shown(anna) if each.id == hers.id
    )

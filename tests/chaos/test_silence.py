"""An hour of silence, with the real program and a clock that is moved: one lead, or none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .clocked import Clocked
from .process import Program
from .visitor import hello

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

HOUR = 3_600


class Silent(Clocked):
    """A hub with the rule of silence."""

    async def admin(self) -> aiohttp.ClientSession:
        """Somebody signed in, who has switched the rule on."""
        printed = await self.command("user", "add", f"o{secrets.token_hex(4)}", "--role", "admin")
        login, code = printed.split()[0], printed.split("code ")[1].split()[0]
        session = aiohttp.ClientSession(
            self.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": self.url}
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

    def __init__(self, program: Program, phone: str) -> None:
        self._program = program
        self._key: str | None = None
        self.phone = phone

    async def leaves_a_number(self) -> None:
        async with aiohttp.ClientSession() as session:
            url = f"{self._program.url}/widget/site/config"
            async with session.get(url, headers={"Origin": self._program.url}) as answer:
                boxes = (await answer.json())["consents"]
        given = [{"purpose": each["purpose"], "version": each["version"]} for each in boxes]
        frame = {"t": "left", "phone": self.phone, "messenger": "telegram", "given": given}
        await self._asks(frame)

    async def writes(self, text: str, at_ms: int) -> None:
        await self._asks({"t": "send", "order": 1, "at": at_ms, "text": text, "attachments": []})

    async def _asks(self, frame: dict[str, Any]) -> None:
        url = self._program.url
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/widget/site/live", origin=url) as socket,
        ):
            await socket.send_json(hello(self._key))
            self._key = (await socket.receive_json())["key"]
            await socket.send_json({**frame, "key": secrets.token_hex(8)})
            while (answer := await socket.receive_json())["t"] not in ("done", "ok"):
                assert answer["t"] != "error", answer


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Silent]:
    made = Silent(tmp_path)
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


async def called(program: Silent, session: aiohttp.ClientSession, *phones: str) -> None:
    """Returns once exactly these are to be called; meanwhile the clock goes on."""
    async with asyncio.timeout(60):
        while sorted(found := await leads(session)) != sorted(phones):
            assert set(found) <= set(phones), found
            await asyncio.sleep(0.2)
            program.forward(10)


async def clock_of(program: Silent) -> int:
    """The hub's clock in ms."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{program.url}/widget/site/live", origin=program.url) as socket,
    ):
        await socket.send_json(hello(None))
        return int((await socket.receive_json())["now"])


async def test_an_hour_of_silence_is_one_lead_and_a_question_at_59_59_is_none(
    program: Silent,
) -> None:
    session = await program.admin()
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
        await called(program, session, silent.phone)
        program.forward(5 * HOUR)
        await called(program, session, silent.phone)


async def test_a_worker_that_was_dead_over_the_hour_makes_exactly_one_lead(
    program: Silent,
) -> None:
    async with await program.admin() as session:
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
        await called(program, session, silent.phone)
        program.kill()
        await program.ended()
        program.forward(2 * HOUR)
        await program.start()
        await called(program, session, silent.phone)

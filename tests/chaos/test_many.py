"""Several processes on one database and one Redis: any of them may go, the truth stays one."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.valkey import Valkey

from .conftest import Start
from .process import Program
from .screens import Desk, Panel, living, signed_in
from .test_killed import logs, settled, shown
from .visitor import Acknowledged, Copy, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


@pytest.mark.parametrize("doors", [1, 2])
async def test_the_journey_with_doors_and_worker_as_processes_of_their_own(
    start: Start, doors: int
) -> None:
    """The visitor is at the first door and the operator at the last."""
    webs = [await start("web", script="") for _ in range(doors)]
    await start("worker", script="")
    front, back = webs[0], webs[-1]
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(aiohttp.ClientSession())
        key, clock = await introduce(outside, front.url)
        session, token = await signed_in(back)
        await stack.enter_async_context(session)
        headers = {"X-CSRF-Token": token, "Origin": back.url}
        panel, desk = Panel(outside, front.url, key), Desk(session, back.url)
        await stack.enter_async_context(living(panel, desk))
        await desk.until(lambda: desk.cursor is not None)
        await panel.until(lambda: panel.socket is not None)

        copy = Copy("key-question", 1, clock, "question")
        await send_all(outside, front.url, key, [copy], Acknowledged(), lambda: None)
        await desk.until(lambda: bool(desk.rows))
        [id] = desk.rows
        await panel.until(lambda: list(panel.lines.values()) == ["question"])

        answer = await session.post(
            f"/api/v1/dialogs/{id}/messages",
            json={"key": "key-answer", "text": "answer"},
            headers=headers,
        )
        assert answer.status == 201, await answer.text()
        await panel.until(lambda: "answer" in panel.lines.values())
        seq = next(n for n, text in panel.lines.items() if text == "answer")
        await desk.until(lambda: (seq, "answer", "sent") in desk.shown()[id])

        assert panel.socket is not None
        await panel.socket.send_json({"t": "delivered", "seq": seq})
        await desk.until(lambda: (seq, "answer", "delivered") in desk.shown()[id])
        await panel.socket.send_json({"t": "read", "seq": seq})
        await desk.until(lambda: (seq, "answer", "read") in desk.shown()[id])

        await panel.socket.send_json({"t": "typing"})
        await desk.until(lambda: desk.typing == [id])
        async with session.ws_connect("/api/v1/live", origin=back.url) as socket:
            await socket.send_json({"hello": {"cursor": desk.cursor}})
            await socket.send_json({"t": "typing", "dialog": id})
            await panel.until(lambda: bool(panel.typing))
        assert (desk.gaps, desk.connects, panel.connects) == (0, 1, 1)
    for program in webs:
        assert await program.stop() == 0
        assert program.errors() == []


class Loft:
    """The pigeons' platform: shows what it is sent and is slow to say so."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._runner: web.AppRunner | None = None
        self.answers: asyncio.Event | None = None
        """Told when to answer, if it is not to be by the dice."""
        self.shown: list[tuple[str, str]] = []
        self.reached = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Loft:
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        letter = await request.json()
        self.shown.append((letter["to"], letter["text"]))
        self.reached.set()
        if self.answers is not None:
            await self.answers.wait()
        else:
            await asyncio.sleep(self._draw.uniform(0.3, 1))
        return web.json_response({"id": secrets.token_hex(8)})


def pigeons(loft: Loft) -> str:
    return (
        '[channels.pigeon]\nkind = "pigeon"\nname = "Pigeon"\n'
        f'settings = {{ url = "{loft.url}", secret = "coo" }}\n'
    )


async def asked(session: aiohttp.ClientSession, program: Program, people: int) -> None:
    for n in range(people):
        answer = await session.post(
            f"{program.url}/hooks/pigeon",
            json={"sender": f"p{n}", "id": f"m{n}", "text": "coo?"},
            headers={"X-Secret": "coo"},
        )
        assert answer.status == 200, await answer.text()


async def test_workers_killed_with_sends_in_flight_leave_honest_states_and_the_order(
    start: Start, draw: random.Random
) -> None:
    people, each = 4, 10
    async with AsyncExitStack() as stack:
        loft = await stack.enter_async_context(Loft(draw))
        more = {"channels": pigeons(loft)}
        front = await start("web", **more)
        workers = [await start("worker", **more) for _ in range(2)]
        session, token = await signed_in(front)
        await stack.enter_async_context(session)
        await asked(session, front, people)
        found = await logs(front)
        headers = {"X-CSRF-Token": token, "Origin": front.url}
        for n in range(each):
            if n % 3 == 0:
                loft.reached.clear()
            for id in found:
                answer = await session.post(
                    f"/api/v1/dialogs/{id}/messages",
                    json={"key": f"key-{n:06}", "text": f"letter {n}"},
                    headers=headers,
                )
                assert answer.status == 201, await answer.text()
            if n % 3 == 2:
                await asyncio.wait_for(loft.reached.wait(), 60)
                victim = draw.choice(workers)
                victim.kill()
                await victim.ended()
                await victim.start()
        found = await settled(front)
    assert all(count == 1 for count in Counter(loft.shown).values()), "nothing twice"
    for log in found.values():
        letters = [entry for entry in log if entry["kind"] == "out"]
        assert len(letters) == each
        whose = log[0]["author"]["name"] or log[0]["id"]
        assert {entry["state"] for entry in letters} <= {"sent", "unknown"}, whose
    for n in range(people):
        mine = [text for to, text in loft.shown if to == f"p{n}"]
        assert mine == sorted(mine), "what was sent, was sent in order"
    sent = sum(e["state"] == "sent" for log in found.values() for e in log)
    assert sent <= len(loft.shown) <= people * each


async def test_a_worker_told_to_stop_finishes_what_it_sends(
    start: Start, draw: random.Random
) -> None:
    async with AsyncExitStack() as stack:
        loft = await stack.enter_async_context(Loft(draw))
        loft.answers = asyncio.Event()
        more = {"channels": pigeons(loft)}
        front, worker = await start("web", **more), await start("worker", **more)
        session, token = await signed_in(front)
        await stack.enter_async_context(session)
        await asked(session, front, 1)
        [id] = await logs(front)
        await session.post(
            f"/api/v1/dialogs/{id}/messages",
            json={"key": "key-000001", "text": "letter"},
            headers={"X-CSRF-Token": token, "Origin": front.url},
        )
        await asyncio.wait_for(loft.reached.wait(), 60)
        stopping = asyncio.create_task(worker.stop())
        await worker.logged("stopping")
        loft.answers.set()
        assert await stopping == 0
        [log] = (await logs(front)).values()
        assert [entry["state"] for entry in log if entry["kind"] == "out"] == ["sent"]


async def readiness(session: aiohttp.ClientSession, program: Program, wanted: str) -> None:
    async with asyncio.timeout(60):
        while True:
            answer = await session.get(f"{program.url}/ready")
            assert answer.status == 200
            if (await answer.text()).startswith(wanted):
                return


async def test_processes_whose_redis_is_gone_go_on_and_say_so(start: Start, valkey: Valkey) -> None:
    front, worker = await start("web"), await start("worker", tells=True)
    async with aiohttp.ClientSession() as session:
        key, clock = await introduce(session, front.url)
        assert (await session.get(f"{worker.url}/live")).status == 200
        assert (await session.get(f"{worker.url}/inbox")).status == 404
        for program in (front, worker):
            await readiness(session, program, "ok")
        valkey.kill()
        copy = Copy("key-000001", 1, clock, "without a bus")
        await send_all(session, front.url, key, [copy], Acknowledged(), lambda: None)
        for program in (front, worker):
            await readiness(session, program, "ok, but the bus is away")
            told = await (await session.get(f"{program.url}/metrics")).text()
            assert "\nhub_bus_connected 0.0\n" in told
        valkey.start()
        [log] = (await logs(front)).values()
        assert shown(log) == ["without a bus"]
        told = ""
        async with asyncio.timeout(60):
            while "\nhub_bus_connected 1.0\n" not in told:
                told = await (await session.get(f"{worker.url}/metrics")).text()


async def test_several_processes_need_a_database_and_a_redis(
    tmp_path: Path, valkey: Valkey
) -> None:
    nobody = "mongodb://127.0.0.1:1/x"
    for verb, database, redis, key in (
        ("web", "", valkey.url, "database.url"),
        ("worker", nobody, "", "redis.url"),
    ):
        program = Program(tmp_path / verb, database=database, redis=redis, verb=verb)
        with pytest.raises(RuntimeError):
            await program.start()
        assert await program.ended() == 2
        assert program.said[-1].startswith(f"hub: {key}: must be set")


async def test_a_wrong_password_of_redis_refuses_to_start(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    server = Valkey(tmp_path, password="right-one")
    server.start()
    try:
        redis = server.url.replace("right-one", "wrong-one")
        program = Program(tmp_path / "web", database=new_database(), redis=redis, verb="web")
        with pytest.raises(RuntimeError):
            await program.start()
        assert await program.ended() == 2
        assert program.said[-1].startswith("hub: redis.url: ")
        assert not any("wrong-one" in line for line in program.said)
    finally:
        server.kill()

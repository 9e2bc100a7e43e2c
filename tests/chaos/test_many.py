"""Several processes on one database and one Redis: any of them may go, the truth stays one."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.valkey import Valkey

from .process import Program
from .screens import Desk, Panel, Screen, signed_in
from .test_killed import draw, logs, shown
from .visitor import Acknowledged, Copy, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
__all__ = ["draw"]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.kill()


Start = Callable[..., Any]


@pytest.fixture
async def start(
    tmp_path: Path, valkey: Valkey, new_database: Callable[[], str]
) -> AsyncIterator[Start]:
    """Starts processes that share the database and the Redis of this test."""
    database = new_database()
    made: list[Program] = []

    async def one(verb: str, **more: Any) -> Program:
        program = Program(
            tmp_path / f"{verb}{len(made)}",
            database=database,
            redis=valkey.url,
            verb=verb,
            **({"script": "quick_hub.py"} | more),
        )
        made.append(program)
        await program.start()
        return program

    yield one
    for program in made:
        if program.alive:
            assert await program.stop() == 0


@asynccontextmanager
async def living(*screens: Screen) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(screen.run()) for screen in screens]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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


@pytest.mark.parametrize("redis", ["lives", "dies"])
async def test_300_messages_while_sockets_are_cut_are_the_same_on_every_screen(
    start: Start, valkey: Valkey, draw: random.Random, redis: str
) -> None:
    """Two doors, a worker; Redis is killed and started empty in the middle, or not."""
    webs = [await start("web") for _ in range(2)]
    await start("worker")
    visitors, each = 6, 50
    acknowledged = Acknowledged()
    done = visitors * each
    deaths: list[asyncio.Task[None]] = []

    async def die() -> None:
        valkey.kill()
        await asyncio.sleep(draw.random())
        await asyncio.to_thread(valkey.start)

    def met() -> None:
        if redis == "dies" and acknowledged.copies == done // 2:
            deaths.append(asyncio.create_task(die()))

    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        desks: list[Desk] = []
        token = ""
        for program in webs:
            session, token = await signed_in(program)
            await stack.enter_async_context(session)
            desks += [Desk(session, program.url) for _ in range(2)]
        panels, keys, clock = [], [], 0
        for n in range(visitors):
            key, clock = await introduce(outside, webs[n % 2].url)
            keys.append(key)
            panels.append(Panel(outside, webs[(n + 1) % 2].url, key))
        calm = Desk(desks[0].session, desks[0].url)
        for screen in (*desks, *panels):
            # 0.1 to 120 seconds, as much shorter as the storm is.
            screen.cuts = lambda: draw.uniform(0.05, 2)
        await stack.enter_async_context(living(calm, *desks, *panels))
        async with asyncio.TaskGroup() as group:
            for n, key in enumerate(keys):
                copies = [Copy(f"key-{n}-{m:04}", m, clock, f"{n}:{m}") for m in range(each)]
                for half in (copies[::2], copies[1::2]):
                    url = webs[draw.randrange(2)].url
                    group.create_task(send_all(outside, url, key, half, acknowledged, met))
            group.create_task(replies(desks[-1], token, 20))
        for death in deaths:
            await death
        assert len(deaths) == (redis == "dies")
        for screen in (*desks, *panels):
            screen.cuts = None

        truth = await logs(webs[0])
        assert len(truth) == visitors
        assert all(
            [e["seq"] for e in log] == list(range(1, len(log) + 1)) for log in truth.values()
        )
        said = Counter(text for log in truth.values() for text in shown(log))
        assert said == Counter(f"{n}:{m}" for n in range(visitors) for m in range(each))
        wanted = {
            id: [(e["seq"], e["text"], e["state"]) for e in log]
            for id, log in (await settled(webs[0])).items()
        }
        for desk in (calm, *desks):
            await desk.until(partial(shows, desk, wanted), 90)
        tails = {tuple(text for _, text, _ in lines if text)[-20:] for lines in wanted.values()}
        for panel in panels:
            await panel.until(partial(ends_as, panel, tails), 90)
        if redis == "lives":
            assert calm.gaps == 0
            assert calm.connects == 1


def shows(desk: Desk, wanted: dict[str, list[Any]]) -> bool:
    return desk.shown() == wanted


def ends_as(panel: Panel, tails: set[tuple[str, ...]]) -> bool:
    return tuple(panel.lines[n] for n in sorted(panel.lines))[-20:] in tails


async def replies(desk: Desk, token: str, count: int) -> None:
    """An operator who answers while everything happens."""
    headers = {"X-CSRF-Token": token, "Origin": desk.url}
    for n in range(count):
        await desk.until(lambda: bool(desk.rows))
        id = sorted(desk.rows)[n % len(desk.rows)]
        while True:
            answer = await desk.session.post(
                f"/api/v1/dialogs/{id}/messages",
                json={"key": f"key-reply-{n:03}", "text": f"reply {n}"},
                headers=headers,
            )
            if answer.status in (200, 201):
                break
            assert answer.status in (429, 503), await answer.text()


async def settled(program: Program) -> dict[str, Any]:
    """The logs when nothing waits to be delivered any more."""
    async with asyncio.timeout(60):
        while True:
            found = await logs(program)
            states = {entry["state"] for log in found.values() for entry in log}
            if not states & {"queued", "sending"}:
                return found


class Loft:
    """The pigeons' platform: shows what it is sent and is slow to say so."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._runner: web.AppRunner | None = None
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
                await asyncio.wait_for(loft.reached.wait(), 30)
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
        await asyncio.wait_for(loft.reached.wait(), 30)
        assert await worker.stop() == 0
        [log] = (await logs(front)).values()
        assert [entry["state"] for entry in log if entry["kind"] == "out"] == ["sent"]


async def readiness(session: aiohttp.ClientSession, program: Program, wanted: str) -> None:
    async with asyncio.timeout(20):
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
        async with asyncio.timeout(20):
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

"""The bench at a hundredth of its size: what it measures is right, and costs what it may.

Nothing here looks at a clock.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from hub import config, model
from hub.channels import in_use as channels
from hub.events import DialogChanged, PresenceChanged, ScreenEvent, VisitorTyping
from hub.hub import Hub, assemble, opened
from hub.model import ChannelId, Dialog, DialogId, IdentityId, OperatorId, ProjectId, Role
from hub.store.schema import LOG
from hub.store.sqlite import SqliteEngine
from tests.bench import (
    calls,
    crowd,
    fan,
    hooks,
    idle,
    messages,
    mongo,
    rules,
    screens,
    starting,
    writing,
)
from tests.bench.bare_mongo import Round
from tests.bench.ears import WIDGET, listening
from tests.bench.figure import Figure, machine, table
from tests.bench.people import browser, operator, visitor
from tests.bench.served import serving, the_floor
from tests.chaos.process import Program
from tests.web.house import PASSWORD, builder
from web import sockets
from web.app import build
from web.shown import AnyShown, shown
from web.sockets import Heard, operators_of, visitor_of
from web.state import STATE
from web.views import Views


def in_order(visitors: int, each: int) -> dict[str, list[int]]:
    return {f"visitor{n:03d}": list(range(each)) for n in range(visitors)}


def by_visitor(lines: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for line in lines:
        name, _, n = line.partition(":")
        found.setdefault(name, []).append(int(n))
    return found


async def test_every_message_reaches_the_operator_once_and_in_order(tmp_path: Path) -> None:
    async with messages.rooms(tmp_path, visitors=4) as rooms:
        for room in rooms:
            await messages.burst(room, 12)
            assert len(await messages.singly(room, 4, pause=0)) == 4
            assert by_visitor(room.operator.lines) == in_order(4, 13)


async def test_the_messages_figures_come_with_their_floors(tmp_path: Path) -> None:
    figures = await messages.measure(
        tmp_path, rounds=1, visitors=4, each=12, idle=2, pause=0, rest=0
    )
    assert all(figure.value >= 0 and figure.floor is not None for figure in figures)
    assert figures[0].ratio


@pytest.mark.timeout(180)
async def test_every_update_of_a_bot_is_acknowledged_and_shown_once_in_its_chats_order(
    tmp_path: Path,
) -> None:
    async with hooks.room(tmp_path, chats=5) as room:
        for way in (hooks.brought, hooks.said):
            for _ in range(2):
                await way(room, 5, 0)
        assert sum(len(each.took) for each in room.connections) == 50
        shown = by_visitor(room.operator.lines)
        bot = {f"person{n:03d}": list(range(10)) for n in range(5)}
        assert shown == bot | in_order(5, 10)


@pytest.mark.timeout(180)
async def test_the_figures_of_a_bot_stand_beside_the_sites(tmp_path: Path) -> None:
    figures = await hooks.measure(tmp_path, rounds=1, chats=5, each=10, starts=1, settle=0, rest=0)
    assert [len(each.rounds) for each in figures] == [1] * 5
    assert [bool(each.floors) for each in figures] == [True, True, False, True, True]


async def test_one_event_is_the_same_bytes_on_every_socket(tmp_path: Path) -> None:
    async with fan.halls(tmp_path, sockets=30) as (hub, floor):
        told = await fan.spread(hub, "", 2)
        assert len(told) == 2
        assert hub.ears.lines == 60
        assert hub.ears.event_bytes == 30 * sum(len(each) for each in told)
        event = next(iter(told))
        assert await fan.spread(floor, event.decode(), 1) == {event}
        assert (floor.ears.lines, floor.ears.event_bytes) == (30, 30 * len(event))


async def test_silent_sockets_are_all_open_while_their_memory_is_seen(tmp_path: Path) -> None:
    [figure] = await idle.measure(tmp_path, rounds=1, sockets=50, rest=0)
    assert figure.floor is not None
    program = Program(tmp_path / "again")
    async with serving(program, the_floor(program)) as server:
        assert server.open_files() < 50
        async with listening(server.url, [WIDGET] * 50) as ears:
            assert server.open_files() >= 50
            assert not ears.gone


async def test_a_message_reaches_each_operator_of_a_crowd_once(tmp_path: Path) -> None:
    figures = await crowd.measure(tmp_path, rounds=1, visitors=2, each=5, operators=3)
    assert [figure.name.partition(",")[2] for figure in figures] == [" 1 online", " 3 online", ""]
    assert all(figure.floor is not None for figure in figures)


async def test_the_loop_carries_out_as_many_commands_as_it_is_told(tmp_path: Path) -> None:
    async with mongo.room(tmp_path, visitors=2) as (ours, _, commands):
        before = await commands.counted()
        await messages.burst(ours, 3)
        asked = [now - then for then, now in zip(before, await commands.counted(), strict=True)]
        assert by_visitor(ours.operator.lines) == {"v000": [0, 1, 2], "v001": [0, 1, 2]}
        assert all(asked)
        await commands.quiet()
    async with mongo.alone(tmp_path) as (loop, commands):
        for counts in (asked, [5, 11, 7], [3, 0, 2]):
            before = await commands.counted()
            await mongo.carried_out(loop, Round(f"told{counts[1]}-", 2, *counts))
            after = await commands.counted()
            # Besides, it reads what it writes again and makes the rows of its loops at once.
            assert [now - then for then, now in zip(before, after, strict=True)] == [
                counts[0] + 2,
                counts[1] + 1,
                counts[2],
            ]


async def test_a_started_hub_serves_its_page_and_its_memory_is_seen(tmp_path: Path) -> None:
    figures = await starting.measure(tmp_path, rounds=1, rest=0)
    assert all(figure.value > 0 and figure.floor for figure in figures)


async def test_the_engine_and_the_bare_file_end_with_the_same_lines(tmp_path: Path) -> None:
    [figure] = await writing.measure(tmp_path, rounds=2, writers=5, each=10)
    assert figure.ratio
    kept = []
    for name in ("engine", "bare"):
        engine = SqliteEngine(tmp_path / f"{name}.db")
        await engine.open()
        for writer in range(5):
            id = DialogId(f"site:{writer}:1")
            row = await engine.get(Dialog, id)
            page = await engine.find(LOG, {"dialog": id})
            assert row is not None
            assert [each.seq for each in page.items] == list(range(1, 21))
            kept.append((name, row.rev, row.seq, page.items))
        await engine.close()
    assert [each[1:] for each in kept[:5]] == [each[1:] for each in kept[5:]]


@asynccontextmanager
async def at_home(folder: Path, trace: list[str]) -> AsyncIterator[tuple[Hub, TestServer]]:
    """The whole hub in this process, its rules and its delivery asleep."""
    settings = config.settings(
        {
            "data": {"dir": str(folder)},
            "projects": {"main": {"name": "Bench"}},
            "channels": {"site": {"settings": {"origins": ["*"]}}},
        },
        folder,
    )
    engine = SqliteEngine(folder / "traced.db", trace=trace.append)
    hub = assemble(settings, builder, now=model.now, engine=engine)
    async with opened(hub):
        await channels.adopt(engine, hub.vault, settings, model.now())
        await hub.channels.refresh()
        server = TestServer(build(hub))
        await server.start_server(shutdown_timeout=1)
        try:
            yield hub, server
        finally:
            await server.close()


async def test_a_message_over_the_socket_is_one_read_and_two_writes_up_to_its_ok(
    tmp_path: Path,
) -> None:
    trace: list[str] = []
    async with at_home(tmp_path, trace) as (_, server), browser() as session:
        url = str(server.make_url("")).rstrip("/")
        async with visitor(session, url, "visitor") as one:
            await one.send_many(1, 1)
            for _ in range(20):
                trace.clear()
                await one.send_many(1, 1)
                words = Counter(statement.split()[0] for statement in trace)
                assert words == Counter(SELECT=1, INSERT=1, UPDATE=1, BEGIN=1, COMMIT=1)


async def test_an_event_is_put_into_bytes_once_for_ten_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_home(tmp_path, []) as (hub, server), browser() as session:
        url = str(server.make_url("")).rstrip("/")
        anna = await hub.accounts.add_operator("anna", "Anna")
        await hub.accounts.join(OperatorId(anna.id), ProjectId("main"), Role.OPERATOR)
        await hub.accounts.set_password(OperatorId(anna.id), PASSWORD)
        answer = await session.post(
            f"{url}/api/v1/session", json={"login": "anna", "password": PASSWORD}
        )
        assert answer.status == 200
        made: list[ScreenEvent] = []

        def counted(views: Views, event: ScreenEvent) -> AnyShown:
            made.append(event)
            return shown(views, event)

        monkeypatch.setattr(sockets, "shown", counted)
        async with AsyncExitStack() as stack:
            listeners = [await stack.enter_async_context(operator(session, url)) for _ in range(10)]
            one = await stack.enter_async_context(visitor(session, url, "visitor"))
            await one.send_many(3, 1)
            for each in listeners:
                await each.hear(3)
    assert [type(each) for each in made if not isinstance(each, PresenceChanged)] == [
        DialogChanged
    ] * 3


class Ear:
    """Hears, and remembers what came together."""

    def __init__(self, awaited: int) -> None:
        self.told: list[list[str]] = []
        self.all = asyncio.Event()
        self._awaited = awaited

    def put(self, heard: Sequence[Heard]) -> None:
        self.told.append([each.cursor for each in heard])
        if sum(map(len, self.told)) == self._awaited:
            self.all.set()

    def end(self) -> None:
        raise AssertionError("nothing is missed")


async def test_events_that_come_together_leave_in_a_few_writes_and_in_order(
    tmp_path: Path,
) -> None:
    main, identity = ProjectId("main"), IdentityId("site:vera")
    events: list[ScreenEvent] = [
        VisitorTyping(
            project=main, channel=ChannelId("site"), identity=identity, dialog=DialogId("site:1")
        ),
        PresenceChanged(project=main, operator=OperatorId("anna"), presence="online"),
    ] * 40
    async with at_home(tmp_path, []) as (hub, server):
        fan = server.app[STATE].fan
        operators, visitor = Ear(len(events)), Ear(len(events) // 2)
        fan.join(operators_of(main), operators)
        fan.join(visitor_of(identity), visitor)
        cursors = [await hub.bus.announce(each) for each in events]
        async with asyncio.timeout(10):
            await operators.all.wait()
            await visitor.all.wait()
    assert [len(each) for each in operators.told] == [32, 32, 16]
    assert [len(each) for each in visitor.told] == [16, 16, 8]
    assert [one for together in operators.told for one in together] == cursors
    assert [one for together in visitor.told for one in together] == cursors[::2]


async def test_what_twenty_ask_in_one_turn_of_the_loop_is_one_transaction(tmp_path: Path) -> None:
    trace: list[str] = []
    engine = SqliteEngine(tmp_path / "traced.db", trace=trace.append)
    await writing.begin(engine, 20)
    trace.clear()
    await writing.by_engine(engine, [writing.work(writer, 0, 10) for writer in range(20)])
    await engine.close()
    words = Counter(statement.split()[0] for statement in trace)
    assert words == Counter(INSERT=200, UPDATE=200, BEGIN=10, COMMIT=10)


def test_the_table_says_what_was_missed() -> None:
    slow = Figure("messages", "1/s", [10, 30, 20], [100, 100, 50], ratio_aim="≥ 0.5")
    assert (slow.value, slow.floor, slow.ratio) == (20, 100, 0.2)
    assert slow.spread == (0.1, 0.4)
    good = Figure("start", "s", [1.0], aim="≤ 2")
    assert [slow.met, good.met] == [False, True]
    lines = table([slow, good]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "ratio ≥ 0.5 MISSED" in lines[2]
    assert "MISSED" not in lines[3]
    assert "Python" in machine()


@pytest.mark.timeout(120)
async def test_what_is_waited_for_on_screens_really_comes(tmp_path: Path) -> None:
    figures = await screens.measure(
        tmp_path, rounds=1, dialogs=60, opened=2, messages=20, per_second=0
    )
    assert [len(each.rounds) for each in figures] == [1, 1, 2, 1]
    assert all(each.value > 0 for each in figures[:3])


async def test_fifty_rules_and_silent_hours_come_with_their_floors(tmp_path: Path) -> None:
    figures = await rules.measure(tmp_path, rounds=1, lines=20, people=4, sizes=(1_000, 10_000))
    assert all(figure.value > 0 and figure.floor is not None for figure in figures)


async def test_calls_come_with_their_floors(tmp_path: Path) -> None:
    figures = await calls.measure(tmp_path, rounds=1, count=2, waiting=10)
    assert [figure.unit for figure in figures] == ["ms", "ms"]
    assert all(figure.value > 0 and figure.floor for figure in figures)

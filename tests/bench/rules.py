"""Rules: how many lines a second fifty own rules are asked about, and due timers kept to the end.

The floor of the rules is fifty dictionary look-ups and comparisons of the same words, without any
language; the floor of the timers is the bare claim and settlement of as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from msgspec.structs import replace

from hub import timers
from hub.channels.abilities import Capabilities
from hub.content import Card
from hub.events import MessageReceived, Sender
from hub.finding.filters import Filter, Op
from hub.hub import Hub
from hub.model import (
    Author,
    ChannelId,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    EntryKind,
    EntryPoint,
    IdentityId,
    Project,
    ProjectId,
)
from hub.policy import Note, OwnRule, Policy, Silence
from hub.rules import rules
from hub.rules.moment import Moment
from hub.schedule import always
from hub.statuses import RequestType
from hub.store.schema import LEADS
from hub.store.sqlite import SqliteEngine
from tests.bench import filling
from tests.bench.figure import Figure
from tests.bench.many import PART, waiting
from tests.spine import SHOP, Clock, assembled, receive

RULES = 50
LINES = 2_000
SILENT = 200
DUE = 100
WAITING = (PART, 1_000 * PART)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def policy(rules_: int = RULES) -> Policy:
    """Rules that look at the text, the page and the campaign; none of them passes."""
    own = tuple(
        OwnRule(
            id=f"rule{n}",
            name=f"Rule {n}",
            on="message",
            where=Filter(
                all=(
                    Filter(field="text", op=Op.CONTAINS, value=f"слово{n}"),
                    Filter(field="page", op=Op.CONTAINS, value="/balkon"),
                    Filter(field="utm.source", op=Op.IS, value="yandex"),
                )
            ),
            actions=(Note(text="{{ name }}"),),
        )
        for n in range(rules_)
    )
    return Policy(own=own)


def moment(policy: Policy) -> Moment:
    project = Project(
        id="bench", name="Bench", schedule=always("UTC"), policy=policy, created_at=START
    )
    row = Dialog(
        id="site:v:1",
        project=ProjectId("bench"),
        channel=ChannelId("site"),
        kind="site",
        type=RequestType.LIVE_CHAT,
        identity=IdentityId("site:v"),
        contact=ContactId("site:v"),
        n=1,
        name="Иван",
        entry_point=EntryPoint(kind="site", value="site"),
        seq=1,
        open=True,
        created_at=START,
        last_at=START,
        changed_at=START,
    )
    entry = Entry(
        id="site:v.1",
        project=row.project,
        dialog=DialogId(row.id),
        seq=1,
        kind=EntryKind.IN,
        author=Author("visitor", row.contact, "Иван"),
        at=START,
        stored_at=START,
        changed_at=START,
        text="Здравствуйте, сколько стоит остеклить балкон три метра?",
    )
    can = Capabilities(
        type=row.type, text_max_chars=4_000, attachments_max=10, attachment_max_bytes=1
    )
    return Moment(row=row, entry=entry, at=START, project=project, can=can)


def asked(lines: int, at: Moment) -> float:
    """Rules asked a second."""
    began = perf_counter()
    for _ in range(lines):
        if rules(at):
            raise RuntimeError("a rule passed")
    return lines * RULES / (perf_counter() - began)


def compared(lines: int, at: Moment) -> float:
    """The same words looked for by hand, a second."""
    known = {"text": at.entry.text, "page": "", "utm.source": ""}
    words = [f"слово{n}" for n in range(RULES)]
    began = perf_counter()
    for _ in range(lines):
        for word in words:
            if word in known["text"].casefold() and "/balkon" in known["page"]:
                raise RuntimeError("a word was found")
    return lines * RULES / (perf_counter() - began)


async def opened(folder: Path) -> tuple[Hub, Clock]:
    """A hub over the store that lies there, in which silence is followed by a call."""
    clock = Clock()
    engine = SqliteEngine(folder / "hub.db")
    await engine.open()
    hub = await assembled(engine, clock, folder)
    told = Policy(silence=Silence(enabled=True))
    await engine.change(Project, SHOP, lambda had: replace(had, policy=told))
    await hub.channels.refresh()
    return hub, clock


async def silent(hub: Hub, clock: Clock, numbers: range) -> None:
    """Each of them leaves a number, and then an hour passes without a question."""
    for n in numbers:
        event = MessageReceived(
            sender=Sender(external_id=f"v{n}"),
            external_id=f"v{n}.1",
            at=clock.at,
            question=False,
            card=Card(phone=f"+7912{n:07d}", own=True),
        )
        await receive(hub, event)
    while await hub.worker.work():
        pass
    clock.forward(HOUR)


class Took(NamedTuple):
    """Seconds by the wall and of the processor."""

    wall: float
    busy: float


async def kept(hub: Hub, leads: int) -> Took:
    """How long until all that is due has become leads; so many there are then."""
    began, busy = perf_counter(), process_time()
    while await hub.worker.fire():
        pass
    while await hub.worker.work():
        pass
    took = Took(perf_counter() - began, process_time() - busy)
    if (found := await hub.engine.count(LEADS, {"project": SHOP}, cap=10_000)) != leads:
        raise RuntimeError(f"{found} leads of {leads}")
    return took


async def among(
    folder: Path, *, sizes: Sequence[int] = WAITING, rounds: int = 5, people: int = DUE
) -> list[Figure]:
    """Silent hours that are over among few timers that are not, and among many."""
    hubs: list[tuple[Hub, Clock]] = []
    for size in sizes:
        place = folder / f"among{size}"
        place.mkdir()
        parts = (waiting(PART, f"later{n}", DAY) for n in range(max(size // PART, 1)))
        filling.fill(place / "hub.db", (filling.statements([part]) for part in parts))
        hubs.append(await opened(place))
    took: list[list[Took]] = []
    for n in range(rounds):
        took.append([])
        for hub, clock in hubs:
            await silent(hub, clock, range(n * people, (n + 1) * people))
            took[-1].append(await kept(hub, (n + 1) * people))
    for hub, _ in hubs:
        await hub.engine.close()
    name = f"{people} silent hours kept"
    return [
        Figure(
            told.format(name, size),
            "ms",
            [1000 * each[n][of] for each in took],
            [1000 * each[0][of] for each in took],
            ratio_aim=aim,
        )
        for n, size in enumerate(sizes)
        if n > 0
        for of, told, aim in (
            (0, "{}, {:,} other timers waiting", "≤ 1.5"),
            (1, "{}, {:,} waiting: processor's time", "≤ 1.2"),
        )
    ]


async def bare(folder: Path, people: int) -> float:
    """Timers claimed and settled a second, with nothing done for them."""
    engine = SqliteEngine(folder / "bare.db")
    await engine.open()
    for n in range(people):
        await timers.promise(engine, SHOP, "silence", str(n), START, START)
    began = perf_counter()
    while due := await timers.claim(engine, "bench", START):
        for timer in due:
            await timers.settle(engine, timer)
    took = perf_counter() - began
    await engine.close()
    return people / took


async def measure(
    folder: Path,
    *,
    rounds: int = 4,
    lines: int = LINES,
    people: int = SILENT,
    sizes: Sequence[int] = WAITING,
) -> Sequence[Figure]:
    """Rules a second beside bare comparisons; silences kept a second beside bare timers.

    And as many silences among few timers and among many.
    """
    at = moment(policy())
    fast, floors = [], []
    made: list[float] = []
    bares: list[float] = []
    for n in range(rounds):
        fast.append(asked(lines, at))
        floors.append(compared(lines, at))
        place = folder / str(n)
        place.mkdir()
        hub, clock = await opened(place)
        await silent(hub, clock, range(people))
        made.append(people / (await kept(hub, people)).wall)
        await hub.engine.close()
        bares.append(await bare(place, people))
    return (
        Figure("own rules asked, 50 in a project", "1/s", fast, floors),
        Figure("silent hours kept: timer, plan, lead", "1/s", made, bares),
        *await among(folder, sizes=sizes, rounds=rounds, people=min(people, DUE)),
    )

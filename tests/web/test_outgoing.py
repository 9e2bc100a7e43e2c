"""A project's own systems are told by signed events, and nobody inside is reached that way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from hub.bus import LocalBus
from hub.calling import Calling
from hub.calls.call import Call, Outcome
from hub.leads.lead import Lead
from hub.model import ChannelId, Project, ProjectId, Role
from hub.records import Outgoing as Event
from hub.schedule import always
from hub.statuses import Status
from hub.store.engine import Engine, Insert
from hub.store.schema import OUTGOING_OLD
from hub.telling.errands import KEPT, RETRIES
from hub.telling.outgoing import HEADER, Outgoing, PostError, key_of
from tests.bots.contract import KEYS
from tests.spine import Clock
from tests.web.house import ALPHA, House
from web.fetch import Reach
from web.outgoing import PUBLIC, sender

SHOP = ProjectId("shop")
NEAR = Reach(near=True)


class Receiver:
    """A system of the project's own, which answers as it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.statuses: list[int] = []

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        status = self.statuses.pop(0) if self.statuses else 200
        inside = {"Location": f"{self.url}-inside"} if status == 307 else {}
        return web.Response(status=status, headers=inside)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.add_routes([web.post("/hook", made.take), web.post("/hook-inside", made.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


class Office:
    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self.outgoing = Outgoing(engine, LocalBus(), KEYS, clock)
        self.outgoing.send = sender(NEAR)

    async def arrange(self, url: str) -> None:
        home = Project(
            id=SHOP,
            name="Shop",
            schedule=always("UTC"),
            calling=Calling(exhausted_url=url),
            created_at=self.clock(),
        )
        await self.engine.write(Insert(home))

    async def exhausted(self, **told: Any) -> None:
        at = self.clock()
        given: dict[str, Any] = {"cause": "exhausted", "attempts": 3, "calls": 3}
        lead = Lead(
            id="shop:+79161234567:1",
            project=SHOP,
            phone="+79161234567",
            n=1,
            name="Анна",
            status=Status.NEW,
            origin="site",
            created_at=at,
            changed_at=at,
            **(given | told),
        )
        call = Call(
            id="shop:+79161234567:1:3",
            project=SHOP,
            channel=ChannelId("line"),
            phone="+79161234567",
            outcome=Outcome.NO_ANSWER,
            began_at=at,
            changed_at=at,
        )
        await self.outgoing.called(call, lead)

    async def events(self) -> list[Event]:
        return (await self.engine.find(OUTGOING_OLD, limit=100)).items

    async def event(self) -> Event:
        [one] = await self.events()
        return one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def office(engine: Engine, clock: Clock) -> Office:
    return Office(engine, clock)


async def test_a_lead_left_to_people_is_told_once_and_signed(
    office: Office, receiver: Receiver
) -> None:
    await office.arrange(receiver.url)
    for _ in range(3):
        await office.exhausted()
    await asyncio.gather(*(office.outgoing.work() for _ in range(4)))
    await office.outgoing.work()
    [body] = receiver.bodies
    told = msgspec.json.decode(body)
    assert (told["event"], told["project"]) == ("lead.exhausted", "shop")
    assert (told["lead"]["phone"], told["lead"]["attempts"]) == ("+79161234567", 3)
    parts = dict(each.split("=", 1) for each in receiver.headers[0][HEADER].split(","))
    key = key_of(KEYS, SHOP).encode()
    right = hmac.digest(key, f"{parts['t']}.".encode() + body, hashlib.sha256).hex()
    assert hmac.compare_digest(parts["v1"], right)
    assert key_of(KEYS, ProjectId("bakery")).encode() != key
    assert (await office.event()).state == "sent"
    await office.exhausted(calls=6)
    await office.outgoing.work()
    assert len(receiver.bodies) == 2


@pytest.mark.parametrize(
    "told", [{"cause": ""}, {"cause": "talked", "live": False}, {"live": False}]
)
async def test_a_lead_that_goes_on_or_is_over_is_told_to_nobody(
    office: Office, receiver: Receiver, told: dict[str, Any]
) -> None:
    await office.arrange(receiver.url)
    await office.exhausted(**told)
    assert await office.events() == []


async def test_a_receiver_that_fails_is_told_later_under_the_same_id(
    office: Office, receiver: Receiver
) -> None:
    receiver.statuses = [500, 404]
    await office.arrange(receiver.url)
    await office.exhausted()
    for wait in RETRIES[:2]:
        await office.outgoing.work()
        assert (await office.event()).state == "waiting"
        office.clock.at += wait
    await office.outgoing.work()
    assert (await office.event()).state == "sent"
    assert len({msgspec.json.decode(each)["id"] for each in receiver.bodies}) == 1
    assert len({each[HEADER] for each in receiver.headers}) == 3


async def test_a_receiver_that_is_gone_is_asked_for_a_day(office: Office) -> None:
    await office.arrange("http://127.0.0.1:9/hook")
    office.outgoing.send = sender(Reach(near=True, ports=frozenset({9})))
    await office.exhausted()
    for wait in (*RETRIES, timedelta(0)):
        await office.outgoing.work()
        office.clock.at += wait
    assert ((await office.event()).state, (await office.event()).error) == ("lost", "unreachable")


async def test_a_redirect_is_not_followed_and_410_means_no_more(
    office: Office, receiver: Receiver
) -> None:
    receiver.statuses = [307, 410]
    await office.arrange(receiver.url)
    await office.exhausted()
    await office.outgoing.work()
    assert len(receiver.bodies) == 1
    office.clock.at += RETRIES[0]
    await office.outgoing.work()
    assert ((await office.event()).state, (await office.event()).error) == ("lost", "410")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/api/v1/me",
        "http://localhost/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "https://example.com:22/",
    ],
)
async def test_nobody_inside_is_posted_to(url: str) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(PostError) as raised:
        await sender(PUBLIC, resolve)(url, b"{}", {})
    assert raised.value.for_good


async def test_a_name_that_leads_inside_is_refused_and_never_tried_again(office: Office) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["192.168.0.10"]

    office.outgoing.send = sender(PUBLIC, resolve)
    await office.arrange("https://crm.example.com/hook")
    await office.exhausted()
    await office.outgoing.work()
    assert ((await office.event()).state, (await office.event()).error) == ("lost", "private")


async def test_what_was_switched_off_meanwhile_is_not_told(
    office: Office, receiver: Receiver
) -> None:
    await office.arrange(receiver.url)
    await office.exhausted()
    await office.engine.change(Project, SHOP, lambda had: replace(had, calling=Calling()))
    await office.outgoing.work()
    assert ((await office.event()).error, receiver.bodies) == ("off", [])
    office.clock.at += KEPT + timedelta(days=1)
    await office.outgoing.sweep(office.clock())
    assert await office.events() == []


async def test_only_an_administrator_sees_the_key(house: House) -> None:
    await house.operator("ada", ALPHA, Role.ADMIN)
    await house.operator("olga", ALPHA)
    ada, olga = await house.browser("ada"), await house.browser("olga")
    told = await ada.get("/projects/alpha/events/key")
    assert told == {"header": HEADER, "key": key_of(house.hub.keys, ALPHA)}
    status, _ = await olga.ask("GET", "/api/v1/projects/alpha/events/key")
    assert status == 403

"""A visitor goes on in a messenger: the widget is given a link, and the hub knows who comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from hub.dialogs import latest
from hub.model import Channel, Dialog, IdentityId, ProjectId
from hub.people import joining
from hub.records import Pulse, Whose
from hub.store.engine import AbsentError, Insert
from hub.store.schema import JOIN_KEYS_OLD
from tests.web.asking import arrange, config, row_of
from tests.web.house import SHOP, House, Visitor, sign

MESSENGERS = [{"kind": "telegram", "url": "https://t.me/shop"}]
PAGE = {"page": f"{SHOP}/sofa", "title": "Диван", "utm": {"utm_source": "yandex"}}


@pytest.fixture
def messenger(monkeypatch: pytest.MonkeyPatch) -> None:
    """People know the platform of these tests as Telegram."""
    monkeypatch.setitem(joining.GATEWAYS, "echo", "telegram")


Arrive = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def arrive(house: House) -> AsyncIterator[Arrive]:
    """Visitors who say goodbye."""
    came: list[Visitor] = []

    async def visitor(*where: str, **hello: Any) -> Visitor:
        came.append(await house.visitor(*where, **hello))
        return came[-1]

    yield visitor
    for each in came:
        await each.socket.ws.close()


async def connected(house: House, username: str = "shop_bot") -> None:
    """The site offers Telegram, and the bot's own name is known."""
    await arrange(house, messengers=MESSENGERS)
    engine = house.hub.engine
    whose = Whose(name="Shop", username=username)
    try:
        await engine.change(Pulse, "alpha-echo", lambda had: replace(had, account=whose))
    except AbsentError:
        await engine.write(
            Insert(Pulse(id="alpha-echo", project=ProjectId("alpha"), account=whose))
        )


async def joins(visitor: Visitor, key: str, messenger: str = "telegram") -> Any:
    await visitor.socket.say(t="join", key=key, messenger=messenger)
    return await visitor.socket.until(
        lambda each: each["t"] in ("ok", "error") and each["key"] == key
    )


def key_in(link: str) -> str:
    [key] = parse_qs(urlsplit(link).query)["start"]
    return key


async def follow(house: House, link: str, who: str = "77", n: int = 1) -> Dialog:
    """What the messenger tells once somebody opened the link there."""
    key = key_in(link)
    told = {"id": f"m{n}", "from": who, "text": f"/start {key}", "start": key}
    body = json.dumps({"messages": [told]}).encode()
    browser = await house.browser()
    headers = {"X-Signature": sign(body)}
    status, _ = await browser.ask("POST", "/hooks/alpha-echo", data=body, headers=headers)
    assert status == 200
    row = await latest(house.hub.engine, ProjectId("alpha"), IdentityId(f"alpha-echo:{who}"))
    assert row is not None
    return row


@pytest.mark.usefixtures("messenger")
class TestJoining:
    async def test_who_left_a_phone_and_went_on_is_one_person(
        self, house: House, arrive: Arrive
    ) -> None:
        await connected(house)
        await arrange(house, callback={"enabled": True})
        [box] = (await config(house))["consents"]
        visitor = await arrive(visit=PAGE)
        await visitor.socket.say(
            t="call",
            key="call-0001",
            phone="8 912 345-67-89",
            given=[{"purpose": box["purpose"], "version": box["version"]}],
        )
        assert (await visitor.socket.frame("ok"))["key"] == "call-0001"

        done = await joins(visitor, "join-0001")
        row = await follow(house, done["url"])

        site = await row_of(house, visitor)
        assert site is not None
        assert (row.contact, row.phone) == (site.contact, "+79123456789")
        assert (row.visit.page, row.visit.utm) == (PAGE["page"], PAGE["utm"])
        anna = await house.browser("anna")
        card = await anna.get(f"/dialogs/{row.id}")
        assert [each["kind"] for each in card["identities"]] == ["echo", "site"]
        assert [each["id"] for each in card["others"]] == [site.id]
        log = await anna.get(f"/dialogs/{row.id}/log")
        assert key_in(done["url"]) not in json.dumps([card, log])
        assert log["items"][0]["text"] == ""

    async def test_each_press_has_a_key_of_its_own_that_works_once(
        self, house: House, arrive: Arrive
    ) -> None:
        await connected(house)
        visitor = await arrive(visit=PAGE)
        links = {(await joins(visitor, f"join-000{n}"))["url"] for n in (1, 1, 2)}
        assert len(links) == 3
        link = links.pop()
        assert link.startswith("https://echo.example/shop_bot?start=")
        first = await follow(house, link)
        thief = await follow(house, link, who="99", n=2)
        assert first.visit.page == PAGE["page"]
        assert (thief.visit.page, thief.contact) == ("", "alpha-echo:99")

    async def test_a_page_knows_which_buttons_take_the_person_along(self, house: House) -> None:
        await arrange(house, messengers=MESSENGERS)
        assert (await config(house))["messengers"] == [MESSENGERS[0] | {"joins": False}]
        await connected(house)
        assert (await config(house))["messengers"] == [MESSENGERS[0] | {"joins": True}]
        assert "shop_bot" not in json.dumps(await config(house))

    @pytest.mark.parametrize("messenger", ["vk", "echo", "", "telegram"])
    async def test_there_is_no_way_where_none_is_offered(
        self, house: House, arrive: Arrive, messenger: str
    ) -> None:
        visitor = await arrive()
        refused = await joins(visitor, "join-0001", messenger)
        assert (refused["code"], refused["field"]) == ("not_found", "messenger")
        await visitor.socket.ws.close()
        await connected(house)
        visitor = await arrive()
        if messenger != "telegram":
            refused = await joins(visitor, "join-0002", messenger)
            assert refused["code"] == "not_found"
        await house.hub.engine.change(
            Channel, "alpha-echo", lambda had: replace(had, enabled=False)
        )
        await house.hub.channels.refresh()
        assert (await joins(visitor, "join-0003"))["code"] == "not_found"

    async def test_a_site_leads_to_no_channel_of_another_project(
        self, house: House, arrive: Arrive
    ) -> None:
        await connected(house)
        await arrange(house, "beta-site", messengers=MESSENGERS)
        stranger = await arrive("beta-site")
        assert (await joins(stranger, "join-0001"))["code"] == "not_found"

    async def test_who_presses_without_end_is_told_to_wait(
        self, house: House, arrive: Arrive
    ) -> None:
        await connected(house)
        visitor = await arrive()
        answers = [await joins(visitor, f"join-{n:04}") for n in range(25)]
        assert [each["t"] for each in answers[:20]] == ["ok"] * 20
        assert answers[-1]["code"] == "limited"
        page = await house.hub.engine.find(JOIN_KEYS_OLD, limit=100)
        assert len(page.items) == 20

"""Search through its door: what it answers, to whom, and the way from a hit into the log."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from hub.model import ChannelId, Membership
from tests.web.house import ALPHA, Browser, House
from web.routes import ROOT


@pytest.fixture
async def anna(house: House) -> Browser:
    return await house.browser("anna")


async def search(
    browser: Browser, query: str, *, wanted: int, project: str = "alpha", more: str = ""
) -> Any:
    told = await browser.get(f"/projects/{project}/search?q={quote(query)}{more}")
    assert len(told["items"]) == wanted
    return told


async def read(house: House) -> None:
    """What was said is found after the worker came by, with which this one shares the work."""
    while await house.hub.worker.work():
        pass


async def test_what_a_visitor_wrote_is_found_with_its_place(house: House, anna: Browser) -> None:
    visitor = await house.visitor()
    ok = await visitor.write("👍 Пришлите договор")
    await read(house)
    told = await search(anna, "договоры", wanted=1)
    (hit,) = told["items"]
    assert (hit["dialog"]["id"], hit["entry"]["seq"]) == (ok["dialog"], 1)
    assert [hit["entry"]["text"][start:end] for start, end in hit["marks"]] == ["договор"]
    assert (told["next"], told["looked_back_to"]) == (None, None)
    assert await anna.get("/projects/alpha/search") == {
        "items": [],
        "next": None,
        "looked_back_to": None,
    }


async def test_pages_follow_each_other(house: House, anna: Browser) -> None:
    visitor = await house.visitor()
    for n in range(5):
        await visitor.write(f"окно {n}")
    await read(house)
    await search(anna, "окно", wanted=5)
    first = await search(anna, "окно", wanted=2, more="&limit=2")
    assert [hit["entry"]["text"] for hit in first["items"]] == ["окно 4", "окно 3"]
    rest = await search(anna, "окно", wanted=3, more=f"&limit=9&after={first['next']}")
    assert [hit["entry"]["text"] for hit in rest["items"]] == ["окно 2", "окно 1", "окно 0"]
    assert rest["next"] is None


async def test_nobody_finds_what_was_said_in_another_project(house: House, anna: Browser) -> None:
    await (await house.visitor("alpha-site")).write("секрет альфы")
    await (await house.visitor("beta-site")).write("секрет беты")
    await read(house)
    boris = await house.browser("boris")
    (ours,) = (await search(anna, "секрет", wanted=1))["items"]
    (theirs,) = (await search(boris, "секрет", wanted=1, project="beta"))["items"]
    assert (ours["entry"]["text"], theirs["entry"]["text"]) == ("секрет альфы", "секрет беты")
    for project in ("beta", "nowhere"):
        status, _ = await anna.ask("GET", f"{ROOT}/projects/{project}/search?q=x")
        assert status == 404


async def test_a_membership_that_names_channels_searches_only_those(
    house: House, anna: Browser
) -> None:
    vera = await house.operator("vera", ALPHA)
    await (await house.visitor()).write("секрет сайта")
    await read(house)
    await search(anna, "секрет", wanted=1)

    def only_echo(had: Membership) -> Membership:
        return replace(had, channels=(ChannelId("alpha-echo"),))

    await house.hub.engine.change(Membership, f"{vera.id}:alpha", only_echo)
    told = await (await house.browser("vera")).get(
        "/projects/alpha/search?q=%D1%81%D0%B0%D0%B9%D1%82"
    )
    assert told["items"] == []


async def test_the_log_can_be_opened_around_a_hit(house: House, anna: Browser) -> None:
    visitor = await house.visitor()
    for n in range(1, 30):
        await visitor.write(f"строка {n}")
    ok = await visitor.write("строка 30")
    path = f"/dialogs/{ok['dialog']}/log"

    async def seqs(query: str) -> tuple[list[int], bool, bool]:
        told = await anna.get(f"{path}?{query}")
        return [each["seq"] for each in told["items"]], told["more"], told["newer"]

    assert await seqs("around_seq=15&limit=10") == (list(range(10, 20)), True, True)
    assert await seqs("around_seq=2&limit=10") == (list(range(1, 11)), False, True)
    assert await seqs("around_seq=30&limit=10") == (list(range(25, 31)), True, False)
    assert await seqs("around_seq=1&limit=1") == ([1], False, True)
    assert await seqs("around_seq=999&limit=10") == (list(range(25, 31)), True, False)
    assert await seqs("limit=5") == (list(range(26, 31)), True, False)
    assert await seqs("before_seq=6&limit=10") == (list(range(1, 6)), False, True)
    assert await seqs("after_seq=25&limit=3") == ([26, 27, 28], True, True)
    status, told = await anna.ask("GET", f"{ROOT}{path}?around_seq=0")
    assert (status, told["field"]) == (400, "around_seq")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=" + "x" * 501, "q"),
        ("q=x&limit=0", "limit"),
        ("q=x&limit=51", "limit"),
        ("q=window&after=nonsense", "after"),
        ("q=x&after=" + "x" * 2_001, "after"),
        ("query=x", "query"),
    ],
)
async def test_a_question_that_is_none_is_refused_with_its_field(
    anna: Browser, query: str, field: str
) -> None:
    status, told = await anna.ask("GET", f"{ROOT}/projects/alpha/search?{query}")
    assert (status, told["field"]) == (400, field)


async def test_wild_bytes_in_a_query_find_nothing(anna: Browser) -> None:
    for wild in ("%FF%FE", "%00", "%ED%A0%80", "%F0%9F%91%8D", "%22%27%24"):
        assert (await anna.get(f"/projects/alpha/search?q={wild}"))["items"] == []

"""Example dialogs: put with one click, alive, in nobody's way, and gone without a trace."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from hub import texts
from hub.examples import channel_id, identity_id
from hub.keeping.verify import verify
from hub.model import (
    Channel,
    Contact,
    Dialog,
    DialogId,
    Identity,
    ProjectId,
    Role,
)
from hub.store.schema import FACTS, FILES, LEADS
from tests.spine import all_of, log_of
from tests.web.house import Browser, House
from web.routes import ROOT

ALPHA = ProjectId("alpha")
EXAMPLES = channel_id(ALPHA)


@pytest.fixture
async def admin(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def listed(browser: Browser, view: str) -> list[Any]:
    found: list[Any] = (await browser.get(f"/projects/alpha/dialogs?view={view}"))["items"]
    return found


async def drop(browser: Browser) -> None:
    status, told = await browser.ask("DELETE", f"{ROOT}/projects/alpha/examples")
    assert status == 204, told


async def test_an_empty_product_says_what_it_has_not(house: House, admin: Browser) -> None:
    beta = await house.browser("boris")
    none = {"dialogs": False, "examples": False, "site_seen": False, "messengers": False}
    assert await beta.get("/projects/beta/start") == none
    assert await admin.get("/projects/alpha/start") == none | {"messengers": True}
    await admin.post("/projects/alpha/examples", expect=202)
    assert await admin.get("/projects/alpha/start") == none | {
        "messengers": True,
        "examples": True,
    }
    await (await house.visitor()).write("Здравствуйте")
    assert (await admin.get("/projects/alpha/start"))["dialogs"]


async def test_examples_fill_every_list_and_agree_with_their_logs(
    house: House, admin: Browser
) -> None:
    told = await admin.post("/projects/alpha/examples", expect=202)
    lists = {view: await listed(admin, view) for view in ("queue", "mine", "all", "closed")}

    assert told["dialogs"] == len(lists["all"]) + len(lists["closed"]) == 14
    assert all(len(rows) >= 3 for rows in lists.values()), {k: len(v) for k, v in lists.items()}
    assert {row["channel"] for row in lists["all"]} == {EXAMPLES}
    assert any(row["phone"] and row["call_at"] for row in lists["all"])
    hub = house.hub
    for row in (*lists["all"], *lists["closed"]):
        entries = await log_of(hub.engine, row["id"])
        assert [each.seq for each in entries] == list(range(1, row["seq"] + 1))
        assert all(each.at <= hub.now() for each in entries)
    found = await verify(hub.engine, hub.files)
    assert (found.faults, found.behind) == (0, 0), found.told
    [hit, *_] = (await admin.get("/projects/alpha/search?q=смета"))["items"]
    assert hit["dialog"]["channel"] == EXAMPLES


async def test_examples_put_twice_or_by_two_at_once_are_put_once(
    house: House, admin: Browser
) -> None:
    path = f"{ROOT}/projects/alpha/examples"
    answers = await asyncio.gather(*(admin.ask("POST", path, {}) for _ in range(4)))
    assert sorted({status for status, _ in answers}) in ([202], [202, 409])
    before = await listed(admin, "all")
    await admin.post("/projects/alpha/examples", expect=202)
    assert await listed(admin, "all") == before


async def test_what_was_cut_short_is_put_whole_the_next_time(
    house: House, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = house.hub
    await admin.post("/projects/alpha/examples", expect=202)
    identity = identity_id(EXAMPLES, 2)
    lost = DialogId(f"{identity}:1")
    await hub.engine.delete_if(Dialog, lost, lambda _: True)
    await admin.post("/projects/alpha/examples", expect=202)
    entries = await log_of(hub.engine, lost)
    row = await hub.engine.get(Dialog, lost)
    assert row is not None
    assert [each.seq for each in entries] == list(range(1, row.seq + 1))
    assert (await verify(hub.engine, hub.files)).faults == 0


async def test_an_example_is_answered_like_any_other_and_nobody_is_called(
    house: House, admin: Browser
) -> None:
    await admin.post("/projects/alpha/examples", expect=202)
    hearing = await admin.live()
    await hearing.frame("hello")
    calls = [row for row in await listed(admin, "all") if row["call_status"]]
    assert calls
    for row in (*(r for r in await listed(admin, "queue") if r not in calls), *calls):
        body = {"key": f"key-{row['n']:05}", "text": "Здравствуйте"}
        await admin.post(f"/dialogs/{row['id']}/messages", body, expect=201)
        await hearing.until(
            lambda frame: (
                frame["t"] == "event"
                and frame["event"]["event"] == "entry.changed"
                and frame["event"]["entry"]["state"] == "sent"
            )
        )
    while await house.hub.worker.work():
        pass
    assert await all_of(house.hub.engine, LEADS, {"project": "alpha"}) == []


async def test_no_visitor_reaches_the_channel_of_the_examples(house: House, admin: Browser) -> None:
    await admin.post("/projects/alpha/examples", expect=202)
    browser = await house.browser()
    status, _ = await browser.ask(
        "GET", f"/widget/{EXAMPLES}/config", headers={"Origin": "https://shop.example"}
    )
    assert status == 403


async def test_examples_go_with_all_that_belongs_to_them_and_nothing_else(
    house: House, admin: Browser
) -> None:
    engine = house.hub.engine
    ours = (await (await house.visitor()).write("настоящее обращение"))["dialog"]
    await admin.post("/projects/alpha/examples", expect=202)
    rows = [*await listed(admin, "all"), *await listed(admin, "closed")]
    theirs = [row["id"] for row in rows if row["id"] != ours]
    first = theirs[0]
    body = {"key": "key-00001", "text": "ответ"}
    await admin.post(f"/dialogs/{first}/messages", body, expect=201)
    await admin.ask("PUT", f"{ROOT}/dialogs/{first}/seen", {"seq": 1})
    while await house.hub.worker.work():
        pass

    await drop(admin)
    await drop(admin)

    assert [row["id"] for row in await listed(admin, "all")] == [ours]
    assert await listed(admin, "closed") == []
    assert await all_of(engine, FILES, {"project": "alpha"}) == []
    assert await engine.get(Channel, EXAMPLES) is None
    for n in range(14):
        identity = identity_id(EXAMPLES, n)
        assert await engine.get(Identity, identity) is None
        assert await engine.get(Contact, identity) is None
    for id in theirs:
        assert await log_of(engine, id) == []
    facts = await all_of(engine, FACTS, {"project": "alpha"})
    assert {each.dialog for each in facts} <= {ours}
    found = await admin.get("/projects/alpha/search?q=котёл")
    assert found["items"] == []
    assert (await admin.get("/projects/alpha/start"))["examples"] is False
    assert (await verify(engine, house.hub.files)).faults == 0


async def test_only_who_arranges_puts_and_deletes_examples(house: House) -> None:
    anna = await house.browser("anna")
    for method in ("POST", "DELETE"):
        status, _ = await anna.ask(method, f"{ROOT}/projects/alpha/examples")
        assert status == 403
    assert await house.hub.engine.get(Channel, EXAMPLES) is None


def test_every_example_speaks_both_languages() -> None:
    from importlib.resources import files

    book = msgspec.json.decode(files(texts).joinpath("examples.json").read_bytes())

    def said(node: object) -> list[dict[str, str]]:
        if isinstance(node, list):
            return [each for one in node for each in said(one)]
        if isinstance(node, dict):
            if "ru" in node or "en" in node:
                return [node]
            return [each for one in node.values() for each in said(one)]
        return []

    sentences = said(book)
    assert len(sentences) > 60
    assert all(set(each) == {"ru", "en"} and all(each.values()) for each in sentences)
    assert not [each for each in sentences if "!" in each["ru"] + each["en"]]

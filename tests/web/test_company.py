"""What an operator's screen keeps and shows of its dialog, through the doors."""

from __future__ import annotations

from typing import Any

import pytest

from hub.finding.bookmarks import Bookmark
from hub.model import ProjectId, Role
from tests.web.house import Browser, House
from web.routes import ROOT


@pytest.fixture
async def dialog(house: House) -> str:
    visitor = await house.visitor()
    ok = await visitor.write("Здравствуйте")
    found: str = ok["dialog"]
    return found


async def put(browser: Browser, path: str, body: object) -> tuple[int, Any]:
    return await browser.ask("PUT", f"{ROOT}{path}", body)


async def test_a_screen_opens_where_its_owner_left_off(house: House, dialog: str) -> None:
    anna = await house.browser("anna")
    first = await anna.get(f"/dialogs/{dialog}")
    assert (first["seen_seq"], first["draft"], first["here"]) == (0, None, [])
    assert (first["dialog"]["phone"], first["dialog"]["call_at"]) == ("", None)
    _, file = await anna.ask("POST", f"{ROOT}/projects/alpha/files?name=a.txt", data=b"hello")
    draft = {"mode": "reply", "text": "Добрый", "reply_to": "x", "attachments": [file["id"]]}

    assert (await put(anna, f"/dialogs/{dialog}/seen", {"seq": 1}))[0] == 204
    assert (await put(anna, f"/dialogs/{dialog}/draft", draft))[0] == 204
    again = await (await house.browser("anna")).get(f"/dialogs/{dialog}")

    assert again["seen_seq"] == 1
    kept = again["draft"]
    assert (kept["mode"], kept["text"], kept["reply_to"]) == ("reply", "Добрый", "x")
    assert [each["name"] for each in kept["attachments"]] == ["a.txt"]
    await anna.post(f"/dialogs/{dialog}/messages", {"key": "key-00001", "text": "Да"}, expect=201)
    assert (await anna.get(f"/dialogs/{dialog}"))["draft"] is None


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("seen", {"seq": -1}, 400, "seq"),
        ("seen", {"seq": "1"}, 400, "seq"),
        ("seen", {}, 400, "seq"),
        ("draft", {"mode": "shout", "text": "x"}, 400, "mode"),
        ("draft", {"mode": "note", "text": "x" * 20_001}, 413, "text"),
        ("draft", {"mode": "note", "text": "x", "attachments": ["../../key"]}, 400, "attachments"),
        ("draft", {"mode": "note", "text": None}, 400, "text"),
        ("draft", {"mode": "note", "attachments": ["x"] * 51}, 400, "attachments"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_keeps_nothing(
    house: House, dialog: str, path: str, body: object, status: int, field: str
) -> None:
    anna = await house.browser("anna")
    got, told = await put(anna, f"/dialogs/{dialog}/{path}", body)
    assert (got, told["field"]) == (status, field)
    who = await house.hub.accounts.by_login("anna")
    assert who is not None
    assert await house.hub.engine.get(Bookmark, f"{dialog}:{who.id}") is None


async def test_a_dialog_is_handed_over_and_marked_as_needing_no_reply(
    house: House, dialog: str
) -> None:
    vera = await house.operator("vera", ProjectId("alpha"))
    anna = await house.browser("anna")
    socket = await (await house.browser("vera")).live()
    await socket.frame("hello")
    row = await anna.post(f"/dialogs/{dialog}/assign", {"operator": vera.id})
    assert (row["owner"], row["owner_name"]) == (vera.id, "Vera")
    event = await socket.event("dialog.changed")
    [entry] = event["entries"]
    assert (entry["verb"], entry["data"]) == ("assigned", {"operator": vera.id, "name": "Vera"})
    status, told = await anna.ask("POST", f"{ROOT}/dialogs/{dialog}/assign", {"operator": vera.id})
    assert (status, told["code"]) == (409, "taken")
    browser = await house.browser("vera")
    status, told = await browser.ask("POST", f"{ROOT}/dialogs/{dialog}/assign", {"operator": "x"})
    assert (status, told["field"]) == (400, "operator")

    row = await browser.post(f"/dialogs/{dialog}/no-reply")
    assert (row["awaits"], row["unanswered"], row["waiting_since"]) == ("nobody", 0, None)
    status, told = await browser.ask("POST", f"{ROOT}/dialogs/{dialog}/no-reply", {})
    assert (status, told["code"]) == (409, "answered")
    timeline = await browser.get(f"/dialogs/{dialog}/timeline?limit=1")
    assert [each["verb"] for each in timeline["items"]] == ["no_reply"]
    assert timeline["more"]
    before = timeline["items"][0]["seq"]
    rest = await browser.get(f"/dialogs/{dialog}/timeline?before_seq={before}")
    assert [each["verb"] for each in rest["items"]] == ["assigned"]
    assert not rest["more"]


async def test_one_entry_is_shown_by_its_id(house: House, dialog: str) -> None:
    anna = await house.browser("anna")
    [line] = (await anna.get(f"/dialogs/{dialog}/log"))["items"]
    shown = await anna.get(f"/dialogs/{dialog}/entries/{line['id']}")
    assert (shown["text"], shown["album"]) == ("Здравствуйте", "")
    status, _ = await anna.ask("GET", f"{ROOT}/dialogs/{dialog}/entries/nothing")
    assert status == 404


async def test_lists_are_narrowed_by_what_the_screen_asks(house: House, dialog: str) -> None:
    anna = await house.browser("anna")
    me = (await anna.post(f"/dialogs/{dialog}/take"))["owner"]

    async def found(query: str) -> int:
        return len((await anna.get(f"/projects/alpha/dialogs?{query}"))["items"])

    assert await found(f"view=all&owner={me}&status=chatting&channel=alpha-site") == 1
    assert await found("view=all&owner=none") == 0
    assert await found("view=all&status=chat_closed") == 0
    status, told = await anna.ask("GET", f"{ROOT}/projects/alpha/dialogs?status=nothing")
    assert (status, told["field"]) == (400, "status")


async def test_operators_see_who_is_at_the_dialog_and_when_he_turns_away(
    house: House, dialog: str
) -> None:
    vera = await house.operator("vera", ProjectId("alpha"), Role.SUPERVISOR)
    theirs, anna = await house.browser("vera"), await house.browser("anna")
    looking, hearing = await theirs.live(), await anna.live()
    await hearing.frame("hello")
    await looking.frame("hello")

    await looking.say(t="looking", dialog=dialog)
    came = await hearing.event("operator.looking")
    assert (came["dialog"], came["operator"], came["name"], came["here"]) == (
        dialog,
        vera.id,
        "Vera",
        True,
    )
    here = [{"operator": vera.id, "name": "Vera"}]
    assert (await anna.get(f"/dialogs/{dialog}"))["here"] == here
    assert (await theirs.get(f"/dialogs/{dialog}"))["here"] == []

    await looking.say(t="looking", dialog=None)
    assert not (await hearing.event("operator.looking"))["here"]
    await looking.say(t="looking", dialog=dialog)
    assert (await hearing.event("operator.looking"))["here"]
    await looking.ws.close()
    assert not (await hearing.event("operator.looking"))["here"]
    assert (await anna.get(f"/dialogs/{dialog}"))["here"] == []


async def test_nobody_of_another_project_is_said_to_look(house: House, dialog: str) -> None:
    boris, anna = await house.browser("boris"), await house.browser("anna")
    foreign, own = await boris.live(), await anna.live()
    await foreign.frame("hello")
    await own.frame("hello")
    for wrong in (dialog, "nothing:1", "", None, "x" * 10_000):
        await foreign.say(t="looking", dialog=wrong)
    await own.say(t="looking", dialog=dialog)
    assert (await own.event("operator.looking"))["name"] == "Anna"
    assert (await anna.get(f"/dialogs/{dialog}"))["here"] == []
    await foreign.say(t="looking", dialog=7)
    assert await foreign.closed() == 1002

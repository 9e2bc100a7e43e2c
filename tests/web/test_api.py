"""Every answer that the API promises, and clear refusals of everything else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub.model import Role
from tests.web.house import PASSWORD, Browser, House
from web.routes import ROOT


@pytest.fixture
async def anna(house: House) -> Browser:
    return await house.browser("anna")


@pytest.fixture
async def dialog(house: House) -> str:
    ok = await (await house.visitor()).write("привет")
    return str(ok["dialog"])


async def test_signing_in_gives_a_session_that_signing_out_ends(house: House) -> None:
    browser = await house.browser()
    answer = await browser.raw("POST", f"{ROOT}/session", {"login": " ANNA ", "password": PASSWORD})
    assert answer.status == 200
    cookie = answer.cookies["otklik"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    me = await answer.json()
    browser.csrf = me["csrf"]
    assert me["operator"]["login"] == "anna"
    assert me["must_set_password"] is False
    assert [each["project"]["id"] for each in me["memberships"]] == ["alpha"]
    assert me["memberships"][0]["project"]["zone"] == "Europe/Moscow"
    assert (await browser.get("/me"))["csrf"] == me["csrf"]
    assert (await browser.ask("DELETE", f"{ROOT}/session"))[0] == 204
    assert (await browser.ask("GET", f"{ROOT}/me"))[0] == 401


async def test_a_wrong_password_and_an_unknown_login_are_refused_alike(house: House) -> None:
    browser = await house.browser()
    wrong = await browser.ask("POST", f"{ROOT}/session", {"login": "anna", "password": "wrong"})
    unknown = await browser.ask("POST", f"{ROOT}/session", {"login": "zoe", "password": "wrong"})
    assert wrong == unknown
    assert wrong[0] == 401
    assert wrong[1]["code"] == "unauthenticated"


async def test_too_many_tries_have_to_wait(house: House) -> None:
    browser = await house.browser()
    body = {"login": "anna", "password": "x" * 200}
    while True:
        answer = await browser.raw("POST", f"{ROOT}/session", body)
        if answer.status != 401:
            break
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    right = await browser.raw("POST", f"{ROOT}/session", {"login": "anna", "password": PASSWORD})
    assert right.status == 429


async def test_a_one_time_code_works_once_and_asks_for_a_password(house: House) -> None:
    operator = await house.operator("vera", _any("alpha"))
    code = await house.hub.accounts.one_time_code(_any(operator.id))
    browser = await house.browser()
    me = await browser.post("/session", {"login": "vera", "password": code.lower()})
    assert me["must_set_password"] is True
    browser.csrf = me["csrf"]
    status, _ = await (await house.browser()).ask(
        "POST", f"{ROOT}/session", {"login": "vera", "password": code}
    )
    assert status == 401
    assert (await browser.ask("POST", f"{ROOT}/me/password", {"new": "a new password"}))[0] == 204
    assert (await browser.get("/me"))["must_set_password"] is False
    await house.browser("vera", "a new password")


async def test_a_new_password_ends_every_other_session(house: House, anna: Browser) -> None:
    other = await house.browser("anna")
    status, told = await anna.ask(
        "POST", f"{ROOT}/me/password", {"current": "wrong", "new": "a new password"}
    )
    assert (status, told["code"], told["field"]) == (400, "wrong_password", "current")
    status, told = await anna.ask(
        "POST", f"{ROOT}/me/password", {"current": PASSWORD, "new": "short"}
    )
    assert (status, told["field"]) == (400, "new")
    answer = await anna.raw(
        "POST", f"{ROOT}/me/password", {"current": PASSWORD, "new": "a new password"}
    )
    assert answer.status == 204
    assert (await other.ask("GET", f"{ROOT}/me"))[0] == 401
    me = await anna.get("/me")
    assert me["csrf"] == answer.headers["X-CSRF-Token"]
    assert me["csrf"] != anna.csrf


async def test_name_and_language_can_be_changed(anna: Browser) -> None:
    status, me = await anna.ask("PATCH", f"{ROOT}/me", {"name": "  Анна  Иванова ", "lang": "en"})
    assert status == 200
    assert (me["operator"]["name"], me["operator"]["lang"]) == ("Анна Иванова", "en")
    assert (await anna.ask("PATCH", f"{ROOT}/me", {"lang": "fr"}))[1]["field"] == "lang"


async def test_presence_is_seen_by_colleagues(anna: Browser) -> None:
    assert (await anna.ask("PUT", f"{ROOT}/me/presence", {"presence": "away"}))[0] == 204
    [one] = (await anna.get("/projects/alpha/operators"))["items"]
    assert (one["name"], one["role"], one["presence"]) == ("Anna", "operator", "away")


async def test_a_dialog_goes_through_its_life(anna: Browser, dialog: str) -> None:
    path = f"/dialogs/{dialog}"
    assert (await anna.get("/projects/alpha/counts"))["queue"] == {"n": 1, "more": False}
    taken = await anna.post(f"{path}/take")
    assert taken["owner_name"] == "Anna"
    assert (await anna.get("/projects/alpha/counts"))["mine"]["n"] == 1
    assert (await anna.post(f"{path}/return"))["owner"] is None
    closed = await anna.post(f"{path}/close", {"result": "спам"})
    assert (closed["open"], closed["status"]) == (False, "chat_closed")
    status, told = await anna.ask("POST", f"{ROOT}{path}/take", {})
    assert (status, told["code"], told["current"]) == (409, "closed", dialog)
    assert (await anna.get("/projects/alpha/dialogs?view=closed"))["items"][0]["id"] == dialog
    assert (await anna.post(f"{path}/reopen"))["open"] is True
    verbs = [entry["verb"] for entry in (await anna.get(f"{path}/log"))["items"]]
    assert verbs == [None, "taken", "returned", "closed", "reopened"]
    card = await anna.get(path)
    assert card["dialog"]["id"] == dialog
    assert card["others"] == []


async def test_of_twenty_takes_at_once_one_wins_and_nineteen_are_told_who(
    house: House, dialog: str
) -> None:
    browsers = []
    for n in range(20):
        operator = await house.hub.accounts.add_operator(f"op{n}", f"Operator {n}")
        await house.hub.accounts.join(_any(operator.id), _any("alpha"), Role.OPERATOR)
        code = await house.hub.accounts.one_time_code(_any(operator.id))
        browsers.append(await house.browser(f"op{n}", code))
    answers = await asyncio.gather(
        *(each.ask("POST", f"{ROOT}/dialogs/{dialog}/take", {}) for each in browsers)
    )
    assert sorted(status for status, _ in answers) == [200] + [409] * 19
    winner = next(told["owner_name"] for status, told in answers if status == 200)
    assert {told["current"] for status, told in answers if status == 409} == {winner}
    assert {told["code"] for status, told in answers if status == 409} == {"taken"}


async def test_a_colleague_cannot_return_or_close_what_is_not_hers(
    house: House, anna: Browser, dialog: str
) -> None:
    await house.operator("vera", _any("alpha"))
    vera = await house.browser("vera")
    await anna.post(f"/dialogs/{dialog}/take")
    for verb in ("return", "close"):
        status, told = await vera.ask("POST", f"{ROOT}/dialogs/{dialog}/{verb}", {})
        assert (status, told["code"], told["current"]) == (409, "taken", "Anna")


async def test_the_same_key_twice_is_one_message(anna: Browser, dialog: str) -> None:
    body = {"key": "answer-1", "text": "Добрый день"}
    first = await anna.post(f"/dialogs/{dialog}/messages", body, expect=201)
    again = await anna.post(f"/dialogs/{dialog}/messages", body, expect=200)
    assert again["id"] == first["id"]
    log = await anna.get(f"/dialogs/{dialog}/log")
    assert [entry["kind"] for entry in log["items"]] == ["in", "system", "out"]


async def test_the_log_is_paged_by_seq(anna: Browser, dialog: str) -> None:
    path = f"/dialogs/{dialog}"
    for n in range(5):
        await anna.post(f"{path}/notes", {"key": f"note-{n:04}", "text": str(n)}, expect=201)

    async def seqs(query: str) -> tuple[list[int], bool]:
        page = await anna.get(f"{path}/log{query}")
        return [entry["seq"] for entry in page["items"]], page["more"]

    assert await seqs("") == ([1, 2, 3, 4, 5, 6], False)
    assert await seqs("?limit=2") == ([5, 6], True)
    assert await seqs("?before_seq=5&limit=2") == ([3, 4], True)
    assert await seqs("?after_seq=1&limit=3") == ([2, 3, 4], True)


async def test_lists_are_paged_to_the_end(house: House, anna: Browser) -> None:
    ids = {str((await (await house.visitor()).write(str(n)))["dialog"]) for n in range(5)}
    met: list[str] = []
    after = ""
    while True:
        page = await anna.get(f"/projects/alpha/dialogs?limit=2{after}")
        met += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(met) == 5
    assert set(met) == ids


async def test_only_a_failed_message_can_be_sent_again(anna: Browser, dialog: str) -> None:
    said = await anna.post(
        f"/dialogs/{dialog}/messages", {"key": "answer-1", "text": "да"}, expect=201
    )
    path = f"{ROOT}/dialogs/{dialog}/messages"
    status, told = await anna.ask("POST", f"{path}/{said['id']}/retry", {})
    assert (status, told["code"]) == (409, "not_failed")
    assert (await anna.ask("POST", f"{path}/nothing/retry", {}))[0] == 404


DEEP = b'{"key":"deep-0001","text":' + b"[" * 500 + b"]" * 500 + b"}"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "key"),
        (b"{", 400, "$"),
        (b"[]", 400, "$"),
        (b"null", 400, "$"),
        (b'{"key": 5, "text": "x"}', 400, "key"),
        (b'{"key": "short", "text": "x"}', 400, "key"),
        (b'{"key": "\xd1\x8f\xd1\x8f\xd1\x8f\xd1\x8f\xd1\x8f", "text": "x"}', 400, "key"),
        (b'{"key": "good-0001\\n", "text": "x"}', 400, "key"),
        (b'{"key": "good-0001", "text": ["x"]}', 400, "text"),
        (b'{"key": "good-0001", "text": "   "}', 400, "text"),
        (b'{"key": "good-0001", "text": "\xff"}', 400, "$"),
        (b'{"key": "good-0001", "text": "\\ud800"}', 400, "$"),
        (b'{"key": "good-0001", "attachments": ["a", 5]}', 400, "attachments[1]"),
        (b'{"key": "good-0001", "attachments": ["absent"]}', None, None),
        (b'{"key": "good-0001", "text": "' + b"x" * 5_000 + b'"}', 413, "text"),
        (b'{"key": "good-0001", "text": "' + b"x" * 300_000 + b'"}', 413, None),
        (DEEP, 400, "$"),
        (b"[" * 200_000, 400, "$"),
        ('{"key": "good-0001", "text": "x"}'.encode("utf-16"), 400, "$"),
    ],
)
async def test_a_bad_body_is_refused_with_the_path_of_what_is_wrong(
    anna: Browser, dialog: str, body: bytes, status: int | None, field: str | None
) -> None:
    got, told = await anna.ask(
        "POST",
        f"{ROOT}/dialogs/{dialog}/messages",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert got == status if status else got in (400, 404), told
    assert set(told) >= {"type", "title", "status", "code"}
    if field is not None:
        assert told["field"] == field
    assert len((await anna.get(f"/dialogs/{dialog}/log"))["items"]) == 1


async def test_only_json_is_taken_for_json(anna: Browser, dialog: str) -> None:
    status, told = await anna.ask(
        "POST",
        f"{ROOT}/dialogs/{dialog}/notes",
        data=b'{"key":"good-0001","text":"x"}',
        headers={"Content-Type": "text/plain"},
    )
    assert (status, told["code"]) == (415, "media_type")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("view=secret", "view"),
        ("sort=random", "sort"),
        ("after=!!!", "after"),
        ("after=W10", "after"),
        ("nonsense=1", "nonsense"),
    ],
)
async def test_a_bad_query_is_refused_by_name(anna: Browser, query: str, field: str) -> None:
    status, told = await anna.ask("GET", f"{ROOT}/projects/alpha/dialogs?{query}")
    assert (status, told["field"]) == (400, field)


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(anna: Browser) -> None:
    status, told = await anna.ask("GET", f"{ROOT}/nothing")
    assert (status, told["code"]) == (404, "not_found")
    answer = await anna.raw("PUT", f"{ROOT}/me", {})
    assert answer.status == 405
    assert "PATCH" in answer.headers["Allow"]
    assert answer.content_type == "application/problem+json"


def _any(value: Any) -> Any:
    return value

"""Doors for forms over HTTP, and how an admin sees what would be read before it is sent."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest
from yarl import URL

from bots.sources.source import BODY_MAX_BYTES
from hub.model import Dialog, Entry, Role
from hub.store.schema import BY_CHANGE, DEAD_LETTERS, LOG
from tests.web.house import ALPHA, BETA, Browser, House
from web.api_sources import READINGS
from web.hooks import FORMS, FORMS_PERIOD

CHANNELS = "/projects/alpha/channels"
PUBLIC = {"public_url": "http://hub.example"}
ANNA = {"name": "Анна", "phone": "8 (912) 345-67-89", "comment": "После шести"}


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def made(ada: Browser, kind: str = "form", **settings: Any) -> Any:
    body = {"kind": kind, "name": f"Заявки {kind}", "settings": settings}
    return await ada.post(CHANNELS, body, expect=201)


async def send(
    browser: Browser, door: str, body: object = ANNA, key: str = "", **headers: str
) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    keyed = {"X-Hub-Key": key} if key else {}
    return await browser.ask("POST", URL(door).path, body, headers=named | keyed)


async def requests(house: House) -> list[Dialog]:
    page = await house.hub.engine.find(BY_CHANGE, {"project": ALPHA}, limit=50)
    return [each for each in page.items if each.creation == "form"]


async def lines(house: House, row: Dialog) -> list[Entry]:
    page = await house.hub.engine.find(LOG, {"dialog": row.id}, limit=50)
    return [each for each in page.items if "form" in each.data]


async def test_a_new_source_hands_over_its_address_and_its_key_and_takes_a_form(
    house: House, ada: Browser
) -> None:
    door = (await made(ada))["handed"]
    assert door["hook"].startswith(f"{ada.origin}/hooks/")
    assert door["header"] == "X-Hub-Key"
    stranger = await house.browser()
    status, told = await send(stranger, door["hook"], key=door["key"])
    assert (status, told) == (200, {"taken": True, "phone": "+79123456789"})
    [row] = await requests(house)
    assert (row.name, row.phone) == ("Анна", "+79123456789")


async def test_a_wrong_key_leaves_nothing_behind(house: House, ada: Browser) -> None:
    door = (await made(ada))["handed"]
    other = (await made(ada, "tilda"))["handed"]
    stranger = await house.browser()
    for key in ("", "x", other["key"], door["key"][:-1] + "!", door["key"] * 2):
        status, told = await send(stranger, door["hook"], key=key)
        assert (status, told["code"]) == (403, "signature")
    in_address = f"{URL(door['hook']).path}?key={door['key']}"
    status, _ = await stranger.ask("POST", in_address, ANNA)
    assert status == 403
    assert await requests(house) == []
    letters = await house.hub.engine.find(DEAD_LETTERS, {"project": ALPHA}, limit=5)
    assert letters.items == []


async def test_a_form_of_a_megabyte_is_refused_as_too_large(house: House, ada: Browser) -> None:
    door = (await made(ada))["handed"]
    status, told = await send(ada, door["hook"], ANNA | {"comment": "x" * 1_000_000}, door["key"])
    assert (status, told["code"]) == (413, "too_large")
    assert str(BODY_MAX_BYTES) in told["detail"]
    assert await requests(house) == []


async def test_a_sender_that_is_not_understood_is_told_so_and_its_body_is_kept(
    house: House, ada: Browser
) -> None:
    door = (await made(ada))["handed"]
    status, told = await send(ada, door["hook"], [{"a": []}, None], door["key"])
    assert (status, told) == (422, {"taken": False, "error": "empty"})
    letters = await house.hub.engine.find(DEAD_LETTERS, {"project": ALPHA}, limit=5)
    assert len(letters.items) == 1


async def test_a_form_posted_twenty_times_at_once_is_one_line(house: House, ada: Browser) -> None:
    door = (await made(ada))["handed"]
    told = await asyncio.gather(
        *(send(ada, door["hook"], key=door["key"], Idempotency_Key="7") for _ in range(20))
    )
    assert {status for status, _ in told} == {200}
    [row] = await requests(house)
    assert len(await lines(house, row)) == 1


async def test_a_flood_of_forms_is_told_to_slow_down(house: House, ada: Browser) -> None:
    made_here = await made(ada)
    door = made_here["handed"]
    house.stop_the_clock()
    while await house.hub.bus.allow(f"forms:{made_here['id']}", FORMS, FORMS_PERIOD) is None:
        pass
    status, told = await send(ada, door["hook"], key=door["key"])
    assert (status, told["code"]) == (429, "limited")
    # Nobody who lacks the key can use the turns up.
    status, _ = await send(ada, door["hook"], key="x")
    assert status == 403


async def test_tilda_may_try_its_address_before_it_knows_the_key(
    house: House, ada: Browser
) -> None:
    door = URL((await made(ada, "tilda"))["handed"]["hook"]).path
    stranger = await house.browser()
    answer = await stranger.client.post(door, data={"test": "test"})
    assert (answer.status, await answer.text()) == (200, "ok")
    answer = await stranger.client.post(door, data={"test": "test", "Phone": "89123456789"})
    assert answer.status == 403
    assert await requests(house) == []


@pytest.mark.parametrize("server_settings", [PUBLIC])
async def test_a_platform_that_knows_only_an_address_brings_the_key_in_a_header(
    house: House, ada: Browser
) -> None:
    handed = (await made(ada, "jivosite"))["handed"]
    address = URL(handed["hook"])
    assert (address.user, address.password, address.host) == ("hub", handed["key"], "hub.example")
    basic = b64encode(f"{address.user}:{address.password}".encode()).decode()
    body = {"event_name": "offline_message", "message": "Есть кто?", "offline_message_id": 5}
    status, told = await send(ada, handed["hook"], body, Authorization=f"Basic {basic}")
    assert (status, told) == (200, {"result": "ok"})


async def test_a_key_of_ones_own_is_never_told_again(house: House, ada: Browser) -> None:
    own = "a-key-of-the-admins-own"
    door = await made(ada, key=own)
    assert own not in str(door)
    assert door["settings"]["key"] == {"secret": True, "set": True}
    status, _ = await send(ada, door["handed"]["hook"], key=own)
    assert status == 200
    assert "key" not in door["handed"]


async def test_a_trial_waits_for_the_first_form(house: House, ada: Browser) -> None:
    door = await made(ada)
    path = f"{CHANNELS}/{door['id']}/test"
    trial = (await ada.post(path))["trial"]
    steps = {each["step"]: (each["state"], each["code"]) for each in trial["steps"]}
    assert steps["key"] == ("ok", "none")
    assert steps["hook"] == ("waiting", "by_hand")
    assert steps["seen"] == ("waiting", "waiting")
    await send(ada, door["handed"]["hook"], key=door["handed"]["key"])
    trial = (await ada.get(path))["trial"]
    assert {each["state"] for each in trial["steps"]} == {"ok"}


async def read(ada: Browser, channel: str, body: str, content_type: str = "") -> Any:
    told = {"body": body} | ({"content_type": content_type} if content_type else {})
    return await ada.post(f"{CHANNELS}/{channel}/reading", told)


async def test_an_admin_sees_how_a_body_would_be_read_and_nothing_is_kept(
    house: House, ada: Browser
) -> None:
    id = (await made(ada, phone_field="номер"))["id"]
    body = (
        "name=Анна&номер=8+(912)+345-67-89&comment=После+шести&csrf=1&utm_source=ya"
        "&page=https://shop.example/&formname=Замер&formid=f1"
    )
    found = await read(ada, id, body, "application/x-www-form-urlencoded")
    assert (found["name"], found["phone"], found["why_not"]) == ("Анна", "+79123456789", "")
    assert (found["written"], found["comment"]) == ("8 (912) 345-67-89", "После шести")
    assert (found["form"], found["page"]) == ("Замер", "https://shop.example/")
    assert (found["utm"], found["handling"]) == ({"utm_source": "ya"}, "callback")
    assert [each["name"] for each in found["fields"]] == ["name", "номер", "comment"]
    assert found["id"].startswith("form:")
    assert {each["name"]: each["why"] for each in found["ignored"]} == {
        "csrf": "dropped",
        "utm_source": "service",
        "formname": "service",
        "formid": "service",
        "page": "service",
    }
    assert await requests(house) == []
    letters = await house.hub.engine.find(DEAD_LETTERS, {"project": ALPHA}, limit=5)
    assert letters.items == []


async def test_what_is_wrong_with_a_body_is_said_by_a_code(ada: Browser) -> None:
    id = (await made(ada, honeypot="website"))["id"]
    for body, told in (
        ('{"phone": "8 800 555-35-35"}', {"why_not": "toll_free", "phone": ""}),
        ('{"phone": "112"}', {"why_not": "too_short", "phone": ""}),
        ('{"name": "Анна"}', {"why_not": "empty", "written": ""}),
        ('{"phone": "8 912 345-67-89, доб. 5"}', {"phone": "+79123456789"}),
        ("{", {"error": "json"}),
        ("{}", {"error": "empty"}),
        ('{"website": "x", "phone": "89123456789"}', {"event": "spam"}),
    ):
        found = await read(ada, id, body)
        assert {name: found[name] for name in told} == told


async def test_a_chat_is_shown_as_its_lines(ada: Browser) -> None:
    id = (await made(ada, "jivosite"))["id"]
    said = [{"message": "Есть?", "type": "visitor"}, {"message": "Да", "type": "agent"}]
    body = {"event_name": "chat_finished", "chat_id": 1, "chat": {"messages": said}}
    found = await read(ada, id, json.dumps(body))
    assert [(each["staff"], each["text"]) for each in found["said"]] == [
        (False, "Есть?"),
        (True, "Да"),
    ]


async def test_only_a_source_is_read_and_only_by_its_admins(house: House, ada: Browser) -> None:
    id = (await made(ada))["id"]
    body = {"body": "{}"}
    status, _ = await ada.ask("POST", f"/api/v1{CHANNELS}/alpha-site/reading", body)
    assert status == 404
    await house.operator("bob", BETA, Role.ADMIN)
    bob = await house.browser("bob")
    for project in ("alpha", "beta"):
        status, _ = await bob.ask("POST", f"/api/v1/projects/{project}/channels/{id}/reading", body)
        assert status in (403, 404)
    await house.operator("eve", ALPHA)
    eve = await house.browser("eve")
    status, _ = await eve.ask("POST", f"/api/v1{CHANNELS}/{id}/reading", body)
    assert status in (403, 404)


async def test_readings_are_limited(house: House, ada: Browser) -> None:
    house.stop_the_clock()
    id = (await made(ada))["id"]
    for _ in range(READINGS):
        await read(ada, id, "{}")
    status, told = await ada.ask("POST", f"/api/v1{CHANNELS}/{id}/reading", {"body": "{}"})
    assert (status, told["code"]) == (429, "limited")


async def test_an_admin_sees_which_box_would_be_a_consent_to_advertising(ada: Browser) -> None:
    id = (await made(ada))["id"]
    ticked = await read(ada, id, '{"email": "anna@example.com", "newsletter": "on"}')
    assert (ticked["email"], ticked["advertising"]) == ("anna@example.com", "newsletter")
    unticked = await read(ada, id, '{"email": "anna@example.com", "newsletter": "no"}')
    assert unticked["advertising"] == ""

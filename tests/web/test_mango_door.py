"""An exchange set up in the channels' rooms, and its calls through the real door to the screens."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from msgspec.structs import replace

from hub.model import Channel, ChannelId, Membership, Role
from tests.telephony.mango_server import KEY, LINE, SALT, body, mango
from tests.web.house import ALPHA, Browser, House, sign

KIND = {"kind": "mango", "name": "АТС"}
PERSON = "79031234567"


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def exchange(ada: Browser, **settings: Any) -> str:
    """The path of the hook of a new one."""
    made = await ada.post(
        "/projects/alpha/channels",
        KIND | {"settings": {"key": KEY, "salt": SALT} | settings},
        expect=201,
    )
    return str(made["id"])


def news(state: str, **more: Any) -> dict[str, Any]:
    known = {
        "entry_id": "NTAw",
        "call_id": "one",
        "timestamp": int(time.time()) - 20,
        "seq": 1,
        "call_state": state,
        "location": "queue",
        "from": {"number": PERSON},
        "to": {"line_number": LINE},
    }
    return known | more


def missed() -> dict[str, Any]:
    now = int(time.time())
    return {
        "entry_id": "NTAw",
        "call_direction": 1,
        "from": {"number": PERSON},
        "to": {},
        "line_number": LINE,
        "create_time": now - 20,
        "talk_time": 0,
        "end_time": now,
        "disconnect_reason": 1110,
    }


async def test_its_secrets_are_sealed_and_its_key_is_tried(house: House, ada: Browser) -> None:
    async with mango() as server:
        id = await exchange(ada, api_url=server.url)
        told = await ada.get(f"/projects/alpha/channels/{id}/settings")
        assert told["settings"]["key"] == told["settings"]["salt"] == {"secret": True, "set": True}
        document = await house.hub.engine.get(Channel, id)
        assert document is not None
        assert KEY not in str(document.settings)
        assert SALT not in str(document.settings)
        trial = (await ada.post(f"/projects/alpha/channels/{id}/test"))["trial"]
    assert trial["name"] == "MANGO OFFICE (1)"
    assert [each["state"] for each in trial["steps"] if each["step"] == "key"] == ["ok"]


async def test_a_call_is_on_the_screen_while_it_rings_and_a_task_once_it_is_missed(
    house: House, ada: Browser
) -> None:
    id = await exchange(ada)
    anna = await house.browser("anna")
    screen = await anna.live()
    await screen.frame("hello")
    stranger = await house.browser()
    door = f"/hooks/{id}/events"
    status, _ = await stranger.ask("POST", f"{door}/call", data=body(news("Appeared")))
    assert status == 200
    rings = await screen.event("call.changed")
    assert (rings["call"]["phone"], rings["call"]["live"]) == (f"+{PERSON}", True)
    status, _ = await stranger.ask("POST", f"{door}/summary", data=body(missed()))
    assert status == 200
    listed = (await anna.get("/projects/alpha/dialogs"))["items"]
    [row] = [each for each in listed if each["channel"] == id]
    assert (row["type"], row["call_status"], row["awaits"]) == ("missed_call", "new", "operator")


async def test_what_a_stranger_sends_is_refused_and_leaves_nothing(
    house: House, ada: Browser
) -> None:
    id = await exchange(ada)
    stranger = await house.browser()
    for sent in (body(missed(), salt="other"), body(missed(), key="other"), b"", b"json={}"):
        for path in (f"/hooks/{id}", f"/hooks/{id}/events/summary"):
            status, told = await stranger.ask("POST", path, data=sent)
            assert (status, told["code"]) == (403, "signature")
    listed = (await (await house.browser("anna")).get("/projects/alpha/dialogs"))["items"]
    assert [each for each in listed if each["channel"] == id] == []


async def test_who_may_not_see_the_exchange_hears_nothing_of_its_calls(
    house: House, ada: Browser
) -> None:
    id = await exchange(ada)
    operator = await house.operator("zoya", ALPHA)
    await house.hub.engine.change(
        Membership,
        f"{operator.id}:alpha",
        lambda had: replace(had, channels=(ChannelId("alpha-echo"),)),
    )
    zoya = await house.browser("zoya")
    screen = await zoya.live()
    await screen.frame("hello")
    stranger = await house.browser()
    await stranger.ask("POST", f"/hooks/{id}/events/call", data=body(news("Appeared")))
    said = json.dumps({"messages": [{"from": "vera", "id": "1", "text": "Привет"}]}).encode()
    headers = {"X-Signature": sign(said)}
    await stranger.ask("POST", "/hooks/alpha-echo", data=said, headers=headers)
    await screen.event("dialog.changed")
    listed = (await zoya.get("/projects/alpha/dialogs"))["items"]
    assert [each for each in listed if each["channel"] == id] == []
    assert not [each for each in screen.raw if PERSON in each]

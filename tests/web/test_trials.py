"""Channels of messengers through the API: their forms, their secrets, and a real round trip."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

import bots
from bots.platforms.max import MaxPlatform
from hub.keeping.secrets import is_sealed, secret_fields
from hub.model import ChannelId, Membership, Role
from hub.store.schema import AUDIT
from tests.ports import free_port
from tests.web.house import ALPHA, BETA, Browser, House, known_kinds
from web.api_trials import TRIALS

CHANNELS = "/projects/alpha/channels"
SECRET = "not-to-be-seen-by-anybody"
SAMPLES: dict[str, dict[str, Any]] = {
    "form": {"key": SECRET},
    "greenapi": {"token": SECRET, "instance_id": "7103000001"},
    "jivosite": {"key": SECRET},
    "marquiz": {"key": SECRET},
    "max": {"token": SECRET},
    "site": {"identity_secret": SECRET},
    "telegram": {"token": f"123456789:{SECRET}-and-some-more"},
    "tilda": {"key": SECRET},
    "viber": {"token": SECRET, "name": "Bakery"},
    "vk": {"token": SECRET, "group_id": 123},
    "smsaero": {"api_key": SECRET, "email": "sales@example.com", "sign": "Romashka"},
    "whatsapp": {"token": SECRET, "app_secret": SECRET, "phone_number_id": "106540352242922"},
}
"""What a channel of each kind of ours can be made with; a new kind adds its own."""


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


@pytest.fixture
async def platform() -> AsyncIterator[MaxPlatform]:
    made = MaxPlatform()
    await made.start()
    yield made
    await made.stop()


async def connect(ada: Browser, platform: MaxPlatform, **settings: Any) -> str:
    body = {"kind": "max", "name": "Bot", "settings": platform.settings() | settings}
    made = await ada.post(CHANNELS, body, expect=201)
    return f"{CHANNELS}/{made['id']}"


async def until_seen(house: House, ada: Browser, path: str) -> Any:
    """The trial once a message was seen in it."""
    async with asyncio.timeout(20), house.hub.bus.listen() as heard:
        while True:
            trial = (await ada.get(f"{path}/test"))["trial"]
            if steps(trial)["seen"][0] == "ok":
                return trial
            await heard.take()


def steps(trial: Any) -> dict[str, tuple[str, str]]:
    return {each["step"]: (each["state"], each["code"]) for each in trial["steps"]}


async def test_every_kind_is_offered_and_tells_what_it_needs(ada: Browser) -> None:
    offered = [each["kind"] for each in (await ada.get(f"{CHANNELS}/kinds"))["items"]]
    assert offered == known_kinds()
    form = await ada.get(f"{CHANNELS}/kinds/vk")
    fields = {each["name"]: each for each in form["fields"]}
    assert (fields["token"]["type"], fields["token"]["required"]) == ("secret", True)
    assert (fields["group_id"]["type"], fields["group_id"]["required"]) == ("number", True)
    assert (fields["proxy"]["type"], fields["proxy"]["required"]) == ("secret", False)
    assert form["receives"] == ["hook", "poll"]
    for unknown in ("nothing", "..%2Fsite", "line"):
        status, told = await ada.ask("GET", f"/api/v1{CHANNELS}/kinds/{unknown}")
        assert (status, told["field"]) == (400, "kind")


async def test_a_word_written_to_the_bot_ends_its_trial(
    house: House, ada: Browser, platform: MaxPlatform
) -> None:
    path = await connect(ada, platform)
    assert (await ada.get(f"{path}/test"))["trial"] is None
    trial = (await ada.post(f"{path}/test"))["trial"]
    assert trial["name"]
    assert trial["username"] in trial["link"]
    assert steps(trial) == {
        "key": ("ok", ""),
        "hook": ("ok", "poll"),
        "write": ("waiting", "link"),
        "seen": ("waiting", "waiting"),
    }
    picture = await ada.raw("GET", "/" + trial["picture"].lstrip("/"))
    assert (picture.status, picture.content_type.partition("/")[0]) == (200, "image")

    anna = platform.person("Анна")
    await platform.write(anna, "Здравствуйте")
    trial = await until_seen(house, ada, path)
    assert {each["state"] for each in trial["steps"]} == {"ok"}
    assert trial["steps"][-1]["detail"] == "Анна"
    found = await ada.get(f"/dialogs/{trial['dialog']}")
    assert found["dialog"]["name"] == "Анна"
    # Whoever looks later, or from another screen, sees the same.
    assert (await ada.get(f"{path}/test"))["trial"]["dialog"] == trial["dialog"]
    [pulse] = [
        each["pulse"]
        for each in (await ada.get(f"{CHANNELS}/settings"))["items"]
        if each["kind"] == "max"
    ]
    assert (pulse["state"], pulse["reason"]) == ("ok", "")


async def test_a_refused_key_is_said_and_another_is_taken(
    ada: Browser, platform: MaxPlatform
) -> None:
    path = await connect(ada, platform, token="of-another-bot")
    trial = (await ada.post(f"{path}/test"))["trial"]
    assert steps(trial)["key"] == ("failed", "dead_key")
    assert (trial["name"], trial["link"]) == ("", "")
    view = await ada.get(f"{path}/settings")
    assert (view["pulse"]["state"], view["pulse"]["reason"]) == ("halted", "dead_key")

    token = platform.settings()["token"]
    await ada.ask("PATCH", f"/api/v1{path}/settings", {"settings": {"token": token}})
    assert (await ada.get(f"{path}/settings"))["pulse"]["state"] != "halted"
    assert steps((await ada.post(f"{path}/test"))["trial"])["key"] == ("ok", "")


async def test_what_is_off_or_does_not_open_is_not_tried(
    ada: Browser, platform: MaxPlatform
) -> None:
    path = await connect(ada, platform)
    await ada.ask("PATCH", f"/api/v1{path}/settings", {"enabled": False})
    status, told = await ada.ask("POST", f"/api/v1{path}/test", {})
    assert (status, told["code"]) == (409, "off")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "settings.token"),
        ({"token": "with a space"}, "settings.token"),
        ({"token": ""}, "settings.token"),
        ({"token": {"secret": True, "set": True}}, "settings.token"),
        ({"token": "x", "proxy": "ftp://x"}, "settings.proxy"),
        ({"token": "x", "api_url": "javascript:alert(1)"}, "settings.api_url"),
        ({"token": "x", "api_url": "https://name:word@x"}, "settings.api_url"),
        ({"token": "x", "receive": "never"}, "settings.receive"),
        ({"token": "x", "other": 1}, "settings.other"),
    ],
)
async def test_a_form_that_does_not_do_is_refused_at_its_field(
    ada: Browser, settings: dict[str, Any], field: str
) -> None:
    body = {"kind": "max", "name": "Bot", "settings": settings}
    told = await ada.post(CHANNELS, body, expect=400)
    assert told["field"] == field
    kinds = [each["kind"] for each in (await ada.get(f"{CHANNELS}/settings"))["items"]]
    assert "max" not in kinds


@pytest.mark.parametrize("kind", bots.kinds())
async def test_no_kind_s_secret_is_in_any_answer(house: House, ada: Browser, kind: str) -> None:
    """The platform is away, so that what is said of that is looked at as well."""
    settings = SAMPLES[kind]
    if "api_url" in bots.load(kind).settings_type.__struct_fields__:
        settings = settings | {
            "api_url": f"http://127.0.0.1:{free_port()}",
            "proxy": f"http://user:{SECRET}@127.0.0.1:{free_port()}",
        }
    said: list[Any] = []

    async def ask(method: str, path: str, body: object = None) -> Any:
        status, told = await ada.ask(method, f"/api/v1{path}", body)
        said.append((status, told))
        return told

    made = await ask("POST", CHANNELS, {"kind": kind, "name": "Bot", "settings": settings})
    path = f"{CHANNELS}/{made['id']}"
    hidden = secret_fields(bots.load(kind).settings_type)
    given = [name for name in hidden if name in settings]
    assert given
    assert all(made["settings"][name] == {"secret": True, "set": True} for name in given)
    document = await house.hub.setup.get(ALPHA, made["id"])
    assert SECRET not in str(document.settings)
    assert all(is_sealed(document.settings[name]) for name in given)

    await ask("GET", f"{CHANNELS}/kinds/{kind}")
    await ask("GET", f"{path}/settings")
    await ask("GET", f"{CHANNELS}/settings")
    await ask("POST", f"{path}/test", {})
    await ask("GET", f"{path}/test")
    await ask("PATCH", f"{path}/settings", {"name": "Other", "settings": made["settings"]})
    await ask("PATCH", f"{path}/settings", {"settings": {name: [SECRET] for name in given}})
    await ask("PATCH", f"{path}/settings", {"settings": dict.fromkeys(given, SECRET * 99)})
    await ask("PATCH", f"{path}/settings", {"enabled": False})
    notes = await house.hub.engine.find(AUDIT, {"project": ALPHA}, limit=200)
    pulse = await house.hub.pulses.of(made["id"])
    assert [status for status, _ in said[:7]] == [201, 200, 200, 200, 200, 200, 200]
    assert SECRET not in json.dumps(said) + str(notes.items) + str(pulse)
    # What came back as it was shown has changed nothing.
    kept = house.hub.vault.opened(await house.hub.setup.get(ALPHA, made["id"]))
    assert {name: kept.settings[name] for name in given} == {name: settings[name] for name in given}


async def test_trials_are_on_record_and_not_without_end(
    house: House, ada: Browser, platform: MaxPlatform
) -> None:
    path = await connect(ada, platform)
    house.stop_the_clock()
    statuses = [(await ada.ask("POST", f"/api/v1{path}/test", {}))[0] for _ in range(TRIALS + 1)]
    assert statuses == [200] * TRIALS + [429]
    notes = await house.hub.engine.find(AUDIT, {"project": ALPHA}, limit=200)
    tried = [each for each in notes.items if each.verb == "channel_tested"]
    known = await house.hub.accounts.by_login("ada")
    assert known is not None
    assert {(each.actor, each.target) for each in tried} == {
        (known.id, path.rpartition("/")[2]),
    }
    assert len(tried) == TRIALS


async def test_only_admins_of_the_channel_may(
    house: House, ada: Browser, platform: MaxPlatform
) -> None:
    path = await connect(ada, platform)
    id = path.rpartition("/")[2]
    await house.operator("sofia", ALPHA, Role.SUPERVISOR)
    await house.operator("bela", BETA, Role.ADMIN)
    part = await house.operator("vera", ALPHA, Role.ADMIN)
    await house.hub.engine.change(
        Membership,
        f"{part.id}:alpha",
        lambda had: replace(had, channels=(ChannelId("alpha-echo"),)),
    )
    asked: tuple[tuple[str, str, object], ...] = (
        ("GET", f"{path}/test", None),
        ("POST", f"{path}/test", {}),
        ("GET", f"{CHANNELS}/kinds", None),
        ("GET", f"{CHANNELS}/kinds/max", None),
    )
    for login, expect in (("anna", 403), ("sofia", 403), ("boris", 404), ("bela", 404)):
        browser = await house.browser(login)
        for method, where, body in asked:
            status, _ = await browser.ask(method, f"/api/v1{where}", body)
            assert status == expect, (login, method, where)
    for login, there in (("bela", f"/projects/beta/channels/{id}"), ("vera", path)):
        browser = await house.browser(login)
        for method, body in (("GET", None), ("POST", {})):
            status, _ = await browser.ask(method, f"/api/v1{there}/test", body)
            assert status == 404, (login, method)
    assert (await ada.get(f"{path}/test"))["trial"] is None

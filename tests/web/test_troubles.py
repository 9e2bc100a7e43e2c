"""What is wrong with a channel reaches those who can mend it, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from hub.model import Channel, ChannelId, ProjectId, Role
from tests.web.house import House

ALPHA = ProjectId("alpha")
ECHO = ChannelId("alpha-echo")
TROUBLES = "/projects/alpha/troubles"


async def halt(house: House, reason: str = "dead_key") -> None:
    pulses = house.hub.pulses
    await pulses.halt(ECHO, reason, pulses.mark(ECHO))


async def items(browser: Any) -> list[tuple[str, str, str]]:
    return [
        (each["name"], each["state"], each["reason"])
        for each in (await browser.get(TROUBLES))["items"]
    ]


async def test_an_admin_hears_of_a_dead_key_and_of_its_end(house: House) -> None:
    await house.operator("ada", ALPHA, Role.ADMIN)
    ada = await house.browser("ada")
    live = await ada.live()
    await live.frame("hello")
    await halt(house)
    told = await live.event("channel.told")
    assert (told["channel"], told["state"], told["reason"]) == (ECHO, "halted", "dead_key")
    document = house.hub.channels.document(ECHO)
    assert await items(ada) == [(document.name, "halted", "dead_key")]
    await house.hub.pulses.revive(ECHO)
    assert (await live.event("channel.told"))["state"] == "ok"
    assert await items(ada) == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPERVISOR])
async def test_nobody_else_hears_of_it(house: House, role: Role) -> None:
    await house.operator("olga", ALPHA, role)
    olga = await house.browser("olga")
    live = await olga.live()
    await live.frame("hello")
    await halt(house)
    visitor = await house.visitor()
    await visitor.write("раз")
    heard = await live.until(
        lambda f: f["t"] == "event" and f["event"]["event"] != "presence.changed"
    )
    assert heard["event"]["event"] == "dialog.changed"
    status, _ = await olga.ask("GET", f"/api/v1{TROUBLES}")
    assert status == 403


async def test_an_admin_of_another_project_hears_nothing(house: House) -> None:
    await house.operator("bela", ProjectId("beta"), Role.ADMIN)
    bela = await house.browser("bela")
    await halt(house)
    status, _ = await bela.ask("GET", f"/api/v1{TROUBLES}")
    assert status == 404
    assert (await bela.get("/projects/beta/troubles"))["items"] == []


async def test_what_was_wrong_with_other_settings_is_wrong_no_more(house: House) -> None:
    from msgspec.structs import replace

    await house.operator("ada", ALPHA, Role.ADMIN)
    ada = await house.browser("ada")
    await halt(house)
    await house.hub.engine.change(Channel, ECHO, lambda had: replace(had, enabled=False))
    await house.hub.channels.refresh()
    assert await items(ada) == []


async def test_an_operator_says_it_otherwise_takes_it_back_and_is_understood_twice(
    house: House,
) -> None:
    anna, visitor = await house.browser("anna"), await house.visitor()
    ok = await visitor.write("сколько стоит?")
    at = f"/api/v1/dialogs/{ok['dialog']}"
    said = await anna.post(
        f"/dialogs/{ok['dialog']}/messages", {"key": "answer-1", "text": "сто"}, expect=201
    )
    await visitor.socket.until(lambda f: f["t"] == "entry" and f["entry"]["state"] == "sent")
    for _ in range(2):
        status, shown = await anna.ask(
            "PATCH", f"{at}/entries/{said['id']}", {"key": "edit-0001", "text": "двести"}
        )
        assert status == 200, shown
    seen = await visitor.socket.until(
        lambda f: f["t"] == "entry" and f["entry"]["edited_at"] is not None
    )
    assert seen["entry"]["text"] == "двести"
    status, _ = await anna.ask(
        "PUT", f"{at}/entries/{said['id']}/reaction", {"key": "react-001", "emoji": "👍"}
    )
    assert status == 200
    status, _ = await anna.ask("DELETE", f"{at}/entries/{said['id']}?key=drop-0001")
    assert status == 200
    gone = await visitor.socket.until(
        lambda f: f["t"] == "entry" and f["entry"]["deleted_at"] is not None
    )
    assert gone["entry"]["text"] == ""
    status, told = await anna.ask(
        "PATCH", f"{at}/entries/{said['id']}", {"key": "edit-0002", "text": "триста"}
    )
    assert (status, told["code"]) == (409, "deleted")
    status, _ = await anna.ask("DELETE", f"{at}/entries/{said['id']}")
    assert status == 400

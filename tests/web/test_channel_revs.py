"""Two admins at one channel cannot undo each other unseen."""

from __future__ import annotations

import asyncio
from typing import Any

from hub.model import Role
from tests.web.house import ALPHA, Browser, House

SETTINGS = "/projects/alpha/channels/alpha-shop/settings"


async def at_work(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    ada = await house.browser("ada")
    await ada.post("/projects/alpha/channels", {"kind": "site", "name": "Shop"}, expect=201)
    return ada


async def change(ada: Browser, body: object) -> tuple[int, Any]:
    return await ada.ask("PATCH", f"/api/v1{SETTINGS}", body)


async def test_what_was_read_before_somebody_else_saved_is_not_saved(house: House) -> None:
    ada = await at_work(house)
    seen = (await ada.get(SETTINGS))["rev"]
    hers = {"rev": seen, "settings": {"title": "Her words"}}
    status, after = await change(ada, hers)
    assert (status, after["rev"]) == (200, seen + 1)

    for late in ({"settings": {"title": "His words"}}, {"name": "His"}, {"enabled": False}):
        status, told = await change(ada, {"rev": seen, **late})
        assert (status, told["code"], told["current"]) == (409, "changed", str(seen + 1))
    assert await ada.get(SETTINGS) == after

    # Asked once more for what stands already, as when the answer was lost.
    assert await change(ada, hers) == (200, after)
    items = (await ada.get("/projects/alpha/channels/settings"))["items"]
    assert {each["id"]: each["rev"] for each in items}["alpha-shop"] == seen + 1
    assert (await change(ada, {"rev": -1, "name": "His"}))[0] == 400


async def test_of_those_who_read_the_same_one_saves(house: House) -> None:
    ada = await at_work(house)
    seen = (await ada.get(SETTINGS))["rev"]
    wanted = [{"rev": seen, "settings": {"title": f"Words {n}"}} for n in range(5)]
    told = await asyncio.gather(*(change(ada, each) for each in wanted))
    assert sorted(status for status, _ in told) == [200, 409, 409, 409, 409]
    [saved] = [body for status, body in told if status == 200]
    assert await ada.get(SETTINGS) == saved


async def test_who_names_no_revision_changes_what_stands(house: House) -> None:
    ada = await at_work(house)
    await change(ada, {"settings": {"title": "Her words"}})
    status, after = await change(ada, {"enabled": False})
    assert (status, after["settings"]["title"], after["enabled"]) == (200, "Her words", False)

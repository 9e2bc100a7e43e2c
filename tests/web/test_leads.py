"""Callback orders and people who are one, through the doors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub import contacts
from hub.model import ContactId, Membership, Project
from hub.schedule import always
from tests.web.house import Browser, House
from web.routes import ROOT

PHONE, OTHER = "+79161234567", "+79161234568"


@pytest.fixture(autouse=True)
async def any_hour(house: House) -> None:
    """Alpha is open, and its people may be called, whatever the clock of this machine says."""

    def opened(had: Project) -> Project:
        from hub.quiet import Quiet

        calling = replace(had.calling, quiet=Quiet("00:00", "23:59"))
        return replace(had, schedule=always("Europe/Moscow"), calling=calling)

    await house.hub.engine.change(Project, "alpha", opened)


async def wrote(house: House) -> str:
    dialog: str = (await (await house.visitor()).write("Перезвоните"))["dialog"]
    return dialog


async def ordered(anna: Browser, dialog: str, phone: str = PHONE) -> dict[str, Any]:
    asked = {"key": "callback-1", "phone": phone, "anyway": True}
    told = await anna.post(f"/dialogs/{dialog}/callback", asked, expect=201)
    lead: dict[str, Any] = told["lead"]
    return lead


async def test_an_operator_asks_moves_gives_back_corrects_and_cancels(house: House) -> None:
    anna, dialog = await house.browser("anna"), await wrote(house)
    live = await anna.live()
    lead = await ordered(anna, dialog, "8 (916) 123-45-67")
    assert (lead["phone"], lead["dialog"], lead["origin"]) == (PHONE, dialog, "operator")
    assert (await live.event("lead.changed"))["lead"]["id"] == lead["id"]

    at = (house.hub.now() + timedelta(hours=3)).isoformat()
    path = f"/projects/alpha/leads/{lead['id']}"
    moved = (await anna.post(f"{path}/move", {"at": at}))["lead"]
    assert moved["due_at"] == moved["held"]["at"]
    assert [each["zone"] for each in moved["clocks"]] == ["Europe/Moscow"]
    assert (await anna.post(f"{path}/automatic"))["lead"]["held"] is None

    right = (await anna.post(f"{path}/phone", {"phone": OTHER}))["lead"]
    assert (right["phone"], right["live"]) == (OTHER, True)
    [only] = (await anna.get("/projects/alpha/leads"))["items"]
    assert only["id"] == right["id"]

    path = f"/projects/alpha/leads/{right['id']}"
    assert (await anna.post(f"{path}/cancel", {"cause": "handled"}))["lead"]["live"] is False
    again = await anna.post(f"{path}/cancel", {"cause": "handled"}, expect=409)
    assert again["code"] == "ended"
    ended = (await anna.get("/projects/alpha/leads?view=ended"))["items"]
    assert [each["cause"] for each in ended] == ["handled", "corrected"]
    card = await anna.get(path)
    assert {each["verb"] for each in card["timeline"]} == {"call"}
    assert (await anna.get(f"/dialogs/{dialog}"))["dialog"]["call_status"] == "processed"


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("move", {"at": "2020-01-01T00:00:00Z"}, "at"),
        ("move", {"at": "2026-01-01T00:00:00"}, "at"),
        ("move", {"at": "tomorrow"}, "at"),
        ("cancel", {"cause": "because"}, "cause"),
        ("phone", {"phone": "112"}, "phone"),
        ("phone", {"phone": "9" * 101}, "phone"),
        ("phone", {}, "phone"),
    ],
)
async def test_what_cannot_be_decided_is_refused(
    house: House, what: str, body: object, field: str
) -> None:
    anna = await house.browser("anna")
    lead = await ordered(anna, await wrote(house))
    path = f"/projects/alpha/leads/{lead['id']}"
    told = await anna.post(f"{path}/{what}", body, expect=400)
    assert told["field"] == field
    assert (await anna.get(path))["lead"]["rev"] == lead["rev"]


async def test_who_does_not_see_the_channel_sees_and_touches_no_lead_of_it(house: House) -> None:
    anna = await house.browser("anna")
    lead = await ordered(anna, await wrote(house))
    vera = await house.operator("vera", house.hub.channels.document("alpha-site").project)
    await house.hub.engine.change(
        Membership, f"{vera.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    browser = await house.browser("vera")
    assert (await browser.get("/projects/alpha/leads"))["items"] == []
    path = f"/projects/alpha/leads/{lead['id']}"
    assert (await browser.ask("GET", ROOT + path))[0] == 404
    await browser.post(f"{path}/automatic", expect=404)


async def test_two_contacts_with_one_phone_are_suggested_and_made_one(house: House) -> None:
    anna = await house.browser("anna")
    one, two, three = [await wrote(house) for _ in range(3)]
    assert (await anna.get(f"/dialogs/{one}/alike"))["items"] == []
    people = {}
    for dialog in (one, two):
        people[dialog] = (await anna.get(f"/dialogs/{dialog}"))["dialog"]["contact"]
        await contacts.fill(house.hub.engine, ContactId(people[dialog]), phone=PHONE)
    [alike] = (await anna.get(f"/dialogs/{one}/alike"))["items"]
    assert (alike["contact"], alike["phones"]) == (people[two], [PHONE])
    assert (alike["dialogs"], alike["kind"]) == (1, "site")

    stranger = (await anna.get(f"/dialogs/{three}"))["dialog"]["contact"]
    await anna.post(f"/dialogs/{one}/merge", {"contact": stranger}, expect=404)
    for _ in range(2):
        await anna.post(f"/dialogs/{one}/merge", {"contact": people[two]})
    other = (await anna.get(f"/dialogs/{two}"))["dialog"]
    assert other["contact"] == people[one]
    card = await anna.get(f"/dialogs/{one}")
    assert [each["id"] for each in card["others"]] == [two]
    assert (await anna.get(f"/dialogs/{one}/alike"))["items"] == []

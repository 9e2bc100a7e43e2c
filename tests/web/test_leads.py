"""Callback orders and people who are one, through the doors."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from hub.leads.lead import Lead
from hub.model import ContactId, Membership, Project, cut
from hub.people import contacts
from hub.schedule import always
from hub.store.engine import Insert
from tests.web.house import Browser, House
from web.routes import ROOT

PHONE, OTHER = "+79161234567", "+79161234568"


@pytest.fixture(autouse=True)
async def any_hour(house: House) -> None:
    """Alpha is open, and its people may be called, whatever the clock of this machine says."""

    def opened(had: Project) -> Project:
        from hub.leads.quiet import Quiet

        calling = replace(had.calling, quiet=Quiet("00:00", "23:59"))
        return replace(had, schedule=always("Europe/Moscow"), calling=calling)

    await house.hub.engine.change(Project, "alpha", opened)


async def wrote(house: House) -> str:
    dialog: str = (await (await house.visitor()).write("Перезвоните"))["dialog"]
    return dialog


async def ordered(
    anna: Browser, dialog: str, phone: str = PHONE, at: datetime | None = None
) -> dict[str, Any]:
    asked = {"key": "callback-1", "phone": phone, "anyway": True} | (
        {"at": at.isoformat()} if at else {}
    )
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


def named(name: str, lead: Lead) -> Lead:
    return replace(lead, name=name)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("4567", [PHONE]),
        ("45-67", [PHONE]),
        ("8 (916) 123", [OTHER, PHONE]),
        ("+7 916", [OTHER, PHONE]),
        ("7916", [OTHER, PHONE]),
        ("+916", []),
        ("9161234568", [OTHER]),
        ("8 916 123-45-68", [OTHER]),
        ("+79161234569", []),
        ("0000", []),
        ("-", [OTHER, PHONE]),
        ("Ал", [PHONE]),
        ("алЁна пет", [PHONE]),
        ("петрова Алена", [PHONE]),
        ("ена", []),
        ("Алёна 4567", []),
    ],
)
async def test_a_lead_is_found_by_any_part_of_its_phone_and_by_how_its_name_begins(
    house: House, typed: str, found: list[str]
) -> None:
    anna = await house.browser("anna")
    for n, (phone, name) in enumerate([(PHONE, "Алёна Петрова"), (OTHER, "Борис")]):
        at = house.hub.now() + timedelta(hours=3 - n)
        lead = await ordered(anna, await wrote(house), phone, at)
        await house.hub.engine.change(Lead, lead["id"], partial(named, name))
    page = await anna.get(f"/projects/alpha/leads?q={quote(typed)}")
    assert [each["phone"] for each in page["items"]] == found
    assert (page["next"], page["looked_to"]) == (None, None)
    assert (await anna.get(f"/projects/alpha/leads?view=ended&q={quote(typed)}"))["items"] == []


async def test_a_search_of_leads_pauses_and_says_how_far_it_looked(house: House) -> None:
    anna = await house.browser("anna")
    begun = cut(house.hub.now())
    lead = await ordered(anna, await wrote(house), at=begun + timedelta(days=2))
    kept = await house.hub.engine.get(Lead, lead["id"])
    assert kept is not None
    # Of one person they would give way to one another.
    kept = replace(kept, contact=None, contacts=(), rev=0)
    others = [
        replace(kept, id=f"alpha:{phone}:1", phone=phone, due_at=begun + timedelta(minutes=n))
        for n, phone in enumerate([f"+7999{n:07}" for n in range(2_001)], 1)
    ]
    await house.hub.engine.write(*(Insert(each) for each in others))
    page = await anna.get("/projects/alpha/leads?q=4567&limit=1")
    assert page["items"] == []
    looked_to = datetime.fromisoformat(page["looked_to"])
    assert looked_to == begun + timedelta(minutes=2_000)
    page = await anna.get(f"/projects/alpha/leads?q=4567&limit=1&after={page['next']}")
    assert [each["phone"] for each in page["items"]] == [PHONE]
    assert page["looked_to"] is None
    page = await anna.get("/projects/alpha/leads?q=89161234567&limit=1")
    assert [each["phone"] for each in page["items"]] == [PHONE]


async def test_who_does_not_see_the_channel_finds_no_lead_of_it(house: House) -> None:
    anna = await house.browser("anna")
    await ordered(anna, await wrote(house))
    vera = await house.operator("vera", house.hub.channels.document("alpha-site").project)
    await house.hub.engine.change(
        Membership, f"{vera.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    browser = await house.browser("vera")
    for typed in ("4567", "89161234567"):
        assert (await browser.get(f"/projects/alpha/leads?q={typed}"))["items"] == []
    assert (await anna.get("/projects/alpha/leads?q=4567"))["items"]
    refused = await anna.ask("GET", f"{ROOT}/projects/alpha/leads?q={'9' * 101}")
    assert refused[0] == 400

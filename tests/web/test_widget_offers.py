"""The number on a phone and the subscription, at the visitors' door: who may press what."""

from __future__ import annotations

from typing import Any

import pytest

from hub.model import Contact, Entry, Verb
from hub.records import ConsentText
from tests.web.asking import arrange, asks, config, log_of, row_of
from tests.web.house import House, Visitor
from web.visitor_asks import SUBSCRIBES_OF_EMAIL, TAPS

EMAIL = "anna@example.com"


async def ticked(house: House, *purposes: str) -> list[dict[str, str]]:
    boxes = (await config(house))["subscription"]["consents"]
    return [
        {"purpose": box["purpose"], "version": box["version"]}
        for box in boxes
        if box["purpose"] in purposes
    ]


async def lines(house: House, visitor: Visitor) -> list[Entry]:
    row = await row_of(house, visitor)
    return await log_of(house, row) if row is not None else []


class TestTap:
    async def test_it_is_one_request_however_often_it_is_told(self, house: House) -> None:
        await arrange(house, phone="+78121234567")
        visitor = await house.visitor(visit={"page": "https://shop.example/sofa"})
        for key in ("tap-00001", "tap-00001", "tap-00002"):
            assert (await asks(visitor, "tap", key))["t"] == "ok"
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.type, row.call_status, row.n) == ("mobile_direct", "mobile_direct", 1)
        assert row.visit.page == "https://shop.example/sofa"
        told = await log_of(house, row)
        assert [(each.verb, each.data) for each in told] == [
            (Verb.TAPPED, {"number": "+78121234567"})
        ] * 2

    async def test_where_no_number_is_shown_none_was_pressed(self, house: House) -> None:
        visitor = await house.visitor()
        refused = await asks(visitor, "tap")
        assert (refused["code"], refused["again"]) == ("forbidden", False)
        assert await row_of(house, visitor) is None

    async def test_who_presses_all_day_is_asked_to_wait(self, house: House) -> None:
        await arrange(house, phone="+78121234567")
        visitor = await house.visitor()
        for n in range(TAPS):
            assert (await asks(visitor, "tap", f"tap-{n:05}"))["t"] == "ok"
        refused = await asks(visitor, "tap", "tap-more-1")
        assert (refused["code"], refused["again"]) == ("limited", True)
        assert len(await lines(house, visitor)) == TAPS


class TestSubscription:
    @pytest.fixture(autouse=True)
    async def offered(self, house: House) -> None:
        await arrange(house, subscription={"enabled": True, "text": "Скидки"})

    async def test_a_page_is_given_two_boxes_whose_words_are_kept(self, house: House) -> None:
        told = (await config(house))["subscription"]
        assert told["text"] == "Скидки"
        assert [box["purpose"] for box in told["consents"]] == ["processing", "advertising"]
        assert all(box["required"] for box in told["consents"])
        for box in told["consents"]:
            id = f"alpha:{box['purpose']}:{box['version']}"
            kept = await house.hub.engine.get(ConsentText, id)
            assert kept is not None
            assert kept.text == box["text"]

    async def test_the_address_is_the_contacts_once_both_are_ticked(self, house: House) -> None:
        visitor = await house.visitor()
        given = await ticked(house, "processing", "advertising")
        for _ in range(2):
            done = await asks(visitor, "subscribe", "sub-00001", email=f" {EMAIL} ", given=given)
            assert done["t"] == "ok"
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.chat_status, row.fields) == ("subscribed", {"email": EMAIL})
        contact = await house.hub.engine.get(Contact, row.contact)
        assert contact is not None
        assert contact.emails == (EMAIL,)
        verbs = [each.verb for each in await lines(house, visitor)]
        assert verbs == [Verb.SUBSCRIBED, Verb.CONSENT, Verb.CONSENT]

    @pytest.mark.parametrize("purposes", [(), ("processing",), ("advertising",)])
    async def test_with_a_box_unticked_no_address_is_kept(
        self, house: House, purposes: tuple[str, ...]
    ) -> None:
        visitor = await house.visitor()
        given = await ticked(house, *purposes)
        refused = await asks(visitor, "subscribe", email=EMAIL, given=given)
        assert (refused["code"], refused["again"]) == ("consent_required", False)
        assert await row_of(house, visitor) is None

    @pytest.mark.parametrize("email", ["", "anna", "a@b", "<b>@example.com", "x" * 300])
    async def test_what_is_no_address_is_said_to_be_none(self, house: House, email: str) -> None:
        visitor = await house.visitor()
        given = await ticked(house, "processing", "advertising")
        refused = await asks(visitor, "subscribe", email=email, given=given)
        assert (refused["code"], refused["field"]) == ("email", "email")
        assert await row_of(house, visitor) is None

    async def test_one_address_is_not_put_in_by_a_crowd(self, house: House) -> None:
        given = await ticked(house, "processing", "advertising")
        told: list[Any] = []
        for n in range(SUBSCRIBES_OF_EMAIL + 1):
            visitor = await house.visitor()
            address = EMAIL.upper() if n % 2 else EMAIL
            told.append(await asks(visitor, "subscribe", email=address, given=given))
        assert [each["t"] for each in told[:-1]] == ["ok"] * SUBSCRIBES_OF_EMAIL
        assert told[-1]["code"] == "limited"

    async def test_where_it_is_switched_off_nobody_subscribes(self, house: House) -> None:
        given = await ticked(house, "processing", "advertising")
        await arrange(house, subscription={"enabled": False})
        assert (await config(house))["subscription"] is None
        visitor = await house.visitor()
        refused = await asks(visitor, "subscribe", email=EMAIL, given=given)
        assert refused["code"] == "forbidden"


async def test_an_operator_notes_that_a_letter_went(house: House) -> None:
    await arrange(house, subscription={"enabled": True})
    visitor = await house.visitor()
    given = await ticked(house, "processing", "advertising")
    await asks(visitor, "subscribe", email=EMAIL, given=given)
    row = await row_of(house, visitor)
    assert row is not None
    anna = await house.browser("anna")
    told = await anna.post(f"/dialogs/{row.id}/emailed")
    assert (told["status"], told["awaits"]) == ("email", "customer")

"""What a visitor may ask for beside the talk, and what nobody gets by asking."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.errors import UnavailableError
from hub.model import Contact
from hub.records import Consent, ConsentText
from hub.store.schema import CONSENTS
from tests.web.asking import (
    ALPHA,
    PHONE,
    SECRET,
    agreed,
    arrange,
    asks,
    config,
    log_of,
    row_of,
    slots,
)
from tests.web.house import SHOP, House
from web.visitor import revived


class TestConfig:
    async def test_it_has_all_that_a_page_needs_and_no_secret(self, house: House) -> None:
        await arrange(
            house,
            identity="optional",
            identity_secret=SECRET,
            messengers=[{"kind": "telegram", "url": "https://t.me/shop"}],
            callback={"enabled": True},
            invite={"enabled": True, "text": "Помочь?", "pages": ["/price*"]},
        )
        told = await config(house)
        [messenger] = told["messengers"]
        assert messenger == {"kind": "telegram", "url": "https://t.me/shop", "joins": False}
        assert told["callback"]["enabled"] is True
        assert told["invite"]["pages"] == ["/price*"]
        assert (told["identity"], told["preview"]) == ("optional", False)
        assert "secret" not in json.dumps(told)
        assert (await config(house, channel="beta-site"))["invite"] is None

    async def test_who_is_here_is_told_by_name_if_the_project_wishes(self, house: House) -> None:
        anna = await house.browser("anna")
        live = await anna.live()
        await live.frame("hello")
        await live.event("presence.changed")
        assert (await config(house))["people"] == [{"name": "Anna"}]
        assert (await config(house, channel="beta-site"))["people"] == []
        await arrange(house, operator_names=False)
        assert (await config(house))["people"] == []

    async def test_processing_comes_first_wherever_a_phone_is_taken(self, house: House) -> None:
        await arrange(house, consents=[{"purpose": "advertising", "text": "Реклама"}])
        assert [box["purpose"] for box in (await config(house))["consents"]] == ["advertising"]
        await arrange(house, callback={"enabled": True})
        first, second = (await config(house))["consents"]
        assert (first["purpose"], first["required"]) == ("processing", True)
        assert "Альфа" in first["text"]
        assert (second["text"], second["required"]) == ("Реклама", False)

    async def test_the_words_of_each_language_are_a_version_of_their_own(
        self, house: House
    ) -> None:
        await arrange(house, callback={"enabled": True})
        [ru] = (await config(house))["consents"]
        [en] = (await config(house, "?lang=en"))["consents"]
        assert ru["version"] != en["version"]
        for box in (ru, en):
            kept = await house.hub.engine.get(ConsentText, f"alpha:processing:{box['version']}")
            assert kept is not None
            assert kept.text == box["text"]

    async def test_a_page_draws_the_chat_while_the_store_is_away(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await arrange(house, callback={"enabled": True})

        async def away(*_: object, **__: object) -> None:
            raise UnavailableError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(house.hub.engine, "write", away)
            given = await agreed(house)
        visitor = await house.visitor()
        assert (await asks(visitor, "call", phone=PHONE, given=given))["t"] == "error"
        assert await agreed(house) == given
        assert (await asks(visitor, "call", phone=PHONE, given=given))["t"] == "ok"

    async def test_slots_are_told_in_the_visitors_zone(self, house: House) -> None:
        told = await slots(house)
        assert told["zone"] == "Asia/Vladivostok"
        assert 0 < len(told["days"]) <= 5
        for day in told["days"]:
            for slot in day["slots"]:
                assert "09:00" <= slot["label"] < "21:00"
        assert (await slots(house, "No/Where"))["zone"] == "Europe/Moscow"
        browser = await house.browser()
        answer = await browser.raw(
            "GET", "/widget/alpha-site/slots", headers={"Origin": "https://evil.example"}
        )
        assert answer.status == 403
        assert (await browser.ask("GET", "/widget/alpha-echo/slots"))[0] == 404


class TestCall:
    @pytest.fixture(autouse=True)
    async def callback(self, house: House) -> None:
        await arrange(house, callback={"enabled": True})

    async def test_it_is_planned_for_the_slot_and_told_to_every_tab(self, house: House) -> None:
        visitor = await house.visitor()
        other = await house.visitor(key=visitor.key)
        at = (await slots(house))["days"][1]["slots"][3]["at"]
        done = await asks(
            visitor,
            "call",
            phone=PHONE,
            at=at,
            zone="Asia/Vladivostok",
            comment="Про доставку",
            given=await agreed(house),
            page=f"{SHOP}/price?x=1",
        )
        assert (done["t"], done["at"]) == ("ok", at)
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.id, row.phone, row.type) == (done["dialog"], "+79161234567", "callback")
        assert row.call_at == datetime.fromisoformat(at)
        tail = {"phone_tail": "45-67", "at": at}
        assert await other.socket.frame("asked") == {"t": "asked"} | tail
        back = await house.visitor(key=visitor.key)
        assert back.greeting["call"] == tail
        assert back.greeting["dialog"] == row.id
        page = await house.hub.engine.find(
            CONSENTS, {"project": "alpha", "contact": row.contact, "purpose": "processing"}
        )
        [consent] = page.items
        assert (consent.given, consent.channel) == (True, "alpha-site")
        assert consent.page == f"{SHOP}/price?x=1"

    async def test_without_a_time_it_is_as_soon_as_possible(self, house: House) -> None:
        visitor = await house.visitor()
        done = await asks(visitor, "call", phone=PHONE, at=None, given=await agreed(house))
        assert (done["t"], "at" in done) == ("ok", False)
        back = await house.visitor(key=visitor.key)
        assert back.greeting["call"] == {"phone_tail": "45-67", "at": None}

    async def test_no_phone_is_taken_before_the_box_is_ticked(self, house: House) -> None:
        await arrange(house, consents=[{"purpose": "advertising", "text": "Реклама"}])
        visitor = await house.visitor()
        [good] = await agreed(house)
        for given in (
            [],
            await agreed(house, "advertising"),
            [good | {"version": "000000000000"}],
            [good | {"purpose": "transfer"}],
            [good | {"version": ""}],
        ):
            refused = await asks(visitor, "call", phone=PHONE, at=None, given=given)
            assert (refused["code"], refused["field"]) == ("consent_required", "given"), given
        assert await row_of(house, visitor) is None
        identity = f"alpha-site:{visitor.key.partition('.')[0]}"
        assert await house.hub.engine.get(Contact, identity) is None

    async def test_every_box_that_must_be_ticked_must_be(self, house: House) -> None:
        await arrange(house, consents=[{"purpose": "transfer", "text": "x", "required": True}])
        visitor = await house.visitor()
        refused = await asks(
            visitor, "call", phone=PHONE, at=None, given=await agreed(house, "processing")
        )
        assert refused["code"] == "consent_required"
        done = await asks(visitor, "call", "ask-00002", phone=PHONE, given=await agreed(house))
        assert done["t"] == "ok"

    @pytest.mark.parametrize(
        "phone",
        [
            "",
            "позвоните",
            "123",
            "+1 212 555 01 99",
            "8 809 505 12 34",
            "9" * 90,
            "+7 000 000 00 00",
        ],
    )
    async def test_what_nobody_may_be_called_on_is_refused(self, house: House, phone: str) -> None:
        visitor = await house.visitor()
        refused = await asks(visitor, "call", phone=phone, at=None, given=await agreed(house))
        assert (refused["code"], refused["field"], refused["again"]) == ("phone", "phone", False)

    async def test_a_time_outside_the_hours_is_no_slot(self, house: House) -> None:
        visitor = await house.visitor()
        given = await agreed(house)
        good = datetime.fromisoformat((await slots(house))["days"][1]["slots"][0]["at"])
        for n, at in enumerate(
            (
                good - timedelta(days=30),
                good + timedelta(days=60),
                good + timedelta(minutes=7),
                good.replace(hour=17),
            )
        ):
            refused = await asks(
                visitor,
                "call",
                f"ask-1000{n}",
                phone=PHONE,
                at=at.isoformat(),
                zone="Asia/Vladivostok",
                given=given,
            )
            assert (refused["code"], refused["field"]) == ("slot", "at"), at
        for wild in ("tomorrow", "2026-11-23T15:00:00", "0001-01-01T00:00:00+14:00", 5):
            refused = await asks(visitor, "call", phone=PHONE, at=wild, given=given)
            assert refused["code"] in ("bad_value", "slot"), wild
        assert (await asks(visitor, "call", "ask-00009", phone=PHONE, given=given))["t"] == "ok"

    async def test_the_same_question_has_the_same_answer(self, house: House) -> None:
        visitor = await house.visitor()
        given = await agreed(house)
        frame: dict[str, Any] = {"phone": PHONE, "at": None, "given": given}
        answers = [await asks(visitor, "call", **frame) for _ in range(12)]
        assert all(answer == answers[0] for answer in answers)
        row = await row_of(house, visitor)
        assert row is not None
        assert [each.verb for each in await log_of(house, row)] == ["call_asked", "consent"]

    async def test_who_asks_too_often_is_asked_to_wait(self, house: House) -> None:
        visitor = await house.visitor()
        given = await agreed(house)
        answers = [
            await asks(visitor, "call", f"ask-{n:05}", phone=PHONE, given=given) for n in range(7)
        ]
        assert [answer["t"] for answer in answers] == ["ok"] * 6 + ["error"]
        assert (answers[6]["code"], answers[6]["again"]) == ("limited", True)
        stranger = await house.visitor()
        refused = await asks(stranger, "call", phone=PHONE, given=given)
        assert refused["code"] == "limited", "one phone is not rung at by many"

    async def test_where_nobody_calls_back_nobody_is_asked_for_a_phone(self, house: House) -> None:
        given = await agreed(house)
        await arrange(house, callback={"enabled": False})
        visitor = await house.visitor()
        refused = await asks(visitor, "call", phone=PHONE, given=given)
        assert (refused["code"], refused["again"]) == ("forbidden", False)

    async def test_a_wild_frame_is_refused_and_the_socket_lives_on(self, house: House) -> None:
        visitor = await house.visitor()
        given = await agreed(house)
        for frame in (
            {"phone": 5},
            {"phone": PHONE, "given": [given[0]] * 11},
            {"phone": PHONE, "given": [{"purpose": "x" * 21, "version": "1"}]},
            {"phone": PHONE, "comment": "x" * 2_001},
            {"phone": PHONE, "zone": "x" * 65},
            {"phone": "1" * 101},
        ):
            assert (await asks(visitor, "call", **frame))["code"] == "bad_value", frame
        assert (await visitor.write("хорошо"))["t"] == "ok"

    async def test_a_consent_may_be_given_by_itself(self, house: House) -> None:
        visitor = await house.visitor(fields={"phone": PHONE, "name": "Иван"})
        await visitor.write("привет")
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.phone, row.name) == ("", "Иван")
        for _ in range(2):
            assert (await asks(visitor, "consent", given=await agreed(house)))["t"] == "ok"
        row = await row_of(house, visitor)
        assert row is not None
        assert row.phone == "+79161234567"
        assert [each.verb for each in await log_of(house, row)][-2:] == ["consent", "fields"]
        refused = await asks(
            visitor, "consent", "ask-00002", given=[{"purpose": "processing", "version": "no"}]
        )
        assert refused["code"] == "consent_required"
        assert (await house.hub.engine.get(Consent, f"{row.identity}:call:x")) is None


class TestRating:
    async def test_it_is_asked_for_once_and_counted(self, house: House) -> None:
        visitor = await house.visitor()
        assert (await asks(visitor, "rate", score="good", text=""))["code"] == "not_found"
        ok = await visitor.write("привет")
        anna = await house.browser("anna")
        await anna.post(f"/dialogs/{ok['dialog']}/take")
        await anna.post(f"/dialogs/{ok['dialog']}/close")
        await visitor.socket.frame("closed")
        back = await house.visitor(key=visitor.key)
        assert (back.greeting["closed"], back.greeting["rated"]) == (True, False)
        for score in ("bad", "good"):
            assert (await asks(visitor, "rate", score=score, text="Долго"))["t"] == "ok"
        row = await row_of(house, visitor)
        assert row is not None
        assert row.cycle.score == "bad"
        back = await house.visitor(key=visitor.key)
        assert back.greeting["rated"] is True
        assert (await asks(visitor, "rate", score="best", text=""))["code"] == "bad_value"

    async def test_where_none_is_wanted_none_is_taken(self, house: House) -> None:
        await arrange(house, rating=False)
        visitor = await house.visitor()
        await visitor.write("привет")
        assert (await asks(visitor, "rate", score="good", text=""))["code"] == "forbidden"


async def test_a_wish_that_failed_us_is_kept_and_heard_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await arrange(house, callback={"enabled": True})
    visitor = await house.visitor()
    given = await agreed(house)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    with monkeypatch.context() as patch:
        patch.setattr(house.hub.intake, "accept", broken)
        refused = await asks(visitor, "call", phone=PHONE, given=given)
    assert refused["code"] == "payload"
    page = await house.hub.letters.of(ALPHA, None)
    [letter] = page.items
    kind = house.hub.channels.get("alpha-site")
    await house.hub.intake.accept(kind, await revived(house.hub, kind, letter))
    row = await row_of(house, visitor)
    assert row is not None
    assert row.phone == "+79161234567"

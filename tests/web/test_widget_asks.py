"""What a visitor may ask for beside the talk, and what nobody gets by asking."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.dialogs import latest
from hub.errors import UnavailableError
from hub.model import Channel, Contact, Dialog, Entry, IdentityId, ProjectId
from hub.records import Consent, ConsentText
from hub.store.schema import CONSENTS, LOG
from tests.web.house import SHOP, House, LiveSocket, Visitor
from web.visitor import revived

ALPHA = ProjectId("alpha")
SECRET = "a-long-enough-secret"
PHONE = "8 (916) 123-45-67"
ORIGIN = {"Origin": SHOP}


async def arrange(house: House, channel: str = "alpha-site", **settings: Any) -> None:
    await house.hub.engine.change(
        Channel, channel, lambda had: replace(had, settings=had.settings | settings)
    )
    await house.hub.channels.refresh()


async def config(house: House, query: str = "", channel: str = "alpha-site") -> Any:
    browser = await house.browser()
    status, told = await browser.ask("GET", f"/widget/{channel}/config{query}", headers=ORIGIN)
    assert status == 200, told
    return told


async def slots(house: House, zone: str = "Asia/Vladivostok") -> Any:
    browser = await house.browser()
    status, told = await browser.ask("GET", f"/widget/alpha-site/slots?zone={zone}", headers=ORIGIN)
    assert status == 200, told
    return told


async def agreed(house: House, *purposes: str) -> list[dict[str, str]]:
    """The boxes ticked: those of these purposes, or all that must be."""
    return [
        {"purpose": box["purpose"], "version": box["version"]}
        for box in (await config(house))["consents"]
        if (box["purpose"] in purposes if purposes else box["required"])
    ]


async def asks(visitor: Visitor, t: str, key: str = "ask-00001", **frame: Any) -> Any:
    await visitor.socket.say(t=t, key=key, **frame)
    return await visitor.socket.until(
        lambda each: each["t"] in ("ok", "error") and each["key"] == key
    )


async def heard_out(visitor: Visitor) -> None:
    """Until all that was said before has had its effect."""
    await visitor.socket.say(t="ping")
    await visitor.socket.frame("pong")


async def row_of(house: House, visitor: Visitor, channel: str = "alpha-site") -> Dialog | None:
    await heard_out(visitor)
    id = IdentityId(f"{channel}:{visitor.key.partition('.')[0]}")
    return await latest(house.hub.engine, house.hub.channels.document(channel).project, id)


async def log_of(house: House, row: Dialog) -> list[Entry]:
    return (await house.hub.engine.find(LOG, {"dialog": row.id})).items


def signed(id: str, secret: str = SECRET) -> dict[str, str]:
    return {"id": id, "hash": hmac.new(secret.encode(), id.encode(), hashlib.sha256).hexdigest()}


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


class TestIdentity:
    @pytest.fixture(autouse=True)
    async def secret(self, house: House) -> None:
        await arrange(house, identity="optional", identity_secret=SECRET)

    async def test_a_signed_person_has_one_dialog_on_all_devices(self, house: House) -> None:
        here = await house.visitor(identity=signed("42") | {"name": "Иван"})
        ok = await here.write("с телефона")
        there = await house.visitor(identity=signed("42"))
        assert there.greeting["verified"] is True
        assert there.greeting["dialog"] == ok["dialog"]
        assert [each["text"] for each in there.greeting["entries"]] == ["с телефона"]
        row = await row_of(house, here)
        assert row is not None
        assert (row.verified, row.name, row.fields["id"]) == (True, "Иван", "42")

    @pytest.mark.parametrize(
        "claim",
        [
            {"id": "42"},
            {"id": "42", "hash": ""},
            {"id": "42", "hash": "0" * 64},
            {"id": "42", "hash": "я" * 64},
            {"id": "42", "hash": signed("43")["hash"]},
            {"id": "42", "hash": signed("42", "another-secret-of-16")["hash"]},
            {"id": "42 ", "hash": signed("42")["hash"]},
        ],
    )
    async def test_whoever_only_claims_to_be_that_person_is_somebody_else(
        self, house: House, claim: dict[str, str]
    ) -> None:
        true = await house.visitor(identity=signed("42"))
        await true.write("секрет")
        liar = await house.visitor(identity=claim)
        assert (liar.greeting["verified"], liar.greeting["dialog"]) == (False, None)
        ok = await liar.write("это я")
        assert ok["dialog"] != true.greeting["dialog"]
        row = await row_of(house, liar)
        assert row is not None
        assert not row.verified
        await arrange(house, identity="required")
        browser = await house.browser()
        ws = await browser.client.ws_connect("/widget/alpha-site/live", headers=ORIGIN)
        socket = LiveSocket(ws)
        await socket.say(t="hello", key=None, identity=claim)
        assert (await socket.frame("error"))["code"] == "identity"
        assert await socket.closed() == 4403

    async def test_a_signed_persons_key_alone_opens_nothing(self, house: House) -> None:
        """A browser keeps the key after its owner has signed out of the site."""
        person = await house.visitor(identity=signed("42"))
        await person.write("секрет")
        left = await house.visitor(key=person.key)
        assert (left.greeting["dialog"], left.greeting["verified"]) == (None, False)
        assert left.key != person.key

    async def test_where_one_must_sign_in_nobody_else_is_heard(self, house: House) -> None:
        known = await house.visitor()
        await arrange(house, identity="required")
        for hello in ({"key": None}, {"key": known.key}):
            browser = await house.browser()
            ws = await browser.client.ws_connect("/widget/alpha-site/live", headers=ORIGIN)
            socket = LiveSocket(ws)
            await socket.say(t="hello", **hello)
            frame = await socket.frame("error")
            assert (frame["code"], frame["again"]) == ("identity", False)
            assert await socket.closed() == 4403
        status, told = await known.browser.ask(
            "POST",
            "/widget/alpha-site/files?name=a",
            data=b"x",
            headers=ORIGIN | {"X-Visitor-Key": known.key},
        )
        assert (status, told["code"]) == (403, "forbidden")
        assert (await house.visitor(identity=signed("7"))).greeting["verified"] is True

    async def test_one_channels_signature_is_nothing_to_another(self, house: House) -> None:
        person = await house.visitor(identity=signed("42"))
        await person.write("секрет")
        other = await house.visitor("beta-site", identity=signed("42"))
        assert (other.greeting["verified"], other.greeting["dialog"]) == (False, None)
        await arrange(house, "beta-site", identity="optional", identity_secret=SECRET)
        other = await house.visitor("beta-site", identity=signed("42"))
        assert other.greeting["verified"] is True
        assert other.key.partition(".")[0] != person.key.partition(".")[0]

    async def test_an_identity_claimed_where_none_is_asked_for_is_only_words(
        self, house: House
    ) -> None:
        await arrange(house, identity="off")
        visitor = await house.visitor(identity=signed("42") | {"email": "a@b.example"})
        await visitor.write("привет")
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.verified, row.fields) == (False, {"id": "42", "email": "a@b.example"})


class TestFacts:
    async def test_they_are_kept_with_the_first_word(self, house: House) -> None:
        visitor = await house.visitor(fields={"city": "Тверь"})
        await visitor.socket.say(t="fields", fields={"plan": "pro", "$where": "1", "a.b": "2"})
        await visitor.write("привет")
        row = await row_of(house, visitor)
        assert row is not None
        assert row.fields == {"city": "Тверь", "plan": "pro", "_where": "1", "a_b": "2"}
        await visitor.socket.say(t="fields", fields={"plan": "free"})
        assert await row_of(house, visitor) is not None
        back = await house.visitor(key=visitor.key, fields=row.fields | {"plan": "free"})
        row = await row_of(house, back)
        assert row is not None
        assert row.fields["plan"] == "free"
        assert len([each for each in await log_of(house, row) if each.verb == "fields"]) == 2

    async def test_huge_ones_are_cut_and_a_flood_of_them_is_not_written(self, house: House) -> None:
        visitor = await house.visitor(fields={f"f{n}": "x" * 2_000 for n in range(12)})
        await visitor.write("привет")
        for n in range(100):
            await visitor.socket.say(t="fields", fields={"n": str(n)})
        row = await row_of(house, visitor)
        assert row is not None
        assert max(map(len, row.fields.values())) == 500
        assert len(await log_of(house, row)) < 50

    @pytest.mark.parametrize("fields", [5, [], {"a": 5}, {"a": {"b": "c"}}, None])
    async def test_what_is_no_fields_is_refused(self, house: House, fields: Any) -> None:
        visitor = await house.visitor()
        await visitor.socket.say(t="fields", fields=fields)
        assert (await visitor.socket.frame("error"))["code"] == "bad_value"

    async def test_the_page_follows_the_visitor(self, house: House) -> None:
        visitor = await house.visitor(visit={"page": f"{SHOP}/", "entry_page": f"{SHOP}/"})
        await visitor.write("раз")
        await visitor.socket.say(t="page", page=f"{SHOP}/price", title="Цены")
        await visitor.write("два")
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.visit.page, row.visit.title) == (f"{SHOP}/price", "Цены")
        assert row.visit.entry_page == f"{SHOP}/"

    async def test_a_visit_is_kept_whole_and_cut_to_sane_lengths(self, house: House) -> None:
        visit = {
            "page": f"{SHOP}/",
            "utm": {"utm_source": "ya"},
            "first": {
                "utm": {"utm_source": "vk"},
                "page": f"{SHOP}/a",
                "referrer": "https://vk.com/",
                "at": "0001-01-01T00:00:00+14:00",
            },
            "yclid": "1" * 5_000,
            "gclid": "g",
            "ym_client_id": "16",
            "ga_client_id": "1.2",
            "pages": 2**70,
            "device": "toaster",
        }
        visitor = await house.visitor(visit=visit)
        await visitor.write("привет")
        row = await row_of(house, visitor)
        assert row is not None
        assert (row.visit.pages, row.visit.device, len(row.visit.yclid)) == (100_000, "", 200)
        assert row.visit.first is not None
        assert (row.visit.first.at, row.visit.first.utm) == (None, {"utm_source": "vk"})


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

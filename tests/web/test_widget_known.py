"""Who a visitor is: what the site signs, what a visitor claims, and what is told of a visit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.asking import ORIGIN, SECRET, arrange, log_of, row_of, signed
from tests.web.house import SHOP, House, LiveSocket


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

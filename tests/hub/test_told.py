"""What a person tells besides messages: a wish to be called, consents, facts, how it was."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.errors import NotFoundError
from hub.events import CallAsked, ConsentGiven, FieldsTold, Rated, Sender
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.leads.leads import end, latest
from hub.model import (
    CallTime,
    Contact,
    ContactId,
    Dialog,
    Entry,
    Given,
    Verb,
)
from hub.people.consents import Agreed, Asked, ConsentRequiredError
from hub.people.visit import Visit
from hub.records import Consent, ConsentText, Fact
from hub.statuses import RequestType, Status
from hub.store.engine import Engine
from hub.store.schema import CONSENTS
from tests.spine import (
    SHOP,
    START,
    WEEK,
    Clock,
    Crash,
    Mortal,
    ask,
    current,
    episodes,
    log_of,
    message,
    receive,
    sound,
    texts,
)

PHONE = "+79161234567"
BOX = Asked(purpose="processing", version="v1", text="Согласен", url="", required=True)
MORE = Asked(purpose="advertising", version="v1", text="Шлите", url="", required=False)
AGREED = (Given("processing", "v1"),)
TOMORROW = CallTime(at=START + timedelta(days=1), local="2026-03-03T12:00", zone="Europe/Moscow")


@pytest.fixture(autouse=True)
async def boxes(hub: Hub) -> None:
    """The words that people of these tests were shown."""
    await hub.consents.show(SHOP, [BOX, MORE], START)


def wish(
    clock: Clock,
    n: int = 1,
    *,
    visitor: str = "ivan",
    given: tuple[Given, ...] = AGREED,
    time: CallTime | None = None,
    phone: str = PHONE,
) -> CallAsked:
    return CallAsked(
        sender=Sender(external_id=visitor, name="Иван"),
        at=clock(),
        external_id=f"{visitor}:call:{n}",
        phone=phone,
        time=time,
        zone="Europe/Moscow",
        comment="После обеда",
        visit=Visit(page="https://shop.example/"),
        given=given,
        page="https://shop.example/call",
    )


def facts(clock: Clock, visitor: str = "ivan", **fields: str) -> FieldsTold:
    return FieldsTold(sender=Sender(external_id=visitor), at=clock(), fields=fields)


async def works(hub: Hub) -> None:
    while await hub.worker.work():
        pass


async def verbs(hub: Hub, row: Dialog) -> list[Verb | None]:
    return [each.verb for each in await log_of(hub.engine, row.id)]


async def consents_of(engine: Engine, visitor: str = "ivan") -> list[Consent]:
    found = []
    for purpose in ("processing", "advertising", "transfer"):
        page = await engine.find(
            CONSENTS, {"project": SHOP, "contact": f"site:{visitor}", "purpose": purpose}
        )
        found += page.items
    return found


async def test_a_stranger_who_wants_a_call_opens_a_request_for_it(hub: Hub, clock: Clock) -> None:
    [accepted] = await receive(hub, wish(clock, time=TOMORROW))
    row = await current(hub)
    assert accepted.dialog == row.id
    assert (row.type, row.creation, row.open) == (RequestType.CALLBACK, "form", True)
    assert (row.phone, row.call_at, row.call_status) == (PHONE, TOMORROW.at, Status.NEW)
    assert (row.name, row.unanswered) == ("Иван", 1)
    entry, consent = await log_of(hub.engine, row.id)
    assert entry.verb is Verb.CALL_ASKED
    assert entry.data == {
        "phone": PHONE,
        "at": "2026-03-03T09:00:00Z",
        "local": "2026-03-03T12:00",
        "zone": "Europe/Moscow",
        "comment": "После обеда",
    }
    assert (consent.verb, consent.data["purpose"]) == (Verb.CONSENT, "processing")
    contact = await hub.engine.get(Contact, "site:ivan")
    assert contact is not None
    assert contact.phones == (PHONE,)
    await sound(hub.engine, row.id)


async def test_without_a_consent_nothing_of_the_phone_is_kept(hub: Hub, clock: Clock) -> None:
    for given in ((), (Given("advertising", "v1"),), (Given("processing", "v0"),)):
        with pytest.raises(ConsentRequiredError):
            await receive(hub, wish(clock, given=given))
    assert await hub.engine.get(Contact, "site:ivan") is None
    assert await hub.engine.get(Entry, "site:ivan:call:1") is None
    row = await ask(hub)
    await receive(hub, facts(clock, phone=PHONE, city="Тверь"))
    row = await current(hub)
    assert (row.phone, row.fields) == ("", {"city": "Тверь"})
    assert PHONE.encode() not in b"".join(
        repr(each).encode() for each in await log_of(hub.engine, row.id)
    )


async def test_a_consent_says_to_which_words_it_was_given(hub: Hub, clock: Clock) -> None:
    await receive(hub, wish(clock, given=(*AGREED, Given("advertising", "v1"))))
    one, two = await consents_of(hub.engine)
    assert (one.purpose, two.purpose) == ("processing", "advertising")
    assert (one.given, one.at, one.page) == (True, clock(), "https://shop.example/call")
    assert (one.channel, one.identity, one.contact) == ("site", "site:ivan", "site:ivan")
    words = await hub.engine.get(ConsentText, f"{SHOP}:processing:{one.version}")
    assert words is not None
    assert (words.text, words.sha256) == ("Согласен", one.sha256)


async def test_a_consent_given_before_is_enough_until_it_is_withdrawn(
    hub: Hub, clock: Clock
) -> None:
    given = ConsentGiven(
        sender=Sender(external_id="ivan"), at=clock(), external_id="ivan:consent:1", given=AGREED
    )
    await receive(hub, given, given)
    [consent] = await consents_of(hub.engine)
    await receive(hub, wish(clock, given=()))

    place = Agreed(
        project=SHOP,
        channel=consent.channel,
        identity=consent.identity,
        contact=ContactId("site:ivan"),
    )
    clock.forward(timedelta(minutes=1))
    assert await hub.consents.withdraw(place, "stop", "processing", clock()) is not None
    assert await hub.consents.withdraw(place, "stop2", "processing", clock()) is None
    with pytest.raises(ConsentRequiredError):
        await receive(hub, wish(clock, 2, given=()))


async def test_a_wish_repeated_at_any_age_is_one_wish(hub: Hub, clock: Clock, anna: Who) -> None:
    asked = wish(clock)
    await asyncio.gather(*(receive(hub, asked) for _ in range(6)))
    row = await current(hub)
    await hub.desk.close(anna, row.id)
    clock.forward(WEEK)
    [again] = await receive(hub, asked)
    assert not again.fresh
    assert [each.id for each in await episodes(hub)] == [row.id]
    assert (await verbs(hub, row)).count(Verb.CALL_ASKED) == 1
    assert len(await consents_of(hub.engine)) == 1


async def test_who_asks_in_an_open_dialog_stays_in_it(hub: Hub, clock: Clock) -> None:
    row = await ask(hub)
    await receive(hub, wish(clock))
    after = await current(hub)
    assert (after.id, after.type) == (row.id, RequestType.LIVE_CHAT)
    assert (after.chat_status, after.call_status) == (Status.CHATTING, Status.NEW)
    await sound(hub.engine, row.id)


async def test_after_a_closing_a_wish_is_a_request_of_its_own(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    first = await ask(hub)
    await hub.desk.close(anna, first.id)
    await receive(hub, wish(clock))
    one, two = await episodes(hub)
    assert (one.id, one.sealed) == (first.id, True)
    assert (two.type, two.open) == (RequestType.CALLBACK, True)


async def test_fifty_wishes_at_once_are_one_dialog_and_one_lead(hub: Hub, clock: Clock) -> None:
    await asyncio.gather(*(receive(hub, wish(clock, n)) for n in range(20)))
    [row] = await episodes(hub)
    assert (await verbs(hub, row)).count(Verb.CALL_ASKED) == 20
    await works(hub)
    lead = await latest(hub.engine, SHOP, PHONE)
    assert lead is not None
    assert (lead.n, lead.live) == (1, True)


async def test_a_crash_at_any_step_of_a_wish_leaves_one_wish(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    steps = 0
    while True:
        visitor = f"v{steps}"
        mortal.dies_after(steps)
        try:
            await receive(hub, wish(clock, visitor=visitor))
            break
        except Crash:
            steps += 1
        mortal.lives()
        await hub.worker.repair()
        await receive(hub, wish(clock, visitor=visitor))
        row = await current(hub, visitor)
        await sound(hub.engine, row.id)
        assert sorted(filter(None, await verbs(hub, row))) == [Verb.CALL_ASKED, Verb.CONSENT]
    assert steps > 4


class TestTheLead:
    async def test_it_is_ordered_for_the_time_that_was_chosen(self, hub: Hub, clock: Clock) -> None:
        await receive(hub, wish(clock, time=TOMORROW))
        await works(hub)
        lead = await latest(hub.engine, SHOP, PHONE)
        row = await current(hub)
        assert lead is not None
        assert (lead.due_at, lead.wanted) == (TOMORROW.at, TOMORROW)
        assert (lead.dialog, lead.contact, lead.origin) == (row.id, row.contact, "asked")
        assert lead.comment == "После обеда"

    async def test_as_soon_as_possible_is_now_by_day_and_the_morning_by_night(
        self, hub: Hub, clock: Clock
    ) -> None:
        await receive(hub, wish(clock))
        await works(hub)
        clock.forward(timedelta(hours=12))
        await receive(hub, wish(clock, visitor="olga", phone="+79161234568"))
        await works(hub)
        by_day = await latest(hub.engine, SHOP, PHONE)
        by_night = await latest(hub.engine, SHOP, "+79161234568")
        assert by_day is not None
        assert by_night is not None
        assert by_day.due_at == START
        assert by_night.due_at == START.replace(day=3, hour=6)

    async def test_a_changed_mind_moves_it(self, hub: Hub, clock: Clock) -> None:
        await receive(hub, wish(clock, 1))
        await works(hub)
        clock.forward(timedelta(minutes=5))
        await receive(hub, wish(clock, 2, time=TOMORROW))
        await works(hub)
        lead = await latest(hub.engine, SHOP, PHONE)
        assert lead is not None
        assert (lead.n, lead.wanted) == (1, TOMORROW)

    async def test_two_people_with_one_phone_have_one(self, hub: Hub, clock: Clock) -> None:
        for visitor in ("ivan", "olga"):
            await receive(hub, wish(clock, visitor=visitor))
        await works(hub)
        lead = await latest(hub.engine, SHOP, PHONE)
        assert lead is not None
        assert lead.n == 1

    async def test_a_wish_that_is_ruled_again_after_its_call_opens_no_other(
        self, hub: Hub, clock: Clock
    ) -> None:
        await receive(hub, wish(clock))
        await works(hub)
        lead = await latest(hub.engine, SHOP, PHONE)
        assert lead is not None
        await end(hub.engine, lead, Status.PROCESSED, clock())
        row = await current(hub)
        await hub.engine.change(
            Dialog, row.id, lambda had: replace(had, ruled_seq=0, rules_at=clock())
        )
        await works(hub)
        assert await hub.engine.get(Lead, f"{SHOP}:{PHONE}:2") is None

        clock.forward(timedelta(minutes=1))
        await receive(hub, wish(clock, 2))
        await works(hub)
        again = await latest(hub.engine, SHOP, PHONE)
        assert again is not None
        assert (again.n, again.live) == (2, True)


class TestFacts:
    async def test_they_fill_in_who_it_is(self, hub: Hub, clock: Clock) -> None:
        await receive(hub, replace(message(1, clock()), sender=Sender(external_id="ivan")))
        told = facts(clock, name="Иван", email="ivan@example.org", city="Тверь")
        await receive(hub, told, told)
        row = await current(hub)
        assert row.fields == {"name": "Иван", "email": "ivan@example.org", "city": "Тверь"}
        assert row.name == "Иван"
        assert await verbs(hub, row) == [None, Verb.FIELDS]
        contact = await hub.engine.get(Contact, row.contact)
        assert contact is not None
        assert (contact.name, contact.emails) == ("Иван", ("ivan@example.org",))
        await sound(hub.engine, row.id)

    async def test_a_name_that_is_known_stays(self, hub: Hub, clock: Clock) -> None:
        row = await ask(hub)
        await receive(hub, facts(clock, name="Пётр", email="not an address"))
        contact = await hub.engine.get(Contact, row.contact)
        assert contact is not None
        assert (contact.name, contact.emails) == ("Иван", ())

    async def test_of_a_stranger_nothing_is_kept(self, hub: Hub, clock: Clock) -> None:
        await receive(hub, facts(clock, name="Никто"))
        assert await hub.engine.get(Contact, "site:ivan") is None

    async def test_there_are_never_more_than_twenty(self, hub: Hub, clock: Clock) -> None:
        row = await ask(hub)
        for start in range(0, 60, 15):
            more = {f"f{start + n}": "x" * 9_000 for n in range(15)}
            await receive(hub, facts(clock, **more))
        row = await current(hub)
        assert len(row.fields) == 20
        assert max(map(len, row.fields.values())) == 500
        await receive(hub, facts(clock, f0="другое"))
        assert (await current(hub)).fields["f0"] == "другое"

    async def test_a_phone_is_kept_once_its_owner_agreed(self, hub: Hub, clock: Clock) -> None:
        row = await ask(hub)
        sender = Sender(external_id="ivan")
        await receive(
            hub,
            ConsentGiven(sender=sender, at=clock(), external_id="ivan:consent:1", given=AGREED),
            facts(clock, phone="8 916 123-45-67"),
            facts(clock, phone="не скажу"),
        )
        row = await current(hub)
        assert (row.phone, row.fields) == (PHONE, {"phone": PHONE})
        assert await verbs(hub, row) == [None, Verb.CONSENT, Verb.FIELDS]


class TestRating:
    def rated(self, clock: Clock, score: str = "good") -> Rated:
        return Rated(
            sender=Sender(external_id="ivan"),
            at=clock(),
            score=score,  # type: ignore[arg-type]
            text="Спасибо",
        )

    async def test_it_is_heard_once_for_each_time_the_dialog_was_open(
        self, hub: Hub, clock: Clock, anna: Who
    ) -> None:
        row = await ask(hub)
        await hub.desk.close(anna, row.id)
        await receive(hub, self.rated(clock), self.rated(clock, "bad"))
        row = await current(hub)
        assert (row.cycle.score, row.open) == ("good", False)
        await receive(hub, message(2, clock()))
        await receive(hub, self.rated(clock, "bad"))
        assert (await current(hub)).cycle.score == "bad"
        assert (await verbs(hub, row)).count(Verb.RATED) == 2
        await sound(hub.engine, row.id)

    async def test_reports_learn_of_it(self, hub: Hub, clock: Clock, anna: Who) -> None:
        row = await ask(hub)
        await hub.desk.close(anna, row.id)
        await works(hub)
        await receive(hub, self.rated(clock))
        await works(hub)
        fact = await hub.engine.get(Fact, f"{row.id}:1")
        assert fact is not None
        assert (fact.cycle.score, fact.cycle.closed_at) == ("good", clock())

    async def test_who_said_nothing_has_nothing_to_rate(self, hub: Hub, clock: Clock) -> None:
        with pytest.raises(NotFoundError):
            await receive(hub, self.rated(clock))


async def test_the_page_written_from_is_the_page_that_is_shown(hub: Hub, clock: Clock) -> None:
    first = Visit(page="https://shop.example/", entry_page="https://shop.example/", title="Дом")
    there = replace(first, page="https://shop.example/price", title="Цены")
    await receive(hub, replace(message(1, clock()), visit=first))
    await receive(hub, replace(message(2, clock()), visit=first))
    await receive(hub, replace(message(3, clock()), visit=there))
    row = await current(hub)
    assert (row.visit.page, row.visit.title) == (there.page, "Цены")
    assert row.visit.entry_page == first.page
    assert [each.data for each in await log_of(hub.engine, row.id)] == [
        {},
        {},
        {"page": there.page, "title": "Цены"},
    ]


async def test_who_comes_back_anew_sees_the_episode_before_above(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    row = await ask(hub, 1)
    await hub.desk.close(anna, row.id)
    clock.forward(WEEK + timedelta(days=1))
    now = await ask(hub, 2)
    channel = hub.channels.document("site")
    _, anew = await hub.intake.visitor_tail(channel, now.identity, None, 0, 50)
    assert texts(anew) == ["message 1", "message 2"]
    _, known = await hub.intake.visitor_tail(channel, now.identity, now.id, 0, 50)
    assert texts(known) == ["message 2"]
    _, few = await hub.intake.visitor_tail(channel, now.identity, None, 0, 1)
    assert texts(few) == ["message 2"]


async def test_a_number_reaches_its_person_also_if_the_door_died_after_the_wish(
    hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(hub.intake._told, "called", dies)
        with pytest.raises(Crash):
            await receive(hub, wish(clock))
    contact = await hub.engine.get(Contact, "site:ivan")
    assert contact is not None
    assert contact.phones == ()
    await works(hub)
    contact = await hub.engine.get(Contact, "site:ivan")
    assert contact is not None
    assert contact.phones == (PHONE,)

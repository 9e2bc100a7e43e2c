"""What is pressed beside the talk: the site's number, a subscription, and an answer by letter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.events import CallAsked, PhoneTapped, Sender, Subscribed
from hub.finding.lists import Narrowed, status
from hub.hub import Hub
from hub.model import Awaits, Channel, Contact, Given, Project, Verb
from hub.people.consents import ADVERTISING, PROCESSING, ConsentRequiredError, worded
from hub.policy import Policy, Silence
from hub.requests.verdicts import handled_since
from hub.statuses import RequestType, Status
from hub.store.schema import CONSENTS, LEADS
from tests.spine import SHOP, START, Clock, ask, current, episodes, log_of, receive

HOUR = timedelta(hours=1)
GIVEN = (Given("processing", "v1"), Given("advertising", "v1"))
EMAIL = "ivan@example.com"


@pytest.fixture(autouse=True)
async def boxes(hub: Hub) -> None:
    """Two texts that people of these tests were shown."""
    for purpose in (PROCESSING, ADVERTISING):
        box = replace(worded(purpose, "Да"), version="v1")
        await hub.consents.show(SHOP, [box], START)


def tapped(hub: Hub, key: str = "1") -> PhoneTapped:
    return PhoneTapped(
        sender=Sender(external_id="ivan"), at=hub.now(), external_id=f"ivan.tap.{key}"
    )


def subscribed(hub: Hub, key: str = "1", given: tuple[Given, ...] = GIVEN) -> Subscribed:
    return Subscribed(
        sender=Sender(external_id="ivan"),
        at=hub.now(),
        external_id=f"ivan.sub.{key}",
        email=EMAIL,
        given=given,
    )


async def ruled(hub: Hub) -> None:
    while await hub.worker.work() or await hub.worker.fire():
        pass


class TestTapped:
    async def test_it_is_a_request_that_nobody_has_to_act_on(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        await hub.engine.change(
            Channel, "site", lambda had: replace(had, settings={"phone": "+78121234567"})
        )
        await receive(hub, tapped(hub))
        row = await current(hub)
        assert (row.type, row.call_status) == (RequestType.MOBILE_DIRECT, Status.MOBILE_DIRECT)
        assert (row.open, row.awaits, row.phone) == (True, Awaits.NOBODY, "")
        narrowed = Narrowed(status=Status.MOBILE_DIRECT)
        page = await hub.lists.page(anna, SHOP, "all", narrowed)
        assert [each.id for each in page.items] == [row.id]
        await ruled(hub)
        assert (await hub.engine.find(LEADS, {"project": SHOP}, limit=5)).items == []

    async def test_pressed_again_it_is_one_more_line_and_repeated_it_is_none(
        self, hub: Hub
    ) -> None:
        for key in ("1", "1", "2"):
            await receive(hub, tapped(hub, key))
        [row] = await episodes(hub)
        assert [each.verb for each in await log_of(hub.engine, row.id)] == [Verb.TAPPED] * 2

    async def test_a_talk_that_has_begun_stays_a_talk(self, hub: Hub) -> None:
        await ask(hub)
        await receive(hub, tapped(hub))
        [row] = await episodes(hub)
        assert (row.type, row.chat_status, row.call_status) == (
            RequestType.LIVE_CHAT,
            Status.CHATTING,
            None,
        )
        assert row.awaits is Awaits.OPERATOR

    async def test_after_a_closing_it_is_a_request_of_its_own(self, hub: Hub, anna: Who) -> None:
        row = await ask(hub)
        await hub.desk.take(anna, row.id)
        await hub.desk.close(anna, row.id)
        await receive(hub, tapped(hub))
        assert [each.type for each in await episodes(hub)] == [
            RequestType.LIVE_CHAT,
            RequestType.MOBILE_DIRECT,
        ]

    async def test_whoever_then_asks_to_be_called_is_called(self, hub: Hub) -> None:
        await receive(hub, tapped(hub))
        await receive(
            hub,
            CallAsked(
                sender=Sender(external_id="ivan"),
                at=hub.now(),
                external_id="ivan.call",
                phone="+79123456789",
                given=GIVEN[:1],
            ),
        )
        await ruled(hub)
        row = await current(hub)
        assert (row.call_status, row.awaits) == (Status.NEW, Awaits.OPERATOR)
        [lead] = (await hub.engine.find(LEADS, {"project": SHOP}, limit=5)).items
        assert lead.phone == "+79123456789"

    async def test_it_starts_no_silent_hour(self, hub: Hub, clock: Clock) -> None:
        await hub.engine.change(
            Project, SHOP, lambda had: replace(had, policy=Policy(silence=Silence(enabled=True)))
        )
        await hub.channels.refresh()
        await receive(hub, tapped(hub))
        await ruled(hub)
        clock.forward(2 * HOUR)
        await ruled(hub)
        assert (await current(hub)).call_status is Status.MOBILE_DIRECT


class TestSubscribed:
    async def test_the_address_and_both_consents_are_the_persons(self, hub: Hub) -> None:
        await receive(hub, subscribed(hub), subscribed(hub))
        [row] = await episodes(hub)
        assert (row.chat_status, row.awaits) == (Status.SUBSCRIBED, Awaits.NOBODY)
        assert row.fields == {"email": EMAIL}
        contact = await hub.engine.get(Contact, row.contact)
        assert contact is not None
        assert contact.emails == (EMAIL,)
        for purpose in ("processing", "advertising"):
            equal = {"project": SHOP, "contact": row.contact, "purpose": purpose}
            [consent] = (await hub.engine.find(CONSENTS, equal, limit=5)).items
            assert (consent.given, consent.version) == (True, "v1")

    @pytest.mark.parametrize("given", [(), GIVEN[:1], GIVEN[1:]])
    async def test_without_either_consent_nothing_of_it_is_kept(
        self, hub: Hub, given: tuple[Given, ...]
    ) -> None:
        with pytest.raises(ConsentRequiredError):
            await receive(hub, subscribed(hub, given=given))
        assert await episodes(hub) == []
        assert await hub.engine.get(Contact, "site:ivan") is None

    async def test_words_that_nobody_was_shown_are_no_consent(self, hub: Hub) -> None:
        with pytest.raises(ConsentRequiredError):
            await receive(hub, subscribed(hub, given=(GIVEN[0], Given("advertising", "v9"))))
        assert await episodes(hub) == []

    async def test_whoever_then_asks_something_is_talked_to(self, hub: Hub) -> None:
        await receive(hub, subscribed(hub))
        row = await ask(hub)
        assert (row.chat_status, row.awaits) == (Status.CHATTING, Awaits.OPERATOR)
        assert len(await episodes(hub)) == 1

    async def test_where_requests_are_only_collected_the_question_is_a_new_one(
        self, hub: Hub
    ) -> None:
        await hub.engine.change(
            Project, SHOP, lambda had: replace(had, calling=replace(had.calling, mode="collect"))
        )
        await hub.channels.refresh()
        await receive(hub, subscribed(hub))
        assert (await ask(hub)).chat_status is Status.NEW

    async def test_a_talk_that_has_begun_stays_a_talk(self, hub: Hub) -> None:
        await ask(hub)
        await receive(hub, subscribed(hub))
        row = await current(hub)
        assert (row.chat_status, row.fields) == (Status.CHATTING, {"email": EMAIL})


class TestEmailed:
    async def test_a_subscriber_who_was_written_to_has_a_letter(self, hub: Hub, anna: Who) -> None:
        await receive(hub, subscribed(hub))
        row = await current(hub)
        row = await hub.desk.emailed(anna, row.id)
        assert (status(row), row.awaits) == (Status.EMAIL, Awaits.CUSTOMER)
        assert row.cycle.answered_at is not None
        assert (await hub.desk.emailed(anna, row.id)).seq == row.seq

    async def test_a_collected_request_is_answered_by_it(self, hub: Hub, anna: Who) -> None:
        await hub.engine.change(
            Project, SHOP, lambda had: replace(had, calling=replace(had.calling, mode="collect"))
        )
        await hub.channels.refresh()
        row = await ask(hub)
        row = await hub.desk.emailed(anna, row.id)
        assert (row.chat_status, row.awaits, row.unanswered) == (
            Status.EMAIL,
            Awaits.CUSTOMER,
            0,
        )

    async def test_in_a_talk_it_is_a_line_and_an_answer(self, hub: Hub, anna: Who) -> None:
        row = await ask(hub)
        row = await hub.desk.emailed(anna, row.id)
        assert (row.chat_status, row.awaits) == (Status.CHATTING, Awaits.CUSTOMER)
        last = (await log_of(hub.engine, row.id))[-1]
        assert (last.verb, last.author.name) == (Verb.EMAILED, "Anna")

    async def test_whoever_got_a_letter_has_been_dealt_with(self, hub: Hub, anna: Who) -> None:
        row = await ask(hub)

        async def is_handled() -> bool:
            return await handled_since(hub.engine, row, row.contact, "", START)

        assert not await is_handled()
        await hub.desk.emailed(anna, row.id)
        assert await is_handled()

    async def test_a_planned_call_stays_planned(self, hub: Hub, anna: Who) -> None:
        await receive(
            hub,
            CallAsked(
                sender=Sender(external_id="ivan"),
                at=hub.now(),
                external_id="ivan.call",
                phone="+79123456789",
                given=GIVEN[:1],
            ),
        )
        await ruled(hub)
        row = await hub.desk.emailed(anna, (await current(hub)).id)
        assert row.call_status is Status.NEW

"""From a word in a log to one callback order, and what each dialog says of it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import dialogs
from hub.accounts import Who
from hub.bus import LocalBus
from hub.calling import Calling
from hub.hub import Hub
from hub.leads import leads, ordering
from hub.leads.lead import Lead
from hub.model import (
    Author,
    Contact,
    ContactId,
    Dialog,
    Entry,
    EntryKind,
    Identity,
    Project,
    Verb,
)
from hub.people import contacts
from hub.people.erasure import Eraser
from hub.statuses import RequestType, Status
from hub.store.engine import Engine
from hub.store.schema import LEADS_LIVE, RULES_DUE
from hub.worker import Worker
from tests.spine import (
    MS,
    SHOP,
    START,
    Clock,
    ask,
    current,
    log_of,
    message,
    receive,
    sound,
)

PHONE, OTHER = "+79161234567", "+79161234568"
OMSK = "+73812123456"
HOUR = timedelta(hours=1)
RULE = Author("rule", "silence")


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def plan(
    hub: Hub, row: Dialog, id: str = "", phone: str = PHONE, author: Author = RULE, **data: str
) -> Dialog:
    """Has a rule ask for a call in that dialog, now."""
    told = {"rule": "silence", "origin": "silence", "phone": phone} | data

    def make(current: Dialog) -> Entry:
        named = id or f"planned:{current.id}:{current.seq}"
        line = dialogs.draft(current, named, EntryKind.SYSTEM, hub.now(), hub.now())
        return replace(line, author=author, verb=Verb.PLANNED, data=told)

    return (await dialogs.append(hub.engine, row, make)).row


async def works(hub: Hub) -> None:
    while await hub.worker.work():
        pass
    if (await hub.engine.find(RULES_DUE, limit=1)).items:
        await works(hub)


async def arrange(hub: Hub, **calling: object) -> None:
    """Sets how the shop calls."""
    made = Calling(**calling)  # type: ignore[arg-type]
    await hub.engine.change(Project, SHOP, lambda had: replace(had, calling=made))


async def live(engine: Engine) -> list[Lead]:
    return (await engine.find(LEADS_LIVE, {"project": SHOP, "live": True}, limit=100)).items


async def calls(hub: Hub, row: Dialog) -> list[dict[str, str]]:
    """What the lines about calls say, without what is empty."""
    found = [each.data for each in await log_of(hub.engine, row.id) if each.verb is Verb.CALL]
    return [{name: value for name, value in each.items() if value} for each in found]


async def again(hub: Hub, row: Dialog) -> None:
    """Has the worker follow the whole log of the dialog once more."""
    await hub.engine.change(
        Dialog, row.id, lambda had: replace(had, ruled_seq=0, rules_at=hub.now())
    )
    await works(hub)


async def test_a_plan_becomes_a_lead_and_the_dialog_says_when_and_why(hub: Hub) -> None:
    row = await ask(hub)
    await plan(hub, row)
    await works(hub)
    [lead] = await live(hub.engine)
    row = await sound(hub.engine, row.id)
    assert (lead.dialog, lead.contact, lead.channel) == (row.id, row.contact, "site")
    assert (lead.rule, lead.origin, lead.due_at) == ("silence", "silence", START)
    assert (row.call_status, row.phone, row.planned_rule) == (Status.NEW, PHONE, "silence")
    assert await calls(hub, row) == [
        {
            "lead": lead.id,
            "due": "1",
            "zones": "Europe/Moscow",
            "why": "project",
            "rule": "silence",
            "origin": "silence",
        }
    ]
    person = await hub.engine.get(Contact, row.contact)
    assert person is not None
    assert person.phones == (PHONE,)


async def test_followed_again_it_says_and_does_nothing_more(hub: Hub) -> None:
    row = await ask(hub)
    await plan(hub, row)
    await works(hub)
    before = await log_of(hub.engine, row.id), await live(hub.engine)
    await again(hub, row)
    assert (await log_of(hub.engine, row.id), await live(hub.engine)) == before


async def test_a_type_is_taken_on_only_before_the_first_question(hub: Hub) -> None:
    asked = await plan(hub, await ask(hub), type="telegram")
    assert asked.type is RequestType.LIVE_CHAT
    await receive(hub, replace(message(1, START, visitor="olga"), question=False))
    silent = await plan(hub, await current(hub, "olga"), type="telegram")
    assert silent.type is RequestType.TELEGRAM
    assert (await plan(hub, silent, type="skype")).type is RequestType.TELEGRAM
    assert (await plan(hub, silent, type="nonsense")).type is RequestType.TELEGRAM


class TestWhen:
    async def test_at_night_it_is_the_next_morning(self, hub: Hub, clock: Clock) -> None:
        clock.forward(timedelta(hours=12))
        row = await ask(hub)
        await plan(hub, row)
        await works(hub)
        morning = START.replace(day=3, hour=6)
        [lead] = await live(hub.engine)
        assert lead.due_at == morning
        assert (await current(hub)).call_at == morning

    async def test_a_worker_that_was_down_until_night_waits_for_the_morning(
        self, hub: Hub, clock: Clock
    ) -> None:
        await plan(hub, await ask(hub))
        clock.forward(timedelta(hours=12))
        await works(hub)
        [lead] = await live(hub.engine)
        assert lead.due_at == START.replace(day=3, hour=6)

    async def test_the_code_of_a_landline_says_where_it_is_night(
        self, hub: Hub, clock: Clock
    ) -> None:
        clock.forward(timedelta(hours=6, minutes=30))
        await plan(hub, await ask(hub), phone=OMSK)
        await works(hub)
        [lead] = await live(hub.engine)
        assert (lead.zones, lead.zone_why) == (("Asia/Omsk",), "code")
        assert lead.due_at == START.replace(day=3, hour=3)

    @pytest.mark.parametrize("setting", [{"autonomous": True}, {"mode": "collect"}])
    async def test_where_nothing_dials_it_stays_new_for_people(
        self, hub: Hub, setting: dict[str, object]
    ) -> None:
        await arrange(hub, **setting)
        row = await ask(hub)
        at = START + 5 * HOUR
        await plan(hub, row, at=iso(at), chosen="1", local="2026-03-02T17:00", zone="Europe/Moscow")
        await works(hub)
        [lead] = await live(hub.engine)
        assert (lead.due_at, lead.auto_due_at, lead.status) == (None, None, Status.NEW)
        assert lead.wanted is not None
        assert (await current(hub)).call_at == at, "what was wanted is shown all the same"

    async def test_a_time_chosen_by_the_person_wins_over_a_rules(self, hub: Hub) -> None:
        row = await ask(hub)
        await plan(hub, row, at=iso(START + 5 * HOUR), chosen="1", zone="Europe/Moscow")
        await plan(hub, row)
        await works(hub)
        [lead] = await live(hub.engine)
        assert lead.due_at == START + 5 * HOUR

    async def test_it_keeps_how_the_project_called_then(self, hub: Hub) -> None:
        await arrange(hub, tries=5, numbers=("+78001234567",), retries={"busy": 7})
        await plan(hub, await ask(hub))
        await works(hub)
        await arrange(hub)
        [lead] = await live(hub.engine)
        assert (lead.plan.tries, lead.plan.numbers) == (5, ("+78001234567",))
        assert lead.plan.pauses["busy"] == 7  # type: ignore[index]

    @given(
        data=st.dictionaries(
            st.sampled_from(
                ["phone", "at", "zone", "said_zone", "local", "chosen", "origin", "connection"]
            )
            | st.sampled_from(["extension", "requested", "type", "deadline", "do", "lead"]),
            st.sampled_from(
                ["1", "operator", "Europe/Nowhere", "../../etc/passwd", "9999-12-31T23:59:59Z"]
            )
            | st.sampled_from(["0001-01-01T00:00:00+14:00", "Asia/Omsk", "+", "move"])
            | st.text(max_size=20),
        ),
        verb=st.sampled_from([Verb.PLANNED, Verb.CALL_ASKED, Verb.CALL]),
    )
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_whatever_a_line_says_the_worker_gets_over_it(
        self, hub: Hub, data: dict[str, str], verb: Verb
    ) -> None:
        row = await ask(hub, visitor=f"v{len(await live(hub.engine))}")

        def make(current: Dialog) -> Entry:
            id = f"{current.id}:{current.seq + 1}:wild"
            line = dialogs.draft(current, id, EntryKind.SYSTEM, hub.now(), hub.now())
            return replace(line, verb=verb, data=data)

        row = (await dialogs.append(hub.engine, row, make)).row
        for entry in await log_of(hub.engine, row.id):
            await ordering.follow(hub.engine, hub.bus, row, entry, hub.now())
        await sound(hub.engine, row.id)


class TestJoining:
    async def test_one_phone_on_two_channels_is_one_lead_and_a_duplicate(self, hub: Hub) -> None:
        first = await ask(hub)
        await plan(hub, first)
        await works(hub)
        second = await ask(hub, visitor="olga", channel="kiosk")
        await plan(hub, second, rule="phone_only")
        await works(hub)
        [lead] = await live(hub.engine)
        assert (lead.dialog, [each.dialog for each in lead.joins]) == (
            first.id,
            [first.id, second.id],
        )
        row = await sound(hub.engine, second.id)
        assert row.call_status is Status.PROCESSED
        assert await calls(hub, row) == [
            {"status": "processed", "cause": "duplicate", "lead": lead.id, "of": first.id}
        ]
        told = (await calls(hub, first))[-1]
        assert (told["cause"], told["from"], told["rule"]) == ("joined", second.id, "phone_only")

    async def test_fifty_at_once_are_one_live_lead(self, hub: Hub) -> None:
        many = 50 if hub.engine.kind == "sqlite" else 12
        rows = [await ask(hub, visitor=f"v{n}") for n in range(many)]
        await asyncio.gather(*(plan(hub, row) for row in rows))
        workers = [
            Worker(hub.engine, LocalBus(), hub.files, hub.search, hub.now, f"w{n}")
            for n in range(3)
        ]
        await asyncio.gather(*(each.work() for each in workers))
        await works(hub)
        [lead] = await live(hub.engine)
        assert {each.dialog for each in lead.joins} == {row.id for row in rows}
        after = [await sound(hub.engine, row.id) for row in rows]
        assert [row.id for row in after if row.call_status is Status.NEW] == [lead.dialog]
        assert sum(row.call_status is Status.PROCESSED for row in after) == many - 1

    async def test_of_two_phones_of_one_person_the_nearest_is_called(self, hub: Hub) -> None:
        far = await ask(hub)
        near = await ask(hub, visitor="ivan", channel="kiosk")
        await same_person(hub, far, near)
        await plan(hub, far, at=iso(START + 5 * HOUR))
        await works(hub)
        await plan(hub, near, phone=OTHER)
        await works(hub)
        [lead] = await live(hub.engine)
        assert (lead.phone, lead.dialog) == (OTHER, near.id)
        row = await sound(hub.engine, far.id)
        assert row.call_status is Status.PROCESSED
        assert (await calls(hub, row))[-1] == {
            "status": "processed",
            "cause": "duplicate",
            "lead": lead.id,
            "of": near.id,
        }
        assert (await calls(hub, near))[-1]["from"] == far.id
        before = [await log_of(hub.engine, each.id) for each in (far, near)]
        for each in (far, near):
            await again(hub, each)
        assert [await log_of(hub.engine, each.id) for each in (far, near)] == before

    async def test_a_lead_of_a_sealed_dialog_goes_on_in_the_next(
        self, hub: Hub, anna: Who, clock: Clock
    ) -> None:
        row = await ask(hub)
        await plan(hub, row, at=iso(START + 20 * 24 * HOUR))
        await works(hub)
        await hub.desk.close(anna, row.id)
        clock.forward(timedelta(days=8))
        second = await ask(hub, 2)
        assert second.id != row.id
        await plan(hub, second)
        await works(hub)
        [lead] = await live(hub.engine)
        assert lead.dialog == second.id
        assert (await current(hub)).call_status is Status.NEW

    async def test_a_call_that_was_joined_by_nobody_waits_for_nobody(self, hub: Hub) -> None:
        await plan(hub, await ask(hub))
        await receive(hub, replace(message(1, START, visitor="olga"), question=False))
        second = await plan(hub, await current(hub, "olga"))
        assert second.unanswered == 1
        await works(hub)
        row = await current(hub, "olga")
        assert (row.call_status, row.unanswered) == (Status.PROCESSED, 0)


async def same_person(hub: Hub, one: Dialog, other: Dialog) -> None:
    """Makes the other dialog the first one's person's."""

    def make(current: Dialog) -> Entry:
        line = dialogs.draft(
            current, f"{current.id}:joined", EntryKind.SYSTEM, hub.now(), hub.now()
        )
        return replace(line, verb=Verb.JOINED, data={"contact": one.contact})

    await dialogs.append(hub.engine, other, make)
    await hub.engine.change(Identity, other.identity, lambda had: replace(had, contact=one.contact))


async def test_a_dialog_that_is_erased_takes_its_lead_with_it(hub: Hub) -> None:
    row = await ask(hub)
    await plan(hub, row)
    await works(hub)
    eraser = Eraser(hub.engine, hub.files, hub.search)
    gone = await eraser.close_off(await current(hub), START)
    assert gone is not None
    await eraser.erase(gone)
    assert await leads.latest(hub.engine, SHOP, PHONE) is None


class TestRefused:
    """«Не звонить» beats every rule."""

    async def test_who_is_not_to_be_called_has_no_lead(self, hub: Hub) -> None:
        row = await ask(hub)
        await refuse(hub, row.contact)
        await plan(hub, row)
        await works(hub)
        assert await live(hub.engine) == []
        row = await current(hub)
        assert row.call_status is Status.PROCESSED
        assert (await calls(hub, row))[-1]["cause"] == "opted_out"

    async def test_the_phone_is_refused_on_every_channel(self, hub: Hub) -> None:
        refused = await ask(hub)
        await contacts.fill(hub.engine, refused.contact, phone=PHONE)
        await refuse(hub, refused.contact)
        await plan(hub, await ask(hub, visitor="olga", channel="kiosk"))
        await works(hub)
        assert await live(hub.engine) == []

    async def test_the_persons_own_later_wish_and_an_operators_word_are_heard(
        self, hub: Hub, clock: Clock, anna: Who
    ) -> None:
        row = await ask(hub)
        await refuse(hub, row.contact)
        await plan(hub, row, origin="bot")
        await works(hub)
        assert await live(hub.engine) == [], "it is not later"
        clock.forward(MS)
        await plan(hub, row, origin="bot")
        await works(hub)
        assert len(await live(hub.engine)) == 1

    async def test_a_refusal_ends_whatever_is_planned(self, hub: Hub) -> None:
        row = await ask(hub)
        await plan(hub, row)
        await works(hub)
        await contacts.fill(hub.engine, row.contact, phone=PHONE)
        for _ in range(2):
            await leads.stop_all(hub.engine, hub.bus, row, "opted_out", hub.now())
        assert await live(hub.engine) == []
        row = await sound(hub.engine, row.id)
        assert (row.call_status, row.planned_rule, row.call_at) == (Status.PROCESSED, "", None)
        assert [each.get("cause") for each in await calls(hub, row)] == [None, "opted_out"]


async def refuse(hub: Hub, contact: ContactId) -> None:
    await hub.engine.change(Contact, contact, lambda had: replace(had, no_calls_at=hub.now()))


class TestWithdrawing:
    """A word that came late takes back what silence planned, unless it was dialled."""

    async def withdraw(self, hub: Hub, row: Dialog, rule: str = "silence") -> None:
        await leads.withdraw_of(hub.engine, hub.bus, row, rule, "wrote", hub.now())

    async def test_the_lead_of_the_rule_ends_with_the_reason(self, hub: Hub) -> None:
        row = await ask(hub)
        await plan(hub, row)
        await works(hub)
        await self.withdraw(hub, row, "phone_only")
        assert len(await live(hub.engine)) == 1
        for _ in range(2):
            await self.withdraw(hub, row)
        assert await live(hub.engine) == []
        told = (await calls(hub, row))[-1]
        assert (told["cause"], told["rule"]) == ("wrote", "silence")
        assert (await sound(hub.engine, row.id)).call_status is Status.PROCESSED

    async def test_one_that_somebody_else_asked_for_too_goes_on(self, hub: Hub) -> None:
        row = await ask(hub)
        await plan(hub, row)
        await plan(hub, await ask(hub, visitor="olga"))
        await works(hub)
        await self.withdraw(hub, row)
        [lead] = await live(hub.engine)
        assert len(lead.joins) == 1

    async def test_one_that_was_dialled_goes_on(self, hub: Hub) -> None:
        row = await ask(hub)
        await plan(hub, row)
        await works(hub)
        [lead] = await live(hub.engine)
        retry = {"status": Status.AWAITING_RETRY, "attempts": 1}
        await hub.engine.change(Lead, lead.id, lambda had: replace(had, **retry))
        await self.withdraw(hub, row)
        assert len(await live(hub.engine)) == 1

    async def test_spam_takes_back_the_persons_own_wish_too(self, hub: Hub) -> None:
        row = await ask(hub)
        await plan(hub, row, origin="bot")
        await works(hub)
        await self.withdraw(hub, row)
        assert len(await live(hub.engine)) == 1
        await self.withdraw(hub, row, "")
        assert await live(hub.engine) == []

"""After a call somebody is written to by SMS: once, by day, and never who does not want it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from hub.calls.call import Call, Outcome
from hub.channels.abilities import Capabilities
from hub.errors import BadValueError, ConflictError, RejectedError
from hub.hub import Hub
from hub.model import (
    Channel,
    ChannelId,
    Contact,
    ContactId,
    Dialog,
    DialogId,
    EntryKind,
    Identity,
    OutState,
    Project,
)
from hub.people import contacts
from hub.projects import Change
from hub.records import Sms
from hub.schedule import daily
from hub.statuses import RequestType, Status
from hub.store.engine import Engine, Insert
from hub.store.schema import SMS_OLD
from hub.telling import texting
from hub.telling.errands import KEPT
from hub.telling.texting import STALE, occasion
from hub.telling.triggers import SmsTrigger, When
from tests.scripted import Platform
from tests.spine import (
    KINDS,
    SHOP,
    Clock,
    Crash,
    Mortal,
    assembled,
    deliver,
    log_of,
    operator,
)
from tests.store.samples import dialog

PHONE = "+79161234567"
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""Twelve by the shop's clock."""
NIGHT = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
MORNING = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


class Provider(Platform):
    kind: ClassVar[str] = "texts"
    capabilities: ClassVar[Capabilities] = replace(
        Platform.capabilities,
        type=RequestType.SMS,
        text_max_chars=100,
        attachments_max=0,
        attachment_max_bytes=0,
    )


class Shop:
    def __init__(self, hub: Hub, clock: Clock) -> None:
        self.hub = hub
        self.clock = clock
        self.made = 0

    async def arrange(self, *triggers: SmsTrigger, **more: Any) -> None:
        await self.hub.engine.change(
            Project, SHOP, lambda had: replace(had, texting=triggers, **more)
        )
        await self.hub.channels.refresh()

    def call(self, **told: Any) -> Call:
        """An attempt at a person who did not answer."""
        self.made += 1
        at = self.clock.at
        given: dict[str, Any] = {
            "id": f"shop:{PHONE}:1:{self.made}",
            "project": SHOP,
            "channel": ChannelId("line"),
            "phone": PHONE,
            "name": "Анна Петрова",
            "stage": "ended",
            "outcome": Outcome.NO_ANSWER,
            "side": "visitor",
            "live": False,
            "began_at": at - timedelta(minutes=1),
            "dialled_at": at - timedelta(seconds=50),
            "ended_at": at,
            "changed_at": at,
        }
        return Call(**(given | told))

    def talk(self, **told: Any) -> Call:
        talked = {"outcome": Outcome.TALKED, "side": "", "operator_name": "Ольга"}
        return self.call(**talked, talk_at=self.clock.at - timedelta(seconds=40), **told)

    async def ends(self, call: Call) -> None:
        await self.hub.texting.called(call, None)

    async def works(self) -> None:
        await self.hub.texting.work()
        await deliver(self.hub)

    def provider(self) -> Provider:
        live = self.hub.channels.get("texts")
        assert isinstance(live, Provider)
        return live

    async def told(self) -> list[Sms]:
        return (await self.hub.engine.find(SMS_OLD, limit=100)).items

    async def why(self) -> str:
        [one] = await self.told()
        assert one.state == "over"
        return one.cause

    async def row(self, n: int = 1) -> Dialog:
        row = await self.hub.engine.get(Dialog, f"texts:79161234567:{n}")
        assert row is not None
        return row


def trigger(when: When = "not_reached", text: str = "Мы вам звонили", **more: Any) -> SmsTrigger:
    given: dict[str, Any] = {"id": when.replace("_", "-"), "channel": "texts"}
    return SmsTrigger(**(given | more), when=when, text=text)


@pytest.fixture
async def shop(
    engine: Engine, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    monkeypatch.setitem(KINDS, "texts", lambda document: Provider(ChannelId(document.id)))
    clock.at = NOON
    hub = await assembled(engine, clock, tmp_path)
    await engine.write(
        Insert(Channel(id="texts", project=SHOP, kind="texts", name="SMS", created_at=NOON))
    )
    await hub.channels.refresh()
    return Shop(hub, clock)


async def test_who_did_not_answer_is_written_to_and_it_is_seen_how_far_it_got(shop: Shop) -> None:
    await shop.arrange(trigger(text="$first_name$, мы вам звонили. {{ project }}"))
    await shop.ends(shop.call())
    await shop.works()
    assert shop.provider().shown == ["Анна, мы вам звонили. Shop"]
    row = await shop.row()
    assert (row.type, row.direction, row.creation, row.open) == (
        RequestType.SMS,
        "outgoing",
        "call",
        False,
    )
    assert row.closed_at is not None
    [line] = [e for e in await log_of(shop.hub.engine, row.id) if e.kind is EntryKind.OUT]
    assert (line.state, line.author.kind, line.text) == (
        OutState.SENT,
        "bot",
        "Анна, мы вам звонили. Shop",
    )
    identity = await shop.hub.engine.get(Identity, row.identity)
    assert identity is not None
    assert (identity.external_id, identity.phone) == ("79161234567", PHONE)
    [sms] = await shop.told()
    assert (sms.state, sms.entry) == ("written", line.id)


async def test_each_end_of_a_call_has_its_own_words(shop: Shop) -> None:
    await shop.arrange(
        trigger("not_reached", "не дозвонились"),
        trigger("missed", "не взяли"),
        trigger("after_call", "спасибо, $operator$"),
        trigger("after_call", "никогда", id="off", enabled=False),
    )
    await shop.ends(shop.talk())
    await shop.works()
    assert shop.provider().shown == ["спасибо, Ольга"]
    shop.clock.at += timedelta(minutes=5)
    missed = shop.call(purpose="incoming", outcome=Outcome.MISSED, side="", dialled_at=None)
    await shop.ends(missed)
    await shop.ends(shop.call())
    await shop.works()
    assert sorted(shop.provider().shown[1:]) == ["не взяли", "не дозвонились"]


@pytest.mark.parametrize(
    "told",
    [
        {"purpose": "test"},
        {"training": True},
        {"stage": "begun"},
        {"side": "operator"},
        {"outcome": Outcome.CANCELLED},
        {"outcome": Outcome.INVALID_NUMBER},
        {"outcome": Outcome.NO_KEY},
        {"dialled_at": None},
        {"purpose": "incoming"},
    ],
)
async def test_a_call_that_rang_nobody_is_no_occasion(shop: Shop, told: dict[str, Any]) -> None:
    assert occasion(shop.call()) == "not_reached"
    assert occasion(shop.call(**told)) is None


@pytest.mark.parametrize(
    "phone",
    ["+74951234567", "+78001234567", "+79161234", "+12025550123", "+882161234567", "112", ""],
)
async def test_only_a_mobile_of_a_country_that_is_called_is_written_to(
    shop: Shop, phone: str
) -> None:
    await shop.arrange(trigger())
    await shop.ends(shop.call(phone=phone))
    assert await shop.told() == []


async def test_a_phone_is_written_to_once_a_day_however_often_it_is_called(shop: Shop) -> None:
    await shop.arrange(trigger())
    first = shop.call()
    for _ in range(3):
        await shop.ends(first)
        await shop.ends(shop.call())
        await shop.works()
        shop.clock.at += timedelta(minutes=30)
    assert len(shop.provider().shown) == 1
    shop.clock.at += timedelta(days=1)
    await shop.ends(first)
    await shop.works()
    assert len(shop.provider().shown) == 1
    await shop.ends(shop.call())
    await shop.works()
    assert len(shop.provider().shown) == 2
    assert (await shop.row()).seq == 3


async def test_at_night_it_waits_for_the_persons_morning(shop: Shop) -> None:
    shop.clock.at = NIGHT
    await shop.arrange(trigger())
    await shop.ends(shop.call())
    await shop.works()
    shop.clock.at = MORNING - timedelta(milliseconds=1)
    await shop.works()
    assert shop.provider().shown == []
    shop.clock.at = MORNING
    await shop.works()
    assert len(shop.provider().shown) == 1
    # What was put off counts for the day on which it went out.
    shop.clock.at += timedelta(hours=1)
    await shop.ends(shop.call())
    await shop.works()
    assert len(shop.provider().shown) == 1


async def test_what_could_not_go_by_day_does_not_go_at_night(shop: Shop) -> None:
    await shop.arrange(trigger())
    await shop.ends(shop.call())
    shop.clock.at = NIGHT
    await shop.works()
    assert shop.provider().shown == []
    shop.clock.at = MORNING
    await shop.works()
    assert len(shop.provider().shown) == 1


async def test_working_hours_are_kept_where_that_is_wanted(shop: Shop) -> None:
    hours = daily("Europe/Moscow", "10:00–11:00")
    await shop.arrange(trigger(only_hours=True), trigger("after_call"), schedule=hours)
    await shop.ends(shop.call())
    await shop.works()
    assert shop.provider().shown == []
    shop.clock.at += timedelta(hours=22)
    await shop.works()
    assert len(shop.provider().shown) == 1


async def test_what_could_only_be_written_days_later_is_not_written(shop: Shop) -> None:
    closed = replace(daily("Europe/Moscow", "10:00–18:00"), week=((),) * 7)
    await shop.arrange(trigger(only_hours=True), schedule=closed)
    await shop.ends(shop.call())
    assert await shop.told() == []
    await shop.arrange(trigger())
    await shop.ends(shop.call())
    shop.clock.at += STALE + timedelta(days=1)
    await shop.works()
    assert await shop.why() == "late"


@pytest.mark.parametrize("what", ["calls", "messages"])
async def test_who_refused_is_not_written_to_from_whatever_channel_it_was_said(
    shop: Shop, what: str
) -> None:
    await shop.arrange(trigger())
    person = Contact(id="vk:7", project=SHOP, phones=(PHONE,), created_at=NOON)
    await shop.hub.engine.write(Insert(person))
    await shop.ends(shop.call())
    await contacts.refuse(shop.hub.engine, ContactId("vk:7"), [what], NOON)
    await shop.works()
    assert await shop.why() == "opted_out"
    assert shop.provider().shown == []


async def test_who_was_reached_meanwhile_is_not_told_that_nobody_could(shop: Shop) -> None:
    shop.clock.at = NIGHT
    await shop.arrange(trigger(), trigger("after_call", "спасибо"))
    await shop.ends(shop.call())
    shop.clock.at = MORNING - timedelta(minutes=5)
    talked = shop.talk(began_at=shop.clock.at)
    await shop.hub.engine.write(Insert(talked))
    shop.clock.at = MORNING
    await shop.works()
    assert await shop.why() == "reached"


async def test_spam_is_not_answered(shop: Shop) -> None:
    await shop.arrange(trigger())
    spam = dialog("site:ivan:1", project=SHOP, call_status=Status.SPAM)
    await shop.hub.engine.write(Insert(spam))
    await shop.ends(shop.call(dialog=DialogId("site:ivan:1")))
    await shop.works()
    assert await shop.why() == "spam"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Анна-Мария Петрова", "Анна-Мария"),
        ("Выиграли 100000 на www.evil.example", "Выиграли"),
        ("www.evil.example", ""),
        ("evil.example/a", ""),
        ("+79990001122", ""),
        ("Ж" * 60, ""),
        ("$phone$", ""),
        ("", ""),
    ],
)
async def test_what_a_stranger_left_for_a_name_carries_no_advertisement(
    shop: Shop, name: str, said: str
) -> None:
    await shop.arrange(trigger(text="[$first_name$]"))
    await shop.ends(shop.call(name=name))
    await shop.works()
    assert shop.provider().shown == [f"[{said}]"]


async def test_the_person_of_the_call_is_the_person_of_the_sms(shop: Shop) -> None:
    await shop.arrange(trigger())
    person = Contact(id="vk:7", project=SHOP, name="Анна", phones=(PHONE,), created_at=NOON)
    await shop.hub.engine.write(Insert(person))
    await shop.ends(shop.call(contact=ContactId("vk:7")))
    await shop.works()
    row = await shop.row()
    assert (row.contact, row.name) == ("vk:7", "Анна")


async def test_a_dialog_that_is_under_way_stays_so(shop: Shop) -> None:
    await shop.arrange(trigger())
    await shop.ends(shop.call())
    await shop.works()
    await shop.hub.desk.reopen(operator("Olga"), "texts:79161234567:1")
    shop.clock.at += timedelta(days=1)
    await shop.ends(shop.call())
    await shop.works()
    row = await shop.row()
    assert (row.open, len(shop.provider().shown)) == (True, 2)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"texting": ()}, "off"),
        ({"texting": (trigger(enabled=False),)}, "off"),
        ({"texting": (trigger(channel="site"),)}, "channel"),
        ({"texting": (trigger(channel="oven"),)}, "channel"),
        ({"texting": (trigger(text="{{ operator }} "),)}, "empty"),
    ],
)
async def test_what_was_changed_meanwhile_is_followed(
    shop: Shop, change: dict[str, Any], cause: str
) -> None:
    await shop.arrange(trigger())
    await shop.ends(shop.call())
    await shop.hub.engine.change(Project, SHOP, lambda had: replace(had, **change))
    await shop.works()
    assert await shop.why() == cause


async def test_a_refusal_of_the_provider_is_seen_in_the_dialog(shop: Shop) -> None:
    await shop.arrange(trigger())
    shop.provider().script.append(RejectedError("no", reason="rejected"))
    await shop.ends(shop.call())
    await shop.works()
    [line] = [e for e in await log_of(shop.hub.engine, "texts:79161234567:1") if e.state]
    assert (line.state, line.failure) == (OutState.FAILED, "rejected")


async def test_several_workers_and_a_death_at_any_step_write_it_once(
    engine: Engine, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "texts", lambda document: Provider(ChannelId(document.id)))
    clock.at = NOON
    mortal = Mortal(engine)
    hub = await assembled(mortal, clock, tmp_path)
    await engine.write(
        Insert(Channel(id="texts", project=SHOP, kind="texts", name="SMS", created_at=NOON))
    )
    await hub.channels.refresh()
    shop = Shop(hub, clock)
    await shop.arrange(trigger())
    call = shop.call()
    for steps in range(1, 40):
        mortal.dies_after(steps)
        try:
            await shop.ends(call)
            await hub.texting.work()
        except Crash:
            clock.at += timedelta(minutes=2)
        finally:
            mortal.lives()
    await asyncio.gather(*(hub.texting.work() for _ in range(5)))
    await deliver(hub)
    assert shop.provider().shown == ["Мы вам звонили"]
    row = await shop.row()
    assert (row.open, row.seq) == (False, 2)


async def test_what_is_over_is_cleared_away(shop: Shop) -> None:
    await shop.arrange(trigger())
    await shop.ends(shop.call())
    await shop.works()
    shop.clock.at += KEPT + timedelta(days=1)
    await shop.ends(shop.call())
    await shop.hub.texting.sweep(shop.clock.at)
    assert [each.state for each in await shop.told()] == ["waiting"]


@pytest.mark.parametrize(
    ("triggers", "field"),
    [
        ((trigger(), trigger()), "texting"),
        ((trigger(text="{{ 7*7 }}"),), "texting.0.text"),
        ((trigger(), trigger("missed", "$surname$")), "texting.1.text"),
        ((trigger(channel="oven"),), "texting.0.channel"),
        ((trigger(channel="nowhere"),), "texting.0.channel"),
    ],
)
async def test_what_nobody_could_write_is_not_kept(
    shop: Shop, triggers: tuple[SmsTrigger, ...], field: str
) -> None:
    home = await shop.hub.projects.get(SHOP)
    with pytest.raises(BadValueError) as raised:
        await shop.hub.projects.change(SHOP, home.rev, Change(texting=triggers), operator("ada"))
    assert raised.value.field == field


async def test_a_kept_trigger_is_audited_and_guarded_by_its_rev(shop: Shop) -> None:
    home = await shop.hub.projects.get(SHOP)
    change = Change(texting=(trigger(),))
    after = await shop.hub.projects.change(SHOP, home.rev, change, operator("ada"))
    assert after.texting == (trigger(),)
    with pytest.raises(ConflictError):
        await shop.hub.projects.change(SHOP, home.rev, Change(texting=()), operator("ada"))


def test_a_name_is_a_word_and_nothing_else() -> None:
    assert texting._FIRST_NAME.fullmatch("Анна")
    assert not texting._FIRST_NAME.fullmatch("а.рф")

"""What becomes of a filled form: handled once by its connection, or kept until it can be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub import dialogs
from hub.dialogs import append, draft
from hub.errors import NotFoundError
from hub.events import FormFilled, Sender
from hub.fold import closing
from hub.hub import Hub
from hub.model import Dialog, Entry, EntryKind, Project, Verb
from hub.people.erasure import Eraser
from hub.policy import Policy, Spam
from hub.requests import handling
from hub.requests.planning import Row
from hub.requests.terms import Connection, Invalid, Source, Terms
from hub.statuses import RequestType, Status
from hub.store.engine import Insert
from hub.store.schema import LEADS, RULES_DUE
from tests.spine import (
    BAKERY,
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    ask,
    current,
    log_of,
    operator,
    receive,
    sound,
)

PHONE = "+79123456789"


def form(n: int = 1, *, visitor: str = "ivan", phone: str = "8 912 345-67-89", **told: Any) -> Any:
    fields = {"phone_number": phone} | told.pop("fields", {})
    return FormFilled(
        sender=Sender(external_id=visitor, name="Иван"),
        at=told.pop("at", START),
        external_id=f"{visitor}.form.{n}",
        form=told.pop("form", "Лето"),
        answers=tuple(fields.items()),
        phone=phone,
        source=told.pop("source", "vk"),
        fields=fields,
        **told,
    )


async def connect(hub: Hub, id: str = "summer", **terms: Any) -> Connection:
    given = {"name": id, "source": Source.VK, "phone_field": "phone_number"} | terms
    made = Connection(
        id=id,
        project=SHOP,
        terms=Terms(**given),
        priority=given.get("priority", 0),
        created_at=hub.now(),
        changed_at=hub.now(),
    )
    await hub.engine.write(Insert(made))
    return made


async def change(hub: Hub, id: str, **terms: Any) -> None:
    await hub.engine.change(
        Connection, id, lambda had: replace(had, terms=replace(had.terms, **terms))
    )


async def follow(hub: Hub, row: Dialog) -> None:
    """As the worker does with the log, from its beginning."""
    for entry in await log_of(hub.engine, row.id):
        await handling.follow(hub.engine, hub.bus, row, entry, hub.now())


async def verbs(hub: Hub, row: Dialog) -> list[Entry]:
    """What is in the log of handling; the log itself is sound."""
    await sound(hub.engine, row.id)
    log = await log_of(hub.engine, row.id)
    return [each for each in log if each.verb in (Verb.ROUTED, Verb.PLANNED)]


async def invalid(hub: Hub, waiting: bool = True) -> list[Invalid]:
    page = await handling.invalid(hub.engine, SHOP, waiting=waiting, after=None, limit=50)
    return page.items


async def test_a_form_is_planned_by_its_connection_and_the_log_says_which(hub: Hub) -> None:
    rows = (Row("when", "tomorrow 10:00", "завтра утром"),)
    await connect(hub, planning=rows, parameters={"utm_source": "vk", "label": "$form_name$"})
    await connect(hub, "every", priority=5)
    await receive(hub, form(fields={"when": "Завтра утром"}, comment="после обеда"))
    await hub.worker.work()

    row = await current(hub)
    routed, planned = await verbs(hub, row)
    assert (routed.author.id, routed.author.name) == ("connection:summer", "summer")
    assert (routed.data["connection"], routed.data["others"]) == ("summer", "every")
    assert planned.data == {
        "rule": "connection:summer",
        "name": "summer",
        "origin": "form",
        "connection": "summer",
        "phone": PHONE,
        "at": "2026-03-03T07:00:00Z",
        "local": "2026-03-03T10:00",
        "zone": "Europe/Moscow",
        "chosen": "1",
        "comment": "после обеда",
        "requested": "2026-03-02T09:00:00Z",
    }
    assert (row.connection, row.phone, row.type) == ("summer", PHONE, RequestType.VK_LEAD)
    assert (row.visit.utm, row.visit.label) == ({"utm_source": "vk"}, "Лето")


async def test_the_first_offset_of_a_connection_is_the_first_attempt(hub: Hub) -> None:
    await connect(hub, offsets=(900, 1_800))
    await receive(hub, form())
    await hub.worker.work()
    planned = (await verbs(hub, await current(hub)))[-1]
    assert planned.data["at"] == "2026-03-02T09:15:00Z"
    assert "chosen" not in planned.data


async def test_a_form_that_is_only_to_be_kept_is_new_and_nothing_is_planned(hub: Hub) -> None:
    await connect(hub, handling="register")
    await receive(hub, form())
    await hub.worker.work()
    row = await current(hub)
    assert [each.verb for each in await verbs(hub, row)] == [Verb.ROUTED]
    assert (row.call_status, row.call_at, row.connection) == (Status.NEW, None, "summer")


@pytest.mark.parametrize(
    ("door", "terms", "rules"),
    [
        ("callback", "register", ["connection:summer"]),
        ("register", "callback", []),
        ("", "callback", ["connection:summer"]),
        ("callback", None, ["form"]),
        ("register", None, []),
        ("", None, []),
    ],
)
async def test_the_door_says_how_and_where_it_does_not_the_connection(
    hub: Hub, door: Any, terms: Any, rules: list[str]
) -> None:
    if terms:
        await connect(hub, handling=terms)
    await receive(hub, form(handling=door))
    await hub.worker.work()
    lines = await verbs(hub, await current(hub))
    assert [each.data["rule"] for each in lines if each.verb is Verb.PLANNED] == rules


async def test_what_is_no_form_costs_nothing(hub: Hub, mortal: Mortal) -> None:
    await connect(hub)
    row = await ask(hub)
    log = await log_of(hub.engine, row.id)
    mortal.down = True
    for entry in log:
        await handling.follow(hub.engine, hub.bus, row, entry, hub.now())
    mortal.down = False


@pytest.mark.parametrize("phone", ["8 912 345-67-89", "нет"])
async def test_a_worker_may_die_at_any_step(hub: Hub, mortal: Mortal, phone: str) -> None:
    await connect(hub)
    await receive(hub, form(phone=phone))
    row = await current(hub)
    steps = 0
    while True:
        mortal.dies_after(steps)
        try:
            await follow(hub, row)
        except Crash:
            mortal.lives()
            steps += 1
            continue
        mortal.lives()
        break
    await follow(hub, row)
    assert steps > 2
    lines = await verbs(hub, row)
    if phone == "нет":
        assert [each.verb for each in lines] == [Verb.ROUTED]
        assert [(each.reason, each.written) for each in await invalid(hub)] == [("empty", "нет")]
    else:
        assert [each.verb for each in lines] == [Verb.ROUTED, Verb.PLANNED]
        assert await invalid(hub) == []


async def test_many_workers_do_what_one_would(hub: Hub) -> None:
    await connect(hub)
    await receive(hub, form())
    row = await current(hub)
    await asyncio.gather(*(follow(hub, row) for _ in range(8)))
    assert [each.verb for each in await verbs(hub, row)] == [Verb.ROUTED, Verb.PLANNED]


async def test_what_was_decided_first_stands_though_the_settings_changed(
    hub: Hub, mortal: Mortal
) -> None:
    await connect(hub)
    await receive(hub, form())
    row = await current(hub)
    mortal.dies_after(2)
    with pytest.raises(Crash):
        await follow(hub, row)
    mortal.lives()
    assert [each.verb for each in await verbs(hub, row)][:1] == [Verb.ROUTED]
    await change(hub, "summer", phone_field="tel", name="winter")

    await follow(hub, row)

    assert [each.verb for each in await verbs(hub, row)] == [Verb.ROUTED, Verb.PLANNED]
    assert await invalid(hub) == []


async def test_a_form_without_a_phone_waits_until_its_field_is_corrected(hub: Hub) -> None:
    await connect(hub, phone_field="tel")
    await receive(hub, form(fields={"Мой номер": "8 (912) 345-67-89 доб. 3"}))
    await hub.worker.work()
    row = await current(hub)
    [kept] = await invalid(hub)
    assert (kept.reason, kept.connection, kept.form) == ("no_field", "summer", "Лето")
    assert row.call_status is Status.NEW

    again = await handling.resend(hub.engine, hub.bus, SHOP, kept.id, hub.now())
    assert (again.waiting, again.tries, again.reason) == (True, 2, "no_field")

    await change(hub, "summer", phone_field="мой номер")
    await asyncio.gather(
        *(handling.resend(hub.engine, hub.bus, SHOP, kept.id, hub.now()) for _ in range(5))
    )
    after = await handling.resend(hub.engine, hub.bus, SHOP, kept.id, hub.now())
    assert not after.waiting
    lines = await verbs(hub, row)
    assert [each.verb for each in lines] == [Verb.ROUTED, Verb.ROUTED, Verb.PLANNED]
    assert (lines[-1].data["phone"], lines[-1].data["extension"]) == (PHONE, "3")
    assert (await invalid(hub), await invalid(hub, waiting=False)) == ([], [after])


async def test_sending_again_may_be_broken_off_at_any_step(hub: Hub, mortal: Mortal) -> None:
    await connect(hub, phone_field="tel")
    await receive(hub, form())
    await hub.worker.work()
    [kept] = await invalid(hub)
    await change(hub, "summer", phone_field="phone_number")
    steps = 0
    while True:
        mortal.dies_after(steps)
        try:
            await handling.resend(hub.engine, hub.bus, SHOP, kept.id, hub.now())
        except Crash:
            mortal.lives()
            steps += 1
            continue
        mortal.lives()
        break
    assert steps > 3
    lines = await verbs(hub, await current(hub))
    assert [each.verb for each in lines] == [Verb.ROUTED, Verb.ROUTED, Verb.PLANNED]
    assert await invalid(hub) == []


async def test_an_invalid_form_of_another_project_is_not_there(hub: Hub) -> None:
    await connect(hub, phone_field="tel")
    await receive(hub, form())
    await hub.worker.work()
    [kept] = await invalid(hub)
    with pytest.raises(NotFoundError):
        await handling.resend(hub.engine, hub.bus, BAKERY, kept.id, hub.now())
    page = await handling.invalid(hub.engine, BAKERY, waiting=True, after=None, limit=5)
    assert page.items == []


async def test_connections_of_another_project_handle_nothing_here(hub: Hub) -> None:
    made = await connect(hub)
    await hub.engine.change(Connection, made.id, lambda had: replace(had, project=BAKERY))
    await receive(hub, form())
    await hub.worker.work()
    assert await verbs(hub, await current(hub)) == []


async def test_the_same_form_within_ten_minutes_is_one_call(hub: Hub, clock: Clock) -> None:
    await connect(hub, planning=(Row("when", "as said"),))
    for n, minutes in enumerate((0, 1, 10, 21), 1):
        clock.at = START + timedelta(minutes=minutes)
        await receive(hub, form(n, at=clock.at))
        await hub.worker.work()
    row = await current(hub)
    lines = await verbs(hub, row)
    assert [bool(each.data.get("repeat")) for each in lines if each.verb is Verb.ROUTED] == [
        False,
        True,
        True,
        False,
    ]
    assert sum(each.verb is Verb.PLANNED for each in lines) == 2
    assert row.unanswered == 4

    # Another form, another phone and another time are no repeats of it.
    await receive(hub, form(5, at=clock.at, form="Зима"))
    await receive(hub, form(6, at=clock.at, phone="8 912 345-67-80"))
    await receive(hub, form(7, at=clock.at, fields={"when": "завтра в 10:00"}))
    await hub.worker.work()
    lines = await verbs(hub, row)
    assert sum(each.verb is Verb.PLANNED for each in lines) == 5


async def test_one_phone_in_forms_of_many_at_once_is_one_lead(hub: Hub) -> None:
    await connect(hub)
    await connect(hub, "site", source=Source.FORM, phone_field="")
    written = ["8 (912) 345-67-89", "+79123456789", "9123456789"]
    await asyncio.gather(
        *(
            receive(hub, form(n, visitor=f"v{n}", phone=written[n % 3], source=source))
            for n, source in enumerate(["vk", "form"] * 6)
        )
    )
    while await hub.engine.count(RULES_DUE):
        await asyncio.gather(*(hub.worker.work() for _ in range(3)))
    page = await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE}, limit=10)
    [lead] = page.items
    assert (lead.live, len(lead.joins)) == (True, 12)


async def test_a_form_whose_dialog_was_sealed_goes_on_in_the_next(hub: Hub, clock: Clock) -> None:
    await connect(hub)
    await receive(hub, form())
    first = await current(hub)
    await hub.desk.take(operator("Anna"), first.id)
    await hub.desk.close(operator("Anna"), first.id)
    clock.forward(timedelta(days=8))
    second = await ask(hub, 2)
    assert second.n == 2

    for _ in range(2):
        await follow(hub, first)

    assert await verbs(hub, first) == []
    assert [each.verb for each in await verbs(hub, second)] == [Verb.ROUTED, Verb.PLANNED]


async def test_a_time_is_of_the_wall_that_the_visitor_sees(hub: Hub) -> None:
    await connect(hub, planning=(Row("when", "tomorrow 10:00"),))
    perm = form(fields={"when": "утром"}, phone="+7 342 212-34-56")
    await receive(hub, perm)
    for _ in range(2):
        await hub.worker.work()
    planned = (await verbs(hub, await current(hub)))[-1]
    morning = datetime(2026, 3, 3, 5, tzinfo=UTC)
    assert planned.data["zone"] == "Asia/Yekaterinburg"
    assert datetime.fromisoformat(planned.data["at"]) == morning
    page = await hub.engine.find(LEADS, {"project": SHOP, "phone": "+73422123456"}, limit=1)
    [lead] = page.items
    assert (lead.due_at, lead.zone_why, lead.requested_at) == (morning, "code", START)
    # The person chose it: no rule makes it another.
    assert lead.wanted is not None


async def test_a_broken_line_of_a_log_is_read_as_far_as_it_goes(hub: Hub) -> None:
    await connect(hub, phone_field="")
    await receive(hub, form())
    row = await current(hub)
    [entry] = await log_of(hub.engine, row.id)
    told = entry.data | {"fields": "[", "hidden": '{"a":', "handling": "other"}
    await handling.follow(hub.engine, hub.bus, row, replace(entry, data=told), hub.now())
    assert [each.verb for each in await verbs(hub, row)] == [Verb.ROUTED, Verb.PLANNED]


async def test_a_form_that_comes_while_its_person_is_called_leaves_the_call_alone(
    hub: Hub,
) -> None:
    await connect(hub)
    await receive(hub, form())
    for _ in range(2):
        await hub.worker.work()
    row = await current(hub)

    def rings(had: Dialog) -> Entry:
        line = draft(had, "ringing", EntryKind.SYSTEM, hub.now(), hub.now())
        return replace(line, verb=Verb.CALL, data={"status": "calling_visitor"})

    await append(hub.engine, row, rings)
    await receive(hub, form(2, form="Зима"))
    await hub.worker.work()
    row = await current(hub)
    assert (row.call_status, row.form) == (Status.CALLING_VISITOR, "Зима")


async def test_what_is_kept_of_an_invalid_form_goes_with_its_dialog(hub: Hub) -> None:
    await connect(hub, phone_field="tel")
    await receive(hub, form())
    await hub.worker.work()
    assert len(await invalid(hub)) == 1
    eraser = Eraser(hub.engine, hub.files, hub.search)
    going = await eraser.close_off(await current(hub), hub.now())
    assert going is not None
    await eraser.erase(going)
    assert await invalid(hub) == []


async def test_a_form_that_the_rules_take_for_spam_calls_nobody(hub: Hub) -> None:
    spam = Policy(spam=Spam(enabled=True, phrases=("казино",)))
    await hub.engine.change(Project, SHOP, lambda had: replace(had, policy=spam))
    await hub.channels.refresh()
    await connect(hub)
    await receive(hub, form(form="Казино"))
    for _ in range(3):
        await hub.worker.work()
    row = await current(hub)
    assert row.call_status is Status.SPAM
    assert [each.verb for each in await verbs(hub, row)] == [Verb.ROUTED]
    assert await hub.engine.count(LEADS, {"project": SHOP, "phone": PHONE}) == 0


async def test_a_form_in_a_past_request_that_has_no_next_one_holds_up_nobody_else(
    hub: Hub, clock: Clock
) -> None:
    await connect(hub)
    await receive(hub, form())
    row = await current(hub)
    await dialogs.append(hub.engine, row, lambda at: _closing(at, clock))
    # Whoever sealed it died before the next request was there.
    await dialogs.seal(hub.engine, await current(hub), clock.at)
    clock.forward(timedelta(seconds=1))
    other = await ask(hub, visitor="olga")
    await hub.worker.work()
    ruled = await hub.engine.get(Dialog, other.id)
    assert ruled is not None
    assert ruled.rules_at is None


def _closing(row: Dialog, clock: Clock) -> Entry:
    line = draft(row, f"{row.id}:closed", EntryKind.SYSTEM, clock.at, clock.at)
    return replace(line, verb=Verb.CLOSED, cycle=closing(row, line, ""))

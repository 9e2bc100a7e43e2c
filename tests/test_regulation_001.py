"""The regulation of lead forms called back, sentence by sentence: text 001, by its own numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hub.calling import Calling
from hub.errors import BadValueError
from hub.events import FormFilled, Sender
from hub.hub import Hub
from hub.model import Dialog, Project, Verb
from hub.people.visit import Visit
from hub.requests import connections, handling, planning
from hub.requests.connections import Filled
from hub.requests.planning import Row
from hub.requests.terms import (
    CONDITIONS,
    PARAMETERS,
    PHONE_FIELDS,
    By,
    Condition,
    Connection,
    Source,
    Terms,
    checked,
)
from hub.statuses import Status
from hub.store.engine import Engine, Insert
from hub.store.schema import LEADS
from tests.spine import SHOP, START, Clock, assembled, current, log_of, receive

PHONE = "+79123456789"
MOSCOW = "Europe/Moscow"
FB, VK, MT, YA = Source.FACEBOOK, Source.VK, Source.MYTARGET, Source.YANDEX


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(engine: Engine, clock: Clock, tmp_path: Path) -> Hub:
    return await assembled(engine, clock, tmp_path)


def connection(id: str = "leads", **terms: Any) -> Connection:
    given = {"name": "Лето 2026", "source": VK, "phone_field": "phone_number"} | terms
    return Connection(
        id=id,
        project=SHOP,
        terms=Terms(**given),
        priority=given.get("priority", 0),
        created_at=START,
        changed_at=START,
    )


def filled(source: Source = VK, **told: Any) -> Filled:
    return Filled(source=source, submitted_at=told.pop("submitted_at", START), **told)


async def connect(hub: Hub, id: str = "leads", **terms: Any) -> Connection:
    made = connection(id, **terms)
    await hub.engine.write(Insert(made))
    return made


async def send(hub: Hub, n: int = 1, **told: Any) -> Dialog:
    """The form is filled, and all that follows from it has followed."""
    fields = {"phone_number": "8 (912) 345-67-89"} | told.pop("fields", {})
    form = FormFilled(
        sender=Sender(external_id="ivan"),
        at=hub.now(),
        external_id=f"form.{n}",
        form=told.pop("form", "Лето"),
        answers=(),
        source="vk",
        fields=fields,
        **told,
    )
    await receive(hub, form)
    for _ in range(3):
        await hub.worker.work()
    return await current(hub)


async def lead(hub: Hub) -> Any:
    page = await hub.engine.find(LEADS, {"project": SHOP, "phone": PHONE}, limit=5)
    assert len(page.items) <= 1
    return page.items[0] if page.items else None


async def test_a_form_is_called_back_by_itself(hub: Hub) -> None:
    """The first sentence: leads of social networks are handled by an automatic callback."""
    await connect(hub)
    row = await send(hub)
    made = await lead(hub)
    assert (made.dialog, made.status, made.due_at) == (row.id, Status.NEW, START)


async def test_the_name_of_the_connection_is_kept_for_the_reports(hub: Hub) -> None:
    """Main settings, 1: the name is shown in the reports of leads and calls."""
    await connect(hub)
    row = await send(hub)
    assert row.connection == "leads"
    assert (await lead(hub)).connection == "leads"
    routed = next(each for each in await log_of(hub.engine, row.id) if each.verb is Verb.ROUTED)
    assert routed.data["name"] == "Лето 2026"


async def test_what_is_not_active_handles_nothing(hub: Hub) -> None:
    """Main settings, 2: leads of an inactive connection are not handled by its settings."""
    await connect(hub, active=False)
    row = await send(hub)
    assert (row.connection, await lead(hub)) == ("", None)


@pytest.mark.parametrize(
    ("source", "ours", "other"),
    [
        (FB, filled(FB, fields={"page_id": "1"}), filled(FB, fields={"page_id": "2"})),
        (VK, filled(VK, group_id="1"), filled(VK, group_id="2")),
        (MT, filled(MT, fields={"account_id": "1"}), filled(MT, fields={"account_id": "2"})),
        (YA, filled(YA, form_id="1"), filled(YA, form_id="2")),
    ],
)
def test_the_object_is_a_page_a_group_an_account_or_a_turbo_page(
    source: Source, ours: Filled, other: Filled
) -> None:
    """Main settings, 3: what the connected object is for each system."""
    one = connection(source=source, object_id="1")
    assert connections.choose([one], ours) is one
    assert connections.choose([one], other) is None


def test_the_object_has_a_name() -> None:
    """Main settings, 4: the name of the page, group, account or turbo page."""
    terms, _ = checked(connection(object_name=" Пекарня ").terms, MOSCOW, START)
    assert terms.object_name == "Пекарня"


def test_a_connection_is_of_one_system() -> None:
    """Main settings, 5: the type is the system that is connected."""
    for source in (FB, VK, MT, YA):
        one = connection(source=source)
        for other in (FB, VK, MT, YA):
            chosen = connections.choose([one], filled(other))
            assert (chosen is one) == (source is other)


def test_where_conditions_overlap_the_higher_priority_handles() -> None:
    """Main settings, 6: 0 is the highest; the others are not asked."""
    low, high, other = connection("low", priority=1), connection("high"), connection("x", source=MT)
    assert connections.fitting([low, other, high], filled()) == [high, low]
    assert connections.meets(low, high)
    with pytest.raises(msgspec.ValidationError, match="priority"):
        msgspec.convert({"name": "x", "source": "vk", "priority": -1}, Terms)


async def test_the_way_of_handling_is_a_callback_or_only_a_record(hub: Hub) -> None:
    """Main settings, 7: the way in which leads are handled."""
    await connect(hub, handling="register")
    row = await send(hub)
    assert (row.call_status, await lead(hub)) == (Status.NEW, None)


async def test_the_call_goes_to_the_numbers_of_the_connection(hub: Hub) -> None:
    """General settings, 1 and 2: the number called and the number shown, which may differ."""
    await connect(hub, numbers=("+74951234567", "101"), shown="+78121234567")
    await send(hub)
    plan = (await lead(hub)).plan
    assert (plan.numbers, plan.shown) == (("+74951234567", "101"), "+78121234567")


def test_every_system_has_its_field_with_the_phone() -> None:
    """General settings, 3: a default field is written into the settings from the beginning."""
    for source in (FB, VK, MT, YA):
        terms, _ = checked(Terms(name="x", source=source), MOSCOW, START)
        assert terms.phone_field == PHONE_FIELDS[source] != ""


async def test_with_a_wrong_field_the_phone_is_unknown(hub: Hub) -> None:
    """General settings, 3: a wrong field leaves the client's number undetermined."""
    await connect(hub, phone_field="tel")
    await send(hub)
    page = await handling.invalid(hub.engine, SHOP, waiting=True, after=None, limit=5)
    assert [each.reason for each in page.items] == ["no_field"]
    assert await lead(hub) is None


async def test_invalid_leads_are_sent_again_after_the_field_was_corrected(hub: Hub) -> None:
    """General settings, the note: after the field is corrected they can be sent to be called."""
    made = await connect(hub, phone_field="tel")
    await send(hub)
    right = replace(made.terms, phone_field="phone_number")
    await hub.engine.change(Connection, made.id, lambda had: replace(had, terms=right))
    [kept] = (await handling.invalid(hub.engine, SHOP, waiting=True, after=None, limit=5)).items
    for _ in range(2):
        await handling.resend(hub.engine, hub.bus, SHOP, kept.id, hub.now())
        await hub.worker.work()
    assert (await lead(hub)).phone == PHONE


async def test_a_value_of_a_field_decides_when_the_lead_is_handled(hub: Hub) -> None:
    """General settings, 4, and the planning: field, value, and the way, as «after 1 hours»."""
    await connect(hub, planning=(Row("Удобное время", "after 1 hours", "Через час"),))
    await send(hub, fields={"Удобное время": "через час"})
    assert (await lead(hub)).due_at == START + timedelta(hours=1)


def test_after_1_hours_is_in_an_hour() -> None:
    """The planning, the way: «на примере after 1 hours - через час»."""
    assert planning.words(planning.parse("after 1 hours"), "ru") == "через 1 час"


async def test_the_attempts_are_counted_from_the_form(hub: Hub) -> None:
    """The retries: the first attempt in 15 minutes, the second in 30, both from the form."""
    await connect(hub, offsets=(15 * 60, 30 * 60))
    await send(hub)
    made = await lead(hub)
    assert made.due_at == START + timedelta(minutes=15)
    assert (made.plan.offsets, made.plan.tries) == ((900, 1_800), 2)


async def test_the_connection_goes_before_the_project(hub: Hub) -> None:
    """The retries: what the connection plans goes before what the project does."""
    calling = Calling(tries=5, numbers=("+74950000000",))
    await hub.engine.change(Project, SHOP, lambda had: replace(had, calling=calling))
    await connect(hub, numbers=("101",), offsets=(60, 120))
    await send(hub)
    plan = (await lead(hub)).plan
    assert (plan.tries, plan.offsets, plan.numbers) == (2, (60, 120), ("101",))


async def test_where_a_connection_plans_nothing_the_project_does(hub: Hub) -> None:
    """The retries: the project's own settings are those of the callback in general."""
    calling = Calling(tries=5, numbers=("+74950000000",))
    await hub.engine.change(Project, SHOP, lambda had: replace(had, calling=calling))
    await connect(hub)
    await send(hub)
    plan = (await lead(hub)).plan
    assert (plan.tries, plan.offsets, plan.numbers) == (5, (), ("+74950000000",))


TABLE: list[tuple[By, dict[str, Any], tuple[Source, ...]]] = [
    (By.FORM_NAME, {"form": "да"}, (FB, VK, MT, YA)),
    (By.FORM_ID, {"form_id": "да"}, (FB, VK, MT, YA)),
    (By.AD_ID, {"ad_id": "да"}, (FB, VK, MT)),
    (By.GROUP_ID, {"group_id": "да"}, (FB, VK)),
]
"""The table of conditions: what each looks at, and in which systems it is there."""


@pytest.mark.parametrize(("by", "told", "where"), TABLE)
@pytest.mark.parametrize("source", [FB, VK, MT, YA])
def test_the_table_of_conditions_by_source(
    by: By, told: dict[str, Any], where: tuple[Source, ...], source: Source
) -> None:
    """The conditions: name and id of the form, id of the ad (or banner), id of the group."""
    terms = Terms(name="x", source=source, conditions=(Condition(by, ("да",)),))
    if source not in where:
        assert by not in CONDITIONS[source]
        with pytest.raises(BadValueError) as refused:
            checked(terms, MOSCOW, START)
        assert refused.value.field == "conditions.0.by"
        return
    kept, _ = checked(terms, MOSCOW, START)
    one = replace(connection(source=source), terms=kept)
    assert connections.choose([one], filled(source, **told)) is one
    assert connections.choose([one], filled(source)) is None


@pytest.mark.parametrize(
    ("source", "field", "told"),
    [
        (FB, "campaign_id", {"fields": {"campaign_id": "7"}}),
        (FB, "banner_id", {"ad_id": "7"}),
        (FB, "form_id", {"form_id": "7"}),
        (VK, "submitted_on", {"submitted_at": datetime(2026, 12, 7, tzinfo=UTC)}),
        (VK, "user_id", {"fields": {"user_id": "7"}}),
        (VK, "ad_id", {"ad_id": "7"}),
        (MT, "name", {"fields": {"name": "7"}}),
        (MT, "phone", {"fields": {"phone": "7"}}),
        (MT, "banner_id", {"ad_id": "7"}),
        (YA, "телефон", {"fields": {"Телефон": "7"}}),
        (YA, "Имя", {"fields": {"Имя": "7"}}),
    ],
)
def test_any_field_of_a_form_may_be_a_condition(
    source: Source, field: str, told: dict[str, Any]
) -> None:
    """The conditions, any field of the form: the examples of each system."""
    value = "07.12.2026" if field == "submitted_on" else "7"
    one = connection(source=source, conditions=(Condition(By.FIELD, (value,), field),))
    assert checked(one.terms, MOSCOW, START)
    assert connections.choose([one], filled(source, **told)) is one
    assert connections.choose([one], filled(source)) is None


def test_all_conditions_of_a_connection_have_to_hold() -> None:
    """The conditions: forms are handled by those that are set."""
    both = (Condition(By.FORM_NAME, ("Лето",)), Condition(By.AD_ID, ("1", "2")))
    one = connection(conditions=both)
    assert connections.choose([one], filled(form="Лето", ad_id="2")) is one
    assert connections.choose([one], filled(form="Лето", ad_id="3")) is None


def test_every_parameter_of_the_table_is_there_with_variables() -> None:
    """The parameters: five labels, referrer, pages, two domains, label; `$form_name$` in each."""
    assert len(PARAMETERS) == 11
    terms = Terms(
        name="x",
        source=VK,
        parameters={name: f"{name}-$form_name$" for name in PARAMETERS},
        custom={"car": "$model$"},
    )
    checked(terms, MOSCOW, START)
    visit = connections.processed(terms, filled(form="Лето", fields={"model": "Лада"}), Visit())
    made = {
        **visit.utm,
        "referrer": visit.referrer,
        "entry_page": visit.entry_page,
        "exit_page": visit.exit_page,
        "entry_domain": visit.entry_domain,
        "referrer_domain": visit.referrer_domain,
        "label": visit.label,
    }
    assert made == {name: f"{name}-Лето" for name in PARAMETERS}
    assert visit.custom == {"car": "Лада"}


def test_a_field_that_rights_hide_is_said_to_be_hidden() -> None:
    """The parameters, the note: some fields may be hidden, as the ids of campaigns are."""
    terms = Terms(name="x", source=FB, parameters={"utm_campaign": "$campaign_id$"})
    visit = connections.processed(terms, filled(FB, hidden=("campaign_id",)), Visit())
    assert visit.utm == {"utm_campaign": connections.NO_ACCESS}

"""Which connection handles a form, whose phone it has, and what of the visit it tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import BadValueError
from hub.model import ProjectId
from hub.people.visit import Visit
from hub.requests import connections
from hub.requests.connections import Filled
from hub.requests.planning import Row
from hub.requests.terms import CONDITIONS, By, Condition, Connection, Source, Terms, checked

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOSCOW = "Europe/Moscow"


def connection(id: str, *conditions: Condition, minute: int = 0, **terms: Any) -> Connection:
    given = {"name": id, "source": Source.VK} | terms
    return Connection(
        id=id,
        project=ProjectId("shop"),
        terms=Terms(conditions=conditions, **given),
        priority=given.get("priority", 0),
        created_at=NOW + timedelta(minutes=minute),
        changed_at=NOW,
    )


def filled(**told: Any) -> Filled:
    given: dict[str, Any] = {"source": "vk", "submitted_at": NOW}
    return Filled(**(given | told))


def named(*values: str, **other: Any) -> Condition:
    return Condition(By.FORM_NAME, values, **other)


WORDS = st.sampled_from(["", "a", "b", "Ё", "ё "])
CONDITION = st.builds(
    Condition,
    st.sampled_from(By),
    st.lists(st.sampled_from(["a", "b", "е"]), min_size=1, max_size=2).map(tuple),
    st.just("city"),
    st.sampled_from(["is", "is_not", "contains"]),
)
CONNECTIONS = st.lists(
    st.tuples(
        st.lists(CONDITION, max_size=3),
        st.integers(0, 2),
        st.integers(0, 2),
        st.booleans(),
        st.sampled_from([Source.VK, Source.FACEBOOK]),
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=6,
).map(
    lambda drawn: [
        connection(
            f"c{n}",
            *conditions,
            priority=priority,
            minute=minute,
            active=active,
            source=source,
            object_id=object_id,
        )
        for n, (conditions, priority, minute, active, source, object_id) in enumerate(drawn)
    ]
)
FORMS = st.builds(
    Filled,
    source=st.sampled_from(["vk", "facebook", "other"]),
    submitted_at=st.just(NOW),
    form=WORDS,
    form_id=WORDS,
    group_id=WORDS,
    ad_id=WORDS,
    fields=st.dictionaries(st.sampled_from(["city", "page_id", "x"]), WORDS, max_size=3),
    hidden=st.lists(st.sampled_from(["city", "ad_id"]), max_size=1).map(tuple),
)


@given(CONNECTIONS, FORMS, st.randoms(use_true_random=False))
def test_the_order_in_which_connections_stand_changes_nothing(
    had: list[Connection], form: Filled, random: Any
) -> None:
    shuffled = had.copy()
    random.shuffle(shuffled)
    assert connections.fitting(had, form) == connections.fitting(shuffled, form)
    chosen = connections.choose(had, form)
    assert chosen == connections.choose(shuffled, form)
    if chosen is not None:
        # What does not fit has no say, and whoever handles it does so alone too.
        assert connections.choose([chosen], form) == chosen
        others = [each for each in had if each.id != chosen.id]
        second = connections.choose(others, form)
        assert second is None or second.terms.priority >= chosen.terms.priority


@given(CONNECTIONS, FORMS)
def test_two_that_fit_one_form_are_said_to_meet(had: list[Connection], form: Filled) -> None:
    fitting = connections.fitting(had, form)
    for one in fitting:
        assert one.terms.active
        for other in fitting:
            # A form that does not say of which object it is may fit those of several.
            objects = {one.terms.object_id, other.terms.object_id} - {""}
            assert connections.meets(one, other) or len(objects) == 2


@given(FORMS, st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_form_holds_its_phone_is_one_or_has_a_reason(
    form: Filled, field: str, written: str
) -> None:
    form = replace(form, fields=form.fields | {field: written}, raw_phone=written)
    for name in ("", field, "другое"):
        terms = Terms(name="x", source=Source.VK, phone_field=name)
        read = connections.phone_of(terms, form)
        assert bool(read.phone) != bool(read.why_not)


def test_the_highest_priority_handles_what_several_fit_and_of_equals_the_older() -> None:
    had = [
        connection("late", priority=1, minute=5),
        connection("all", priority=2),
        connection("early", priority=1, minute=1),
        connection("off", priority=0, active=False),
        connection("other", named("Акция"), priority=0),
    ]
    form = filled(form="Заявка")
    assert [each.id for each in connections.fitting(had, form)] == ["early", "late", "all"]
    assert connections.choose(had, filled(form=" акция ")) == had[4]
    assert connections.choose([], form) is None
    assert connections.choose([replace(had[0], gone=True)], form) is None


def test_a_connection_to_an_object_leaves_the_forms_of_others_alone() -> None:
    ours = connection("ours", object_id="123")
    assert connections.choose([ours], filled(group_id="123")) is ours
    assert connections.choose([ours], filled(group_id="124")) is None
    site = connection("site", source=Source.FORM, object_id="shop-form")
    assert connections.choose([site], filled(source="form", channel="shop-form")) is site
    assert connections.choose([site], filled(source="form", channel="other")) is None


def test_a_field_that_is_hidden_meets_no_condition() -> None:
    here = Condition(By.FIELD, ("Пермь",), "city", "is_not")
    assert connections.choose([connection("c", here)], filled(fields={"city": "Омск"}))
    assert connections.choose([connection("c", here)], filled())
    assert connections.choose([connection("c", here)], filled(hidden=("City",))) is None


@pytest.mark.parametrize(
    ("written", "phone", "extension", "why_not"),
    [
        ("8 (912) 345-67-89", "+79123456789", "", ""),
        ("+7 495 123-45-67 доб. 12", "+74951234567", "12", ""),
        ("позвоните 89123456789, или 89123456780", "+79123456789", "", ""),
        ("нет", "", "", "empty"),
        ("112", "", "", "too_short"),
        ("8 800 555-35-35", "", "", "toll_free"),
        ("+1 202 555 0143", "", "", "foreign"),
        ("9" * 40, "", "", "too_long"),
        ("x" * 1_000_000, "", "", "empty"),
    ],
)
def test_the_field_named_is_read_strictly(
    written: str, phone: str, extension: str, why_not: str
) -> None:
    form = filled(fields={"Телефон": written}, raw_phone="+79000000000")
    terms = Terms(name="x", source=Source.VK, phone_field=" телефон")
    read = connections.phone_of(terms, form)
    assert (read.phone, read.extension, read.why_not) == (phone, extension, why_not)
    assert len(read.written) <= 100


def test_a_wrong_field_leaves_the_phone_unknown_and_none_leaves_it_to_the_source() -> None:
    form = filled(fields={"tel": "89123456789"}, raw_phone="89123456789")
    wrong = Terms(name="x", source=Source.VK, phone_field="phone_number")
    assert connections.phone_of(wrong, form).why_not == "no_field"
    hidden = replace(form, hidden=("phone_number",))
    assert connections.phone_of(wrong, hidden).why_not == "hidden"
    for terms in (replace(wrong, phone_field=""), None):
        assert connections.phone_of(terms, form).phone == "+79123456789"


def test_the_planning_of_a_field_goes_before_the_offsets() -> None:
    had = connection("c", planning=(Row("when", "tomorrow 10:00", "завтра"),), offsets=(900, 1_800))
    by_row = connections.plan_of(had, filled(fields={"when": "Завтра"}), MOSCOW)
    assert (by_row.at, by_row.row) == (datetime(2026, 11, 23, 7, tzinfo=UTC), 0)
    assert by_row.time is not None
    by_offset = connections.plan_of(had, filled(fields={"when": "потом"}), MOSCOW)
    assert by_offset == (NOW + timedelta(minutes=15), None, None)
    assert connections.plan_of(connection("c"), filled(), MOSCOW).at is None
    assert connections.plan_of(None, filled(), MOSCOW).at is None


def test_parameters_are_made_of_fields_and_what_they_leave_empty_stays() -> None:
    terms = Terms(
        name="Лето",
        source=Source.VK,
        parameters={
            "utm_source": "vk",
            "utm_campaign": "$form_name$ {{ city }}",
            "utm_term": "$nothing$",
            "label": "{{ connection }}",
            "entry_page": "https://shop.example/$form_id$",
        },
        custom={"model": "$Модель_машины$"},
    )
    form = filled(form="Заявка", form_id="7", fields={"city": "Пермь", "Модель машины": "Лада"})
    visit = connections.processed(
        terms, form, Visit(utm={"utm_term": "шины", "utm_source": "ya"}, referrer="https://ya.ru/x")
    )
    assert visit.utm == {
        "utm_source": "vk",
        "utm_campaign": "Заявка Пермь",
        "utm_term": "шины",
    }
    assert (visit.label, visit.custom) == ("Лето", {"model": "Лада"})
    assert (visit.entry_domain, visit.referrer_domain) == ("shop.example", "ya.ru")


def test_what_the_source_hides_is_told_to_be_hidden() -> None:
    terms = Terms(
        name="x",
        source=Source.FACEBOOK,
        parameters={"utm_campaign": "$campaign_id$", "utm_content": "$ad_name$", "label": "a"},
    )
    form = filled(source="facebook", hidden=("campaign_id",))
    visit = connections.processed(terms, form, Visit())
    assert visit.utm == {"utm_campaign": connections.NO_ACCESS}
    assert visit.label == "a"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=4), st.text(max_size=60))
def test_no_form_and_no_phrase_breaks_the_parameters(fields: dict[str, str], phrase: str) -> None:
    terms = Terms(name="x", source=Source.VK, parameters={"label": phrase, "referrer": phrase})
    visit = connections.processed(terms, filled(fields=fields), Visit())
    assert len(visit.label) <= connections.LABEL_MAX
    assert "\n" not in visit.referrer


GOOD = Terms(name="Лето", source=Source.VK)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (replace(GOOD, name=" \0"), "name"),
        (replace(GOOD, conditions=(Condition(By.FIELD, ("a",)),)), "conditions.0.field"),
        (replace(GOOD, conditions=(Condition(By.AD_ID, ("a",), "city"),)), "conditions.0.field"),
        (replace(GOOD, parameters={"utm_other": "x"}), "parameters"),
        (replace(GOOD, parameters={"label": "{% for x in y %}"}), "parameters.label"),
        (replace(GOOD, custom={"a.b": "x"}), "custom"),
        (replace(GOOD, custom={"$x": "x"}), "custom"),
        (replace(GOOD, custom={"model": "{{"}), "custom.model"),
        (replace(GOOD, custom={str(n): "x" for n in range(21)}), "custom"),
        (replace(GOOD, offsets=(900, 900)), "offsets"),
        (replace(GOOD, offsets=(900, 60)), "offsets"),
        (replace(GOOD, planning=(Row("a", "когда-нибудь"),)), "planning.0.when"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(terms: Terms, field: str) -> None:
    with pytest.raises(BadValueError) as refused:
        checked(terms, MOSCOW, NOW)
    assert refused.value.field == field


def test_what_is_kept_is_tidy_and_what_is_odd_is_said() -> None:
    terms, doubts = checked(
        replace(
            GOOD,
            name="  Лето  2026 ",
            parameters={"utm_source": " ", "label": "$city$ $first_name$ $form_name$"},
            planning=(Row("Время ", "через час", "a"),),
        ),
        MOSCOW,
        NOW,
    )
    assert (terms.name, terms.phone_field) == ("Лето 2026", "phone_number")
    assert terms.parameters.keys() == {"label"}
    assert terms.planning == (Row("Время", "after 60 minutes", "a"),)
    assert doubts.unknown == {"parameters.label": ("city",)}
    assert checked(terms, MOSCOW, NOW)[0] == terms


def test_every_source_has_its_conditions() -> None:
    assert CONDITIONS.keys() == set(Source)

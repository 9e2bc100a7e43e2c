"""The filter language says what it means, refuses what it cannot mean, and never raises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import BadValueError
from hub.finding.filters import (
    CONDITIONS_MAX,
    DEPTH_MAX,
    FIELDS,
    OPS,
    Filter,
    Op,
    Value,
    check,
    field_of,
    mentions,
    passes,
    subject,
)
from hub.model import (
    Awaits,
    ChannelId,
    ContactId,
    Cycle,
    Dialog,
    EntryPoint,
    IdentityId,
    ProjectId,
)
from hub.people.visit import Visit
from hub.statuses import RequestType, Status
from hub.texts import Lang, catalogue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROW = Dialog(
    id="site:ivan:1",
    project=ProjectId("shop"),
    channel=ChannelId("site"),
    kind="site",
    type=RequestType.LIVE_CHAT,
    identity=IdentityId("site:ivan"),
    contact=ContactId("site:ivan"),
    n=1,
    name="Иван Петров",
    entry_point=EntryPoint(kind="site", value="site", comment="Главный сайт"),
    open=True,
    awaits=Awaits.OPERATOR,
    waiting_since=NOW - timedelta(minutes=12),
    chat_status=Status.CHATTING,
    unanswered=2,
    phone="+79123456789",
    fields={"car": "Octavia"},
    visit=Visit(
        page="https://example.com/cars?id=7",
        referrer="https://ya.ru/",
        utm={"utm_source": "Yandex", "utm_my": "x"},
    ),
    cycle=Cycle(score="good"),
    created_at=NOW - timedelta(days=2),
    last_at=NOW - timedelta(hours=1),
    changed_at=NOW,
)


def of(field: str, op: str, value: object = None) -> Filter:
    return msgspec.convert({"field": field, "op": op, "value": value}, Filter)


def holds(filter: Filter, row: Dialog = ROW) -> bool:
    check(filter, FIELDS)
    return passes(filter, subject(row, NOW))


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("channel", "is", "site"),
        ("channel", "one_of", ("vk", "site")),
        ("owner", "not_set", None),
        ("name", "contains", "петр"),
        ("name", "begins", "иван"),
        ("name", "is_not", "Пётр"),
        ("entry_comment", "is", "главный сайт"),
        ("status", "is", "chatting"),
        ("call_status", "not_set", None),
        ("type", "is", "live_chat"),
        ("open", "is", True),
        ("phone_known", "is", True),
        ("phone_kind", "is", "mobile"),
        ("unanswered", "at_least", 2),
        ("unanswered", "at_most", 2),
        ("waiting_minutes", "at_least", 12),
        ("page", "contains", "/CARS"),
        ("utm.source", "is", "yandex"),
        ("utm.my", "is", "x"),
        ("utm.medium", "not_set", None),
        ("field.car", "begins", "octa"),
        ("field.colour", "is_not", "red"),
        ("score", "is_set", None),
        ("result", "not_set", None),
        ("created_at", "within_days", 2),
        ("created_at", "older_than_days", 1),
        ("created_at", "at_most", "2026-02-28T12:00:00+03:00"),
        ("last_at", "at_least", "2026-03-02T08:00:00Z"),
        ("closed_at", "not_set", None),
    ],
)
def test_a_condition_holds_of_the_dialog_it_describes(field: str, op: str, value: object) -> None:
    assert holds(of(field, op, value))
    assert not holds(Filter(not_=of(field, op, value)))


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("channel", "is", "vk"),
        ("owner", "is_set", None),
        ("name", "contains", "анна"),
        ("open", "is", False),
        ("unanswered", "is", 3),
        ("created_at", "within_days", 1),
        ("created_at", "older_than_days", 2),
        ("closed_at", "older_than_days", 0),
        ("closed_at", "at_most", "2026-03-02T08:00:00Z"),
        ("utm.medium", "contains", "c"),
        ("field.colour", "is", "red"),
    ],
)
def test_a_condition_does_not_hold_of_others(field: str, op: str, value: object) -> None:
    assert not holds(of(field, op, value))


def test_a_dialog_that_only_a_door_was_opened_for_is_listed_as_new() -> None:
    assert holds(of("status", "is", "new"), replace(ROW, chat_status=None))


def test_all_any_and_not_are_what_they_say() -> None:
    yes, no = of("open", "is", True), of("open", "is", False)
    assert holds(Filter())
    assert holds(Filter(all=(yes, yes)))
    assert not holds(Filter(all=(yes, no)))
    assert holds(Filter(any=(no, yes)))
    assert not holds(Filter(any=(no, no)))
    assert holds(Filter(not_=Filter(all=(yes, no))))
    assert not holds(Filter(any=(yes,), not_=yes)), "every part that is there must hold"


def test_a_filter_reads_as_people_would_write_it_in_json() -> None:
    body = (
        b'{"all":[{"field":"type","op":"one_of","value":["vk","telegram"]},'
        b'{"not":{"field":"open","op":"is","value":true}}]}'
    )
    filter = msgspec.json.decode(body, type=Filter)
    check(filter, FIELDS)
    assert msgspec.json.encode(filter) == body
    assert mentions(filter) == {"type", "open"}
    assert not holds(filter)


@pytest.mark.parametrize(
    ("filter", "path"),
    [
        (of("nothing", "is", "x"), "field"),
        (of("", "is", "x"), "field"),
        (of("utm.*", "is_not", ""), "value"),
        (of("open", "contains", "x"), "op"),
        (Filter(field="open", value=True), "op"),
        (of("open", "is", "yes"), "value"),
        (of("unanswered", "is", True), "value"),
        (of("unanswered", "at_least", "2"), "value"),
        (of("type", "is", "pigeon"), "value"),
        (of("type", "one_of", ()), "value"),
        (of("type", "one_of", ("vk", "pigeon")), "value"),
        (of("name", "one_of", ("x",) * 101), "value"),
        (of("name", "is", "x" * 501), "value"),
        (of("name", "is_set", "x"), "value"),
        (of("created_at", "at_least", "2026-03-02"), "value"),
        (of("created_at", "at_least", "2026-03-02T09:00:00"), "value"),
        (of("created_at", "at_least", "yesterday"), "value"),
        (of("created_at", "within_days", -1), "value"),
        (of("created_at", "within_days", True), "value"),
        (of("created_at", "within_days", 10**30), "value"),
        (Filter(any=()), "any"),
        (Filter(all=(Filter(not_=of("open", "is", 1)),)), "all.0.not.value"),
        (Filter(all=(Filter(), Filter(any=(Filter(all=()),)))), "all.1.any.0.all"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(filter: Filter, path: str) -> None:
    with pytest.raises(BadValueError) as refused:
        check(filter, FIELDS)
    assert refused.value.field == path


def test_a_filter_has_an_end_in_depth_and_in_number() -> None:
    deep = of("open", "is", True)
    for _ in range(DEPTH_MAX):
        deep = Filter(all=(deep,))
    check(deep, FIELDS)
    with pytest.raises(BadValueError, match="deeper"):
        check(Filter(all=(deep,)), FIELDS)
    check(Filter(all=(of("open", "is", True),) * CONDITIONS_MAX), FIELDS)
    with pytest.raises(BadValueError, match="conditions"):
        check(Filter(all=(of("open", "is", True),) * (CONDITIONS_MAX + 1)), FIELDS)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.text(max_size=5),
    st.sampled_from(["site", "chatting", "2026-03-02T09:00:00Z", "9999-12-31T23:59:59-23:59"]),
    st.lists(st.text(max_size=3), max_size=3).map(tuple),
)
CONDITIONS = st.builds(
    Filter,
    field=st.sampled_from([*FIELDS, "utm.x", "field.car", "nothing", "now", "", "."]),
    op=st.sampled_from([None, *Op]),
    value=VALUES,
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda parts: st.builds(
        Filter,
        all=st.none() | st.lists(parts, max_size=3).map(tuple),
        any=st.none() | st.lists(parts, max_size=3).map(tuple),
        not_=st.none() | parts,
    ),
    max_leaves=8,
)


@given(FILTERS)
@settings(max_examples=300)
def test_no_filter_raises_and_what_may_be_kept_comes_back_the_same(filter: Filter) -> None:
    passes(filter, subject(ROW, NOW))
    passes(filter, {"channel": None})
    try:
        check(filter, FIELDS)
    except BadValueError:
        return
    again = msgspec.json.decode(msgspec.json.encode(filter), type=Filter)
    assert again == filter
    assert passes(Filter(not_=filter), subject(ROW, NOW)) != passes(filter, subject(ROW, NOW))


def test_every_field_of_the_catalogue_can_be_read_of_a_dialog() -> None:
    told = dict(subject(ROW, NOW))
    plain = {name for name in FIELDS if not name.endswith(".*") and not name.startswith("utm.")}
    assert plain <= told.keys()
    assert {"now", "utm.source", "utm.my", "field.car"} <= told.keys()
    types: dict[str, Callable[[Value], bool]] = {
        "flag": lambda value: isinstance(value, bool),
        "number": lambda value: value is None or type(value) is int,
        "moment": lambda value: value is None or isinstance(value, datetime),
        "text": lambda value: value is None or isinstance(value, str),
        "choice": lambda value: value is None or isinstance(value, str),
    }
    for name, value in told.items():
        field = field_of(name, FIELDS)
        assert name == "now" or (field is not None and types[field.type](value)), name
    for name, field in FIELDS.items():
        value = told.get(name)
        assert not field.choices or value in (None, "", *field.choices), name


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_every_field_comparison_and_choice_has_its_words(lang: Lang) -> None:
    words = catalogue(lang).keys()
    wanted = {f"filter.field.{name}" for name in FIELDS if not name.endswith(".*")}
    wanted |= {f"filter.op.{op}" for ops in OPS.values() for op in ops}
    wanted |= {
        f"filter.choice.{name}.{choice}"
        for name, field in FIELDS.items()
        if name != "type" and not name.endswith("status")
        for choice in field.choices
    }
    assert wanted - words == set()


def test_a_filter_of_any_number_of_empty_parts_is_refused() -> None:
    check(Filter(any=(Filter(),) * 100), FIELDS)
    with pytest.raises(BadValueError):
        check(Filter(any=(Filter(),) * 1_000), FIELDS)

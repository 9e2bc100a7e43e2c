"""Connections through the API: made, changed, tried on a sample; invalid forms sent again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hub.events import FormFilled, Sender
from hub.model import Membership, Role
from hub.store.schema import AUDIT
from tests.web.house import ALPHA, BETA, Browser, House

PATH = "/projects/alpha/connections"
INVALID = "/projects/alpha/invalid-forms"


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def put(browser: Browser, path: str, body: object, expect: int = 200) -> Any:
    status, told = await browser.ask("PUT", f"/api/v1{path}", body)
    assert status == expect, told
    return told


async def made(ada: Browser, key: str = "key-0001", expect: int = 201, **terms: Any) -> Any:
    body = {"key": key, "terms": {"name": "Лето", "source": "vk"} | terms}
    return await ada.post(PATH, body, expect=expect)


async def test_a_connection_is_made_once_listed_by_priority_and_changed(
    house: House, ada: Browser
) -> None:
    low = await made(ada, "key-0000", priority=5)
    one = await made(
        ada,
        name="Осень",
        planning=[{"field": "when", "value": "Завтра", "when": "завтра в 10:00"}],
        offsets=[900, 1800],
        parameters={"label": "$city$"},
        numbers=["+74951234567", "101"],
    )
    again = await made(ada, name="Другое")
    assert again == one
    assert one["terms"]["phone_field"] == "phone_number"
    assert one["terms"]["planning"][0]["when"] == "tomorrow 10:00"
    assert one["words"] == ["завтра в 10:00"]
    assert one["unknown"] == {"parameters.label": ["city"]}
    assert one["meets"] == [low["id"]]
    listed = (await ada.get(PATH))["items"]
    assert [each["id"] for each in listed] == [one["id"], low["id"]]

    path = f"{PATH}/{low['id']}"
    terms = low["terms"] | {"priority": 0, "active": False}
    changed = await put(ada, path, {"rev": low["rev"], "terms": terms})
    assert (changed["terms"]["active"], changed["rev"], changed["meets"]) == (False, 1, [])
    told = await put(ada, path, {"rev": low["rev"], "terms": low["terms"]}, expect=409)
    assert told["code"] == "changed"
    told = await put(ada, path, {"rev": 1, "terms": terms | {"source": "yandex"}}, expect=400)
    assert told["field"] == "terms.source"

    assert (await ada.ask("DELETE", f"/api/v1{path}?rev=1"))[0] == 204
    assert (await ada.ask("GET", f"/api/v1{path}"))[0] == 404
    page = await house.hub.engine.find(AUDIT, {"project": ALPHA}, limit=50)
    done = [each.verb for each in page.items if each.verb.startswith("connection_")]
    assert done == [
        "connection_added",
        "connection_added",
        "connection_changed",
        "connection_dropped",
    ]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"source": "avito"}, "bad_value", "terms.source"),
    ({"priority": -1}, "bad_value", "terms.priority"),
    ({"numbers": ["нет"]}, "bad_value", "terms.numbers[0]"),
    ({"secret": 1}, "bad_value", "terms.secret"),
    (
        {"source": "yandex", "conditions": [{"by": "ad_id", "values": ["1"]}]},
        "bad_value",
        "terms.conditions.0.by",
    ),
    ({"planning": [{"field": "x", "when": "потом"}]}, "planning", "terms.planning.0.when"),
    (
        {
            "planning": [
                {"field": "x", "value": "a", "when": "15:30"},
                {"field": "X", "value": "A", "when": "16:30"},
            ]
        },
        "planning_twice",
        "terms.planning.1.value",
    ),
    ({"parameters": {"label": "{{ a.b() }}"}}, "phrase", "terms.parameters.label"),
]


async def test_what_cannot_be_is_refused_with_its_place(ada: Browser) -> None:
    for terms, code, field in REFUSED:
        told = await made(ada, expect=400, **terms)
        assert (told["code"], told["field"]) == (code, field)


async def test_planning_rows_are_told_back_before_they_are_kept(ada: Browser) -> None:
    rows = [
        {"field": "when", "value": "a", "when": "after 1 hours"},
        {"field": "when", "value": "b", "when": "01.01.2020 10:00"},
        {"field": "when", "value": "c", "when": "как в поле"},
    ]
    told = await ada.post(f"{PATH}/planning", {"rows": rows})
    assert told["words"] == ["через 1 час", "01.01.2020 10:00", "как написано в поле"]
    assert told["doubts"] == [{"row": 1, "code": "past"}]


async def test_a_sample_shows_who_would_handle_it_who_else_and_when(ada: Browser) -> None:
    first = await made(
        ada,
        name="Первое",
        planning=[{"field": "when", "value": "утром", "when": "tomorrow 10:00"}],
        parameters={"utm_campaign": "$form_name$", "utm_term": "$ad_name$"},
    )
    second = await made(ada, "key-0002", name="Второе", priority=1)
    sample = {
        "source": "vk",
        "form": "Лето",
        "fields": {"phone_number": "8 912 345-67-89", "when": "Утром"},
        "hidden": ["ad_name"],
        "submitted_at": "2026-03-02T09:00:00Z",
    }
    told = await ada.post(f"{PATH}/preview", sample)
    assert told["connection"] == {"id": first["id"], "name": "Первое", "priority": 0}
    assert [each["id"] for each in told["others"]] == [second["id"]]
    assert (told["phone"], told["invalid"], told["handling"]) == ("+79123456789", "", "callback")
    assert (told["local"], told["words"], told["row"]) == (
        "2026-03-03T10:00",
        "завтра в 10:00",
        0,
    )
    assert told["visit"]["utm"] == {"utm_campaign": "Лето", "utm_term": "no_access"}

    # A connection that is not saved yet is tried in the place of the saved one.
    unsaved = first["terms"] | {"priority": 9, "phone_field": "tel"}
    told = await ada.post(f"{PATH}/preview", sample | {"terms": unsaved, "id": first["id"]})
    assert told["connection"]["id"] == second["id"]
    assert [each["priority"] for each in told["others"]] == [9]
    told = await ada.post(f"{PATH}/preview", sample | {"source": "tilda", "terms": None})
    assert (told["connection"], told["handling"]) == (None, None)
    for wrong in ({"submitted_at": "9999-12-31T23:59:59Z"}, {"id": "ghost", "terms": unsaved}):
        assert (await ada.ask("POST", f"/api/v1{PATH}/preview", sample | wrong))[0] in (400, 404)


async def test_the_sources_tell_by_what_their_forms_differ(ada: Browser) -> None:
    told = await ada.get(f"{PATH}/sources")
    known = {each["source"]: each["conditions"] for each in told["items"]}
    assert known["yandex"] == ["form_name", "form_id", "field"]
    assert "ad_id" in known["mytarget"]
    assert "utm_source" in told["parameters"]


async def test_an_invalid_form_is_listed_and_sent_again_once_its_field_is_right(
    house: House, ada: Browser
) -> None:
    one = await made(ada, source="form", phone_field="tel")
    form = FormFilled(
        sender=Sender(external_id="ivan"),
        at=house.hub.now(),
        external_id="form.1",
        form="Заявка",
        answers=(),
        source="form",
        fields={"Телефон": "8 912 345-67-89"},
    )
    await house.hub.intake.accept(house.hub.channels.get("alpha-echo"), [form])
    await house.hub.worker.work()
    [kept] = (await ada.get(INVALID))["items"]
    assert (kept["reason"], kept["name"], kept["waiting"]) == ("no_field", "Лето", True)

    await house.operator("vera", ALPHA)
    known = await house.hub.accounts.by_login("vera")
    assert known is not None
    await house.hub.engine.change(
        Membership, f"{known.id}:alpha", lambda had: replace(had, channels=("alpha-site",))
    )
    vera = await house.browser("vera")
    assert (await vera.get(INVALID))["items"] == []
    resend = f"/api/v1{INVALID}/resend"
    assert (await vera.ask("POST", resend, {"ids": [kept["id"]]}))[0] == 404
    await house.operator("boris-too", BETA)
    boris = await house.browser("boris-too")
    beta = "/api/v1/projects/beta/invalid-forms/resend"
    assert (await boris.ask("POST", beta, {"ids": [kept["id"]]}))[0] == 404

    terms = one["terms"] | {"phone_field": "Телефон"}
    await put(ada, f"{PATH}/{one['id']}", {"rev": one["rev"], "terms": terms})
    for _ in range(2):
        told = await ada.post(f"{INVALID}/resend", {"ids": [kept["id"]]})
        assert [each["waiting"] for each in told["items"]] == [False]
    assert (await ada.get(INVALID))["items"] == []
    assert len((await ada.get(f"{INVALID}?waiting=false"))["items"]) == 1

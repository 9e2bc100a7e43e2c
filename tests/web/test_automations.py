"""Segments and automations through the doors: put together, counted, foreseen, switched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.model import ProjectId, Role
from tests.web.house import Browser, House
from web.api_segments import WALKS

ALPHA = ProjectId("alpha")
OPEN = {"field": "open", "op": "is", "value": True}
AT = "/projects/alpha"


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


@pytest.fixture
async def asked(house: House) -> str:
    """A dialog in which somebody left a phone."""
    visitor = await house.visitor()
    await visitor.write("Перезвоните мне на +7 912 345-67-89, пожалуйста, про окна")
    while await house.hub.worker.work():
        pass
    return str((await visitor.write("жду"))["dialog"])


async def segment(ada: Browser, key: str = "segment-1", **more: object) -> Any:
    given = {"name": "Открытые", "filters": [OPEN]} | more
    return await ada.post(f"{AT}/segments", {"key": key, "segment": given}, expect=201)


async def automation(ada: Browser, of: str, key: str = "automation-1", **more: object) -> Any:
    aim = {"name": "Перезвон", "segment": of} | more
    return await ada.post(f"{AT}/automations", {"key": key, "aim": aim}, expect=201)


async def test_a_segment_is_counted_before_it_is_saved_and_leafed_through_after(
    ada: Browser, asked: str
) -> None:
    counted = await ada.post(f"{AT}/segments/count", {"filters": [OPEN]})
    assert (counted["n"], counted["more"]) == (1, False)
    assert [each["dialog"] for each in counted["items"]] == [asked]
    none = await ada.post(f"{AT}/segments/count", {"filters": [{"not": OPEN}]})
    assert none["n"] == 0
    made = await segment(ada)
    assert made["filters"] == [OPEN]
    told = await ada.get(f"{AT}/segments/{made['id']}/members?limit=10")
    assert [each["dialog"] for each in told["items"]] == [asked]
    assert told["next"] is None


async def test_the_same_key_saves_one_segment_and_one_automation(ada: Browser) -> None:
    one, other = await segment(ada), await segment(ada)
    assert one["id"] == other["id"]
    first = await automation(ada, one["id"])
    second = await automation(ada, one["id"])
    assert first["id"] == second["id"]
    assert len((await ada.get(f"{AT}/segments"))["items"]) == 1
    assert len((await ada.get(f"{AT}/automations"))["items"]) == 1


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ([], "filters"),
        ([OPEN] * 11, "filters"),
        ([OPEN, {"field": "open", "op": "is", "value": 1}], "filters.1.value"),
        ([{"field": "name", "op": "matches", "value": "(a+)+"}], "filters[0].op"),
        ([{"surprise": 1}], "filters[0].surprise"),
        ([{"any": [{"field": "nothing", "op": "is_set"}]}], "filters.0.any.0.field"),
        ([{"not": {"not": {"not": {"not": {"not": OPEN}}}}}], "filters.0.not.not.not.not.not"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused_with_its_path(
    ada: Browser, filters: list[object], field: str
) -> None:
    status, told = await ada.ask("POST", f"/api/v1{AT}/segments/count", {"filters": filters})
    assert (status, told["code"]) == (400, "bad_value")
    assert told["field"] == field


async def test_a_filter_as_deep_as_a_well_is_refused(ada: Browser) -> None:
    deep: dict[str, object] = OPEN
    for _ in range(60):
        deep = {"all": [deep]}
    status, told = await ada.ask("POST", f"/api/v1{AT}/segments/count", {"filters": [deep]})
    assert (status, told["code"]) == (400, "bad_value")


async def test_a_segment_of_too_many_conditions_is_refused(ada: Browser) -> None:
    body = {"filters": [{"all": [OPEN] * 50}] * 3}
    status, told = await ada.ask("POST", f"/api/v1{AT}/segments/count", body)
    assert (status, told["field"]) == (400, "filters")


async def test_whoever_counts_without_end_is_told_to_wait(house: House, ada: Browser) -> None:
    house.stop_the_clock()
    body = {"filters": [OPEN]}
    for _ in range(WALKS):
        await ada.post(f"{AT}/segments/count", body)
    made = await segment(ada)
    for method, path in (
        ("POST", f"{AT}/segments/count"),
        ("GET", f"{AT}/segments/{made['id']}/members"),
    ):
        status, told = await ada.ask(method, f"/api/v1{path}", body if method == "POST" else None)
        assert (status, told["code"]) == (429, "limited"), path


async def test_an_automation_is_foreseen_switched_on_and_stopped(
    house: House, ada: Browser, asked: str
) -> None:
    made = await segment(ada)
    aim = {"name": "Перезвон", "segment": made["id"]}
    seen = await ada.post(f"{AT}/automations/preview", aim)
    assert (seen["calls"], seen["items"][0]["phone"]) == (1, "+79123456789")
    mine = await automation(ada, made["id"])
    assert mine["enabled"] is False
    assert mine["segment_name"] == "Открытые"
    at = f"{AT}/automations/{mine['id']}"
    on = await ada.post(f"{at}/switch", {"on": True})
    assert on["enabled"] is True

    visitor = await house.visitor()
    late = await visitor.write("Перезвоните на +7 912 000-00-01, пожалуйста, тоже про окна")
    while await house.hub.worker.work():
        pass
    foreseen = await ada.get(f"{at}/preview")
    assert [each["dialog"] for each in foreseen["items"]] == [late["dialog"]]
    await house.hub.automating.round()
    while await house.hub.worker.work():
        pass
    [handled] = (await ada.get(f"{at}/handled"))["items"]
    assert (handled["dialog"], handled["state"]) == (late["dialog"], "planned")

    status, told = await ada.ask("DELETE", f"/api/v1{at}")
    assert (status, told["code"]) == (409, "enabled")
    off = await ada.post(f"{at}/switch", {"on": False})
    assert (off["enabled"], off["stopped"]) == (False, 1)
    status, _ = await ada.ask("DELETE", f"/api/v1{at}")
    assert status == 204
    assert (await ada.get(f"{AT}/automations"))["items"] == []


async def test_supervisors_look_on_and_operators_do_not(house: House, ada: Browser) -> None:
    shown = await segment(ada)
    hidden = await segment(ada, "segment-2", name="Моё", shared=False)
    mine = await automation(ada, shown["id"])
    await house.operator("sara", ALPHA, Role.SUPERVISOR)
    sara, anna = await house.browser("sara"), await house.browser("anna")
    assert [each["id"] for each in (await sara.get(f"{AT}/segments"))["items"]] == [shown["id"]]
    assert (await sara.get(f"{AT}/automations"))["items"][0]["id"] == mine["id"]
    status, _ = await sara.ask("GET", f"/api/v1{AT}/segments/{hidden['id']}/members")
    assert status == 404
    for path, body in (
        (f"{AT}/segments", {"key": "segment-3", "segment": {"name": "x", "filters": [OPEN]}}),
        (f"{AT}/automations/{mine['id']}/switch", {"on": True}),
    ):
        status, _ = await sara.ask("POST", f"/api/v1{path}", body)
        assert status == 403, path
    for path in ("segments", "automations"):
        status, _ = await anna.ask("GET", f"/api/v1{AT}/{path}")
        assert status == 403
    fields = await anna.get(f"{AT}/filter-fields")
    names = [each["name"] for each in fields["fields"]]
    assert {"channel", "utm.*", "created_at"} <= set(names)
    assert "text" not in names
    assert "text" in json.dumps(await anna.get(f"{AT}/filter-fields?for=rule"))


async def test_a_segment_of_another_project_is_no_segment_here(house: House, ada: Browser) -> None:
    await house.operator("bea", ProjectId("beta"), Role.ADMIN)
    bea = await house.browser("bea")
    made = await segment(ada)
    mine = await automation(ada, made["id"])
    body = {"key": "automation-9", "aim": {"name": "x", "segment": made["id"]}}
    status, told = await bea.ask("POST", "/api/v1/projects/beta/automations", body)
    assert (status, told["field"]) == (400, "segment")
    for method, path, given in (
        ("PUT", f"segments/{made['id']}", {"name": "x", "filters": [OPEN]}),
        ("DELETE", f"segments/{made['id']}", None),
        ("POST", f"automations/{mine['id']}/switch", {"on": True}),
        ("GET", f"automations/{mine['id']}/handled", None),
    ):
        status, _ = await bea.ask(method, f"/api/v1/projects/beta/{path}", given)
        assert status == 404, path


async def test_what_an_automation_goes_by_cannot_be_deleted(ada: Browser) -> None:
    made = await segment(ada)
    await automation(ada, made["id"], name="Перезвон вечером")
    status, told = await ada.ask("DELETE", f"/api/v1{AT}/segments/{made['id']}")
    assert (status, told["code"], told["current"]) == (409, "in_use", "Перезвон вечером")
    body = {"name": "Все", "filters": [{}], "shared": True}
    status, told = await ada.ask("PUT", f"/api/v1{AT}/segments/{made['id']}", body)
    assert (status, told["name"]) == (200, "Все")


@pytest.mark.parametrize(
    ("aim", "field"),
    [
        ({"name": ""}, "name"),
        ({"delay_hours": -1}, "delay_hours"),
        ({"delay_hours": 72}, "delay_hours"),
        ({"purpose": "spam"}, "purpose"),
        ({"countries": []}, "countries"),
        ({"countries": ["ru"]}, "countries"),
        ({"segment": "ghost"}, "segment"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_an_automation_that_makes_no_sense_is_refused(
    ada: Browser, aim: dict[str, object], field: str
) -> None:
    made = await segment(ada)
    body = {"name": "x", "segment": made["id"]} | aim
    status, told = await ada.ask("POST", f"/api/v1{AT}/automations/preview", body)
    if field == "segment":
        assert status == 404
        status, told = await ada.ask(
            "POST", f"/api/v1{AT}/automations", {"key": "automation-1", "aim": body}
        )
    assert status == 400
    assert field in told["field"]

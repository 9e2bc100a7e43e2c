"""A project set up by its admins: what is kept, what is refused, and who may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from hub import config, model
from hub.channels import in_use as channels
from hub.model import ChannelId, Membership, Project, Role
from hub.records import Audit
from hub.schedule import DATES_MAX
from hub.store.schema import AUDIT
from tests.web.conftest import SETTINGS
from tests.web.house import ALPHA, BETA, Browser, House

WORK = ["09:00–13:00", "14:00–18:00"]
WEEK = [WORK, WORK, WORK, WORK, WORK, [], []]
FIVE = {"zone": "Europe/Moscow", "week": WEEK, "dates": {}}


@dataclass
class Admin:
    house: House
    browser: Browser
    path: str = "/projects/alpha/settings"

    async def settings(self) -> Any:
        return await self.browser.get(self.path)

    async def change(self, expect: int = 200, rev: int | None = None, **body: Any) -> Any:
        rev = (await self.settings())["rev"] if rev is None else rev
        status, told = await self.browser.ask("PATCH", f"/api/v1{self.path}", {"rev": rev, **body})
        assert status == expect, told
        return told

    async def wrong(self, **body: Any) -> str:
        told = await self.change(expect=400, **body)
        assert told["code"] in ("bad_value", "phrase")
        return str(told["field"])

    async def ask(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        status, told = await self.browser.ask(method, f"/api/v1/projects/alpha/{path}", body)
        assert status == expect, told
        return told

    async def stored(self) -> Project:
        found = await self.house.hub.engine.get(Project, ALPHA)
        assert found is not None
        return found


@pytest.fixture
async def ada(house: House) -> Admin:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return Admin(house, await house.browser("ada"))


def now_in(house: House, zone: str) -> datetime:
    return house.hub.now().astimezone(ZoneInfo(zone))


async def test_a_change_is_kept_acts_at_once_and_is_on_record(house: House, ada: Admin) -> None:
    before = await ada.settings()
    assert (before["schedule"]["week"][0], before["as_code"]) == (
        ["00:00–24:00"],
        ["name", "lang", "zone"],
    )
    closed = {**FIVE, "week": [[]] * 7}
    quiet = {"since": "10:00", "until": "20:00"}
    after = await ada.change(
        schedule=closed, reopen_days=3, calling={"autonomous": True, "quiet": quiet}
    )
    assert after["rev"] == before["rev"] + 1
    assert (after["reopen_days"], after["reopen_days_auto"]) == (3, 7)
    assert after["calling"]["autonomous"] is True
    assert after["calling"]["quiet"] == quiet
    assert after == await ada.settings()
    assert house.hub.channels.project(ALPHA).reopen_days == 3
    status, told = await (await house.browser()).ask("GET", "/widget/alpha-site/config")
    assert (status, told["open"]) == (200, False)
    page = await house.hub.engine.find(AUDIT, {"project": ALPHA})
    [note] = [each for each in page.items if each.verb == "project_changed"]
    assert isinstance(note, Audit)
    assert note.data["what"] == "schedule.week, reopen_days, calling.autonomous, calling.quiet"


async def test_a_change_of_nothing_leaves_no_trace(ada: Admin) -> None:
    before = await ada.settings()
    assert await ada.change(schedule=before["schedule"], policy=before["policy"]) == before


async def test_of_two_changes_from_the_same_look_one_is_told_so(ada: Admin) -> None:
    rev = (await ada.settings())["rev"]
    answers = await asyncio.gather(
        *(
            ada.browser.ask("PATCH", f"/api/v1{ada.path}", {"rev": rev, "reopen_days": days})
            for days in (1, 2, 3)
        )
    )
    assert sorted(status for status, _ in answers) == [200, 409, 409]
    refused = [told for status, told in answers if status == 409]
    assert {each["code"] for each in refused} == {"changed"}
    assert {each["current"] for each in refused} == {str(rev + 1)}
    [kept] = [told["reopen_days"] for status, told in answers if status == 200]
    assert (await ada.stored()).reopen_days == kept


BAD: list[tuple[dict[str, Any], str]] = [
    ({"schedule": {**FIVE, "zone": "Mars/Base"}}, "schedule.zone"),
    ({"schedule": {**FIVE, "zone": "../../etc/passwd"}}, "schedule.zone"),
    ({"schedule": {**FIVE, "week": WEEK[:6]}}, "schedule.week"),
    ({"schedule": {**FIVE, "week": [["22:00–02:00"], *WEEK[1:]]}}, "schedule.week.0.0"),
    ({"schedule": {**FIVE, "week": [["9–18"], *WEEK[1:]]}}, "schedule.week.0.0"),
    ({"schedule": {**FIVE, "week": [WORK * 2, *WEEK[1:]]}}, "schedule.week.0"),
    ({"schedule": {**FIVE, "dates": {"2026-02-30": []}}}, "schedule.dates.2026-02-30"),
    ({"schedule": {**FIVE, "dates": {"31.12.2026": []}}}, "schedule.dates.31.12.2026"),
    ({"schedule": {**FIVE, "dates": {"2026-12-31": ["x"]}}}, "schedule.dates.2026-12-31.0"),
    ({"schedule": {**FIVE, "holidays": []}}, "schedule.holidays"),
    ({"schedule": {"zone": "UTC"}}, "schedule.week"),
    ({"calling": {"quiet": {"since": "21:00", "until": "09:00"}}}, "calling.quiet.until"),
    ({"calling": {"tries": 0}}, "calling.tries"),
    ({"calling": {"numbers": ["позвоните"]}}, "calling.numbers[0]"),
    ({"calling": {"mode": "maybe"}}, "calling.mode"),
    ({"policy": {"silence": {"minutes": 0}}}, "policy.silence.minutes"),
    ({"policy": {"silence": {"text": "{{ name"}}}, "policy.silence.text"),
    ({"reopen_days": -1}, "reopen_days"),
    ({"reopen_days_auto": 366}, "reopen_days_auto"),
    ({"calendar_years": [2026]}, "calendar_years"),
    ({"as_code": []}, "as_code"),
    ({"name": "x" * 201}, "name"),
    ({"name": "  "}, "name"),
]


async def test_what_cannot_be_kept_names_its_place(ada: Admin) -> None:
    before = await ada.stored()
    for body, field in BAD:
        assert await ada.wrong(**body) == field
    assert await ada.stored() == before


async def test_a_body_without_a_look_before_it_or_too_large_is_refused(ada: Admin) -> None:
    status, told = await ada.browser.ask("PATCH", f"/api/v1{ada.path}", {"reopen_days": 3})
    assert (status, told["field"]) == (400, "rev")
    many: dict[str, list[str]] = {f"{year:04}-01-01": [] for year in range(1, DATES_MAX + 2)}
    assert await ada.wrong(schedule={**FIVE, "dates": many}) == "schedule.dates"
    huge = {"schedule": {**FIVE, "dates": {"2026-01-01": ["x" * 300_000]}}}
    status, told = await ada.browser.ask("PATCH", f"/api/v1{ada.path}", {"rev": 0, **huge})
    assert (status, told["code"]) == (413, "too_large")


async def test_what_the_settings_file_says_is_changed_only_there(ada: Admin) -> None:
    for body, current in (
        ({"name": "Гамма"}, "name"),
        ({"lang": "en"}, "lang"),
        ({"schedule": {**FIVE, "zone": "Asia/Omsk"}}, "zone"),
    ):
        told = await ada.change(expect=409, **body)
        assert (told["code"], told["current"]) == ("as_code", current)
    # The same as it is there is no change.
    await ada.change(name="Альфа", schedule=FIVE)
    assert (await ada.stored()).schedule.week[6] == ()


async def test_a_start_takes_over_what_the_file_says_and_nothing_else(
    house: House, ada: Admin
) -> None:
    hub = house.hub
    await ada.change(schedule={**FIVE, "dates": {"2026-12-31": []}}, reopen_days=5)
    code = SETTINGS["projects"]["alpha"]
    changed = {**SETTINGS, "projects": {**SETTINGS["projects"], "alpha": {**code, "name": "Новая"}}}
    settings = config.settings(changed, hub.settings.data.dir)
    await channels.adopt(hub.engine, hub.vault, settings, model.now())
    kept = await ada.stored()
    assert (kept.name, kept.reopen_days) == ("Новая", 5)
    assert (kept.schedule.week[5], kept.schedule.dates) == ((), {"2026-12-31": ()})
    code = {"hours": ["10:00–19:00"]}
    changed = {**SETTINGS, "projects": {**SETTINGS["projects"], "alpha": code}}
    settings = config.settings(changed, hub.settings.data.dir)
    await channels.adopt(hub.engine, hub.vault, settings, model.now())
    kept = await ada.stored()
    assert (kept.name, kept.as_code) == ("Новая", ("hours",))
    assert kept.schedule.week[6] == ("10:00–19:00",)
    assert kept.schedule.dates == {"2026-12-31": ()}
    told = await ada.change(expect=409, schedule=FIVE)
    assert told["current"] == "hours"
    assert (await ada.change(name="Гамма"))["name"] == "Гамма"


async def test_hours_that_are_hardly_meant_are_kept_with_a_warning(ada: Admin) -> None:
    def said(told: Any) -> list[tuple[str, str]]:
        return [(each["field"], each["code"]) for each in told["warnings"]]

    assert said(await ada.settings()) == []
    assert said(await ada.change(schedule={**FIVE, "week": [[]] * 7})) == [
        ("schedule", "never_open")
    ]
    night = {**FIVE, "week": [["01:00–05:00"]] * 7}
    assert said(await ada.change(schedule=night)) == [("calling.quiet", "never_callable")]
    unknown = {"silence": {"text": "Здравствуйте, {{ nmae }}"}}
    assert said(await ada.change(schedule=FIVE, policy=unknown)) == [
        ("policy.silence.text", "unknown_names")
    ]


async def test_hours_not_kept_yet_can_be_looked_at(house: House, ada: Admin) -> None:
    before = await ada.stored()
    always = {"zone": "Asia/Kamchatka", "week": [["00:00–24:00"]] * 7}
    seen = await ada.ask("POST", "schedule/preview", {"schedule": always})
    assert (seen["open"], seen["until"], seen["opens"]) == (True, None, None)
    today = now_in(house, "Asia/Kamchatka").date().isoformat()
    assert (seen["days"][0]["date"], len(seen["days"])) == (today, 14)
    holiday = {**always, "dates": {today: []}}
    seen = await ada.ask("POST", "schedule/preview", {"schedule": holiday})
    assert (seen["open"], seen["days"][0]["why"]) == (False, "date")
    opens = datetime.fromisoformat(seen["opens"]).astimezone(ZoneInfo("Asia/Kamchatka"))
    assert f"{opens:%H:%M}" == "00:00"
    told = await ada.ask(
        "POST", "schedule/preview", {"schedule": {**FIVE, "zone": "Nowhere/No"}}, expect=400
    )
    assert told["field"] == "schedule.zone"
    assert await ada.stored() == before


async def test_a_year_of_the_calendar_is_proposed_chosen_from_and_taken_back(ada: Admin) -> None:
    own = {"2026-02-23": ["10:00–12:00"]}
    await ada.change(schedule={**FIVE, "dates": own})
    seen = await ada.ask("GET", "calendar/2026")
    assert (seen["moves_known"], seen["confirmed"]) == (True, False)
    days = {each["date"]: each for each in seen["proposals"]}
    assert days["2026-11-03"]["kind"] == "shortened"
    assert days["2026-11-03"]["spans"] == ["09:00–13:00", "14:00–17:00"]
    assert days["2026-11-04"]["name_ru"] == "День народного единства"
    # What somebody has written is not written over unasked.
    assert [day for day in days if not days[day]["chosen"]] == ["2026-02-23"]
    assert days["2026-02-23"]["kept"] == ["10:00–12:00"]
    chosen = {"rev": seen["rev"], "chosen": ["2026-11-03", "2026-11-04"]}
    after = await ada.ask("POST", "calendar/2026", chosen)
    short = {"2026-11-03": ["09:00–13:00", "14:00–17:00"], "2026-11-04": []}
    assert (after["calendar_years"], after["schedule"]["dates"]) == ([2026], own | short)
    seen = await ada.ask("GET", "calendar/2026")
    assert seen["confirmed"]
    assert [each["date"] for each in seen["proposals"] if each["chosen"]] == list(short)
    # The same page sent again is of another look.
    told = await ada.ask("POST", "calendar/2026", chosen, expect=409)
    assert told["code"] == "changed"
    after = await ada.ask("POST", "calendar/2026", {"rev": after["rev"], "chosen": []})
    assert after["schedule"]["dates"] == own
    told = await ada.ask(
        "POST", "calendar/2026", {"rev": after["rev"], "chosen": ["2026-11-05"]}, expect=400
    )
    assert told["field"] == "chosen.0"


async def test_a_year_that_is_none_is_refused(ada: Admin) -> None:
    body = {"rev": 0, "chosen": []}
    for year in ("1900", "9999", "0000", "26", "двадцать", "2026.5", "٢٠٢٦", "-202"):
        assert (await ada.ask("GET", f"calendar/{year}", expect=400))["field"] == "year"
        assert (await ada.ask("POST", f"calendar/{year}", body, expect=400))["field"] == "year"


async def test_visitors_are_offered_calls_only_outside_the_projects_quiet(
    house: House, ada: Admin
) -> None:
    await ada.change(calling={"quiet": {"since": "10:00", "until": "12:00"}})
    visitor = await house.browser()
    status, told = await visitor.ask("GET", "/widget/alpha-site/slots?zone=Asia/Omsk")
    labels = {slot["label"] for day in told["days"] for slot in day["slots"]}
    assert (status, labels) == (200, {"10:00", "10:30", "11:00", "11:30"})


async def test_short_days_follow_the_week(house: House, ada: Admin) -> None:
    await ada.change(schedule=FIVE)
    year = now_in(house, "Europe/Moscow").year
    seen = await ada.ask("GET", f"calendar/{year}")
    days = [each["date"] for each in seen["proposals"]]
    after = await ada.ask("POST", f"calendar/{year}", {"rev": seen["rev"], "chosen": days})
    late = ["12:00–20:00"]
    after = await ada.change(schedule={**after["schedule"], "week": [late] * 7})
    assert after["schedule"]["dates"][f"{year}-11-03"] == ["12:00–19:00"]


async def test_admins_are_told_of_a_calendar_that_is_missing_until_they_confirm_it(
    house: House, ada: Admin
) -> None:
    assert (await ada.ask("GET", "troubles"))["calendar"] is None
    missing = (await ada.change(schedule=FIVE))["calendar_missing"]
    here = now_in(house, "Europe/Moscow")
    assert missing == here.year + (here.month >= 11)
    assert (await ada.ask("GET", "troubles"))["calendar"] == missing
    rev = (await ada.settings())["rev"]
    await ada.ask("POST", f"calendar/{missing}", {"rev": rev, "chosen": []})
    assert (await ada.ask("GET", "troubles"))["calendar"] is None
    assert (await ada.settings())["calendar_missing"] is None


async def test_the_place_of_a_number_is_told_with_its_reason_and_clock(
    house: House, ada: Admin
) -> None:
    there = await ada.ask("GET", "whereabouts?phone=8 (423) 212-34-56")
    assert (there["phone"], there["why"], there["kind"]) == ("+74232123456", "code", "city")
    assert there["zones"] == ["Asia/Vladivostok"]
    zone = ZoneInfo("Asia/Vladivostok")
    local = datetime.fromisoformat(there["local"][0]).replace(tzinfo=zone)
    assert abs((local - datetime.now(UTC)).total_seconds()) < 120
    soonest = datetime.fromisoformat(there["soonest"]).astimezone(zone)
    assert "09:00" <= f"{soonest:%H:%M}" < "21:00"
    assert there["callable"] is ("09:00" <= f"{local:%H:%M}" < "21:00")
    there = await ada.ask("GET", "whereabouts?phone=%2B79140000000")
    assert (there["why"], there["zones"]) == ("project", ["Europe/Moscow"])
    there = await ada.ask(
        "GET", "whereabouts?phone=%2B79140000000&browser=Asia/Tokyo&said=Mars/Base"
    )
    assert (there["why"], there["zones"]) == ("browser", ["Asia/Tokyo"])
    there = await ada.ask("GET", "whereabouts?said=Asia/Omsk")
    assert (there["phone"], there["why"], there["zones"]) == ("", "said", ["Asia/Omsk"])


async def test_what_is_no_number_has_no_place(ada: Admin) -> None:
    for phone, code in (
        ("", "empty"),
        ("112", "too_short"),
        ("позвоните", "empty"),
        ("7" * 90, "too_long"),
        ("0" * 200, "bad_value"),
    ):
        told = await ada.ask("GET", f"whereabouts?phone={phone}", expect=400)
        assert (told["field"], told["code"]) == ("phone", code)


async def test_operators_see_where_a_person_is_and_change_nothing(house: House, ada: Admin) -> None:
    anna = await house.browser("anna")
    await anna.get("/projects/alpha/whereabouts?phone=%2B74232123456")
    for method, path, body in (
        ("GET", "settings", None),
        ("PATCH", "settings", {"rev": 0}),
        ("POST", "schedule/preview", {"schedule": FIVE}),
        ("GET", "calendar/2026", None),
        ("POST", "calendar/2026", {"rev": 0, "chosen": []}),
    ):
        status, _ = await anna.ask(method, f"/api/v1/projects/alpha/{path}", body)
        assert status == 403
        status, _ = await ada.browser.ask(method, f"/api/v1/projects/{BETA}/{path}", body)
        assert status == 404


async def test_an_admin_of_some_channels_looks_but_sets_up_no_project(
    house: House, ada: Admin
) -> None:
    operator = await house.hub.accounts.by_login("ada")
    assert operator is not None
    engine, before = house.hub.engine, await ada.stored()
    await engine.change(
        Membership,
        f"{operator.id}:{ALPHA}",
        lambda had: replace(had, channels=(ChannelId("alpha-site"),)),
    )
    some = Admin(house, await house.browser("ada"))
    rev = (await some.settings())["rev"]
    await some.change(expect=403, rev=rev, reopen_days=1)
    await some.ask("POST", "calendar/2026", {"rev": rev, "chosen": []}, expect=403)
    terms = {"name": "Осень", "source": "form"}
    await some.ask("POST", "connections", {"key": "autumn-01", "terms": terms}, expect=403)
    aim = {"name": "Осень", "segment": "all"}
    await some.ask("POST", "automations", {"key": "autumn-01", "aim": aim}, expect=403)
    await some.ask("POST", "automations/autumn/switch", {"on": True}, expect=403)
    assert await some.stored() == before


async def test_what_is_written_and_mailed_after_calls_is_kept_and_checked(ada: Admin) -> None:
    channel = next(iter(ada.house.hub.channels.of(ALPHA))).id
    words = "Перезвоним, {{ first_name }}"
    sms = {"id": "one", "when": "missed", "channel": channel, "text": words}
    kept = await ada.change(texting=[sms])
    assert kept["texting"] == [sms | {"enabled": True, "only_hours": False}]
    assert await ada.wrong(texting=[sms | {"channel": "of-another"}]) == "texting.0.channel"
    assert await ada.wrong(texting=[sms | {"text": "{{ surname }}"}]) == "texting.0.text"
    assert await ada.wrong(texting=[sms, sms]) == "texting"
    calling = kept["calling"]
    told = await ada.change(calling=calling | {"mails": ["sales@example.com"]})
    assert told["calling"]["mails"] == ["sales@example.com"]
    for wrong in ("sales", "a@b.ru\r\nBcc: c@d.ru", "a@b.ru, c@d.ru"):
        field = await ada.wrong(calling=calling | {"mails": [wrong]})
        assert "mails" in field

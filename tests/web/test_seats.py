"""Where calls go and how they are made: what is kept, what is refused, and who may ring whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.calls import trunks
from hub.calls.call import Call, Seat
from hub.calls.script import Script
from hub.calls.trunk import TrunkSettings
from hub.calls.trunks import NotDialledError, number_of
from hub.errors import BadValueError
from hub.files.kept import RECORDING
from hub.model import ChannelId, Contact, Membership, Project, Role
from hub.records import Audit
from hub.store.engine import Insert
from hub.store.schema import AUDIT, CALLS
from tests.telephony.office import working
from tests.web.house import ALPHA, BETA, Browser, House

LINE = {"numbers": ["+74950000000"], "pace": 1000, "talk_s": 1}
PHONE = "+79161234567"


async def trunk(house: House, browser: Browser, **settings: Any) -> str:
    """A training line of alpha, in use; its id."""
    body = {"kind": "simulator", "name": "Линия", "settings": LINE | settings}
    made = await browser.post("/projects/alpha/channels", body, 201)
    await house.hub.channels.refresh()
    return str(made["id"])


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def put(browser: Browser, number: str, expect: int = 200, **more: Any) -> Any:
    body = {"number": number} | more
    status, told = await browser.ask("PUT", "/api/v1/me/seats/alpha", body)
    assert status == expect, told
    return told


async def calling(browser: Browser, expect: int = 200, **calling: Any) -> Any:
    path = "/api/v1/projects/alpha/settings"
    _, had = await browser.ask("GET", path)
    wanted = {"rev": had["rev"], "calling": had["calling"] | calling}
    status, told = await browser.ask("PATCH", path, wanted)
    assert status == expect, told
    return told


async def calls(house: House) -> list[Call]:
    return (await house.hub.engine.find(CALLS, {"project": ALPHA})).items


async def noted(house: House, verb: str) -> list[Audit]:
    page = await house.hub.engine.find(
        AUDIT, {"project": ALPHA}, where=lambda one: one.verb == verb
    )
    return page.items


async def test_an_operator_says_where_his_calls_go_and_an_admin_sees_who_cannot_be_rung(
    house: House, ada: Browser
) -> None:
    await trunk(house, ada)
    anna = await house.browser("anna")
    assert await anna.get("/me/seats/alpha") == {
        "number": "",
        "tones": "",
        "enabled": True,
        "changed_at": None,
        "line": "training",
        "rings": True,
    }
    kept = await put(anna, "8 (916) 123-45-67", tones=",,101")
    assert (kept["number"], kept["tones"]) == (PHONE, ",,101")
    assert (await put(anna, "1 0 1"))["number"] == "101"
    seats = (await ada.get("/projects/alpha/seats"))["items"]
    assert {each["name"]: each["number"] for each in seats} == {"Anna": "101", "Ada": ""}
    assert [each.data["what"] for each in await noted(house, "seat_changed")] == [
        f"{PHONE},,,101",
        "101",
    ]
    assert (await put(anna, ""))["number"] == ""
    assert (
        await house.hub.engine.get(Seat, f"{(await anna.get('/me'))['operator']['id']}:alpha")
        is None
    )


@pytest.mark.parametrize(
    "number",
    [
        "112",
        "911",
        "02",
        "+1 900 555 01 23",
        "sip:100@evil.example",
        "100;transport=udp",
        "PJSIP/100",
        "+7916123456",
        "100&PJSIP/200",
        "8 809 505 12 34",
        "+442071234567",
    ],
)
async def test_nobody_has_his_calls_go_where_a_stranger_would_pay(
    house: House, ada: Browser, number: str
) -> None:
    await trunk(house, ada)
    anna = await house.browser("anna")
    assert (await put(anna, number, 400))["field"] == "number"
    told = await ada.post("/projects/alpha/calls/test", {"number": number, "operator": "100"}, 400)
    assert told["field"] == "number"
    told = await ada.post("/projects/alpha/calls/test", {"number": PHONE, "operator": number}, 400)
    assert told["field"] == "operator"
    assert await calls(house) == []


@given(st.text(max_size=20))
def test_whatever_is_written_only_digits_are_ever_dialled(written: str) -> None:
    settings = TrunkSettings(prefixes=("7",))
    try:
        number = number_of(written)
    except BadValueError:
        return
    assert number.removeprefix("+").isascii()
    assert number.removeprefix("+").isdigit()
    assert not trunks.dials(settings, number) or number not in trunks.EMERGENCY


@given(st.sampled_from(sorted(trunks.EMERGENCY)), st.sampled_from(["", " ", "(", "-"]))
def test_no_spelling_of_an_emergency_number_is_an_extension(number: str, between: str) -> None:
    with pytest.raises(NotDialledError):
        number_of(between.join(number))


async def test_a_ring_of_ones_own_phone_goes_there_and_nowhere_else(
    house: House, ada: Browser
) -> None:
    anna = await house.browser("anna")
    await anna.post("/me/seats/alpha/ring", expect=409)
    await trunk(house, ada)
    assert (await anna.post("/me/seats/alpha/ring", expect=400))["code"] == "no_seat"
    await put(anna, "100")
    ordered = await anna.post("/me/seats/alpha/ring", expect=202)
    assert ordered["training"] is True
    assert (await anna.post("/me/seats/alpha/ring", expect=409))["code"] == "testing"
    call = await ended(house, ordered["call"])
    assert [leg.number for leg in call.legs] == ["100"]
    assert (call.outcome, call.purpose, call.lead, call.dialog) == ("talked", "test", None, None)
    assert [each.data["what"] for each in await noted(house, "seat_rung")] == ["100"]


async def test_who_sees_some_channels_alone_follows_the_ring_of_his_own_phone_and_no_other(
    house: House, ada: Browser
) -> None:
    await trunk(house, ada)
    anna = await house.browser("anna")
    me = (await anna.get("/me"))["operator"]["id"]
    only = (ChannelId("alpha-site"),)
    await house.hub.engine.change(
        Membership, f"{me}:alpha", lambda had: replace(had, channels=only)
    )
    await put(anna, "100")
    ordered = await anna.post("/me/seats/alpha/ring", expect=202)
    assert (await anna.get(f"/projects/alpha/calls/{ordered['call']}"))["call"]["purpose"] == "test"
    other = await ada.post("/projects/alpha/calls/test", {"number": PHONE, "operator": "100"}, 202)
    status, _ = await anna.ask("GET", f"/api/v1/projects/alpha/calls/{other['call']}")
    assert status == 404


async def test_a_line_that_rings_two_phones_or_none_is_not_asked_to_ring_one(
    house: House, ada: Browser
) -> None:
    hosted = {"key": "k" * 16, "salt": "s" * 16}
    await ada.post(
        "/projects/alpha/channels", {"kind": "mango", "name": "АТС", "settings": hosted}, 201
    )
    await house.hub.channels.refresh()
    assert (await put(ada, "101"))["rings"] is False
    assert (await ada.post("/me/seats/alpha/ring", expect=409))["code"] == "no_ring"
    script = {"first": "visitor"}
    body = {"number": PHONE, "script": script}
    told = await ada.post("/projects/alpha/calls/test", body, 400)
    assert told["field"] == "script.first"
    assert (await calling(ada, 400, script=script))["field"] == "calling.script.first"


async def ended(house: House, id: str) -> Call:
    """The call once a worker has made it."""
    async with working(house.hub) as telephony:
        await telephony.work()
        await telephony.idle()
    call = await house.hub.engine.get(Call, id)
    assert call is not None
    assert call.stage == "settled"
    return call


async def test_an_admin_hears_an_unsaved_script_to_its_end(house: House, ada: Browser) -> None:
    await trunk(house, ada)
    await put(ada, "100")
    script = {
        "connect": "key",
        "keys": "1",
        "operator_says": {"text": "Нажмите 1"},
        "confirm": True,
    }
    ordered = await ada.post(
        "/projects/alpha/calls/test", {"number": "8 916 123-45-67", "script": script}, 202
    )
    call = await ended(house, ordered["call"])
    assert [(leg.role, leg.number) for leg in call.legs] == [
        ("operator", "100"),
        ("visitor", PHONE),
    ]
    assert (call.outcome, call.training, call.ended_by) == ("talked", True, "visitor")
    assert call.plan is not None
    assert (call.plan.script.connect, call.plan.shown) == ("key", "+74950000000")
    assert (await ada.get("/projects/alpha/settings"))["calling"]["script"]["connect"] == "message"
    assert [each.data["what"] for each in await noted(house, "call_tested")] == [f"100, {PHONE}"]
    seen = await ada.get(f"/projects/alpha/calls/{call.id}")
    assert seen["call"]["outcome"] == "talked"


async def test_only_an_admin_of_the_project_makes_test_calls(house: House, ada: Browser) -> None:
    await trunk(house, ada)
    body = {"number": PHONE, "operator": "100"}
    anna, boris = await house.browser("anna"), await house.browser("boris")
    await anna.post("/projects/alpha/calls/test", body, 403)
    await boris.post("/projects/alpha/calls/test", body, 404)
    status, _ = await anna.ask("GET", "/api/v1/projects/alpha/seats")
    assert status == 403
    status, _ = await boris.ask("PUT", "/api/v1/me/seats/alpha", {"number": "101"})
    assert status == 404
    await house.operator("carl", BETA, Role.ADMIN)
    carl = await house.browser("carl")
    await carl.post("/projects/beta/calls/test", body, 409)
    assert await calls(house) == []


async def test_test_calls_to_one_number_are_few_an_hour_whoever_makes_them(
    house: House, ada: Browser
) -> None:
    await trunk(house, ada)
    await house.operator("eve", ALPHA, Role.ADMIN)
    eve = await house.browser("eve")
    body, made = {"number": PHONE, "operator": "100"}, 0
    for n in range(8):
        browser = (ada, eve)[n % 2]
        status, told = await browser.ask("POST", "/api/v1/projects/alpha/calls/test", body)
        if status == 429:
            break
        assert status == 202, told
        made += 1
        await house.hub.engine.change(
            Call, told["call"], lambda had: replace(had, live=False, stage="settled", watch_at=None)
        )
    assert made == 6
    other = body | {"number": "+79160000000"}
    assert (await ada.ask("POST", "/api/v1/projects/alpha/calls/test", other))[0] == 202


async def test_who_asked_not_to_be_called_is_not_called_to_try_things_either(
    house: House, ada: Browser
) -> None:
    await trunk(house, ada)
    now = house.hub.now()
    await house.hub.engine.write(
        Insert(
            Contact(
                id="shy", project=ALPHA, name="", phones=(PHONE,), created_at=now, no_calls_at=now
            )
        )
    )
    told = await ada.post("/projects/alpha/calls/test", {"number": PHONE, "operator": "100"}, 400)
    assert (told["code"], told["field"]) == ("opted_out", "number")


async def test_a_number_is_shown_only_if_it_is_confirmed_for_a_line(
    house: House, ada: Browser
) -> None:
    assert (await calling(ada, shown="+74951112233"))["warnings"] == []
    await trunk(house, ada)
    odd = await ada.get("/projects/alpha/settings")
    assert [(each["field"], each["code"]) for each in odd["warnings"]] == [
        ("calling.shown", "shown_unconfirmed")
    ]
    # What was there before the line keeps nobody from changing something else.
    await calling(ada, tries=4)
    told = await calling(ada, 400, shown="+74959999999")
    assert (told["code"], told["field"]) == ("not_confirmed", "calling.shown")
    assert (await calling(ada, shown="+74950000000"))["warnings"] == []
    told = await calling(ada, 400, numbers=["+74950000000", "+442071234567"])
    assert (told["code"], told["field"]) == ("not_dialled", "calling.numbers.1")
    terms = {"name": "Форма", "source": "form"}
    told = await ada.post(
        "/projects/alpha/connections",
        {"key": "key-00000001", "terms": terms | {"shown": "+74959999999"}},
        400,
    )
    assert (told["code"], told["field"]) == ("not_confirmed", "terms.shown")


@pytest.mark.parametrize(
    ("script", "field"),
    [
        ({"connect": "key", "keys": "1", "cancel_keys": "1"}, "cancel_keys"),
        ({"connect": "key", "keys": "12", "cancel_keys": "2"}, "cancel_keys"),
        ({"first": "visitor", "cancel_keys": "9"}, "cancel_keys"),
        ({"operator_says": {"text": "{{ name"}}, "operator_says.text"),
        ({"operator_says": {"recording": "0" * 32}}, "operator_says.recording"),
        ({"keys": "1;2"}, "keys"),
        ({"wait_s": 0}, "wait_s"),
    ],
)
async def test_a_script_that_could_not_be_played_is_refused_where_it_is_wrong(
    house: House, ada: Browser, script: dict[str, Any], field: str
) -> None:
    told = await calling(ada, 400, script=script)
    assert told["field"].removeprefix("$.") == f"calling.script.{field}"
    terms = {"name": "Форма", "source": "form", "script": script}
    told = await ada.post(
        "/projects/alpha/connections", {"key": "key-00000001", "terms": terms}, 400
    )
    assert told["field"].removeprefix("$.") == f"terms.script.{field}"


async def test_keys_that_the_message_does_not_name_are_warned_of_and_kept(
    house: House, ada: Browser
) -> None:
    silent = {"connect": "key", "keys": "5", "operator_says": {"text": "Заявка с сайта"}}
    told = await calling(ada, script=silent)
    assert [(each["field"], each["code"]) for each in told["warnings"]] == [
        ("calling.script", "keys_unsaid")
    ]
    silent["operator_says"] = {"text": "Заявка с сайта, нажмите 5"}
    assert (await calling(ada, script=silent))["warnings"] == []


async def sound(words: bytes) -> AsyncIterator[bytes]:
    yield b"RIFF\x24\x00\x00\x00WAVEfmt " + words.ljust(64, b"\0")


async def test_a_recording_stays_as_long_as_a_script_plays_it_and_is_the_projects_own(
    house: House, ada: Browser
) -> None:
    files, engine = house.hub.files, house.hub.engine
    own = await files.keep(ALPHA, "hello.wav", sound(b"own"), "ada")
    foreign = await files.keep(BETA, "hello.wav", sound(b"foreign"), "carl")
    talk = await files.keep(ALPHA, "talk.wav", sound(b"talk"), RECORDING)
    for other in (foreign, talk):
        told = await calling(ada, 400, script={"operator_says": {"recording": other.id}})
        assert told["field"] == "calling.script.operator_says.recording"
        body = {"number": PHONE, "script": {"visitor_says": {"recording": other.id}}}
        await trunk(house, ada) if other is foreign else None
        told = await ada.post("/projects/alpha/calls/test", body, 400)
        assert told["field"] == "script.visitor_says.recording"
    await calling(ada, script={"operator_says": {"recording": own.id}})
    terms = {"name": "Форма", "source": "form", "script": {"visitor_says": {"recording": own.id}}}
    made = await ada.post(
        "/projects/alpha/connections", {"key": "key-00000001", "terms": terms}, 201
    )
    assert (await files.get(own.id)).used
    await calling(ada, script={})
    assert (await files.get(own.id)).used
    project = await engine.get(Project, ALPHA)
    assert project is not None
    assert project.calling.script == Script()
    assert made["terms"]["script"]["visitor_says"]["recording"] == own.id


async def test_what_no_line_can_do_is_not_kept(house: House, ada: Browser) -> None:
    found = await ada.get("/projects/alpha/trunks")
    assert found["items"] == []
    await trunk(house, ada)
    [one] = (await ada.get("/projects/alpha/trunks"))["items"]
    assert (one["training"], one["numbers"], one["prefixes"]) == (True, ["+74950000000"], ["7"])
    assert "visitor:key" in one["scenarios"]
    assert "secret" not in str(one)

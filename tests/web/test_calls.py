"""Calls through the doors: seen, hung up, handed over, told the result of, listened to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hub.calls import dialling
from hub.calls.call import Outcome
from hub.files.kept import key
from hub.leads.lead import Lead
from hub.model import ChannelId, FileId, Membership, Role
from hub.statuses import Status
from hub.store.schema import AUDIT
from tests.web.callroom import PHONE, SOUND, change, recorded, talked
from tests.web.house import ALPHA, House
from web.routes import ROOT

CALLS = "/projects/alpha/calls"


async def wrote(house: House) -> str:
    dialog: str = (await (await house.visitor()).write("Перезвоните"))["dialog"]
    return dialog


async def test_a_call_is_listed_shown_and_told_of_as_it_changes(house: House) -> None:
    anna, dialog = await house.browser("anna"), await wrote(house)
    call = await talked(house, dialog, "anna")
    [shown] = (await anna.get(f"{CALLS}?dialog={dialog}"))["items"]
    assert (shown["phone"], shown["outcome"], shown["ended_by"]) == (PHONE, "talked", "visitor")
    assert (shown["task"], shown["recorded"], shown["first"]) == ("result", False, "operator")
    assert [each["number"] for each in shown["legs"]] == ["•• 2233", PHONE]
    assert shown["legs"][1]["code"] == "Q.850 16"
    assert (await anna.get(f"{CALLS}?live=true"))["items"] == []
    card = await anna.get(f"{CALLS}/{call.id}")
    assert (card["call"], card["transfers"], card["listens"]) == (shown, False, False)

    live = await anna.live()
    await live.until(lambda frame: frame["t"] == "hello")
    await dialling.announce(house.hub.bus, call)
    assert (await live.event("call.changed"))["call"] == shown


async def test_the_result_is_given_once_and_leaves_the_request_processed(house: House) -> None:
    anna, dialog = await house.browser("anna"), await wrote(house)
    call = await talked(house, dialog, "anna")
    path = f"{CALLS}/{call.id}/result"
    await anna.post(path, {"code": "fine"}, expect=400)
    await anna.post(path, {"code": "done", "comment": "x" * 501}, expect=400)
    told = await anna.post(path, {"code": "done", "comment": "Записан"})
    assert (told["call"]["result"], told["call"]["task"], told["lead"]) == ("done", "", None)
    again = await anna.post(path, {"code": "spam"}, expect=409)
    assert (again["code"], again["current"]) == ("resulted", "done")
    assert (await anna.get(f"/dialogs/{dialog}"))["dialog"]["call_status"] == "processed"


async def test_a_test_call_and_a_word_too_short_ask_for_no_result(house: House) -> None:
    anna, dialog = await house.browser("anna"), await wrote(house)
    call = await talked(house, dialog, "anna")

    async def task(**values: Any) -> str:
        await change(house, call, **values)
        told: str = (await anna.get(f"{CALLS}/{call.id}"))["call"]["task"]
        return told

    assert await task() == "result"
    assert await task(purpose="test") == ""
    assert await task(purpose="callback", ended_at=call.talk_at) == ""
    assert await task(outcome=Outcome.MISSED) == "missed"
    assert await task(dialog=None) == ""


async def test_a_live_call_is_cancelled_by_a_wish_and_goes_to_one_place_only(house: House) -> None:
    anna, dialog = await house.browser("anna"), await wrote(house)
    call = await talked(house, dialog, "anna")
    await change(house, call, live=True, stage="begun", outcome=None, ended_at=None)
    path = f"{CALLS}/{call.id}"
    assert (await anna.post(f"{path}/cancel"))["cancelling"] is True
    for body in ({}, {"operator": "vera", "number": "205"}):
        assert (await anna.post(f"{path}/transfer", body, expect=400))["field"] == "operator"
    told = await anna.post(f"{path}/transfer", {"number": "205"}, expect=409)
    assert told["code"] == "no_transfer"
    assert (await anna.post(f"{path}/result", {"code": "done"}, expect=409))["code"] == "calling"


async def test_a_lead_that_waits_is_dialled_at_the_word_of_an_operator(house: House) -> None:
    anna, dialog = await house.browser("anna"), await wrote(house)
    asked = {"key": "callback-1", "phone": PHONE, "anyway": True}
    lead = (await anna.post(f"/dialogs/{dialog}/callback", asked, expect=201))["lead"]
    path = f"/projects/alpha/leads/{lead['id']}/confirm"
    assert (await anna.post(path, expect=409))["code"] == "calling"
    waits = {"status": Status.AWAITING_OPERATOR, "due_at": None}
    await house.hub.engine.change(Lead, lead["id"], lambda had: replace(had, **waits))
    assert (await anna.post(path))["due_at"] is not None
    assert (await anna.post(path, expect=409))["code"] == "calling"


async def test_who_does_not_see_the_dialog_sees_touches_and_hears_nothing(house: House) -> None:
    dialog = await wrote(house)
    call = await recorded(house, dialog, "anna")
    vera = await house.operator("vera", ALPHA)
    await house.hub.engine.change(
        Membership, f"{vera.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    browser = await house.browser("vera")
    live = await browser.live()
    await live.until(lambda frame: frame["t"] == "hello")
    assert (await browser.get(CALLS))["items"] == []
    for path in ("", "/recording"):
        assert (await browser.ask("GET", f"{ROOT}{CALLS}/{call.id}{path}"))[0] == 404
    for deed in ("cancel", "transfer", "result"):
        await browser.post(f"{CALLS}/{call.id}/{deed}", {"code": "done"}, expect=404)
    await dialling.announce(house.hub.bus, call)
    await dialling.announce(house.hub.bus, replace(call, dialog_channel=ChannelId("alpha-echo")))
    told = (await live.event("call.changed"))["call"]
    assert told["id"] == call.id
    assert sum("call.changed" in each for each in live.raw) == 1


class TestRecording:
    async def test_is_heard_whole_or_in_part_by_who_spoke_and_by_supervisors(
        self, house: House
    ) -> None:
        await house.operator("ivan", ALPHA, Role.SUPERVISOR)
        await house.operator("petr", ALPHA)
        call = await recorded(house, await wrote(house), "anna")
        path = f"{ROOT}{CALLS}/{call.id}/recording"
        for login, listens in (("anna", True), ("ivan", True), ("petr", False)):
            browser = await house.browser(login)
            assert (await browser.get(f"{CALLS}/{call.id}"))["listens"] is listens
            status, heard = await browser.ask("GET", path)
            assert (status, heard == SOUND) == ((200, True) if listens else (403, False))
        anna = await house.browser("anna")
        part = await anna.raw("GET", path, headers={"Range": "bytes=4-7"})
        assert (part.status, await part.read()) == (206, SOUND[4:8])
        assert part.headers["Cache-Control"] == "private, no-store"
        assert part.headers["Content-Type"] == "audio/wav"
        notes = (await house.hub.engine.find(AUDIT, {"project": ALPHA}, limit=100)).items
        heard_by = [each.data["operator"] for each in notes if each.verb == "call.listened"]
        assert len(heard_by) in (2, 3), "a part more is the same listening, unless its time passed"

    async def test_is_behind_no_link_that_files_are_opened_by(self, house: House) -> None:
        call = await recorded(house, await wrote(house), "anna")
        assert call.recording is not None
        link = house.hub.files.link(FileId(call.recording), "call.wav", house.hub.now())
        assert (await (await house.browser("anna")).ask("GET", link))[0] == 404

    async def test_that_has_gone_is_not_found(self, house: House) -> None:
        call = await recorded(house, await wrote(house), "anna")
        file = await house.hub.files.get(str(call.recording))
        path = house.hub.files.storage.local(key(file))
        assert path is not None
        path.unlink()
        anna = await house.browser("anna")
        assert (await anna.ask("GET", f"{ROOT}{CALLS}/{call.id}/recording"))[0] == 404
        await change(house, call, recording=None)
        assert (await anna.ask("GET", f"{ROOT}{CALLS}/{call.id}/recording"))[0] == 404


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?view=all", "?live=perhaps"])
async def test_what_cannot_be_asked_for_is_refused(house: House, query: str) -> None:
    anna = await house.browser("anna")
    assert (await anna.ask("GET", f"{ROOT}{CALLS}{query}"))[0] == 400

"""Jivo's chats, by the examples of its own documentation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from hub.channels.port import Hook
from hub.events import ChannelEvent, FieldsTold, Ignored, MessageReceived, StaffReplied
from tests.bots.contract import AT, ChannelContract
from tests.bots.sources.forms_told import FIXTURES, OWN_KEY, basic, recorded, source

BASIC = basic("hub", OWN_KEY)


def heard(name: str, **changed: Any) -> list[ChannelEvent]:
    body = msgspec.json.decode((FIXTURES / f"jivosite_{name}.json").read_bytes())
    hook = replace(
        recorded(f"jivosite_{name}.json"),
        body=msgspec.json.encode(body | changed),
        received_at=AT + timedelta(minutes=5),
    )
    return list(source("jivosite").parse(hook))


class TestJivosite(ChannelContract):
    kind = "jivosite"
    settings: ClassVar[dict[str, Any]] = {"key": OWN_KEY}
    secrets = (OWN_KEY,)

    def hooks(self, channel: Any) -> list[Hook]:
        return [
            recorded(f"jivosite_{name}.json", authorization=BASIC)
            for name in ("finished", "accepted", "offline", "unshown", "updated", "call")
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        return [recorded("jivosite_finished.json"), recorded("jivosite_call.json")]


def test_a_finished_chat_is_what_both_sides_said_at_their_times() -> None:
    asked, answered, thanked = heard("finished")
    assert isinstance(asked, MessageReceived)
    assert isinstance(answered, StaffReplied)
    assert isinstance(thanked, MessageReceived)
    assert (asked.text, answered.text, thanked.text) == ("Есть доставка?", "Да, завтра", "Спасибо")
    assert (asked.at, answered.at) == (AT, AT + timedelta(seconds=7))
    assert answered.name == "Thomas Anderson"
    assert asked.sender == answered.sender
    assert (asked.sender.external_id, asked.sender.phone) == ("2198", "+79123456789")
    assert asked.visit is not None
    assert asked.visit.utm["utm_campaign"] == "campaign_name"
    assert asked.visit.page == "http://shop.example/"


def test_a_chat_that_went_on_brings_only_its_end_anew() -> None:
    before = heard("finished")
    more = [
        {"message": "Есть доставка?", "timestamp": 1795177800, "type": "visitor"},
        {"message": "Ау", "timestamp": 1795177800, "type": "visitor"},
        {"message": "Да, завтра", "timestamp": 1795177807, "type": "agent", "agent_id": 1},
        {"message": "Спасибо", "timestamp": 1795177820, "type": "visitor"},
        {"message": "До свидания", "timestamp": 1795177900, "type": "visitor"},
    ]
    after = heard("finished", chat={"messages": more})

    def said(events: list[ChannelEvent]) -> dict[str, str]:
        lines = [each for each in events if isinstance(each, MessageReceived | StaffReplied)]
        return {each.external_id: each.text for each in lines}

    assert said(before).items() < said(after).items()
    assert list(said(after).values()) == [each["message"] for each in more]


def test_an_accepted_chat_opens_the_door_and_asks_nothing() -> None:
    [event] = heard("accepted")
    assert isinstance(event, MessageReceived)
    assert (event.question, event.text, event.sender.name) == (False, "", "John Smith")


def test_what_was_left_while_nobody_was_there_is_a_question() -> None:
    [event] = heard("offline")
    assert isinstance(event, MessageReceived)
    assert (event.question, event.text) == (True, "Message text")
    assert event.external_id == "offline:1665399500726"


def test_a_text_that_jivo_keeps_to_itself_is_a_message_all_the_same() -> None:
    [event] = heard("unshown")
    assert isinstance(event, MessageReceived)
    assert event.text == ""
    [event] = heard("unshown", chat=None, plain_messages="Visitor: hello")
    assert isinstance(event, MessageReceived)
    assert event.text == "Visitor: hello"


def test_what_is_told_of_the_person_later_is_kept_with_the_person() -> None:
    [event] = heard("updated")
    assert isinstance(event, FieldsTold)
    assert event.fields == {
        "name": "John Smith",
        "phone": "+7 912 345-67-89",
        "email": "email@shop.example",
    }


@pytest.mark.parametrize(
    ("told", "name"),
    [("call_event", "call_event"), ("chat_assigned", "chat_assigned"), ("new", "unknown:new")],
)
def test_the_rest_is_named_and_left(told: str, name: str) -> None:
    [event] = heard("call", event_name=told)
    assert isinstance(event, Ignored)
    assert event.name == name


@pytest.mark.parametrize("stamp", [None, 0, 1, 2**32])
def test_a_time_that_cannot_be_is_the_time_of_hearing(stamp: int | None) -> None:
    line = {"message": "x", "timestamp": stamp, "type": "visitor"}
    [event] = heard("finished", chat={"messages": [line]})
    assert AT - timedelta(days=8) < event.at <= AT + timedelta(minutes=5)


async def test_jivo_hears_that_all_is_well() -> None:
    answer = await source("jivosite").answer(recorded("jivosite_call.json"))
    assert (answer.content_type, answer.text) == ("application/json", '{"result": "ok"}')

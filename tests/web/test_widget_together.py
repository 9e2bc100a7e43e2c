"""What a visitor sends without waiting for the answers: taken as one, answered each for itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from hub.channels.port import ChannelKind
from hub.errors import UnavailableError
from hub.events import ChannelEvent, DialogChanged, MessageReceived
from hub.intake import Accepted, Intake
from hub.model import Channel
from hub.store.schema import DEAD_LETTERS
from tests.web.house import House, Visitor


def said(key: str, text: str = "", **more: object) -> dict[str, object]:
    return {"t": "send", "key": key, "order": 0, "at": 2**42, "text": text or key} | more


async def answers(visitor: Visitor, *frames: dict[str, object]) -> list[Any]:
    """Sends all at once; the answers in the order in which they came."""
    for frame in frames:
        await visitor.socket.say(**frame)
    return [
        await visitor.socket.until(lambda frame: frame["t"] in ("ok", "error", "pong"))
        for _ in frames
    ]


async def lines(house: House, dialog: str) -> list[str]:
    anna = await house.browser("anna")
    return [each["text"] for each in (await anna.get(f"/dialogs/{dialog}/log"))["items"]]


async def test_what_is_sent_at_once_is_stored_in_its_order_and_each_is_told_its_place(
    house: House,
) -> None:
    visitor = await house.visitor()
    cursor = await house.hub.bus.cursor()
    keys = [f"at-once-{n:03}" for n in range(40)]

    told = await answers(visitor, *(said(key) for key in keys))

    assert [(each["t"], each["key"]) for each in told] == [("ok", key) for key in keys]
    assert [each["seq"] for each in told] == list(range(1, 41))
    assert await lines(house, told[0]["dialog"]) == keys
    announced = [each.event for each in await house.hub.bus.since(cursor)]
    handfuls = [each.entries for each in announced if isinstance(each, DialogChanged)]
    assert [each.text for entries in handfuls for each in entries] == keys
    assert len(handfuls) < len(keys)


async def test_a_refused_message_in_the_middle_holds_up_none_of_the_others(house: House) -> None:
    visitor = await house.visitor()
    told = await answers(
        visitor,
        said("middle-001"),
        said("middle-002", "x" * 4_001),
        said("middle-003"),
        {"t": "send", "key": "middle-004"},
        {"t": "ping"},
        said("middle-005"),
    )
    by_key = {each.get("key", ""): each for each in told}
    assert {key: each["t"] for key, each in by_key.items()} == {
        "middle-001": "ok",
        "middle-002": "error",
        "middle-003": "ok",
        "middle-004": "error",
        "": "pong",
        "middle-005": "ok",
    }
    assert by_key["middle-002"]["code"] == "too_large"
    dialog = by_key["middle-001"]["dialog"]
    assert await lines(house, dialog) == ["middle-001", "middle-003", "middle-005"]


async def test_the_same_message_twice_at_once_is_one(house: House) -> None:
    visitor = await house.visitor()
    told = await answers(
        visitor, said("twice-0001"), said("twice-0002"), said("twice-0001"), said("twice-0003")
    )
    assert [each["t"] for each in told] == ["ok"] * 4
    assert [each["seq"] for each in told] == [1, 2, 1, 3]
    assert await lines(house, told[0]["dialog"]) == ["twice-0001", "twice-0002", "twice-0003"]


async def test_what_is_sent_at_once_counts_each_for_itself_against_the_limit(
    house: House,
) -> None:
    def slow(had: Channel) -> Channel:
        return replace(had, settings=had.settings | {"visitor_per_minute": 3})

    await house.hub.engine.change(Channel, "alpha-site", slow)
    await house.hub.channels.refresh()
    visitor = await house.visitor()
    told = await answers(visitor, *(said(f"limit-{n:04}") for n in range(5)))
    states = {each["key"]: (each["t"], each.get("again")) for each in told}
    assert states == {f"limit-{n:04}": ("ok", None) for n in range(3)} | {
        f"limit-{n:04}": ("error", True) for n in (3, 4)
    }


async def test_one_that_we_fail_to_take_is_kept_aside_and_the_others_are_stored(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await house.visitor()
    accept = Intake.accept

    async def choking(
        self: Intake, channel: ChannelKind[Any], events: list[ChannelEvent]
    ) -> list[Accepted]:
        if any(isinstance(each, MessageReceived) and each.text == "кость" for each in events):
            raise ZeroDivisionError
        return await accept(self, channel, events)

    monkeypatch.setattr(Intake, "accept", choking)
    told = await answers(
        visitor, said("choke-0001"), said("choke-0002", "кость"), said("choke-0003")
    )
    states = {each["key"]: each["t"] for each in told}
    assert states == {"choke-0001": "ok", "choke-0002": "error", "choke-0003": "ok"}
    [letter] = (await house.hub.engine.find(DEAD_LETTERS, {"project": "alpha"})).items
    assert json.loads(letter.body)["frame"]["key"] == "choke-0002"
    [ok] = [each for each in told if each["key"] == "choke-0003"]
    assert await lines(house, ok["dialog"]) == ["choke-0001", "choke-0003"]


async def test_a_store_that_is_away_asks_to_send_all_of_them_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await house.visitor()
    assert (await visitor.write("first"))["t"] == "ok"

    async def away(*_: object, **__: object) -> None:
        raise UnavailableError("disk full")

    keys = [f"away-{n:05}" for n in range(5)]
    with monkeypatch.context() as patch:
        patch.setattr(house.hub.engine, "extend", away)
        told = await answers(visitor, *(said(key) for key in keys))
    assert [(each["key"], each["code"], each["again"]) for each in told] == [
        (key, "unavailable", True) for key in keys
    ]
    told = await answers(visitor, *(said(key) for key in keys))
    assert [each["seq"] for each in told] == [2, 3, 4, 5, 6]


async def test_what_came_before_the_socket_broke_is_stored(house: House) -> None:
    visitor = await house.visitor()
    for n in range(5):
        await visitor.socket.say(**said(f"parting-{n:02}"))
    await visitor.socket.ws.send_bytes(b"\xff")
    assert await visitor.socket.closed() == 1002
    back = await house.visitor(key=visitor.key)
    assert [each["text"] for each in back.greeting["entries"]] == [
        f"parting-{n:02}" for n in range(5)
    ]

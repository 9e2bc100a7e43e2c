"""What an operator is shown of a dialog with a messenger: files to come, places, who that is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.content import Card, Remote, Spot
from hub.events import MessageReacted, MessageReceived, Sender
from hub.model import Identity
from tests.web.house import Echo, House

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
VERA = Sender(external_id="vera", name="Вера", username="vera_v")
SECRET_REF = "https://files.example/bot123:TOKEN/photo.jpg"


async def told(house: House, *events: Any) -> Any:
    """The card of the dialog once this came."""
    await house.hub.intake.accept(house.hub.channels.get("alpha-echo"), events)
    anna = await house.browser("anna")
    [row] = (await anna.get("/projects/alpha/dialogs"))["items"]
    return await anna.get(f"/dialogs/{row['id']}")


async def lines(house: House) -> list[Any]:
    anna = await house.browser("anna")
    [row] = (await anna.get("/projects/alpha/dialogs"))["items"]
    log: list[Any] = (await anna.get(f"/dialogs/{row['id']}/log"))["items"]
    return log


def message(n: int = 1, **more: Any) -> MessageReceived:
    return MessageReceived(sender=VERA, at=AT, external_id=f"m{n}", **more)


async def test_a_file_to_come_is_shown_without_a_way_to_it(house: House) -> None:
    photo = Remote(ref=SECRET_REF, name="cat.jpg", mime="image/jpeg", size_bytes=9, kind="image")
    await told(house, message(media=(photo,)))
    [line] = await lines(house)
    [file] = line["attachments"]
    assert (file["name"], file["kind"], file["size_bytes"]) == ("cat.jpg", "image", 9)
    assert (file["url"], file["thumb"]) == ("", "")
    assert file["coming"] or file["lost"]
    assert "TOKEN" not in repr(line)


async def test_places_cards_and_reactions_are_shown_as_they_stand(house: House) -> None:
    react = MessageReacted(sender=VERA, at=AT, external_id="m1", emoji="👍")
    await told(
        house,
        message(spot=Spot(latitude=55.5, longitude=37.5), card=Card(name="Пётр", phone="12")),
        react,
    )
    [line] = await lines(house)
    assert line["spot"] == {"latitude": 55.5, "longitude": 37.5, "title": "", "address": ""}
    assert line["card"] == {"name": "Пётр", "phone": "12", "own": False}
    assert line["reactions"] == [{"by": "vera", "emoji": "👍"}]
    await told(house, replace(react, emoji="", at=AT + timedelta(seconds=1)))
    [line] = await lines(house)
    assert line["reactions"] == []


async def test_it_says_who_that_is_on_which_channel(house: House) -> None:
    card = await told(house, message(text="Здравствуйте"))
    await house.hub.engine.change(
        Identity, "alpha-echo:vera", lambda had: replace(had, reachable=False, reach_at=AT)
    )
    anna = await house.browser("anna")
    [known] = (await anna.get(f"/dialogs/{card['dialog']['id']}"))["identities"]
    assert known == {
        "channel": "alpha-echo",
        "kind": "echo",
        "name": "Вера",
        "username": "vera_v",
        "phone": "",
        "reachable": False,
        "picture": "",
    }


async def test_it_says_until_when_one_may_write(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await told(house, message(text="Здравствуйте"))
    assert card["write_until"] is None
    assert card["dialog"]["heard_at"] == "2026-03-02T09:00:00Z"
    day = replace(Echo.capabilities, window=timedelta(hours=24))
    monkeypatch.setattr(Echo, "capabilities", day)
    card = await told(house, message(2, text="Ещё"))
    assert card["write_until"] == "2026-03-03T09:00:00Z"

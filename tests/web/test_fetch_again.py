"""A file that lies at a platform: seen to come, seen to be lost, asked for again."""

from __future__ import annotations

import struct
from typing import Any

from hub.content import Remote
from hub.events import MessageReceived, Sender
from hub.model import now
from tests.web.house import Echo, House

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 64, 48) + b"\x08\x02\0\0\0" + b"\0" * 200
)
REF = "bot123456:the-platforms-own-secret"


def echo(house: House) -> Echo:
    live = house.hub.channels.get("alpha-echo")
    assert isinstance(live, Echo)
    return live


async def sent(house: House) -> None:
    await house.hub.intake.accept(
        house.hub.channels.get("alpha-echo"),
        [
            MessageReceived(
                sender=Sender(external_id="ivan", name="Иван"),
                at=now(),
                external_id="1",
                media=(Remote(ref=REF, name="cat.jpg", size_bytes=len(PNG), kind="image"),),
            )
        ],
    )


def path_of(entry: Any) -> str:
    [file] = entry["attachments"]
    return f"/dialogs/{entry['dialog']}/entries/{entry['id']}/files/{file['id']}/fetch"


async def test_a_lost_file_is_asked_for_again_and_opens(house: House) -> None:
    anna, boris = await house.browser("anna"), await house.browser("boris")
    screen = await anna.live()
    await sent(house)
    fresh = (await screen.event("dialog.changed"))["entries"][0]
    assert fresh["attachments"][0]["url"] == ""
    lost = (await screen.event("entry.changed"))["entry"]
    assert lost["attachments"][0]["lost"] == "file_gone"
    path = path_of(lost)
    assert (await boris.ask("POST", f"/api/v1{path}", {}))[0] == 404
    echo(house).stored[REF] = PNG
    coming = await anna.post(path)
    assert coming["attachments"][0]["coming"]
    here = await screen.until(
        lambda frame: (
            frame["t"] == "event"
            and frame["event"]["event"] == "entry.changed"
            and frame["event"]["entry"]["attachments"][0]["url"] != ""
        )
    )
    [file] = here["event"]["entry"]["attachments"]
    assert (file["kind"], file["width"], file["coming"], file["lost"]) == ("image", 64, False, "")
    answer = await boris.raw("GET", file["url"])
    assert (answer.status, await answer.read()) == (200, PNG)
    assert (await anna.ask("POST", f"/api/v1{path}", {}))[0] == 404
    assert not any(REF in raw for raw in screen.raw)


async def test_what_only_calls_itself_a_picture_is_never_shown_in_place(house: House) -> None:
    echo(house).stored[REF] = b"<!doctype html><script>alert(1)</script>"
    anna = await house.browser("anna")
    screen = await anna.live()
    await sent(house)
    [file] = (await screen.event("entry.changed"))["entry"]["attachments"]
    assert file["kind"] == "file"
    answer = await anna.raw("GET", file["url"])
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]

"""All that the played Green-API brings and answers, beside the shapes that the vendor publishes.

https://green-api.com/en/docs/api/receiving/notifications-format/ ; the vendor's own client for
Python (whatsapp-api-client-python 0.0.55) was run against the played platform by hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bots.platforms.greenapi import FORGOTTEN, GreenAPIPlatform
from bots.platforms.platform import Blob, Person

ENVELOPE = {"typeWebhook", "instanceData", "timestamp", "idMessage"}
RECEIVED = ENVELOPE | {"senderData", "messageData"}
STATUS = ENVELOPE | {"chatId", "status", "sendByApi"}
SENDER = {"chatId", "chatName", "sender", "senderName", "senderContactName"}
FILE = {
    *("downloadUrl", "caption", "fileName", "jpegThumbnail", "mimeType"),
    *("isForwarded", "forwardingScore"),
}
DATA: dict[str, dict[str, set[str]]] = {
    "textMessage": {"textMessageData": {"textMessage"}},
    "extendedTextMessage": {
        "extendedTextMessageData": {"text", "stanzaId", "participant"},
        "quotedMessage": {"stanzaId", "participant"},
    },
    "imageMessage": {"fileMessageData": FILE},
    "audioMessage": {"fileMessageData": FILE},
    "locationMessage": {
        "locationMessageData": {"nameLocation", "address", "latitude", "longitude"}
    },
    "contactMessage": {"contactMessageData": {"displayName", "vcard", "isForwarded"}},
    "editedMessage": {"editedMessageData": {"textMessage", "stanzaId"}},
    "deletedMessage": {"deletedMessageData": {"stanzaId"}},
    "reactionMessage": {
        "extendedTextMessageData": {"text"},
        "quotedMessage": {"stanzaId", "participant"},
    },
}


@pytest.fixture
async def platform() -> AsyncIterator[GreenAPIPlatform]:
    made = GreenAPIPlatform()
    await made.start()
    made.instance = dict.fromkeys(FORGOTTEN, "yes") | {"webhookUrl": ""}
    yield made
    await made.stop()


@pytest.fixture
async def client(platform: GreenAPIPlatform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{platform.url}/waInstance{platform.instance_id}") as c:
        yield c


@pytest.fixture
def anna(platform: GreenAPIPlatform) -> Person:
    return platform.person()


async def test_notifications_have_the_published_parts(
    platform: GreenAPIPlatform, anna: Person
) -> None:
    first = await platform.write(anna, "Здравствуйте")
    await platform.write(anna, "Ещё", quote=first.id)
    await platform.send_file(anna, Blob("a.jpg", "image/jpeg", b"x", "image"))
    await platform.send_file(anna, Blob("v.ogg", "audio/ogg", b"x", "audio"))
    await platform.send_place(anna, 59.9, 30.3)
    await platform.send_card(anna, "Анна", anna.phone, own=True)
    await platform.react(anna, first.id, "👍")
    await platform.rewrite(anna, first.id, "Добрый день")
    await platform.take_back(anna, first.id)
    await platform.staff_reply(anna, "Я перезвоню")
    seen = set()
    for _, note in platform.queue:
        assert set(note) == RECEIVED
        assert set(note["senderData"]) == SENDER
        assert set(note["instanceData"]) == {"idInstance", "wid", "typeInstance"}
        data = dict(note["messageData"])
        kind = data.pop("typeMessage")
        seen.add(kind)
        parts = {name: set(value) for name, value in data.items()}
        parts.get("locationMessageData", set()).discard("jpegThumbnail")
        assert parts == DATA[kind]
    assert seen == set(DATA)


async def test_the_way_of_a_message_as_the_docs_tell_it(
    platform: GreenAPIPlatform, client: httpx.AsyncClient, anna: Person
) -> None:
    async def call(method: str, **told: Any) -> Any:
        answer = await client.post(f"/{method}/{platform.token}", json=told)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    said = await call("sendMessage", chatId=anna.id, message="Да")
    assert set(said) == {"idMessage"}
    assert set(await call("editMessage", chatId=anna.id, message="Нет", **said)) == {"idMessage"}
    assert await call("readChat", chatId=anna.id) == {"setRead": True}
    assert await call("deleteMessage", chatId=anna.id, **said) is None
    assert await call("checkWhatsapp", phoneNumber=79161234567) == {"existsWhatsapp": True}
    for status in ("sent", "delivered"):
        got = (await client.get(f"/receiveNotification/{platform.token}")).json()
        assert set(got) == {"receiptId", "body"}
        assert set(got["body"]) == STATUS
        assert got["body"]["status"] == status
        taken = await client.delete(f"/deleteNotification/{platform.token}/{got['receiptId']}")
        assert taken.json()["result"] is True
    assert (await client.get(f"/receiveNotification/{platform.token}")).json() is None


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"chatId": "79161234567", "message": "x"},
        {"chatId": "79161234567@c.us"},
        {"chatId": "79161234567@c.us", "message": ""},
        {"chatId": "79161234567@c.us", "message": "x" * 20_001},
        {"chatId": "79161234567@c.us", "message": "x", "nonsense": 1},
    ],
)
async def test_what_the_docs_forbid_is_refused(
    platform: GreenAPIPlatform, client: httpx.AsyncClient, told: dict[str, Any]
) -> None:
    answer = await client.post(f"/sendMessage/{platform.token}", json=told)
    assert answer.status_code == 400
    assert (await client.post("/sendMessage/wrong", json=told)).status_code == 401

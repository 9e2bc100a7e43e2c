"""pywa, a client and a receiver of others' making, against the played Cloud API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from aiohttp import web
from pywa import handlers
from pywa.client import WhatsApp as Pywa
from pywa.errors import WhatsAppError
from pywa.types.base_update import BaseUpdate
from pywa.types.callback import Button, Section, SectionList, SectionRow
from pywa.types.message_status import MessageStatus

from bots.platforms.platform import Blob, Person
from bots.platforms.whatsapp import WhatsAppPlatform

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100") + bytes(2_000)
HANDLERS = (
    handlers.MessageHandler,
    handlers.EditedMessageHandler,
    handlers.DeletedMessageHandler,
    handlers.CallbackButtonHandler,
    handlers.MessageStatusHandler,
    handlers.OutgoingMessageHandler,
)
TOKEN = "what-the-admin-typed"


class Receiver:
    """A business that hears by pywa: its handshake, its signature check, its parser."""

    def __init__(self, wa: Pywa) -> None:
        self.wa = wa
        self.raw: list[bytes] = []

    async def come(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            words, status = self.wa.webhook_challenge_handler(
                request.query.get("hub.verify_token", ""), request.query.get("hub.challenge", "")
            )
            return web.Response(text=words, status=status)
        body = await request.read()
        refused = self.wa.webhook_update_validator(
            body, request.headers.get("X-Hub-Signature-256", "")
        )
        if refused:
            return web.Response(text=refused[0], status=refused[1])
        self.raw.append(body)
        return web.Response(text="ok")


@pytest.fixture
async def platform() -> AsyncIterator[WhatsAppPlatform]:
    made = WhatsAppPlatform()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def client(platform: WhatsAppPlatform) -> Iterator[Pywa]:
    session = httpx.Client(timeout=10)
    wa = Pywa(
        phone_id=platform.phone_number_id,
        token=platform.token,
        waba_id=platform.business_id,
        app_secret=platform.app_secret,
        verify_token=TOKEN,
        server=None,
        session=session,
    )
    session.base_url = httpx.URL(f"{platform.url}/v23.0")
    yield wa
    session.close()


@pytest.fixture
async def receiver(platform: WhatsAppPlatform, client: Pywa) -> AsyncIterator[Receiver]:
    made = Receiver(client)
    app = web.Application()
    app.router.add_route("*", "/", made.come)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    assert await platform.connect(f"http://127.0.0.1:{runner.addresses[0][1]}/", TOKEN)
    yield made
    await runner.cleanup()


@pytest.fixture
async def anna(platform: WhatsAppPlatform) -> Person:
    person = platform.person()
    await platform.write(person, "Здравствуйте")
    return person


async def test_what_the_client_says_reaches_the_person(
    platform: WhatsAppPlatform, client: Pywa, anna: Person
) -> None:
    asked = platform.shown(anna)[0].id

    def speak() -> list[str]:
        to = anna.id
        said = [
            client.send_message(to, "Да", reply_to_message_id=asked, tracker="k1").id,
            client.send_image(to, JPEG, caption="вот", mime_type="image/jpeg").id,
            client.send_document(to, b"%PDF-1.4", filename="d.pdf", mime_type="application/pdf").id,
            client.send_voice(to, b"OggS", mime_type="audio/ogg").id,
            client.send_location(to, latitude=59.9, longitude=30.3, name="Здесь").id,
            client.send_message(
                to,
                "Когда?",
                buttons=[Button("Утром", "am"), Button("Вечером", "pm")],
            ).id,
            client.send_message(
                to,
                "Где?",
                buttons=SectionList(
                    "Выбрать",
                    [Section("Все", [SectionRow("Тверь", "tver", "рядом")])],
                ),
            ).id,
        ]
        client.send_reaction(to, "👍", asked)
        assert client.mark_message_as_read(asked)
        assert client.indicate_typing(asked)
        return said

    said = await asyncio.to_thread(speak)
    shown = [each for each in platform.shown(anna) if not each.mine]
    assert [each.id for each in shown] == said
    assert [each.text for each in shown] == ["Да", "вот", "", "", "", "Когда?", "Где?"]
    assert (shown[0].quote, shown[1].files[0].data) == (asked, JPEG)
    assert shown[6].buttons == ((("Тверь", "tver"),),)
    bubble = platform.find(anna, asked)
    assert bubble is not None
    assert (bubble.reactions, bubble.read) == (("👍",), True)
    assert platform.chats[anna.id].typing_at is not None


async def test_what_the_client_may_not_say_is_refused_with_metas_codes(
    platform: WhatsAppPlatform, client: Pywa, anna: Person
) -> None:
    def code(**more: Any) -> int | None:
        try:
            client.send_message(anna.id, "x", **more)
        except WhatsAppError as error:
            return error.code
        return None

    def too_long() -> int | None:
        try:
            client.send_message(anna.id, "x" * 4_097)
        except WhatsAppError as error:
            return error.code
        return None

    assert await asyncio.to_thread(too_long) == 100
    for failing, expected in (("429", 130429), ("500", 131000), ("refused_key", 190)):
        platform.fail(failing, method="messages")  # type: ignore[arg-type]
        assert await asyncio.to_thread(code) == expected
    assert await asyncio.to_thread(code) is None


async def test_the_client_has_the_files_and_the_account(
    platform: WhatsAppPlatform, client: Pywa, receiver: Receiver, anna: Person
) -> None:
    await platform.send_file(anna, Blob("a.jpg", "image/jpeg", JPEG, "image"))
    await platform.settled()
    value = json.loads(receiver.raw[-1])["entry"][0]["changes"][0]["value"]
    media = value["messages"][0]["image"]["id"]

    def look() -> tuple[bytes, str | None, str | None]:
        url = client.get_media_url(media)
        number = client.get_business_phone_number()
        return client.get_media_bytes(url.url), number.verified_name, number.display_phone_number

    assert await asyncio.to_thread(look) == (JPEG, "Ромашка", "+7 495 1234567")


async def test_the_client_sets_the_hook(
    platform: WhatsAppPlatform, client: Pywa, receiver: Receiver
) -> None:
    url, platform.hooks.url = platform.hooks.url, ""
    set_it = client.override_phone_callback_url
    assert await asyncio.to_thread(set_it, url, TOKEN)
    assert platform.hooks.url == url
    with pytest.raises(WhatsAppError):
        await asyncio.to_thread(set_it, url, "another")


async def test_the_receiver_understands_all_that_the_platform_brings(
    caplog: pytest.LogCaptureFixture,
    platform: WhatsAppPlatform,
    client: Pywa,
    receiver: Receiver,
    anna: Person,
) -> None:
    first = platform.shown(anna)[0]
    hidden = platform.hidden_person("Ann", "ann.k")
    await platform.write(anna, "Ещё", quote=first.id)
    for blob in (
        Blob("a.jpg", "image/jpeg", JPEG, "image"),
        Blob("v.ogg", "audio/ogg", b"OggS", "audio"),
        Blob("d.pdf", "application/pdf", b"%PDF", "file"),
        Blob("v.mp4", "video/mp4", b"....ftyp", "video"),
    ):
        await platform.send_file(anna, blob)
    await platform.send_place(anna, 59.9, 30.3)
    await platform.send_card(anna, "Анна", anna.phone, own=True)
    await platform.rewrite(anna, first.id, "Добрый день")
    await platform.react(anna, first.id, "👍")
    await platform.react(anna, first.id, "")
    await platform.take_back(anna, first.id)
    await platform.write(hidden, "hi")
    await platform.staff_reply(anna, "Я перезвоню")
    asked = await asyncio.to_thread(
        client.send_message, anna.id, "Когда?", buttons=[Button("Утром", "am")]
    )
    await platform.press(anna, asked.id, "am")
    await platform.settled()
    await platform.read(anna)
    await platform.settled()
    platform.bring_status(anna.id, asked.id, "failed", 131047)
    await platform.settled()
    heard: list[BaseUpdate] = []
    client.add_handlers(*(each(lambda _, update: heard.append(update)) for each in HANDLERS))
    for raw in receiver.raw:
        await asyncio.to_thread(client.webhook_update_handler, raw)
    # Every body holds one event, and no body is passed over.
    assert len(heard) == len(receiver.raw)
    assert "Failed" not in caplog.text
    assert {type(each).__name__ for each in heard} == {
        "Message",
        "EditedMessage",
        "DeletedMessage",
        "CallbackButton",
        "MessageStatus",
        "OutgoingMessage",
    }
    statuses = [each for each in heard if isinstance(each, MessageStatus)]
    assert [each.status.value for each in statuses] == ["sent", "delivered", "read", "failed"]
    assert statuses[-1].error is not None
    assert statuses[-1].error.code == 131047

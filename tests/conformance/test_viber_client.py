"""Viber's own library against the played Viber: as a client, as a receiver, as who checks signs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from viberbot import Api
from viberbot.api.bot_configuration import BotConfiguration
from viberbot.api.messages import (
    ContactMessage,
    FileMessage,
    KeyboardMessage,
    LocationMessage,
    PictureMessage,
    StickerMessage,
    TextMessage,
    URLMessage,
    VideoMessage,
)
from viberbot.api.messages.data_types.contact import Contact
from viberbot.api.messages.data_types.location import Location
from viberbot.api.viber_requests import (
    ViberConversationStartedRequest,
    ViberDeliveredRequest,
    ViberFailedRequest,
    ViberMessageRequest,
    ViberSeenRequest,
    ViberSubscribedRequest,
    ViberUnsubscribedRequest,
)

from bots.platforms.platform import Blob, Person
from bots.platforms.viber import URI, ViberPlatform

FIXTURES = Path(__file__).parent.parent / "fixtures" / "viber"
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(300)


class Receiver:
    """A server as the library's readme has it: checks the sign, then parses."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.requests: list[Any] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/hook", self._take), web.get("/f/{name}", self._file)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._api.verify_signature(body, request.headers["X-Viber-Content-Signature"]):
            return web.Response(status=403)
        self.requests.append(self._api.parse_request(body))
        return web.Response(status=200)

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=PNG)


@pytest.fixture
async def platform() -> AsyncIterator[ViberPlatform]:
    made = ViberPlatform()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def api(platform: ViberPlatform) -> Any:
    logging.getLogger("viber.bot.api").setLevel(logging.CRITICAL)
    made = Api(BotConfiguration(auth_token=platform.token, name="Ромашка", avatar=None))
    made._request_sender._viber_bot_api_url = f"{platform.url}/pa"
    return made


@pytest.fixture
async def receiver(api: Any) -> AsyncIterator[Receiver]:
    made = Receiver(api)
    await made.open()
    await asyncio.to_thread(api.set_webhook, f"{made.url}/hook")
    yield made
    await made.close()


@pytest.fixture
async def ivan(platform: ViberPlatform, receiver: Receiver) -> Person:
    person = platform.person("Иван")
    await platform.write(person, "здравствуйте")
    await platform.settled()
    return person


async def test_it_sends_every_kind_of_message(
    api: Any, platform: ViberPlatform, receiver: Receiver, ivan: Person
) -> None:
    url = f"{receiver.url}/f"
    button = {"Columns": 3, "Rows": 1, "ActionType": "reply", "ActionBody": "Да", "Text": "Да"}
    keyboard = {"Type": "keyboard", "Buttons": [button, button]}
    messages = [
        TextMessage(text="добрый день", keyboard=keyboard, tracking_data="t"),
        PictureMessage(text="вот", media=f"{url}/p.png"),
        VideoMessage(media=f"{url}/v.mp4", size=len(PNG)),
        FileMessage(media=f"{url}/f.pdf", size=len(PNG), file_name="f.pdf"),
        LocationMessage(location=Location(lat=59.9, lon=30.3)),
        ContactMessage(contact=Contact(name="Пётр", phone_number="79160000000")),
        StickerMessage(sticker_id=46_105),
        URLMessage(media="https://example.ru"),
    ]
    tokens = await asyncio.to_thread(api.send_messages, ivan.id, messages)
    shown = [each for each in platform.shown(ivan) if not each.mine]
    assert [int(each.id) for each in shown] == tokens
    assert shown[0].buttons == ((("Да", "Да"), ("Да", "Да")),)
    assert [len(each.files) for each in shown] == [0, 1, 1, 1, 0, 0, 0, 0]
    with pytest.raises(Exception, match="status: 4"):
        await asyncio.to_thread(api.send_messages, ivan.id, [KeyboardMessage(keyboard=keyboard)])


async def test_it_reads_and_believes_everything_that_is_brought(
    api: Any, platform: ViberPlatform, receiver: Receiver, ivan: Person
) -> None:
    await platform.begin(ivan, "ad-42")
    await platform.send_file(ivan, Blob("p.png", "image/png", PNG, "image"), text="вот")
    await platform.send_file(ivan, Blob("v.mp4", "video/mp4", PNG, "video"))
    await platform.send_file(ivan, Blob("f.pdf", "application/pdf", PNG))
    await platform.send_place(ivan, 59.9, 30.3)
    await platform.send_card(ivan, "Пётр", "+79160000000", own=False)
    await platform.send_sticker(ivan)
    await platform.send_address(ivan, "https://example.ru")
    (token,) = await asyncio.to_thread(api.send_messages, ivan.id, [TextMessage(text="x")])
    await platform.read(ivan)
    await platform.lose(ivan, str(token))
    await platform.block(ivan)
    await platform.block(ivan, blocked=False)
    await platform.settled()
    kinds = {type(each) for each in receiver.requests}
    assert {
        *(ViberMessageRequest, ViberConversationStartedRequest, ViberDeliveredRequest),
        *(ViberSeenRequest, ViberFailedRequest, ViberSubscribedRequest, ViberUnsubscribedRequest),
    } <= kinds
    started = next(e for e in receiver.requests if isinstance(e, ViberConversationStartedRequest))
    assert started.context == "ad-42"
    said = [each for each in receiver.requests if isinstance(each, ViberMessageRequest)]
    assert len(said) == 8
    assert all(each.sender.id == ivan.id for each in said)
    assert {str(each.message_token) for each in said} == {
        each.id for each in platform.shown(ivan) if each.mine
    }


async def test_it_is_told_of_the_account_and_of_people(
    api: Any, platform: ViberPlatform, receiver: Receiver, ivan: Person
) -> None:
    account = await asyncio.to_thread(api.get_account_info)
    assert (account["status"], account["uri"]) == (0, URI)
    assert account["webhook"] == f"{receiver.url}/hook"
    details = await asyncio.to_thread(api.get_user_details, ivan.id)
    assert details["name"] == "Иван"
    await asyncio.to_thread(api.unset_webhook)
    assert platform.webhook == ""
    platform.token = "another"
    with pytest.raises(Exception, match="status: 2"):
        await asyncio.to_thread(api.set_webhook, f"{receiver.url}/hook")


@pytest.mark.parametrize(
    "name",
    sorted(
        each.stem
        for each in FIXTURES.glob("*.json")
        if each.stem not in ("unknown_event", "message_unknown")
    ),
)
def test_the_recorded_callbacks_are_what_it_takes_for_callbacks(api: Any, name: str) -> None:
    assert api.parse_request((FIXTURES / f"{name}.json").read_bytes()) is not None

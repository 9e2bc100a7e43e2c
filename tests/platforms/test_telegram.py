"""The played Telegram keeps to the rules of the real one, whoever calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bots.platforms.platform import Blob, Person
from bots.platforms.telegram import SECRET, TelegramPlatform
from bots.platforms.telegram_chats import picture

PHOTO = picture("7").data


class Caller:
    """Somebody with nothing but HTTP."""

    def __init__(self, platform: TelegramPlatform, session: aiohttp.ClientSession) -> None:
        self._platform = platform
        self._session = session

    async def __call__(self, method: str, *, token: str = "", **given: Any) -> Any:
        url = f"{self._platform.url}/bot{token or self._platform.token}/{method}"
        form = aiohttp.FormData()
        for name, value in given.items():
            if isinstance(value, bytes):
                form.add_field(name, value, filename=f"{name}.bin")
            else:
                form.add_field(name, value if isinstance(value, str) else json.dumps(value))
        async with self._session.post(url, data=form) as answer:
            told = await answer.json()
            assert told["ok"] == (answer.status == 200)
            if not told["ok"]:
                assert told["error_code"] == answer.status
                wait = told.get("parameters", {}).get("retry_after")
                assert answer.headers.get("Retry-After") == (wait and str(wait))
                return answer.status, told["description"]
            return told["result"]


@pytest.fixture
async def platform() -> AsyncIterator[TelegramPlatform]:
    made = TelegramPlatform(seed=7)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def call(platform: TelegramPlatform) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(platform, session)


@pytest.fixture
async def anna(platform: TelegramPlatform) -> Person:
    person = platform.person()
    await platform.begin(person)
    platform.pending.clear()
    return person


class Door:
    """Where updates are brought: `statuses` are answered first, then 200."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.statuses: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        self.headers.append(request.headers.get(SECRET, ""))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async def elsewhere(self, request: web.Request) -> web.Response:
        return web.Response()


@pytest.fixture
async def door() -> AsyncIterator[tuple[str, Door]]:
    made = Door()
    app = web.Application()
    app.router.add_post("/", made.take)
    app.router.add_get("/elsewhere", made.elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", made
    await runner.cleanup()


def texts(updates: list[dict[str, Any]]) -> list[str]:
    return [each["message"]["text"] for each in updates]


@pytest.mark.parametrize(
    ("method", "given", "status", "words"),
    [
        ("sendMessage", {"chat_id": "ANNA"}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": "ANNA", "text": " \n"}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": "ANNA", "text": "😀" * 2_049}, 400, "message is too long"),
        ("sendMessage", {"chat_id": "1", "text": "да"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": "я", "text": "да"}, 400, "can't parse parameter chat_id"),
        ("sendMessage", {"chat_id": "ANNA", "text": "да", "txet": "да"}, 400, "txet"),
        ("sendMessage", {"chat_id": "ANNA", "text": "да", "entities": "{"}, 400, "entities"),
        (
            *(
                "sendMessage",
                {"chat_id": "ANNA", "text": "да", "reply_parameters": {"message_id": 1}},
            ),
            *(400, "message to be replied not found"),
        ),
        ("sendPhoto", {"chat_id": "ANNA", "photo": b""}, 400, "file must be non-empty"),
        ("sendPhoto", {"chat_id": "ANNA", "photo": b"text"}, 400, "IMAGE_PROCESS_FAILED"),
        ("sendPhoto", {"chat_id": "ANNA", "photo": "unknown"}, 400, "wrong file identifier"),
        (
            *("sendPhoto", {"chat_id": "ANNA", "photo": PHOTO, "caption": "д" * 1_025}),
            *(400, "message caption is too long"),
        ),
        ("sendMediaGroup", {"chat_id": "ANNA", "media": []}, 400, "wrong number of media"),
        ("editMessageText", {"chat_id": "ANNA", "message_id": 1, "text": "да"}, 400, "not found"),
        ("deleteMessage", {"chat_id": "ANNA", "message_id": 1}, 400, "message to delete not found"),
        ("sendChatAction", {"chat_id": "ANNA", "action": "sleeping"}, 400, "action"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, 400, "query is too old"),
        ("getFile", {"file_id": "1"}, 400, "wrong file_id"),
        ("setWebhook", {"url": "nowhere"}, 400, "bad webhook"),
        ("setWebhook", {"url": "http://a.example", "secret_token": "я"}, 400, "unallowed"),
        ("setWebhook", {"url": "http://a.example", "max_connections": 101}, 400, "max_connections"),
        ("getNothing", {}, 404, "method not found"),
    ],
)
async def test_what_telegram_would_not_take_is_refused_in_its_words(
    call: Caller, anna: Person, method: str, given: dict[str, Any], status: int, words: str
) -> None:
    asked = {name: anna.id if each == "ANNA" else each for name, each in given.items()}
    refused, said = await call(method, **asked)
    assert refused == status
    assert words in said


@pytest.mark.parametrize(
    "entity",
    [
        {"type": "bold", "offset": 0, "length": 0},
        {"type": "bold", "offset": -1, "length": 2},
        {"type": "bold", "offset": 2, "length": 2},
        {"type": "bold", "offset": 0, "length": 1},
        {"type": "bold", "offset": 1, "length": 1},
        {"type": "bold", "offset": "0", "length": 1},
        {"type": "text_link", "offset": 0, "length": 2},
    ],
)
async def test_entities_lie_within_the_text_and_break_no_sign(
    call: Caller, anna: Person, entity: dict[str, Any]
) -> None:
    status, said = await call("sendMessage", chat_id=anna.id, text="😀!", entities=[entity])
    assert status == 400
    assert "ntity" in said


@pytest.mark.parametrize(
    "key",
    [
        {"text": "да"},
        {"text": "", "callback_data": "x"},
        {"text": "да", "callback_data": ""},
        {"text": "да", "callback_data": "я" * 33},
        {"text": "да", "url": "javascript:alert(1)"},
        {"text": "да", "url": "https://a.example", "callback_data": "x"},
    ],
)
async def test_a_key_says_one_thing_in_sixty_four_bytes(
    call: Caller, anna: Person, key: dict[str, str]
) -> None:
    markup = {"inline_keyboard": [[key]]}
    status, _ = await call("sendMessage", chat_id=anna.id, text="?", reply_markup=markup)
    assert status == 400


async def test_a_wrong_key_is_unauthorized(platform: TelegramPlatform, call: Caller) -> None:
    before = platform.token
    assert await call("getMe", token="123:wrong") == (401, "Unauthorized")
    platform.replace_key()
    assert await call("getMe", token=before) == (401, "Unauthorized")
    assert (await call("getme"))["is_bot"]


async def test_nobody_is_written_to_who_did_not_write_or_who_blocked(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    stranger = platform.person()
    assert (await call("sendMessage", chat_id=stranger.id, text="да"))[0] == 400
    await platform.block(anna)
    assert await call("sendMessage", chat_id=anna.id, text="да") == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    await platform.block(anna, blocked=False)
    assert (await call("sendMessage", chat_id=anna.id, text="да"))["text"] == "да"
    states = [each["my_chat_member"]["new_chat_member"]["status"] for each in platform.pending]
    assert states == ["kicked", "member"]


async def test_an_edit_that_changes_nothing_is_refused(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    sent = await call("sendMessage", chat_id=anna.id, text="да")
    about = {"chat_id": anna.id, "message_id": sent["message_id"]}
    assert "not modified" in (await call("editMessageText", **about, text="да"))[1]
    assert "no caption" in (await call("editMessageCaption", **about, caption="да"))[1]
    changed = await call("editMessageText", **about, text="нет")
    assert changed["edit_date"]
    theirs = await platform.write(anna, "моё")
    about = {"chat_id": anna.id, "message_id": int(theirs.id)}
    assert "can't be edited" in (await call("editMessageText", **about, text="твоё"))[1]


async def test_an_album_holds_only_what_goes_together(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    def item(kind: str, name: str) -> dict[str, str]:
        return {"type": kind, "media": f"attach://{name}"}

    photos = [item("photo", "a"), item("photo", "b")]
    sent = await call("sendMediaGroup", chat_id=anna.id, media=photos, a=PHOTO, b=PHOTO)
    assert len({each["media_group_id"] for each in sent}) == 1
    assert [len(each.files) for each in platform.shown(anna)[-2:]] == [1, 1]
    mixed = [item("photo", "a"), item("document", "b")]
    status, _ = await call("sendMediaGroup", chat_id=anna.id, media=mixed, a=PHOTO, b=b"x")
    assert status == 400


async def test_updates_wait_until_a_later_poll_confirms_them(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    for word in ("раз", "два", "три"):
        await platform.write(anna, word)
    first = await call("getUpdates")
    assert texts(first) == ["раз", "два", "три"]
    assert await call("getUpdates") == first
    assert texts(await call("getUpdates", limit=1)) == ["раз"]
    assert texts(await call("getUpdates", offset=first[1]["update_id"])) == ["два", "три"]
    assert texts(await call("getUpdates", offset=-1)) == ["три"]
    assert await call("getUpdates", offset=first[2]["update_id"] + 1) == []


async def test_a_waiting_poll_ends_when_something_happens_or_another_begins(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    first = asyncio.create_task(call("getUpdates", timeout=30))
    await platform.wait_for(lambda: bool(platform.calls))
    second = asyncio.create_task(call("getUpdates", timeout=30))
    status, said = await first
    assert (status, "terminated by other getUpdates" in said) == (409, True)
    await platform.write(anna, "раз")
    assert texts(await second) == ["раз"]


async def test_reactions_are_told_of_only_to_who_asked_for_them(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    sent = await call("sendMessage", chat_id=anna.id, text="да")
    await platform.react(anna, str(sent["message_id"]), "👍")
    assert platform.pending == []
    await call("getUpdates", allowed_updates=["message_reaction"])
    await platform.react(anna, str(sent["message_id"]), "")
    await platform.write(anna, "раз")
    [update] = await call("getUpdates")
    assert update["message_reaction"]["old_reaction"] == [{"type": "emoji", "emoji": "👍"}]


async def test_a_hook_gets_every_update_of_a_chat_in_order_until_it_takes_it(
    platform: TelegramPlatform, call: Caller, anna: Person, door: tuple[str, Door]
) -> None:
    url, at = door
    await platform.write(anna, "раз")
    at.statuses = [500, 404, 302, 200, 503]
    await call("setWebhook", url=url, secret_token="s-3_cret")
    assert (await call("getUpdates"))[0] == 409
    await platform.settled()
    for word in ("два", "три"):
        await platform.write(anna, word)
    await platform.settled()
    assert texts(at.got) == ["раз"] * 4 + ["два"] * 2 + ["три"]
    assert set(at.headers) == {"s-3_cret"}
    info = await call("getWebhookInfo")
    assert (info["url"], info["pending_update_count"]) == (url, 0)
    assert info["last_error_message"].startswith("Wrong response from the webhook: 503")
    assert "secret" not in info


async def test_a_hook_that_is_taken_off_leaves_its_updates_to_polling(
    platform: TelegramPlatform, call: Caller, anna: Person, door: tuple[str, Door]
) -> None:
    url, at = door
    at.statuses = [500] * 100
    platform.second = 0.001
    await call("setWebhook", url=url)
    await platform.write(anna, "раз")
    await platform.wait_for(lambda: len(platform.pushed) > 2)
    await call("deleteWebhook")
    await platform.settled()
    assert texts(await call("getUpdates")) == ["раз"]


async def test_updates_come_in_copies_and_out_of_order_when_asked_for(
    platform: TelegramPlatform, call: Caller, anna: Person, door: tuple[str, Door]
) -> None:
    url, at = door
    await call("setWebhook", url=url)
    platform.copies, platform.shuffled = 3, True
    words = [str(each) for each in range(12)]
    for word in words:
        await platform.write(anna, word)
    await platform.settled()
    assert sorted(texts(at.got)) == sorted(words * 3)
    assert texts(at.got) != [word for word in words for _ in range(3)]


async def test_a_file_is_served_by_its_path_to_who_has_the_key(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    await platform.send_file(anna, Blob("a.pdf", "application/pdf", b"%PDF-1.7"))
    [update] = await call("getUpdates")
    file = await call("getFile", file_id=update["message"]["document"]["file_id"])
    async with aiohttp.ClientSession() as session:
        for token, status in ((platform.token, 200), ("1:x", 404)):
            url = f"{platform.url}/file/bot{token}/{file['file_path']}"
            async with session.get(url) as answer:
                assert answer.status == status
                assert (await answer.read() == b"%PDF-1.7") == (status == 200)


async def test_what_people_do_is_seen_in_their_chat(
    platform: TelegramPlatform, call: Caller, anna: Person
) -> None:
    await platform.send_album(anna, [Blob("a.png", "image/png", PHOTO, "image")] * 2, "две")
    await platform.send_place(anna, 59.9, 30.3)
    await platform.send_card(anna, "Анна", "+79161234567", own=True)
    await platform.send_file(anna, Blob("v.ogg", "audio/ogg", b"OggS", "audio"))
    asking = {"keyboard": [["Да", {"text": "Номер", "request_contact": True}]]}
    sent = await call("sendMessage", chat_id=anna.id, text="?", reply_markup=asking)
    await platform.press(anna, str(sent["message_id"]), "Да")
    quoted = await platform.write(anna, "это", quote=str(sent["message_id"]))
    await platform.rewrite(anna, quoted.id, "то")
    told = [next(name for name in each if name != "update_id") for each in platform.pending]
    assert told == ["message"] * 7 + ["edited_message"]
    shown = platform.shown(anna)
    assert shown[-3].buttons == ((("Да", "Да"), ("Номер", "phone")),)
    assert (shown[-1].text, shown[-1].edited, shown[-1].quote) == ("то", True, shown[-3].id)
    contact = platform.pending[3]["message"]["contact"]
    assert contact == {
        "phone_number": "79161234567",
        "first_name": "Анна",
        "user_id": int(anna.id),
    }

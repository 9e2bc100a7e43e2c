"""Viber against recorded callbacks and against the played platform, with its refusals."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.platforms.platform import Blob, Chat, Person
from bots.platforms.viber import URI, ViberPlatform
from bots.updates import viber as updates
from bots.viber import REFUSALS, ViberSettings, _refusal
from bots.viber import Viber as ViberChannel
from hub.channel import Bytes, Draft, Hook
from hub.content import Button, Remote, Spot
from hub.errors import (
    CredentialsError,
    DeliveryError,
    PayloadError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    Ignored,
    MessageReceived,
    ReachabilityChanged,
)
from hub.model import (
    Attachment,
    ChannelId,
    ContactId,
    FileId,
    Identity,
    IdentityId,
    OutState,
    ProjectId,
)
from tests.bots.contract import AT, KEYS, ChannelContract
from tests.bots.door import Door, open_door

FIXTURES = Path(__file__).parent.parent / "fixtures" / "viber"
TOKEN = "44dafb7e0f40021e-61a47a1e6778d187-f2c5a676a07050b3"
IVAN = "01234567890A="
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(300)


class Served(Bytes):
    """A hub with a public address where its files lie."""

    def __init__(self) -> None:
        self.url = ""
        self.data = PNG
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.add_routes([web.get("/files/{name}", self._serve)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        return web.Response(body=self.data)

    async def read(self, file: Attachment) -> AsyncIterator[bytes]:
        yield self.data

    def link(self, file: Attachment) -> str:
        return f"{self.url}/files/{file.name}?e=1&s=2" if self.url else ""


@pytest.fixture
async def files() -> AsyncIterator[Served]:
    made = Served()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def platform() -> AsyncIterator[ViberPlatform]:
    made = ViberPlatform()
    await made.start()
    made.webhook = "http://127.0.0.1:1/hooks/the-channel"
    yield made
    await made.stop()


def opened(platform: ViberPlatform, files: Bytes | None = None) -> ViberChannel:
    settings = msgspec.convert(platform.settings(), ViberSettings)
    return ViberChannel(ChannelId("the-channel"), settings, KEYS, files)


@pytest.fixture
async def channel(platform: ViberPlatform, files: Served) -> AsyncIterator[ViberChannel]:
    made = opened(platform, files)
    yield made
    await made.close()


@pytest.fixture
async def ivan(platform: ViberPlatform) -> Person:
    person = platform.person("Иван")
    await platform.write(person, "здравствуйте")
    return person


def identity(person: Person) -> Identity:
    return Identity(
        id=IdentityId(f"the-channel:{person.id}"),
        project=ProjectId("shop"),
        channel=ChannelId("the-channel"),
        external_id=person.id,
        contact=ContactId("c"),
        created_at=AT,
        seen_at=AT,
    )


def attachment(name: str, mime: str, size: int = len(PNG)) -> Attachment:
    return Attachment(FileId(name), name, mime, size)


def recorded(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def nobody(tracked: updates.Tracked, person: str) -> bool:
    return False


def told(name: str) -> ChannelEvent:
    (event,) = updates.events(recorded(name), nobody)
    return event


def message(name: str) -> MessageReceived:
    event = told(name)
    assert isinstance(event, MessageReceived)
    return event


def signed(body: bytes, token: str = TOKEN) -> Hook:
    made = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    return Hook(body=body, headers={"x-viber-content-signature": made}, received_at=AT)


class TestViber(ChannelContract):
    kind: ClassVar[str] = "viber"
    settings: ClassVar[dict[str, Any]] = {"token": TOKEN, "name": "Ромашка"}
    secrets: ClassVar[tuple[str, ...]] = (TOKEN,)
    refusals = (
        ThrottledError,
        TransientError,
        RejectedError,
        UnreachableError,
        CredentialsError,
    )
    platform: ViberPlatform

    @pytest.fixture
    async def channel(self, platform: ViberPlatform) -> AsyncIterator[ViberChannel]:
        self.platform = platform
        person = Person("77", "Иван")
        platform.chats["77"] = Chat(person)
        await platform.write(person, "здравствуйте")
        made = opened(platform)
        yield made
        await made.close()

    def hooks(self, channel: Any) -> list[Hook]:
        return [signed(each.read_bytes()) for each in sorted(FIXTURES.glob("*.json"))]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = recorded("message_text")
        right = signed(body).headers["x-viber-content-signature"]
        headers: tuple[dict[str, str], ...] = (
            {},
            {"x-viber-content-signature": ""},
            {"x-viber-content-signature": right[:-1] + ("0" if right[-1] != "0" else "1")},
            {"x-viber-content-signature": "\udce9\udcff"},
            dict(signed(body, "another").headers),
            {"x-viber-auth-token": TOKEN},
        )
        made = [Hook(body=body, headers=each, received_at=AT) for each in headers]
        # The same words in other bytes are signed otherwise.
        again = msgspec.json.encode(msgspec.json.decode(body))
        return [*made, msgspec.structs.replace(signed(body), body=again)]

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        statuses: dict[type[DeliveryError], int] = {
            ThrottledError: 12,
            TransientError: 99,
            RejectedError: 3,
            UnreachableError: 6,
            CredentialsError: 7,
        }
        self.platform.refuse = statuses[refusal]


def test_the_published_signature_is_right_in_the_header_and_in_the_address() -> None:
    body = b'{"event":"webhook","timestamp":4977069964384421269,"message_token":1478683725125}'
    sign = "d21b343448c8aee33b8e93768ef6ceb64a6ba6163099973a2b8bd028fea510ef"
    channel = ViberChannel(ChannelId("c"), ViberSettings(token=TOKEN, name="Р"), KEYS)
    headers = {"x-viber-content-signature": sign}
    channel.verify(Hook(body=body, headers=headers, received_at=AT))
    channel.verify(Hook(body=body, query={"sig": sign}, received_at=AT))


def test_a_message_is_known_by_its_exact_number() -> None:
    event = message("message_text")
    assert event.external_id == "5741311803571721090"
    assert event.at == datetime.fromtimestamp(1763740800.123, UTC).replace(microsecond=123_000)
    assert (event.sender.external_id, event.sender.name) == (IVAN, "Иван")
    assert event.text == r"Сколько стоит 2*2 \_доставка\_?"
    assert event.question


def test_every_kind_of_message_is_read() -> None:
    picture = message("message_picture")
    assert picture.text == "вот"
    assert picture.media == (
        Remote(ref="https://dl-media.viber.com/1/p.jpg", name="p.jpg", kind="image"),
    )
    assert message("message_video").media[0].kind == "video"
    assert message("message_file").media[0] == Remote(
        ref="https://dl-media.viber.com/1/f.pdf", name="смета.pdf", size_bytes=12345
    )
    assert message("message_sticker").media[0].kind == "image"
    assert message("message_location").spot == Spot(latitude=55.75, longitude=37.62)
    assert message("message_url").text == "https://example.ru/p"
    strange = message("message_unknown")
    assert (strange.text, strange.media) == ("", ())


def test_ticks_and_who_left_are_told() -> None:
    states = {"delivered": OutState.DELIVERED, "seen": OutState.READ, "failed": OutState.FAILED}
    for name, state in states.items():
        event = told(name)
        assert isinstance(event, DeliveryReported)
        assert event.state == state
        assert event.external_id.startswith("57413118035717211")
        assert bool(event.failure) == (name == "failed")
    for name, reachable in (("subscribed", True), ("unsubscribed", False)):
        changed = told(name)
        assert isinstance(changed, ReachabilityChanged)
        assert changed.reachable is reachable


def test_opening_the_chat_says_something_only_by_a_link_of_ours() -> None:
    event = message("conversation_started")
    assert (event.start, event.question, event.text) == ("ad-42", False, "")
    for name, counted in (
        ("conversation_started_plain", "conversation_started"),
        ("webhook", "webhook"),
        ("message_in_group", "group"),
        ("unknown_event", "unknown:teleported"),
    ):
        ignored = told(name)
        assert isinstance(ignored, Ignored)
        assert ignored.name == counted


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_a_body_holds_instead_it_is_events_or_a_payload_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(each.stem for each in FIXTURES.glob("*.json"))))
    body = msgspec.json.decode(recorded(name))
    held = data.draw(
        st.sampled_from([each for each in (body, body.get("message"), body.get("sender")) if each])
    )
    key = data.draw(st.sampled_from(sorted(held)))
    strange = st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False)
    held[key] = data.draw(strange | st.lists(strange) | st.dictionaries(st.text(), strange))
    try:
        events = updates.events(msgspec.json.encode(body), nobody)
    except PayloadError:
        return
    assert all(event.sender.external_id for event in events)


async def test_a_text_goes_out_under_the_name_in_pieces_that_all_are_known(
    channel: ViberChannel, platform: ViberPlatform, ivan: Person
) -> None:
    text = " ".join(["слово"] * 2_000)
    receipt = await channel.send(identity(ivan), Draft(key="1", text=text))
    shown = [each for each in platform.shown(ivan) if not each.mine]
    assert [each.id for each in shown] == [receipt.external_id, *receipt.more]
    assert " ".join(each.text for each in shown) == text
    assert platform.calls[-1][1]["sender"] == {"name": "Ромашка"}
    await channel.send(identity(ivan), Draft(key="2", text="**Да**: [тут](https://a.ru)"))
    assert platform.shown(ivan)[-1].text == "Да: тут (https://a.ru)"


async def test_a_failure_after_the_first_piece_may_have_sent_it(
    channel: ViberChannel, platform: ViberPlatform, ivan: Person
) -> None:
    text = " ".join(["слово"] * 2_000)
    sending = asyncio.create_task(channel.send(identity(ivan), Draft(key="1", text=text)))
    await platform.wait_for(lambda: len(platform.shown(ivan)) == 2)
    platform.refuse = 12
    with pytest.raises(TransientError) as caught:
        await sending
    assert caught.value.maybe_sent
    assert caught.value.reason == "rate"


async def test_files_are_had_by_the_platform_from_a_public_address(
    channel: ViberChannel, platform: ViberPlatform, files: Served, ivan: Person
) -> None:
    sent = (
        attachment("p.png", "image/png"),
        attachment("v.mp4", "video/mp4"),
        attachment("смета.pdf", "application/pdf"),
        attachment("big.jpg", "image/jpeg", len(PNG)),
        attachment("w.webp", "image/webp"),
    )
    await channel.send(identity(ivan), Draft(key="1", text="вот", attachments=sent))
    types = [body["type"] for name, body in platform.calls if name == "send_message"]
    assert types == ["picture", "video", "file", "picture", "file"]
    shown = platform.shown(ivan)[1:]
    assert shown[0].text == "вот"
    assert all(each.files[0].data == PNG for each in shown)
    assert shown[2].files[0].name == "смета.pdf"


@pytest.mark.parametrize(
    ("file", "public", "reason"),
    [
        (attachment("p.png", "image/png"), False, "no_public_address"),
        (attachment("setup.EXE", "application/pdf"), True, "file_type"),
        (attachment("film.mkv", "video/x-matroska", 60_000_000), True, "too_large"),
    ],
)
async def test_an_unfit_file_is_refused_before_anything_is_said(
    channel: ViberChannel,
    platform: ViberPlatform,
    files: Served,
    ivan: Person,
    file: Attachment,
    public: bool,
    reason: str,
) -> None:
    files.url = files.url if public else ""
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(ivan), Draft(key="1", text="вот", attachments=(file,)))
    assert caught.value.reason == reason
    assert platform.calls == []


async def test_more_than_a_request_holds_is_refused_before_anything_is_said(
    channel: ViberChannel, platform: ViberPlatform, ivan: Person
) -> None:
    with pytest.raises(RejectedError) as caught:
        await channel.send(identity(ivan), Draft(key="1", text="\x01" * 6_900))
    assert caught.value.reason == "too_long"
    rows = tuple((Button(label=f"{each}", data="d" * 64),) for each in range(13))
    with pytest.raises(RejectedError):
        await channel.send(identity(ivan), Draft(key="1", text="x", buttons=rows))
    assert platform.calls == []


def said(door: Door) -> list[MessageReceived]:
    found = [each for each in door.events if isinstance(each, MessageReceived)]
    return sorted(found, key=lambda each: each.external_id)


async def test_buttons_come_back_as_what_they_mean_and_the_number_as_the_own(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        ivan = platform.person("Иван")
        await platform.write(ivan, "здравствуйте")
        await platform.send_card(ivan, "Иван", "+79990000000", own=False)
        rows = (
            (Button(label="Да", data="call:yes"), Button(label="Нет", data="call:no")),
            (Button(label="Мой номер", asks="phone"),),
            (Button(label="Сайт", url="https://example.ru"),),
        )
        await channel.send(identity(ivan), Draft(key="1", text="перезвонить?", buttons=rows))
        shown = platform.shown(ivan)[-1]
        assert [len(row) for row in shown.buttons] == [2, 1, 1]
        await platform.press(ivan, shown.id, "Да")
        await platform.press(ivan, shown.id, "phone")
        await platform.send_card(ivan, "Пётр", "+79160000000", own=False)
        await platform.settled()
        _, unasked, pressed, own, others = said(door)
        assert (pressed.text, pressed.pressed, pressed.question) == ("Да", "call:yes", False)
        cards = [each.card for each in (unasked, own, others)]
        assert [each.own for each in cards if each] == [False, True, False]
        assert [each.phone for each in cards if each] == [
            "+79990000000",
            ivan.phone,
            "+79160000000",
        ]
        assert set(platform.answers) == {b""}


def test_what_came_along_counts_only_for_whom_we_sent_it() -> None:
    channel = ViberChannel(ChannelId("c"), ViberSettings(token=TOKEN, name="Р"), KEYS)
    rows = ((Button(label="Да", data="yes"), Button(label="Номер", asks="phone")),)
    tracking = channel._keyboard(IVAN, rows)["tracking_data"]
    body = msgspec.json.decode(recorded("message_contact"))
    body["message"]["tracking_data"] = tracking

    def own(**changes: Any) -> bool:
        changed = msgspec.json.decode(msgspec.json.encode(body))
        for path, value in changes.items():
            place, _, key = path.partition("__")
            changed[place][key] = value
        (event,) = channel.parse(signed(msgspec.json.encode(changed)))
        assert isinstance(event, MessageReceived)
        assert event.card is not None
        return event.card.own

    assert own()
    assert not own(sender__id="another")
    assert not own(sender__name="Другой")
    assert not own(message__tracking_data=tracking.replace("yes", "no"))
    assert not own(message__tracking_data='{"asks":true,"sign":""}')
    assert not own(message__tracking_data="[" * 1_000)


def test_each_status_is_the_error_that_says_what_to_do() -> None:
    for status in range(1, 40):
        refusal = _refusal(status)
        if status == 12:
            assert isinstance(refusal, ThrottledError)
            assert not refusal.everywhere
        elif status in REFUSALS:
            assert (type(refusal), refusal.reason) == REFUSALS[status]
        else:
            assert isinstance(refusal, TransientError)
            assert not refusal.maybe_sent


async def test_what_is_said_before_the_hook_is_set_waits_for_it(
    channel: ViberChannel, platform: ViberPlatform, ivan: Person
) -> None:
    platform.webhook = ""
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(ivan), Draft(key="1", text="x"))
    assert (caught.value.maybe_sent, caught.value.reason) == (False, "misconfigured")


@pytest.mark.parametrize("failing", ["502_page", "lost_answer", "500"])
async def test_an_answer_that_is_none_leaves_a_doubt(
    channel: ViberChannel, platform: ViberPlatform, ivan: Person, failing: Any
) -> None:
    platform.fail(failing)
    with pytest.raises(TransientError) as caught:
        await channel.send(identity(ivan), Draft(key="1", text="x"))
    assert caught.value.maybe_sent


async def test_a_person_has_a_name_and_a_picture(
    channel: ViberChannel, platform: ViberPlatform, ivan: Person
) -> None:
    profile = await channel.profile(ivan.id)
    assert profile is not None
    assert profile.name == "Иван"
    assert profile.picture is not None
    assert b"".join([chunk async for chunk in channel.fetch(profile.picture)])[:4] == b"\x89PNG"
    with pytest.raises(UnreachableError):
        await channel.profile("nobody")


async def test_a_dead_key_is_told_by_the_account(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    account = await channel.account()
    assert (account.name, account.username) == ("Ромашка", URI)
    assert account.picture is not None
    assert b"".join([chunk async for chunk in channel.fetch(account.picture)])[:4] == b"\x89PNG"
    link = channel.join_link(account.username, "k_-9")
    assert link == f"viber://pa?chatURI={URI}&context=k_-9"
    platform.token = "another"
    with pytest.raises(CredentialsError) as caught:
        await channel.account()
    assert caught.value.reason == "dead_key"


async def test_the_hook_is_set_once_the_platform_could_try_it(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    with pytest.raises(RejectedError) as caught:
        await channel.set_hook("http://127.0.0.1:1/hooks/the-channel")
    assert caught.value.reason == "no_public_address"
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        assert (await channel.hook()).url == platform.webhook
        await channel.drop_hook()
        assert platform.webhook == ""
    platform.webhook = "https://other.example/hooks/another"
    await channel.drop_hook()
    assert platform.webhook == "https://other.example/hooks/another"


async def test_files_are_fetched_from_the_platform_alone(
    channel: ViberChannel, platform: ViberPlatform
) -> None:
    async with open_door(channel) as door:
        await channel.set_hook(door.url)
        await platform.send_file(platform.person(), Blob("f.pdf", "application/pdf", PNG))
        await platform.settled()
        (remote,) = said(door)[0].media
        assert b"".join([chunk async for chunk in channel.fetch(remote)]) == PNG
    for ref in (
        "https://evil.example/x",
        "http://127.0.0.1:1/x",
        "https://viber.com.evil.example/",
    ):
        with pytest.raises(RejectedError):
            await anext(channel.fetch(Remote(ref=ref)))


def test_a_name_too_long_for_the_platform_is_refused() -> None:
    for wrong in ("", " ", "x" * 29):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"token": "t", "name": wrong}, ViberSettings)

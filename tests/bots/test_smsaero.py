"""SMS Aero: what goes out and what becomes of it, against the played service."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.platforms.smsaero import SmsAeroPlatform
from bots.smsaero import SmsAero, SmsAeroSettings
from hub.channels.port import ChannelKind, Draft, Hook
from hub.content import Button
from hub.errors import (
    CredentialsError,
    DeliveryError,
    PayloadError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import DeliveryReported, Ignored
from hub.model import ChannelId, Identity, OutState
from tests.bots.contract import AT, KEYS, PlayedContract, identity
from tests.bots.door import open_door
from tests.bots.house import playing
from tests.ports import free_port

NUMBER = "79161234567"
PERSON = identity(NUMBER)
KEY = "k7QnB0sVt3WmXy8RzLp5cGdHfJa2eUiO"
SETTINGS: dict[str, Any] = {
    "email": "romashka@example.com",
    "api_key": KEY,
    "sign": "Romashka",
}


class Quick(SmsAero):
    poll_seconds: ClassVar[float] = 0


def opened(platform: SmsAeroPlatform, **more: Any) -> Quick:
    settings = msgspec.convert(platform.settings() | more, SmsAeroSettings)
    return Quick(ChannelId("the-channel"), settings, KEYS)


@pytest.fixture
async def platform() -> AsyncIterator[SmsAeroPlatform]:
    async with playing(SmsAeroPlatform()) as made:
        yield made


@pytest.fixture
async def channel(platform: SmsAeroPlatform) -> AsyncIterator[Quick]:
    made = opened(platform)
    yield made
    await made.close()


def told(body: str, key: str = "", content_type: str = "application/x-www-form-urlencoded") -> Hook:
    basic = b64encode(f"hub:{key or KEYS.sign('hook', 'the-channel')}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": content_type}
    return Hook(body=body.encode(), headers=headers, received_at=AT)


class TestSmsAero(PlayedContract):
    kind = "smsaero"
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secrets: ClassVar[tuple[str, ...]] = (KEY, KEYS.sign("hook", "the-channel"))
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: "429",
        TransientError: "500",
        RejectedError: "",
        UnreachableError: "blocked",
        CredentialsError: "refused_key",
    }
    sends = "sms/send"
    platform: SmsAeroPlatform

    @pytest.fixture
    async def channel(self, platform: SmsAeroPlatform) -> AsyncIterator[ChannelKind[Any]]:
        self.platform = platform
        settings = msgspec.convert(platform.settings(), SmsAeroSettings)
        made = SmsAero(ChannelId("the-channel"), settings, KEYS)
        yield made
        await made.close()

    @pytest.fixture
    def to(self) -> Identity:
        return PERSON

    def hooks(self, channel: Any) -> list[Hook]:
        return [
            told("id=5&status=1&extendStatus=delivery&number=79161234567"),
            told('{"id": 5, "status": 2}', content_type="application/json"),
            told('{"data": {"id": "5", "status": "6"}}', content_type="application/json"),
            told("id=5&status=0"),
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = "id=5&status=1"
        bare = Hook(body=body.encode(), received_at=AT)
        named = msgspec.structs.replace(bare, query={"key": KEYS.sign("hook", "the-channel")})
        return [bare, named, told(body, "guessed"), told(body, KEYS.sign("hook", "another"))]

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        self.platform.money = 1_000
        if refusal is RejectedError:
            # One letter is not a text there, and it is the last refusal of a text that is.
            self.platform.shortest = 2
        else:
            super().provoke(channel, refusal)
            self.platform.shortest = 1

    def test_the_same_request_gives_equal_events_with_aware_times(
        self, channel: ChannelKind[Any]
    ) -> None:
        """Nobody writes by it: reports are all that comes."""
        for hook in self.hooks(channel):
            events = channel.parse(hook)
            assert events == channel.parse(hook)
            for event in events:
                assert event.at == AT
                assert event.sender.external_id


async def test_a_text_goes_out_from_the_allowed_sender(
    channel: Quick, platform: SmsAeroPlatform
) -> None:
    draft = Draft(key="k", text="Ждём **вас**: https://shop.example")
    receipt = await channel.send(PERSON, draft)
    sms = platform.messages[int(receipt.external_id)]
    assert (sms.number, sms.sign, sms.text, sms.callback) == (
        NUMBER,
        "Romashka",
        "Ждём вас: https://shop.example",
        "",
    )
    buttons = ((Button(label="Оплатить", url="https://p.example/1"), Button(label="Да")),)
    more = await channel.send(PERSON, Draft(key="l", text="Счёт", buttons=buttons))
    said = platform.messages[int(more.external_id)].text
    assert said == "Счёт\nОплатить: https://p.example/1"


@pytest.mark.parametrize("told_as", ["form", "json"])
async def test_what_became_of_it_is_told_to_the_hubs_own_door(
    channel: Quick, platform: SmsAeroPlatform, told_as: Any
) -> None:
    platform.told_as = told_as
    async with open_door(channel) as door:
        channel.door = door.url
        ids = [
            (await channel.send(PERSON, Draft(key=f"{n}", text="Ждём вас"))).external_id
            for n in range(3)
        ]
        for id, status in zip(ids, (1, 2, 6), strict=True):
            platform.advance(int(id), 3)
            await platform.settled()
            platform.advance(int(id), status)
            await platform.settled()
        reports = [each for each in door.events if isinstance(each, DeliveryReported)]
        assert [(each.external_id, each.state, each.failure) for each in reports] == [
            (ids[0], OutState.DELIVERED, ""),
            (ids[1], OutState.FAILED, "unreachable"),
            (ids[2], OutState.FAILED, "rejected"),
        ]
        assert {each.sender.external_id for each in reports} == {NUMBER}
        assert {each.name for each in door.events if isinstance(each, Ignored)} == {"status:3"}
        assert (door.refused, set(platform.answers)) == (0, {200})


async def test_the_key_of_the_door_is_in_no_path_and_is_this_channels_alone(
    channel: Quick, platform: SmsAeroPlatform
) -> None:
    channel.door = "https://hub.example/hooks/the-channel"
    receipt = await channel.send(PERSON, Draft(key="k", text="Ждём вас"))
    given_to = urlsplit(platform.messages[int(receipt.external_id)].callback)
    assert (given_to.hostname, given_to.path, given_to.query) == (
        "hub.example",
        "/hooks/the-channel",
        "",
    )
    key = unquote(given_to.password or "")
    channel.verify(told("id=5&status=1", key))
    other = SmsAero(ChannelId("another"), channel.settings, KEYS)
    with pytest.raises(Exception, match="key"):
        other.verify(told("id=5&status=1", key))


async def test_without_a_door_it_is_asked_for(platform: SmsAeroPlatform) -> None:
    channel = opened(platform, receive="poll")
    channel.door = "https://hub.example/hooks/the-channel"
    first = await channel.poll("")
    assert (first.bodies, first.marker) == ((), "0")
    ids = [
        int((await channel.send(PERSON, Draft(key=f"{n}", text="Ждём"))).external_id)
        for n in range(3)
    ]
    assert not platform.messages[ids[0]].callback
    platform.advance(ids[0], 1)
    second = await channel.poll(first.marker)
    assert heard(channel, second.bodies) == [(str(ids[0]), OutState.DELIVERED)]
    nothing = await channel.poll(second.marker)
    assert (nothing.bodies, nothing.marker) == ((), second.marker)
    # Many later ones push the two that are on their way off the first page.
    for n in range(50):
        await channel.send(PERSON, Draft(key=f"later {n}", text="Ждём"))
    third = await channel.poll(nothing.marker)
    platform.advance(ids[1], 2)
    # One that the service forgot is waited for no longer.
    del platform.messages[ids[2]]
    marker = third.marker
    told: list[tuple[str, OutState]] = []
    for _ in range(3):
        polled = await channel.poll(marker)
        marker, told = polled.marker, told + heard(channel, polled.bodies)
    assert told == [(str(ids[1]), OutState.FAILED)]
    assert str(ids[2]) not in marker.split()
    assert len(marker.split()) == 51
    await channel.close()


def heard(channel: SmsAero, bodies: Sequence[bytes]) -> list[tuple[str, OutState]]:
    events = [each for body in bodies for each in channel.parse(Hook(body=body, received_at=AT))]
    return [(e.external_id, e.state) for e in events if isinstance(e, DeliveryReported)]


async def test_a_cut_answer_may_have_been_sent_and_is_not_said_again(
    channel: Quick, platform: SmsAeroPlatform
) -> None:
    platform.fail("lost_answer", method="sms/send")
    with pytest.raises(TransientError) as raised:
        await channel.send(PERSON, Draft(key="k", text="Ждём вас"))
    assert raised.value.maybe_sent
    assert len(platform.messages) == 1
    platform.fail("502_page", method="sms/send")
    with pytest.raises(TransientError):
        await channel.send(PERSON, Draft(key="k", text="Ждём вас"))


async def test_the_next_gate_is_asked_only_when_one_was_never_reached(
    platform: SmsAeroPlatform,
) -> None:
    from bots.line.line import Line

    channel = opened(platform)
    dead = Line(f"http://127.0.0.1:{free_port()}/v2")
    channel._lines.insert(0, dead)
    receipt = await channel.send(PERSON, Draft(key="k", text="Ждём вас"))
    assert int(receipt.external_id) in platform.messages
    platform.fail("500", method="sms/send")
    with pytest.raises(TransientError):
        await channel.send(PERSON, Draft(key="l", text="Ждём вас"))
    assert len(platform.messages) == 1
    await channel.close()


async def test_every_refusal_says_what_to_do(channel: Quick, platform: SmsAeroPlatform) -> None:
    draft = Draft(key="k", text="Ждём вас")
    with pytest.raises(UnreachableError):
        await channel.send(identity("123"), draft)
    platform.money = 0
    with pytest.raises(CredentialsError) as poor:
        await channel.send(PERSON, draft)
    assert poor.value.reason == "no_balance"
    platform.money = 10
    platform.signs = {"Sms Aero"}
    with pytest.raises(CredentialsError) as unsigned:
        await channel.send(PERSON, draft)
    assert unsigned.value.reason == "misconfigured"
    platform.key = "another"
    with pytest.raises(CredentialsError) as dead:
        await channel.account()
    assert dead.value.reason == "dead_key"
    with pytest.raises(RejectedError):
        await channel.send(PERSON, Draft(key="k", text=" "))


async def test_the_account_is_known_by_its_address(channel: Quick) -> None:
    assert (await channel.account()).name == "romashka@example.com"


async def test_no_key_is_logged_or_in_an_error(
    channel: Quick, platform: SmsAeroPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel.door = "https://hub.example/hooks/the-channel"
    platform.fail("500")
    with pytest.raises(DeliveryError) as raised:
        await channel.send(PERSON, Draft(key="k", text="Ждём вас"))
    for secret in (KEY, KEYS.sign("hook", "the-channel")):
        assert secret not in caplog.text + repr(raised.value)


LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False)


@given(told_=st.dictionaries(st.sampled_from(["id", "status", "number", "data"]), LEAF))
def test_whatever_a_body_holds_it_is_events_or_a_payload_error(told_: dict[str, Any]) -> None:
    channel = SmsAero(ChannelId("c"), msgspec.convert(SETTINGS, SmsAeroSettings), KEYS)
    try:
        events = channel.parse(Hook(body=msgspec.json.encode(told_), received_at=AT))
    except PayloadError:
        return
    assert events
    assert all(each.sender.external_id for each in events)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "romashka"},
        {"email": "a:b@example.com"},
        {"api_key": ""},
        {"api_key": "ключ"},
        {"sign": ""},
        {"sign": "a\nb"},
        {"api_url": "gate.smsaero.ru"},
        {"receive": "sometimes"},
    ],
)
def test_a_bad_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(SETTINGS | wrong, SmsAeroSettings)

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bots
from bots.site import LATEST, Site
from hub.channels.port import Hook
from hub.errors import ConfigError, PayloadError
from hub.events import CallAsked, DeliveryReported, MessageReceived, TypingNoticed
from hub.model import Attachment, CallTime, ChannelId, FileId, Given, OutState
from hub.people.visit import Visit
from hub.sites import IdentityMode, SiteSettings
from hub.store.engine import milliseconds
from tests.bots.contract import AT, KEYS, ChannelContract

GIVEN = {"purpose": "processing", "version": "v1"}
SHOP = "https://shop.example"
SITE = Site(ChannelId("the-channel"), SiteSettings(origins=(SHOP,)), KEYS)
KEY = SITE.mint()
VISITOR = KEY.partition(".")[0]


def hook(visitor_key: str = KEY, origin: str = SHOP, **frame: Any) -> Hook:
    return Hook(
        body=msgspec.json.encode(frame),
        headers={"x-visitor-key": visitor_key, "origin": origin, "host": "hub.example"},
        received_at=AT,
    )


def message(**more: Any) -> Hook:
    told: dict[str, Any] = {
        "t": "send",
        "key": "key-00001",
        "at": milliseconds(AT),
        "order": 3,
        "text": "Привет",
    }
    return hook(**(told | more))


class TestSite(ChannelContract):
    kind = "site"
    settings: ClassVar[dict[str, Any]] = {"origins": [SHOP]}
    secrets = (KEY.partition(".")[2],)

    def hooks(self, channel: Any) -> list[Hook]:
        return [
            message(),
            message(visit={"page": "https://shop.example/a", "utm": {"source": "ya"}}),
            hook(t="typing"),
            hook(t="call", key="key-00002", phone="+79161234567", given=[GIVEN]),
            hook(t="consent", key="key-00003", given=[GIVEN]),
            hook(t="fields", fields={"city": "Тверь"}),
            hook(t="rate", key="key-00004", score="good"),
            hook(t="delivered", external_id="e1"),
            hook(t="read", external_id="e1"),
            hook(origin="http://hub.example", t="typing"),
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        other = Site(ChannelId("another"), SiteSettings(), KEYS).mint()
        return [
            hook(visitor_key="", t="typing"),
            hook(visitor_key=VISITOR, t="typing"),
            hook(visitor_key=f"{VISITOR}.", t="typing"),
            hook(visitor_key=f"{VISITOR}x.{KEY.partition('.')[2]}", t="typing"),
            hook(visitor_key=other, t="typing"),
            hook(origin="", t="typing"),
            hook(origin="https://evil.example", t="typing"),
            hook(origin="https://shop.example.evil", t="typing"),
        ]


def test_a_message_says_who_what_and_when() -> None:
    picture = Attachment(FileId("f1"), "a.png", "image/png", 5, "image", 2, 3)
    [event] = SITE.parse(
        message(attachments=[msgspec.to_builtins(picture)], visit={"page": "p"}, reply_to="e0")
    )
    assert isinstance(event, MessageReceived)
    assert event.sender.external_id == VISITOR
    assert event.external_id == f"{VISITOR}:key-00001"
    assert (event.at, event.order, event.text) == (AT, 3, "Привет")
    assert (event.attachments, event.visit) == ((picture,), Visit(page="p"))
    assert event.reply_to == "e0"


def test_a_wish_to_be_called_says_on_what_and_when() -> None:
    time = {"at": "2026-11-23T06:00:00Z", "local": "2026-11-23T09:00", "zone": "Europe/Moscow"}
    [event] = SITE.parse(
        hook(
            t="call",
            key="key-00002",
            phone="+79161234567",
            time=time,
            comment="после девяти",
            given=[GIVEN],
            page=SHOP,
        )
    )
    assert isinstance(event, CallAsked)
    assert event.external_id == SITE.call_id(VISITOR, "key-00002") == f"{VISITOR}:call:key-00002"
    assert event.time == msgspec.convert(time, CallTime)
    assert (event.phone, event.comment, event.page) == ("+79161234567", "после девяти", SHOP)
    assert event.given == (Given("processing", "v1"),)


@pytest.mark.parametrize("phone", ["", "89161234567", "+0123456789", "+7916", "+7916123456x"])
def test_a_phone_that_is_not_whole_is_a_payload_error(phone: str) -> None:
    with pytest.raises(PayloadError):
        SITE.parse(hook(t="call", key="key-00002", phone=phone))


class TestSigning:
    SECRET = "a-long-enough-secret"

    def site(self, id: str = "the-channel", mode: IdentityMode = "optional") -> Site:
        settings = SiteSettings(identity=mode, identity_secret=self.SECRET)
        return Site(ChannelId(id), settings, KEYS)

    def sign(self, id: str) -> str:
        return hmac.new(self.SECRET.encode(), id.encode(), hashlib.sha256).hexdigest()

    def test_a_signed_id_is_always_the_same_visitor_of_this_channel_only(self) -> None:
        site = self.site()
        visitor = site.signed("42", self.sign("42"))
        assert visitor is not None
        assert visitor == self.site().signed("42", self.sign("42").upper())
        assert visitor != self.site("other").signed("42", self.sign("42"))
        assert site.is_signed(visitor)
        assert site.visitor(site.key_of(visitor)) == visitor
        [event] = site.parse(hook(site.key_of(visitor), t="typing"))
        assert event.sender.verified

    @given(st.text(max_size=80), st.text(max_size=80))
    def test_nothing_but_the_signature_signs(self, id: str, hash: str) -> None:
        assert self.site().signed(id, hash) is None
        assert self.site(mode="off").signed("42", self.sign("42")) is None

    def test_a_minted_visitor_is_never_a_signed_one(self) -> None:
        site = self.site()
        minted = [site.visitor(site.mint()) for _ in range(200)]
        assert not any(site.is_signed(each) for each in minted if each)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_visitors_clock_is_believed_within_two_days(at: int) -> None:
    [event] = SITE.parse(message(at=at))
    assert AT - LATEST <= event.at <= AT
    if milliseconds(AT - LATEST) <= at <= milliseconds(AT):
        assert milliseconds(event.at) == at


@pytest.mark.parametrize("state", [OutState.DELIVERED, OutState.READ])
def test_a_tick_is_about_a_message_and_all_before_it(state: OutState) -> None:
    [event] = SITE.parse(hook(t=state.value, external_id="e1"))
    assert isinstance(event, DeliveryReported)
    assert (event.external_id, event.state, event.upto) == ("e1", state, True)


def test_typing_is_noticed() -> None:
    [event] = SITE.parse(hook(t="typing"))
    assert isinstance(event, TypingNoticed)


@pytest.mark.parametrize(
    "frame",
    [
        {"text": " "},
        {"key": "short"},
        {"key": "with space"},
        {"key": "key-00001\n"},
        {"order": -1},
        {"order": 2**60},
        {"at": None},
    ],
)
def test_a_frame_that_the_door_would_not_pass_is_a_payload_error(frame: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        SITE.parse(message(**frame))
    with pytest.raises(PayloadError):
        SITE.parse(msgspec.structs.replace(message(), headers={}))


@pytest.mark.parametrize(
    "settings",
    [
        {"origins": ["shop.example"]},
        {"origins": ["https://Shop.example"]},
        {"origins": ["https://shop.example/"]},
        {"origins": ["ftp://shop.example"]},
        {"color": "red"},
        {"color": "#12345g"},
        {"visitor_per_minute": 0},
        {"theme": "pink"},
        {"phone": "8 800"},
        {"answer_time": -1},
        {"messengers": [{"kind": "icq", "url": "https://icq.com/1"}]},
        {"messengers": [{"kind": "telegram", "url": "javascript:alert(1)"}]},
        {"prechat": {"fields": [{"name": "Phone Number"}]}},
        {"prechat": {"fields": [{"name": "tel", "kind": "phone"}]}},
        {"prechat": {"fields": [{"name": "phone", "kind": "text"}]}},
        {"prechat": {"fields": [{"name": "topic", "kind": "select"}]}},
        {"prechat": {"fields": [{"name": "a"}, {"name": "a"}]}},
        {"prechat": {"fields": [{"name": f"f{n}"} for n in range(7)]}},
        {"consents": [{"purpose": "processing"}, {"purpose": "processing"}]},
        {"consents": [{"purpose": "transfer", "url": "javascript:alert(1)"}]},
        {"identity": "optional"},
        {"identity": "required", "identity_secret": "short"},
        {"goals": {"metrica": "<script>"}},
        {"greeting": "x" * 501},
        {"hide_on": [""]},
    ],
)
def test_a_bad_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(settings, SiteSettings)
    assert "short" not in str(caught.value)


def test_without_origins_only_the_hubs_own_pages_show_the_chat() -> None:
    site = Site(ChannelId("c"), SiteSettings(), KEYS)
    assert site.allows("https://hub.example", "hub.example")
    assert not site.allows(SHOP, "hub.example")
    assert not site.allows("", "hub.example")
    everywhere = Site(ChannelId("c"), SiteSettings(origins=("*",)), KEYS)
    assert everywhere.allows(SHOP, "hub.example")


def test_a_key_once_made_is_known_for_ever() -> None:
    assert SITE.visitor(KEY) == VISITOR
    assert Site(ChannelId("the-channel"), SiteSettings(), KEYS).visitor(KEY) == VISITOR
    assert timedelta(hours=48) == LATEST


@pytest.mark.parametrize("kind", ["nothing", "", "..", "site.x", "__init__", "Site", "os"])
def test_an_unknown_kind_is_answered_with_the_known_ones(kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bots.load(kind)
    assert "site" in str(caught.value)

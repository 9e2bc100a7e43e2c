"""The Cloud API's recorded requests, and the adapter against the played platform."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import pytest

from bots.platforms.whatsapp import WhatsAppPlatform
from bots.wa.refusals import refusal
from bots.whatsapp import WhatsApp, WhatsAppSettings
from hub.channels.port import Hook
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    SignatureError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    MessageReceived,
)
from hub.model import (
    ChannelId,
)
from tests.bots.contract import AT, KEYS, PlayedContract
from tests.bots.whatsapp.house import (
    CHANNEL,
    FIXTURES,
    SETTINGS,
    TOKEN,
    handshake,
    signed,
)


class TestWhatsApp(PlayedContract):
    kind = "whatsapp"
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secrets = (SETTINGS["token"], SETTINGS["app_secret"], TOKEN)
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: "429",
        TransientError: "500",
        RejectedError: 131009,
        UnreachableError: "blocked",
        CredentialsError: "refused_key",
    }
    sends = "messages"
    platform: WhatsAppPlatform

    def hooks(self, channel: Any) -> list[Hook]:
        bodies = [each.read_bytes() for each in sorted(FIXTURES.glob("*.json"))]
        return [*(signed(each) for each in bodies), handshake()]

    def unsigned(self, channel: Any) -> list[Hook]:
        body = (FIXTURES / "text.json").read_bytes()
        right = signed(body)
        signature = right.headers["x-hub-signature-256"]
        return [
            Hook(body=body, received_at=AT),
            Hook(body=body + b" ", headers=right.headers, received_at=AT),
            Hook(body=body[:-2], headers=right.headers, received_at=AT),
            signed(body, secret="another"),
            signed(msgspec.json.encode(msgspec.json.decode(body)), secret=""),
            *(
                Hook(body=body, headers={"x-hub-signature-256": wrong}, received_at=AT)
                for wrong in ("", "sha256=", signature[7:], signature.upper(), "sha256=ключ")
            ),
            handshake(""),
            handshake("wrong"),
            handshake(TOKEN + "x"),
            handshake("ключ"),
            handshake(mode="unsubscribe"),
            msgspec.structs.replace(handshake(), query={}),
        ]

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        if refusal is RejectedError:
            self.platform.refusing.append(self.refusals[refusal])
        else:
            super().provoke(channel, refusal)


def test_a_capture_of_metas_own_verifies() -> None:
    """Recorded by the authors of pywa; the secret was reset since."""
    secret = "1222e786b144d0e85b9f365372d93676"
    body = (
        b'{"object":"whatsapp_business_account","entry":[{"id":"264937493375603","changes":[{"valu'
        b'e":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550953877","pho'
        b'ne_number_id":"277321005464405"},"contacts":[{"profile":{"name":"PyWa Tests"},"wa_id":"9'
        b'72544401243"}],"messages":[{"from":"972544401243","id":"wamid.HBgMOTcyNTQ0NDAxMjQzFQIAEh'
        b'ggM0RFQTNCMEEwRTY3QzUwODYzMDc4NjQ4QzM4ODAxM0YA","timestamp":"1730231903","text":{"body":'
        b'"Hey there! I am using PyWa."},"type":"text"}]},"field":"messages"}]}]}'
    )
    signature = "sha256=54edfa1d7259e0eb13c677cc7d73d1b5c86cfa12433d19156e058ab9251bc441"
    told = SETTINGS | {"app_secret": secret, "phone_number_id": "277321005464405"}
    channel = WhatsApp(ChannelId("c"), msgspec.convert(told, WhatsAppSettings), KEYS)
    hook = Hook(body=body, headers={"x-hub-signature-256": signature}, received_at=AT)
    channel.verify(hook)
    [event] = channel.parse(hook)
    assert isinstance(event, MessageReceived)
    assert event.text == "Hey there! I am using PyWa."
    with pytest.raises(SignatureError):
        channel.verify(msgspec.structs.replace(hook, body=body.replace(b"Hey", b"Hoy")))


async def test_the_handshake_is_answered_with_its_challenge() -> None:
    assert (await CHANNEL.answer(handshake())).text == "1158201444"
    assert CHANNEL.handed() == {"verify_token": TOKEN}


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (190, CredentialsError, "dead_key"),
        (10, CredentialsError, "no_rights"),
        (200, CredentialsError, "no_rights"),
        (131042, CredentialsError, "no_balance"),
        (131031, CredentialsError, "account_blocked"),
        (133010, CredentialsError, "misconfigured"),
        (130429, ThrottledError, "rate"),
        (131056, ThrottledError, "rate"),
        (131048, ThrottledError, "rate"),
        (131000, TransientError, "internal"),
        (2, TransientError, "internal"),
        (131026, UnreachableError, "blocked"),
        (131047, RejectedError, "window"),
        (131050, RejectedError, "opted_out"),
        (100, RejectedError, "bad_request"),
        (131053, RejectedError, "file_type"),
        (999999, RejectedError, "bad_request"),
    ],
)
def test_each_code_says_what_to_do(code: int, error: type[DeliveryError], reason: str) -> None:
    made = refusal(code, 0, 400, passing=False)
    assert type(made) is error
    assert made.reason == reason
    if isinstance(made, ThrottledError):
        assert made.everywhere == (code != 131056)
    if isinstance(made, TransientError):
        assert not made.maybe_sent


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"token": "ключ"},
        {"token": "a b"},
        {"app_secret": ""},
        {"phone_number_id": "+7 495"},
        {"phone_number_id": "1065/../me"},
        {"business_id": "x"},
        {"api_url": "ftp://x"},
    ],
)
def test_a_bad_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(SETTINGS | wrong, WhatsAppSettings)

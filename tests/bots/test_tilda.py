"""Tilda's forms: its probe, its key in the body, its ids and its cookies."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.channels.port import Hook
from hub.errors import SignatureError
from hub.events import Ignored
from tests.bots.contract import ChannelContract
from tests.bots.sources.forms_told import (
    OWN_KEY,
    URLENCODED,
    form_of,
    recorded,
    sent,
    source,
    told,
)

KEYED = f"&X-Hub-Key={OWN_KEY}".encode()


class TestTilda(ChannelContract):
    kind = "tilda"
    settings: ClassVar[dict[str, Any]] = {"key": OWN_KEY}
    secrets = (OWN_KEY,)

    def hooks(self, channel: Any) -> list[Hook]:
        return [
            told({"Phone": "89123456789", "tranid": "1:2"}, x_hub_key=OWN_KEY),
            recorded("tilda.txt", URLENCODED, x_hub_key=OWN_KEY),
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        return [
            recorded("tilda.txt", URLENCODED),
            sent(b"test=test&Phone=89123456789", URLENCODED),
            sent(b"test=test&test=test2", URLENCODED),
            sent(b"Phone=89123456789&X-Hub-Key=wrong", URLENCODED),
            sent(b"Phone=89123456789&X-Hub-Key=", URLENCODED),
            sent(b"[" * 1_000),
        ]


def test_the_probe_needs_no_key_and_leaves_nothing() -> None:
    tilda = source("tilda", key=OWN_KEY)
    for probe in (
        recorded("tilda_test.txt", URLENCODED),
        sent(b"test=test" + KEYED, URLENCODED),
    ):
        tilda.verify(probe)
        [event] = tilda.parse(probe)
        assert isinstance(event, Ignored)
        assert event.name == "test"


def test_the_key_may_come_in_the_body_and_is_no_answer() -> None:
    tilda = source("tilda", key=OWN_KEY)
    body = b"Name=Anna&Phone=89123456789" + KEYED
    tilda.verify(sent(body, URLENCODED))
    form = form_of(tilda, sent(body, URLENCODED))
    assert OWN_KEY not in repr(form)
    with pytest.raises(SignatureError):
        tilda.verify(sent(body[:-1], URLENCODED))


def test_a_form_of_tilda_is_read_with_its_campaign_and_without_its_cookies() -> None:
    tilda = source("tilda")
    form = form_of(tilda, recorded("tilda.txt", URLENCODED))
    assert (form.source, form.form, form.form_id) == ("tilda", "Заявка", "form789")
    assert (form.name, form.phone, form.comment) == (
        "Анна",
        "+7 (999) 111-22-33",
        "Хочу CRM для салона",
    )
    assert form.visit is not None
    assert form.visit.utm == {
        "utm_source": "vk",
        "utm_medium": "social",
        "utm_campaign": "autumn",
    }
    assert form.visit.ym_client_id == "1648721234567890"
    assert "private" not in repr(form)


def test_one_transaction_is_one_request_whenever_it_is_told() -> None:
    tilda = source("tilda")
    first = form_of(tilda, sent(b"Phone=89123456789&tranid=1%3A2", URLENCODED))
    again = form_of(tilda, sent(b"Phone=%2B79123456789&tranid=1%3A2&Name=A", URLENCODED))
    assert first.external_id == again.external_id
    other = form_of(tilda, sent(b"Phone=89123456789&tranid=1%3A3", URLENCODED))
    assert other.external_id != first.external_id

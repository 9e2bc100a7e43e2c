"""Marquiz's quizzes, as those who receive them write their bodies down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace
from yarl import URL

from hub.channels.port import Hook
from tests.bots.contract import AT, ChannelContract
from tests.bots.sources.forms_told import (
    OWN_KEY,
    URLENCODED,
    basic,
    form_of,
    key_of,
    recorded,
    sent,
    source,
    told,
)


class TestMarquiz(ChannelContract):
    kind = "marquiz"
    settings: ClassVar[dict[str, Any]] = {"key": OWN_KEY}
    secrets = (OWN_KEY,)

    def hooks(self, channel: Any) -> list[Hook]:
        return [recorded("marquiz.json", authorization=basic("hub", OWN_KEY))]

    def unsigned(self, channel: Any) -> list[Hook]:
        return [
            recorded("marquiz.json"),
            recorded("marquiz.json", authorization=basic(OWN_KEY, "hub")),
            recorded("marquiz.json", authorization="Basic !!!"),
        ]


def test_the_address_holds_the_key_where_no_path_and_no_log_shows_it() -> None:
    quiz = source("marquiz")
    address = URL(quiz.address("https://hub.example:8443/hooks/the-channel"))
    assert (address.user, address.password) == ("hub", key_of(quiz))
    assert key_of(quiz) not in address.raw_path_qs
    assert str(address.with_user(None)) == "https://hub.example:8443/hooks/the-channel"
    quiz.verify(recorded("marquiz.json", authorization=basic("hub", address.password or "")))


def test_a_key_of_the_admins_own_is_not_shown_in_the_address() -> None:
    quiz = source("marquiz", key=OWN_KEY)
    assert quiz.address("https://hub.example/hooks/x") == "https://hub.example/hooks/x"
    assert OWN_KEY not in repr(quiz.handed())


def test_a_quiz_is_its_questions_and_whoever_answered_them() -> None:
    form = form_of(source("marquiz"), recorded("marquiz.json"))
    assert (form.source, form.form, form.form_id) == (
        "marquiz",
        "Кухни",
        "5fa96854fa805e0044f0573f",
    )
    assert (form.name, form.phone, form.email) == (
        "Валентин",
        "+79308466665",
        "valentin@shop.example",
    )
    assert form.answers[-2:] == (
        ("Какой тип кухни?", "Угловая"),
        ("Что нужно?", "Замер, Доставка"),
    )
    assert form.visit is not None
    assert form.visit.utm["utm_campaign"] == "705607755"
    assert form.visit.page == "https://shop.example/kitchen?utm_source=yandex"
    assert "203.0.113.7" not in repr(form)


def test_the_same_quiz_as_a_form_says_the_same() -> None:
    body = (
        "contacts[name]=Валентин&contacts[phone]=+79308466665&quiz[name]=Кухни&quiz[id]=5"
        "&answers[0][q]=Тип?&answers[0][a]=Угловая&extra[utm][source]=ya"
    ).replace("+", "%2B")
    form = form_of(source("marquiz"), sent(body.encode(), URLENCODED))
    assert (form.phone, form.form, form.form_id) == ("+79308466665", "Кухни", "5")
    assert form.answers[-1] == ("Тип?", "Угловая")
    assert form.visit is not None
    assert form.visit.utm == {"utm_source": "ya"}


@pytest.mark.parametrize(
    ("created", "at"),
    [
        ("2026-11-20T12:10:00.000Z", datetime(2026, 11, 20, 12, 10, tzinfo=UTC)),
        ("2026-11-20T12:10:00", datetime(2026, 11, 20, 12, 10, tzinfo=UTC)),
        ("2026-11-20T15:10:00+03:00", datetime(2026, 11, 20, 12, 10, tzinfo=UTC)),
        ("2027-01-01T00:00:00Z", AT),
        ("2020-01-01T00:00:00Z", AT),
        ("0001-01-01T00:00:00+14:00", AT),
        ("yesterday", AT),
        (12, AT),
    ],
)
def test_a_quiz_was_filled_in_when_it_says_unless_that_cannot_be(
    created: object, at: datetime
) -> None:
    hook = told({"contacts": {"phone": "89123456789"}, "created": created})
    assert form_of(source("marquiz"), hook).at == at
    late = replace(hook, received_at=AT + timedelta(days=30))
    assert form_of(source("marquiz"), late).at >= at

"""A site's own form: who may send it, and what is read of whatever is sent."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from hub.channels.port import Hook
from hub.errors import PayloadError, SignatureError
from hub.events import Ignored
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

ANNA = {"name": "Анна", "phone": "8 (912) 345-67-89", "comment": "После шести"}


class TestForm(ChannelContract):
    kind = "form"
    settings: ClassVar[dict[str, Any]] = {"key": OWN_KEY}
    secrets = (OWN_KEY,)

    def hooks(self, channel: Any) -> list[Hook]:
        return [
            told(ANNA, x_hub_key=OWN_KEY),
            told(ANNA, authorization=f"Bearer {OWN_KEY}"),
            recorded("contact_form_7.json", x_hub_key=OWN_KEY),
            recorded("elementor.txt", URLENCODED, x_hub_key=OWN_KEY),
            recorded("google_ads.json", x_hub_key=OWN_KEY),
        ]

    def unsigned(self, channel: Any) -> list[Hook]:
        in_address = replace(told(ANNA), query={"key": OWN_KEY, "X-Hub-Key": OWN_KEY})
        return [
            told(ANNA),
            told(ANNA | {"X-Hub-Key": OWN_KEY}),
            told(ANNA, x_hub_key=OWN_KEY[:-1]),
            told(ANNA, x_hub_key=""),
            told(ANNA, authorization=f"Basic {OWN_KEY}"),
            in_address,
        ]


def test_the_hubs_own_key_opens_this_form_and_no_other() -> None:
    form = source("form")
    key = key_of(form)
    for header in ({"x_hub_key": key}, {"authorization": f"bearer {key}"}):
        form.verify(told(ANNA, **header))
    form.verify(told(ANNA, authorization=basic("hub", key)))
    other = source("tilda")
    object.__setattr__(other, "id", "another-channel")
    with pytest.raises(SignatureError):
        other.verify(told(ANNA, x_hub_key=key))


def test_a_key_of_the_admins_own_takes_the_others_place_and_is_not_shown() -> None:
    form = source("form", key=OWN_KEY)
    form.verify(told(ANNA, x_hub_key=OWN_KEY))
    assert form.handed() == {"header": "X-Hub-Key"}
    with pytest.raises(SignatureError):
        form.verify(told(ANNA, x_hub_key=key_of(source("form"))))


def test_a_form_says_who_left_which_number_and_why() -> None:
    form = form_of(source("form"), told(ANNA | {"page_url": "https://shop.example/?utm_source=ya"}))
    assert (form.sender.external_id, form.sender.phone) == ("+79123456789", "+79123456789")
    assert (form.name, form.phone, form.comment) == ("Анна", "8 (912) 345-67-89", "После шести")
    assert (form.source, form.handling, form.at) == ("form", "callback", AT)
    assert dict(form.answers) == ANNA
    assert form.fields == ANNA | {"page_url": "https://shop.example/?utm_source=ya"}
    assert form.visit is not None
    assert (form.visit.page, form.visit.utm) == (
        "https://shop.example/?utm_source=ya",
        {"utm_source": "ya"},
    )


@pytest.mark.parametrize("asked", ["callback", "register", "connection"])
def test_what_becomes_of_a_form_is_said_by_its_door(asked: str) -> None:
    form = form_of(source("form", handling=asked), told(ANNA))
    assert form.handling == ("" if asked == "connection" else asked)


@pytest.mark.parametrize(
    ("fields", "phone"),
    [
        ({"Телефон": "89123456789"}, "89123456789"),
        ({"Ваш номер": "+7 912 345 67 89"}, "+7 912 345 67 89"),
        ({"clientPhone": "89123456789", "telegram": "@anna"}, "89123456789"),
        ({"phone": "нет", "phone_2": "8 912 345-67-89"}, "8 912 345-67-89"),
        ({"question": "Перезвоните 8 912 345-67-89, после 6"}, "8 912 345-67-89"),
        ({"ИНН": "7707083893", "tel": "8 495 123-45-67"}, "8 495 123-45-67"),
        ({"q": "8 912 345-67-89 " + "слово " * 1_000}, "8 912 345-67-89"),
        ({"ИНН": "9031234567"}, ""),
        ({"order": "9161234567", "name": "Анна"}, ""),
        ({"phone": "8 (912", "name": "Анна"}, "8 (912"),
        ({"phone": "112"}, "112"),
        ({"phone": "8 800 555-35-35"}, "8 800 555-35-35"),
        ({"timestamp": "9161234567", "_ym_uid": "89123456789"} | {"name": "A"}, ""),
    ],
)
def test_the_phone_is_known_by_its_name_or_by_itself(fields: dict[str, str], phone: str) -> None:
    assert form_of(source("form"), told(fields)).phone == phone


def test_what_an_admin_says_of_a_field_goes_before_its_name() -> None:
    form = source(
        "form",
        phone_field="q1",
        name_field="q2",
        email_field="q3",
        comment_field="q4",
        form_field="q5",
        page_field="q6",
    )
    sent_fields = {
        "phone": "8 912 000-00-01",
        "q1": "8 912 345-67-89",
        "q2": "Анна",
        "q3": "a@shop.example",
        "q4": "Срочно",
        "q5": "Замер",
        "q6": "https://shop.example/",
    }
    event = form_of(form, told(sent_fields))
    assert (event.phone, event.name, event.email) == ("8 912 345-67-89", "Анна", "a@shop.example")
    assert (event.comment, event.form) == ("Срочно", "Замер")
    assert event.visit is not None
    assert event.visit.page == "https://shop.example/"
    reading = form.reading(told(ANNA))
    assert reading is not None
    assert ("q1", "absent") in reading.ignored


def test_names_in_parts_are_one_name() -> None:
    fields = {"last_name": "Ким", "first_name": "Анна", "Отчество": "Ли", "form_name": "Заявка"}
    form = form_of(source("form"), told(fields))
    assert (form.name, form.form) == ("Анна Ли Ким", "Заявка")


@pytest.mark.parametrize(
    ("name", "written", "phone", "form", "person"),
    [
        ("contact_form_7.json", "application/json", "8 912 345-67-89", "", ""),
        ("elementor.txt", URLENCODED, "89123456789", "Запись", "Ира"),
        ("google_ads.json", "application/json", "+79123456789", "", "Anna Kim"),
    ],
)
def test_forms_of_others_are_read_as_they_are(
    name: str, written: str, phone: str, form: str, person: str
) -> None:
    event = form_of(source("form"), recorded(name, written))
    assert (event.phone, event.form) == (phone, form)
    assert event.name == (person or "Олег")


def test_a_form_in_parts_leaves_its_files_and_says_so() -> None:
    lines = [
        "--edge",
        'Content-Disposition: form-data; name="Телефон"',
        "",
        "8 912 345-67-89",
        "--edge",
        'Content-Disposition: form-data; name="photo"; filename="a.png"',
        "Content-Type: image/png",
        "",
        "not kept",
        "--edge--",
        "",
    ]
    hook = sent("\r\n".join(lines).encode(), 'multipart/form-data; boundary="edge"')
    reading = source("form").reading(hook)
    assert reading is not None
    assert reading.ignored == (("photo", "file"),)
    assert form_of(source("form"), hook).fields == {"Телефон": "8 912 345-67-89"}


def test_a_form_in_parts_that_was_kept_is_read_again_without_being_told_what_it_is() -> None:
    body = b'--edge\r\nContent-Disposition: form-data; name="tel"\r\n\r\n89123456789\r\n--edge--'
    assert form_of(source("form"), sent(body, "")).phone == "89123456789"


def test_an_old_sites_cyrillic_is_read_too() -> None:
    body = b"name=%C0%ED%ED%E0&phone=89123456789"
    assert form_of(source("form"), sent(body, URLENCODED)).name == "Анна"


def test_json_that_is_called_a_form_is_read_as_json() -> None:
    hook = sent(json.dumps(ANNA).encode(), URLENCODED)
    assert form_of(source("form"), hook).phone == ANNA["phone"]


def test_secrets_that_came_with_a_form_are_not_kept() -> None:
    secrets = {"password": "hunter2", "csrf_token": "abc", "cookies": "sid=1", "ip": "203.0.113.7"}
    reading = source("form").reading(told(ANNA | secrets | {"X-Hub-Key": "k"}))
    assert reading is not None
    for secret in ("hunter2", "abc", "sid=1", "203.0.113.7"):
        assert secret not in repr(reading)
    assert {name for name, why in reading.ignored if why == "dropped"} == {
        "password",
        "cookies",
        "ip",
        "csrf_token",
    }


def test_a_filled_trap_is_a_robots_and_no_request() -> None:
    form = source("form", honeypot="website")
    [event] = form.parse(told(ANNA | {"website": "https://spam.example"}))
    assert isinstance(event, Ignored)
    assert event.name == "spam"
    assert "website" not in form_of(form, told(ANNA | {"website": ""})).fields


def test_a_copy_of_a_request_is_known_by_its_id_and_its_phone() -> None:
    form = source("form")
    first = form_of(form, told(ANNA | {"request_id": "7"}))
    later = replace(told(ANNA | {"request_id": "7"}), received_at=AT + timedelta(hours=5))
    assert form_of(form, later).external_id == first.external_id
    # A sender whose ids are all the same loses nobody.
    other = told(ANNA | {"request_id": "7", "phone": "8 912 000-11-22"})
    assert form_of(form, other).external_id != first.external_id
    by_header = form_of(form, told(ANNA, idempotency_key="7"))
    assert form_of(form, told(ANNA, idempotency_key="7")) == by_header
    assert form_of(form, told(ANNA, idempotency_key="8")).external_id != by_header.external_id


def test_without_an_id_what_says_the_same_within_a_minute_is_one_request() -> None:
    form = source("form")
    twice = [
        form_of(form, replace(told(ANNA), received_at=AT + timedelta(seconds=n))) for n in (1, 59)
    ]
    assert twice[0].external_id == twice[1].external_id
    later = form_of(form, replace(told(ANNA), received_at=AT + timedelta(seconds=61)))
    assert later.external_id != twice[0].external_id
    more = form_of(form, told(ANNA | {"comment": "И ещё"}))
    assert more.external_id != twice[0].external_id


def test_a_form_of_too_many_fields_is_no_form() -> None:
    with pytest.raises(PayloadError, match="many"):
        source("form").parse(told({f"f{n}": "x" for n in range(1_001)}))
    with pytest.raises(PayloadError, match="many"):
        source("form").parse(sent(b"&".join(b"f%d=1" % n for n in range(1_001)), URLENCODED))


def test_of_many_fields_the_first_hundred_are_kept_and_the_phone_is_found_all_the_same() -> None:
    fields = {f"f{n}": "x" for n in range(150)} | {"phone": "8 912 345-67-89"}
    form = source("form")
    event = form_of(form, told(fields))
    assert (len(event.fields), event.phone) == (100, "8 912 345-67-89")
    reading = form.reading(told(fields))
    assert reading is not None
    assert [why for _, why in reading.ignored] == ["many"] * 51


async def test_the_sender_hears_what_was_understood() -> None:
    form = source("form")
    taken = await form.answer(told(ANNA))
    assert (taken.status, json.loads(taken.text)) == (200, {"taken": True, "phone": "+79123456789"})
    refused = await form.answer(sent(b"{"))
    assert (refused.status, json.loads(refused.text)) == (422, {"taken": False, "error": "json"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Согласие на рассылку", "да"),
        ("Согласен получать рекламу", "on"),
        ("form[subscribe]", "1"),
        ("newsletter", "yes"),
        ("agreeMarketing", "true"),
        ("Подписаться на акции", "checked"),
    ],
)
def test_a_ticked_box_for_offers_is_told_by_its_words(name: str, value: str) -> None:
    form = form_of(source("form"), told({"email": "anna@example.com", name: value}))
    assert form.advertising
    assert form.advertising in form.fields


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Согласие на рассылку", "нет"),
        ("Согласие на рассылку", "может быть"),
        ("Не получать рекламу", "да"),
        ("unsubscribe", "1"),
        ("Отказ от рассылки", "on"),
        ("utm_ads", "1"),
        ("Согласие на обработку данных", "да"),
        ("Комментарий", "подписаться"),
    ],
)
def test_what_does_not_plainly_agree_to_offers_agrees_to_nothing(name: str, value: str) -> None:
    assert form_of(source("form"), told({"email": "a@example.com", name: value})).advertising == ""

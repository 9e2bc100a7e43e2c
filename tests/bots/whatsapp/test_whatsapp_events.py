"""What the Cloud API's recorded requests say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.line.text import spans
from bots.wa.words import card_of, heard, started
from hub.content import Card, Remote, Spot
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    FormFilled,
    Ignored,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    StaffReplied,
)
from hub.model import (
    OutState,
)
from hub.people.visit import Visit
from tests.bots.whatsapp.house import (
    CHANNEL,
    FIXTURES,
    signed,
)

IVAN = "79031234567"
SAID_AT = datetime(2025, 11, 21, 16, 0, tzinfo=UTC)
WAMID = "wamid.HBgLNzkwMzEyMzQ1NjcVAgASGBQzQTAx"


def recorded(name: str) -> list[ChannelEvent]:
    return list(CHANNEL.parse(signed((FIXTURES / f"{name}.json").read_bytes())))


def message(name: str) -> MessageReceived:
    [event] = recorded(name)
    assert isinstance(event, MessageReceived)
    return event


def test_a_text_says_who_what_and_when() -> None:
    event = message("text")
    sender = event.sender
    assert (sender.external_id, sender.name, sender.phone) == (IVAN, "Иван", f"+{IVAN}")
    assert (event.external_id, event.at, event.order) == (WAMID, SAID_AT, 0)
    assert event.text == "Перезвоните **срочно**, 8 (903) 123-45-67"
    assert event.question


def test_who_hides_the_number_is_known_by_the_id_that_the_business_has() -> None:
    sender = message("username_only").sender
    assert sender.external_id == "RU.13491208655302741919"
    assert (sender.name, sender.username, sender.phone) == ("Ann", "ann.k", "")


@pytest.mark.parametrize(
    ("name", "remote", "text"),
    [
        (
            "image",
            Remote(ref="1003383421387256", mime="image/jpeg", kind="image"),
            "смета",
        ),
        ("voice", Remote(ref="1003383421387257", mime="audio/ogg", kind="audio"), ""),
        ("video", Remote(ref="1003383421387258", mime="video/mp4", kind="video"), ""),
        (
            "document",
            Remote(ref="1003383421387259", name="договор.pdf", mime="application/pdf"),
            "подпишите",
        ),
        ("sticker", Remote(ref="1003383421387260", mime="image/webp", kind="image"), ""),
    ],
)
def test_a_file_is_left_where_it_lies(name: str, remote: Remote, text: str) -> None:
    event = message(name)
    assert (event.media, event.text) == ((remote,), text)


def test_a_place_is_told() -> None:
    assert message("location").spot == Spot(
        latitude=59.9386, longitude=30.3141, title="Эрмитаж", address="Дворцовая пл., 2"
    )


def test_only_the_card_of_the_senders_own_account_is_own() -> None:
    theirs, own = message("contact"), message("own_contact")
    assert theirs.card == Card(name="Анна", phone="+7 916 765-43-21")
    assert theirs.text == "Пётр +7 916 765-43-22"
    assert own.card == Card(name="Иван", phone=f"+{IVAN}", own=True)
    assert not own.question


def test_a_press_tells_its_data_and_its_label() -> None:
    for name, data, label in (
        ("button_reply", "callback:yes", "Перезвоните"),
        ("list_reply", "slot:2", "Завтра"),
        ("template_button", "stop", "Отписаться"),
    ):
        event = message(name)
        assert (event.pressed, event.text, event.question) == (data, label, False)
        assert event.reply_to == "wamid.OURS"


def test_a_filled_flow_is_a_form() -> None:
    [event] = recorded("flow")
    assert isinstance(event, FormFilled)
    assert (event.form, event.answers) == ("flow", (("Город", "Тверь"), ("Этаж", "3")))


def test_an_ad_is_where_the_visit_began() -> None:
    assert message("ad").visit == Visit(
        page="https://fb.me/3cr4Wqqkv",
        utm={
            "source": "facebook",
            "medium": "ad",
            "campaign": "Ремонт под ключ",
            "content": "120226305854810726",
            "ctwa_clid": "Aff-n8ZT",
        },
    )


def test_the_key_of_a_link_is_taken_out_of_the_words() -> None:
    event = message("joined")
    assert (event.start, event.text) == (
        "abcdefghijklmnopqrstuv",
        "Здравствуйте! Есть вопрос",
    )
    key = "Zz0_-" * 4 + "ab"
    link = CHANNEL.join_link("74951234567", key)
    assert urlsplit(link).path == "/74951234567"
    [words] = parse_qs(urlsplit(link).query)["text"]
    assert started(words) == ("Здравствуйте!", key)
    assert CHANNEL.join_link("", key) == CHANNEL.join_link("a/b", key) == ""


@pytest.mark.parametrize("text", ["(код 123)", "код abcdefghijklmnopqrstuv", "(code a b)", ""])
def test_words_that_only_look_like_a_key_stay(text: str) -> None:
    assert started(text) == (text, "")


def test_what_was_changed_names_what_it_changes() -> None:
    [edit], [caption], [revoke] = recorded("edit"), recorded("edit_caption"), recorded("revoke")
    assert isinstance(edit, MessageEdited)
    assert (edit.external_id, edit.text) == ("wamid.FIRST", "Перезвоните завтра")
    assert isinstance(caption, MessageEdited)
    assert caption.text == "новая смета"
    assert isinstance(revoke, MessageDeleted)
    assert revoke.external_id == "wamid.FIRST"


def test_a_reaction_comes_and_goes() -> None:
    [come], [gone] = recorded("reaction"), recorded("reaction_gone")
    assert isinstance(come, MessageReacted)
    assert isinstance(gone, MessageReacted)
    assert (come.external_id, come.emoji, gone.emoji) == ("wamid.OURS", "👍", "")


def test_an_order_can_be_read() -> None:
    assert message("order").text == "SKU-1 × 2: 990 RUB\nПобыстрее"


def test_a_message_of_a_sort_that_the_platform_does_not_pass_on_is_still_one() -> None:
    event = message("unsupported")
    assert (event.text, event.media, event.external_id) == ("", (), WAMID)


def test_ticks_are_told_with_the_reason_of_a_failure() -> None:
    *ticks, held = recorded("statuses")
    states = [OutState.SENT, OutState.DELIVERED, OutState.READ, OutState.READ]
    assert [each.state for each in ticks if isinstance(each, DeliveryReported)] == states
    assert isinstance(held, Ignored)
    [failed] = recorded("failed")
    assert isinstance(failed, DeliveryReported)
    assert (failed.external_id, failed.state, failed.failure, failed.upto) == (
        "wamid.OURS",
        OutState.FAILED,
        "window",
        False,
    )


def test_what_the_business_says_on_its_phone_is_the_staffs() -> None:
    [said], [picture], [gone] = recorded("echo"), recorded("echo_image"), recorded("echo_revoke")
    assert isinstance(said, StaffReplied)
    assert (said.sender.external_id, said.external_id) == (IVAN, "wamid.ECHO")
    assert said.text == "Сейчас приеду"
    assert isinstance(picture, StaffReplied)
    assert picture.media[0].ref == "1003383421387261"
    assert isinstance(gone, MessageDeleted)
    assert gone.external_id == "wamid.ECHO1"


def test_everything_in_one_request_is_kept_in_its_order() -> None:
    events = recorded("batch")
    told = [
        event.text if isinstance(event, MessageReceived) else getattr(event, "name", event)
        for event in events
    ]
    assert [each if isinstance(each, str) else type(each) for each in told] == [
        "раз",
        "unknown:message:text",
        "два",
        DeliveryReported,
        "other_number",
        "три",
    ]


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("group", "group"),
        ("number_changed", "system"),
        ("request_welcome", "request_welcome"),
        ("preferences", "user_preferences"),
        ("future_type", "unknown:message:hologram"),
        ("future_field", "unknown:field:holograms"),
        ("account_error", "error:131060"),
    ],
)
def test_what_is_of_no_use_is_counted_by_name(name: str, ignored: str) -> None:
    [event] = recorded(name)
    assert isinstance(event, Ignored)
    assert event.name == ignored


def test_nulls_are_as_good_as_absent() -> None:
    event = message("nulls")
    assert (event.text, event.sender.name, event.reply_to) == ("привет", "", "")


@pytest.mark.parametrize(
    ("wrote", "kept"),
    [
        ("*жирный* и _курсив_, ~нет~", "**жирный** и _курсив_, ~~нет~~"),
        ("```код``` и `ещё`", "`код` и `ещё`"),
        ("*a _b_ c*", "**a _b_ c**"),
        ("2*3*4 и snake_case_name", "2*3*4 и snake_case_name"),
        ("* пункт *", "* пункт *"),
        ("[так](https://x.example)", r"\[так\](https://x.example)"),
    ],
)
def test_signs_of_style_are_read_as_the_persons_screen_shows_them(wrote: str, kept: str) -> None:
    assert heard(wrote) == kept


@given(st.text(alphabet="*_~` ab\n[](\\", max_size=60))
def test_nothing_but_signs_of_style_is_lost(text: str) -> None:
    plain, _ = spans(heard(text))
    at = iter(text)
    assert all(each in at for each in plain)
    assert re.sub(r"[*_~`]", "", plain) == re.sub(r"[*_~`]", "", text)


def test_a_card_of_an_old_kind_is_read() -> None:
    vcard = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;Иван;;;\r\nFN:Иван\r\n"
        "item1.TEL;type=CELL;waid=79031234567:+7 903\r\n  123-45-67\r\nEND:VCARD"
    )
    assert card_of(vcard, "", f"{IVAN}@c.us") == Card(name="Иван", phone=f"+{IVAN}", own=True)
    assert card_of(vcard, "Ваня", "79990000000@c.us") == Card(name="Ваня", phone="+7 903 123-45-67")
    assert card_of("", "", "") == Card()


@pytest.mark.parametrize("filler", [" ", "\n", "(код ", "(code\t"])
def test_a_long_message_of_nothing_is_looked_through_once(filler: str) -> None:
    """What looks at each place anew would be at it for hours."""
    text = filler * 500_000
    assert started(text) == (text, "")

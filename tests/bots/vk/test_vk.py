"""What VK's updates mean, and that its channel keeps what every channel has to."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.platforms.vk import VKPlatform
from bots.platforms.vk_rules import buttons
from bots.platforms.vk_things import REACTIONS as THEIRS
from bots.vkontakte.outgoing import door_of, random_id
from bots.vkontakte.words import REACTIONS, keyboard, payload, pressed
from hub.channels.port import Hook
from hub.content import Button, Spot
from hub.errors import (
    CredentialsError,
    DeliveryError,
    PayloadError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import (
    ChannelEvent,
    DeliveryReported,
    FormFilled,
    Ignored,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    ReachabilityChanged,
    StaffReplied,
    TypingNoticed,
)
from hub.model import Attachment, FileId, Identity, OutState
from tests.bots.contract import AT, KEYS, PlayedContract
from tests.bots.vk.house import (
    FIXTURES,
    GROUP,
    SECRET,
    TO,
    TOKEN,
    recorded,
    silent,
)


def parsed(name: str) -> ChannelEvent:
    [event] = silent().parse(recorded(name))
    return event


def heard(name: str) -> MessageReceived:
    event = parsed(name)
    assert isinstance(event, MessageReceived)
    return event


class TestVK(PlayedContract):
    kind = "vk"
    settings: ClassVar[dict[str, Any]] = {"token": TOKEN, "group_id": GROUP}
    secrets = (TOKEN, SECRET)
    refusals: ClassVar[dict[type[DeliveryError], Any]] = {
        ThrottledError: "429",
        TransientError: "500",
        UnreachableError: "blocked",
        CredentialsError: "refused_key",
    }
    sends = "messages.send"

    @pytest.fixture
    def to(self, vk: VKPlatform) -> Identity:
        self.platform = vk
        return TO

    def hooks(self, channel: Any) -> list[Hook]:
        return [recorded(each.stem) for each in sorted(FIXTURES.glob("*.json"))]

    def unsigned(self, channel: Any) -> list[Hook]:
        other = KEYS.sign("hook", "another-channel")
        return [
            recorded("text", secret=""),
            recorded("text", secret=None),
            recorded("text", secret=other),
            recorded("text", secret=SECRET[:-1]),
            recorded("text", secret="пароль"),
            recorded("text", group_id=GROUP + 1),
            recorded("confirmation", secret="x"),
            recorded("text", secret=[SECRET]),
            Hook(body=b"", received_at=AT),
            Hook(body=b"[" * 100_000, received_at=AT),
            Hook(body=recorded("text").body[:-9], received_at=AT),
        ]


class TestUpdates:
    def test_a_message_has_its_chat_its_number_and_its_time(self) -> None:
        event = heard("text")
        assert event.sender.external_id == "77"
        assert (event.external_id, event.order) == ("77:2", 2)
        assert event.at == datetime.fromtimestamp(1767225602, UTC)
        assert event.text == "Здравствуйте, [магазин](https://vk.com/club1234) ещё открыт?"
        assert event.question

    def test_the_button_that_begins_asks_nothing_and_brings_the_key_of_the_link(self) -> None:
        event = heard("start")
        assert (event.question, event.text, event.pressed) == (False, "", "")
        assert event.start == "v1_7Qe2ZkXr0aBcDeFg"

    def test_a_button_of_ours_says_its_data_and_one_of_others_what_it_holds(self) -> None:
        event = heard("button")
        assert (event.pressed, event.text, event.question) == ("op:call", "Позвонить", False)
        assert heard("foreign_button").pressed == '{"menu":[1,2]}'

    def test_a_pressed_button_under_a_message_says_whom_to_answer(self) -> None:
        event = heard("press")
        assert (event.pressed, event.text, event.question) == ("op:call", "Да", False)
        assert event.press == "77:77:9f1c2d3e4b5a"

    def test_of_a_photo_the_largest_is_taken(self) -> None:
        event = heard("photos")
        assert [each.ref for each in event.media] == [
            "https://sun9-1.userapi.com/impg/w.jpg?size=1920x1281"
        ] * 2
        assert {(each.kind, each.mime) for each in event.media} == {("image", "image/jpeg")}

    def test_documents_voices_and_stickers_are_files(self) -> None:
        [document] = heard("document").media
        assert (document.name, document.size_bytes, document.kind) == ("Смета.pdf", 18432, "file")
        [voice] = heard("voice").media
        assert (voice.ref[-4:], voice.kind) == (".ogg", "audio")
        [sticker] = heard("sticker").media
        assert (sticker.ref[-4:], sticker.kind) == ("-512", "image")

    def test_a_size_that_is_no_number_is_none(self) -> None:
        hook = recorded("document")
        odd = hook.body.replace(b'"size": 18432', b'"size": true')
        [event] = silent().parse(Hook(body=odd, received_at=AT))
        assert isinstance(event, MessageReceived)
        assert event.media[0].size_bytes == 0

    def test_a_place_is_a_place(self) -> None:
        spot = Spot(latitude=56.8587, longitude=35.9176, title="Тверь, Россия")
        assert heard("place").spot == spot

    def test_a_reply_names_the_message_that_it_is_about(self) -> None:
        assert heard("reply").reply_to == "77:6"

    def test_what_is_forwarded_is_quoted_with_its_pictures(self) -> None:
        event = heard("forwarded")
        assert event.text == "Смотрите\n> первая\n> вторая\n> > глубже"
        assert len(event.media) == 1

    def test_what_has_no_file_is_told_by_its_name_and_address(self) -> None:
        assert heard("links").text == (
            "https://shop.example/a\n"
            "Обзор https://vk.com/video-22_456\n"
            "Скидки https://vk.com/wall-22_5"
        )

    def test_what_cannot_be_shown_is_a_message_without_words(self) -> None:
        event = heard("call")
        assert (event.text, event.media, event.question) == ("", (), True)

    @pytest.mark.parametrize(
        ("attachment", "text"),
        [
            ({"type": "poll", "poll": {"question": "Когда?", "owner_id": -5, "id": 7}}, "Когда?"),
            ({"type": "audio", "audio": {"artist": "Хор", "title": "Песня"}}, "Хор – Песня"),
            ({"type": "market", "market": {"title": "Чай", "owner_id": -5, "id": 7}}, "Чай"),
            ({"type": "hologram", "hologram": {}}, "Вот\n[hologram]"),
            ({"type": "photo", "photo": {"sizes": []}}, "Вот\n[photo]"),
            ({"type": "photo", "photo": {"sizes": 7}}, "Вот\n[photo]"),
            ({"type": 5}, "Вот"),
            ("x", "Вот"),
        ],
    )
    def test_attachments_of_any_kind_leave_the_words_whole(
        self, attachment: Any, text: str
    ) -> None:
        said = {"date": 1, "peer_id": 77, "from_id": 77, "id": 9, "text": "Вот"}
        told = {"message": said | {"attachments": [attachment], "geo": {"coordinates": {}}}}
        [event] = silent().parse(recorded("text", object=told))
        assert isinstance(event, MessageReceived)
        assert event.text.startswith("Вот")
        assert text in event.text
        assert (event.external_id, event.spot) == ("77:id9", None)

    def test_somebody_of_the_community_who_answers_at_vk_is_heard_and_we_are_not(self) -> None:
        event = parsed("staff")
        assert isinstance(event, StaffReplied)
        assert (event.sender.external_id, event.external_id) == ("77", "77:16")
        assert event.text == "Открыты до девяти"
        assert parsed("echo") == Ignored(
            sender=event.sender, at=event.at + timedelta(seconds=1), name="echo"
        )

    def test_an_edit_is_of_the_time_when_it_was_made(self) -> None:
        event = parsed("edit")
        assert isinstance(event, MessageEdited)
        assert (event.external_id, event.text) == ("77:2", "Здравствуйте, завтра открыты?")
        assert event.at == datetime.fromtimestamp(1767225900, UTC)
        assert isinstance(parsed("edit_of_ours"), Ignored)

    def test_allowed_and_denied(self) -> None:
        allowed, denied = parsed("allow"), parsed("deny")
        assert isinstance(allowed, ReachabilityChanged)
        assert isinstance(denied, ReachabilityChanged)
        assert (allowed.reachable, denied.reachable) == (True, False)

    def test_a_key_of_ours_with_the_permission_joins_and_any_other_does_nothing(self) -> None:
        allowed, joins = silent().parse(recorded("allow_with_key"))
        assert isinstance(allowed, ReachabilityChanged)
        assert isinstance(joins, MessageReceived)
        assert (joins.start, joins.question, joins.text) == ("v1_7Qe2ZkXr0aBcDeFg", False, "")
        foreign = recorded("allow_with_key", object={"user_id": 77, "key": "promo"})
        assert len(silent().parse(foreign)) == 1

    def test_a_read_mark_is_of_all_up_to_it(self) -> None:
        event = parsed("read")
        assert isinstance(event, DeliveryReported)
        assert (event.external_id, event.state, event.upto) == ("77:17", OutState.READ, True)

    def test_typing_is_noticed(self) -> None:
        assert isinstance(parsed("typing"), TypingNoticed)

    @pytest.mark.parametrize(
        ("name", "emoji"), [("reaction", "👍"), ("reaction_gone", ""), ("reaction_unknown", "❔")]
    )
    def test_reactions_have_a_face(self, name: str, emoji: str) -> None:
        event = parsed(name)
        assert isinstance(event, MessageReacted)
        assert (event.external_id, event.emoji) == ("77:17", emoji)

    def test_a_form_is_read_however_vk_writes_its_answers(self) -> None:
        form = parsed("form")
        assert isinstance(form, FormFilled)
        assert (form.form, form.name, form.email) == ("Заявка", "Анна Ким", "a@shop.example")
        assert (form.phone, form.external_id) == ("+7 999 123-45-67", "form:6:1")
        assert form.answers[-1] == ("Услуга", "Ремонт")
        assert (form.source, form.form_id, form.group_id, form.ad_id) == ("vk", "6", "1234", "")
        assert form.fields["custom_0"] == "Ремонт"
        assert form.fields["user_id"] == form.sender.external_id
        other = parsed("form_in_other_words")
        assert isinstance(other, FormFilled)
        assert other.phone == "89991234567"
        assert other.answers[-1] == ("Услуги", "Ремонт, Мойка")

    def test_a_form_of_nobody_is_somebody_of_his_own_whom_one_cannot_write_to(self) -> None:
        told = {"lead_id": 3, "form_id": 6, "form_name": "Заявка", "answers": []}
        [event] = silent().parse(recorded("form", object=told))
        assert event.sender.external_id == "form:6:3"
        assert isinstance(event, FormFilled)
        assert "user_id" not in event.fields

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("group_chat", "group"),
            ("blacklisted", "user_block"),
            ("future", "unknown:message_hologram"),
            ("confirmation", "confirmation"),
        ],
    )
    def test_what_is_of_no_use_is_counted_by_its_name(self, name: str, told: str) -> None:
        event = parsed(name)
        assert isinstance(event, Ignored)
        assert event.name == told

    @given(
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda some: (
                st.lists(some)
                | (
                    st.dictionaries(
                        st.sampled_from(
                            [
                                "message",
                                "peer_id",
                                "from_id",
                                "date",
                                "text",
                                "attachments",
                                "type",
                                "photo",
                                "sizes",
                                "url",
                                "geo",
                                "coordinates",
                                "fwd_messages",
                                "user_id",
                                "payload",
                                "id",
                            ]
                        ),
                        some,
                    )
                )
            ),
        ),
        st.sampled_from(["message_new", "message_edit", "message_event", "lead_forms_new", "x"]),
    )
    def test_no_update_whatever_breaks_the_parser(self, told: Any, type: str) -> None:
        body = json.dumps({"type": type, "object": told, "group_id": GROUP}).encode()
        with suppress(PayloadError):
            assert silent().parse(Hook(body=body, received_at=AT))

    def test_numbers_beyond_what_a_float_holds_stay_as_they_are(self) -> None:
        peer = 2**53 + 1
        hook = recorded("deny", object={"user_id": peer})
        assert silent().parse(hook)[0].sender.external_id == str(peer)


class TestWords:
    @given(st.text(max_size=40), st.text(max_size=64))
    def test_a_button_comes_back_as_it_went_out(self, label: str, data: str) -> None:
        told = payload(Button(label=label, data=data))
        assert pressed(told)[0] == pressed(json.loads(told))[0] == data

    @given(
        st.lists(
            st.lists(
                st.sampled_from(
                    [
                        Button(label="Да", data="yes"),
                        Button(label="x" * 60, url="https://shop.example"),
                        Button(label="Номер", asks="phone"),
                    ]
                ),
                max_size=12,
            ),
            max_size=12,
        )
    )
    def test_a_keyboard_is_always_one_that_vk_takes(self, rows: list[list[Button]]) -> None:
        if told := keyboard(rows):
            assert sum(map(len, buttons(told))) <= 10

    @given(st.text(min_size=1, max_size=50), st.integers(0, 20))
    def test_the_key_of_a_repeat_is_a_number_that_is_never_zero(self, key: str, n: int) -> None:
        assert 0 < random_id(key, n) < 2**31
        assert random_id(key, n) == random_id(key, n) != random_id(key, n + 1)

    def test_reactions_are_the_same_for_vk_and_for_us(self) -> None:
        assert REACTIONS == THEIRS

    def test_a_picture_beyond_vks_limits_goes_as_a_document(self) -> None:
        wide = Attachment(FileId("f"), "a.png", "image/png", 10, "image", 2100, 100)
        assert door_of(wide) == "doc"

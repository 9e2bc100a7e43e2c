"""Whatever a stranger types can be kept by every store and shown on every screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import legible
from hub.content import Card, Remote, Spot
from hub.events import (
    FormFilled,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    Sender,
    StaffReplied,
    TypingNoticed,
)
from hub.people.visit import Visit

WILD = st.text(st.characters(codec=None, exclude_categories=()))
SENDER = Sender(external_id="\0as it is", name="Eve\n\x1b[31m\0", phone="+7\r\n999")
AT = datetime(2026, 1, 1, tzinfo=UTC)


@given(WILD)
def test_any_text_can_be_stored_and_stays_as_it_then_is(text: str) -> None:
    clean = legible.legible(text)
    clean.encode()
    assert all(each in "\n\t" or each >= " " for each in clean)
    assert legible.legible(clean) == clean


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b", "ab"),
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo\nthree\n\tfour"),
        ("\x1b[2J\x07", "[2J"),
        ("\ud83d", ""),
        ("Семья 👨‍👩‍👧 ё", "Семья 👨‍👩‍👧 ё"),
        ("\x85\x9f", ""),
    ],
)
def test_what_nobody_sees_goes_and_the_rest_stays(text: str, kept: str) -> None:
    assert legible.legible(text) == kept


@given(st.dictionaries(WILD, WILD, max_size=40), WILD)
def test_a_page_may_claim_anything_of_the_visit(utm: dict[str, str], page: str) -> None:
    made = legible.visit(Visit(page=page * 50, utm=utm))
    assert len(made.page) <= legible.URL_MAX
    assert len(made.utm) <= legible.UTM_MAX
    for name, value in made.utm.items():
        assert name
        assert not set("\0.$") & set(name)
        (name + value).encode()
    assert legible.visit(made) == made


def test_a_report_is_cleaned_in_its_words_and_never_in_its_ids() -> None:
    seen = legible.event(
        MessageReceived(
            sender=SENDER,
            at=AT,
            external_id="id\0",
            text="hi\0",
            visit=Visit(utm={"utm.source": "a", "$where": "b", "": "c"}),
        )
    )
    assert isinstance(seen, MessageReceived)
    assert (seen.text, seen.external_id) == ("hi", "id\0")
    assert (seen.sender.name, seen.sender.phone) == ("Eve [31m", "+7 999")
    assert seen.sender.external_id == "\0as it is"
    assert seen.visit == Visit(utm={"utm_source": "a", "_where": "b"})
    edited = legible.event(MessageEdited(sender=SENDER, at=AT, external_id="1", text="\0x"))
    assert isinstance(edited, MessageEdited)
    assert edited.text == "x"
    typing = TypingNoticed(sender=SENDER, at=AT)
    assert legible.event(typing) is typing


@given(WILD, WILD, st.floats())
def test_what_stands_beside_the_words_is_legible_too(text: str, name: str, number: float) -> None:
    spot = Spot(latitude=number, longitude=number, title=text, address=text)
    for event in (
        MessageReceived(
            sender=SENDER,
            at=AT,
            external_id="1",
            text=text,
            spot=spot,
            card=Card(name=name, phone=text),
            pressed=text,
        ),
        StaffReplied(sender=SENDER, at=AT, external_id="1", text=text, name=name, spot=spot),
        FormFilled(
            sender=SENDER,
            at=AT,
            external_id="1",
            form=name,
            answers=((name, text),) * 200,
            phone=text,
            comment=text,
            fields={f"{name}{n}": text for n in range(200)},
            hidden=(name,) * 200,
            visit=Visit(page=text, utm={name: text}),
        ),
        MessageReacted(sender=SENDER, at=AT, external_id="1", emoji=text),
    ):
        made = legible.event(event)
        told = msgspec.json.encode(replace(made, sender=Sender(external_id="1")))
        assert b"\\u0000" not in told
        assert msgspec.json.decode(told, type=type(made)) == replace(
            made, sender=Sender(external_id="1")
        )
        assert legible.event(made) == made


@pytest.mark.parametrize("told", [0, 900_000_001, 2**53, 2**63, 10**400, -(2**63) - 1])
def test_no_number_is_more_than_a_store_can_hold(told: int) -> None:
    kept = max(-(2**53), min(told, 2**53))
    media = (Remote(ref="a", size_bytes=7), Remote(ref="b", size_bytes=told))
    about: dict[str, Any] = {"sender": SENDER, "at": AT, "external_id": "1", "order": told}
    said = MessageReceived(**about, media=media)
    staff = StaffReplied(**about, media=media)
    for message in (said, staff):
        made = legible.event(message)
        assert isinstance(made, MessageReceived | StaffReplied)
        assert (made.order, [each.size_bytes for each in made.media]) == (kept, [7, max(0, kept)])
    for mark in (MessageEdited(**about, text="x"), MessageReacted(**about, emoji="x")):
        made_mark = legible.event(mark)
        assert isinstance(made_mark, MessageEdited | MessageReacted)
        assert made_mark.order == kept


def test_a_reaction_is_no_place_for_a_letter() -> None:
    family = "👨‍👩‍👧‍👦"
    for emoji, kept in ((family, family), ("❤️", "❤️"), ("x" * 100_000, "x" * legible.EMOJI_MAX)):
        made = MessageReacted(sender=SENDER, at=AT, external_id="1", emoji=emoji)
        assert legible.event(made) == replace(made, emoji=kept)

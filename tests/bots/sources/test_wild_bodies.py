"""Whatever is sent, a source says what it is or that it is no form, and nothing else happens."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.sources import bodies
from hub import legible
from hub.errors import PayloadError, SignatureError
from hub.events import FormFilled
from tests.bots.sources.forms_told import JSON, URLENCODED, sent, source, told

MANY = settings(max_examples=30)
KINDS = ("form", "tilda", "marquiz", "jivosite")
TYPES = st.sampled_from(
    (
        *("", JSON, URLENCODED, "text/plain", "multipart/form-data; boundary=edge"),
        *(
            "multipart/form-data",
            "multipart/form-data; boundary=\udcff",
            "\0",
            "application/x+json",
        ),
    )
)
NAMES = st.sampled_from(
    (
        "phone",
        "Телефон",
        "name",
        "fields",
        "value",
        "q",
        "a",
        "utm",
        "cookies",
        "form",
        "[",
        "",
        ".",
    )
) | st.text(max_size=12)
SCALARS = (
    st.text(max_size=30)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.sampled_from(("8 912 345-67-89", "a@shop.example", "https://[x/?utm_source=a"))
)
TREES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(NAMES, below, max_size=5),
    max_leaves=20,
)
PAIRS = st.lists(st.tuples(NAMES, st.text(max_size=20)), max_size=8)


def heard(kind: str, body: bytes, content_type: str) -> None:
    hook = sent(body, content_type)
    channel = source(kind)
    with suppress(SignatureError):
        channel.verify(hook)
    with suppress(PayloadError):
        events = channel.parse(hook)
        assert events
        for event in map(legible.event, events):
            if isinstance(event, FormFilled):
                assert len(event.fields) <= 100
                assert event.sender.external_id
            # The store's engines keep it as it is.
            told = msgspec.json.encode(event)
            assert msgspec.json.decode(told, type=type(event)) == event
        assert channel.parse(hook) == events


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(body=st.binary(max_size=300), content_type=TYPES)
def test_any_bytes_are_a_form_or_none(kind: str, body: bytes, content_type: str) -> None:
    heard(kind, body, content_type)


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(tree=TREES, content_type=TYPES)
def test_any_json_is_a_form_or_none(kind: str, tree: Any, content_type: str) -> None:
    heard(kind, msgspec.json.encode(tree), content_type)


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(pairs=PAIRS, cut=st.integers(0, 40))
def test_any_parts_are_a_form_or_none(kind: str, pairs: list[tuple[str, str]], cut: int) -> None:
    parts = "".join(
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    )
    body = f"{parts}--edge--\r\n".encode(errors="surrogatepass")
    heard(kind, body[: len(body) - cut], "multipart/form-data; boundary=edge")


@MANY
@given(pairs=PAIRS)
def test_a_form_says_the_same_in_every_writing(pairs: list[tuple[str, str]]) -> None:
    plain = {f"f{n}": "".join(filter(str.isalnum, value)) for n, (_, value) in enumerate(pairs)}
    written = "&".join(f"{name}={value}" for name, value in plain.items())
    parts = "".join(
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in plain.items()
    )
    wanted = {name: value for name, value in plain.items() if value}
    assert bodies.read(told(plain).body, JSON).fields == wanted
    assert bodies.read(written.encode(), URLENCODED).fields == wanted
    multipart = f"{parts}--edge--".encode()
    assert bodies.read(multipart, "multipart/form-data; boundary=edge").fields == wanted


def test_what_lies_too_deep_is_named() -> None:
    deep = {"a": {"b": {"c": {"d": "x"}}}, "phone": "8 912 345-67-89"}
    told_so = bodies.read(told(deep).body, JSON)
    assert told_so.fields == {"phone": "8 912 345-67-89"}
    assert told_so.ignored == [("a.b.c", "deep")]

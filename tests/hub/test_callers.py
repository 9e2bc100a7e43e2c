"""Who calls, as exchanges write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.calls.exchange import caller

IVAN = "+79161234567"


@given(st.text(max_size=40) | st.from_regex(r"(sip:)?\+?[0-9 ()-]{1,20}(@[a-z.]+)?"))
def test_whoever_calls_is_a_number_an_extension_or_nobody(written: str) -> None:
    read = caller(written)
    assert read is None or read == "" or (read[0] == "+" and read[1:].isdecimal())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("79161234567", IVAN),
        ("+7 (916) 123-45-67", IVAN),
        ("89161234567", IVAN),
        ("9161234567", IVAN),
        ("sip:79161234567@vpbx.example", IVAN),
        ("+37411234567", "+37411234567"),
        ("101", None),
        ("sip:101@office.example", None),
        ("sip:olga@office.example", ""),
        ("anonymous", ""),
        ("", ""),
        ("٧٩١٦١٢٣٤٥٦٧", ""),
        ("02345678", ""),
    ],
)
def test_a_number_is_read_as_exchanges_write_it(written: str, read: str | None) -> None:
    assert caller(written) == read

"""What an SMS costs; the screens count by the same table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.telling.parts import MORE_7BIT, ONE_7BIT, ONE_UCS2, count

TABLE = json.loads((Path(__file__).parent / "sms_parts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"{line['text']}x{line.get('times', 1)}")
def test_parts_are_counted_as_phones_cut_them(line: dict[str, object]) -> None:
    counted = count(str(line["text"]) * int(str(line.get("times", 1))))
    found = (counted.parts, counted.units, counted.unicode)
    assert found == (line["parts"], line["units"], line["unicode"])


@given(st.text(max_size=700))
def test_more_text_never_costs_less(text: str) -> None:
    whole, head = count(text), count(text[:-1])
    assert whole.parts >= head.parts
    assert whole.units >= head.units
    most = ONE_UCS2 if whole.unicode else ONE_7BIT
    assert (whole.parts <= 1) == (whole.units <= most)
    assert whole.parts <= whole.units // (MORE_7BIT // 3) + 1

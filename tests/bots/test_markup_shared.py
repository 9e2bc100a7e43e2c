"""Light markup is read alike by the hub and by its screens: one list of cases for both."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bots.line.text import spans

CASES = msgspec.json.decode(
    (Path(__file__).parents[1] / "fixtures" / "markup.json").read_bytes(),
    type=list[dict[str, object]],
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["raw"]))
def test_the_hub_reads_markup_as_its_screens_do(case: dict[str, object]) -> None:
    plain, found = spans(str(case["raw"]))
    assert plain == case["plain"]
    assert [[each.start, each.end, each.style, each.url] for each in found] == case["spans"]

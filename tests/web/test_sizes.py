"""How much a visitor and an operator wait for: what was built, packed as it travels."""

from __future__ import annotations

import gzip

import pytest

from web.statics import FOLDER, Statics

KB = 1024


def packed(*names: str) -> int:
    return sum(len(gzip.compress((FOLDER / name).read_bytes(), 9)) for name in names)


def built(name: str) -> str:
    found = Statics().named(name)
    assert found, "web/static is not built; `make install` builds it"
    return found


@pytest.mark.parametrize(("name", "most"), [("widget.js", 6), ("panel.js", 30)])
def test_the_widget_weighs_little_on_other_peoples_pages(name: str, most: int) -> None:
    assert packed(built(name)) <= most * KB


def test_the_inbox_weighs_little_before_its_lazy_parts() -> None:
    parts = Statics().parts("inbox.js")
    first = packed(built("inbox.js"), built("inbox.css"), *parts)
    assert first <= 150 * KB
    # Else a lazy part is counted, or a part that is needed at once is not.
    assert parts
    assert first < packed(
        *(path.name for path in FOLDER.iterdir() if path.suffix in (".js", ".css"))
    )

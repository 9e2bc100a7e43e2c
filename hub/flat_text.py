"""Text as those read it who look for something in it: one kind of digit, dash, space and е."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_ONE_LETTER = {"ё": "е", "й": "и"}


def flatten(text: str) -> tuple[str, list[int]]:
    """A lower-case copy with one kind of digit, dash, space, е and и; each one's origin."""
    flat = [_flat(raw) for raw in text]
    return "".join(flat), [at for at, chars in enumerate(flat) for _ in chars]


@lru_cache(maxsize=2_048)
def _flat(raw: str) -> str:
    """What stands for one character in the flattened copy; nothing for what only marks others."""
    chars = ""
    for char in unicodedata.normalize("NFKC", raw).lower():
        category = unicodedata.category(char)
        if category in ("Cf", "Mn", "Me"):
            continue
        if category == "Nd":
            char = str(unicodedata.decimal(char))
        elif category == "Pd" or char in "_−":
            char = "-"
        elif category == "Zs" or char == "\t":
            char = " "
        chars += _ONE_LETTER.get(char, char)
    return chars

"""The one catalogue of sentences, Russian and English, for the hub and for its screens."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Lang = Literal["ru", "en"]
Sentence = str | dict[str, str]


@cache
def catalogue(lang: Lang) -> dict[str, Sentence]:
    """Every sentence of a language by its key; one with plural forms is a dict of them."""
    source = files(__name__).joinpath(f"{lang}.json").read_bytes()
    return msgspec.json.decode(source, type=dict[str, Sentence])


def text(lang: Lang, key: str, **values: object) -> str:
    """The sentence with its values put in; plural forms choose by the value `n`.

    An unknown key raises KeyError, and so does a sentence whose value is missing.
    """
    sentence = catalogue(lang)[key]
    if not isinstance(sentence, str):
        sentence = sentence[plural(lang, values["n"])]
    return sentence.format_map(values)


def plural(lang: Lang, n: object) -> str:
    """The CLDR category of a number."""
    if not isinstance(n, int):
        return "other"
    n = abs(n)
    if lang == "en":
        return "one" if n == 1 else "other"
    tens, units = n // 10 % 10, n % 10
    if units == 1 and tens != 1:
        return "one"
    if 2 <= units <= 4 and tens != 1:
        return "few"
    return "many"

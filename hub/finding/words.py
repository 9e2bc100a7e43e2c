"""What a text is found by: stems of its words, its numbers as digits. Pure.

One function for both engines, for what is stored and for what is asked, so that a text is
always found by its own words, whatever the letters' case, form or encoding.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

VERSION = 1
"""Of these rules; with another one the whole history is read again."""

LOOKED_AT = 20_000
"""Characters of a text that are looked at; what comes later is not found."""

STEMS_MAX = 1_000
"""Different stems that one text can give."""

STEM_MAX_CHARS = 40
ASKED_MAX = 16
"""Stems that one query can ask for; what it says after them is not looked for."""

PHONE_DIGITS = range(10, 16)
NATIONAL_DIGITS = 10
TAILS = (4, 7)
"""How many last digits of a phone people look for."""

_SILENT = (
    "бы во вы да для до же за из или как ко ли мы на не но об он от по при со то что это "
    "am an and are as at be by do for if in is it me my no of on or so the to us we you"
)
SILENT = frozenset(_SILENT.split())
"""Words that half of all texts have and that tell nothing; one letter alone neither does."""

# A word may hold stress marks, soft hyphens and joiners, which nobody types into a search.
_INSIDE = r"\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"
_WORD = re.compile(rf"(?:[^\W_][{_INSIDE}]*)+")
_PLAIN = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"\d+|[^\W\d_]+")
_NUMBER = re.compile(r"(?<![^\W_])\+?\(?\d(?:[ \t\u00a0\u202f.()\u2010-\u2015-]{0,3}\d)+(?![^\W_])")
_THOUSANDS = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+")
_DIGITS = re.compile(r"\d+")
_CYRILLIC = re.compile(r"[\u0430-\u044f]+")
# The vowel that "окон", "доставок", "денег" have and "окна", "доставки", "деньги" have not.
_FLEETING = re.compile(r"(?<=[бвгджзклмнпрстфхцчшщ])[оеь](?=[гклнц]\Z)")
_LATIN = re.compile(r"[a-z]+")


class Mark(NamedTuple):
    """`text[start:end]` is what was found; in characters, not in bytes or UTF-16 units."""

    start: int
    end: int


class _Met(NamedTuple):
    """A word or number where it stands; a query asks for its first stem, unless for a whole."""

    start: int
    end: int
    stems: tuple[str, ...]
    asks: bool = True


def stems(*texts: str) -> frozenset[str]:
    """Everything that the texts together are found by."""
    found: dict[str, None] = {}
    for text in texts:
        for met in _met(text[:LOOKED_AT]):
            found.update(dict.fromkeys(met.stems))
            if len(found) >= STEMS_MAX:
                return frozenset(list(found)[:STEMS_MAX])
    return frozenset(found)


def asked(query: str) -> frozenset[str]:
    """What a text must have, all of it, to be an answer; empty if the query says nothing."""
    wanted = dict.fromkeys(met.stems[0] for met in _met(query[:LOOKED_AT]) if met.asks)
    return frozenset(list(wanted)[:ASKED_MAX])


def marks(text: str, wanted: frozenset[str]) -> list[Mark]:
    """Where the words stand that answer to one of the stems, in order, none over another."""
    found: list[Mark] = []
    for met in _met(text[:LOOKED_AT]):
        fresh = not found or met.start >= found[-1].end
        if fresh and not wanted.isdisjoint(met.stems):
            found.append(Mark(met.start, met.end))
    return found


def _met(text: str) -> Iterator[_Met]:
    """Words and numbers in order; a number written in parts comes whole before its parts."""
    at = 0
    for number in _NUMBER.finditer(text):
        yield from _words(text, at, number.start())
        yield from _numbers(number[0], number.start())
        at = number.end()
    yield from _words(text, at, len(text))


def _words(text: str, start: int, end: int) -> Iterator[_Met]:
    for word in _WORD.finditer(text, start, end):
        # Thousands of words as long as a text would be too much to remember.
        said, (first, last) = word[0], word.span()
        for kept in _known_parts(said) if len(said) <= STEM_MAX_CHARS else _parts(said):
            yield _Met(first, last, kept)


def _parts(word: str) -> tuple[tuple[str, ...], ...]:
    """The stems of each part of the word that says something."""
    found = []
    for part in _PLAIN.findall(_folded(word)):
        pieces = _PIECE.findall(part)
        named = [part, *pieces] if len(pieces) > 1 else [part]
        kept = tuple(_stem(each) for each in named if not _is_silent(each))
        if kept:
            found.append(kept)
    return tuple(found)


_known_parts = lru_cache(maxsize=16_384)(_parts)


def _is_silent(word: str) -> bool:
    return word in SILENT or (len(word) == 1 and word.isalpha())


def _numbers(text: str, start: int) -> Iterator[_Met]:
    parts = list(_DIGITS.finditer(text))
    digits = _plain("".join(part[0] for part in parts))
    bare = text.strip("+()")
    whole = len(parts) > 1 and (len(digits) in PHONE_DIGITS or bool(_THOUSANDS.fullmatch(bare)))
    if whole:
        yield _Met(start, start + len(text), _named(digits))
    for part in parts:
        first, last = part.span()
        yield _Met(start + first, start + last, _named(_plain(part[0])), asks=not whole)


def _named(digits: str) -> tuple[str, ...]:
    """A number without what differs from writer to writer; a phone also by its last digits."""
    if len(digits) not in PHONE_DIGITS:
        return (digits[:STEM_MAX_CHARS],)
    if len(digits) == NATIONAL_DIGITS + 1 and digits[0] in "78":
        digits = digits[1:]
    return (digits, *(digits[-n:] for n in TAILS))


def _plain(digits: str) -> str:
    if digits.isascii():
        return digits
    return "".join(str(unicodedata.decimal(each)) for each in digits)


def _folded(word: str) -> str:
    once = unicodedata.normalize("NFKC", word).casefold()
    plain = unicodedata.normalize("NFKC", once).replace("ё", "е")
    return "".join(each for each in plain if unicodedata.category(each) not in ("Mn", "Cf"))


def _stem(word: str) -> str:
    if _CYRILLIC.fullmatch(word):
        word = _stemmers()[0].stemWord(word)
        if word.endswith(("ов", "ев")):
            # The stemmer takes this ending off "Иванов" and "готов", not "Иванову" and "готовы".
            word = _stemmers()[0].stemWord(word)
        if len(word) > len("ток"):
            word = _FLEETING.sub("", word)
    elif _LATIN.fullmatch(word):
        word = _stemmers()[1].stemWord(word)
    return word[:STEM_MAX_CHARS]


@lru_cache(maxsize=1)
def _stemmers() -> tuple[Any, Any]:
    # Its import loads thirty languages, which the first page has no time for.
    from snowballstemmer import stemmer

    return stemmer("russian"), stemmer("english")

"""A message as a voice is to say it: blanks filled in, numbers in groups, no addresses or signs.

What visitors wrote gets into these texts, so each value is cut before it is put in: a long name
does not push the end of the message, where the keys are told, out of it. Nothing here is markup
for a voice, and what engines take for markup does not get through.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from hub import phones, phrases
from hub.calls.script import Say
from hub.people.contacts import ALSO, REGION
from hub.texts import Lang

VALUE_MAX_CHARS = 150
SPOKEN_MAX_CHARS = 1_500
"""More than a text has, for what its values and numbers make of it."""

_TAG = re.compile(r"<[/!?a-zA-Z][^<>]{0,500}>")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}\w{2,24}\b")
_HOST = re.compile(
    r"(?<![\w.@-])(?:[\w-]{1,63}\.){1,4}"
    r"(?:ru|рф|su|com|net|org|info|biz|pro|io|me|by|kz|uz|kg|am|ge|az|md|shop|store|online|site|club)"
    r"(?![\w-]|\.\w|\()",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\d.,])\d{8,}(?![.,]?\d)|(?<![\d.,:])0\d{2,}(?![.,:]?\d)", re.ASCII)
_BLANKS = re.compile(r"\s+")
_STOPS = re.compile(r"[.!?…](?=\s|$)")
# Signs that would be taken apart for letters and dots.
_WHOLE = re.compile(r"([№…])")
_REPEATED = re.compile(r"([^\w\s])\1+")
_LOOSE = re.compile(r"\s+([.,;:!?…])")
# What stays of signs: those of sentences and of sums, which voices know to read.
_KEPT = frozenset(".,;:!?…-–—()'’\"«»+%")
_WORDS: dict[Lang, dict[str, str]] = {
    "ru": {"№": " номер ", "&": " и ", "@": " собака ", "₽": " рублей ", "#": " решётка "}
    | {"*": " звёздочка ", "°": " градусов "},
    "en": {"№": " number ", "&": " and ", "@": " at ", "₽": " roubles ", "#": " hash "}
    | {"*": " star ", "°": " degrees "},
}
_DOT: dict[Lang, str] = {"ru": " точка ", "en": " dot "}
_PLUS: dict[Lang, str] = {"ru": "плюс", "en": "plus"}
_EXTENSION: dict[Lang, str] = {"ru": "добавочный", "en": "extension"}
_named = re.compile(r"\w+").findall
_ONES: dict[Lang, list[str]] = {
    "ru": _named("ноль один два три четыре пять шесть семь восемь девять"),
    "en": _named("zero one two three four five six seven eight nine"),
}
_TEENS = _named(
    "десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать "
    "восемнадцать девятнадцать"
)
_TENS = _named("двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто")
_HUNDREDS = _named("сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот")


def spoken(say: Say, variables: Mapping[str, str], lang: Lang) -> str:
    """What is said, in one line; empty for a recording, and where there is no word to say.

    It ends with a whole sentence where it had to be cut.
    """
    if say.recording or not say.text.strip():
        return ""
    values = {name: _cut(_plain(value), VALUE_MAX_CHARS) for name, value in variables.items()}
    text = _cut(said(phrases.render(say.text, values), lang), SPOKEN_MAX_CHARS)
    return text if any(map(str.isalnum, text)) else ""


def said(text: str, lang: Lang) -> str:
    """Any text in words that a voice can say."""
    text = _URL.sub(lambda found: _domain(found[0], lang), _plain(text))
    text = _REPEATED.sub(r"\1", text)
    text = _EMAIL.sub(lambda found: _dotted(found[0], lang).replace("@", _WORDS[lang]["@"]), text)
    text = _numbers(text, lang)
    text = _HOST.sub(lambda found: _dotted(found[0], lang), text)
    text = _DIGITS.sub(lambda found: _grouped(_pieces(found[0]), lang), text)
    text = "".join(_sign(char, lang) for char in text)
    return _LOOSE.sub(r"\1", _BLANKS.sub(" ", text)).strip()


def number(e164: str, extension: str, lang: Lang) -> str:
    """A phone number in the groups in which people say it."""
    words = f"{_PLUS[lang]} {_grouped(_groups(e164), lang)}"
    return (
        f"{words}, {_EXTENSION[lang]} {_grouped(_pieces(extension), lang)}" if extension else words
    )


def _numbers(text: str, lang: Lang) -> str:
    """The text with its phone numbers said in groups, each with a pause around it."""
    for found in reversed(phones.find(text, REGION, ALSO)):
        words = number(found.e164, found.extension, lang)
        before, after = text[: found.start].rstrip(), text[found.end :].lstrip()
        text = f"{before} {words}{'' if after[:1] in ('', *',.;:!?)') else ', '}{after}"
    return text


def _groups(e164: str) -> list[str]:
    digits = e164.removeprefix("+")
    if digits.startswith("7") and len(digits) == 11:
        return [digits[0], digits[1:4], digits[4:7], digits[7:9], digits[9:]]
    import phonenumbers

    style = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    shown = phonenumbers.format_number(phonenumbers.parse(e164), style)
    groups: list[str] = []
    for each in re.findall(r"\d+", shown):
        groups += [each] if len(each) <= 3 else _pieces(each)
    return groups


def _pieces(digits: str) -> list[str]:
    """Digits of no known order: twos, and a three where they do not come out even."""
    odd = len(digits) % 2
    first = [digits[:3]] if odd and len(digits) >= 3 else [digits[:1]] if odd else []
    rest = digits[sum(map(len, first)) :]
    return first + [rest[n : n + 2] for n in range(0, len(rest), 2)]


def _grouped(groups: list[str], lang: Lang) -> str:
    return ", ".join(_group(each, lang) for each in groups)


def _group(digits: str, lang: Lang) -> str:
    """Up to three digits: as one number in Russian, digit by digit in English."""
    ones = _ONES[lang]
    if lang == "en":
        return " ".join(ones[int(each)] for each in digits)
    words: list[str] = []
    while digits.startswith("0"):
        words.append(ones[0])
        digits = digits[1:]
    if not digits:
        return " ".join(words)
    value = int(digits)
    if value >= 100:
        words.append(_HUNDREDS[value // 100 - 1])
        value %= 100
    if 10 <= value < 20:
        words.append(_TEENS[value - 10])
        value = 0
    elif value >= 20:
        words.append(_TENS[value // 10 - 2])
        value %= 10
    if value:
        words.append(ones[value])
    return " ".join(words)


def _plain(text: str) -> str:
    """One line without tags; letters in disguise as the letters that they are."""
    parts = _WHOLE.split(text)
    text = "".join(
        each if _WHOLE.fullmatch(each) else unicodedata.normalize("NFKC", each) for each in parts
    )
    return _BLANKS.sub(" ", _TAG.sub(" ", text)).strip()


def _domain(url: str, lang: Lang) -> str:
    """What of an address people say, and the signs that only stood behind it."""
    address = url.rstrip(".,;:!?)")
    place = re.split(r"[/?#]", address.partition("://")[2] or address, maxsplit=1)[0]
    host = place.rpartition("@")[2].partition(":")[0].removeprefix("www.")
    if "xn--" in host:
        try:
            host = host.encode("ascii").decode("idna")
        except UnicodeError:
            host = ""
    return _dotted(host, lang) + url[len(address) :]


def _dotted(host: str, lang: Lang) -> str:
    return host.replace(".", _DOT[lang])


def _sign(char: str, lang: Lang) -> str:
    if char in _WORDS[lang]:
        return _WORDS[lang][char]
    # Stress marks are how people teach a voice a word; other marks over letters are ornament.
    if char.isalnum() or char.isspace() or char in _KEPT or char == "\u0301":
        return char
    return "" if unicodedata.category(char) in ("Mn", "Me", "Cf", "Sk") else " "


def _cut(text: str, most: int) -> str:
    """The text itself, else its whole sentences, else its whole words."""
    if len(text) <= most:
        return text
    text = text[:most]
    stops = [found.end() for found in _STOPS.finditer(text)]
    if stops and stops[-1] >= most // 3:
        return text[: stops[-1]]
    words = text.rpartition(" ")[0]
    return words if len(words) >= most // 3 else text

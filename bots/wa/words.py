"""WhatsApp's own words: its markup, its links to a chat, people's cards, phones in ids."""

from __future__ import annotations

import re
from urllib.parse import quote

from bots.line.text import Span, Style, marked
from hub.content import Card

GREETING = "Здравствуйте!"
"""What a link writes for the person; it may be changed before it is sent."""

_START = re.compile(r"\((?:код|code)\s{1,3}([A-Za-z0-9_-]{16,40})\)", re.IGNORECASE)
_SIGNS: dict[str, Style] = {
    "```": "code",
    "`": "code",
    "*": "bold",
    "_": "italic",
    "~": "strike",
}
# Signs count at the edges of words only: https://faq.whatsapp.com/539178204879377
_MARK = re.compile(r"(?<![\w*~`])(```|[`*_~])(?=\S)([^\n]*?\S)\1(?![\w*~`])")
DEEPEST = 4
STYLED_MAX = 5_000
"""Signs in longer texts are left as they are: to read them takes the square of the length."""


def heard(text: str) -> str:
    """What a person wrote, with the signs that the person's own screen shows as styles."""
    plain, spans = _read(text, 0, DEEPEST if len(text) <= STYLED_MAX else 0)
    return marked(plain, spans)


def join_link(phone: str, key: str) -> str:
    """https://faq.whatsapp.com/5913398998672934 ; a link can carry nothing but the words."""
    if not phone.isdigit():
        return ""
    return f"https://wa.me/{phone}?text={quote(f'{GREETING} (код {key})', safe='')}"


def started(text: str) -> tuple[str, str]:
    """The text without the key that a link put there, and the key."""
    found = _START.search(text)
    if found is None:
        return text, ""
    before, after = text[: found.start()].rstrip(), text[found.end() :].lstrip()
    return " ".join(each for each in (before, after) if each), found[1]


def phone_of(id: str) -> str:
    """The number that an id is made of; an id may be of another making and then says none."""
    digits = id.removesuffix("@c.us").removesuffix("@s.whatsapp.net")
    return f"+{digits}" if re.fullmatch(r"[1-9][0-9]{6,14}", digits) else ""


def card_of(vcard: str, name: str, sender: str) -> Card:
    """What a vCard says; `sender` is the id of who sent it, whose own number it may be."""
    lines = re.sub(r"\r?\n[ \t]", "", vcard).splitlines()
    told = {"FN": "", "TEL": "", "waid": ""}
    for line in lines:
        label, _, value = line.partition(":")
        field = label.partition(";")[0].rpartition(".")[2].upper()
        if field == "FN":
            told["FN"] = told["FN"] or value.strip()
        elif field == "TEL" and not told["TEL"]:
            told["TEL"] = value.strip()
            known = re.search(r"waid=(\d+)", label, re.IGNORECASE)
            told["waid"] = known[1] if known else ""
    return card(name or told["FN"], told["TEL"], told["waid"], sender)


def card(name: str, phone: str, wa_id: str, sender: str) -> Card:
    """Own is one whose account is that of who sent it: that number is proven by WhatsApp."""
    own = bool(wa_id) and phone_of(wa_id) != "" and phone_of(wa_id) == phone_of(sender)
    return Card(name=name, phone=phone_of(wa_id) if own else phone or phone_of(wa_id), own=own)


def _read(text: str, at: int, depth: int) -> tuple[str, list[Span]]:
    """The text without signs, counted from `at`, and what they say."""
    kept: list[str] = []
    spans: list[Span] = []
    last = size = 0
    for found in _MARK.finditer(text) if depth else ():
        style = _SIGNS[found[1]]
        kept.append(text[last : found.start()])
        size += len(kept[-1])
        inner, within = (found[2], []) if style == "code" else _read(found[2], at + size, depth - 1)
        spans += [Span(at + size, at + size + len(inner), style), *within]
        kept.append(inner)
        size += len(inner)
        last = found.end()
    kept.append(text[last:])
    return "".join(kept), spans

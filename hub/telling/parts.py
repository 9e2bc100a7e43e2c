"""How many parts an SMS is cut into, which is what it costs: 3GPP TS 23.038 and 23.040."""

from __future__ import annotations

from msgspec import Struct

# The letters of GSM 7-bit, as its table has them, and those that take an escape before them.
_PLAIN = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")

ONE_7BIT, MORE_7BIT = 160, 153
ONE_UCS2, MORE_UCS2 = 70, 67


class Parts(Struct, frozen=True, kw_only=True):
    """`units` is what fills the parts: a letter is one or two. A single letter outside of GSM's
    alphabet makes all of it `unicode`."""

    parts: int
    units: int
    unicode: bool


def count(text: str) -> Parts:
    """What the text costs; no letter is cut in two between parts."""
    unicode = any(each not in _PLAIN and each not in _ESCAPED for each in text)
    if unicode:
        sizes = [2 if each > "\uffff" else 1 for each in text]
        one, more = ONE_UCS2, MORE_UCS2
    else:
        sizes = [2 if each in _ESCAPED else 1 for each in text]
        one, more = ONE_7BIT, MORE_7BIT
    units = sum(sizes)
    if units <= one:
        return Parts(parts=1 if units else 0, units=units, unicode=unicode)
    parts, left = 1, more
    for size in sizes:
        if size > left:
            parts, left = parts + 1, more
        left -= size
    return Parts(parts=parts, units=units, unicode=unicode)

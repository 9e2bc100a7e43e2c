"""Text on its way to a platform and back: light markup, and pieces that a message can hold.

The markup that the hub keeps is **bold**, _italic_, ~~strike~~, `code` and [label](https://…),
within one line, at the edges of words; a backslash takes its meaning from what follows. What
does not read as markup is text: 2**3, snake_case and C:\\dir stay as they are.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Literal

import msgspec

Style = Literal["link", "bold", "italic", "strike", "code"]
RANK: dict[str, int] = {"link": 0, "bold": 1, "italic": 2, "strike": 3, "code": 4}
MARKS: dict[str, Style] = {"**": "bold", "_": "italic", "~~": "strike"}
SIGNS: dict[str, str] = {"bold": "**", "italic": "_", "strike": "~~", "code": "`"}
SPECIAL = frozenset("\\*_~`[]")
TRIES = 8
BACK_CHARS = 64
"""How far a cut moves back to keep what is drawn as one sign together."""

_URL = r"https?://(?:[^\s()<>]|\([^\s()<>]*+\))++"
_TOKEN = re.compile(
    r"(?P<escape>\\[\\*_~`\[\]])"
    r"|(?P<code>(?<!`)`[^`\n]++`(?!`))"
    r"|(?P<mark>\*++|_++|~++)"
    r"|(?P<open>\[)"
    rf"|\]\((?P<url>{_URL})\)"
    r"|(?P<line>\n)"
)
_UNSAFE = re.compile(r"[\s()<>]")


class Span(msgspec.Struct, frozen=True):
    """A stretch of plain text, counted in characters of Python, that is drawn in that style."""

    start: int
    end: int
    style: Style
    url: str = ""


Render = Callable[[str, Sequence[Span]], str]
"""How a platform wants styled text in one string."""


def utf16(text: str) -> int:
    """How long it is where UTF-16 is counted: what is beyond the first plane counts twice."""
    return len(text) + sum(each > "\uffff" for each in text)


def to_utf16(text: str, spans: Iterable[Span]) -> list[Span]:
    """The spans as a platform counts them that counts in UTF-16."""
    at = [0, *accumulate(2 if each > "\uffff" else 1 for each in text)]
    return [msgspec.structs.replace(span, start=at[span.start], end=at[span.end]) for span in spans]


def from_utf16(text: str, spans: Iterable[Span]) -> list[Span]:
    """Spans that were counted in UTF-16 as characters of Python; what lies outside is cut off."""
    at = [0, *accumulate(2 if each > "\uffff" else 1 for each in text)]

    def point(unit: int) -> int:
        return bisect_right(at, max(unit, 0)) - 1

    return [
        msgspec.structs.replace(span, start=point(span.start), end=point(span.end))
        for span in spans
    ]


def spans(text: str) -> tuple[str, list[Span]]:
    """The text without its markup, and what the markup says."""
    found, cut = _read(text)
    return _without(text, found, cut)


def marked(plain: str, styled: Iterable[Span]) -> str:
    """Light markup that reads as this; spans that it cannot say, as half a word, are left out.

    What only looks like markup is escaped: `spans` gives back exactly that plain text.
    """
    wanted = _sayable(plain, styled)
    if not wanted and SPECIAL.isdisjoint(plain):
        return plain
    escaped: set[int] = set()
    for _ in range(TRIES):
        raw, origin = _written(plain, wanted, escaped)
        found, cut = _read(raw)
        foul = {
            at
            for start, end in cut
            for at in origin[start:end][:1]
            if at >= 0 and at not in escaped
        }
        if not foul:
            if _without(raw, found, cut) == (plain, wanted):
                return raw
            break
        escaped |= foul
    every = {at for at, each in enumerate(plain) if each in SPECIAL}
    raw, _ = _written(plain, wanted, every)
    return raw if spans(raw) == (plain, wanted) else _written(plain, [], every)[0]


def split(text: str, limit: int, measure: Callable[[str], int] = len) -> list[str]:
    """The text in pieces that measure at most the limit; only white space at the cuts is lost.

    It is cut between paragraphs, else lines, else words, and within a word only where one is
    longer than a piece; never within what is drawn as one sign.
    """
    return [
        text[start:end] for start, end in _cuts(text, limit, lambda a, b: measure(text[a:b]), ())
    ]


def parts(
    text: str, limit: int, measure: Callable[[str], int] = len
) -> list[tuple[str, list[Span]]]:
    """The marked text in plain pieces within the limit, each with the spans that lie in it."""
    whole, styled = spans(text)
    cuts = _cuts(whole, limit, lambda a, b: measure(whole[a:b]), styled)
    inside = _looking(styled)
    return [(whole[start:end], inside(start, end)) for start, end in cuts]


def pieces(text: str, limit: int, render: Render, measure: Callable[[str], int] = len) -> list[str]:
    """The marked text in rendered pieces that measure at most the limit, markup and all."""
    whole, styled = spans(text)
    inside = _looking(styled)

    def said(start: int, end: int) -> str:
        return render(whole[start:end], inside(start, end))

    cuts = _cuts(whole, limit, lambda a, b: measure(said(a, b)), styled)
    return [said(start, end) for start, end in cuts]


def plain(text: str, styled: Sequence[Span]) -> str:
    """For platforms without markup: an address follows its label."""
    return _rendered(text, styled, {})


def whatsapp(text: str, styled: Sequence[Span]) -> str:
    """https://faq.whatsapp.com/539178204879377 ; its signs count at the edges of words only."""
    return _rendered(text, styled, {"bold": "*", "italic": "_", "strike": "~", "code": "```"})


def max_markup(text: str, styled: Sequence[Span]) -> str:
    """The HTML that MAX takes, whose escapes are sure; with `format: html`."""
    tags = {"bold": "b", "italic": "i", "strike": "s", "code": "code"}

    def opened(span: Span) -> str:
        if span.style == "link":
            return f'<a href="{html.escape(span.url)}">'
        return f"<{tags[span.style]}>"

    def closed(span: Span) -> str:
        return "</a>" if span.style == "link" else f"</{tags[span.style]}>"

    return _woven(text, styled, opened, closed, lambda a, b: html.escape(text[a:b], quote=False))


def telegram_entities(text: str, styled: Sequence[Span]) -> list[dict[str, Any]]:
    """https://core.telegram.org/bots/api#messageentity"""
    types = {"bold": "bold", "italic": "italic", "strike": "strikethrough", "code": "code"}
    made: list[dict[str, Any]] = []
    for span in to_utf16(text, styled):
        where = {"offset": span.start, "length": span.end - span.start}
        if span.style == "link":
            made.append({"type": "text_link", **where, "url": span.url})
        else:
            made.append({"type": types[span.style], **where})
    return made


def _read(text: str) -> tuple[list[Span], list[tuple[int, int]]]:
    """The spans of marked text, counted in it as it stands, and the stretches that are markup."""
    found: list[Span] = []
    cut: list[tuple[int, int]] = []
    opened: list[tuple[Style, int, int]] = []

    def close(at: int, end: int, style: Style, url: str = "") -> bool:
        for depth in range(len(opened) - 1, -1, -1):
            known, begin, inside = opened[depth]
            if known == style and text[inside:at].strip():
                del opened[depth:]
                found.append(Span(inside, at, style, url))
                cut.extend(((begin, inside), (at, end)))
                return True
        return False

    for token in _TOKEN.finditer(text):
        start, end = token.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        match token.lastgroup:
            case "escape":
                cut.append((start, start + 1))
            case "code":
                inner = text[start + 1 : end - 1]
                if inner == inner.strip() and not before.isalnum() and not after.isalnum():
                    found.append(Span(start + 1, end - 1, "code"))
                    cut.extend(((start, start + 1), (end - 1, end)))
            case "open":
                opened.append(("link", start, end))
            case "url":
                if close(start, end, "link", token["url"]):
                    opened[:] = [each for each in opened if each[0] != "link"]
            case "line":
                opened.clear()
            case _:
                style = MARKS.get(token[0])
                if style is None:
                    continue
                if before.strip() and not after.isalnum() and close(start, end, style):
                    continue
                again = any(known == style for known, _, _ in opened)
                if after.strip() and not before.isalnum() and not again:
                    opened.append((style, start, end))
    return found, sorted(cut)


def _without(
    text: str, found: Sequence[Span], cut: Sequence[tuple[int, int]]
) -> tuple[str, list[Span]]:
    ends = [end for _, end in cut]
    gone = [0, *accumulate(end - start for start, end in cut)]
    kept, last = [], 0
    for start, end in cut:
        kept.append(text[last:start])
        last = end
    kept.append(text[last:])
    read = [
        msgspec.structs.replace(
            span,
            start=span.start - gone[bisect_right(ends, span.start)],
            end=span.end - gone[bisect_right(ends, span.end)],
        )
        for span in found
    ]
    return "".join(kept), sorted(read, key=_order)


def _order(span: Span) -> tuple[int, int, int]:
    return span.start, -span.end, RANK[span.style]


def _sayable(text: str, styled: Iterable[Span]) -> list[Span]:
    """What of the spans light markup can say: within lines, whole words, one in another."""
    whole: list[Span] = []
    for span in _joined(_lines(text, styled)):
        inner = text[span.start : span.end]
        edges = text[span.start - 1 : span.start], text[span.end : span.end + 1]
        if span.style != "link" and (edges[0].isalnum() or edges[1].isalnum()):
            continue
        if span.style == "code" and "`" in inner:
            continue
        whole.append(span)
    kept: list[Span] = []
    # Code holds nothing else, and a link no link: these are settled before what may hold them.
    for span in sorted(whole, key=lambda each: (each.style != "code", *_order(each))):
        if not any(_clashes(span, each) for each in kept):
            kept.append(span)
    return sorted(kept, key=_order)


def _clashes(one: Span, other: Span) -> bool:
    if one.end <= other.start or other.end <= one.start:
        return False
    if one.style == other.style:
        return True
    held = one.start >= other.start and one.end <= other.end
    holds = other.start >= one.start and other.end <= one.end
    if other.style == "code":
        return not holds
    if one.style == "code":
        return not held
    return not (held or holds)


def _lines(text: str, styled: Iterable[Span]) -> list[Span]:
    """The spans cut at the ends of lines, without white space at their edges."""
    made: list[Span] = []
    for span in styled:
        url = ""
        if span.style == "link":
            url = span.url if re.fullmatch(_URL, span.url) else _UNSAFE.sub(_percent, span.url)
            if not re.fullmatch(_URL, url):
                continue
        at = max(span.start, 0)
        for line in text[at : span.end].split("\n"):
            bare = line.strip()
            if bare:
                start = at + line.index(bare)
                made.append(Span(start, start + len(bare), span.style, url))
            at += len(line) + 1
    return made


def _percent(unsafe: re.Match[str]) -> str:
    return "".join(f"%{each:02X}" for each in unsafe[0].encode())


def _joined(styled: Iterable[Span]) -> list[Span]:
    """Those of one style that touch, as one."""
    made: list[Span] = []
    for span in sorted(styled, key=lambda each: (each.style, each.url, each.start)):
        last = made[-1] if made else None
        if last and (last.style, last.url) == (span.style, span.url) and span.start <= last.end:
            made[-1] = msgspec.structs.replace(last, end=max(last.end, span.end))
        else:
            made.append(span)
    return made


def _written(text: str, styled: Sequence[Span], escaped: set[int]) -> tuple[str, list[int]]:
    """The markup, and of each character of it which of the text it is, or -1."""
    coded = {at for span in styled if span.style == "code" for at in range(span.start, span.end)}
    origin: list[int] = []

    def sign(made: str) -> str:
        origin.extend([-1] * len(made))
        return made

    def part(start: int, end: int) -> str:
        made = ""
        for at in range(start, end):
            made += sign("\\") if at in escaped and at not in coded else ""
            made += text[at]
            origin.append(at)
        return made

    raw = _woven(
        text,
        styled,
        lambda span: sign("[" if span.style == "link" else SIGNS[span.style]),
        lambda span: sign(f"]({span.url})" if span.style == "link" else SIGNS[span.style]),
        part,
    )
    return raw, origin


def _rendered(text: str, styled: Sequence[Span], signs: dict[str, str]) -> str:
    def closed(span: Span) -> str:
        if span.style != "link":
            return signs.get(span.style, "")
        label = text[span.start : span.end]
        same = label.rstrip("/") in (span.url.rstrip("/"), span.url.partition("://")[2].rstrip("/"))
        return "" if same else f" ({span.url})"

    return _woven(
        text, styled, lambda span: signs.get(span.style, ""), closed, lambda a, b: text[a:b]
    )


def _woven(
    text: str,
    styled: Sequence[Span],
    opened: Callable[[Span], str],
    closed: Callable[[Span], str],
    part: Callable[[int, int], str],
) -> str:
    """The text with what opens and closes each span around it, one within another."""
    beginning: dict[int, list[Span]] = {}
    ending: dict[int, list[Span]] = {}
    for span in sorted(styled, key=_order):
        beginning.setdefault(span.start, []).append(span)
        ending.setdefault(span.end, []).insert(0, span)
    made: list[str] = []
    last = 0
    for at in sorted({0, len(text), *beginning, *ending}):
        made.append(part(last, at))
        made.extend(closed(span) for span in ending.get(at, ()))
        made.extend(opened(span) for span in beginning.get(at, ()))
        last = at
    return "".join(made)


def _looking(styled: Sequence[Span]) -> Callable[[int, int], list[Span]]:
    """What finds the spans of a stretch, of those sorted by where they start."""
    starts = [span.start for span in styled]
    reached = list(accumulate((span.end for span in styled), max))

    def within(start: int, end: int) -> list[Span]:
        return [
            msgspec.structs.replace(
                span, start=max(span.start, start) - start, end=min(span.end, end) - start
            )
            for span in styled[bisect_right(reached, start) : bisect_left(starts, end)]
            if span.end > start
        ]

    return within


def _cuts(
    text: str, limit: int, size: Callable[[int, int], int], styled: Sequence[Span]
) -> list[tuple[int, int]]:
    """Where the pieces begin and end, none with white space at its edges."""
    links = [(span.start, span.end) for span in styled if span.style == "link"]
    made: list[tuple[int, int]] = []
    at, last = _skip(text, 0), len(text.rstrip())
    while at < last:
        # Nothing measures less than its characters.
        rest = last - at <= limit and size(at, last) <= limit
        end = last if rest else _cut(text, at, min(last, at + limit), limit, size, links)
        bare = at + len(text[at:end].rstrip())
        made.append((at, bare))
        at = _skip(text, end)
    return made


def _cut(
    text: str,
    at: int,
    last: int,
    limit: int,
    size: Callable[[int, int], int],
    links: Sequence[tuple[int, int]],
) -> int:
    low, high = at + 1, last
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(at, middle) <= limit else (low, middle - 1)
    for gap in (r"\n\s*\n", r"\n", r"(?<=[.!?…])\s", r"\s"):
        # The last gap of its sort, if it does not leave the piece half empty; any gap between
        # words is better than none.
        floor = at + 1 if gap == r"\s" else at + (low - at) // 2
        found = [
            each.start()
            for each in re.finditer(gap, text[at : low + 1])
            if floor <= at + each.start() <= low
        ]
        for each in reversed(found):
            end = at + each
            if not any(start < end < stop for start, stop in links) and size(at, end) <= limit:
                return end
    for end in range(low, max(low - BACK_CHARS, at), -1):
        if not _is_one_sign(text, end) and size(at, end) <= limit:
            return end
    return low


def _is_one_sign(text: str, at: int) -> bool:
    """Whether the characters on both sides are drawn together."""
    if at >= len(text):
        return False
    left, right = text[at - 1], text[at]
    if "\u200d" in (left, right) or unicodedata.category(right) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= right <= "\U0001f3ff" or "\U000e0020" <= right <= "\U000e007f":
        return True
    if (left, right) == ("\r", "\n"):
        return True
    flags = 0
    while at - flags > 0 and "\U0001f1e6" <= text[at - flags - 1] <= "\U0001f1ff":
        flags += 1
    return flags % 2 == 1 and "\U0001f1e6" <= right <= "\U0001f1ff"


def _skip(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())

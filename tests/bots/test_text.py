from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.line.text import (
    Span,
    Style,
    from_utf16,
    marked,
    max_markup,
    parts,
    pieces,
    plain,
    spans,
    split,
    telegram_entities,
    to_utf16,
    utf16,
    whatsapp,
)

WILD = st.text(
    st.sampled_from("аbВ1 *_~`[]()\\\n.🙂👍🏽🇷🇺é\u0301\u200d\ufe0fhttps://")
    | st.characters(codec="utf-8"),
    max_size=120,
)
PROSE = st.lists(st.sampled_from(["да", "слово", "😀", "a-b", "1,5"]), min_size=1, max_size=40).map(
    " ".join
)
STYLE: st.SearchStrategy[Style] = st.sampled_from(["link", "bold", "italic", "strike", "code"])


@st.composite
def styled(draw: st.DrawFn, text: st.SearchStrategy[str] = WILD) -> tuple[str, list[Span]]:
    words = draw(text)
    edge = st.integers(0, len(words) + 2)
    made = []
    for _ in range(draw(st.integers(0, 6))):
        start, end = sorted((draw(edge), draw(edge)))
        style = draw(STYLE)
        url = draw(st.sampled_from(["https://a.example/x?y=1", "http://b.example/(z) я", "tg://x"]))
        made.append(Span(start, end, style, url if style == "link" else ""))
    return words, made


@pytest.mark.parametrize(
    ("text", "bare", "found"),
    [
        ("**да**", "да", [Span(0, 2, "bold")]),
        ("это _важно_!", "это важно!", [Span(4, 9, "italic")]),
        ("~~100~~ 90", "100 90", [Span(0, 3, "strike")]),
        ("`a*b*`", "a*b*", [Span(0, 4, "code")]),
        ("**а _б_ в**", "а б в", [Span(0, 5, "bold"), Span(2, 3, "italic")]),
        ("[сайт](https://a.ru/b_(c))", "сайт", [Span(0, 4, "link", "https://a.ru/b_(c)")]),
        (
            "[**сайт**](https://a.ru)",
            "сайт",
            [Span(0, 4, "link", "https://a.ru"), Span(0, 4, "bold")],
        ),
        (r"\*\*да\*\* \_", "**да** _", []),
        (
            "[[а](https://a.ru) б](https://b.ru)",
            "[а б](https://b.ru)",
            [Span(1, 2, "link", "https://a.ru")],
        ),
    ],
)
def test_markup_is_read(text: str, bare: str, found: list[Span]) -> None:
    assert spans(text) == (bare, found)
    assert spans(marked(bare, found)) == (bare, found)


@pytest.mark.parametrize(
    "text",
    [
        "2**3 и 4**5",
        "snake_case_name",
        "**да**нет",
        "нет**да**",
        "` a `",
        "a`b`c",
        "__init__",
        "** да **",
        "a * b * c",
        "C:\\dir\\file",
        "[нет](javascript:alert(1))",
        "[нет] (https://a.ru)",
        "[](https://a.ru)",
        "**начато\nне здесь**",
        "***",
        "`",
        "~5 и ~6~",
        "_(",
    ],
)
def test_what_does_not_read_as_markup_stays_text(text: str) -> None:
    assert spans(text) == (text, [])
    assert marked(text, []) == text


@given(WILD)
@example("¯\\_(ツ)_/¯")
@example("**а** `б` [в](https://г)")
def test_text_without_styles_is_given_back_exactly(text: str) -> None:
    assert spans(marked(text, [])) == (text, [])


@given(styled())
def test_no_style_ever_changes_the_words(given: tuple[str, list[Span]]) -> None:
    text, wanted = given
    bare, found = spans(marked(text, wanted))
    assert bare == text
    assert spans(marked(bare, found)) == (bare, found)


@given(styled(PROSE))
def test_whole_words_keep_their_style(given: tuple[str, list[Span]]) -> None:
    text, wanted = given
    starts = {0} | {at + 1 for at, each in enumerate(text) if each == " "}
    ends = {len(text)} | {at for at, each in enumerate(text) if each == " "}
    for span in wanted:
        bold = Span(span.start, span.end, "bold")
        if bold.start in starts and bold.end in ends and bold.start < bold.end:
            assert spans(marked(text, [bold])) == (text, [bold])


@given(styled())
def test_spans_counted_in_utf16_come_back(given: tuple[str, list[Span]]) -> None:
    text, wanted = given
    inside = [span for span in wanted if span.end <= len(text)]
    assert from_utf16(text, to_utf16(text, inside)) == inside
    for span in from_utf16(text, [Span(-5, 10**9, "bold"), Span(10**9, 3, "bold")]):
        assert 0 <= span.start <= len(text)
        assert 0 <= span.end <= len(text)


@given(WILD, st.integers(8, 40), st.sampled_from([len, utf16]))
@example("а" * 30 + " б", 10, len)
@example("слово " * 20, 10, utf16)
def test_a_split_text_loses_nothing_but_white_space_at_the_cuts(
    text: str, limit: int, measure: object
) -> None:
    assert callable(measure)
    made = split(text, limit, measure)
    at = 0
    for piece in made:
        assert 0 < measure(piece) <= limit
        assert piece == piece.strip()
        begin = text.index(piece, at)
        assert not text[at:begin].strip()
        at = begin + len(piece)
    assert not text[at:].strip()


@given(PROSE, st.integers(8, 60))
def test_no_word_is_broken_that_fits(text: str, limit: int) -> None:
    assert " ".join(split(text, limit)).split(" ") == text.split(" ")


@pytest.mark.parametrize("sign", ["👍🏽", "🇷🇺", "👩‍👩‍👧", "é", "❤️"])
def test_what_is_drawn_as_one_sign_is_not_broken(sign: str) -> None:
    for lead in range(12):
        made = split("а" * lead + sign * 6, 12, utf16)
        assert "".join(made).count(sign) == 6
        assert sum(piece.count(sign) for piece in made) == 6


def test_a_text_is_cut_between_paragraphs_before_lines_and_lines_before_words() -> None:
    assert split("один два три\n\nчетыре\nпять", 22) == ["один два три", "четыре\nпять"]
    assert split("один два три\nчетыре пять шесть", 24) == ["один два три", "четыре пять шесть"]
    assert split("Раз два три. Четыре пять", 20) == ["Раз два три.", "Четыре пять"]
    assert split(" \n ", 5) == []


def test_a_link_is_not_cut_between_its_words() -> None:
    url = "https://shop.example/"
    text = f"смотрите все условия [на странице оплаты]({url})"
    assert parts(text, 35) == [
        ("смотрите все условия", []),
        ("на странице оплаты", [Span(0, 18, "link", url)]),
    ]


@given(styled(), st.integers(60, 90), st.sampled_from([plain, whatsapp, max_markup]))
@example(("0", [Span(0, 1, "link", f"https://a.example/{'x' * 80}")]), 60, max_markup)
def test_rendered_pieces_fit_with_their_markup(
    given: tuple[str, list[Span]], limit: int, render: object
) -> None:
    assert callable(render)
    for piece in pieces(marked(*given), limit, render, utf16):
        assert utf16(piece) <= limit or "http" in piece


@given(styled())
def test_no_text_is_a_tag(given: tuple[str, list[Span]]) -> None:
    bare, found = spans(marked(*given))
    made = max_markup(bare, found)
    assert html.unescape(re.sub(r"</?(?:b|i|s|code|a)(?: href=\"[^\"<>]*\")?>", "", made)) == bare
    for tag in ("b", "i", "s", "code", "a"):
        assert len(re.findall(rf"<{tag}[ >]", made)) == made.count(f"</{tag}>")


@given(styled())
def test_telegrams_entities_are_within_the_text_and_nest(given: tuple[str, list[Span]]) -> None:
    bare, found = spans(marked(*given))
    length = utf16(bare)
    stretches = [
        (each["offset"], each["offset"] + each["length"]) for each in telegram_entities(bare, found)
    ]
    for start, end in stretches:
        assert 0 <= start < end <= length
        for other, stop in stretches:
            apart = end <= other or stop <= start
            assert apart or (other <= start and end <= stop) or (start <= other and stop <= end)


def test_each_platform_has_its_own_signs() -> None:
    bare, found = spans("**Цена** _сегодня_ ~~100~~ [тут](https://a.ru) <b>")
    assert plain(bare, found) == "Цена сегодня 100 тут (https://a.ru) <b>"
    assert whatsapp(bare, found) == "*Цена* _сегодня_ ~100~ тут (https://a.ru) <b>"
    assert max_markup(bare, found) == (
        '<b>Цена</b> <i>сегодня</i> <s>100</s> <a href="https://a.ru">тут</a> &lt;b&gt;'
    )
    assert whatsapp(*spans("[a.ru](https://a.ru/)")) == "a.ru"


def test_a_long_text_of_nothing_but_signs_is_read_at_once() -> None:
    for sign in ("**", "_", "`", "[", "](https://", "\\", "[a](https://b)", "_a_"):
        text = sign * 20_000
        assert spans(marked(text, [])) == (text, [])

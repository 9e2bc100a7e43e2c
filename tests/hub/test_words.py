"""What a text is found by: forms of words, numbers, and wild input."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.finding import words
from hub.finding.words import asked, marks, stems

WILD = st.text(max_size=200) | st.text(
    st.sampled_from("аяЁёй\u0306\u0301aZ019+-() .\u00a0\u00ad\u200b_№½ﬁßİ①²٣👍\n"), max_size=60
)


def found(text: str, query: str) -> list[str]:
    """The words of the text that answer the query; none if the text does not."""
    wanted = asked(query)
    if not wanted or not wanted <= stems(text):
        return []
    return [text[mark.start : mark.end] for mark in marks(text, wanted)]


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Пришлите договоры, пожалуйста", "договор", ["договоры"]),
        ("Нужен ДОГОВОР", "о договорах", ["ДОГОВОР"]),
        ("Договор о доставке", "доставка договора", ["Договор", "доставке"]),
        ("Сколько стоит окно?", "окнами", ["окно"]),
        ("Сколько стоит пять окон?", "окна", ["окон"]),
        ("Без доставок и денег", "доставка за деньги", ["доставок", "денег"]),
        ("Вернуть деньги", "возврат денег", []),
        ("Вернуть деньги", "денег", ["деньги"]),
        ("Ёлки в наличии", "елка", ["Ёлки"]),
        ("Иванов Пётр", "Иванову Петру", ["Иванов", "Пётр"]),
        ("Иванова звонила", "Иванов", ["Иванова"]),
        ("Заказ готов", "готовы", ["готов"]),
        ("елка", "ЁЛКУ", ["елка"]),
        ("за\u0301мок", "замки", ["за\u0301мок"]),
        ("за\u0301мок", "замок", ["за\u0301мок"]),
        ("мои\u0306 дом", "мой", ["мои\u0306"]),
        ("до\u00adго\u00adво\u00adру", "договор", ["до\u00adго\u00adво\u00adру"]),
        ("Two deliveries are late", "delivery", ["deliveries"]),
        ("We deliver windows", "delivering a WINDOW", ["deliver", "windows"]),
        ("Смета в файле estimate_2.pdf", "estimate pdf", ["estimate", "pdf"]),
        ("ivan@mail.example", "ivan", ["ivan"]),
        ("ﬁnal", "final", ["ﬁnal"]),
        ("окно", "дверь", []),
    ],
)
def test_other_forms_of_a_word_are_found(text: str, query: str, marked: list[str]) -> None:
    assert found(text, query) == marked


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Мой номер +7 (916) 123-45-67", "89161234567", ["+7 (916) 123-45-67"]),
        ("Мой номер 89161234567", "+7 916 123 45 67", ["89161234567"]),
        ("Мой номер 9161234567", "8(916)123-45-67", ["9161234567"]),
        ("Мой номер +7 (916) 123-45-67", "4567", ["+7 (916) 123-45-67"]),
        ("Мой номер +7 (916) 123-45-67", "1234567", ["+7 (916) 123-45-67"]),
        ("Мой номер +7 (916) 123-45-67", "916", ["916"]),
        ("89161234567 89160000001", "9160000001", ["89160000001"]),
        ("От 18 000 ₽", "18000", ["18 000"]),
        ("От 18000 ₽", "18 000", ["18000"]),
        ("От 18\u00a0000 ₽", "18 000 ₽", ["18\u00a0000"]),
        ("Заказ №1054 от 12.05.2024", "1054", ["1054"]),
        ("Заказ №1054 от 12.05.2024", "12.05.2024", ["12", "05", "2024"]),
        ("iphone15 и 15шт", "15", ["iphone15", "15шт"]),
        ("\u0661\u0662\u0663", "123", ["\u0661\u0662\u0663"]),
        ("Мой номер 89161234567", "89161234568", []),
    ],
)
def test_numbers_are_found_however_they_are_written(
    text: str, query: str, marked: list[str]
) -> None:
    assert found(text, query) == marked


@given(text=WILD)
@example("5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5x")
@example("+7 (916) 123-45-67 89161234567")
def test_every_text_is_found_by_its_own_words(text: str) -> None:
    wanted = asked(text)
    assert wanted <= stems(text)
    assert bool(marks(text, wanted)) == bool(wanted)


@given(text=WILD, query=WILD)
def test_marks_are_places_in_the_text_in_order(text: str, query: str) -> None:
    end = 0
    for mark in marks(text, asked(query)):
        assert end <= mark.start < mark.end <= len(text)
        end = mark.end


@given(text=WILD)
def test_stems_are_short_words_without_case(text: str) -> None:
    for stem in stems(text):
        assert 0 < len(stem) <= words.STEM_MAX_CHARS
        assert stem.isalnum()
        assert stem == stem.casefold()


@given(text=WILD)
def test_the_case_of_letters_does_not_matter(text: str) -> None:
    plain = "".join(each for each in text if len(each.upper()) == len(each.lower()) == 1)
    plain = "".join(each for each in plain if each.upper().lower() == each.lower())
    assert stems(plain.upper()) == stems(plain.lower())


def test_a_text_gives_no_more_than_its_share() -> None:
    many = " ".join(f"w{n}" for n in range(5_000))
    assert len(stems(many)) == words.STEMS_MAX
    assert len(asked(many)) == words.ASKED_MAX
    assert asked(many) <= stems(many)
    assert stems("а" * 1_000) == {"а" * words.STEM_MAX_CHARS}
    far = "x " * words.LOOKED_AT + "договор"
    assert "договор" not in stems(far)
    assert stems("договор", "окно") == stems("договор") | stems("окно")


@pytest.mark.parametrize("query", ["", "   ", "?!", "я и в", "на и по", "to be or", "👍", "_"])
def test_a_query_without_words_asks_for_nothing(query: str) -> None:
    assert asked(query) == frozenset()

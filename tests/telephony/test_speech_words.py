"""A message as a voice is to say it: what people wrote becomes words, and nothing but words."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.calls.script import TEXT_MAX_CHARS, Say
from hub.texts import Lang
from telephony.voice.spoken import SPOKEN_MAX_CHARS, VALUE_MAX_CHARS, number, said, spoken

RU: Lang = "ru"


def says(text: str, lang: Lang = "ru", **values: str) -> str:
    return spoken(Say(text=text), values, lang)


def test_variables_of_both_kinds_are_filled_in() -> None:
    text = "Заявка с VK по объекту $form_name$ клиент {{ first_name }}"
    assert says(text, form_name="Окна", first_name="Анна") == (
        "Заявка с VK по объекту Окна клиент Анна"
    )


def test_a_name_that_nobody_knows_is_not_said() -> None:
    assert says("Клиент $nobody$, ждёт") == "Клиент, ждёт"


@pytest.mark.parametrize(
    ("phone", "words"),
    [
        (
            "+79161234567",
            "плюс семь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь",
        ),
        (
            "+78005553535",
            "плюс семь, восемьсот, пятьсот пятьдесят пять, тридцать пять, тридцать пять",
        ),
        ("+74950010203", "плюс семь, четыреста девяносто пять, ноль ноль один, ноль два, ноль три"),
        (
            "+74950121100",
            "плюс семь, четыреста девяносто пять, ноль двенадцать, одиннадцать, ноль ноль",
        ),
        (
            "+375291234567",
            "плюс триста семьдесят пять, двадцать девять, "
            "сто двадцать три, сорок пять, шестьдесят семь",
        ),
        ("+12015550123", "плюс один, двести один, пятьсот пятьдесят пять, ноль один, двадцать три"),
    ],
)
def test_a_phone_is_said_in_groups(phone: str, words: str) -> None:
    assert says("$phone$", phone=phone) == words


def test_a_phone_is_said_digit_by_digit_in_english() -> None:
    assert says("Call $phone$ now", "en", phone="+7 (916) 123-45-67 ext. 205") == (
        "Call plus seven, nine one six, one two three, four five, six seven, "
        "extension two zero five, now"
    )


def test_a_phone_in_a_sentence_has_a_pause_around_it() -> None:
    assert says("Звоните 8 916 123-45-67 или в чат") == (
        "Звоните плюс семь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь, "
        "или в чат"
    )


@given(st.integers(0, 999_999_999_9), st.sampled_from(["ru", "en"]))
@example(0, "ru")
def test_a_number_is_said_with_no_digit_left(subscriber: int, lang: Lang) -> None:
    words = number(f"+7{subscriber:010}", "", lang)
    assert not any(map(str.isdigit, words))
    assert words.count(",") == 4


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("https://www.shop.example.ru/cart?utm_source=vk#top", "shop точка example точка ru"),
        ("http://xn--e1afmkfd.xn--p1ai/a", "пример точка рф"),
        ("https://anna:secret@shop.ru:8443/", "shop точка ru"),
        ("Страница www.shop.ru, дальше", "Страница shop точка ru, дальше"),
        ("сайт shop.ru.", "сайт shop точка ru."),
        ("anna@shop.ru", "anna собака shop точка ru"),
        ("г.Москва, ул.Ленина, т.е. рядом", "г.Москва, ул.Ленина, т.е. рядом"),
    ],
)
def test_an_address_is_said_by_its_name(written: str, words: str) -> None:
    assert said(written, RU) == words


def test_a_page_is_said_by_its_title() -> None:
    assert says("Со страницы $page$.", page="Доставка и оплата") == "Со страницы Доставка и оплата."


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("<b>Анна</b><script>x</script>", "Анна x"),
        ("Анна 😀👍🏽❤️", "Анна"),
        ("А\u200bн\u202eна\0\x1b[31m", "Анна 31m"),
        ("[[fon'em]] <speak> `rm -rf` $(x) ~ | \\", "fon'em rm -rf (x)"),
        ("𝐇𝐞𝐥𝐥𝐨 ﬁ з̴̲͑а̴л̴г̴о", "Hello fi залго"),
        ("Заказ № 5 & доставка", "Заказ номер 5 и доставка"),
        ("Срочно!!!!! Да?????", "Срочно! Да?"),
        ("Нажмите * или #", "Нажмите звёздочка или решётка"),
        ("Скидка 5,5% в 09:30, 01.02.2026", "Скидка 5,5% в 09:30, 01.02.2026"),
        (
            "Заказ 100500777, код 007",
            "Заказ сто, пятьдесят, ноль семь, семьдесят семь, код ноль ноль семь",
        ),
        ("Две\n\nстроки\t и   пробелы", "Две строки и пробелы"),
        ("за́мок", "за́мок"),
    ],
)
def test_what_no_voice_says_is_left_out(written: str, words: str) -> None:
    assert said(written, RU) == words


@pytest.mark.parametrize("text", ["", "  ", "😀 …", "$nobody$", "{% if name %}Имя{% endif %}"])
def test_where_there_is_no_word_nothing_is_said(text: str) -> None:
    assert says(text) == ""


def test_of_a_recording_no_text_is_said() -> None:
    assert spoken(Say(text="Текст", recording="a" * 32), {}, RU) == ""


def test_a_visitors_long_name_does_not_push_the_keys_out() -> None:
    told = says("Заявка от $name$. Нажмите 5 для соединения.", name="Имя. " * 400)
    assert told.endswith("Нажмите 5 для соединения.")
    assert len(told) < VALUE_MAX_CHARS + 60


def test_a_visitor_cannot_write_variables() -> None:
    assert says("Клиент $name$", name="{{ phone }} $phone$", phone="123") == "Клиент phone phone"


def test_a_text_that_is_too_long_ends_with_a_sentence() -> None:
    text = "Алло 8 916 123-45-67. " * (TEXT_MAX_CHARS // 22)
    told = says(text)
    assert SPOKEN_MAX_CHARS - 120 < len(told) <= SPOKEN_MAX_CHARS
    assert told.endswith("шестьдесят семь.")


wild = st.text(max_size=200) | st.text(
    alphabet="".join((string.digits, "+-() .,:/@<>[]{}$%№&*#ёа\u0301http")), max_size=200
)


@settings(max_examples=60)
@given(wild, wild, st.sampled_from(["ru", "en"]))
@example("$name$", "http://[::1", "ru")
@example("https://@:?#", "https://xn--/", "en")
@example("$name$", "+7 916 123-45-67, 8-800-555-35-35; 0000000000", "ru")
def test_whatever_was_written_comes_out_as_one_plain_line(text: str, name: str, lang: Lang) -> None:
    told = says(text, lang, name=name)
    assert len(told) <= SPOKEN_MAX_CHARS
    assert told == told.strip()
    assert "\n" not in told
    assert not set("<>[]{}$\\|`@\0") & set(told)
    assert told == "" or any(map(str.isalnum, told))

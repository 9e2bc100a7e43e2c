from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.phones import LOOKED_AT, MOST, Kind, Phone, WhyNot, find, is_only_phone, parse

TEXTS = json.loads((Path(__file__).parent / "phone_texts.json").read_text(encoding="utf-8"))


def numbers(text: str, region: str = "RU", also: tuple[str, ...] = ()) -> list[str]:
    return [phone.e164 for phone in find(text, region, also)]


def only(text: str, region: str = "RU", also: tuple[str, ...] = ()) -> Phone:
    (phone,) = find(text, region, also)
    return phone


def field(text: str, region: str = "RU", also: tuple[str, ...] = ()) -> Phone:
    phone = parse(text, region, also)
    assert isinstance(phone, Phone), phone
    return phone


def test_the_written_texts_give_what_their_writers_meant() -> None:
    found = false = 0
    for row in TEXTS:
        got, meant = numbers(row["text"]), row["meant"]
        found += len(set(got) & set(meant))
        false += len([number for number in got if number not in meant])
    assert (len(TEXTS), sum(len(row["meant"]) for row in TEXTS)) == (92, 61)
    assert found >= 60
    assert false <= 2


# Written after the rules and not for them.
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("8-926-111-22-34-8-926-111-22-35", ["+79261112234", "+79261112235"]),
        ("89261112233,89261112234 и 89261112235", ["+79261112233", "+79261112234", "+79261112235"]),
        ("ИНН 770708389312, р/с 40802810900000001234, тел. 8 926 111 22 33", ["+79261112233"]),
        ("на карту 4276 3800 1234 5678 или по номеру 89261112233", ["+79261112233"]),
        ("заказ №12345, 89261112233", ["+79261112233"]),
        ("заказ 12345 89261112233", ["+79261112233"]),
        ("мой № 89261112233", ["+79261112233"]),
        ("номер заказа 89261112233", []),
        ("заказ номер 9261112233", []),
        ("р/с 9261112233", []),
        ("8 8 926 111 22 33", []),
        ("+79261112233, 2 этаж", ["+79261112233"]),
        ("Мой id: 89261112233", []),
        ("AB89261112233", []),
        ("89261112233abc", []),
        ("89 261 112 233", []),
        ("9 261 112 233", []),
        ("телефон 9 261 112 233", ["+79261112233"]),
        ("9261112233 руб", []),
        ("user@89261112233.ru", []),
        ("@89261112233", []),
        ("https://shop.example/89261112233", []),
        ("www.89261112233.ru", []),
        ("мой сайт.рф/89261112233", []),
        ("t.me/+79261112233", ["+79261112233"]),
        ("viber://chat?number=%2B79261112233", ["+79261112233"]),
        ("https://api.whatsapp.com/send?phone=79261112233", ["+79261112233"]),
        ("wa.me/70000000000", []),
        ("+ 7 926 111 22 33", ["+79261112233"]),
        ("+8 (926) 111 22 33", ["+79261112233"]),
        ("2026 8 926 111 22 33", ["+79261112233"]),
        ("12.05.2026 9261112233", ["+79261112233"]),
        ("тел 4872 23-45-67", ["+74872234567"]),
        ("4872 23-45-67", []),
        ("(4872) 23-45-67", ["+74872234567"]),
        ("1234 926 111 22 33", []),
        ("998 90 123 45 67", ["+998901234567"]),
        ("00375291234567", ["+375291234567"]),
        ("8 067 123 45 67", ["+380671234567"]),
        ("8 044 123 45 67", []),
        ("8️⃣9️⃣2️⃣6️⃣1️⃣1️⃣1️⃣2️⃣2️⃣3️⃣3️⃣", ["+79261112233"]),
        ("٨٩٢٦١١١٢٢٣٣", ["+79261112233"]),
        ("+81 90 1234 5678", ["+819012345678"]),
        ("+84 90 123 45 67", ["+84901234567"]),
    ],
)
def test_habits_of_writing_are_understood(text: str, meant: list[str]) -> None:
    assert numbers(text) == meant


def test_an_extension_is_kept_and_belongs_to_the_span() -> None:
    for text, extension in [
        ("8-495-123-45-67 доб. 104", "104"),
        ("8-495-123-45-67, добавочный 12", "12"),
        ("8-495-123-45-67 (доб. 7)", "7"),
        ("8-495-123-45-67 ext. 104", "104"),
        ("8-495-123-45-67x104", "104"),
        ("8-495-123-45-67 #104", "104"),
        ("8-495-123-45-67", ""),
    ]:
        phone = only(text)
        assert (phone.extension, text[phone.start : phone.end]) == (extension, text)


@pytest.mark.parametrize(
    ("text", "kind", "region", "why_not"),
    [
        ("8 903 123-45-67", Kind.MOBILE, "RU", None),
        ("8 495 123-45-67", Kind.CITY, "RU", None),
        ("8 (48762) 2-34-56", Kind.CITY, "RU", None),
        ("8 800 555-35-35", Kind.TOLL_FREE, "RU", WhyNot.TOLL_FREE),
        ("8 804 333-20-30", Kind.TOLL_FREE, "RU", WhyNot.TOLL_FREE),
        ("8 803 100-20-30", Kind.PREMIUM, "RU", WhyNot.PREMIUM),
        ("8 809 555-35-36", Kind.PREMIUM, "RU", WhyNot.PREMIUM),
        ("8 808 100-20-30", Kind.PERSONAL, "RU", WhyNot.PERSONAL),
        ("8 701 123-45-67", Kind.MOBILE, "KZ", WhyNot.FOREIGN),
        ("+7 751 123-45-67", Kind.VOIP, "KZ", WhyNot.VOIP),
        ("+375 29 123-45-67", Kind.MOBILE, "BY", WhyNot.FOREIGN),
        ("+1 650 253 0000", Kind.CITY, "US", WhyNot.FOREIGN),
        ("+1 900 234 5678", Kind.PREMIUM, "US", WhyNot.PREMIUM),
    ],
)
def test_only_mobile_and_city_numbers_of_russia_are_dialled_unasked(
    text: str, kind: Kind, region: str, why_not: WhyNot | None
) -> None:
    phone = only(text)
    assert (phone.kind, phone.region, phone.why_not) == (kind, region, why_not)
    assert phone.dialable == (why_not is None)


def test_a_region_that_was_enabled_is_dialled_and_its_own_writing_understood() -> None:
    assert only("8 701 123-45-67", also=("KZ",)).dialable
    assert only("8 029 123-45-67", also=("BY",)).dialable
    assert only("8 044 123 45 67", also=("BY",)).e164 == "+375441234567"
    assert only("8 044 123 45 67", also=("UA",)).e164 == "+380441234567"
    assert numbers("звоните 90 123 45 67", also=("UZ",)) == ["+998901234567"]
    assert numbers("90 123 45 67", also=("UZ",)) == []


def test_another_main_region_reads_its_own_numbers() -> None:
    assert only("0151 23456789", "DE").e164 == "+4915123456789"
    assert only("тел. 90 123 45 67", "UZ").e164 == "+998901234567"
    assert numbers("90 123 45 67", "UZ") == []
    assert only("+7 903 123 45 67", "UZ").why_not is WhyNot.FOREIGN


@pytest.mark.parametrize(
    ("text", "confident"),
    [
        ("8 903 123 45 67", True),
        ("+7 903 123 45 67", True),
        ("wa.me/79031234567", True),
        ("+49 151 23456789", True),
        ("903 123 45 67", False),
        ("18 8903 123 45 67", False),
        ("8-9О3-123-45-67", False),
        ("+8 903 123 45 67", False),
        ("8 029 123 45 67", False),
    ],
)
def test_a_guess_is_marked_as_one(text: str, confident: bool) -> None:
    assert only(text).confident is confident


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("8 (903) 123-45-67", "+79031234567"),
        ("9031234567", "+79031234567"),
        ("4872234567", "+74872234567"),
        ("79031234567", "+79031234567"),
        ("9 031 234 567", "+79031234567"),
        ("заказ 89031234567", "+79031234567"),
        ("89031234567, 89161234567", "+79031234567"),
        ("998901234567", "+998901234567"),
        ("4915123456789", "+4915123456789"),
    ],
)
def test_a_field_for_a_phone_is_believed(text: str, e164: str) -> None:
    assert field(text).e164 == e164


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", WhyNot.EMPTY),
        ("нет телефона", WhyNot.EMPTY),
        ("123-45-67", WhyNot.TOO_SHORT),
        ("4276 1234 5678 9012", WhyNot.TOO_LONG),
        ("+7 999 999-99-99", WhyNot.MADE_UP),
        ("8 123 456-78-90", WhyNot.NO_SUCH_NUMBER),
    ],
)
def test_a_field_without_a_number_says_why(text: str, why: WhyNot) -> None:
    assert parse(text) is why


@pytest.mark.parametrize(
    "text",
    [
        "89031234567",
        "Здравствуйте! Мой номер 8 (903) 123-45-67, перезвоните, пожалуйста 🙏",
        "Hi, please call me back: +7 903 123 45 67. Thanks!",
        "Добрый день, позвоните по номеру 8 495 123-45-67 доб. 104",
        "вот мой телефон\n+79031234567\nспасибо заранее",
        "8 903 123 45 67 или 8 916 765 43 21",
        "wa.me/79031234567",
    ],
)
def test_a_number_with_polite_words_around_it_is_only_a_phone(text: str) -> None:
    assert is_only_phone(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "перезвоните мне пожалуйста",
        "89031234567 сколько стоит доставка?",
        "У меня сломался кран, 89031234567",
        "заказ №89031234567",
        "89031234567 после 18:00",
        "123-45-67",
        "+79031234567" + " " * 300,
    ],
)
def test_a_message_that_says_more_or_less_is_not_only_a_phone(text: str) -> None:
    assert not is_only_phone(text)


def test_the_polite_words_do_not_depend_on_how_letters_are_composed() -> None:
    assert is_only_phone("Добрыи\u0306 день, 89031234567")


def test_the_numbering_plans_are_not_loaded_with_the_module() -> None:
    code = "import sys, hub.phones as p; p.find('привет 123'); print('phonenumbers' in sys.modules)"
    root = Path(__file__).parents[2]
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=root, capture_output=True, text=True, check=True).stdout == (
        "False\n"
    )


def test_what_lies_beyond_the_limit_is_not_seen() -> None:
    number = "89031234567"
    assert numbers(" " * (LOOKED_AT - len(number)) + number)
    assert not numbers(" " * LOOKED_AT + number)


def test_a_text_full_of_numbers_gives_a_bounded_list() -> None:
    assert len(find("89031234567 " * 1000)) == MOST


@pytest.mark.parametrize(
    "unit",
    ["1 ", "9 ", "8 ", "+1 ", "+4 9 1 5 ", "8-9-0-3-", "тел 9 0 3 4 ", "a./", "1.", "+(", "(8"],
)
def test_a_hostile_text_costs_a_bounded_number_of_lookups(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    real = phonenumbers.parse

    def counted(number: str, region: str | None = None) -> phonenumbers.PhoneNumber:
        nonlocal asked
        asked += 1
        return real(number, region)

    monkeypatch.setattr(phonenumbers, "parse", counted)
    find(unit * 20_000)
    parse(unit * 20_000)
    assert asked <= 600


WILD = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.text("0123456789+-() .,/№#xОо_\n\u00a0\u2009\u200b\u0306٣８²", max_size=16),
        st.sampled_from([row["text"] for row in TEXTS]),
        st.sampled_from(
            ["тел ", "ИНН ", " руб", " доб. 12", "wa.me/", "@", "http://", "8", "+7 903 "]
        ),
    ),
    max_size=8,
).map("".join)


@settings(max_examples=400)
@given(
    WILD,
    st.sampled_from(["RU", "KZ", "BY", "UZ", "DE", "XX"]),
    st.sets(st.sampled_from(["BY", "UA", "UZ"])),
)
@example("8" * 20_000, "RU", set())
def test_any_text_gives_real_numbers_inside_it_and_no_error(
    text: str, region: str, also: set[str]
) -> None:
    phones = find(text, region, also)
    before = 0
    for phone in phones:
        assert before <= phone.start < phone.end <= min(len(text), LOOKED_AT)
        before = phone.end
        assert re.fullmatch(r"\+[1-9]\d{6,14}", phone.e164, re.ASCII)
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone.e164))
        assert re.fullmatch(r"\d{0,6}", phone.extension, re.ASCII)
        assert phone.dialable == (phone.why_not is None)
        if phone.dialable:
            assert phone.region in {region, *also}
            assert phone.kind in (Kind.MOBILE, Kind.CITY)
        again = field(phone.e164, region, tuple(also))
        assert (again.e164, again.kind, again.why_not) == (phone.e164, phone.kind, phone.why_not)
    assert isinstance(parse(text, region, also), Phone | WhyNot)
    assert not is_only_phone(text, region, also) or phones


MOBILE = st.integers(900_000_0000, 999_999_9999).map(str).filter(lambda n: len(set(n)) > 2)


@settings(max_examples=200)
@given(
    MOBILE,
    st.sampled_from(["8", "+7", "7", "8-", "+7 ", "8 ", "+7-"]),
    st.sampled_from(
        ["{0}{1}{2}{3}", "({0}) {1}-{2}-{3}", "{0} {1} {2} {3}", "{0}.{1}.{2}.{3}", "{0}-{1}{2}{3}"]
    ),
    st.sampled_from(["", "тел. ", "Позвоните: ", "Анна, ", "с 9 до 18, "]),
    st.sampled_from(["", ".", " спасибо", ", жду", "\nАнна"]),
)
def test_a_mobile_is_found_however_it_is_grouped(
    number: str, prefix: str, grouping: str, before: str, after: str
) -> None:
    written = prefix + grouping.format(number[:3], number[3:6], number[6:8], number[8:])
    text = f"{before}{written}{after}"
    phone = only(text)
    assert phone.e164 == f"+7{number}"
    assert text[phone.start : phone.end] == written
    assert phone.dialable
    assert phone.confident

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from hub.statuses import Status, label
from hub.texts import Lang, Sentence, catalogue, plural, text

ROOT = Path(__file__).resolve().parents[2]
LANGS: tuple[Lang, ...] = ("ru", "en")
FORMS = {"ru": {"one", "few", "many", "other"}, "en": {"one", "other"}}


def forms(sentence: Sentence) -> list[str]:
    return [sentence] if isinstance(sentence, str) else list(sentence.values())


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name is not None}


def test_both_languages_have_the_same_sentences() -> None:
    assert catalogue("ru").keys() == catalogue("en").keys()


@pytest.mark.parametrize("lang", LANGS)
def test_every_plural_has_all_the_forms_of_its_language(lang: Lang) -> None:
    plurals = {key: set(one) for key, one in catalogue(lang).items() if not isinstance(one, str)}
    assert plurals
    assert all(given == FORMS[lang] for given in plurals.values()), plurals


def test_a_sentence_is_plural_in_both_languages_or_in_none() -> None:
    ru, en = catalogue("ru"), catalogue("en")
    assert [key for key in ru if isinstance(ru[key], str) != isinstance(en[key], str)] == []


def test_every_form_of_a_sentence_takes_the_same_values() -> None:
    for key in catalogue("ru"):
        taken = [placeholders(form) for lang in LANGS for form in forms(catalogue(lang)[key])]
        assert all(one == taken[0] for one in taken), key


@pytest.mark.parametrize("lang", LANGS)
def test_nothing_is_empty_or_shouts(lang: Lang) -> None:
    for key, sentence in catalogue(lang).items():
        for form in forms(sentence):
            assert form.strip() == form != "", key
            assert "!" not in form, key


@pytest.mark.parametrize("lang", LANGS)
def test_no_line_of_a_screen_ends_with_a_full_stop(lang: Lang) -> None:
    """Besides what is spoken and what a link or a button follows as the next sentence."""
    ended = {
        key
        for key, sentence in catalogue(lang).items()
        if key.startswith(("admin.", "channel.", "inbox."))
        for form in forms(sentence)
        if form.endswith(".") and not form.endswith("..")
    }
    assert ended == {
        "admin.looks.color.faint",
        "admin.script.unsaid.phrase",
        "admin.texting.no_channel",
        "admin.year.missing",
    }


def test_russian_sentences_are_russian() -> None:
    names = {
        "MobileDirect",
        "Email",
        "Viber",
        "WhatsApp",
        "Telegram",
        "Facebook",
        "MAX",
        "Asterisk",
    }
    names |= {"Google Analytics", "Tilda", "WordPress", "config.toml", "dataLayer", "English"}
    foreign = [
        key
        for key, sentence in catalogue("ru").items()
        for form in forms(sentence)
        if not re.search("[а-яё]", form, re.IGNORECASE) and form not in names
    ]
    assert foreign == []


def test_the_labels_of_statuses_are_those_of_the_table() -> None:
    for lang in LANGS:
        for status in Status:
            assert text(lang, f"status.{status}") == label(status, lang)


def test_every_key_that_the_program_names_exists() -> None:
    program = [path for folder in ("hub", "bots", "web", "telephony") for path in python(folder)]
    named = {
        key
        for path in program
        for key in re.findall(r"""\btext\(\s*[\w.]+,\s*["']([\w.]+)["']""", path.read_text())
    }
    assert named - catalogue("ru").keys() == set()


def python(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts]


def test_every_sentence_of_the_screens_is_used_by_them() -> None:
    source = "".join(
        path.read_text() for path in (ROOT / "web/frontend/src").rglob("*.ts*") if path.is_file()
    ).replace("widget.js", "")
    # A key may be named whole or made of a fixed beginning and a value: `inbox.state.${state}`.
    whole = set(re.findall(r"""["'`]((?:admin|inbox|widget)\.[\w.]+)["'`]""", source))
    begun = tuple(re.findall(r"`((?:admin|inbox|widget)\.[\w.]*)\$\{", source))
    unused = [
        key
        for key in catalogue("ru")
        if key.startswith(("admin.", "inbox.", "widget."))
        and key not in whole
        and not key.startswith(begun)
    ]
    assert unused == []
    assert whole - catalogue("ru").keys() == set()


@pytest.mark.parametrize(
    ("form", "numbers"),
    [
        ("one", (1, 21, 101, 1001)),
        ("few", (2, 3, 4, 22, 104)),
        ("many", (0, 5, 11, 12, 14, 20, 25, 111, 112)),
    ],
)
def test_a_russian_number_chooses_its_form(form: str, numbers: tuple[int, ...]) -> None:
    assert {plural("ru", n) for n in numbers} == {form}


def test_a_number_that_is_not_whole_takes_the_other_form() -> None:
    assert plural("ru", 1.5) == plural("en", 1.5) == "other"


def test_values_are_put_into_the_form_of_their_number() -> None:
    assert text("ru", "inbox.new_below", n=3) == "3 новых сообщения"
    assert text("en", "inbox.new_below", n=1) == "1 new message"
    assert text("en", "inbox.new_below", n=7) == "7 new messages"


def test_a_missing_value_is_told_not_shown() -> None:
    with pytest.raises(KeyError):
        text("ru", "inbox.waits")


def test_an_unknown_sentence_is_told_not_shown() -> None:
    with pytest.raises(KeyError):
        text("ru", "inbox.nothing_of_the_kind")

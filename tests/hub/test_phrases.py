"""Texts with blanks are filled in, whatever is written in them and whatever the names hold."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.legible import legible
from hub.phrases import RESULT_MAX, TEMPLATE_MAX, PhraseError, check, render

WORDS = {
    "name": "Анна",
    "form_name": "Тест-драйв",
    "utm.source": "yandex",
    "empty": "",
    "x": "xyz",
}

PIECES = st.sampled_from(
    [
        *("{{", "}}", "{%", "%}", "{#", "#}", "$", "$$", "{", "-", "|", ".", "(", ")", "'", '"'),
        *(" ", "\n", "\0", "\\", "\ud800", "\u202e", "5$ и 7$", "[0]", "~", "**", "*", "+", "10"),
        *("name", "x", "empty", "utm.source", "self", "loop", "__class__", "range(9)", "9" * 99),
        *("upper", "default('a')", "truncate(2)", "truncate(0)", "replace('a', 'b')", "attr('x')"),
        *("if ", "elif x", "else", "endif", "for a in x", "endfor", "set a = 1", "raw", "endraw"),
        *(" and ", " or ", " not ", " in ", " == ", " is defined", "none", "true", "lipsum", "'"),
        *("{{ x }}", "{{ name|upper }}", "{% if x %}", "{% endif %}", "$name$", "$utm.source$"),
    ]
)
WILD = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)
NAMES = st.dictionaries(
    st.sampled_from([*WORDS, "self", "loop", "__class__"]), st.text(max_size=40), max_size=5
)


@given(WILD, NAMES)
@example("{{ x in name }}{% if x in (name if y) %}{% endif %}", {})
@example("{{ '" + "\\ud800" + "' }}", {})
@example("{{ " + "(" * 1_900 + "x" + ")" * 1_900 + " }}", {"x": "1"})
@example("{% if x %}" * 200 + "{% endif %}" * 200, {"x": "1"})
@example("{% if x %}" * 110 + "{% endif %}" * 110, {"x": "1"})
@example("{{ " + "not " * 900 + "x }}", {"x": "1"})
@example("{{ 0x" + "f" * 3_900 + " }}", {})
@settings(max_examples=300)
def test_a_template_never_raises_when_it_is_filled_in_and_stays_within_its_size(
    template: str, names: dict[str, str]
) -> None:
    said = render(template, names)
    assert len(said) <= RESULT_MAX
    assert said == legible(said), "every store can keep it"


@given(WILD)
@settings(max_examples=200)
def test_what_may_be_saved_is_what_can_be_read(template: str) -> None:
    try:
        names = check(template, ())
    except PhraseError:
        return
    # Whatever a name would bring stands in the text only where the name was told of.
    told = render(template, dict.fromkeys(names, ""))
    assert render(template, {"": "СЛЕД", "n0": "СЛЕД", **dict.fromkeys(names, "")}) == told


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Здравствуйте, {{ name }}", "Здравствуйте, Анна"),
        ("Заявка с VK по объекту $form_name$", "Заявка с VK по объекту Тест-драйв"),
        ("{{ utm.source }} и $utm.source$", "yandex и yandex"),
        ("{$name$}", "{Анна}"),
        ("Здравствуйте{% if empty %}, {{ empty }}{% endif %}.", "Здравствуйте."),
        ("{{ empty or name }}", "Анна"),
        ("{{ nobody|default('клиент') }}", "клиент"),
        ("{{ name|upper }} {{ name|truncate(3) }}", "АННА Ан…"),
        ("{% if x == 'xyz' %}да{% elif name %}нет{% endif %}", "да"),
        ("{{ 'да' if 'нн' in name }}{{ 'нет' if not name }}", "да"),
        ("{# note #}{{ name -}}  .", "Анна."),
        ("one\n", "one\n"),
        ("{{ self }}{{ n0 }}{{ loop }}", ""),
    ],
)
def test_blanks_are_filled_in(template: str, said: str) -> None:
    assert render(template, WORDS) == said


@pytest.mark.parametrize(
    "prose",
    [
        "5$ и 7$",
        "от $5 до $7",
        "5$и7$",
        "цена 5$name$7",
        "$",
        "$$",
        "$ name $",
        "в $, в € и в ¥, $.",
        "100% {скидка} } %",
    ],
)
def test_prices_and_braces_of_plain_prose_survive(prose: str) -> None:
    assert check(prose, ()) == ()
    assert render(prose, WORDS) == prose


def test_an_unknown_name_is_told_of_when_saving_and_empty_when_said() -> None:
    template = "$clinet$: {{ name }} {{ utm.medium if x }} {{ clinet }}"
    assert check(template, WORDS) == ("clinet", "utm.medium")
    assert render(template, WORDS) == ": Анна  "


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in x %}{{ a }}{% endfor %}",
        "{% set a = x %}",
        "{% macro a() %}{% endmacro %}",
        "{% include 'a' %}",
        "{% filter upper %}a{% endfilter %}",
        "{{ range(9) }}",
        "{{ x.upper() }}",
        "{{ x['a'] }}",
        "{{ 'a'.__class__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ x|format(1) }}",
        "{{ x|truncate(999999999) }}",
        "{{ x|truncate(length=2) }}",
        "{{ x|default(*x) }}",
        "{{ 'a' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ x ~ x }}",
        "{{ x is defined }}",
        "{{ x == x }}",
        "{{ not x }}",
        "{{ x < x if x }}",
        "{{ [x] }}",
        "{{ 5 }}",
        "{{ '\\x41' }}",
        "{{ x",
        "{% if x %}",
        "x" * (TEMPLATE_MAX + 1),
    ],
)
def test_what_is_not_of_the_language_is_refused_when_saving(template: str) -> None:
    with pytest.raises(PhraseError):
        check(template, WORDS)
    assert render(template, WORDS) == template[:RESULT_MAX]


def test_a_text_made_to_grow_stops_at_its_limit() -> None:
    template = "{{ x|upper|lower }}" * (TEMPLATE_MAX // 19)
    assert len(render(template, {"x": "ΐ" * 1_000_000})) == RESULT_MAX

"""What a site must know before the first message, however the visitor's frames come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sites import Field, Prechat, unanswered
from tests.web.asking import arrange, asks, row_of
from tests.web.house import House, Visitor

NAME: dict[str, Any] = {"name": "name", "required": True}
CITY: dict[str, Any] = {
    "name": "city",
    "kind": "select",
    "options": ["Казань", "Омск"],
    "required": True,
}


async def asking(house: House, *fields: dict[str, Any], enabled: bool = True) -> None:
    await arrange(house, prechat={"enabled": enabled, "fields": fields})


async def refused(visitor: Visitor, text: str = "Здравствуйте") -> tuple[str, str, bool]:
    told = await visitor.write(text)
    assert told["t"] == "error", told
    return told["code"], told["field"], told["again"]


async def test_a_first_message_without_the_answers_is_refused_and_leaves_nothing(
    house: House,
) -> None:
    await asking(house, NAME, CITY, {"name": "topic"})
    visitor = await house.visitor()
    assert await refused(visitor) == ("unanswered", "name", False)
    await visitor.socket.say(t="fields", fields={"name": "  "})
    assert await refused(visitor) == ("unanswered", "name", False)
    await visitor.socket.say(t="fields", fields={"name": "Анна", "city": "Париж"})
    assert await refused(visitor) == ("unanswered", "city", False)
    assert await row_of(house, visitor) is None
    await visitor.socket.say(t="fields", fields={"city": "Омск"})
    assert (await visitor.write("Здравствуйте", key="key-00000001"))["t"] == "ok"
    row = await row_of(house, visitor)
    assert row is not None
    assert (row.name, row.fields["city"]) == ("Анна", "Омск")


@pytest.mark.parametrize("ask", ["tap", "page"])
async def test_nothing_else_that_a_visitor_does_stands_for_the_answers(
    house: House, ask: str
) -> None:
    await asking(house, NAME)
    await arrange(house, phone="+79120000000")
    visitor = await house.visitor()
    if ask == "tap":
        assert (await asks(visitor, "tap"))["t"] == "ok"
    else:
        await visitor.socket.say(t="page", page="https://shop.example/", title="Окна")
    assert await refused(visitor) == ("unanswered", "name", False)
    other = await house.visitor(key=visitor.key)
    assert await refused(other) == ("unanswered", "name", False)


async def test_who_has_written_before_the_question_was_thought_of_goes_on_writing(
    house: House,
) -> None:
    visitor = await house.visitor()
    assert (await visitor.write("Раз"))["t"] == "ok"
    await asking(house, NAME)
    assert (await visitor.write("Два"))["t"] == "ok"
    again = await house.visitor(key=visitor.key, after_seq=2**40)
    again.sent = 10
    assert (await again.write("Три"))["t"] == "ok"


async def test_answers_told_with_the_hello_are_heard_before_what_waited_in_the_queue(
    house: House,
) -> None:
    await asking(house, NAME)
    visitor = await house.visitor(fields={"name": "Анна"})
    assert (await visitor.write("Ждало связи"))["t"] == "ok"


async def test_answers_count_beside_all_that_the_site_itself_tells(house: House) -> None:
    await asking(house, NAME)
    visitor = await house.visitor(fields={f"own{n}": "x" for n in range(20)})
    assert await refused(visitor) == ("unanswered", "name", False)
    await visitor.socket.say(t="fields", fields={"name": "Анна"})
    assert (await visitor.write("Вот и я", key="key-00000001"))["t"] == "ok"


async def test_a_form_that_is_off_or_asks_what_one_may_leave_out_refuses_nobody(
    house: House,
) -> None:
    await asking(house, NAME, enabled=False)
    assert (await (await house.visitor()).write("Раз"))["t"] == "ok"
    await asking(house, {"name": "name"})
    assert (await (await house.visitor()).write("Два"))["t"] == "ok"


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        ("text", "city", "Ом", " "),
        ("phone", "phone", "+44 20 7946 0958", "12-34"),
        ("email", "email", "anna@example.com", "anna@example"),
    ],
)
def test_an_answer_is_asked_for_no_more_than_the_form_asks(
    kind: Any, name: str, good: str, bad: str
) -> None:
    prechat = Prechat(enabled=True, fields=(Field(name=name, kind=kind, required=True),))
    assert unanswered(prechat, {name: good}) == ""
    assert unanswered(prechat, {name: bad}) == name


@given(st.dictionaries(st.sampled_from(["name", "city", "phone", "email"]), st.text(max_size=40)))
def test_whatever_is_told_names_a_question_or_none(told: dict[str, str]) -> None:
    fields = (
        Field(name="name", required=True),
        Field(name="city", kind="select", options=("Омск",), required=True),
        Field(name="phone", kind="phone"),
        Field(name="email", kind="email", required=True),
    )
    assert unanswered(Prechat(enabled=True, fields=fields), told) in ("", "name", "city", "email")

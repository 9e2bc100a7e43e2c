"""`find` and `count` against the simplest thing that could be right: a sorted list."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import BadValueError
from hub.store.engine import Engine, Index, Insert, Range, Value, cursor, plain, plan
from hub.store.schema import BY_AWAITS, BY_LIFE, BY_OWNER, EPISODES, LEADS_DUE, LOG
from tests.store.samples import (
    CARDS,
    CARDS_BY_LIFE,
    CARDS_BY_OWNER,
    CARDS_DUE,
    CARDS_NUMBERED,
    CARDS_TAGGED,
    Card,
    at,
)

Opening = Callable[..., AbstractAsyncContextManager[Engine]]

projects = (f"p{n}" for n in count())
moments = st.integers(0, 4).map(at)
owners = st.sampled_from(["ann", "Яна", "ё", "👍", None])
tags = st.sampled_from(["окно", "дверь", 'a"\\b', "👍", ""])
names = st.text(st.sampled_from("aZ9я👍\uffff :"), min_size=1, max_size=4)


@pytest.fixture
async def cards(opened: Opening) -> AsyncIterator[Engine]:
    async with opened([CARDS]) as engine:
        yield engine


@st.composite
def decks(draw: st.DrawFn) -> list[dict[str, Any]]:
    ids = draw(st.lists(names, max_size=12, unique=True))
    return [
        {
            "id": id,
            "n": n,
            "owner": draw(owners),
            "open": draw(st.booleans()),
            "at": draw(moments),
            "due_at": draw(moments | st.none()),
            "tags": tuple(draw(st.lists(tags, max_size=3))),
        }
        for n, id in enumerate(ids)
    ]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """What to ask of `find`: the index, its prefix, a range, and how to page."""
    index, given_fields, ordering = draw(
        st.sampled_from(
            list[tuple[Index[Card], tuple[str, ...], str]](
                [
                    (CARDS_BY_OWNER, ("owner",), "at"),
                    (CARDS_BY_LIFE, ("open",), "at"),
                    (CARDS_BY_LIFE, (), "open"),
                    (CARDS_DUE, (), "due_at"),
                    (CARDS_NUMBERED, (), "n"),
                    (CARDS_NUMBERED, ("n",), ""),
                    (CARDS_TAGGED, ("tags",), "at"),
                ]
            )
        )
    )
    choices: dict[str, st.SearchStrategy[Value]] = {
        "owner": owners,
        "open": st.booleans(),
        "n": st.integers(0, 11),
        "tags": tags,
        "at": moments,
        "due_at": moments,
    }
    asked: dict[str, Any] = {
        "index": index,
        "equal": {name: draw(choices[name]) for name in given_fields},
        "descending": draw(st.booleans()),
        "limit": draw(st.integers(1, 5)),
        "budget": draw(st.integers(1, 8)),
    }
    merging = draw(st.booleans())
    if given_fields and merging and not index.each:
        name = given_fields[-1]
        del asked["equal"][name]
        asked["one_of"] = (name, draw(st.lists(choices[name], max_size=3)))
    if ordering and ordering != "open" and draw(st.booleans()):
        limit = st.none() | choices[ordering]
        asked["range"] = Range(ordering, draw(limit), draw(limit), draw(limit))
    return asked


def expected(deck: list[Card], asked: dict[str, Any]) -> list[Card]:
    index: Index[Card] = asked["index"]
    field, values = asked.get("one_of") or ("id", None)
    span: Range = asked.get("range") or Range("n")

    def met(card: Card) -> bool:
        here = getattr(card, span.field)
        return (
            all(
                value in card.tags if name == index.each else getattr(card, name) == value
                for name, value in asked["equal"].items()
            )
            and (values is None or getattr(card, field) in values)
            and (not index.present or getattr(card, index.present) is not None)
            and (span.at_least is None or here >= span.at_least)
            and (span.below is None or here < span.below)
            and (span.at_most is None or here <= span.at_most)
        )

    fixed = {*asked["equal"], *([field] if values is not None else [])}
    order = [name for name in index.fields if name not in fixed]

    def key(card: Card) -> tuple[Any, ...]:
        return (*(plain(getattr(card, name)) for name in order), card.id)

    return sorted(filter(met, deck), key=key, reverse=asked["descending"])


@given(fields=decks(), asked=questions(), picky=st.booleans())
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_pages_put_together_are_the_sorted_list(
    cards: Engine, fields: list[dict[str, Any]], asked: dict[str, Any], picky: bool
) -> None:
    project = next(projects)
    deck = [Card(**(each | {"id": f"{each['id']} {project}"}), project=project) for each in fields]
    for card in deck:
        await cards.write(Insert(card))
    asked = asked | {"equal": {"project": project} | asked["equal"]}
    wanted = expected(deck, asked)

    where: Callable[[Card], bool] | None = (lambda card: card.n % 3 == 0) if picky else None
    got: list[Card] = []
    after: str | None = None
    looked = 0
    for _ in range(len(deck) + 2):
        page = await cards.find(**asked, where=where, after=after)
        assert len(page.items) <= asked["limit"]
        assert page.looked <= asked["budget"]
        got += page.items
        looked += page.looked
        after = page.next
        if after is None:
            break
    assert after is None
    assert got == [card for card in wanted if where is None or where(card)]
    assert looked == len(wanted)
    if "one_of" not in asked:
        total = await cards.count(asked["index"], asked["equal"], range=asked.get("range"))
        assert total == len(wanted)
        capped = await cards.count(asked["index"], asked["equal"], range=asked.get("range"), cap=2)
        assert capped == min(len(wanted), 2)


@given(fields=decks(), asked=questions(), also=st.lists(tags, max_size=2))
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_keys_put_together_are_where_the_sorted_list_stands(
    cards: Engine, fields: list[dict[str, Any]], asked: dict[str, Any], also: list[str]
) -> None:
    project = next(projects)
    deck = [Card(**(each | {"id": f"{each['id']} {project}"}), project=project) for each in fields]
    for card in deck:
        await cards.write(Insert(card))
    index: Index[Card] = asked["index"]
    field, values = asked.pop("one_of", None) or ("", ())
    if field:
        asked["equal"][field] = values[0] if values else None
    asked = asked | {"equal": {"project": project} | asked["equal"]}
    also = also if index.each else []
    order = [name for name in index.fields if name not in asked["equal"]]
    wanted = [
        (*(plain(getattr(card, name)) for name in order), card.id)
        for card in expected(deck, asked)
        if set(also) <= set(card.tags)
    ]

    got: list[tuple[Any, ...]] = []
    after: str | None = None
    for _ in range(len(deck) + 2):
        page = await cards.keys(**asked, also=also, after=after)
        assert len(page.items) <= asked["limit"]
        got += page.items
        after = page.next
        if after is None:
            break
        assert page.last is not None
        assert after == cursor(page.last)
    assert after is None
    assert got == wanted


async def test_keys_are_looked_at_no_further_than_the_budget(cards: Engine) -> None:
    for n in range(20):
        tags = ("окно", "дверь") if n == 0 else ("окно",)
        await cards.write(Insert(Card(id=f"c{n:02}", project="p", n=n, at=at(n), tags=tags)))
    asked: dict[str, Any] = {"index": CARDS_TAGGED, "equal": {"project": "p", "tags": "окно"}}
    short = await cards.keys(**asked, also=["дверь"], descending=True, budget=7)
    assert (short.items, short.looked, short.last) == ([], 7, (plain(at(13)), "c13"))
    found = await cards.keys(**asked, also=["дверь"], descending=True, after=short.next)
    assert (found.items, found.next) == ([(plain(at(0)), "c00")], None)


async def test_a_page_is_one_walk_over_no_more_than_it_needs(cards: Engine) -> None:
    for n in range(20):
        await cards.write(Insert(Card(id=f"c{n:02}", project="p", n=n, at=at(n // 4))))
    page = await cards.find(CARDS_BY_LIFE, {"project": "p", "open": False}, limit=5)
    assert (len(page.items), page.looked) == (5, 5)
    nothing = await cards.find(
        CARDS_BY_LIFE, {"project": "p", "open": False}, where=lambda _: False, budget=7
    )
    assert (nothing.items, nothing.looked) == ([], 7)
    rest = await cards.find(
        CARDS_BY_LIFE, {"project": "p", "open": False}, after=nothing.next, limit=50
    )
    assert [card.n for card in rest.items] == list(range(7, 20))
    assert rest.next is None


async def test_merged_walks_pass_over_nothing_that_comes_first(cards: Engine) -> None:
    for n in range(10):
        await cards.write(
            Insert(Card(id=f"a{n}", project="p", owner="ann", n=n, at=at(n))),
            Insert(Card(id=f"b{n}", project="p", owner="bob", n=20 + n, at=at(20 + n))),
        )
    page = await cards.find(
        CARDS_BY_OWNER,
        {"project": "p"},
        one_of=("owner", ["bob", "ann"]),
        where=lambda card: card.n >= 8,
        limit=3,
    )
    assert [card.id for card in page.items] == ["a8", "a9", "b0"]


async def test_a_document_stands_under_the_tags_it_has_now(cards: Engine) -> None:
    async def under(tag: str) -> list[str]:
        page = await cards.find(CARDS_TAGGED, {"project": "p", "tags": tag}, descending=True)
        return [card.id for card in page.items]

    for n, tagged in enumerate((("a", "b"), ("b", "b"), ())):
        await cards.write(Insert(Card(id=f"c{n}", project="p", n=n, at=at(n), tags=tagged)))
    assert (await under("a"), await under("b")) == (["c0"], ["c1", "c0"])

    await cards.change(Card, "c0", lambda card: replace(card, tags=("c",), at=at(9)))
    await cards.change(Card, "c2", lambda card: replace(card, tags=("b", "c")))
    assert (await under("a"), await under("b"), await under("c")) == (
        [],
        ["c2", "c1"],
        ["c0", "c2"],
    )
    await cards.delete_if(Card, "c2", lambda _: True)
    assert (await under("b"), await under("c")) == (["c1"], ["c0"])
    assert await cards.count(CARDS_TAGGED, {"project": "p", "tags": "b"}) == 1


async def test_no_walk_meets_a_document_under_several_of_its_tags(cards: Engine) -> None:
    with pytest.raises(ValueError, match="must fix one of tags"):
        await cards.find(CARDS_TAGGED, {"project": "p"})
    with pytest.raises(ValueError, match="under each of tags"):
        await cards.find(CARDS_TAGGED, {"project": "p"}, one_of=("tags", ["a", "b"]))


async def test_none_of_no_values_is_nothing(cards: Engine) -> None:
    page = await cards.find(CARDS_BY_OWNER, {"project": "p"}, one_of=("owner", []))
    assert (page.items, page.next, page.looked) == ([], None, 0)


@pytest.mark.parametrize(
    ("index", "equal", "span"),
    [
        (BY_LIFE, {"open": True}, None),
        (BY_LIFE, {"project": "p", "last_at": at(0)}, None),
        (BY_LIFE, {"project": "p", "name": "x"}, None),
        (BY_LIFE, {"project": "p"}, Range("last_at")),
        (BY_LIFE, {"project": "p", "open": True, "last_at": at(0)}, Range("last_at")),
        (EPISODES, {"project": "p"}, Range("n")),
        (LOG, {"seq": 1}, None),
    ],
)
def test_what_is_not_a_prefix_of_the_index_is_refused(
    index: Index[Any], equal: dict[str, Value], span: Range | None
) -> None:
    with pytest.raises(ValueError, match=index.name):
        plan(index, equal, span, descending=False, after=None)


async def test_an_order_that_none_would_break_is_refused(cards: Engine) -> None:
    with pytest.raises(ValueError, match="in the order of owner"):
        await cards.find(CARDS_BY_OWNER, {"project": "p"})
    assert (await cards.find(CARDS_DUE, {"project": "p"})).items == []
    assert plan(BY_AWAITS, {"project": "p"}, None, descending=False, after=None).order
    assert plan(BY_OWNER, {"project": "p"}, None, descending=False, after=None).order


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "ё",
        "!!!!",
        urlsafe_b64encode(b"{}").decode(),
        urlsafe_b64encode(b"[]").decode(),
        urlsafe_b64encode(b'["x"]').decode(),
        urlsafe_b64encode(b"[1, 2]").decode(),
        urlsafe_b64encode(b'["1", "x"]').decode(),
        urlsafe_b64encode(b'[true, "x"]').decode(),
        urlsafe_b64encode(b'[null, "x"]').decode(),
        urlsafe_b64encode(b'[1, "x", "y"]').decode(),
        urlsafe_b64encode(b'[1180591620717411303424, "x"]').decode(),
        urlsafe_b64encode(b'[-999999999999999999, "x"]').decode(),
    ],
)
def test_a_cursor_of_another_making_is_refused(cursor: str) -> None:
    with pytest.raises(BadValueError) as refusal:
        plan(LEADS_DUE, {"project": "p", "live": True}, None, descending=False, after=cursor)
    assert refusal.value.field == "after"


@given(cursor=st.text(max_size=60))
def test_no_cursor_is_met_with_anything_but_a_refusal(cursor: str) -> None:
    walks: list[tuple[Index[Any], dict[str, Value]]] = [
        (LOG, {"dialog": "d"}),
        (BY_LIFE, {"project": "p"}),
    ]
    for index, equal in walks:
        try:
            plan(index, equal, None, descending=False, after=cursor)
        except BadValueError:
            continue


async def test_a_number_that_no_store_can_hold_is_refused_as_a_cursor(cards: Engine) -> None:
    forged = urlsafe_b64encode(b'[9223372036854775808, "x"]').decode()
    with pytest.raises(BadValueError):
        await cards.find(CARDS_NUMBERED, {"project": "p"}, after=forged)
    extreme = urlsafe_b64encode(b'[9223372036854775807, "x"]').decode()
    assert (await cards.find(CARDS_NUMBERED, {"project": "p"}, after=extreme)).items == []

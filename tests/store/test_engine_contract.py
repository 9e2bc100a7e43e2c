"""What both engines promise, and the domain relies on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import NotFoundError, RefusedError, UnavailableError
from hub.model import Awaits, Dialog, Document, Entry, Lock, OperatorId
from hub.store.engine import (
    AbsentError,
    Collection,
    Engine,
    Insert,
    MovedError,
    Replace,
    TakenError,
    Value,
)
from hub.store.schema import BY_OWNER, BY_TYPE, COLLECTIONS, LOG
from tests.store.drawn import values
from tests.store.samples import at, dialog, entry

Opening = Callable[..., AbstractAsyncContextManager[Engine]]
replace = msgspec.structs.replace


async def test_what_was_inserted_is_there(engine: Engine) -> None:
    await engine.write(Insert(entry("m:1", 1)))
    assert await engine.get(Entry, "m:1") == entry("m:1", 1)
    assert await engine.get(Entry, "m:2") is None


async def test_an_id_is_taken_for_ever(engine: Engine) -> None:
    await engine.write(Insert(entry("m:1", 1)))
    with pytest.raises(TakenError) as refusal:
        await engine.write(Insert(entry("m:1", 2, text="again")))
    assert (refusal.value.index, refusal.value.step) == ("_id", 0)
    assert await engine.get(Entry, "m:1") == entry("m:1", 1)


async def test_a_place_in_a_log_is_taken_for_ever(engine: Engine) -> None:
    await engine.write(Insert(entry("m:1", 1)))
    with pytest.raises(TakenError) as refusal:
        await engine.write(Insert(entry("m:2", 1)))
    assert (refusal.value.index, refusal.value.step) == ("log", 0)
    assert await engine.get(Entry, "m:2") is None


async def test_of_many_who_want_one_place_one_gets_it(engine: Engine) -> None:
    wanting = [engine.write(Insert(entry(f"m:{n}", 1))) for n in range(20)]
    answers = await asyncio.gather(*wanting, return_exceptions=True)
    assert answers.count(None) == 1
    assert sum(isinstance(each, TakenError) for each in answers) == 19
    assert await engine.count(LOG, {"dialog": "site:1:1"}) == 1


async def test_a_replaced_document_has_the_next_rev(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    await engine.write(Replace(dialog(name="Вера")))
    assert await engine.get(Dialog, "site:1:1") == dialog(name="Вера", rev=1)
    assert await engine.known(Dialog, "site:1:1") == dialog(name="Вера", rev=1)


async def test_a_document_that_moved_is_not_replaced(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    await engine.write(Replace(dialog(name="first")))
    with pytest.raises(MovedError) as refusal:
        await engine.write(Replace(dialog(name="second")))
    assert refusal.value.step == 0
    assert await engine.get(Dialog, "site:1:1") == dialog(name="first", rev=1)


async def test_an_absent_document_cannot_be_replaced_or_changed(engine: Engine) -> None:
    with pytest.raises(MovedError):
        await engine.write(Replace(dialog()))
    with pytest.raises(AbsentError):
        await engine.change(Dialog, "site:1:1", lambda doc: doc)
    with pytest.raises(NotFoundError):
        await engine.known(Dialog, "site:1:1")
    assert await engine.get(Dialog, "site:1:1") is None


async def test_steps_are_carried_out_in_order(engine: Engine) -> None:
    await engine.write(Insert(entry("m:1", 1)), Insert(dialog(seq=1)), Replace(dialog(seq=2)))
    assert await engine.get(Entry, "m:1") == entry("m:1", 1)
    assert await engine.get(Dialog, "site:1:1") == dialog(seq=2, rev=1)


async def test_of_inserts_that_come_together_the_first_refused_is_named(
    engine: Engine, engine_url: str
) -> None:
    await engine.write(Insert(entry("m:0", 1)))
    many = [Insert(dialog()), *(Insert(entry(f"m:{n}", n)) for n in (2, 3, 1, 4))]
    with pytest.raises(TakenError) as refusal:
        await engine.write(*many)
    assert (refusal.value.index, refusal.value.step) == ("log", 3)
    with pytest.raises(TakenError) as refusal:
        await engine.write(Insert(entry("m:5", 5)), Insert(entry("m:0", 6)))
    assert (refusal.value.index, refusal.value.step) == ("_id", 1)
    there = await engine.get_many(Entry, [f"m:{n}" for n in range(7)])
    assert sorted(there) == (["m:0", "m:2", "m:3", "m:5"] if engine_url else ["m:0"])


async def test_a_refusal_leaves_the_steps_before_it_or_nothing(
    engine: Engine, engine_url: str
) -> None:
    await engine.write(Insert(dialog(rev=5)))
    with pytest.raises(MovedError) as refusal:
        await engine.write(Insert(entry("m:1", 1)), Replace(dialog(rev=4)), Insert(entry("m:2", 2)))
    assert refusal.value.step == 1
    assert (await engine.get(Entry, "m:1") is not None) == bool(engine_url)
    assert await engine.get(Entry, "m:2") is None
    assert await engine.get(Dialog, "site:1:1") == dialog(rev=5)


async def test_one_refusal_does_not_touch_its_neighbours(engine: Engine) -> None:
    await engine.write(Insert(dialog(rev=5)))
    wanting = [
        engine.write(Insert(entry(f"m:{n}", n)), Replace(dialog(rev=4 if n % 2 else 5 + n // 2)))
        for n in range(8)
    ]
    answers = await asyncio.gather(*wanting, return_exceptions=True)
    assert all(isinstance(each, MovedError) for each in answers[1::2])
    kept = [n for n, answer in enumerate(answers) if answer is None]
    assert kept
    row = await engine.get(Dialog, "site:1:1")
    assert row is not None
    assert row.rev == 5 + len(kept)
    assert all([await engine.get(Entry, f"m:{n}") for n in kept])


async def test_no_change_is_lost_when_twenty_count(engine: Engine, opened: Opening) -> None:
    await engine.write(Insert(Lock(id="n", value="0")))

    async def count(by: Engine) -> None:
        for _ in range(5):
            await by.change(Lock, "n", lambda doc: replace(doc, value=str(int(doc.value) + 1)))

    async with opened() as another:
        await asyncio.gather(*(count(each) for each in [engine, another] * 10))
        assert await another.get(Lock, "n") == Lock(id="n", value="100", rev=100)


async def test_a_change_answers_with_the_document_as_it_stands(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    changed = await engine.change(Dialog, "site:1:1", lambda doc: replace(doc, seq=3))
    assert changed == dialog(seq=3, rev=1) == await engine.get(Dialog, "site:1:1")
    assert await engine.change(Dialog, "site:1:1", lambda _: None) == changed
    assert await engine.get(Dialog, "site:1:1") == changed


async def test_a_change_may_refuse(engine: Engine) -> None:
    await engine.write(Insert(dialog()))

    def refuse(_: Dialog) -> Dialog:
        raise RefusedError("closed")

    with pytest.raises(RefusedError, match="closed"):
        await engine.change(Dialog, "site:1:1", refuse)
    assert await engine.get(Dialog, "site:1:1") == dialog()


async def test_a_change_keeps_to_its_document(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    with pytest.raises(ValueError, match="another document"):
        await engine.change(Dialog, "site:1:1", lambda doc: replace(doc, id="site:1:2"))


async def test_a_change_cannot_take_what_is_taken(engine: Engine) -> None:
    await engine.write(Insert(entry("m:1", 1)), Insert(entry("m:2", 2)))
    with pytest.raises(TakenError) as refusal:
        await engine.change(Entry, "m:2", lambda doc: replace(doc, seq=1))
    assert refusal.value.index == "log"


def lines(*seqs: int) -> Callable[[Dialog], tuple[list[Entry], Dialog]]:
    def drawn(row: Dialog) -> tuple[list[Entry], Dialog]:
        return [entry(f"m:{seq}", seq) for seq in seqs], replace(row, seq=seqs[-1], name="Вера")

    return drawn


async def test_a_document_is_extended_by_others_and_by_its_successor(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    extended = await engine.extend(Dialog, "site:1:1", lines(1, 2))
    assert extended == dialog(seq=2, name="Вера", rev=1) == await engine.get(Dialog, "site:1:1")
    assert await engine.get_many(Entry, ["m:1", "m:2"]) == {
        "m:1": entry("m:1", 1),
        "m:2": entry("m:2", 2),
    }


async def test_a_refused_extension_leaves_the_document_and_names_the_step(
    engine: Engine, engine_url: str
) -> None:
    await engine.write(Insert(dialog()), Insert(entry("m:2", 2)))
    with pytest.raises(TakenError) as refusal:
        await engine.extend(Dialog, "site:1:1", lines(1, 2, 3))
    assert refusal.value.step == 1
    assert (await engine.get(Entry, "m:1") is not None) == bool(engine_url)
    assert await engine.get(Entry, "m:3") is None
    assert await engine.get(Dialog, "site:1:1") == dialog()


async def test_an_extension_may_refuse_and_an_absent_document_has_none(engine: Engine) -> None:
    def refuse(_: Dialog) -> tuple[list[Entry], Dialog]:
        raise RefusedError("closed")

    with pytest.raises(AbsentError):
        await engine.extend(Dialog, "site:1:1", lines(1))
    await engine.write(Insert(dialog()))
    with pytest.raises(RefusedError, match="closed"):
        await engine.extend(Dialog, "site:1:1", refuse)
    assert await engine.get(Dialog, "site:1:1") == dialog()
    assert await engine.get(Entry, "m:1") is None


async def test_an_extension_of_what_moved_meanwhile_is_refused_or_sees_it(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    await engine.change(Dialog, "site:1:1", lambda row: replace(row, lane_by="another"))
    with suppress(MovedError):
        await engine.extend(Dialog, "site:1:1", lines(1), dialog())
    row = await engine.get(Dialog, "site:1:1")
    assert row is not None
    assert row.lane_by == "another"
    assert (row.seq, row.rev) in [(0, 1), (1, 2)]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "open": st.booleans(),
                "owner": st.sampled_from([None, "anna", "vera"]),
                "last_at": st.integers(0, 3).map(at),
                "waiting_since": st.none() | st.integers(0, 3).map(at),
                "rules_at": st.none() | st.integers(0, 3).map(at),
            },
        ),
        max_size=6,
    )
)
async def test_every_index_knows_a_document_as_it_was_last_changed(
    engine: Engine, changes: list[dict[str, Any]]
) -> None:
    await engine.delete_if(Dialog, "site:1:1", lambda _: True)
    await engine.write(Insert(dialog()))
    row = dialog()
    for fields in changes:
        row = await engine.change(Dialog, "site:1:1", partial(replace, **fields))
    for index in BY_TYPE[Dialog].indexes:
        equal = {name: getattr(row, name) for name in index.fields}
        shown = not index.present or getattr(row, index.present) is not None
        page = await engine.find(index, equal)
        assert page.items == ([row] if shown else []), index.name
        assert await engine.count(index) == int(shown), index.name


async def test_a_document_is_deleted_only_if_the_condition_holds(engine: Engine) -> None:
    await engine.write(Insert(dialog()))
    assert not await engine.delete_if(Dialog, "site:1:1", lambda doc: doc.open)
    assert await engine.get(Dialog, "site:1:1") == dialog()
    assert await engine.delete_if(Dialog, "site:1:1", lambda doc: not doc.open)
    assert await engine.get(Dialog, "site:1:1") is None
    assert not await engine.delete_if(Dialog, "site:1:1", lambda _: True)


async def test_many_are_read_at_once(engine: Engine) -> None:
    ids = ["m:1", 'quoted "ё" \\', "null\0byte", "👍"]
    await engine.write(*(Insert(entry(id, n)) for n, id in enumerate(ids)))
    found = await engine.get_many(Entry, [*ids, "m:9", "m:1"])
    assert {id: doc.id for id, doc in found.items()} == {id: id for id in ids}
    assert await engine.get_many(Entry, []) == {}


async def test_none_is_a_value_that_can_be_looked_for(engine: Engine) -> None:
    await engine.write(
        Insert(dialog("site:1:1", open=True)),
        Insert(dialog("site:2:1", open=True, owner=OperatorId("vera"))),
        Insert(dialog("site:3:1", open=True, last_at=at(1))),
    )
    mine: dict[str, Value] = {"project": "p", "open": True, "owner": "vera"}
    nobodys: dict[str, Value] = mine | {"owner": None}
    assert [doc.id for doc in (await engine.find(BY_OWNER, mine)).items] == ["site:2:1"]
    assert [doc.id for doc in (await engine.find(BY_OWNER, nobodys)).items] == [
        "site:1:1",
        "site:3:1",
    ]
    assert await engine.count(BY_OWNER, nobodys) == 2


async def test_a_field_set_to_none_leaves_its_index(engine: Engine) -> None:
    from hub.store.schema import BY_AWAITS

    await engine.write(Insert(dialog(open=True, awaits=Awaits.OPERATOR, waiting_since=at(5))))
    waiting: dict[str, Value] = {"project": "p", "open": True, "awaits": Awaits.OPERATOR}
    assert await engine.count(BY_AWAITS, waiting) == 1
    await engine.change(Dialog, "site:1:1", lambda doc: replace(doc, waiting_since=None))
    assert await engine.count(BY_AWAITS, waiting) == 0
    assert (await engine.find(BY_AWAITS, waiting)).items == []


async def test_a_store_newer_than_the_program_is_refused(
    engine: Engine, opened: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hub.store.mongo
    import hub.store.sqlite
    from hub.errors import ConfigError

    for module in (hub.store.sqlite, hub.store.mongo):
        monkeypatch.setattr(module, "VERSION", 0)
    with pytest.raises(ConfigError, match="version 1 of the store, this program knows 0"):
        async with opened():
            pass


async def test_an_older_shape_is_read_as_the_newest(engine: Engine, opened: Opening) -> None:
    await engine.write(Insert(Lock(id="old", value="3", until=at(0))))

    def double(raw: dict[str, Any]) -> dict[str, Any]:
        assert isinstance(raw["until"], str)
        return raw | {"value": str(int(raw["value"]) * 2)}

    async with opened([Collection("locks", Lock, version=2, upgrade=double)]) as newer:
        read = Lock(id="old", value="6", until=at(0), v=2)
        assert await newer.get(Lock, "old") == read
        assert await newer.change(Lock, "old", lambda doc: doc) == replace(read, rev=1)
        assert await newer.get(Lock, "old") == replace(read, rev=1)
        await newer.write(Insert(Lock(id="new", value="1")))
        assert await newer.get(Lock, "new") == Lock(id="new", value="1", v=2)


async def test_a_closed_store_says_so(engine: Engine) -> None:
    await engine.close()
    with pytest.raises(UnavailableError):
        await engine.get(Lock, "n")
    with pytest.raises(UnavailableError):
        await engine.write(Insert(Lock(id="n")))


async def test_what_is_acknowledged_survives_a_kill(
    engine: Engine, engine_url: str, tmp_path: Path
) -> None:
    await engine.close()
    target = engine_url or str(tmp_path / "hub.db")
    told: list[str] = []
    writing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.writing_process", target),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert writing.stdout is not None
    async for line in writing.stdout:
        told.append(line.decode().strip())
        if len(told) == 200:
            writing.kill()
    await writing.wait()
    await engine.open()
    whole = [line for line in told if line.endswith(".")]
    assert len(whole) >= 200
    found = await engine.get_many(Entry, [line[:-1] for line in whole])
    assert len(found) == len(whole)
    for writer in range(20):
        page = await engine.find(LOG, {"dialog": f"site:{writer}:1"}, limit=500)
        assert [doc.seq for doc in page.items] == list(range(1, len(page.items) + 1))


@pytest.mark.parametrize("kept", COLLECTIONS, ids=lambda kept: kept.name)
@given(data=st.data())
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_documents_come_back_equal(
    engine: Engine, kept: Collection[Any], data: st.DataObject
) -> None:
    doc: Document = replace(data.draw(values(kept.of)), v=kept.version)
    await engine.write(Insert(doc))
    try:
        assert await engine.get(kept.of, doc.id) == doc
        assert await engine.get_many(kept.of, [doc.id]) == {doc.id: doc}
    finally:
        await engine.delete_if(kept.of, doc.id, lambda _: True)

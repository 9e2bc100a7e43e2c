"""Operators beside each other: handing over, no reply needed, bookmarks, who is here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.desk import DRAFT_MAX_CHARS
from hub.errors import BadValueError, ConflictError, TooLargeError
from hub.events import OperatorLooking
from hub.finding.bookmarks import Begun, Bookmark, Mode
from hub.hub import Hub
from hub.model import Awaits, Dialog, FileId, Operator, Role, Verb
from hub.store.engine import Insert
from tests.spine import BAKERY, SHOP, Clock, ask, log_of, operator, sound


async def join(hub: Hub, who: Who) -> Who:
    """Keeps him and his membership in the store, where the desk looks for them."""
    await hub.engine.write(Insert(who.operator), *map(Insert, who.memberships.values()))
    return who


async def test_a_dialog_is_handed_over_to_whoever_can_answer_in_it(hub: Hub, anna: Who) -> None:
    await join(hub, operator("Vera"))
    row = await ask(hub)
    await hub.desk.take(anna, row.id)

    given = await hub.desk.assign(anna, row.id, "vera")
    again = await hub.desk.assign(operator("Vera"), row.id, "vera")

    assert (given.owner, given.owner_name) == (again.owner, again.owner_name) == ("vera", "Vera")
    last = (await log_of(hub.engine, row.id))[-1]
    assert (last.verb, last.author.id) == (Verb.ASSIGNED, "anna")
    assert last.data == {"operator": "vera", "name": "Vera"}
    await sound(hub.engine, row.id)


async def test_nobody_is_handed_a_dialog_that_he_could_not_see(hub: Hub, anna: Who) -> None:
    await join(hub, operator("Boris", BAKERY))
    await join(hub, operator("Kiosk", channels=["kiosk"]))
    gone = await join(hub, operator("Gone"))
    await hub.engine.change(Operator, gone.id, lambda had: replace(had, disabled_at=hub.now()))
    row = await ask(hub)
    for to in ("boris", "kiosk", "gone", "nobody", ""):
        with pytest.raises(BadValueError) as bad:
            await hub.desk.assign(anna, row.id, to)
        assert bad.value.field == "operator"
    assert (await sound(hub.engine, row.id)).owner is None


async def test_only_who_leads_hands_over_what_is_anothers(hub: Hub, anna: Who, boris: Who) -> None:
    await join(hub, operator("Vera"))
    row = await ask(hub)
    await hub.desk.take(boris, row.id)
    with pytest.raises(ConflictError) as conflict:
        await hub.desk.assign(anna, row.id, "vera")
    assert (conflict.value.code, conflict.value.current) == ("taken", "Boris")
    lead = operator("Lead", role=Role.SUPERVISOR)
    assert (await hub.desk.assign(lead, row.id, "vera")).owner == "vera"


async def test_of_a_take_and_a_hand_over_at_once_the_log_knows_both_and_agrees(
    hub: Hub, anna: Who, boris: Who
) -> None:
    await join(hub, operator("Vera"))
    row = await ask(hub)
    done = await asyncio.gather(
        hub.desk.take(anna, row.id), hub.desk.assign(boris, row.id, "vera"), return_exceptions=True
    )
    after = await sound(hub.engine, row.id)
    won = [each for each in done if isinstance(each, Dialog)]
    assert after.owner in {each.owner for each in won}
    assert len(await log_of(hub.engine, row.id)) == 1 + len(won)


async def test_no_reply_needed_ends_the_wait_once(hub: Hub, anna: Who, boris: Who) -> None:
    row = await ask(hub)
    await hub.desk.take(anna, row.id)
    after = await hub.desk.no_reply(boris, row.id)
    assert (after.awaits, after.unanswered, after.waiting_since) == (Awaits.NOBODY, 0, None)
    assert (after.open, after.owner) == (True, "anna")
    with pytest.raises(ConflictError) as conflict:
        await hub.desk.no_reply(anna, row.id)
    assert conflict.value.code == "answered"
    assert (await ask(hub, 2)).unanswered == 1


async def test_what_was_read_only_grows_and_ends_with_the_log(
    hub: Hub, anna: Who, boris: Who
) -> None:
    for n in range(2):
        await ask(hub, n)
    row = await ask(hub, 2)
    assert (await hub.desk.bookmark(anna, row)).seen_seq == 0
    await asyncio.gather(*(hub.desk.see(anna, row, seq) for seq in (1, 3, 2)))
    assert (await hub.desk.bookmark(anna, row)).seen_seq == 3
    await hub.desk.see(anna, row, 2**53)
    assert (await hub.desk.bookmark(anna, row)).seen_seq == 3
    assert (await hub.desk.bookmark(boris, row)).seen_seq == 0


def begun(text: str, mode: Mode = "reply", **more: object) -> Begun:
    return Begun(mode=mode, text=text, saved_at=operator("Anna").operator.created_at, **more)  # type: ignore[arg-type]


async def test_a_draft_is_its_writers_own_and_the_last_one_is_kept(
    hub: Hub, anna: Who, boris: Who, clock: Clock
) -> None:
    row = await ask(hub)
    await hub.desk.begin(anna, row, begun("one"))
    later = clock.forward(timedelta(seconds=1))
    await hub.desk.begin(anna, row, begun("two", reply_to="site:ivan.1"))
    draft = (await hub.desk.bookmark(anna, row)).draft
    assert draft == Begun(mode="reply", text="two", reply_to="site:ivan.1", saved_at=later)
    assert (await hub.desk.bookmark(boris, row)).draft is None
    await hub.desk.begin(anna, row, begun("", "note"))
    assert (await hub.desk.bookmark(anna, row)).draft == draft, "an empty note is no end of a reply"
    await hub.desk.begin(anna, row, begun(""))
    assert (await hub.desk.bookmark(anna, row)).draft is None


async def test_an_empty_draft_where_there_was_none_keeps_nothing(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await hub.desk.begin(anna, row, begun(""))
    assert await hub.engine.get(Bookmark, f"{row.id}:anna") is None


async def test_nothing_is_kept_on_a_dialog_that_is_being_deleted(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, dropped_at=hub.now()))
    await hub.desk.begin(anna, row, begun("an answer"))
    assert await hub.engine.get(Bookmark, f"{row.id}:anna") is None


async def test_what_is_sent_is_no_draft_any_more_but_that_of_the_other_mode_stays(
    hub: Hub, anna: Who
) -> None:
    row = await ask(hub)
    await hub.desk.begin(anna, row, begun("an answer"))
    await hub.desk.note(anna, row.id, "note-0001", "a note")
    assert (await hub.desk.bookmark(anna, row)).draft is not None
    await hub.desk.reply(anna, row.id, "key-0001", "an answer")
    assert (await hub.desk.bookmark(anna, row)).draft is None


async def test_a_repeat_ends_only_a_draft_that_says_the_same(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await hub.desk.reply(anna, row.id, "key-0001", "an answer")
    for text, stays in (("an answer", False), ("the next one", True)):
        await hub.desk.begin(anna, row, begun(text))
        await hub.desk.reply(anna, row.id, "key-0001", "an answer")
        assert ((await hub.desk.bookmark(anna, row)).draft is not None) is stays


async def test_a_draft_takes_no_file_of_anybody_else_and_no_book(hub: Hub, anna: Who) -> None:
    async def bytes_() -> AsyncIterator[bytes]:
        yield b"x"

    row = await ask(hub)
    mine = await hub.files.keep(SHOP, "a.txt", bytes_(), "anna")
    theirs = await hub.files.keep(SHOP, "b.txt", bytes_(), "boris")
    await hub.desk.begin(anna, row, begun("", attachments=(FileId(mine.id),)))
    kept = (await hub.desk.bookmark(anna, row)).draft
    assert kept is not None
    assert [each.id for each in await hub.files.known(SHOP, kept.attachments)] == [mine.id]
    assert await hub.files.known(BAKERY, kept.attachments) == []
    with pytest.raises(BadValueError):
        await hub.desk.begin(anna, row, begun("", attachments=(FileId(theirs.id),)))
    with pytest.raises(TooLargeError):
        await hub.desk.begin(anna, row, begun("x" * (DRAFT_MAX_CHARS + 1)))
    assert (await hub.desk.bookmark(anna, row)).draft == kept


async def test_the_others_hear_who_looks_until_his_last_screen_turns_away(
    hub: Hub, anna: Who, boris: Who
) -> None:
    await join(hub, anna)
    row = await ask(hub)
    start = await hub.bus.cursor()
    await hub.desk.look(anna, row.id, "left")
    await hub.desk.look(anna, row.id, "right")
    assert [each.name for each in await hub.desk.company(boris, row)] == ["Anna"]
    assert await hub.desk.company(anna, row) == []
    await hub.desk.look(anna, row.id, "left", here=False)
    assert [each.name for each in await hub.desk.company(boris, row)] == ["Anna"]
    await hub.desk.look(anna, row.id, "right", here=False)
    assert await hub.desk.company(boris, row) == []
    said = [each.event for each in await hub.bus.since(start)]
    looks = [each.here for each in said if isinstance(each, OperatorLooking)]
    assert looks == [True, True, False]

"""Files that lie at a platform: each comes, is lost or is still coming, whatever is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import (
    CredentialsError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TransientError,
)
from hub.files import fetching
from hub.hub import Hub
from hub.model import Attachment, Channel, ChannelId, Entry, File, FileId
from hub.people.erasure import Eraser
from hub.records import Fetch
from hub.store.schema import FILES
from tests.hub.faraway import (
    HTML,
    MAX_BYTES,
    PNG,
    Far,
    Turn,
    bytes_of,
    far,
    file_of,
    heard,
    hub_over,
    lying,
    promise_of,
    promises,
    said,
    work,
)
from tests.spine import BAKERY, SHOP, Clock, Mortal, all_of, current, sound


@pytest.fixture
async def hub(mortal: Mortal, tmp_path: Path, clock: Clock) -> Hub:
    return await hub_over(mortal, clock, tmp_path)


@pytest.fixture
def tg(hub: Hub) -> Far:
    return far(hub)


async def test_a_picture_comes_and_the_screens_hear_of_it(hub: Hub, tg: Far) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying(name="cat"))
    assert entry.attachments[0].coming
    async with hub.bus.listen() as screens:
        await work(hub)
        [shown] = await heard(screens)
    file = shown.attachments[0]
    assert (file.kind, file.mime, file.width, file.height) == ("image", "image/png", 64, 48)
    assert (file.coming, file.lost, file.name, file.size_bytes) == (False, "", "cat.png", len(PNG))
    assert await bytes_of(hub, file.id) == PNG
    assert await promises(hub) == []
    await sound(hub.engine, entry.dialog)


async def test_a_page_that_calls_itself_a_picture_is_a_file(hub: Hub, tg: Far) -> None:
    tg.lies("a", HTML)
    entry = await said(hub, 1, lying(name="cat.jpg"))
    await work(hub)
    file = await file_of(hub, entry)
    assert (file.kind, file.mime, file.coming) == ("file", "application/octet-stream", False)


async def test_a_voice_in_a_box_for_films_is_heard(hub: Hub, tg: Far) -> None:
    tg.lies("a", b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + b"\0" * 50)
    entry = await said(hub, 1, lying(kind="audio", name=""))
    await work(hub)
    file = await file_of(hub, entry)
    assert (file.kind, file.mime, file.name) == ("audio", "audio/mp4", "audio.m4a")


@pytest.mark.parametrize("claimed", [MAX_BYTES + 1, 5], ids=["said so", "lied"])
async def test_what_is_too_large_is_lost_and_leaves_nothing(
    hub: Hub, tg: Far, claimed: int
) -> None:
    tg.lies("a", b"x" * (MAX_BYTES + 1))
    entry = await said(hub, 1, lying(size=claimed))
    await work(hub)
    file = await file_of(hub, entry)
    assert (file.coming, file.lost) == (False, "too_large")
    assert tg.asked == ([] if claimed > MAX_BYTES else ["a"])
    assert await hub.engine.get(File, file.id) is None
    folder = hub.files.storage.incoming
    assert not folder.exists() or not list(folder.iterdir())


async def test_a_platform_that_is_away_is_asked_again_ever_more_seldom(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", TransientError("502"), TransientError("502"), PNG)
    entry = await said(hub, 1, lying())
    await work(hub)
    assert (await file_of(hub, entry)).coming
    clock.forward(timedelta(seconds=9))
    await work(hub)
    assert len(tg.asked) == 1
    clock.forward(timedelta(seconds=1))
    await work(hub)
    clock.forward(timedelta(seconds=29))
    await work(hub)
    assert len(tg.asked) == 2
    clock.forward(timedelta(seconds=1))
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"


async def test_what_never_comes_is_lost_until_somebody_asks_for_it(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", TransientError("502"))
    entry = await said(hub, 1, lying())
    for _ in range(30):
        await work(hub)
        clock.forward(timedelta(hours=2))
    assert len(tg.asked) == fetching.TRIES_MAX
    file = await file_of(hub, entry)
    assert (file.coming, file.lost) == (False, "offline")
    assert await promises(hub) == []
    tg.lies("a", PNG)
    lost = await hub.engine.get(Entry, entry.id)
    assert lost is not None
    again = await hub.fetching.again(lost, file.id)
    assert (again.attachments[0].coming, again.attachments[0].lost) == (True, "")
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"
    with pytest.raises(NotFoundError):
        await hub.fetching.again(again, "0" * 32)


async def test_an_empty_file_is_asked_for_again_and_then_lost(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", b"")
    entry = await said(hub, 1, lying())
    for _ in range(20):
        await work(hub)
        clock.forward(timedelta(hours=2))
    assert (await file_of(hub, entry)).lost == "file_gone"


async def test_no_call_is_made_before_the_platform_wants_one(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", ThrottledError(retry_after=timedelta(seconds=40)), PNG)
    tg.lies("b", PNG)
    one = await said(hub, 1, lying("a"))
    await work(hub)
    two = await said(hub, 2, lying("b"))
    clock.forward(timedelta(seconds=39))
    await work(hub)
    assert tg.asked == ["a"]
    clock.forward(timedelta(seconds=1))
    await work(hub)
    assert not (await file_of(hub, one)).coming
    assert not (await file_of(hub, two)).coming


async def test_with_a_dead_key_nothing_is_lost_and_a_new_one_is_used_at_once(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", CredentialsError("401"))
    entry = await said(hub, 1, lying())
    for _ in range(60):
        await work(hub)
        clock.forward(timedelta(minutes=5))
    await work(hub)
    assert (await file_of(hub, entry)).coming
    clock.forward(timedelta(seconds=61))
    await hub.engine.change(Channel, "tg", lambda had: replace(had, settings={"token": "new"}))
    await hub.channels.refresh()
    far(hub).lies("a", PNG)
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"


async def test_a_platform_that_nobody_reaches_for_a_day_loses_nothing(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", TransientError("dns", reason="offline"))
    entry = await said(hub, 1, lying())
    for _ in range(46):
        await work(hub)
        clock.forward(timedelta(minutes=30))
    assert (await file_of(hub, entry)).coming
    assert len(tg.asked) == 46
    for _ in range(30):
        await work(hub)
        clock.forward(timedelta(hours=2))
    assert (await file_of(hub, entry)).lost == "offline"


async def test_a_channel_that_is_halted_is_asked_for_nothing(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying())
    await hub.pulses.halt(ChannelId("tg"), "dead_key", hub.pulses.mark("tg"))
    for _ in range(10):
        await work(hub)
        clock.forward(timedelta(hours=1))
    assert tg.asked == []
    await hub.pulses.revive(ChannelId("tg"))
    await work(hub)
    assert not (await file_of(hub, entry)).coming


async def test_of_a_channel_that_is_off_nothing_is_asked_and_nothing_is_lost(
    hub: Hub, clock: Clock
) -> None:
    entry = await said(hub, 1, lying())
    await hub.engine.change(Channel, "tg", lambda had: replace(had, enabled=False))
    await hub.channels.refresh()
    await work(hub)
    assert (await file_of(hub, entry)).coming
    await hub.engine.change(Channel, "tg", lambda had: replace(had, enabled=True))
    await hub.channels.refresh()
    far(hub).lies("a", PNG)
    clock.forward(timedelta(minutes=2))
    await work(hub)
    assert not (await file_of(hub, entry)).coming


async def test_the_file_of_a_deleted_message_is_not_fetched(hub: Hub, tg: Far) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying())
    await hub.engine.change(Entry, entry.id, lambda had: replace(had, deleted_at=hub.now()))
    await work(hub)
    assert tg.asked == []
    assert await promises(hub) == []
    assert not (await file_of(hub, entry)).coming


async def test_a_promise_waits_a_day_for_its_message(hub: Hub, tg: Far, clock: Clock) -> None:
    tg.lies("a", PNG)
    await fetching.expect(hub.engine, [promise_of(hub, "tg:ivan.1", 0, lying(), "tg")])
    for _ in range(23):
        await work(hub)
        clock.forward(timedelta(hours=1))
    assert len(await promises(hub)) == 1
    entry = await said(hub, 1, lying())
    clock.forward(timedelta(hours=20))
    await work(hub)
    assert not (await file_of(hub, entry)).coming
    await fetching.expect(hub.engine, [promise_of(hub, "tg:ivan.2", 0, lying(), "tg")])
    for _ in range(30):
        await work(hub)
        clock.forward(timedelta(hours=1))
    assert await promises(hub) == []


async def test_what_is_told_again_is_not_fetched_again(hub: Hub, tg: Far) -> None:
    tg.lies("a", PNG)
    await said(hub, 1, lying())
    await work(hub)
    await said(hub, 1, lying())
    await work(hub)
    assert tg.asked == ["a"]
    assert await promises(hub) == []


async def test_a_repeat_brings_nothing_back_that_was_given_up(hub: Hub, tg: Far) -> None:
    entry = await said(hub, 1, lying())
    await work(hub)
    tg.lies("a", PNG)
    await said(hub, 1, lying())
    await work(hub)
    assert tg.asked == ["a"]
    assert (await file_of(hub, entry)).lost == "file_gone"


async def test_a_file_and_its_promise_go_with_the_dialog(hub: Hub, tg: Far) -> None:
    tg.lies("a", PNG)
    tg.lies("b", TransientError("502"))
    entry = await said(hub, 1, lying("a"), lying("b"), lying("c"))
    await work(hub)
    assert len(await promises(hub)) == 1
    eraser = Eraser(hub.engine, hub.files, hub.search)
    row = await eraser.close_off(await current(hub, channel="tg"), hub.now())
    assert row is not None
    await eraser.erase(row, at_once=True)
    await work(hub)
    assert await promises(hub) == []
    ids = [each.id for each in entry.attachments]
    assert await hub.engine.get_many(Fetch, ids) == {}
    left = await all_of(hub.engine, FILES, {"project": SHOP})
    assert not any(each.used for each in left)


async def test_a_dialog_erased_while_its_file_comes_leaves_no_file(hub: Hub, tg: Far) -> None:
    eraser = Eraser(hub.engine, hub.files, hub.search)

    async def erased() -> AsyncIterator[bytes]:
        row = await eraser.close_off(await current(hub, channel="tg"), hub.now())
        assert row is not None
        await eraser.erase(row, at_once=True)
        yield PNG

    tg.lies("a", erased)
    await said(hub, 1, lying())
    await work(hub)
    assert await promises(hub) == []
    left = await all_of(hub.engine, FILES, {"project": SHOP})
    assert not any(each.used for each in left)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turns=st.lists(
        st.sampled_from(["png", "html", "away", "gone", "busy", "key", "large", "empty", "crash"]),
        min_size=1,
        max_size=12,
    )
)
async def test_whatever_a_platform_answers_a_file_is_here_lost_or_still_coming(
    hub: Hub, tg: Far, clock: Clock, mortal: Mortal, turns: Sequence[str]
) -> None:
    answers: dict[str, Turn] = {
        "png": PNG,
        "html": HTML,
        "away": TransientError("502", maybe_sent=True),
        "gone": RejectedError("404", reason="file_gone"),
        "busy": ThrottledError(retry_after=timedelta(0)),
        "key": CredentialsError(),
        "large": b"x" * (MAX_BYTES + 1),
        "empty": b"",
        "crash": ZeroDivisionError(),
    }
    ref = f"{hub.now().timestamp()}"
    tg.lies(ref, *(answers[each] for each in turns))
    entry = await said(hub, ref, lying(ref))
    for _ in range(len(turns) + 1):
        await work(hub, 1)
        clock.forward(timedelta(hours=2))
    file = await file_of(hub, entry)
    document = await hub.engine.get(File, file.id)
    promise = await hub.engine.get(Fetch, file.id)
    if file.coming:
        assert promise is not None
        assert promise.due_at is not None
    elif file.lost:
        assert promise is not None
        assert promise.due_at is None
        assert document is None or document.state != "kept"
    else:
        assert promise is None
        assert document is not None
        assert document.used_by == entry.id
        assert await bytes_of(hub, file.id) in (PNG, HTML)
    clock.forward(timedelta(days=30))


async def test_a_channel_is_given_the_files_of_its_own_project_alone(hub: Hub) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield PNG

    file = await hub.files.keep(SHOP, "a.png", body(), "anna")
    named = Attachment(FileId(file.id), "a.png", "image/png", len(PNG), "image")
    mine, theirs = hub.files.given(SHOP), hub.files.given(BAKERY)
    assert b"".join([each async for each in mine.read(named)]) == PNG
    with pytest.raises(RejectedError) as refused:
        [each async for each in theirs.read(named)]
    assert refused.value.reason == "file_gone"
    assert mine.link(named) == ""
    await hub.files.storage.delete(f"{SHOP}/{file.id[:2]}/{file.id}")
    with pytest.raises(RejectedError):
        [each async for each in mine.read(named)]

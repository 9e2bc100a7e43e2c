"""Files and profiles that lie at a platform: brought once, whoever dies and whoever lies."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import config, dialogs, fetching
from hub.arrivals import FILES_OF_ONE, FILES_PERIOD, PICTURE_MAX_BYTES
from hub.bus import Subscription
from hub.channel import ChannelKind, Profile
from hub.content import FileKind, Remote
from hub.erasure import Eraser
from hub.errors import (
    CredentialsError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from hub.events import EntryChanged
from hub.fetching import Fetching
from hub.hub import Hub, assemble
from hub.model import (
    Attachment,
    Author,
    Channel,
    ChannelId,
    Contact,
    Dialog,
    Entry,
    EntryId,
    EntryKind,
    File,
    FileId,
    Identity,
    IdentityId,
    Verb,
)
from hub.records import Fetch
from hub.store.engine import Engine, Insert
from hub.store.schema import FETCHES_DUE, FILES
from tests.spine import (
    BAKERY,
    SHOP,
    START,
    Clock,
    Crash,
    Mortal,
    Platform,
    all_of,
    ask,
    current,
    log_of,
    settled_documents,
    sound,
)

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 64, 48) + b"\x08\x02\0\0\0" + b"\0" * 200
)
HTML = b"<!doctype html><script>alert(1)</script>"
MAX_BYTES = 10_000

Turn = bytes | Exception | Callable[[], AsyncIterator[bytes]]


class Far(Platform):
    """A messenger that keeps the files of its messages; `turns` are its answers, by file."""

    kind: ClassVar[str] = "far"

    def __init__(self, id: ChannelId) -> None:
        super().__init__(id)
        self.turns: dict[str, deque[Turn]] = {}
        self.asked: list[str] = []
        self.met: list[str] = []
        self.profiles: dict[str, Profile | Exception | None] = {}

    def lies(self, ref: str, *turns: Turn) -> None:
        self.turns[ref] = deque(turns)

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        self.asked.append(remote.ref)
        turns = self.turns.get(remote.ref)
        if not turns:
            raise RejectedError("gone", reason="file_gone")
        # The last answer is given for ever.
        turn = turns.popleft() if len(turns) > 1 else turns[0]
        if isinstance(turn, Exception):
            yield b"half of it, "
            raise turn
        if isinstance(turn, bytes):
            for start in range(0, len(turn), 100):
                yield turn[start : start + 100]
            return
        async for block in turn():
            yield block

    async def profile(self, external_id: str) -> Profile | None:
        self.met.append(external_id)
        told = self.profiles.get(external_id)
        if isinstance(told, Exception):
            raise told
        return told


def build(document: Channel) -> ChannelKind[Any]:
    return (Far if document.kind == "far" else Platform)(ChannelId(document.id))


async def hub_over(
    engine: Engine, clock: Clock, folder: Path, spare: int = 0, most: int = MAX_BYTES
) -> Hub:
    raw = {
        "data": {"dir": "data"},
        "limits": {"file_max_bytes": most, "disk_spare_bytes": spare},
    }
    hub = assemble(config.settings(raw, folder), lambda *_: build, now=clock, engine=engine)
    for document in settled_documents():
        await engine.write(Insert(document))
    for id in ("tg", "wa"):
        await engine.write(
            Insert(Channel(id=id, project=SHOP, kind="far", name=id, created_at=START))
        )
    await hub.channels.refresh()
    return hub


@pytest.fixture
async def hub(mortal: Mortal, tmp_path: Path, clock: Clock) -> Hub:
    return await hub_over(mortal, clock, tmp_path)


def far(hub: Hub, id: str = "tg") -> Far:
    live = hub.channels.get(id)
    assert isinstance(live, Far)
    return live


@pytest.fixture
def tg(hub: Hub) -> Far:
    return far(hub)


def lying(ref: str = "a", kind: FileKind = "image", name: str = "cat.jpg", size: int = 0) -> Remote:
    return Remote(ref=ref, name=name, mime="image/jpeg", size_bytes=size, kind=kind)


def promise_of(hub: Hub, entry: str, n: int, remote: Remote, channel: str) -> Fetch:
    return Fetch(
        id=hashlib.sha256(f"{entry}:{n}".encode()).hexdigest()[:32],
        project=SHOP,
        channel=ChannelId(channel),
        entry=EntryId(entry),
        remote=msgspec.json.encode(remote),
        due_at=hub.now(),
        created_at=hub.now(),
    )


async def said(hub: Hub, n: int | str, *remotes: Remote, channel: str = "tg") -> Entry:
    """A message with files, as the way in keeps it: the promises first."""
    row = await ask(hub, f"{n}-hello", channel=channel)
    id = EntryId(f"{channel}:ivan.{n}")
    promises = [promise_of(hub, id, i, each, channel) for i, each in enumerate(remotes)]
    await fetching.expect(hub.engine, promises)
    pairs = zip(promises, remotes, strict=True)
    files = tuple(fetching.coming(FileId(each.id), remote) for each, remote in pairs)

    def make(current: Dialog) -> Entry:
        line = dialogs.draft(current, id, EntryKind.IN, hub.now(), hub.now())
        return replace(line, author=Author("visitor", "ivan"), attachments=files)

    return (await dialogs.append(hub.engine, row, make)).entry


async def work(hub: Hub, rounds: int = 20) -> None:
    """Does all that is due now."""
    for _ in range(rounds):
        due = await hub.fetching.due()
        if not due:
            return
        for each in due:
            await hub.fetching.fetch(each.id)


async def file_of(hub: Hub, entry: Entry, n: int = 0) -> Attachment:
    known = await hub.engine.get(Entry, entry.id)
    assert known is not None
    return known.attachments[n]


async def bytes_of(hub: Hub, id: str) -> bytes:
    file = await hub.files.get(id)
    return b"".join([each async for each in hub.files.read(file)])


async def promises(hub: Hub, *, of_people: bool = False) -> list[Fetch]:
    found = []
    for channel in ("tg", "wa"):
        found += await all_of(hub.engine, FETCHES_DUE, {"channel": channel})
    return [each for each in found if (each.identity is not None) == of_people]


async def heard(screens: Subscription[Any]) -> list[Entry]:
    told = [each.event for each in await screens.take()]
    return [each.entry for each in told if isinstance(each, EntryChanged)]


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


async def test_who_dies_between_the_two_writes_of_asking_again_has_asked(
    hub: Hub, tg: Far, mortal: Mortal
) -> None:
    entry = await said(hub, 1, lying())
    await work(hub)
    lost = await hub.engine.get(Entry, entry.id)
    assert lost is not None
    assert lost.attachments[0].lost == "file_gone"
    tg.lies("a", PNG)
    mortal.dies_after(1)
    with pytest.raises(Crash):
        await hub.fetching.again(lost, lost.attachments[0].id)
    mortal.lives()
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"


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


async def test_one_channels_backlog_keeps_no_other_waiting(hub: Hub, tg: Far) -> None:
    hangs = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        await hangs.wait()
        yield PNG

    tg.lies("slow", hanging)
    far(hub, "wa").lies("a", PNG)
    for n in range(20):
        await said(hub, n, lying("slow"))
    entry = await said(hub, 1, lying(), channel="wa")
    async with hub.bus.listen() as screens:
        running = asyncio.create_task(hub.fetching.run())
        try:
            [shown] = await heard(screens)
            assert shown.id == entry.id
            assert len(tg.asked) == fetching.AT_ONCE_OF_CHANNEL
            hangs.set()
            seen = 0
            while seen < 20:
                seen += len(await heard(screens))
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert len(tg.asked) == 20


async def test_who_sends_files_without_end_keeps_nobody_elses_waiting(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying())
    # What its sender has sent before.
    while not await hub.bus.allow(f"fetches:{entry.dialog}", FILES_OF_ONE, FILES_PERIOD):
        pass
    await work(hub)
    [promise] = await promises(hub)
    assert (tg.asked, promise.tries) == ([], 0)
    far(hub, "wa").lies("a", PNG)
    other = await said(hub, 1, lying(), channel="wa")
    await work(hub)
    assert not (await file_of(hub, other)).coming


async def test_who_stops_gives_back_what_is_on_its_way(hub: Hub, tg: Far) -> None:
    begun = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        begun.set()
        await asyncio.Event().wait()
        yield PNG

    tg.lies("a", hanging, PNG)
    entry = await said(hub, 1, lying())
    running = asyncio.create_task(hub.fetching.run())
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    [promise] = await promises(hub)
    assert (promise.tries, promise.by) == (0, "")
    await work(hub)
    assert (await file_of(hub, entry)).kind == "image"


async def test_every_channel_has_its_turn(hub: Hub, clock: Clock) -> None:
    for id in [f"c{n:02}" for n in range(fetching.AT_ONCE)]:
        await hub.engine.write(
            Insert(Channel(id=id, project=SHOP, kind="far", name=id, created_at=START))
        )
        for n in range(3):
            promise = promise_of(hub, f"{id}:{n}", 0, lying(), id)
            await fetching.expect(hub.engine, [promise])
    await hub.channels.refresh()
    first = {each.channel for each in await hub.fetching.due()}
    second = {each.channel for each in await hub.fetching.due()}
    third = {each.channel for each in await hub.fetching.due()}
    assert len(first) == len(second) == 4
    assert len(first | second | third) == fetching.AT_ONCE


async def test_what_a_clock_ahead_put_off_is_due_again(hub: Hub, tg: Far, clock: Clock) -> None:
    tg.lies("a", PNG)
    entry = await said(hub, 1, lying())
    id = entry.attachments[0].id
    ahead = clock.at + timedelta(days=400)
    await hub.engine.change(Fetch, id, lambda had: replace(had, due_at=ahead))
    assert await hub.fetching.straighten() == 1
    await work(hub)
    assert not (await file_of(hub, entry)).coming


async def test_a_nearly_full_disk_loses_nothing(
    mortal: Mortal, tmp_path: Path, clock: Clock
) -> None:
    hub = await hub_over(mortal, clock, tmp_path, spare=10**15)
    far(hub).lies("a", PNG)
    entry = await said(hub, 1, lying())
    for _ in range(20):
        for each in await hub.fetching.due():
            if each.identity is None:
                with pytest.raises(UnavailableError, match="nearly full"):
                    await hub.fetching.fetch(each.id)
        clock.forward(timedelta(hours=1))
    assert (await file_of(hub, entry)).coming
    [promise] = await promises(hub)
    assert promise.tries == 0


async def test_whatever_write_it_dies_at_the_file_is_there_once(
    hub: Hub, tg: Far, mortal: Mortal, clock: Clock
) -> None:
    steps = 0
    for die_at in range(1_000):
        tg.lies(f"f{die_at}", PNG)
        entry = await said(hub, die_at, lying(f"f{die_at}"))
        mortal.dies_after(die_at)
        try:
            await work(hub)
        except Crash:
            steps += 1
        else:
            break
        finally:
            mortal.lives()
        again = Fetching(
            hub.engine, hub.bus, hub.channels, hub.fetching._arrivals, hub.pulses, clock
        )
        await again.recover()
        for each in await again.due():
            await again.fetch(each.id)
        file = await file_of(hub, entry)
        assert (file.kind, file.coming) == ("image", False), die_at
        assert await bytes_of(hub, file.id) == PNG
        assert await promises(hub) == []
    assert steps > 3
    kept = await all_of(hub.engine, FILES, {"project": SHOP})
    assert len(kept) == steps + 1
    assert all(each.used and each.state == "kept" for each in kept)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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


async def meets(hub: Hub, visitor: str = "ivan") -> Identity:
    """Somebody writes, without a name, and the platform is asked who it is."""
    row = await ask(hub, "hello", visitor=visitor, channel="tg")
    await fetching.introduce(hub.engine, far(hub), row.identity, SHOP, hub.now())
    await work(hub)
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    return identity


async def nameless(hub: Hub) -> None:
    """The platform of these tests tells no names with the messages."""
    for of in (Identity, Contact):
        await hub.engine.change(of, "tg:ivan", lambda had: replace(had, name=""))
    row = await current(hub, channel="tg")
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, name=""))


async def test_who_wrote_is_asked_of_the_platform(hub: Hub, tg: Far) -> None:
    tg.profiles["ivan"] = Profile(
        name="Иван \0Петров", username="vanya", picture=Remote(ref="me", kind="file")
    )
    tg.lies("me", PNG)
    await ask(hub, "hello", channel="tg")
    await nameless(hub)
    identity = await meets(hub)
    assert (identity.name, identity.username) == ("Иван Петров", "vanya")
    picture = await hub.engine.get(File, identity.picture)
    assert picture is not None
    assert (picture.kind, picture.used, picture.used_by) == ("image", True, identity.id)
    contact = await hub.engine.get(Contact, identity.contact)
    assert contact is not None
    assert contact.name == "Иван Петров"
    row = await current(hub, channel="tg")
    assert row.name == "Иван Петров"
    [line] = [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.FIELDS]
    assert line.data == {"name": "Иван Петров"}
    assert await promises(hub, of_people=True) == []


async def test_nobody_is_asked_about_twice_a_day(hub: Hub, tg: Far, clock: Clock) -> None:
    tg.profiles["ivan"] = Profile(name="Иван")
    for _ in range(3):
        await meets(hub)
        clock.forward(timedelta(hours=8))
    assert tg.met == ["ivan"]
    await meets(hub)
    assert tg.met == ["ivan", "ivan"]


async def test_a_new_picture_takes_the_place_of_the_old_one(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    ids = []
    for ref in ("me", "new me", "new me"):
        tg.profiles["ivan"] = Profile(picture=Remote(ref=ref))
        tg.lies(ref, PNG)
        ids.append((await meets(hub)).picture)
        clock.forward(timedelta(days=1))
    assert ids[0] != ids[1] == ids[2]
    found = await hub.engine.get_many(File, ids)
    assert (found[ids[0]].used, found[ids[1]].used) == (False, True)
    assert tg.asked.count("new me") == 1


@pytest.mark.parametrize("body", [HTML, b"x" * (MAX_BYTES + 1)], ids=["a page", "too large"])
async def test_a_picture_that_is_none_is_left_out(hub: Hub, tg: Far, body: bytes) -> None:
    tg.profiles["ivan"] = Profile(name="Иван", picture=Remote(ref="me"))
    tg.lies("me", body)
    identity = await meets(hub)
    assert (identity.picture, identity.met_at) == ("", hub.now())


async def test_a_picture_has_a_limit_of_its_own(
    mortal: Mortal, tmp_path: Path, clock: Clock
) -> None:
    hub = await hub_over(mortal, clock, tmp_path, most=2 * PICTURE_MAX_BYTES)
    tg = far(hub)
    tg.profiles["ivan"] = Profile(name="Иван", picture=Remote(ref="me"))

    async def endless() -> AsyncIterator[bytes]:
        yield PNG
        for _ in range(PICTURE_MAX_BYTES // 1_000_000):
            yield b"\0" * 1_000_000

    tg.lies("me", endless)
    assert (await meets(hub)).picture == ""


async def test_a_name_that_is_known_stays(hub: Hub, tg: Far) -> None:
    tg.profiles["ivan"] = Profile(name="Vanya")
    await meets(hub)
    row = await current(hub, channel="tg")
    contact = await hub.engine.get(Contact, row.contact)
    assert contact is not None
    assert (row.name, contact.name) == ("Иван", "Иван")
    assert not [each for each in await log_of(hub.engine, row.id) if each.verb is Verb.FIELDS]


async def test_a_platform_that_tells_nothing_is_left_alone_for_a_day(
    hub: Hub, tg: Far, clock: Clock
) -> None:
    tg.profiles["ivan"] = TransientError("502")
    for _ in range(10):
        await meets(hub)
        clock.forward(timedelta(hours=1))
    assert len(tg.met) == fetching.PROFILE_TRIES_MAX
    assert await promises(hub, of_people=True) == []


async def test_a_kind_without_profiles_is_not_asked(hub: Hub) -> None:
    await ask(hub, channel="site")
    await fetching.introduce(
        hub.engine, hub.channels.get("site"), IdentityId("site:ivan"), SHOP, hub.now()
    )
    assert await all_of(hub.engine, FETCHES_DUE, {"channel": "site"}) == []


@pytest.mark.parametrize("die_at", range(8))
async def test_whatever_write_it_dies_at_the_person_is_known(
    hub: Hub, tg: Far, mortal: Mortal, die_at: int, clock: Clock
) -> None:
    tg.profiles["ivan"] = Profile(name="Иван", picture=Remote(ref="me"))
    tg.lies("me", PNG)
    await ask(hub, "hello", channel="tg")
    await nameless(hub)
    await fetching.introduce(hub.engine, tg, IdentityId("tg:ivan"), SHOP, hub.now())
    mortal.dies_after(die_at)
    try:
        await work(hub)
    except Crash:
        pass
    finally:
        mortal.lives()
    await hub.fetching.recover()
    await work(hub)
    identity = await hub.engine.get(Identity, "tg:ivan")
    assert identity is not None
    assert (await current(hub, channel="tg")).name == identity.name == "Иван"
    [picture] = await all_of(hub.engine, FILES, {"project": SHOP})
    assert (picture.id, picture.used) == (identity.picture, True)
    assert await promises(hub, of_people=True) == []


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

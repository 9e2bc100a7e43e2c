"""Files: kept before they are named, found again, gone when nobody names them."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import leases
from hub.errors import BadValueError, NotFoundError, TooLargeError, UnavailableError
from hub.files.kept import COPYING, COPYING_LASTS, NAME_MAX_CHARS, Files, clean, key
from hub.files.s3 import S3
from hub.files.storage import BLOCK_BYTES, Folder, Storage
from hub.keeping.keys import Keys
from hub.model import File, FileId, ProjectId
from hub.store.schema import FILES_UNUSED
from hub.store.sqlite import SqliteEngine

if TYPE_CHECKING:
    from tests.bucket import S3Server

SHOP = ProjectId("shop")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 64, 48) + b"\x08\x02\0\0\0"


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "hub.db", serving=False)
    await engine.open()
    yield engine
    await engine.close()


@pytest.fixture(params=["folder", "s3"])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[Place]:
    """Each storage in turn, and what lies in it as somebody else sees it."""
    if request.param == "folder":
        yield Place(Folder(tmp_path / "files"), lambda: under(tmp_path / "files"))
        return
    server: S3Server = request.getfixturevalue("s3")
    bucket = server.new_bucket()
    storage = S3(bucket, tmp_path / "files" / "incoming")
    yield Place(storage, lambda: server.keys(bucket) | under(tmp_path / "files"))
    await storage.close()


@pytest.fixture
def files(engine: SqliteEngine, place: Place, clock: Clock) -> Files:
    return Files(engine, place.storage, Keys(b"k" * 32), 1_000_000, clock)


@dataclass
class Place:
    storage: Storage
    left: Callable[[], set[str]]


def under(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def content_of(files: Files, file: File) -> bytes:
    return b"".join([block async for block in files.read(file)])


async def test_what_was_kept_is_read_back_and_described(files: Files, clock: Clock) -> None:
    blocks = [PNG, b"a" * BLOCK_BYTES, b"b" * 10]
    file = await files.keep(SHOP, "Фото с моря.PNG", pieces(*blocks), "visitor:1")

    assert await content_of(files, file) == b"".join(blocks)
    assert file == replace(
        file,
        name="Фото с моря.PNG",
        mime="image/png",
        kind="image",
        width=64,
        height=48,
        size_bytes=len(PNG) + BLOCK_BYTES + 10,
        sha256=hashlib.sha256(b"".join(blocks)).hexdigest(),
        by="visitor:1",
        used=False,
        unused_since=START,
        created_at=START,
    )
    assert await files.get(file.id) == file


async def test_a_file_lies_under_its_project_by_its_id_alone(files: Files, place: Place) -> None:
    file = await files.keep(SHOP, "../../etc/passwd", pieces(b"x"), "visitor:1")

    assert place.left() == {key(file)}
    assert key(file) == f"shop/{file.id[:2]}/{file.id}"
    assert key(replace(file, name="/root")) == key(file)
    assert file.name == "passwd"


@pytest.mark.parametrize(
    ("project", "id"),
    [("..", "0" * 32), ("shop/x", "0" * 32), ("shop", "../" + "0" * 29), ("shop", "0" * 31)],
)
async def test_ids_that_are_no_ids_lead_nowhere(files: Files, project: str, id: str) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x"), "")
    with pytest.raises(NotFoundError):
        key(replace(file, project=ProjectId(project), id=id))


async def test_too_many_bytes_are_refused_before_the_rest_is_read_and_leave_nothing(
    files: Files, engine: SqliteEngine, place: Place
) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield b"x" * 100_000

    with pytest.raises(TooLargeError) as caught:
        await files.keep(SHOP, "big", endless(), "")

    assert caught.value.field == "file"
    assert given == 11
    assert place.left() == set()
    assert await engine.count(FILES_UNUSED) == 0


async def test_a_file_of_exactly_the_limit_is_kept(files: Files) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x" * 999_999, b"", b"y"), "")
    assert file.size_bytes == 1_000_000


async def test_no_bytes_are_no_file(files: Files, place: Place) -> None:
    with pytest.raises(BadValueError) as caught:
        await files.keep(SHOP, "a", pieces(b"", b""), "")

    assert caught.value.field == "file"
    assert place.left() == set()


async def test_a_sender_who_goes_away_leaves_nothing(files: Files, place: Place) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * BLOCK_BYTES
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.keep(SHOP, "a", broken(), "")
    assert place.left() == set()


async def test_a_cancelled_sender_leaves_nothing(files: Files, place: Place) -> None:
    begun = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * BLOCK_BYTES
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(files.keep(SHOP, "a", stuck(), ""))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert place.left() == set()


@contextmanager
def small_disk(room_bytes: int) -> Iterator[None]:
    """Writes beyond the room fail as they do on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_unavailable_leaves_nothing_and_heals(
    files: Files, place: Place
) -> None:
    with small_disk(300_000), pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", pieces(b"x" * 400_000), "")

    assert place.left() == set()
    assert (await files.keep(SHOP, "a", pieces(b"x" * 400_000), "")).size_bytes == 400_000


async def test_a_folder_that_cannot_be_made_is_unavailable(files: Files, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", pieces(b"x"), "")


async def test_lost_bytes_and_unknown_ids_are_not_found(files: Files) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x"), "")
    await files.storage.delete(key(file))

    with pytest.raises(NotFoundError):
        await content_of(files, file)
    with pytest.raises(NotFoundError):
        await files.get("0" * 32)
    with pytest.raises(BadValueError):
        await files.mark_used(["0" * 32], "entry")


async def test_an_entry_may_name_only_files_of_its_project_and_its_author(files: Files) -> None:
    one = await files.keep(SHOP, "one", pieces(PNG), "visitor:1")
    two = await files.keep(SHOP, "two", pieces(b"x"), "visitor:2")
    shop = await files.attachments(SHOP, [two.id, one.id, two.id])

    assert [each.name for each in shop] == ["two", "one"]
    assert (shop[1].kind, shop[1].width, shop[1].height) == ("image", 64, 48)
    assert len(await files.attachments(SHOP, [one.id], by="visitor:1")) == 1
    for project, by in [(SHOP, "visitor:2"), (ProjectId("cafe"), "")]:
        with pytest.raises(BadValueError) as caught:
            await files.attachments(project, [one.id], by=by)
        assert caught.value.field == "attachments"


async def test_a_file_that_nobody_named_goes_after_a_day(
    files: Files, clock: Clock, place: Place
) -> None:
    unnamed = await files.keep(SHOP, "a", pieces(b"x"), "")
    named = await files.keep(SHOP, "b", pieces(b"y"), "")
    await files.mark_used([named.id], "entry")
    await files.mark_used([named.id], "entry")

    assert await files.sweep(START + timedelta(hours=24)) == 0
    assert await files.sweep(START + timedelta(hours=24, milliseconds=1)) == 1
    assert place.left() == {key(named)}
    with pytest.raises(NotFoundError):
        await files.get(unnamed.id)
    assert await files.sweep(START + timedelta(days=100)) == 0
    assert (await files.get(named.id)).unused_since is None


async def test_a_sweep_takes_more_than_one_page(files: Files, place: Place) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(230):
            group.create_task(files.keep(SHOP, "a", pieces(b"x"), ""))

    assert await files.sweep(START + timedelta(hours=25)) == 230
    assert place.left() == set()


async def test_a_sweep_and_those_who_use_a_file_agree_on_it(files: Files, place: Place) -> None:
    kept = [await files.keep(SHOP, "a", pieces(b"x"), "") for _ in range(60)]

    async def use(file: File) -> bool:
        try:
            await files.mark_used([file.id], "entry")
        except BadValueError:
            return False
        return True

    late = START + timedelta(hours=25)
    removed, again, *used = await asyncio.gather(
        files.sweep(late), files.sweep(late), *(use(file) for file in reversed(kept))
    )

    assert removed + again + sum(used) >= 60
    assert place.left() == {
        key(file) for file, was in zip(reversed(kept), used, strict=True) if was
    }


async def test_a_file_swept_away_while_it_was_coming_is_not_announced(
    files: Files, clock: Clock
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * BLOCK_BYTES
        await files.sweep(START + timedelta(hours=25))
        yield b"y"

    with pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", slow(), "")


async def test_a_file_that_cannot_be_deleted_keeps_no_other_from_it(
    engine: SqliteEngine, tmp_path: Path, clock: Clock
) -> None:
    files = Files(engine, Folder(tmp_path / "files"), Keys(b"k" * 32), 1_000_000, clock)
    first = await files.keep(SHOP, "a", pieces(b"x"), "")
    clock.at += timedelta(seconds=1)
    second = await files.keep(SHOP, "b", pieces(b"y"), "")
    path = tmp_path / "files" / key(first)
    path.unlink()
    path.mkdir()
    clock.at += timedelta(hours=25)

    with pytest.raises(UnavailableError):
        await files.sweep(clock.at)
    assert await files.sweep(clock.at) == 1
    assert await engine.get(File, second.id) is None

    path.rmdir()
    clock.at += timedelta(hours=25)
    assert await files.sweep(clock.at) == 1
    assert await engine.get(File, first.id) is None


def opened(files: Files, link: str, at: datetime) -> bool:
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    return files.check_link(parts.path.split("/")[2], query["e"][0], query["s"][0], at)


async def test_a_link_opens_its_file_for_an_hour_and_not_for_ever(files: Files) -> None:
    link = files.link(FileId("a" * 32), "Счёт №1.pdf", START)

    assert opened(files, link, START)
    assert opened(files, link, START + timedelta(hours=1))
    assert not opened(files, link, START + timedelta(hours=2))
    assert unquote(urlsplit(link).path) == f"/files/{'a' * 32}/Счёт №1.pdf"


async def test_links_made_within_an_hour_of_the_clock_are_equal(files: Files) -> None:
    id = FileId("a" * 32)
    late = START + timedelta(minutes=59, seconds=59)

    assert files.link(id, "a", START) == files.link(id, "a", late)
    assert files.link(id, "a", START) != files.link(id, "a", START + timedelta(hours=1))


async def test_a_link_cannot_be_bent(files: Files) -> None:
    id = "a" * 32
    until, sign = parse_qs(urlsplit(files.link(FileId(id), "a", START)).query).values()

    assert files.check_link(id, until[0], sign[0], START)
    for e, s in [
        (str(int(until[0]) + 1), sign[0]),
        (f" {until[0]}", sign[0]),
        (f"{until[0]}\n", sign[0]),
        (f"0{until[0]}", sign[0]),
        (until[0].translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), sign[0]),
        ("", sign[0]),
        ("9" * 5_000, sign[0]),
        (until[0], ""),
        (until[0], sign[0][:-1]),
        (until[0], "ю"),
    ]:
        assert not files.check_link(id, e, s, START)
    assert not files.check_link("b" * 32, until[0], sign[0], START)
    assert not files.check_link("../x", until[0], sign[0], START)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Отчёт за март.docx", "Отчёт за март.docx"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\Анна\\фото.jpg", "фото.jpg"),
        ("folder/", "folder"),
        ("..", "file"),
        ("", "file"),
        ("...hidden", "hidden"),
        ("a\r\nSet-Cookie: x", "a Set-Cookie_ x"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\ufeffa\u200b.txt\0", "a.txt"),
        ('a<b>"c|d?.txt', "a_b__c_d_.txt"),
        ("con.txt", "_con.txt"),
        ("й.txt", "й.txt"),
        ("x" * 200 + ".pdf", "x" * 116 + ".pdf"),
        ("x" * 200, "x" * 120),
        ("x." + "y" * 200, "x." + "y" * 118),
        ("\ud800.txt", "txt"),
    ],
)
def test_a_name_is_made_fit_to_show(name: str, kept: str) -> None:
    assert clean(name) == kept


@given(st.text(max_size=300))
@example("а" * 119 + "./b")
def test_any_name_becomes_a_short_visible_one_that_stays_as_it_is(name: str) -> None:
    kept = clean(name)

    assert 1 <= len(kept) <= NAME_MAX_CHARS
    assert kept.isprintable()
    assert not set(kept) & set('/\\<>:"|?*')
    assert not kept.startswith((".", " "))
    assert clean(kept) == kept


async def test_a_store_that_fails_keeps_no_bytes_that_nobody_knows_of(
    files: Files, engine: SqliteEngine, place: Place
) -> None:
    async def closing() -> AsyncIterator[bytes]:
        yield b"x"
        await engine.close()

    with pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", closing(), "")
    assert len(place.left()) == 1

    await engine.open()
    assert await files.sweep(START + timedelta(hours=25)) == 1
    assert place.left() == set()
    assert await engine.count(FILES_UNUSED) == 0


async def test_a_part_of_a_file_is_read_alone(files: Files) -> None:
    file = await files.keep(SHOP, "a", pieces(b"0123456789"), "")

    async def part(start: int, end: int | None) -> bytes:
        return b"".join([each async for each in files.storage.read(key(file), start, end)])

    assert await part(0, 4) == b"0123"
    assert await part(4, None) == b"456789"
    assert await part(9, 10) == b"9"
    assert await part(4, 4) == b""
    assert await files.storage.size(key(file)) == 10
    assert await files.storage.size("shop/no/such") is None


async def test_nothing_is_deleted_while_files_are_being_copied(
    files: Files, engine: SqliteEngine, place: Place
) -> None:
    await files.keep(SHOP, "a", pieces(b"x"), "")
    late = START + timedelta(hours=25)
    lease = await leases.claim(engine, COPYING, "copier", late, timedelta(minutes=1))
    assert lease is not None

    assert await files.sweep(late) == 0
    assert len(place.left()) == 1
    assert await files.sweep(late + timedelta(minutes=2)) == 1


async def test_a_copy_that_was_killed_while_the_clock_was_ahead_keeps_no_file(
    files: Files, engine: SqliteEngine, place: Place
) -> None:
    await files.keep(SHOP, "a", pieces(b"x"), "")
    ahead = START + timedelta(days=3000)
    assert await leases.claim(engine, COPYING, "copier", ahead, COPYING_LASTS) is not None

    assert await files.sweep(START + timedelta(hours=25)) == 1
    assert not place.left()


async def test_a_file_that_an_entry_lets_go_is_gone_after_a_day_unless_others_may_name_it(
    files: Files, place: Place
) -> None:
    once = await files.keep(SHOP, "a", pieces(b"x"), "")
    twice = await files.keep(SHOP, "b", pieces(b"y"), "")
    await files.mark_used([once.id, twice.id], "entry")
    await files.mark_used([once.id], "entry")
    await files.mark_used([twice.id], "another")

    await files.release([once.id, twice.id, "0" * 32], "nobody")
    await files.release([once.id, twice.id, "0" * 32], "entry")
    assert await files.sweep(START + timedelta(hours=24)) == 0
    assert await files.sweep(START + timedelta(hours=25)) == 1
    assert place.left() == {key(twice)}

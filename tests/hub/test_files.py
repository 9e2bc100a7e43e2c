"""Files: kept before they are named, found again, gone when nobody names them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.errors import BadValueError, NotFoundError, TooLargeError, UnavailableError
from hub.files import BLOCK_BYTES, NAME_MAX_CHARS, Files, clean
from hub.keys import Keys
from hub.model import File, FileId, ProjectId
from hub.store.sqlite import SqliteEngine

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


@pytest.fixture
def files(engine: SqliteEngine, tmp_path: Path, clock: Clock) -> Files:
    return Files(engine, tmp_path / "files", Keys(b"k" * 32), 1_000_000, clock)


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def content(files: Files, file: File) -> bytes:
    return b"".join([block async for block in files.read(file)])


def on_disk(tmp_path: Path) -> list[Path]:
    return [each for each in (tmp_path / "files").rglob("*") if each.is_file()]


async def test_what_was_kept_is_read_back_and_described(files: Files, clock: Clock) -> None:
    blocks = [PNG, b"a" * BLOCK_BYTES, b"b" * 10]
    file = await files.keep(SHOP, "Фото с моря.PNG", pieces(*blocks), "visitor:1")

    assert await content(files, file) == b"".join(blocks)
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


async def test_a_file_lies_under_its_project_by_its_id_alone(files: Files, tmp_path: Path) -> None:
    file = await files.keep(SHOP, "../../etc/passwd", pieces(b"x"), "visitor:1")

    assert on_disk(tmp_path) == [files.path(file)]
    assert files.path(file) == tmp_path / "files" / "shop" / file.id[:2] / file.id
    assert files.path(replace(file, name="/root")) == files.path(file)
    assert file.name == "passwd"


@pytest.mark.parametrize(
    ("project", "id"),
    [("..", "0" * 32), ("shop/x", "0" * 32), ("shop", "../" + "0" * 29), ("shop", "0" * 31)],
)
async def test_ids_that_are_no_ids_lead_nowhere(files: Files, project: str, id: str) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x"), "")
    with pytest.raises(NotFoundError):
        files.path(replace(file, project=ProjectId(project), id=id))


async def test_too_many_bytes_are_refused_before_the_rest_is_read_and_leave_nothing(
    files: Files, engine: SqliteEngine, tmp_path: Path
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
    assert on_disk(tmp_path) == []


async def test_a_file_of_exactly_the_limit_is_kept(files: Files) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x" * 999_999, b"", b"y"), "")
    assert file.size_bytes == 1_000_000


async def test_no_bytes_are_no_file(files: Files, tmp_path: Path) -> None:
    with pytest.raises(BadValueError) as caught:
        await files.keep(SHOP, "a", pieces(b"", b""), "")

    assert caught.value.field == "file"
    assert on_disk(tmp_path) == []


async def test_a_sender_who_goes_away_leaves_nothing(files: Files, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * BLOCK_BYTES
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.keep(SHOP, "a", broken(), "")
    assert on_disk(tmp_path) == []


async def test_a_cancelled_sender_leaves_nothing(files: Files, tmp_path: Path) -> None:
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
    assert on_disk(tmp_path) == []


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
    files: Files, tmp_path: Path
) -> None:
    with small_disk(300_000), pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", pieces(b"x" * 400_000), "")

    assert on_disk(tmp_path) == []
    assert (await files.keep(SHOP, "a", pieces(b"x" * 400_000), "")).size_bytes == 400_000


async def test_a_folder_that_cannot_be_made_is_unavailable(files: Files, tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", pieces(b"x"), "")


async def test_lost_bytes_and_unknown_ids_are_not_found(files: Files) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x"), "")
    files.path(file).unlink()

    with pytest.raises(NotFoundError):
        await content(files, file)
    with pytest.raises(NotFoundError):
        await files.get("0" * 32)
    with pytest.raises(BadValueError):
        await files.mark_used(["0" * 32])


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
    files: Files, clock: Clock, tmp_path: Path
) -> None:
    unnamed = await files.keep(SHOP, "a", pieces(b"x"), "")
    named = await files.keep(SHOP, "b", pieces(b"y"), "")
    await files.mark_used([named.id])
    await files.mark_used([named.id])

    assert await files.sweep(START + timedelta(hours=24)) == 0
    assert await files.sweep(START + timedelta(hours=24, milliseconds=1)) == 1
    assert on_disk(tmp_path) == [files.path(named)]
    with pytest.raises(NotFoundError):
        await files.get(unnamed.id)
    assert await files.sweep(START + timedelta(days=100)) == 0
    assert (await files.get(named.id)).unused_since is None


async def test_a_sweep_takes_more_than_one_page(files: Files, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(230):
            group.create_task(files.keep(SHOP, "a", pieces(b"x"), ""))

    assert await files.sweep(START + timedelta(hours=25)) == 230
    assert on_disk(tmp_path) == []


async def test_a_sweep_and_those_who_use_a_file_agree_on_it(files: Files, tmp_path: Path) -> None:
    kept = [await files.keep(SHOP, "a", pieces(b"x"), "") for _ in range(60)]

    async def use(file: File) -> bool:
        try:
            await files.mark_used([file.id])
        except BadValueError:
            return False
        return True

    late = START + timedelta(hours=25)
    removed, again, *used = await asyncio.gather(
        files.sweep(late), files.sweep(late), *(use(file) for file in reversed(kept))
    )

    assert removed + again + sum(used) >= 60
    left = {files.path(file) for file, was in zip(reversed(kept), used, strict=True) if was}
    assert set(on_disk(tmp_path)) == left


async def test_a_document_in_the_store_outlives_a_stale_mark(files: Files, tmp_path: Path) -> None:
    file = await files.keep(SHOP, "a", pieces(b"x"), "")
    await files.mark_used([file.id])
    mark = tmp_path / "files" / "shop" / "marks" / file.id
    mark.touch()
    os.utime(mark, (0, 0))
    (mark.parent / "not a mark").touch()

    assert await files.sweep(START) == 0
    assert not mark.exists()
    assert await content(files, file) == b"x"


async def test_a_file_swept_away_while_it_was_coming_is_not_announced(
    files: Files, clock: Clock
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * BLOCK_BYTES
        await files.sweep(START + timedelta(hours=25))
        yield b"y"

    with pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", slow(), "")


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


async def test_a_file_of_an_insert_that_may_have_failed_is_kept_until_it_is_known(
    files: Files, engine: SqliteEngine, tmp_path: Path
) -> None:
    await engine.close()
    with pytest.raises(UnavailableError):
        await files.keep(SHOP, "a", pieces(b"x"), "")
    assert len(on_disk(tmp_path)) == 2

    await engine.open()
    assert await files.sweep(START + timedelta(hours=25)) == 1
    assert on_disk(tmp_path) == []

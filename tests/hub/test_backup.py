"""Copies of the embedded store: whole or refused, of one moment, without the key."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hub import config, leases
from hub.accounts import Who
from hub.channels.in_use import put
from hub.config import Settings
from hub.errors import ConfigError, ConflictError, UnavailableError
from hub.files.kept import COPYING, Files
from hub.files.storage import Folder
from hub.hub import Hub
from hub.keeping import keys as key_file
from hub.keeping.backup import (
    MANIFEST,
    SEAL,
    SIGNATURE,
    STORE,
    Manifest,
    UnfitError,
    backup,
    read,
    restore,
)
from hub.keeping.verify import verify
from hub.model import Channel, FileId, ProjectId
from hub.store.schema import BY_LIFE
from hub.store.sqlite import SqliteEngine
from hub.store.sqlite_copy import copy
from tests.spine import SHOP, START, Clock, ask, assembled, log_of, message, receive

TOKEN = "12345:a-very-secret-token"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of the hub that is copied."""
    return config.settings({}, tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """Of a machine where the copy is put."""
    return config.settings({}, tmp_path / "elsewhere")


@pytest.fixture
async def hub(settings: Settings, tmp_path: Path, clock: Clock) -> AsyncIterator[Hub]:
    key_file.load(settings.security.key_file, make=True)
    engine = SqliteEngine(settings.data.store)
    await engine.open()
    hub = await assembled(engine, clock, tmp_path)
    await hub.vault.check(engine, settings.security.key_file)
    yield hub
    await engine.close()


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "hub.tar"


async def bytes_(content: bytes = b"x") -> AsyncIterator[bytes]:
    yield content


async def lived(hub: Hub, anna: Who) -> None:
    row = await ask(hub, 1)
    photo = random.Random(1).randbytes(300_000)
    file = await hub.files.keep(SHOP, "a.bin", bytes_(photo), anna.id)
    await hub.files.keep(SHOP, "unused.bin", bytes_(), anna.id)
    await hub.desk.take(anna, row.id)
    await hub.desk.reply(anna, row.id, "key-00000001", "Да", attachments=[FileId(file.id)])


async def copied(hub: Hub, settings: Settings, to: Path, **more: Any) -> Manifest:
    return await backup(settings, hub.engine, to, hub.now, **more)


async def everything(engine: SqliteEngine) -> dict[str, list[str]]:
    """Every row of every dialog and its log."""
    found = {}
    for project in ("shop", "bakery"):
        for open in (True, False):
            page = await engine.find(
                BY_LIFE, {"project": ProjectId(project), "open": open}, limit=500
            )
            for row in page.items:
                found[repr(row)] = [repr(each) for each in await log_of(engine, row.id)]
    return found


async def test_a_restored_copy_is_the_source_as_it_was_with_files_and_without_a_key(
    hub: Hub, anna: Who, settings: Settings, elsewhere: Settings, to: Path
) -> None:
    await lived(hub, anna)
    made = await copied(hub, settings, to)
    assert isinstance(hub.engine, SqliteEngine)
    before = await everything(hub.engine)
    await ask(hub, 2)

    assert await restore(elsewhere, to) == made
    assert not elsewhere.security.key_file.exists()
    assert [each.name for each in to.parent.iterdir()] == ["hub.tar"]
    assert to.stat().st_mode & 0o777 == 0o600
    there = SqliteEngine(elsewhere.data.store)
    await there.open()
    assert await everything(there) == before
    files = Files(there, Folder(elsewhere.data.files), hub.keys, 1_000)
    found = await verify(there, files)
    assert (found.told, found.files) == ([], 1)
    await there.close()
    assert sorted(each.name for each in elsewhere.data.dir.iterdir()) == [
        "files",
        "hub.db",
        "hub.db.lock",
    ]


async def test_a_copy_under_load_is_of_one_moment(
    hub: Hub, settings: Settings, elsewhere: Settings, to: Path
) -> None:
    asked: list[int] = []
    rages = asyncio.Event()

    async def storm(visitor: int) -> None:
        for n in range(60):
            await receive(hub, message(n, hub.now(), visitor=f"v{visitor}"))
            asked.append(n)
            if len(asked) == 40:
                rages.set()

    begun = [asyncio.create_task(storm(n)) for n in range(8)]
    await rages.wait()
    acknowledged = len(asked)
    await copied(hub, settings, to)
    assert len(asked) < 480, "the copy was taken after the storm"
    await asyncio.gather(*begun)

    await restore(elsewhere, to)
    there = SqliteEngine(elsewhere.data.store)
    await there.open()
    found = await verify(there, None)
    assert found.told == []
    assert acknowledged <= found.entries <= 480
    for open in (True, False):
        page = await there.find(BY_LIFE, {"project": SHOP, "open": open}, limit=50)
        for row in page.items:
            ours, theirs = await log_of(hub.engine, row.id), await log_of(there, row.id)
            assert ours[: len(theirs)] == theirs
    await there.close()


async def test_secrets_are_in_no_part_of_a_copy_and_the_key_only_when_asked_for(
    hub: Hub, anna: Who, settings: Settings, elsewhere: Settings, to: Path
) -> None:
    bot = Channel(
        id="bot",
        project=SHOP,
        kind="unknown",
        name="Bot",
        settings={"token": TOKEN},
        created_at=START,
    )
    await put(hub.engine, hub.vault, bot)
    await lived(hub, anna)
    key = settings.security.key_file.read_bytes().strip()
    made = await copied(hub, settings, to)
    whole = to.read_bytes()
    assert TOKEN.encode() not in whole
    assert key not in whole
    assert TOKEN not in repr(made)
    assert key.decode() not in repr(made)

    await copied(hub, settings, to.with_name("with-key.tar"), with_key=True)
    await restore(elsewhere, to.with_name("with-key.tar"))
    assert elsewhere.security.key_file.read_bytes().strip() == key
    assert elsewhere.security.key_file.stat().st_mode & 0o777 == 0o600


async def test_a_copy_is_refused_beside_another_key_by_the_key_files_name(
    hub: Hub, settings: Settings, elsewhere: Settings, to: Path
) -> None:
    await copied(hub, settings, to)
    key_file.load(elsewhere.security.key_file, make=True)
    with pytest.raises(ConfigError, match=str(elsewhere.security.key_file)):
        await restore(elsewhere, to)
    assert [each.name for each in elsewhere.data.dir.iterdir()] == ["hub.key"]
    elsewhere.security.key_file.write_bytes(settings.security.key_file.read_bytes())
    await restore(elsewhere, to)


async def test_nothing_is_restored_over_data(
    hub: Hub, settings: Settings, elsewhere: Settings, to: Path
) -> None:
    await copied(hub, settings, to)
    with pytest.raises(ConfigError, match="not empty"):
        await restore(settings, to)
    elsewhere.data.files.mkdir(parents=True)
    with pytest.raises(ConfigError, match="files"):
        await restore(elsewhere, to)
    assert not elsewhere.data.store.exists()


async def test_a_restore_that_was_cut_short_is_begun_anew(
    hub: Hub,
    anna: Who,
    settings: Settings,
    elsewhere: Settings,
    to: Path,
) -> None:
    await lived(hub, anna)
    await copied(hub, settings, to)
    (elsewhere.data.dir / ".restoring" / "files").mkdir(parents=True)
    (elsewhere.data.files / "shop").mkdir(parents=True)
    (elsewhere.data.files / "shop" / "half").touch()

    await restore(elsewhere, to)
    assert elsewhere.data.store.exists()
    assert not (elsewhere.data.files / "shop" / "half").exists()


@pytest.fixture
async def whole(hub: Hub, anna: Who, settings: Settings, to: Path) -> bytes:
    await lived(hub, anna)
    await copied(hub, settings, to)
    return to.read_bytes()


def data_of(whole: bytes) -> list[tuple[int, int]]:
    """Where the content of each part lies, apart from headers and filling."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        return [(each.offset_data, each.size) for each in tar]


async def test_a_copy_cut_short_anywhere_is_refused_and_leaves_nothing(
    whole: bytes, elsewhere: Settings, to: Path
) -> None:
    end = sum(data_of(whole)[-1])
    draw = random.Random(7)
    cuts = [0, 1, 511, 512, 513, 1_024, end - 1, end - 64, end - 600]
    for cut in cuts + [draw.randrange(end) for _ in range(40)]:
        to.write_bytes(whole[:cut])
        with pytest.raises(UnfitError):
            await restore(elsewhere, to)
        assert not elsewhere.data.dir.exists()


async def test_a_copy_with_one_byte_changed_is_refused(
    whole: bytes, elsewhere: Settings, to: Path
) -> None:
    draw = random.Random(7)
    for start, size in data_of(whole):
        for _ in range(12):
            bent = bytearray(whole)
            bent[start + draw.randrange(size)] ^= 1 << draw.randrange(8)
            to.write_bytes(bent)
            with pytest.raises(UnfitError):
                await restore(elsewhere, to)
    assert not elsewhere.data.dir.exists()


def packed(to: Path, members: list[tuple[str, bytes]]) -> None:
    with tarfile.open(to, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def unpacked(whole: bytes) -> list[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        found = [(each.name, tar.extractfile(each)) for each in tar]
        return [(name, stream.read()) for name, stream in found if stream is not None]


def sealed(members: list[tuple[str, bytes]], **changed: object) -> list[tuple[str, bytes]]:
    """The parts with a manifest that says something else, and the seal that belongs to it."""
    parts = dict(members)
    told = msgspec.json.decode(parts[MANIFEST]) | changed
    body = msgspec.json.encode(told)
    rest = [each for each in members if each[0] not in (MANIFEST, SEAL)]
    seal = hashlib.sha256(body + parts.get(SIGNATURE, b"")).hexdigest().encode()
    return [*rest, (MANIFEST, body), (SEAL, seal)]


@pytest.mark.parametrize("is_signed", [True, False])
async def test_a_copy_that_somebody_else_has_made_or_changed_is_refused_where_the_key_lies(
    whole: bytes, hub: Hub, settings: Settings, elsewhere: Settings, to: Path, is_signed: bool
) -> None:
    """Whoever writes where copies lie would else say who the operators are."""
    path = elsewhere.security.key_file
    path.parent.mkdir(parents=True)
    path.write_bytes(settings.security.key_file.read_bytes())
    members = [each for each in unpacked(whole) if is_signed or each[0] != SIGNATURE]
    empty = SqliteEngine(to.with_name("empty.db"))
    await empty.open()
    await empty.close()
    content = to.with_name("empty.db").read_bytes()
    forged = [(name, content if name == STORE else had) for name, had in members]
    parts = msgspec.json.decode(dict(members)[MANIFEST])["parts"]
    for part in parts:
        if part["name"] == STORE:
            part |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    for made in (sealed(forged, parts=parts), sealed(members, program="other")):
        packed(to, made)
        read(to, None)
        said = f"the key {path}" if is_signed else f"put {path} aside"
        with pytest.raises(UnfitError, match=said):
            await restore(elsewhere, to)
    assert [each.name for each in elsewhere.data.dir.iterdir()] == [path.name]
    to.write_bytes(whole)
    await restore(elsewhere, to)


async def test_copies_of_newer_programs_and_strange_archives_are_refused(
    whole: bytes, elsewhere: Settings, to: Path
) -> None:
    members = unpacked(whole)
    packed(to, sealed(members))
    read(to, None)
    for strange, said in (
        (sealed(members, format=2, novelty=True), "format 2"),
        (sealed(members, store=99), "version 99"),
        ([("../evil", b"x"), *members], "no copy"),
        ([("files/shop/../../../evil", b"x"), *members], "no copy"),
        ([*members[:-1]], "cut short"),
        (members[1:], "damaged"),
        (sealed([(MANIFEST, dict(members)[MANIFEST])], parts=[]), "no copy"),
        ([*members, ("hub.key", b"x")], "no copy"),
        ([], "cut short"),
    ):
        packed(to, strange)
        with pytest.raises(UnfitError, match=said):
            await restore(elsewhere, to)
    with tarfile.open(to, "w") as tar:
        link = tarfile.TarInfo("hub.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(UnfitError):
        await restore(elsewhere, to)
    with pytest.raises(UnfitError):
        await restore(elsewhere, to.with_name("nowhere.tar"))
    assert not elsewhere.data.dir.exists()


async def test_a_copy_never_overwrites_and_leaves_nothing_when_it_fails(
    hub: Hub, settings: Settings, to: Path
) -> None:
    await copied(hub, settings, to)
    before = to.read_bytes()
    with pytest.raises(ConfigError):
        await copied(hub, settings, to)
    assert to.read_bytes() == before
    (to.parent / "in-the-way").touch()
    lost = replace(settings, data=replace(settings.data, dir=to.parent / "nowhere"))
    with pytest.raises(UnavailableError):
        await copied(hub, lost, to.with_name("b.tar"), with_key=True)
    assert sorted(each.name for each in to.parent.iterdir()) == ["hub.tar", "in-the-way"]
    assert await leases.claim(hub.engine, COPYING, "me", hub.now(), timedelta(minutes=1))
    with pytest.raises(ConflictError):
        await copied(hub, settings, to.with_name("c.tar"))


async def test_a_file_that_was_lost_before_is_told_and_keeps_nobody_from_a_copy(
    hub: Hub, anna: Who, settings: Settings, elsewhere: Settings, to: Path
) -> None:
    await lived(hub, anna)
    for path in settings.data.files.rglob("*"):
        if path.is_file() and path.stat().st_size > 1:
            path.unlink()
    made = await copied(hub, settings, to)
    assert len(made.missing) == 1
    assert (await restore(elsewhere, to)).missing == made.missing


def test_a_damaged_store_is_not_taken_for_a_copy(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [(f"{n}" * 500,) for n in range(500)])
        db.commit()
    bent = bytearray((tmp_path / "a.db").read_bytes())
    bent[8_192:12_288] = b"\xff" * 4_096
    (tmp_path / "a.db").write_bytes(bent)
    with pytest.raises(Exception, match=r"damaged|malformed"):
        copy(tmp_path / "a.db", tmp_path / "b.db")

"""A messenger that keeps the files of its messages, and a hub that brings them from there."""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from hub import config, dialogs
from hub.bus import Subscription
from hub.channels.port import ChannelKind, Profile
from hub.content import FileKind, Remote
from hub.errors import RejectedError
from hub.events import EntryChanged
from hub.files import fetching
from hub.hub import Hub, assemble
from hub.model import (
    Attachment,
    Author,
    Channel,
    ChannelId,
    Dialog,
    Entry,
    EntryId,
    EntryKind,
    FileId,
)
from hub.records import Fetch
from hub.store.engine import Engine, Insert
from hub.store.schema import FETCHES_DUE
from tests.scripted import Platform
from tests.spine import SHOP, START, Clock, all_of, ask, settled_documents

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


def far(hub: Hub, id: str = "tg") -> Far:
    live = hub.channels.get(id)
    assert isinstance(live, Far)
    return live


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

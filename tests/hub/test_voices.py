"""A voice that no browser plays is said again where ffmpeg is, and kept as it came where not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.content import Remote
from hub.files.kept import Files
from hub.hub import Hub
from hub.model import FileId
from tests.spine import SHOP

AMR = b"#!AMR\n\x3c" + b"\0" * 50
M4A = rb"\000\000\000\034ftypM4A \000\000\000\000"
GOOD = f"for last; do :; done; printf '{M4A.decode()}' > \"${{last#file:}}\""


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the only ffmpeg of this test would lie."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / "ffmpeg"


def put(program: Path, does: str) -> None:
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o700)


async def kept(files: Files, name: str = "voice.amr") -> tuple[str, str, str, bytes]:
    async def voice() -> AsyncIterator[bytes]:
        yield AMR

    remote = Remote(ref="a", name=name, kind="audio")
    file = await files.keep_as(FileId("a" * 32), SHOP, remote, voice(), by="channel:tg")
    body = b"".join([each async for each in files.read(file)])
    assert file.size_bytes == len(body)
    assert not list(files.storage.incoming.iterdir())
    return file.name, file.mime, file.kind, body


async def test_a_voice_is_made_one_that_browsers_play(hub: Hub, ffmpeg: Path) -> None:
    put(ffmpeg, GOOD)
    name, mime, kind, body = await kept(hub.files)
    assert (name, mime, kind) == ("voice.m4a", "audio/mp4", "audio")
    assert b"ftypM4A" in body


@pytest.mark.parametrize(
    "does", ["exit 1", "exit 0", f"{GOOD}; exit 1"], ids=["fails", "makes nothing", "half of it"]
)
async def test_a_voice_that_cannot_be_made_anew_stays(hub: Hub, ffmpeg: Path, does: str) -> None:
    put(ffmpeg, does)
    assert await kept(hub.files) == ("voice.amr", "audio/amr", "audio", AMR)


async def test_without_ffmpeg_a_voice_stays_as_it_came(hub: Hub, ffmpeg: Path) -> None:
    assert await kept(hub.files) == ("voice.amr", "audio/amr", "audio", AMR)


async def test_a_program_that_cannot_be_run_costs_nothing(hub: Hub, ffmpeg: Path) -> None:
    ffmpeg.write_bytes(b"\x7fELF but not really")
    ffmpeg.chmod(0o700)
    assert await kept(hub.files) == ("voice.amr", "audio/amr", "audio", AMR)

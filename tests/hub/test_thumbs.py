"""Small copies of pictures: made of large ones, upright, telling nothing, never of a bomb."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from hub.files.kept import Files, small_key
from hub.files.storage import Folder
from hub.files.thumbs import made
from hub.keeping.keys import Keys
from hub.store.engine import Engine
from tests.spine import SHOP, START, Clock

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 64, 48) + b"\x08\x02\0\0\0"


@pytest.fixture
def files(engine: Engine, tmp_path: Path, clock: Clock) -> Files:
    return Files(engine, Folder(tmp_path / "files"), Keys(b"k" * 32), 1_000_000, clock)


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def left(folder: Path) -> list[Path]:
    return [each for each in (folder / "files").rglob("*") if each.is_file()]


def picture(width: int, height: int, format: str = "JPEG") -> bytes:
    noise = Image.effect_noise((width, height), 60).convert("RGB")
    out = io.BytesIO()
    noise.save(out, format)
    return out.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
async def test_a_large_picture_has_a_small_copy_that_goes_with_it(
    files: Files, tmp_path: Path, format: str
) -> None:
    file = await files.keep(SHOP, "photo", pieces(picture(700, 490, format)), "")

    assert file.thumb
    assert len(left(tmp_path)) == 2
    small = b"".join([each async for each in files.storage.read(small_key(file))])
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("WEBP", (320, 224))
    assert len(small) < file.size_bytes / 4
    [named] = await files.attachments(SHOP, [file.id])
    assert named.thumb
    assert await files.sweep(START + timedelta(hours=25)) == 1
    assert left(tmp_path) == []


async def test_small_broken_moving_and_monstrous_pictures_have_none(files: Files) -> None:
    whole, moving = picture(1_000, 700), io.BytesIO()
    frames = [Image.effect_noise((500, 400), n * 20) for n in (1, 2, 3)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    for content in (
        picture(40, 30),
        moving.getvalue(),
        whole[: len(whole) // 100] + b"x" * 30_000,
        PNG[:16] + struct.pack(">II", 20_000, 5_000) + PNG[24:] + b"x" * 30_000,
    ):
        file = await files.keep(SHOP, "photo", pieces(content), "")
        assert not file.thumb
        assert b"".join([each async for each in files.read(file)]) == content


async def test_a_picture_held_upright_stays_upright_and_tells_no_place(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera of Anna"
    path = tmp_path / "photo"
    Image.effect_noise((900, 300), 60).convert("RGB").save(path, "JPEG", exif=exif)

    small = made(path)

    assert small is not None
    assert b"Anna" not in small
    with Image.open(io.BytesIO(small)) as image:
        assert image.height > image.width

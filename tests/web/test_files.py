"""Files at the door, wherever their bytes lie: parts, small copies, a storage that is lost."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from hub.files.kept import key
from hub.files.s3 import S3
from tests.web.house import SHOP, House

if TYPE_CHECKING:
    from tests.bucket import S3Server


@pytest.fixture(params=["folder", "s3"])
async def stored(
    request: pytest.FixtureRequest, house: House, tmp_path: Any
) -> AsyncIterator[House]:
    """The house over each storage in turn."""
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        house.hub.files.storage = S3(server.new_bucket(), tmp_path / "incoming")
    yield house
    await house.hub.files.storage.close()


def photo() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((700, 490), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()


async def uploaded(house: House, content: bytes, name: str = "photo.jpg") -> Any:
    visitor = await house.visitor()
    answer = await visitor.browser.raw(
        "POST",
        f"/widget/alpha-site/files?name={name}",
        data=content,
        headers={"X-Visitor-Key": visitor.key, "Origin": SHOP},
    )
    assert answer.status == 201, await answer.text()
    file = await answer.json()
    told = await visitor.write("", attachments=[file["id"]])
    assert told["t"] == "ok"
    return file


async def test_a_large_picture_is_shown_by_its_small_copy_and_opens_whole(stored: House) -> None:
    whole = photo()
    file = await uploaded(stored, whole)
    anna = await stored.browser("anna")
    [row] = (await anna.get("/projects/alpha/dialogs?view=all"))["items"]
    [entry] = (await anna.get(f"/dialogs/{row['id']}/log"))["items"]
    [shown] = entry["attachments"]
    for url in (file["thumb"], shown["thumb"]):
        answer = await (await stored.browser()).raw("GET", url)
        assert (answer.status, answer.content_type) == (200, "image/webp")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        with Image.open(io.BytesIO(await answer.read())) as small:
            assert max(small.size) == 320
    answer = await anna.raw("GET", shown["url"])
    assert (answer.content_type, await answer.read()) == ("image/jpeg", whole)


async def test_a_file_that_is_no_picture_has_no_small_copy(stored: House) -> None:
    file = await uploaded(stored, b"plain words", "a.txt")
    assert file["thumb"] == ""
    answer = await (await stored.browser()).raw("GET", file["url"] + "&small=1")
    assert (answer.content_type, await answer.read()) == (
        "application/octet-stream",
        b"plain words",
    )


@pytest.mark.parametrize(
    ("asked", "status", "content", "range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-50", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-9", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=50-60", 416, None, "bytes */10"),
    ],
)
async def test_a_part_of_a_file_is_given_alone(
    stored: House, asked: str, status: int, content: bytes | None, range: str
) -> None:
    file = await uploaded(stored, b"0123456789", "a.bin")
    browser = await stored.browser()
    answer = await browser.raw("GET", file["url"], headers={"Range": asked})
    assert answer.status == status
    if content is not None:
        assert await answer.read() == content
        assert answer.headers["Content-Range"] == range
    whole = await browser.raw("GET", file["url"])
    assert (whole.status, await whole.read()) == (200, b"0123456789")
    head = await browser.raw("HEAD", file["url"])
    assert (head.status, head.headers["Content-Length"]) == (200, "10")


async def test_a_file_whose_bytes_are_gone_is_not_found(stored: House) -> None:
    file = await uploaded(stored, b"x", "a.bin")
    await stored.hub.files.storage.delete(key(await stored.hub.files.get(file["id"])))
    answer = await (await stored.browser()).raw("GET", file["url"])
    assert answer.status == 404


async def test_a_lost_storage_is_told_as_unavailable_and_words_still_pass(
    house: House, s3: S3Server, tmp_path: Any
) -> None:
    bucket = s3.new_bucket()
    house.hub.files.storage = S3(bucket, tmp_path / "incoming")
    file = await uploaded(house, b"x" * 1_000, "a.bin")
    await house.hub.files.storage.close()
    gone = dataclasses.replace(bucket, url="http://127.0.0.1:9")
    house.hub.files.storage = S3(gone, tmp_path / "incoming")
    visitor = await house.visitor()
    answer = await visitor.browser.raw("GET", file["url"])
    assert answer.status == 503
    assert "127.0.0.1" not in await answer.text()
    refused = await visitor.browser.raw(
        "POST",
        "/widget/alpha-site/files?name=a",
        data=b"x",
        headers={"X-Visitor-Key": visitor.key, "Origin": SHOP},
    )
    assert refused.status == 503
    assert (await visitor.write("слова проходят"))["t"] == "ok"
    await house.hub.files.storage.close()


async def test_little_room_is_told_to_the_machine_that_watches(house: House) -> None:
    browser = await house.browser()
    house.hub.housekeeping.low_disk = ["/data: 12 MB free"]
    answer = await browser.raw("GET", "/ready")
    assert (answer.status, await answer.text()) == (200, "ok\ndisk: /data: 12 MB free")
    answer = await browser.raw("GET", "/ready", headers={"X-Forwarded-For": "192.0.2.1"})
    assert (answer.status, await answer.text()) == (200, "ok")

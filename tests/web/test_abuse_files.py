"""Files as a weapon: too many, too large, of two kinds at once, asked for in parts."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest

from tests.web.house import SHOP, Browser, House
from web import widget
from web.routes import ROOT


async def test_a_chat_has_only_so_much_room_for_files(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widget, "MEGABYTES_BY_ADDRESS", 3)
    browser = await house.browser()
    statuses = []
    for _ in range(3):
        key = (await house.visitor()).key
        statuses.append((await _upload(browser, key, b"x" * 1_500_000))[0])
    assert statuses == [201, 429, 429]
    files = house.hub.settings.data.files
    kept = [each for each in files.rglob("*") if each.is_file() and each.stat().st_size]
    assert sum(each.stat().st_size for each in kept) == 1_500_000


async def test_visitors_do_not_fill_the_last_of_the_disk(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    spare = house.hub.settings.limits.disk_spare_bytes
    full = SimpleNamespace(total=10**12, used=10**12, free=spare - 1)
    monkeypatch.setattr(widget, "disk_usage", lambda _: full)
    visitor = await house.visitor()
    status, told = await _upload(visitor.browser, visitor.key, b"x")
    assert (status, told["code"]) == (503, "unavailable")
    assert (await visitor.write("слова ещё помещаются"))["t"] == "ok"


async def _upload(browser: Browser, key: str, data: bytes) -> tuple[int, Any]:
    headers = {"Origin": SHOP, "X-Visitor-Key": key}
    return await browser.ask(
        "POST", "/widget/alpha-site/files?name=a.bin", data=BytesIO(data), headers=headers
    )


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("bytes=0-3", 206),
        ("bytes=-2", 206),
        ("bytes=5-1", 416),
        ("bytes=99999999999999999999-", 416),
        ("bytes=0-1,3-4", 416),
        ("lines=1-2", 416),
    ],
)
async def test_a_part_of_a_file_is_no_way_around_its_guard(
    house: House, wanted: str, status: int
) -> None:
    anna = await house.browser("anna")
    _, file = await anna.ask(
        "POST", f"{ROOT}/projects/alpha/files?name=a.html", data=b"<script>alert(1)</script>"
    )
    stranger = await house.browser()
    whole = await stranger.raw("GET", file["url"])
    part = await stranger.raw("GET", file["url"], headers={"Range": wanted})
    assert part.status == status
    head = await stranger.raw("HEAD", file["url"])
    for answer in (whole, part, head):
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["Content-Type"] == "application/octet-stream"
    assert await head.read() == b""
    assert (await stranger.ask("HEAD", file["url"].replace("s=", "s=x")))[0] == 403


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gif", b"GIF89a/*\x01\x00\x01\x00*/=1;alert(document.domain)//"),
        ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("a.jpg", b"\xff\xd8\xff\xe0<html><script>alert(1)</script>"),
        ("a.pdf", b"%PDF-1.7\n<script>alert(1)</script>"),
        ("a.html", b"<!doctype html><script>alert(1)</script>"),
        ('x"; filename=evil.html\r\nSet-Cookie: a=b.png', b"\x89PNG\r\n\x1a\n<script>"),
    ],
)
async def test_a_file_of_two_kinds_never_becomes_a_page(
    house: House, name: str, data: bytes
) -> None:
    anna = await house.browser("anna")
    status, file = await anna.ask(
        "POST", f"{ROOT}/projects/alpha/files", params={"name": name}, data=data
    )
    assert status == 201
    answer = await (await house.browser()).raw("GET", file["url"])
    assert answer.status == 200
    assert answer.content_type in ("application/octet-stream", "image/gif", "image/jpeg")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Set-Cookie" not in answer.headers
    assert "\n" not in answer.headers["Content-Disposition"]
    assert await answer.read() == data


@pytest.mark.parametrize("name", ["смета {2}.txt", "{}", "..", ".", "a/b", "50%.txt", "%2F", "?#&"])
async def test_a_file_of_any_name_is_opened_by_its_link(house: House, name: str) -> None:
    anna = await house.browser("anna")
    status, file = await anna.ask(
        "POST", f"{ROOT}/projects/alpha/files", params={"name": name}, data=b"here it is"
    )
    assert status == 201
    answer = await (await house.browser()).raw("GET", file["url"])
    assert (answer.status, await answer.read()) == (200, b"here it is")

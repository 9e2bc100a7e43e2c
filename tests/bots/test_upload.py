"""A file on its way to a platform: as long as it says, and honest about how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bots.line.line import Line
from bots.line.upload import Upload
from bots.platforms import forms
from hub.errors import RejectedError, TransientError
from hub.model import Attachment, FileId
from tests.bots.house import serving

DATA = bytes(range(256)) * 40
FILE = Attachment(FileId("f"), 'сме"та\\\r\n.pdf', "application/pdf", len(DATA))


async def chunks(data: bytes = DATA) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 1_000):
        yield data[at : at + 1_000]


@asynccontextmanager
async def storage(got: list[forms.Form], *, cuts: bool = False) -> AsyncIterator[Line]:
    async def take(request: web.Request) -> web.Response:
        assert request.path == "/up"
        assert request.content_length
        got.append(await forms.read(request))
        if cuts and request.transport is not None:
            request.transport.abort()
        return web.Response(text="ok")

    async with serving(take) as url:
        line = Line(url)
        try:
            yield line
        finally:
            await line.close()


async def test_the_file_and_its_fields_arrive_as_they_were() -> None:
    got: list[forms.Form] = []
    async with storage(got) as line:
        said = await Upload(FILE, chunks(), field="data", fields={"a": "б"}).post(line, "up")
    assert said.status == 200
    (form,) = got
    assert form.fields == {"a": "б"}
    assert form.files == {"data": ("сме'та___.pdf", "application/pdf", DATA)}


@pytest.mark.parametrize("says", [False, True])
async def test_only_an_upload_that_says_something_leaves_a_doubt(says: bool) -> None:
    async with storage([], cuts=True) as line:
        with pytest.raises(TransientError) as caught:
            await Upload(FILE, chunks(), field="data").post(line, "up", says=says)
    assert caught.value.maybe_sent is says


async def test_a_file_that_ends_early_or_cannot_be_read_is_not_taken() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield DATA[:1_000]
        raise RejectedError("gone", reason="file_gone")

    got: list[forms.Form] = []
    async with storage(got) as line:
        with pytest.raises(RejectedError) as caught:
            await Upload(FILE, broken(), field="data").post(line, "up")
        assert caught.value.reason == "file_gone"
        with pytest.raises((TransientError, RejectedError)):
            await Upload(FILE, chunks(DATA[:-1]), field="data").post(line, "up", seconds=5)
    assert got == []

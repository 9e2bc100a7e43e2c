"""The files of the played Cloud API; their addresses live for five minutes at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web

from bots.platforms import whatsapp_shapes as shapes
from bots.platforms.platform import Blob, FileKind

URL_LASTS = timedelta(minutes=5)
KINDS: dict[str, FileKind] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "document": "file",
}


class Media:
    def __init__(self, number: Callable[[], int], now: Callable[[], datetime]) -> None:
        self._number = number
        self._now = now
        self._blobs: dict[str, Blob] = {}

    def store(self, blob: Blob) -> str:
        id = str(1_003_383_421_000_000 + self._number())
        self._blobs[id] = blob
        return id

    def told(self, id: str, url: str) -> dict[str, Any] | None:
        """What the platform says of a file, with an address that lives for a while."""
        blob = self._blobs.get(id)
        if blob is None:
            return None
        until = int((self._now() + URL_LASTS).timestamp())
        return {
            "messaging_product": "whatsapp",
            "url": f"{url}/attachments/?mid={id}&ext={until}&hash=ATt",
            "mime_type": blob.mime,
            "sha256": hashlib.sha256(blob.data).hexdigest(),
            "file_size": len(blob.data),
            "id": id,
        }

    def download(self, request: web.Request) -> web.StreamResponse:
        blob = self._blobs.get(request.query.get("mid", ""))
        if blob is None or int(request.query.get("ext", "0")) < self._now().timestamp():
            return web.Response(status=404)
        return web.Response(body=blob.data, content_type=blob.mime)

    async def had(
        self, kind: str, file: shapes.File, session: aiohttp.ClientSession
    ) -> Blob | None:
        """A file of a message: one that was put here, or one that the platform fetches itself."""
        if file.id:
            blob = self._blobs.get(file.id)
            if blob is None:
                return None
            return Blob(file.filename or blob.name, blob.mime, blob.data, KINDS[kind])
        try:
            async with session.get(file.link) as answer:
                if answer.status != 200:
                    return None
                data = await answer.read()
                return Blob(file.filename, answer.content_type, data, KINDS[kind])
        except aiohttp.ClientError:
            return None

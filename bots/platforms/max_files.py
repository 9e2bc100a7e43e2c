"""Where MAX keeps files: https://dev.max.ru/docs-api/methods/POST/uploads"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bots.platforms import forms
from bots.platforms import max_asked as asked
from bots.platforms.max_asked import RefusedError
from bots.platforms.platform import Blob, FileKind

SIGN = "a+/=%я"
"""What an address to leave a file at is signed with: it has to come back as it was told."""

FORBIDDEN = (".exe", ".bat", ".cmd", ".apk", ".msi")
KINDS: tuple[FileKind, ...] = ("image", "video", "audio", "file")


class Storage:
    """Addresses that take one file each, keys that name files, and the files themselves."""

    def __init__(self, number: Callable[[], int], avatar: Blob) -> None:
        self._number = number
        self._blobs: dict[str, Blob] = {"avatar": avatar}
        self._places: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self.sorts: dict[str, str] = {}
        """Of which sort the file of each key is."""
        self.stored: list[dict[str, str]] = []
        """The headers of what was left here."""
        self.url = ""

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/storage/{place}", self._store), web.get("/files/{id}", self._file)]

    def named(self, attachment: dict[str, Any]) -> list[Blob]:
        """The files that an attachment names by their keys."""
        return [self._blobs[self._tokens[token]] for token in asked.tokens(attachment)]

    def attached(self, blob: Blob) -> dict[str, Any]:
        """The file as it stands in a message."""
        number = self._number()
        id, token = f"p{number}", f"tk{number}{blob.kind}"
        self._blobs[id], self._tokens[token], self.sorts[token] = blob, id, blob.kind
        url = f"{self.url}/files/{id}"
        if blob.kind == "image":
            return {"type": "image", "payload": {"photo_id": number, "url": url, "token": token}}
        if blob.kind == "video":
            # The address leads to a page; the film itself is asked for by its key.
            payload = {"url": f"{self.url}/pages/{id}", "token": token}
            return {"type": "video", "payload": payload, "width": 1, "height": 1, "duration": 1}
        payload = {"url": url, "token": token}
        if blob.kind == "audio":
            return {"type": "audio", "payload": payload}
        return {"type": "file", "payload": payload, "filename": blob.name, "size": len(blob.data)}

    async def place(self, request: web.Request, told: Any) -> Any:
        sort = request.query.get("type", "")
        if sort not in asked.FILES:
            raise asked.payload("type: image, video, audio or file")
        place = f"{self._number()}-{sort}"
        self._places[place] = f"tk{self._number()}{sort}"
        made: dict[str, Any] = {
            "url": f"{self.url}/storage/{place}?expires=1&sig={quote(SIGN, safe='')}"
        }
        if sort in ("video", "audio"):
            made["token"] = self._places[place]
        return made

    async def film(self, request: web.Request, told: Any) -> Any:
        id = self._tokens.get(request.match_info["token"])
        if id is None:
            raise RefusedError(404, "video.not.found", "Video not found")
        urls = {"mp4_720": f"{self.url}/files/{id}", "mp4_144": f"{self.url}/files/none"}
        return {"token": request.match_info["token"], "urls": urls}

    async def _store(self, request: web.Request) -> web.StreamResponse:
        """Takes one file at one address; the bot's key is not asked for, and not refused either."""
        place = request.match_info["place"]
        token, sort = self._places.pop(place, ""), place.partition("-")[2]
        self.stored.append(dict(request.headers))
        if not token or request.query.get("sig") != SIGN:
            return _bad("BAD_REQUEST")
        form = await forms.read(request)
        if "data" not in form.files:
            return _bad("multipart with data expected")
        name, mime, data = form.files["data"]
        if name.lower().endswith(FORBIDDEN):
            return web.Response(status=400, text="File extension is forbidden")
        kind: FileKind = next((each for each in KINDS if each == sort), "file")
        id = f"f{self._number()}"
        self._blobs[id] = Blob(name, mime, data, kind)
        self._tokens[token], self.sorts[token] = id, sort
        if sort in ("video", "audio"):
            return web.Response(text="<retval>1</retval>", content_type="application/xml")
        if sort == "image":
            return web.json_response({"photos": {"k1": {"token": token}}})
        return web.json_response({"fileId": self._number(), "token": token})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        blob = self._blobs.get(request.match_info["id"])
        if blob is None:
            raise web.HTTPNotFound
        if "Authorization" in request.headers:
            raise web.HTTPBadRequest
        return web.Response(body=blob.data, content_type=blob.mime)


def _bad(words: str) -> web.Response:
    return web.json_response({"error_code": "1", "error_data": words}, status=400)

"""What people and the community keep at VK: pictures, documents and voices, under VK's names."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import BodyPartReader, web
from PIL import Image

from bots.platforms.platform import Blob, FileKind, Person
from bots.platforms.vk_rules import RefusedCallError

FORBIDDEN = frozenset({"exe", "mp3", "apk", "bat", "msi"})
SIDES_MAX, RATIO_MAX = 14_000, 20
REACTIONS = {
    **{1: "❤", 2: "🔥", 3: "😂", 4: "👍", 5: "💩", 6: "❓", 7: "😭", 8: "😡"},
    **{9: "👎", 10: "👌", 11: "😃", 12: "🤔", 13: "🙏", 14: "😘", 15: "😍", 16: "🎉"},
}


@dataclass(frozen=True)
class Kept:
    """A file under its name; `shown` is the attachment as messages hold it."""

    name: str
    blob: Blob
    shown: dict[str, Any]


class Things:
    def __init__(self, url: Callable[[], str], number: Callable[[], int], owner: int) -> None:
        self._url = url
        self._number = number
        self._owner = owner
        self._blobs: dict[str, Blob] = {}
        self._taken: dict[str, tuple[str, Blob]] = {}
        self._kept: dict[str, Kept] = {}

    async def upload(self, request: web.Request) -> web.Response:
        """https://dev.vk.com/ru/api/upload/overview; JSON that calls itself HTML, as there."""
        door = request.match_info["door"]
        # Not by `post`, whose temporary file outlives an upload that was cut.
        form = await request.multipart()
        part = await form.next()
        if not isinstance(part, BodyPartReader) or not part.filename:
            return _html({"error": "no_file"})
        mime = part.headers.get("Content-Type", "application/octet-stream")
        blob = Blob(part.filename, mime, bytes(await part.read()))
        if door == "photo":
            id = self._take(door, blob, "image") if largest(blob.data) else ""
            return _html({"server": 1, "photo": id or "[]", "hash": secrets.token_hex(16)})
        if blob.name.rpartition(".")[2].lower() in FORBIDDEN and door == "doc":
            return _html({"error": "invalid file type", "error_descr": "no such files"})
        return _html({"file": self._take(door, blob, "audio" if door != "doc" else "file")})

    def _take(self, door: str, blob: Blob, kind: FileKind) -> str:
        """What an upload server hands out, to be saved by it."""
        id = secrets.token_hex(20)
        self._taken[id] = door, replace(blob, kind=kind)
        return id

    def saved(self, id: str, door: str, title: str = "") -> Kept:
        was, blob = self._taken.pop(id, ("", Blob("", "", b"")))
        if not was or (door and was != door) or (not door and was == "photo"):
            raise RefusedCallError(100, "file is invalid")
        return self._keep(was, replace(blob, name=title or blob.name), self._owner)

    def of(self, blob: Blob, owner: int) -> Kept:
        """What a person sends; a video goes as a document, for VK shows no file of one."""
        door = {"image": "photo", "audio": "audio_message"}.get(blob.kind, "doc")
        if door == "photo" and largest(blob.data) is None:
            door = "doc"
        return self._keep(door, blob, owner)

    def named(self, attachment: str) -> list[Kept]:
        """The files of a message; RefusedCallError for one that VK has not."""
        names = [each for each in attachment.split(",") if each]
        # A voice is a document under either of its names.
        known = (each.replace("audio_message", "doc", 1) for each in names)
        found = [self._kept.get("_".join(each.split("_")[:2])) for each in known]
        if len(names) > 10 or None in found:
            raise RefusedCallError(100, "attachment is invalid")
        made = [each for each in found if each is not None]
        if len(made) > 1 and any("audio_message" in each.shown for each in made):
            raise RefusedCallError(100, "a voice goes alone")
        return made

    def picture(self) -> str:
        """An avatar."""
        drawn = io.BytesIO()
        Image.new("RGB", (200, 200), (39, 135, 245)).save(drawn, "PNG")
        return self._put(Blob("photo.png", "image/png", drawn.getvalue(), "image"), "avatar")

    async def serve(self, request: web.Request) -> web.Response:
        blob = self._blobs.get(request.match_info["id"])
        if blob is None:
            raise web.HTTPNotFound
        return web.Response(body=blob.data, content_type=blob.mime.partition(";")[0])

    def _put(self, blob: Blob, id: str = "") -> str:
        id = id or secrets.token_hex(12)
        self._blobs[id] = blob
        return f"{self._url()}/files/{id}/{quote(blob.name) or 'file'}"

    def _keep(self, door: str, blob: Blob, owner: int) -> Kept:
        url, id, key = self._put(blob), self._number(), secrets.token_hex(9)
        told: dict[str, Any] = {"id": id, "owner_id": owner, "access_key": key}
        match door:
            case "photo":
                width, height = largest(blob.data) or (0, 0)
                size = {"type": "w", "width": width, "height": height, "url": url}
                small = size | {"type": "s", "width": 75, "height": 75, "url": f"{url}?size=75"}
                told |= {"album_id": -15, "date": 0, "text": "", "has_tags": False}
                told |= {"sizes": [small, size]}
            case "audio_message":
                told |= {"duration": 1, "waveform": [0, 5, 9, 5], "link_ogg": url, "link_mp3": url}
            case _:
                told |= {"title": blob.name, "ext": blob.name.rpartition(".")[2], "date": 0}
                told |= {"size": len(blob.data), "url": url, "type": 1, "is_unsafe": 0}
        name = f"{'photo' if door == 'photo' else 'doc'}{owner}_{id}"
        self._kept[name] = made = Kept(name, blob, {"type": door, door: told})
        return made


def largest(data: bytes) -> tuple[int, int] | None:
    """The sides of a picture, None of what VK would take for none."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if picture.format not in ("JPEG", "PNG", "GIF"):
                return None
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    fits = width + height <= SIDES_MAX and max(width, height) <= RATIO_MAX * min(width, height)
    return (width, height) if fits else None


def dumped(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _html(told: dict[str, Any]) -> web.Response:
    return web.Response(text=dumped(told), content_type="text/html")


def user(person: Person) -> dict[str, Any]:
    """A person as `users.get` tells of one."""
    first, _, last = person.name.partition(" ")
    return {
        "id": int(person.id),
        "first_name": first,
        "last_name": last,
        "screen_name": person.username or f"id{person.id}",
        "photo_200": "https://vk.com/images/camera_200.png",
        "can_access_closed": True,
        "is_closed": False,
    }

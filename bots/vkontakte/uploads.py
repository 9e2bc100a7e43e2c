"""Files on their way to VK: asked where to, put there, kept, and named in the message.

https://dev.vk.com/ru/api/upload/overview
"""

from __future__ import annotations

from typing import Any

from bots.line.line import Line, refused
from bots.line.upload import Upload
from bots.vkontakte.call import Call, first, within
from bots.vkontakte.outgoing import door_of, name_of
from hub.channels.port import Bytes
from hub.errors import RejectedError, TransientError
from hub.model import Attachment

MAX_BYTES = 50_000_000
SECONDS = 180


async def uploaded(call: Call, line: Line, files: Bytes, peer: int, file: Attachment) -> str:
    """The name under which the file is attached, once VK has it."""
    if file.size_bytes > MAX_BYTES:
        raise RejectedError("too_large", reason="too_large")
    door = door_of(file)
    if door == "photo":
        where = await call("photos.getMessagesUploadServer", peer_id=peer)
        given = await _put(line, files, where, "photo", file)
        told: dict[str, Any] = {name: given.get(name) for name in ("server", "photo", "hash")}
        name = name_of("photo", first(await call("photos.saveMessagesPhoto", **told)))
    else:
        where = await call("docs.getMessagesUploadServer", peer_id=peer, type=door)
        given = await _put(line, files, where, "file", file)
        saved = await call("docs.save", file=given["file"], title=file.name)
        name = name_of("doc", within(saved, door) or {})
    if not name:
        raise TransientError("vk upload", reason="internal")
    return name


async def _put(
    line: Line, files: Bytes, where: Any, field: str, file: Attachment
) -> dict[str, Any]:
    """What the upload server says of the file; its answer is what the API is shown next."""
    url = within(where, "upload_url")
    if not isinstance(url, str):
        raise TransientError("vk upload", reason="internal")
    said = await Upload(file, files.read(file), field=field).post(line, url, seconds=SECONDS)
    if said.status == 413:
        raise RejectedError("too_large", reason="too_large")
    refused(said)
    told = said.json()
    # A file that VK does not want comes back as an error, or as a photo of nothing.
    if not isinstance(told, dict) or told.get("error") or told.get(field) in ("", "[]", None):
        raise RejectedError("vk upload", reason="file_type")
    return told

"""Forms with files, read part by part: one that is cut off leaves nothing open."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web


@dataclass
class Form:
    """`files` are (name, type, bytes) by the field's name."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)


async def read(request: web.Request) -> Form:
    form = Form()
    if not request.content_type.startswith("multipart/"):
        return form
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            continue
        data = bytes(await part.read(decode=True))
        if part.filename:
            mime = part.headers.get("Content-Type", "application/octet-stream")
            form.files[part.name] = (part.filename, mime, data)
        else:
            form.fields[part.name] = data.decode()
    return form

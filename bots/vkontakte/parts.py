"""What a message of VK holds besides its words, as files, places and words.

VK adds kinds of attachments without notice; what has no file is told in words or by its address.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from bots.vkontakte.words import legible
from hub.content import FileKind, Remote, Spot, size_of, spot_at

DEPTH_MAX = 5
MEDIA_MAX = 100
PICTURES = frozenset({"jpg", "jpeg", "png", "gif", "webp"})
PAGES = frozenset({"video", "wall", "market", "story", "poll", "audio", "podcast", "wall_reply"})


class Parts(msgspec.Struct, frozen=True):
    """A message taken apart."""

    text: str
    media: tuple[Remote, ...] = ()
    reply_to: str = ""
    spot: Spot | None = None


def read(
    *,
    peer: int,
    text: str,
    attachments: Sequence[Any],
    forwarded: Sequence[Any] = (),
    reply: dict[str, Any] | None = None,
    geo: Any = None,
) -> Parts:
    """The words with what is forwarded quoted below them, and the files of all of it."""
    lines, media = _taken(text, attachments)
    spot = _spot(geo)
    for quoted, files, place in _forwarded(forwarded, 1):
        lines += quoted
        media += files
        spot = spot or place
    return Parts(
        text="\n".join(lines),
        media=tuple(media[:MEDIA_MAX]),
        reply_to=_replied(peer, reply),
        spot=spot,
    )


def _taken(text: str, attachments: Sequence[Any]) -> tuple[list[str], list[Remote]]:
    lines = [legible(text)] if text else []
    media: list[Remote] = []
    mute: list[str] = []
    for each in attachments:
        if not isinstance(each, dict):
            continue
        kind = each.get("type")
        told = each.get(kind) if isinstance(kind, str) else None
        if not isinstance(kind, str) or not isinstance(told, dict):
            continue
        file = _file(kind, told)
        if file is not None:
            media.append(file)
        elif line := _line(kind, told):
            # A link in the words comes a second time as what VK shows of its page.
            if kind != "link" or _text(told.get("url")) not in text:
                lines.append(legible(line))
        else:
            mute.append(f"[{kind[:40]}]")
    # A message that holds nothing else is left empty, and is told as one that cannot be shown.
    return (lines + mute if lines or media else lines), media


def _forwarded(
    forwarded: Sequence[Any], depth: int
) -> Iterator[tuple[list[str], list[Remote], Spot | None]]:
    for each in forwarded:
        if not isinstance(each, dict) or depth > DEPTH_MAX:
            continue
        text, attachments = each.get("text"), each.get("attachments")
        lines, media = _taken(
            text if isinstance(text, str) else "",
            attachments if isinstance(attachments, list) else [],
        )
        quoted = [f"{'> ' * depth}{line}" for part in lines for line in part.split("\n")]
        yield quoted, media, _spot(each.get("geo"))
        further = each.get("fwd_messages")
        if isinstance(further, list):
            yield from _forwarded(further, depth + 1)


def _replied(peer: int, reply: dict[str, Any] | None) -> str:
    cmid = (reply or {}).get("conversation_message_id")
    return f"{peer}:{cmid}" if isinstance(cmid, int) and cmid > 0 else ""


def _file(kind: str, told: dict[str, Any]) -> Remote | None:
    """The file of an attachment that has one: VK hands out addresses that anybody may open."""
    match kind:
        case "photo":
            return _remote(_largest(told.get("sizes")), "photo.jpg", kind="image")
        case "sticker":
            return _remote(_largest(told.get("images")), "sticker.png", kind="image")
        case "graffiti":
            return _remote(told.get("url"), "graffiti.png", kind="image")
        case "audio_message":
            ogg = told.get("link_ogg")
            name = "voice.ogg" if ogg else "voice.mp3"
            return _remote(ogg or told.get("link_mp3"), name, kind="audio")
        case "doc":
            title, ext = _text(told.get("title")), _text(told.get("ext")).lower()
            name = title if not ext or title.lower().endswith(f".{ext}") else f"{title}.{ext}"
            return _remote(
                told.get("url"),
                name or "file",
                kind="image" if ext in PICTURES else "file",
                size=size_of(told.get("size")),
            )
        case _:
            return None


def _remote(url: Any, name: str, *, kind: FileKind, size: int = 0) -> Remote | None:
    if not isinstance(url, str) or not url:
        return None
    mime = mimetypes.guess_type(name)[0] or ""
    return Remote(ref=url, name=name, mime=mime, size_bytes=size, kind=kind)


def _largest(pictures: Any) -> Any:
    """The address of the picture with the most points; VK lists several in no order."""
    told = pictures if isinstance(pictures, list) else ()
    found = [each for each in told if isinstance(each, dict) and each.get("url")]
    return max(found, key=_points, default={}).get("url")


def _points(picture: dict[str, Any]) -> int:
    width, height = picture.get("width"), picture.get("height")
    return width * height if isinstance(width, int) and isinstance(height, int) else 0


def _line(kind: str, told: dict[str, Any]) -> str:
    """An attachment without a file in words: what it is called and where it is."""
    title = _text(told.get("title")) or _text(told.get("question")) or _text(told.get("text"))
    if kind == "audio":
        title = " – ".join(filter(None, (_text(told.get("artist")), title)))
    url = told.get("url") if kind == "link" else ""
    owner, id = told.get("owner_id", told.get("from_id")), told.get("id")
    if not url and kind in PAGES and isinstance(owner, int) and isinstance(id, int):
        url = f"https://vk.com/{kind if kind != 'market' else 'product'}{owner}_{id}"
    return " ".join(filter(None, (title, _text(url))))


def _spot(geo: Any) -> Spot | None:
    at = geo.get("coordinates") if isinstance(geo, dict) else None
    if not isinstance(at, dict):
        return None
    place = geo.get("place")
    title = _text(place.get("title")) if isinstance(place, dict) else ""
    return spot_at(at.get("latitude"), at.get("longitude"), title=title)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""

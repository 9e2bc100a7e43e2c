"""What goes out as VK takes it: into which messages an answer is cut, and which file is what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from bots.line.text import pieces, plain
from bots.vkontakte.words import keyboard
from hub.channels.port import Draft
from hub.model import Attachment

# https://dev.vk.com/ru/method/messages.send
TEXT_MAX = 9000
ATTACHMENTS_MAX = 10
# https://dev.vk.com/ru/api/upload/photo-in-message
PHOTO_MAX_BYTES = 50_000_000
PHOTO_SIDES_MAX = 14_000
PHOTO_RATIO_MAX = 20
PHOTOS = frozenset({"image/jpeg", "image/png", "image/gif"})
VOICES = frozenset({"audio/ogg", "audio/opus"})

Door = Literal["photo", "doc", "audio_message"]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One message of VK's."""

    text: str = ""
    files: tuple[Attachment, ...] = ()
    keyboard: str = ""
    reply_to: int = 0


def planned(draft: Draft) -> Sequence[Piece]:
    """The messages that an answer becomes; a voice goes alone, as VK wants it."""
    texts = text_of(draft)
    voices = [each for each in draft.attachments if door_of(each) == "audio_message"]
    files = [each for each in draft.attachments if door_of(each) != "audio_message"]
    told = [Piece(text=each) for each in texts]
    for n, some in enumerate(_tens(files)):
        if n == 0 and told:
            told[-1] = msgspec.structs.replace(told[-1], files=some)
        else:
            told.append(Piece(files=some))
    told += [Piece(files=(each,)) for each in voices]
    if not told:
        return []
    told[0] = msgspec.structs.replace(told[0], reply_to=cmid_of(draft.reply_to))
    told[-1] = msgspec.structs.replace(told[-1], keyboard=keyboard(draft.buttons))
    return told


def text_of(draft: Draft) -> list[str]:
    """VK's messages have no styles: what is marked is said plainly."""
    return pieces(draft.text, TEXT_MAX, plain)


def door_of(file: Attachment) -> Door:
    """How VK takes a file; a picture that it would refuse as one goes as a document."""
    if file.mime in VOICES:
        return "audio_message"
    sides = sorted((file.width, file.height))
    drawn = not sides[0] or sides[1] <= PHOTO_RATIO_MAX * sides[0]
    fits = file.size_bytes <= PHOTO_MAX_BYTES and sum(sides) <= PHOTO_SIDES_MAX
    return "photo" if file.mime in PHOTOS and fits and drawn else "doc"


def random_id(key: str, piece: int) -> int:
    """What VK knows a repeat by: the same for each attempt, never zero, within 31 bits."""
    made = hashlib.sha256(f"{key}:{piece}".encode()).digest()
    return int.from_bytes(made[:8]) % (2**31 - 1) + 1


def cmid_of(external_id: str) -> int:
    """The number of a message in its chat, 0 where it has none."""
    number = external_id.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def named(attachments: Any) -> str:
    """What a message already holds, as `messages.edit` wants it said again."""
    names = []
    for each in attachments if isinstance(attachments, list) else []:
        kind = each.get("type") if isinstance(each, dict) else None
        told = each.get(kind) if isinstance(kind, str) else None
        if isinstance(kind, str) and isinstance(told, dict) and kind != "link":
            names.append(name_of("doc" if kind == "audio_message" else kind, told))
    return ",".join(filter(None, names))


def name_of(kind: str, told: dict[str, Any]) -> str:
    """The name under which something that VK keeps is attached."""
    owner, id, key = told.get("owner_id"), told.get("id"), told.get("access_key")
    if not isinstance(owner, int) or not isinstance(id, int):
        return ""
    return f"{kind}{owner}_{id}" + (f"_{key}" if isinstance(key, str) and key else "")


def _tens(files: Sequence[Attachment]) -> Iterator[tuple[Attachment, ...]]:
    for at in range(0, len(files), ATTACHMENTS_MAX):
        yield tuple(files[at : at + ATTACHMENTS_MAX])

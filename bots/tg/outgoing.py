"""What goes out, cut to Telegram's measures, and what its refusals mean.

https://core.telegram.org/bots/api#sending-files has the limits of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal

import msgspec

from bots.line.text import Span, parts, telegram_entities, utf16
from hub.channels.port import Draft
from hub.content import Button
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.model import Attachment

TEXT_MAX = 4_096
CAPTION_MAX = 1_024
ALBUM_MAX = 10
PHOTO_MAX_BYTES = 10_000_000
PHOTO_SIDES_MAX = 10_000
PHOTO_RATIO_MAX = 20
WORDS_MAX = 200
DATA_MAX = 16
"""So many characters are at most the 64 bytes that a button may send back."""
FILE_MAX_BYTES = 50_000_000
CHAT_PAUSE = timedelta(seconds=5)
"""How long a single chat is made to wait; Telegram does not say whom a longer pause is for."""

Sort = Literal["photo", "video", "audio", "voice", "document"]
ALBUMS: dict[Sort, str] = {"photo": "seen", "video": "seen", "audio": "audio", "document": "file"}

_EMOJI = (
    "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 "
    "🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 "
    "🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ "
    "💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
)
REACTIONS = tuple(_EMOJI.split())
"""https://core.telegram.org/bots/api#reactiontypeemoji"""

REFUSALS: tuple[tuple[str, type[DeliveryError], str], ...] = (
    ("chat not found", UnreachableError, "never_wrote"),
    ("peer_id_invalid", UnreachableError, "never_wrote"),
    ("user_is_blocked", UnreachableError, "blocked"),
    ("input_user_deactivated", UnreachableError, "not_found"),
    ("too long", RejectedError, "too_long"),
    ("too_long", RejectedError, "too_long"),
    ("too big", RejectedError, "too_large"),
    ("can't be edited", RejectedError, "too_old"),
    ("can't be deleted", RejectedError, "too_old"),
    ("message to ", RejectedError, "not_found"),
    ("message_id_invalid", RejectedError, "not_found"),
    ("wrong file", RejectedError, "file_gone"),
    ("file_reference", RejectedError, "file_gone"),
    ("invalid file_id", RejectedError, "file_gone"),
    ("photo_", RejectedError, "file_type"),
    ("image_process_failed", RejectedError, "file_type"),
    ("media_invalid", RejectedError, "file_type"),
    ("voice_messages_forbidden", RejectedError, "file_type"),
    ("video_messages_forbidden", RejectedError, "file_type"),
    ("file must be non-empty", RejectedError, "file_gone"),
    ("bad webhook", RejectedError, "no_public_address"),
    ("rights", RejectedError, "no_rights"),
    ("business_connection", RejectedError, "no_rights"),
)
"""What a 400 says, by a piece of its words; what is not here is a mistake of our own."""


FORBIDDEN = (
    ("blocked", "blocked"),
    ("kicked", "blocked"),
    ("deactivated", "not_found"),
    ("initiate", "never_wrote"),
    ("to bots", "never_wrote"),
)
"""What a 403 says of the person; any other is about us."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One call: a text, or a file or an album with the text under it; `bare` is as a document."""

    text: str = ""
    spans: tuple[Span, ...] = ()
    files: tuple[Attachment, ...] = ()
    bare: bool = False


def pieces(draft: Draft) -> list[Piece]:
    """The calls that say it, in order; RejectedError for what Telegram will not take."""
    for file in draft.attachments:
        if file.size_bytes > FILE_MAX_BYTES:
            raise RejectedError(f"over {FILE_MAX_BYTES} bytes", reason="too_large")
    albums = _albums(draft.attachments, alone=bool(draft.buttons))
    captions = parts(draft.text, CAPTION_MAX, utf16) or [("", [])]
    if albums and len(captions) == 1:
        [(text, inside)] = captions
        first = Piece(text=text, spans=tuple(inside), files=albums[0])
        return [first, *(Piece(files=files) for files in albums[1:])]
    said = [
        Piece(text=text, spans=tuple(inside)) for text, inside in parts(draft.text, TEXT_MAX, utf16)
    ]
    made = [*said, *(Piece(files=files) for files in albums)]
    if not made:
        raise RejectedError("nothing to say", reason="bad_request")
    return made


def as_documents(piece: Piece) -> list[Piece]:
    """The same for when Telegram cannot draw a picture, or the person takes no voices."""
    [first, *rest] = [Piece(files=(file,), bare=True) for file in piece.files]
    return [msgspec.structs.replace(first, text=piece.text, spans=piece.spans), *rest]


def sort(file: Attachment) -> Sort:
    """By which of its ways Telegram takes the file; what fits no other goes as a document."""
    if file.kind == "image" and file.mime in ("image/jpeg", "image/png", "image/webp"):
        sides = file.width, file.height
        drawn = sum(sides) <= PHOTO_SIDES_MAX and max(sides) <= PHOTO_RATIO_MAX * min(sides)
        return "photo" if drawn and file.size_bytes <= PHOTO_MAX_BYTES else "document"
    if file.kind == "audio" and file.mime == "audio/ogg":
        return "voice"
    if file.kind == "audio" and file.mime in ("audio/mpeg", "audio/mp4"):
        return "audio"
    if file.kind == "video" and file.mime == "video/mp4":
        return "video"
    return "document"


def _albums(files: Sequence[Attachment], *, alone: bool) -> list[tuple[Attachment, ...]]:
    """The files in order, together where one album holds them; `alone` keeps each by itself."""
    made: list[tuple[Attachment, ...]] = []
    last = ""
    for file in files:
        album = ALBUMS.get(sort(file), "")
        if made and album and album == last and len(made[-1]) < ALBUM_MAX and not alone:
            made[-1] = (*made[-1], file)
        else:
            made.append((file,))
        last = album
    return made


def refusal(status: int, said: str, retry_after: float = 0) -> DeliveryError:
    """The error that an answer means: https://core.telegram.org/bots/api#making-requests"""
    told, words = said[:WORDS_MAX], said.lower()
    if status == 429:
        pause = timedelta(seconds=min(max(retry_after or 5, 1), 86_400))
        far = pause > CHAT_PAUSE
        return ThrottledError(told, retry_after=pause, everywhere=far, reason="rate")
    if status == 401:
        return CredentialsError(told, reason="dead_key")
    if status == 403:
        for part, reason in FORBIDDEN:
            if part in words:
                return UnreachableError(told, reason=reason)
        return RejectedError(told, reason="no_rights")
    if status == 404:
        # A method that we know is not: some other server, or a key cut short in the settings.
        return CredentialsError(told, reason="misconfigured")
    if status == 409:
        return RejectedError(told, reason="misconfigured")
    if status == 413:
        return RejectedError(told, reason="too_large")
    if status >= 500:
        return TransientError(told, reason="internal")
    for part, error, reason in REFUSALS:
        if part in words:
            return error(told, reason=reason)
    return RejectedError(told, reason="bad_request")


def entities(piece: Piece) -> list[dict[str, Any]] | None:
    return telegram_entities(piece.text, piece.spans) or None


def keyboard(buttons: Sequence[Sequence[Button]]) -> dict[str, Any] | None:
    """Under the message, or in place of the keyboard where the person's own number is asked for."""
    if any(each.asks == "phone" for row in buttons for each in row):
        asked = [[{"text": each.label, **_asking(each)} for each in row] for row in buttons]
        return {"keyboard": asked, "resize_keyboard": True, "one_time_keyboard": True}
    rows = [[{"text": each.label, **_leading(each)} for each in row] for row in buttons]
    return {"inline_keyboard": rows} if rows else None


def _asking(button: Button) -> dict[str, bool]:
    return {"request_contact": True} if button.asks == "phone" else {}


def _leading(button: Button) -> dict[str, str]:
    if button.url:
        return {"url": button.url}
    return {"callback_data": button.data or button.label[:DATA_MAX]}

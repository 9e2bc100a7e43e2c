"""What Telegram takes: the parameters of each method it plays, and the rules of texts and keys.

Telegram itself passes over a parameter that it does not know; here it is refused, since a client
that sends one has made a mistake.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from bots.line.text import utf16
from bots.platforms.platform import Blob
from bots.tg.outgoing import REACTIONS

Type = Literal["int", "str", "bool", "list", "dict", "chat", "file"]
TEXT_MAX, CAPTION_MAX, DATA_MAX = 4_096, 1_024, 64
PHOTO_MAX, UPLOAD_MAX, DOWNLOAD_MAX = 10 * 2**20, 50 * 2**20, 20 * 2**20
SORTS = ("photo", "video", "audio", "voice", "document")
"""How a file may be sent."""
ACTIONS = (
    "typing upload_photo record_video upload_video record_voice upload_voice upload_document "
    "choose_sticker find_location record_video_note upload_video_note"
)
PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF8")

_SAID: dict[str, Type] = {
    "chat_id!": "chat",
    "business_connection_id": "str",
    "message_thread_id": "int",
    "direct_messages_topic_id": "int",
    "disable_notification": "bool",
    "protect_content": "bool",
    "allow_paid_broadcast": "bool",
    "message_effect_id": "str",
    "suggested_post_parameters": "dict",
    "reply_parameters": "dict",
    "reply_markup": "dict",
}
_CAPTION: dict[str, Type] = {"caption": "str", "parse_mode": "str", "caption_entities": "list"}
_EDITED: dict[str, Type] = {
    "business_connection_id": "str",
    "chat_id!": "chat",
    "message_id!": "int",
    "parse_mode": "str",
    "reply_markup": "dict",
}
_SHOWN: dict[str, Type] = {"show_caption_above_media": "bool", "has_spoiler": "bool"}

METHODS: dict[str, dict[str, Type]] = {
    "getMe": {},
    "getUpdates": {
        "offset": "int",
        "limit": "int",
        "timeout": "int",
        "allowed_updates": "list",
    },
    "setWebhook": {
        "url!": "str",
        "certificate": "file",
        "ip_address": "str",
        "max_connections": "int",
        "allowed_updates": "list",
        "drop_pending_updates": "bool",
        "secret_token": "str",
    },
    "deleteWebhook": {"drop_pending_updates": "bool"},
    "getWebhookInfo": {},
    "sendMessage": {
        **_SAID,
        "text!": "str",
        "parse_mode": "str",
        "entities": "list",
        "link_preview_options": "dict",
    },
    "sendPhoto": {**_SAID, **_CAPTION, **_SHOWN, "photo!": "file"},
    "sendDocument": {
        **_SAID,
        **_CAPTION,
        "document!": "file",
        "thumbnail": "file",
        "disable_content_type_detection": "bool",
    },
    "sendVoice": {**_SAID, **_CAPTION, "voice!": "file", "duration": "int"},
    "sendVideo": {
        **_SAID,
        **_CAPTION,
        **_SHOWN,
        "video!": "file",
        "duration": "int",
        "width": "int",
        "height": "int",
        "thumbnail": "file",
        "cover": "file",
        "start_timestamp": "int",
        "supports_streaming": "bool",
    },
    "sendAudio": {
        **_SAID,
        **_CAPTION,
        "audio!": "file",
        "duration": "int",
        "performer": "str",
        "title": "str",
        "thumbnail": "file",
    },
    "sendMediaGroup": {
        **{name: kind for name, kind in _SAID.items() if name != "reply_markup"},
        "media!": "list",
    },
    "editMessageText": {
        **_EDITED,
        "text!": "str",
        "entities": "list",
        "link_preview_options": "dict",
    },
    "editMessageCaption": {**_EDITED, **_CAPTION, "show_caption_above_media": "bool"},
    "deleteMessage": {"chat_id!": "chat", "message_id!": "int"},
    "deleteMessages": {"chat_id!": "chat", "message_ids!": "list"},
    "deleteBusinessMessages": {"business_connection_id!": "str", "message_ids!": "list"},
    "setMessageReaction": {
        "chat_id!": "chat",
        "message_id!": "int",
        "reaction": "list",
        "is_big": "bool",
    },
    "sendChatAction": {
        "business_connection_id": "str",
        "chat_id!": "chat",
        "message_thread_id": "int",
        "action!": "str",
    },
    "answerCallbackQuery": {
        "callback_query_id!": "str",
        "text": "str",
        "show_alert": "bool",
        "url": "str",
        "cache_time": "int",
    },
    "getFile": {"file_id!": "str"},
    "getChat": {"chat_id!": "chat"},
    "getUserProfilePhotos": {"user_id!": "int", "offset": "int", "limit": "int"},
}
BY_NAME = {name.lower(): name for name in METHODS}
"""Telegram does not mind how a method's name is written."""


class RefusedError(Exception):
    """An answer that is not ok; `extra` are its parameters."""

    def __init__(self, code: int, said: str, **extra: int) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.extra = extra


def bad(said: str) -> RefusedError:
    return RefusedError(400, f"Bad Request: {said}")


def checked(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters as their types, or a 400."""
    known = {name.rstrip("!"): kind for name, kind in METHODS[method].items()}
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise bad(f"parameter {name} is not one of {method}")
        read[name] = _typed(name, known[name], value)
    for name in METHODS[method]:
        if name.endswith("!") and read.get(name[:-1]) in (None, ""):
            if name in ("text!",):
                raise bad("message text is empty")
            raise bad(f"parameter {name[:-1]} is required")
    return read


def _typed(name: str, kind: Type, value: Any) -> Any:
    try:
        match kind:
            case "file":
                return value
            case "str":
                if isinstance(value, str):
                    return value
            case "int":
                return int(value)
            case "bool":
                return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
            case "chat":
                return str(value) if str(value).startswith("@") else str(int(value))
            case "list" | "dict":
                read = json.loads(value) if isinstance(value, str) else value
                if isinstance(read, list if kind == "list" else dict):
                    return read
    except (ValueError, KeyError, TypeError):
        pass
    raise bad(f"can't parse parameter {name}")


def check_text(text: str, entities: list[Any], most: int) -> None:
    """https://core.telegram.org/api/entities"""
    if utf16(text) > most:
        raise bad("message caption is too long" if most == CAPTION_MAX else "message is too long")
    units = text.encode("utf-16-le")
    for each in entities:
        start, length = each.get("offset"), each.get("length")
        if not isinstance(start, int) or not isinstance(length, int) or start < 0 or length <= 0:
            raise bad("can't parse MessageEntity")
        if 2 * (start + length) > len(units):
            raise bad(f"entity beginning at UTF-16 offset {start} ends after the end of the text")
        for edge in (start, start + length):
            if 0xDC <= (units[2 * edge + 1] if 2 * edge < len(units) else 0) <= 0xDF:
                raise bad(f"entity has an edge at {edge} in a middle of a UTF-16 symbol")
        if each.get("type") == "text_link" and not each.get("url"):
            raise bad("entity text_link must have a url")


def check_keys(markup: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """What the person sees of a keyboard; https://core.telegram.org/bots/api#inlinekeyboardbutton"""
    if markup.get("remove_keyboard") or markup.get("force_reply"):
        return ()
    inline = "inline_keyboard" in markup
    rows = markup.get("inline_keyboard" if inline else "keyboard")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad("object expected as reply markup")
    made = []
    for row in rows:
        keys = []
        for one in row:
            key = {"text": one} if isinstance(one, str) else one
            if not key.get("text"):
                raise bad("text buttons are unallowed in the inline keyboard")
            keys.append((key["text"], _leads(key) if inline else _asks(key)))
        made.append(tuple(keys))
    return tuple(made)


def _leads(key: dict[str, Any]) -> str:
    ways = [name for name in ("url", "callback_data") if name in key]
    if len(ways) != 1:
        raise bad("text buttons are unallowed in the inline keyboard")
    told = str(key[ways[0]])
    if ways == ["callback_data"] and not 1 <= len(told.encode()) <= DATA_MAX:
        raise bad("BUTTON_DATA_INVALID")
    if ways == ["url"] and not told.startswith(("https://", "http://", "tg://")):
        raise bad("BUTTON_URL_INVALID")
    return told


def _asks(key: dict[str, Any]) -> str:
    return "phone" if key.get("request_contact") else str(key["text"])


def check_file(sort: str, blob: Blob) -> None:
    if not blob.data:
        raise bad("file must be non-empty")
    if len(blob.data) > UPLOAD_MAX:
        raise RefusedError(413, "Request Entity Too Large")
    if sort == "photo":
        if len(blob.data) > PHOTO_MAX:
            raise bad(
                f"file of size {len(blob.data)} bytes is too big for a photo; "
                f"the maximum size is {PHOTO_MAX} bytes"
            )
        if not blob.data.startswith(PICTURES):
            raise bad("IMAGE_PROCESS_FAILED")


def check_reaction(reaction: list[Any]) -> str:
    if len(reaction) > 1:
        raise bad("REACTIONS_TOO_MANY")
    for each in reaction:
        if each.get("type") != "emoji" or each.get("emoji") not in REACTIONS:
            raise bad("REACTION_INVALID")
        return str(each["emoji"])
    return ""


def check_album(media: list[Any]) -> None:
    if not 2 <= len(media) <= 10:
        raise bad("wrong number of media in the album: from 2 to 10 are expected")
    sorts = {each.get("type") for each in media}
    if not sorts <= {"photo", "video", "audio", "document"}:
        raise bad("unknown media type in the album")
    if len(sorts) > 1 and sorts & {"audio", "document"}:
        raise bad("documents and audios can't be mixed with other media types in the album")

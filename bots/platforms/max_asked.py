"""What MAX takes in a new message, and in which words it refuses the rest.

https://dev.max.ru/docs-api/objects/NewMessageBody
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

TEXT_MAX = 4_000
MEDIA_MAX = 12
ROWS_MAX = 30
ROW_MAX = 7
WIDE_ROW_MAX = 3
"""Of a row with buttons that lead somewhere or ask for something."""

KNOWN = {"text", "attachments", "link", "notify", "format"}
MEDIA = {"image", "video"}
FILES = {"image", "video", "audio", "file"}
WIDE = {"link", "open_app", "request_contact", "request_geo_location"}
BUTTONS: Mapping[str, dict[str, int]] = {
    "callback": {"payload": 1_024},
    "link": {"url": 2_048},
    "request_contact": {},
    "request_geo_location": {},
    "message": {},
    "clipboard": {"payload": 1_024},
}


class RefusedError(Exception):
    """The request cannot be carried out; it is answered like this."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def payload(message: str) -> RefusedError:
    """What every malformed request meets."""
    return RefusedError(400, "proto.payload", message)


def message(told: Any, known_files: Mapping[str, str], *, edit: bool = False) -> dict[str, Any]:
    """The request as it stands, if MAX would take it; `known_files` is the sort of each token."""
    if not isinstance(told, dict):
        raise payload("body: object expected")
    if strange := set(told) - KNOWN:
        raise payload(f"unknown field: {sorted(strange)[0]}")
    text, attachments = told.get("text"), told.get("attachments")
    if text is not None and not isinstance(text, str):
        raise payload("text: string expected")
    if len((text or "").encode("utf-16-le")) // 2 > TEXT_MAX:
        raise payload("text: size must be between 0 and 4000")
    if told.get("format") not in (None, "markdown", "html"):
        raise payload("format: unknown")
    if attachments is not None and not isinstance(attachments, list):
        raise payload("attachments: array expected")
    if not edit and not text and not attachments and not told.get("link"):
        raise payload("text or attachments expected")
    _attachments(attachments or [], known_files)
    link = told.get("link")
    if link is not None and (
        not isinstance(link, dict)
        or link.get("type") not in ("reply", "forward")
        or not isinstance(link.get("mid"), str)
    ):
        raise payload("link: type and mid expected")
    return told


def tokens(attachment: Mapping[str, Any]) -> list[str]:
    """The keys of the files that an attachment names."""
    held = attachment.get("payload") or {}
    photos = held.get("photos") or {}
    named = [held.get("token"), *(each.get("token") for each in photos.values())]
    return [each for each in named if isinstance(each, str)]


def seen(text: str, form: str | None) -> str:
    """What a person reads of a text in that format."""
    return html.unescape(re.sub(r"<[^>]*>", "", text)) if form == "html" else text


def _attachments(given: list[Any], known_files: Mapping[str, str]) -> None:
    sorts = []
    for each in given:
        if not isinstance(each, dict) or not isinstance(each.get("type"), str):
            raise payload("attachment: type expected")
        sort = each["type"]
        if sort in FILES:
            named = tokens(each)
            if not named and not (each.get("payload") or {}).get("url"):
                raise payload("attachment: token expected")
            if any(known_files.get(token) != sort for token in named):
                raise RefusedError(400, "attachment.invalid", "Invalid attachment token")
        elif sort == "inline_keyboard":
            _keyboard((each.get("payload") or {}).get("buttons"))
        elif sort not in ("contact", "location", "share", "sticker"):
            raise payload("attachment: unknown type")
        sorts.append(sort)
    beside = [each for each in sorts if each != "inline_keyboard"]
    if len(sorts) - len(beside) > 1:
        raise payload("attachments: one keyboard only")
    if len(beside) > 1 and not set(beside) <= MEDIA:
        raise payload("attachments: this type must be alone")
    if len(beside) > MEDIA_MAX:
        raise payload("attachments: too many")


def _keyboard(rows: Any) -> None:
    if not isinstance(rows, list) or not 1 <= len(rows) <= ROWS_MAX:
        raise payload("buttons: rows expected")
    for row in rows:
        if not isinstance(row, list) or not 1 <= len(row) <= ROW_MAX:
            raise payload("buttons: 1 to 7 in a row")
        if len(row) > WIDE_ROW_MAX and any(each.get("type") in WIDE for each in row):
            raise payload("buttons: at most 3 in such a row")
        for each in row:
            limits = BUTTONS.get(each.get("type"))
            if limits is None:
                raise payload("button: unknown type")
            if not 1 <= len(str(each.get("text") or "")) <= 128:
                raise payload("button: text of 1 to 128")
            for field, most in limits.items():
                if not isinstance(each.get(field), str) or len(each[field]) > most:
                    raise payload(f"button: {field}")

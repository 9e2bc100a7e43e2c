"""What may be said to the played Cloud API: an unknown, missing or mistyped part is refused.

https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from bots.platforms.platform import FileKind

AUDIO = frozenset({"audio/aac", "audio/mp4", "audio/mpeg", "audio/amr", "audio/ogg"})
OFFICE = "application/vnd.openxmlformats-officedocument."
UPLOADED = AUDIO | {
    *("image/jpeg", "image/png", "image/webp", "video/mp4", "video/3gpp"),
    *("text/plain", "application/pdf", "application/msword"),
    *("application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
    *(f"{OFFICE}wordprocessingml.document", f"{OFFICE}spreadsheetml.sheet"),
    f"{OFFICE}presentationml.presentation",
}
LIMITS: dict[FileKind, int] = {
    # A picture may be a document too, and is measured when it is sent as one or the other.
    "image": 100_000_000,
    "video": 100_000_000,
    "audio": 16_000_000,
    "file": 100_000_000,
}

Id = Annotated[str, Meta(min_length=1, max_length=256)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Text(Strict, frozen=True, kw_only=True):
    body: Annotated[str, Meta(min_length=1, max_length=4096)]
    preview_url: bool = False


class File(Strict, frozen=True, kw_only=True):
    id: str = ""
    link: str = ""
    caption: Annotated[str, Meta(max_length=1024)] = ""
    filename: Annotated[str, Meta(max_length=240)] = ""
    voice: bool = False


class Location(Strict, frozen=True, kw_only=True):
    latitude: float | str
    longitude: float | str
    name: str = ""
    address: str = ""


class Reaction(Strict, frozen=True, kw_only=True):
    message_id: Id
    emoji: str


class Context(Strict, frozen=True, kw_only=True):
    message_id: Id


class Said(Strict, frozen=True, kw_only=True):
    text: Annotated[str, Meta(min_length=1, max_length=1024)]


class Reply(Strict, frozen=True, kw_only=True):
    id: Id
    title: Annotated[str, Meta(min_length=1, max_length=20)]


class ReplyButton(Strict, frozen=True, kw_only=True):
    type: Literal["reply"]
    reply: Reply


class Row(Strict, frozen=True, kw_only=True):
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    title: Annotated[str, Meta(min_length=1, max_length=24)]
    description: Annotated[str, Meta(max_length=72)] = ""


class Section(Strict, frozen=True, kw_only=True):
    rows: Annotated[tuple[Row, ...], Meta(min_length=1, max_length=10)]
    title: Annotated[str, Meta(max_length=24)] = ""


class Action(Strict, frozen=True, kw_only=True):
    buttons: Annotated[tuple[ReplyButton, ...], Meta(max_length=3)] = ()
    button: Annotated[str, Meta(max_length=20)] = ""
    sections: Annotated[tuple[Section, ...], Meta(max_length=10)] = ()
    name: str = ""
    parameters: dict[str, Any] = {}


class Interactive(Strict, frozen=True, kw_only=True):
    type: Literal["button", "list", "cta_url"]
    body: Said
    action: Action
    header: dict[str, Any] = {}
    footer: dict[str, Any] = {}


class Send(Strict, frozen=True, kw_only=True):
    messaging_product: Literal["whatsapp"]
    type: Literal[
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "reaction",
    ]
    recipient_type: Literal["individual"] = "individual"
    to: Annotated[str, Meta(pattern=r"^(\+?[0-9]{7,15})?\Z")] = ""
    recipient: Annotated[str, Meta(pattern=r"^([A-Z]{2}\.[A-Za-z0-9]{1,128})?\Z")] = ""
    recipient_identity_key_hash: str = ""
    biz_opaque_callback_data: Annotated[str, Meta(max_length=512)] = ""
    context: Context | None = None
    text: Text | None = None
    image: File | None = None
    video: File | None = None
    audio: File | None = None
    document: File | None = None
    sticker: File | None = None
    location: Location | None = None
    contacts: tuple[dict[str, Any], ...] | None = None
    interactive: Interactive | None = None
    reaction: Reaction | None = None

    def fault(self) -> str:
        """What is wrong with it beyond the types; nothing if it may be said."""
        if bool(self.to) == bool(self.recipient):
            return "one of to and recipient is required"
        if getattr(self, self.type) is None:
            return f"{self.type} is required"
        for kind, file in self.files():
            if bool(file.id) == bool(file.link):
                return f"one of id and link is required in {kind}"
            if file.caption and kind in ("audio", "sticker"):
                return f"{kind} has no caption"
            if (file.filename and kind != "document") or (file.voice and kind != "audio"):
                return f"unexpected part of {kind}"
        if self.interactive is not None:
            action = self.interactive.action
            rows = [row for section in action.sections for row in section.rows]
            if self.interactive.type == "button" and not action.buttons:
                return "buttons are required"
            if self.interactive.type == "list" and not (0 < len(rows) <= 10 and action.button):
                return "ten rows at most, and a button that opens them"
            ids = [each.reply.id for each in action.buttons] + [each.id for each in rows]
            if len(set(ids)) != len(ids):
                return "ids of buttons must differ"
        return ""

    def files(self) -> Iterator[tuple[str, File]]:
        for kind in ("image", "video", "audio", "document", "sticker"):
            file = getattr(self, kind)
            if file is not None:
                yield kind, file

    def words(self) -> str:
        if self.text is not None:
            return self.text.body
        if self.interactive is not None:
            return self.interactive.body.text
        return next((file.caption for _, file in self.files()), "")

    def buttons(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        if self.interactive is None:
            return ()
        action = self.interactive.action
        replies = [(each.reply.title, each.reply.id) for each in action.buttons]
        rows = [(row.title, row.id) for section in action.sections for row in section.rows]
        return tuple((each,) for each in [*replies, *rows])

    def place(self) -> tuple[float, float] | None:
        if self.location is None:
            return None
        return float(self.location.latitude), float(self.location.longitude)


class Typing(Strict, frozen=True, kw_only=True):
    type: Literal["text"]


class Mark(Strict, frozen=True, kw_only=True):
    status: Literal["read"]
    messaging_product: Literal["whatsapp"]
    message_id: Id
    typing_indicator: Typing | None = None


def asked(raw: bytes) -> Send | Mark:
    """What a request asks for; a msgspec.MsgspecError if it is not as it must be."""
    told = _present(msgspec.json.decode(raw, type=dict[str, Any]))
    if "status" in told:
        return msgspec.convert(told, Mark)
    return msgspec.convert(told, Send)


def _present(told: Any) -> Any:
    """Meta takes a null for nothing at all."""
    if isinstance(told, dict):
        return {name: _present(each) for name, each in told.items() if each is not None}
    return [_present(each) for each in told] if isinstance(told, list) else told


def kind_of(mime: str) -> FileKind:
    head = mime.partition("/")[0]
    if head == "image":
        return "image"
    if head == "video":
        return "video"
    return "audio" if head == "audio" else "file"


def refused(code: int, status: int, message: str, details: str = "", **more: Any) -> web.Response:
    error: dict[str, Any] = {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "AbCdEfGhIjK",
        **more,
    }
    if details:
        error["error_data"] = {"messaging_product": "whatsapp", "details": details}
    return web.json_response({"error": error}, status=status)

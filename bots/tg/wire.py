"""Telegram's own shapes, as far as they are read: https://core.telegram.org/bots/api#update

Everything else in an update is passed over, so that a newer Telegram is no stranger.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Moment = Annotated[int, Meta(ge=0, le=2**37)]


class Somebody(msgspec.Struct, frozen=True):
    """A person, a bot, or a chat with either."""

    id: Number
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    type: str = ""
    is_bot: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Stretch(msgspec.Struct, frozen=True):
    type: str
    offset: Number
    length: Number
    url: str = ""


class File(msgspec.Struct, frozen=True):
    file_id: str
    file_size: Number = 0
    file_name: str = ""
    mime_type: str = ""
    width: Number = 0
    height: Number = 0
    emoji: str = ""
    is_animated: bool = False
    is_video: bool = False


class Point(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float


class Venue(msgspec.Struct, frozen=True):
    location: Point
    title: str = ""
    address: str = ""


class Contact(msgspec.Struct, frozen=True):
    phone_number: str
    first_name: str = ""
    last_name: str = ""
    user_id: Number = 0


class Option(msgspec.Struct, frozen=True):
    text: str


class Poll(msgspec.Struct, frozen=True):
    question: str
    options: tuple[Option, ...] = ()


class Dice(msgspec.Struct, frozen=True):
    emoji: str


class Quoted(msgspec.Struct, frozen=True):
    message_id: Number


class Key(msgspec.Struct, frozen=True):
    text: str = ""
    callback_data: str = ""


class Keyboard(msgspec.Struct, frozen=True):
    inline_keyboard: tuple[tuple[Key, ...], ...] = ()


class Message(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """Of `date` 0 is one that may not be read any more."""

    message_id: Number
    chat: Somebody
    date: Moment = 0
    sender: Somebody | None = None
    edit_date: Moment = 0
    text: str = ""
    caption: str = ""
    entities: tuple[Stretch, ...] = ()
    caption_entities: tuple[Stretch, ...] = ()
    media_group_id: str = ""
    reply_to_message: Quoted | None = None
    photo: tuple[File, ...] = ()
    animation: File | None = None
    document: File | None = None
    audio: File | None = None
    voice: File | None = None
    video: File | None = None
    video_note: File | None = None
    sticker: File | None = None
    location: Point | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    poll: Poll | None = None
    dice: Dice | None = None
    business_connection_id: str = ""
    sender_business_bot: Somebody | None = None
    reply_markup: Keyboard | None = None


class Pressed(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    id: str
    sender: Somebody
    data: str = ""
    message: Message | None = None


class Standing(msgspec.Struct, frozen=True):
    status: str


class Membership(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    chat: Somebody
    sender: Somebody
    date: Moment
    new_chat_member: Standing


class Reaction(msgspec.Struct, frozen=True):
    type: str
    emoji: str = ""


class Reacted(msgspec.Struct, frozen=True):
    chat: Somebody
    message_id: Number
    date: Moment
    user: Somebody | None = None
    new_reaction: tuple[Reaction, ...] = ()


class Deleted(msgspec.Struct, frozen=True):
    business_connection_id: str
    chat: Somebody
    message_ids: tuple[Number, ...]


class Update(msgspec.Struct, frozen=True):
    """Only those that a channel asks for; any other is told by its name alone."""

    update_id: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: Pressed | None = None
    my_chat_member: Membership | None = None
    message_reaction: Reacted | None = None
    business_message: Message | None = None
    edited_business_message: Message | None = None
    deleted_business_messages: Deleted | None = None


WANTED = tuple(name for name in Update.__struct_fields__ if name != "update_id")
"""What to ask Telegram for; reactions are told of only to those who name them."""


class Trace(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """What is looked for in an update of a kind that is not read."""

    sender: Somebody | None = None
    user: Somebody | None = None
    chat: Somebody | None = None
    date: Moment = 0

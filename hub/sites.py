"""What a project sets up of its chat on sites: the values that its door and its kind share.

Empty texts mean the product's own words in the language of the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.errors import RefusedError
from hub.model import Document, ProjectId

Short = Annotated[str, Meta(max_length=80)]
Words = Annotated[str, Meta(max_length=500)]
Link = Annotated[str, Meta(pattern=r"^(https?://[^\s\"'<>]{1,1000})?\Z")]
Globs = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=20)
]
Purpose = Literal["processing", "advertising", "transfer"]
IdentityMode = Literal["off", "optional", "required"]

PHONE, EMAIL, NAME = "phone", "email", "name"
PHONE_DIGITS = 7
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")


class Messenger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A button that leads to the same project in a messenger."""

    kind: Literal["telegram", "vk", "whatsapp", "viber", "max"]
    url: Annotated[
        str, Meta(pattern=r"^(https://[^\s\"'<>]{1,500}|(tg|viber|whatsapp)://[^\s\"'<>]{1,500})\Z")
    ]


class Callback(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form that asks to be called."""

    enabled: bool = False
    text: Words = ""


class Subscription(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form by which one hears of offers: an address, and a consent to be sent them."""

    enabled: bool = False
    text: Words = ""


class Field(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question before the chat; name, phone and email fill in the contact."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
    label: Short = ""
    required: bool = False
    kind: Literal["text", "phone", "email", "select"] = "text"
    options: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=80)], ...], Meta(max_length=30)
    ] = ()

    def __post_init__(self) -> None:
        if (self.kind == "select") is not bool(self.options):
            raise ValueError("options belong to a select, and a select needs some")
        if (self.name == PHONE) is not (self.kind == "phone"):
            raise ValueError("the field phone, and no other, is of the kind phone")
        if self.name == EMAIL and self.kind != "email":
            raise ValueError("the field email is of the kind email")


class Prechat(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked before the first message."""

    enabled: bool = False
    fields: Annotated[tuple[Field, ...], Meta(max_length=6)] = ()

    def __post_init__(self) -> None:
        if len({each.name for each in self.fields}) < len(self.fields):
            raise ValueError("two fields have one name")


class UnansweredError(RefusedError):
    """What the site asks before the first message is not answered; `field` names the question."""

    code = "unanswered"


def unanswered(prechat: Prechat, told: Mapping[str, str]) -> str:
    """The first question that needs an answer and has none among what was told, or ""."""
    asked = prechat.fields if prechat.enabled else ()
    return next((each.name for each in asked if each.required and not _answers(each, told)), "")


def _answers(field: Field, told: Mapping[str, str]) -> bool:
    """No stricter than the form itself, or who filled it in could never write."""
    answer = told.get(field.name, "").strip()
    match field.kind:
        case "phone":
            return sum(each.isdecimal() for each in answer) >= PHONE_DIGITS
        case "email":
            return _EMAIL.fullmatch(answer) is not None
        case "select":
            return answer in field.options
        case "text":
            return bool(answer)


class Agreement(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person is asked to consent to, in a box of its own that is not ticked."""

    purpose: Purpose
    text: Annotated[str, Meta(max_length=2_000)] = ""
    url: Link = ""
    required: bool = False


class Offline(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the chat is while the project is closed."""

    mode: Literal["message", "callback", "hide"] = "message"
    text: Words = ""


class Invite(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A word to those who stay on a page, once in so many hours."""

    enabled: bool = False
    text: Words = ""
    after_seconds: Annotated[int, Meta(ge=3, le=3_600)] = 40
    pages: Globs = ()
    once_hours: Annotated[int, Meta(ge=1, le=8_760)] = 24


class Goals(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of the site's counters hear of what happens in the chat."""

    metrica: Annotated[str, Meta(pattern=r"^[0-9]{0,12}\Z")] = ""
    ga: bool = False
    data_layer: bool = False


_ORIGIN = re.compile(r"https?://[^\s/?#@]+")


class SiteSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which sites may show the chat ("*": any), what it offers, and how fast one may write."""

    origins: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=200)] = ()
    color: Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")] = "#2f6feb"
    theme: Literal["auto", "light", "dark"] = "auto"
    side: Literal["right", "left"] = "right"
    title: Short = ""
    greeting: Words = ""
    answer_time: Annotated[int, Meta(ge=0, le=1_440)] = 0
    operator_names: bool = True
    messengers: Annotated[tuple[Messenger, ...], Meta(max_length=8)] = ()
    phone: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14})?\Z")] = ""
    callback: Callback = Callback()
    subscription: Subscription = Subscription()
    prechat: Prechat = Prechat()
    consents: Annotated[tuple[Agreement, ...], Meta(max_length=3)] = ()
    offline: Offline = Offline()
    invite: Invite = Invite()
    rating: bool = True
    goals: Goals = Goals()
    identity: IdentityMode = "off"
    identity_secret: Annotated[str, Meta(max_length=200, extra={"secret": True})] = ""
    launcher_text: Short = ""
    hide_on: Globs = ()
    visitor_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 60
    address_per_minute: Annotated[int, Meta(ge=1, le=100_000)] = 600

    def __post_init__(self) -> None:
        for origin in self.origins:
            if origin != "*" and (origin != origin.lower() or not _ORIGIN.fullmatch(origin)):
                raise ValueError("origins are written as https://example.com, in small letters")
        if len({each.purpose for each in self.consents}) < len(self.consents):
            raise ValueError("consents: one purpose is asked for twice")
        if self.identity != "off" and len(self.identity_secret) < SECRET_MIN:
            raise ValueError(f"identity_secret: at least {SECRET_MIN} characters to sign with")


SECRET_MIN = 16


class Sight(Struct, frozen=True, kw_only=True):
    """One origin that asked for the chat.

    `script` says that our script told its `page`, of which no query is kept.
    """

    origin: str
    page: str = ""
    at: datetime
    script: bool = False


class Sighting(Document, frozen=True, kw_only=True):
    """Where one channel was seen and refused, the newest first; `_id` is the channel's."""

    project: ProjectId
    seen: tuple[Sight, ...] = ()
    refused: tuple[Sight, ...] = ()

"""The shapes of Meta's webhooks, as far as they are read.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from __future__ import annotations

from typing import Any

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What is not read is not looked at: the platform adds to it when it likes."""


class Text(Shape, frozen=True, kw_only=True):
    body: str = ""


class File(Shape, frozen=True, kw_only=True):
    id: str = ""
    mime_type: str = ""
    caption: str = ""
    filename: str = ""


class Location(Shape, frozen=True, kw_only=True):
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Named(Shape, frozen=True, kw_only=True):
    formatted_name: str = ""


class Phone(Shape, frozen=True, kw_only=True):
    phone: str = ""
    wa_id: str = ""


class Contact(Shape, frozen=True, kw_only=True):
    name: Named = Named()
    phones: tuple[Phone, ...] = ()


class Choice(Shape, frozen=True, kw_only=True):
    id: str = ""
    title: str = ""


class Flow(Shape, frozen=True, kw_only=True):
    name: str = ""
    body: str = ""
    response_json: str = ""


class Interactive(Shape, frozen=True, kw_only=True):
    button_reply: Choice | None = None
    list_reply: Choice | None = None
    nfm_reply: Flow | None = None


class Pressed(Shape, frozen=True, kw_only=True):
    payload: str = ""
    text: str = ""


class Reaction(Shape, frozen=True, kw_only=True):
    message_id: str
    emoji: str = ""


class Product(Shape, frozen=True, kw_only=True):
    product_retailer_id: str = ""
    quantity: int | float | str = 1
    item_price: int | float | str = ""
    currency: str = ""


class Order(Shape, frozen=True, kw_only=True):
    text: str = ""
    product_items: tuple[Product, ...] = ()


class Context(Shape, frozen=True, kw_only=True):
    id: str = ""


class Referral(Shape, frozen=True, kw_only=True):
    source_url: str = ""
    source_id: str = ""
    source_type: str = ""
    headline: str = ""
    ctwa_clid: str = ""


class Changed(Shape, frozen=True, kw_only=True):
    original_message_id: str
    message: dict[str, Any] = {}


class Message(Shape, frozen=True, kw_only=True):
    id: str
    type: str = ""
    timestamp: str = ""
    from_: str = msgspec.field(default="", name="from")
    from_user_id: str = ""
    to: str = ""
    to_user_id: str = ""
    group_id: str = ""
    text: Text = Text()
    image: File | None = None
    video: File | None = None
    audio: File | None = None
    document: File | None = None
    sticker: File | None = None
    location: Location | None = None
    contacts: tuple[Contact, ...] = ()
    interactive: Interactive = Interactive()
    button: Pressed = Pressed()
    reaction: Reaction | None = None
    order: Order = Order()
    edit: Changed | None = None
    revoke: Changed | None = None
    context: Context = Context()
    referral: Referral | None = None


class Error(Shape, frozen=True, kw_only=True):
    code: int = 0


class Status(Shape, frozen=True, kw_only=True):
    id: str
    status: str
    timestamp: str = ""
    recipient_id: str = ""
    recipient_user_id: str = ""
    recipient_type: str = ""
    errors: tuple[Error, ...] = ()


class Profile(Shape, frozen=True, kw_only=True):
    name: str = ""
    username: str = ""


class Person(Shape, frozen=True, kw_only=True):
    profile: Profile = Profile()
    wa_id: str = ""
    user_id: str = ""


class Metadata(Shape, frozen=True, kw_only=True):
    phone_number_id: str = ""


class Value(Shape, frozen=True, kw_only=True):
    metadata: Metadata = Metadata()
    contacts: tuple[Person, ...] = ()
    messages: tuple[dict[str, Any], ...] = ()
    message_echoes: tuple[dict[str, Any], ...] = ()
    statuses: tuple[dict[str, Any], ...] = ()
    errors: tuple[Error, ...] = ()


class Change(Shape, frozen=True, kw_only=True):
    field: str
    value: dict[str, Any] = {}


class Entry(Shape, frozen=True, kw_only=True):
    id: str = ""
    changes: tuple[Change, ...] = ()


class Body(Shape, frozen=True, kw_only=True):
    object: str
    entry: tuple[Entry, ...]


def present(told: Any) -> Any:
    """The same without nulls: what is null is as good as absent."""
    if isinstance(told, dict):
        return {name: present(value) for name, value in told.items() if value is not None}
    if isinstance(told, list):
        return [present(each) for each in told]
    return told

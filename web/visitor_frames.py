"""What a visitor's socket says and hears: the frames both ways, and how they are read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.errors import BadValueError
from hub.model import Attachment, CallTime, Given
from hub.people.visit import Visit
from web import wire
from web.views import View, VisitorEntry
from web.visitor_hears import Planned

Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
Number = Annotated[int, Meta(ge=0, le=2**53)]
Link = Annotated[str, Meta(max_length=4_000)]
GivenNow = Annotated[tuple["GivenFrame", ...], Meta(max_length=10)]


class _From(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    pass


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the site says that this is; proven only by `hash`."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Annotated[str, Meta(max_length=500)] = ""
    email: Annotated[str, Meta(max_length=500)] = ""
    phone: Annotated[str, Meta(max_length=100)] = ""
    hash: Annotated[str, Meta(max_length=200)] = ""


class GivenFrame(msgspec.Struct, frozen=True, kw_only=True):
    purpose: Annotated[str, Meta(max_length=20)]
    version: Annotated[str, Meta(max_length=64)]


class Hello(_From, frozen=True, kw_only=True, tag="hello"):
    key: Annotated[str, Meta(max_length=200)] | None = None
    after_seq: Number = 0
    dialog: Annotated[str, Meta(max_length=300)] | None = None
    visit: Visit | None = None
    fields: dict[str, str] = {}
    identity: Claim | None = None
    now: int | float = 0


class Send(_From, frozen=True, kw_only=True, tag="send"):
    key: Key
    order: Number = 0
    at: int | float
    text: str = ""
    attachments: Annotated[
        tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)
    ] = ()
    reply_to: Annotated[str, Meta(max_length=300)] = ""


class Fields(_From, frozen=True, kw_only=True, tag="fields"):
    fields: dict[str, str]


class Agree(_From, frozen=True, kw_only=True, tag="consent"):
    key: Key
    given: GivenNow
    page: Link = ""


class Call(_From, frozen=True, kw_only=True, tag="call"):
    """Without `at`, as soon as possible; `zone` is where the person's clock is."""

    key: Key
    phone: Annotated[str, Meta(max_length=100)]
    at: Annotated[datetime, Meta(tz=True)] | None = None
    zone: Annotated[str, Meta(max_length=64)] = ""
    comment: Annotated[str, Meta(max_length=2_000)] = ""
    given: GivenNow = ()
    page: Link = ""


class Rate(_From, frozen=True, kw_only=True, tag="rate"):
    key: Key
    score: Literal["good", "bad", "none"]
    text: Annotated[str, Meta(max_length=4_000)] = ""


class Join(_From, frozen=True, kw_only=True, tag="join"):
    """Goes on in that messenger as the same person; each answer has a link that works once."""

    key: Key
    messenger: Annotated[str, Meta(max_length=20)]


class Left(_From, frozen=True, kw_only=True, tag="left"):
    """A phone left on the way to that messenger; one that is not `sent` was typed, and no more."""

    key: Key
    phone: Annotated[str, Meta(max_length=100)]
    messenger: Annotated[str, Meta(max_length=20)] = ""
    sent: bool = True
    zone: Annotated[str, Meta(max_length=64)] = ""
    given: GivenNow = ()
    page: Link = ""


class Tap(_From, frozen=True, kw_only=True, tag="tap"):
    """The site's number was pressed on a phone: perhaps its bearer is calling now."""

    key: Key


class Subscribe(_From, frozen=True, kw_only=True, tag="subscribe"):
    """An address for offers, with the consents to keep it and to write there."""

    key: Key
    email: Annotated[str, Meta(max_length=300)]
    given: GivenNow = ()
    page: Link = ""


class Page(_From, frozen=True, kw_only=True, tag="page"):
    """The page's address changed without a load."""

    page: Link
    title: Annotated[str, Meta(max_length=2_000)] = ""


class Delivered(_From, frozen=True, kw_only=True, tag="delivered"):
    seq: Annotated[int, Meta(ge=1, le=2**53)]


class Read(_From, frozen=True, kw_only=True, tag="read"):
    seq: Annotated[int, Meta(ge=1, le=2**53)]


class Typing(_From, frozen=True, kw_only=True, tag="typing"):
    pass


class Ping(_From, frozen=True, kw_only=True, tag="ping"):
    pass


Asking = Agree | Call | Left | Tap | Subscribe | Rate | Join
Noted = Fields | Page | Delivered | Read | Typing | Ping
Frame = Send | Asking | Noted


class _To(View, frozen=True, kw_only=True, tag_field="t"):
    pass


class Greeting(_To, frozen=True, kw_only=True, tag="hello"):
    key: str
    now: int
    name: str
    dialog: str | None
    entries: list[VisitorEntry]
    closed: bool
    rated: bool
    verified: bool
    call: Planned | None


class Ok(_To, frozen=True, kw_only=True, tag="ok"):
    key: str
    seq: int
    dialog: str


class Done(_To, frozen=True, kw_only=True, tag="ok", omit_defaults=True):
    """What was asked is done; of a wish to be called also where and for when, of a way its link."""

    key: str
    seq: int = 0
    dialog: str = ""
    at: datetime | None = None
    url: str = ""


class Refusal(_To, frozen=True, kw_only=True, tag="error", omit_defaults=True):
    key: str
    code: str
    field: str = ""
    again: bool


class Passed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frame as the channel kind parses it: ids resolved, nothing the visitor may not say."""

    t: str
    key: str = ""
    at: int | None = None
    order: int = 0
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    name: str = ""
    visit: Visit | None = None
    external_id: str = ""
    phone: str = ""
    email: str = ""
    messenger: str = ""
    sent: bool = True
    time: CallTime | None = None
    zone: str = ""
    comment: str = ""
    given: tuple[Given, ...] = ()
    page: str = ""
    fields: dict[str, str] = {}
    score: str = ""


class Kept(msgspec.Struct, frozen=True):
    """A frame that failed us, as a dead letter keeps it."""

    identity: str
    frame: msgspec.Raw


class _Keyed(msgspec.Struct, frozen=True):
    key: str = ""


_frames: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


def read(body: bytes) -> Frame:
    if wire.depth(body) > wire.DEPTH_MAX:
        raise BadValueError(f"nested deeper than {wire.DEPTH_MAX}", field="$")
    try:
        return _frames.decode(body)
    except msgspec.ValidationError as error:
        raise wire.invalid(error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadValueError("not JSON", field="$") from None


def key_of(body: bytes) -> str:
    """The key of a frame that is wrong elsewhere, so that its sender learns which it was."""
    try:
        return msgspec.json.decode(body, type=_Keyed).key[:64]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


def given(frames: tuple[GivenFrame, ...]) -> tuple[Given, ...]:
    """Each purpose once, as it came first."""
    first = {each.purpose: Given(each.purpose, each.version) for each in reversed(frames)}
    return tuple(first.values())

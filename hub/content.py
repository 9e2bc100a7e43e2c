"""What a message holds besides words: places, people's cards, buttons, files not here yet."""

from __future__ import annotations

from typing import Literal

import msgspec

FileKind = Literal["image", "audio", "video", "file"]


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A file that lies at the platform; only the adapter understands `ref`, and no browser sees it.

    What the platform says of it is a claim: name, type and size are looked at again when the
    bytes are here.
    """

    ref: str
    name: str = ""
    mime: str = ""
    size_bytes: int = 0
    kind: FileKind = "file"


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A place on the map, in degrees."""

    latitude: float
    longitude: float
    title: str = ""
    address: str = ""


def spot_at(
    latitude: object, longitude: object, *, title: str = "", address: str = ""
) -> Spot | None:
    """The place that a platform tells of; None for what is none on Earth."""
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return Spot(latitude=float(latitude), longitude=float(longitude), title=title, address=address)


def size_of(told: object) -> int:
    """How many bytes a platform says that a file has; 0 for what is no number of any."""
    # In JSON `true` is no number, and in Python it is one.
    return told if isinstance(told, int) and not isinstance(told, bool) and told > 0 else 0


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's name and number; `own` only where the platform proves that they are the sender's.

    `phone` is as it was written, or in E.164 once the hub has read it.
    """

    name: str = ""
    phone: str = ""
    own: bool = False


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """Under a message: it leads to `url`, asks for the own `phone`, or comes back as `data`.

    `data` is at most 64 bytes, which every platform with buttons takes.
    """

    label: str
    data: str = ""
    url: str = ""
    asks: Literal["", "phone"] = ""

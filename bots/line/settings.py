"""Settings that every kind on somebody else's servers has."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Secret = Annotated[
    str,
    Meta(min_length=1, max_length=500, pattern=r"^[\x21-\x7e]+\Z", extra={"secret": True}),
]
"""A key of a platform: visible ASCII; whatever else was pasted with it is refused."""

Address = Annotated[str, Meta(pattern=r"^(https?://[^\s\"'<>?#@]{1,300})?\Z")]
Proxy = Annotated[
    str,
    Meta(
        pattern=r"^((http|socks5)://[^\s\"'<>/?#]{1,300})?\Z",
        extra={"secret": True},
    ),
]
"""HTTP or SOCKS5, with name and password if it wants them, which is why it is a secret."""

Receive = Literal["auto", "hook", "poll"]
"""How updates come; `auto` is by hook where the hub has a public address, else by polling."""


class LineSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An empty `api_url` is the platform's own address, an empty `proxy` none."""

    api_url: Address = ""
    proxy: Proxy = ""

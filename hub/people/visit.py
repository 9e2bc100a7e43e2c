"""How a visitor came to the site, as its page tells it: claimed, never trusted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec


class FirstTouch(msgspec.Struct, frozen=True, kw_only=True):
    """How the visitor came to the site for the first time that it remembers."""

    utm: dict[str, str] = {}
    page: str = ""
    referrer: str = ""
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What a site tells of the visitor's way; claimed by the page, never trusted.

    `page` is the one last written from, `utm` of the last campaign, `first` of the first. What
    stands after `device` is never the page's to say, but a connection's.
    """

    page: str = ""
    title: str = ""
    referrer: str = ""
    lang: str = ""
    zone: str = ""
    utm: dict[str, str] = {}
    first: FirstTouch | None = None
    entry_page: str = ""
    yclid: str = ""
    gclid: str = ""
    ym_client_id: str = ""
    ga_client_id: str = ""
    pages: int = 0
    device: str = ""
    exit_page: str = ""
    entry_domain: str = ""
    referrer_domain: str = ""
    label: str = ""
    custom: dict[str, str] = {}

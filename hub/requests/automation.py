"""Segments and automations as they are kept: which requests, and which of them are called."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.finding.filters import Filter
from hub.model import ChannelId, DialogId, Document, LeadId, OperatorId, ProjectId
from hub.statuses import Status

FILTERS_MAX = 10

Name = Annotated[str, Meta(min_length=1, max_length=80)]
Filters = Annotated[tuple[Filter, ...], Meta(min_length=1, max_length=FILTERS_MAX)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]


class Segment(Document, frozen=True, kw_only=True):
    """The requests that pass one of the filters; whoever may look on sees a `shared` one."""

    project: ProjectId
    name: str
    filters: tuple[Filter, ...]
    shared: bool = True
    by: OperatorId
    created_at: datetime
    changed_at: datetime


class Aim(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom an automation calls and when; its `name` is the first thing that an operator hears.

    Without `channels` it takes the whole project's requests. An `advert` needs the person's
    consent to advertising, an `answer` answers what the person asked for. `countries` are those
    whose numbers are called.
    """

    name: Name
    segment: Annotated[str, Meta(min_length=1, max_length=64)]
    channels: Annotated[tuple[ChannelId, ...], Meta(max_length=100)] = ()
    delay_hours: Annotated[int, Meta(ge=0, le=71)] = 0
    purpose: Literal["answer", "advert"] = "answer"
    countries: Annotated[tuple[Country, ...], Meta(min_length=1, max_length=20)] = ("RU",)


class Automation(Document, frozen=True, kw_only=True):
    """An aim that is followed while it is `enabled`.

    Only requests made `since` it was last switched on are taken.
    """

    project: ProjectId
    aim: Aim
    enabled: bool = False
    since: datetime
    created_at: datetime
    changed_at: datetime


Skipped = Literal[
    "",
    "no_phone",
    "phone",
    "opted_out",
    "no_consent",
    "consent_withdrawn",
    "handled",
    "spam",
    "sealed",
]
"""Why a request is not called; the last three are for good."""


class Handled(Document, frozen=True, kw_only=True):
    """What an automation did with a request; `_id` is automation:dialog, so it does it once.

    While it is `open` its `status` is kept as the lead's is; `cause` is why it was skipped or how
    the lead ended.
    """

    project: ProjectId
    automation: str
    dialog: DialogId
    channel: ChannelId
    state: Literal["skipped", "planned", "ended"]
    open: bool
    cause: str = ""
    phone: str = ""
    lead: LeadId | None = None
    status: Status | None = None
    created_at: datetime
    changed_at: datetime

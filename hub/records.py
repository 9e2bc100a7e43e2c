"""What the hub writes down for itself: facts for reports, words for search, who did what, and
what could not be put in its place yet.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import field

from hub.model import (
    ChannelId,
    ContactId,
    Cycle,
    DialogId,
    Document,
    EntryId,
    EntryPoint,
    ProjectId,
)
from hub.statuses import RequestType, Status


class DeadLetter(Document, frozen=True, kw_only=True):
    """A body we could not digest, kept whole so that it can be replayed."""

    project: ProjectId
    channel: ChannelId
    body: bytes
    error: str
    created_at: datetime
    replayed_at: datetime | None = None


class Early(Document, frozen=True, kw_only=True):
    """A tick, edit, deletion or reaction that came before its message."""

    project: ProjectId
    channel: ChannelId
    about: str
    event: bytes
    created_at: datetime


class Audit(Document, frozen=True, kw_only=True):
    """Who did what to which thing; `project` is empty for what concerns the whole hub."""

    project: ProjectId
    actor: str
    verb: str
    target: str
    created_at: datetime
    address: str = ""
    data: dict[str, str] = field(default_factory=dict)


class Fact(Document, frozen=True, kw_only=True):
    """One cycle of a dialog, flat, for reports; `_id` is dialog:cycle."""

    project: ProjectId
    dialog: DialogId
    channel: ChannelId
    type: RequestType
    contact: ContactId
    name: str
    entry_point: EntryPoint
    direction: str
    creation: str
    status: Status | None
    cycle: Cycle
    created_at: datetime
    changed_at: datetime


class Words(Document, frozen=True, kw_only=True):
    """What an entry, or with no entry the name of a dialog's contact, is found by.

    `at` is the order of answers; `read_rev` is the source's as it was when it was read, and
    `rules` the version of `hub.words` that read it.
    """

    project: ProjectId
    channel: ChannelId
    dialog: DialogId
    entry: EntryId | None = None
    at: datetime
    stems: tuple[str, ...]
    read_rev: int
    rules: int

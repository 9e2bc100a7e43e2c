"""A callback order as it is kept: whom to call, when and by what plan, and who asked for it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hub.calling import Plan
from hub.model import (
    CallTime,
    ChannelId,
    ContactId,
    DialogId,
    Document,
    LeadId,
    OperatorId,
    ProjectId,
)
from hub.statuses import Status

JOINS_MAX = 50
CONTACTS_MAX = 10


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """One who asked for the call, the first or after; `entry` is where it was asked.

    With `lead` it had an order of its own before, which ended as a duplicate.
    """

    entry: str
    origin: str
    at: datetime
    dialog: DialogId | None = None
    rule: str = ""
    lead: LeadId | None = None


class Lead(Document, frozen=True, kw_only=True):
    """A callback order; `_id` is project:phone:n, so a phone has one live lead.

    It is `due_at` the time that an operator `held` it for, else `auto_due_at`; None waits for
    people. Who asks by the same phone is taken for one person: `contacts` are all of them.
    `asked_at` is when the newest wish of the person was heard, `moved_at` when an operator
    last decided (in the entry `moved_by`), `heard_at` when anybody last asked for this call. `of`
    is the lead that it ended as a duplicate of, or that has the right phone.

    It was taken to be dialled `calls` times, the last of them is `call`: `attempts` of these were
    at the person, and `operator_tries` ended before, on our own side. `operator` is to be rung
    first, and it is `confirmed` once an operator wanted it dialled.
    """

    project: ProjectId
    phone: str
    n: int
    extension: str = ""
    channel: ChannelId | None = None
    dialog: DialogId | None = None
    contact: ContactId | None = None
    contacts: tuple[ContactId, ...] = ()
    name: str = ""
    status: Status
    live: bool = True
    cause: str = ""
    of: LeadId | None = None
    origin: str
    rule: str = ""
    rule_name: str = ""
    connection: str = ""
    automation: str = ""
    joins: tuple[Joined, ...] = ()
    due_at: datetime | None = None
    auto_due_at: datetime | None = None
    ranked_at: datetime | None = None
    held: CallTime | None = None
    wanted: CallTime | None = None
    zones: tuple[str, ...] = ()
    zone_why: str = ""
    plan: Plan = Plan()
    comment: str = ""
    attempts: int = 0
    operator_tries: int = 0
    calls: int = 0
    call: str = ""
    operator: OperatorId | None = None
    confirmed: bool = False
    requested_at: datetime | None = None
    asked_at: datetime | None = None
    moved_at: datetime | None = None
    moved_by: str = ""
    heard_at: datetime | None = None
    created_at: datetime
    changed_at: datetime
    ended_at: datetime | None = None

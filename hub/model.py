"""The nouns: stored documents and the small values inside them, all frozen.

Times are aware UTC cut to milliseconds, money is integer minor units, ids are opaque
strings that only their makers take apart. The store holds codes and values, never sentences.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, NewType

import msgspec

from hub.calling import Calling
from hub.content import Button, Card, FileKind, Spot
from hub.people.visit import Visit
from hub.policy import Policy
from hub.schedule import Schedule
from hub.statuses import RequestType, Status
from hub.telling.mailbox import NoMailbox
from hub.telling.triggers import TRIGGERS_MAX, SmsTrigger

ProjectId = NewType("ProjectId", str)
ChannelId = NewType("ChannelId", str)
ContactId = NewType("ContactId", str)
IdentityId = NewType("IdentityId", str)
DialogId = NewType("DialogId", str)
EntryId = NewType("EntryId", str)
LeadId = NewType("LeadId", str)
OperatorId = NewType("OperatorId", str)
GroupId = NewType("GroupId", str)
FileId = NewType("FileId", str)


def cut(moment: datetime) -> datetime:
    """The moment in UTC with whole milliseconds, the grain that both engines keep."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Document(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """What the store keeps: `rev` grows with every change, `v` is the shape's version."""

    id: str
    rev: int = 0
    v: int = 1


class Awaits(StrEnum):
    """Who must act next; the answer that decides what an operator looks at first."""

    OPERATOR = "operator"
    CUSTOMER = "customer"
    BOT = "bot"
    NOBODY = "nobody"


class Author(msgspec.Struct, frozen=True):
    """Who made an entry; `name` is a display copy, `id` says who it is."""

    kind: Literal["visitor", "operator", "bot", "rule", "hub"]
    id: str = ""
    name: str = ""


HUB = Author("hub")


class Attachment(msgspec.Struct, frozen=True):
    """A file named by an entry; the bytes were durable before the entry named them.

    A picture with a `thumb` has a small copy beside it. One that is `coming` still lies at the
    platform, and `size_bytes` and `mime` are what the platform says; `lost` is why it stays there.
    """

    id: FileId
    name: str
    mime: str
    size_bytes: int
    kind: FileKind = "file"
    width: int = 0
    height: int = 0
    thumb: bool = False
    coming: bool = False
    lost: str = ""


class Place(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Where a message stands in the order shown: the platform's time, its own order, ours."""

    at: datetime
    order: int
    seq: int


class OutState(StrEnum):
    """How far an outgoing message got; moves only forward, see `hub.delivery`."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"


class EntryKind(StrEnum):
    IN = "in"
    OUT = "out"
    NOTE = "note"
    SYSTEM = "system"


class Verb(StrEnum):
    """What a system entry says happened."""

    TAKEN = "taken"
    RETURNED = "returned"
    CLOSED = "closed"
    REOPENED = "reopened"
    SEALED = "sealed"
    RETRIED = "retried"
    ASSIGNED = "assigned"
    NO_REPLY = "no_reply"
    CALL_ASKED = "call_asked"
    RATED = "rated"
    FIELDS = "fields"
    IDENTIFIED = "identified"
    CONSENT = "consent"
    JOINED = "joined"
    EDITED = "edited"
    DELETED = "deleted"
    REACTED = "reacted"
    LEFT = "left"
    TAPPED = "tapped"
    SUBSCRIBED = "subscribed"
    EMAILED = "emailed"
    HANDED = "handed"
    REFUSED = "refused"
    SPAM = "spam"
    UNSPAM = "unspam"
    POTENTIAL = "potential"
    IMPORTED = "imported"
    ROUTED = "routed"
    PLANNED = "planned"
    CALL = "call"


Closer = Literal["", "operator", "bot", "auto"]


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """One opening of a dialog with the times reports are made of."""

    n: int = 1
    queued_at: datetime | None = None
    assigned_at: datetime | None = None
    taken_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: Closer = ""
    operator: OperatorId | None = None
    group: GroupId | None = None
    result: str = ""
    score: str = ""


class EntryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the request came in: a number, address, widget or bot, and its comment."""

    kind: str
    value: str
    comment: str = ""


class CallTime(msgspec.Struct, frozen=True, kw_only=True):
    """When a person wants to be called: as the person's wall reads it, where, and the instant."""

    at: datetime
    local: str
    zone: str


class Given(msgspec.Struct, frozen=True):
    """One consent, to one version of its text."""

    purpose: str
    version: str


class Preview(msgspec.Struct, frozen=True):
    """The one line a list shows of the last message."""

    author: str
    text: str
    attachment: str = ""


class BotState(msgspec.Struct, frozen=True, kw_only=True):
    """How far the bot got since the dialog opened: its menu as (id, label), and what it asked.

    One that is `off` has handed over.
    """

    menu: tuple[tuple[str, str], ...] = ()
    asks: str = ""
    greeted: bool = False
    off: bool = False


class Dialog(Document, frozen=True, kw_only=True):
    """One episode with one identity; `_id` is identity:n. Only `hub.fold` makes the next row.

    `heard_at` is the platform's time of the person's last word and `asked_at` that of its first
    question since the dialog opened, `staff_place` where the last
    answer stands that somebody of ours gave in the messenger itself.
    """

    project: ProjectId
    channel: ChannelId
    kind: str
    type: RequestType
    identity: IdentityId
    contact: ContactId
    n: int
    name: str = ""
    entry_point: EntryPoint
    direction: Literal["incoming", "outgoing", "proactive"] = "incoming"
    creation: Literal["message", "operator", "form", "api", "import", "call"] = "message"
    visit: Visit = Visit()
    seq: int = 0
    open: bool = False
    sealed: bool = False
    owner: OperatorId | None = None
    owner_name: str = ""
    group: GroupId | None = None
    awaits: Awaits = Awaits.NOBODY
    waiting_since: datetime | None = None
    snoozed_until: datetime | None = None
    chat_status: Status | None = None
    call_status: Status | None = None
    created_at: datetime
    last_at: datetime
    changed_at: datetime
    last_place: Place | None = None
    closed_at: datetime | None = None
    closed_by: Closer = ""
    cycle: Cycle = Cycle()
    unanswered: int = 0
    asked_at: datetime | None = None
    bot: BotState = BotState()
    preview: Preview | None = None
    call_at: datetime | None = None
    planned_until: datetime | None = None
    planned_rule: str = ""
    phone: str = ""
    fields: dict[str, str] = {}
    verified: bool = False
    heard_at: datetime | None = None
    staff_place: Place | None = None
    rules_at: datetime | None = None
    ruled_seq: int = 0
    out_seq: int = 0
    dropped_at: datetime | None = None
    lane_at: datetime | None = None
    lane_by: str = ""
    deal: str = ""
    client: str = ""
    organisation: str = ""
    form: str = ""
    connection: str = ""
    automation: str = ""


class Reaction(msgspec.Struct, frozen=True):
    """What somebody last felt about a message; with an empty emoji it was taken back."""

    by: str
    emoji: str
    at: datetime | None = None
    order: int = 0


class Entry(Document, frozen=True, kw_only=True):
    """One line of a dialog's log; `_id` is its natural key, so a repeat of any age is refused."""

    project: ProjectId
    dialog: DialogId
    seq: int
    kind: EntryKind
    author: Author
    at: datetime
    order: int = 0
    late: bool = False
    stored_at: datetime
    changed_at: datetime
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    album: str = ""
    external_id: str | None = None
    question: bool = True
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    reactions: tuple[Reaction, ...] = ()
    state: OutState | None = None
    pending: bool = False
    attempt: str = ""
    attempt_at: datetime | None = None
    tries: int = 0
    next_at: datetime | None = None
    queued_at: datetime | None = None
    failure: str = ""
    verb: Verb | None = None
    data: dict[str, str] = {}
    cycle: Cycle | None = None
    reread_at: datetime | None = None
    spot: Spot | None = None
    card: Card | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()

    @property
    def place(self) -> Place:
        return Place(self.at, self.order, self.seq)


class Contact(Document, frozen=True, kw_only=True):
    """A person in a project.

    Since `no_calls_at` and `no_writes_at` nothing of the hub's own accord calls or writes there.
    """

    project: ProjectId
    name: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    no_calls_at: datetime | None = None
    no_writes_at: datetime | None = None
    created_at: datetime
    merged_into: ContactId | None = None


class Identity(Document, frozen=True, kw_only=True):
    """That person on one channel; `_id` is channel:external id.

    `picture` is a file's id; at `met_at` the platform was asked who that is, and since `reach_at`
    it is as `reachable` says.
    """

    project: ProjectId
    channel: ChannelId
    external_id: str
    contact: ContactId
    name: str = ""
    username: str = ""
    phone: str = ""
    picture: str = ""
    reachable: bool = True
    reach_at: datetime | None = None
    created_at: datetime
    seen_at: datetime
    read_at: datetime | None = None
    met_at: datetime | None = None
    spam_at: datetime | None = None


class Project(Document, frozen=True, kw_only=True):
    """A business or a site.

    `as_code` names what of it is kept in the settings file: name, lang, zone, hours.
    `calendar_years` are those whose production calendar an admin has confirmed.
    """

    name: str
    lang: Literal["ru", "en"] = "ru"
    schedule: Schedule
    reopen_days: int = 7
    reopen_days_auto: int = 7
    calling: Calling = Calling()
    policy: Policy = Policy()
    texting: Annotated[tuple[SmsTrigger, ...], msgspec.Meta(max_length=TRIGGERS_MAX)] = ()
    notices_name_people: bool = False
    calendar_years: tuple[int, ...] = ()
    as_code: tuple[str, ...] = ()
    created_at: datetime
    demo: bool = False


class Channel(Document, frozen=True, kw_only=True):
    """One configured account on a platform; `settings` are checked by the kind's own module."""

    project: ProjectId
    kind: str
    name: str
    enabled: bool = True
    settings: dict[str, object] = {}
    as_code: bool = False
    created_at: datetime


class Operator(Document, frozen=True, kw_only=True):
    login: str
    name: str
    lang: Literal["ru", "en"] = "ru"
    email: NoMailbox = ""
    password_hash: str = ""
    code_hash: str = ""
    code_until: datetime | None = None
    disabled_at: datetime | None = None
    created_at: datetime


class Role(StrEnum):
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Membership(Document, frozen=True, kw_only=True):
    """What one operator may do in one project; `_id` is operator:project."""

    project: ProjectId
    operator: OperatorId
    role: Role
    groups: tuple[GroupId, ...] = ()
    channels: tuple[ChannelId, ...] = ()
    created_at: datetime


class Group(Document, frozen=True, kw_only=True):
    project: ProjectId
    name: str
    phone: str = ""
    created_at: datetime


class Session(Document, frozen=True, kw_only=True):
    """A signed-in browser; `_id` is the hash of its id, the id itself is nowhere kept."""

    operator: OperatorId
    created_at: datetime
    expires_at: datetime
    seen_at: datetime
    by_code: bool = False
    agent: str = ""


class Timer(Document, frozen=True, kw_only=True):
    """A durable promise to look again at `due_at`; its `_id` follows from what it watches."""

    project: ProjectId
    verb: str
    target: str
    due_at: datetime | None
    data: dict[str, str] = {}
    claimed_by: str = ""
    created_at: datetime


class File(Document, frozen=True, kw_only=True):
    """What is known of stored bytes; `used` once the entry `used_by` names them.

    It is `shared` once another entry names it too.
    """

    project: ProjectId
    name: str
    mime: str
    kind: FileKind
    size_bytes: int
    width: int = 0
    height: int = 0
    sha256: str
    by: str
    state: Literal["coming", "kept", "doomed"] = "kept"
    thumb: bool = False
    used: bool = False
    used_by: str = ""
    shared: bool = False
    unused_since: datetime | None = None
    created_at: datetime


class Lock(Document, frozen=True, kw_only=True):
    """A lease by name: leaderships, polling offsets, the store's own mark."""

    holder: str = ""
    until: datetime | None = None
    value: str = ""

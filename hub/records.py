"""What the hub writes down for itself: facts for reports, words for search, who did what, and
what could not be put in its place yet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field

from hub.events import ChannelState
from hub.model import (
    ChannelId,
    ContactId,
    Cycle,
    DialogId,
    Document,
    EntryId,
    EntryPoint,
    IdentityId,
    LeadId,
    OperatorId,
    ProjectId,
)
from hub.people.visit import Visit
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


class Fetch(Document, frozen=True, kw_only=True):
    """A promise to bring a file from the platform; `_id` is the id of the file it will be.

    `remote` is its JSON. Without `due_at` nobody tries any more, until somebody asks again.
    With an `identity` and no entry it is to ask who that is. `by` is the token of whoever is at
    it, and one that `ends` is only to be cleared away: what it was for was erased.
    """

    project: ProjectId
    channel: ChannelId
    entry: EntryId = EntryId("")
    identity: IdentityId | None = None
    remote: bytes = b""
    due_at: datetime | None
    tries: int = 0
    by: str = ""
    ends: bool = False
    created_at: datetime


class JoinKey(Document, frozen=True, kw_only=True):
    """Lets a person of the site be known again in a messenger; `_id` is the hash of the key.

    `visitor` is who that is on the channel `site`, `visit` how it came there, `channel` where the
    key is good, and `used_by` who it turned out to be.
    """

    project: ProjectId
    channel: ChannelId
    site: ChannelId
    visitor: str
    name: str = ""
    visit: Visit = Visit()
    used_by: IdentityId | None = None
    expires_at: datetime
    created_at: datetime


class Reach(Document, frozen=True, kw_only=True):
    """A messenger in which an operator is told; `_id` is the identity's that it would be."""

    project: ProjectId
    operator: OperatorId
    channel: ChannelId
    external_id: str
    name: str = ""
    reachable: bool = True
    created_at: datetime


class ReachKey(Document, frozen=True, kw_only=True):
    """Lets an operator link a messenger, once; `_id` is the hash of the key.

    `used_by` is the first messenger that came with it.
    """

    project: ProjectId
    operator: OperatorId
    channel: ChannelId
    used_by: str = ""
    expires_at: datetime


class Errand(Document, frozen=True, kw_only=True):
    """Something to be done once it is due; `by` is the token of whoever is at it.

    What tells of a `dialog` goes with it. `tries` counts those that came to nothing.
    """

    project: ProjectId
    dialog: DialogId | None = None
    due_at: datetime | None
    by: str = ""
    tries: int = 0
    created_at: datetime
    ended_at: datetime | None = None


class Notice(Errand, frozen=True, kw_only=True):
    """Something to tell an operator if it is still so when it is due.

    `since` is since when somebody waits there, `external_id` what the hub calls the message that
    told it: `message` of the messenger `reach`. One that is put off is told anew, in another of the
    `rounds`. With a `lead` it is of a callback order, or of how its `call` ended; a `sent` one that
    is due is to be edited, `word` is what it says now.
    """

    dialog: DialogId
    operator: OperatorId
    what: Literal["new", "waiting", "call", "people", "outcome"]
    since: datetime
    rounds: int = 0
    state: Literal["waiting", "sent", "over", "lost"] = "waiting"
    external_id: str | None = None
    reach: str = ""
    message: str = ""
    lead: LeadId | None = None
    call: str = ""
    word: str = ""


class Post(Errand, frozen=True, kw_only=True):
    """A letter by e-mail to one address; `data` is what its template is filled in with.

    `error` is a code of why it did not go the last time.
    """

    to: str
    template: str
    lang: Literal["ru", "en"] = "ru"
    data: dict[str, str] = field(default_factory=dict)
    state: Literal["waiting", "sent", "refused", "lost"] = "waiting"
    error: str = ""


class Sms(Errand, frozen=True, kw_only=True):
    """What is to be written by SMS after a call; `_id` follows from trigger, phone and day.

    `after` is when that call ended, `cause` a code of why it was not written after all. At
    `entry` it stands in the log.
    """

    trigger: str
    call: str
    phone: str
    contact: ContactId | None = None
    names: dict[str, str] = field(default_factory=dict)
    after: datetime
    state: Literal["waiting", "written", "over"] = "waiting"
    cause: str = ""
    entry: EntryId | None = None


class Outgoing(Errand, frozen=True, kw_only=True):
    """An event for a project's own systems; `body` is what is posted, and is signed each time."""

    event: str
    body: str
    state: Literal["waiting", "sent", "lost"] = "waiting"
    error: str = ""


class TrialStep(msgspec.Struct, frozen=True, kw_only=True):
    """How one step of a trial went; `code` says how or why, `detail` is the platform's word."""

    name: Literal["key", "hook"]
    state: Literal["waiting", "ok", "failed"]
    code: str = ""
    detail: str = ""
    took_ms: int = 0


class Trial(Document, frozen=True, kw_only=True):
    """A channel being tried out; `_id` is the channel's. `picture` is a file's id."""

    project: ProjectId
    began_at: datetime
    name: str = ""
    username: str = ""
    picture: str = ""
    link: str = ""
    steps: tuple[TrialStep, ...] = ()


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """The account that the key belongs to; `picture` is the id of a file, if it is here."""

    name: str
    username: str = ""
    picture: str = ""


class HookSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The hook as the platform last told of it; `error` is in the platform's own words."""

    url: str = ""
    waiting: int = 0
    error: str = ""
    error_at: datetime | None = None


class Pulse(Document, frozen=True, kw_only=True):
    """What is known of a channel; `_id` is the channel's.

    Nothing calls the platform before `until`, nor at all while it is halted without one. `deaf` is
    why nothing can come in; `hook_mark` is of the settings and the address that a hook was set for.
    """

    project: ProjectId
    mark: str = ""
    channel_rev: int = 0
    state: Literal["ok", "halted", "away", "unknown"] = "unknown"
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None
    deaf: str = ""
    deaf_since: datetime | None = None
    last_in_at: datetime | None = None
    last_out_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    account: Whose | None = None
    hook: HookSeen | None = None
    hook_mark: str = ""
    checked_at: datetime | None = None

    @property
    def told(self) -> tuple[ChannelState, str, datetime | None]:
        """The one thing that people have to know of it: state, reason, since when."""
        if self.state in ("halted", "away"):
            return self.state, self.reason, self.since
        if self.deaf:
            return "deaf", self.deaf, self.deaf_since
        return "ok", "", self.since


class ConsentText(Document, frozen=True, kw_only=True):
    """What people were asked to consent to, word for word; `_id` is project:purpose:version."""

    project: ProjectId
    purpose: str
    version: str
    text: str
    url: str = ""
    sha256: str
    created_at: datetime


class Consent(Document, frozen=True, kw_only=True):
    """A person gave or withdrew a consent; nothing is ever changed in one."""

    project: ProjectId
    contact: ContactId
    purpose: str
    at: datetime
    given: bool
    version: str
    sha256: str
    channel: ChannelId
    identity: IdentityId
    page: str = ""
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
    `rules` the version of `hub.finding.words` that read it.
    """

    project: ProjectId
    channel: ChannelId
    dialog: DialogId
    entry: EntryId | None = None
    at: datetime
    stems: tuple[str, ...]
    read_rev: int
    rules: int

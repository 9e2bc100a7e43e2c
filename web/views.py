"""What leaves through the API: views of rows, never the rows themselves.

Operators and visitors get different views of one entry; a visitor's has no ids of people
and none of the operators' own lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from hub.bot import offered
from hub.content import Button, Card, Spot
from hub.files.kept import Files
from hub.finding.bookmarks import Begun
from hub.finding.lists import status
from hub.model import (
    Attachment,
    Author,
    Awaits,
    Contact,
    Dialog,
    Entry,
    EntryKind,
    EntryPoint,
    File,
    FileId,
    Identity,
    OutState,
    Preview,
    Reaction,
    Verb,
)
from hub.people.visit import Visit
from hub.statuses import Status


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is shown."""


class FileView(View, frozen=True, kw_only=True):
    """`thumb` opens the small copy of a large picture, empty if there is none.

    One that is `coming` is still at its platform, and `lost` is why it stays there: nothing is
    at `url` then, and type and size are what the platform says.
    """

    id: str
    name: str
    mime: str
    size_bytes: int
    kind: Literal["image", "audio", "video", "file"]
    width: int
    height: int
    url: str
    thumb: str
    coming: bool
    lost: str


class DialogView(View, frozen=True, kw_only=True):
    id: str
    rev: int
    project: str
    channel: str
    kind: str
    type: str
    name: str
    contact: str
    identity: str
    n: int
    open: bool
    sealed: bool
    owner: str | None
    owner_name: str
    awaits: Awaits
    waiting_since: datetime | None
    unanswered: int
    chat_status: Status | None
    call_status: Status | None
    status: Status
    created_at: datetime
    last_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    closed_by: str
    preview: Preview | None
    seq: int
    entry_point: EntryPoint
    direction: str
    creation: str
    visit: Visit
    call_at: datetime | None
    phone: str
    fields: dict[str, str]
    verified: bool
    heard_at: datetime | None


class ReactionView(View, frozen=True, kw_only=True):
    by: str
    emoji: str


class EntryView(View, frozen=True, kw_only=True):
    id: str
    dialog: str
    rev: int
    seq: int
    kind: EntryKind
    author: Author
    at: datetime
    order: int
    late: bool
    stored_at: datetime
    changed_at: datetime
    text: str
    attachments: list[FileView]
    reply_to: str
    album: str
    state: OutState | None
    failure: str
    edited_at: datetime | None
    deleted_at: datetime | None
    reactions: list[ReactionView]
    verb: Verb | None
    data: dict[str, str]
    spot: Spot | None
    card: Card | None
    buttons: tuple[tuple[Button, ...], ...]


class ContactView(View, frozen=True, kw_only=True):
    """Since `no_calls_at` and `no_writes_at` nothing of the hub's own accord calls or writes."""

    id: str
    name: str
    phones: tuple[str, ...]
    emails: tuple[str, ...]
    no_calls_at: datetime | None
    no_writes_at: datetime | None


class IdentityView(View, frozen=True, kw_only=True):
    """The person on one channel; `picture` opens it, empty if there is none."""

    channel: str
    kind: str
    name: str
    username: str
    phone: str
    reachable: bool
    picture: str


class DraftView(View, frozen=True, kw_only=True):
    """What the asker wrote and has not sent, with those of its files that are still there."""

    mode: Literal["reply", "note"]
    text: str
    reply_to: str
    attachments: list[FileView]
    saved_at: datetime


class LookerView(View, frozen=True, kw_only=True):
    operator: str
    name: str


class DialogCard(View, frozen=True, kw_only=True):
    """`seen_seq` and `draft` are the asker's own; `here` are the others who look at it now.

    After `write_until` the platform lets nobody write freely; None is without end.
    """

    dialog: DialogView
    contact: ContactView
    identities: list[IdentityView]
    write_until: datetime | None
    others: list[DialogView]
    seen_seq: int
    draft: DraftView | None
    here: list[LookerView]


class DialogList(View, frozen=True, kw_only=True):
    items: list[DialogView]
    next: str | None
    looked_back_to: datetime | None


class LogView(View, frozen=True, kw_only=True):
    """`more` are there the way that was asked, older ones unless after; `newer` ones at all."""

    items: list[EntryView]
    more: bool
    newer: bool


class TimelineView(View, frozen=True, kw_only=True):
    """What happened besides words, the newest first."""

    items: list[EntryView]
    more: bool


class CountView(View, frozen=True, kw_only=True):
    n: int
    more: bool


class CountsView(View, frozen=True, kw_only=True):
    queue: CountView
    mine: CountView
    all: CountView
    waiting: CountView


class VisitorEntry(View, frozen=True, kw_only=True):
    """`key` is the client's own, so that a widget knows its line when it comes back.

    `menu` is what the text offers as numbered lines at its end.
    """

    id: str
    dialog: str
    seq: int
    order: int
    at: datetime
    mine: bool
    key: str
    author_name: str
    text: str
    attachments: list[FileView]
    state: OutState | None
    deleted_at: datetime | None
    reply_to: str
    edited_at: datetime | None
    reactions: list[str]
    album: str
    menu: list[str]


class Views:
    """Makes views; links to files in them open for an hour or two."""

    def __init__(self, files: Files, now: Callable[[], datetime]) -> None:
        self._files = files
        self._now = now

    def file(self, file: Attachment | File) -> FileView:
        id, now = FileId(file.id), self._now()
        coming = isinstance(file, Attachment) and file.coming
        lost = file.lost if isinstance(file, Attachment) else ""
        here = not coming and not lost
        return FileView(
            id=file.id,
            name=file.name,
            mime=file.mime,
            size_bytes=file.size_bytes,
            kind=file.kind,
            width=file.width,
            height=file.height,
            url=self._files.link(id, file.name, now) if here else "",
            thumb=self._files.link(id, file.name, now, small=True) if here and file.thumb else "",
            coming=coming,
            lost=lost,
        )

    def dialog(self, row: Dialog) -> DialogView:
        return DialogView(
            id=row.id,
            rev=row.rev,
            project=row.project,
            channel=row.channel,
            kind=row.kind,
            type=row.type,
            name=row.name,
            contact=row.contact,
            identity=row.identity,
            n=row.n,
            open=row.open,
            sealed=row.sealed,
            owner=row.owner,
            owner_name=row.owner_name,
            awaits=row.awaits,
            waiting_since=row.waiting_since,
            unanswered=row.unanswered,
            chat_status=row.chat_status,
            call_status=row.call_status,
            status=status(row),
            created_at=row.created_at,
            last_at=row.last_at,
            changed_at=row.changed_at,
            closed_at=row.closed_at,
            closed_by=row.closed_by,
            preview=row.preview,
            seq=row.seq,
            entry_point=row.entry_point,
            direction=row.direction,
            creation=row.creation,
            visit=row.visit,
            call_at=row.call_at,
            phone=row.phone,
            fields=row.fields,
            verified=row.verified,
            heard_at=row.heard_at,
        )

    def entry(self, entry: Entry) -> EntryView:
        return EntryView(
            id=entry.id,
            dialog=entry.dialog,
            rev=entry.rev,
            seq=entry.seq,
            kind=entry.kind,
            author=entry.author,
            at=entry.at,
            order=entry.order,
            late=entry.late,
            stored_at=entry.stored_at,
            changed_at=entry.changed_at,
            text=entry.text,
            attachments=[self.file(each) for each in entry.attachments],
            reply_to=entry.reply_to,
            album=entry.album,
            state=entry.state,
            failure=entry.failure,
            edited_at=entry.edited_at,
            deleted_at=entry.deleted_at,
            reactions=[ReactionView(by=each.by, emoji=each.emoji) for each in felt(entry)],
            verb=entry.verb,
            data=entry.data,
            spot=entry.spot,
            card=entry.card,
            buttons=entry.buttons,
        )

    def identity(self, identity: Identity, kind: str) -> IdentityView:
        picture = FileId(identity.picture)
        return IdentityView(
            channel=identity.channel,
            kind=kind,
            name=identity.name,
            username=identity.username,
            phone=identity.phone,
            reachable=identity.reachable,
            picture=self._files.link(picture, "picture", self._now()) if picture else "",
        )

    def draft(self, draft: Begun, files: Sequence[File]) -> DraftView:
        return DraftView(
            mode=draft.mode,
            text=draft.text,
            reply_to=draft.reply_to,
            attachments=[self.file(each) for each in files],
            saved_at=draft.saved_at,
        )

    def visitor_entry(self, entry: Entry) -> VisitorEntry:
        mine = entry.kind is EntryKind.IN
        deleted = entry.deleted_at is not None
        return VisitorEntry(
            id=entry.id,
            dialog=entry.dialog,
            seq=entry.seq,
            order=entry.order,
            at=entry.at,
            mine=mine,
            key=entry.id.rpartition(":")[2] if mine else "",
            author_name="" if mine else entry.author.name,
            text="" if deleted else entry.text,
            attachments=[] if deleted else [self.file(each) for each in entry.attachments],
            state=entry.state,
            deleted_at=entry.deleted_at,
            reply_to=entry.reply_to,
            edited_at=entry.edited_at,
            reactions=[each.emoji for each in felt(entry)],
            album=entry.album,
            menu=[] if mine or deleted else [label for _, label in offered(entry.data)],
        )


def felt(entry: Entry) -> list[Reaction]:
    """The reactions that stand."""
    return [each for each in entry.reactions if each.emoji]


def for_visitor(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that a visitor may see: what the two said to each other."""
    return [each for each in entries if each.kind in (EntryKind.IN, EntryKind.OUT)]


def contact(document: Contact) -> ContactView:
    return ContactView(
        id=document.id,
        name=document.name,
        phones=document.phones,
        emails=document.emails,
        no_calls_at=document.no_calls_at,
        no_writes_at=document.no_writes_at,
    )


def count(counted: tuple[int, bool]) -> CountView:
    return CountView(n=counted[0], more=counted[1])

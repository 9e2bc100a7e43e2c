"""What an operator keeps on a dialog: how far he read it, and what he wrote and has not sent.

It is his own on every screen of his, no part of the log, and goes with the dialog.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from hub.model import Dialog, DialogId, Document, FileId, OperatorId, ProjectId

Mode = Literal["reply", "note"]


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """Something written and not sent; its files stay for a day, as all that no entry names."""

    mode: Mode
    text: str = ""
    reply_to: str = ""
    attachments: tuple[FileId, ...] = ()
    saved_at: datetime

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.reply_to or self.attachments)


class Bookmark(Document, frozen=True, kw_only=True):
    """One operator's in one dialog; `_id` is dialog:operator."""

    project: ProjectId
    dialog: DialogId
    operator: OperatorId
    seen_seq: int = 0
    draft: Begun | None = None
    changed_at: datetime


def blank(row: Dialog, operator: OperatorId, now: datetime) -> Bookmark:
    """A bookmark before anything was read or begun."""
    return Bookmark(
        id=f"{row.id}:{operator}",
        project=row.project,
        dialog=DialogId(row.id),
        operator=operator,
        changed_at=now,
    )


def seen(had: Bookmark, seq: int, now: datetime) -> Bookmark | None:
    """With the entries up to `seq` read; None if they were."""
    return replace(had, seen_seq=seq, changed_at=now) if seq > had.seen_seq else None


def begun(had: Bookmark, draft: Begun) -> Bookmark | None:
    """With the draft in the place of the one before; an empty one ends that of its mode."""
    if draft.is_empty:
        return ended(had, draft.mode, draft.saved_at)
    return replace(had, draft=draft, changed_at=draft.saved_at)


def ended(had: Bookmark, mode: Mode, now: datetime) -> Bookmark | None:
    """Without the draft of that mode; None if there is none."""
    if had.draft is None or had.draft.mode != mode:
        return None
    return replace(had, draft=None, changed_at=now)

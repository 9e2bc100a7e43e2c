"""Documents to store: two of the product's own, and a small one made for walking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.model import (
    Author,
    ChannelId,
    ContactId,
    Dialog,
    DialogId,
    Document,
    Entry,
    EntryKind,
    EntryPoint,
    IdentityId,
    ProjectId,
)
from hub.statuses import RequestType
from hub.store.engine import Collection, Index

START = datetime(2026, 3, 1, 9, 0, 0, 123_000, tzinfo=UTC)


def at(ms: int) -> datetime:
    return START + timedelta(milliseconds=ms)


def dialog(id: str = "site:1:1", **other: Any) -> Dialog:
    identity, _, n = id.rpartition(":")
    given: dict[str, Any] = {
        "project": ProjectId("p"),
        "channel": ChannelId("site"),
        "kind": "site",
        "type": RequestType.LIVE_CHAT,
        "identity": IdentityId(identity),
        "contact": ContactId("c"),
        "n": int(n),
        "entry_point": EntryPoint(kind="widget", value="shop"),
        "created_at": START,
        "last_at": START,
        "changed_at": START,
    }
    return Dialog(id=id, **(given | other))


def entry(id: str, seq: int, **other: Any) -> Entry:
    given: dict[str, Any] = {
        "project": ProjectId("p"),
        "dialog": DialogId("site:1:1"),
        "kind": EntryKind.IN,
        "author": Author("visitor", "site:1", "Вера"),
        "at": START,
        "stored_at": START,
        "changed_at": START,
        "text": "Здравствуйте",
    }
    return Entry(id=id, seq=seq, **(given | other))


class Card(Document, frozen=True, kw_only=True):
    project: str
    owner: str | None = None
    open: bool = False
    at: datetime
    n: int
    due_at: datetime | None = None
    tags: tuple[str, ...] = ()


CARDS_BY_OWNER = Index("by_owner", Card, ("project", "owner", "at"))
CARDS_BY_LIFE = Index("by_life", Card, ("project", "open", "at"))
CARDS_DUE = Index("due", Card, ("project", "due_at"), present="due_at")
CARDS_NUMBERED = Index("numbered", Card, ("project", "n"), unique=True)
CARDS_TAGGED = Index("tagged", Card, ("project", "tags", "at"), each="tags")
CARDS = Collection(
    "cards", Card, (CARDS_BY_OWNER, CARDS_BY_LIFE, CARDS_DUE, CARDS_NUMBERED, CARDS_TAGGED)
)

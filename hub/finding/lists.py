"""What operators leaf through: lists of dialogs, how long they are, what happened in one.

Every list is one walk of an index and looks at a bounded number of rows.
"""

from __future__ import annotations

import msgspec

from hub.accounts import Who
from hub.errors import BadValueError, NotFoundError
from hub.model import Awaits, Contact, Dialog, DialogId, Entry, Identity, ProjectId
from hub.statuses import Status, listed
from hub.store.engine import Engine, Index, Page, Range
from hub.store.schema import (
    BY_AWAITS,
    BY_CONTACT,
    BY_EXTERNAL,
    BY_LIFE,
    BY_OWNER,
    EPISODES,
    IDENTITIES_OF,
    TIMELINE,
)

COUNT_CAP = 1_000
OTHERS_MAX = 10
IDENTITIES_MAX = 20
VIEWS = ("queue", "mine", "all", "closed")
NOBODY = "none"
"""Whose dialogs nobody's are, where an operator is named."""

_Equal = dict[str, str | bool | None]


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a list's dialogs are wanted, and in which order; empty is any."""

    channel: str = ""
    awaits: str = ""
    owner: str = ""
    status: str = ""
    sort: str = "last"

    def passes(self, row: Dialog) -> bool:
        return (
            (not self.channel or row.channel == self.channel)
            and (not self.awaits or row.awaits == self.awaits)
            and (not self.owner or (row.owner or NOBODY) == self.owner)
            and (not self.status or status(row) == self.status)
        )


def status(row: Dialog) -> Status:
    """What the dialog is listed under."""
    return listed(row.chat_status, row.call_status)


class Lists:
    """The caller has already checked that `who` may see the project."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def page(
        self,
        who: Who,
        project: ProjectId,
        view: str,
        narrowed: Narrowed | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Dialog]:
        """One page of a list: newest action first, or the longest waiting first.

        It may be short of `limit` and still have a `next`.
        """
        wanted = narrowed or Narrowed()
        index, equal, descending = _walk(who, project, view, wanted)
        allowed = who.channels(project)

        def passes(row: Dialog) -> bool:
            return (
                row.seq > 0
                and wanted.passes(row)
                and (allowed is None or row.channel in allowed)
                and (view != "queue" or row.owner is None)
                and (view != "mine" or row.owner == who.operator.id)
            )

        return await self._engine.find(
            index, equal, descending=descending, after=after, limit=limit, where=passes
        )

    async def counts(
        self, who: Who, project: ProjectId, *, cap: int = COUNT_CAP
    ) -> dict[str, tuple[int, bool]]:
        """How many dialogs each list has, and whether there are more than were counted."""
        walks: dict[str, tuple[Index[Dialog], _Equal]] = {
            "queue": (BY_OWNER, {"project": project, "open": True, "owner": None}),
            "mine": (BY_OWNER, {"project": project, "open": True, "owner": who.operator.id}),
            "all": (BY_LIFE, {"project": project, "open": True}),
            "waiting": (
                BY_AWAITS,
                {"project": project, "open": True, "awaits": Awaits.OPERATOR},
            ),
        }
        allowed = who.channels(project)
        counts = {}
        for name, (index, equal) in walks.items():
            if allowed is None:
                n = await self._engine.count(index, equal, cap=cap + 1)
                counts[name] = (min(n, cap), n > cap)
            else:
                page = await self._engine.find(
                    index,
                    equal,
                    limit=cap,
                    where=lambda row: row.channel in allowed,
                    budget=cap,
                )
                counts[name] = (len(page.items), page.next is not None)
        return counts

    async def contact(self, row: Dialog) -> Contact:
        return await self._engine.known(Contact, row.contact)

    async def identities(self, row: Dialog) -> list[Identity]:
        """Everywhere that the person is known, the dialog's own first."""
        page = await self._engine.find(
            IDENTITIES_OF, {"project": row.project, "contact": row.contact}, limit=IDENTITIES_MAX
        )
        return sorted(page.items, key=lambda each: each.id != row.identity)

    async def others(self, row: Dialog) -> list[Dialog]:
        """Other episodes of the same contact, the newest first.

        Those from before two contacts became one are found by the identities.
        """

        def is_other(other: Dialog) -> bool:
            return other.id != row.id and other.seq > 0

        page = await self._engine.find(
            BY_CONTACT,
            {"project": row.project, "contact": row.contact},
            descending=True,
            limit=OTHERS_MAX,
            where=is_other,
        )
        found = {each.id: each for each in page.items}
        for identity in await self.identities(row):
            if identity.id == row.contact:
                # The first of the person's identities has been this contact's from its first word.
                continue
            page = await self._engine.find(
                EPISODES,
                {"project": row.project, "identity": identity.id},
                descending=True,
                limit=OTHERS_MAX,
                where=is_other,
            )
            found |= {each.id: each for each in page.items}
        return sorted(found.values(), key=lambda each: (each.created_at, each.id), reverse=True)[
            :OTHERS_MAX
        ]

    async def entry(self, row: Dialog, id: str) -> Entry:
        """One entry with the same person, also of an earlier episode: a quote may reach there."""
        entry = await self._engine.get(Entry, id)
        if entry is None:
            # A quote of what was not yet known by the platform's id when it was quoted.
            page = await self._engine.find(
                BY_EXTERNAL, {"project": row.project, "external_id": id}, limit=1
            )
            entry = page.items[0] if page.items else None
        if entry is not None and entry.dialog != row.id:
            other = await self._engine.get(Dialog, entry.dialog)
            if other is None or other.identity != row.identity:
                entry = None
        if entry is None:
            raise NotFoundError
        return entry

    async def timeline(
        self, id: DialogId, before_seq: int | None = None, limit: int = 50
    ) -> tuple[list[Entry], bool]:
        """What happened in the dialog besides words, newest first, and whether there is more."""
        below = Range("seq", below=before_seq) if before_seq is not None else None
        page = await self._engine.find(
            TIMELINE, {"dialog": id}, range=below, descending=True, limit=limit
        )
        return page.items, page.next is not None


def _walk(
    who: Who, project: ProjectId, view: str, narrowed: Narrowed
) -> tuple[Index[Dialog], _Equal, bool]:
    if view not in VIEWS:
        raise BadValueError(f"one of {', '.join(VIEWS)}", field="view")
    if narrowed.sort not in ("last", "waiting"):
        raise BadValueError("last or waiting", field="sort")
    is_open = view != "closed"
    if is_open and narrowed.sort == "waiting":
        return BY_AWAITS, {"project": project, "open": True, "awaits": Awaits.OPERATOR}, False
    owner = {"queue": NOBODY, "mine": who.operator.id}.get(view, narrowed.owner)
    if not owner:
        return BY_LIFE, {"project": project, "open": is_open}, True
    of = None if owner == NOBODY else owner
    return BY_OWNER, {"project": project, "open": is_open, "owner": of}, True

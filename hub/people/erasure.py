"""Deletes a dialog whole: its log, what is found of it, its files, what is kept and told of it.

Whoever dies here leaves a row that says so, and may begin again.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub.calls.call import Call
from hub.files import fetching
from hub.files.kept import Files
from hub.finding.bookmarks import Bookmark
from hub.finding.search import Search
from hub.leads.lead import Lead
from hub.model import Awaits, Dialog, DialogId, Entry
from hub.records import Fact, Notice
from hub.requests.automation import Handled
from hub.requests.terms import Invalid
from hub.store.engine import AbsentError, Engine
from hub.store.schema import (
    BOOKMARKS,
    CALLS_IN,
    ERRANDS_IN,
    HANDLED_IN,
    LEADS_IN,
    LOG,
    NOTICES_ABOUT,
)

AT_ONCE = 200


class Eraser:
    def __init__(self, engine: Engine, files: Files, search: Search) -> None:
        self._engine = engine
        self._files = files
        self._search = search

    async def close_off(self, row: Dialog, now: datetime) -> Dialog | None:
        """Keeps everybody from the dialog, whatever it is in the middle of; None if it is gone."""

        def closed_off(had: Dialog) -> Dialog:
            return replace(
                dropping(had, now) or had,
                open=False,
                sealed=True,
                owner=None,
                awaits=Awaits.NOBODY,
                waiting_since=None,
                unanswered=0,
            )

        try:
            return await self._engine.change(Dialog, row.id, closed_off)
        except AbsentError:
            return None

    async def erase(self, row: Dialog, *, at_once: bool = False) -> bool:
        """Deletes a dialog whose row says that it goes.

        Files that only it named go a day later, or `at_once`.
        """
        id = DialogId(row.id)
        while True:
            page = await self._engine.find(LOG, {"dialog": id}, limit=AT_ONCE)
            await self._search.forget(row, page.items)
            await self._entries(page.items, at_once=at_once)
            if not page.items:
                break
        while True:
            kept = await self._engine.find(BOOKMARKS, {"dialog": id}, limit=AT_ONCE)
            for each in kept.items:
                await self._engine.delete_if(Bookmark, each.id, lambda _: True)
            if not kept.items:
                break
        while True:
            asked = await self._engine.find(
                LEADS_IN, {"project": row.project, "dialog": id}, limit=AT_ONCE
            )
            for lead in asked.items:
                await self._notices(lead)
                await self._engine.delete_if(Lead, lead.id, lambda _: True)
            if not asked.items:
                break
        while True:
            done = await self._engine.find(HANDLED_IN, {"dialog": id}, limit=AT_ONCE)
            for one in done.items:
                await self._engine.delete_if(Handled, one.id, lambda _: True)
            if not done.items:
                break
        await self._calls(row, at_once=at_once)
        await self._errands(row)
        return await self._engine.delete_if(Dialog, id, lambda had: had.dropped_at is not None)

    async def _calls(self, row: Dialog, *, at_once: bool) -> None:
        """Deletes the calls of a dialog with what was recorded; not one that a worker leads."""
        while True:
            page = await self._engine.find(
                CALLS_IN,
                {"project": row.project, "dialog": row.id},
                limit=AT_ONCE,
                where=lambda each: not each.is_led,
            )
            for call in page.items:
                await self.erase_call(call, at_once=at_once)
            if not page.items:
                return

    async def erase_call(self, call: Call, *, at_once: bool = False) -> None:
        if call.recording is not None:
            await self._files.release([call.recording], call.id)
            if at_once:
                await self._files.discard([call.recording])
        await self._engine.delete_if(Call, call.id, lambda had: not had.is_led)

    async def _notices(self, lead: Lead) -> None:
        """What operators were told of an order names its phone."""
        about = {"project": lead.project, "lead": lead.id}
        while (page := await self._engine.find(NOTICES_ABOUT, about, limit=AT_ONCE)).items:
            for notice in page.items:
                await self._engine.delete_if(Notice, notice.id, lambda _: True)

    async def _errands(self, row: Dialog) -> None:
        """What is still to be told of the dialog, and what was, names the person."""
        about = {"project": row.project, "dialog": row.id}
        for index in ERRANDS_IN:
            while (page := await self._engine.find(index, about, limit=AT_ONCE)).items:
                for errand in page.items:
                    await self._engine.delete_if(index.of, errand.id, lambda _: True)

    async def erase_log(self, id: DialogId) -> None:
        """Deletes the entries of a dialog that has no row, with their files."""
        while True:
            page = await self._engine.find(LOG, {"dialog": id}, limit=AT_ONCE)
            await self._entries(page.items, at_once=True)
            if not page.items:
                return

    async def _entries(self, entries: list[Entry], *, at_once: bool) -> None:
        await fetching.abandon(self._engine, entries)
        for entry in entries:
            files = [each.id for each in entry.attachments]
            await self._files.release(files, entry.id)
            if at_once:
                await self._files.discard(files)
            if "form" in entry.data:
                await self._engine.delete_if(Invalid, entry.id, lambda _: True)
            await self._engine.delete_if(Entry, entry.id, lambda _: True)


def dropping(row: Dialog, now: datetime) -> Dialog | None:
    """The row that says so; neither the rules nor the delivery look at it any more."""
    if row.dropped_at is not None:
        return None
    return replace(row, dropped_at=now, rules_at=None, lane_at=None)


def nameless(fact: Fact) -> Fact | None:
    """What reports count stays; whom it was about does not."""
    return replace(fact, name="") if fact.name else None

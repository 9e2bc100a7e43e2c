"""What operators are told in their own messengers: a new dialog, somebody who waits too long, an
order to call somebody back.

A notice is an errand of the dialog, the moment since when somebody waits and the operator. When it
is due the dialog is looked at again: one that was answered meanwhile says nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote

from msgspec.structs import replace

from hub.accounts import Who
from hub.bus import Bus
from hub.channels.in_use import Channels
from hub.channels.port import Draft
from hub.content import Button
from hub.dialogs import entry_id
from hub.errors import (
    DeliveryError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    UnreachableError,
)
from hub.model import Awaits, Dialog, DialogId, OperatorId, Project
from hub.records import Notice, Reach
from hub.schedule import is_open, next_opening
from hub.statuses import LIVE, Lang, RequestType
from hub.store.engine import AbsentError, Engine
from hub.store.schema import NOTICES_DUE, NOTICES_OLD
from hub.telling import errands
from hub.telling.callnotices import CallNotices, masked, shown_name
from hub.telling.errands import Errands
from hub.telling.reaches import WAKE, Reaches
from hub.texts import text

GRACE = timedelta(seconds=15)
"""Whoever has the inbox open answers within it, and nobody's pocket need ring."""
ALARM_OWNER = timedelta(minutes=5)
ALARM_ALL = timedelta(minutes=10)
TRIES_MAX = 6
RETRY = timedelta(seconds=20)
IDLE = timedelta(seconds=1)
WORDS_MAX = 300
CONSIDERED = 5_000
AT_ONCE_TOLD = frozenset({"people", "outcome"})
"""What a call leaves behind: whoever could be called a moment ago, somebody was there to call."""

log = logging.getLogger(__name__)


Ended = Literal["sent", "over", "lost"]
Lost = Callable[[Notice, Who, str], Awaitable[None]]


class Notices(Errands[Notice]):
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        reaches: Reaches,
        calls: CallNotices,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(engine, bus, now, WAKE, NOTICES_DUE, NOTICES_OLD, idle=IDLE)
        self._channels = channels
        self._reaches = reaches
        self._calls = calls
        self._public_url = public_url
        self.lost: Lost | None = None
        """Is given what none of an operator's messengers takes; once or twice."""
        self._considered: OrderedDict[tuple[str, datetime], None] = OrderedDict()

    async def consider(self, row: Dialog) -> None:
        """Promises the notices that follow if nobody answers; a row seen before costs nothing."""
        is_of_calls = await self._calls.consider(row)
        if is_of_calls and row.asked_at is None:
            # Nothing was written that somebody could answer.
            return
        since = row.waiting_since
        if not row.open or row.awaits is not Awaits.OPERATOR or since is None:
            return
        if (row.id, since) in self._considered:
            return
        told = await self._reaches.told(row.project)
        if not told:
            return
        for operator in told:
            who = await self._reaches.who(operator)
            if who is None or not self._reaches.allowed(who, row):
                continue
            if row.owner is None:
                await self._promise(row, since, operator, "new", since + GRACE)
                await self._promise(row, since, operator, "waiting", since + ALARM_OWNER)
            elif row.owner == operator:
                await self._promise(row, since, operator, "waiting", since + ALARM_OWNER)
            else:
                await self._promise(row, since, operator, "waiting", since + ALARM_ALL)
        self._considered[row.id, since] = None
        if len(self._considered) > CONSIDERED:
            self._considered.popitem(last=False)

    async def _promise(
        self, row: Dialog, since: datetime, operator: OperatorId, what: str, due_at: datetime
    ) -> None:
        notice = Notice(
            id=errands.id_of(row.id, since.isoformat(), operator, what),
            project=row.project,
            dialog=DialogId(row.id),
            operator=operator,
            what="new" if what == "new" else "waiting",
            since=since,
            due_at=due_at,
            created_at=self._now(),
        )
        await errands.promise(self._engine, notice)

    async def sweep(self, now: datetime) -> int:
        await self._reaches.sweep(now)
        return await super().sweep(now)

    async def _do(self, notice: Notice) -> None:
        row = await self._engine.get(Dialog, notice.dialog)
        project = await self._engine.get(Project, notice.project)
        if row is not None and project is not None and notice.state == "sent":
            await self._edited(notice, row, project)
            return
        still = row is not None and project is not None and await self._still(notice, row)
        if row is None or project is None or still is False:
            await self._end(notice, "over")
            return
        if isinstance(still, datetime):
            await self._put_off(notice, still)
            return
        if notice.what not in AT_ONCE_TOLD and not is_open(project.schedule, self._now()):
            # Nobody's night is worth a message that can wait until somebody works.
            await self._put_off(notice, next_opening(project.schedule, self._now()))
            return
        await self._told(notice, row, project)

    async def _still(self, notice: Notice, row: Dialog) -> datetime | bool:
        """Whether it is to be told now, or when it is to be looked at again."""
        if notice.lead is not None:
            return await self._calls.still(notice, row)
        if row.waiting_since != notice.since or row.awaits is not Awaits.OPERATOR or not row.open:
            return False
        if row.type is RequestType.INCOMING_CALL and row.asked_at is None:
            # Only what was lost is news; while it rings that is not known.
            return self._now() + GRACE if row.call_status in LIVE else False
        if notice.what == "new":
            if row.owner is not None:
                return False
            here = await self._bus.present(row.project)
            return here.get(notice.operator) != "online"
        return True

    async def _told(self, notice: Notice, row: Dialog, project: Project) -> None:
        """By the first of the operator's messengers that takes it."""
        who = await self._reaches.who(notice.operator)
        mine = [
            each
            for each in await self._reaches.of(notice.project)
            if each.operator == notice.operator and each.reachable
        ]
        if who is None or not self._reaches.allowed(who, row):
            await self._end(notice, "over")
            return
        again: timedelta | None = None
        draft, word = await self._draft(notice, row, project, who.operator.lang)
        for reach in mine:
            try:
                receipt = await self._reaches.say(reach, draft)
            except UnreachableError:
                await self._unreachable(reach)
            except (RejectedError, NotFoundError) as error:
                log.info("notice.refused", extra={"reason": error.code, "channel": reach.channel})
            except ThrottledError as error:
                again = max(error.retry_after, again or RETRY)
            except DeliveryError:
                again = again or RETRY * (notice.tries + 1)
            else:
                notice = replace(
                    notice,
                    external_id=entry_id(reach.channel, receipt.external_id),
                    reach=reach.id,
                    message=receipt.external_id,
                    word=word,
                )
                await self._end(notice, "sent")
                if notice.lead is not None and await self._calls.is_stale(notice):
                    await self._put_off(replace(notice, by=""), self._now())
                return
        if again is not None and notice.tries + 1 < TRIES_MAX:
            await self._put_off(notice, self._now() + again, tries=notice.tries + 1)
        else:
            if self.lost is not None:
                await self.lost(notice, who, draft.text)
            await self._end(notice, "lost")

    async def _edited(self, notice: Notice, row: Dialog, project: Project) -> None:
        """Has what was told say how things stand now; where it cannot be, a press is told."""
        who = await self._reaches.who(notice.operator)
        reach = await self._engine.get(Reach, notice.reach)
        if who is None or reach is None or not self._reaches.allowed(who, row):
            await self._end(notice, "sent")
            return
        draft, word = await self._draft(notice, row, project, who.operator.lang)
        try:
            if word != notice.word:
                await self._reaches.edit(reach, notice.message, draft)
        except (UnreachableError, RejectedError, NotFoundError) as error:
            log.info("notice.unedited", extra={"reason": error.code, "channel": reach.channel})
        except DeliveryError as error:
            if notice.tries + 1 < TRIES_MAX:
                wait = RETRY * (notice.tries + 1)
                if isinstance(error, ThrottledError):
                    wait = max(wait, error.retry_after)
                await self._put_off(notice, self._now() + wait, tries=notice.tries + 1)
                return
        await self._end(replace(notice, word=word), "sent")

    async def _draft(
        self, notice: Notice, row: Dialog, project: Project, lang: Lang
    ) -> tuple[Draft, str]:
        key = f"{notice.id}:{notice.rounds}:{notice.tries}"
        if notice.lead is not None:
            drawn = await self._calls.drawn(notice, row, project, lang)
            rows = [*drawn.buttons, *self._door(row, lang)]
            return Draft(key=key, text=drawn.text, buttons=tuple(map(tuple, rows))), drawn.word
        is_missed = row.type is RequestType.MISSED_CALL and row.asked_at is None
        name = shown_name(row.name, whole=project.notices_name_people)
        document = self._channels.document(row.channel)
        words = masked(row.preview.text if row.preview else "")[:WORDS_MAX]
        minutes = int((self._now() - notice.since).total_seconds() // 60)
        head = text(
            lang,
            "notice.missed" if is_missed else f"notice.{notice.what}",
            name=name or text(lang, "notice.guest"),
            channel=document.name,
            project=project.name,
            n=minutes,
        )
        verbs = {"take": "notice.take", "later": "notice.later_button"}
        if is_missed and row.phone:
            verbs = {"now": "notice.call.button.now"} | verbs
        buttons = [
            [
                Button(label=text(lang, key), data=f"{verb} {notice.id}")
                for verb, key in verbs.items()
            ]
        ]
        buttons += self._door(row, lang)
        how = "" if is_missed else text(lang, "notice.how")
        said = "\n".join(each for each in (head, words, how) if each)
        return Draft(key=key, text=said, buttons=tuple(map(tuple, buttons))), ""

    def _door(self, row: Dialog, lang: Lang) -> list[list[Button]]:
        if not self._public_url.startswith("https://"):
            return []
        where = f"{self._public_url}/inbox#{quote(row.id, safe='')}"
        return [[Button(label=text(lang, "notice.open"), url=where)]]

    async def _unreachable(self, reach: Reach) -> None:
        with suppress(AbsentError):
            await self._engine.change(Reach, reach.id, lambda had: replace(had, reachable=False))

    async def _put_off(
        self, notice: Notice, until: datetime | None, *, tries: int | None = None
    ) -> None:
        await self.settle(notice, due_at=until, tries=notice.tries if tries is None else tries)

    async def _end(self, notice: Notice, state: Ended) -> None:
        await self.settle(
            notice,
            due_at=None,
            state=state,
            external_id=notice.external_id,
            reach=notice.reach,
            message=notice.message,
            word=notice.word,
        )

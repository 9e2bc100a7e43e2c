"""One call that an engine makes by itself: begun once, then only heard of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.calls import news
from hub.calls.call import Call, Leg, Outcome, Reported, Side
from hub.calls.dialling import Dialling
from hub.calls.trunk import Hosted, LineError
from hub.statuses import Status

log = logging.getLogger(__name__)

SILENT_S = 300.0
"""An engine that says nothing for so long of a call that is not a talk is asked how it stands."""
GONE_S = 30.0
"""And so long after the person's phone was gone: the end of the call follows that at once."""


class HostedDialer:
    """Reports may come twice and in any order; the last by its number counts, an end is final."""

    def __init__(
        self,
        dialling: Dialling,
        line: Hosted,
        call: Call,
        now: Callable[[], datetime],
        dials: Callable[[str], bool],
        worker: str,
        *,
        silent_s: float = SILENT_S,
        gone_s: float = GONE_S,
    ) -> None:
        self._silent_s = silent_s
        self._gone_s = gone_s
        self._dialling = dialling
        self._line = line
        self._now = now
        self._dials = dials
        self._worker = worker
        self._reports: asyncio.Queue[Reported | None] = asyncio.Queue()
        self._seq = -1
        self.call = call

    def heard(self, report: Reported) -> None:
        self._reports.put_nowait(report)

    async def cancel(self) -> bool:
        """Whether the engine was asked to hang up; not while it has told of no phone yet."""
        try:
            await self._line.cancel(self.call)
        except LineError as error:
            log.info("call.refused", extra={"call": self.call.key, "reason": error.detail})
            return error.outcome is not Outcome.UNKNOWN
        return True

    async def run(self) -> Call:
        begun = await self._dialling.begin(self.call, self._worker)
        if begun is None or begun.plan is None:
            return self.call
        self.call = begun
        numbers = [each.number for stage in begun.plan.operators for each in stage]
        if not all(map(self._dials, [*numbers, begun.phone])):
            return await self._dialling.end(begun, Outcome.INVALID_NUMBER, side="visitor")
        now = self._now()
        # The person's phone rings when the engine says so, and it may never: it counts as dialled.
        self.call = await self._dialling.note(
            begun, lambda had: replace(had, status=Status.CALLING_OPERATOR, dialled_at=now)
        )
        try:
            await self._line.start(self.call)
        except LineError as error:
            if error.outcome is not Outcome.UNKNOWN:
                return await self._dialling.end(self.call, error.outcome)
        return await self._hear()

    async def resume(self) -> Call:
        """Goes on hearing of a call that another began, from where that one was."""
        known = [
            each.seq
            for each in self.call.told
            if each.outcome is None and each.status is self.call.status
        ]
        self._seq = max(known, default=-1)
        return await self._hear()

    async def _hear(self) -> Call:
        clock = asyncio.get_running_loop().time
        news_at = clock()
        while True:
            try:
                # What was told before is told again each round, and is no sign of life.
                async with asyncio.timeout(news_at + self._patience_s() - clock()):
                    report = await self._reports.get()
            except TimeoutError:
                report = await self._looked()
                if report is None:
                    side: Side = "visitor" if self.call.talk_at is None else ""
                    return await self._dialling.end(self.call, Outcome.UNKNOWN, side=side)
                news_at = clock()
            if report is None or report.seq <= self._seq:
                continue
            self._seq, news_at = report.seq, clock()
            if report.outcome is not None:
                return await self._ended(report)
            await self._noted(report)

    def _patience_s(self) -> float:
        plan = self.call.plan
        if news.has_left(self.call):
            return self._gone_s
        if plan is None or self.call.status is not Status.TALKING:
            return self._silent_s
        return float(plan.script.talk_max_s)

    async def _looked(self) -> Reported | None:
        try:
            return await self._line.look(self.call)
        except LineError:
            return None

    async def _noted(self, report: Reported) -> None:
        now = self._now()

        def noted(had: Call) -> Call:
            after = replace(had, status=report.status, legs=_legs(had, report, now))
            if report.status is Status.TALKING and had.talk_at is None:
                after = replace(after, talk_at=report.at)
            return after

        self.call = await self._dialling.note(self.call, noted)

    async def _ended(self, report: Reported) -> Call:
        talked_s = report.talked_s or 0
        if talked_s > 0:
            # The engine counted; that it began was perhaps never told.
            began = self._now() - timedelta(seconds=talked_s)
            self.call = await self._dialling.note(
                self.call, lambda had: replace(had, status=Status.TALKING, talk_at=began)
            )
        elif report.side == "operator" and self.call.legs:
            # Only phones of ours rang: it is none of the person's calls of the day.
            self.call = await self._dialling.note(
                self.call, lambda had: replace(had, dialled_at=None)
            )
        assert report.outcome is not None  # noqa: S101 - whoever calls has looked
        return await self._dialling.end(
            self.call, report.outcome, side=report.side, ended_by=report.ended_by
        )


def _legs(call: Call, report: Reported, now: datetime) -> tuple[Leg, ...]:
    if report.role is None:
        return call.legs
    id = report.role[0] + "1"
    others = tuple(each for each in call.legs if each.id != id)
    is_up = report.status in (
        Status.OPERATOR_ON_LINE,
        Status.VISITOR_ON_LINE,
        Status.TALKING,
    )
    leg = Leg(
        id=id,
        role=report.role,
        number=report.number,
        state="up" if is_up else "ringing",
        at=now,
        answered_at=now if is_up else None,
        code=report.code[:200],
    )
    return (*others, leg)

"""What rules would have done: the past of a project read again, with nothing done.

Every log is folded line by line as it came, the rules are shown each moment of it, and the
promises they make come due between the lines. What other rules truly did meanwhile stays as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from hub.channels.abilities import Capabilities
from hub.channels.in_use import Channels
from hub.fold import fold
from hub.leads import slots
from hub.leads.quiet import whereabouts
from hub.model import ChannelId, Contact, Dialog, DialogId, Entry, Identity, Project
from hub.policy import Policy
from hub.rules import rules
from hub.rules.effects import Effect, Plan, Promise, Refuse, Say, Wait
from hub.rules.moment import Moment
from hub.statuses import RequestType
from hub.store.engine import Engine, Range
from hub.store.schema import BY_CHANGE, LOG

DAYS_MAX = 30
DIALOGS_MAX = 1_000
LINES_MAX = 300
"""How much of one log is read; longer ones are read from their beginning."""
FOUND_MAX = 200
FIRINGS_MAX = 50


class Found(Struct, frozen=True, kw_only=True):
    """One thing that would have been done; `due_at` is when a call would have been made."""

    dialog: DialogId
    name: str
    type: RequestType
    at: datetime
    rule: str
    what: str
    phone: str = ""
    text: str = ""
    due_at: datetime | None = None


class Tried(Struct, frozen=True, kw_only=True):
    """`found` is the newest first and at most `FOUND_MAX`; `counts` are of all that was met.

    With `more`, dialogs that changed before `back_to` were not looked at.
    """

    looked: int
    back_to: datetime
    counts: dict[str, int]
    found: tuple[Found, ...]
    more: bool


class DryRuns:
    def __init__(self, engine: Engine, channels: Channels) -> None:
        self._engine = engine
        self._channels = channels

    async def run(
        self,
        project: Project,
        policy: Policy,
        days: int,
        now: datetime,
        allowed: Collection[ChannelId] | None = None,
    ) -> Tried:
        """What that policy would have done to the dialogs of the last days.

        `allowed` are the channels that may be looked into.
        """
        project, since = replace(project, policy=policy), now - timedelta(days=days)
        page = await self._engine.find(
            BY_CHANGE,
            {"project": project.id},
            range=Range("changed_at", at_least=since),
            descending=True,
            limit=DIALOGS_MAX,
            where=lambda row: allowed is None or row.channel in allowed,
            budget=DIALOGS_MAX,
        )
        contacts = await self._engine.get_many(Contact, sorted({d.contact for d in page.items}))
        people = await self._engine.get_many(Identity, sorted({d.identity for d in page.items}))
        found: list[Found] = []
        for row in page.items:
            log = await self._engine.find(LOG, {"dialog": row.id}, limit=LINES_MAX)
            replay = _Replay(
                project,
                self._channels.can(row),
                people.get(row.identity),
                contacts.get(row.contact),
                [each for each in page.items if each.contact == row.contact and each.id != row.id],
            )
            found += [each for each in replay.run(row, log.items, now) if each.at >= since]
        found.sort(key=lambda each: each.at, reverse=True)
        return Tried(
            looked=len(page.items),
            back_to=page.last.changed_at if page.next and page.last else since,
            counts=dict(Counter(each.rule for each in found)),
            found=tuple(found[:FOUND_MAX]),
            more=page.next is not None,
        )


class _Replay:
    """One dialog lived again."""

    def __init__(
        self,
        project: Project,
        can: Capabilities,
        identity: Identity | None,
        contact: Contact | None,
        others: Sequence[Dialog],
    ) -> None:
        self._project = project
        self._can = can
        self._identity = identity
        self._contact = contact
        self._others = others
        self._done: set[tuple[str, str, str]] = set()
        self._timers: dict[tuple[str, str], tuple[datetime, Entry]] = {}

    def run(self, row: Dialog, log: Sequence[Entry], now: datetime) -> Iterator[Found]:
        past = _unwritten(row)
        for entry in log:
            yield from self._fire(past, entry.stored_at)
            past = fold(past, entry)
            if entry.author.kind in ("rule", "bot", "hub"):
                continue
            for effect in rules(self._moment(past, entry, entry.stored_at)):
                past, found = self._did(past, effect, entry, entry.stored_at)
                yield from found
        if len(log) < LINES_MAX:
            yield from self._fire(past, now)

    def _fire(self, past: Dialog, upto: datetime) -> Iterator[Found]:
        for _ in range(FIRINGS_MAX):
            due = min(self._timers.items(), key=lambda each: each[1][0], default=None)
            if due is None or due[1][0] > upto:
                return
            key, (at, entry) = due
            del self._timers[key]
            since = entry.at
            elsewhere = any(
                each.asked_at is not None and since <= each.asked_at <= at for each in self._others
            )
            moment = self._moment(past, entry, at, timer=key[0], asked_elsewhere=elsewhere)
            for effect in rules(moment):
                if isinstance(effect, Wait):
                    self._timers[key] = (max(effect.until, at + timedelta(seconds=1)), entry)
                    continue
                past, found = self._did(past, effect, entry, at)
                yield from found

    def _moment(
        self,
        row: Dialog,
        entry: Entry,
        at: datetime,
        timer: str = "",
        *,
        asked_elsewhere: bool = False,
    ) -> Moment:
        return Moment(
            row=row,
            entry=entry,
            at=at,
            project=self._project,
            can=self._can,
            identity=self._identity,
            contact=self._contact,
            timer=timer,
            asked_elsewhere=asked_elsewhere,
        )

    def _did(
        self, past: Dialog, effect: Effect, entry: Entry, at: datetime
    ) -> tuple[Dialog, list[Found]]:
        if isinstance(effect, Promise):
            key = (effect.verb, effect.target or entry.id)
            self._timers.setdefault(key, (effect.due_at, entry))
            return past, []
        what = type(effect).__name__.lower().removeprefix("mark")
        done = (effect.once or entry.id, effect.rule, what)
        if done in self._done or self._is_refused(effect, at):
            return past, []
        self._done.add(done)
        found = Found(
            dialog=DialogId(past.id),
            name=past.name,
            type=past.type,
            at=at,
            rule=effect.rule,
            what=what,
        )
        match effect:
            case Plan():
                past = replace(past, planned_until=effect.deadline)
                found = replace(found, phone=effect.phone, due_at=self._lawful(effect, at))
            case Say():
                found = replace(found, text=effect.text)
            case Refuse():
                found = replace(found, text=" ".join(effect.what))
            case _:
                pass
        return past, [found]

    def _is_refused(self, effect: Effect, at: datetime) -> bool:
        contact = self._contact
        if contact is None:
            return False
        since = contact.no_calls_at if isinstance(effect, Plan) else None
        if isinstance(effect, Say):
            since = contact.no_writes_at
        return since is not None and since <= at

    def _lawful(self, plan: Plan, at: datetime) -> datetime | None:
        calling, schedule = self._project.calling, self._project.schedule
        if calling.autonomous:
            return None
        where = whereabouts(plan.phone, schedule.zone)
        return slots.soonest(schedule, where.zones, max(at, plan.at or at), calling.quiet)


def _unwritten(row: Dialog) -> Dialog:
    """The row as it was before its first line."""
    return Dialog(
        id=row.id,
        project=row.project,
        channel=row.channel,
        kind=row.kind,
        type=row.type,
        identity=row.identity,
        contact=row.contact,
        n=row.n,
        entry_point=row.entry_point,
        direction=row.direction,
        creation=row.creation,
        visit=row.visit,
        created_at=row.created_at,
        last_at=row.created_at,
        changed_at=row.created_at,
    )

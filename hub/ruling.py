"""Carries out what the rules want, each thing once for what it follows from.

Every effect has a key made of the line that it follows from, so a worker may die at any line and
another may do all of it again. Nothing here reacts to what was done here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import answering, delivery, desk, dialogs, legible, observe, timers
from hub.bot import BotSettings
from hub.bus import Bus
from hub.channels.abilities import Ability, Capabilities
from hub.channels.in_use import Channels
from hub.content import Button
from hub.errors import ConflictError, NotFoundError, UnavailableError
from hub.events import DialogChanged
from hub.fold import closing
from hub.leads import leads
from hub.leads.callside import is_spam
from hub.model import (
    Author,
    Contact,
    Dialog,
    Entry,
    EntryKind,
    Identity,
    Operator,
    OutState,
    Project,
    Timer,
    Verb,
)
from hub.outages import Outages
from hub.people import contacts
from hub.rules import rules
from hub.rules.effects import (
    Assign,
    Close,
    Effect,
    HandOver,
    MarkPotential,
    MarkSpam,
    Note,
    Plan,
    Promise,
    Refuse,
    Say,
    Tell,
    Wait,
    Withdraw,
)
from hub.rules.moment import Moment
from hub.store.engine import Engine
from hub.store.schema import BY_CONTACT, MEMBERS

SPEAKS_WITHIN = timedelta(minutes=30)
"""An answer by itself that comes later than this is worse than none."""
OTHERS_MAX = 50
LATER = timedelta(minutes=5)
SOON = timedelta(seconds=2)
"""When a channel that is just starting is asked for again."""

log = logging.getLogger(__name__)


class _NeedlessError(Exception):
    """It is so already, or not any more."""


class Ruling:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        outages: Outages,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._outages = outages
        self._now = now

    def is_ready(self, row: Dialog) -> bool:
        """Whether it is known what can be said in the dialog; a channel may be just starting."""
        try:
            self._channels.get(row.channel)
        except UnavailableError:
            return False
        except NotFoundError:
            pass
        return True

    async def follow(self, row: Dialog, entries: Sequence[Entry]) -> None:
        """Does what the rules want after these lines of the dialog."""
        told = [each for each in entries if each.author.kind not in ("rule", "bot", "hub")]
        if not told:
            return
        project = self._project(row)
        if project is None:
            return
        identity, contact = await self._person(row)
        settings = await self._bot(row)
        for entry in told:
            moment = Moment(
                row=row,
                entry=entry,
                at=self._now(),
                project=project,
                can=self._channels.can(row),
                identity=identity,
                contact=contact,
                bot=settings,
            )
            effects = rules(moment)
            row = await self._all(moment, effects)
            if any(isinstance(each, Refuse | MarkSpam) for each in effects):
                # What was refused just now holds for the next line of the same burst.
                identity, contact = await self._person(row)

    async def fire(self, by: str, limit: int = 100) -> bool:
        """Looks again where it was promised to; True when there may be more."""
        due = await timers.claim(self._engine, by, self._now(), limit)
        for timer in due:
            with observe.about(timer=timer.id):
                try:
                    await timers.settle(self._engine, timer, await self._look(timer))
                except UnavailableError:
                    raise
                except Exception:
                    log.exception("timer.failed")
                    await timers.settle(self._engine, timer, self._now() + LATER)
        return len(due) == limit

    async def _look(self, timer: Timer) -> datetime | None:
        """When to look again, if this was too early."""
        entry = await self._engine.get(Entry, timer.data.get("entry", ""))
        if entry is None or (settled := await self._outages.settled_at()) is None:
            return None if entry is None else await self._due(timer, entry)
        return settled

    async def _due(self, timer: Timer, entry: Entry) -> datetime | None:
        # The row is brought level first: a message that is in the log was first.
        try:
            row = await dialogs.level(self._engine, entry.dialog)
        except ConflictError:
            return None
        project = self._project(row)
        if project is None:
            return None
        if not self.is_ready(row):
            return self._now() + SOON
        identity, contact = await self._person(row)
        moment = Moment(
            row=row,
            entry=entry,
            at=self._now(),
            project=project,
            can=self._channels.can(row),
            identity=identity,
            contact=contact,
            timer=timer.verb,
            asked_elsewhere=await self._asked_elsewhere(row, entry),
        )
        effects = rules(moment)
        await self._all(moment, effects)
        return next((each.until for each in effects if isinstance(each, Wait)), None)

    async def _asked_elsewhere(self, row: Dialog, entry: Entry) -> bool:
        page = await self._engine.find(
            BY_CONTACT,
            {"project": row.project, "contact": row.contact},
            descending=True,
            limit=OTHERS_MAX,
        )
        return any(
            each.id != row.id and each.asked_at is not None and each.asked_at >= entry.at
            for each in page.items
        )

    async def _person(self, row: Dialog) -> tuple[Identity | None, Contact | None]:
        return (
            await self._engine.get(Identity, row.identity),
            await contacts.root(self._engine, row.contact),
        )

    async def _bot(self, row: Dialog) -> BotSettings | None:
        known = await answering.of(self._engine, row.channel)
        return known.settings if known is not None else None

    def _project(self, row: Dialog) -> Project | None:
        try:
            return self._channels.project(row.project)
        except NotFoundError:
            return None

    async def _all(self, moment: Moment, effects: Sequence[Effect]) -> Dialog:
        row = moment.row
        for effect in effects:
            row = await self._carry(moment, row, effect)
        return row

    async def _carry(self, moment: Moment, row: Dialog, effect: Effect) -> Dialog:
        match effect:
            case Say():
                return await self._say(moment, row, effect)
            case Plan():
                return await self._enter(row, self._planned(moment, effect))
            case Withdraw():
                await leads.withdraw_of(
                    self._engine, self._bus, row, effect.of, effect.cause, self._now()
                )
            case Promise():
                await timers.promise(
                    self._engine,
                    row.project,
                    effect.verb,
                    effect.target or moment.entry.id,
                    effect.due_at,
                    self._now(),
                    {"entry": moment.entry.id},
                )
            case Close():
                return await self._enter(row, self._closes(moment, effect))
            case MarkSpam():
                return await self._spam(moment, row, effect)
            case MarkPotential():
                data = {"phone": effect.phone}
                return await self._enter(row, self._line(moment, effect, Verb.POTENTIAL, data))
            case Refuse():
                return await self._refuse(moment, row, effect)
            case Note():
                return await self._enter(row, self._note(moment, effect))
            case HandOver():
                return await self._enter(row, self._line(moment, effect, Verb.HANDED, {}))
            case Assign():
                return await self._assign(moment, row, effect)
            case Tell():
                value = legible.legible(effect.value)
                if effect.field == "phone":
                    # Who is called is read from there: it is a number or it is not kept.
                    value = contacts.phone_of(value) or ""
                    if not value:
                        return row
                data = {effect.field: value}
                return await self._enter(row, self._line(moment, effect, Verb.FIELDS, data))
            case Wait():
                pass
        return row

    async def _enter(self, row: Dialog, make: dialogs.Maker) -> Dialog:
        """The row with the line in it; as it was where the line is needless or came too late."""
        try:
            appended = await dialogs.append(self._engine, row, make)
        except (_NeedlessError, dialogs.SealedError):
            return row
        if appended.entry.dialog != row.id:
            return row
        if appended.fresh:
            await self._bus.announce(
                DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
            )
            await self._bus.wake("rules")
        return appended.row

    def _key(self, moment: Moment, effect: Effect) -> str:
        return f"{effect.once or moment.entry.id}:{effect.rule}:{type(effect).__name__.lower()}"

    def _line(
        self,
        moment: Moment,
        effect: Effect,
        verb: Verb | None,
        data: dict[str, str],
        kind: EntryKind = EntryKind.SYSTEM,
    ) -> dialogs.Maker:
        def make(row: Dialog) -> Entry:
            now = self._now()
            return replace(
                dialogs.draft(row, self._key(moment, effect), kind, now, now),
                author=Author("rule", effect.rule, effect.name),
                verb=verb,
                data=data,
            )

        return make

    async def _say(self, moment: Moment, row: Dialog, say: Say) -> Dialog:
        can, contact = moment.can, moment.contact
        if not can.text_max_chars or not desk.is_open(row, can, self._now()):
            return row
        if contact is not None and contact.no_writes_at is not None:
            return row
        if not moment.timer and self._now() - moment.entry.stored_at > SPEAKS_WITHIN:
            return row

        def make(current: Dialog) -> Entry:
            if not current.open:
                raise _NeedlessError
            told = {"rule": say.rule, **say.data}
            entry = self._line(moment, say, None, told, EntryKind.OUT)(current)
            return replace(
                entry,
                author=Author("bot", say.rule),
                text=legible.legible(say.text)[: can.text_max_chars],
                buttons=_possible(say, can),
                state=OutState.QUEUED,
                pending=True,
            )

        row = await self._enter(row, make)
        await self._bus.wake(delivery.WAKE)
        return row

    def _planned(self, moment: Moment, plan: Plan) -> dialogs.Maker:
        told = {
            "rule": plan.rule,
            "origin": plan.origin,
            "phone": plan.phone,
            "extension": plan.extension,
            "zone": plan.zone,
            "at": plan.at.isoformat() if plan.at else "",
            "deadline": plan.deadline.isoformat() if plan.deadline else "",
            "type": plan.type,
            "comment": plan.comment,
            "requested": moment.entry.at.isoformat(),
        }
        line = self._line(moment, plan, Verb.PLANNED, {k: v for k, v in told.items() if v})

        def make(row: Dialog) -> Entry:
            # Decided for the row as it stands: a word that was first has made it needless.
            if is_spam(row) or (plan.deadline is not None and row.asked_at is not None):
                raise _NeedlessError
            return line(row)

        return make

    def _closes(self, moment: Moment, close: Close) -> dialogs.Maker:
        line = self._line(moment, close, Verb.CLOSED, {"rule": close.rule})

        def make(row: Dialog) -> Entry:
            # What came since it was decided is not closed with the rest.
            if not row.open or (moment.timer and row.awaits is not moment.row.awaits):
                raise _NeedlessError
            entry = line(row)
            return replace(entry, cycle=closing(row, entry, close.result))

        return make

    def _note(self, moment: Moment, note: Note) -> dialogs.Maker:
        line = self._line(moment, note, None, {"rule": note.rule}, EntryKind.NOTE)
        return lambda row: replace(line(row), text=legible.legible(note.text))

    async def _spam(self, moment: Moment, row: Dialog, spam: MarkSpam) -> Dialog:
        def make(current: Dialog) -> Entry:
            if not current.open:
                raise _NeedlessError
            had = {"rule": spam.rule} | statuses_of(current)
            entry = self._line(moment, spam, Verb.SPAM, had)(current)
            return replace(entry, cycle=closing(current, entry, "spam"))

        row = await self._enter(row, make)
        if not is_spam(row):
            # Somebody has taken the mark back.
            return row
        await contacts.list_spam(self._engine, row.identity, self._now())
        await leads.withdraw_of(self._engine, self._bus, row, "", "spam", self._now())
        return row

    async def _refuse(self, moment: Moment, row: Dialog, refuse: Refuse) -> Dialog:
        await contacts.refuse(self._engine, row.contact, refuse.what, moment.entry.at)
        told = {"what": " ".join(refuse.what), "rule": refuse.rule}
        row = await self._enter(row, self._line(moment, refuse, Verb.REFUSED, told))
        if "calls" in refuse.what:
            await leads.stop_all(self._engine, self._bus, row, "opted_out", self._now())
        return row

    async def _assign(self, moment: Moment, row: Dialog, assign: Assign) -> Dialog:
        page = await self._engine.find(
            MEMBERS, {"project": row.project, "operator": assign.operator}, limit=1
        )
        to = await self._engine.get(Operator, assign.operator)
        if not page.items or to is None or to.disabled_at is not None:
            return row
        if row.channel not in (page.items[0].channels or (row.channel,)):
            return row
        data = {"operator": to.id, "name": to.name, "rule": assign.rule}
        line = self._line(moment, assign, Verb.ASSIGNED, data)

        def make(current: Dialog) -> Entry:
            if not current.open or current.owner is not None:
                raise _NeedlessError
            return line(current)

        return await self._enter(row, make)


def statuses_of(row: Dialog) -> dict[str, str]:
    """What both sides of a request were and who was waited for, for whoever takes a mark back."""
    sides = {"chat": row.chat_status, "call": row.call_status}
    were = {side: status.value for side, status in sides.items() if status is not None}
    if row.open:
        were |= {"open": "1", "awaits": row.awaits.value, "unanswered": str(row.unanswered)}
    if row.open and row.waiting_since is not None:
        were["waiting_since"] = row.waiting_since.isoformat()
    return were


def _possible(say: Say, can: Capabilities) -> tuple[tuple[Button, ...], ...]:
    kept = []
    for line in say.buttons:
        able = tuple(
            each
            for each in line
            if (Ability.PHONE if each.asks == "phone" else Ability.BUTTONS) in can.does
        )
        if able:
            kept.append(able)
    return tuple(kept)

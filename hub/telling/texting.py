"""What a project writes by SMS after calls: once a day to a phone at most, and never at night.

What is to be written is an errand of the trigger, the phone and the day, so a call may be told of
as often as one likes. The message itself is an entry like any other, in a dialog of the SMS
channel, and delivered as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from hub import delivery, dialogs, phones, phrases
from hub.bus import Bus
from hub.calls import verdict
from hub.calls.call import Call, Outcome
from hub.channels.abilities import Capabilities
from hub.channels.in_use import Channels
from hub.errors import BadValueError, NotFoundError, UnavailableError
from hub.events import DialogChanged, Sender
from hub.fold import closing
from hub.incoming import entry_point
from hub.leads import quiet, slots
from hub.leads.callside import is_spam
from hub.leads.lead import Lead
from hub.model import (
    Author,
    Channel,
    ChannelId,
    Contact,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    EntryKind,
    Identity,
    IdentityId,
    OutState,
    Project,
    ProjectId,
    Verb,
)
from hub.people import contacts
from hub.people.contacts import ALSO, REGION
from hub.phones import Kind, Phone
from hub.records import Sms
from hub.schedule import always
from hub.statuses import RequestType
from hub.store.engine import Engine, Insert, Range, TakenError
from hub.store.schema import CALLS_WITH, CONTACTS_BY_PHONE, SMS_DUE, SMS_OLD
from hub.telling import errands
from hub.telling.errands import Errands
from hub.telling.triggers import VARIABLES, SmsTrigger, When, doubled

WAKE = "texting"
AGAIN = timedelta(minutes=1)
STALE = timedelta(days=3)
"""Who called so long ago wonders more than is helped: a holiday may pass, a week may not."""
SAME_PHONE = 50
NAME_MAX = 20
WRITER = Author("bot", "texting")

_NOT_REACHED = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.REJECTED, Outcome.UNREACHABLE)
_FIRST_NAME = re.compile(rf"[^\W\d_]{{1,{NAME_MAX}}}(?:-[^\W\d_]{{1,{NAME_MAX}}})?")


class _NeedlessError(Exception):
    """Something else stands there meanwhile."""


class _OverError(Exception):
    """It is not to be written any more; its text is a code."""


class _LaterError(Exception):
    """Not now."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


def occasion(call: Call) -> When | None:
    """What the end of that call is an occasion for; tests and training are for none."""
    if call.purpose == "test" or call.training or call.stage not in ("ended", "settled"):
        return None
    if call.talk_at is not None:
        talked = call.outcome in (Outcome.TALKED, Outcome.TIME_LIMIT)
        return "after_call" if talked and verdict.is_enough(call) else None
    if call.purpose == "incoming":
        return "missed" if call.outcome is Outcome.MISSED else None
    rang = call.dialled_at is not None and call.side == "visitor"
    return "not_reached" if rang and call.outcome in _NOT_REACHED else None


async def consider(engine: Engine, call: Call, lead: Lead | None, now: datetime) -> int:
    """Promises what is to be written after that call; how much of it was not promised before."""
    when = occasion(call)
    project = await engine.get(Project, call.project) if when is not None else None
    if project is None or not is_mobile(call.phone):
        return 0
    made, ended = 0, call.ended_at or call.changed_at
    for trigger in project.texting:
        if not trigger.enabled or trigger.when != when:
            continue
        zones = lead.zones if lead is not None and lead.zones else _zones(project, call.phone)
        due = _lawful(project, trigger, zones, ended)
        if due is None or due - ended > STALE:
            continue
        day = due.astimezone(ZoneInfo(zones[0])).date()
        sms = Sms(
            id=errands.id_of(project.id, trigger.id, call.phone, day),
            project=call.project,
            trigger=trigger.id,
            call=call.id,
            phone=call.phone,
            contact=call.contact,
            dialog=call.dialog,
            names=_names(project, call),
            after=ended,
            due_at=due,
            created_at=now,
        )
        made += await errands.promise(engine, sms)
    return made


def is_mobile(phone: str) -> bool:
    """Whether an SMS gets there: a mobile of a country that the hub may call."""
    found = phones.parse(phone, REGION, ALSO)
    return isinstance(found, Phone) and found.kind is Kind.MOBILE and found.dialable


class Texting(Errands[Sms]):
    """Writes what was promised once it is day where the person is."""

    def __init__(
        self, engine: Engine, bus: Bus, channels: Channels, now: Callable[[], datetime]
    ) -> None:
        super().__init__(engine, bus, now, WAKE, SMS_DUE, SMS_OLD)
        self._channels = channels

    async def called(self, call: Call, lead: Lead | None) -> None:
        """What follows from the end of a call."""
        if await consider(self._engine, call, lead, self._now()):
            await self._bus.wake(WAKE)

    async def _do(self, sms: Sms) -> None:
        try:
            channel, text = await self._wanted(sms)
            entry = await self._written(sms, channel, text)
        except _OverError as over:
            await self.settle(sms, due_at=None, state="over", cause=str(over))
        except _LaterError as later:
            await self.settle(sms, due_at=later.until)
        else:
            await self.settle(sms, due_at=None, state="written", entry=entry.id)

    async def _wanted(self, sms: Sms) -> tuple[Channel, str]:
        """Where it is to be written and what, as things stand now."""
        now = self._now()
        project = await self._engine.get(Project, sms.project)
        trigger = next(
            (each for each in (project.texting if project else ()) if each.id == sms.trigger), None
        )
        if project is None or trigger is None or not trigger.enabled:
            raise _OverError("off")
        channel, can = self._by(project, trigger)
        zones = _zones(project, sms.phone)
        due = _lawful(project, trigger, zones, now)
        if due is None or due - sms.after > STALE:
            raise _OverError("late")
        if due > now:
            raise _LaterError(due)
        if cause := await self._unwanted(sms):
            raise _OverError(cause)
        if trigger.when != "after_call" and await self._was_reached(sms):
            raise _OverError("reached")
        text = phrases.render(trigger.text, sms.names).strip()[: can.text_max_chars]
        if not text:
            raise _OverError("empty")
        return channel, text

    def _by(self, project: Project, trigger: SmsTrigger) -> tuple[Channel, Capabilities]:
        try:
            channel = self._channels.document(trigger.channel)
            can = self._channels.get(trigger.channel).capabilities
        except NotFoundError:
            raise _OverError("channel") from None
        except UnavailableError:
            raise _LaterError(self._now() + AGAIN) from None
        if channel.project != project.id or can.type is not RequestType.SMS:
            raise _OverError("channel")
        return channel, can

    async def _unwanted(self, sms: Sms) -> str:
        """Why the person of that phone is not to be written to, "" if nothing is known."""
        page = await self._engine.find(
            CONTACTS_BY_PHONE,
            {"project": sms.project, "phones": sms.phone},
            limit=SAME_PHONE,
            where=lambda each: (
                each.no_calls_at is not None
                or each.no_writes_at is not None
                or each.merged_into is not None
            ),
        )
        known = {ContactId(each.id) for each in page.items}
        if sms.contact is not None:
            known.add(sms.contact)
        for each in sorted(known):
            person = await contacts.root(self._engine, each)
            if person is not None and (person.no_writes_at or person.no_calls_at):
                return "opted_out"
        row = await self._engine.get(Dialog, sms.dialog) if sms.dialog is not None else None
        return "spam" if row is not None and is_spam(row) else ""

    async def _was_reached(self, sms: Sms) -> bool:
        """Whether they were talked to since, by whoever called."""
        page = await self._engine.find(
            CALLS_WITH,
            {"project": sms.project, "phone": sms.phone},
            range=Range("began_at", at_least=sms.after),
            limit=1,
            where=lambda each: each.talk_at is not None,
        )
        return bool(page.items)

    async def _written(self, sms: Sms, channel: Channel, text: str) -> Entry:
        identity = await self._identity(sms, channel)
        if identity.spam_at is not None:
            raise _OverError("spam")
        said = {"opens": "1", "trigger": sms.trigger, "call": sms.call}
        id = f"{identity.id}:sms:{sms.id}"
        now = self._now()

        def make(current: Dialog) -> Entry:
            line = dialogs.draft(current, id, EntryKind.OUT, now, now)
            return replace(
                line, author=WRITER, text=text, data=said, state=OutState.QUEUED, pending=True
            )

        row = await self._row(sms, channel, identity)
        for _ in range(dialogs.TRIES):
            try:
                appended = await dialogs.append(self._engine, row, make)
            except dialogs.SealedError:
                row = await self._row(sms, channel, identity)
                continue
            entries = [appended.entry, *await self._closed(appended.row, id)]
            row = await dialogs.level(self._engine, DialogId(appended.row.id))
            await self._bus.announce(
                DialogChanged(project=row.project, dialog=row, entries=tuple(entries))
            )
            await self._bus.wake(delivery.WAKE)
            return appended.entry
        raise UnavailableError(f"{row.id} is too busy")

    async def _closed(self, row: Dialog, id: str) -> Sequence[Entry]:
        """Nobody has anything to do in a dialog that holds nothing else."""

        def make(current: Dialog) -> Entry:
            if not current.open or current.seq != 1:
                raise _NeedlessError
            now = self._now()
            line = dialogs.draft(current, f"{id}:closed", EntryKind.SYSTEM, now, now)
            return replace(line, verb=Verb.CLOSED, cycle=closing(current, line, ""))

        try:
            return [(await dialogs.append(self._engine, row, make)).entry]
        except (_NeedlessError, dialogs.SealedError):
            return []

    async def _identity(self, sms: Sms, channel: Channel) -> Identity:
        """Of the person of the call; known by the number's digits."""
        name = ""
        person: Contact | None = None
        if sms.contact is not None:
            person = await contacts.root(self._engine, sms.contact)
            name = person.name if person is not None else ""
        sender = Sender(external_id=sms.phone.lstrip("+"), name=name, phone=sms.phone)
        id, now = contacts.identity_id(channel.id, sender), self._now()
        if person is not None:
            made = Identity(
                id=id,
                project=sms.project,
                channel=ChannelId(channel.id),
                external_id=sender.external_id,
                contact=ContactId(person.id),
                name=name,
                phone=sms.phone,
                created_at=now,
                seen_at=now,
            )
            with suppress(TakenError):
                await self._engine.write(Insert(made))
        else:
            await contacts.meet(self._engine, channel, sender, now)
        found = await self._engine.get(Identity, id)
        if found is None:
            raise UnavailableError(f"{id} cannot be found")
        return found

    async def _row(self, sms: Sms, channel: Channel, identity: Identity) -> Dialog:
        """The person's last dialog there, or the next if there is none that takes more."""
        last = await dialogs.latest(self._engine, sms.project, IdentityId(identity.id))
        if last is not None and not last.sealed:
            return last
        now, n = self._now(), last.n + 1 if last is not None else 1
        empty = Dialog(
            id=dialogs.dialog_id(IdentityId(identity.id), n),
            project=sms.project,
            channel=ChannelId(channel.id),
            kind=channel.kind,
            type=RequestType.SMS,
            identity=IdentityId(identity.id),
            contact=identity.contact,
            n=n,
            name=identity.name,
            entry_point=entry_point(channel),
            direction="outgoing",
            creation="call",
            phone=sms.phone,
            created_at=now,
            last_at=now,
            changed_at=now,
        )
        return await dialogs.open_episode(self._engine, empty)


def _lawful(
    project: Project, trigger: SmsTrigger, zones: Sequence[str], at: datetime
) -> datetime | None:
    """The first moment from then on at which the person may be written to."""
    schedule = project.schedule if trigger.only_hours else always(project.schedule.zone)
    hours = project.calling.quiet
    if slots.callable_at(schedule, zones, at, hours):
        return at
    return slots.soonest(schedule, zones, at, hours)


def _zones(project: Project, phone: str) -> tuple[str, ...]:
    return quiet.whereabouts(phone, project.schedule.zone).zones


def _names(project: Project, call: Call) -> dict[str, str]:
    """What the text may name; of what strangers wrote only a name that looks like one."""
    first = next(iter(call.name.split()), "")
    return {
        "first_name": first if _FIRST_NAME.fullmatch(first) else "",
        "phone": call.phone,
        "project": project.name,
        "operator": call.operator_name,
        "number": project.calling.shown,
    }


def check(channels: Channels, project: ProjectId, triggers: Sequence[SmsTrigger]) -> None:
    """Raises BadValueError for what nobody could write, PhraseError for an unreadable text."""
    if doubled(triggers):
        raise BadValueError("two of one id", field="texting")
    for n, trigger in enumerate(triggers):
        place = f"texting.{n}"
        try:
            unknown = phrases.check(trigger.text, VARIABLES)
        except phrases.PhraseError as error:
            raise phrases.PhraseError(str(error), field=f"{place}.text") from None
        if unknown:
            raise BadValueError(f"nothing is known as {unknown[0]}", field=f"{place}.text")
        if not any(each.id == trigger.channel for each in channels.of(project)):
            raise BadValueError("no such channel", field=f"{place}.channel")

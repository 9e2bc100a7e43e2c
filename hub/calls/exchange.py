"""Calls that the own exchange tells of: from outside, and those that an engine makes for the hub.

News come twice, late and in any order. They are put together in the call's document; the lines of
the dialog and all that follows are drawn from how it then stands, each under an id of its own, so
that whoever died in between is made up for by the next.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub import dialogs, lines
from hub.bus import Bus
from hub.calls import dialling, news, verdict, whom
from hub.calls.call import Call, Outcome, Party
from hub.errors import ConflictError, UnavailableError
from hub.events import CallReported, DialogChanged, PhoneCalled, Sender
from hub.incoming import entry_point
from hub.leads import leads
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
    EntryPoint,
    Identity,
    Project,
    Verb,
    cut,
)
from hub.people import contacts
from hub.people.contacts import identity_id
from hub.statuses import LIVE, PLANNED, RequestType, Side, Status, moves
from hub.store.engine import AbsentError, Engine, Insert, TakenError
from hub.store.schema import CALLS_LIVE, CALLS_WITH, CONTACTS_BY_PHONE
from hub.telling import texting

CALLED_BACK = "called_back"
CALL_BACK = "missed"
"""The origin of a lead that is to make up for a missed call, and the rule that ordered it."""

EXTENSION_MAX_DIGITS = 6
LIVE_MAX = 500
BEGAN_BEFORE = timedelta(seconds=5)
"""How far the clock of an engine may be behind."""
ID_MAX_CHARS = 200
SAME_PHONE = 20
NEWS_LAST = timedelta(days=2)
"""A call that nobody knows and of which nothing newer is told is a repeat of what was erased."""


class _ElsewhereError(Exception):
    """The episode was closed by the time that the call was to stand in it."""


def caller(written: str) -> str | None:
    """Who calls, in E.164; empty if that is withheld, None for an extension of the own exchange.

    What is written as in Russia, with 8 or without anything before, is read so.
    """
    user = written.strip().removeprefix("sip:").partition("@")[0]
    digits = re.sub(r"[ ()\-.+]", "", user)
    if not digits.isascii() or not digits.isdecimal():
        return ""
    if len(digits) <= EXTENSION_MAX_DIGITS:
        return None
    if not user.startswith("+"):
        if len(digits) == 10:
            digits = f"7{digits}"
        elif len(digits) == 11 and digits.startswith("8"):
            digits = f"7{digits[1:]}"
    return f"+{digits}" if 11 <= len(digits) <= 15 and digits[0] != "0" else ""


class Exchange:
    def __init__(self, engine: Engine, bus: Bus, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._bus = bus
        self._now = now

    async def heard(self, channel: Channel, event: PhoneCalled) -> Call | None:
        """Keeps news of a call from outside; None for one between extensions."""
        phone = caller(event.sender.external_id)
        if phone is None:
            return None
        now = self._now()
        # A clock that is ahead of ours is wrong, and so are times of another zone.
        event = replace(event, at=cut(min(event.at, now)))
        had = await self._known(channel, phone, event, now)
        if had is None:
            return None
        call = await self._engine.change(Call, had.id, lambda one: news.heard(one, event, now))
        if call.stage == "settled":
            return call
        return await self._followed(channel, call)

    async def reported(self, channel: Channel, event: CallReported) -> Call | None:
        """Keeps what an engine says of a call that it makes for the hub; None if it is not ours."""
        now = self._now()
        event = replace(event, at=cut(min(event.at, now)))
        had = await self._made(channel, event)
        if had is None:
            return await self._late(channel, event)
        call = await self._engine.change(Call, had.id, lambda one: news.told(one, event))
        if call.rev != had.rev:
            await self._bus.wake(dialling.WAKE)
        return call

    async def _late(self, channel: Channel, event: CallReported) -> Call | None:
        """The end of a call that was given up as unknown: who has talked is not called again."""
        if event.state != "ended" or not event.talked_s or not event.person:
            return None
        page = await self._engine.find(
            CALLS_WITH,
            {"project": channel.project, "phone": event.person},
            descending=True,
            limit=1,
            where=lambda each: each.channel == channel.id and news.is_of(each, event),
            budget=SAME_PHONE,
        )
        if not page.items:
            return None
        now = self._now()
        call = await self._engine.change(
            Call, page.items[0].id, lambda had: news.talked(had, event, now)
        )
        await dialling.announce(self._bus, call)
        told = {
            "call": call.id,
            "lead": call.lead or "",
            "status": await self._shown(call),
            "cause": verdict.TALKED,
            "ended_by": call.ended_by,
            "talked_s": str(round(call.talked_s)),
        }

        def over(had: Lead) -> Lead | None:
            if had.call != call.id:
                return None
            if had.cause == verdict.CONNECTED:
                return replace(had, status=call.status, cause=verdict.TALKED, changed_at=now)
            if had.status not in PLANNED:
                return None
            return leads.ended(had, call.status, verdict.TALKED, now)

        if call.lead is not None:
            with suppress(AbsentError):
                await leads.announce(self._bus, await self._engine.change(Lead, call.lead, over))
        row = await self._engine.get(Dialog, call.dialog) if call.dialog is not None else None
        late = {f"{call.id}:late": told}
        if row is not None and row.call_status in PLANNED:
            # It was said to have come to nothing, and from there no talk can end.
            rang = {"call": call.id, "lead": call.lead or "", "status": Status.CALLING_VISITOR}
            late = {f"{call.id}:rang": rang} | late
        for id, each in late.items():
            await leads.tell(self._engine, self._bus, call.dialog, id, each, now)
        return call

    async def _shown(self, call: Call) -> Status:
        """As what the end can be shown: the request may wait for another attempt by now."""
        row = await self._engine.get(Dialog, call.dialog) if call.dialog is not None else None
        known = moves(row.call_status, row.type, Side.CALL) if row is not None else ()
        return call.status if call.status in known else Status.PROCESSED

    async def overdue(self, call: Call) -> None:
        """Ends a call from outside whose end was never told, or does what its end was to bring."""
        if call.purpose != "incoming" or call.stage == "settled":
            return
        now = self._now()
        call = await self._engine.change(Call, call.id, lambda one: news.lost(one, now))
        channel = await self._engine.get(Channel, call.channel)
        if channel is None:
            await self._settled(call)
        else:
            await self._followed(channel, call)

    async def _made(self, channel: Channel, event: CallReported) -> Call | None:
        """The call under way that the report is of; by the person only while it has no `ref`."""
        page = await self._engine.find(
            CALLS_LIVE,
            {"project": channel.project, "live": True},
            limit=LIVE_MAX,
            where=lambda each: each.channel == channel.id and each.purpose != "incoming",
        )
        for each in page.items:
            if (event.key and each.key == event.key) or (event.ref and each.ref == event.ref):
                return each
        if event.key or not event.person:
            return None
        begun = event.at + BEGAN_BEFORE
        mine = [
            each
            for each in page.items
            if not each.ref and each.phone == event.person and each.began_at <= begun
        ]
        return mine[0] if len(mine) == 1 else None

    async def _is_ours(self, channel: Channel, ref: str) -> bool:
        """Whether it is a call that an engine makes for the hub, whatever it looks like."""
        page = await self._engine.find(
            CALLS_LIVE,
            {"project": channel.project, "live": True},
            limit=1,
            where=lambda each: each.channel == channel.id and each.ref == ref,
        )
        return bool(page.items)

    async def _known(
        self, channel: Channel, phone: str, event: PhoneCalled, now: datetime
    ) -> Call | None:
        id = f"{channel.id}:{event.external_id}"
        if len(id) > ID_MAX_CHARS:
            id = f"{channel.id}:{hashlib.sha256(id.encode()).hexdigest()}"
        had = await self._engine.get(Call, id)
        if had is not None:
            return had
        is_old = now - event.at > NEWS_LAST
        if is_old or await self._is_ours(channel, event.external_id):
            return None
        fresh = Call(
            id=id,
            project=channel.project,
            channel=ChannelId(channel.id),
            purpose="incoming",
            phone=phone,
            stage="begun",
            status=Status.VISITOR_ON_LINE,
            line=event.line,
            watch_at=now + news.RINGS_AT_MOST,
            began_at=event.at,
            changed_at=now,
            seq=-1,
        )
        try:
            await self._engine.write(Insert(fresh))
        except TakenError:
            return await self._engine.get(Call, id) or fresh
        return fresh

    async def _followed(self, channel: Channel, call: Call) -> Call | None:
        """The call once all was done; None if it was erased this moment."""
        try:
            return await self._follow(channel, call)
        except (AbsentError, ConflictError):
            had = await self._engine.get(Call, call.id)
            if had is not None and not await dialogs.is_gone(self._engine, had.dialog):
                raise
            return await self._settled(had) if had is not None else None

    async def _follow(self, channel: Channel, call: Call) -> Call:
        """The lines of the call as it stands, and what comes of it; all of it may be done again."""
        project = await self._engine.get(Project, call.project)
        if project is None or await dialogs.is_gone(self._engine, call.dialog):
            return await self._settled(call)
        row = await self._home(channel, call)
        party = await self._operator(project, row, call)
        row = await self._stands(channel, call, row, party)
        operator = party.operator if party is not None else None

        def placed(had: Call) -> Call | None:
            after = replace(
                had,
                dialog=DialogId(row.id),
                dialog_channel=row.channel,
                contact=row.contact,
                name=row.name,
                operator=operator or had.operator,
                operator_name=(party.name if party is not None else "") or had.operator_name,
            )
            return after if after != had else None

        call = await self._engine.change(Call, call.id, placed)
        await dialling.announce(self._bus, call)
        if call.talk_at is not None:
            if party is not None and operator is not None and row.open and row.owner is None:
                author, told = Author("operator", operator, party.name), {"call": call.id}
                await self._write(row, f"{call.id}:taken", Verb.TAKEN, told, author)
            await self._called_back(row, call)
        elif call.outcome is Outcome.MISSED and _is_called_back(project, call):
            told = {"phone": call.phone, "origin": CALL_BACK, "rule": CALL_BACK}
            await self._write(
                row, f"{call.id}:planned", Verb.PLANNED, told, Author("rule", CALL_BACK)
            )
        if not call.live:
            await texting.consider(self._engine, call, None, self._now())
        return await self._settled(call)

    async def _settled(self, call: Call) -> Call:
        if call.live:
            return call
        call = await self._engine.change(
            Call, call.id, lambda had: replace(had, stage="settled", watch_at=None)
        )
        # Only now: whoever erases looks for calls that are over after he has marked the dialog.
        if await dialogs.is_gone(self._engine, call.dialog):
            # What is told of it once more is to make nothing of it anew.
            call = await self._engine.change(Call, call.id, _nameless)
        await dialling.announce(self._bus, call)
        return call

    async def _write(
        self, row: Dialog, id: str, verb: Verb, told: dict[str, str], author: Author
    ) -> None:
        await lines.write(
            self._engine, self._bus, DialogId(row.id), id, verb, told, self._now(), author
        )

    async def _stands(
        self, channel: Channel, call: Call, row: Dialog, party: Party | None
    ) -> Dialog:
        """The dialog in which the call stands, with all of its lines."""
        states = news.states(call)
        for _ in range(dialogs.TRIES):
            makes = [self._line(call, each, party) for each in states]
            try:
                appended = await dialogs.append_all(self._engine, DialogId(row.id), makes, row)
            except (dialogs.SealedError, _ElsewhereError):
                latest = await dialogs.latest(self._engine, row.project, row.identity)
                if latest is None or latest.id == row.id:
                    row = await self._home(channel, replace(call, dialog=None))
                else:
                    row = latest
                continue
            for each in appended:
                if each.fresh:
                    await self._bus.announce(
                        DialogChanged(project=row.project, dialog=each.row, entries=(each.entry,))
                    )
            await self._bus.wake("rules")
            # Where another was first it stands where the person's talk then was.
            return await dialogs.level(self._engine, appended[0].entry.dialog)
        raise UnavailableError(f"{call.id} finds no dialog")

    def _line(self, call: Call, state: news.State, party: Party | None) -> dialogs.Maker:
        now = self._now()

        def make(row: Dialog) -> Entry:
            if call.dialog is None and state == "ringing" and not _belongs(row):
                raise _ElsewhereError
            at = news.at(call, state)
            line = dialogs.draft(row, f"{call.id}:{state}", EntryKind.SYSTEM, at, now)
            return replace(line, verb=Verb.CALL, data=news.line(call, row, state, party))

        return make

    async def _home(self, channel: Channel, call: Call) -> Dialog:
        """The episode that the call is of, or belongs to now; a new one if it has to be."""
        if call.dialog is not None:
            return await dialogs.level(self._engine, call.dialog)
        # Who withholds the number is somebody else each time.
        name = call.phone or call.id.removeprefix(f"{channel.id}:")
        who = Sender(external_id=name, phone=call.phone)
        identity, now = identity_id(channel.id, who), self._now()
        while (row := await dialogs.latest(self._engine, channel.project, identity)) is not None:
            if _belongs(row):
                return row
            with suppress(ConflictError):
                # It may just have been reopened.
                await dialogs.seal(self._engine, row, now)
                break
        contact = row.contact if row is not None else await self._person(channel, who)
        person = await self._engine.get(Contact, contact)
        first = Dialog(
            id=dialogs.dialog_id(identity, row.n + 1 if row is not None else 1),
            project=channel.project,
            channel=ChannelId(channel.id),
            kind=channel.kind,
            type=RequestType.INCOMING_CALL,
            identity=identity,
            contact=contact,
            n=row.n + 1 if row is not None else 1,
            name=person.name if person is not None else "",
            entry_point=_entry_point(channel, call),
            creation="call",
            phone=call.phone,
            fields=row.fields if row is not None else {},
            heard_at=row.heard_at if row is not None else None,
            created_at=now,
            last_at=now,
            changed_at=now,
        )
        return await dialogs.open_episode(self._engine, first)

    async def _person(self, channel: Channel, who: Sender) -> ContactId:
        """Whose phone that is, if it is known as one person's and no other's; else a new one's."""
        now = self._now()
        id = identity_id(channel.id, who)
        known = await self._engine.get(Identity, id)
        if known is not None:
            return known.contact
        person = await self._sole(channel, who.phone) if who.phone else None
        if person is None:
            return await contacts.meet(self._engine, channel, who, now)
        identity = Identity(
            id=id,
            project=channel.project,
            channel=ChannelId(channel.id),
            external_id=who.external_id,
            contact=ContactId(person.id),
            name=person.name,
            phone=who.phone,
            created_at=now,
            seen_at=now,
        )
        try:
            await self._engine.write(Insert(identity))
        except TakenError:
            return await contacts.of(self._engine, id)
        return identity.contact

    async def _sole(self, channel: Channel, phone: str) -> Contact | None:
        page = await self._engine.find(
            CONTACTS_BY_PHONE, {"project": channel.project, "phones": phone}, limit=SAME_PHONE
        )
        people = [await contacts.root(self._engine, ContactId(each.id)) for each in page.items]
        found = {each.id: each for each in people if each is not None}
        return next(iter(found.values())) if len(found) == 1 else None

    async def _operator(self, project: Project, row: Dialog, call: Call) -> Party | None:
        """Who answered, if the phone is somebody's who may see the dialog."""
        number = call.answered_by
        if call.talk_at is None or not number:
            return None
        seats = await whom.seated(self._engine, project, row)
        mine = [each for each in seats if each.number == number]
        return mine[0] if len(mine) == 1 else None

    async def _called_back(self, row: Dialog, call: Call) -> None:
        """Who was talked with is not called any more for what was asked before."""
        now = self._now()
        await leads.stop_all(self._engine, self._bus, row, CALLED_BACK, now, before=call.talk_at)
        lead = await leads.latest(self._engine, row.project, call.phone) if call.phone else None
        if lead is None or not lead.live or lead.status not in LIVE or call.talk_at is None:
            return
        if lead.status is Status.TALKING or (lead.heard_at or lead.created_at) > call.talk_at:
            return
        # The call to that phone, if any, is being taken back; the lead is not to wait for it.
        lead = await leads.end(self._engine, lead, Status.PROCESSED, now, CALLED_BACK)
        await leads.announce(self._bus, lead)
        told = {"lead": lead.id, "status": Status.PROCESSED, "cause": CALLED_BACK}
        await leads.tell(self._engine, self._bus, lead.dialog, f"{lead.id}:ended", told, now)


def _belongs(row: Dialog) -> bool:
    """After a closing each call is a request of its own, but of whom nobody listens to."""
    return not row.sealed and (row.open or row.closed_at is None or is_spam(row))


def _nameless(call: Call) -> Call:
    return replace(call, phone="", name="", contact=None, dialog=None)


def _is_called_back(project: Project, call: Call) -> bool:
    """Whether by itself; who lets a phone ring once must not have us call what costs money."""
    return project.calling.call_back_missed and contacts.phone_of(call.phone) == call.phone


def _entry_point(channel: Channel, call: Call) -> EntryPoint:
    if not call.line:
        return entry_point(channel)
    return EntryPoint(kind=channel.kind, value=call.line, comment=channel.name)

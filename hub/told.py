"""What a person tells besides messages: consents, facts about oneself, how it was.

Each becomes a line of the dialog of now, and nothing that is told twice stands there twice.
A person who has not said a word yet has no dialog; of that person only consents are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from hub import dialogs, legible
from hub.bus import Bus
from hub.errors import NotFoundError
from hub.events import (
    CallAsked,
    ConsentGiven,
    DialogChanged,
    FieldsTold,
    FormFilled,
    PhoneLeft,
    Rated,
    Reported,
    Subscribed,
)
from hub.model import (
    Author,
    Channel,
    ChannelId,
    Dialog,
    Entry,
    EntryKind,
    Given,
    Verb,
)
from hub.people import contacts
from hub.people.consents import (
    ADVERTISING,
    PROCESSING,
    Agreed,
    ConsentRequiredError,
    Consents,
    worded,
)
from hub.people.contacts import identity_id
from hub.records import Consent
from hub.store.engine import Engine

Asking = CallAsked | PhoneLeft | Subscribed


class _NothingNewError(Exception):
    """All of it stands in the row already."""


class Told:
    def __init__(
        self, engine: Engine, bus: Bus, consents: Consents, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._consents = consents
        self._now = now

    async def agreed(self, channel: Channel, event: Asking | ConsentGiven) -> list[Consent]:
        """Keeps the consents that came with the event."""
        identity = identity_id(channel.id, event.sender)
        where = Agreed(
            project=channel.project,
            channel=ChannelId(channel.id),
            identity=identity,
            contact=await contacts.of(self._engine, identity),
            page=event.page,
        )
        return await self._consents.give(where, event.external_id, event.given, self._now())

    async def require(self, channel: Channel, event: Asking) -> None:
        """ConsentRequiredError for somebody whose data may not be taken."""
        contact = await contacts.of(self._engine, identity_id(channel.id, event.sender))
        needed = (PROCESSING, ADVERTISING) if isinstance(event, Subscribed) else (PROCESSING,)
        for purpose in needed:
            if not await self._consents.stands(channel.project, contact, purpose):
                raise ConsentRequiredError(field="given")

    async def consent(self, channel: Channel, event: ConsentGiven) -> None:
        await self._write_down(channel, event, await self.agreed(channel, event))

    async def called(self, channel: Channel, event: Asking, consents: Sequence[Consent]) -> None:
        """What else follows from a number or an address that is in the log."""
        contact = await contacts.of(self._engine, identity_id(channel.id, event.sender))
        phone = "" if isinstance(event, Subscribed) else event.phone
        email = event.email if isinstance(event, Subscribed) else ""
        await contacts.fill(self._engine, contact, name=event.sender.name, phone=phone, email=email)
        await self._write_down(channel, event, consents)

    async def filled(self, channel: Channel, event: FormFilled, row: Dialog) -> None:
        """Keeps the consent that was given in a form, with the words of the form's own box."""
        box = worded(ADVERTISING, event.advertising)
        await self._consents.show(channel.project, [box], self._now())
        where = Agreed(
            project=channel.project,
            channel=ChannelId(channel.id),
            identity=row.identity,
            contact=row.contact,
            page=event.visit.page if event.visit else "",
        )
        given = [Given(box.purpose, box.version)]
        agreed = await self._consents.give(where, event.external_id, given, self._now())
        await self._write_down(channel, event, agreed)

    async def _write_down(
        self, channel: Channel, event: Reported, consents: Sequence[Consent]
    ) -> None:
        row = await self._row(channel, event) if consents else None
        if row is None:
            return

        def note(consent: Consent) -> dialogs.Maker:
            told = {"purpose": consent.purpose, "version": consent.version, "page": consent.page}
            return self._line(consent.id, Verb.CONSENT, told, consent.at)

        await self._append(row, [note(each) for each in consents])

    async def fields(self, channel: Channel, event: FieldsTold) -> None:
        row = await self._row(channel, event)
        if row is None:
            return
        fields = dict(event.fields)
        phone = contacts.phone_of(fields.pop("phone", ""))
        if phone and await self._consents.stands(channel.project, row.contact):
            fields["phone"] = phone
        email = fields.get("email", "")
        await contacts.fill(
            self._engine,
            row.contact,
            name=legible.line(fields.get("name", ""), legible.NAME_MAX),
            email=email if contacts.is_email(email) else "",
            phone=fields.get("phone", ""),
        )

        def make(current: Dialog) -> Entry:
            new = _new(fields, current.fields)
            if not new:
                raise _NothingNewError
            id = f"{current.id}:fields:{current.seq + 1}"
            return self._line(id, Verb.FIELDS, new, event.at)(current)

        await self._append(row, [make])

    async def rated(self, channel: Channel, event: Rated) -> None:
        """Once for each time that the dialog was open; the first word stands."""
        row = await self._row(channel, event)
        if row is None:
            raise NotFoundError

        def make(current: Dialog) -> Entry:
            if current.cycle.score:
                raise _NothingNewError
            id = f"{current.id}:rated:{current.cycle.n}"
            told = {"score": event.score, "text": event.text}
            return replace(self._line(id, Verb.RATED, told, event.at)(current), text=event.text)

        await self._append(row, [make])

    async def _row(self, channel: Channel, event: Reported) -> Dialog | None:
        """The dialog of now, if a word was said and it can take one more line."""
        identity = identity_id(channel.id, event.sender)
        row = await dialogs.latest(self._engine, channel.project, identity)
        return None if row is None or row.seq == 0 or row.sealed else row

    def _line(self, id: str, verb: Verb, data: dict[str, str], at: datetime) -> dialogs.Maker:
        def make(row: Dialog) -> Entry:
            return replace(
                dialogs.draft(row, id, EntryKind.SYSTEM, at, self._now()),
                author=Author("visitor", row.contact, row.name),
                verb=verb,
                data=data,
            )

        return make

    async def _append(self, row: Dialog, makes: Sequence[dialogs.Maker]) -> None:
        for make in makes:
            try:
                appended = await dialogs.append(self._engine, row, make)
            except (_NothingNewError, dialogs.SealedError):
                continue
            row = appended.row
            await self._bus.announce(
                DialogChanged(project=row.project, dialog=row, entries=(appended.entry,))
            )
            await self._bus.wake("rules")


def _new(told: dict[str, str], had: dict[str, str]) -> dict[str, str]:
    """What is not known yet; a dialog keeps no more names than `FIELDS_MAX`."""
    room = legible.FIELDS_MAX - len(had)
    new: dict[str, str] = {}
    for name, value in told.items():
        if name in had:
            if had[name] != value:
                new[name] = value
        elif value and room > 0:
            room -= 1
            new[name] = value
    return new

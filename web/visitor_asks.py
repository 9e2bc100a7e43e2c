"""What a visitor asks for beside the talk: to be called, believed, heard out, known elsewhere.

A question may be asked again by its key: what is done already is answered as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from msgspec.structs import replace

from hub import dialogs
from hub.errors import ForbiddenError, NotFoundError
from hub.hub import Hub
from hub.intake import Accepted
from hub.leads import slots
from hub.leads.slots import NotASlotError
from hub.model import Entry, EntryId, Project, Verb
from hub.people import consents, contacts
from hub.people.consents import ConsentRequiredError
from hub.people.contacts import NotAnEmailError, NotAPhoneError
from hub.people.visit import Visit
from hub.sites import SiteSettings, UnansweredError, unanswered
from web.place import Place
from web.visitor_frames import (
    Agree,
    Asking,
    Call,
    Done,
    Join,
    Left,
    Passed,
    Rate,
    Subscribe,
    Tap,
    given,
)

ASKS = 20
ASKS_BY_ADDRESS = 300
CALLS = 6
CALLS_BY_ADDRESS = 60
CALLS_OF_PHONE = 6
TAPS = 6
TAPS_BY_ADDRESS = 60
SUBSCRIBES = 6
SUBSCRIBES_BY_ADDRESS = 60
SUBSCRIBES_OF_EMAIL = 6
JOINS = 30
JOINS_BY_ADDRESS = 300
LOOKED_BACK = 100
"""Lines among which one looks whether anybody has said a word."""

HOUR = timedelta(hours=1)

Pass = Callable[[Sequence[Passed]], Awaitable[list[Accepted]]]


class Asks:
    """The questions of one visitor; `say` hands a checked frame on."""

    def __init__(self, place: Place, visitor: str, say: Pass) -> None:
        self._place = place
        self._hub: Hub = place.state.hub
        self._visitor = visitor
        self._identity = place.identity(visitor)
        self._say = say
        self._has_begun = False

    async def require(self, told: Mapping[str, str]) -> None:
        """UnansweredError for a first word before all that the site must know first is told."""
        lacking = unanswered(self._place.site.settings.prechat, told)
        if not lacking or self._has_begun:
            return
        # What else makes a dialog, as a tap on the phone does, is no talk.
        _, said = await self._hub.intake.visitor_tail(
            self._place.channel, self._identity, None, 0, LOOKED_BACK
        )
        if not said:
            raise UnansweredError(field=lacking)
        self._has_begun = True

    async def answer(self, frame: Asking, name: str, visit: Visit | None) -> Done:
        """Does what is asked; raises why not."""
        place = self._place
        if isinstance(frame, Call) and (known := await self._known(frame)) is not None:
            return known
        await place.limit(f"asks:{self._identity}", ASKS)
        await place.limit(f"asks-from:{place.source}", ASKS_BY_ADDRESS)
        match frame:
            case Call():
                return await self._call(frame, name, visit)
            case Left():
                await self._left(frame, name, visit)
            case Tap():
                await self._tap(frame, name, visit)
            case Subscribe():
                await self._subscribe(frame, name, visit)
            case Agree():
                await self._say([agreement(frame)])
            case Rate():
                if not place.site.settings.rating:
                    raise ForbiddenError
                await self._say(
                    [Passed(t="rate", key=frame.key, score=frame.score, text=frame.text[:1_000])]
                )
            case Join():
                return Done(key=frame.key, url=await self._link(frame, name, visit))
        return Done(key=frame.key)

    async def _link(self, frame: Join, name: str, visit: Visit | None) -> str:
        """Where the visitor goes on in that messenger; NotFoundError if it leads nowhere."""
        place, joining = self._place, self._hub.joining
        offered = {each.kind for each in place.site.settings.messengers}
        doors = await joining.doors(place.channel.project) if frame.messenger in offered else {}
        if (door := doors.get(frame.messenger)) is None:
            raise NotFoundError(field="messenger")
        await place.limit(f"joins:{self._identity}", JOINS, HOUR)
        await place.limit(f"joins-from:{place.source}", JOINS_BY_ADDRESS, HOUR)
        return await joining.link(door, place.channel, self._visitor, name, visit)

    async def _known(self, frame: Call) -> Done | None:
        """What was answered to the same wish before."""
        entry = await self._hub.engine.get(Entry, self._entry_id(frame))
        if entry is None or entry.verb is not Verb.CALL_ASKED:
            return None
        return _done(frame, entry)

    def _entry_id(self, frame: Call) -> EntryId:
        external = self._place.site.call_id(self._visitor, frame.key)
        return dialogs.entry_id(self._place.kind.id, external)

    async def _call(self, frame: Call, name: str, visit: Visit | None) -> Done:
        place, now = self._place, self._hub.now()
        settings = place.site.settings
        project = self._hub.channels.project(place.channel.project)
        if not settings.callback.enabled and settings.offline.mode != "callback":
            raise ForbiddenError
        await self._agreed(frame, project)
        passed = wish(frame, project, now)
        await place.limit(f"calls:{self._identity}", CALLS, HOUR)
        await place.limit(f"calls-from:{place.source}", CALLS_BY_ADDRESS, HOUR)
        await place.limit(f"calls-of:{project.id}:{passed.phone}", CALLS_OF_PHONE, HOUR)
        [accepted] = await self._say([replace(passed, name=name, visit=visit)])
        entry = accepted.entry
        if entry is None:
            raise TypeError("a wish to be called is an entry")
        return _done(frame, entry)

    async def _left(self, frame: Left, name: str, visit: Visit | None) -> None:
        """Keeps the number if a rule of the project needs it; ForbiddenError if none has."""
        place = self._place
        project = self._hub.channels.project(place.channel.project)
        if not takes(frame, place.site.settings, project):
            raise ForbiddenError
        await self._agreed(frame, project)
        passed = left(frame, project)
        await place.limit(f"calls:{self._identity}", CALLS, HOUR)
        await place.limit(f"calls-from:{place.source}", CALLS_BY_ADDRESS, HOUR)
        await place.limit(f"calls-of:{project.id}:{passed.phone}", CALLS_OF_PHONE, HOUR)
        await self._say([replace(passed, name=name, visit=visit)])

    async def _tap(self, frame: Tap, name: str, visit: Visit | None) -> None:
        """Keeps that the number was pressed; ForbiddenError where none is shown."""
        place = self._place
        if not place.site.settings.phone:
            raise ForbiddenError
        await place.limit(f"taps:{self._identity}", TAPS, HOUR)
        await place.limit(f"taps-from:{place.source}", TAPS_BY_ADDRESS, HOUR)
        await self._say([Passed(t="tap", key=frame.key, name=name, visit=visit)])

    async def _subscribe(self, frame: Subscribe, name: str, visit: Visit | None) -> None:
        """Keeps the address once both boxes are ticked; ForbiddenError where none is asked for."""
        place = self._place
        project = self._hub.channels.project(place.channel.project)
        if not place.site.settings.subscription.enabled:
            raise ForbiddenError
        await self._agreed(frame, project)
        passed = subscription(frame)
        await place.limit(f"subscribes:{self._identity}", SUBSCRIBES, HOUR)
        await place.limit(f"subscribes-from:{place.source}", SUBSCRIBES_BY_ADDRESS, HOUR)
        whose = sha256(passed.email.casefold().encode()).hexdigest()
        await place.limit(f"subscribes-of:{project.id}:{whose}", SUBSCRIBES_OF_EMAIL, HOUR)
        await self._say([replace(passed, name=name, visit=visit)])

    async def _agreed(self, frame: Call | Left | Subscribe, project: Project) -> None:
        """ConsentRequiredError unless every box that must be ticked is, or was before."""
        settings, lang = self._place.site.settings, project.lang
        if isinstance(frame, Subscribe):
            boxes = consents.subscribing(settings, project, lang)
        else:
            boxes = consents.asked(settings, project, lang)
        needed = {box.purpose for box in boxes if box.required} | {consents.PROCESSING}
        missing = needed - {each.purpose for each in frame.given}
        if not missing:
            return
        contact = await contacts.of(self._hub.engine, self._identity)
        for purpose in missing:
            if not await self._hub.consents.stands(self._place.channel.project, contact, purpose):
                raise ConsentRequiredError(field="given")


def wish(frame: Call, project: Project, now: datetime, *, late: bool = False) -> Passed:
    """The wish with its number and time understood; `late` lets go of a time that has passed."""
    phone = contacts.phone_of(frame.phone)
    if phone is None:
        raise NotAPhoneError(field="phone")
    zone = slots.zone_of(frame.zone, project.schedule)
    time = (
        slots.chosen(project.schedule, zone, frame.at, now, project.calling.quiet)
        if frame.at
        else None
    )
    if frame.at and time is None and not late:
        raise NotASlotError(field="at")
    return Passed(
        t="call",
        key=frame.key,
        phone=phone,
        time=time,
        zone=zone,
        comment=frame.comment[:500],
        given=given(frame.given),
        page=frame.page,
    )


def takes(frame: Left, settings: SiteSettings, project: Project) -> bool:
    """Whether the project has a rule for what the frame brings, and offers where it leads."""
    if not frame.sent:
        return project.policy.potential.enabled and settings.callback.enabled
    offered = {each.kind for each in settings.messengers}
    return project.policy.silence.enabled and frame.messenger in offered


def left(frame: Left, project: Project) -> Passed:
    """The number understood; NotAPhoneError if it is none."""
    phone = contacts.phone_of(frame.phone)
    if phone is None:
        raise NotAPhoneError(field="phone")
    return Passed(
        t="left",
        key=frame.key,
        phone=phone,
        messenger=frame.messenger,
        sent=frame.sent,
        zone=slots.zone_of(frame.zone, project.schedule),
        given=given(frame.given),
        page=frame.page,
    )


def subscription(frame: Subscribe) -> Passed:
    """The address as it may be kept; NotAnEmailError if it is none."""
    email = frame.email.strip()
    if not contacts.is_email(email):
        raise NotAnEmailError(field="email")
    return Passed(
        t="subscribe", key=frame.key, email=email, given=given(frame.given), page=frame.page
    )


def agreement(frame: Agree) -> Passed:
    return Passed(t="consent", key=frame.key, given=given(frame.given), page=frame.page)


def _done(frame: Call, entry: Entry) -> Done:
    at = entry.data.get("at")
    return Done(
        key=frame.key,
        seq=entry.seq,
        dialog=entry.dialog,
        at=datetime.fromisoformat(at) if at else None,
    )

"""The visitor's socket: hello, what was missed, then both ways until one side is gone.

It says "ok" only for what is durable, and "again" for whatever may pass by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from hub import dialogs, legible
from hub.channels.port import ChannelKind, Hook
from hub.errors import (
    BadValueError,
    HubError,
    LimitedError,
    NotFoundError,
    PayloadError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from hub.events import ChannelEvent
from hub.hub import Hub
from hub.intake import Accepted
from hub.model import Dialog, DialogId, EntryKind, Identity, IdentityId, ProjectId
from hub.observe import HOOKS_REFUSED
from hub.people.visit import Visit
from hub.records import DeadLetter
from hub.statuses import PLANNED
from hub.store.engine import Range, milliseconds
from hub.store.schema import LOG
from web import wire
from web.place import Place, uploader
from web.sockets import (
    KEY_REFUSED,
    PROTOCOL,
    TOO_OFTEN,
    TRY_LATER,
    Ear,
    Heard,
    OverError,
    Socket,
    framed,
    visitor_of,
)
from web.visitor_asks import Asks, agreement, left, subscription, wish
from web.visitor_frames import (
    Agree,
    Asking,
    Call,
    Claim,
    Delivered,
    Fields,
    Greeting,
    Hello,
    Kept,
    Left,
    Noted,
    Ok,
    Page,
    Passed,
    Ping,
    Rate,
    Read,
    Refusal,
    Send,
    Subscribe,
    Tap,
    Typing,
    key_of,
    read,
)
from web.visitor_hears import Planned, tail_of

TAIL = 50
MINUTE = timedelta(minutes=1)
HELLOS = 120
PAGES = 60
FIELDS = 30
TOGETHER_MAX = 32
"""Frames that came while the last ones were being stored, and are taken as one."""
PONG = framed(b'{"t":"pong"}')

log = logging.getLogger(__name__)


_Said = tuple[bytes, Send]


async def talk(place: Place, socket: Socket) -> None:
    try:
        await place.limit(f"hello:{place.source}", HELLOS)
    except LimitedError:
        raise OverError(TOO_OFTEN) from None
    try:
        hello = wire.decode(await socket.first(), Hello)
    except BadValueError:
        raise OverError(PROTOCOL) from None
    visitor = _who(place, hello)
    if visitor is None:
        HOOKS_REFUSED.labels(channel=place.kind.id).inc()
        if place.site.settings.identity == "required":
            await socket.say(Refusal(key="", code="identity", again=False))
        raise OverError(KEY_REFUSED)
    guest = _Guest(place, socket, visitor, hello)
    fan, whose = place.state.fan, visitor_of(guest.identity)
    fan.join(whose, guest.ear)
    try:
        try:
            await guest.greet(hello)
        except UnavailableError:
            raise OverError(TRY_LATER) from None
        await guest.ear.open()
        await guest.listen()
    finally:
        fan.leave(whose, guest.ear)


class _Guest:
    """One visitor's socket after a good hello."""

    def __init__(self, place: Place, socket: Socket, visitor: str, hello: Hello) -> None:
        self._place = place
        self._hub = place.state.hub
        self._limits = place.state.sockets.limits
        self._socket = socket
        self._visitor = visitor
        # Whose key was made under an older key of the hub's takes a new one home.
        self._key = place.site.key_of(visitor)
        self.identity = place.identity(visitor)
        self._visit = legible.visit(hello.visit) if hello.visit else None
        self._fields = legible.fields(hello.fields | _claimed(hello.identity))
        self._untold = bool(self._fields)
        self._asks = Asks(place, visitor, self._pass)
        self._dialog: str | None = None
        self._refusals = 0
        self._reached: dict[str, tuple[str, int]] = {}
        self.ear = Ear(socket, _show)

    async def greet(self, hello: Hello) -> None:
        site = self._place.site
        is_known = hello.key is not None or site.is_signed(self._visitor)
        known = await self._hub.engine.get(Identity, self.identity) if is_known else None
        row, entries = await self._hub.intake.visitor_tail(
            self._place.channel, self.identity, hello.dialog, hello.after_seq, TAIL
        )
        self._dialog = row.id if row else None
        views = self._place.state.views
        await self._socket.say(
            Greeting(
                key=self._key,
                now=milliseconds(self._hub.now()),
                name=known.name if known else "",
                dialog=self._dialog,
                entries=[views.visitor_entry(each) for each in entries],
                closed=row is not None and not row.open,
                rated=row is not None and bool(row.cycle.score),
                verified=site.is_signed(self._visitor),
                call=_planned(row),
            )
        )
        if row is not None:
            await self._tell(row)

    async def _tell(self, row: Dialog | None = None) -> None:
        """Hands on what is known of the visitor, once there is a dialog that can keep it."""
        if not self._untold or self._dialog is None:
            return
        if row is not None and all(row.fields.get(k) == v for k, v in self._fields.items()):
            self._untold = False
            return
        if await self._hub.bus.allow(f"widget:fields:{self.identity}", FIELDS, MINUTE) is not None:
            return
        try:
            await self._pass([Passed(t="fields", fields=self._fields)])
        except UnavailableError:
            # The next message says it again, and so does the next hello.
            return
        except Exception:
            # A phone may be among them for which nobody has asked yet: nothing is kept aside.
            log.exception("widget.fields", extra={"channel": self._place.kind.id})
        self._untold = False

    async def listen(self) -> None:
        while True:
            said: list[_Said] = []
            for body in await self._socket.receive_all(TOGETHER_MAX):
                try:
                    frame = read(body)
                except BadValueError as error:
                    await self._store(said)
                    said = []
                    await self._refuse(key_of(body), error)
                    continue
                if isinstance(frame, Send):
                    said.append((body, frame))
                    continue
                await self._store(said)
                said = []
                try:
                    if isinstance(frame, Asking):
                        await self._ask(frame)
                    else:
                        await self._note(frame)
                except Exception as error:
                    key = frame.key if isinstance(frame, Asking) else ""
                    await self._answer(body, key, error)
            await self._store(said)

    async def _ask(self, frame: Asking) -> None:
        self._look()
        done = await self._asks.answer(frame, self._fields.get("name", ""), self._visit)
        await self._socket.say(done)
        if done.dialog:
            self._dialog = done.dialog
        # A consent may be what the visitor's phone had waited for.
        self._untold = bool(self._fields) and not isinstance(frame, Rate)
        await self._tell()

    async def _note(self, frame: Noted) -> None:
        match frame:
            case Ping():
                if await self._may("pings", self._limits.pings):
                    await self._socket.send(PONG)
            case Typing():
                if await self._may("typing", self._limits.ticks):
                    await self._pass([Passed(t="typing")])
            case Fields():
                # The newest first: so many are kept, and no more.
                told = legible.fields(frame.fields | (self._fields | frame.fields))
                self._untold = self._untold or told != self._fields
                self._fields = told
                if self._untold and await self._may("facts", self._limits.ticks):
                    await self._tell()
            case Page():
                if await self._may("pages", PAGES):
                    there = self._visit or Visit()
                    self._visit = legible.visit(
                        msgspec.structs.replace(there, page=frame.page, title=frame.title)
                    )
            case Delivered() | Read():
                if await self._may("ticks", self._limits.ticks):
                    await self._tick(frame)

    def _look(self) -> None:
        """The channel as it is now; a socket does not outlive it."""
        try:
            self._place.look(self._place.kind.id)
        except NotFoundError:
            raise OverError(TRY_LATER) from None

    async def _store(self, said: Sequence[_Said]) -> None:
        """Stores what may be said; what may not be is refused alone, each by its key."""
        if not said:
            return
        self._look()
        place = self._place
        settings, project = place.site.settings, place.channel.project
        good: list[_Said] = []
        passed: list[Passed] = []
        for body, frame in said:
            try:
                await place.limit(f"visitor:{self.identity}", settings.visitor_per_minute)
                await place.limit(f"address:{place.source}", settings.address_per_minute)
                await self._asks.require(self._fields)
                checked = await _checked(self._hub, place.kind, project, self.identity, frame)
            except Exception as error:
                await self._answer(body, frame.key, error)
            else:
                good.append((body, frame))
                passed.append(
                    msgspec.structs.replace(
                        checked, visit=self._visit, name=self._fields.get("name", "")
                    )
                )
        if good:
            await self._keep(good, passed)

    async def _keep(self, said: Sequence[_Said], passed: Sequence[Passed]) -> None:
        """Says "ok" to each once all are durable."""
        try:
            accepted = await self._pass(passed)
        except UnavailableError as error:
            for body, frame in said:
                await self._answer(body, frame.key, error)
            return
        except Exception as error:
            if len(said) > 1:
                # One of them is at fault; alone, each is answered for itself.
                for one, its in zip(said, passed, strict=True):
                    await self._keep([one], [its])
                return
            [(body, frame)] = said
            await self._answer(body, frame.key, error)
            return
        answers: list[bytes] = []
        for (_, frame), each in zip(said, accepted, strict=True):
            if each.entry is None:
                await self._refuse(frame.key, PayloadError("not a message"))
                continue
            self._dialog = each.entry.dialog
            ok = Ok(key=frame.key, seq=each.entry.seq, dialog=each.entry.dialog)
            answers.append(framed(msgspec.json.encode(ok)))
        await self._socket.send(b"".join(answers))
        await self._tell()

    async def _answer(self, body: bytes, key: str, error: Exception) -> None:
        """Says why a frame was not taken; called where the error is handled."""
        if isinstance(error, OverError):
            raise error
        if not isinstance(error, HubError):
            # Ours to mend; what the visitor wrote is kept aside so that it is not lost.
            log.exception("widget.failed", extra={"channel": self._place.kind.id})
            await self._keep_aside(body, error)
            error = PayloadError("kept aside")
        await self._refuse(key, error)

    async def _tick(self, frame: Delivered | Read) -> None:
        """Says of the last message of ours up to `seq`, and of all before it, how far it got."""
        if self._dialog is None:
            row, _ = await self._hub.intake.visitor_tail(
                self._place.channel, self.identity, None, 0, 1
            )
            if row is None:
                return
            self._dialog = row.id
        state = "read" if isinstance(frame, Read) else "delivered"
        dialog, reached = self._reached.get(state, ("", 0))
        if dialog == self._dialog and frame.seq <= reached:
            return
        page = await self._hub.engine.find(
            LOG,
            {"dialog": DialogId(self._dialog)},
            range=Range("seq", at_most=frame.seq),
            descending=True,
            limit=1,
            where=lambda each: each.kind is EntryKind.OUT,
            budget=200,
        )
        self._reached[state] = (self._dialog, frame.seq)
        if page.items:
            await self._pass([Passed(t=state, external_id=page.items[0].id)])

    async def _pass(self, passed: Sequence[Passed]) -> list[Accepted]:
        hook = Hook(
            body=msgspec.json.encode(passed),
            headers={
                "x-visitor-key": self._key,
                "origin": self._place.origin,
                "host": self._place.host,
            },
            received_at=self._hub.now(),
        )
        kind = self._place.kind
        return list(await self._hub.intake.accept(kind, kind.parse(hook)))

    async def _keep_aside(self, body: bytes, error: Exception) -> None:
        kept = msgspec.json.encode(Kept(self.identity, msgspec.Raw(body)))
        try:
            await self._hub.intake.undigested(self._place.kind, kept, repr(error))
        except UnavailableError:
            raise OverError(TRY_LATER) from None

    async def _may(self, what: str, rate: int) -> bool:
        """Whether this one is heard; who never stops is shown the door at last."""
        wait = await self._hub.bus.allow(f"widget:{what}:{self.identity}", rate, MINUTE)
        if wait is not None:
            self._refused()
        return wait is None

    def _refused(self) -> None:
        self._refusals += 1
        if self._refusals > self._limits.refusals:
            raise OverError(TOO_OFTEN)

    async def _refuse(self, key: str, error: HubError) -> None:
        """Says why; what may pass by itself is to be sent again."""
        again = isinstance(error, UnavailableError | LimitedError) or not isinstance(
            error, RefusedError | PayloadError
        )
        self._refused()
        await self._socket.say(Refusal(key=key, code=error.code, field=error.field, again=again))


async def revived(
    hub: Hub, kind: ChannelKind[msgspec.Struct], letter: DeadLetter
) -> Sequence[ChannelEvent]:
    """What a frame that was kept aside says; ticks and typing have had their time."""
    try:
        kept = msgspec.json.decode(letter.body, type=Kept)
    except (msgspec.MsgspecError, UnicodeError):
        raise PayloadError("not a frame that the widget's door kept") from None
    frame = read(bytes(kept.frame))
    visitor = kept.identity.removeprefix(f"{kind.id}:")
    project = hub.channels.project(letter.project)
    match frame:
        case Send():
            identity = IdentityId(kept.identity)
            passed = await _checked(hub, kind, letter.project, identity, frame)
        case Call():
            passed = wish(frame, project, letter.created_at, late=True)
        case Left():
            passed = left(frame, project)
        case Subscribe():
            passed = subscription(frame)
        case Tap():
            passed = Passed(t="tap", key=frame.key)
        case Agree():
            passed = agreement(frame)
        case _:
            return []
    return kind.parse(
        Hook(
            body=msgspec.json.encode(passed),
            headers={"x-visitor-key": visitor},
            received_at=letter.created_at,
        )
    )


async def _checked(
    hub: Hub,
    kind: ChannelKind[msgspec.Struct],
    project: ProjectId,
    identity: IdentityId,
    frame: Send,
) -> Passed:
    """What the visitor says, if he may say it; a RefusedError if not."""
    can = kind.capabilities
    text = legible.legible(frame.text)
    if len(text) > can.text_max_chars:
        raise TooLargeError(f"at most {can.text_max_chars} characters", field="text")
    if len(frame.attachments) > can.attachments_max:
        raise TooLargeError(f"at most {can.attachments_max} files", field="attachments")
    if not text.strip() and not frame.attachments:
        raise BadValueError("says nothing", field="text")
    if frame.reply_to and not await dialogs.speaks_with(hub.engine, identity, frame.reply_to):
        raise NotFoundError(field="reply_to")
    return Passed(
        t="send",
        key=frame.key,
        at=int(frame.at),
        order=frame.order,
        text=text,
        attachments=(
            await hub.files.attachments(project, frame.attachments, uploader(identity))
            if frame.attachments
            else ()
        ),
        reply_to=frame.reply_to,
    )


def _who(place: Place, hello: Hello) -> str | None:
    """The visitor behind a hello; None for a key that is not ours or a claim that is needed.

    Somebody the site has signed for is only believed with the signature, each time: a
    browser may be another person's by now.
    """
    site, claim = place.site, hello.identity
    signed = site.signed(claim.id, claim.hash) if claim is not None else None
    if signed is not None:
        return signed
    if site.settings.identity == "required":
        return None
    if hello.key is None:
        return site.visitor(site.mint())
    visitor = site.visitor(hello.key)
    return site.visitor(site.mint()) if visitor and site.is_signed(visitor) else visitor


def _claimed(claim: Claim | None) -> dict[str, str]:
    """What the site says of the person, as fields among the others."""
    if claim is None:
        return {}
    told = {"id": claim.id, "name": claim.name, "email": claim.email, "phone": claim.phone}
    return {name: value for name, value in told.items() if value}


def _planned(row: Dialog | None) -> Planned | None:
    """The call that the visitor waits for."""
    if row is None or not row.open or not row.phone or row.call_status not in PLANNED:
        return None
    return Planned(phone_tail=tail_of(row.phone), at=row.call_at)


def _show(heard: Heard) -> Sequence[bytes]:
    return heard.for_visitor

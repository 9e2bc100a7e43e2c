"""The visitor's socket: hello, what was missed, then both ways until one side is gone.

It says "ok" only for what is durable, and "again" for whatever may pass by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from hub import dialogs, legible
from hub.channel import ChannelKind, Hook
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
from hub.model import (
    Attachment,
    DeadLetter,
    DialogId,
    EntryKind,
    Identity,
    IdentityId,
    ProjectId,
    Visit,
)
from hub.observe import HOOKS_REFUSED
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
from web.views import View, VisitorEntry

TAIL = 50
MINUTE = timedelta(minutes=1)
HELLOS = 120
TICKS = 600
PINGS = 240
REFUSALS_MAX = 200
TOGETHER_MAX = 32
"""Frames that came while the last ones were being stored, and are taken as one."""
PONG = framed(b'{"t":"pong"}')

log = logging.getLogger(__name__)


class _From(msgspec.Struct, frozen=True, kw_only=True, tag_field="t"):
    pass


class Hello(_From, frozen=True, kw_only=True, tag="hello"):
    key: Annotated[str, Meta(max_length=200)] | None = None
    after_seq: Annotated[int, Meta(ge=0, le=2**53)] = 0
    dialog: Annotated[str, Meta(max_length=300)] | None = None
    visit: Visit | None = None
    now: int | float = 0


class Send(_From, frozen=True, kw_only=True, tag="send"):
    key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
    order: Annotated[int, Meta(ge=0, le=2**53)] = 0
    at: int | float
    text: str = ""
    attachments: Annotated[
        tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=50)
    ] = ()
    reply_to: Annotated[str, Meta(max_length=300)] = ""


class Delivered(_From, frozen=True, kw_only=True, tag="delivered"):
    seq: Annotated[int, Meta(ge=1, le=2**53)]


class Read(_From, frozen=True, kw_only=True, tag="read"):
    seq: Annotated[int, Meta(ge=1, le=2**53)]


class Typing(_From, frozen=True, kw_only=True, tag="typing"):
    pass


class Ping(_From, frozen=True, kw_only=True, tag="ping"):
    pass


class _To(View, frozen=True, kw_only=True, tag_field="t"):
    pass


class Greeting(_To, frozen=True, kw_only=True, tag="hello"):
    key: str
    now: int
    name: str
    dialog: str | None
    entries: list[VisitorEntry]


class Ok(_To, frozen=True, kw_only=True, tag="ok"):
    key: str
    seq: int
    dialog: str


class Refusal(_To, frozen=True, kw_only=True, tag="error", omit_defaults=True):
    key: str
    code: str
    field: str = ""
    again: bool


class _Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A frame as the channel kind parses it: ids resolved, nothing the visitor may not say."""

    t: str
    key: str = ""
    at: int = 0
    order: int = 0
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    visit: Visit | None = None
    external_id: str = ""


class _Kept(msgspec.Struct, frozen=True):
    identity: str
    frame: msgspec.Raw


class _Keyed(msgspec.Struct, frozen=True):
    key: str = ""


_Said = tuple[bytes, Send]

_frames: msgspec.json.Decoder[Send | Delivered | Read | Typing | Ping] = msgspec.json.Decoder(
    Send | Delivered | Read | Typing | Ping
)


async def talk(place: Place, socket: Socket) -> None:
    try:
        await place.limit(f"hello:{place.source}", HELLOS)
    except LimitedError:
        raise OverError(TOO_OFTEN) from None
    try:
        hello = wire.decode(await socket.first(), Hello)
    except BadValueError:
        raise OverError(PROTOCOL) from None
    key = hello.key or place.site.mint()
    visitor = place.site.visitor(key)
    if visitor is None:
        HOOKS_REFUSED.labels(channel=place.kind.id).inc()
        raise OverError(KEY_REFUSED)
    # Whose key was made under an older key of the hub's takes a new one home.
    key = place.site.key_of(visitor)
    guest = _Guest(place, socket, key, place.identity(visitor), hello.visit)
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

    def __init__(
        self,
        place: Place,
        socket: Socket,
        key: str,
        identity: IdentityId,
        visit: Visit | None,
    ) -> None:
        self._place = place
        self._hub = place.state.hub
        self._socket = socket
        self._key = key
        self.identity = identity
        self._visit = legible.visit(visit) if visit else None
        self._dialog: str | None = None
        self._refusals = 0
        self._reached: dict[str, tuple[str, int]] = {}
        self.ear = Ear(socket, _show)

    async def greet(self, hello: Hello) -> None:
        known = await self._hub.engine.get(Identity, self.identity) if hello.key else None
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
            )
        )

    async def listen(self) -> None:
        while True:
            said: list[_Said] = []
            for body in await self._socket.receive_all(TOGETHER_MAX):
                try:
                    frame = _read(body)
                except BadValueError as error:
                    await self._store(said)
                    said = []
                    await self._refuse(_key_of(body), error)
                    continue
                if isinstance(frame, Send):
                    said.append((body, frame))
                    continue
                await self._store(said)
                said = []
                try:
                    await self._note(frame)
                except Exception as error:
                    await self._answer(body, "", error)
            await self._store(said)

    async def _note(self, frame: Delivered | Read | Typing | Ping) -> None:
        match frame:
            case Ping():
                if await self._may("pings", PINGS):
                    await self._socket.send(PONG)
            case Typing():
                if await self._may("typing", TICKS):
                    await self._pass([_Passed(t="typing")])
            case Delivered() | Read():
                if await self._may("ticks", TICKS):
                    await self._tick(frame)

    async def _store(self, said: Sequence[_Said]) -> None:
        """Stores what may be said; what may not be is refused alone, each by its key."""
        if not said:
            return
        place = self._place
        try:
            place.look(place.kind.id)
        except NotFoundError:
            raise OverError(TRY_LATER) from None
        settings, project = place.site.settings, place.channel.project
        good: list[_Said] = []
        passed: list[_Passed] = []
        for body, frame in said:
            try:
                await place.limit(f"visitor:{self.identity}", settings.visitor_per_minute)
                await place.limit(f"address:{place.source}", settings.address_per_minute)
                checked = await _checked(self._hub, place.kind, project, self.identity, frame)
            except Exception as error:
                await self._answer(body, frame.key, error)
            else:
                good.append((body, frame))
                passed.append(msgspec.structs.replace(checked, visit=self._visit))
        if good:
            await self._keep(good, passed)

    async def _keep(self, said: Sequence[_Said], passed: Sequence[_Passed]) -> None:
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
            await self._pass([_Passed(t=state, external_id=page.items[0].id)])

    async def _pass(self, passed: Sequence[_Passed]) -> list[Accepted]:
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
        kept = msgspec.json.encode(_Kept(self.identity, msgspec.Raw(body)))
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
        if self._refusals > REFUSALS_MAX:
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
        kept = msgspec.json.decode(letter.body, type=_Kept)
    except (msgspec.MsgspecError, UnicodeError):
        raise PayloadError("not a frame that the widget's door kept") from None
    frame = _read(bytes(kept.frame))
    visitor = kept.identity.removeprefix(f"{kind.id}:")
    if not isinstance(frame, Send):
        return []
    passed = await _checked(hub, kind, letter.project, IdentityId(kept.identity), frame)
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
) -> _Passed:
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
    return _Passed(
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


def _show(heard: Heard) -> Sequence[bytes]:
    return heard.for_visitor


def _read(body: bytes) -> Send | Delivered | Read | Typing | Ping:
    if wire.depth(body) > wire.DEPTH_MAX:
        raise BadValueError(f"nested deeper than {wire.DEPTH_MAX}", field="$")
    try:
        return _frames.decode(body)
    except msgspec.ValidationError as error:
        raise wire.invalid(error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadValueError("not JSON", field="$") from None


def _key_of(body: bytes) -> str:
    """The key of a frame that is wrong elsewhere, so that its sender learns which it was."""
    try:
        return msgspec.json.decode(body, type=_Keyed).key[:64]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""

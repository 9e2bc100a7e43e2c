"""The operators' WebSocket: resumes by a cursor, sees only what its owner may see now."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web
from msgspec.structs import replace

from hub.accounts import Who
from hub.bus import GapError
from hub.errors import HubError, UnavailableError
from hub.events import (
    AccessChanged,
    CallChanged,
    ChannelTold,
    DialogChanged,
    EntryChanged,
    HubEvent,
    LeadChanged,
    OperatorLooking,
    OperatorTyping,
    PresenceChanged,
    VisitorTyping,
)
from hub.model import ChannelId, Membership, OperatorId
from hub.observe import CURSORS_LOST, SOCKETS_OPEN
from hub.rights import Right, What, may
from web import wire
from web.routes import ROOT, signed_in
from web.sockets import (
    INTERNAL,
    PROTOCOL,
    SESSION_OVER,
    TOO_OFTEN,
    Ear,
    Fan,
    Heard,
    OverError,
    Socket,
    framed,
    operators_of,
)
from web.state import STATE, State
from web.views import View

PRESENCE_LASTS = timedelta(seconds=60)
FRAMES_PERIOD = timedelta(minutes=1)
PING = framed(b'{"t":"ping"}')
_LONG_AGO = datetime.fromtimestamp(0, UTC)

log = logging.getLogger(__name__)


class HelloFields(msgspec.Struct, frozen=True):
    cursor: str | None = None


class Hello(msgspec.Struct, frozen=True):
    hello: HelloFields


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    pass


class Typing(msgspec.Struct, frozen=True, tag_field="t", tag="typing"):
    dialog: str


class Looking(msgspec.Struct, frozen=True, tag_field="t", tag="looking"):
    """Which dialog is before the operator on this screen, said again while it is; None is none."""

    dialog: str | None = None


class Greeting(View, frozen=True, kw_only=True, tag_field="t", tag="hello"):
    cursor: str
    gap: bool


_Any = Pong | Typing | Looking
_frames: msgspec.json.Decoder[_Any] = msgspec.json.Decoder(_Any)


class _Crowd:
    """Everybody whose membership of a project says the same: they hear the same events."""

    def __init__(self) -> None:
        self.seats: dict[_Seat, None] = {}

    def put(self, heard: Sequence[Heard]) -> None:
        who = next(iter(self.seats)).who
        if seen := [each for each in heard if sees(who, each.event)]:
            for seat in self.seats:
                seat.ear.put(seen)

    def end(self) -> None:
        for seat in self.seats:
            seat.ear.end()


class _Crowds:
    """Seats sorted by what their owners may hear, so that it is decided once for all alike."""

    def __init__(self, fan: Fan) -> None:
        self._fan = fan
        self._crowds: dict[Membership, _Crowd] = {}

    def enter(self, seat: _Seat) -> None:
        for membership in seat.who.memberships.values():
            alike = _alike(membership)
            crowd = self._crowds.get(alike)
            if crowd is None:
                crowd = self._crowds[alike] = _Crowd()
                self._fan.join(operators_of(alike.project), crowd)
            crowd.seats[seat] = None

    def leave(self, seat: _Seat) -> None:
        for membership in seat.who.memberships.values():
            alike = _alike(membership)
            crowd = self._crowds[alike]
            crowd.seats.pop(seat, None)
            if not crowd.seats:
                del self._crowds[alike]
                self._fan.leave(operators_of(alike.project), crowd)


def _alike(membership: Membership) -> Membership:
    """The membership without what tells its owner from others with the same."""
    nobody = OperatorId("")
    return replace(membership, id="", rev=0, v=0, operator=nobody, created_at=_LONG_AGO)


class _Seat:
    """One operator's socket and what the store last said of its owner."""

    def __init__(self, state: State, socket: Socket, who: Who, crowds: _Crowds) -> None:
        self.state = state
        self.socket = socket
        self.who = who
        self.ear = Ear(socket, _show)
        self._screen = secrets.token_hex(8)
        self._at: str | None = None
        self._crowds = crowds
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._doubted = False

    async def recheck(self) -> None:
        """Reads the session again; a store that is away proves nothing against it."""
        try:
            who = await self.state.hub.accounts.recheck(self.who.session.id)
        except UnavailableError:
            return
        if who is None or who.memberships.keys() != self.who.memberships.keys():
            raise OverError(SESSION_OVER)
        self._crowds.leave(self)
        self.who = who
        self._crowds.enter(self)

    def watch(self) -> None:
        """From now on pings, and asks at every ping and every doubt if the session still holds.

        Between them it is a timer and no task.
        """
        delay = 0.0 if self._doubted else self.state.sockets.limits.ping_seconds
        self._timer = asyncio.get_running_loop().call_later(delay, self._look_now)

    def doubt(self) -> None:
        self._doubted = True
        if self._timer is not None:
            self._look_now()

    async def unwatch(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    def _look_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        doubted, self._doubted = self._doubted, False
        try:
            await self.recheck()
            if not doubted:
                await self.stay()
                await self.socket.send(PING)
            self.watch()
        except OverError as over:
            self.socket.end(over.code)
        except Exception:
            log.exception("live.failed")
            self.socket.end(INTERNAL)
        finally:
            self._looking = None

    async def stay(self) -> None:
        """Keeps up the presence, whichever it is."""
        bus = self.state.hub.bus
        for project in self.who.memberships:
            here = (await bus.present(project)).get(self.who.id, "")
            await bus.appear(project, self.who.id, here or "online", PRESENCE_LASTS)
            if not here:
                await bus.announce(
                    PresenceChanged(project=project, operator=self.who.id, presence="online")
                )

    async def leave(self) -> None:
        bus = self.state.hub.bus
        for project in self.who.memberships:
            await bus.appear(project, self.who.id, "offline", timedelta(0))
            # The operator may still be here by a socket of another process.
            here = (await bus.present(project)).get(self.who.id, "offline")
            await bus.announce(
                PresenceChanged(project=project, operator=self.who.id, presence=here)
            )

    async def listen(self) -> None:
        hub, limits, ignored = self.state.hub, self.state.sockets.limits, 0
        while True:
            try:
                frame = _frames.decode(await self.socket.receive())
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                raise OverError(PROTOCOL) from None
            if await hub.bus.allow(f"live:{self.who.id}", limits.frames, FRAMES_PERIOD) is not None:
                ignored += 1
                if ignored > limits.frames_ignored:
                    raise OverError(TOO_OFTEN)
                continue
            try:
                if isinstance(frame, Typing):
                    row = await hub.desk.dialog(frame.dialog)
                    if may(self.who, Right.WRITE, What(row.project, row.channel)):
                        await hub.desk.typing(self.who, row.id)
                elif isinstance(frame, Looking):
                    await self._turn_to(frame.dialog)
            except HubError:
                continue

    async def _turn_to(self, dialog: str | None) -> None:
        desk = self.state.hub.desk
        if dialog != self._at:
            await self.look_away()
        if dialog is None:
            return
        row = await desk.dialog(dialog)
        if may(self.who, Right.SEE, What(row.project, row.channel)):
            self._at = dialog
            await desk.look(self.who, dialog, self._screen)

    async def look_away(self) -> None:
        """Says that nothing is before the operator on this screen any more."""
        was, self._at = self._at, None
        if was is not None:
            try:
                await self.state.hub.desk.look(self.who, was, self._screen, here=False)
            except HubError:
                # It ends by itself a little later.
                log.debug("look.kept", extra={"dialog": was})


class Live:
    def __init__(self, fan: Fan) -> None:
        self._seats: dict[OperatorId, list[_Seat]] = {}
        self._crowds = _Crowds(fan)
        self._leaving: set[asyncio.Task[None]] = set()

    def recheck(self, operator: OperatorId) -> None:
        """Has every socket of the operator ask again, at once, whether it may go on."""
        for seat in self._seats.get(operator, ()):
            seat.doubt()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        state = request.app[STATE]
        who = await signed_in(state, request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            if who is None:
                return wire.problem(401, "unauthenticated")
            return wire.problem(426, "upgrade_required")
        state.door.check_origin(request, required=True)
        socket = Socket(request, state.sockets.limits)
        opened = await socket.open()
        if who is None:
            await socket.close(SESSION_OVER)
            return opened
        source = state.door.source(request)
        mine = len(self._seats.get(who.id, ()))
        if mine >= state.sockets.limits.per_operator or state.sockets.full(source):
            await socket.close(TOO_OFTEN)
            return opened
        seat = _Seat(state, socket, who, self._crowds)
        seats = self._seats.setdefault(who.id, [])
        seats.append(seat)
        SOCKETS_OPEN.labels(side="operator").inc()
        state.sockets.enter(socket, source)
        try:
            await socket.run(self._talk(seat))
        finally:
            state.sockets.leave(socket, source)
            SOCKETS_OPEN.labels(side="operator").dec()
            seats.remove(seat)
            if not seats:
                self._seats.pop(who.id, None)
            if not state.sockets.stopping:
                await self._finish(self._leave(seat, last=not seats))
        return opened

    async def _leave(self, seat: _Seat, *, last: bool) -> None:
        await seat.look_away()
        if last:
            await seat.leave()

    async def _finish(self, words: Coroutine[Any, Any, None]) -> None:
        """Says it, also where the server gives up the request meanwhile."""
        leaving = asyncio.create_task(words)
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await asyncio.shield(leaving)

    async def _talk(self, seat: _Seat) -> None:
        try:
            hello = msgspec.json.decode(await seat.socket.first(), type=Hello).hello
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise OverError(PROTOCOL) from None
        # Joined before the cursor is read: what is announced between is sent twice, never
        # not at all, and screens take a repeat for what it is.
        self._crowds.enter(seat)
        try:
            already = await self._greet(seat, hello.cursor)
            await seat.stay()
            await seat.ear.open(already)
            seat.watch()
            await seat.listen()
        finally:
            await seat.unwatch()
            self._crowds.leave(seat)

    async def _greet(self, seat: _Seat, cursor: str | None) -> set[str]:
        """Says hello and what was missed since the cursor; the cursors that were told of."""
        bus = seat.state.hub.bus
        gap, missed = False, []
        if cursor is not None:
            try:
                missed = [seat.state.fan.heard(each) for each in await bus.since(cursor)]
            except GapError:
                gap = True
                CURSORS_LOST.inc()
        now = missed[-1].cursor if missed else await bus.cursor()
        told = cursor if cursor is not None and not gap and missed else now
        await seat.socket.say(Greeting(cursor=told, gap=gap))
        for heard in missed:
            if sees(seat.who, heard.event):
                for frame in heard.for_operators:
                    await seat.socket.send(frame)
        return {heard.cursor for heard in missed}


def _show(heard: Heard) -> Sequence[bytes]:
    return heard.for_operators


def sees(who: Who, event: HubEvent) -> bool:
    """Whether the event is any of this operator's business."""
    right = Right.ARRANGE if isinstance(event, ChannelTold) else Right.SEE
    return may(who, right, What(event.project, _channel(event)))


def _channel(event: HubEvent) -> ChannelId | None:
    match event:
        case DialogChanged():
            return event.dialog.channel
        case (
            EntryChanged()
            | OperatorTyping()
            | OperatorLooking()
            | VisitorTyping()
            | ChannelTold()
            | LeadChanged()
            | CallChanged()
        ):
            return event.channel
        case PresenceChanged() | AccessChanged():
            return None


def add(app: web.Application) -> None:
    live = Live(app[STATE].fan)
    app[STATE].fan.doubted = live.recheck
    app.router.add_get(f"{ROOT}/live", live.serve)

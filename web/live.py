"""The operators' WebSocket: resumes by a cursor, sees only what its owner may see now."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
from aiohttp import web

from hub.accounts import Who
from hub.bus import GapError, Subscription
from hub.errors import HubError, UnavailableError
from hub.events import (
    DialogChanged,
    EntryChanged,
    HubEvent,
    OperatorTyping,
    PresenceChanged,
    VisitorTyping,
)
from hub.model import ChannelId, OperatorId
from hub.observe import CURSORS_LOST, SOCKETS_OPEN
from hub.rights import Right, What, may
from web import wire
from web.routes import ROOT, signed_in
from web.sockets import (
    PROTOCOL,
    SESSION_OVER,
    TOO_OFTEN,
    Heard,
    OverError,
    Socket,
    operators_of,
    queue,
    taken,
    together,
)
from web.state import STATE, State
from web.views import View

PRESENCE_LASTS = timedelta(seconds=60)
FRAMES = 120
FRAMES_PERIOD = timedelta(minutes=1)
FRAMES_IGNORED = 1_000
PING = b'{"t":"ping"}'


class HelloFields(msgspec.Struct, frozen=True):
    cursor: str | None = None


class Hello(msgspec.Struct, frozen=True):
    hello: HelloFields


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    pass


class Typing(msgspec.Struct, frozen=True, tag_field="t", tag="typing"):
    dialog: str


class Greeting(View, frozen=True, kw_only=True, tag_field="t", tag="hello"):
    cursor: str
    gap: bool


_frames: msgspec.json.Decoder[Pong | Typing] = msgspec.json.Decoder(Pong | Typing)


class _Seat:
    """One operator's socket and what the store last said of its owner."""

    def __init__(self, state: State, socket: Socket, who: Who) -> None:
        self.state = state
        self.socket = socket
        self.who = who
        self.doubted = asyncio.Event()

    async def recheck(self) -> None:
        """Reads the session again; a store that is away proves nothing against it."""
        try:
            who = await self.state.hub.accounts.recheck(self.who.session.id)
        except UnavailableError:
            return
        if who is None or who.memberships.keys() != self.who.memberships.keys():
            raise OverError(SESSION_OVER)
        self.who = who

    async def watch(self) -> None:
        """Pings, and asks at every ping and every doubt whether the session still holds."""
        while True:
            try:
                async with asyncio.timeout(self.state.sockets.limits.ping_seconds):
                    await self.doubted.wait()
                self.doubted.clear()
                await self.recheck()
            except TimeoutError:
                await self.recheck()
                await self.stay()
                await self.socket.send(PING)

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

    async def tell(self, events: Subscription[Heard], already: set[str]) -> None:
        while True:
            for heard in await taken(events):
                if heard.cursor not in already and sees(self.who, heard.event):
                    for frame in heard.for_operators:
                        await self.socket.send(frame)
            already.clear()

    async def listen(self) -> None:
        hub, ignored = self.state.hub, 0
        while True:
            try:
                frame = _frames.decode(await self.socket.receive())
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                raise OverError(PROTOCOL) from None
            if await hub.bus.allow(f"live:{self.who.id}", FRAMES, FRAMES_PERIOD) is not None:
                ignored += 1
                if ignored > FRAMES_IGNORED:
                    raise OverError(TOO_OFTEN)
                continue
            if isinstance(frame, Typing):
                try:
                    row = await hub.desk.dialog(frame.dialog)
                    if may(self.who, Right.WRITE, What(row.project, row.channel)):
                        await hub.desk.typing(self.who, row.id)
                except HubError:
                    continue


class Live:
    def __init__(self) -> None:
        self._seats: dict[OperatorId, list[_Seat]] = {}

    def recheck(self, operator: OperatorId) -> None:
        """Has every socket of the operator ask again, at once, whether it may go on."""
        for seat in self._seats.get(operator, ()):
            seat.doubted.set()

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
        seat = _Seat(state, socket, who)
        seats = self._seats.setdefault(who.id, [])
        seats.append(seat)
        SOCKETS_OPEN.labels(side="operator").inc()
        try:
            with state.sockets.hold(socket, source):
                await socket.run(self._talk(seat))
        finally:
            SOCKETS_OPEN.labels(side="operator").dec()
            seats.remove(seat)
            if not seats:
                self._seats.pop(who.id, None)
                if not state.sockets.stopping:
                    await seat.leave()
        return opened

    async def _talk(self, seat: _Seat) -> None:
        state = seat.state
        try:
            hello = msgspec.json.decode(await seat.socket.first(), type=Hello).hello
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise OverError(PROTOCOL) from None
        events = queue(state.sockets.limits)
        keys = frozenset(operators_of(project) for project in seat.who.memberships)
        # Joined before the cursor is read: what is announced between is sent twice, never
        # not at all, and screens take a repeat for what it is.
        with state.fan.join(events, keys):
            already = await self._greet(seat, hello.cursor)
            await seat.stay()
            await together(seat.tell(events, already), seat.watch(), seat.listen())

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


LIVE = web.AppKey("live", Live)


def live(app: web.Application) -> Live:
    return app[LIVE]


def sees(who: Who, event: HubEvent) -> bool:
    """Whether the event is any of this operator's business."""
    return may(who, Right.SEE, What(event.project, _channel(event)))


def _channel(event: HubEvent) -> ChannelId | None:
    match event:
        case DialogChanged():
            return event.dialog.channel
        case EntryChanged() | OperatorTyping() | VisitorTyping():
            return event.channel
        case PresenceChanged():
            return None


def add(app: web.Application) -> None:
    app[LIVE] = Live()
    app.router.add_get(f"{ROOT}/live", app[LIVE].serve)

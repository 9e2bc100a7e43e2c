"""How the hub is, and what to do about bodies that it failed to digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from hub.channels.port import ChannelKind, Hook
from hub.events import ChannelEvent
from hub.hub import Hub
from hub.keeping.health import Backlog, BusState, Disk, StoreState
from hub.keeping.letters import Outcome, Revive
from hub.observe import redact
from hub.records import DeadLetter
from hub.rights import Right, What, may
from web import visitor
from web.api_session import VERSION
from web.place import SiteDoor
from web.routes import Answer, AnyRoute, Ask, Nothing, Route
from web.views import View

BODY_SHOWN_BYTES = 64_000


class HealthView(View, frozen=True, kw_only=True):
    """`deliveries_held` are being sent or told to wait; dead letters and late
    calls are one's own projects'."""

    at: datetime
    program: str
    deliveries: Backlog
    deliveries_held: Backlog
    rules: Backlog
    timers_late: Backlog
    calls_late: Backlog
    dead_letters: Backlog
    store: StoreState
    bus: BusState
    disk: Disk | None


class LetterView(View, frozen=True, kw_only=True):
    id: str
    channel: str
    channel_name: str
    kind: str
    error: str
    size_bytes: int
    created_at: datetime
    replayed_at: datetime | None


class LetterList(View, frozen=True, kw_only=True):
    items: list[LetterView]
    next: str | None


class LetterBody(View, frozen=True, kw_only=True):
    """The body as text, whatever it was; what looks like a secret is covered."""

    letter: LetterView
    body: str
    cut: bool


class ReplayedView(View, frozen=True, kw_only=True):
    letter: LetterView
    outcome: Outcome
    dialog: str | None


class LettersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `replayed` also those that were taken in since."""

    replayed: bool = False
    after: Annotated[str, Meta(max_length=2_000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = 20


def _letter(hub: Hub, letter: DeadLetter) -> LetterView:
    known = {each.id: each for each in hub.channels.of(letter.project)}
    channel = known.get(letter.channel)
    return LetterView(
        id=letter.id,
        channel=letter.channel,
        channel_name=channel.name if channel else letter.channel,
        kind=channel.kind if channel else "",
        error=redact(letter.error),
        size_bytes=len(letter.body),
        created_at=letter.created_at,
        replayed_at=letter.replayed_at,
    )


async def _asked(ask: Ask[Nothing, Nothing]) -> DeadLetter:
    return await ask.hub.letters.get(ask.project, ask.who.channels(ask.project), ask.part("letter"))


async def health(ask: Ask[Nothing, Nothing]) -> HealthView:
    mine = [
        project for project in ask.who.memberships if may(ask.who, Right.OVERSEE, What(project))
    ]
    figures = await ask.hub.health.look(mine)
    return HealthView(program=VERSION, **msgspec.structs.asdict(figures))


async def letters(ask: Ask[LettersQuery, Nothing]) -> LetterList:
    page = await ask.hub.letters.of(
        ask.project,
        ask.who.channels(ask.project),
        replayed=ask.query.replayed,
        after=ask.query.after,
        limit=ask.query.limit,
    )
    return LetterList(items=[_letter(ask.hub, each) for each in page.items], next=page.next)


async def letter(ask: Ask[Nothing, Nothing]) -> LetterBody:
    found = await _asked(ask)
    shown = found.body[:BODY_SHOWN_BYTES]
    return LetterBody(
        letter=_letter(ask.hub, found),
        body=_readable(shown),
        cut=len(shown) < len(found.body),
    )


async def replay(ask: Ask[Nothing, Nothing]) -> ReplayedView:
    done = await ask.hub.letters.replay(
        await _asked(ask), _reviver(ask.hub), ask.who, address=ask.address
    )
    return ReplayedView(
        letter=_letter(ask.hub, done.letter), outcome=done.outcome, dialog=done.dialog
    )


async def drop(ask: Ask[Nothing, Nothing]) -> Answer:
    await ask.hub.letters.drop(await _asked(ask), ask.who, address=ask.address)
    return Answer(status=204)


def _reviver(hub: Hub) -> Revive:
    """Reads a kept body as the door that kept it would have.

    Neither headers nor query were kept, for they hold the platforms' secrets; the signature
    was checked before the body was.
    """

    async def revive(
        kind: ChannelKind[msgspec.Struct], letter: DeadLetter
    ) -> Sequence[ChannelEvent]:
        door: object = kind
        if isinstance(door, SiteDoor):
            return await visitor.revived(hub, kind, letter)
        return kind.parse(Hook(body=letter.body, received_at=letter.created_at))

    return revive


def _readable(body: bytes) -> str:
    text = redact(body.decode(errors="backslashreplace"))
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/health",
        right=Right.OVERSEE,
        summary="What waits and since when, the dead letters, the store, the bus and the disk",
        call=health,
        query=Nothing,
        body=Nothing,
        answer=HealthView,
    ),
    Route(
        method="GET",
        path="/projects/{project}/dead-letters",
        right=Right.OVERSEE,
        summary="Bodies that could not be digested, the newest first",
        call=letters,
        query=LettersQuery,
        body=Nothing,
        answer=LetterList,
    ),
    Route(
        method="GET",
        path="/projects/{project}/dead-letters/{letter}",
        right=Right.OVERSEE,
        summary="One of them with its body as text",
        call=letter,
        query=Nothing,
        body=Nothing,
        answer=LetterBody,
    ),
    Route(
        method="POST",
        path="/projects/{project}/dead-letters/{letter}/replay",
        right=Right.MEND,
        summary="Take the body in again; a repeat stores nothing twice",
        call=replay,
        query=Nothing,
        body=Nothing,
        answer=ReplayedView,
    ),
    Route(
        method="DELETE",
        path="/projects/{project}/dead-letters/{letter}",
        right=Right.MEND,
        summary="Delete the body for good",
        call=drop,
        query=Nothing,
        body=Nothing,
        status=204,
    ),
)

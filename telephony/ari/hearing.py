"""What Asterisk's events say of our legs; each thing is told once, however often it is heard."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.calls.call import Outcome
from hub.calls.trunk import Answered, AnyLegEvent, Gone, Played, Pressed, Ringing
from telephony.ari import causes

log = logging.getLogger(__name__)

HEARD = (
    *("StasisStart", "Dial", "ChannelHangupRequest", "ChannelDestroyed"),
    *("ChannelDtmfReceived", "PlaybackFinished", "ApplicationReplaced"),
)
"""All that is of use here."""


@dataclass(eq=False, slots=True)
class Leg:
    """A channel of ours; `far` when its phone or its network ended it, `why` when we did.

    `started` is set when it takes commands, and when it is gone.
    """

    id: str
    limit_at: float
    made: bool = False
    dialled: bool = False
    rang: bool = False
    up: bool = False
    far: bool = False
    why: Outcome | None = None
    sip: int = 0
    plays: set[str] = field(default_factory=set)
    started: asyncio.Event = field(default_factory=asyncio.Event)


class Hearing:
    """The legs that are under way, by their ids; their channels have the prefix before it."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._legs: dict[str, Leg] = {}
        self._heard: Callable[[AnyLegEvent], None] = lambda _: None
        self._lost: Callable[[], None] = lambda: None

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self._legs.values()))

    def __len__(self) -> int:
        return len(self._legs)

    def __getitem__(self, leg: str) -> Leg | None:
        return self._legs.get(leg)

    def add(self, leg: Leg) -> None:
        self._legs[leg.id] = leg

    def forget(self, leg: Leg) -> None:
        """Nothing more is told of it."""
        if self._legs.get(leg.id) is leg:
            del self._legs[leg.id]
        leg.started.set()

    def listen(self, heard: Callable[[AnyLegEvent], None], lost: Callable[[], None]) -> None:
        self._heard, self._lost = heard, lost

    def give_up(self) -> None:
        for leg in self:
            self.forget(leg)
        _safely(self._lost)

    def take(self, event: Mapping[str, Any]) -> None:
        kind = event.get("type")
        if kind == "PlaybackFinished":
            playback = _table(event.get("playback"))
            channel = str(playback.get("target_uri", "")).removeprefix("channel:")
        else:
            # With one channel that dials another it is the other that this is about.
            told = _table(event.get("peer" if kind == "Dial" else "channel"))
            playback, channel = {}, str(told.get("id", ""))
        leg = self._legs.get(channel.removeprefix(self._prefix))
        if leg is None:
            return
        match kind:
            case "StasisStart":
                leg.started.set()
            case "Dial" if event.get("dialstatus") in ("RINGING", "PROGRESS"):
                self.ringing(leg)
            case "Dial" if event.get("dialstatus") == "ANSWER":
                self.answered(leg)
            case "PlaybackFinished":
                id = str(playback.get("id", "")).removeprefix(f"{channel}.")
                self.played(leg, id, whole=playback.get("state") == "done")
            case "ChannelDtmfReceived":
                self._tell(Pressed(leg=leg.id, digit=str(event.get("digit", ""))[:1]))
            case "ChannelHangupRequest":
                leg.sip = _number(event.get("tech_cause")) or leg.sip
                leg.far = leg.far or not event.get("soft")
            case "ChannelDestroyed":
                sip = _number(event.get("tech_cause")) or leg.sip
                q850 = _number(event.get("cause"))
                words = str(event.get("cause_txt", ""))
                self.gone(leg, _outcome(leg, sip, q850), causes.told(sip, q850, words))
            case _:
                pass

    def ringing(self, leg: Leg) -> None:
        if not leg.rang:
            leg.rang = True
            self._tell(Ringing(leg=leg.id))

    def answered(self, leg: Leg) -> None:
        if not leg.up:
            leg.up = True
            self._tell(Answered(leg=leg.id))

    def played(self, leg: Leg, id: str, *, whole: bool = True) -> None:
        if id in leg.plays:
            leg.plays.discard(id)
            self._tell(Played(leg=leg.id, id=id, whole=whole))

    def gone(self, leg: Leg, outcome: Outcome, code: str) -> None:
        if self._legs.get(leg.id) is leg:
            self.forget(leg)
            by_far = leg.far and leg.up
            self._tell(Gone(leg=leg.id, outcome=outcome, by_far=by_far, code=code))

    def _tell(self, event: AnyLegEvent) -> None:
        _safely(lambda: self._heard(event))


def _outcome(leg: Leg, sip: int, q850: int) -> Outcome:
    if leg.why is not None and not leg.far:
        return leg.why
    if leg.up:
        if leg.far:
            return Outcome.TALKED
        late = time.monotonic() >= leg.limit_at - 1
        return Outcome.TIME_LIMIT if late else Outcome.DROPPED
    if not leg.dialled:
        return Outcome.ENGINE_ERROR
    if not leg.far:
        # Asterisk gave up ringing by itself; the code is of its own making.
        return Outcome.NO_ANSWER if leg.rang else Outcome.UNREACHABLE
    return causes.unanswered(sip, q850)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _safely(told: Callable[[], None]) -> None:
    """One who listens badly does not take the socket from the others."""
    try:
        told()
    except Exception:
        log.exception("an event of a call was not taken")

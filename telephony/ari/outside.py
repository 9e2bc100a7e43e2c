"""Calls that come to an Asterisk from outside, read off what it says of all its channels. Pure.

Its dialplan leads them; here it is only seen who calls, who was rung, who answered and who hung up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from hub.model import cut

SEEN = (
    *("ChannelCreated", "ChannelDialplan", "Dial", "ChannelHangupRequest", "ChannelDestroyed"),
    "ApplicationReplaced",
)
WAITS = ("", "menu", "queue", "operator")
ANSWERED_SEQ, ENDED_SEQ = 10, 20
CALLS_MAX = 1_000
LINE_DIGITS = 7
"""A shorter number of a call from outside is a place in the dialplan and not the number called."""


class News(Struct, frozen=True, kw_only=True):
    """What is told of a call: whoever sees the same says the same, with the same `seq`.

    Of one that was under way when it was first seen it is not known how long was waited or talked.
    """

    call: str
    at: datetime
    seq: int
    state: Literal["ringing", "answered", "missed", "ended"]
    caller: str
    line: str
    operator: str = ""
    loss: Literal["", "menu", "queue", "operator"] = ""
    ended_by: Literal["", "operator", "visitor"] = ""
    waited_s: float | None = 0
    talked_s: float | None = 0


class _Call(Struct, kw_only=True):
    id: str
    caller: str
    line: str
    began_at: datetime
    waits: int = 1
    operator: str = ""
    answered_at: datetime | None = None
    far: bool = False
    found: bool = False


class Outside:
    """`endpoint` is the line to the city; of calls to other numbers than `lines`, if there are any,
    nothing is told."""

    def __init__(self, endpoint: str, lines: Sequence[str]) -> None:
        self._start = f"{endpoint}-"
        self._lines = frozenset(each[-10:] for each in lines)
        self._calls: dict[str, _Call] = {}

    def take(self, event: Mapping[str, Any]) -> list[News]:
        """What an event says of a call that was not known before."""
        at = _time(event.get("timestamp"))
        channel = _table(event.get("caller" if event.get("type") == "Dial" else "channel"))
        call = self._calls.get(str(channel.get("id", "")))
        if at is None or not channel:
            return []
        match event.get("type"):
            case "ChannelCreated" if channel.get("state") == "Ring" and call is None:
                return self._begun(channel, at)
            case "ChannelDialplan" if call is not None:
                queued = _table(channel.get("dialplan")).get("app_name") == "Queue"
                return self._waits(call, 2, at) if queued else []
            case "Dial" if call is not None:
                return self._dialled(call, event, at)
            case "ChannelHangupRequest" if call is not None:
                call.far = call.far or not event.get("soft")
            case "ChannelDestroyed" if call is not None:
                return [self._over(call, at)]
            case _:
                pass
        return []

    def compare(self, channels: Sequence[Mapping[str, Any]], at: datetime) -> list[News]:
        """What becomes of the calls by those that are there, after nothing was heard for a time."""
        there = {str(each.get("id", "")): each for each in channels}
        told = [self._over(call, at) for id, call in list(self._calls.items()) if id not in there]
        for id, each in there.items():
            # A channel that Asterisk itself dialled is nobody's call to us.
            led = _table(each.get("dialplan")).get("app_name") not in ("AppDial", "AppQueue")
            if id not in self._calls and led and each.get("state") in ("Ring", "Up"):
                told += self._begun(each, _time(each.get("creationtime")) or at)
                if id in self._calls:
                    self._calls[id].found = each.get("state") == "Up"
        return told

    def _begun(self, channel: Mapping[str, Any], at: datetime) -> list[News]:
        id, name = str(channel.get("id", "")), str(channel.get("name", ""))
        if not name.startswith(self._start) or id.startswith("otklik."):
            return []
        line = str(_table(channel.get("dialplan")).get("exten", ""))
        digits = re.sub(r"\D", "", line, flags=re.ASCII)
        if len(digits) < LINE_DIGITS:
            line = ""
        elif self._lines and digits[-10:] not in self._lines:
            return []
        if len(self._calls) >= CALLS_MAX:
            return []
        caller = str(_table(channel.get("caller")).get("number", ""))
        call = self._calls[id] = _Call(id=id, caller=caller, line=line, began_at=at)
        return [self._news(call, at, call.waits, "ringing")]

    def _waits(self, call: _Call, where: int, at: datetime) -> list[News]:
        if call.answered_at is not None or where <= call.waits:
            return []
        call.waits = where
        return [self._news(call, at, where, "ringing")]

    def _dialled(self, call: _Call, event: Mapping[str, Any], at: datetime) -> list[News]:
        if call.answered_at is not None:
            return []
        rung = _rung(event) or call.operator
        if event.get("dialstatus") != "ANSWER":
            call.operator = rung
            return self._waits(call, 3, at)
        call.operator, call.waits, call.answered_at = rung, 3, at
        return [self._news(call, at, ANSWERED_SEQ, "answered")]

    def _over(self, call: _Call, at: datetime) -> News:
        del self._calls[call.id]
        if call.answered_at is None and call.found:
            # Somebody may have answered before we came, and whoever heard that knows since when.
            end = self._news(call, at, ENDED_SEQ, "ended")
            return replace(end, waited_s=None, talked_s=None, loss="")
        if call.answered_at is None:
            return self._news(call, at, ENDED_SEQ, "missed")
        return self._news(call, at, ENDED_SEQ, "ended")

    def _news(
        self,
        call: _Call,
        at: datetime,
        seq: int,
        state: Literal["ringing", "answered", "missed", "ended"],
    ) -> News:
        answered = call.answered_at
        talked = (answered is not None or call.found) and state == "ended"
        by: Literal["", "operator", "visitor"] = "visitor" if call.far else "operator"
        return News(
            call=call.id,
            at=at,
            seq=seq,
            state=state,
            caller=call.caller,
            line=call.line,
            operator=call.operator,
            loss=WAITS[call.waits] if answered is None else "",  # type: ignore[arg-type]
            ended_by=by if talked else "",
            waited_s=max(0.0, ((answered or at) - call.began_at).total_seconds()),
            talked_s=max(0.0, (at - answered).total_seconds()) if answered and talked else 0,
        )


def endpoint(template: str) -> str:
    """The channels of a dial string's line begin so: "PJSIP/trunk"; empty if it does not say."""
    technology, _, rest = template.partition("/")
    name = rest.rpartition("@")[2] if rest.startswith("{number}@") else rest.partition("/")[0]
    if technology == "Local" or "{" in name or not name:
        return ""
    return f"{technology}/{name}"


def _rung(event: Mapping[str, Any]) -> str:
    """The number of the phone that is rung, by what was dialled or by what it is called."""
    dialled = re.match(r"(?:[^/@]*/)*([0-9]{2,15})(?:@|\Z)", str(event.get("dialstring", "")))
    named = re.match(r"[A-Za-z0-9]+/([0-9]{2,6})-", str(_table(event.get("peer")).get("name", "")))
    found = dialled or named
    return found.group(1) if found else ""


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return cut(at) if at.tzinfo is not None else None

"""What MANGO OFFICE signs, says and means; pure.

"API виртуальной АТС", version 1.9 of February 2026, https://www.mango-office.ru/support/api/ ;
nobody else plays it, so all of this is by the document and its examples.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode

import msgspec

from hub.calls.call import Loss, Outcome
from hub.errors import PayloadError, SignatureError
from hub.events import CallReported, ChannelEvent, Ignored, PhoneCalled, Sender

DONE = 1000
SEQ_MAX = 499
SECOND_LEG = 500
LAST = 999
EPOCH_MAX = 4_102_444_800
"""Seconds until the year 2100; what is more is no time."""

NOBODY = Sender(external_id="")
PLACES: Mapping[str, Loss] = {"ivr": "menu", "queue": "queue", "abonent": "operator"}
IGNORED = {
    "recording_state": "recording",
    "recording_id": "recording",
    "dtmf": "dtmf",
    "reason": "sms",
    "key": "statistics",
}
"""News of things that the hub has no use for, by a field that nothing else has."""

_REASONS = {
    # Hung up before there was a talk; what the other phone said of itself says more.
    **dict.fromkeys((1000, 1100, 1110, 1120), Outcome.DROPPED),
    1111: Outcome.NO_ANSWER,
    1121: Outcome.BUSY,
    1122: Outcome.REJECTED,
    1123: Outcome.REJECTED,
    1124: Outcome.UNREACHABLE,
    1130: Outcome.UNREACHABLE,
    1131: Outcome.UNREACHABLE,
    1132: Outcome.INVALID_NUMBER,
    1133: Outcome.INVALID_NUMBER,
    5001: Outcome.CONGESTION,
}
_ENDED_BY: Mapping[int, Literal["operator", "visitor"]] = {1110: "operator", 1120: "visitor"}
"""Who hung up a call that was ordered: our employee is the one who calls."""
_GROUPS = (
    (range(1140, 1160), Outcome.PROVIDER_REFUSED),
    (range(1160, 1170), Outcome.NO_ANSWER),
    (range(2000, 3000), Outcome.PROVIDER_REFUSED),
    (range(3200, 3300), Outcome.INVALID_NUMBER),
    (range(3100, 4200), Outcome.ENGINE_ERROR),
    (range(4200, 4300), Outcome.UNREACHABLE),
    (range(5000, 6000), Outcome.ENGINE_ERROR),
)


def outcome_of(code: int) -> Outcome:
    """What a code of theirs says of a call or a command."""
    known = _REASONS.get(code)
    if known is not None:
        return known
    return next((each for codes, each in _GROUPS if code in codes), Outcome.UNKNOWN)


def signature(key: str, text: str, salt: str) -> str:
    """Over the text as it is written, either way; it is a plain hash and no HMAC."""
    return hashlib.sha256(f"{key}{text}{salt}".encode()).hexdigest()


def sealed(key: str, salt: str, told: Mapping[str, Any]) -> bytes:
    """A request's body."""
    text = msgspec.json.encode(dict(told)).decode()
    return urlencode(
        {"vpbx_api_key": key, "sign": signature(key, text, salt), "json": text}
    ).encode()


def opened(body: bytes, key: str, salt: str) -> str:
    """The JSON of a body that was signed; SignatureError for any other."""
    fields = _fields(body)
    told, sign, text = (fields.get(each, "") for each in ("vpbx_api_key", "sign", "json"))
    # Both are compared whatever the first says, and in the same time.
    is_key = hmac.compare_digest(told.encode(), key.encode())
    is_sign = hmac.compare_digest(sign.lower().encode(), signature(key, text, salt).encode())
    if not (is_key and is_sign):
        raise SignatureError("not signed by the exchange")
    return text


def _fields(body: bytes) -> dict[str, str]:
    """Each field that is there once; of one that is there twice nobody knows which was signed."""
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def read(body: bytes, received_at: datetime) -> Sequence[ChannelEvent]:
    """The events of a verified body; PayloadError for what is none of theirs."""
    try:
        told = msgspec.json.decode(_fields(body).get("json") or "{}")
    except (msgspec.MsgspecError, RecursionError):
        raise PayloadError("no JSON") from None
    if not isinstance(told, dict):
        raise PayloadError("no object")
    if "call_state" in told:
        return (_call(told, received_at),)
    if "call_direction" in told:
        return (_summary(told, received_at),)
    if "command_id" in told and "result" in told:
        return (_result(told, received_at),)
    name = next((name for field, name in IGNORED.items() if field in told), "")
    if not told:
        name = "ping"
    return (_ignored(name or "unknown:event", received_at),)


def _call(told: dict[str, Any], received_at: datetime) -> ChannelEvent:
    entry, state = _text(told, "entry_id"), _text(told, "call_state")
    if not entry:
        raise PayloadError("no entry_id")
    caller, called = _side(told, "from"), _side(told, "to")
    extension, command = _text(caller, "extension"), _text(told, "command_id")
    at = _at(told, "timestamp", received_at)
    if command or extension or told.get("callback_initiator") or told.get("task_id"):
        # A command that moves a call from outside is echoed too; its caller has no extension.
        is_moved = bool(_text(caller, "taken_from_call_id")) and not extension
        if not is_moved:
            return _ours(told, at, second=bool(_text(caller, "taken_from_call_id")))
    number = _text(caller, "number")
    place = PLACES.get(_text(told, "location"), "operator")
    if state not in ("Appeared", "Connected"):
        return _ignored(state.lower() or "call", at)
    is_answered = state == "Connected" and place == "operator"
    return PhoneCalled(
        sender=Sender(external_id=number),
        at=at,
        external_id=entry,
        state="answered" if is_answered else "ringing",
        line=e164(_text(called, "line_number")),
        operator_number=_phone(called) if place == "operator" else "",
        loss="" if is_answered else place,
        seq=_seq(told, at),
    )


def _ours(told: dict[str, Any], at: datetime, *, second: bool) -> ChannelEvent:
    """A call that somebody ordered, perhaps the hub: its two phones one after the other."""
    command = _text(told, "command_id")
    if not command:
        return _ignored("outgoing", at)
    states: dict[str, Literal["ringing", "answered", "gone"]] = {
        "Appeared": "ringing",
        "Connected": "answered",
        "Disconnected": "gone",
    }
    state = states.get(_text(told, "call_state"))
    if state is None:
        return _ignored("onhold", at)
    called = _side(told, "to")
    reason = _number(told, "disconnect_reason")
    return CallReported(
        sender=NOBODY,
        at=at,
        key=command,
        ended_by=_ENDED_BY.get(reason, "") if state == "gone" and second else "",
        ref=_text(told, "entry_id"),
        leg=_text(told, "call_id"),
        state=state,
        number=_dialled(called, second=second),
        outcome=outcome_of(reason or DONE) if state == "gone" else None,
        code=str(reason or ""),
        seq=_seq(told, at) + (SECOND_LEG if second else 0),
    )


def _dialled(called: dict[str, Any], *, second: bool) -> str:
    """The phone of a leg: first an employee's, who goes by the extension, then the person's."""
    if second and _text(called, "number"):
        return e164(_text(called, "number"))
    return _text(called, "extension") or e164(_text(called, "number"))


def _summary(told: dict[str, Any], received_at: datetime) -> ChannelEvent:
    entry, direction = _text(told, "entry_id"), _number(told, "call_direction")
    if not entry:
        raise PayloadError("no entry_id")
    at = _at(told, "end_time", received_at)
    caller, called = _side(told, "from"), _side(told, "to")
    began, talk, end = (_number(told, each) for each in ("create_time", "talk_time", "end_time"))
    # Theirs says that a call succeeded which nobody answered; the time of the talk does not.
    talked_s = float(max(0, end - talk)) if talk > 0 else 0.0
    waited_s = float(max(0, (talk or end) - began)) if began > 0 else None
    reason = _number(told, "disconnect_reason")
    if direction == 1:
        by: Literal["", "visitor", "operator"]
        by = {1110: "visitor", 1120: "operator"}.get(reason, "")  # type: ignore[assignment]
        return PhoneCalled(
            sender=Sender(external_id=_text(caller, "number")),
            at=at,
            external_id=entry,
            state="ended" if talked_s else "missed",
            line=e164(_text(told, "line_number")),
            operator_number=_phone(called) if talked_s else "",
            waited_s=waited_s,
            talked_s=talked_s,
            ended_by=by,
            seq=_seq(told, at, LAST),
        )
    if direction != 2:
        return _ignored("inner", at)
    return CallReported(
        sender=NOBODY,
        at=at,
        key=_text(told, "command_id"),
        ref=entry,
        state="ended",
        person=e164(_text(called, "number")),
        outcome=outcome_of(reason) if reason else None,
        ended_by=_ENDED_BY.get(reason, ""),
        talked_s=talked_s,
        code=str(reason or ""),
        seq=_seq(told, at, LAST),
    )


def _result(told: dict[str, Any], received_at: datetime) -> ChannelEvent:
    """What became of a command; that it was carried out is told by the call itself."""
    code = _number(told, "result")
    if code == DONE:
        return _ignored("accepted", received_at)
    return CallReported(
        sender=NOBODY,
        at=received_at,
        key=_text(told, "command_id"),
        state="ended",
        outcome=outcome_of(code),
        code=str(code),
    )


def e164(written: str) -> str:
    """A number of theirs, which has no plus; what is none stays what it is."""
    if written.isascii() and written.isdecimal() and 11 <= len(written) <= 15:
        return f"+{written}"
    return written


def _phone(called: dict[str, Any]) -> str:
    return _text(called, "extension") or e164(_text(called, "number"))


def _ignored(name: str, at: datetime) -> Ignored:
    return Ignored(sender=NOBODY, at=at, name=name)


def _side(told: dict[str, Any], name: str) -> dict[str, Any]:
    side = told.get(name)
    return side if isinstance(side, dict) else {}


def _text(told: dict[str, Any], name: str) -> str:
    """Their examples write numbers now as such and now as strings."""
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:200].strip()


def _number(told: dict[str, Any], name: str) -> int:
    text = _text(told, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else 0


def _at(told: dict[str, Any], name: str, received_at: datetime) -> datetime:
    """The moment, if it is one; the document calls it UTC+3, which no clock of seconds has."""
    seconds = _number(told, name)
    if not 0 < seconds < EPOCH_MAX:
        return received_at
    return min(datetime.fromtimestamp(seconds, UTC), received_at)


def _seq(told: dict[str, Any], at: datetime, place: int | None = None) -> int:
    """Grows over the whole call, where theirs counts the news of one phone."""
    within = min(_number(told, "seq"), SEQ_MAX) if place is None else place
    return int(at.timestamp()) * 1_000 + within

"""What MANGO OFFICE signs and says, and what is made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.calls.call import Outcome
from hub.channels.port import Hook
from hub.errors import (
    CredentialsError,
    PayloadError,
    RejectedError,
    SignatureError,
    TransientError,
)
from hub.events import CallReported, Ignored, PhoneCalled
from hub.keeping.keys import Keys
from hub.model import ChannelId
from telephony import vpbx
from telephony.mango import Mango, MangoSettings
from tests.ports import free_port
from tests.telephony.mango_server import KEY, SALT, body, mango, signed

AT = datetime(2025, 11, 21, 16, 0, tzinfo=UTC)
NOW = int(AT.timestamp())


def kind(**told: Any) -> Mango:
    given = {"key": KEY, "salt": SALT} | told
    return Mango(ChannelId("phone"), msgspec.convert(given, MangoSettings), Keys(bytes(32)))


def hook(sent: bytes, method: str = "POST") -> Hook:
    return Hook(body=sent, method=method, received_at=AT)


def read(told: dict[str, Any]) -> Any:
    [event] = kind().parse(hook(body(told)))
    return event


@pytest.mark.parametrize(
    ("key", "salt", "text", "sign"),
    [
        (
            "123",
            "789",
            '{"command_id":"cmd-12532543651","from":{"extension":"101"},"to_number":"74952129298"}',
            "11fd9538c28f575bb72a7d342338d7f8d08b93a68f8ecf2ddb91961556a32afc",
        ),
        (
            "k-123",
            "s-456",
            '{"command_id":"cb-1","from":{"extension":"101"},"to_number":"79031234567"}',
            "cd89ba1c6539b50e102ba78cee33a6e7d340553ea84926ca2447ab8d7ed25d79",
        ),
    ],
)
def test_the_signature_is_that_of_the_published_vectors(
    key: str, salt: str, text: str, sign: str
) -> None:
    assert vpbx.signature(key, text, salt) == sign
    assert signed(text, key, salt) == sign
    sealed = parse_qs(vpbx.sealed(key, salt, json.loads(text)).decode())
    assert sealed == {"vpbx_api_key": [key], "sign": [sign], "json": [text]}


def test_a_hook_is_believed_as_it_was_signed() -> None:
    told = {"entry_id": "MTYz", "from": {"number": "79031234567"}, "name": "Иван"}
    kind().verify(hook(body(told)))
    kind().verify(hook(body(told, spaced=True)))


def test_whatever_else_comes_is_not() -> None:
    good = body({"entry_id": "MTYz", "call_state": "Appeared"})
    fields = {name: values[0] for name, values in parse_qs(good.decode()).items()}
    bad = [
        b"",
        b"{}",
        good.replace(b"MTYz", b"MTYy"),
        body({"entry_id": "MTYz"}, salt="other"),
        body({"entry_id": "MTYz"}, key="other"),
        urlencode(fields | {"sign": ""}).encode(),
        urlencode({name: fields[name] for name in ("vpbx_api_key", "json")}).encode(),
        # The same words, written otherwise than they were signed.
        urlencode(fields | {"json": json.dumps(json.loads(fields["json"]))}).encode(),
        # Which of the two was signed?
        good + b"&json=%7B%7D",
        good + b"&vpbx_api_key=other",
    ]
    for sent in bad:
        with pytest.raises(SignatureError):
            kind().verify(hook(sent))
    with pytest.raises(SignatureError):
        kind().verify(hook(good, "GET"))


@given(st.binary(max_size=300), st.integers(0, 255), st.integers(0))
@settings(max_examples=100)
def test_nothing_unsigned_is_believed(junk: bytes, byte: int, place: int) -> None:
    good = body({"entry_id": "MTYz", "call_state": "Appeared"})
    at = place % len(good)
    bent = good[:at] + bytes([byte]) + good[at + 1 :]
    for sent in (junk, bent):
        try:
            text = vpbx.opened(sent, KEY, SALT)
        except SignatureError:
            continue
        # Only letters of the signature may be large or small.
        assert text == parse_qs(good.decode())["json"][0]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
FIELDS = (
    *("entry_id", "call_id", "timestamp", "seq", "call_state", "location", "from", "to"),
    *("command_id", "callback_initiator", "call_direction", "talk_time", "end_time", "result"),
)


@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=9))
@settings(max_examples=150)
def test_whatever_is_signed_is_read_or_refused_and_always_alike(told: Any) -> None:
    sent = hook(body(told))
    try:
        events = kind().parse(sent)
    except PayloadError:
        return
    assert events == kind().parse(sent)
    assert all(each.at <= AT for each in events)


def call(state: str, seq: int = 1, **told: Any) -> dict[str, Any]:
    known = {
        "entry_id": "MTYz",
        "call_id": "MToxMDA",
        "timestamp": NOW - 60,
        "seq": seq,
        "call_state": state,
        "location": "abonent",
        "from": {"number": "79031234567"},
        "to": {"extension": "101", "line_number": "74951234567"},
    }
    return known | told


def test_a_call_from_outside_goes_from_the_menu_to_a_phone() -> None:
    told = [
        read(call("Appeared", 1, location="ivr", to={"line_number": "74951234567"})),
        read(call("Connected", 2, location="ivr", to={"line_number": "74951234567"})),
        read(call("Appeared", 3, location="queue", to={"acd_group": 5})),
        read(call("Appeared", 4)),
        read(call("Connected", 5)),
    ]
    assert all(isinstance(each, PhoneCalled) for each in told)
    assert [each.state for each in told] == [*["ringing"] * 4, "answered"]
    assert [each.loss for each in told] == ["menu", "menu", "queue", "operator", ""]
    assert {each.external_id for each in told} == {"MTYz"}
    assert (told[0].sender.external_id, told[0].line) == ("79031234567", "+74951234567")
    assert [each.operator_number for each in told] == ["", "", "", "101", "101"]
    assert [each.seq for each in told] == sorted(each.seq for each in told)
    assert told[0].at == AT - timedelta(seconds=60)


def summary(**told: Any) -> dict[str, Any]:
    known = {
        "entry_id": "MTYz",
        "call_direction": 1,
        "from": {"number": "79031234567"},
        "to": {"extension": "101"},
        "line_number": "74951234567",
        "create_time": NOW - 60,
        "forward_time": NOW - 58,
        "talk_time": NOW - 50,
        "end_time": NOW - 10,
        "entry_result": 1,
        "disconnect_reason": 1110,
    }
    return known | told


def test_the_end_of_a_call_from_outside() -> None:
    ended = read(summary())
    assert (ended.state, ended.talked_s, ended.waited_s) == ("ended", 40, 10)
    assert (ended.ended_by, ended.operator_number) == ("visitor", "101")
    assert read(summary(disconnect_reason=1120)).ended_by == "operator"


def test_a_call_counts_as_talked_only_if_it_says_since_when() -> None:
    missed = read(summary(talk_time=0, entry_result=1, end_time=NOW - 30))
    assert (missed.state, missed.talked_s, missed.waited_s) == ("missed", 0, 30)
    assert missed.operator_number == ""


def test_the_example_of_the_document_is_a_call_that_was_ordered() -> None:
    """An employee is rung, answers, and whom he called declines."""
    command = "cmd.2.vpbx.12345.external.system.com.net"
    one = {
        "call_id": "100:500:251",
        "entry_id": "232wc3e3w3s222",
        "location": "abonent",
        "from": {"extension": "5555", "number": "74955404444"},
        "to": {"extension": "1234", "number": "12345678"},
        "command_id": command,
    }
    two = one | {
        "call_id": "100:500:258",
        "from": {"extension": "1234", "number": "12345678", "taken_from_call_id": "100:500:251"},
        "to": {"extension": "5555", "number": "74955404444"},
    }
    bare = two | {"from": {"extension": "1234", "number": "12345678"}}
    told = [
        read(one | {"timestamp": 1399906971, "seq": "1", "call_state": "Appeared"}),
        read(one | {"timestamp": 1399906973, "seq": "2", "call_state": "Connected"}),
        read(
            one
            | {"timestamp": 1399906975, "seq": "3", "call_state": "Disconnected"}
            | {"disconnect_reason": "1000"}
        ),
        read(two | {"timestamp": 1399906976, "seq": "1", "call_state": "Appeared"}),
        read(
            bare
            | {"timestamp": 1399906979, "seq": "2", "call_state": "Disconnected"}
            | {"disconnect_reason": "1124"}
        ),
    ]
    assert all(isinstance(each, CallReported) for each in told)
    assert {(each.key, each.ref) for each in told} == {(command, "232wc3e3w3s222")}
    assert [each.state for each in told] == ["ringing", "answered", "gone", "ringing", "gone"]
    assert [each.number for each in told[:4]] == ["1234", "1234", "1234", "+74955404444"]
    assert [each.outcome for each in told][2:] == [Outcome.DROPPED, None, Outcome.UNREACHABLE]
    assert [each.seq for each in told] == sorted(each.seq for each in told)


def test_a_call_from_outside_that_a_command_moves_is_still_one() -> None:
    told = call("Appeared", command_id="route-1")
    told["from"] = told["from"] | {"taken_from_call_id": "MToxMDA"}
    assert isinstance(read(told), PhoneCalled)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({}, "ping"),
        ({"recording_id": "x", "recording_state": "Started", "entry_id": "e"}, "recording"),
        ({"dtmf": "1", "entry_id": "e"}, "dtmf"),
        ({"command_id": "c", "result": 1000}, "accepted"),
        ({"something": "else"}, "unknown:event"),
        (call("Appeared") | {"from": {"extension": "101"}}, "outgoing"),
        (call("Disconnected", disconnect_reason=1110), "disconnected"),
        (summary(call_direction=0), "inner"),
        (call("OnHold", command_id="c", callback_initiator="API"), "onhold"),
    ],
)
def test_what_is_of_no_use_is_named(told: dict[str, Any], name: str) -> None:
    event = read(told)
    assert isinstance(event, Ignored)
    assert event.name == name


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (1111, Outcome.NO_ANSWER),
        (1121, Outcome.BUSY),
        (1122, Outcome.REJECTED),
        (1131, Outcome.UNREACHABLE),
        (1133, Outcome.INVALID_NUMBER),
        (1145, Outcome.PROVIDER_REFUSED),
        (2100, Outcome.PROVIDER_REFUSED),
        (3102, Outcome.ENGINE_ERROR),
        (3201, Outcome.INVALID_NUMBER),
        (4201, Outcome.UNREACHABLE),
        (5001, Outcome.CONGESTION),
        (5003, Outcome.ENGINE_ERROR),
        (9999, Outcome.UNKNOWN),
    ],
)
def test_a_code_is_somebodys_fault(code: int, outcome: Outcome) -> None:
    assert vpbx.outcome_of(code) is outcome


def test_a_time_of_nowhere_is_the_time_it_came() -> None:
    for timestamp in (0, -5, "soon", 10**14, NOW + 3 * 3600, None):
        assert read(call("Appeared", timestamp=timestamp)).at == AT


async def test_the_key_is_tried_by_asking_for_the_employees() -> None:
    async with mango() as server:
        account = await kind(api_url=server.url).account()
    assert account.name == "MANGO OFFICE (1)"
    assert server.commands == [("config/users/request", {})]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((420, {"code": 3102}), CredentialsError),
        ((420, {"code": 3105}), CredentialsError),
        ((401, {}), CredentialsError),
        ((420, {"code": 2100}), RejectedError),
        ((503, "busy"), TransientError),
        (None, TransientError),
    ],
)
async def test_a_key_that_is_refused_is_told_from_a_bad_line(
    answer: tuple[int, Any] | None, error: type[Exception]
) -> None:
    async with mango() as server:
        server.answers.append(answer)
        with pytest.raises(error) as told:
            await kind(api_url=server.url).account()
    assert SALT not in str(told.value)
    assert KEY not in str(told.value)


async def test_a_wrong_salt_is_a_dead_key() -> None:
    async with mango() as server:
        with pytest.raises(CredentialsError):
            await kind(api_url=server.url, salt="other").account()


async def test_an_exchange_that_is_not_there_is_away() -> None:
    with pytest.raises(TransientError):
        await kind(api_url=f"http://127.0.0.1:{free_port()}/vpbx").account()


def test_its_door_is_handed_out_where_there_is_one() -> None:
    made = kind()
    assert made.handed() == {}
    made.door = "https://hub.example/hooks/phone"
    assert made.handed() == {"hook": made.door}


def test_no_secret_is_shown() -> None:
    made = kind()
    assert KEY not in repr(made)
    fields = {each.name: each for each in msgspec.inspect.type_info(MangoSettings).fields}  # type: ignore[attr-defined]
    secret = {
        name
        for name, each in fields.items()
        if "secret" in str(getattr(each.type, "extra", "")) or "secret" in str(each.type)
    }
    assert secret == {"key", "salt"}

"""What every channel kind has to keep; a kind's tests subclass this and say what is theirs.

Recorded requests lie in tests/fixtures/<kind>/, one file for each kind of event.
"""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

import bson
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bots
from bots.platforms.platform import Person, Platform
from hub import legible
from hub.channels.port import ChannelKind, Draft, Hook
from hub.errors import DeliveryError, PayloadError, RejectedError, SignatureError
from hub.events import FormFilled, MessageReceived
from hub.keeping.keys import Keys
from hub.model import ChannelId, ContactId, Identity, IdentityId, ProjectId

AT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
KEYS = Keys(bytes(range(32)))
FOREIGN = (
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b"5",
    b'"x"',
    b"{}",
    b'{"t": []}',
    b"[" * 100_000,
)
GONE = object()
STRANGE = st.sampled_from(
    (
        *(GONE, None, [], {}, [None], {"a": 1}, True, 0, -1, 1.5, 1e308, 2**63, 10**400),
        *("", " \n", "x", "a:b:c", "a\0b", "\ud800", "\u202e\x1b[31m", "9" * 30, "я" * 10_000),
    )
)


def identity(external_id: str = "77") -> Identity:
    """Somebody of the channel's, as the hub knows whom it writes to."""
    return Identity(
        id=IdentityId(f"the-channel:{external_id}"),
        project=ProjectId("shop"),
        channel=ChannelId("the-channel"),
        external_id=external_id,
        contact=ContactId("c"),
        created_at=AT,
        seen_at=AT,
    )


def changed(body: bytes, data: st.DataObject) -> bytes:
    """The body with one part of it, however deep, gone or something else."""
    write: Callable[[Any], str] = json.dumps
    try:
        told = json.loads(body)
    except ValueError:
        told = parse_qs(body.decode())
        write = _urlencoded
    *above, last = data.draw(st.sampled_from(list(_paths(told))))
    at = told
    for key in above:
        at = at[key]
    if (strange := data.draw(STRANGE)) is GONE:
        del at[last]
    else:
        at[last] = deepcopy(strange)
    return write(told).encode()


def _paths(told: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = told.items() if isinstance(told, dict) else enumerate(told)
    for key, value in pairs:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from _paths(value, (*above, key))


def _urlencoded(told: Any) -> str:
    return urlencode(told, doseq=True, errors="replace")


class ChannelContract(ABC):
    """Subclass as `TestSomething`, with `kind` and `settings`, and fill in the rest."""

    kind: ClassVar[str]
    settings: ClassVar[dict[str, Any]]
    secrets: ClassVar[tuple[str, ...]] = ()
    refusals: ClassVar[Collection[type[DeliveryError]]] = ()

    @abstractmethod
    def hooks(self, channel: Any) -> list[Hook]:
        """Genuine, signed requests, at least one of them with a message or a form."""

    @abstractmethod
    def unsigned(self, channel: Any) -> list[Hook]:
        """Requests that the platform did not make."""

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        """Makes the played platform answer so that the next `send` raises that error."""
        raise NotImplementedError

    @pytest.fixture
    def channel(self) -> ChannelKind[Any]:
        made = bots.load(self.kind)
        settings = msgspec.convert(self.settings, made.settings_type)
        return made(ChannelId("the-channel"), settings, KEYS)

    @pytest.fixture
    def to(self) -> Identity:
        return identity()

    def test_the_module_is_found_by_its_kind(self, channel: ChannelKind[Any]) -> None:
        assert channel.kind == self.kind
        assert type(channel).__module__ == f"bots.{self.kind}"

    def test_an_unknown_setting_is_refused(self, channel: ChannelKind[Any]) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(self.settings | {"nonsense": 1}, channel.settings_type)

    def test_a_genuine_request_is_let_in(self, channel: ChannelKind[Any]) -> None:
        for hook in self.hooks(channel):
            channel.verify(hook)

    def test_any_other_request_is_refused(self, channel: ChannelKind[Any]) -> None:
        assert self.unsigned(channel)
        for hook in self.unsigned(channel):
            with pytest.raises(SignatureError):
                channel.verify(hook)

    @pytest.mark.parametrize("strange", ["", "\0", "ключ", "\udcff", "x" * 100_000], ids=ascii)
    def test_a_strange_header_is_refused_and_stumbled_over_by_nobody(
        self, channel: ChannelKind[Any], strange: str
    ) -> None:
        for hook in self.hooks(channel):
            told = msgspec.structs.replace(
                hook,
                headers=dict.fromkeys(hook.headers, strange),
                query=dict.fromkeys(hook.query, strange),
            )
            # Some sign in the body alone, and are not to be mistaken for it.
            if told != hook:
                with pytest.raises(SignatureError):
                    channel.verify(told)

    def test_the_same_request_gives_equal_events_with_aware_times(
        self, channel: ChannelKind[Any]
    ) -> None:
        messages = 0
        for hook in self.hooks(channel):
            events = channel.parse(hook)
            assert events == channel.parse(hook)
            assert events
            for event in events:
                assert event.at.utcoffset() is not None
                assert event.at.microsecond % 1000 == 0
                assert event.sender.external_id
                messages += isinstance(event, MessageReceived | FormFilled)
        assert messages

    @pytest.mark.parametrize("body", FOREIGN, ids=lambda body: repr(body[:12]))
    def test_a_foreign_body_is_a_payload_error(
        self, channel: ChannelKind[Any], body: bytes
    ) -> None:
        hook = msgspec.structs.replace(self.hooks(channel)[0], body=body)
        with pytest.raises(PayloadError):
            channel.parse(hook)

    def test_whatever_a_part_of_a_body_is_instead_it_is_events_or_a_payload_error(
        self, channel: ChannelKind[Any]
    ) -> None:
        hooks = [each for each in self.hooks(channel) if each.body]

        # A test of its own for each kind, which a method that they inherit would not be.
        @settings(max_examples=150)
        @given(data=st.data())
        def holds(data: st.DataObject) -> None:
            hook = data.draw(st.sampled_from(hooks))
            told = msgspec.structs.replace(hook, body=changed(hook.body, data))
            try:
                events = channel.parse(told)
            except PayloadError:
                return
            assert events
            assert events == channel.parse(told)
            for event in map(legible.event, events):
                assert event.sender.external_id
                assert event.at.utcoffset() is not None
                # The store's engines keep it as it is.
                assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
                bson.encode(msgspec.to_builtins(event))

        holds()

    async def test_a_message_is_taken_once_for_all_its_attempts(
        self, channel: ChannelKind[Any], to: Identity
    ) -> None:
        limit = channel.capabilities.text_max_chars
        if channel.capabilities.mute:
            with pytest.raises(RejectedError):
                await channel.send(to, Draft(key="key-1", text="привет"))
            return
        await channel.open()
        try:
            for text in ("привет", "x" * limit):
                draft = Draft(key=f"key-{len(text)}", text=text)
                first = await channel.send(to, draft)
                assert first.external_id
                if channel.capabilities.idempotent_for:
                    assert await channel.send(to, draft) == first
        finally:
            await channel.close()

    async def test_each_refusal_raises_its_error(
        self, channel: ChannelKind[Any], to: Identity
    ) -> None:
        try:
            for refusal in self.refusals:
                self.provoke(channel, refusal)
                with pytest.raises(refusal):
                    await channel.send(to, Draft(key="refused-1", text="x"))
        finally:
            await channel.close()

    async def test_closing_is_safe_at_any_time(self, channel: ChannelKind[Any]) -> None:
        await channel.close()
        await channel.open()
        await channel.close()
        await channel.close()

    def test_no_secret_is_ever_logged(
        self, channel: ChannelKind[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for hook in [*self.hooks(channel), *self.unsigned(channel)]:
            try:
                channel.verify(hook)
                channel.parse(hook)
            except (SignatureError, PayloadError) as error:
                caplog.handler.emit(
                    logging.LogRecord("x", logging.INFO, "", 0, str(error), None, None)
                )
        for secret in self.secrets:
            assert secret not in caplog.text


class PlayedContract(ChannelContract):
    """For a kind whose platform is played: `platform`, `channel` and `anna` are its fixtures."""

    refusals: ClassVar[Mapping[type[DeliveryError], Any]]
    """What the played platform does at the next call that `send` raises each of them."""
    sends: ClassVar[str] = ""
    """The call by which a message goes, where others come before it."""
    platform: Platform

    @pytest.fixture
    def channel(self, channel: ChannelKind[Any]) -> ChannelKind[Any]:
        return channel

    @pytest.fixture
    def to(self, platform: Platform, anna: Person) -> Identity:
        self.platform = platform
        return identity(anna.id)

    def provoke(self, channel: Any, refusal: type[DeliveryError]) -> None:
        self.platform.fail(self.refusals[refusal], method=self.sends)

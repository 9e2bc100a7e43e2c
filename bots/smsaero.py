"""SMS by SMS Aero: https://smsaero.ru/integration/documentation/api/

Only out: the service brings no answers of people. How far a message got is told to the address
that was given with it, or asked for.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from msgspec import Meta

from bots.line.line import Line, Said, refused
from bots.line.settings import LineSettings, Receive, Secret
from bots.line.text import pieces, plain
from bots.sources.source import told as shown_keys
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import Account, Bytes, ChannelKind, Draft, Hook, Polled, Receipt
from hub.errors import (
    CredentialsError,
    DeliveryError,
    PayloadError,
    RejectedError,
    SignatureError,
    TransientError,
    UnreachableError,
)
from hub.events import ChannelEvent, DeliveryReported, Ignored, Sender
from hub.keeping.keys import Keys
from hub.model import ChannelId, Identity, OutState, cut
from hub.statuses import RequestType

GATES = (
    "https://gate.smsaero.ru/v2",
    "https://gate.smsaero.org/v2",
    "https://gate.smsaero.net/v2",
)
"""The first that answers is asked; the vendor's own clients go through them in this order."""

TEXT_MAX = 670
"""Ten parts in Cyrillic."""
POLL_SECONDS = 20
PAGES_MAX = 5
PENDING_MAX = 100
ASKED_MAX = 20

STATES: Mapping[int, tuple[OutState, str]] = {
    1: (OutState.DELIVERED, ""),
    2: (OutState.FAILED, "unreachable"),
    6: (OutState.FAILED, "rejected"),
}
"""The rest is on its way: 0 queued, 3 handed over, 4 waiting, 8 with the moderators."""

UNDERWAY = frozenset({0, 3, 4, 8})

REFUSALS: Sequence[tuple[re.Pattern[str], type[DeliveryError], str]] = (
    (re.compile(r"credential|authoriz|api.?key", re.I), CredentialsError, "dead_key"),
    (re.compile(r"credits|money|balance|средств", re.I), CredentialsError, "no_balance"),
    (re.compile(r"block|заблокирован", re.I), CredentialsError, "account_blocked"),
)
"""Refusals are words there; those that no field says more of."""

FIELDS: Mapping[str, tuple[type[DeliveryError], str]] = {
    "sign": (CredentialsError, "misconfigured"),
    "number": (UnreachableError, "unreachable"),
    "numbers": (UnreachableError, "unreachable"),
    "text": (RejectedError, "rejected"),
}
"""Which field was wrong, where the service names it."""


class SmsAeroSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sign` is the sender that people see, one of those that the service allowed."""

    email: Annotated[str, Meta(max_length=200, pattern=r"^[^\s@:]+@[^\s@:]+\Z")]
    api_key: Secret
    sign: Annotated[str, Meta(min_length=2, max_length=64, pattern=r"^\S([^\x00-\x1f]*\S)?\Z")]
    receive: Receive = "auto"


class SmsAero(ChannelKind[SmsAeroSettings]):
    """People are known by their numbers, in digits alone."""

    kind: ClassVar[str] = "smsaero"
    settings_type: ClassVar[type[msgspec.Struct]] = SmsAeroSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.SMS,
        text_max_chars=TEXT_MAX,
        attachments_max=0,
        attachment_max_bytes=0,
        hears=frozenset({Ability.DELIVERED}),
        pace=Pace(per_second=10, per_chat=timedelta(seconds=1)),
        receives=frozenset({"hook", "poll"}),
        one_way=True,
    )
    body_max_bytes: ClassVar[int] = 64 * 1024
    poll_seconds: ClassVar[float] = POLL_SECONDS

    def __init__(
        self, id: ChannelId, settings: SmsAeroSettings, keys: Keys, files: Bytes | None = None
    ) -> None:
        super().__init__(id, settings, keys, files)
        gates = (settings.api_url,) if settings.api_url else GATES
        self._lines = [Line(each, proxy=settings.proxy) for each in gates]
        self._answering = 0

    async def close(self) -> None:
        for each in self._lines:
            await each.close()

    def verify(self, hook: Hook) -> None:
        if not any(self.keys.verify("hook", str(self.id), each) for each in shown_keys(hook)):
            raise SignatureError("the key is not this channel's")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return [_event(each, hook) for each in _reports(hook)]

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        if draft.attachments:
            raise RejectedError("files", reason="not_here")
        links = [f"{b.label}: {b.url}" for row in draft.buttons for b in row if b.url]
        said = pieces("\n".join([draft.text, *links]).strip(), TEXT_MAX * 4, plain)
        if len(said) != 1 or not said[0].strip():
            raise RejectedError("text", reason="too_long" if said else "bad_request")
        message = {"number": to.external_id, "text": said[0], "sign": self.settings.sign}
        if self.door and self.settings.receive != "poll":
            message["callbackUrl"] = self._callback()
        told = await self._call("sms/send", message)
        found = told[0] if isinstance(told, list) and told else told
        id = found.get("id") if isinstance(found, dict) else None
        if not _is_id(id):
            raise TransientError("taken without an id", maybe_sent=True, reason="page")
        return Receipt(external_id=str(id))

    async def account(self) -> Account:
        await self._call("auth", {})
        return Account(name=self.settings.email)

    async def drop_hook(self) -> None:
        """Each message names its own address; there is nothing to take off."""

    async def poll(self, marker: str) -> Polled:
        """What became of the messages; asks anew for those that were on their way."""
        if marker:
            await asyncio.sleep(self.poll_seconds)
        last, waiting = _marked(marker)
        found: dict[int, dict[str, Any]] = {}
        for page in range(1, PAGES_MAX + 1 if marker else 2):
            rows = _rows(await self._call("sms/list", {}, {"page": str(page)}))
            found |= {int(each["id"]): each for each in rows}
            if not rows or min(int(each["id"]) for each in rows) <= last:
                break
        unseen = [each for each in waiting if each not in found]
        for id in unseen[:ASKED_MAX]:
            try:
                told = await self._call("sms/status", {"id": id})
            except RejectedError:
                # It is not known there any more, and nothing will be heard of it.
                continue
            found[id] = told if isinstance(told, dict) else {}
        news = [
            {"id": id, "status": _status(each), "number": str(each.get("number", ""))}
            for id, each in sorted(found.items())
            if _status(each) in STATES and (id > last or id in waiting)
        ]
        # Who was asked for now is asked for last the next time.
        left = unseen[ASKED_MAX:] + [id for id, each in found.items() if _status(each) in UNDERWAY]
        body = (msgspec.json.encode(news),) if news else ()
        return Polled(bodies=body, marker=_marker(max([last, *found]), left))

    def _callback(self) -> str:
        """The hub's door with the key as its password: a request brings it in a header."""
        parts = urlsplit(self.door)
        key = quote(self.keys.sign("hook", str(self.id)), safe="")
        return parts._replace(netloc=f"hub:{key}@{parts.netloc}").geturl()

    async def _call(
        self, method: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None
    ) -> Any:
        """The `data` of the answer, by the first gate that takes the request."""
        known = f"{self.settings.email}:{self.settings.api_key}".encode()
        headers = {"Authorization": f"Basic {b64encode(known).decode()}"}
        for left in reversed(range(len(self._lines))):
            line = self._lines[self._answering % len(self._lines)]
            try:
                said = await line.call("POST", method, json=body, query=query, headers=headers)
            except TransientError as error:
                if error.maybe_sent or not left:
                    raise
                self._answering += 1
                continue
            return _data(said)
        raise TransientError("no gate", reason="offline")


def _data(said: Said) -> Any:
    refused(said)
    if said.status == 402:
        raise CredentialsError("402", reason="no_balance")
    if said.status == 403:
        raise CredentialsError("403", reason="no_rights")
    if 300 <= said.status < 400 or said.status in (404, 405):
        raise CredentialsError(str(said.status), reason="misconfigured")
    told = said.json()
    if not isinstance(told, dict):
        raise TransientError("not an answer", maybe_sent=said.status < 300, reason="page")
    if told.get("success") is True and said.status < 300:
        return told.get("data")
    if "success" not in told and "result" not in told:
        raise TransientError("not an answer", maybe_sent=said.status < 300, reason="page")
    raise _refusal(told)


def _refusal(told: Mapping[str, Any]) -> DeliveryError:
    """By the field that is wrong, else by the words."""
    wrong = told.get("data")
    for field in wrong if isinstance(wrong, dict) else ():
        if field in FIELDS:
            error, reason = FIELDS[field]
            return error(field, reason=reason)
    words = " ".join(str(told.get(each) or "") for each in ("message", "result", "reason"))
    for pattern, error, reason in REFUSALS:
        if pattern.search(words):
            return error(reason, reason=reason)
    return RejectedError("refused", reason="rejected")


def _reports(hook: Hook) -> list[dict[str, Any]]:
    """What the service tells, as a form or as JSON, or what a poll made of its list."""
    try:
        told: Any = msgspec.json.decode(hook.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        told = _form(hook)
    if isinstance(told, dict) and isinstance(told.get("data"), dict):
        told = told["data"]
    reports = told if isinstance(told, list) else [told]
    if not reports or not all(
        isinstance(each, dict) and _is_id(each.get("id")) for each in reports
    ):
        raise PayloadError("no report")
    return reports


def _form(hook: Hook) -> dict[str, str]:
    if "form-urlencoded" not in hook.headers.get("content-type", ""):
        raise PayloadError("json")
    try:
        return dict(parse_qsl(hook.body.decode(), max_num_fields=50))
    except ValueError:
        raise PayloadError("form") from None


def _event(told: Mapping[str, Any], hook: Hook) -> ChannelEvent:
    number = re.sub(r"\D", "", str(told.get("number") or ""))[:15]
    sender, at = Sender(external_id=number or "sms"), cut(hook.received_at)
    status = _status(told)
    if status not in STATES:
        name = f"status:{status}" if status in UNDERWAY else "unknown:status"
        return Ignored(sender=sender, at=at, name=name)
    state, failure = STATES[status]
    id = str(told["id"])
    return DeliveryReported(sender=sender, at=at, external_id=id, state=state, failure=failure)


def _status(told: Mapping[str, Any]) -> int:
    """The status's number, which comes as digits too; -1 for what is none."""
    status = told.get("status")
    if isinstance(status, str) and re.fullmatch(r"\d{1,3}", status, re.ASCII):
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else -1


def _is_id(id: object) -> bool:
    if isinstance(id, str):
        return re.fullmatch(r"\d{1,18}", id, re.ASCII) is not None
    return isinstance(id, int) and not isinstance(id, bool) and 0 <= id < 10**18


def _rows(told: Any) -> list[dict[str, Any]]:
    """The messages of a page, whose keys are their places, beside its links."""
    rows: Iterable[Any] = told.values() if isinstance(told, dict) else told or ()
    if not isinstance(told, dict | list | None):
        raise TransientError("not a list", reason="page")
    return [each for each in rows if isinstance(each, dict) and _is_id(each.get("id"))]


def _marker(last: int, waiting: Sequence[int]) -> str:
    """The newest message that was seen, and those that were on their way, the next asked first."""
    newest = set(sorted(waiting)[-PENDING_MAX:])
    return " ".join(map(str, [last, *(each for each in waiting if each in newest)]))


def _marked(marker: str) -> tuple[int, list[int]]:
    last, *waiting = [int(each) for each in marker.split()] or [0]
    return last, waiting

"""MANGO OFFICE: their exchange makes the whole call, an employee first, and tells of it by hooks.

docs/mango.md says what is set up there. What their API cannot do is offered nowhere: a message
of our own before the two are connected, a key, the client first.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import aiohttp
import msgspec
from msgspec import Meta

from hub.calls import news, trunks
from hub.calls.call import Call, Outcome, Party, Reported
from hub.calls.trunk import CallCaps, LineError, Trunk, TrunkSettings
from hub.channels.port import Account, Hook
from hub.errors import CredentialsError, RejectedError, SignatureError, TransientError
from hub.events import ChannelEvent
from telephony import vpbx

API_URL = "https://app.mango-office.ru/vpbx"
CALL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
ANSWER_MAX_BYTES = 1_000_000
CHUNK_BYTES = 64 * 1024
REFUSED = 420
"""Their own status for a command that is not carried out; a code says why."""

Secret = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+\Z", extra={"secret": True}),
]
Extension = Annotated[str, Meta(pattern=r"^([0-9]{2,6})?\Z")]
NEVER_THERE = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    ssl.SSLCertVerificationError,
)


class MangoSettings(TrunkSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`key` and `salt` are of the API's page there; an empty `api_url` is their own.

    `group` is rung where several operators are to be, `extension` is the employee by whom phones
    are rung that are none of the exchange, and `line` is shown where nothing else is.
    """

    api_url: Annotated[str, Meta(pattern=r"^(https?://[^\s\"'<>?#@]{1,300})?\Z")] = ""
    key: Secret
    salt: Secret
    group: Extension = ""
    extension: Extension = ""
    line: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14})?\Z")] = ""


class Mango(Trunk[MangoSettings]):
    """One exchange of theirs. Nothing is believed that is not signed by its key and salt."""

    kind: ClassVar[str] = "mango"
    settings_type: ClassVar[type[msgspec.Struct]] = MangoSettings
    calls: ClassVar[CallCaps] = CallCaps(
        scenarios=frozenset({("operator", "message")}), says=False, rings_one=False
    )

    def line(self, worker: str) -> MangoLine:
        return MangoLine(self.settings)

    def verify(self, hook: Hook) -> None:
        if hook.method != "POST":
            raise SignatureError("nothing is asked for here")
        vpbx.opened(hook.body, self.settings.key, self.settings.salt)

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return vpbx.read(hook.body, hook.received_at)

    def handed(self) -> dict[str, str]:
        return {"hook": self.door} if self.door else {}

    async def account(self) -> Account:
        """Asks for the employees, which changes nothing there."""
        try:
            told = await MangoLine(self.settings).ask("config/users/request", {})
        except LineError as error:
            if error.detail in ("3102", "3105", "401", "403"):
                raise CredentialsError(error.detail, reason="dead_key") from None
            if error.outcome is Outcome.PROVIDER_REFUSED:
                raise RejectedError(error.detail, reason="no_balance") from None
            raise TransientError(error.detail, reason="offline") from None
        people = told.get("users")
        count = f" ({len(people)})" if isinstance(people, list) else ""
        return Account(name=f"MANGO OFFICE{count}")


class MangoLine:
    """Commands to one exchange; what comes of a call is in its `told`, put there by the hook."""

    def __init__(self, settings: MangoSettings, seconds: float = CALL_SECONDS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._api = (settings.api_url or API_URL).rstrip("/")

    @property
    def ready(self) -> bool:
        return True

    async def run(self) -> None:
        """Nothing is listened to: the hook may come to any process."""
        await asyncio.Event().wait()

    def listen(self, heard: Callable[[Reported], None], lost: Callable[[], None]) -> None:
        pass

    async def start(self, call: Call) -> None:
        """LineError(UNKNOWN) where it may have been taken all the same: it is not asked twice."""
        plan = call.plan
        # An extension without its first figure may be a number of the city, or of the fire brigade.
        is_whole = call.phone.startswith("+") and trunks.dials(self._settings, call.phone)
        if plan is None or not is_whole:
            raise LineError(Outcome.INVALID_NUMBER, "visitor")
        shown = plan.shown if plan.shown in self._settings.numbers else self._settings.line
        told: dict[str, Any] = {"command_id": call.key}
        parties = [each for stage in plan.operators for each in stage]
        if len({each.number for each in parties}) > 1 and self._settings.group and shown:
            told |= {"from": self._settings.group, "to": call.phone[1:], "line_number": shown[1:]}
            await self.ask("commands/callback_group", told)
            return
        if not parties:
            raise LineError(Outcome.INVALID_NUMBER, "operator")
        told |= {"from": self._employee(parties[0]), "to_number": call.phone[1:]}
        if shown:
            told["line_number"] = shown[1:]
        await self.ask("commands/callback", told)

    def _employee(self, party: Party) -> dict[str, str]:
        if not trunks.dials(self._settings, party.number):
            raise LineError(Outcome.INVALID_NUMBER, "operator")
        if not party.number.startswith("+"):
            return {"extension": party.number}
        if not self._settings.extension:
            # Their command has no other way to ring a phone than as somebody's.
            raise LineError(Outcome.INVALID_NUMBER, "extension")
        return {"extension": self._settings.extension, "number": party.number[1:]}

    async def cancel(self, call: Call) -> None:
        """Hangs up whatever of it is still there; LineError where nothing is known to be."""
        gone = {each.leg for each in call.told if each.of_leg is not None}
        legs = list(dict.fromkeys(each.leg for each in call.told if each.leg not in {"", *gone}))
        if not legs:
            raise LineError(Outcome.UNKNOWN, "no phone rings yet")
        refused = []
        for n, leg in enumerate(legs):
            told = {"command_id": f"{call.key}-h{n}", "call_id": leg}
            try:
                await self.ask("commands/call/hangup", told)
            except LineError as error:
                # That one is gone, and the news of it are not here yet; another may still ring.
                refused.append(error)
        if len(refused) == len(legs):
            raise refused[0]

    async def look(self, call: Call) -> Reported | None:
        """Their API does not tell of a call under way; what became of its phones was told."""
        ends = [each for each in call.told if each.outcome is not None]
        return ends[-1] if ends else news.left(call)

    async def ask(self, command: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        """One command, once; LineError where it was not taken, or may have been."""
        body = vpbx.sealed(self._settings.key, self._settings.salt, told)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS)
        try:
            async with (
                asyncio.timeout(self._seconds),
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    f"{self._api}/{command}", data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                said = bytearray()
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    said += chunk
                    if len(said) > ANSWER_MAX_BYTES:
                        raise LineError(Outcome.UNKNOWN, "answer_too_long")
                return _taken(answer.status, bytes(said))
        except NEVER_THERE:
            raise LineError(Outcome.ENGINE_ERROR, "offline") from None
        except TimeoutError:
            raise LineError(Outcome.UNKNOWN, "timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise LineError(Outcome.UNKNOWN, "connection") from None


def _taken(status: int, said: bytes) -> Mapping[str, Any]:
    """The answer to a command that was taken; LineError for any other."""
    try:
        told = msgspec.json.decode(said)
    except (msgspec.MsgspecError, RecursionError):
        told = None
    told = told if isinstance(told, dict) else {}
    code = next(
        (told[name] for name in ("code", "result") if isinstance(told.get(name), int)), None
    )
    if status == 200 and code in (None, vpbx.DONE):
        return told
    if status in (200, REFUSED) and code is not None:
        raise LineError(vpbx.outcome_of(code), str(code))
    if status in (429, 503):
        raise LineError(Outcome.CONGESTION, str(status))
    if status >= 500:
        # Whoever answered so may have carried it out before.
        raise LineError(Outcome.UNKNOWN, str(status))
    raise LineError(Outcome.ENGINE_ERROR, str(status))

"""Asterisk 16 or newer, by its REST interface; it rings phones, the hub conducts.

docs/telephony.md says how to set one up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from hub.calls import trunks
from hub.calls.call import Outcome
from hub.calls.trunk import CallCaps, LineError, Trunk, TrunkSettings
from hub.channel import Account, Hook
from hub.errors import RejectedError, SignatureError
from hub.events import ChannelEvent
from telephony.ari import Ari, AriError, version
from telephony.stasis import Stasis

Endpoint = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9]{2,12}/[A-Za-z0-9_.@:/+-]{0,80}\{number\}[A-Za-z0-9_.@:/+-]{0,80})?\Z"
    ),
]
"""What Asterisk dials; `{number}` becomes digits and nothing else."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_EXTENSION = re.compile(r"[0-9]{2,6}", re.ASCII)
# What has a meaning in a SIP header or in a dialplan is no part of a name.
_NO_NAME = re.compile(r"[^\w .,()+#№-]")
NAME_MAX_CHARS = 80


class AsteriskSettings(TrunkSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`trunk` is how numbers of the city network are dialled, `internal` the office's own phones.

    `plus` puts one before the number that is shown. `sounds` is the folder of the hub's sounds as
    Asterisk sees it, where that is another than the hub's own.
    """

    api_url: Annotated[str, Meta(pattern=r"^https?://[^\s\"'<>?#@]{1,300}\Z")]
    user: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
    password: Annotated[
        str,
        Meta(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+\Z", extra={"secret": True}),
    ]
    trunk: Endpoint = "PJSIP/{number}@trunk"
    internal: Endpoint = "PJSIP/{number}"
    plus: bool = False
    sounds: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_./-]{1,200})?\Z")] = ""


class Asterisk(Trunk[AsteriskSettings]):
    """One account at one Asterisk; what comes of its calls is told by its socket, by no hook."""

    kind: ClassVar[str] = "asterisk"
    settings_type: ClassVar[type[msgspec.Struct]] = AsteriskSettings
    calls: ClassVar[CallCaps] = CallCaps(
        scenarios=frozenset(
            {
                *(("operator", "key"), ("operator", "message")),
                *(("visitor", "key"), ("visitor", "message")),
            }
        ),
        records=True,
        transfers=True,
    )

    def line(self, worker: str) -> Stasis:
        # Two hubs may share an Asterisk, and one must not take the other's calls for its own that
        # nobody leads.
        mark = self.keys.sign("telephony", str(self.id))[:12]
        return Stasis(self.ari(), Dialled(self.settings), mark=mark, worker=worker)

    def ari(self) -> Ari:
        return Ari(self.settings.api_url, self.settings.user, self.settings.password)

    def verify(self, hook: Hook) -> None:
        raise SignatureError("Asterisk has no hook")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return ()

    async def account(self) -> Account:
        """The Asterisk that answers, if it knows the trunk's endpoint."""
        ari = self.ari()
        try:
            name = f"Asterisk {await version(ari)}"
            await _known(ari, self.settings.trunk)
        finally:
            await ari.close()
        return Account(name=name)


class Dialled:
    """The settings as strings for Asterisk; LineError for whatever is not to be dialled."""

    def __init__(self, settings: AsteriskSettings) -> None:
        self._settings = settings
        self.per_second = settings.calls_per_second

    def endpoint(self, number: str) -> str:
        if not trunks.dials(self._settings, number):
            raise LineError(Outcome.INVALID_NUMBER, "not a number of this trunk")
        if _E164.fullmatch(number) and self._settings.trunk:
            return self._settings.trunk.replace("{number}", number[1:])
        if _EXTENSION.fullmatch(number) and self._settings.internal:
            return self._settings.internal.replace("{number}", number)
        raise LineError(Outcome.INVALID_NUMBER, "neither E.164 nor an extension")

    def is_internal(self, number: str) -> bool:
        return not number.startswith("+")

    def shown(self, number: str, name: str) -> str:
        """Who calls, as a phone shows it: `"name" <number>`; empty if there is nothing to show."""
        digits = number.removeprefix("+")
        if not re.fullmatch(r"[0-9]{2,15}", digits, re.ASCII):
            digits = ""
        elif number.startswith("+") and self._settings.plus:
            digits = f"+{digits}"
        bare = " ".join(_NO_NAME.sub(" ", name).split())[:NAME_MAX_CHARS]
        return f'"{bare}" <{digits}>' if digits or bare else ""

    def sound(self, path: Path) -> str:
        """As Asterisk finds it, which adds the ending itself."""
        folder = Path(self._settings.sounds) if self._settings.sounds else path.parent.absolute()
        return f"sound:{folder / path.stem}"


async def _known(ari: Ari, template: str) -> None:
    """RejectedError if Asterisk has no such endpoint; only PJSIP's can be asked for by name."""
    technology, _, rest = template.partition("/")
    name = rest.partition("@")[2] or rest.partition("/")[0]
    if technology != "PJSIP" or "{" in name or not name:
        return
    try:
        await ari.get(f"endpoints/PJSIP/{name}")
    except AriError as error:
        if error.status == 404:
            raise RejectedError(f"no endpoint {name}", reason="no_endpoint") from None

"""Asterisk 16 or newer, by its REST interface; it rings phones, the hub conducts.

docs/asterisk.md says how to set one up.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from hub.calls import trunks
from hub.calls.call import Outcome
from hub.calls.trunk import TRUNK, CallCaps, LineError, Trunk, TrunkSettings
from hub.channels.abilities import Capabilities
from hub.channels.port import Account, Bytes, Hook, Polled
from hub.errors import PayloadError, RejectedError, SignatureError
from hub.events import ChannelEvent, PhoneCalled, Sender
from hub.keeping.keys import Keys
from hub.model import ChannelId
from telephony.ari.client import Ari, AriError, failure, version
from telephony.ari.outside import News, Outside, endpoint
from telephony.ari.stasis import Stasis
from telephony.ari.watch import Watch

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
HERE = ("localhost", "127.0.0.1", "::1")
POLL_SECONDS = 25


class AsteriskSettings(TrunkSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`trunk` is how numbers of the city network are dialled, `internal` the office's own phones.

    `plus` puts one before the number that is shown. `incoming` has calls from outside in the inbox:
    those to its `numbers`, or to any if there are none. `sounds` is the folder of the hub's sounds
    as Asterisk sees it, where that is another than the hub's own.
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
    incoming: bool = True
    sounds: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_./-]{1,200})?\Z")] = ""


class Asterisk(Trunk[AsteriskSettings]):
    """One account at one Asterisk; what comes of its calls is told by its socket, by no hook.

    Calls from outside are asked for, as messages are where there is no hook: by one process.
    """

    kind: ClassVar[str] = "asterisk"
    settings_type: ClassVar[type[msgspec.Struct]] = AsteriskSettings
    capabilities: ClassVar[Capabilities] = msgspec.structs.replace(
        TRUNK, receives=frozenset({"poll"})
    )
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

    def __init__(
        self, id: ChannelId, settings: AsteriskSettings, keys: Keys, files: Bytes | None = None
    ) -> None:
        super().__init__(id, settings, keys, files)
        self._watch: Watch | None = None

    @property
    def mark(self) -> str:
        """What is ours: two hubs may share an Asterisk, and neither may end the other's calls."""
        return self.keys.sign("telephony", str(self.id))[:12]

    async def close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.close()

    def line(self, worker: str) -> Stasis:
        return Stasis(self.ari(), Dialled(self.settings), mark=self.mark, worker=worker)

    def ari(self) -> Ari:
        return Ari(self.settings.api_url, self.settings.user, self.settings.password)

    async def poll(self, marker: str) -> Polled:
        line = endpoint(self.settings.trunk)
        if self._watch is None:
            self._watch = Watch(self.ari(), Outside(line, self.settings.numbers), self.mark)
        try:
            if not self.settings.incoming or not line:
                await self.account()
                await asyncio.sleep(POLL_SECONDS)
                return Polled(bodies=(), marker=marker)
            news = await self._watch.news(POLL_SECONDS)
        except AriError as error:
            raise failure(error) from None
        return Polled(bodies=tuple(map(msgspec.json.encode, news)), marker=marker)

    def verify(self, hook: Hook) -> None:
        raise SignatureError("Asterisk has no hook")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        try:
            news = msgspec.json.decode(hook.body, type=News)
        except (msgspec.MsgspecError, RecursionError):
            raise PayloadError("no news of a call") from None
        return (
            PhoneCalled(
                sender=Sender(external_id=news.caller),
                external_id=news.call,
                at=news.at,
                state=news.state,
                line=news.line,
                operator_number=news.operator,
                waited_s=news.waited_s,
                talked_s=news.talked_s,
                loss=news.loss,
                ended_by=news.ended_by,
                seq=news.seq,
            ),
        )

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


class Runs(NamedTuple):
    """As whom a program runs."""

    uid: int
    groups: frozenset[int]

    def may(self, what: os.stat_result, bit: int) -> bool:
        """Whether the mode lets it, where `bit` is that of all others."""
        if self.uid == 0:
            return True
        if what.st_uid == self.uid:
            return bool(what.st_mode >> 6 & bit)
        return bool(what.st_mode >> (3 if what.st_gid in self.groups else 0) & bit)


def unread(settings: AsteriskSettings, folder: Path, proc: Path = Path("/proc")) -> Path | None:
    """What of the hub's sounds the Asterisk of this machine cannot get at.

    None also where nobody can tell from here: it is elsewhere, in a container, or not running.
    """
    is_here = not settings.sounds and urlsplit(settings.api_url).hostname in HERE
    running = _running(proc) if is_here else []
    if not running:
        return None
    folder = folder.absolute()
    ways = [(each, stat.S_IXOTH) for each in (*reversed(folder.parents), folder)]
    try:
        made = [(each, stat.S_IROTH) for each in sorted(folder.glob("[rt]-*.wav"))[:1]]
        for path, bit in (*ways, *made):
            found = path.stat()
            # Who has more rights than the mode says has them by a list of its own.
            listed = "system.posix_acl_access" in os.listxattr(path)
            if not listed and not any(each.may(found, bit) for each in running):
                return path
    except OSError:
        return None
    return None


def _running(proc: Path) -> list[Runs]:
    """Every Asterisk of this machine; none if one of them sees other folders than we."""
    found = []
    for each in proc.glob("[0-9]*"):
        try:
            if (each / "comm").read_text().strip() != "asterisk":
                continue
            lines = (each / "status").read_text().splitlines()
            told = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
            if len(told["NSpid"]) != 1:
                return []
            groups = map(int, (told["Gid"][3], *told["Groups"]))
            found.append(Runs(int(told["Uid"][3]), frozenset(groups)))
        except (OSError, LookupError, ValueError):
            continue
    return found


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

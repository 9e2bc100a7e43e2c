"""The port of telephone engines: a trunk is a channel by which calls come and go.

A trunk's kind is a module of `telephony/`. As a channel it hears of calls of the own exchange and
is set up on the same screens; `line` is what dials. There are two sorts of lines: `Legs` rings
phones one by one and lets the hub conduct, `Hosted` is told the whole plan and reports.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, TypeVar, runtime_checkable

from msgspec import Meta, Struct

from hub.calling import Number
from hub.calls.call import Call, Outcome, Reported
from hub.channels.abilities import Capabilities
from hub.channels.port import ChannelKind, Draft, Receipt
from hub.errors import HubError, RejectedError
from hub.model import Identity
from hub.statuses import RequestType


class CallCaps(Struct, frozen=True, kw_only=True):
    """What an engine can do; screens offer nothing else.

    Without `rings_one` it rings two phones or none. `training` rings no real phone.
    """

    scenarios: frozenset[tuple[str, str]]
    says: bool = True
    groups: bool = True
    shows_number: bool = True
    records: bool = False
    transfers: bool = False
    rings_one: bool = True
    training: bool = False


class TrunkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`numbers` are confirmed for this trunk and may be shown; only `prefixes` are dialled."""

    numbers: Annotated[tuple[Number, ...], Meta(max_length=50)] = ()
    calls_max: Annotated[int, Meta(ge=1, le=500)] = 5
    calls_per_second: Annotated[float, Meta(ge=0.1, le=50)] = 2
    prefixes: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,6}\Z")], ...], Meta(max_length=50)
    ] = ("7",)


T = TypeVar("T", bound=TrunkSettings)

TRUNK = Capabilities(
    type=RequestType.INCOMING_CALL,
    text_max_chars=0,
    attachments_max=0,
    attachment_max_bytes=0,
    receives=frozenset({"hook"}),
)


class LineError(HubError):
    """The engine did not take a request; `outcome` says whose fault it is."""

    code = "line"

    def __init__(self, outcome: Outcome, detail: str = "") -> None:
        super().__init__(detail or outcome.value)
        self.outcome = outcome
        self.detail = detail


class LegEvent(Struct, frozen=True, kw_only=True, tag_field="leg_event"):
    """Something that a phone did, by the id of its leg."""

    leg: str


class Ringing(LegEvent, frozen=True, kw_only=True, tag="ringing"):
    pass


class Answered(LegEvent, frozen=True, kw_only=True, tag="answered"):
    pass


class Pressed(LegEvent, frozen=True, kw_only=True, tag="pressed"):
    digit: str


class Played(LegEvent, frozen=True, kw_only=True, tag="played"):
    """What was played under this id has ended; `whole` unless it could not be played."""

    id: str
    whole: bool = True


class Gone(LegEvent, frozen=True, kw_only=True, tag="gone"):
    """The leg is no more. `by_far`: that phone hung up; `code`: the engine's own words."""

    outcome: Outcome
    by_far: bool = False
    code: str = ""


AnyLegEvent = Ringing | Answered | Pressed | Played | Gone


class Line(Protocol):
    @property
    def ready(self) -> bool:
        """Whether calls can be begun now."""

    async def run(self) -> None:
        """Listens until cancelled and connects again by itself."""


@runtime_checkable
class Legs(Line, Protocol):
    """Rings phones one by one. Every verb raises LineError; a leg that is gone is no error.

    `heard` is called for each event in the engine's order; `lost` when all that was under way has
    to be taken for gone.
    """

    def listen(self, heard: Callable[[AnyLegEvent], None], lost: Callable[[], None]) -> None: ...

    async def dial(
        self, leg: str, number: str, *, shown: str, display: str, ring_s: float, limit_s: float
    ) -> None:
        """Begins to ring; what comes of it is told. After `limit_s` the engine itself ends it."""

    async def play(self, leg: str, id: str, sound: Path | None) -> None:
        """Plays the file once, with None the tone of ringing until it is hushed."""

    async def hush(self, leg: str, id: str) -> None: ...

    async def press(self, leg: str, tones: str) -> None: ...

    async def join(self, bridge: str, legs: Sequence[str]) -> None:
        """Lets them hear each other when it returns; another leg may be joined later."""

    async def hang_up(self, leg: str, why: Outcome) -> None: ...

    async def part(self, bridge: str) -> None:
        """Ends the bridge, not its legs."""

    async def record(self, bridge: str, name: str) -> None: ...

    async def recorded(self, name: str, to: Path) -> bool:
        """Fetches the recording, which stays there; False if there is none."""

    async def forget(self, name: str) -> None:
        """Deletes the recording there; one that is not there is no error."""

    async def sweep(self, key: str) -> int:
        """Hangs up every leg and bridge of that call, whoever began it; how many legs."""

    async def adopt(self, legs: Sequence[str]) -> bool:
        """Hears of these legs from now on, whoever began them; False if one of them is gone.

        LineError only where nothing can be learned of them.
        """


@runtime_checkable
class Hosted(Line, Protocol):
    """Makes the whole call itself."""

    def listen(self, heard: Callable[[Reported], None], lost: Callable[[], None]) -> None: ...

    async def start(self, call: Call) -> None:
        """Has it made; LineError if it was not taken. Never asked twice for one call."""

    async def cancel(self, call: Call) -> None: ...

    async def look(self, call: Call) -> Reported | None:
        """How it stands; None if the engine knows nothing of it."""


class Trunk(ChannelKind[T]):
    """One account at a telephone engine; nothing can be written by it."""

    capabilities: ClassVar[Capabilities] = TRUNK
    calls: ClassVar[CallCaps]

    @abstractmethod
    def line(self, worker: str) -> Legs | Hosted:
        """What dials, for the process of that name; nothing is connected yet."""

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        raise RejectedError("nothing can be written to a phone line", reason="mute")

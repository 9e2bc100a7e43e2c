"""What a platform can do, as data: screens offer nothing else, delivery keeps to its limits."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal

import msgspec

from hub.statuses import RequestType


class Ability(StrEnum):
    """Something besides plain text; docs/channels.md says what each means, either way."""

    FILES = "files"
    VOICE = "voice"
    LOCATION = "location"
    CONTACT = "contact"
    PHONE = "phone"
    BUTTONS = "buttons"
    QUOTES = "quotes"
    EDITS = "edits"
    DELETES = "deletes"
    REACTIONS = "reactions"
    TYPING = "typing"
    DELIVERED = "delivered"
    READ = "read"
    STAFF = "staff"
    JOIN = "join"
    BLOCKED = "blocked"


NONE: frozenset[Ability] = frozenset()


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast the platform may be spoken to: calls a second, and the pause between two to one."""

    per_second: int = 0
    per_chat: timedelta = timedelta(0)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """`hears` is what the platform tells the hub of the person, `does` what the hub can do there.

    A reply may be split into several of the platform's messages; `text_max_chars` is what an
    operator may write at once, the platform's own limit is the adapter's business. `window` is
    how long after the person's last word one may write freely; `edits_for` and `deletes_for`
    are how old an own message may be. Zero durations mean without end, except `idempotent_for`,
    where zero means that a repeat is never safe. On a `one_way` channel nobody writes to us.
    """

    type: RequestType
    text_max_chars: int
    attachments_max: int
    attachment_max_bytes: int
    idempotent_for: timedelta = timedelta(0)
    hears: frozenset[Ability] = NONE
    does: frozenset[Ability] = NONE
    window: timedelta = timedelta(0)
    edits_for: timedelta = timedelta(0)
    deletes_for: timedelta = timedelta(0)
    reactions: tuple[str, ...] = ()
    pace: Pace = Pace()
    receives: frozenset[Literal["hook", "poll"]] = frozenset()
    one_way: bool = False

    @property
    def mute(self) -> bool:
        """Whether the channel only hears: there is nobody there to whom a word could be said."""
        return self.text_max_chars == 0

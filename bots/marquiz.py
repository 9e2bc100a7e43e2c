"""Quizzes of Marquiz: https://help.marquiz.ru/article/518

The shape of a body is as those who receive them write it down, not tried against Marquiz itself.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec

from bots.sources.reading import Source
from bots.sources.source import AddressedListener, FormListener, SourceSettings
from hub.channels.port import Hook

LATEST = timedelta(hours=48)


class MarquizSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Marquiz(AddressedListener[MarquizSettings], FormListener[MarquizSettings]):
    """A quiz's questions with their answers, and who left a contact after them."""

    kind: ClassVar[str] = "marquiz"
    settings_type: ClassVar[type[msgspec.Struct]] = MarquizSettings
    code: ClassVar[str] = "marquiz"

    def source(self, hook: Hook, fields: dict[str, str]) -> Source:
        known = super().source(hook, fields)
        return known._replace(
            at=_moment(fields.get("created", ""), hook.received_at),
        )


def _moment(written: str, now: datetime) -> datetime:
    """When the quiz was finished, unless no clock could say so."""
    try:
        at = datetime.fromisoformat(written)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return at if now - LATEST <= at <= now else now
    except (ValueError, OverflowError):
        return now

"""Forms of a site made with Tilda: https://help.tilda.cc/forms/webhook

Tilda tries the address with `test=test` when it is entered, before it knows of any key.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bots.sources import bodies
from bots.sources.reading import Source
from bots.sources.source import FormListener, SourceSettings, is_key
from hub.channels.port import Hook, Reading
from hub.errors import PayloadError, SignatureError

PROBE = {"test": "test"}


class TildaSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Tilda(FormListener[TildaSettings]):
    """The key comes in a header or in the body, as it is chosen there."""

    kind: ClassVar[str] = "tilda"
    settings_type: ClassVar[type[msgspec.Struct]] = TildaSettings
    code: ClassVar[str] = "tilda"

    def verify(self, hook: Hook) -> None:
        try:
            super().verify(hook)
        except SignatureError:
            fields = self._fields(hook)
            # Nothing is kept of the probe, so that it needs no key.
            if fields != PROBE and not any(
                self._is_key(value) for name, value in fields.items() if is_key(name)
            ):
                raise

    def reading(self, hook: Hook) -> Reading:
        told = self._fields(hook)
        if {name: value for name, value in told.items() if not is_key(name)} == PROBE:
            return Reading(events=(self._ignored(hook, "test"),))
        return super().reading(hook)

    def source(self, hook: Hook, fields: dict[str, str]) -> Source:
        return (
            super()
            .source(hook, fields)
            ._replace(
                request=fields.get("tranid", ""),
                form_id=fields.get("formid", ""),
                form=fields.get("formname", ""),
                cookies=fields.get("COOKIES", ""),
            )
        )

    def _fields(self, hook: Hook) -> dict[str, str]:
        try:
            return bodies.read(hook.body, hook.headers.get("content-type", "")).fields
        except PayloadError:
            return {}

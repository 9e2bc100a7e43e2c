"""A form of a site, sent by the site's own server: docs/sources.md."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from bots.sources.reading import e164
from bots.sources.source import FormListener, SourceSettings, as_json
from hub.channels.port import Answer, Hook
from hub.errors import PayloadError
from hub.events import FormFilled


class FormSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Form(FormListener[FormSettings]):
    """The answer says what was understood, for whoever writes the sender."""

    kind: ClassVar[str] = "form"
    settings_type: ClassVar[type[msgspec.Struct]] = FormSettings
    code: ClassVar[str] = "form"

    async def answer(self, hook: Hook) -> Answer:
        try:
            [event] = self.parse(hook)
        except PayloadError as error:
            # It is kept whole all the same, and whoever sends it should know.
            refused = {"taken": False, "error": str(error)}
            return Answer(text=as_json(refused), content_type="application/json", status=422)
        phone = e164(event.phone) if isinstance(event, FormFilled) else ""
        told = {"taken": True, "phone": phone}
        return Answer(text=as_json(told), content_type="application/json")

"""The port of what is said in calls: texts by a voice, recordings as they were given.

Nothing here knows a voice; `telephony.voice.speech` does, and the composition root puts it in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from hub.calls.script import Say
from hub.errors import RefusedError
from hub.model import FileId, ProjectId
from hub.texts import Lang

RECORDING_MAX_BYTES = 10_000_000
RECORDING_MAX_SECONDS = 180

Quality = Literal["neural", "natural", "fallback", "none"]


class NoVoiceError(RefusedError):
    """No voice is installed that says texts: give a recording, or have one installed."""

    code = "no_voice"


class VoiceError(RefusedError):
    """A voice is there and did not say this text."""

    code = "voice_failed"


class Voice(Struct, frozen=True):
    """By what texts are said; a `fallback` is understood and sounds like a machine."""

    engine: str = ""
    quality: Quality = "none"


class Recording(Struct, frozen=True, kw_only=True):
    """A recording of a project, ready for telephones."""

    file: FileId
    name: str
    seconds: float


class Speech(Protocol):
    """Every path is a wav of 8,000 samples a second that stays for days after it was given."""

    async def voice(self, lang: Lang) -> Voice:
        """What says texts of that language on this machine."""

    async def formats(self) -> tuple[str, ...]:
        """The recordings that can be taken here, by the endings of their names."""

    async def say(
        self, say: Say, variables: Mapping[str, str], lang: Lang, project: ProjectId
    ) -> Path | None:
        """What is to be heard; None if there is nothing to say.

        Raises NoVoiceError, VoiceError, and NotFoundError for a recording that the project has not.
        """

    async def keep(
        self, project: ProjectId, name: str, chunks: AsyncIterator[bytes], by: str
    ) -> Recording:
        """Takes an mp3, wav or ogg as a file of the project, which is to be named within a day.

        Raises BadValueError, whose code says what is wrong with the file.
        """

    async def recording(self, project: ProjectId, file: str) -> Recording:
        """One that was kept; NotFoundError if the project has no such."""

    async def tidy(self) -> None:
        """Drops what was not heard for long; called as often as one likes, it does so at times."""


class Mute(Speech):
    """For a program without telephones: it has no voice and takes no recordings."""

    async def voice(self, lang: Lang) -> Voice:
        return Voice()

    async def formats(self) -> tuple[str, ...]:
        return ()

    async def say(
        self, say: Say, variables: Mapping[str, str], lang: Lang, project: ProjectId
    ) -> Path | None:
        raise NoVoiceError

    async def keep(
        self, project: ProjectId, name: str, chunks: AsyncIterator[bytes], by: str
    ) -> Recording:
        raise NoVoiceError

    async def recording(self, project: ProjectId, file: str) -> Recording:
        raise NoVoiceError

    async def tidy(self) -> None:
        """There is nothing."""


MUTE = Mute()

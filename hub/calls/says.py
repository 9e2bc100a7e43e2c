"""What scripts say: texts that can be read, and recordings kept for as long as one names them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from hub import phrases
from hub.calls import script as scripts
from hub.calls.script import SAYS, Script
from hub.errors import BadValueError
from hub.model import ProjectId

if TYPE_CHECKING:
    # Terms are a part of the schema, and files are kept by it.
    from hub.files.kept import Files


def check(script: Script, field: str = "script") -> None:
    """Raises BadValueError for what cannot be kept, PhraseError for a text that cannot be read."""
    scripts.check(script, field)
    unknown(script, (), field)


def unknown(
    script: Script, known: Collection[str], field: str = "script"
) -> dict[str, tuple[str, ...]]:
    """By the place of a text the names in it that nothing fills in; empty where there are none."""
    found = {}
    for says in SAYS:
        place = f"{field}.{says}.text"
        try:
            names = phrases.check(getattr(script, says).text, known)
        except phrases.PhraseError as error:
            raise phrases.PhraseError(str(error), field=place) from None
        if names:
            found[place] = names
    return found


async def check_files(
    files: Files, project: ProjectId, script: Script, field: str = "script"
) -> None:
    """Raises BadValueError for what is no recording of the project."""
    for says in SAYS:
        id = getattr(script, says).recording
        found = await files.known(project, [id]) if id else []
        # What was said in a call is listened to at its own door, by those who may.
        if id and not any(each.kind == "audio" and each.by != "recording" for each in found):
            raise BadValueError("no such recording", field=f"{field}.{says}.recording")


async def keep(files: Files, script: Script | None, by: str) -> None:
    """To be called before the script is; a repeat changes nothing."""
    await files.mark_used(_recordings(script), by)


async def let_go(files: Files, before: Script | None, after: Script | None, by: str) -> None:
    """Gives up what only the former script played."""
    still = _recordings(after)
    await files.release([each for each in _recordings(before) if each not in still], by)


def _recordings(script: Script | None) -> tuple[str, ...]:
    said = [getattr(script, each).recording for each in SAYS] if script is not None else []
    return tuple(dict.fromkeys(filter(None, said)))

"""A line that the hub writes into a dialog, once: said to the screens, followed by the rules."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub import dialogs
from hub.bus import Bus
from hub.errors import ConflictError
from hub.events import DialogChanged
from hub.model import HUB, Author, Dialog, DialogId, Entry, EntryKind, Verb
from hub.store.engine import Engine


async def write(
    engine: Engine,
    bus: Bus,
    dialog: DialogId | None,
    id: str,
    verb: Verb,
    data: dict[str, str],
    now: datetime,
    author: Author = HUB,
) -> Entry | None:
    """The line as it stands there; in the person's last dialog if that one was sealed.

    None where there is no such dialog.
    """
    row = await engine.get(Dialog, dialog) if dialog is not None else None
    while row is not None:

        def make(current: Dialog) -> Entry:
            line = dialogs.draft(current, id, EntryKind.SYSTEM, now, now)
            return replace(line, author=author, verb=verb, data=data)

        try:
            appended = await dialogs.append(engine, row, make)
        except dialogs.SealedError:
            last = await dialogs.latest(engine, row.project, row.identity)
            row = last if last is not None and last.id != row.id else None
            continue
        except ConflictError as error:
            if error.code != "gone":
                raise
            # The person was erased this moment.
            return None
        await bus.announce(
            DialogChanged(project=row.project, dialog=appended.row, entries=(appended.entry,))
        )
        await bus.wake("rules")
        return appended.entry
    return None

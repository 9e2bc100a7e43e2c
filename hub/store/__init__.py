"""What is kept: one port, two engines; `connect` chooses by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.store.sqlite import SqliteEngine

if TYPE_CHECKING:
    from hub.config import Settings
    from hub.store.engine import Engine


def connect(settings: Settings, *, serving: bool) -> Engine:
    """The engine that the settings name, not yet open.

    Only one process at a time may be `serving` an embedded store.
    """
    if settings.database.url:
        # The driver costs a second and 30 MB that an embedded store never pays.
        from hub.store.mongo import MongoEngine

        return MongoEngine(settings.database.url)
    return SqliteEngine(settings.data.store, serving=serving)

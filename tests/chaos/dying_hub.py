"""The hub that kills itself: `HUB_DIES_AT` = "words of a statement:n", at its n-th such point.

On sqlite a point is a statement the writer carries out, on mongo a command that was answered, or
each document of one that inserts several.
A point is counted from the first visitor message on, so that starting up does not count.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from pymongo import monitoring

from hub import config, observe
from hub.__main__ import serve
from hub.store.engine import Engine
from hub.store.mongo import MongoEngine
from hub.store.sqlite import SqliteEngine


class Death:
    def __init__(self, at: str) -> None:
        words, _, n = at.rpartition(":")
        self._words, self._left = words.upper(), int(n)
        self._armed = False

    def meet(self, what: str) -> None:
        what = what.upper().replace('"', "")
        # A person's first document; an index over them is filled at the start.
        first = what.startswith(
            ("INSERT INTO CONTACTS ", "INSERT INTO CONTACTS(", "INSERT CONTACTS")
        )
        self._armed = self._armed or first
        if self._armed and self._words in what:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Commands(monitoring.CommandListener):
    def __init__(self, death: Death) -> None:
        self._death = death
        self._named: dict[int, tuple[str, int]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        target = event.command.get(event.command_name)
        documents = len(event.command.get("documents", ())) or 1
        self._named[event.request_id] = f"{event.command_name} {target}", documents

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        what, documents = self._named.pop(event.request_id, ("", 0))
        for _ in range(documents):
            self._death.meet(what)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._named.pop(event.request_id, None)


def main() -> None:
    settings = config.load(Path(sys.argv[sys.argv.index("--config") + 1]))
    observe.set_up(settings.log.level, settings.log.format)
    death = Death(os.environ["HUB_DIES_AT"])
    engine: Engine
    if settings.database.url:
        engine = MongoEngine(settings.database.url, listeners=[Commands(death)])
    else:
        engine = SqliteEngine(settings.data.store, serving=True, trace=death.meet)
    asyncio.run(serve(settings, engine=engine))


if __name__ == "__main__":
    main()

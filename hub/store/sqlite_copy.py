"""A copy of the embedded store's file as it stood at one moment, taken while it is written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from hub.errors import ConfigError, UnavailableError


def copy(source: Path, to: Path) -> None:
    """Makes `to` one file that needs no other; blocks, but none who writes the source."""
    try:
        os.close(os.open(to, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        here = sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True)
        try:
            there = sqlite3.connect(to, isolation_level=None)
            try:
                # In one step: the read transaction it takes is the moment of the copy, and
                # in WAL mode nobody waits for it. In several steps each write would begin
                # it anew, and under load it would never end.
                here.backup(there, pages=-1)
                there.execute("PRAGMA journal_mode = DELETE").fetchall()
                told = there.execute("PRAGMA quick_check").fetchone()[0]
            finally:
                there.close()
        finally:
            here.close()
    except sqlite3.Error as error:
        raise UnavailableError(f"{source}: {error}") from error
    except OSError as error:
        raise UnavailableError(f"{to}: {error.strerror}") from error
    if told != "ok":
        raise ConfigError(f"{source} is damaged: {told}")

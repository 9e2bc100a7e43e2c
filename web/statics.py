"""The built front end: names that carry a hash never change, the rest is asked for anew."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from hub.errors import NotFoundError

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_HASHED = re.compile(r".+\.[0-9a-zA-Z]{8,64}\.[a-z0-9]+")


class Statics:
    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._read_at = -1.0
        self._manifest: dict[str, str | list[str]] = {}

    def named(self, name: str) -> str | None:
        """The built file's present name; None when the front end is not built."""
        found = self._listed(name)
        return found if isinstance(found, str) else None

    def parts(self, name: str) -> list[str]:
        """The files that the script of that name needs before it can run."""
        found = self._listed(f"{name} parts")
        return found if isinstance(found, list) else []

    def _listed(self, name: str) -> str | list[str] | None:
        path = self._folder / "manifest.json"
        try:
            changed = path.stat().st_mtime
            if changed != self._read_at:
                self._manifest = msgspec.json.decode(
                    path.read_bytes(), type=dict[str, str | list[str]]
                )
                self._read_at = changed
        except (OSError, msgspec.MsgspecError):
            return None
        return self._manifest.get(name)

    def path(self, name: str) -> Path:
        """The file of that plain name; NotFoundError for anything else."""
        path = self._folder / name
        if not _NAME.fullmatch(name) or path.suffix not in TYPES or not path.is_file():
            raise NotFoundError
        return path

    def is_hashed(self, name: str) -> bool:
        return _HASHED.fullmatch(name) is not None

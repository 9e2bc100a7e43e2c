"""The hub's keys: every purpose signs or encrypts with a key of its own, made of these.

The key file holds 32 random bytes as text, one key a line: the first signs and encrypts, the
others still verify and decrypt. It is made only for a new embedded store; a hub that shares
its store with others must be given the same file as they have.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from hub.errors import ConfigError
from hub.files.storage import sync

KEY_BYTES = 32
KEYS_MAX = 10


class Keys:
    """Signs and verifies; a signature made for one purpose is worth nothing for another."""

    def __init__(self, key: bytes, *older: bytes, path: Path | None = None) -> None:
        self._path = path
        self._read_as: tuple[int, int, int] | None = None
        self._use((key, *older))

    def __len__(self) -> int:
        return len(self._made)

    def sign(self, purpose: str, text: str) -> str:
        """The same text signs to the same 43 characters, fit for a URL or a header."""
        return _armour(_hmac(self.derived(purpose)[0], _bytes(text)))

    def verify(self, purpose: str, text: str, signature: str) -> bool:
        """Whether `sign` made it under any key; takes the same time for every wrong answer."""
        good = False
        for key in self.derived(purpose):
            made = _armour(_hmac(key, _bytes(text)))
            good |= hmac.compare_digest(made.encode(), _bytes(signature))
        return good

    def derived(self, purpose: str) -> Sequence[bytes]:
        """The keys of one purpose, the one in use first."""
        # HKDF (RFC 5869) with one block of output; purposes are names in our code, so the
        # table of derived keys stays small.
        info = purpose.encode() + b"\x01"
        return [
            made.get(purpose) or made.setdefault(purpose, _hmac(pseudorandom, info))
            for pseudorandom, made in self._made
        ]

    def refresh(self) -> bool:
        """Takes over what changed in the file, for a process that serves on; whether it did.

        A file that is gone or unfit meanwhile raises ConfigError and changes nothing.
        """
        if self._path is None or _stamp(self._path) == self._read_as:
            return False
        self._read(self._path)
        return True

    def _read(self, path: Path) -> None:
        stamp = _stamp(path)
        self._use(_decoded(_lines(path)))
        self._read_as = stamp

    def _use(self, keys: Sequence[bytes]) -> None:
        if any(len(key) != KEY_BYTES for key in keys):
            raise ConfigError(f"security.key_file must hold {KEY_BYTES} bytes", field="security")
        made: list[tuple[bytes, dict[str, bytes]]] = [(_hmac(b"otklik", key), {}) for key in keys]
        self._made = made


def load(path: Path, *, make: bool) -> Keys:
    """The keys of that file; makes the file, readable by its owner alone, if told to."""
    if make:
        try:
            if not path.exists():
                _make(path)
        except OSError as error:
            raise _unfit(f"cannot be made: {error.strerror}") from None
    keys = Keys(*_decoded(_lines(path)), path=path)
    keys.refresh()
    return keys


def add(path: Path) -> None:
    """Puts a new key before the one in use; a file that holds several is left as it is."""
    with _alone(path):
        lines = _lines(path)
        if len(lines) == 1:
            _put(path, [_armour(secrets.token_bytes(KEY_BYTES)), *lines])


def drop_older(path: Path) -> None:
    """Leaves only the key in use."""
    with _alone(path):
        _put(path, _lines(path)[:1])


def changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(_stamp(path)[1] / 1e9, UTC)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise _unfit(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unfit(f"cannot be read: {type(error).__name__}") from None
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _decoded(lines: Sequence[str]) -> list[bytes]:
    if not 1 <= len(lines) <= KEYS_MAX:
        raise _unfit("does not hold a key")
    try:
        return [urlsafe_b64decode(line + "=" * (-len(line) % 4)) for line in lines]
    except ValueError:
        raise _unfit("does not hold a key") from None


def _unfit(what: str) -> ConfigError:
    return ConfigError(f"security.key_file: {what}", field="security.key_file")


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        told = path.stat()
    except OSError as error:
        raise _unfit(f"cannot be read: {type(error).__name__}") from None
    return told.st_ino, told.st_mtime_ns, told.st_size


def _make(path: Path) -> None:
    """Writes a new key beside the place and links it there, so nobody reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _written(path, [_armour(secrets.token_bytes(KEY_BYTES))])
    try:
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
    sync(path.parent)


def _put(path: Path, lines: Sequence[str]) -> None:
    """Puts the lines in the place of the file, so that a crash leaves the old or the new."""
    _written(path, lines).replace(path)
    sync(path.parent)


def _written(path: Path, lines: Sequence[str]) -> Path:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    return beside


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two commands that change the file wait for each other."""
    handle = _opened(path.parent)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise _unfit(f"cannot be changed: {error.strerror}") from None
    finally:
        os.close(handle)


def _opened(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unfit(f"cannot be changed: {error.strerror}") from None


def _bytes(text: str) -> bytes:
    """Strangers' headers may hold halves of characters; they sign to something, too."""
    return text.encode(errors="surrogatepass")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _armour(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")

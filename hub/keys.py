"""Signatures under the hub's one key: every purpose signs with a key of its own.

The key file holds 32 random bytes as text. It is made only for the embedded store; a hub
that shares its store with others must be given the same key as they have.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from hub.errors import ConfigError

KEY_BYTES = 32


class Keys:
    """Signs and verifies; a signature made for one purpose is worth nothing for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigError(f"security.key_file must hold {KEY_BYTES} bytes", field="security")
        self._pseudorandom = _hmac(b"otklik", key)
        self._made: dict[str, bytes] = {}

    def sign(self, purpose: str, text: str) -> str:
        """The same text signs to the same 43 characters, fit for a URL or a header."""
        return _armour(_hmac(self._key_for(purpose), text.encode()))

    def verify(self, purpose: str, text: str, signature: str) -> bool:
        """Whether `sign` made it; takes the same time for every wrong answer."""
        return hmac.compare_digest(self.sign(purpose, text).encode(), signature.encode())

    def _key_for(self, purpose: str) -> bytes:
        # HKDF (RFC 5869) with one block of output; purposes are names in our code, so the
        # table of derived keys stays small.
        if purpose not in self._made:
            self._made[purpose] = _hmac(self._pseudorandom, purpose.encode() + b"\x01")
        return self._made[purpose]


def load(path: Path, *, make: bool) -> Keys:
    """The keys of that file; makes the file, readable by its owner alone, if told to."""
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        if not make:
            raise ConfigError(
                "security.key_file: there is no such file", field="security.key_file"
            ) from None
        text = _make(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"security.key_file cannot be read: {type(error).__name__}", field="security.key_file"
        ) from None
    try:
        return Keys(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise ConfigError(
            "security.key_file does not hold a key", field="security.key_file"
        ) from None


def _make(path: Path) -> str:
    """Writes a new key beside the place and links it there, so nobody reads half of one."""
    text = _armour(secrets.token_bytes(KEY_BYTES))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        text = path.read_text("ascii").strip()
    finally:
        beside.unlink()
    return text


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _armour(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")

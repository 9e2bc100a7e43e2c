"""Secrets as the store keeps them: sealed with AES-256-GCM under the keys of the key file.

A sealed value is bound to its document and field, so that it opens nowhere else. A mark in
the store, sealed too, tells a wrong key before anything is served.
"""

from __future__ import annotations

import logging
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypeGuard, get_args, get_origin, get_type_hints

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from hub.errors import ConfigError
from hub.keeping import keys as key_file
from hub.keeping.keys import Keys
from hub.model import Channel, Lock
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import CHANNELS_ALL

PURPOSE = "seal"
SEALED = "$sealed"
MARK = "key"
NONCE_BYTES = 12
SETTLING = timedelta(minutes=1)

log = logging.getLogger(__name__)

SecretFields = Callable[[str], frozenset[str] | None]
"""Which settings of a channel kind are secret; None says all, as for a kind that is unknown."""


class SealError(ConfigError):
    """A secret of the store opens under none of the keys of the key file."""


def secret_fields(settings_type: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that are declared `Annotated[str, Meta(extra={"secret": True})]`."""
    hints = get_type_hints(settings_type, include_extras=True)
    return frozenset(name for name, hint in hints.items() if _is_secret(hint))


def _is_secret(hint: Any) -> bool:
    if get_origin(hint) is not Annotated:
        return any(_is_secret(each) for each in get_args(hint))
    told = [each.extra or {} for each in hint.__metadata__ if isinstance(each, msgspec.Meta)]
    return any(each.get("secret") for each in told) or _is_secret(get_args(hint)[0])


class Vault:
    """Seals and opens the secrets of documents; `fields` says what is one."""

    def __init__(self, keys: Keys, fields: SecretFields = lambda _: None) -> None:
        self._keys = keys
        self._fields = fields

    def seal(self, place: str, value: object) -> dict[str, str]:
        """The value as the store may keep it at that place, and only there."""
        key = self._keys.derived(PURPOSE)[0]
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, msgspec.json.encode(value), place.encode())
        return {SEALED: f"{_name(key)}.{b64encode(nonce + sealed).decode()}"}

    def open(self, place: str, sealed: Mapping[str, object]) -> Any:
        """What was sealed at that place; SealedError without its key."""
        name, _, text = str(sealed.get(SEALED)).partition(".")
        for key in self._keys.derived(PURPOSE):
            if _name(key) == name:
                try:
                    raw = b64decode(text, validate=True)
                    plain = AESGCM(key).decrypt(
                        raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()
                    )
                    return msgspec.json.decode(plain)
                except (InvalidTag, ValueError):
                    break
        raise SealError(f"the secret {place} cannot be opened with security.key_file")

    def sealed(self, channel: Channel) -> Channel:
        """The document with its secrets sealed, as it may be written."""
        wanted = self._wanted(channel)
        settings = {
            name: self.seal(_place(channel, name), value)
            if name in wanted and not is_sealed(value)
            else value
            for name, value in channel.settings.items()
        }
        return replace(channel, settings=settings)

    def opened(self, channel: Channel) -> Channel:
        """The document with its secrets in the clear; never to be written, shown or logged."""
        settings = {
            name: self.open(_place(channel, name), value) if is_sealed(value) else value
            for name, value in channel.settings.items()
        }
        return replace(channel, settings=settings)

    def resealed(self, channel: Channel) -> Channel | None:
        """The document under the key in use, None if it is that already."""
        current = _name(self._keys.derived(PURPOSE)[0])
        held = filter(is_sealed, channel.settings.values())
        bare = any(not is_sealed(channel.settings[name]) for name in self._wanted(channel))
        if not bare and all(str(value[SEALED]).startswith(f"{current}.") for value in held):
            return None
        return self.sealed(self.opened(channel))

    def refresh(self) -> None:
        """Takes over a changed key file; one that is unfit changes nothing and is told."""
        try:
            if self._keys.refresh():
                log.info("keys.read")
        except ConfigError as error:
            log.error("keys.unfit", extra={"reason": str(error)})

    async def check(self, engine: Engine, path: Path) -> None:
        """Raises ConfigError if the store was written with other keys; marks a new store."""
        mark = await engine.get(Lock, MARK)
        if mark is None:
            try:
                await engine.write(Insert(Lock(id=MARK, value=self._mark())))
            except TakenError:
                mark = await engine.get(Lock, MARK)
        if mark is None:
            return
        try:
            self.open(MARK, {SEALED: mark.value})
        except SealError:
            raise ConfigError(
                f"security.key_file: {path} is not the key that this store was written with",
                field="security.key_file",
            ) from None

    async def reseal(self, engine: Engine) -> int:
        """Brings every secret of the store under the key in use; how many documents changed."""
        changed = 0

        def remade(lock: Lock) -> Lock | None:
            # Opened first: what cannot be opened must not be written over.
            self.open(MARK, {SEALED: lock.value})
            current = lock.value.startswith(f"{_name(self._keys.derived(PURPOSE)[0])}.")
            return None if current else replace(lock, value=self._mark())

        await engine.change(Lock, MARK, remade)
        after = None
        while True:
            page = await engine.find(CHANNELS_ALL, after=after, limit=200)
            for channel in page.items:
                if self.resealed(channel) is not None:
                    await engine.change(Channel, channel.id, self.resealed)
                    changed += 1
            if (after := page.next) is None:
                return changed

    def _wanted(self, channel: Channel) -> frozenset[str]:
        names = frozenset(channel.settings)
        wanted = self._fields(channel.kind)
        return names if wanted is None else names & wanted

    def _mark(self) -> str:
        return self.seal(MARK, MARK)[SEALED]


def is_sealed(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict) and list(value) == [SEALED]


async def rotate(engine: Engine, vault: Vault, path: Path) -> int:
    """A new key first, and everything under it; what was cut short is taken up again.

    Serving processes read the file within seconds and go on with both keys.
    """
    key_file.add(path)
    vault.refresh()
    return await vault.reseal(engine)


async def finish(engine: Engine, vault: Vault, path: Path, now: datetime) -> int:
    """Drops the older keys once nothing is sealed under them."""
    vault.refresh()
    # A process that has not yet read the file might seal something under the older key.
    if now - key_file.changed_at(path) < SETTLING:
        raise ConfigError(
            "security.key_file was changed less than a minute ago; finish when every process "
            "has read it",
            field="security.key_file",
        )
    changed = await vault.reseal(engine)
    key_file.drop_older(path)
    return changed


def _place(channel: Channel, field: str) -> str:
    return f"channels:{channel.id}:{field}"


def _name(key: bytes) -> str:
    """Tells keys apart and nothing else of them."""
    return sha256(b"name" + key).hexdigest()[:12]

"""Secrets of the store: unreadable without the key, bound to their place, under changing keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from msgspec.structs import replace

from hub import model
from hub.bus import LocalBus
from hub.channels.in_use import Channels, put
from hub.channels.port import ChannelKind
from hub.errors import ConfigError
from hub.keeping import keys as key_file
from hub.keeping.keys import Keys
from hub.keeping.secrets import SEALED, SealError, Vault, finish, is_sealed, rotate, secret_fields
from hub.model import Channel, ChannelId, Lock, ProjectId
from hub.store.engine import Engine, Insert
from tests.scripted import Platform
from tests.spine import START

TOKEN = "12345:a-very-secret-token"


class Settings(msgspec.Struct, frozen=True):
    token: Annotated[str, Meta(min_length=1, extra={"secret": True})]
    spare: Annotated[str, Meta(extra={"secret": True})] | None = None
    group: str = ""


FIELDS = secret_fields(Settings)


def vault(*keys: bytes) -> Vault:
    return Vault(Keys(*keys or (b"k" * 32,)), lambda kind: FIELDS if kind == "bot" else None)


def channel(**settings: object) -> Channel:
    return Channel(
        id="bot",
        project=ProjectId("shop"),
        kind="bot",
        name="Bot",
        settings={"token": TOKEN, "group": "g1"} | settings,
        created_at=START,
    )


def test_a_kind_says_which_of_its_settings_are_secret() -> None:
    assert {"token", "spare"} == FIELDS


def test_only_secrets_are_sealed_and_they_open_again() -> None:
    sealed = vault().sealed(channel())

    assert TOKEN not in repr(sealed)
    assert sealed.settings["group"] == "g1"
    assert vault().opened(sealed) == channel()
    assert vault().sealed(sealed) == sealed
    assert is_sealed(vault().sealed(replace(channel(), kind="unheard of")).settings["group"])


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists), st.text(), st.text())
def test_a_secret_opens_in_its_place_only(value: Any, place: str, other: str) -> None:
    box = vault()
    sealed = box.seal(place, value)
    assert box.open(place, sealed) == value
    assert box.seal(place, value) != sealed
    if other != place:
        with pytest.raises(SealError):
            box.open(other, sealed)
    with pytest.raises(SealError):
        vault(b"x" * 32).open(place, sealed)


@given(st.text(max_size=80), st.integers(0, 200))
def test_a_secret_that_was_tampered_with_is_refused_and_not_shown(text: str, at: int) -> None:
    sealed = vault().seal("p", TOKEN)[SEALED]
    bent = sealed[: at % len(sealed)] + text
    if bent != sealed:
        with pytest.raises(SealError) as caught:
            vault().open("p", {SEALED: bent})
        assert TOKEN not in str(caught.value)


async def test_the_store_never_holds_the_secret_and_the_adapter_gets_it(
    engine: Engine, tmp_path: Path
) -> None:
    built: list[Channel] = []

    def build(document: Channel) -> ChannelKind[Any]:
        built.append(document)
        return Platform(ChannelId(document.id))

    await put(engine, vault(), channel())
    kept = await engine.get(Channel, "bot")
    assert kept is not None
    assert TOKEN not in repr(kept)
    await put(engine, vault(), channel())
    assert await engine.get(Channel, "bot") == kept, "nothing changed, so nothing is written"
    await put(engine, vault(), channel(token="another"))
    assert await engine.get(Channel, "bot") != kept

    channels = Channels(engine, LocalBus(), build, vault())
    await channels.refresh()
    assert [each.settings["token"] for each in built] == ["another"]
    assert "another" not in repr(channels.document("bot"))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes()


async def test_a_store_written_with_another_key_is_refused_by_the_key_files_name(
    engine: Engine,
) -> None:
    path = Path("/etc/hub.key")
    await vault().check(engine, path)
    await vault().check(engine, path)
    await vault(b"n" * 32, b"k" * 32).check(engine, path)
    with pytest.raises(ConfigError, match=r"/etc/hub\.key") as caught:
        await vault(b"x" * 32).check(engine, path)
    assert caught.value.field == "security.key_file"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hub.key"
    key_file.load(path, make=True)
    return path


def aged(path: Path) -> None:
    """As if the key file had been changed two minutes ago."""
    before = path.stat().st_mtime - 120
    os.utime(path, (before, before))


def opened(path: Path) -> Vault:
    return Vault(key_file.load(path, make=False), lambda _: FIELDS)


async def test_a_new_key_takes_over_while_another_process_serves(
    engine: Engine, path: Path
) -> None:
    serving = opened(path)
    await serving.check(engine, path)
    await put(engine, serving, channel())
    started: list[object] = []

    def build(document: Channel) -> ChannelKind[Any]:
        started.append(document.settings["token"])
        return Platform(ChannelId(document.id))

    channels = Channels(engine, LocalBus(), build, serving)
    await channels.refresh()
    older = path.read_text()

    assert await rotate(engine, opened(path), path) == 1
    assert path.read_text().splitlines()[1:] == older.splitlines()
    assert path.stat().st_mode & 0o777 == 0o600
    assert await rotate(engine, opened(path), path) == 0, "a second time there is nothing to do"
    await channels.refresh()
    assert started == [TOKEN, TOKEN]

    with pytest.raises(ConfigError, match="less than a minute"):
        await finish(engine, opened(path), path, model.now())
    aged(path)
    assert await finish(engine, opened(path), path, model.now()) == 0
    assert len(path.read_text().splitlines()) == 1
    assert path.read_text() not in older
    fresh = opened(path)
    await fresh.check(engine, path)
    kept = await engine.get(Channel, "bot")
    assert kept is not None
    assert fresh.opened(kept).settings["token"] == TOKEN
    (path.parent / "old.key").write_text(older)
    with pytest.raises(ConfigError):
        await opened(path.parent / "old.key").check(engine, path)


async def test_what_was_sealed_with_the_older_key_meanwhile_is_taken_along_by_the_finish(
    engine: Engine, path: Path
) -> None:
    stale = opened(path)
    await stale.check(engine, path)
    await rotate(engine, opened(path), path)
    await put(engine, stale, channel())
    aged(path)

    assert await finish(engine, opened(path), path, model.now()) == 1
    kept = await engine.get(Channel, "bot")
    assert kept is not None
    assert opened(path).opened(kept).settings["token"] == TOKEN


@pytest.mark.parametrize("steps", range(4))
async def test_a_rotation_that_was_cut_short_is_taken_up_again(
    engine: Engine, path: Path, steps: int
) -> None:
    box = opened(path)
    await box.check(engine, path)
    for n in range(3):
        await put(engine, box, replace(channel(), id=f"bot-{n}"))
    key_file.add(path)
    box = opened(path)
    for n in range(steps):
        await engine.change(Channel, f"bot-{n}", box.resealed)

    assert await rotate(engine, opened(path), path) == 3 - steps
    assert len(path.read_text().splitlines()) == 2
    aged(path)
    await finish(engine, opened(path), path, model.now())
    for n in range(3):
        kept = await engine.get(Channel, f"bot-{n}")
        assert kept is not None
        assert opened(path).opened(kept).settings["token"] == TOKEN


async def test_a_channel_goes_on_until_the_key_that_it_was_sealed_with_is_here_too(
    engine: Engine, path: Path
) -> None:
    serving = opened(path)
    await put(engine, serving, channel())
    started: list[object] = []

    def build(document: Channel) -> ChannelKind[Any]:
        started.append(document.settings["token"])
        return Platform(ChannelId(document.id))

    channels = Channels(engine, LocalBus(), build, serving)
    await channels.refresh()
    live = channels.get("bot")
    elsewhere = path.with_name("other-machine.key")
    elsewhere.write_text(path.read_text())
    key_file.add(elsewhere)
    await put(engine, opened(elsewhere), channel(token="new"))

    await channels.refresh()
    assert channels.get("bot") is live
    elsewhere.replace(path)
    await channels.refresh()
    assert channels.get("bot") is not live
    assert started == [TOKEN, "new"]


async def test_a_mark_that_cannot_be_opened_is_never_written_over(engine: Engine) -> None:
    await engine.write(Insert(Lock(id="key", value="no.thing")))
    with pytest.raises(SealError):
        await vault().reseal(engine)


def test_a_signature_of_an_older_key_is_still_known_and_a_new_one_is_of_the_first() -> None:
    old, new, both = Keys(b"o" * 32), Keys(b"n" * 32), Keys(b"n" * 32, b"o" * 32)
    assert both.sign("a", "b") == new.sign("a", "b")
    for each in (old, new):
        assert both.verify("a", "b", each.sign("a", "b"))
    assert not new.verify("a", "b", old.sign("a", "b"))


def test_a_serving_process_reads_a_changed_key_file_and_keeps_its_keys_if_it_is_unfit(
    path: Path,
) -> None:
    keys = key_file.load(path, make=False)
    before = keys.sign("a", "b")
    assert not keys.refresh()
    key_file.add(path)
    assert keys.refresh()
    assert keys.sign("a", "b") != before
    assert keys.verify("a", "b", before)
    path.write_text("nonsense\n")
    with pytest.raises(ConfigError):
        keys.refresh()
    Vault(keys).refresh()
    assert keys.verify("a", "b", before)


@pytest.mark.parametrize("lines", ["", "# only words\n", "short\n", f"{'A' * 43}\nshort\n"])
def test_a_key_file_with_an_unfit_line_is_refused(tmp_path: Path, lines: str) -> None:
    (tmp_path / "hub.key").write_text(lines)
    with pytest.raises(ConfigError):
        key_file.load(tmp_path / "hub.key", make=True)

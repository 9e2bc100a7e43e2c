"""Whether the Asterisk of this machine can read the sounds made for it, where that is certain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from telephony.asterisk import AsteriskSettings, Runs, unread

HERE = AsteriskSettings(api_url="http://127.0.0.1:8088/ari", user="hub", password="secret")
STRANGER, GROUP = 61_234, 61_235


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder to which everybody has a way."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o711)
        if any(not each.stat().st_mode & 0o1 for each in folder.parents):
            pytest.fail(f"{folder.parent} is closed to others")
        yield folder


def runs(folder: Path, uid: int, *groups: int, pids: str = "7", name: str = "asterisk") -> Path:
    """The processes of a machine, one of them an Asterisk."""
    proc = folder / "proc"
    for pid, comm in (("1", "systemd"), ("7", name)):
        (proc / pid).mkdir(parents=True, exist_ok=True)
        (proc / pid / "comm").write_text(f"{comm}\n")
        (proc / pid / "status").write_text(
            f"Name:\t{comm}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t5\t5\t5\t5\n"
            f"Groups:\t{' '.join(map(str, groups))} \nNSpid:\t{pids}\n"
        )
    (proc / "9").mkdir(exist_ok=True)
    return proc


def sounds(folder: Path, mode: int, file: int = 0o640) -> Path:
    made = folder / "speech"
    made.mkdir()
    (made / "t-0.wav").write_bytes(b"RIFF")
    (made / "t-0.wav").chmod(file)
    made.chmod(mode)
    return made


def test_a_folder_that_is_closed_to_it_is_named(folder: Path) -> None:
    made = sounds(folder, 0o700)
    assert unread(HERE, made, runs(folder, STRANGER)) == made
    assert unread(HERE, made / "deeper", runs(folder, STRANGER)) == made


def test_a_sound_that_is_not_for_it_is_named(folder: Path) -> None:
    made = sounds(folder, 0o755, 0o600)
    assert unread(HERE, made, runs(folder, STRANGER)) == made / "t-0.wav"


def test_nothing_is_said_where_it_reads(folder: Path) -> None:
    made = sounds(folder, 0o711, 0o644)
    assert unread(HERE, made, runs(folder, STRANGER)) is None
    made.chmod(0o700)
    assert unread(HERE, made, runs(folder, 0)) is None, "root reads everything"
    if os.getuid():
        assert unread(HERE, made, runs(folder, os.getuid())) is None


def test_nothing_is_said_where_it_cannot_be_known(folder: Path) -> None:
    made = sounds(folder, 0o700)
    elsewhere = replace(HERE, api_url="http://pbx.example.com:8088/ari")
    assert unread(elsewhere, made, runs(folder, STRANGER)) is None
    assert unread(replace(HERE, sounds="/mnt/speech"), made, runs(folder, STRANGER)) is None
    assert unread(HERE, made, runs(folder, STRANGER, name="mysqld")) is None
    assert unread(HERE, made, runs(folder, STRANGER, pids="7 1")) is None, "in a container"
    assert unread(HERE, folder / "none", runs(folder, STRANGER)) is None


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "reads"),
    [
        (0o400, STRANGER, (), True),
        (0o044, STRANGER, (GROUP,), False),
        (0o040, STRANGER + 1, (GROUP,), True),
        (0o404, STRANGER + 1, (GROUP,), False),
        (0o004, STRANGER + 1, (), True),
        (0o770, STRANGER + 1, (), False),
        (0o000, 0, (), True),
    ],
)
def test_the_first_of_owner_group_and_others_decides(
    mode: int, uid: int, groups: tuple[int, ...], reads: bool
) -> None:
    what = os.stat_result((mode, 0, 0, 1, STRANGER, GROUP, 0, 0, 0, 0))
    assert Runs(uid, frozenset(groups)).may(what, 0o4) is reads

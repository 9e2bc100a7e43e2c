from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.keeping.keys import Keys, load

KEYS = Keys(bytes(range(32)))


@given(st.text(), st.text(), st.text())
def test_a_signature_is_good_for_its_text_and_purpose_only(
    purpose: str, text: str, other: str
) -> None:
    made = KEYS.sign(purpose, text)
    assert KEYS.verify(purpose, text, made)
    assert KEYS.verify(purpose, other, made) == (other == text)
    assert KEYS.verify(other, text, made) == (other == purpose)
    assert not KEYS.verify(purpose, text, other)
    assert not Keys(bytes(32)).verify(purpose, text, made)


def test_a_purposes_key_is_what_hkdf_says() -> None:
    hkdf = HKDF(SHA256(), 32, salt=b"otklik", info=b"file")
    assert list(KEYS.derived("file")) == [hkdf.derive(bytes(range(32)))]


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "hub.key"
    made = load(path, make=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(path, make=False).verify("a", "b", made.sign("a", "b"))
    assert load(path, make=True).verify("a", "b", made.sign("a", "b"))
    assert [each.name for each in path.parent.iterdir()] == ["hub.key"]


def test_a_key_is_not_made_where_it_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "hub.key", make=False)
    assert "security.key_file" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"x" * 100, b"A"])
def test_a_file_that_holds_no_key_is_refused_without_being_shown(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "hub.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, make=True)
    assert "security.key_file" in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, make=True)

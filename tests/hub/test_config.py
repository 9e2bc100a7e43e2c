"""What may stand in config.toml, and what is said about what may not."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.config import KEYS, Secret, Settings, load, settings
from hub.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "config.toml"


def refusal(text: str, folder: Path) -> ConfigError:
    (folder / "config.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(folder / "config.toml")
    return caught.value


def test_the_shipped_file_shows_every_key_with_its_default_and_nothing_else(
    tmp_path: Path,
) -> None:
    shipped = tomllib.loads(SHIPPED.read_text())
    keys = [
        f"{section}.{name}"
        for section, table in shipped.items()
        if section not in ("projects", "channels")
        for name in table
    ]

    assert keys == KEYS
    assert settings(shipped, tmp_path) == settings({}, tmp_path)


def test_every_key_of_the_shipped_file_has_a_comment_of_its_own() -> None:
    lines = [line for line in SHIPPED.read_text().splitlines() if line]
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if " = " in line and not line.startswith("#") and not before.startswith("# ")
    ]
    assert bare == []


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    got = load()

    assert got.server.port == 8080
    assert got.data.store == tmp_path / "data" / "hub.db"
    assert got.data.files == tmp_path / "data" / "files"
    assert got.speech.dir == tmp_path / "data" / "speech"
    assert got.security.key_file == tmp_path / "data" / "hub.key"


def test_the_file_of_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("[server]\nport = 81\n")
    monkeypatch.chdir(tmp_path)

    assert load().server.port == 81


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


def test_relative_paths_are_meant_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[data]\ndir = "elsewhere"\n[security]\nkey_file = "/run/keys/hub"\n'
        '[speech]\ndir = "said"\n'
    )
    got = load(tmp_path / "config.toml")

    assert got.data.dir == tmp_path / "elsewhere"
    assert got.speech.dir == tmp_path / "said"
    assert got.security.key_file == Path("/run/keys/hub")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[server]\nprot = 80", "server.prot", "did you mean server.port?"),
        ("[servers]\nport = 80", "servers", "unknown key"),
        ("server = 1", "server", "expected `object`, got `int`"),
        ('[server]\nport = "80"', "server.port", "expected `int`, got `str`"),
        ("[server]\nport = 65536", "server.port", "expected `int` <= 65535"),
        ("[server]\nport = true", "server.port", "expected `int`, got `bool`"),
        ('[server]\npublic_url = "chat.example.com"', "server.public_url", "must look like"),
        ('[server]\npublic_url = "https://a:x"', "server.public_url", "must look like"),
        ('[server]\npublic_url = "https://[a"', "server.public_url", "must look like"),
        ('[server]\npublic_url = "https://a.b/c"', "server.public_url", "must end after"),
        ('[server]\npublic_url = "https://u:p@a.b"', "server.public_url", "must end after"),
        ('[server]\ntrusted_proxies = "10.0.0.1"', "server.trusted_proxies", "expected `array`"),
        (
            '[server]\ntrusted_proxies = ["10.0.0.1", "me"]',
            "server.trusted_proxies[1]",
            "is not an address",
        ),
        ('[log]\nlevel = "loud"', "log.level", "must be one of debug, info, warning, error"),
        ("[log]\nformat = 3", "log.format", "expected `str`"),
        ("[data]\ndir = 3", "data.dir", "expected `str`"),
        ('[projects.a]\n[projects.shop]\nlang = "fr"', "projects.shop.lang", "one of ru, en"),
        ("[projects.shop]\nnme = 1", "projects.shop.nme", "unknown key"),
        ('[projects.shop]\nzone = "Mars/Base"', "projects.shop.zone", ""),
        ('[projects.shop]\nhours = ["25:00-26:00"]', "projects.shop.hours", ""),
        ("[projects.shop]\nhours = [9]", "projects.shop.hours[0]", "expected `str`"),
        ('[projects."a b"]', "projects.a b", "small letters"),
        ("[channels.site]\nkind = 1", "channels.site.kind", "expected `str`"),
        ('[channels.site]\nproject = "shop"', "channels.site.project", "no such project"),
        ('[data]\ndir = "a\\u0000b"', "data.dir", "without a zero character"),
        ("[limits]\nfile_max_bytes = -1", "limits.file_max_bytes", "expected `int` >= 1000"),
        ('[database]\nurl = "postgres://x"', "database.url", "must be empty or start with"),
        ('[database]\nurl = "mongodb://h/hub"', "security.key_file", "must be given"),
        ('[database]\nurl = "env:"', "database.url", "environment variable it names is not set"),
        ('[database]\nurl = "file:no"', "database.url", "the file it names cannot be read"),
        ('[redis]\nurl = "http://x"', "redis.url", "must be empty or start with redis://"),
        ('[redis]\nurl = "redis://h:port"', "redis.url", "is not an address"),
        ('[speech]\ncommand = "piper"', "speech.command", "expected `array`"),
        ('[speech]\ncommand = ["a", "{text}"]', "speech.command[1]", "knows only {text_file}"),
        ('[speech]\ncommand = ["a", "\\u0000"]', "speech.command[1]", "nobody sees"),
        ('[speech]\ncommand = [""]', "speech.command[0]", "the name of a program"),
        ('[redis]\nurl = "redis://:changeme@h"', "redis.url", "still holds an example secret"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_its_name(
    text: str, key: str, words: str, tmp_path: Path
) -> None:
    error = refusal(text, tmp_path)

    assert error.field == key
    assert str(error).startswith(f"{key}: ")
    assert words in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://hub:changeme@db/hub",
        "mongodb+srv://hub:<password>@db/hub",
        "mongodb://hub:Change-Me@db/hub",
        "changeme",
    ],
)
def test_an_example_secret_is_refused(url: str, tmp_path: Path) -> None:
    error = refusal(f'[database]\nurl = "{url}"\n[security]\nkey_file = "key"', tmp_path)

    assert str(error) == "database.url: still holds an example secret; put your own"


def test_a_secret_comes_from_the_environment_or_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TEST_URL", "mongodb://hub:q7wz@db/hub")
    (tmp_path / "url").write_text("mongodb://hub:q7wz@db/hub\n")
    keyed = {"security": {"key_file": "key"}}

    by_name = settings(keyed | {"database": {"url": "env:HUB_TEST_URL"}}, tmp_path)
    by_file = settings(keyed | {"database": {"url": "file:url"}}, tmp_path)

    assert by_name.database.url == by_file.database.url == "mongodb://hub:q7wz@db/hub"
    assert by_name.security.key_file == tmp_path / "key"


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("\n")
    assert "the file it names is empty" in str(refusal('[database]\nurl = "file:url"', tmp_path))


def test_printed_settings_do_not_show_a_secret(tmp_path: Path) -> None:
    got = settings(
        {
            "database": {"url": "mongodb://hub:q7wz@db/hub"},
            "security": {"key_file": "key"},
        },
        tmp_path,
    )
    assert "q7wz" not in repr(got)
    assert repr(Secret()) == "Secret('')"


def test_a_public_address_is_kept_without_its_last_slash(tmp_path: Path) -> None:
    got = settings({"server": {"public_url": "https://chat.example.com:8443/"}}, tmp_path)
    assert got.server.public_url == "https://chat.example.com:8443"


@pytest.mark.parametrize(
    "text", ['key = "q7wz', "[a]\nq7wz", "a = [" * 2_000, "q7wz = q7wz", 'a = "\\q7wz"']
)
def test_a_broken_file_is_refused_with_the_place_and_without_its_text(
    text: str, tmp_path: Path
) -> None:
    error = refusal(text, tmp_path)

    assert "not valid TOML" in str(error)
    assert "q7wz" not in str(error)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'a = "\xff"')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(tmp_path / "config.toml")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().server = Settings().server  # type: ignore[misc]


wild = st.recursive(
    st.text(max_size=20) | st.integers() | st.booleans() | st.floats() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@given(
    key=st.sampled_from(KEYS),
    value=wild | st.text(alphabet="q7wz:/@<>.", min_size=1, max_size=40).map("q7wz".__add__),
)
@example(key="log.level", value="q7wz")
@example(key="database.url", value="mongodb://q7wz:changeme@h")
def test_whatever_stands_at_a_key_it_is_taken_or_refused_by_name_and_never_told(
    key: str, value: object
) -> None:
    section, name = key.split(".")
    said = ConfigError("", field=key)
    try:
        settings({section: {name: value}}, Path("/nowhere"))
    except ConfigError as error:
        said = error
    assert said.field.startswith(key) or said.field == "security.key_file"
    assert "q7wz" not in str(said)

"""The command line: what it prints, what it refuses and with which exit code."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hub import demo as demonstration
from hub.__main__ import Stop, main, parser
from hub.config import load
from hub.errors import HubError

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("logging_as_before")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `hub` with the words on the settings given, in a folder of its own."""
    config = tmp_path / "config.toml"
    config.write_text("")

    def hub(*words: str, settings: str = "") -> tuple[int, str, str]:
        if settings:
            config.write_text(settings)
        code = main(["--config", str(config), *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return hub


def code_in(printed: str) -> str:
    return printed.split("code ")[1].split()[0]


def test_an_unknown_key_is_refused_by_its_name_with_exit_2(run: Run) -> None:
    code, out, err = run(
        "run", settings='[server]\nprot = 80\npublic_url = "https://s3cret.example"\n'
    )
    assert code == 2
    assert "server.prot" in err
    assert "server.port" in err
    assert "s3cret" not in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ('[server]\nport = "a"\n', "server.port"),
        ("[server]\nport = 70000\n", "server.port"),
        ('[projects.main]\nzone = "Mars/Base"\n', "projects.main.zone"),
        ('[projects.main]\nhours = ["25:00–26:00"]\n', "projects.main.hours"),
        ('[channels.site]\nproject = "other"\n', "channels.site.project"),
        ('[database]\nurl = "mongodb://localhost/hub"\n', "security.key_file"),
        ("not toml", "config.toml"),
    ],
)
def test_a_bad_value_is_refused_by_its_key_with_exit_2(run: Run, settings: str, key: str) -> None:
    code, _, err = run("check", settings=settings)
    assert code == 2
    assert key in err
    assert "Traceback" not in err


@pytest.mark.parametrize("host", ["..", "x" * 100, "no such host", "http://[::1"])
def test_a_host_that_is_none_is_refused_by_its_key(run: Run, host: str) -> None:
    code, _, err = run("run", settings=f'[server]\nport = 0\nhost = "{host}"\n')
    assert (code, err.splitlines()[-1]) == (2, f"hub: server.host: {host} cannot be found")


@pytest.mark.parametrize("key", ["data.dir", "security.key_file"])
def test_a_name_that_no_folder_can_hold_is_refused_by_its_key(run: Run, key: str) -> None:
    section, name = key.split(".")
    code, _, err = run("user", "add", "olga", settings=f'[{section}]\n{name} = "{"x" * 5_000}"\n')
    assert code == 2
    assert err.startswith(f"hub: {key}: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("table", ["nowhere.csv", "."])
def test_a_table_that_cannot_be_read_is_named(run: Run, table: str, tmp_path: Path) -> None:
    code, _, err = run("import", "--channel", "site", str(tmp_path / table))
    assert (code, err.startswith(f"hub: {tmp_path / table}: ")) == (2, True)


def test_an_added_operator_gets_a_code_and_a_second_of_that_name_is_refused(run: Run) -> None:
    code, out, _ = run("user", "add", "olga", "--name", "Ольга", "--role", "admin")
    assert code == 0
    assert len(code_in(out)) >= 8
    code, _, err = run("user", "add", "olga")
    assert code == 1
    assert "login_taken" in err


def test_an_operator_of_an_unknown_project_is_refused(run: Run) -> None:
    code, _, err = run("user", "add", "olga", "--project", "nowhere", "--lang", "en")
    assert code == 1
    assert "Traceback" not in err


def test_a_password_is_read_from_standard_input_and_must_be_good(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("user", "add", "olga")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, _, err = run("user", "passwd", "olga")
    assert code == 1
    assert "password" in err
    monkeypatch.setattr("sys.stdin", io.StringIO("long enough 1\n"))
    code, out, _ = run("user", "passwd", "olga")
    assert code == 0
    assert "long enough" not in out


def test_a_code_is_printed_instead_of_a_password_when_asked_for(run: Run) -> None:
    run("user", "add", "olga")
    code, out, _ = run("user", "passwd", "olga", "--code")
    assert code == 0
    assert code_in(out)


def test_an_unknown_operator_is_named(run: Run) -> None:
    code, _, err = run("user", "passwd", "nobody", "--code")
    assert code == 2
    assert "nobody" in err


def test_check_says_in_words_what_works(run: Run) -> None:
    code, out, _ = run("check")
    assert code == 0
    assert "FAIL" not in out
    for words in ("store", "key file", "files", "channel site", "front end"):
        assert words in out


def test_check_says_that_there_is_no_file_of_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 0
    assert "no config.toml in this folder" in capsys.readouterr().out


def test_check_names_a_voice_that_is_not_there(run: Run) -> None:
    code, out, _ = run("check", settings='[speech]\ncommand = ["no-such-voice", "{out}"]\n')
    assert code == 1
    assert "FAIL  voice: speech.command names no-such-voice, which is not found" in out


def test_check_says_whether_redis_answers(run: Run, redis_url: str) -> None:
    code, out, _ = run("check", settings=f'[redis]\nurl = "{redis_url}"\n')
    assert code == 0
    assert "ok    redis: answers" in out
    code, out, _ = run("check", settings='[redis]\nurl = "redis://127.0.0.1:1"\n')
    assert code == 1
    assert "FAIL  redis: does not answer" in out


def test_check_says_why_the_server_takes_no_letters(run: Run) -> None:
    mail = '[mail]\nurl = "smtp://hub:a-word@127.0.0.1:9"\nsender = "hub@example.com"\n'
    code, out, _ = run("check", settings=mail)
    assert code == 1
    assert "FAIL  mail: the server takes no letters: offline" in out
    assert "a-word" not in out


def test_a_process_among_several_names_what_it_lacks(run: Run) -> None:
    for verb in ("web", "worker"):
        code, _, err = run(verb)
        assert code == 2
        assert "database.url" in err
        assert "hub run" in err


def test_check_names_a_channel_whose_settings_cannot_be_used(run: Run) -> None:
    code, out, _ = run("check", settings="[channels.site]\nsettings = { origins = 5 }\n")
    assert code == 1
    assert "FAIL  channel site" in out


def test_check_names_a_store_that_does_not_answer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hub.key").write_text("A" * 43)
    code, out, _ = run(
        "check",
        settings='[database]\nurl = "mongodb://127.0.0.1:9/hub?serverSelectionTimeoutMS=200"\n'
        '[security]\nkey_file = "hub.key"\n',
    )
    assert code == 1
    assert "FAIL  store" in out


def test_check_names_a_key_file_that_is_not_there(run: Run) -> None:
    code, out, _ = run(
        "check",
        settings='[database]\nurl = "mongodb://127.0.0.1:9/hub"\n[security]\nkey_file = "no.key"\n',
    )
    assert code == 1
    assert "security.key_file" in out


def test_check_names_a_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "files").write_text("a file where a folder should be")
    code, out, _ = run("check")
    assert code == 1
    assert "FAIL  files" in out


def test_the_demo_never_uses_the_real_store_or_key(tmp_path: Path) -> None:
    (tmp_path / "hub.key").write_text("A" * 43)
    (tmp_path / "config.toml").write_text(
        '[database]\nurl = "mongodb://db.example/real"\n[security]\nkey_file = "hub.key"\n'
    )
    real = load(tmp_path / "config.toml")
    demo = demonstration.settings_of(real)
    assert demo.database.url == ""
    assert demo.data.store == tmp_path / "data" / "demo" / "hub.db"
    assert demo.speech.dir == tmp_path / "data" / "demo" / "speech"
    assert demo.security.key_file != real.security.key_file
    assert "main" not in demo.projects


@pytest.mark.parametrize("words", [[], ["run"], ["demo"], ["check"], ["user"], ["user", "add"]])
def test_help_is_worth_reading(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args([*words, "--help"])
    assert left.value.code == 0
    assert len(capsys.readouterr().out.split()) > 5


async def test_a_process_that_was_told_to_stop_ends_well_and_one_that_fell_does_not() -> None:
    told = Stop()
    os.kill(os.getpid(), signal.SIGTERM)
    await told.asked.wait()
    told.check()

    fallen = Stop()
    fallen.fall()
    await fallen.asked.wait()
    with pytest.raises(HubError):
        fallen.check()

"""Texts said by a voice of this machine and recordings played, made once and kept for a while."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hub.calls.script import Say
from hub.calls.speech import (
    MUTE,
    RECORDING_MAX_BYTES,
    NoVoiceError,
    Quality,
    Recording,
    Voice,
    VoiceError,
)
from hub.errors import NotFoundError, TooLargeError
from hub.files.kept import RECORDING
from hub.hub import Hub
from hub.texts import Lang
from telephony.voice.audio import NoSoundError, TooLongError
from telephony.voice.speech import KEPT, ROOM_BYTES, Spoken, given, look
from tests.spine import BAKERY, SHOP, Clock
from tests.telephony.voices import Told, heard, loudness, tone, wav

HELLO = Say(text="Клиент $name$")
ANNA = {"name": "Анна"}

Make = Callable[..., Spoken]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "voice")


@pytest.fixture
def make(hub: Hub, tmp_path: Path, clock: Clock) -> Make:
    def make(*command: str, room_bytes: int = ROOM_BYTES) -> Spoken:
        folders = (tmp_path / "speech", tmp_path / "models")
        return Spoken(*folders, hub.files, clock, command, room_bytes)

    return make


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts the only programs of this test where programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, does: str = "exit 1") -> Path:
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o700)
        return folder / name

    return put


def kept(tmp_path: Path) -> list[str]:
    return sorted(each.name for each in (tmp_path / "speech").iterdir())


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def say(spoken: Spoken, text: Say = HELLO, lang: Lang = "ru") -> Path:
    path = await spoken.say(text, ANNA, lang, SHOP)
    assert path is not None
    return path


@pytest.mark.parametrize(
    ("out", "text"),
    [("{out}", "{text_file}"), ("-", "{text_file}"), ("{out}", ""), ("-", "")],
    ids=["files", "to its output", "from its input", "both"],
)
async def test_a_text_becomes_what_telephones_play(
    out: str, text: str, make: Make, told: Told
) -> None:
    path = await say(make(*told.command(out, text)))
    assert path.is_absolute()
    assert path.suffix == ".wav"
    assert loudness(heard(path), 440) == pytest.approx(0.5, abs=0.01)
    assert told.said == ["Клиент Анна"]


async def test_the_same_text_is_said_once(make: Make, told: Told) -> None:
    spoken = make(*told.command())
    paths = await asyncio.gather(*(say(spoken) for _ in range(10)))
    assert set(paths) == {await say(make(*told.command()))}
    assert told.said == ["Клиент Анна"]


async def test_another_text_language_or_voice_is_another_sound(make: Make, told: Told) -> None:
    spoken = make(*told.command())
    paths = {
        await say(spoken),
        await say(spoken, Say(text="Другой текст")),
        await say(spoken, lang="en"),
        await say(make(*told.command("-"))),
    }
    assert len(paths) == 4


async def test_a_text_is_never_an_argument_of_a_program(
    make: Make, programs: Callable[..., Path], tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    programs("talker", f'echo "$@" > "{asked}"; exit 1')
    evil = Say(text="-o x; touch {out} {text_file} $name$")
    with pytest.raises(VoiceError):
        await say(make("talker", "-w", "{out}", "-l{lang}", "{unknown}", "-f", "{text_file}"), evil)
    options = asked.read_text().split()
    assert [options[0], options[2], options[3], options[4]] == ["-w", "-lru", "{unknown}", "-f"]
    assert len(options) == 6
    assert kept(tmp_path) == []


async def test_nothing_to_say_is_no_sound(make: Make, told: Told) -> None:
    spoken = make(*told.command())
    assert await spoken.say(Say(), {}, "ru", SHOP) is None
    assert await spoken.say(Say(text="$nobody$ …"), {}, "ru", SHOP) is None
    assert told.said == []


async def test_without_a_voice_it_is_told_so(make: Make, programs: Callable[..., Path]) -> None:
    spoken = make()
    assert await spoken.voice("ru") == Voice()
    with pytest.raises(NoVoiceError) as refused:
        await say(spoken)
    assert (refused.value.code, refused.value.field) == ("no_voice", "text")


@pytest.mark.parametrize(
    "sound",
    [b"", b"not a wav", wav(tone(8_000, 0.5, loud=0)), wav(tone(8_000, 0.05))],
    ids=["nothing", "no sound", "silence", "a click"],
)
async def test_a_voice_that_says_nothing_has_failed_and_leaves_nothing(
    sound: bytes, make: Make, told: Told, programs: Callable[..., Path], tmp_path: Path
) -> None:
    told.says(sound)
    with pytest.raises(VoiceError):
        await say(make(*told.command()))
    assert kept(tmp_path) == []


async def test_a_voice_that_fails_is_asked_again_for_the_next_call(make: Make, told: Told) -> None:
    spoken = make(*told.command())
    told.says(b"broken")
    engine = given(told.command())
    assert await spoken.by(engine, "Клиент Анна", "ru") is None
    told.says(wav(tone(8_000, 0.5)))
    assert await say(spoken) == await spoken.by(engine, "Клиент Анна", "ru")


async def test_where_the_best_voice_fails_the_next_one_speaks(
    make: Make, told: Told, programs: Callable[..., Path]
) -> None:
    command = " ".join(f'"{each}"' for each in told.command("-", ""))
    programs("broken")
    programs("espeak-ng", f'for last; do :; done; {command} > "$last" < "$8"')
    assert loudness(heard(await say(make("broken", "{out}"))), 440) > 0.4
    assert told.said == ["Клиент Анна"]


@pytest.mark.parametrize(
    ("names", "models", "best", "quality"),
    [
        (["espeak"], [], "espeak", "fallback"),
        (["espeak", "espeak-ng"], [], "espeak-ng", "fallback"),
        (["espeak-ng", "RHVoice-test"], [], "RHVoice", "natural"),
        (["espeak-ng", "piper"], [], "espeak-ng", "fallback"),
        (["espeak-ng", "piper"], ["en_US-lessac.onnx"], "espeak-ng", "fallback"),
        (["RHVoice-test", "piper"], ["ru_RU-irina.onnx"], "piper", "neural"),
    ],
)
async def test_the_best_voice_that_is_there_is_taken(
    names: list[str],
    models: list[str],
    best: str,
    quality: Quality,
    make: Make,
    programs: Callable[..., Path],
    tmp_path: Path,
) -> None:
    for name in names:
        programs(name)
    (tmp_path / "models").mkdir()
    for model in models:
        (tmp_path / "models" / model).touch()
    assert await make().voice("ru") == Voice(best, quality)


async def test_the_voice_of_the_settings_goes_before_all(
    make: Make, programs: Callable[..., Path]
) -> None:
    programs("RHVoice-test")
    assert await make("espeak-ng", "{out}").voice("ru") == Voice("RHVoice", "natural")
    programs("espeak-ng")
    programs("piper-gpu")
    programs("silero")
    assert await make("espeak-ng", "{out}").voice("ru") == Voice("espeak-ng", "fallback")
    assert await make("piper-gpu", "{out}").voice("ru") == Voice("piper-gpu", "neural")
    assert await make("silero", "{out}").voice("ru") == Voice("silero", "natural")


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed here")
async def test_the_real_espeak_speaks_russian(make: Make) -> None:
    path = await say(make(), Say(text="Заявка с сайта. Нажмите 1 для соединения с клиентом $name$"))
    samples = heard(path)
    assert 3 < len(samples) / 8_000 < 10
    assert max(samples) > 3_000


async def test_a_recording_is_kept_as_a_file_and_played(
    make: Make, hub: Hub, tmp_path: Path
) -> None:
    body = wav(tone(16_000, 1), 16_000, channels=2)
    spoken = make()
    brought = await spoken.keep(SHOP, "Привет.MP3", chunks(body[:100], body[100:]), "anna")
    assert brought == Recording(file=brought.file, name="Привет.wav", seconds=1.0)

    file = await hub.files.get(brought.file)
    assert (file.project, file.kind, file.mime, file.used) == (SHOP, "audio", "audio/wav", False)
    shutil.rmtree(tmp_path / "speech")
    path = await spoken.say(Say(recording=brought.file), {}, "ru", SHOP)
    assert path is not None
    assert loudness(heard(path), 440) == pytest.approx(0.5, abs=0.01)
    assert await spoken.recording(SHOP, brought.file) == brought


async def test_a_recording_is_fetched_once_for_all_calls(make: Make, hub: Hub) -> None:
    spoken = make()
    brought = await spoken.keep(SHOP, "a.wav", chunks(wav(tone(8_000, 1))), "anna")
    played = Say(recording=brought.file)
    path = await spoken.say(played, {}, "ru", SHOP)
    file = await hub.files.get(brought.file)
    await hub.files.storage.delete(f"{SHOP}/{file.id[:2]}/{file.id}")
    assert {await spoken.say(played, {}, "ru", SHOP) for _ in range(3)} == {path}


async def test_a_recording_of_another_project_is_not_there(make: Make) -> None:
    spoken = make()
    brought = await spoken.keep(SHOP, "a.wav", chunks(wav(tone(8_000, 1))), "anna")
    for look_for in (brought.file, "0" * 32, "../../etc/passwd"):
        with pytest.raises(NotFoundError):
            await spoken.say(Say(recording=look_for), {}, "ru", BAKERY)
        with pytest.raises(NotFoundError):
            await spoken.recording(BAKERY, look_for)


async def test_what_was_said_in_a_call_is_not_played_in_another(make: Make, hub: Hub) -> None:
    file = await hub.files.keep(SHOP, "call.wav", chunks(wav(tone(8_000, 1))), by=RECORDING)
    with pytest.raises(NotFoundError):
        await make().say(Say(recording=file.id), {}, "ru", SHOP)


async def test_a_file_that_is_no_recording_is_not_played(make: Make, hub: Hub) -> None:
    file = await hub.files.keep(SHOP, "page.html", chunks(b"<html>"), by="anna")
    with pytest.raises(NoSoundError):
        await make().say(Say(recording=file.id), {}, "ru", SHOP)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], NoSoundError),
        ([b"<html>"], NoSoundError),
        ([wav([0.1] * 4_000 * 181, 4_000, bits=8)], TooLongError),
        ([b"RIFF" + b"\0" * 1_000_000] * (RECORDING_MAX_BYTES // 1_000_000 + 1), TooLargeError),
    ],
    ids=["nothing", "a page", "long", "large"],
)
async def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
    body: list[bytes], error: type[Exception], make: Make, hub: Hub, tmp_path: Path
) -> None:
    with pytest.raises(error) as refused:
        await make().keep(SHOP, "a.wav", chunks(*body), "anna")
    assert getattr(refused.value, "field", "") == "file"
    assert kept(tmp_path) == []
    assert not hub.files.storage.incoming.exists()


async def test_what_was_heard_lately_stays_and_the_rest_goes(
    make: Make, told: Told, clock: Clock, tmp_path: Path
) -> None:
    spoken = make(*told.command())
    old, heard_again = await say(spoken), await say(spoken, Say(text="Часто"))
    foreign = tmp_path / "speech" / "asterisk.conf"
    foreign.touch()
    os.utime(foreign, (0, 0))
    clock.forward(KEPT - timedelta(hours=1))
    assert await say(spoken, Say(text="Часто")) == heard_again
    clock.forward(timedelta(hours=2))
    await spoken.tidy()
    assert not old.exists()
    assert kept(tmp_path) == ["asterisk.conf", heard_again.name]


async def test_of_more_than_there_is_room_for_the_oldest_goes(
    make: Make, told: Told, clock: Clock
) -> None:
    spoken = make(*told.command(), room_bytes=20_000)
    paths = []
    for n in range(4):
        paths.append(await say(spoken, Say(text=f"Текст номер {n}")))
        clock.forward(timedelta(minutes=50))
    await spoken.tidy()
    assert [each.exists() for each in paths] == [False, False, True, True]


async def test_what_a_dead_process_left_half_made_goes(
    make: Make, told: Told, clock: Clock, tmp_path: Path
) -> None:
    half = tmp_path / "speech" / ".0123456789abcdef.raw.wav"
    half.parent.mkdir()
    half.touch()
    clock.at = clock.at.fromtimestamp(half.stat().st_mtime, clock.at.tzinfo)
    spoken = make(*told.command())
    await spoken.tidy()
    assert half.exists()
    clock.forward(timedelta(hours=2))
    await say(spoken)
    assert not half.exists()


async def test_only_its_group_may_read_what_was_said(make: Make, told: Told) -> None:
    before = os.umask(0o077)
    try:
        path = await say(make(*told.command()))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_a_text_is_in_no_log(
    make: Make, told: Told, programs: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    told.says(b"broken")
    with pytest.raises(VoiceError) as refused:
        await say(make(*told.command()))
    assert "voice.failed" in caplog.text
    assert "Анна" not in caplog.text + str(refused.value)


async def test_the_check_says_in_plain_words_what_is_there(
    make: Make, told: Told, programs: Callable[..., Path], tmp_path: Path
) -> None:
    found: list[tuple[bool | None, str]] = []

    async def checked(spoken: Spoken, named: str = "") -> list[tuple[bool | None, str]]:
        found.clear()
        await look(spoken, lambda good, words: found.append((good, words)), named=named)
        return found

    nothing = await checked(make())
    assert [good for good, _ in nothing] == [None, None, None]
    assert "docs/speech.md" in nothing[0][1]
    assert "ffmpeg" in nothing[2][1]

    assert (await checked(make("nowhere"), "nowhere"))[0] == (
        False,
        "voice: speech.command names nowhere, which is not found",
    )
    assert (await checked(make(*told.command())))[0][0] is True
    (tmp_path / "speech").rename(tmp_path / "before")
    (tmp_path / "speech").touch()
    assert (await checked(make(*told.command())))[0][0] is False
    (tmp_path / "speech").unlink()
    programs("RHVoice-test")
    assert (await checked(make()))[0] == (
        False,
        "voice (ru): RHVoice does not say what it is given",
    )


async def test_a_program_without_telephones_says_nothing() -> None:
    assert await MUTE.voice("ru") == Voice()
    assert await MUTE.formats() == ()
    await MUTE.tidy()
    with pytest.raises(NoVoiceError):
        await MUTE.say(HELLO, {}, "ru", SHOP)
    with pytest.raises(NoVoiceError):
        await MUTE.keep(SHOP, "a.wav", chunks(), "anna")
    with pytest.raises(NoVoiceError):
        await MUTE.recording(SHOP, "a")

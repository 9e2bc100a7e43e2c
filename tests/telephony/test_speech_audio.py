"""Recordings become what telephones play, and what is no recording is told to be none."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.errors import BadValueError
from telephony.voice import audio
from telephony.voice.audio import NoConverterError, NoSoundError, TooLongError, brought, telephone
from tests.telephony.voices import ALAW, FLOAT, heard, loudness, tone, wav

MOST = 5
OGG_OPUS = b"OggS\0\2" + b"\0" * 20 + b"\1\x13OpusHead\1\1"
OGG_VORBIS = b"OggS\0\2" + b"\0" * 20 + b"\1\x1e\1vorbis\0\0"
MP3 = b"ID3\3\0\0\0\0\0\0"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.wav"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts the only programs of this test where programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, does: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o700)

    return put


@pytest.mark.parametrize("hertz", [4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 12_347])
def test_a_tone_stays_the_tone_that_it_was(hertz: int, source: Path, out: Path) -> None:
    source.write_bytes(wav(tone(hertz, 0.5), hertz))
    assert brought(source, out, MOST) == pytest.approx(0.5, abs=0.001)
    assert loudness(heard(out), 440) == pytest.approx(0.5, abs=0.01)


def test_what_telephones_cannot_carry_is_not_folded_into_what_they_can(
    source: Path, out: Path
) -> None:
    high = tone(22_050, 0.5, pitch=5_000)
    low = tone(22_050, 0.5, pitch=440)
    source.write_bytes(wav([(a + b) / 2 for a, b in zip(high, low, strict=True)], 22_050))
    brought(source, out, MOST)
    samples = heard(out)
    assert loudness(samples, 3_000) < 0.002
    assert loudness(samples, 440) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    "layout",
    [
        {"bits": 8},
        {"bits": 24},
        {"bits": 32},
        {"bits": 32, "tag": FLOAT},
        {"channels": 2},
        {"channels": 6, "bits": 24},
        {"extensible": True, "bits": 24},
        {"told_bytes": 0xFFFFFFFF},
        {"told_bytes": 0x7FFFFFFF},
    ],
    ids=str,
)
def test_every_plain_wav_is_read(layout: dict[str, int], source: Path, out: Path) -> None:
    source.write_bytes(wav(tone(16_000, 0.5), 16_000, **layout))  # type: ignore[arg-type]
    assert brought(source, out, MOST) == pytest.approx(0.5, abs=0.001)
    assert loudness(heard(out), 440) == pytest.approx(0.5, abs=0.02)


def test_the_loudest_sound_is_cut_and_not_turned_around(source: Path, out: Path) -> None:
    square = [1.0 if (n // 50) % 2 else -1.0 for n in range(22_050)]
    source.write_bytes(wav(square, 22_050))
    brought(source, out, MOST)
    samples = heard(out)
    assert max(samples) == 32_767
    assert loudness(samples, 220.5) > 1.2


def test_samples_that_are_no_numbers_are_silence(source: Path, out: Path) -> None:
    body = wav(tone(8_000, 0.5), bits=32, tag=FLOAT)
    source.write_bytes(body[:-8] + struct.pack("<ff", float("nan"), float("inf")))
    brought(source, out, MOST)
    assert list(heard(out)[-2:]) == [0, 32_767]


async def test_a_plain_wav_needs_no_program(
    source: Path, out: Path, programs: Callable[[str, str], None]
) -> None:
    assert audio.formats() == ("wav",)
    source.write_bytes(wav(tone(44_100, 0.5), 44_100, channels=2))
    assert await telephone(source, out, MOST) == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize(
    ("hertz", "asked"), [(44_100, True), (8_000, False)], ids=["to be brought down", "as it is"]
)
async def test_a_large_wav_is_left_to_a_program_where_one_is(
    hertz: int, asked: bool, source: Path, out: Path, programs: Callable[[str, str], None]
) -> None:
    programs("ffmpeg", "exit 1")
    source.write_bytes(wav([0.5] * (hertz * 30), hertz, channels=44_100 // hertz))
    assert source.stat().st_size > audio.QUICK_BYTES
    if asked:
        with pytest.raises(NoSoundError):
            await telephone(source, out, 60)
    else:
        assert await telephone(source, out, 60) == 30


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "mp3, wav or ogg"),
        (b"<html>", "mp3, wav or ogg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "mp3, wav or ogg"),
        (b"fLaC\0\0\0\x22", "mp3, wav or ogg"),
        (b"RIFF\xff\xff\xff\xffWAVE", "no samples"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "no samples"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0", "broken"),
        (b"RIFF\0\0\0\0WAVE" + b"LIST\0\0\0\0" * 500, "no samples"),
        (wav(tone(8_000, 0.5, loud=0)), "nothing can be heard"),
        (wav(tone(8_000, 0.1)), "shorter"),
        (wav([]), "shorter"),
        (wav(tone(8_000, 0.5), 3_999), "are no recording"),
        (wav(tone(8_000, 0.5), 0xFFFFFFF), "are no recording"),
        (wav(tone(8_000, 0.5), channels=9, bits=8), "are no recording"),
    ],
    ids=range(14),
)
async def test_what_is_no_recording_is_told_to_be_none(
    body: bytes, why: str, source: Path, out: Path
) -> None:
    source.write_bytes(body)
    with pytest.raises(NoSoundError, match=why) as refused:
        await telephone(source, out, MOST)
    assert (refused.value.code, refused.value.field) == ("not_audio", "file")
    assert not out.exists()


async def test_a_recording_of_hours_is_refused_before_it_is_read(source: Path, out: Path) -> None:
    source.write_bytes(wav(tone(8_000, 0.1) * 200, 4_000, bits=8))
    with pytest.raises(TooLongError) as refused:
        await telephone(source, out, MOST)
    assert (refused.value.code, refused.value.field) == ("audio_long", "file")


@pytest.mark.parametrize("body", [MP3, OGG_OPUS, OGG_VORBIS, wav([0.1] * 4_000, tag=ALAW, bits=8)])
async def test_without_a_program_it_is_told_what_is_missing(
    body: bytes, source: Path, out: Path, programs: Callable[[str, str], None]
) -> None:
    source.write_bytes(body)
    with pytest.raises(NoConverterError, match="install ffmpeg") as refused:
        await telephone(source, out, MOST)
    assert refused.value.code == "no_converter"


COPY = 'for last; do :; done; cat "$(dirname "$0")/made" > "${last#file:}"'


async def test_ffmpeg_is_told_the_format_and_how_much_to_read(
    source: Path, out: Path, tmp_path: Path, programs: Callable[[str, str], None]
) -> None:
    programs("ffmpeg", f'echo "$@" > "{tmp_path}/asked"; {COPY.replace("cat", "/bin/cat")}')
    programs("dirname", 'echo "${1%/*}"')
    (tmp_path / "bin" / "made").write_bytes(wav(tone(8_000, 2)))
    source.write_bytes(OGG_OPUS)
    assert await telephone(source, out, MOST) == 2
    asked = (tmp_path / "asked").read_text()
    assert f"-protocol_whitelist file -f ogg -i file:{source}" in asked
    assert f"-t {MOST + 1} -f wav" in asked
    assert loudness(heard(out), 440) == pytest.approx(0.5, abs=0.01)


async def test_what_ffmpeg_made_is_measured_again(
    source: Path, out: Path, tmp_path: Path, programs: Callable[[str, str], None]
) -> None:
    programs("ffmpeg", COPY.replace("cat", "/bin/cat"))
    programs("dirname", 'echo "${1%/*}"')
    (tmp_path / "bin" / "made").write_bytes(wav(tone(8_000, MOST + 1)))
    source.write_bytes(MP3)
    with pytest.raises(TooLongError):
        await telephone(source, out, MOST)
    assert not out.exists()


@pytest.mark.parametrize("does", ["exit 1", "exit 0"], ids=["fails", "makes nothing"])
async def test_a_program_that_makes_nothing_of_it_means_that_it_is_no_recording(
    does: str, source: Path, out: Path, programs: Callable[[str, str], None]
) -> None:
    programs("ffmpeg", does)
    source.write_bytes(MP3)
    with pytest.raises(NoSoundError):
        await telephone(source, out, MOST)


async def test_a_sox_that_does_not_know_the_format_is_not_asked(
    source: Path, out: Path, programs: Callable[[str, str], None]
) -> None:
    programs("sox", 'echo "AUDIO FILE FORMATS: wav vorbis"')
    assert audio.formats() == ("wav", "ogg")
    source.write_bytes(MP3)
    with pytest.raises(NoConverterError):
        await telephone(source, out, MOST)


async def test_a_program_that_takes_too_long_has_failed() -> None:
    assert not await audio.run(["sleep", "600"], 0.05)


async def test_with_a_program_goes_all_that_it_began(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    running = asyncio.create_task(
        audio.run(["sh", "-c", '(echo begun; exec sleep 600) > "$0" & wait', str(pipe)], 60)
    )
    with await asyncio.to_thread(pipe.open) as stream:
        assert await asyncio.to_thread(stream.readline) == "begun\n"
        running.cancel()
        # The end of the pipe comes when nobody is left who could write into it.
        assert await asyncio.to_thread(stream.read) == ""
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed here")
@pytest.mark.parametrize(("codec", "box"), [("libmp3lame", "mp3"), ("libopus", "ogg")])
async def test_the_real_ffmpeg_unpacks(codec: str, box: str, source: Path, out: Path) -> None:
    made = ("-f", "lavfi", "-i", "sine=440:duration=1", "-c:a", codec, "-f", box, str(source))
    assert await audio.run([shutil.which("ffmpeg") or "", "-v", "error", *made], 30)
    assert await telephone(source, out, MOST) == pytest.approx(1, abs=0.1)
    assert loudness(heard(out), 440) > 0.05


@pytest.mark.skipif(not shutil.which("sox"), reason="sox is not installed here")
async def test_the_real_sox_unpacks(
    source: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sox = Path(shutil.which("sox") or "")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sox").symlink_to(sox)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    plain = tmp_path / "plain.wav"
    plain.write_bytes(wav(tone(16_000, 1), 16_000))
    assert await audio.run([str(sox), str(plain), "-t", "vorbis", str(source)], 30)
    assert await telephone(source, out, MOST) == pytest.approx(1, abs=0.1)
    assert loudness(heard(out), 440) == pytest.approx(0.5, abs=0.05)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    junk=st.binary(max_size=300),
    at=st.integers(0, 60),
    layout=st.sampled_from([{"bits": 16}, {"bits": 24, "channels": 2}, {"bits": 32, "tag": FLOAT}]),
)
@example(junk=b"data", at=36, layout={"bits": 16})
def test_a_wav_that_is_broken_anywhere_is_read_or_refused(
    junk: bytes, at: int, layout: dict[str, int], tmp_path: Path
) -> None:
    source, out = tmp_path / "wild", tmp_path / "out.wav"
    body = wav(tone(8_000, 0.4), **layout)  # type: ignore[arg-type]
    source.write_bytes(body[:at] + junk + body[at + len(junk) :])
    try:
        seconds = brought(source, out, MOST)
    except BadValueError:
        return
    assert 0.3 <= seconds <= MOST
    assert len(heard(out)) == round(seconds * 8_000)

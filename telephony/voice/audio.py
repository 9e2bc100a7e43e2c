"""Sound as telephones have it: one channel, 8,000 samples a second, 16 bits, in a wav file.

A wav of plain samples is read and brought to that here, whatever is installed. Other formats are
unpacked by ffmpeg or sox where one is: it is told the format that was found in the file, reads
nothing else, has a bounded time and writes no more than a bounded length.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import wave
from array import array
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cache
from operator import mul
from pathlib import Path
from typing import IO, Literal, NamedTuple

from hub.errors import BadValueError
from hub.files.sniff import sniff
from hub.files.storage import drop, on_disk

HERTZ = 8_000
HEADER_BYTES = 44
BYTES_A_SECOND = HERTZ * 2
WAV_MAX_BYTES = 60_000_000
SECONDS = 30.0
"""How long a program may take to unpack a recording."""

HERTZ_MIN, HERTZ_MAX = 4_000, 192_000
CHANNELS_MAX = 8
QUICK_BYTES = 1_000_000
SHORTEST_SECONDS = 0.3
QUIET_BELOW = 33
"""The loudest sample of what cannot be heard: a thousandth of what could be."""

# The tags of WAVE_FORMAT_PCM, IEEE_FLOAT and EXTENSIBLE in a wav's header.
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# What the resampler's filter keeps of the telephone's band, its width, and how fine its table is.
_PASSED = 0.92
_ZEROS = 10
_PHASES_MAX = 512

Format = Literal["mp3", "vorbis", "opus", "wav"]


class NoSoundError(BadValueError):
    """This is no recording, or nothing can be heard in it."""

    code = "not_audio"


class TooLongError(BadValueError):
    """A recording is longer than it may be."""

    code = "audio_long"


class NoConverterError(BadValueError):
    """Nothing that unpacks such files is installed here: install ffmpeg, or give a plain wav."""

    code = "no_converter"


class Sound(NamedTuple):
    """Samples of one channel."""

    hertz: int
    samples: array[int]


class _Layout(NamedTuple):
    """How the samples of a wav lie."""

    tag: int
    channels: int
    hertz: int
    bits: int


def formats() -> tuple[str, ...]:
    """The files that can be taken on this machine, by their endings."""
    if shutil.which("ffmpeg"):
        return ("wav", "mp3", "ogg")
    known = _sox_formats(sox) if (sox := shutil.which("sox")) else frozenset()
    packed = {"mp3": "mp3", "ogg": "vorbis"}
    return ("wav", *(ending for ending, name in packed.items() if name in known))


def format_of(path: Path) -> Format:
    """What the file is by its own bytes; NoSoundError for what is none of the formats taken."""
    with path.open("rb") as stream:
        mime = sniff(stream).mime
        stream.seek(0)
        head = stream.read(4_096)
    if mime == "audio/ogg":
        return "opus" if b"OpusHead" in head else "vorbis"
    found: Format | None = {"audio/mpeg": "mp3", "audio/wav": "wav"}.get(mime)  # type: ignore[assignment]
    if found is None:
        raise NoSoundError("a recording is an mp3, wav or ogg file", field="file")
    return found


async def telephone(source: Path, out: Path, most_seconds: int) -> float:
    """Makes the telephone's wav of a recording; its length in seconds.

    Raises NoSoundError, TooLongError and NoConverterError, which say what is wrong with the
    `file`; `out` is whole or not there.
    """
    try:
        kind = await on_disk(format_of, source)
        plain, quick = await on_disk(_is_plain, source) if kind == "wav" else (False, False)
        command = None
        if not quick:
            command = await asyncio.to_thread(_command, source, kind, out, most_seconds + 1)
        if command is None and plain:
            return await on_disk(brought, source, out, most_seconds)
        if command is None:
            raise NoConverterError(field="file")
        if not await run(command, SECONDS) or not await on_disk(out.is_file):
            raise NoSoundError("it cannot be read as a recording", field="file")
        return await on_disk(_checked, out, most_seconds)
    except BaseException:
        drop(out)
        raise


def brought(source: Path, out: Path, most_seconds: float) -> float:
    """A wav of plain samples brought to the telephone's; its length. Raises as `telephone` does."""
    sound = read(source, most_seconds)
    samples = resampled(sound)
    _listen(samples)
    write(out, samples)
    return len(samples) / HERTZ


def seconds(path: Path) -> float:
    """The length of a wav that was made here."""
    return max(0, path.stat().st_size - HEADER_BYTES) / BYTES_A_SECOND


def read(path: Path, most_seconds: float) -> Sound:
    """A wav's samples, of several channels the mean."""
    if path.stat().st_size > WAV_MAX_BYTES:
        raise TooLongError(f"more than {WAV_MAX_BYTES} bytes", field="file")
    with path.open("rb") as stream:
        layout, length = _header(stream)
        width = layout.bits // 8
        frame = width * layout.channels
        # Who writes into a pipe does not know the length and tells a larger one.
        end = stream.seek(0, os.SEEK_CUR) + length
        length = min(end, path.stat().st_size) - stream.tell()
        frames = length // frame
        if frames > most_seconds * layout.hertz:
            raise _too_long(most_seconds)
        body = stream.read(frames * frame)
    whole = _integers(body, layout.tag, width)
    return Sound(layout.hertz, _mean(whole, layout.channels))


def write(path: Path, samples: array[int]) -> None:
    """Its group may read it too: a telephone engine often runs as somebody else."""
    body = samples if sys.byteorder == "little" else _swapped(samples)
    with path.open("wb") as stream, wave.open(stream, "wb") as made:
        # Whatever the mask of the process: nobody else gets into the folder without its owner.
        os.fchmod(stream.fileno(), 0o640)
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(HERTZ)
        made.writeframes(body.tobytes())


def resampled(sound: Sound) -> array[int]:
    """The samples 8,000 times a second; what telephones cannot carry is filtered out first."""
    if sound.hertz == HERTZ or not sound.samples:
        return sound.samples
    common = math.gcd(sound.hertz, HERTZ)
    step, of = sound.hertz // common, HERTZ // common
    phases = min(of, _PHASES_MAX)
    table = _filters(sound.hertz, phases)
    half = len(table[0]) // 2
    silence = array("h", bytes(2 * half))
    padded = silence + sound.samples + silence + array("h", [0, 0])
    made = array("h")
    for n in range(len(sound.samples) * of // step):
        at, rest = divmod(n * step, of)
        more, phase = divmod(round(rest * phases / of), phases)
        start = at + more + 1
        value = round(sum(map(mul, table[phase], padded[start : start + 2 * half])))
        made.append(-32_768 if value < -32_768 else min(value, 32_767))
    return made


@cache
def _filters(hertz: int, phases: int) -> list[list[float]]:
    """For each place between two samples the weights of those around it: a windowed sinc."""
    cut = min(1.0, HERTZ / hertz) * _PASSED / 2
    half = math.ceil(_ZEROS * max(1.0, hertz / HERTZ))
    table = []
    for phase in range(phases):
        weights = []
        for n in range(-half + 1, half + 1):
            x = n - phase / phases
            sinc = 2 * cut if x == 0 else math.sin(2 * math.pi * cut * x) / (math.pi * x)
            weights.append(sinc * (0.5 + 0.5 * math.cos(math.pi * x / (half + 1))))
        total = sum(weights)
        table.append([each / total for each in weights])
    return table


def _header(stream: IO[bytes]) -> tuple[_Layout, int]:
    """How the samples lie and how many bytes of them there are said to be; they come next."""
    if not (head := stream.read(12)).startswith(b"RIFF") or head[8:] != b"WAVE":
        raise NoSoundError("not a wav file", field="file")
    layout: _Layout | None = None
    for _ in range(100):
        if len(head := stream.read(8)) < 8:
            break
        name, length = struct.unpack("<4sI", head)
        if name == b"data" and layout is not None:
            return layout, length
        if name == b"fmt ":
            layout = _layout(stream.read(min(length, 40)))
            length -= min(length, 40)
        stream.seek(length + length % 2, os.SEEK_CUR)
    raise NoSoundError("the wav file has no samples", field="file")


def _layout(chunk: bytes) -> _Layout:
    if len(chunk) < 16:
        raise NoSoundError("the wav file is broken", field="file")
    tag, channels, hertz, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack("<H", chunk[24:26])
    if not 1 <= channels <= CHANNELS_MAX or not HERTZ_MIN <= hertz <= HERTZ_MAX:
        raise NoSoundError(f"{channels} channels of {hertz} Hz are no recording", field="file")
    return _Layout(tag, channels, hertz, bits)


def _is_plain(path: Path) -> tuple[bool, bool]:
    """Whether the samples are read here, and whether that is done in no time."""
    with path.open("rb") as stream:
        layout, _ = _header(stream)
    plain = layout.tag == _PCM and layout.bits in (8, 16, 24, 32)
    plain = plain or (layout.tag == _FLOAT and layout.bits == 32)
    return plain, plain and (layout.hertz == HERTZ or path.stat().st_size <= QUICK_BYTES)


def _integers(body: bytes, tag: int, width: int) -> array[int]:
    """Little-endian samples of any width as those of 16 bits."""
    if tag == _FLOAT and width == 4:
        floats = array("f", body)
        if sys.byteorder != "little":
            floats.byteswap()
        return array("h", (_of_float(each) for each in floats))
    if tag != _PCM or not 1 <= width <= 4:
        raise NoSoundError("the samples of the wav file are packed", field="file")
    if width == 1:
        return array("h", ((each - 128) << 8 for each in body))
    if width > 2:
        # The two upper bytes of each sample are the sample, as near as a telephone needs it.
        upper = bytearray(len(body) // width * 2)
        upper[0::2], upper[1::2] = body[width - 2 :: width], body[width - 1 :: width]
        body = bytes(upper)
    samples = array("h", body)
    return samples if sys.byteorder == "little" else _swapped(samples)


def _of_float(value: float) -> int:
    if math.isnan(value):
        return 0
    return round(max(-1.0, min(1.0, value)) * 32_767)


def _swapped(samples: array[int]) -> array[int]:
    swapped = array("h", samples)
    swapped.byteswap()
    return swapped


def _mean(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    each = [samples[n::channels] for n in range(channels)]
    return array("h", (sum(frame) // channels for frame in zip(*each, strict=True)))


def _command(source: Path, kind: Format, out: Path, most_seconds: int) -> list[str] | None:
    """What unpacks it here, if anything does."""
    if ffmpeg := shutil.which("ffmpeg"):
        box = "ogg" if kind in ("vorbis", "opus") else kind
        given = ["-nostdin", "-v", "error", "-protocol_whitelist", "file", "-f", box]
        wanted = ["-map", "0:a:0", "-ac", "1", "-ar", str(HERTZ), "-c:a", "pcm_s16le"]
        plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
        limit = ["-t", str(most_seconds), "-f", "wav", "-y", f"file:{out}"]
        return [ffmpeg, *given, "-i", f"file:{source}", *wanted, *plain, *limit]
    if (sox := shutil.which("sox")) and kind in _sox_formats(sox):
        box = "ogg" if kind == "vorbis" else kind
        wanted = ["-r", str(HERTZ), "-c", "1", "-b", "16", "-e", "signed-integer", "-t", "wav"]
        limit = ["trim", "0", str(most_seconds)]
        return [sox, "-V1", "-t", box, str(source), *wanted, str(out), *limit]
    return None


@cache
def _sox_formats(sox: str) -> frozenset[str]:
    """What this sox was built to read, by its own word."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run([sox, "--help"], capture_output=True, timeout=5, check=False)  # noqa: S603
        for line in told.stdout.decode(errors="replace").splitlines():
            if line.startswith("AUDIO FILE FORMATS:"):
                return frozenset(line.split())
    return frozenset()


def _checked(made: Path, most_seconds: int) -> float:
    """The length of what a program made, which is read and not believed."""
    samples = resampled(read(made, most_seconds))
    _listen(samples)
    write(made, samples)
    return len(samples) / HERTZ


def _listen(samples: array[int]) -> None:
    if len(samples) < SHORTEST_SECONDS * HERTZ:
        raise NoSoundError(f"shorter than {SHORTEST_SECONDS} seconds", field="file")
    if max(max(samples), -min(samples)) < QUIET_BELOW:
        raise NoSoundError("nothing can be heard in it", field="file")


def _too_long(most_seconds: float) -> TooLongError:
    return TooLongError(f"at most {most_seconds:.0f} seconds", field="file")


async def run(
    command: Sequence[str], limit: float, *, given: Path | None = None, told: Path | None = None
) -> bool:
    """Whether the program did its work in time; if not, all that it began is gone with it.

    `given` is what it reads from its input, `told` where its output goes.
    """
    with ExitStack() as opened:
        source: IO[bytes] | int = subprocess.DEVNULL
        sink: IO[bytes] | int = subprocess.DEVNULL
        if given is not None:
            source = opened.enter_context(await on_disk(given.open, "rb"))
        if told is not None:
            sink = opened.enter_context(await on_disk(told.open, "wb"))
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=source,
                stdout=sink,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError):
            return False
    try:
        async with asyncio.timeout(limit):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

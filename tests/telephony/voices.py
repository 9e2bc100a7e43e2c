"""Sounds that tests make and measure, and a program that says texts as one."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from pathlib import Path

PCM, FLOAT, ALAW = 1, 3, 6


def tone(hertz: int, seconds: float, pitch: float = 440, loud: float = 0.5) -> list[float]:
    """Samples from -1 to 1."""
    return [loud * math.sin(2 * math.pi * pitch * n / hertz) for n in range(round(hertz * seconds))]


def wav(
    samples: list[float],
    hertz: int = 8_000,
    *,
    bits: int = 16,
    tag: int = PCM,
    channels: int = 1,
    extensible: bool = False,
    told_bytes: int | None = None,
) -> bytes:
    """A wav file of those samples in every channel; `told_bytes` is what its header claims."""
    body = b"".join(_sample(each, bits, tag) * channels for each in samples)
    width = channels * bits // 8
    layout = struct.pack("<HIIHH", channels, hertz, hertz * width, width, bits)
    if extensible:
        layout = struct.pack("<H", 0xFFFE) + layout + struct.pack("<HHIH14s", 22, bits, 0, tag, b"")
    else:
        layout = struct.pack("<H", tag) + layout
    note = b"LIST\x05\0\0\0hello\0"
    parts = [b"WAVEfmt ", struct.pack("<I", len(layout)), layout, note, b"data"]
    parts += [struct.pack("<I", len(body) if told_bytes is None else told_bytes), body]
    inside = b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(inside) & 0xFFFFFFFF) + inside


def _sample(value: float, bits: int, tag: int) -> bytes:
    if tag == FLOAT:
        return struct.pack("<f", value)
    if bits == 8:
        return bytes([round(value * 127) + 128])
    whole = round(value * ((1 << bits - 1) - 1))
    return whole.to_bytes(bits // 8, "little", signed=True)


def heard(path: Path) -> array[int]:
    """The samples of a wav that is a telephone's: its header is looked at byte by byte."""
    whole = path.read_bytes()
    body = len(whole) - 44
    assert whole[:44] == (
        b"RIFF"
        + struct.pack("<I", body + 36)
        + b"WAVEfmt \x10\0\0\0"
        + struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 2, 16)
        + b"data"
        + struct.pack("<I", body)
    )
    samples = array("h", whole[44:])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def loudness(samples: array[int], pitch: float) -> float:
    """How loud that pitch is in it, 1 for the loudest there can be."""
    sine = sum(v * math.sin(2 * math.pi * pitch * n / 8_000) for n, v in enumerate(samples))
    cosine = sum(v * math.cos(2 * math.pi * pitch * n / 8_000) for n, v in enumerate(samples))
    return math.hypot(sine, cosine) * 2 / len(samples) / 32_767


VOICE = """
import sys
out, log, sound, text = sys.argv[1:5]
words = open(text, encoding="utf-8").read() if text else sys.stdin.read()
with open(log, "a", encoding="utf-8") as stream:
    stream.write(words)
body = open(sound, "rb").read()
if out == "-":
    sys.stdout.buffer.write(body)
else:
    open(out, "wb").write(body)
"""


class Told:
    """A voice for the settings: it notes each text that it is given and says a tone."""

    def __init__(self, folder: Path, sound: bytes | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log, self._sound, self._script = folder / "said", folder / "sound", folder / "voice"
        self._script.write_text(VOICE)
        self.says(sound if sound is not None else wav(tone(22_050, 0.5), 22_050))

    def says(self, sound: bytes) -> None:
        self._sound.write_bytes(sound)

    def command(self, out: str = "{out}", text: str = "{text_file}") -> tuple[str, ...]:
        program = (sys.executable, "-I", "-S", "-X", "utf8", str(self._script))
        return (*program, out, str(self._log), str(self._sound), text)

    @property
    def said(self) -> list[str]:
        return self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []

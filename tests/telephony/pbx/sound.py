"""Sounds that are told from one another after a telephone network had them."""

from __future__ import annotations

import random
import wave
from array import array
from pathlib import Path

HERTZ = 8_000
PART = 1_200


def noise(path: Path, seed: int, seconds: float = 1.5) -> Path:
    """A hiss like no other."""
    source = random.Random(seed)
    samples = array("h", (source.randint(-12_000, 12_000) for _ in range(int(seconds * HERTZ))))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, HERTZ, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def likeness(recording: Path, sound: Path) -> float:
    """How well some part of the sound is found anywhere in the recording: 1 is wholly.

    Signs are compared, which no codec of a telephone changes; of something else half are the same.
    A network leaves out or repeats some milliseconds now and then, so the parts are short.
    """
    heard, said = _signs(recording), _signs(sound)
    parts = [int(said[at : at + PART], 2) for at in range(PART, len(said) - PART, 2 * PART)]
    whole, mask = int(heard or "0", 2), (1 << PART) - 1
    nearest = PART
    for _ in range(max(0, len(heard) - PART + 1)):
        there = whole & mask
        nearest = min(nearest, *((there ^ part).bit_count() for part in parts))
        whole >>= 1
    return 1 - 2 * nearest / PART


def _signs(path: Path) -> str:
    # The length in the header is written when a recording ends, which need not be yet.
    samples = array("h", path.read_bytes()[44:][: (path.stat().st_size - 44) // 2 * 2])
    return "".join("1" if each < 0 else "0" for each in samples)

"""Voices that no browser plays, said again in a way that all do: by ffmpeg, where it is.

It is given the one format that was found in the file, no network and a bounded time.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from pathlib import Path

from hub.files.storage import drop, on_disk

FORMATS = {"audio/amr": "amr"}
"""What is said again, and how ffmpeg calls it."""

SECONDS = 30.0
SPOKEN_SECONDS = 3_600
OUT_MAX_BYTES = 20_000_000

log = logging.getLogger(__name__)


def program() -> str | None:
    """Where ffmpeg is on this machine."""
    return shutil.which("ffmpeg")


async def said_again(voice: Path, mime: str) -> bool:
    """Puts a voice that browsers play in the place of one that they do not; False leaves it."""
    ffmpeg, known_as = program(), FORMATS.get(mime)
    if ffmpeg is None or known_as is None:
        return False
    out = beside(voice)
    try:
        given = ("-nostdin", "-v", "error", "-protocol_whitelist", "file", "-f", known_as)
        limits = ("-t", str(SPOKEN_SECONDS), "-fs", str(OUT_MAX_BYTES))
        wanted = ("-map", "0:a:0", "-c:a", "aac", "-b:a", "32k", "-movflags", "+faststart")
        process = await asyncio.create_subprocess_exec(
            ffmpeg,
            *(*given, "-i", f"file:{voice}", *limits, *wanted, "-f", "ipod", f"file:{out}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(SECONDS):
                good = await process.wait() == 0
        except TimeoutError:
            good = False
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if not good or not await on_disk(out.is_file):
            log.info("voice.left", extra={"mime": mime})
            return False
        await on_disk(out.replace, voice)
        return True
    except OSError as error:
        log.warning("voice.left", extra={"mime": mime, "reason": error.strerror or "ffmpeg"})
        return False
    finally:
        drop(out)


def beside(voice: Path) -> Path:
    """Where the new one is made."""
    return voice.with_name(f"{voice.name}.m4a")

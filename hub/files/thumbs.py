"""Small copies of pictures: WebP of at most 320 points a side, made once, never of a bomb.

Headers are read and weighed before a single point is decoded; what is too large, broken or
slow has no small copy and is shown whole, as is what moves.
"""

from __future__ import annotations

import asyncio
import io
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

SIDE = 320
SMALL_BYTES = 24 * 1024
SECONDS = 5.0
QUALITY = 78
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
PIXELS_MAX = 25_000_000
JPEG_PIXELS_MAX = 64_000_000
"""A JPEG is decoded at an eighth of its size, so it may be larger."""

log = logging.getLogger(__name__)


async def small_copy(picture: Path, size_bytes: int) -> bytes | None:
    """The small copy's bytes; None if the picture is small itself or none can be made."""
    if size_bytes <= SMALL_BYTES:
        return None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(SECONDS):
            return await loop.run_in_executor(_one_at_a_time(), made, picture)
    except TimeoutError:
        log.warning("thumb.slow", extra={"bytes": size_bytes})
        return None


def made(picture: Path) -> bytes | None:
    """As `small_copy`, of any size and in this thread."""
    # It costs a fifth of a second, which nobody pays who is never sent a picture.
    from PIL import Image, ImageOps

    try:
        with Image.open(picture, formats=FORMATS) as image:
            if getattr(image, "is_animated", False):
                return None
            pixels = image.width * image.height
            if not 0 < pixels <= (JPEG_PIXELS_MAX if image.format == "JPEG" else PIXELS_MAX):
                return None
            image.draft("RGB", (SIDE, SIDE))
            image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
            ImageOps.exif_transpose(image, in_place=True)
            clear = image.has_transparency_data
            with image.convert("RGBA" if clear else "RGB") as plain, io.BytesIO() as out:
                # No EXIF goes along: where a picture was taken is nobody's business here.
                plain.info.clear()
                plain.save(out, "WEBP", quality=QUALITY, method=2)
                return out.getvalue()
    except Exception as error:
        # Foreign bytes, and a decoder that raises nearly anything; without a copy all works.
        log.info("thumb.none", extra={"reason": type(error).__name__})
        return None


@cache
def _one_at_a_time() -> ThreadPoolExecutor:
    """One picture after another: a hundred at once would take all memory."""
    return ThreadPoolExecutor(1, thread_name_prefix="thumbs")

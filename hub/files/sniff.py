"""What bytes are, judged by themselves and never by their name.

Only what browsers show without running it is given a type of its own; SVG, HTML, XML and
everything unknown stay plain bytes. Nothing here decodes a picture: headers alone are read,
and no more of the file than a bounded number of bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO, Literal

import msgspec

HEAD_BYTES = 4_096
PIXELS_MAX = 100_000_000
SEGMENTS_MAX = 500

ENDINGS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/webm": ".webm",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
    "video/3gpp": ".3gp",
    "video/quicktime": ".mov",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
}

Size = tuple[int, int]


class Sniffed(msgspec.Struct, frozen=True):
    """A media type and what a screen may do with it; a picture always has its size."""

    mime: str
    kind: Literal["image", "audio", "video", "file"] = "file"
    width: int = 0
    height: int = 0


PLAIN = Sniffed("application/octet-stream")

VIDEO_BRANDS = re.compile(rb"iso[m2-9]|mp4[12]|avc1|M4V[ HP]|MSNV|dash|mmp4")
MP3_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MP3_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
MP3_HERTZ = (44_100, 48_000, 32_000)


def sniff(stream: BinaryIO) -> Sniffed:
    """Reads the stream from its start; it must be seekable."""
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    for mime, size_of in PICTURES.items():
        size = size_of(head, stream)
        if size is not None:
            return _picture(mime, *size)
    return _sound_or_film(head) or _document(head)


def heard_only(found: Sniffed) -> Sniffed:
    """The same as sound, for what is said to be sound and came in a box made for films."""
    if found.kind != "video":
        return found
    mime = {"video/3gpp": "audio/mp4", "video/quicktime": "audio/mp4"}.get(found.mime)
    return Sniffed(mime or found.mime.replace("video/", "audio/"), "audio")


def named(name: str, mime: str) -> str:
    """The name with the ending that people know such a file by, if it has none."""
    if "." in name.strip("."):
        return name
    return (name or mime.partition("/")[0].replace("application", "file")) + ENDINGS.get(mime, "")


def _picture(mime: str, width: int, height: int) -> Sniffed:
    # A picture of monstrous size would bring down the screen that decodes it.
    if 0 < width * height <= PIXELS_MAX:
        return Sniffed(mime, "image", width, height)
    return PLAIN


def _png(head: bytes, stream: BinaryIO) -> Size | None:
    if not head.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"):
        return None
    return _big(head[16:20]), _big(head[20:24])


def _gif(head: bytes, stream: BinaryIO) -> Size | None:
    if not head.startswith((b"GIF87a", b"GIF89a")):
        return None
    return _little(head[6:8]), _little(head[8:10])


def _webp(head: bytes, stream: BinaryIO) -> Size | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    if head[12:16] == b"VP8X":
        return _little(head[24:27]) + 1, _little(head[27:30]) + 1
    if head[12:16] == b"VP8L" and head[20:21] == b"\x2f":
        bits = _little(head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _little(head[26:28]) & 0x3FFF, _little(head[28:30]) & 0x3FFF
    return 0, 0


def _jpeg(head: bytes, stream: BinaryIO) -> Size | None:
    if head[:3] != b"\xff\xd8\xff":
        return None
    at, turned = 2, False
    for _ in range(SEGMENTS_MAX):
        stream.seek(at)
        mark = stream.read(10)
        if len(mark) < 10 or mark[0] != 0xFF:
            break
        if mark[1] == 0xFF:  # A filling byte before the marker.
            at += 1
            continue
        length = _big(mark[2:4])
        if 0xC0 <= mark[1] <= 0xCF and mark[1] not in (0xC4, 0xC8, 0xCC):
            width, height = _big(mark[7:9]), _big(mark[5:7])
            return (height, width) if turned else (width, height)
        if mark[1] == 0xE1 and mark[4:10] == b"Exif\0\0":
            turned = _is_turned(stream.read(min(length, HEAD_BYTES)))
        if mark[1] in (0xD9, 0xDA) or length < 2:
            break
        at += 2 + length
    return 0, 0


def _is_turned(tiff: bytes) -> bool:
    """Whether the camera was held upright, so that the picture is shown with sides swapped."""
    number = _little if tiff[:2] == b"II" else _big
    start = number(tiff[4:8])
    for n in range(number(tiff[start : start + 2])):
        field = tiff[start + 2 + 12 * n :][:12]
        if len(field) < 12:
            break
        if number(field[:2]) == 0x0112:
            return 5 <= number(field[8:10]) <= 8
    return False


PICTURES: dict[str, Callable[[bytes, BinaryIO], Size | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
}


def _sound_or_film(head: bytes) -> Sniffed | None:
    if head[:4] == b"OggS":
        if b"\x80theora" in head:
            return Sniffed("video/ogg", "video")
        if b"OpusHead" in head or b"\x01vorbis" in head:
            return Sniffed("audio/ogg", "audio")
    if head[4:8] == b"ftyp":
        return _mp4(head[8:12])
    if head[:4] == b"\x1a\x45\xdf\xa3" and b"\x42\x82" in head[:64] and b"webm" in head[:64]:
        silent = b"A_OPUS" not in head and b"A_VORBIS" not in head
        film = b"V_VP8" in head or b"V_VP9" in head or b"V_AV1" in head
        return Sniffed("video/webm", "video") if film or silent else Sniffed("audio/webm", "audio")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return Sniffed("audio/wav", "audio")
    if head[:4] == b"fLaC":
        return Sniffed("audio/flac", "audio")
    if head[:6] == b"#!AMR\n":
        return Sniffed("audio/amr", "audio")
    if _is_aac(head):
        return Sniffed("audio/aac", "audio")
    if (head[:3] == b"ID3" and head[3:4] in (b"\2", b"\3", b"\4")) or _is_mp3(head):
        return Sniffed("audio/mpeg", "audio")
    return None


def _mp4(brand: bytes) -> Sniffed | None:
    if brand in (b"M4A ", b"M4B "):
        return Sniffed("audio/mp4", "audio")
    if brand == b"qt  ":
        return Sniffed("video/quicktime", "video")
    if brand[:3] == b"3gp":
        return Sniffed("video/3gpp", "video")
    if VIDEO_BRANDS.fullmatch(brand):
        return Sniffed("video/mp4", "video")
    return None


def _is_mp3(head: bytes) -> bool:
    """Two frame headers, the second where the first one says that it must be."""
    length = _mp3_frame(head[:4])
    return bool(length) and bool(_mp3_frame(head[length : length + 4]))


def _is_aac(head: bytes) -> bool:
    """Two ADTS headers, the second where the first one says that it must be."""
    length = _aac_frame(head[:7])
    return bool(length) and bool(_aac_frame(head[length : length + 7]))


def _aac_frame(head: bytes) -> int:
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= 7 else 0


def _mp3_frame(head: bytes) -> int:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, rate, hertz = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate in (0, 15) or hertz == 3:
        return 0
    first = version == 3
    kbits = (MP3_KBITS if first else MP3_KBITS_2)[rate]
    per_second = MP3_HERTZ[hertz] // (1 if first else 2 if version == 2 else 4)
    return (144 if first else 72) * kbits * 1_000 // per_second + (head[2] >> 1 & 1)


def _document(head: bytes) -> Sniffed:
    if head[:5] == b"%PDF-":
        return Sniffed("application/pdf")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Sniffed("application/zip")
    return PLAIN


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")

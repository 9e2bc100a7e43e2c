"""What bytes are taken for, whatever their name says."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.files.sniff import PIXELS_MAX, PLAIN, Sniffed, heard_only, named, sniff


def of(data: bytes) -> Sniffed:
    return sniff(io.BytesIO(data))


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0"


def exif(orientation: int, order: str) -> bytes:
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    fields = struct.pack(f"{order}HHHIHH", 1, 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + head + fields + b"\0" * 4
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + before + frame + b"\xff\xda\0\2" + b"\0" * 10


def riff(form: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + form + body


def webp_lossy(width: int, height: int) -> bytes:
    return riff(
        b"WEBP", b"VP8 \0\0\0\0" + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    )


def webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return riff(b"WEBP", b"VP8L\0\0\0\0\x2f" + struct.pack("<I", bits))


def webp_extended(width: int, height: int) -> bytes:
    three = [struct.pack("<I", each - 1)[:3] for each in (width, height)]
    return riff(b"WEBP", b"VP8X\0\0\0\0" + b"\0" * 4 + b"".join(three))


PICTURES = {
    "image/png": png,
    "image/gif": gif,
    "image/jpeg": jpeg,
    "image/webp": webp_lossy,
}


@pytest.mark.parametrize(
    ("make", "mime"),
    [(make, mime) for mime, make in PICTURES.items()]
    + [(webp_lossless, "image/webp"), (webp_extended, "image/webp")],
)
def test_a_picture_tells_its_size(make: Callable[[int, int], bytes], mime: str) -> None:
    assert of(make(640, 48)) == Sniffed(mime, "image", 640, 48)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photo_held_upright_has_its_sides_swapped(order: str) -> None:
    assert of(jpeg(640, 480, exif(6, order))) == Sniffed("image/jpeg", "image", 480, 640)
    assert of(jpeg(640, 480, exif(3, order))) == Sniffed("image/jpeg", "image", 640, 480)


def test_a_photo_with_much_before_its_frame_is_still_measured() -> None:
    thumbnail = b"\xff\xe2" + struct.pack(">H", 60_000) + b"\0" * 59_998
    assert of(jpeg(30, 20, thumbnail * 20 + b"\xff")).width == 30


def test_a_picture_too_large_to_show_or_without_size_is_a_plain_file() -> None:
    side = PIXELS_MAX // 1_000
    assert of(png(side, 1_000)).kind == "image"
    assert of(png(side, 1_001)) == PLAIN
    assert of(png(0, 5)) == PLAIN
    assert of(b"\xff\xd8\xff\xd9" + b"\0" * 20) == PLAIN
    assert of(riff(b"WEBP", b"????" + b"\0" * 30)) == PLAIN


def test_a_photo_of_endless_segments_is_given_up() -> None:
    assert of(b"\xff\xd8" + b"\xff\xe2\0\2" * 10_000) == PLAIN


MP3 = b"\xff\xfb\x90\x00" + b"\0" * 413
AAC = b"\xff\xf1\x50\x80\x02\x9f\xfc" + b"\0" * 13
MP3_LOW = b"\xff\xf3\x40\x00" + b"\0" * 100


@pytest.mark.parametrize(
    ("data", "mime", "kind"),
    [
        (b"OggS" + b"\0" * 24 + b"OpusHead", "audio/ogg", "audio"),
        (b"OggS" + b"\0" * 24 + b"\x01vorbis", "audio/ogg", "audio"),
        (b"OggS" + b"\0" * 24 + b"\x80theora", "video/ogg", "video"),
        (b"\0\0\0\x1cftypM4A \0\0\0\0", "audio/mp4", "audio"),
        (b"\0\0\0\x1cftypisom\0\0\0\0", "video/mp4", "video"),
        (b"\0\0\0\x1cftypiso5\0\0\0\0", "video/mp4", "video"),
        (b"\0\0\0\x1cftypmp42\0\0\0\0", "video/mp4", "video"),
        (b"\0\0\0\x1cftypqt  \0\0\0\0", "video/quicktime", "video"),
        (b"\0\0\0\x1cftyp3gp5\0\0\0\0", "video/3gpp", "video"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "application/octet-stream", "file"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm" + b"V_VP9", "video/webm", "video"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm" + b"A_OPUS", "audio/webm", "audio"),
        (b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", "application/octet-stream", "file"),
        (riff(b"WAVE", b"fmt "), "audio/wav", "audio"),
        (riff(b"AVI ", b"LIST"), "application/octet-stream", "file"),
        (b"fLaC\0\0\0\x22", "audio/flac", "audio"),
        (b"ID3\x04\0\0", "audio/mpeg", "audio"),
        (b"ID3 is a tag", "application/octet-stream", "file"),
        (MP3 + MP3, "audio/mpeg", "audio"),
        (AAC + AAC, "audio/aac", "audio"),
        (AAC + b"not a frame", "application/octet-stream", "file"),
        (b"#!AMR\n\x3c", "audio/amr", "audio"),
        (MP3_LOW + MP3_LOW, "audio/mpeg", "audio"),
        (MP3 + b"not a frame", "application/octet-stream", "file"),
        (b"%PDF-1.7\n", "application/pdf", "file"),
        (b"PK\x03\x04rest", "application/zip", "file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", PLAIN.mime, "file"),
        (b"<?xml version='1.0'?><svg/>", PLAIN.mime, "file"),
        (b"<!doctype html><script>alert(1)</script>", PLAIN.mime, "file"),
        (b"hello", PLAIN.mime, "file"),
        (b"", PLAIN.mime, "file"),
    ],
)
def test_other_bytes_are_known_by_their_first_ones(data: bytes, mime: str, kind: str) -> None:
    got = of(data)
    assert (got.mime, got.kind, got.width, got.height) == (mime, kind, 0, 0)


@pytest.mark.parametrize(
    ("mime", "heard"),
    [
        ("video/mp4", "audio/mp4"),
        ("video/3gpp", "audio/mp4"),
        ("video/quicktime", "audio/mp4"),
        ("video/webm", "audio/webm"),
        ("video/ogg", "audio/ogg"),
    ],
)
def test_a_film_that_is_only_heard_is_sound(mime: str, heard: str) -> None:
    assert heard_only(Sniffed(mime, "video")) == Sniffed(heard, "audio")
    picture = Sniffed("image/png", "image", 3, 4)
    assert heard_only(picture) == picture


@pytest.mark.parametrize(
    ("name", "mime", "wanted"),
    [
        ("cat", "image/png", "cat.png"),
        ("cat.jpg", "image/png", "cat.jpg"),
        ("", "audio/ogg", "audio.ogg"),
        ("", "application/pdf", "file.pdf"),
        ("note", PLAIN.mime, "note"),
    ],
)
def test_a_name_without_an_ending_gets_that_of_what_it_is(
    name: str, mime: str, wanted: str
) -> None:
    assert named(name, mime) == wanted


MAGIC = [make(9, 7) for make in PICTURES.values()] + [
    exif(6, "<"),
    b"\xff\xd8" + exif(6, ">"),
    b"OggS",
    b"RIFF????WEBPVP8X",
    b"\xff\xfb",
    b"\x1a\x45\xdf\xa3",
]


@given(start=st.sampled_from(MAGIC), cut=st.integers(0, 40), rest=st.binary(max_size=200))
def test_no_bytes_upset_it_and_a_picture_always_has_a_size(
    start: bytes, cut: int, rest: bytes
) -> None:
    got = of(start[:cut] + rest)
    assert (got.kind == "image") == (got.width * got.height > 0)
    assert not got.mime.endswith(("svg+xml", "html", "xml"))

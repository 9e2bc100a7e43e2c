"""What is said in calls, as wav files that telephones play: by a voice of this machine, or taped.

A voice is any program that reads a text and writes a wav. It is given the text in a file or as its
input, never among its arguments, and there is no shell. What was made is kept in one folder under
the hash of voice and text, and dropped when it was not heard for a week: it may hold somebody's
name and number.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from hub.calls.script import Say
from hub.calls.speech import (
    RECORDING_MAX_BYTES,
    RECORDING_MAX_SECONDS,
    NoVoiceError,
    Quality,
    Recording,
    Speech,
    Voice,
    VoiceError,
)
from hub.errors import BadValueError, NotFoundError, TooLargeError, UnavailableError
from hub.files import storage
from hub.files.kept import RECORDING, Files
from hub.files.storage import BLOCK_BYTES, drop, on_disk
from hub.model import File, FileId, ProjectId
from hub.texts import Lang, text
from telephony.voice import audio
from telephony.voice.spoken import spoken

TEXT_FILE, OUT, LANG = "{text_file}", "{out}", "{lang}"
AT_ONCE = 2
SECONDS = 15.0
"""How long a voice may take: a call waits for it while a phone rings."""

SAID_MAX_SECONDS = 300
KEPT = timedelta(days=7)
HALF_MADE_KEPT = timedelta(hours=1)
TIDY_EVERY = timedelta(hours=1)
ROOM_BYTES = 500_000_000
LANGS: Final[tuple[Lang, ...]] = ("ru", "en")

_HOLES = re.compile("|".join(map(re.escape, (TEXT_FILE, OUT, LANG))))
_OURS = re.compile(r"[rt]-[0-9a-f]{32,64}\.wav|\.[0-9a-f]{16}\.[a-z.]{1,10}")
_HALF = re.compile(r"\..*")

log = logging.getLogger(__name__)


class Engine(NamedTuple):
    """A program that says texts, and how it is asked."""

    name: str
    quality: Quality
    command: tuple[str, ...]


class Spoken(Speech):
    """The voices of this machine, over the folder of what they said.

    `command` is the voice that the settings name; after it come those that are found. Voices of
    Piper lie in the folder `models`, named by their language as they are published.
    """

    def __init__(
        self,
        folder: Path,
        models: Path,
        files: Files,
        now: Callable[[], datetime],
        command: Sequence[str] = (),
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        self._folder = folder
        self._models = models
        self._files = files
        self._now = now
        self._command = tuple(command)
        self._room_bytes = room_bytes
        self._room = asyncio.Semaphore(AT_ONCE)
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tidied_at: datetime | None = None

    async def voice(self, lang: Lang) -> Voice:
        engines = await asyncio.to_thread(self.engines, lang)
        return Voice(engines[0].name, engines[0].quality) if engines else Voice()

    async def formats(self) -> tuple[str, ...]:
        return await asyncio.to_thread(audio.formats)

    async def say(
        self, say: Say, variables: Mapping[str, str], lang: Lang, project: ProjectId
    ) -> Path | None:
        await self.tidy()
        if say.recording:
            return await self._played(await self._file(project, say.recording))
        words = await asyncio.to_thread(spoken, say, variables, lang)
        return await self.audio(words, lang) if words else None

    async def audio(self, words: str, lang: Lang) -> Path:
        """Words, as they are, said by the best voice that does; raises as `say` does."""
        engines = await asyncio.to_thread(self.engines, lang)
        if not engines:
            raise NoVoiceError(field="text")
        for engine in engines:
            if (made := await self.by(engine, words, lang)) is not None:
                return made
            log.warning("voice.failed", extra={"engine": engine.name})
        raise VoiceError(field="text")

    def engines(self, lang: Lang) -> list[Engine]:
        """The voices that are there for the language, the best first."""
        found = []
        if self._command and shutil.which(self._command[0]):
            found.append(given(self._command))
        models = sorted(self._models.glob(f"{lang}*.onnx"))
        if models and (piper := shutil.which("piper")):
            asked = ("--model", str(models[0]), "--output_file", OUT)
            found.append(Engine("piper", "neural", (piper, *asked)))
        if rhvoice := shutil.which("RHVoice-test"):
            found.append(Engine("RHVoice", "natural", (rhvoice, "-o", OUT)))
        for name in ("espeak-ng", "espeak"):
            if espeak := shutil.which(name):
                # -b 1: the text is UTF-8 whatever the machine's locale.
                voice = ("-v", LANG, "-s", "150", "-b", "1", "-f", TEXT_FILE, "-w", OUT)
                found.append(Engine(name, "fallback", (espeak, *voice)))
                break
        return found

    async def by(self, engine: Engine, words: str, lang: Lang) -> Path | None:
        """Words said by that voice, once for all who ask; None if it does not say them."""
        key = hashlib.sha256(msgspec.json.encode([engine.command, lang, words])).hexdigest()
        path = self._folder / f"t-{key}.wav"
        async with self._one_at_a_time(path):
            if await on_disk(_still_there, path, self._now()):
                return path
            async with self._room:
                return path if await self._made(engine, words, lang, path) else None

    async def _made(self, engine: Engine, words: str, lang: Lang, path: Path) -> bool:
        with self._drafts("txt", "raw.wav", "wav") as (asked, raw, made):
            # Some voices say nothing before the line ends.
            await on_disk(self._write, asked, f"{words}\n".encode())
            holes = {TEXT_FILE: str(asked), OUT: str(raw), LANG: lang}
            command = [_HOLES.sub(lambda hole: holes[hole[0]], each) for each in engine.command]
            template = " ".join(engine.command)
            said = await audio.run(
                command,
                SECONDS,
                given=None if TEXT_FILE in template else asked,
                told=None if OUT in template else raw,
            )
            if not said or not await on_disk(raw.is_file):
                return False
            try:
                await on_disk(audio.brought, raw, made, SAID_MAX_SECONDS)
            except BadValueError as error:
                log.info("voice.unheard", extra={"engine": engine.name, "reason": str(error)})
                return False
            await on_disk(_put, made, path, self._now())
            return True

    async def keep(
        self, project: ProjectId, name: str, chunks: AsyncIterator[bytes], by: str
    ) -> Recording:
        with self._drafts("raw", "wav") as (raw, made):
            await self._pour(chunks, raw)
            async with self._room:
                seconds = await audio.telephone(raw, made, RECORDING_MAX_SECONDS)
            file = await self._files.keep(project, _as_wav(name), _blocks(made), by)
            await on_disk(_put, made, self._path_of(file), self._now())
        return Recording(file=FileId(file.id), name=file.name, seconds=round(seconds, 1))

    async def recording(self, project: ProjectId, file: str) -> Recording:
        found = await self._file(project, file)
        seconds = await on_disk(audio.seconds, await self._played(found))
        return Recording(file=FileId(found.id), name=found.name, seconds=round(seconds, 1))

    async def _played(self, file: File) -> Path:
        """The recording as a file of this machine; it may have been kept by another one."""
        path = self._path_of(file)
        async with self._one_at_a_time(path):
            if await on_disk(_still_there, path, self._now()):
                return path
            with self._drafts("raw", "wav") as (raw, made):
                await self._pour(self._files.read(file), raw)
                async with self._room:
                    await audio.telephone(raw, made, RECORDING_MAX_SECONDS)
                await on_disk(_put, made, path, self._now())
        return path

    async def _file(self, project: ProjectId, id: str) -> File:
        file = await self._files.get(id)
        # What was said in a call is heard at its own door, by those who may.
        if file.project != project or file.by == RECORDING:
            raise NotFoundError(field="recording")
        return file

    async def _pour(self, chunks: AsyncIterator[bytes], path: Path) -> None:
        size = 0
        await on_disk(self._write, path, b"")
        async for chunk in chunks:
            size += len(chunk)
            if size > RECORDING_MAX_BYTES:
                raise TooLargeError(
                    f"a recording has at most {RECORDING_MAX_BYTES} bytes", field="file"
                )
            await on_disk(storage.append, path, chunk)

    async def tidy(self) -> None:
        now = self._now()
        if self._tidied_at is not None and now < self._tidied_at + TIDY_EVERY:
            return
        self._tidied_at = now
        dropped = await on_disk(_tidied, self._folder, now, self._room_bytes)
        if dropped:
            log.info("speech.tidied", extra={"files": dropped})

    def _path_of(self, file: File) -> Path:
        return self._folder / f"r-{file.id}.wav"

    def _one_at_a_time(self, path: Path) -> asyncio.Lock:
        return self._making.setdefault(path.name, asyncio.Lock())

    @contextmanager
    def _drafts(self, *endings: str) -> Iterator[tuple[Path, ...]]:
        """Names of files that are gone when the block ends."""
        token = secrets.token_hex(8)
        paths = tuple(self._folder / f".{token}.{ending}" for ending in endings)
        try:
            yield paths
        finally:
            for path in paths:
                drop(path)

    def _write(self, path: Path, body: bytes) -> None:
        storage.make(self._folder)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(body)


async def look(speech: Spoken, say: Callable[[bool | None, str], None], *, named: str) -> None:
    """Has every voice say a word and tells of it in plain words; `named` is the settings' own."""
    if named and not await asyncio.to_thread(shutil.which, named):
        say(False, f"voice: speech.command names {named}, which is not found")
    for lang in LANGS:
        engines = await asyncio.to_thread(speech.engines, lang)
        if not engines:
            say(None, f"voice ({lang}): none; calls say recordings only, see docs/speech.md")
        for engine in engines[:1]:
            try:
                said = await speech.by(engine, text(lang, "call.voice_trial"), lang)
            except UnavailableError as error:
                say(False, f"voice ({lang}): {error}")
                continue
            if said is None:
                say(False, f"voice ({lang}): {engine.name} does not say what it is given")
            elif engine.quality == "fallback":
                say(
                    None,
                    f"voice ({lang}): only {engine.name}, which sounds like a machine; "
                    "docs/speech.md names better ones",
                )
            else:
                say(True, f"voice ({lang}): {engine.name}")
    taken = await speech.formats()
    if {"mp3", "ogg"} <= set(taken):
        say(True, f"recordings: {', '.join(taken)}")
    else:
        say(None, f"recordings: only {', '.join(taken)}; with ffmpeg mp3 and ogg can be given too")


def given(command: tuple[str, ...]) -> Engine:
    """The voice of the settings."""
    name = Path(command[0]).name
    quality: Quality = "fallback" if name.startswith("espeak") else "natural"
    return Engine(name, "neural" if name.startswith("piper") else quality, command)


def _as_wav(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    known = dot and ending.lower() in ("mp3", "wav", "ogg", "oga", "opus")
    return f"{(stem if known else name) or 'recording'}.wav"


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    stream = await asyncio.to_thread(path.open, "rb")
    with stream:
        while block := await on_disk(stream.read, BLOCK_BYTES):
            yield block


def _still_there(path: Path, now: datetime) -> bool:
    """Whether it was made before; it is kept for longer then."""
    try:
        os.utime(path, (now.timestamp(), now.timestamp()))
    except FileNotFoundError:
        return False
    return True


def _put(made: Path, path: Path, now: datetime) -> None:
    os.utime(made, (now.timestamp(), now.timestamp()))
    made.replace(path)


def _tidied(folder: Path, now: datetime, room: int) -> int:
    """Drops what is old, then what was heard longest ago until the rest has room."""
    if not folder.is_dir():
        return 0
    held = []
    dropped = 0
    for path in folder.iterdir():
        if not _OURS.fullmatch(path.name):
            continue
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        kept = HALF_MADE_KEPT if _HALF.fullmatch(path.name) else KEPT
        if found.st_mtime < (now - kept).timestamp():
            drop(path)
            dropped += 1
        else:
            held.append((found.st_mtime, found.st_size, path))
    for heard_at, size, path in sorted(held, reverse=True):
        room -= size
        if room < 0 and heard_at < (now - HALF_MADE_KEPT).timestamp():
            drop(path)
            dropped += 1
    return dropped

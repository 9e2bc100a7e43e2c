"""What calls say, heard before anybody is called: texts by the voice, and recordings brought in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from hub import phrases
from hub.calls.script import Say
from hub.calls.seats import variables
from hub.calls.speech import RECORDING_MAX_BYTES, Quality
from hub.calls.speech import Recording as Kept
from hub.errors import BadValueError, LimitedError, TooLargeError
from hub.phrases import PhraseError
from hub.rights import Right
from hub.texts import Lang
from web import wire
from web.fetch import WEB_PORTS, FetchError, Reach, address_of, download
from web.files import NameQuery
from web.routes import Answer, AnyRoute, Ask, Nothing, Route
from web.views import View

LISTENS = 60
RECORDINGS = 30
PERIOD = timedelta(minutes=5)


class LinkError(BadValueError):
    """No recording comes from that address; the message is why, as a code."""

    code = "audio_link"


class SpeechView(View, frozen=True, kw_only=True):
    """What says texts in the project's language; `formats` are endings, such as wav and mp3."""

    engine: str
    quality: Quality
    formats: tuple[str, ...]


class Listened(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be heard, as it stands in a form that may not be saved yet."""

    say: Say = Say()


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, Meta(min_length=1, max_length=2_000)]


class RecordingView(View, frozen=True, kw_only=True):
    """`file` is what a script names within a day; `link` plays it for an hour."""

    file: str
    name: str
    seconds: float
    link: str


async def speech(ask: Ask[Nothing, Nothing]) -> SpeechView:
    ask.whole()
    voice = await ask.hub.speech.voice((await ask.hub.projects.get(ask.project)).lang)
    formats = await ask.hub.speech.formats()
    return SpeechView(engine=voice.engine, quality=voice.quality, formats=formats)


async def listen(ask: Ask[Nothing, Listened]) -> Answer:
    ask.whole()
    await _allow(ask, "listen", LISTENS)
    say, home = ask.body.say, await ask.hub.projects.get(ask.project)
    lang: Lang = home.lang
    known = variables(home)
    try:
        strange = phrases.check(say.text, known)
    except PhraseError as error:
        raise PhraseError(str(error), field="say.text") from None
    # Fields of forms have no value yet: their names stand for them.
    known |= {name: name.replace("_", " ") for name in strange}
    path = await ask.hub.speech.say(say, known, lang, ask.project)
    if path is None:
        raise BadValueError("there is nothing to say", field="say.text")
    headers = {"Content-Type": "audio/wav", "Cache-Control": "no-store"}
    return Answer(response=web.FileResponse(path, headers=headers))


async def bring(ask: Ask[NameQuery, Nothing]) -> RecordingView:
    ask.whole()
    await _allow(ask, "recording", RECORDINGS)
    return await _keep(ask, ask.query.name, wire.chunks(ask.request))


async def link(ask: Ask[Nothing, Link]) -> RecordingView:
    ask.whole()
    await _allow(ask, "recording", RECORDINGS)
    reach = Reach(near=ask.state.door.stays_here(ask.request), ports=WEB_PORTS)
    try:
        url = address_of(ask.body.url)
        body = await download(url, reach, RECORDING_MAX_BYTES)
    except FetchError as error:
        if error.code == "large":
            raise TooLargeError(f"at most {error.detail} bytes", field="url") from None
        raise LinkError(error.code, field="url") from None

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    return await _keep(ask, url.name or "recording", chunks())


async def recording(ask: Ask[Nothing, Nothing]) -> RecordingView:
    ask.whole()
    return _view(ask, await ask.hub.speech.recording(ask.project, ask.part("file")))


async def _keep(ask: Ask[Any, Any], name: str, chunks: AsyncIterator[bytes]) -> RecordingView:
    return _view(ask, await ask.hub.speech.keep(ask.project, name, chunks, ask.who.id))


async def _allow(ask: Ask[Any, Any], what: str, most: int) -> None:
    wait = await ask.hub.bus.allow(f"speech-{what}:{ask.who.id}", most, PERIOD)
    if wait is not None:
        raise LimitedError(wait)


def _view(ask: Ask[Any, Any], kept: Kept) -> RecordingView:
    return RecordingView(
        file=kept.file,
        name=kept.name,
        seconds=kept.seconds,
        link=ask.hub.files.link(kept.file, kept.name, ask.hub.now()),
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path="/projects/{project}/speech",
        right=Right.ARRANGE,
        summary="By what texts are said in calls, and which recordings can be taken",
        call=speech,
        query=Nothing,
        body=Nothing,
        answer=SpeechView,
    ),
    Route(
        method="POST",
        path="/projects/{project}/speech/listen",
        right=Right.ARRANGE,
        summary="What a call would say, as audio/wav, with examples for its variables",
        call=listen,
        query=Nothing,
        body=Listened,
    ),
    Route(
        method="POST",
        path="/projects/{project}/speech/recordings",
        right=Right.ARRANGE,
        summary="Bring a recording (mp3, wav or ogg) as the raw body, for a script within a day",
        call=bring,
        query=NameQuery,
        body=Nothing,
        answer=RecordingView,
        status=201,
        raw=True,
    ),
    Route(
        method="POST",
        path="/projects/{project}/speech/links",
        right=Right.ARRANGE,
        summary="Bring a recording from an address on the internet",
        call=link,
        query=Nothing,
        body=Link,
        answer=RecordingView,
    ),
    Route(
        method="GET",
        path="/projects/{project}/speech/recordings/{file}",
        right=Right.ARRANGE,
        summary="A recording that was brought, with a link that plays it",
        call=recording,
        query=Nothing,
        body=Nothing,
        answer=RecordingView,
    ),
)

"""What calls say, heard in the form: texts by the voice, recordings by upload or by address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub import model
from hub.config import Settings
from hub.files.kept import Files
from hub.model import Role
from telephony.voice.speech import Spoken
from tests.telephony.voices import Told, tone, wav
from tests.web.house import ALPHA, Browser, House
from web.api_speech import LISTENS

SPEECH = "/api/v1/projects/alpha/speech"
HELLO = {"say": {"text": "Клиент $name$, телефон {{ phone }}, кампания $campaign_name$"}}
BODY = wav(tone(8_000, 1))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """The only voice there is, and the only program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return Told(tmp_path / "voice")


@pytest.fixture
def voice(told: Told, tmp_path: Path) -> Callable[[Settings, Files], Spoken]:
    def make(settings: Settings, files: Files) -> Spoken:
        return Spoken(settings.speech.dir, tmp_path / "models", files, model.now, told.command())

    return make


@pytest.fixture
async def admin(house: House) -> Browser:
    await house.operator("alice", ALPHA, Role.ADMIN)
    return await house.browser("alice")


async def bring(browser: Browser, body: bytes, name: str = "hello.wav") -> tuple[int, Any]:
    headers = {"Content-Type": "application/octet-stream"}
    path = f"{SPEECH}/recordings?name={name}"
    answer = await browser.raw("POST", path, headers=headers, data=BytesIO(body))
    return answer.status, await answer.json()


async def test_a_text_is_heard_with_examples_for_its_variables(admin: Browser, told: Told) -> None:
    answer = await admin.raw("POST", f"{SPEECH}/listen", HELLO)
    heard = await answer.read()
    assert (answer.status, answer.content_type, heard[:4]) == (200, "audio/wav", b"RIFF")
    assert answer.headers["Cache-Control"] == "no-store"
    [said] = told.said
    assert said.startswith("Клиент Анна Петрова, телефон плюс семь, девятьсот шестнадцать,")
    assert said.endswith("кампания campaign name")


@pytest.mark.parametrize(
    ("say", "code", "field"),
    [
        ({"text": ""}, "bad_value", "say.text"),
        ({"text": "$nobody"}, "voice_failed", "text"),
        ({"text": "{{ broken"}, "phrase", "say.text"),
        ({"text": "а" * 1_001}, "bad_value", "say.text"),
        ({"words": "x"}, "bad_value", "say.words"),
        ({"recording": "0" * 32}, "not_found", "file"),
    ],
)
async def test_what_cannot_be_heard_is_refused_by_its_field(
    say: dict[str, str], code: str, field: str, admin: Browser, told: Told
) -> None:
    told.says(b"broken")
    status, problem = await admin.ask("POST", f"{SPEECH}/listen", {"say": say})
    assert status in (400, 404)
    assert (problem["code"], problem["field"]) == (code, field)


async def test_a_recording_is_brought_listened_to_and_found_again(admin: Browser) -> None:
    status, brought = await bring(admin, BODY, "Привет.wav")
    assert status == 201
    assert (brought["name"], brought["seconds"]) == ("Привет.wav", 1.0)
    played = await (await admin.raw("GET", brought["link"])).read()
    assert played[:4] == b"RIFF"

    body = {"say": {"recording": brought["file"]}}
    answer = await admin.raw("POST", f"{SPEECH}/listen", body)
    assert await answer.read() == played
    again = await admin.get(f"/projects/alpha/speech/recordings/{brought['file']}")
    assert {**again, "link": ""} == {**brought, "link": ""}


async def test_what_is_no_recording_is_refused_by_its_code(admin: Browser) -> None:
    assert await bring(admin, b"<html>") == (
        400,
        {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "code": "not_audio",
            "detail": "a recording is an mp3, wav or ogg file",
            "field": "file",
        },
    )
    status, problem = await bring(admin, wav([0.1] * 4_000 * 181, 4_000, bits=8))
    assert (status, problem["code"], problem["field"]) == (400, "audio_long", "file")
    status, problem = await bring(admin, bytes(10_000_001))
    assert (status, problem["code"]) == (413, "too_large")


@pytest.fixture
async def elsewhere() -> AsyncIterator[TestServer]:
    """A site of somebody's on this machine, which serves recordings and leads astray."""

    async def answer(request: web.Request) -> web.Response:
        match request.path:
            case "/hello.wav":
                return web.Response(body=BODY, content_type="text/html")
            case "/large.wav":
                return web.Response(body=bytes(10_000_001))
            case "/page":
                return web.Response(text="<html>")
            case "/inside":
                return web.Response(status=302, headers={"Location": "http://169.254.169.254/x"})
            case _:
                return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


async def test_a_recording_comes_from_an_address(admin: Browser, elsewhere: TestServer) -> None:
    link = {"url": str(elsewhere.make_url("/hello.wav"))}
    brought = await admin.post("/projects/alpha/speech/links", link)
    assert (brought["name"], brought["seconds"]) == ("hello.wav", 1.0)


@pytest.mark.parametrize(
    ("path", "code", "detail"),
    [
        ("/gone", "audio_link", "status"),
        ("/inside", "audio_link", "private"),
        ("/large.wav", "too_large", "at most 10000000 bytes"),
        ("/page", "not_audio", "a recording is an mp3, wav or ogg file"),
    ],
)
async def test_an_address_that_brings_no_recording_is_refused(
    path: str, code: str, detail: str, admin: Browser, elsewhere: TestServer
) -> None:
    status, problem = await admin.ask(
        "POST", f"{SPEECH}/links", {"url": str(elsewhere.make_url(path))}
    )
    assert status in (400, 413)
    assert (problem["code"], problem["detail"]) == (code, detail)
    assert problem["field"] in ("url", "file")


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("http://169.254.169.254/latest/meta-data", "private"),
        ("http://10.0.0.1/a.mp3", "private"),
        ("http://[::ffff:10.0.0.1]/a.mp3", "private"),
        ("http://127.0.0.1:22/", "port"),
        ("http://user:secret@shop.example/a.mp3", "bad"),
        ("file:///etc/passwd", "bad"),
        ("ftp://shop.example/a.mp3", "bad"),
    ],
)
async def test_an_address_does_not_lead_inside(url: str, detail: str, admin: Browser) -> None:
    status, problem = await admin.ask("POST", f"{SPEECH}/links", {"url": url})
    assert (status, problem["code"], problem["field"]) == (400, "audio_link", "url")
    assert problem["detail"] == detail
    assert "secret" not in str(problem)


async def test_the_form_is_told_by_what_texts_are_said(admin: Browser) -> None:
    told = await admin.get("/projects/alpha/speech")
    assert told.pop("engine").startswith("python")
    assert told == {"quality": "natural", "formats": ["wav"]}


async def test_nobody_listens_without_end(house: House, admin: Browser) -> None:
    house.stop_the_clock()
    for _ in range(LISTENS):
        assert (await admin.raw("POST", f"{SPEECH}/listen", HELLO)).status == 200
    assert (await admin.raw("POST", f"{SPEECH}/listen", HELLO)).status == 429


async def test_only_admins_of_the_project_have_to_do_with_it(house: House, admin: Browser) -> None:
    _, brought = await bring(admin, BODY)
    await house.operator("oscar", ALPHA, Role.SUPERVISOR)
    supervisor, stranger = await house.browser("oscar"), await house.browser("boris")
    for who, expected in ((supervisor, 403), (stranger, 404), (await house.browser(), 401)):
        assert (await who.ask("GET", SPEECH))[0] == expected
        assert (await who.ask("POST", f"{SPEECH}/listen", HELLO))[0] == expected
        assert (await who.ask("GET", f"{SPEECH}/recordings/{brought['file']}"))[0] == expected
        assert (await bring(who, BODY))[0] == expected


async def test_a_recording_of_another_project_is_not_there(house: House, admin: Browser) -> None:
    _, brought = await bring(admin, BODY)
    await house.operator("bella", model.ProjectId("beta"), Role.ADMIN)
    other = await house.browser("bella")
    path = f"/api/v1/projects/beta/speech/recordings/{brought['file']}"
    assert (await other.ask("GET", path))[0] == 404

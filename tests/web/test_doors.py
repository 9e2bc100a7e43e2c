"""Pages, operations and what is believed of a request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from hub.config import Server
from hub.errors import BadValueError, ForbiddenError, NotFoundError, UnavailableError
from hub.store.schema import AUDIT
from tests.web.house import PASSWORD, House
from web import demo, wire
from web.door import Door, OriginError
from web.statics import Statics


def _request(remote: str = "127.0.0.1", host: str = "hub.example", **headers: str):  # type: ignore[no-untyped-def]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = make_mocked_request("GET", "/", headers={"Host": host} | named)
    return request.clone(remote=remote)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "1.2.3.4", "unknown"),
    ],
)
def test_only_a_trusted_proxy_is_believed(remote: str, forwarded: str, address: str) -> None:
    door = Door(Server(trusted_proxies=("10.0.0.0/8",)))
    assert door.address(_request(remote, X_Forwarded_For=forwarded)) == address


def test_https_is_what_the_settings_or_a_trusted_proxy_say() -> None:
    assert Door(Server(public_url="https://hub.example")).https(_request())
    trusting = Door(Server(trusted_proxies=("10.0.0.1",)))
    assert trusting.https(_request("10.0.0.1", X_Forwarded_Proto="https"))
    assert not trusting.https(_request("10.0.0.2", X_Forwarded_Proto="https"))
    assert Door(Server(public_url="https://hub.example")).cookie(_request()) == "__Host-otklik"


def test_an_origin_is_ours_only_whole() -> None:
    door = Door(Server())
    door.check_origin(_request(Origin="http://hub.example"), required=True)
    for origin in (
        "https://hub.example",
        "http://hub.example.evil",
        "http://hub.example:81",
        "http://evil/hub.example",
        "null",
        "",
    ):
        with pytest.raises(OriginError):
            door.check_origin(_request(Origin=origin))
    door.check_origin(_request())
    with pytest.raises(OriginError):
        door.check_origin(_request(), required=True)
    public = Door(Server(public_url="https://chat.example"))
    public.check_origin(_request(Origin="https://chat.example"))


@given(st.recursive(st.none() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_depth_is_never_mistaken_for_shallow(value: object) -> None:
    def deep(each: object) -> int:
        if isinstance(each, dict):
            return 1 + max((deep(v) for v in each.values()), default=0)
        if isinstance(each, list):
            return 1 + max((deep(v) for v in each), default=0)
        return 0

    wrapped = json.loads("[" * 20 + "null" + "]" * 20)
    body = json.dumps([value, wrapped]).encode()
    counted = wire.depth(body)
    assert counted in (0, deep([value, wrapped])) or counted > wire.DEPTH_MAX
    assert (counted > wire.DEPTH_MAX) == (deep([value, wrapped]) > wire.DEPTH_MAX)


def test_a_path_of_an_error_is_given_without_the_value() -> None:
    from web.api_dialogs import NewNote

    with pytest.raises(BadValueError) as caught:
        wire.decode(b'{"key": "secret value", "text": "x"}', NewNote)
    assert caught.value.field == "key"
    assert "secret" not in str(caught.value)


def test_the_parts_that_a_script_begins_with_are_named_with_it(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(
        '{"inbox.js": "inbox.ABCDEFGH.js", "inbox.js parts": ["chunk.AAAABBBB.js"]}'
    )
    statics = Statics(tmp_path)
    assert statics.parts("inbox.js") == ["chunk.AAAABBBB.js"]
    assert statics.parts("panel.js") == []
    assert statics.named("inbox.js parts") is None
    assert statics.is_hashed("chunk.AAAABBBB.js")


def test_statics_serve_plain_names_of_their_own_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    folder.mkdir()
    (tmp_path / "secret.js").write_text("x")
    (folder / "inbox.0123abcdef.js").write_text("x")
    (folder / ".hidden.js").write_text("x")
    (folder / "run.sh").write_text("x")
    (folder / "manifest.json").write_text('{"inbox.js": "inbox.0123abcdef.js"}')
    statics = Statics(folder)
    assert statics.named("inbox.js") == "inbox.0123abcdef.js"
    assert statics.path("inbox.0123abcdef.js").is_file()
    assert statics.is_hashed("inbox.0123abcdef.js")
    assert not statics.is_hashed("widget.js")
    for name in (
        "../secret.js",
        ".hidden.js",
        "run.sh",
        "absent.js",
        "",
        "a/b.js",
        "..\\secret.js",
    ):
        with pytest.raises(NotFoundError):
            statics.path(name)
    assert Statics(tmp_path / "absent").named("inbox.js") is None


async def test_every_answer_is_guarded(house: House) -> None:
    browser = await house.browser()
    for path in ("/", "/inbox", "/api/v1/me", "/nothing", "/live", "/widget/nothing/config"):
        answer = await browser.raw("GET", path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "aiohttp" not in answer.headers.get("Server", "")


async def test_the_root_leads_to_the_inbox_in_the_browsers_language(house: House) -> None:
    browser = await house.browser()
    answer = await browser.raw("GET", "/")
    assert (answer.status, answer.headers["Location"]) == (302, "/inbox")
    for asked, lang in (("en-GB,ru;q=0.5", "en"), ("de,ru", "ru"), ("", "ru")):
        page = await browser.raw("GET", "/inbox", headers={"Accept-Language": asked})
        assert f'<html lang="{lang}">' in await page.text()
    anna = await house.browser("anna")
    page = await anna.raw("GET", "/inbox", headers={"Accept-Language": "en"})
    assert '<html lang="ru">' in await page.text()


async def test_the_shell_names_the_built_files_and_each_is_served(house: House) -> None:
    browser = await house.browser()
    page = await (await browser.raw("GET", "/inbox")).text()
    for name, cache in (
        ("inbox.0123456789.js", "immutable"),
        ("inbox.0123456789.css", "immutable"),
        ("widget.js", "no-cache"),
    ):
        assert name in page or name == "widget.js"
        answer = await browser.raw("GET", f"/static/{name}")
        assert answer.status == 200
        assert cache in answer.headers["Cache-Control"]
        assert answer.content_type in ("text/javascript", "text/css")
    for name in ("absent.js", "..%2f..%2fpyproject.toml", "manifest.json%00"):
        assert (await browser.ask("GET", f"/static/{name}"))[0] == 404
    assert (await browser.raw("GET", "/favicon.ico")).content_type == "image/svg+xml"


async def test_any_site_may_load_the_widget(house: House) -> None:
    browser = await house.browser()
    for path, cache in (
        ("/widget.js", "max-age=300"),
        ("/widget/panel.js", "max-age=300"),
        ("/widget/panel.js?0123456789", "immutable"),
    ):
        answer = await browser.raw("GET", path, headers={"Origin": "https://anywhere.example"})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert cache in answer.headers["Cache-Control"]


@pytest.mark.parametrize("server_settings", [{"public_url": "https://chat.example"}])
async def test_behind_https_the_session_is_bound_to_the_host(house: House) -> None:
    browser = await house.browser()
    answer = await browser.raw(
        "POST",
        "/api/v1/session",
        {"login": "anna", "password": PASSWORD},
        headers={"Origin": "https://chat.example"},
    )
    cookie = answer.cookies["__Host-otklik"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize("server_settings", [{"trusted_proxies": ["127.0.0.1"]}])
async def test_behind_a_proxy_the_address_that_is_limited_is_the_clients(house: House) -> None:
    browser = await house.browser()
    await browser.ask(
        "POST",
        "/api/v1/session",
        {"login": "anna", "password": "wrong"},
        headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"},
    )
    page = await house.hub.engine.find(AUDIT, {"project": ""}, descending=True, limit=1)
    assert page.items[0].address == "203.0.113.9"


async def test_the_process_tells_how_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await house.browser()
    assert await browser.ask("GET", "/live") == (200, b"ok")
    assert await browser.ask("GET", "/ready") == (200, b"ok")
    status, told = await browser.ask("GET", "/metrics")
    assert status == 200
    assert b"hub_sockets_open" in told
    status, _ = await browser.ask("GET", "/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert status == 403

    async def away(*_: object) -> None:
        raise UnavailableError("no route to mongo.internal")

    monkeypatch.setattr(house.hub.engine, "get", away)
    answer = await browser.raw("GET", "/ready")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert "mongo.internal" not in await answer.text()


async def test_a_fault_of_ours_tells_nothing_of_itself(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna = await house.browser("anna")

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inner secret")

    monkeypatch.setattr(type(house.hub.lists), "counts", broken)
    status, told = await anna.ask("GET", "/api/v1/projects/alpha/counts")
    assert (status, told["code"]) == (500, "internal")
    assert "inner" not in json.dumps(told)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_the_demo_site_is_whole_in_both_languages(lang: str) -> None:
    async with TestClient(TestServer(demo.build("http://hub.example", "demo-site"))) as client:
        answer = await client.get(f"/?lang={lang}")
        page = await answer.text()
        assert f'<html lang="{lang}">' in page
        assert '<script src="http://hub.example/widget.js" data-channel="demo-site" async>' in page
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self' http://hub.example;" in policy
        assert "unsafe" not in policy
        for path in ("/services", "/contacts", "/demo.css", "/demo.js"):
            assert (await client.get(path)).status == 200


def test_templates_escape_what_they_are_given() -> None:
    page = demo.render("home", "en", '"><script>', "x")
    assert '"><script>' not in page


def test_a_stranger_far_away_gets_no_counts() -> None:
    door = Door(Server(trusted_proxies=("10.0.0.0/8",)))
    assert door.is_near(_request("127.0.0.1", host="localhost:8080"))
    assert door.is_near(_request("10.1.2.3"))
    assert not door.is_near(_request("203.0.113.9"))
    assert issubclass(OriginError, ForbiddenError)

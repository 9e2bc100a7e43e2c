"""What is read at the doors, asked for with wild words, foreign ids and without end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from hub.files.kept import small_key
from hub.files.s3 import S3
from hub.model import File, Role
from hub.store.engine import milliseconds
from tests.web.house import ALPHA, BETA, Browser, House
from tests.web.test_files import photo, uploaded
from web.api_search import SEARCHES
from web.ops import CHECK_HEADER
from web.routes import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bucket import S3Server

NASTY = ["", "..", "../../etc/passwd", "%00", "\0", "\ud800", "-1", "²", "٣", "9" * 400, "null"]
WILD = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([each.encode(errors="surrogatepass") for each in NASTY]),
)
LOOKS = [
    "/projects/alpha/search?q={}",
    "/projects/alpha/search?q=слово&after={}",
    "/projects/alpha/search?q=слово&limit={}",
    "/projects/{}/search?q=x",
    "/projects/alpha/dialogs?view={}",
    "/projects/alpha/dialogs?view=all&after={}",
    "/projects/alpha/dead-letters?after={}",
    "/projects/alpha/dead-letters?replayed={}",
    "/projects/alpha/dead-letters/{}",
    "/projects/{}/dead-letters",
    "/dialogs/{}/log",
    "/dialogs/{}",
    "/health?x={}",
]
PLACES = [
    "/files/{}/a.png?e=1&s=x",
    "/files/a/{}?e=1&s=x",
    "/files/a/a.png?e={}&s=x",
    "/files/a/a.png?e=1999999999&s={}",
    "/files/a/a.png?small={}",
    "/seen?x={}",
    "/ready?x={}",
    "/live?x={}",
    "/metrics?x={}",
    "/{}",
]
LAX = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def ada(house: House) -> Browser:
    """Whoever may do everything in alpha."""
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


@pytest.fixture
async def stranger(house: House) -> Browser:
    return await house.browser()


def at(browser: Browser, path: str, wild: bytes) -> URL:
    return URL(str(browser.client.make_url("/").origin()) + path.format(quote(wild, safe="")))


async def refusal(browser: Browser, url: URL, **more: Any) -> int:
    """The status; whatever is refused is refused as a problem with a code."""
    exact = URL(str(url), encoded=True)
    async with browser.client.session.get(exact, allow_redirects=False, **more) as answer:
        assert answer.status < 500, (url, await answer.text())
        if answer.status >= 400:
            assert (await answer.json())["code"]
        return answer.status


@given(path=st.sampled_from(LOOKS), wild=WILD)
@LAX
async def test_wild_words_are_refused_or_find_nothing(
    house: House, ada: Browser, path: str, wild: bytes
) -> None:
    status = await refusal(ada, at(ada, ROOT + path, wild))
    assert status in (200, 400, 404)


@given(path=st.sampled_from(PLACES), wild=WILD)
@LAX
async def test_wild_places_are_refused(house: House, ada: Browser, path: str, wild: bytes) -> None:
    status = await refusal(ada, at(ada, path, wild))
    assert status in (200, 302, 400, 403, 404, 405)


@given(header=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60))
@LAX
async def test_no_made_up_signature_opens_seen(
    house: House, stranger: Browser, header: str
) -> None:
    now = milliseconds(house.hub.now())
    for told in (header, f"{now}.{header}", f"{header}.{now}"):
        headers = {CHECK_HEADER: told.strip()}
        assert await refusal(stranger, at(stranger, "/seen", b""), headers=headers) == 404


async def test_a_signature_made_for_something_else_opens_nothing(house: House) -> None:
    stranger = await house.browser()
    now = str(milliseconds(house.hub.now()))
    for purpose in ("file", "csrf", "visitor"):
        signed = f"{now}.{house.hub.keys.sign(purpose, now)}"
        answer = await stranger.raw("GET", "/seen", headers={CHECK_HEADER: signed})
        assert answer.status == 404
    good = f"{now}.{house.hub.keys.sign('check', now)}"
    assert (await stranger.raw("GET", "/seen", headers={CHECK_HEADER: good})).status == 200


async def test_searches_without_end_wait_alone(house: House, ada: Browser) -> None:
    house.stop_the_clock()
    url, asked = f"{ROOT}/projects/alpha/search?q=x", 0
    while (answer := await ada.raw("GET", url)).status == 200:
        asked += 1
    assert asked >= SEARCHES
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    anna = await house.browser("anna")
    assert (await anna.ask("GET", url))[0] == 200


@pytest.mark.parametrize("project", [BETA, "nowhere"])
async def test_letters_and_health_of_another_project_look_absent(
    house: House, ada: Browser, project: str
) -> None:
    kept = house.hub.channels.get("alpha-echo")
    await house.hub.intake.undigested(kept, b"x", "ours")
    [letter] = (await house.hub.letters.of(ALPHA, None)).items
    for method, tail in (
        ("GET", ""),
        ("GET", f"/{letter.id}"),
        ("POST", f"/{letter.id}/replay"),
        ("DELETE", f"/{letter.id}"),
    ):
        status, told = await ada.ask(method, f"{ROOT}/projects/{project}/dead-letters{tail}")
        assert (status, told["code"]) == (404, "not_found")
    assert (await ada.get("/projects/alpha/dead-letters"))["items"][0]["id"] == letter.id


@pytest.fixture(params=["folder", "s3"])
async def stored(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> House:
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        house.hub.files.storage = S3(server.new_bucket(), tmp_path / "incoming")
    return house


async def test_a_link_opens_its_own_file_and_small_copy_and_nothing_else(stored: House) -> None:
    one, other = [await uploaded(stored, photo()) for _ in range(2)]
    stranger = await stored.browser()
    mine, theirs = URL(one["url"]), URL(other["url"])
    for forged in (
        mine.with_query(theirs.query),
        theirs.with_query(mine.query),
        mine.with_query({"small": "1"}),
        mine.with_query({**mine.query, "e": str(int(mine.query["e"]) + 1)}),
        mine.with_query({**mine.query, "e": "0" + mine.query["e"]}),
        URL(f"/files/{other['id']}.webp/a.webp").with_query(theirs.query),
        URL(f"/files/alpha%2F{other['id'][:2]}%2F{other['id']}/a", encoded=True).with_query(
            mine.query
        ),
    ):
        status = (await stranger.raw("GET", str(forged))).status
        assert status in (403, 404), forged
    await stored.hub.files.storage.close()


async def test_a_small_copy_that_is_gone_or_empty_is_no_fault(
    stored: House, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    file = await uploaded(stored, photo())
    kept = await stored.hub.engine.get(File, file["id"])
    assert kept is not None
    stranger = await stored.browser()
    storage = stored.hub.files.storage
    await storage.delete(small_key(kept))
    assert (await stranger.raw("GET", file["thumb"])).status == 404
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    await storage.put(
        small_key(kept), empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    answer = await stranger.raw("GET", file["thumb"])
    assert (answer.status, await answer.read()) == (200, b"")
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    await storage.close()

"""What a page of a site lacks, told step by step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from hub.model import ProjectId
from hub.sites import Sight, Sighting
from web import onsite
from web.fetch import Page, Reach
from web.onsite import STEPS, Expected, Finding, judge, read

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HUB = "https://chat.example.com"
SHOP = "https://shop.example"
TAG = f'<script src="{HUB}/widget.js" data-channel="site" async></script>'


def expected(
    hub: str = HUB,
    *,
    allowed: bool | None = True,
    enabled: bool = True,
    seen: tuple[Sight, ...] = (),
    refused: tuple[Sight, ...] = (),
) -> Expected:
    return Expected(
        hub=URL(hub),
        channel="site",
        enabled=enabled,
        allows=None if allowed is None else lambda _: bool(allowed),
        sighting=Sighting(id="site", project=ProjectId("shop"), seen=seen, refused=refused),
        now=NOW,
    )


def page(body: str = TAG, url: str = f"{SHOP}/cart", *policies: str, **more: object) -> Page:
    given = {"status": 200, "kind": "text/html"} | more
    return Page(url=URL(url), policies=policies, body=body, **given)  # type: ignore[arg-type]


def found(at: Page, wanted: Expected | None = None) -> dict[str, Finding]:
    return {each.step: each for each in judge(at, read(at.body, "site"), wanted or expected())}


def told(finding: Finding) -> tuple[bool | None, str, str]:
    return finding.ok, finding.code, finding.detail


def test_a_page_that_has_all_is_good() -> None:
    got = found(page(), expected(seen=(Sight(origin=SHOP, at=NOW),)))
    assert {each.ok for each in got.values()} == {True}
    assert got["visible"].detail == "2026-11-23T09:00:00.000Z"


@pytest.mark.parametrize(
    ("body", "ok", "code", "detail"),
    [
        ("<p>nothing", False, "missing", ""),
        (f"<!-- {TAG} -->", False, "missing", ""),
        (f"<textarea>{TAG}</textarea>", False, "missing", ""),
        (TAG.upper().replace("SITE", "site").replace("/WIDGET.JS", "/widget.js"), True, "ok", ""),
        (TAG.replace("https:", ""), True, "ok", ""),
        (f'<base href="{HUB}/x/"><script src="../widget.js" data-channel=site>', True, "ok", ""),
        (TAG.replace("widget.js", "widget.js?v=2"), True, "ok", ""),
        (TAG + TAG, None, "twice", ""),
        (TAG.replace("site", "other"), False, "other_channel", "other"),
        (TAG.replace("data-channel", "data-x"), False, "other_channel", ""),
        (TAG.replace("chat.", "old."), False, "other_hub", "https://old.example.com"),
        (TAG.replace(".com/", ".com:8443/"), False, "other_hub", f"{HUB}:8443"),
        (TAG.replace("https", "http"), False, "insecure", "http://chat.example.com/widget.js"),
        (TAG.replace("src", 'type="text/plain" src'), False, "held", "text/plain"),
        (TAG.replace("src", 'type="module" src'), True, "ok", ""),
        ("<script>let s={src:'//x/widget.js',channel:'site'}</script>", None, "indirect", ""),
        ("<p>'//x/widget.js', 'site'", False, "missing", ""),
        (f'<script src="http://[" data-channel="x"></script>{TAG}', True, "ok", ""),
    ],
)
def test_the_tag_is_found_or_what_is_wrong_with_it(
    body: str, ok: bool | None, code: str, detail: str
) -> None:
    assert told(found(page(body))["script"]) == (ok, code, detail)


@pytest.mark.parametrize(
    ("hub", "url", "ok", "code"),
    [
        (HUB, SHOP, True, "ok"),
        (HUB, "http://shop.example", None, "page_http"),
        ("http://chat.example.com", SHOP, False, "hub_http"),
        ("http://localhost:8080", "http://localhost:8081", True, "ok"),
    ],
)
def test_safe_pages_need_a_safe_hub(hub: str, url: str, ok: bool | None, code: str) -> None:
    got = found(page(url=url), expected(hub))["https"]
    assert (got.ok, got.code) == (ok, code)


def test_a_policy_that_forbids_says_what_to_add() -> None:
    got = found(page(TAG, f"{SHOP}/", "default-src 'self'"))["csp"]
    assert told(got) == (
        False,
        "blocked",
        f"script-src {HUB}; connect-src {HUB} wss://chat.example.com; img-src {HUB}",
    )
    allows = f"script-src {HUB}; connect-src {HUB} wss://chat.example.com; img-src {HUB}"
    assert told(found(page(TAG, f"{SHOP}/", allows))["csp"]) == (True, "ok", "")
    assert told(found(page())["csp"]) == (True, "none", "")


def test_a_policy_of_the_page_itself_counts_and_so_does_the_nonce_of_the_tag() -> None:
    meta = "<meta http-equiv=Content-Security-Policy content=\"script-src 'nonce-r4nd'\">"
    assert told(found(page(meta + TAG))["csp"]) == (False, "blocked", f"script-src {HUB}")
    assert found(page(meta + TAG.replace("src", "nonce=r4nd src")))["csp"].ok is True


def test_the_origin_must_be_on_the_list() -> None:
    got = found(page(url="http://www.shop.example:8080/x"), expected(allowed=False))
    assert told(got["origin"]) == (False, "missing", "http://www.shop.example:8080")
    assert told(found(page())["origin"]) == (True, "ok", SHOP)


@pytest.mark.parametrize(
    ("wanted", "ok", "code"),
    [
        (expected(), None, "never"),
        (expected(seen=(Sight(origin=SHOP, at=NOW - timedelta(days=8)),)), None, "never"),
        (expected(seen=(Sight(origin="https://other.example", at=NOW),)), None, "never"),
        (expected(allowed=False, refused=(Sight(origin=SHOP, at=NOW),)), False, "refused"),
        (expected(refused=(Sight(origin=SHOP, at=NOW),)), None, "never"),
        (expected(enabled=False), False, "off"),
        (expected(allowed=None), False, "off"),
    ],
)
def test_what_browsers_met_there_is_told(wanted: Expected, ok: bool | None, code: str) -> None:
    got = found(page(), wanted)["visible"]
    assert (got.ok, got.code) == (ok, code)


@pytest.mark.parametrize(
    ("more", "code", "detail"),
    [({"status": 404}, "status", "404"), ({"kind": "image/png"}, "not_html", "image/png")],
)
def test_of_what_is_no_page_nothing_more_is_said(
    more: dict[str, object], code: str, detail: str
) -> None:
    got = found(page("", f"{SHOP}/", **more))
    assert told(got["page"]) == (False, code, detail)
    assert "script" not in got


async def test_every_step_has_its_finding_whatever_was_typed() -> None:
    for typed, code in (("http://127.0.0.1/", "private"), ("no address", "bad")):
        steps = await onsite.look(typed, expected(), Reach())
        assert [each.step for each in steps] == list(STEPS)
        assert (steps[0].ok, steps[0].code) == (False, code)
        assert {(each.ok, each.code) for each in steps[1:]} == {(None, "skipped")}


@given(st.text(max_size=300))
def test_no_page_breaks_the_reader(body: str) -> None:
    read(f"<script data-channel='site' src='{body}'>{body}<!{body}<base href='{body}'>", "site")
    judge(page(body), read(body + TAG, "site"), expected())


@pytest.mark.parametrize(
    "part", ["<", "<!", "<!--", "<a ", "<script>", "</", "&#", "<![CDATA[", "'\""]
)
def test_a_page_made_to_be_slow_is_given_up(part: str) -> None:
    assert read((part * 1_000_000)[:1_000_000], "site").tags == []

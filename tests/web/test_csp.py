"""What a site's policy lets through, by the examples that owners of sites write."""

from __future__ import annotations

import pytest

from web.csp import Fetched, Script, policies

PAGE = "https://shop.example/cart"
HUB = "https://chat.example.com"
SCRIPT = f"{HUB}/widget.js"
SOCKET = "wss://chat.example.com/widget/site/live"


def allows(header: str, what: Fetched, url: str, script: Script | None = None) -> bool:
    return all(each.allows(what, url, PAGE, script) for each in policies([header]))


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ("", True),
        ("frame-ancestors 'none'", True),
        ("script-src 'none'", False),
        ("script-src", False),
        ("script-src 'self'", False),
        ("default-src 'self'", False),
        ("default-src 'self'; script-src *", True),
        ("default-src *; script-src 'self'", False),
        ("script-src *; script-src-elem 'self'", False),
        ("script-src 'self'; script-src https://chat.example.com", False),
        ("SCRIPT-SRC HTTPS://CHAT.example.com", True),
        ("script-src chat.example.com", True),
        ("script-src http://chat.example.com", True),
        ("script-src https://chat.example.com/", True),
        ("script-src https://chat.example.com/widget.js", True),
        ("script-src https://chat.example.com/other/", False),
        ("script-src https://chat.example.com:443", True),
        ("script-src https://chat.example.com:*", True),
        ("script-src https://chat.example.com:8443", False),
        ("script-src *.example.com", True),
        ("script-src *.chat.example.com", False),
        ("script-src https:", True),
        ("script-src http:", True),
        ("script-src wss:", True),
        ("script-src data:", False),
        ("script-src 'unsafe-inline'", False),
        ("script-src 'strict-dynamic' https://chat.example.com", False),
        ("sandbox allow-forms; script-src *", False),
        ("sandbox allow-scripts; script-src *", True),
        ("script-src *, script-src 'self'", False),
    ],
)
def test_a_policy_lets_the_script_in_or_not(header: str, good: bool) -> None:
    assert allows(header, "script-src", SCRIPT, Script()) is good


def test_a_nonce_and_a_hash_vouch_for_the_tag_that_shows_them() -> None:
    header = "script-src 'strict-dynamic' 'nonce-abc' 'sha256-AAAA='"
    assert allows(header, "script-src", SCRIPT, Script(nonce="abc"))
    assert allows(header, "script-src", SCRIPT, Script(integrity="sha256-AAAA="))
    assert not allows(header, "script-src", SCRIPT, Script(nonce="ABC"))
    assert not allows(header, "script-src", SCRIPT, Script(integrity="sha256-AAAA= sha256-BBBB="))
    assert not allows(header, "script-src", SCRIPT, Script())
    assert allows(header, "script-src", SCRIPT), "who put it in may be trusted"


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ("connect-src https://chat.example.com", False),
        ("connect-src https://chat.example.com wss://chat.example.com", True),
        ("connect-src *", True),
        ("default-src 'self'; connect-src wss:", True),
        ("connect-src ws:", True),
        ("default-src 'none'", False),
    ],
)
def test_a_socket_needs_to_be_named_by_its_own_scheme(header: str, good: bool) -> None:
    assert allows(header, "connect-src", SOCKET) is good


def test_self_means_sockets_of_the_same_place_too() -> None:
    [policy] = policies(["connect-src 'self'"])
    assert policy.allows("connect-src", SOCKET, f"{HUB}/page")
    assert policy.allows("connect-src", f"{HUB}/x", f"{HUB}/page")
    assert not policy.allows("connect-src", "ws://chat.example.com/x", f"{HUB}/page")


def test_a_page_cannot_put_itself_into_a_sandbox_but_may_tighten_the_rest() -> None:
    [meta] = policies([], ["sandbox; img-src 'self'"])
    assert meta.allows("script-src", SCRIPT, PAGE)
    assert not meta.allows("img-src", f"{HUB}/files/a", PAGE)


@pytest.mark.parametrize("header", [";;", " , ,", "script-src https://[", "script-src h:99999999"])
def test_nonsense_breaks_nothing(header: str) -> None:
    for policy in policies([header]):
        policy.allows("script-src", SCRIPT, PAGE, Script())

"""Whether a page of somebody's site shows the chat, and if not, why: one step after another.

Every step ends in a code that screens translate and a value to it, never in a sentence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from time import monotonic
from typing import Literal

from yarl import URL

from hub.sites import Sighting
from web import csp
from web.fetch import FetchError, Page, Reach, Resolve, address_of, fetch

SLICE = 16 * 1024
PARSE_SECONDS = 1.0
SCRIPTS_MAX = 500
LATELY = timedelta(days=7)
# What stands inside of these is text, or waits for a script to be put to use.
INERT = {"textarea", "title", "template", "noscript"}
JAVASCRIPT = {"", "module", "text/javascript", "application/javascript", "text/ecmascript"}

StepName = Literal["address", "https", "page", "script", "csp", "origin", "visible"]
STEPS: tuple[StepName, ...] = ("address", "https", "page", "script", "csp", "origin", "visible")


@dataclass(frozen=True)
class Finding:
    """`ok` is None for what is only worth knowing, or could not be looked at."""

    step: StepName
    ok: bool | None
    code: str
    detail: str = ""


@dataclass(frozen=True)
class Expected:
    """What should be found there: the chat of this channel, from this hub.

    Which origins it `allows` is not known of one that is switched off.
    """

    hub: URL
    channel: str
    enabled: bool
    allows: Callable[[str], bool] | None
    sighting: Sighting
    now: datetime


@dataclass(frozen=True)
class Tag:
    """A script tag as written."""

    src: str
    channel: str
    kind: str
    told: csp.Script


@dataclass
class Content:
    """What of a page matters here; `named` says that a script of its own speaks of the channel."""

    tags: list[Tag] = field(default_factory=list)
    metas: list[str] = field(default_factory=list)
    base: str = ""
    named: bool = False


async def look(
    typed: str, expected: Expected, reach: Reach, *, resolve: Resolve | None = None
) -> list[Finding]:
    """Fetches the page that was typed and says how it stands with every step."""
    found: list[Finding] = []
    try:
        url = address_of(typed)
        page = await fetch(url, reach, resolve=resolve)
    except FetchError as error:
        # What went wrong after the address was good belongs to the page.
        late = error.code in ("redirects", "unreadable")
        if late:
            found.append(Finding("address", True, "ok"))
        found.append(Finding("page" if late else "address", False, error.code, error.detail))
        return _filled(found)
    content = await asyncio.to_thread(read, page.body, expected.channel)
    here = Finding("address", True, "ok", page.url.host or "")
    return _filled([here, *judge(page, content, expected)])


def read(body: str, channel: str) -> Content:
    """The page's tags; a page made to be slow is read no longer than a moment."""
    reader, until = _Reader(channel), monotonic() + PARSE_SECONDS
    for at in range(0, len(body), SLICE):
        reader.feed(body[at : at + SLICE])
        if monotonic() > until:
            break
    return reader.content


def judge(page: Page, content: Content, expected: Expected) -> list[Finding]:
    """Everything that can be said once there is an answer."""
    found = [_https(page, expected), _page(page)]
    if found[-1].ok is False:
        return [*found, _visible(page, expected)]
    tag, script = _script(page, content, expected)
    return [
        *found,
        script,
        _csp(page, content, expected, tag),
        _origin(page, expected),
        _visible(page, expected),
    ]


def _filled(found: Sequence[Finding]) -> list[Finding]:
    by_step = {each.step: each for each in found}
    return [by_step.get(step, Finding(step, None, "skipped")) for step in STEPS]


def _https(page: Page, expected: Expected) -> Finding:
    if page.url.scheme == "https" and expected.hub.scheme == "http":
        return Finding("https", False, "hub_http", str(expected.hub))
    if page.url.scheme == "http" and expected.hub.scheme == "https":
        return Finding("https", None, "page_http")
    return Finding("https", True, "ok")


def _page(page: Page) -> Finding:
    if page.status != 200:
        return Finding("page", False, "status", str(page.status))
    if page.kind not in ("text/html", "application/xhtml+xml"):
        return Finding("page", False, "not_html", page.kind[:100])
    return Finding("page", True, "ok", str(page.url))


def _script(page: Page, content: Content, expected: Expected) -> tuple[Tag | None, Finding]:
    """The tag that stands for the chat, and how it does."""
    wanted = expected.hub.join(URL("/widget.js"))
    tags = [(tag, _joined(page, content, tag.src)) for tag in content.tags]
    ours = [each for each in tags if each[0].channel == expected.channel]
    for tag, src in ours:
        if not _is_same(src, wanted):
            continue
        if tag.kind not in JAVASCRIPT:
            return tag, Finding("script", False, "held", tag.kind[:100])
        if src.scheme == "http" and page.url.scheme == "https":
            return tag, Finding("script", False, "insecure", str(src))
        if len(ours) > 1:
            return tag, Finding("script", None, "twice")
        return tag, Finding("script", True, "ok")
    if ours:
        tag, src = ours[0]
        return tag, Finding("script", False, "other_hub", _origin_of(src))
    for tag, src in tags:
        if _is_same(src, wanted):
            return tag, Finding("script", False, "other_channel", tag.channel[:100])
    if content.named:
        return None, Finding("script", None, "indirect")
    return None, Finding("script", False, "missing")


def _csp(page: Page, content: Content, expected: Expected, tag: Tag | None) -> Finding:
    """What the page's policy lacks, written as it is to be added there."""
    policies = csp.policies(page.policies, content.metas)
    if not policies:
        return Finding("csp", True, "none")
    hub, here = expected.hub, str(page.url)
    origin, told = _origin_of(hub), tag.told if tag else None
    socket = _origin_of(hub.with_scheme("wss" if hub.scheme == "https" else "ws"))
    wanted: tuple[tuple[csp.Fetched, str, str], ...] = (
        ("script-src", origin, "/widget.js"),
        ("connect-src", origin, f"/widget/{expected.channel}/config"),
        ("connect-src", socket, f"/widget/{expected.channel}/live"),
        ("img-src", origin, "/files/picture"),
    )
    lacking: dict[str, list[str]] = {}
    for what, source, path in wanted:
        script = told if what == "script-src" else None
        if not all(each.allows(what, source + path, here, script) for each in policies):
            lacking.setdefault(what, []).append(source)
    if not lacking:
        return Finding("csp", True, "ok")
    add = "; ".join(f"{what} {' '.join(sources)}" for what, sources in lacking.items())
    return Finding("csp", False, "blocked", add)


def _origin(page: Page, expected: Expected) -> Finding:
    origin = _origin_of(page.url)
    if expected.allows is None:
        return Finding("origin", None, "skipped")
    if expected.allows(origin):
        return Finding("origin", True, "ok", origin)
    return Finding("origin", False, "missing", origin)


def _visible(page: Page, expected: Expected) -> Finding:
    """Whether a browser was there, whatever the page's text lets one think."""
    if not expected.enabled or expected.allows is None:
        return Finding("visible", False, "off")
    origin = _origin_of(page.url)
    seen = next((each.at for each in expected.sighting.seen if each.origin == origin), None)
    refused = next((each.at for each in expected.sighting.refused if each.origin == origin), None)
    if refused is not None and not expected.allows(origin):
        return Finding("visible", False, "refused", _told(refused))
    if seen is not None and expected.now - seen < LATELY:
        return Finding("visible", True, "ok", _told(seen))
    return Finding("visible", None, "never")


def _joined(page: Page, content: Content, src: str) -> URL:
    try:
        base = page.url.join(URL(content.base)) if content.base else page.url
        return base.join(URL(src))
    except ValueError:
        return URL()


def _is_same(src: URL, wanted: URL) -> bool:
    """Whether it is the hub's script, if perhaps by the less safe way of the same name."""
    if (src.host, src.path) != (wanted.host, wanted.path):
        return False
    return src.scheme != wanted.scheme or src.port == wanted.port


def _origin_of(url: URL) -> str:
    return str(url.origin()) if url.host else ""


def _told(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Reader(HTMLParser):
    def __init__(self, channel: str) -> None:
        super().__init__()
        self.content = Content()
        self._channel = channel
        self._inside = False
        self._inert = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._inert:
            return
        if tag in INERT:
            self._inert = tag
        told = {name: value or "" for name, value in reversed(attrs)}
        if tag == "script":
            self._inside = True
            if told.get("src") and len(self.content.tags) < SCRIPTS_MAX:
                self.content.tags.append(
                    Tag(
                        src=told["src"].strip(),
                        channel=told.get("data-channel", ""),
                        kind=told.get("type", "").partition(";")[0].strip().lower(),
                        told=csp.Script(told.get("nonce", ""), told.get("integrity", "")),
                    )
                )
        elif tag == "base" and not self.content.base:
            self.content.base = told.get("href", "")
        elif tag == "meta" and told.get("http-equiv", "").lower() == "content-security-policy":
            self.content.metas.append(told.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inert:
            self._inert = ""
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self._channel in data and "widget.js" in data:
            self.content.named = True

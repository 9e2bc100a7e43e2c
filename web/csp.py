"""What a site's Content-Security-Policy lets its pages load, judged as browsers judge it.

https://www.w3.org/TR/CSP3/ sections 4.2 and 6.7; only what concerns fetching is known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

Fetched = Literal["script-src", "connect-src", "img-src"]

FALLBACKS: dict[Fetched, tuple[str, ...]] = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
    "img-src": ("img-src", "default-src"),
}
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# Which schemes an allowed one stands for too: the safer twin, and for sockets plain HTTP.
ALSO = {"http": {"https"}, "ws": {"wss", "http", "https"}, "wss": {"https"}}
_HASHES = ("'sha256-", "'sha384-", "'sha512-")


@dataclass(frozen=True)
class Script:
    """What a script tag shows of itself besides its address."""

    nonce: str = ""
    integrity: str = ""


@dataclass(frozen=True)
class Policy:
    """One policy; a page may have several, and then every one of them must allow."""

    directives: dict[str, tuple[str, ...]]

    def allows(self, what: Fetched, url: str, page: str, script: Script | None = None) -> bool:
        """Whether the page of that address may fetch the url; `script` is the tag that does."""
        sandbox = self.directives.get("sandbox")
        if what == "script-src" and sandbox is not None and "allow-scripts" not in sandbox:
            return False
        sources = self._sources(what)
        if sources is None:
            return True
        if what == "script-src":
            if script is None:
                # Whoever put it in is not to be seen; trusted scripts may put in others.
                if "'strict-dynamic'" in _lower(sources):
                    return True
            elif _vouched(script, sources):
                return True
            elif "'strict-dynamic'" in _lower(sources):
                return False
        there, here = urlsplit(url), urlsplit(page)
        return any(_matches(each, there, here) for each in sources)

    def _sources(self, what: Fetched) -> tuple[str, ...] | None:
        for name in FALLBACKS[what]:
            if name in self.directives:
                return self.directives[name]
        return None


def policies(headers: Iterable[str], metas: Iterable[str] = ()) -> list[Policy]:
    """The policies of the header, which may hold several by commas, and of the page's metas."""
    found = [_policy(each) for header in headers for each in header.split(",")]
    for meta in metas:
        made = _policy(meta)
        # The standard has a page itself not say this of itself.
        found.append(Policy({k: v for k, v in made.directives.items() if k != "sandbox"}))
    return [each for each in found if each.directives]


def _policy(text: str) -> Policy:
    directives: dict[str, tuple[str, ...]] = {}
    for part in text.split(";"):
        words = part.split()
        if words:
            # Of two with one name the first counts.
            directives.setdefault(words[0].lower(), tuple(words[1:]))
    return Policy(directives)


def _vouched(script: Script, sources: tuple[str, ...]) -> bool:
    """Whether the tag itself shows what the policy asks for."""
    if script.nonce and f"'nonce-{script.nonce}'" in sources:
        return True
    hashes = {each.strip("'") for each in sources if each.lower().startswith(_HASHES)}
    told = script.integrity.split()
    return bool(told) and all(each.partition("?")[0] in hashes for each in told)


def _lower(sources: tuple[str, ...]) -> list[str]:
    return [each.lower() for each in sources]


def _matches(source: str, there: SplitResult, here: SplitResult) -> bool:
    if source == "*":
        return there.scheme in PORTS or there.scheme == here.scheme
    if source.lower() == "'self'":
        same = (there.hostname, _port(there)) == (here.hostname, _port(here))
        return same and (there.scheme == here.scheme or there.scheme in _twins(here.scheme))
    if source.startswith("'"):
        return False
    if source.endswith(":") and "/" not in source:
        return _scheme(source[:-1].lower(), there.scheme)
    scheme, found, rest = source.partition("://")
    if not found:
        scheme, rest = here.scheme, source
    if not _scheme(scheme.lower(), there.scheme):
        return False
    place, slash, path = rest.partition("/")
    host, colon, port = place.partition(":")
    if not _host(host.lower(), there.hostname or ""):
        return False
    if colon and port != "*" and port != str(_port(there)):
        return False
    if not colon and _port(there) != PORTS.get(there.scheme):
        return False
    return not slash or _path(f"/{path}", there.path or "/")


def _scheme(allowed: str, scheme: str) -> bool:
    return allowed == scheme or scheme in ALSO.get(allowed, ())


def _twins(scheme: str) -> set[str]:
    """What 'self' stands for besides the page's own scheme: sockets, and the safer ones."""
    return {"http": {"https", "ws", "wss"}, "https": {"wss"}}.get(scheme, set())


def _host(allowed: str, host: str) -> bool:
    if allowed == "*":
        return True
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return allowed == host


def _path(allowed: str, path: str) -> bool:
    if allowed == "/":
        return True
    return path.startswith(allowed) if allowed.endswith("/") else path == allowed


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None

"""What is known of a request before it is looked into: its address, its scheme, its origin."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp import web

from hub.accounts import source_of
from hub.config import Server
from hub.errors import ForbiddenError

Address = IPv4Address | IPv6Address

SESSION_COOKIE = "otklik"


class OriginError(ForbiddenError):
    """The request comes from another site's page."""

    code = "origin"


class Door:
    """Believes a forwarded header only where a trusted proxy wrote it."""

    def __init__(self, server: Server) -> None:
        self._trusted = [ip_network(each) for each in server.trusted_proxies]
        self._public = server.public_url
        self._host = server.host

    def address(self, request: web.Request) -> str:
        """The right-most hop that is not a trusted proxy; whatever stands left of it is hearsay."""
        address = _address(request.remote or "")
        hops: Sequence[str] = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        for hop in reversed(hops):
            if address is None or not self._is_trusted(address):
                break
            before = _address(hop.strip())
            if before is None:
                break
            address = before
        return str(address) if address else "unknown"

    def source(self, request: web.Request) -> str:
        """What limits count as one place; see `source_of`."""
        return source_of(self.address(request))

    def https(self, request: web.Request) -> bool:
        if self._public:
            return self._public.startswith("https://")
        peer = _address(request.remote or "")
        if peer is not None and self._is_trusted(peer):
            return request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        return request.secure

    def cookie(self, request: web.Request) -> str:
        return f"__Host-{SESSION_COOKIE}" if self.https(request) else SESSION_COOKIE

    def is_ours(self, request: web.Request, origin: str) -> bool:
        """Whether a page of that origin is one of the hub's own."""
        if self._public and origin == self._public:
            return True
        return origin == self._met(request)

    def origin(self, request: web.Request) -> str:
        """The hub's own, as browsers are to know it."""
        return self._public or self._met(request)

    def _met(self, request: web.Request) -> str:
        return f"{'https' if self.https(request) else 'http'}://{request.host}"

    def check_origin(self, request: web.Request, *, required: bool = False) -> None:
        """Raises OriginError for another site's page.

        A browser always tells the origin of such requests; who tells none is no browser,
        and is let through unless the origin is `required`.
        """
        origin = request.headers.get("Origin")
        if origin is not None:
            if not self.is_ours(request, origin):
                raise OriginError
        elif required:
            raise OriginError
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise OriginError

    def is_near(self, request: web.Request) -> bool:
        """Whether it comes from this machine or a trusted network, not through a proxy."""
        peer = _address(request.remote or "")
        if peer is None or "X-Forwarded-For" in request.headers:
            return False
        # A page whose name was made to lead to this machine, and a proxy that does not say
        # for whom it asks, come from this machine too; what gives them away is the name.
        return self._is_trusted(peer) or (peer.is_loopback and _is_local(request.host))

    def stays_here(self, request: web.Request) -> bool:
        """Whether the hub serves this machine alone, to whom its own pages are no secret.

        Behind a proxy it listens on loopback too, so that alone proves nothing.
        """
        public = urlsplit(self._public).netloc
        return _is_local(self._host) and (not public or _is_local(public)) and self.is_near(request)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _is_local(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    address = _address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, IPv4Address) else address

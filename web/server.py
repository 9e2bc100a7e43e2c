"""The listening side: how many may be connected, for how long in silence, and what is not HTTP.

What aiohttp does by itself suits a server behind a friendly proxy: it waits an hour for a
request, logs a traceback for every line of noise and tells its version to whoever sends it.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from web import wire

SILENCE_SECONDS = 75
"""How long a connection may wait for the whole head of a request, the first or the next."""

GOODBYE_SECONDS = 5
FILES_SPARE = 200
"""Descriptors that connections leave to the store, to files and to what the hub asks of others."""

_MANY = 1_000_000
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"

log = logging.getLogger(__name__)


class Runner(web.AppRunner):
    """Runs the application for strangers."""

    def __init__(
        self, app: web.Application, connections_max: int, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        super().__init__(
            app,
            access_log=None,
            shutdown_timeout=GOODBYE_SECONDS,
            keepalive_timeout=silence_seconds,
        )
        self._most = min(connections_max, max(10, open_files() - FILES_SPARE))

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(self._most, made, dict(self._kwargs))


class _Server(web.Server):
    def __init__(self, most: int, made: web.Server, settings: dict[str, Any]) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            **settings,
        )
        self._most = most

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    @property
    def overfull(self) -> bool:
        return len(self._connections) > self._most


class _Connection(RequestHandler):
    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if isinstance(self._manager, _Server) and self._manager.overfull:
            if isinstance(transport, asyncio.Transport):
                transport.write(_FULL)
            self.force_close()

    def log_exception(self, *args: Any, **more: Any) -> None:
        """Strangers who break off or send noise must not be able to fill the log."""
        error = more.get("exc_info")
        if isinstance(error, (*wire.BROKEN, ConnectionError)):
            log.debug("request.broken", extra={"reason": type(error).__name__})
        else:
            super().log_exception(*args, **more)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is not HTTP is answered briefly and is no fault of ours to be logged."""
        if not isinstance(exc, HttpProcessingError) or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        self.log_exception(exc_info=exc)
        answer = wire.problem(status, "refused")
        answer.headers["Server"] = ""
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.force_close()
        return answer


def _limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def open_files() -> int:
    """How many descriptors the process may have open, raised as far as it is allowed to."""
    soft, hard = (_MANY if each == resource.RLIM_INFINITY else each for each in _limits())
    if soft == hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return soft
    return hard

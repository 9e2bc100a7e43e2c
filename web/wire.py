"""Requests read within limits, answers and problems written: the only maker of either.

A problem's `code` is what screens translate; its `detail` is English for whoever reads logs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from hub.errors import (
    BadValueError,
    ConflictError,
    ForbiddenError,
    HubError,
    LimitedError,
    NotFoundError,
    PayloadError,
    RefusedError,
    SignatureError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)
from hub.statuses import IllegalMove

JSON_MAX_BYTES = 256 * 1024
DEPTH_MAX = 32
BODY_SECONDS = 30
PACE_AFTER_SECONDS = 30
PACE_BYTES = 2_000
RETRY_SECONDS = 2
CHUNK_BYTES = 64 * 1024

T = TypeVar("T")

BROKEN = (HttpProcessingError, web.RequestPayloadError)
"""A body that ends early or cannot be unpacked, as aiohttp tells it."""

STATUSES: dict[type[Exception], int] = {
    TooLargeError: 413,
    BadValueError: 400,
    NotFoundError: 404,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    LimitedError: 429,
    ConflictError: 409,
    IllegalMove: 409,
    RefusedError: 400,
    SignatureError: 403,
    PayloadError: 400,
    UnavailableError: 503,
}
_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "media_type",
    417: "refused",
    426: "upgrade_required",
}
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 with our stable code; `current` says how things stand after a conflict."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    field: str = ""
    current: str = ""


def problem(
    status: int, code: str, *, detail: str = "", field: str = "", current: str = ""
) -> web.Response:
    made = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        field=field,
        current=current,
    )
    return web.Response(
        status=status,
        body=msgspec.json.encode(made),
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )


def refusal(error: HubError) -> web.Response | None:
    """The answer to an error that is meant for the asker; None for one that is a bug."""
    status = next((STATUSES[each] for each in type(error).__mro__ if each in STATUSES), None)
    if status is None:
        return None
    current = error.current if isinstance(error, ConflictError) else ""
    # A store's own words may name hosts and paths, which are nobody's business outside.
    detail = "" if status == HTTPStatus.SERVICE_UNAVAILABLE else str(error)
    answer = problem(status, error.code, detail=detail, field=error.field, current=current)
    if isinstance(error, LimitedError):
        answer.headers["Retry-After"] = str(max(1, ceil(error.retry_after.total_seconds())))
    if isinstance(error, UnavailableError):
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def from_http(error: web.HTTPException) -> web.Response:
    """aiohttp's own refusal (no such path, wrong method) in our form."""
    answer = problem(error.status, _CODES.get(error.status, "refused"))
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def json(value: object, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def read(
    request: web.Request, limit: int, took: Callable[[int], None] = lambda _: None
) -> bytes:
    """The whole body; TooLargeError as soon as it is past the limit. `took` hears of each part."""
    if (request.content_length or 0) > limit:
        raise TooLargeError(f"at most {limit} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                took(len(chunk))
                if len(body) > limit:
                    raise TooLargeError(f"at most {limit} bytes")
    except TimeoutError:
        raise BadValueError("the body did not come in time") from None
    except BROKEN:
        raise BadValueError("the body is broken") from None
    return bytes(body)


async def chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes; BadValueError if nothing comes for long, or for long very little."""
    came, clock = 0, asyncio.get_running_loop().time
    began = clock()
    while True:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                chunk = await request.content.readany()
        except TimeoutError:
            raise BadValueError("the body did not come in time", field="file") from None
        except BROKEN:
            raise BadValueError("the body is broken", field="file") from None
        if not chunk:
            return
        came += len(chunk)
        if came < (clock() - began - PACE_AFTER_SECONDS) * PACE_BYTES:
            raise BadValueError("the body comes too slowly", field="file")
        yield chunk


async def read_json(
    request: web.Request, of: type[T], took: Callable[[int], None] = lambda _: None
) -> T:
    """The body as that type; an absent body is `{}`. Raises BadValueError with the field's path."""
    body = await read(request, JSON_MAX_BYTES, took)
    if not body:
        body = b"{}"
    elif request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    return decode(body, of)


def decode(body: bytes, of: type[T]) -> T:
    """As `read_json`, of bytes already here."""
    if depth(body) > DEPTH_MAX:
        raise BadValueError(f"nested deeper than {DEPTH_MAX}", field="$")
    try:
        return msgspec.json.decode(body, type=of)
    except msgspec.ValidationError as error:
        raise invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadValueError(f"not JSON: {_first_line(error)}", field="$") from None


def read_query(query: Mapping[str, str], of: type[T]) -> T:
    try:
        return msgspec.convert(dict(query), of, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def invalid(error: msgspec.ValidationError) -> BadValueError:
    """msgspec's complaint with its path as our `field`."""
    text = str(error)
    reason, _, path = text.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    named = re.search(r"(?:required|unknown) field `([^`]*)`", reason)
    if named:
        path = f"{path}.{named[1]}" if path else named[1]
    if isinstance(error.__cause__, BadValueError) and error.__cause__.field:
        # What a value says of itself names the part of it that is wrong.
        path = ".".join(filter(None, (path, error.__cause__.field)))
    return BadValueError(reason[:300], field=path or "$")


def depth(body: bytes) -> int:
    """How deep the JSON nests, exact only as far as it matters."""
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return 0
    deepest = level = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub(b"", body)):
        level += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, level)
        if deepest > DEPTH_MAX:
            break
    return deepest


def _first_line(error: Any) -> str:
    return str(error).split("\n")[0][:200]

"""Files on a storage that speaks S3; the only module of `hub` that speaks HTTP, see the ADR.

Five calls with the bucket in the path, signed by AWS Signature Version 4:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from hub import model
from hub.errors import NotFoundError, UnavailableError
from hub.files.storage import BLOCK_BYTES, Storage, drop, on_disk

CONNECT_SECONDS = 5
IDLE_SECONDS = 20
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Bucket:
    """Where the bucket is and with what it is opened; `url` ends after the host and the port."""

    url: str
    name: str
    region: str
    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Bucket({self.url!r}, {self.name!r})"


def sign(
    bucket: Bucket, method: str, path: str, headers: Mapping[str, str], sha256: str, now: datetime
) -> dict[str, str]:
    """The headers of a request without a query, `path` quoted as it is sent, signed."""
    at = now.strftime("%Y%m%dT%H%M%SZ")
    told = {"host": urlsplit(bucket.url).netloc, "x-amz-content-sha256": sha256, "x-amz-date": at}
    told |= {name.lower(): value for name, value in headers.items()}
    names = ";".join(sorted(told))
    lines = [f"{name}:{told[name].strip()}" for name in sorted(told)]
    request = "\n".join((method, path, "", *lines, "", names, sha256))
    scope = f"{at[:8]}/{bucket.region}/s3/aws4_request"
    text = "\n".join((ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{bucket.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    told["authorization"] = (
        f"{ALGORITHM} Credential={bucket.key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return told


class S3(Storage):
    """One bucket; what comes is spooled in a folder here and sent when it is whole."""

    def __init__(
        self, bucket: Bucket, incoming: Path, now: Callable[[], datetime] = model.now
    ) -> None:
        super().__init__(incoming)
        self._bucket = bucket
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def check(self) -> None:
        """Puts an object and deletes it again, which is all that the hub has to be allowed."""
        key = f"check-{secrets.token_hex(8)}"
        async with self._asked("PUT", key, body=b"", sha256=EMPTY_SHA256):
            pass
        await self.delete(key)

    async def put(self, key: str, source: Path, sha256: str) -> None:
        size = (await on_disk(source.stat)).st_size
        body = _blocks(source)
        async with self._asked("PUT", key, body=body, sha256=sha256, size=size):
            pass
        await on_disk(drop, source)

    async def read(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        if end is not None and end <= start:
            return
        headers = {}
        if start or end is not None:
            headers["range"] = f"bytes={start}-{'' if end is None else end - 1}"
        async with self._asked("GET", key, headers=headers) as answer:
            left = answer.content_length
            async for block in answer.content.iter_chunked(BLOCK_BYTES):
                if left is not None:
                    left -= len(block)
                yield block
            if left:
                raise UnavailableError("files: the storage broke off")

    async def size(self, key: str) -> int | None:
        try:
            async with self._asked("HEAD", key) as answer:
                return int(answer.headers["Content-Length"])
        except NotFoundError:
            return None

    async def delete(self, key: str) -> None:
        try:
            async with self._asked("DELETE", key):
                pass
        except NotFoundError:
            return

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: AsyncIterator[bytes] | bytes | None = None,
        sha256: str = EMPTY_SHA256,
        size: int = 0,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        path = quote(f"/{self._bucket.name}/{key}")
        signed = sign(self._bucket, method, path, headers or {}, sha256, self._now())
        if body is not None:
            signed["content-length"] = str(size)
        try:
            async with self._open().request(
                method,
                URL(self._bucket.url + path, encoded=True),
                headers=signed,
                data=body,
                allow_redirects=False,
            ) as answer:
                if answer.status == 404 and method != "PUT":
                    raise NotFoundError(field="file")
                if answer.status not in (200, 204, 206):
                    raise UnavailableError(f"files: the storage answered {answer.status}")
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The address is nobody's business outside, and the class says enough.
            raise UnavailableError(
                f"files: the storage is not reached: {type(error).__name__}"
            ) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS
                ),
                # As it is: bytes must not be unpacked on the way.
                auto_decompress=False,
                skip_auto_headers=("Content-Type", "Accept-Encoding"),
            )
        return self._session


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    stream = await asyncio.to_thread(path.open, "rb")
    try:
        while block := await asyncio.to_thread(stream.read, BLOCK_BYTES):
            yield block
    finally:
        stream.close()

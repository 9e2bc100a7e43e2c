"""One file on its way to a platform as multipart/form-data, as long as it says it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping

from bots.line.line import Line, Said
from hub.errors import DeliveryError, RejectedError, TransientError
from hub.model import Attachment

UPLOAD_SECONDS = 120


class Upload:
    """A file in the form's `field`, after the plain `fields`; the bytes are read once, by `post`.

    Its length is known beforehand: storages of platforms do not all take chunked requests.
    """

    def __init__(
        self,
        file: Attachment,
        chunks: AsyncIterator[bytes],
        *,
        field: str,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        self._chunks = chunks
        self._boundary = secrets.token_hex(16)
        self._failed: DeliveryError | None = None
        head = [self._part(name) + f"\r\n{value}\r\n" for name, value in (fields or {}).items()]
        head.append(
            self._part(field, file.name) + f"Content-Type: {_line(file.mime) or BYTES}\r\n\r\n"
        )
        self._size = file.size_bytes
        self._head = "".join(head).encode(errors="replace")
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()
        self._length = len(self._head) + file.size_bytes + len(self._tail)

    async def post(
        self,
        line: Line,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = UPLOAD_SECONDS,
        says: bool = False,
    ) -> Said:
        """Sends it; no error of it is `maybe_sent`, since nobody was told of the file yet.

        Where the upload itself `says` something, what is not certain is told so.
        """
        told = {
            **(headers or {}),
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
            "Content-Length": str(self._length),
        }
        try:
            return await line.call("POST", path, data=self._body(), headers=told, seconds=seconds)
        except TransientError as error:
            unclear = says and error.maybe_sent
            raise self._failed or TransientError(
                str(error), maybe_sent=unclear, reason=error.reason
            ) from None

    async def _body(self) -> AsyncIterator[bytes]:
        yield self._head
        left = self._size
        try:
            async for chunk in self._chunks:
                left -= len(chunk)
                if left < 0:
                    break
                yield chunk
            if left:
                # The platform would wait for the rest, or take the form's end for a file's.
                raise RejectedError("not as long as it was", reason="file_gone")
        except DeliveryError as error:
            self._failed = error
            raise
        yield self._tail

    def _part(self, name: str, file: str = "") -> str:
        named = f'; filename="{_quoted(file)}"' if file else ""
        return (
            f"--{self._boundary}\r\n"
            f'Content-Disposition: form-data; name="{_quoted(name)}"{named}\r\n'
        )


BYTES = "application/octet-stream"


def _quoted(text: str) -> str:
    """A name that every reader of such a form reads alike: they unescape in different ways."""
    return re.sub(r"[\\\x00-\x1f\x7f]", "_", text).replace('"', "'")


def _line(text: str) -> str:
    return text if text.isascii() and text.isprintable() else ""

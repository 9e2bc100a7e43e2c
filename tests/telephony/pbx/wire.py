"""A SIP network of a few lines, of which nothing is Asterisk's: it answers with any code.

The code is the end of the number; 180 rings until it is cancelled, 000 says nothing at all.
"""

from __future__ import annotations

import asyncio
import re
import socket
from typing import cast


class Wire(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.invites: dict[str, str] = {}
        """The first INVITE of each number, as it came."""
        self.cancelled: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        found = re.match(r"(INVITE|CANCEL) sip:([+0-9]+)@", text)
        if found is None:
            return
        method, number = found.groups()
        if method == "CANCEL":
            self.cancelled.add(number)
            self._say(text, addr, "200 OK")
            self._say(text.replace("CANCEL\r\n", "INVITE\r\n"), addr, "487 Request Terminated")
            return
        self.invites.setdefault(number, text)
        code = number[-3:]
        if code != "000":
            self._say(text, addr, f"{code} Said")

    def _say(self, asked: str, addr: tuple[str, int], status: str) -> None:
        head = asked.partition("\r\n\r\n")[0].split("\r\n")[1:]
        kept = [
            line
            for line in head
            if line.lower().startswith(("via:", "from:", "call-id:", "cseq:", "to:"))
        ]
        lines = [f"{line};tag=wire" if line.lower().startswith("to:") else line for line in kept]
        answer = "\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Length: 0", "", ""])
        assert self._transport is not None
        self._transport.sendto(answer.encode(), addr)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def listening(port: int) -> Wire:
    loop = asyncio.get_running_loop()
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind(("127.0.0.1", port))
    _, wire = await loop.create_datagram_endpoint(Wire, sock=here)
    return wire

"""A port for a server of a test's own."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress

OURS = range(20_000, 32_000)
"""Below the ports that the system gives to connections, which would be at one in a million."""

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of the processes that share a run this is."""

_SHARE = len(OURS) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
# None of another's is ever tried, so nobody takes a port between its being found and its use.
_MINE = OURS[WORKER * _SHARE : (WORKER + 1) * _SHARE - 1]
_random = random.SystemRandom()


def free_port() -> int:
    """One that nobody listens at, and nobody at the next; no connection is ever given it."""
    while True:
        port = _random.choice(_MINE)
        with suppress(OSError), socket.socket() as here, socket.socket() as next_to_it:
            here.bind(("127.0.0.1", port))
            next_to_it.bind(("127.0.0.1", port + 1))
            return port

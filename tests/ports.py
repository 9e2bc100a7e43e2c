"""A port for a server of a test's own."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

OURS = range(20_000, 32_000)
"""Below the ports that the system gives to connections, which would be at one in a million."""

_random = random.SystemRandom()


def free_port() -> int:
    """One that nobody listens at, and nobody at the next; no connection is ever given it."""
    while True:
        port = _random.choice(OURS)
        with suppress(OSError), socket.socket() as here, socket.socket() as next_to_it:
            here.bind(("127.0.0.1", port))
            next_to_it.bind(("127.0.0.1", port + 1))
            return port

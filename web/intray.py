"""How much of requests that nobody has looked at yet is held in memory, and for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hub.errors import UnavailableError

HELD_MAX = 96_000_000
HELD_BY_SOURCE = 24_000_000


class Intray:
    """Bodies on their way in; a thousand senders that stall cost no more than these bytes."""

    def __init__(self, most: int = HELD_MAX, most_by_source: int = HELD_BY_SOURCE) -> None:
        self._most = most
        self._most_by_source = most_by_source
        self._total = 0
        self._held: Counter[str] = Counter()

    @contextmanager
    def room(self, source: str) -> Iterator[Callable[[int], None]]:
        """Gives what is to hear of every byte that came; it raises UnavailableError at too many."""
        mine = 0

        def took(size: int) -> None:
            nonlocal mine
            mine += size
            self._total += size
            self._held[source] += size
            if self._held[source] > self._most_by_source or self._total > self._most:
                raise UnavailableError("too much at once")

        try:
            yield took
        finally:
            self._total -= mine
            self._held[source] -= mine
            if not self._held[source]:
                del self._held[source]

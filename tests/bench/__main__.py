"""`python -m tests.bench [name …]`: every figure beside its floor, taken on this machine now."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import (
    calls,
    crowd,
    fan,
    hooks,
    idle,
    many,
    messages,
    mongo,
    rules,
    screens,
    starting,
    writing,
)
from tests.bench.figure import Figure, machine, table

MEASURES: dict[str, Callable[[Path], Awaitable[Sequence[Figure]]]] = {
    "messages": messages.measure,
    "hooks": hooks.measure,
    "starting": starting.measure,
    "fan": fan.measure,
    "crowd": crowd.measure,
    "idle": idle.measure,
    "writing": writing.measure,
    "many": many.measure,
    "timers": many.claims,
    "rules": rules.measure,
    "calls": calls.measure,
    "mongo": mongo.measure,
    "screens": screens.measure,
}


async def main(names: Sequence[str]) -> int:
    """Prints the table of all groups that could be measured; how many could not."""
    about = machine()
    figures: list[Figure] = []
    failed = 0
    for name in names or MEASURES:
        sys.stderr.write(f"{name}…\n")
        try:
            with TemporaryDirectory() as folder:
                figures += await MEASURES[name](Path(folder))
        except Exception:
            failed += 1
            traceback.print_exc()
    sys.stdout.write(f"{table(figures)}\n\n{about}\n")
    return failed


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(MEASURES)
    if unknown:
        sys.exit(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    sys.exit(asyncio.run(main(sys.argv[1:])))

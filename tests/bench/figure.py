"""A figure beside its floor: rounds of both in turn, medians, one row of the table."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import aiohttp


@dataclass(frozen=True)
class Figure:
    """What was measured in each round, and what the bare path took or gave in the same round.

    `ratio_aim` and `aim` say where the median should be: "≥ 0.5", "≤ 2".
    """

    name: str
    unit: str
    rounds: Sequence[float]
    floors: Sequence[float] = ()
    aim: str = ""
    ratio_aim: str = ""

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def floor(self) -> float | None:
        return median(self.floors) if self.floors else None

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest ratio of a round to the floor beside it."""
        pairs = zip(self.rounds, self.floors, strict=False)
        ratios = [each / floor for each, floor in pairs if floor]
        return (min(ratios), max(ratios)) if ratios else None

    @property
    def met(self) -> bool:
        """Whether the aims are reached; a figure without aims always does."""
        told = ((self.aim, self.value), (self.ratio_aim, self.ratio or 0.0))
        return all(_reached(aim, value) for aim, value in told if aim)


def _reached(aim: str, value: float) -> bool:
    sign, number = aim.split()
    return value >= float(number) if sign == "≥" else value <= float(number)


HEAD = ("figure", "unit", "hub", "floor", "ratio", "of the rounds", "aim")


def table(figures: Sequence[Figure]) -> str:
    rows = [HEAD, *(_row(each) for each in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    numbers = range(2, 6)
    lines = [
        " | ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def _row(figure: Figure) -> tuple[str, ...]:
    aims = [figure.aim, f"ratio {figure.ratio_aim}" if figure.ratio_aim else ""]
    aim = ", ".join(each for each in aims if each)
    return (
        figure.name,
        figure.unit,
        _short(figure.value),
        "" if figure.floor is None else _short(figure.floor),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.spread is None else "{:.2f}-{:.2f}".format(*figure.spread),
        aim + ("" if figure.met else " MISSED"),
    )


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine() -> str:
    """What the figures were taken on, and how busy it was with other things."""
    processor = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores of {processor}, {memory:.1f} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, "
        f"aiohttp {aiohttp.__version__}, SQLite {sqlite3.sqlite_version}, "
        f"load before {os.getloadavg()[0]:.1f}"
    )

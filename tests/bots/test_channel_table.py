"""docs/channels.md says of every channel what its capabilities say, and nothing else."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import bots
from hub.channels.abilities import Ability
from hub.texts import text

PAGE = Path(__file__).parents[2] / "docs" / "channels.md"
BEGIN, END = "<!-- made from the capabilities -->", "<!-- end -->"
NAMES = {"greenapi": "Green-API", "smsaero": "SMS Aero"}
ORDER = ("telegram", "max", "vk", "whatsapp", "greenapi", "viber", "smsaero", "site")


def table() -> str:
    """Each ability by kind: ← what the platform tells the hub, → what the hub can do there."""
    can = {kind: bots.load(kind).capabilities for kind in ORDER}
    names = [NAMES.get(kind) or text("en", f"kind.{kind}") for kind in ORDER]
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(ORDER)]
    for ability in Ability:
        cells = []
        for kind in ORDER:
            hears, does = ability in can[kind].hears, ability in can[kind].does
            cells.append("← →" if hears and does else "←" if hears else "→" if does else "")
        lines.append(f"| {ability.value} | {' | '.join(cells)} |")
    told = {
        "text at once, characters": [f"{can[k].text_max_chars:,}" for k in ORDER],
        "files at once": [str(can[k].attachments_max) for k in ORDER],
        "a file, MB": [f"{can[k].attachment_max_bytes // 1_000_000}" for k in ORDER],
        "time to write freely": [_long(can[k].window) for k in ORDER],
        "edit within": [
            _long(can[k].edits_for, "any time") if Ability.EDITS in can[k].does else ""
            for k in ORDER
        ],
        "delete within": [
            _long(can[k].deletes_for, "any time") if Ability.DELETES in can[k].does else ""
            for k in ORDER
        ],
        "a repeat is safe for": [_long(can[k].idempotent_for, "never") for k in ORDER],
        "comes by": [" or ".join(sorted(can[k].receives)) for k in ORDER],
    }
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in told.items()]
    return "\n".join(lines)


def _long(time: timedelta, none: str = "") -> str:
    hours = time.total_seconds() / 3600
    if not hours:
        return none
    if hours < 1:
        return f"{round(hours * 60)} min"
    if hours > 24 * 3650:
        return "ever"
    return f"{round(hours)} h" if hours <= 48 else f"{round(hours / 24)} days"


def test_the_table_of_the_docs_is_the_capabilities() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = page.partition(BEGIN)[2].partition(END)[0].strip()
    assert told == table(), "write it anew with: python -m tests.bots.test_channel_table"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    sys.stdout.write("docs/channels.md is as the capabilities are\n")

"""Every line that tells of a message says which: its channel, dialog and entry."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from hub.errors import ThrottledError
from hub.hub import Hub
from hub.observe import DELIVERIES_HELD, JsonFormatter
from hub.records import Early
from hub.store.engine import Insert
from tests.scripted import Platform
from tests.spine import Clock, Mortal, ask, deliver, message, receive, say, sent

Lines = Callable[[str], list[dict[str, str]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines written so far with that message, as a collector reads them."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def written(words: str) -> list[dict[str, str]]:
        every = [json.loads(line) for line in out.getvalue().splitlines()]
        return [each for each in every if each["message"] == words]

    yield written
    root.removeHandler(handler)
    root.setLevel(level)


async def test_a_broken_send_names_its_message(hub: Hub, site: Platform, lines: Lines) -> None:
    row = await ask(hub)
    await say(hub, row, "xyzzy")
    site.script.append(ZeroDivisionError())
    await deliver(hub)
    [entry] = await sent(hub, row)

    [line] = lines("delivery.broken")
    assert (line["channel"], line["dialog"], line["entry"]) == ("site", row.id, entry.id)
    assert "ZeroDivisionError" in line["error"]
    assert "xyzzy" not in line["error"]


async def test_a_held_lane_says_why_and_is_counted(hub: Hub, site: Platform, lines: Lines) -> None:
    counter = DELIVERIES_HELD.labels(kind=site.kind, reason="throttled")
    before = counter._value.get()
    row = await ask(hub)
    await say(hub, row, "one")
    site.script.append(ThrottledError(retry_after=timedelta(seconds=9)))
    await deliver(hub)

    [line] = lines("delivery.held")
    assert (line["dialog"], line["reason"]) == (row.id, "throttled")
    assert counter._value.get() == before + 1


async def test_what_is_said_while_a_message_is_taken_in_names_it(
    hub: Hub, mortal: Mortal, clock: Clock, lines: Lines
) -> None:
    async def told() -> None:
        logging.getLogger("hub.test").info("storing")

    mortal.meanwhile(told, before=1)
    [accepted] = await receive(hub, message(1, clock.at))
    assert accepted.entry is not None

    [line] = lines("storing")
    assert (line["channel"], line["entry"]) == ("site", accepted.entry.id)


async def test_a_row_that_breaks_its_rules_is_named(hub: Hub, clock: Clock, lines: Lines) -> None:
    row = await ask(hub)
    poison = Early(
        id="poison",
        project=row.project,
        channel=row.channel,
        about="site:ivan.1",
        event=b"not a mark",
        created_at=clock.at,
    )
    await hub.engine.write(Insert(poison))
    await hub.worker.work()

    [line] = lines("worker.failed")
    assert (line["channel"], line["dialog"]) == ("site", row.id)

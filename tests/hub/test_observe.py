"""What the process writes and counts, and what it must never write."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from hub import observe
from hub.observe import LOOP_LAG, about, redact, set_up, watch_loop

log = logging.getLogger("hub.test")


pytestmark = pytest.mark.usefixtures("logging_as_before")


def test_a_line_for_people_has_time_level_place_and_what_it_is_about() -> None:
    out = io.StringIO()
    set_up("info", "text", out)

    with about(channel="site-1"), about(dialog="d:1"):
        log.info("message accepted")
    log.debug("unseen")

    line = out.getvalue()
    assert line[10] == "T"
    assert line[23:] == "Z INFO    hub.test: message accepted channel=site-1 dialog=d:1\n"


def test_a_line_for_collectors_is_one_object() -> None:
    out = io.StringIO()
    set_up("debug", "json", out)

    with about(entry="e1"):
        try:
            raise ValueError("no\nway")
        except ValueError:
            log.exception("отказ")

    read = json.loads(out.getvalue())
    assert (read["level"], read["logger"], read["message"]) == ("error", "hub.test", "отказ")
    assert read["entry"] == "e1"
    assert "ValueError: no\nway" in read["error"]


def test_what_is_given_as_extra_is_written_too() -> None:
    formats: tuple[Literal["text", "json"], ...] = ("text", "json")
    out = io.StringIO()
    for format in formats:
        out = io.StringIO()
        set_up("info", format, out)
        with about(channel="site-1"):
            log.warning("delivery.waits", extra={"reason": "password=q7wzq7wz", "rows": 3})
        assert "q7wz" not in out.getvalue()
    assert json.loads(out.getvalue())["rows"] == "3"
    assert json.loads(out.getvalue())["channel"] == "site-1"


def test_what_came_from_outside_cannot_begin_a_line() -> None:
    out = io.StringIO()
    set_up("info", "text", out)
    with about(channel="a\nb"):
        log.info("name %s", "x\n2026-01-01 forged\x1b[2J\u2028")

    assert out.getvalue().count("\n") == 1
    assert out.getvalue().isascii()


def test_a_traceback_keeps_its_lines() -> None:
    out = io.StringIO()
    set_up("info", "text", out)
    try:
        raise ValueError("password=q7wzq7wz")
    except ValueError:
        log.exception("failed")

    assert out.getvalue().count("\n") > 3
    assert "q7wz" not in out.getvalue()


async def test_what_a_line_is_about_is_each_tasks_own() -> None:
    out = io.StringIO()
    set_up("info", "text", out)
    both = asyncio.Barrier(2)

    async def work(id: str) -> None:
        with about(dialog=id):
            await both.wait()
            log.info("in %s", id)

    await asyncio.gather(work("d:1"), work("d:2"))

    for line in out.getvalue().splitlines():
        assert line.split("in ")[1].split()[0] == line.split("dialog=")[1]


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://hub:q7wzq7wz@db/hub failed",
        "POST https://api.telegram.org/bot123456789:q7wzq7wzq7wzq7wzq7wzq7wzq7wzq7wz/getMe",
        "Authorization: Bearer q7wzq7wz.q7wz",
        "access_token=q7wzq7wz&v=5.199",
        '{"password": "q7wzq7wz"}',
        "GET /files/1/a.png?e=1&s=q7wzq7wzq7wz",
        "Cookie: q7wzq7wz",
        "X-Api-Key: q7wzq7wz",
        "secret = 'q7wzq7wz'",
    ],
)
def test_what_looks_like_a_secret_is_not_written(text: str) -> None:
    assert "q7wz" not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text", ["message accepted dialog=d:1 seq=3", "http://127.0.0.1:8080/inbox", "12:30:15 +7900"]
)
def test_plain_lines_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=200))
def test_redacting_never_fails_and_is_done_once(text: str) -> None:
    once = redact(text)
    assert redact(once).count("***") >= once.count("***")


async def test_the_loops_lag_is_measured() -> None:
    def measured() -> float:
        [metric] = LOOP_LAG.collect()
        return next(each.value for each in metric.samples if each.name.endswith("_count"))

    before = measured()
    watching = asyncio.create_task(watch_loop(0.001))
    async with asyncio.timeout(60):
        # It tells nobody that it measured.
        while measured() <= before:  # noqa: ASYNC110
            await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait([watching])
    assert watching.cancelled()


def test_every_metric_is_named_by_what_happened() -> None:
    observe.HOOKS_REFUSED.labels(channel="site-1").inc(0)
    names = {
        line.split()[2]
        for line in generate_latest().decode().splitlines()
        if line.startswith("# TYPE hub_") and "_created" not in line
    }
    assert names >= {
        "hub_messages_accepted_total",
        "hub_updates_repeated_total",
        "hub_deliveries_finished_total",
        "hub_hooks_refused_total",
        "hub_dead_letters_total",
        "hub_sockets_open",
        "hub_loop_lag_seconds",
    }
    states = ("_open", "_seconds", "_bytes", "_waiting", "_working", "_connected", "_low")
    assert all(name.endswith(("_total", *states)) for name in names), names


def test_importing_it_brings_in_nothing_heavy() -> None:
    heavy = {"aiohttp", "motor", "pymongo", "aiogram", "cryptography", "redis"}
    code = "import sys, hub.observe; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not heavy & set(loaded)

"""What the process tells of itself: log lines and counters. No secret and no message text.

A line carries the channel, dialog and entry that were being worked on, set by `about`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from prometheus_client import Counter, Gauge, Histogram

MESSAGES_ACCEPTED = Counter(
    "hub_messages_accepted_total", "Messages from outside that became an entry.", ["kind"]
)
UPDATES_REPEATED = Counter(
    "hub_updates_repeated_total", "Updates that the store already had.", ["kind"]
)
EVENTS_IGNORED = Counter(
    "hub_events_ignored_total", "Genuine events that are of no use here.", ["kind", "name"]
)
DELIVERIES_FINISHED = Counter(
    "hub_deliveries_finished_total", "Outgoing messages by how they ended.", ["kind", "state"]
)
HOOKS_REFUSED = Counter(
    "hub_hooks_refused_total", "Requests to a channel's door without its signature.", ["channel"]
)
CALLS_FINISHED = Counter(
    "hub_calls_finished_total", "Calls by what became of them.", ["outcome", "side"]
)
DEAD_LETTERS = Counter(
    "hub_dead_letters_total", "Bodies kept aside because they could not be digested."
)
ROWS_REPAIRED = Counter(
    "hub_rows_repaired_total", "Rows found behind their log after a crash and folded forward."
)
LETTERS_REPLAYED = Counter(
    "hub_letters_replayed_total", "Dead letters that were tried again.", ["outcome"]
)
DELIVERIES_HELD = Counter(
    "hub_deliveries_held_total", "Attempts after which a lane has to wait.", ["kind", "reason"]
)
CHANNEL_WORKING = Gauge(
    "hub_channel_working", "1 unless its key is refused or its platform away.", ["channel"]
)
POLLS_FAILED = Counter(
    "hub_polls_failed_total", "Times that a platform could not be asked.", ["kind", "reason"]
)
ORDERS_FINISHED = Counter(
    "hub_orders_finished_total",
    "Edits, deletions and reactions by how they ended.",
    ["verb", "state"],
)
FETCHES_ENDED = Counter(
    "hub_fetches_ended_total",
    "Tries to bring a file or a person's profile from a platform.",
    ["kind", "what", "result"],
)
SIGNALS_DROPPED = Counter(
    "hub_signals_dropped_total", "Signs of typing or reading that no platform was told of.", ["why"]
)
CURSORS_LOST = Counter(
    "hub_cursors_lost_total", "Screens that came back too late and had to read all anew."
)
QUEUE_WAITING = Gauge(
    "hub_queue_waiting", "What waits to be done, counted up to a thousand.", ["queue"]
)
QUEUE_OLDEST = Gauge(
    "hub_queue_oldest_seconds", "How long the oldest of it has been due.", ["queue"]
)
STORE_WORKING = Gauge("hub_store_working", "Whether the store answered when last asked.")
STORE_BEHIND = Gauge(
    "hub_store_behind_bytes", "Written and safe, but not yet in the store's main file."
)
DISK_FREE = Gauge("hub_disk_free_bytes", "What is left where the data lies.")
BUS_CONNECTED = Gauge("hub_bus_connected", "1 while the bus reaches every process.")
BUS_CONNECTED.set(1)
BUS_GAPS = Counter(
    "hub_bus_gaps_total", "Times that every screen of this process had to look for itself."
)
BUS_EVENTS_DROPPED = Counter(
    "hub_bus_events_dropped_total", "Events that the bus could not carry in time."
)
BUS_LIMITS_UNSHARED = Counter(
    "hub_bus_limits_unshared_total", "Rate limits decided by this process alone."
)
DISK_LOW = Gauge("hub_disk_low", "Folders whose disk has less room than is wanted.")
BACKUP_AT = Gauge("hub_backup_made_timestamp_seconds", "When the newest nightly copy was made.")
BACKUPS_FAILED = Counter("hub_backups_failed_total", "Nightly copies that could not be made.")
DIALOGS_DROPPED = Counter("hub_dialogs_dropped_total", "Closed dialogs deleted after their time.")
SOCKETS_OPEN = Gauge("hub_sockets_open", "Live connections.", ["side"])
LOOP_LAG = Histogram(
    "hub_loop_lag_seconds",
    "How much later than asked the event loop came back.",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

_about: ContextVar[dict[str, str]] = ContextVar("about")

_RECORD_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"), "***"),
    (re.compile(r"\d{6,12}:[A-Za-z0-9_-]{30,}"), "***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)((?:access_?token|api_?token|token|password|passwd|secret|signature"
            r"|api[-_]?key|cookie|[?&]s)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]{4,}"
        ),
        r"\1***",
    ),
)


class about:  # noqa: N801 - read as a word at every `with`
    """Every line written inside carries these, such as channel, dialog, entry."""

    __slots__ = ("_ids", "_token")

    def __init__(self, **ids: str) -> None:
        self._ids = ids

    def __enter__(self) -> None:
        self._token = _about.set(_about.get({}) | self._ids)

    def __exit__(self, *_: object) -> None:
        _about.reset(self._token)


def redact(text: str) -> str:
    """The text without what looks like a secret; a net under those who must not log one."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class TextFormatter(logging.Formatter):
    """One line for people; what came from outside cannot begin a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {key}={value}" for key, value in _facts(record).items())
        line = f"{_at(record)} {record.levelname:<7} {record.name}: {record.getMessage()}{facts}"
        line = _one_line(line)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


class JsonFormatter(logging.Formatter):
    """One object a line for collectors."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: redact(str(value)) for key, value in _facts(record).items()} | {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


def set_up(level: str, format: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Sends all log lines of the process to the stream, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # These tell of every request with its whole address, or of every step.
    for name in ("aiohttp.access", "asyncio", "pymongo", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def watch_loop(every_seconds: float = 1.0) -> None:
    """Measures the loop's lag until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(every_seconds)
        LOOP_LAG.observe(max(0.0, loop.time() - began - every_seconds))


def _facts(record: logging.LogRecord) -> dict[str, object]:
    """What the line is about and what its writer gave as `extra`."""
    given = {key: value for key, value in vars(record).items() if key not in _RECORD_FIELDS}
    return _about.get({}) | given


def _at(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)

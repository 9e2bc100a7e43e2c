"""How work reaches the threads of the embedded engine: handed over, carried out, committed.

One transaction holds all that waits, and nobody is answered before it is durable.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from hub.errors import BadValueError, UnavailableError


@dataclass(slots=True)
class Job:
    """Work for one of the threads; what `writes` more than once can be refused half-way."""

    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    writes: int = 0


@dataclass(slots=True)
class Answer:
    future: asyncio.Future[Any]
    value: Any
    error: Exception | None


@dataclass(slots=True)
class Tray:
    """Jobs on their way to the threads of one kind.

    What is asked in one turn of the loop is handed over at once: waking a thread costs more
    than most jobs, and a group that starts whole is committed once.
    """

    queue: SimpleQueue[list[Job] | None] = field(default_factory=SimpleQueue)
    asked: list[Job] = field(default_factory=list)

    def hand_over(self) -> None:
        if self.asked:
            self.queue.put(self.asked)
            self.asked = []


class _HalfWayError(Exception):
    """A job was refused after it had written: its transaction must be begun again."""


def take(tray: Tray, most: int) -> tuple[list[Job], bool]:
    """What waits, at least one job; False when the thread is asked to end after it.

    It takes whole groups until it has `most`, so it may have more by part of a group.
    """
    batch: list[Job] = []
    group = tray.queue.get()
    while group is not None:
        batch += group
        if len(batch) >= most:
            return batch, True
        try:
            group = tray.queue.get_nowait()
        except Empty:
            return batch, True
    return batch, False


def carry_out(db: sqlite3.Connection, batch: list[Job]) -> list[Answer]:
    """All jobs in one transaction, durable when it returns; a refused job leaves nothing."""
    try:
        db.execute("BEGIN IMMEDIATE")
        answers = [attempt(db, job) for job in batch]
    except _HalfWayError:
        # Savepoints cost two statements a job and are hardly ever needed: only now.
        db.execute("ROLLBACK")
        db.execute("BEGIN IMMEDIATE")
        answers = [attempt(db, job, savepoint=job.writes > 1) for job in batch]
    db.execute("COMMIT")
    return answers


def attempt(db: sqlite3.Connection, job: Job, *, savepoint: bool = False) -> Answer:
    """Carries out one job; raises only what ends the transaction it shares with others."""
    before = db.total_changes
    if savepoint:
        db.execute("SAVEPOINT job")
    value: Any = None
    error: Exception | None = None
    try:
        value = job.work(db)
    except (sqlite3.DataError, OverflowError, UnicodeEncodeError) as refusal:
        error = BadValueError(f"this cannot be stored: {refusal}")
    except sqlite3.Error:
        raise
    except Exception as refusal:
        error = refusal
    if savepoint:
        if error is not None:
            db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
    elif error is not None and db.total_changes != before:
        raise _HalfWayError
    return Answer(job.future, value, error)


def refuse(job: Job, error: sqlite3.Error) -> Answer:
    return Answer(job.future, None, UnavailableError(str(error)))


def resolve(answers: list[Answer]) -> None:
    for answer in answers:
        if answer.future.done():
            continue
        if answer.error is not None:
            answer.future.set_exception(answer.error)
        else:
            answer.future.set_result(answer.value)


def undo(db: sqlite3.Connection | None) -> sqlite3.Connection | None:
    """Ends a failed transaction; None when the connection is not to be trusted any more."""
    if db is None:
        return None
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
    except sqlite3.Error:
        db.close()
        return None
    return db

"""Requests of another system, from a table: each becomes a closed or open request of its own.

The table is CSV with a first line of names, in Russian or English, with commas or semicolons, in
UTF-8 or as Excel for Windows writes it. A row is known by its number, or by all that it says, so
a table may be brought again. The six statuses from before 2018 come in by this way alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from hub import dialogs, legible
from hub.errors import BadValueError
from hub.model import (
    Channel,
    ChannelId,
    Contact,
    ContactId,
    Cycle,
    Dialog,
    Entry,
    EntryKind,
    EntryPoint,
    Identity,
    IdentityId,
    Project,
    Verb,
    cut,
)
from hub.people import contacts
from hub.statuses import RequestType, Status, imported_side, label, type_label
from hub.store.engine import Engine, Insert, TakenError

ROWS_MAX = 200_000
BYTES_MAX = 200_000_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
TOLD_MAX = 50

NAMES = {
    "id": ("номер", "id", "number", "№"),
    "at": ("дата", "создано", "date", "created", "created_at"),
    "type": ("тип", "type"),
    "status": ("статус", "status"),
    "name": ("имя", "клиент", "name", "client"),
    "phone": ("телефон", "phone"),
    "email": ("email", "e-mail", "почта"),
    "comment": ("комментарий", "comment"),
    "operator": ("сотрудник", "оператор", "operator"),
    "result": ("результат", "result"),
    "page": ("страница", "page"),
}
NEEDED = ("at", "type", "status")
OPEN = (Status.NEW, Status.ACCEPTED, Status.CHATTING, Status.AWAITING_RETRY)
WHEN = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")

_TYPES = {
    name.casefold(): each
    for each in RequestType
    for name in (each.value, type_label(each, "ru"), type_label(each, "en"))
}
# The six of old are called as the messengers are, and no other status is.
_STATUSES = {
    name.casefold(): each
    for each in Status
    for name in (each.value, label(each, "ru"), label(each, "en"))
}


class Row(Struct, frozen=True, kw_only=True):
    """One request as the table tells it."""

    key: str
    at: datetime
    type: RequestType
    status: Status
    name: str = ""
    phone: str = ""
    email: str = ""
    comment: str = ""
    operator: str = ""
    result: str = ""
    page: str = ""


class Wrong(Struct, frozen=True):
    """A line of the table that cannot be a request: its number, the column, what is wrong."""

    line: int
    column: str
    why: str


class Brought(Struct, frozen=True, kw_only=True):
    """What became of a table; `wrong` tells the first of them."""

    made: int = 0
    known: int = 0
    refused: int = 0
    wrong: tuple[Wrong, ...] = ()


def read(body: bytes, zone: str) -> Iterator[Row | Wrong]:
    """The rows of a table in their order, times of its clock in that zone.

    BadValueError for what is no such table; a row that is wrong is told and passed over.
    """
    if len(body) > BYTES_MAX:
        raise BadValueError(f"at most {BYTES_MAX} bytes", field="file")
    text = _decoded(body)
    first = text.split("\n", 1)[0]
    table = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",")
    lines = _lines(table)
    columns = _columns(next(lines, []))
    for number, cells in enumerate(lines, start=2):
        if number > ROWS_MAX + 1:
            raise BadValueError(f"at most {ROWS_MAX} rows", field="file")
        if not any(each.strip() for each in cells):
            continue
        told = {name: cells[n].strip() for name, n in columns.items() if n < len(cells)}
        yield _row(told, number, ZoneInfo(zone))


async def bring(
    engine: Engine, project: Project, channel: Channel, body: bytes, now: datetime
) -> Brought:
    """Keeps every request of the table, once; what is there already stays as it is."""
    made = known = 0
    wrong: list[Wrong] = []
    refused = 0
    for row in read(body, project.schedule.zone):
        if isinstance(row, Wrong):
            refused += 1
            wrong += [row] if len(wrong) < TOLD_MAX else []
        elif await _keep(engine, channel, row, now):
            made += 1
        else:
            known += 1
    return Brought(made=made, known=known, refused=refused, wrong=tuple(wrong))


async def _keep(engine: Engine, channel: Channel, row: Row, now: datetime) -> bool:
    identity = IdentityId(f"{channel.id}:import.{row.key}")
    # Requests with one phone are one person's.
    contact = ContactId(f"{channel.id}:import.{row.phone or row.key}")
    for document in (
        Contact(
            id=contact,
            project=channel.project,
            name=row.name,
            phones=(row.phone,) if row.phone else (),
            emails=(row.email,) if row.email else (),
            created_at=row.at,
        ),
        Identity(
            id=identity,
            project=channel.project,
            channel=ChannelId(channel.id),
            external_id=f"import.{row.key}",
            contact=contact,
            name=row.name,
            reachable=False,
            created_at=row.at,
            seen_at=row.at,
        ),
    ):
        with suppress(TakenError):
            await engine.write(Insert(document))
    empty = Dialog(
        id=dialogs.dialog_id(identity, 1),
        project=channel.project,
        channel=ChannelId(channel.id),
        kind=channel.kind,
        type=row.type,
        identity=identity,
        contact=contact,
        n=1,
        name=row.name,
        entry_point=EntryPoint(kind=channel.kind, value=channel.id, comment=channel.name),
        creation="import",
        created_at=row.at,
        last_at=row.at,
        changed_at=now,
    )
    episode = await dialogs.open_episode(engine, empty)

    def make(current: Dialog) -> Entry:
        entry = dialogs.draft(current, f"{current.id}:imported", EntryKind.SYSTEM, row.at, now)
        return replace(
            entry,
            verb=Verb.IMPORTED,
            text=row.comment,
            data=_told(row),
            cycle=_cycle(row),
        )

    return (await dialogs.append(engine, episode, make)).fresh


def _told(row: Row) -> dict[str, str]:
    told = {
        "status": row.status.value,
        "phone": row.phone,
        "email": row.email,
        "operator": row.operator,
        "page": row.page,
        "at": row.at.isoformat(),
    }
    return {name: value for name, value in told.items() if value}


def _cycle(row: Row) -> Cycle:
    is_open = row.status in OPEN
    return Cycle(
        queued_at=row.at,
        closed_at=None if is_open else row.at,
        closed_by="" if is_open else "auto",
        result=row.result,
    )


def _lines(table: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from table
    except csv.Error as error:
        raise BadValueError(f"no CSV: {error}", field="file") from None


def _decoded(body: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1251"):
        with suppress(UnicodeDecodeError):
            return body.decode(encoding)
    raise BadValueError("neither UTF-8 nor Windows-1251", field="file")


def _columns(names: list[str]) -> dict[str, int]:
    known = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    found: dict[str, int] = {}
    for n, written in enumerate(names):
        if name := known.get(written.strip().casefold()):
            found.setdefault(name, n)
    if missing := [NAMES[name][0] for name in NEEDED if name not in found]:
        raise BadValueError(f"columns that are missing: {', '.join(missing)}", field="file")
    return found


def _row(told: Mapping[str, str], number: int, zone: ZoneInfo) -> Row | Wrong:
    at = _moment(told.get("at", ""), zone)
    type = _TYPES.get(told.get("type", "").casefold())
    status = _STATUSES.get(told.get("status", "").casefold())
    if at is None:
        return Wrong(number, NAMES["at"][0], "a date is written 31.12.2025 18:30")
    if type is None:
        return Wrong(number, NAMES["type"][0], "no such type")
    if status is None:
        return Wrong(number, NAMES["status"][0], "no such status")
    if imported_side(type, status) is None:
        return Wrong(number, NAMES["status"][0], "a request of this type has no such status")
    phone = ""
    if written := told.get("phone", ""):
        phone = contacts.phone_of(written) or ""
    said = "\0".join(told.get(name, "") for name in NAMES)
    key = told.get("id", "") or hashlib.sha256(said.encode()).hexdigest()[:20]
    comment = told.get("comment", "")
    if written and not phone:
        comment = f"{comment}\n{written}".strip()
    email = told.get("email", "")
    return Row(
        key=hashlib.sha256(key.encode()).hexdigest()[:20],
        at=at,
        type=type,
        status=status,
        name=legible.line(told.get("name", ""), legible.NAME_MAX),
        phone=phone,
        email=email if contacts.is_email(email) else "",
        comment=legible.legible(comment)[:10_000],
        operator=legible.line(told.get("operator", ""), legible.NAME_MAX),
        result=legible.line(told.get("result", ""), legible.NAME_MAX),
        page=legible.line(told.get("page", ""), legible.URL_MAX),
    )


def _moment(written: str, zone: ZoneInfo) -> datetime | None:
    for how in WHEN:
        with suppress(ValueError, OverflowError):
            at = datetime.strptime(written, how).replace(tzinfo=zone).astimezone(UTC)
            return at if at > EARLIEST else None
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(written)
        at = cut((at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC))
        return at if at > EARLIEST else None
    return None

"""One collection as a SQLite table: its columns, its indexes and every statement about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from hub.errors import BadValueError
from hub.model import Document
from hub.store.engine import Collection, Index, Key, Walk, plain, types_of

D = TypeVar("D", bound=Document)

Statement = tuple[str, Sequence[Any]]

IDS_MAX = 500


class Table(Generic[D]):
    """Bodies are JSON; a column repeats each field that an index needs.

    The columns have no type, so SQLite compares what `plain` made and converts nothing.
    An index over each value of a tuple is a table of its own, kept by triggers.
    """

    def __init__(self, kept: Collection[D]) -> None:
        self.kept = kept
        self.name = _quoted(kept.name)
        used = [name for each in kept.indexes for name in (*each.fields, each.present)]
        tuples = {each.each for each in kept.indexes}
        self.columns = tuple(name for name in dict.fromkeys(used) if name and name not in tuples)
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(kept.of).decode
        names = [_quoted(name) for name in ("_id", "rev", "body", *self.columns)]
        holes = ", ".join("?" * len(names))
        # Names come from the schema, values are always bound.
        self._insert = f"INSERT INTO {self.name} ({', '.join(names)}) VALUES ({holes})"  # noqa: S608
        self._updates: dict[tuple[str, ...], str] = {}
        self._one = f"SELECT body FROM {self.name} WHERE _id = ?"  # noqa: S608
        self._delete = f"DELETE FROM {self.name} WHERE _id = ?"  # noqa: S608

    def make(self, db: sqlite3.Connection) -> list[Callable[[], object]]:
        """What is still to be done to the file so that it has all that the schema declares."""
        of_each = [index for index in self.kept.indexes if index.each]
        own = (self.kept.name, *(self._index_name(index) for index in of_each))
        holes = ", ".join("?" * len(own))
        there: dict[str, str] = dict(
            db.execute(f"SELECT name, sql FROM sqlite_master WHERE tbl_name IN ({holes})", own)  # noqa: S608
        )
        steps: list[Callable[[], object]] = []

        def run(sql: str) -> None:
            steps.append(lambda: db.execute(sql))

        if self.kept.name not in there:
            columns = "".join(f", {_quoted(name)}" for name in self.columns)
            run(f"CREATE TABLE {self.name} (_id TEXT PRIMARY KEY NOT NULL, rev, body{columns})")
        else:
            rows = db.execute("SELECT name FROM pragma_table_info(?)", (self.kept.name,))
            known = {name for (name,) in rows}
            missing = [name for name in self.columns if name not in known]
            for name in missing:
                run(f"ALTER TABLE {self.name} ADD COLUMN {_quoted(name)}")
            if missing:
                steps.append(lambda: self._fill(db))
        for index in of_each:
            for sql in self._each_sql(index, there):
                run(sql)
        for index in self.kept.indexes:
            if index.each:
                continue
            name, sql = self._index_name(index), self._index_sql(index)
            if name in there and there[name] != sql:
                run(f"DROP INDEX {_quoted(name)}")
            if there.get(name) != sql:
                run(sql)
        return steps

    def _fill(self, db: sqlite3.Connection) -> None:
        assigned = ", ".join(f"{_quoted(name)} = ?" for name in self.columns)
        update = f"UPDATE {self.name} SET {assigned} WHERE rowid = ?"  # noqa: S608
        for rowid, body in db.execute(f"SELECT rowid, body FROM {self.name}").fetchall():  # noqa: S608
            db.execute(update, (*self._indexed(self.read(body)), rowid))

    def _index_name(self, index: Index[D]) -> str:
        return f"{self.kept.name}_{index.name}"

    def _each_sql(self, index: Index[D], there: dict[str, str]) -> list[str]:
        """The statements that are still to be run for an index over each value of a tuple."""
        name = self._index_name(index)
        columns = ", ".join(_quoted(field) for field in (*index.fields, "_id"))
        create = f"CREATE TABLE {_quoted(name)} ({columns}, PRIMARY KEY ({columns})) WITHOUT ROWID"

        def rows(of: str) -> str:
            """The index's rows of the document in the table or row called `of`."""
            picked = ", ".join(
                "value" if field == index.each else f"{of}.{_quoted(field)}"
                for field in (*index.fields, "_id")
            )
            # A value that is there twice is one row, as on the other engine.
            body = f"json_each(CAST({of}.body AS TEXT), '$.{index.each}')"
            return f"INSERT OR IGNORE INTO {_quoted(name)} SELECT {picked} FROM {body}"  # noqa: S608

        fields = [field for field in (*index.fields, "_id") if field != index.each]
        matched = " AND ".join(f"{_quoted(field)} = OLD.{_quoted(field)}" for field in fields)
        old_values = f"json_each(CAST(OLD.body AS TEXT), '$.{index.each}')"
        drop = (
            f"DELETE FROM {_quoted(name)} WHERE {_quoted(index.each)} IN "  # noqa: S608
            f"(SELECT value FROM {old_values}) AND {matched}"
        )
        triggers = {
            f"{name}_added": f"AFTER INSERT ON {self.name} BEGIN {rows('NEW')}; END",
            f"{name}_changed": f"AFTER UPDATE ON {self.name} BEGIN {drop}; {rows('NEW')}; END",
            f"{name}_gone": f"AFTER DELETE ON {self.name} BEGIN {drop}; END",
        }
        wanted = {each: f"CREATE TRIGGER {_quoted(each)} {do}" for each, do in triggers.items()}
        if {name: create, **wanted} == {each: there.get(each) for each in (name, *wanted)}:
            return []
        fill = rows(self.name).replace(" FROM ", f" FROM {self.name}, ", 1)
        return [
            *(f"DROP TRIGGER IF EXISTS {_quoted(each)}" for each in wanted),
            f"DROP TABLE IF EXISTS {_quoted(name)}",
            create,
            *wanted.values(),
            fill,
        ]

    def _index_sql(self, index: Index[D]) -> str:
        fields = index.fields if index.unique else (*index.fields, "_id")
        columns = ", ".join(_quoted(name) for name in fields)
        kind = "UNIQUE INDEX" if index.unique else "INDEX"
        sql = f"CREATE {kind} {_quoted(self._index_name(index))} ON {self.name} ({columns})"
        return f"{sql} WHERE {_quoted(index.present)} IS NOT NULL" if index.present else sql

    def read(self, body: bytes) -> D:
        if self.kept.upgrade is None:
            return self._decode(body)
        return self.kept.read(msgspec.json.decode(body))

    def one(self, db: sqlite3.Connection, id: str) -> D | None:
        row = db.execute(self._one, (id,)).fetchone()
        return self.read(row[0]) if row else None

    def many(self, db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, D]:
        found: dict[str, D] = {}
        for start in range(0, len(ids), IDS_MAX):
            some = ids[start : start + IDS_MAX]
            holes = ", ".join("?" * len(some))
            sql = f"SELECT _id, body FROM {self.name} WHERE _id IN ({holes})"  # noqa: S608
            found |= {id: self.read(body) for id, body in db.execute(sql, some)}
        return found

    def insert(self, doc: D) -> Statement:
        doc = self._newest(doc, doc.rev)
        return self._insert, (doc.id, doc.rev, self._body(doc), *self._indexed(doc))

    def replace(self, doc: D) -> Statement:
        """Puts the document in the place of its own `rev`, as the next one."""
        return self._update(doc, self._newest(doc, doc.rev + 1), self.columns)

    def change(self, before: D, made: D) -> tuple[D, Statement]:
        """What follows `before` as it will be read, and the statement that puts it there."""
        if made.id != before.id:
            raise ValueError(f"a change cannot make {before.id} another document")
        after = self._newest(made, before.rev + 1)
        columns = self.columns
        if self.kept.upgrade is None:
            # SQLite rewrites every index that has a column which is named, changed or not.
            columns = tuple(
                name for name in columns if getattr(before, name) != getattr(after, name)
            )
        return after, self._update(before, after, columns)

    def _update(self, before: D, after: D, columns: tuple[str, ...]) -> Statement:
        sql = self._updates.get(columns)
        if sql is None:
            assigned = ", ".join(f"{_quoted(name)} = ?" for name in ("rev", "body", *columns))
            sql = f"UPDATE {self.name} SET {assigned} WHERE _id = ? AND rev = ?"  # noqa: S608
            self._updates[columns] = sql
        values = (plain(getattr(after, name)) for name in columns)
        return sql, (after.rev, self._body(after), *values, before.id, before.rev)

    def delete(self, id: str) -> Statement:
        return self._delete, (id,)

    def select(self, walk: Walk[D], limit: int) -> Statement:
        where, values = self._where(walk)
        body = "body"
        if walk.index.each:
            body = f"(SELECT body FROM {self.name} AS kept WHERE kept._id = walked._id)"  # noqa: S608
        sql = f"SELECT {body} FROM {self._source(walk)}{where}{_order(walk)} LIMIT ?"  # noqa: S608
        return sql, (*values, limit)

    def keys(self, walk: Walk[D], limit: int, skipped: int = 0) -> Statement:
        """Where the documents stand, from the index alone."""
        where, values = self._where(walk)
        picked = ", ".join(_quoted(each) for each in (*walk.order, "_id"))
        sql = f"SELECT {picked} FROM {self._source(walk)}{where}{_order(walk)} LIMIT ? OFFSET ?"  # noqa: S608
        return sql, (*values, limit, skipped)

    def read_keys(self, walk: Walk[D], rows: list[Key]) -> list[Key]:
        """The keys as every engine gives them: SQLite has no booleans."""
        types = types_of(self.kept.of)
        if not any(bool in types[name] for name in walk.order):
            return rows
        readers = [bool if bool in types[name] else _same for name in walk.order]
        return [
            (*(read(value) for read, value in zip(readers, row, strict=False)), row[-1])
            for row in rows
        ]

    def keys_also(self, walk: Walk[D], also: Sequence[str], limit: int) -> Statement:
        """Of the first `limit` keys those that stand under all of `also` too."""
        inner, values = self.keys(walk, limit)
        name, each = _quoted(self._index_name(walk.index)), walk.index.each
        fixed = [field for field in walk.equal if field != each]
        same = [f"{_quoted(field)} = ?" for field in (*fixed, each)]
        same += [f"{_quoted(field)} = met.{_quoted(field)}" for field in (*walk.order, "_id")]
        stands = f"EXISTS (SELECT 1 FROM {name} WHERE {' AND '.join(same)})"  # noqa: S608
        sql = f"SELECT * FROM ({inner}) AS met WHERE {' AND '.join([stands] * len(also))}"  # noqa: S608
        told = [plain(walk.equal[field]) for field in fixed]
        return sql, (*values, *(value for one in also for value in (*told, one)))

    def tally(self, walk: Walk[D], cap: int) -> Statement:
        where, values = self._where(walk)
        inner = f"SELECT 1 FROM {self._source(walk)}{where} LIMIT ?"  # noqa: S608
        return f"SELECT count(*) FROM ({inner})", (*values, cap)  # noqa: S608

    def taken(self, error: sqlite3.IntegrityError) -> str:
        """The index that a "UNIQUE constraint failed: entries.dialog, entries.seq" speaks of."""
        told = str(error).partition(": ")[2].split(", ")
        fields = tuple(each.rpartition(".")[2] for each in told)
        names = (each.name for each in self.kept.indexes if each.unique and each.fields == fields)
        return next(names, "_id")

    def _source(self, walk: Walk[D]) -> str:
        if walk.index.each:
            return f"{_quoted(self._index_name(walk.index))} AS walked"
        return f"{self.name} INDEXED BY {_quoted(self._index_name(walk.index))}"

    def _where(self, walk: Walk[D]) -> tuple[str, list[Any]]:
        terms: list[str] = []
        values: list[Any] = []
        for name, value in walk.equal.items():
            terms.append(f"{_quoted(name)} IS NULL" if value is None else f"{_quoted(name)} = ?")
            if value is not None:
                values.append(plain(value))
        if walk.index.present:
            terms.append(f"{_quoted(walk.index.present)} IS NOT NULL")
        if walk.range is not None:
            column = _quoted(walk.range.field)
            # A plus keeps SQLite from starting at the range's own end when a cursor is nearer.
            low = high = column
            if walk.after is not None:
                low, high = (column, f"+{column}") if walk.descending else (f"+{column}", column)
            for term, limit in (
                (f"{low} >= ?", walk.range.at_least),
                (f"{high} < ?", walk.range.below),
                (f"{high} <= ?", walk.range.at_most),
            ):
                if limit is not None:
                    terms.append(term)
                    values.append(plain(limit))
        if walk.after is not None:
            keys = _keys(walk)
            columns = ", ".join(_quoted(name) for name in keys)
            holes = ", ".join("?" * len(keys))
            terms.append(f"({columns}) {'<' if walk.descending else '>'} ({holes})")
            values += walk.after[: len(keys)] if walk.order else walk.after
        return (f" WHERE {' AND '.join(terms)}" if terms else ""), values

    def _newest(self, doc: D, rev: int) -> D:
        if doc.rev == rev and doc.v == self.kept.version:
            return doc
        return msgspec.structs.replace(doc, rev=rev, v=self.kept.version)

    def _body(self, doc: D) -> bytes:
        try:
            return self._encode(doc)
        except UnicodeEncodeError:
            raise BadValueError("half a character cannot be stored") from None

    def _indexed(self, doc: D) -> tuple[Any, ...]:
        return tuple(plain(getattr(doc, name)) for name in self.columns)


def _order(walk: Walk[Any]) -> str:
    if not walk.order and walk.index.unique:
        return ""
    direction = " DESC" if walk.descending else ""
    return " ORDER BY " + ", ".join(_quoted(name) + direction for name in _keys(walk))


def _keys(walk: Walk[Any]) -> tuple[str, ...]:
    """What orders the walk; a unique index needs no `_id` to break ties."""
    return walk.order if walk.index.unique and walk.order else (*walk.order, "_id")


def _same(value: Any) -> Any:
    return value


def _quoted(name: str) -> str:
    return f'"{name}"'

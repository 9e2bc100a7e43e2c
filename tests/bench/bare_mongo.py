"""The least that could carry out the hub's commands: a loop over motor, without a product.

Told on its standard input how many messages and commands a round has, it answers with the
seconds that the round took.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter
from typing import Any

import msgspec
from motor.motor_asyncio import AsyncIOMotorClient

from hub.store.mongo import CODEC, DURABLE, OPTIONS, MongoEngine
from hub.store.schema import EPISODES


class Round(msgspec.Struct, frozen=True):
    """How many commands of each kind a round has in all, and how many do them at once."""

    name: str
    loops: int
    queries: int
    inserts: int
    updates: int


class Bare:
    """`url` names a database of its own, `like` the hub's, whose documents it writes again."""

    def __init__(self, url: str, like: str) -> None:
        self._url = url
        self._client: Any = AsyncIOMotorClient(url, **OPTIONS)
        self._here = self._client.get_default_database(codec_options=CODEC, write_concern=DURABLE)
        self._like = self._client.get_database(like, codec_options=CODEC)

    async def open(self) -> None:
        """Makes the indexes that the product has."""
        engine = MongoEngine(self._url)
        await engine.open()
        await engine.close()

    async def carry_out(self, asked: Round) -> float:
        row = await self._like.dialogs.find_one({})
        entry = await self._like.entries.find_one({"kind": "in"})
        if row is None or entry is None:
            raise RuntimeError("there is nothing to write again")
        rows = [row | _named(f"{asked.name}{n}") for n in range(asked.loops)]
        await self._here.dialogs.insert_many(rows)
        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            for n, each in enumerate(rows):
                shares = [
                    (total * (n + 1)) // asked.loops - (total * n) // asked.loops
                    for total in (asked.queries, asked.inserts, asked.updates)
                ]
                group.create_task(self._loop(each, entry, *shares))
        return perf_counter() - began

    async def _loop(self, row: Any, entry: Any, queries: int, inserts: int, updates: int) -> None:
        """Its commands one after another, in the order in which a message needs them."""
        dialogs, entries = self._here.dialogs, self._here.entries
        turns = max(queries, inserts, updates, 1)
        for n in range(turns):
            if _is_due(n, queries, turns):
                await dialogs.find(
                    {"project": {"$eq": row["project"]}, "identity": {"$eq": row["identity"]}},
                    sort=[("n", -1), ("_id", -1)],
                    hint=EPISODES.name,
                    limit=1,
                    batch_size=1,
                ).to_list(None)
            if _is_due(n, inserts, turns):
                id = f"{row['_id']}:{n}"
                await entries.insert_one(entry | {"_id": id, "dialog": row["_id"], "seq": n + 1})
            if _is_due(n, updates, turns):
                had = {"_id": row["_id"], "rev": row["rev"]}
                row = row | {"rev": row["rev"] + 1, "seq": n + 1}
                done = await dialogs.replace_one(had, row)
                if not done.matched_count:
                    raise RuntimeError("the row moved")


def _named(name: str) -> dict[str, object]:
    return {"_id": name, "identity": name, "n": 1}


def _is_due(n: int, count: int, turns: int) -> bool:
    """Spreads so many over the turns."""
    return (n + 1) * count // turns > n * count // turns


async def main(url: str, like: str) -> None:
    bare = Bare(url, like)
    await bare.open()
    while line := await asyncio.to_thread(sys.stdin.readline):
        seconds = await bare.carry_out(msgspec.json.decode(line, type=Round))
        sys.stdout.write(f"{seconds}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""The least that could do the same: a socket, one writer thread that commits in groups, a socket.

No rights, no rules, no repeats, no order across sockets; it speaks the hub's frames, so that
one client drives both.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import msgspec
from aiohttp import WSMsgType, web

BATCH_MAX = 256
PAGE = b"<!doctype html><title>bare</title>"


class Frame(msgspec.Struct):
    t: str
    key: str | None = None
    text: str = ""


Job = tuple[str, str, bytes, asyncio.Future[int]]


class Writer(Thread):
    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._loop = loop
        self.jobs: SimpleQueue[Job] = SimpleQueue()

    def run(self) -> None:
        db = sqlite3.connect(self._path, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE entries (_id TEXT PRIMARY KEY, dialog, seq, body)")
        db.execute("CREATE UNIQUE INDEX log ON entries (dialog, seq)")
        db.execute("CREATE TABLE dialogs (_id TEXT PRIMARY KEY, seq, body)")
        seqs: dict[str, int] = {}
        while True:
            batch = [self.jobs.get()]
            try:
                while len(batch) < BATCH_MAX:
                    batch.append(self.jobs.get_nowait())
            except Empty:
                pass
            db.execute("BEGIN IMMEDIATE")
            done = []
            for id, dialog, body, future in batch:
                seq = seqs[dialog] = seqs.get(dialog, 0) + 1
                if seq == 1:
                    db.execute("INSERT INTO dialogs VALUES (?, 0, ?)", (dialog, body))
                db.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", (id, dialog, seq, body))
                db.execute(
                    "UPDATE dialogs SET seq = ?, body = ? WHERE _id = ?", (seq, body, dialog)
                )
                done.append((future, seq))
            db.execute("COMMIT")
            self._loop.call_soon_threadsafe(_resolve, done)


def _resolve(done: list[tuple[asyncio.Future[int], int]]) -> None:
    for future, seq in done:
        if not future.done():
            future.set_result(seq)


class Server:
    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(folder / "bare.db", self._loop)
        self._writer.start()
        self._decode = msgspec.json.Decoder(Frame).decode
        self._operators: list[web.WebSocketResponse] = []
        self._visitors = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/inbox", self.page)
        app.router.add_get("/widget/site/live", self.visitor)
        app.router.add_get("/api/v1/live", self.operator)
        app.router.add_get("/fan", self.fan)
        return app

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(body=PAGE, content_type="text/html")

    async def visitor(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._visitors += 1
        dialog = f"site:{self._visitors}"
        await socket.receive()
        await socket.send_json({"t": "hello", "key": dialog})
        encode = msgspec.json.encode
        async for message in socket:
            body = message.data.encode()
            frame = self._decode(body)
            future: asyncio.Future[int] = self._loop.create_future()
            self._writer.jobs.put((f"{dialog}:{frame.key}", dialog, body, future))
            seq = await future
            told = {"event": "dialog.changed", "entries": [{"kind": "in", "text": frame.text}]}
            await self._tell(encode({"t": "event", "event": told}))
            ok = encode({"t": "ok", "key": frame.key, "seq": seq})
            await socket.send_frame(ok, WSMsgType.TEXT)
        return socket

    async def operator(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.receive()
        await socket.send_json({"t": "hello"})
        self._operators.append(socket)
        try:
            async for _ in socket:
                pass
        finally:
            self._operators.remove(socket)
        return socket

    async def fan(self, request: web.Request) -> web.WebSocketResponse:
        """Whatever is said here goes to every operator as it is."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            await self._tell(message.data.encode())
        return socket

    async def _tell(self, frame: bytes) -> None:
        for operator in list(self._operators):
            await operator.send_frame(frame, WSMsgType.TEXT)


async def serve(folder: Path, port: int) -> None:
    runner = web.AppRunner(Server(folder).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))

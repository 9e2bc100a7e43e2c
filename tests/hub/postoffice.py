"""A real server of mail that does as it is told, and an office that posts letters to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP

from hub import config
from hub.bus import LocalBus
from hub.model import DialogId, ProjectId
from hub.records import Post
from hub.store.engine import Engine, Insert
from hub.store.schema import POSTS_OLD
from hub.telling import mail
from hub.telling.mail import Mail
from tests.spine import Clock
from tests.store.samples import dialog

SHOP = ProjectId("shop")
ANNA = "anna@example.com"


class Server:
    """A real SMTP server that does with its letters as it is told."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.says: list[str] = []
        """What it answers to the next recipients, and then 250."""
        self.after_data: list[str] = []
        self.drops = 0
        """So many connections are cut in the middle of a letter."""
        self.silent = False
        self.asked = asyncio.Event()
        self.port = 0

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        self.asked.set()
        if self.silent:
            await asyncio.Event().wait()
        if self.says and (said := self.says.pop(0)) != "250":
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.drops:
            self.drops -= 1
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 OK"
        if self.after_data:
            return self.after_data.pop(0)
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"


@asynccontextmanager
async def serving(server: Server, *, wrapped: bool = False, **told: Any) -> AsyncIterator[Server]:
    """`wrapped` is TLS from the first byte on."""
    loop = asyncio.get_running_loop()
    around = told.pop("around", None) if wrapped else None
    listening = await loop.create_server(
        lambda: SMTP(server, loop=loop, hostname="mx.example.com", **told),
        "127.0.0.1",
        0,
        ssl=around,
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


class Office:
    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock

    def mail(self, url: str, **told: Any) -> Mail:
        settings = config.Mail(url=config.Secret(url), sender="Отклик <hub@example.com>", **told)
        return Mail(self.engine, LocalBus(), settings, "https://hub.example", self.clock)

    async def promised(self, id: str = "one", **told: str) -> bool:
        data = {"project": "Ромашка", "phone": "+79161234567", "name": "Анна", "tries": "3"}
        data |= told
        at, row = self.clock(), DialogId("site:1:1")
        return await mail.promise(self.engine, id, SHOP, ANNA, "exhausted", data, at, dialog=row)

    async def posts(self) -> list[Post]:
        return (await self.engine.find(POSTS_OLD, limit=100)).items

    async def post(self) -> Post:
        [one] = await self.posts()
        return one


async def office_of(engine: Engine, clock: Clock) -> Office:
    """One whose letters are about a dialog that is there."""
    await engine.write(Insert(dialog(id="site:1:1", project=SHOP)))
    return Office(engine, clock)


def plain(server: Server) -> str:
    return f"smtp://127.0.0.1:{server.port}"

"""`hub demo`: a made-up company with its site and, once its page is opened, a visitor's phone.

A part of the composition root. The messengers on the phone are played on this machine; they
begin with the first look at it, since they are not light and not everybody wants them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from hub import channels, config
from hub.errors import ConfigError
from hub.model import Channel, ChannelId, OperatorId, ProjectId, Role, now
from hub.store.engine import AbsentError

if TYPE_CHECKING:
    from bots.platforms.platform import Platform
    from hub.config import Settings
    from hub.hub import Hub

PROJECT = ProjectId("demo")
LOGIN = "demo"
SITE = ChannelId("demo-site")
VISITOR = ("Анна Соколова", "+79161234567")

Listen = Callable[[Any, str, int], Awaitable[str]]
"""Begins to serve there; ConfigError if it cannot. Port 0 is any."""
Ready = Callable[["Hub", str], contextlib.AbstractAsyncContextManager[None]]


def settings_of(settings: Settings) -> Settings:
    """The same process with a store, files and a key of its own: real data is never touched."""
    folder = settings.data.dir / "demo"
    replace = msgspec.structs.replace
    return replace(
        settings,
        database=config.Database(),
        data=replace(settings.data, dir=folder),
        files=config.Storage(),
        backup=config.Backup(),
        retention=config.Retention(),
        security=replace(settings.security, key_file=folder / "hub.key"),
        projects={PROJECT: config.ProjectCode(name="Тёплый дом", lang="ru", zone="Europe/Moscow")},
        channels={},
    )


def ready(settings: Settings, listen: Listen) -> Ready:
    """Serves the site and the phone beside the hub and prints for a newcomer where all is."""
    host, port = settings.server.host, settings.server.port

    @contextlib.asynccontextmanager
    async def begun(hub: Hub, url: str) -> AsyncIterator[None]:
        from aiohttp import web

        from web.demo import build

        async with contextlib.AsyncExitStack() as stack:

            async def serve(app: web.Application, port: int) -> str:
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                try:
                    return await listen(runner, host, port)
                except ConfigError:
                    # Only the hub's own port was asked for.
                    return await listen(runner, host, 0)

            site = await serve(build(url, SITE), port and port + 1)
            messengers = Messengers(hub, url)
            stack.push_async_callback(messengers.stop)
            phone = await serve(messengers.build(), port and port + 2)
            await messengers.rest()
            document = await _site(hub, (site, site.replace("localhost", "127.0.0.1")))
            await channels.put(hub.engine, hub.vault, document)
            await hub.channels.refresh()
            print(_words(url, site, phone, await _code(hub)), flush=True)
            yield

    return begun


class Messengers:
    """The played platforms with a channel of the demo on each, from the first look at the phone."""

    def __init__(self, hub: Hub, url: str) -> None:
        self._hub = hub
        self._url = url
        self._platforms: dict[str, Platform] = {}
        self._starting = asyncio.Lock()

    def build(self) -> Any:
        """What serves the phone; the first request waits until the messengers are there."""
        from aiohttp import web

        from bots.platforms import KINDS, load
        from bots.platforms.phone import Phone

        # A message's number of an earlier start must never come again.
        first = int(time.time() * 1000)
        self._platforms = {kind: load(kind)(first=first) for kind in KINDS}
        phone = Phone(self._platforms, *VISITOR)

        @web.middleware
        async def started(request: web.Request, handler: Any) -> web.StreamResponse:
            async with self._starting:
                await self._start()
            answer: web.StreamResponse = await handler(request)
            return answer

        app = phone.build()
        app.middlewares.append(started)
        return app

    async def rest(self) -> None:
        """Switches off the channels of an earlier start, whose platforms are gone."""
        for kind in self._platforms:
            with contextlib.suppress(AbsentError):
                await self._hub.engine.change(
                    Channel, _id(kind), lambda had: msgspec.structs.replace(had, enabled=False)
                )

    async def stop(self) -> None:
        for platform in self._platforms.values():
            await platform.stop()

    async def _start(self) -> None:
        if all(each.url for each in self._platforms.values()):
            return
        for kind, platform in self._platforms.items():
            await platform.start()
            document = Channel(
                id=_id(kind),
                project=PROJECT,
                kind=kind,
                name="Тёплый дом",
                settings=platform.settings(),
                created_at=now(),
            )
            await channels.put(self._hub.engine, self._hub.vault, document)
        await self._hub.channels.refresh()
        for kind in self._platforms:
            live = self._hub.channels.get(_id(kind))
            if "poll" not in live.capabilities.receives:
                await live.set_hook(f"{self._url}/hooks/{live.id}")


def _id(kind: str) -> ChannelId:
    return ChannelId(f"demo-{kind}")


async def _site(hub: Hub, origins: tuple[str, ...]) -> Channel:
    """The demo's chat as it was left, or as it begins; its site may be at another port now."""
    known = await hub.engine.get(Channel, SITE)
    if known is not None:
        return msgspec.structs.replace(known, settings={**known.settings, "origins": origins})
    return Channel(
        id=SITE,
        project=PROJECT,
        kind="site",
        name="Сайт",
        settings={
            "origins": origins,
            "color": "#a84a17",
            "answer_time": 5,
            "phone": "+78120000000",
            "callback": {"enabled": True},
            "messengers": [
                {"kind": kind, "url": f"https://example.com/{kind}"}
                for kind in ("telegram", "whatsapp", "vk")
            ],
        },
        created_at=now(),
    )


async def _code(hub: Hub) -> str:
    """A fresh one-time code for the demo's operator, empty once a password was chosen."""
    operator = await hub.accounts.by_login(LOGIN)
    if operator is None:
        operator = await hub.accounts.add_operator(LOGIN, "Ольга")
        await hub.accounts.join(OperatorId(operator.id), PROJECT, Role.ADMIN)
    if operator.password_hash:
        return ""
    return await hub.accounts.one_time_code(OperatorId(operator.id))


def _words(url: str, site: str, phone: str, code: str) -> str:
    secret = (
        f"one-time code  {code}   (works once; then choose a password)"
        if code
        else "password       the one you chose"
    )
    return "\n".join(
        (
            "",
            "  Otklik demo: everything stays on this machine, Ctrl+C stops it.",
            "",
            f"  Demo site      {site}/",
            f"  Visitor phone  {phone}/   (every messenger, no keys needed)",
            f"  Inbox          {url}/inbox",
            f"  Sign in as     {LOGIN}",
            f"  {secret}",
            "",
        )
    )

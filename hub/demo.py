"""`hub demo`: a made-up company with its site and, once opened, phones with every messenger.

A part of the composition root. The messengers on the phone are played on this machine; they
begin with the first look at it, since they are not light and not everybody wants them. The phones
ring in the browser while somebody looks at them, and else do by themselves what a phone does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from hub import config, phrases
from hub.calling import Calling
from hub.calls.call import Call, Seat
from hub.calls.script import Say, Script
from hub.channels import in_use as channels
from hub.errors import ConfigError
from hub.leads.quiet import Quiet
from hub.model import Channel, ChannelId, OperatorId, Project, ProjectId, Role, now
from hub.policy import PhoneOnly, Policy, Silence
from hub.records import Pulse
from hub.store.engine import AbsentError, Insert, TakenError
from hub.store.schema import CALLS_LIVE
from hub.texts import text

if TYPE_CHECKING:
    from bots.platforms.handset import Handset
    from bots.platforms.platform import Platform
    from hub.config import Settings
    from hub.hub import Hub

PROJECT = ProjectId("demo")
LOGIN = "demo"
SITE = ChannelId("demo-site")
LINE = ChannelId("demo-line")
COMPANY_PHONE = "+78120000000"
PEOPLE = {
    "visitor": ("Анна Соколова", "+79161234567"),
    "operator": ("Ольга Петрова", "+79037654321"),
}
"""Whose phones there are: the operator's own is where notices come."""

log = logging.getLogger(__name__)

HOOK_SECONDS = 30

Listen = Callable[[Any, str, int], Awaitable[str]]
"""Begins to serve there; ConfigError if it cannot. Port 0 is any."""
Ready = Callable[["Hub", str], contextlib.AbstractAsyncContextManager[None]]


def settings_of(settings: Settings) -> Settings:
    """The same process with a store, files and a key of its own: real data is never touched."""
    folder = settings.data.dir / "demo"
    replace = msgspec.structs.replace
    server = settings.server
    if server.port and not server.public_url:
        # Platforms on this machine can reach what the internet cannot.
        server = replace(server, public_url=f"http://localhost:{server.port}")
    return replace(
        settings,
        server=server,
        database=config.Database(),
        data=replace(settings.data, dir=folder),
        files=config.Storage(),
        backup=config.Backup(),
        retention=config.Retention(),
        security=replace(settings.security, key_file=folder / "hub.key"),
        speech=replace(settings.speech, dir=folder / "speech"),
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
            await _rules(hub)
            document = await _site(hub, (site, site.replace("localhost", "127.0.0.1")))
            await channels.put(hub.engine, hub.vault, document)
            code = await _code(hub)
            await _telephone(hub)
            await hub.channels.refresh()
            print(_words(url, site, phone, code), flush=True)
            yield

    return begun


class Messengers:
    """The played platforms with a channel of the demo on each, from the first look at a phone."""

    def __init__(self, hub: Hub, url: str) -> None:
        self._hub = hub
        self._url = url
        self._platforms: dict[str, Platform] = {}
        self._ready: set[str] = set()
        self._starting: asyncio.Task[None] | None = None
        self._handsets: dict[str, Handset] = {}

    def build(self) -> Any:
        """What serves the phones; the messengers start at the first look and say when they can."""
        from bots.platforms import KINDS, load
        from bots.platforms.handset import Handset
        from bots.platforms.phone import Phone

        # A message's number of an earlier start must never come again.
        first = int(time.time() * 1000)
        self._platforms = {kind: load(kind)(first=first) for kind in KINDS}
        self._handsets = {who: Handset(self._said) for who in PEOPLE}
        phone = Phone(
            self._platforms,
            PEOPLE,
            begin=self._begin,
            ready=lambda kind: kind in self._ready,
            handsets=self._handsets,
            seen=self._seen,
        )
        return phone.build()

    def _seen(self, who: str, here: bool) -> None:
        """A phone that nobody looks at answers by itself, as any other of the simulator's."""
        from telephony.simulator import Simulator

        number = PEOPLE[who][1]
        if here:
            Simulator.handsets[number] = self._handsets[who]
        else:
            Simulator.handsets.pop(number, None)

    async def _said(self, leg: str) -> str:
        """The message of the call that the leg is of, as words."""
        key, _, own = leg.rpartition("-")
        page = await self._hub.engine.find(
            CALLS_LIVE, {"project": PROJECT, "live": True}, descending=True, limit=50
        )
        call: Call | None = next((each for each in page.items if each.key == key), None)
        if call is None or call.plan is None:
            return ""
        script = call.plan.script
        said = script.operator_says if own.startswith("o") else script.visitor_says
        return phrases.render(said.text, call.plan.variables)

    async def rest(self) -> None:
        """Switches off the channels, whose platforms are gone or about to go."""
        for kind in self._platforms:
            with contextlib.suppress(AbsentError):
                await self._hub.engine.change(
                    Channel, _id(kind), lambda had: msgspec.structs.replace(had, enabled=False)
                )

    async def stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
            await self.rest()
            await self._hub.channels.refresh()
        await asyncio.gather(*(each.stop() for each in self._platforms.values()))

    def _begin(self) -> None:
        done = self._starting is None or self._starting.done()
        if done and len(self._ready) < len(self._platforms):
            self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        # The heaviest of them is first on the page; the others need not wait for it.
        for kind in sorted(self._platforms, key=lambda kind: kind == "telegram"):
            if kind not in self._ready:
                try:
                    await self._started(kind)
                except Exception:
                    log.exception("demo.failed", extra={"kind": kind})

    async def _started(self, kind: str) -> None:
        from bots import load

        platform = self._platforms[kind]
        if not platform.url:
            await platform.start()
        can = (await asyncio.to_thread(load, kind)).capabilities.receives
        public = self._hub.settings.server.public_url
        # Told by its platform, a channel misses nothing that was said before its first question.
        told = {"receive": "hook"} if public and "poll" in can else {}
        document = Channel(
            id=_id(kind),
            project=PROJECT,
            kind=kind,
            name="Тёплый дом",
            settings=platform.settings() | told,
            created_at=now(),
        )
        await channels.put(self._hub.engine, self._hub.vault, document)
        await self._hub.channels.refresh()
        if public:
            await asyncio.wait_for(self._hooked(kind), HOOK_SECONDS)
        elif "poll" not in can:
            live = self._hub.channels.get(_id(kind))
            await live.set_hook(f"{self._url}/hooks/{live.id}")
        self._ready.add(kind)

    async def _hooked(self, kind: str) -> None:
        """Returns once the platform knows where to bring what is said."""
        while True:
            pulse = await self._hub.engine.get(Pulse, _id(kind))
            if pulse is not None and pulse.hook is not None and pulse.hook.url:
                return
            await asyncio.sleep(0.1)


def _id(kind: str) -> ChannelId:
    return ChannelId(f"demo-{kind}")


async def _rules(hub: Hub) -> None:
    """At the first start: whoever leaves a number and asks nothing is called after a minute."""
    if await hub.engine.get(Channel, SITE) is not None:
        return
    policy = Policy(silence=Silence(enabled=True, minutes=1), phone_only=PhoneOnly(enabled=True))
    await hub.engine.change(
        Project, PROJECT, lambda had: msgspec.structs.replace(had, policy=policy)
    )


async def _telephone(hub: Hub) -> None:
    """At the first start with telephony: a line that rings nobody, and where the operator's go."""
    if await hub.engine.get(Channel, LINE) is not None:
        return
    project = await hub.engine.get(Project, PROJECT)
    operator = await hub.accounts.by_login(LOGIN)
    if project is None or operator is None:
        return
    document = Channel(
        id=LINE,
        project=PROJECT,
        kind="simulator",
        name=text(project.lang, "demo.line"),
        settings={"numbers": [COMPANY_PHONE]},
        created_at=now(),
    )
    says = Say(text=text(project.lang, "demo.operator_says"))
    if project.calling == Calling():
        # It wakes nobody, and whoever tries it at night is to hear it ring.
        calling = Calling(
            shown=COMPANY_PHONE,
            script=Script(connect="key", operator_says=says, short_talk_s=0),
            quiet=Quiet("00:00", "24:00"),
        )
        await hub.engine.change(
            Project, PROJECT, lambda had: msgspec.structs.replace(had, calling=calling)
        )
    seat = Seat(
        id=f"{operator.id}:{PROJECT}",
        project=PROJECT,
        operator=OperatorId(operator.id),
        number=PEOPLE["operator"][1],
        changed_at=now(),
    )
    with contextlib.suppress(TakenError):
        await hub.engine.write(Insert(seat))
    await channels.put(hub.engine, hub.vault, document)


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
            "phone": COMPANY_PHONE,
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

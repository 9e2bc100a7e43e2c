"""The command `hub`, and the one place that sees every package: settings in, process out."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hub import commands, config, observe
from hub.channels import in_use as channels
from hub.errors import ConfigError, ConflictError, HubError, UnavailableError
from hub.files import voices
from hub.hub import Hub, Loop, assemble, opened, storage_of
from hub.keeping import secrets
from hub.model import Channel, ChannelId, ProjectId, now

if TYPE_CHECKING:
    from hub.channels.port import ChannelKind
    from hub.config import Settings
    from hub.files.kept import Files
    from hub.keeping.keys import Keys
    from hub.store.engine import Engine
    from telephony.voice.speech import Spoken

log = logging.getLogger("hub")

BAD_SETTINGS = 2
"""What the shell gets when the settings cannot be used, as for a wrong option."""


def builder(keys: Keys, files: Files) -> channels.Build:
    """Makes a live channel of its document; a kind's module is imported when first needed."""

    def build(document: Channel) -> ChannelKind[Any]:
        kind = kinds(document.kind)
        try:
            settings = msgspec.convert(document.settings, kind.settings_type)
        except msgspec.ValidationError as error:
            raise ConfigError(
                f"channel {document.id}: {error}", field=f"channels.{document.id}"
            ) from None
        made = kind(ChannelId(document.id), settings, keys, files.given(document.project))
        made.door = f"{files.public_url}/hooks/{document.id}" if files.public_url else ""
        return made

    return build


def kinds(kind: str) -> type[ChannelKind[Any]]:
    """The class of that kind, imported when first needed: a messenger or a telephone engine."""
    import bots
    import telephony

    return telephony.load(kind) if kind in telephony.KINDS else bots.load(kind)


def known_kinds() -> list[str]:
    """The names of all kinds, none of them imported."""
    import bots
    import telephony

    return sorted([*bots.kinds(), *telephony.kinds()])


def secret_fields(kind: str) -> frozenset[str] | None:
    """Which settings of that kind are secret; of an unknown kind all, and of one not imported yet.

    Nobody waits for a heavy import only to seal a token.
    """
    known = f"bots.{kind}" in sys.modules or f"telephony.{kind}" in sys.modules
    if kind != channels.OWN and not known:
        return None
    try:
        return secrets.secret_fields(kinds(kind).settings_type)
    except ConfigError:
        return None


def speech(settings: Settings, files: Files) -> Spoken:
    """The voices of this machine."""
    from telephony.voice.speech import Spoken

    models = settings.data.dir / "voices"
    return Spoken(settings.speech.dir, models, files, now, settings.speech.command)


def also(hub: Hub) -> list[Loop]:
    """What works beside the hub's own loops, and only this root may know of."""
    from hub.calls.exchange import Exchange
    from hub.calls.recordings import Recordings
    from telephony.voice.sounds import said_by
    from telephony.worker import Telephony
    from web.outgoing import sender

    folder = hub.settings.data.dir / "incoming"
    recordings = Recordings(hub.engine, hub.bus, hub.files, folder, hub.now)
    calls = Telephony(
        hub.engine,
        hub.bus,
        hub.channels,
        hub.dialling,
        hub.now,
        hub.name,
        voice=said_by(hub.speech),
        fetch=recordings.fetch,
        overdue=Exchange(hub.engine, hub.bus, hub.now).overdue,
    )
    hub.outgoing.send = sender()
    return [("telephony", calls.run), ("outgoing", hub.outgoing.run)]


async def serve(
    settings: Settings,
    *,
    engine: Engine | None = None,
    ready: Callable[[Hub, str], contextlib.AbstractAsyncContextManager[None]] | None = None,
    loops: bool = True,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    `ready` is entered with the hub and its address once it serves and left before it stops.
    Without `loops` other processes deliver and rule.
    """
    from web.app import build
    from web.server import Runner

    stop, hub = Stop(), _assembled(settings, engine)
    async with opened(hub), contextlib.AsyncExitStack() as stack:
        await channels.adopt(hub.engine, hub.vault, settings, now())
        await stack.enter_async_context(hub.working(loops=loops, fallen=stop.fall, also=also(hub)))
        runner = Runner(build(hub), settings.server.connections_max)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        url = await _listen(runner, settings.server.host, settings.server.port)
        log.info("serving", extra={"url": url})
        _settle()
        if ready is not None:
            await stack.enter_async_context(ready(hub, url))
        await stop.asked.wait()
        log.info("stopping")
    stop.check()


async def work(
    settings: Settings, *, port: int | None = None, engine: Engine | None = None
) -> None:
    """Delivers and rules beside processes that serve, until SIGTERM or SIGINT, then drains.

    On the port, if there is one, it tells machines how it is.
    """
    stop, hub = Stop(), _assembled(settings, engine)
    async with opened(hub), contextlib.AsyncExitStack() as stack:
        await channels.adopt(hub.engine, hub.vault, settings, now())
        await stack.enter_async_context(hub.working(door=False, fallen=stop.fall, also=also(hub)))
        url = ""
        if port is not None:
            from aiohttp import web

            from web.app import build_for_machines

            runner = web.AppRunner(build_for_machines(hub), access_log=None, shutdown_timeout=1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            url = await _listen(runner, settings.server.host, port)
        log.info("working", extra={"url": url})
        await stop.asked.wait()
        log.info("stopping")
    stop.check()


def _settle() -> None:
    """Spares what is there for good from being searched for garbage, and the rest from haste.

    Every message leaves some objects that live on for thousands of others (what screens may
    still ask for), and at the interpreter's 700 the search is a sixth of the message's price.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Stop:
    """Why the process ends: it was told to, or a part of it fell and a whole one is needed."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._fell = False
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, self.asked.set)

    def fall(self) -> None:
        self._fell = True
        self.asked.set()

    def check(self) -> None:
        """Raises HubError, so that a supervisor starts the process again, if a part fell."""
        if self._fell:
            raise HubError("a part of the hub ended by a fault, see the log")


def shared(settings: Settings) -> Settings:
    """The same settings, proven to be those of one process among several."""
    for key, url in (("database.url", settings.database.url), ("redis.url", settings.redis.url)):
        if not url:
            raise ConfigError(
                f"{key}: must be set, because `hub web` and `hub worker` are several processes "
                "that share a MongoDB server and a Redis; one process alone is `hub run`",
                field=key,
            )
    return settings


async def _listen(runner: Any, host: str, port: int) -> str:
    from aiohttp import web

    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except (socket.gaierror, UnicodeError):
        raise ConfigError(f"server.host: {host} cannot be found", field="server.host") from None
    except OSError as error:
        raise ConfigError(
            f"server.port: {host}:{port} cannot be used: {error.strerror}", field="server.port"
        ) from None
    address = runner.addresses[-1]
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host  # noqa: S104
    return f"http://{shown}:{address[1]}"


def _assembled(settings: Settings, engine: Engine | None) -> Hub:
    return assemble(
        settings,
        builder,
        secret_fields=secret_fields,
        kinds=kinds,
        known_kinds=known_kinds,
        speech=speech,
        now=now,
        engine=engine,
    )


def _beside(settings: Settings) -> Hub:
    """The hub for a command that runs beside the serving processes."""
    return assemble(settings, builder, secret_fields=secret_fields, now=now, serving=False)


async def _check(settings: Settings, where: Path | None, public: str = "") -> bool:
    """Says in plain words what works; True if everything does."""
    good = True

    def say(works: bool | None, what: str) -> None:
        nonlocal good
        good = good and works is not False
        print({True: "  ok    ", False: "  FAIL  ", None: "  note  "}[works] + what)

    is_there = await asyncio.to_thread(Path(config.FILE_NAME).exists)
    if where or is_there:
        say(True, f"settings: {where or config.FILE_NAME}")
    else:
        say(None, f"settings: no {config.FILE_NAME} in this folder; all have their defaults")
    kind = "MongoDB" if settings.database.url else f"the embedded file {settings.data.store}"
    hub = None
    try:
        hub = _beside(settings)
        say(True, f"key file: {settings.security.key_file}")
        async with opened(hub):
            say(True, f"store: {kind} answers and is of this program's version")
            await channels.adopt(hub.engine, hub.vault, settings, now())
            await hub.channels.refresh()
            for id in settings.channels:
                try:
                    hub.channels.get(id)
                    say(True, f"channel {id}: its settings can be used")
                except HubError:
                    say(False, f"channel {id}: its settings cannot be used, see the log above")
            _check_sounds(hub, say)
            if settings.redis.url:
                await _check_bus(settings, say)
            if public:
                await _look_from_outside(hub, public, say)
    except HubError as error:
        say(False, str(error) if hub is None else f"store: {kind}: {error}")
    await _check_files(settings, say)
    if hub is not None and settings.mail.url:
        wrong = await hub.mail.check()
        say(not wrong, f"mail: the server takes no letters: {wrong}" if wrong else "mail: answers")
    if voices.program() is None:
        say(None, "ffmpeg: not found; voices in AMR, which some old phones send, are kept as files")
    else:
        say(True, "ffmpeg: voices in AMR are made playable")
    if hub is not None:
        from telephony.voice.speech import look

        named = next(iter(settings.speech.command), "")
        await look(speech(settings, hub.files), say, named=named)
    from web.pages import built

    say(built(), "front end: built")
    return good


def _check_sounds(hub: Hub, say: Callable[[bool | None, str], None]) -> None:
    """Whether an Asterisk of this machine can play what the hub makes for it, where that shows."""
    ids = [each.id for each in hub.channels.all() if each.kind == "asterisk"]
    if not ids:
        return
    from telephony.asterisk import Asterisk, unread

    for id in ids:
        with contextlib.suppress(HubError):
            line = hub.channels.get(id)
            if isinstance(line, Asterisk) and (
                shut := unread(line.settings, hub.settings.speech.dir)
            ):
                say(False, f"sounds: Asterisk cannot read {shut}; see docs/asterisk.md")
                return


async def _check_bus(settings: Settings, say: Callable[[bool | None, str], None]) -> None:
    from hub.redis_bus import RedisBus

    bus = RedisBus(settings.redis.url)
    try:
        await bus.open()
    except ConfigError as error:
        say(False, str(error))
        return
    say(bus.connected, "redis: " + ("answers" if bus.connected else "does not answer"))
    await bus.close()


async def _check_files(settings: Settings, say: Callable[[bool | None, str], None]) -> None:
    storage = storage_of(settings, now)
    where = settings.files.url or settings.data.files
    try:
        await storage.check()
        say(True, f"files: {where} can be written")
    except UnavailableError as error:
        say(False, f"files: {where}: {error}")
    finally:
        await storage.close()


async def _look_from_outside(
    hub: Hub, public: str, say: Callable[[bool | None, str], None]
) -> None:
    from web import outside

    sites = [
        each.id
        for project in hub.settings.projects
        for each in hub.channels.of(ProjectId(project))
        if each.enabled and each.kind == "site"
    ]
    expected = outside.Expected(
        server=hub.settings.server,
        sign=lambda text: hub.keys.sign("check", text),
        channels=tuple(sites),
        now=now,
    )
    await outside.look(public, expected, say)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="hub",
        description="Otklik: one inbox for every messenger and the site's chat.",
        epilog="Settings are read from config.toml of the current folder; every key has its "
        "default and one comment there. Secrets may be written env:NAME or file:PATH.",
    )
    top.add_argument(
        "--config", type=Path, metavar="FILE", help="settings other than ./config.toml"
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    run = verbs.add_parser("run", help="serve the inbox, the widget and the channels")
    doors = verbs.add_parser(
        "web",
        help="only serve, beside `hub worker` and other `hub web`",
        description="Serves inbox and widget and leaves deliveries and rules to `hub worker`. "
        "All of them share the MongoDB server of [database] and the Redis of [redis].",
    )
    for each in (run, doors):
        each.add_argument("--port", type=_port, help="another than [server] port")
    worker = verbs.add_parser(
        "worker",
        help="only deliver and follow the rules, beside `hub web`",
        description="Sends what waits and follows the rules, for any number of `hub web`. Several "
        "workers share the work; one of them leads what is done once.",
    )
    worker.add_argument("--port", type=_port, help="where to tell /live, /ready and /metrics")
    verbs.add_parser(
        "demo",
        help="serve a demo project and a demo site, in a folder of their own",
        description="Serves a demo project and a small company site with the chat on it. Its data "
        "lies in the folder demo of [data] dir; your real data is neither read nor changed.",
    )
    check = verbs.add_parser(
        "check", help="say in plain words whether settings and connections work"
    )
    check.add_argument(
        "--public",
        metavar="URL",
        default="",
        help="also reach the running hub at this address, as a visitor's browser would",
    )
    commands.add(verbs)
    return top


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError
    return number


def _on_port(settings: Settings, port: int | None) -> Settings:
    if port is None:
        return settings
    replace = msgspec.structs.replace
    return replace(settings, server=replace(settings.server, port=port))


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        settings = config.load(args.config)
        observe.set_up(settings.log.level, settings.log.format)
        match args.verb:
            case "run":
                asyncio.run(serve(_on_port(settings, args.port)))
            case "web":
                asyncio.run(serve(_on_port(shared(settings), args.port), loops=False))
            case "worker":
                asyncio.run(work(shared(settings), port=args.port))
            case "demo":
                from hub import demo

                asyncio.run(serve(demo.settings_of(settings), ready=demo.ready(settings, _listen)))
            case "check":
                return 0 if asyncio.run(_check(settings, args.config, args.public)) else 1
            case _:
                return commands.run(args, settings, lambda: _beside(settings))
    except ConfigError as error:
        print(f"hub: {error}", file=sys.stderr)
        return BAD_SETTINGS
    except ConflictError as error:
        print(f"hub: {error.code}", file=sys.stderr)
        return 1
    except UnavailableError as error:
        print(f"hub: the store cannot be reached: {error}", file=sys.stderr)
        return 1
    except HubError as error:
        field = f"{error.field}: " if error.field else ""
        print(f"hub: {field}{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

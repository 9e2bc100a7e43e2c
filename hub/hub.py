"""The hub put together: one store, one bus, and the few rooms that everything else asks."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import Any

from hub import observe
from hub.accounts import Accounts
from hub.amends import Amends
from hub.bus import Bus, LocalBus
from hub.calls.dialling import Dialling
from hub.calls.seats import Seats
from hub.calls.speech import MUTE, Speech
from hub.calls.switchboard import Switchboard
from hub.channels import hooking, polling
from hub.channels.hooking import Hooking
from hub.channels.in_use import Build, Channels
from hub.channels.polling import Polling
from hub.channels.pulse import Pulses
from hub.channels.setup import Kinds, Setup, no_kind
from hub.channels.sightings import Sightings
from hub.channels.signals import Signals
from hub.channels.trial import Trials
from hub.config import Settings
from hub.delivery import Delivery
from hub.desk import Desk
from hub.dryrun import DryRuns
from hub.errors import ConfigError
from hub.examples import Examples
from hub.files.arrivals import Arrivals
from hub.files.fetching import Fetching
from hub.files.kept import Files
from hub.files.storage import Folder, Storage
from hub.finding.lists import Lists
from hub.finding.search import Search
from hub.intake import Intake
from hub.keeping import keys as key_file
from hub.keeping.health import Health
from hub.keeping.housekeeping import Housekeeping
from hub.keeping.keys import Keys
from hub.keeping.letters import Letters
from hub.keeping.secrets import SecretFields, Vault
from hub.leads.callbacks import Callbacks
from hub.model import Channel
from hub.outages import Ear, Outages
from hub.peace import Peace
from hub.people.alike import People
from hub.people.consents import Consents
from hub.people.joining import Joining
from hub.projects import Projects
from hub.requests.automating import Automating
from hub.requests.automations import Automations
from hub.requests.connecting import Connecting
from hub.requests.segments import Segments
from hub.ruling import Ruling
from hub.store import connect
from hub.store.engine import Engine
from hub.telling.callnotices import CallNotices
from hub.telling.mail import Mail
from hub.telling.notices import Notices
from hub.telling.outgoing import Outgoing
from hub.telling.reaches import Reaches
from hub.telling.texting import Texting
from hub.worker import Worker

log = logging.getLogger(__name__)

Loop = tuple[str, Callable[[], Coroutine[Any, Any, None]]]
"""What runs until it is cancelled, by its name."""


@dataclass(frozen=True)
class Hub:
    """What the doors need; `embedded` means that no other process may serve this store."""

    settings: Settings
    engine: Engine
    bus: Bus
    keys: Keys
    vault: Vault
    accounts: Accounts
    channels: Channels
    pulses: Pulses
    setup: Setup
    connecting: Connecting
    projects: Projects
    seats: Seats
    speech: Speech
    trials: Trials
    sightings: Sightings
    files: Files
    consents: Consents
    joining: Joining
    intake: Intake
    desk: Desk
    callbacks: Callbacks
    dialling: Dialling
    switchboard: Switchboard
    people: People
    amends: Amends
    lists: Lists
    examples: Examples
    delivery: Delivery
    hooking: Hooking
    polling: Polling
    fetching: Fetching
    signals: Signals
    search: Search
    worker: Worker
    ruling: Ruling
    outages: Outages
    peace: Peace
    dry_runs: DryRuns
    segments: Segments
    automations: Automations
    automating: Automating
    reaches: Reaches
    notices: Notices
    mail: Mail
    texting: Texting
    outgoing: Outgoing
    letters: Letters
    health: Health
    housekeeping: Housekeeping
    now: Callable[[], datetime]
    name: str
    embedded: bool

    @asynccontextmanager
    async def working(
        self,
        *,
        loops: bool = True,
        door: bool = True,
        fallen: Callable[[], None] = lambda: None,
        also: Sequence[Loop] = (),
    ) -> AsyncIterator[None]:
        """Repairs what a dead process left, then delivers and rules until the block ends.

        Leaving the block drains: what is on its way is finished, nothing new is begun.
        Without `loops` it leaves all that to other processes and only keeps itself fresh. A
        process with a `door` hears people itself.
        With the loops run those that are given `also`.
        `fallen` is told when a fault of ours ended one of the loops: half a hub would go on
        taking messages that nobody delivers.
        """
        await self.channels.begin()
        ears: list[Ear] = ["doors"] if door else []
        if loops:
            ears.append("polls")
        await self.outages.mark(*ears)
        if self.embedded:
            await self.delivery.recover()
            await self.fetching.recover()
        if loops:
            mended = await self.worker.repair()
            if mended:
                log.warning("rows.repaired", extra={"rows": mended})
        work: tuple[Loop, ...] = (
            ("delivery", self.delivery.run),
            ("hooking", self.hooking.run),
            ("polling", self.polling.run),
            ("fetching", self.fetching.run),
            ("worker", self.worker.run),
            ("notices", self.notices.run),
            ("mail", self.mail.run),
            ("texting", self.texting.run),
            ("automating", self.automating.run),
            ("housekeeping", self.housekeeping.run),
            *also,
        )
        always: tuple[Loop, ...] = (
            ("channels", self.channels.run),
            ("signals", self.signals.run),
            ("outages", partial(self.outages.run, ears)),
            ("health", self.health.run),
            ("lag", observe.watch_loop),
        )
        running = [
            asyncio.create_task(each(), name=name)
            for name, each in (*always, *(work if loops else ()))
        ]
        for loop in running:
            loop.add_done_callback(partial(_ended, fallen))
        try:
            yield
        finally:
            for loop in reversed(running):
                loop.cancel()
                await asyncio.wait([loop])


def assemble(
    settings: Settings,
    build: Callable[[Keys, Files], Build],
    *,
    now: Callable[[], datetime],
    engine: Engine | None = None,
    bus: Bus | None = None,
    serving: bool = True,
    secret_fields: SecretFields = lambda _: None,
    kinds: Kinds = no_kind,
    known_kinds: Callable[[], Sequence[str]] = tuple,
    speech: Callable[[Settings, Files], Speech] = lambda *_: MUTE,
) -> Hub:
    """Puts the rooms together; nothing is opened yet. `build` makes channels of documents.

    `secret_fields` says which of a kind's settings the store must not show; all, if not told.
    `kinds` knows the class of each kind, by which settings are checked when people change them,
    and `known_kinds` the names of all. `speech` makes the voice of calls.
    """
    embedded = not settings.database.url
    engine = engine or connect(settings, serving=serving)
    bus = bus or _bus(settings, serving=serving)
    # A store that is there without its key was written with another one: none is made for it.
    fresh = embedded and not _is_there(settings.data.store)
    keys = key_file.load(settings.security.key_file, make=fresh)
    vault = Vault(keys, secret_fields)
    files = Files(
        engine,
        storage_of(settings, now),
        keys,
        settings.limits.file_max_bytes,
        now,
        settings.server.public_url,
    )
    voice = speech(settings, files)
    channels = Channels(engine, bus, build(keys, files), vault, kinds)
    pulses = Pulses(engine, bus, channels, now)
    channels.swapped = partial(_swapped, pulses, bus)
    consents = Consents(engine)
    joining = Joining(engine, bus, channels, now)
    signals = Signals(engine, channels, pulses, now)
    intake = Intake(
        engine,
        bus,
        channels,
        files,
        consents,
        joining,
        now,
        heard=pulses.heard,
        acknowledge=signals.acknowledge,
    )
    search = Search(engine)
    sightings = Sightings(engine, bus, now)
    arrivals = Arrivals(
        engine,
        bus,
        channels,
        files,
        now,
        max_bytes=settings.limits.file_max_bytes,
        spare_bytes=settings.limits.disk_spare_bytes,
    )
    # Two containers may have one host's name and the first number of a process each.
    name = f"{gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    desk = Desk(engine, bus, channels, files, now, signals)
    callbacks, peace = Callbacks(engine, bus, desk, now), Peace(engine, bus, desk, now)
    accounts = Accounts(engine, bus, now, timedelta(days=settings.security.session_days))
    reaches = Reaches(
        engine, bus, channels, accounts, desk, pulses, now, acknowledge=signals.acknowledge
    )
    intake.aside = reaches.aside
    outages = Outages(engine, now)
    ruling = Ruling(engine, bus, channels, outages, now)
    call_notices = CallNotices(engine, bus, channels, reaches, desk, callbacks, now)
    reaches.pressed = call_notices.pressed
    dialling = Dialling(engine, bus, now)
    dialling.follows.append(call_notices.called)
    notices = Notices(engine, bus, channels, reaches, call_notices, settings.server.public_url, now)
    mail = Mail(engine, bus, settings.mail, settings.server.public_url, now)
    texting = Texting(engine, bus, channels, now)
    notices.lost, reaches.mails = mail.unheard, bool(settings.mail.url)
    outgoing = Outgoing(engine, bus, keys, now)
    dialling.follows += [mail.called, texting.called, outgoing.called]
    switchboard = Switchboard(
        engine,
        bus,
        channels,
        callbacks,
        peace,
        files,
        now,
        follows=(mail.called, outgoing.called),
    )
    segments = Segments(engine, now)
    automating = Automating(engine, bus, consents, outages, now, name)
    return Hub(
        settings=settings,
        engine=engine,
        bus=bus,
        keys=keys,
        vault=vault,
        accounts=accounts,
        channels=channels,
        pulses=pulses,
        setup=Setup(engine, bus, channels, vault, kinds, now, known_kinds),
        projects=Projects(engine, bus, channels, files, now),
        connecting=Connecting(engine, channels, files, now),
        seats=Seats(engine, bus, channels, accounts, files, now),
        speech=voice,
        trials=Trials(engine, channels, files, pulses, settings.server.public_url, now),
        sightings=sightings,
        files=files,
        consents=consents,
        joining=joining,
        intake=intake,
        desk=desk,
        callbacks=callbacks,
        dialling=dialling,
        switchboard=switchboard,
        people=People(engine, bus, now),
        amends=Amends(engine, bus, channels, desk, now),
        lists=Lists(engine),
        examples=Examples(engine, bus, channels, vault, files, search, sightings, now),
        fetching=Fetching(engine, bus, channels, arrivals, pulses, now),
        signals=signals,
        delivery=Delivery(engine, bus, channels, pulses, now),
        hooking=Hooking(engine, bus, channels, pulses, keys, settings.server.public_url, now, name),
        polling=Polling(
            engine, bus, channels, intake, pulses, keys, settings.server.public_url, now, name
        ),
        search=search,
        worker=Worker(
            engine,
            bus,
            files,
            search,
            now,
            name,
            notices.consider,
            ruling,
            (switchboard.follow, peace.follow),
        ),
        ruling=ruling,
        outages=outages,
        peace=peace,
        dry_runs=DryRuns(engine, channels),
        segments=segments,
        automations=Automations(engine, segments, automating, consents, now),
        automating=automating,
        reaches=reaches,
        notices=notices,
        mail=mail,
        texting=texting,
        outgoing=outgoing,
        letters=Letters(engine, channels, intake, now),
        health=Health(engine, bus, settings.data.dir, now, settings.data.warn_free_mb * 1_000_000),
        housekeeping=Housekeeping(settings, engine, files, search, now, name, voice),
        now=now,
        name=name,
        embedded=embedded,
    )


@asynccontextmanager
async def opened(hub: Hub) -> AsyncIterator[Hub]:
    """The hub with its store and bus open; ConfigError if the key is not the store's."""
    await hub.engine.open()
    try:
        await hub.vault.check(hub.engine, hub.settings.security.key_file)
        await hub.bus.open()
        try:
            yield hub
        finally:
            await hub.bus.close()
            await hub.files.storage.close()
    finally:
        await hub.engine.close()


def _is_there(store: Path) -> bool:
    """Whether the file is; ConfigError where nobody may look, or no folder can hold such a name."""
    try:
        return store.exists()
    except OSError as error:
        raise ConfigError(f"data.dir: cannot be read: {error.strerror}", field="data.dir") from None


def _bus(settings: Settings, *, serving: bool) -> Bus:
    """A command beside the serving processes announces nothing and needs no server for it."""
    if not settings.redis.url or not serving:
        return LocalBus()
    from hub.redis_bus import RedisBus

    return RedisBus(settings.redis.url)


def storage_of(settings: Settings, now: Callable[[], datetime]) -> Storage:
    """Where the settings say that the bytes of files lie."""
    if not settings.files.url:
        return Folder(settings.data.files)
    from hub.files.s3 import S3, Bucket

    bucket = Bucket(
        url=settings.files.url,
        name=settings.files.bucket,
        region=settings.files.region,
        key_id=settings.files.key_id,
        secret=settings.files.secret,
    )
    return S3(bucket, settings.data.dir / "incoming", now)


async def _swapped(pulses: Pulses, bus: Bus, document: Channel) -> None:
    """What a change of a channel's settings means to those who call its platform."""
    await pulses.renewed(document)
    for name in (polling.WAKE, hooking.WAKE):
        await bus.wake(name)


def _ended(fallen: Callable[[], None], loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and (error := loop.exception()) is not None:
        log.critical("loop.ended", extra={"loop": loop.get_name()}, exc_info=error)
        fallen()

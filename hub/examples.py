"""Example dialogs for a product that has none yet: a believable week on a channel of their own.

No visitor reaches that channel, since no site may show it. Rules never read what is put here,
so nobody is called and no report counts it; what operators add to it lives as anywhere.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from importlib.resources import files as resources
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from hub import leases, texts
from hub.accounts import Who
from hub.bus import Bus
from hub.channels import in_use as channels
from hub.channels.in_use import Channels
from hub.channels.sightings import Sightings
from hub.dialogs import dialog_id, draft
from hub.errors import ConflictError
from hub.events import DialogChanged
from hub.files.kept import Files, attachment
from hub.finding.search import Search
from hub.fold import closing, fold
from hub.keeping.secrets import Vault
from hub.model import (
    Attachment,
    Author,
    Channel,
    ChannelId,
    Contact,
    ContactId,
    Dialog,
    Entry,
    EntryKind,
    EntryPoint,
    Identity,
    IdentityId,
    OperatorId,
    OutState,
    Project,
    ProjectId,
    Reaction,
    Verb,
    cut,
)
from hub.people.erasure import Eraser
from hub.people.visit import Visit
from hub.records import Fact
from hub.statuses import RequestType
from hub.store.engine import Engine, Insert
from hub.store.schema import BY_LIFE, EPISODES

KIND = "site"
STORIES_MAX = 64
"""How many there may ever have been, so that those of another version are found too."""
LOOKED_AT = 500
LASTS = timedelta(minutes=2)
COLLEAGUE = OperatorId("example-colleague")

Said = dict[texts.Lang, str]
Drawn = Literal["", "plan", "estimate"]
By = Literal["", "me", "colleague"]
Does = Literal[
    "in", "out", "failed", "note", "take", "assign", "no_reply", "close", "call", "good", "bad"
]


class _Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after` are seconds; `quotes` is the step that is answered, `file` the name of a file."""

    does: Does
    after: int = 0
    by: By = ""
    text: Said = {}
    file: Drawn = ""
    quotes: int | None = None
    reaction: str = ""


class _Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Begins so many minutes ago, or so many days ago at a time of the project's day."""

    name: Said
    steps: tuple[_Step, ...]
    minutes_ago: int = 0
    days_ago: int = 0
    at: str = ""
    phone: str = ""
    visit: Visit = Visit()


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channel: Said
    colleague: Said
    plan: Said
    estimate: Said
    estimate_text: Said
    stories: tuple[_Story, ...]


@dataclass(frozen=True)
class Start:
    """What a project has already; examples are none of its dialogs."""

    dialogs: bool
    examples: bool
    site_seen: bool
    messengers: bool


class Examples:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        vault: Vault,
        files: Files,
        search: Search,
        sightings: Sightings,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._vault = vault
        self._files = files
        self._search = search
        self._sightings = sightings
        self._eraser = Eraser(engine, files, search)
        self._now = now

    async def start(self, project: ProjectId) -> Start:
        """What of a beginning is done; looks at a bounded number of dialogs."""
        example = channel_id(project)
        others = [each for each in self._channels.of(project) if each.id != example]
        sites = [each for each in others if each.kind == KIND]
        seen = [await self._sightings.of(project, ChannelId(each.id)) for each in sites]
        return Start(
            dialogs=await self._any(project, example),
            examples=await self._engine.get(Channel, example) is not None,
            site_seen=any(each.seen for each in seen),
            messengers=any(each.kind != KIND and each.enabled for each in others),
        )

    async def _any(self, project: ProjectId, example: ChannelId) -> bool:
        for is_open in (True, False):
            page = await self._engine.find(
                BY_LIFE,
                {"project": project, "open": is_open},
                descending=True,
                limit=1,
                where=lambda row: row.channel != example and row.seq > 0,
                budget=LOOKED_AT,
            )
            if page.items or page.next is not None:
                return True
        return False

    async def add(self, who: Who, project: ProjectId) -> int:
        """Puts the examples and says how many there are; a repeat puts only what is missing.

        Raises ConflictError("busy") while they are being put or deleted.
        """
        async with _Alone(self._engine, project, self._now):
            home = self._channels.project(project)
            channel = await self._open(home)
            book = _book()
            for n, story in enumerate(book.stories):
                row = await self._put(_Scene(home, channel, who, book, self._now()), n, story)
                if row is not None:
                    await self._bus.announce(DialogChanged(project=project, dialog=row))
        return len(book.stories)

    async def drop(self, project: ProjectId) -> None:
        """Deletes all of them, with their people, files, words and the channel itself."""
        async with _Alone(self._engine, project, self._now):
            channel = channel_id(project)
            for n in range(STORIES_MAX):
                await self._erase(project, identity_id(channel, n))
            await self._engine.delete_if(Channel, channel, lambda had: not had.as_code)
            await self._changed()

    async def _open(self, home: Project) -> Channel:
        project = ProjectId(home.id)
        wanted = Channel(
            id=channel_id(project),
            project=project,
            kind=KIND,
            name=_book().channel[home.lang],
            created_at=self._now(),
        )
        if await self._engine.get(Channel, wanted.id) is None:
            await channels.put(self._engine, self._vault, wanted)
        await self._changed()
        return wanted

    async def _changed(self) -> None:
        await self._channels.refresh()
        await self._bus.wake(channels.WAKE)

    async def _put(self, scene: _Scene, n: int, story: _Story) -> Dialog | None:
        """The story's row, None if it is there; what was cut short is put anew."""
        identity = identity_id(ChannelId(scene.channel.id), n)
        if await self._engine.get(Dialog, dialog_id(identity, 1)) is not None:
            return None
        await self._erase(ProjectId(scene.home.id), identity)
        files: dict[str, Attachment] = {
            step.file: await self._file(scene, identity, step) for step in story.steps if step.file
        }
        row, entries = scene.play(identity, story, files)
        for entry in entries:
            await self._files.mark_used([each.id for each in entry.attachments], entry.id)
        await self._engine.write(
            Insert(scene.contact(identity, story)),
            Insert(scene.identity(identity, story)),
            *(Insert(each) for each in entries),
            Insert(row),
        )
        await self._search.read(row, entries)
        return row

    async def _file(self, scene: _Scene, identity: IdentityId, step: _Step) -> Attachment:
        lang = scene.home.lang
        if step.file == "plan":
            name, body = scene.book.plan[lang], await asyncio.to_thread(_plan)
        else:
            name, body = scene.book.estimate[lang], scene.book.estimate_text[lang].encode()
        project = ProjectId(scene.home.id)
        return attachment(await self._files.keep(project, name, _once(body), f"visitor:{identity}"))

    async def _erase(self, project: ProjectId, identity: IdentityId) -> None:
        rows = (await self._engine.find(EPISODES, {"project": project, "identity": identity})).items
        for row in rows:
            gone = await self._eraser.close_off(row, self._now())
            if gone is None:
                continue
            await self._bus.announce(DialogChanged(project=project, dialog=gone))
            for cycle in range(1, row.cycle.n + 1):
                await self._engine.delete_if(Fact, f"{row.id}:{cycle}", lambda _: True)
            await self._eraser.erase(gone, at_once=True)
        if not rows:
            # Without its row, what was put before a crash is found by the ids it was put under.
            await self._eraser.erase_log(dialog_id(identity, 1))
        await self._engine.delete_if(Identity, identity, lambda _: True)
        await self._engine.delete_if(Contact, identity, lambda _: True)


class _Scene:
    """One project's stage at one moment: who is who, and what time it is."""

    def __init__(
        self, home: Project, channel: Channel, who: Who, book: _Book, now: datetime
    ) -> None:
        self.home = home
        self.channel = channel
        self.book = book
        self._now = now
        self._people: dict[By, Author] = {
            "me": Author("operator", who.operator.id, who.operator.name),
            "colleague": Author("operator", COLLEAGUE, book.colleague[home.lang]),
        }

    def contact(self, identity: IdentityId, story: _Story) -> Contact:
        return Contact(
            id=identity,
            project=ProjectId(self.home.id),
            name=story.name[self.home.lang],
            phones=(story.phone,) if story.phone else (),
            created_at=self._began(story),
        )

    def identity(self, identity: IdentityId, story: _Story) -> Identity:
        began = self._began(story)
        return Identity(
            id=identity,
            project=ProjectId(self.home.id),
            channel=ChannelId(self.channel.id),
            external_id=identity.removeprefix(f"{self.channel.id}:"),
            contact=ContactId(identity),
            name=story.name[self.home.lang],
            created_at=began,
            seen_at=began,
        )

    def play(
        self, identity: IdentityId, story: _Story, files: Mapping[str, Attachment]
    ) -> tuple[Dialog, list[Entry]]:
        """The row with all its entries; neither rules nor delivery have anything to do for it."""
        at = self._began(story)
        row = Dialog(
            id=dialog_id(identity, 1),
            project=ProjectId(self.home.id),
            channel=ChannelId(self.channel.id),
            kind=KIND,
            type=RequestType.CALLBACK if story.phone else RequestType.LIVE_CHAT,
            identity=identity,
            contact=ContactId(identity),
            n=1,
            name=story.name[self.home.lang],
            entry_point=EntryPoint(
                kind=KIND, value=self.channel.id, comment=self.book.channel[self.home.lang]
            ),
            creation="form" if story.phone else "message",
            visit=story.visit,
            created_at=at,
            last_at=at,
            changed_at=at,
        )
        entries: list[Entry] = []
        for step in story.steps:
            at += timedelta(seconds=step.after)
            entry = self._entry(row, story, step, at, entries)
            if step.file:
                entry = replace(entry, attachments=(files[step.file],))
            row = fold(row, entry)
            entries.append(entry)
        return replace(row, rules_at=None, ruled_seq=row.seq, lane_at=None), entries

    def _entry(
        self, row: Dialog, story: _Story, step: _Step, at: datetime, before: Sequence[Entry]
    ) -> Entry:
        visitor = Author("visitor", row.contact, row.name)
        text = step.text.get(self.home.lang, "")
        entry = replace(
            draft(row, f"{row.id}:{row.seq + 1}:example", EntryKind.SYSTEM, at, at),
            author=self._people.get(step.by, visitor),
        )
        match step.does:
            case "in":
                reactions = (Reaction(row.contact, step.reaction),) if step.reaction else ()
                return replace(entry, kind=EntryKind.IN, text=text, reactions=reactions)
            case "out" | "failed":
                failed = step.does == "failed"
                return replace(
                    entry,
                    kind=EntryKind.OUT,
                    text=text,
                    reply_to="" if step.quotes is None else before[step.quotes].id,
                    state=OutState.FAILED if failed else OutState.READ,
                    failure="unreachable" if failed else "",
                )
            case "note":
                return replace(entry, kind=EntryKind.NOTE, text=text)
            case "take":
                return replace(entry, verb=Verb.TAKEN)
            case "assign":
                to = self._people["me"]
                return replace(entry, verb=Verb.ASSIGNED, data={"operator": to.id, "name": to.name})
            case "no_reply":
                return replace(entry, verb=Verb.NO_REPLY)
            case "close":
                entry = replace(entry, verb=Verb.CLOSED)
                return replace(entry, cycle=closing(row, entry, text))
            case "call":
                data = {
                    "phone": story.phone,
                    "at": self._tomorrow_noon().isoformat(),
                    "zone": self.home.schedule.zone,
                    "comment": text,
                }
                return replace(entry, verb=Verb.CALL_ASKED, data=data)
            case "good" | "bad":
                return replace(entry, verb=Verb.RATED, data={"score": step.does, "text": ""})

    def _began(self, story: _Story) -> datetime:
        if not story.at:
            return self._now - timedelta(minutes=story.minutes_ago)
        here = self._now.astimezone(ZoneInfo(self.home.schedule.zone))
        day = here.date() - timedelta(days=story.days_ago)
        return cut(datetime.combine(day, time.fromisoformat(story.at), here.tzinfo))

    def _tomorrow_noon(self) -> datetime:
        here = self._now.astimezone(ZoneInfo(self.home.schedule.zone))
        return cut(datetime.combine(here.date() + timedelta(days=1), time(12), here.tzinfo))


class _Alone:
    """`async with`: nobody else puts or deletes this project's examples meanwhile."""

    def __init__(self, engine: Engine, project: ProjectId, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._name = f"examples:{project}"
        self._now = now
        self._lease: leases.Lease | None = None

    async def __aenter__(self) -> None:
        self._lease = await leases.claim(self._engine, self._name, "", self._now(), LASTS)
        if self._lease is None:
            raise ConflictError("busy")

    async def __aexit__(self, *_: object) -> None:
        if self._lease is not None:
            await leases.release(self._engine, self._lease)


def channel_id(project: ProjectId) -> ChannelId:
    return ChannelId(f"{project}-examples")


def identity_id(channel: ChannelId, n: int) -> IdentityId:
    return IdentityId(f"{channel}:example-{n}")


@cache
def _book() -> _Book:
    source = resources(texts).joinpath("examples.json").read_bytes()
    return msgspec.json.decode(source, type=_Book)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _plan() -> bytes:
    """The plan of a kitchen and a hall, as somebody might have drawn it."""
    from PIL import Image, ImageDraw

    paper, wall, light = "#fdfcf7", "#3d4655", "#e8733a"
    picture = Image.new("RGB", (960, 640), paper)
    pen = ImageDraw.Draw(picture)
    for y in range(150, 520, 28):
        pen.line((110, y, 560, y), fill=light, width=4)
    for y in range(150, 520, 56):
        pen.arc((546, y, 574, y + 28), 270, 90, fill=light, width=4)
        pen.arc((96, y + 28, 124, y + 56), 90, 270, fill=light, width=4)
    pen.rectangle((70, 100, 890, 560), outline=wall, width=12)
    pen.line((620, 100, 620, 400), fill=wall, width=12)
    pen.line((620, 500, 620, 560), fill=wall, width=12)
    pen.arc((530, 400, 710, 580), 180, 270, fill=wall, width=4)
    pen.rectangle((660, 130, 860, 200), outline=wall, width=5)
    for x in (690, 740, 790):
        pen.ellipse((x, 145, x + 38, 183), outline=wall, width=4)
    pen.ellipse((690, 300, 830, 440), outline=wall, width=5)
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()

"""The bots of channels: kept, and tried out on words that nobody said."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from hub import dialogs, incoming
from hub.bot import Bot, BotSettings
from hub.channels.abilities import Capabilities
from hub.content import Button, Card, Remote
from hub.errors import ConflictError
from hub.events import MessageReceived, Sender
from hub.fold import fold
from hub.model import (
    Attachment,
    Author,
    Channel,
    ChannelId,
    ContactId,
    Dialog,
    Entry,
    EntryKind,
    FileId,
    Project,
    Verb,
)
from hub.people import contacts
from hub.rules import bot as bot_rule
from hub.rules.effects import HandOver, Plan, Say, Tell
from hub.rules.moment import Moment
from hub.store.engine import AbsentError, Engine, Insert, TakenError

LINES_MAX = 60


async def of(engine: Engine, channel: ChannelId) -> Bot | None:
    return await engine.get(Bot, channel)


async def save(engine: Engine, bot: Bot, rev: int) -> Bot:
    """Keeps it in place of the one that was shown as `rev`, from 1 on; 0 is none.

    ConflictError("changed") if another was kept since. The caller has checked its phrases.
    """
    if rev == 0:
        with suppress(TakenError):
            await engine.write(Insert(replace(bot, rev=0)))
            return replace(bot, rev=0)
        raise ConflictError("changed", bot.id)

    def changed(had: Bot) -> Bot:
        if had.rev + 1 != rev:
            raise ConflictError("changed", had.id)
        return replace(bot, rev=had.rev)

    try:
        return await engine.change(Bot, bot.id, changed)
    except AbsentError:
        raise ConflictError("changed", bot.id) from None


class Line(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody says, or presses, or the number that is shared."""

    text: Annotated[str, Meta(max_length=4_000)] = ""
    pressed: Annotated[str, Meta(max_length=64)] = ""
    phone: Annotated[str, Meta(max_length=32)] = ""
    opens: bool = False


class Answered(Struct, frozen=True, kw_only=True):
    """What the bot would do to one line; `did` is `handed`, `planned:<phone>` or `kept:<field>`."""

    says: tuple[tuple[str, tuple[tuple[Button, ...], ...]], ...] = ()
    did: tuple[str, ...] = ()
    silent: bool = False


def try_out(
    settings: BotSettings,
    project: Project,
    channel: Channel,
    can: Capabilities,
    lines: Sequence[Line],
    now: datetime,
    *,
    name: str = "",
) -> list[Answered]:
    """What that bot would say to each of the lines of somebody of that name. Nothing is kept."""
    sender = Sender(external_id="sandbox", name=name)
    row = Dialog(
        id="sandbox:1",
        project=channel.project,
        channel=ChannelId(channel.id),
        kind=channel.kind,
        type=can.type,
        identity=contacts.identity_id(channel.id, sender),
        contact=ContactId("sandbox"),
        name=name,
        n=1,
        entry_point=incoming.entry_point(channel),
        created_at=now,
        last_at=now,
        changed_at=now,
    )
    answers = []
    for n, line in enumerate(lines[:LINES_MAX]):
        at = now + timedelta(seconds=n)
        event = MessageReceived(
            sender=sender,
            external_id=str(n),
            at=at,
            text=line.text,
            pressed=line.pressed,
            question=not (line.pressed or line.opens or line.phone),
            start="sandbox" if line.opens else "",
            card=Card(phone=line.phone, own=True) if line.phone else None,
        )
        make = incoming.maker(
            channel, project, dialogs.entry_id(channel.id, str(n)), event, at, _no_files
        )
        entry = make(row)
        row = fold(row, entry)
        moment = Moment(row=row, entry=entry, at=at, project=project, can=can, bot=settings)
        answer = Answered()
        for effect in bot_rule.rule(moment):
            match effect:
                case Say():
                    answer = replace(answer, says=(*answer.says, (effect.text, effect.buttons)))
                    row = fold(row, _line(row, EntryKind.OUT, at, effect.data))
                case HandOver():
                    answer = replace(answer, did=(*answer.did, "handed"))
                    row = fold(row, _line(row, EntryKind.SYSTEM, at, {}, Verb.HANDED))
                case Plan():
                    answer = replace(answer, did=(*answer.did, f"planned:{effect.phone}"))
                case Tell():
                    answer = replace(answer, did=(*answer.did, f"kept:{effect.field}"))
                    told = {effect.field: effect.value}
                    row = fold(row, _line(row, EntryKind.SYSTEM, at, told, Verb.FIELDS))
                case _:
                    pass
        answers.append(replace(answer, silent=not (answer.says or answer.did)))
    return answers


def _line(
    row: Dialog, kind: EntryKind, at: datetime, data: dict[str, str], verb: Verb | None = None
) -> Entry:
    drawn = dialogs.draft(row, f"sandbox:{row.seq + 1}", kind, at, at)
    return replace(drawn, author=Author("bot", "bot"), data=data, verb=verb)


def _no_files(file: FileId, remote: Remote) -> Attachment:
    raise TypeError("a sandbox has no files")

"""The first bot of a channel: its form, and trying it out beside."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from hub import answering
from hub.answering import LINES_MAX, Line
from hub.bot import Bot, BotSettings
from hub.channels.abilities import Ability, Capabilities
from hub.content import Button
from hub.errors import ConflictError
from hub.model import Channel, ChannelId
from hub.rights import Right
from hub.rules.checks import Warned, check_bot
from web.api_channels import asked
from web.routes import AnyRoute, Ask, Nothing, Route
from web.views import View


class BotView(View, frozen=True, kw_only=True):
    """`rev` is 0 where nobody has set the bot up yet.

    Without `buttons` the channel says the menu as numbered lines, without `phone` it has no
    sharing of one's number.
    """

    rev: int
    settings: BotSettings
    warnings: list[Warned]
    buttons: bool
    phone: bool


class NewBot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rev: Annotated[int, Meta(ge=0)]
    settings: BotSettings


class Trying(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form as it stands on the screen, and what somebody says to it, from the first word on."""

    settings: BotSettings
    lines: Annotated[tuple[Line, ...], Meta(max_length=LINES_MAX)]
    name: Annotated[str, Meta(max_length=100)] = ""


class SaidView(View, frozen=True, kw_only=True):
    text: str
    buttons: list[list[Button]]


class AnsweredView(View, frozen=True, kw_only=True):
    """What the bot does to one line; `did` is `handed`, `planned:…` or `kept:…`."""

    says: list[SaidView]
    did: list[str]
    silent: bool


class SandboxView(View, frozen=True, kw_only=True):
    answers: list[AnsweredView]


async def get(ask: Ask[Nothing, Nothing]) -> BotView:
    document, can = await _channel(ask)
    bot = await answering.of(ask.hub.engine, ChannelId(document.id))
    settings = bot.settings if bot is not None else BotSettings()
    rev = bot.rev + 1 if bot is not None else 0
    return _view(rev, settings, can)


async def put(ask: Ask[Nothing, NewBot]) -> BotView:
    (document, can), settings = await _channel(ask), ask.body.settings
    check_bot(settings)
    bot = Bot(
        id=document.id,
        project=document.project,
        settings=settings,
        changed_at=ask.hub.now(),
        changed_by=ask.who.id,
    )
    saved = await answering.save(ask.hub.engine, bot, ask.body.rev)
    await ask.hub.setup.note(document, "bot.changed", ask.who, address=ask.address)
    return _view(saved.rev + 1, saved.settings, can)


async def sandbox(ask: Ask[Nothing, Trying]) -> SandboxView:
    document, can = await _channel(ask)
    check_bot(ask.body.settings)
    answers = answering.try_out(
        replace(ask.body.settings, enabled=True),
        ask.hub.channels.project(ask.project),
        document,
        can,
        ask.body.lines,
        ask.hub.now(),
        name=ask.body.name,
    )
    return SandboxView(
        answers=[
            AnsweredView(
                says=[
                    SaidView(text=words, buttons=[[*row] for row in buttons])
                    for words, buttons in each.says
                ],
                did=[*each.did],
                silent=each.silent,
            )
            for each in answers
        ]
    )


def _view(rev: int, settings: BotSettings, can: Capabilities) -> BotView:
    return BotView(
        rev=rev,
        settings=settings,
        warnings=[*check_bot(settings)],
        buttons=Ability.BUTTONS in can.does,
        phone=Ability.PHONE in can.does,
    )


async def _channel(ask: Ask[Any, Any]) -> tuple[Channel, Capabilities]:
    """A channel that is off has a bot too; one that only hears has nobody to speak to."""
    document = await asked(ask)
    can = await ask.hub.setup.capabilities(document)
    if can.mute:
        raise ConflictError("mute")
    return document, can


_PATH = "/projects/{project}/channels/{channel}/bot"

ROUTES: tuple[AnyRoute, ...] = (
    Route(
        method="GET",
        path=_PATH,
        right=Right.ARRANGE,
        summary="The first bot of the channel",
        call=get,
        query=Nothing,
        body=Nothing,
        answer=BotView,
    ),
    Route(
        method="PUT",
        path=_PATH,
        right=Right.ARRANGE,
        summary="Keep the bot in place of the one of that `rev`",
        call=put,
        query=Nothing,
        body=NewBot,
        answer=BotView,
    ),
    Route(
        method="POST",
        path=_PATH + "/sandbox",
        right=Right.ARRANGE,
        summary="What a bot would say to these lines; nothing is kept",
        call=sandbox,
        query=Nothing,
        body=Trying,
        answer=SandboxView,
    ),
)

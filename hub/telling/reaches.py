"""Operators' own messengers: linked by a key that works once, heard apart from visitors.

Who linked a messenger writes to the business's bot as an operator: what quotes a notice goes to
the visitor it was about, a press takes the dialog or puts it off. Nothing such a person writes
ever becomes a dialog.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from hub import attempts, dialogs
from hub.accounts import Accounts, Who
from hub.bus import Bus
from hub.channels.abilities import Ability
from hub.channels.in_use import FRESH, Channels
from hub.channels.port import ChannelKind, Draft, Receipt
from hub.channels.pulse import Pulses
from hub.content import Button
from hub.desk import Desk
from hub.errors import (
    ConflictError,
    CredentialsError,
    HubError,
    NotFoundError,
    ThrottledError,
    TransientError,
    UnavailableError,
)
from hub.events import ChannelEvent, DialogChanged, MessageReceived, ReachabilityChanged
from hub.fold import closing
from hub.model import (
    Channel,
    ChannelId,
    ContactId,
    Dialog,
    EntryKind,
    Identity,
    IdentityId,
    Operator,
    OperatorId,
    ProjectId,
    Verb,
)
from hub.people.contacts import identity_id
from hub.records import Notice, Pulse, Reach, ReachKey
from hub.rights import Right, What, may
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import MEMBERS, NOTICES_SENT, REACH_KEYS_OLD, REACHES
from hub.texts import text

KEY_LASTS = timedelta(minutes=30)
KEY_BYTES = 16
LATER = timedelta(minutes=15)
HEARD_KNOWN = 2_000
WAKE = "notices"

log = logging.getLogger(__name__)

Kind = ChannelKind[Any]
T = TypeVar("T")


class Answer(NamedTuple):
    """What an operator is told who pressed or wrote: a sentence and what is put into it.

    With `again`, a notice's id, there is a button to do it all the same.
    """

    key: str
    values: Mapping[str, object] = MappingProxyType({})
    again: str = ""


Pressed = Callable[[Who, Notice, str], Awaitable[Answer]]


class _ForeignError(Exception):
    """The key was another's first, or is none for here and now."""


class Reaches:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        accounts: Accounts,
        desk: Desk,
        pulses: Pulses,
        now: Callable[[], datetime],
        acknowledge: Callable[[ChannelId, str], Awaitable[None]],
    ) -> None:
        """`acknowledge` is told that a button was pressed, and waits for nobody."""
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._accounts = accounts
        self._desk = desk
        self._pulses = pulses
        self._now = now
        self._acknowledge = acknowledge
        self.pressed: Pressed | None = None
        """Carries out what is pressed at a notice of a callback order, or to call somebody back."""
        self.mails = False
        """Whether letters go out, by which whoever has no messenger is told."""
        self._known: dict[ProjectId, tuple[datetime, list[Reach]]] = {}
        self._written: dict[ProjectId, tuple[datetime, list[OperatorId]]] = {}
        self._heard: OrderedDict[str, None] = OrderedDict()
        self._saying: set[asyncio.Task[None]] = set()

    async def of(self, project: ProjectId) -> list[Reach]:
        """Every linked messenger of the project's operators, the first linked first."""
        known = self._known.get(project)
        if known is not None and timedelta(0) <= self._now() - known[0] < FRESH:
            return known[1]
        page = await self._engine.find(REACHES, {"project": project}, limit=500)
        self._known[project] = (self._now(), page.items)
        return page.items

    async def told(self, project: ProjectId) -> list[OperatorId]:
        """Whoever hears of dialogs outside the inbox: in a messenger, or else by letters."""
        linked = [each.operator for each in await self.of(project)]
        if not self.mails:
            return list(dict.fromkeys(linked))
        known = self._written.get(project)
        if known is None or not timedelta(0) <= self._now() - known[0] < FRESH:
            page = await self._engine.find(MEMBERS, {"project": project}, limit=500)
            people = await self._engine.get_many(Operator, [e.operator for e in page.items])
            written = [OperatorId(id) for id, each in sorted(people.items()) if each.email]
            known = self._written[project] = (self._now(), written)
        return list(dict.fromkeys([*linked, *known[1]]))

    async def mine(self, who: Who) -> list[Reach]:
        found = []
        for project in who.memberships:
            found += [each for each in await self.of(project) if each.operator == who.id]
        return found

    def able(self, project: ProjectId) -> list[Channel]:
        """Channels of the project by which an operator can be told."""
        return [each for each in self._channels.of(project) if self._leads(each)]

    def _leads(self, channel: Channel) -> bool:
        try:
            can = self._channels.get(channel.id).capabilities
        except NotFoundError:
            return False
        return {Ability.JOIN, Ability.BUTTONS} <= (can.hears | can.does)

    async def link(self, who: Who, project: ProjectId, channel: ChannelId) -> str:
        """Where the operator has to go and say a word; good once, for half an hour."""
        if channel not in {each.id for each in self.able(project)}:
            raise NotFoundError
        pulse = await self._engine.get(Pulse, channel)
        if pulse is None or pulse.account is None or not pulse.account.username:
            raise ConflictError("no_account")
        key, now = secrets.token_urlsafe(KEY_BYTES), self._now()
        await self._engine.write(
            Insert(
                ReachKey(
                    id=_hash(key),
                    project=project,
                    operator=who.id,
                    channel=channel,
                    expires_at=now + KEY_LASTS,
                )
            )
        )
        return self._channels.get(channel).join_link(pulse.account.username, key)

    async def drop(self, who: Who, id: str) -> None:
        """Ends a link of the operator's own; NotFoundError for another's."""
        known = await self._engine.get(Reach, id)
        if known is None or known.operator != who.id:
            raise NotFoundError
        await self._engine.delete_if(Reach, id, lambda each: each.operator == who.id)
        self._known.pop(known.project, None)

    async def aside(self, kind: Kind, event: ChannelEvent) -> bool:
        """Whether it came from an operator's own messenger; then all that follows is done.

        Idempotent: the same update again changes nothing and is answered by nobody.
        """
        id = identity_id(kind.id, event.sender)
        if isinstance(event, MessageReceived) and event.start:
            linked = await self._linked(kind, event)
            if linked is not None:
                self._is_repeat(kind, event)
                self._tell(linked, Answer("notice.linked"))
                return True
        reach = await self._engine.get(Reach, id)
        if reach is None:
            return False
        if isinstance(event, ReachabilityChanged):
            await self._reached(reach, event.reachable)
        elif isinstance(event, MessageReceived):
            await self._hear(kind, reach, event)
        return True

    async def _linked(self, kind: Kind, event: MessageReceived) -> Reach | None:
        """The messenger that the key links; each step is done again until the key is gone."""
        id, now = identity_id(kind.id, event.sender), self._now()
        project = self._channels.document(kind.id).project

        def claimed(key: ReachKey) -> ReachKey | None:
            if key.channel != kind.id or key.project != project or key.expires_at <= now:
                raise _ForeignError
            if key.used_by not in ("", id):
                raise _ForeignError
            return replace(key, used_by=id) if not key.used_by else None

        try:
            key = await self._engine.change(ReachKey, _hash(event.start), claimed)
        except (AbsentError, _ForeignError):
            return None
        who = await self._accounts.known(key.operator)
        if who is None or key.project not in who.memberships:
            return None
        reach = Reach(
            id=id,
            project=key.project,
            operator=key.operator,
            channel=ChannelId(kind.id),
            external_id=event.sender.external_id,
            name=event.sender.name,
            created_at=now,
        )
        try:
            await self._engine.write(Insert(reach))
        except TakenError:
            await self._engine.change(
                Reach, reach.id, lambda had: replace(reach, rev=had.rev, created_at=had.created_at)
            )
        await self._leave_dialog(reach)
        await self._engine.delete_if(ReachKey, key.id, lambda _: True)
        self._known.pop(reach.project, None)
        return reach

    async def _leave_dialog(self, reach: Reach) -> None:
        """Whoever wrote as a visitor before is one no more: that dialog takes no new lines."""
        row = await dialogs.latest(self._engine, reach.project, IdentityId(reach.id))
        if row is None or row.sealed:
            return
        now = self._now()
        if row.open:

            def closed(current: Dialog) -> Any:
                line = dialogs.draft(current, f"{current.id}:linked", EntryKind.SYSTEM, now, now)
                line = replace(line, verb=Verb.CLOSED)
                return replace(line, cycle=closing(current, line, ""))

            appended = await dialogs.append(self._engine, row, closed)
            row = appended.row
            await self._bus.announce(
                DialogChanged(project=row.project, dialog=row, entries=(appended.entry,))
            )
        await dialogs.seal(self._engine, row, now)

    async def _reached(self, reach: Reach, reachable: bool) -> None:
        try:
            await self._engine.change(
                Reach, reach.id, lambda had: replace(had, reachable=reachable)
            )
        except AbsentError:
            return
        self._known.pop(reach.project, None)

    async def _hear(self, kind: Kind, reach: Reach, event: MessageReceived) -> None:
        if not reach.reachable:
            await self._reached(reach, True)
        again = self._is_repeat(kind, event)
        try:
            answer = await self._carried_out(reach, event)
        except UnavailableError:
            raise
        except ConflictError as refusal:
            known = refusal.code in ("taken", "closed", "sealed", "window", "mute")
            key = f"notice.refused.{refusal.code}" if known else "notice.refused"
            answer = Answer(key, {"name": refusal.current})
        except HubError as refusal:
            log.info("notice.refused", extra={"reason": refusal.code})
            answer = Answer("notice.refused")
        if event.press:
            await self._acknowledge(ChannelId(kind.id), event.press)
        if not again:
            self._tell(reach, answer)

    def _is_repeat(self, kind: Kind, event: MessageReceived) -> bool:
        """Whether this process has answered it before; a second answer is all that it spares."""
        told = f"{kind.id}:{event.external_id}"
        known = told in self._heard
        self._heard[told] = None
        if len(self._heard) > HEARD_KNOWN:
            self._heard.popitem(last=False)
        return known

    async def _carried_out(self, reach: Reach, event: MessageReceived) -> Answer:
        """Does what the operator meant; what says so."""
        who = await self._accounts.known(reach.operator)
        verb, _, about = event.pressed.partition(" ")
        notice = await self._notice(reach, about, event.reply_to)
        if who is None or notice is None:
            return Answer("notice.help")
        if verb == "later":
            await self._put_off(notice)
            told = "notice.call.later" if notice.lead is not None else "notice.later"
            return Answer(told, {"n": int(LATER.total_seconds() // 60)})
        is_of_call = notice.lead is not None or verb in ("now", "anyway")
        if event.pressed and is_of_call and self.pressed is not None:
            return await self.pressed(who, notice, verb)
        row = await self._desk.dialog(notice.dialog)
        right = Right.TAKE if verb == "take" else Right.WRITE
        if not may(who, right, What(row.project, row.channel, row.owner)):
            return Answer("notice.refused")
        if verb == "take":
            await self._desk.take(who, row.id)
            return Answer("notice.taken")
        words = event.text.strip()
        if not words or event.media or event.attachments or event.spot or event.card:
            return Answer("notice.text_only")
        key = hashlib.sha256(f"{reach.id}:{event.external_id}".encode()).hexdigest()[:32]
        await self._desk.reply(who, row.id, key, words)
        return Answer("notice.replied")

    async def _notice(self, reach: Reach, id: str, quoted: str) -> Notice | None:
        """The notice that was pressed or quoted, if it was this operator's."""
        if id:
            found = await self._engine.get(Notice, id)
        elif quoted:
            told = dialogs.entry_id(reach.channel, quoted)
            page = await self._engine.find(
                NOTICES_SENT, {"project": reach.project, "external_id": told}, limit=1
            )
            found = page.items[0] if page.items else None
        else:
            found = None
        return found if found is not None and found.operator == reach.operator else None

    async def _put_off(self, notice: Notice) -> None:
        due = self._now() + LATER

        def later(had: Notice) -> Notice:
            return replace(had, state="waiting", due_at=due, by="", tries=0, rounds=had.rounds + 1)

        await self._engine.change(Notice, notice.id, later)

    def _tell(self, reach: Reach, answer: Answer) -> None:
        """Says it in the operator's language; lost with the process, for it is only courtesy."""
        task = asyncio.create_task(self._told(reach, answer))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _told(self, reach: Reach, answer: Answer) -> None:
        try:
            who = await self._accounts.known(reach.operator)
            lang = who.operator.lang if who else "ru"
            words = text(lang, answer.key, **answer.values)
            buttons: tuple[tuple[Button, ...], ...] = ()
            if answer.again:
                label = text(lang, "notice.call.button.anyway")
                buttons = ((Button(label=label, data=f"anyway {answer.again}"),),)
            await self.say(reach, Draft(key=secrets.token_hex(8), text=words, buttons=buttons))
        except HubError as error:
            log.info("notice.unsaid", extra={"reason": error.code})
        except Exception:
            log.exception("notice.unsaid")

    async def say(self, reach: Reach, draft: Draft) -> Receipt:
        """Says it there; raises a DeliveryError, also where nobody may call the platform now."""
        return await self._asked(reach, lambda kind: kind.send(person(reach), draft))

    async def edit(self, reach: Reach, message: str, draft: Draft) -> None:
        """Makes what was said there say this instead; raises a DeliveryError."""
        await self._asked(reach, lambda kind: kind.edit(person(reach), message, draft))

    async def _asked(self, reach: Reach, how: Callable[[Kind], Awaitable[T]]) -> T:
        id = ChannelId(reach.channel)
        kind, mark = self._channels.get(id), self._pulses.mark(id)
        if not self._pulses.is_well(await self._pulses.of(id), id):
            raise TransientError("the channel waits", reason="offline")
        try:
            async with asyncio.timeout(attempts.SEND_TIMEOUT.total_seconds()):
                answer = await how(kind)
        except TimeoutError:
            raise TransientError("timeout", maybe_sent=True, reason="timeout") from None
        except CredentialsError as error:
            await self._pulses.halt(id, error.reason, mark)
            raise
        except ThrottledError as error:
            if error.everywhere:
                await self._pulses.pause(id, error.reason, self._now() + error.retry_after)
            raise
        await self._pulses.spoke(id, self._now())
        return answer

    def saying(self) -> set[asyncio.Task[None]]:
        """What is being said at this moment, for whoever has to wait for it."""
        return set(self._saying)

    async def sweep(self, now: datetime) -> int:
        """Deletes the keys whose time is over."""
        page = await self._engine.find(
            REACH_KEYS_OLD, range=Range("expires_at", below=now), limit=500
        )
        for key in page.items:
            await self._engine.delete_if(ReachKey, key.id, lambda _: True)
        return len(page.items)

    def allowed(self, who: Who, row: Dialog) -> bool:
        """Whether the operator may hear of the dialog."""
        return may(who, Right.SEE, What(row.project, row.channel))

    async def who(self, operator: OperatorId) -> Who | None:
        return await self._accounts.known(operator)


def person(reach: Reach) -> Identity:
    """The operator as a channel sends to anybody."""
    return Identity(
        id=reach.id,
        project=reach.project,
        channel=reach.channel,
        external_id=reach.external_id,
        contact=ContactId(""),
        created_at=reach.created_at,
        seen_at=reach.created_at,
    )


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

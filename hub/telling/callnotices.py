"""What operators are told of callback orders in their messengers, and what they press there.

A notice about an order says how things stand when it is told, and is edited when somebody has the
order or it is over. Of many presses the first wins, by the dialog's log or, where that takes no
more lines, by the order itself; every other is told who has it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from hub import phones
from hub.accounts import Who
from hub.bus import Bus
from hub.calls import dialling, trunks, verdict
from hub.calls.call import TRUNKS_OWN, Call, Outcome
from hub.channels.in_use import Channels
from hub.content import Button
from hub.desk import Desk
from hub.errors import ConflictError
from hub.leads import leads
from hub.leads.callbacks import Callbacks
from hub.leads.lead import Lead
from hub.model import Dialog, DialogId, LeadId, OperatorId, Project, ProjectId
from hub.records import Notice
from hub.rights import Right, What, may
from hub.statuses import LIVE, PLANNED, Status
from hub.store.engine import AbsentError, Engine
from hub.store.schema import LEADS_IN, NOTICES_ABOUT
from hub.telling import errands
from hub.telling.reaches import WAKE, Answer, Reaches
from hub.texts import Lang, text

ORDERS = 3
"""The last orders of a dialog that are looked at when it changed."""
TOLD_MAX = 500
CONSIDERED = 5_000
COMMENT_MAX = 200
FOR_PEOPLE = verdict.FOR_PEOPLE | {"nobody"}
"""Causes for which an order is left to people."""

VERBS = frozenset({"take", "now", "anyway", "done"})

Buttons = list[list[Button]]


class Drawn(NamedTuple):
    """What a notice is to say now; `word` is the same as long as an edit would change nothing."""

    text: str
    buttons: Buttons
    word: str


class CallNotices:
    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        reaches: Reaches,
        desk: Desk,
        callbacks: Callbacks,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._reaches = reaches
        self._desk = desk
        self._callbacks = callbacks
        self._now = now
        self._considered: OrderedDict[tuple[str, int, str], None] = OrderedDict()

    async def consider(self, row: Dialog) -> bool:
        """Promises what follows of the orders of a dialog that changed; whether it had any."""
        if row.call_status is None or not await self._reaches.told(row.project):
            return False
        page = await self._engine.find(
            LEADS_IN, {"project": row.project, "dialog": row.id}, descending=True, limit=ORDERS
        )
        for lead in page.items:
            seen = (lead.id, lead.rev, row.owner or "")
            if seen not in self._considered:
                await self._follow(lead, row)
                self._considered[seen] = None
        while len(self._considered) > CONSIDERED:
            self._considered.popitem(last=False)
        return bool(page.items)

    async def called(self, call: Call, lead: Lead | None) -> None:
        """Promises what follows from the end of a call; the same again changes nothing."""
        row = await self._engine.get(Dialog, call.dialog) if call.dialog is not None else None
        if row is None or lead is None or not await self._reaches.told(call.project):
            return
        await self._follow(lead, row)
        await self._bus.wake(WAKE)

    async def _follow(self, lead: Lead, row: Dialog) -> None:
        if lead.automation:
            # A campaign's orders are worked off in the inbox: nobody's pocket rings for each.
            return
        if lead.live and lead.status in PLANNED and lead.due_at is None and _is_for_people(lead):
            for operator in await self._whom(lead, row, all_if_away=True):
                await self._promise(lead, row, operator, "people", str(lead.calls))
        elif lead.live and not lead.attempts and not self._is_known(lead):
            for operator in await self._whom(lead, row, all_if_away=False):
                await self._promise(lead, row, operator, "call")
        if lead.call:
            await self._ended(lead, row)
        await self.retell(lead, row)

    def _is_known(self, lead: Lead) -> bool:
        """Whether whoever is to call has just asked for it himself."""
        is_later = lead.due_at is not None and lead.due_at > self._now()
        return lead.origin == "operator" and not is_later

    async def _ended(self, lead: Lead, row: Dialog) -> None:
        """How its last call ended is for those who were told of the order."""
        call = await self._engine.get(Call, lead.call)
        if call is None or call.outcome is None or call.outcome in TRUNKS_OWN:
            return
        if lead.live and _is_for_people(lead):
            return
        for operator in {each.operator for each in await self._notices(lead)}:
            await self._promise(lead, row, operator, "outcome", call.id)

    async def _whom(self, lead: Lead, row: Dialog, *, all_if_away: bool) -> list[OperatorId]:
        """Who has the order, or all who may see its dialog."""
        allowed = []
        for operator in await self._reaches.told(lead.project):
            who = await self._reaches.who(operator)
            if who is not None and self._reaches.allowed(who, row):
                allowed.append(operator)
        holder = _holder(lead, row)
        if holder is None:
            return allowed
        return [holder] if holder in allowed else allowed if all_if_away else []

    async def _promise(
        self,
        lead: Lead,
        row: Dialog,
        operator: OperatorId,
        what: Literal["call", "people", "outcome"],
        of: str = "",
    ) -> None:
        now = self._now()
        due_at = lead.due_at if what == "call" and lead.due_at and lead.due_at > now else now
        named = f"{lead.id}:{what}:{of}:{operator}"
        notice = Notice(
            id=hashlib.sha256(named.encode()).hexdigest()[:24],
            project=lead.project,
            dialog=DialogId(row.id),
            operator=operator,
            what=what,
            since=lead.created_at,
            due_at=due_at,
            lead=LeadId(lead.id),
            call=of if what == "outcome" else "",
            created_at=now,
        )
        if not await errands.promise(self._engine, notice):
            # One that was moved nearer must not be told only after its call.
            with suppress(AbsentError):
                await self._engine.change(Notice, notice.id, lambda had: _sooner(had, due_at))
        if due_at <= now:
            await self._bus.wake(WAKE)

    async def _notices(self, lead: Lead) -> list[Notice]:
        """Those by which operators hear of the order, told or about to be."""
        page = await self._engine.find(
            NOTICES_ABOUT,
            {"project": lead.project, "lead": lead.id},
            limit=TOLD_MAX,
            where=lambda each: each.what != "outcome" and each.state in ("waiting", "sent"),
        )
        return page.items

    async def retell(self, lead: Lead, row: Dialog) -> None:
        """Has every notice edited that says something else than how things stand now."""
        now = self._now()
        for notice in await self._notices(lead):
            if notice.state != "sent" or notice.word == _word(lead, row, notice.operator):
                continue

            def due(had: Notice) -> Notice | None:
                return replace(had, due_at=now, tries=0, by="") if had.state == "sent" else None

            with suppress(AbsentError):
                await self._engine.change(Notice, notice.id, due)
            await self._bus.wake(WAKE)

    async def is_stale(self, notice: Notice) -> bool:
        """Whether the notice, just told, says no more how things stand."""
        lead, row = await self._lead(notice), await self._engine.get(Dialog, notice.dialog)
        if lead is None or row is None or notice.what == "outcome":
            return False
        return notice.word != _word(lead, row, notice.operator)

    async def still(self, notice: Notice, row: Dialog) -> datetime | bool:
        """Whether it is to be told now, or when it is to be looked at again."""
        lead, now = await self._lead(notice), self._now()
        if lead is None:
            return False
        if notice.what == "outcome":
            return await self._engine.get(Call, notice.call) is not None
        word = _word(lead, row, notice.operator)
        if word not in ("", "mine"):
            return False
        if notice.what == "people":
            return lead.due_at is None and _is_for_people(lead)
        if notice.rounds:
            return True
        if lead.status in PLANNED and lead.due_at is not None and lead.due_at > now:
            return lead.due_at if not lead.attempts else False
        here = await self._bus.present(row.project)
        return here.get(notice.operator) != "online"

    async def drawn(self, notice: Notice, row: Dialog, project: Project, lang: Lang) -> Drawn:
        lead = await self._lead(notice)
        name = shown_name(row.name, whole=project.notices_name_people)
        name = name or text(lang, "notice.guest")
        if project.notices_name_people and lead is not None:
            name = f"{name}, {lead.phone}"
        if lead is None:
            return Drawn(text(lang, "notice.call.over", name=name), [], "over")
        if notice.what == "outcome":
            call = await self._engine.get(Call, notice.call)
            said = _outcome(call, lead, project, name, lang, self._now()) if call else ""
            if call is not None and call.talk_at is not None and call.operator == notice.operator:
                said = f"{said}\n{text(lang, 'notice.call.result')}"
            return Drawn(said or text(lang, "notice.call.over", name=name), [], "")
        channel = self._channels.document(row.channel).name
        lines = [text(lang, f"notice.call.{_head(lead)}", channel=channel, name=name)]
        asked = lead.held or lead.wanted
        if asked is not None:
            at = _wall(asked.at, project, self._now())
            lines.append(text(lang, "notice.call.asked_at", at=at))
        if lead.comment:
            lines.append(masked(lead.comment)[:COMMENT_MAX])
        if (more := f"notice.call.{_head(lead)}.more") in _MORE:
            lines.append(text(lang, more))
        word = _word(lead, row, notice.operator)
        if word.startswith("taken:"):
            lines.append(text(lang, "notice.call.taken", name=await self._name(_holder(lead, row))))
        elif word == "over":
            how = lead.cause if lead.cause in _ENDS else "else"
            lines.append(text(lang, f"notice.call.ended.{how}"))
        elif word == "mine":
            lines.append(text(lang, "notice.call.mine"))
        return Drawn("\n".join(lines), _buttons(notice.id, word, lang), word)

    async def pressed(self, who: Who, notice: Notice, verb: str) -> Answer:
        """Carries out a press by somebody whose notice it is; what he is told then."""
        if verb not in VERBS:
            return Answer("notice.help")
        if notice.lead is None:
            return await self._called_back(who, notice, anyway=verb == "anyway")
        lead = await self._lead(notice)
        if lead is None:
            return Answer("notice.call.gone")
        row = await self._desk.dialog(lead.dialog or notice.dialog)
        right = Right.TAKE if verb == "take" else Right.WRITE
        if not may(who, right, What(row.project, row.channel)):
            return Answer("notice.refused")
        if not lead.live:
            return await self._late(who, lead, row)
        try:
            return await self._carried_out(who, lead, row, notice, verb)
        except ConflictError as refusal:
            if refusal.code == "taken":
                return Answer("notice.call.taken", {"name": refusal.current})
            if refusal.code == "calling":
                return Answer("notice.call.calling")
            if refusal.code == "ended":
                return await self._late(who, await self._lead(notice) or lead, row)
            raise
        finally:
            now = await self._engine.get(Dialog, row.id), await self._lead(notice)
            if now[0] is not None and now[1] is not None:
                await self.retell(now[1], now[0])

    async def _carried_out(
        self, who: Who, lead: Lead, row: Dialog, notice: Notice, verb: str
    ) -> Answer:
        is_free = _holder(lead, row) in (None, who.operator.id)
        if verb == "now" and is_free and not await self._callbacks.callable_now(lead):
            return Answer("notice.call.outside", again=notice.id)
        lead = await self._claim(who, lead, row)
        if verb == "take":
            return Answer("notice.call.mine")
        if verb == "done":
            await self._callbacks.cancel(who, lead, "handled")
            return Answer("notice.call.done")
        if lead.status is Status.AWAITING_OPERATOR and not lead.confirmed:
            await dialling.confirm(self._engine, self._bus, lead.id, who.id, self._now())
        else:
            await self._callbacks.move(who, lead, self._now())
            await self._bus.wake(dialling.WAKE)
        return self._calling(lead.project)

    async def _called_back(self, who: Who, notice: Notice, *, anyway: bool) -> Answer:
        """Has somebody called whose own call nobody answered; once for the notice."""
        row = await self._desk.dialog(notice.dialog)
        if not may(who, Right.WRITE, What(row.project, row.channel)):
            return Answer("notice.refused")
        if row.owner not in (None, who.operator.id):
            return Answer("notice.call.taken", {"name": row.owner_name})
        key = f"notice-{notice.id}"
        decided = await self._callbacks.ask(who, row, key, row.phone, anyway=anyway)
        if decided.lead is None and decided.warnings:
            return Answer("notice.call.outside", again=notice.id)
        await self._desk.take(who, row.id)
        await self._bus.wake(dialling.WAKE)
        return self._calling(row.project)

    def _calling(self, project: ProjectId) -> Answer:
        found = trunks.of(self._channels, project)
        if not found:
            return Answer("notice.call.no_trunk")
        is_training = found[0].calls.training
        return Answer("notice.call.now_training" if is_training else "notice.call.now_said")

    async def _claim(self, who: Who, lead: Lead, row: Dialog) -> Lead:
        """Makes the order this operator's; ConflictError("taken") names who was first."""
        first = False
        if row.open:
            try:
                await self._desk.take(who, row.id)
                first = True
            except ConflictError as refusal:
                if refusal.code not in ("closed", "sealed"):
                    raise

        def mine(had: Lead) -> Lead | None:
            if not had.live:
                raise ConflictError("ended", had.cause)
            if had.operator == who.operator.id:
                return None
            if had.operator is not None and not first:
                raise ConflictError("taken", had.operator)
            return replace(had, operator=who.operator.id, changed_at=self._now())

        try:
            lead = await self._engine.change(Lead, lead.id, mine)
        except ConflictError as refusal:
            if refusal.code == "taken":
                raise ConflictError(
                    "taken", await self._name(OperatorId(refusal.current))
                ) from None
            raise
        except AbsentError:
            raise ConflictError("ended") from None
        await leads.announce(self._bus, lead)
        return lead

    async def _late(self, who: Who, lead: Lead, row: Dialog) -> Answer:
        """What somebody is told whose press came when it was over."""
        holder = _holder(lead, row)
        if holder is None or holder == who.operator.id:
            return Answer("notice.call.gone")
        return Answer("notice.call.late", {"name": await self._name(holder)})

    async def _lead(self, notice: Notice) -> Lead | None:
        return await self._engine.get(Lead, notice.lead) if notice.lead is not None else None

    async def _name(self, operator: OperatorId | None) -> str:
        who = await self._reaches.who(operator) if operator is not None else None
        return who.operator.name if who is not None else ""


_ENDS = frozenset({verdict.TALKED, verdict.CONNECTED, verdict.CANCELLED, "handled"})
_MORE = frozenset(
    f"notice.call.{each}.more" for each in ("confirm", "by_hand", "nobody", *FOR_PEOPLE)
)
_WHY = frozenset(
    {
        *("busy", "no_answer", "rejected", "unreachable", "invalid_number", "no_key"),
        "too_late",
    }
)


def _sooner(had: Notice, due_at: datetime) -> Notice | None:
    if had.state != "waiting" or had.rounds or had.by or had.due_at is None or had.due_at <= due_at:
        return None
    return replace(had, due_at=due_at)


def _is_for_people(lead: Lead) -> bool:
    return lead.cause in FOR_PEOPLE


def _head(lead: Lead) -> str:
    """Which of the sentences says why it is told."""
    if _is_for_people(lead):
        return lead.cause
    if lead.status is Status.AWAITING_OPERATOR or (lead.plan.script.confirm and not lead.confirmed):
        return "confirm"
    if lead.live and lead.due_at is None and lead.status in PLANNED:
        return "by_hand"
    return "asked"


def _holder(lead: Lead, row: Dialog) -> OperatorId | None:
    """Who deals with it: an open dialog's owner, else whom the order is given to."""
    return (row.owner if row.open else None) or lead.operator


def _word(lead: Lead, row: Dialog, operator: OperatorId) -> str:
    """What the notice of that operator is to say beside what it is of."""
    if not lead.live:
        return "over"
    holder = _holder(lead, row)
    if holder is None:
        return ""
    return "mine" if holder == operator else f"taken:{holder}"


def _buttons(id: str, word: str, lang: Lang) -> Buttons:
    def button(verb: str) -> Button:
        label = "notice.take" if verb == "take" else f"notice.call.button.{verb}"
        return Button(label=text(lang, label), data=f"{verb} {id}")

    if word == "over" or word.startswith("taken:"):
        return []
    first = [button("take"), button("now")] if word == "" else [button("now")]
    return [first, [button("later"), button("done")]]


def _outcome(call: Call, lead: Lead, project: Project, name: str, lang: Lang, now: datetime) -> str:
    lines = []
    length = f"{int(call.talked_s) // 60}:{int(call.talked_s) % 60:02d}"
    if call.talk_at is not None:
        is_talk = call.outcome is Outcome.TALKED and verdict.is_enough(call)
        how = "connected" if call.is_lost else "talked" if is_talk else "short"
        lines.append(text(lang, f"notice.call.{how}", length=length, name=name))
        if call.operator_name:
            lines.append(text(lang, "notice.call.by", name=call.operator_name))
    elif call.outcome is Outcome.CANCELLED:
        lines.append(text(lang, "notice.call.cancelled", name=name))
    elif call.side == "visitor":
        why = str(call.outcome) if call.outcome in _WHY else "no_answer"
        lines.append(
            text(lang, "notice.call.missed", name=name, why=text(lang, f"notice.call.why.{why}"))
        )
    else:
        lines.append(text(lang, "notice.call.no_operator", name=name))
    if lead.live and lead.call == call.id and lead.due_at is not None and lead.status not in LIVE:
        lines.append(text(lang, "notice.call.next", at=_wall(lead.due_at, project, now)))
    if call.training:
        lines.append(text(lang, "notice.call.training"))
    return "\n".join(lines)


def _wall(at: datetime, project: Project, now: datetime) -> str:
    """As a clock in the project shows it; with the day, if that is not today."""
    zone = ZoneInfo(project.schedule.zone)
    there = at.astimezone(zone)
    today = there.date() == now.astimezone(zone).date()
    return f"{there:%H:%M}" if today else f"{there:%d.%m %H:%M}"


def shown_name(name: str, *, whole: bool) -> str:
    """The first name alone, unless the project says otherwise; a number is no name."""
    return name if whole else next(iter(masked(name).split()), "")


def masked(words: str) -> str:
    """Without the numbers by which somebody could be called."""
    for found in sorted(phones.find(words), key=lambda each: -each.start):
        words = f"{words[: found.start]}…{words[found.end :]}"
    return words

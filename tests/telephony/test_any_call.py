"""Whatever happens to a request, its dialog and its order say the same in the end."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.calls.call import Outcome, Party, Wish
from hub.calls.dialling import LEASE, confirm, wish
from hub.calls.script import Script
from hub.calls.switchboard import Result
from hub.errors import HubError
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import OperatorId
from hub.statuses import LIVE, PLANNED, Status
from hub.store.schema import SLOTS_OLD
from telephony.worker import Telephony
from tests.spine import Clock, current, operator
from tests.telephony.office import QUICK, calls, equip, lead_of, row_of, wanted
from tests.telephony.test_dead_workers import dies

ENDINGS = ("67", "01", "02", "03", "04", "05", "06", "07", "08", "09")
DEEDS = (
    "work",
    "step",
    "later",
    "due",
    "cancel call",
    "transfer",
    "ask",
    "ask later",
    "move",
    "automatic",
    "cancel lead",
    "confirm",
    "die",
    "result",
)
SEATS = ("200", "201", "202", "206")
SEEDS = 40


def a_script(dice: random.Random) -> Script:
    return replace(
        QUICK,
        first=dice.choice(["operator", "visitor"]),
        connect=dice.choice(["key", "message"]),
        confirm=dice.random() < 0.2,
        short_talk_s=dice.choice([0, 10]),
        ring_s=0.1,
        visitor_ring_s=0.1,
        wait_s=0.1,
        pause_s=0.01,
    )


class Day:
    """A day of one request, in which people do what they like with it."""

    def __init__(self, hub: Hub, clock: Clock, phone: str) -> None:
        self.hub, self.clock, self.phone = hub, clock, phone
        self.worker = Telephony(hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, "w0")
        self.n = 0
        self.done: list[str] = []

    async def does(self, deed: str) -> None:
        self.n += 1
        self.done.append(deed)
        with suppress(HubError):
            # What may not be done at this moment is refused.
            await self._does(deed)

    async def _does(self, deed: str) -> None:
        hub, olga, at = self.hub, operator("Olga"), self.clock.at
        lead = await lead_of(hub, self.phone)
        made = await calls(hub)
        match deed:
            case "work":
                await self.worker.work()
            case "step":
                for _ in range(40):
                    await asyncio.sleep(0)
            case "later":
                self.clock.forward(timedelta(minutes=2))
            case "due" if lead.due_at is not None:
                self.clock.at = max(at, lead.due_at)
                await self.worker.work()
            case "cancel call" if made:
                await wish(hub.engine, hub.bus, made[-1].id, Wish(id=f"c{self.n}", do="cancel"))
            case "transfer" if made:
                to = Wish(id=f"t{self.n}", do="transfer", to=Party(number="501"))
                await wish(hub.engine, hub.bus, made[-1].id, to)
            case "ask":
                row = await current(hub)
                await hub.callbacks.ask(olga, row, f"ask-{self.n:04}", self.phone, anyway=True)
            case "ask later":
                row, then = await current(hub), at + timedelta(hours=1)
                await hub.callbacks.ask(
                    olga, row, f"ask-{self.n:04}", self.phone, then, anyway=True
                )
            case "move":
                await hub.callbacks.move(olga, lead, at + timedelta(minutes=30))
            case "automatic":
                await hub.callbacks.automatic(olga, lead)
            case "cancel lead":
                await hub.callbacks.cancel(olga, lead, "handled")
            case "confirm":
                await confirm(hub.engine, hub.bus, lead.id, OperatorId("olga"), at)
            case "die":
                await dies(self.worker)
                await self.worker.close()
                self.worker = Telephony(
                    hub.engine, hub.bus, hub.channels, hub.dialling, hub.now, f"w{self.n}"
                )
            case "result" if made:
                codes: tuple[Result, ...] = ("done", "voicemail", "no_need")
                await hub.switchboard.result(olga, made[-1], codes[self.n % 3])
            case _:
                pass

    async def ends(self) -> None:
        """All that is under way comes to its end, and nothing else is begun."""
        await self.worker.idle()
        far = self.clock.at + timedelta(days=2)
        for _ in range(3):
            self.clock.forward(LEASE + timedelta(seconds=1))
            lead = await lead_of(self.hub, self.phone)
            await self.hub.engine.change(
                Lead, lead.id, lambda had: replace(had, due_at=far) if had.due_at else None
            )
            await self.worker.work()
            await self.worker.idle()
        self.clock.forward(timedelta(minutes=2))
        await self.worker.work()
        await self.worker.close()


@pytest.mark.parametrize("seed", [*range(SEEDS), 139, 189, 521])
async def test_dialog_and_order_agree_whatever_people_do(hub: Hub, clock: Clock, seed: int) -> None:
    dice = random.Random(seed)
    phone = "+791612345" + dice.choice(ENDINGS)
    talk = {"pace": 100, "talk_s": dice.choice([2, 30])}
    await equip(hub, script=a_script(dice), seats={"olga": dice.choice(SEATS)}, settings=talk)
    await wanted(hub, phone)
    day = Day(hub, clock, phone)
    for deed in dice.choices(DEEDS, k=dice.randint(3, 16)):
        await day.does(deed)
    await day.ends()

    lead, made = await lead_of(hub, phone), await calls(hub)
    row = await row_of(hub, lead)
    assert all(each.stage == "settled" for each in made)
    assert (await hub.engine.find(SLOTS_OLD, limit=50)).items == []
    assert lead.status not in LIVE - {Status.AWAITING_OPERATOR}
    # Who asks once more for what waits for another call makes it new, and changes no order.
    is_same = row.call_status is lead.status or {row.call_status, lead.status} == PLANNED
    assert is_same or (not lead.live and row.call_status is Status.PROCESSED), day.done
    at_person = [each for each in made if each.dialled_at and each.outcome is not Outcome.CANCELLED]
    assert lead.attempts <= len(at_person), day.done

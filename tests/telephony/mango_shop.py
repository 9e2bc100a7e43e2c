"""A shop whose calls MANGO OFFICE makes: one that was asked for, and those from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from hub.calls import dialling
from hub.calls.call import Call, Wish
from hub.hub import Hub
from hub.leads.lead import Lead
from hub.model import OperatorId
from telephony.worker import Telephony
from tests.telephony.mango_server import KEY, LINE, SALT, MangoServer, Told, bring
from tests.telephony.office import QUICK, calls, equip, lead_of, wanted, working

PHONE = "+79031234567"
SCRIPT = replace(QUICK, connect="message")


async def shop(hub: Hub, server: MangoServer, **told: Any) -> None:
    known = {"api_url": server.url, "key": KEY, "salt": SALT, "numbers": [f"+{LINE}"]}
    seats = told.pop("seats", {"olga": "101"})
    own = {name: told.pop(name) for name in ("per_phone_a_day",) if name in told}
    await equip(hub, "mango", known | told, script=SCRIPT, seats=seats, **own)


class Ordered(Told):
    """What the exchange tells of the call to PHONE that was ordered, and what is made of it."""

    def __init__(self, hub: Hub, telephony: Telephony, command: dict[str, Any]) -> None:
        super().__init__(command, int(hub.now().timestamp()))
        self.hub, self.telephony = hub, telephony

    async def tell(self, *news: dict[str, Any]) -> Call:
        """Each comes to the hub, which has this then."""
        for each in news:
            await bring(self.hub, each)
        [call] = await calls(self.hub)
        return call

    async def over(self, *news: dict[str, Any]) -> tuple[Lead, Call]:
        """Its lead and itself, once its worker has read all that was told."""
        for each in news:
            await bring(self.hub, each)
        return await over(self.hub, self.telephony)


@asynccontextmanager
async def ordered(hub: Hub, server: MangoServer, **told: Any) -> AsyncIterator[Ordered]:
    """A shop whose lead of PHONE is taken, and the exchange asked for its call."""
    await shop(hub, server, **told)
    async with working(hub) as telephony:
        yield await begun(hub, server, telephony)


async def begun(hub: Hub, server: MangoServer, telephony: Telephony) -> Ordered:
    """The lead of PHONE is taken, and the exchange asked for its call."""
    await wanted(hub, PHONE)
    await telephony.work()
    return Ordered(hub, telephony, await server.command("commands/callback"))


async def over(hub: Hub, telephony: Telephony) -> tuple[Lead, Call]:
    """What became of it, once its worker has read what was told."""
    await telephony.work()
    await telephony.idle()
    [call] = await calls(hub)
    return await lead_of(hub, PHONE), call


async def cancel(hub: Hub) -> Call:
    """Olga wishes that the only call there is be hung up."""
    [call] = await calls(hub)
    wish = Wish(id="w", do="cancel", by=OperatorId("olga"))
    await dialling.wish(hub.engine, hub.bus, call.id, wish)
    return call


def incoming(hub: Hub, state: str, seq: int, ago: int, location: str = "abonent") -> dict[str, Any]:
    """What is told of a call from outside, while it lasts."""
    return {
        "entry_id": "NTAw",
        "call_id": f"NTAw-{location}",
        "timestamp": int(hub.now().timestamp()) - ago,
        "seq": seq,
        "call_state": state,
        "location": location,
        "from": {"number": "79031234567"},
        "to": {"extension": "101", "line_number": LINE},
    }


def end(hub: Hub, talked: int) -> dict[str, Any]:
    """What is told of it when it is over."""
    now = int(hub.now().timestamp())
    return {
        "entry_id": "NTAw",
        "call_direction": 1,
        "from": {"number": "79031234567"},
        "to": {"extension": "101"},
        "line_number": LINE,
        "create_time": now - 60,
        "forward_time": now - 55,
        "talk_time": now - talked if talked else 0,
        "end_time": now,
        "entry_result": 1,
        "disconnect_reason": 1110,
    }

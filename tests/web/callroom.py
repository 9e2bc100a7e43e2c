"""Calls as they stand in the store, for everything that tests the doors to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from hub.calls.call import Call, CallPlan, Leg, Outcome, Party
from hub.files.kept import RECORDING
from hub.model import ChannelId, DialogId, OperatorId
from hub.statuses import Status
from hub.store.engine import Insert
from tests.web.house import ALPHA, House

PHONE = "+79161234567"
SOUND = b"RIFF\x00\x04\x00\x00WAVEfmt " + bytes(range(256)) * 4


async def _sound() -> AsyncIterator[bytes]:
    yield SOUND


async def talked(house: House, dialog: str, login: str, id: str = "alpha:call:1") -> Call:
    """A talk of a minute between that operator and the person of the dialog."""
    spoke = await house.hub.accounts.by_login(login)
    row = await house.hub.desk.dialog(dialog)
    assert spoke is not None
    now = house.hub.now()
    legs = (
        Leg(id="o1", role="operator", number="+79031112233", name="Anna", state="ended", at=now),
        Leg(id="v1", role="visitor", number=PHONE, state="ended", code="Q.850 16", at=now),
    )
    call = Call(
        id=id,
        project=ALPHA,
        channel=ChannelId("alpha-line"),
        dialog=DialogId(dialog),
        dialog_channel=row.channel,
        phone=PHONE,
        plan=CallPlan(visitor=Party(number=PHONE)),
        stage="settled",
        status=Status.ENDED_BY_VISITOR,
        outcome=Outcome.TALKED,
        ended_by="visitor",
        operator=OperatorId(spoke.id),
        operator_name="Anna",
        legs=legs,
        live=False,
        began_at=now,
        dialled_at=now,
        talk_at=now,
        ended_at=now + timedelta(days=365),
        changed_at=now,
    )
    await house.hub.engine.write(Insert(call))
    return call


async def recorded(house: House, dialog: str, login: str) -> Call:
    call = await talked(house, dialog, login)
    file = await house.hub.files.keep(ALPHA, "call.wav", _sound(), RECORDING)
    await house.hub.files.mark_used([file.id], call.id)
    return await change(house, call, recording=file.id)


async def change(house: House, call: Call, **values: Any) -> Call:
    return await house.hub.engine.change(Call, call.id, lambda had: replace(had, **values))

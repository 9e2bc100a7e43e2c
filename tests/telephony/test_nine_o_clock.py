"""A thousand requests are due at one minute: a round costs what the few calls cost that begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from hub.hub import Hub
from hub.store.engine import Insert
from tests.spine import Mortal
from tests.telephony.office import arrange, calls, equip, wanted, working

PHONE = "+79161234567"
MANY, CAP = 300, 5
ROUND_MAX = 20
"""What may be asked of the store in a round that begins no call, whatever waits."""


async def test_a_round_in_which_no_line_is_free_costs_the_same_whatever_waits(
    hub: Hub, mortal: Mortal
) -> None:
    numbers = tuple(f"6{n:02}" for n in range(10))
    await equip(hub, numbers=numbers, calls_max=CAP, settings={"pace": 1, "calls_max": 500})
    await arrange(hub, calls_max=CAP)
    first = await wanted(hub, PHONE)
    for n in range(MANY):
        phone = f"+7916999{n:04}"
        one = replace(first, id=f"shop:{phone}:1", phone=phone, contact=None, contacts=())
        await hub.engine.write(Insert(replace(one, dialog=None)))
    async with working(hub) as telephony:
        await telephony.work()
        assert len([each for each in await calls(hub) if each.live]) == CAP
        asked: Counter[str] = Counter()
        inner = mortal._engine

        def counted(name: str) -> Callable[..., Any]:
            real = getattr(inner, name)

            async def call(*given: Any, **more: Any) -> Any:
                asked[name] += 1
                return await real(*given, **more)

            return call

        class Counted:
            def __getattr__(self, name: str) -> Any:
                if name in ("get", "get_many", "walk", "touch", "write", "change", "delete_if"):
                    return counted(name)
                return getattr(inner, name)

        mortal._engine = Counted()  # type: ignore[assignment]
        await telephony.work()
        mortal._engine = inner
        assert len(await calls(hub)) == CAP
        assert asked.total() <= ROUND_MAX, asked

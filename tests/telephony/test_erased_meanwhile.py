"""A person is erased between any two steps of whoever writes of that person: nothing is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec.structs import replace

from hub import dialogs
from hub.calls.call import Call, Outcome
from hub.calls.capacity import ORPHANED
from hub.calls.dialling import LEASE
from hub.calls.trunk import TrunkSettings
from hub.content import Card
from hub.hub import Hub
from hub.leads import ordering
from hub.leads.lead import Lead
from hub.model import Dialog, Entry, EntryKind, Project, Verb
from hub.people.erasure import Eraser
from hub.policy import Policy, Silence
from hub.records import Errand
from hub.statuses import Status
from hub.store.engine import Insert
from hub.store.schema import (
    ERRANDS_IN,
    LEADS,
    LOG,
    POSTS_OLD,
    SLOTS_OLD,
    TIMERS_DUE,
)
from hub.telling.triggers import SmsTrigger
from tests.spine import SHOP, Clock, Mortal, ask, current, message, receive
from tests.telephony.office import RULE, TRUNK, calls, equip, wanted, working

SECOND = timedelta(seconds=1)
STEPS_MAX = 60
APART = (0, 3)
"""How many of the other's steps lie between the mark and the rest of the erasure."""


class Erasure:
    """Marks the dialog right before a step of the other, and erases it some steps later."""

    def __init__(self, hub: Hub, mortal: Mortal, row: Dialog) -> None:
        self._hub = hub
        self._mortal = mortal
        self._eraser = Eraser(hub.engine, hub.files, hub.search)
        self._row = row
        self.begun = self._ended = False

    def comes(self, before: int, apart: int) -> None:
        async def begins() -> None:
            self.begun = True
            closed = await self._eraser.close_off(self._row, self._hub.now())
            assert closed is not None
            self._row = closed
            if apart:
                self._mortal.meanwhile(self._ends, before=apart)
            else:
                await self._ends()

        self._mortal.meanwhile(begins, before=before)

    async def _ends(self) -> None:
        self._ended = True
        await self._eraser.erase(self._row)

    async def is_over(self) -> bool:
        """Whether it came in time; what is left of it is done now."""
        self._mortal.lives()
        self._mortal.meanwhile(_nothing, before=0)
        if self.begun and not self._ended:
            await self._ends()
        return self.begun


async def _nothing() -> None: ...


async def left(hub: Hub, row: Dialog, phone: str) -> list[object]:
    """Whatever the store still has of that dialog or that phone."""
    found: list[object] = []
    errands: list[Errand] = []
    for index in ERRANDS_IN:
        errands += (await hub.engine.find(index, {"project": SHOP, "dialog": row.id})).items
    found += errands
    of_phone: list[Lead | Call] = [
        *(await hub.engine.find(LEADS, {"project": SHOP, "phone": phone})).items,
        *(each for each in await calls(hub) if each.phone == phone or each.dialog == row.id),
    ]
    found += of_phone
    found += (await hub.engine.find(LOG, {"dialog": row.id})).items
    slots = (await hub.engine.find(SLOTS_OLD, limit=100)).items
    found += [each for each in slots if phone in each.id or phone in each.call]
    found += filter(None, [await hub.engine.get(Dialog, row.id)])
    return found


async def shop(hub: Hub) -> None:
    """It tells of a call in every way there is."""
    url = "https://crm.example.com/hook"
    quick = {"pace": 1000, "talk_s": 1}
    await equip(hub, settings=quick, tries=1, mails=("boss@example.com",), exhausted_url=url)
    texting = (
        SmsTrigger(id="t", when="not_reached", channel="site", text="Мы звонили"),
        SmsTrigger(id="m", when="missed", channel="site", text="Мы пропустили"),
    )
    await hub.engine.change(Project, SHOP, lambda had: replace(had, texting=texting))
    await hub.channels.refresh()


Flow = Callable[[str], Awaitable[None]]


async def raced(
    hub: Hub,
    mortal: Mortal,
    clock: Clock,
    prepared: Callable[[str, str], Awaitable[None]],
    flow: Flow,
    after: Callable[[], Awaitable[None]],
    channel: str = "site",
) -> None:
    """Each time another person, erased one step later, until it comes too late."""
    for apart in APART:
        for before in range(STEPS_MAX):
            n = 100 * apart + before
            phone, visitor = f"+7916{n:07}", f"v{n}"
            await prepared(phone, visitor)
            row = await current(hub, visitor, channel)
            erasure = Erasure(hub, mortal, row)
            erasure.comes(before, apart)
            await flow(phone)
            if not await erasure.is_over():
                assert before > 2, "there was nothing to disturb"
                break
            await after()
            assert await left(hub, row, phone) == [], (before, apart)
            clock.forward(SECOND)
        else:
            raise AssertionError("it has more steps than were tried")


async def ringing(hub: Hub, phone: str, visitor: str) -> Call:
    """A call of the person, whose phone rings."""
    lead = await wanted(hub, phone, visitor=visitor)
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    call = await hub.dialling.take(lead, project, TRUNK, TrunkSettings(), "w")
    assert isinstance(call, Call), call
    begun = await hub.dialling.begin(call, "w")
    assert begun is not None
    return await hub.dialling.note(
        begun, lambda had: replace(had, status=Status.CALLING_VISITOR, dialled_at=hub.now())
    )


async def test_in_whatever_moment_of_the_end_of_a_call(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    await shop(hub)
    begun: dict[str, Call] = {}

    async def rings(phone: str, visitor: str) -> None:
        begun[phone] = await ringing(hub, phone, visitor)

    async def ends(phone: str) -> None:
        await hub.dialling.end(begun[phone], Outcome.NO_ANSWER, side="visitor")

    async def later() -> None:
        clock.forward(2 * LEASE)
        for call in await hub.dialling.watched("w2"):
            await hub.dialling.settle(call)

    await raced(hub, mortal, clock, rings, ends, later)
    assert (await hub.engine.find(POSTS_OLD, limit=9)).items, "nobody is told of anybody"


async def test_in_a_call_that_ends_in_whatever_moment_of_the_erasure(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    await shop(hub)
    eraser = Eraser(hub.engine, hub.files, hub.search)
    before, came = 0, True
    while came:
        phone, visitor, came = f"+7916{before:07}", f"v{before}", False
        call = await ringing(hub, phone, visitor)
        row = await current(hub, visitor)

        async def ends(call: Call = call) -> None:
            nonlocal came
            came = True
            await hub.dialling.end(call, Outcome.NO_ANSWER, side="visitor")

        mortal.meanwhile(ends, before=before)
        going = await eraser.close_off(row, clock())
        assert going is not None
        await eraser.erase(going)
        if came:
            assert await left(hub, row, phone) == [], before
        before += 1
    assert before > 3


async def test_in_whatever_moment_in_which_a_lead_becomes_a_call(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    await shop(hub)

    async def asks(phone: str, visitor: str) -> None:
        await wanted(hub, phone, visitor=visitor)

    async with working(hub) as telephony:

        async def dials(phone: str) -> None:
            await telephony.work()
            await telephony.idle()

        async def later() -> None:
            # A slot is nobody's only some time after its call came to nothing.
            clock.forward(ORPHANED + SECOND)
            await dials("")

        await raced(hub, mortal, clock, asks, dials, later)


async def erased(hub: Hub, visitor: str = "ivan") -> Dialog:
    eraser = Eraser(hub.engine, hub.files, hub.search)
    row = await current(hub, visitor)
    going = await eraser.close_off(row, hub.now())
    assert going is not None
    await eraser.erase(going)
    return row


async def test_a_call_that_was_taken_for_whoever_is_erased_then_rings_nobody(hub: Hub) -> None:
    await shop(hub)
    phone = "+79161234567"
    lead = await wanted(hub, phone)
    project = await hub.engine.get(Project, SHOP)
    assert project is not None
    call = await hub.dialling.take(lead, project, TRUNK, TrunkSettings(), "w")
    assert isinstance(call, Call), call
    row = await erased(hub)
    assert await hub.dialling.begin(call, "w") is None
    assert await left(hub, row, phone) == []


async def test_an_order_that_a_dead_process_left_behind_is_cleared_away_and_not_dialled(
    hub: Hub,
) -> None:
    await shop(hub)
    phone = "+79161234567"
    lead = await wanted(hub, phone)
    row = await erased(hub)
    await hub.engine.write(Insert(replace(lead, rev=0)))
    async with working(hub) as telephony:
        await telephony.work()
        assert await left(hub, row, phone) == []


async def test_in_whatever_moment_an_order_is_made(hub: Hub, mortal: Mortal, clock: Clock) -> None:
    await shop(hub)
    said: dict[str, dialogs.Appended] = {}

    async def asks(phone: str, visitor: str) -> None:
        row = await ask(hub, visitor=visitor)

        def make(had: Dialog) -> Entry:
            line = dialogs.draft(had, f"p{had.id}", EntryKind.SYSTEM, hub.now(), hub.now())
            told = {"rule": "silence", "origin": "silence", "phone": phone}
            return replace(line, author=RULE, verb=Verb.PLANNED, data=told)

        said[phone] = await dialogs.append(hub.engine, row, make)

    async def follows(phone: str) -> None:
        told = said[phone]
        await ordering.follow(hub.engine, hub.bus, told.row, told.entry, hub.now())

    async def later() -> None: ...

    await raced(hub, mortal, clock, asks, follows, later)


async def test_in_whatever_moment_a_timer_is_looked_at(
    hub: Hub, mortal: Mortal, clock: Clock
) -> None:
    await shop(hub)
    policy = Policy(silence=Silence(enabled=True))
    await hub.engine.change(Project, SHOP, lambda had: replace(had, policy=policy))
    await hub.channels.refresh()

    async def leaves_a_number(phone: str, visitor: str) -> None:
        said = message(1, clock.at, visitor=visitor, question=False)
        own = Card(name="Иван", phone=phone, own=True)
        await receive(hub, replace(said, text="", card=own))
        while await hub.worker.work():
            pass
        clock.forward(timedelta(hours=1))

    async def fires(phone: str) -> None:
        await hub.worker.fire()
        await hub.worker.work()

    async def later() -> None:
        clock.forward(timedelta(minutes=10))
        await fires("")
        assert (await hub.engine.find(TIMERS_DUE)).items == []

    await raced(hub, mortal, clock, leaves_a_number, fires, later)
    assert (await hub.engine.find(LEADS, {"project": SHOP})).items, "no timer was heeded"

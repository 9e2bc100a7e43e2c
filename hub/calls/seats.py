"""Where the calls of operators go, and calls that are made to try that, or a script.

A telephone line costs money and rings strangers, so what is dialled here is looked at more closely
than what a client asked for: only prefixes of the trunk, few calls an hour, all of it on record.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from hub.accounts import Accounts, Who
from hub.audits import audited
from hub.bus import Bus
from hub.calls import dialling, says, trunks, whom
from hub.calls.call import Call, CallPlan, Party, Seat
from hub.calls.script import Say, Script
from hub.calls.trunk import Trunk, TrunkSettings
from hub.calls.trunks import NotDialledError
from hub.channels.in_use import Channels
from hub.errors import BadValueError, ConflictError, LimitedError
from hub.files.kept import Files
from hub.leads import unwanted
from hub.model import ChannelId, ContactId, Membership, Operator, OperatorId, Project, ProjectId
from hub.requests.connections import get as connection_of
from hub.store.engine import Engine, Insert, TakenError
from hub.store.schema import CALLS_LIVE, SEATS
from hub.texts import text

SEATS_MAX = 1_000
HOUR = timedelta(hours=1)
BY_OPERATOR = 20
BY_PROJECT = 40
TO_PHONE = 6
"""So many calls to try things an hour: by one operator, in one project, to one number."""

EXAMPLE_PHONE = "+79161234567"


class NoSeatError(BadValueError):
    """It is not known where the operator's calls go."""

    code = "no_seat"


class OptedOutError(BadValueError):
    """Whoever has this number asked not to be called."""

    code = "opted_out"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is to be tried: to that number, by a script that need not be saved.

    Without a script as the connection has it, or the project. `operator` is rung in the place of
    the asker's own seat.
    """

    number: str
    operator: str = ""
    script: Script | None = None
    connection: str = ""
    shown: str | None = None


class Seats:
    """The caller has already checked that `who` may do this in the project."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        channels: Channels,
        accounts: Accounts,
        files: Files,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channels = channels
        self._accounts = accounts
        self._files = files
        self._now = now

    def trunks(self, project: ProjectId) -> list[Trunk[TrunkSettings]]:
        """The first of them dials."""
        return trunks.of(self._channels, project)

    async def mine(self, project: ProjectId, who: Who) -> Seat | None:
        return await self._engine.get(Seat, _id(project, who))

    async def all(self, project: ProjectId) -> list[tuple[Operator, Membership, Seat | None]]:
        """Everybody of the project, also those whose calls go nowhere."""
        page = await self._engine.find(SEATS, {"project": project}, limit=SEATS_MAX)
        known = {each.operator: each for each in page.items}
        return [
            (operator, membership, known.get(membership.operator))
            for operator, membership in await self._accounts.members(project)
        ]

    async def put(
        self,
        project: ProjectId,
        who: Who,
        number: str,
        tones: str = "",
        *,
        enabled: bool = True,
        address: str = "",
    ) -> Seat | None:
        """Has his calls go to that number; with none of it, nowhere.

        BadValueError for what is no number, NotDialledError for one that no trunk dials.
        """
        id, now, verb = _id(project, who), self._now(), "seat_changed"
        if not number.strip():
            await self._engine.write(audited(now, who.id, verb, who.id, project, address, what=""))
            await self._engine.delete_if(Seat, id, lambda _: True)
            return None
        number = trunks.number_of(number)
        trunks.check_dialled(self._channels, project, number, "number")
        seat = Seat(
            id=id,
            project=project,
            operator=who.id,
            number=number,
            tones=tones,
            enabled=enabled,
            changed_at=now,
        )
        # First the note: a trace without a change misleads less than a change without one.
        told = ",".join(filter(None, (number, tones))) if enabled else f"{number} off"
        await self._engine.write(audited(now, who.id, verb, who.id, project, address, what=told))
        try:
            await self._engine.write(Insert(seat))
        except TakenError:
            return await self._engine.change(Seat, id, lambda had: replace(seat, rev=had.rev))
        return seat

    async def ring(self, project: ProjectId, who: Who, *, address: str = "") -> Call:
        """Rings his own phone, which hears that it is the right one.

        ConflictError("no_trunk") where nothing dials, ("no_ring") where nothing rings one phone.
        """
        home, trunk = await self._engine.known(Project, project), self._trunk(project)
        if not trunk.calls.rings_one:
            raise ConflictError("no_ring")
        seat = await self.mine(project, who)
        if seat is None:
            raise NoSeatError(field="number")
        _check_dialled(trunk, seat.number, "number")
        spoken = Say(text=text(home.lang, "call.ring_test"))
        plan = CallPlan(
            script=Script(operator_says=spoken, rounds=1, ring_s=30),
            operators=((_party(seat, who),),),
            visitor=Party(number=seat.number),
            shown=_shown(home.calling.shown, trunk),
            display=text(home.lang, "call.test_display"),
            variables=variables(home),
            lang=home.lang,
            ring_only=True,
        )
        return await self._order(home, trunk, who, seat.number, plan, "seat_rung", address)

    async def test(
        self, project: ProjectId, who: Who, wanted: Wanted, *, address: str = ""
    ) -> Call:
        """A whole call by the script, as a client with that number would have it.

        ConflictError("no_trunk") where nothing dials, ("testing") while another of his goes on.
        """
        home = await self._engine.known(Project, project)
        script, shown, name = home.calling.script, home.calling.shown, ""
        if wanted.connection:
            terms = (await connection_of(self._engine, project, wanted.connection)).terms
            script, shown, name = terms.script or script, terms.shown or shown, terms.name
        if wanted.shown is not None:
            trunks.check_shown(self._channels, project, wanted.shown, "shown")
            shown = wanted.shown
        if wanted.script is not None:
            script = wanted.script
            says.check(script)
            await says.check_files(self._files, project, script)
        trunk = self._trunk(project, script)
        phone = trunks.person_of(wanted.number)
        _check_dialled(trunk, phone, "number")
        if await unwanted.refused_at(self._engine, project, ContactId(""), phone) is not None:
            raise OptedOutError(field="number")
        known = variables(home, phone=phone, connection=name)
        plan = CallPlan(
            script=whom.worded(replace(script, confirm=False), home.lang, known),
            operators=((await self._own(project, who, wanted.operator, trunk, phone),),),
            visitor=Party(number=phone, name=who.operator.name),
            shown=_shown(shown, trunk),
            display=text(home.lang, "call.test_display"),
            variables=known,
            lang=home.lang,
        )
        return await self._order(home, trunk, who, phone, plan, "call_tested", address)

    async def _own(
        self, project: ProjectId, who: Who, written: str, trunk: Trunk[TrunkSettings], phone: str
    ) -> Party:
        """Who answers on our side: the number that is named, else the asker's seat."""
        seat = await self.mine(project, who)
        if written.strip():
            number = trunks.number_of(written, "operator")
        elif seat is not None:
            number = seat.number
        elif trunk.calls.training:
            number = phone
        else:
            raise NoSeatError(field="operator")
        if number == phone and not trunk.calls.training:
            raise BadValueError("one phone cannot be both sides", field="operator")
        _check_dialled(trunk, number, "operator")
        if seat is not None and seat.number == number:
            return _party(seat, who)
        return Party(number=number, operator=who.id, name=who.operator.name)

    async def _order(
        self,
        home: Project,
        trunk: Trunk[TrunkSettings],
        who: Who,
        phone: str,
        plan: CallPlan,
        verb: str,
        address: str,
    ) -> Call:
        project, now = ProjectId(home.id), self._now()
        going_on = await self._engine.find(
            CALLS_LIVE,
            {"project": project, "live": True},
            limit=1,
            where=lambda each: each.purpose == "test" and each.by == who.id,
        )
        if going_on.items:
            raise ConflictError("testing", going_on.items[0].id)
        for key, rate in (
            (f"call-test:by:{who.id}", BY_OPERATOR),
            (f"call-test:in:{project}", BY_PROJECT),
            (f"call-test:to:{phone}", TO_PHONE),
        ):
            wait = await self._bus.allow(key, rate, HOUR)
            if wait is not None:
                raise LimitedError(wait)
        sides = [each.number for stage in plan.operators for each in stage]
        told = ", ".join(dict.fromkeys([*sides, plan.visitor.number]))
        await self._engine.write(audited(now, who.id, verb, who.id, project, address, what=told))
        call = Call(
            id=f"test:{secrets.token_hex(8)}",
            project=project,
            channel=ChannelId(trunk.id),
            purpose="test",
            phone=phone,
            name=who.operator.name,
            plan=plan,
            by=who.id,
            training=trunk.calls.training,
            watch_at=now,
            began_at=now,
            changed_at=now,
        )
        return await dialling.ordered(self._engine, self._bus, call)

    def _trunk(self, project: ProjectId, script: Script | None = None) -> Trunk[TrunkSettings]:
        """The first that can make such a call, as for leads."""
        found = self.trunks(project)
        if not found:
            raise ConflictError("no_trunk")
        for each in found:
            if script is None or (script.first, script.connect) in each.calls.scenarios:
                return each
        raise BadValueError("no trunk can do this", field="script.first")


def variables(project: Project, *, phone: str = "", connection: str = "") -> dict[str, str]:
    """What texts are filled in with where there is no person yet."""
    name = text(project.lang, "call.example.name")
    return {
        "name": name,
        "first_name": next(iter(name.split()), ""),
        "phone": phone or EXAMPLE_PHONE,
        "page": text(project.lang, "call.example.page"),
        "site": "example.com",
        "project": project.name,
        "connection": connection or text(project.lang, "call.example.connection"),
        "comment": text(project.lang, "call.example.comment"),
    }


def _id(project: ProjectId, who: Who) -> str:
    return f"{who.id}:{project}"


def _party(seat: Seat, who: Who) -> Party:
    return Party(
        number=seat.number, tones=seat.tones, operator=OperatorId(who.id), name=who.operator.name
    )


def _shown(number: str, trunk: Trunk[TrunkSettings]) -> str:
    numbers = trunk.settings.numbers
    return number if number in numbers else next(iter(numbers), "")


def _check_dialled(trunk: Trunk[TrunkSettings], number: str, field: str) -> None:
    if not trunks.dials(trunk.settings, number):
        raise NotDialledError(field=field)

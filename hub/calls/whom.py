"""Who is rung for a lead on our side, and what the call says: its plan, as things stand now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from msgspec.structs import replace

from hub.bus import Bus
from hub.calls.call import CallPlan, Party, Seat
from hub.calls.script import Say, Script
from hub.leads.lead import Lead
from hub.model import Dialog, Membership, Operator, OperatorId, Project, ProjectId
from hub.statuses import Lang
from hub.store.engine import Engine
from hub.store.schema import MEMBERS, SEATS
from hub.texts import text

SEATS_MAX = 200
RUNG_AT_ONCE = 20
DISPLAY_MAX_CHARS = 60

Stages = tuple[tuple[Party, ...], ...]


async def stages(
    engine: Engine, bus: Bus, project: Project, lead: Lead, row: Dialog | None
) -> tuple[tuple[Party, ...], ...]:
    """Stage by stage: the forward numbers; or who is responsible, and then all who may see it.

    Those who are online go before those who are not. Each number rings once in a stage, and never
    the person's own. Empty if there is nobody to ring.
    """
    found = await _stages(engine, bus, project, lead, row)
    once = (_once(stage, lead.phone) for stage in found)
    return tuple(stage for stage in once if stage)


def _once(stage: tuple[Party, ...], person: str) -> tuple[Party, ...]:
    by_number = {each.number: each for each in reversed(stage) if each.number != person}
    return tuple(each for each in stage if by_number.get(each.number) is each)


async def _stages(
    engine: Engine, bus: Bus, project: Project, lead: Lead, row: Dialog | None
) -> tuple[tuple[Party, ...], ...]:
    if lead.plan.numbers and lead.operator is None:
        return (tuple(Party(number=each) for each in lead.plan.numbers[:RUNG_AT_ONCE]),)
    seats = await seated(engine, project, row)
    if lead.operator is not None:
        own = [each for each in seats if each.operator == lead.operator]
        if own:
            return (tuple(own),)
        if lead.plan.numbers:
            return (tuple(Party(number=each) for each in lead.plan.numbers[:RUNG_AT_ONCE]),)
    if not seats:
        return ()
    here = await bus.present(ProjectId(project.id))
    online = [each for each in seats if each.operator and here.get(each.operator) == "online"]
    group = tuple((online or seats)[:RUNG_AT_ONCE])
    owner = row.owner if row is not None else None
    first = tuple(each for each in seats if each.operator == owner and owner is not None)
    if first and lead.plan.script.responsible_first:
        return (first, group) if group != first else (first,)
    return (group,)


def those(stages: Stages, are: Callable[[Party], bool]) -> Stages:
    """Only who is so; no stage of nobody."""
    left = (tuple(each for each in stage if are(each)) for stage in stages)
    return tuple(stage for stage in left if stage)


async def seated(engine: Engine, project: Project, row: Dialog | None) -> list[Party]:
    """Everybody's phone in the project, of those who may see the dialog."""
    page = await engine.find(
        SEATS, {"project": project.id}, limit=SEATS_MAX, where=lambda each: each.enabled
    )
    seats: Sequence[Seat] = [each for each in page.items if each.number]
    members = await engine.find(MEMBERS, {"project": project.id}, limit=500)
    known = {each.operator: each for each in members.items}
    people = await engine.get_many(Operator, sorted({each.operator for each in seats}))
    found = []
    for seat in seats:
        member, operator = known.get(seat.operator), people.get(seat.operator)
        if member is None or operator is None or operator.disabled_at is not None:
            continue
        if row is not None and not _sees(member, row):
            continue
        found.append(
            Party(number=seat.number, tones=seat.tones, operator=seat.operator, name=operator.name)
        )
    return found


def _sees(member: Membership, row: Dialog) -> bool:
    return not member.channels or row.channel in member.channels


def plan_of(
    project: Project,
    lead: Lead,
    row: Dialog | None,
    operators: tuple[tuple[Party, ...], ...],
    numbers: tuple[str, ...] = (),
    connection: str = "",
) -> CallPlan:
    """What the call is to be. Shown is one of those `numbers`, the wanted one or else the first."""
    known = variables(project, lead, row, connection)
    name = lead.name or text(project.lang, "notice.guest")
    display = text(project.lang, "call.display", name=name, phone=lead.phone)
    return CallPlan(
        script=worded(lead.plan.script, project.lang, known),
        operators=operators,
        visitor=Party(number=lead.phone, tones=_tones(lead.extension), name=lead.name),
        shown=lead.plan.shown if lead.plan.shown in numbers else next(iter(numbers), ""),
        display=display[:DISPLAY_MAX_CHARS],
        variables=known,
        lang=project.lang,
    )


def worded(script: Script, lang: Lang, known: Mapping[str, str]) -> Script:
    """The script with the product's own words where it has none of its own.

    Whoever is rung first hears who asked and from which page, and which keys to press. Nobody is
    recorded without being told.
    """
    by_key = script.connect == "key"
    said = ["request", *(each for each in ("name", "page") if known.get(each))]
    # What a person wrote is put in where the text is said, and is never a template.
    words = {"name": "$name$", "page": "$page$", "keys": " ".join(script.keys)}
    operator, visitor = script.operator_says, script.visitor_says
    if not operator:
        keys = ["keys"] if by_key and script.first == "operator" else []
        told = [text(lang, f"call.says.{each}", **words) for each in (*said, *keys)]
        operator = Say(text=" ".join(told))
    if not visitor and script.first == "visitor":
        visitor = Say(text=text(lang, f"call.says.{'press' if by_key else 'wait'}", **words))
    notice = script.record_notice
    if script.record and not notice:
        notice = Say(text=text(lang, "call.says.recorded"))
    return replace(script, operator_says=operator, visitor_says=visitor, record_notice=notice)


def variables(
    project: Project, lead: Lead, row: Dialog | None, connection: str = ""
) -> dict[str, str]:
    page = row.visit.title or row.visit.page if row is not None else ""
    own = {
        "name": lead.name,
        "first_name": next(iter(lead.name.split()), ""),
        "phone": lead.phone,
        "page": page,
        "site": urlsplit(row.visit.page).hostname or "" if row is not None else "",
        "project": project.name,
        "connection": connection,
        "comment": lead.comment,
    }
    return (row.fields if row is not None else {}) | own


def _tones(extension: str) -> str:
    """An extension of the person's own exchange is pressed once that answers."""
    return f",,{extension}" if extension.isdigit() else ""


def who(operators: tuple[tuple[Party, ...], ...]) -> list[OperatorId]:
    """Every operator among them, once."""
    found = [each.operator for stage in operators for each in stage if each.operator is not None]
    return list(dict.fromkeys(found))

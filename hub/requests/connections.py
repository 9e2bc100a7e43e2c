"""Connections: which of them handles a filled form, whose phone it has and when to call.

A connection is of one source; of those whose conditions all hold the highest priority handles the
form. Pure, but for `get`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from hub import phones, phrases
from hub.errors import NotFoundError
from hub.legible import line, marks
from hub.model import CallTime, ProjectId, cut
from hub.people.contacts import ALSO, REGION
from hub.people.visit import Visit
from hub.phones import Phone
from hub.requests import planning
from hub.requests.planning import folded
from hub.requests.terms import UTM, By, Condition, Connection, Handling, Source, Terms
from hub.store.engine import Engine

URL_MAX = 2_000
LABEL_MAX = 300

NO_ACCESS = "no_access"
"""The value of what is made of a field that the source's rights hide from us."""


class Filled(Struct, frozen=True, kw_only=True):
    """A filled form as the log has it; `channel` is where it came in.

    The date of `submitted_at` is read in the zone that it has.
    """

    source: str
    submitted_at: datetime
    channel: str = ""
    form: str = ""
    form_id: str = ""
    group_id: str = ""
    ad_id: str = ""
    fields: dict[str, str] = {}
    hidden: tuple[str, ...] = ()
    raw_phone: str = ""
    handling: Handling | None = None


class Read(Struct, frozen=True):
    """The phone in E.164, or why there is none: a code; `written` is what stood there."""

    phone: str = ""
    extension: str = ""
    why_not: str = ""
    written: str = ""


class When(NamedTuple):
    """When the first call is to be; `row` is the planning row that said so, `time` a wall's time.

    Without `at` as soon as it is lawful.
    """

    at: datetime | None = None
    time: CallTime | None = None
    row: int | None = None


def choose(connections: Iterable[Connection], form: Filled) -> Connection | None:
    """The connection that handles the form: the first of `fitting`."""
    return next(iter(fitting(connections, form)), None)


def fitting(connections: Iterable[Connection], form: Filled) -> list[Connection]:
    """All whose conditions hold, the one that handles the form first; of equals the older does."""
    told = _values(form)
    found = [each for each in connections if _holds(each, form, told)]
    return sorted(found, key=lambda each: (each.terms.priority, each.created_at, each.id))


def meets(one: Connection, other: Connection) -> bool:
    """Whether some form could fit both that says what object it is of."""
    mine, theirs = one.terms, other.terms
    if not (_is_on(one) and _is_on(other)) or mine.source is not theirs.source:
        return False
    if mine.object_id and theirs.object_id and mine.object_id != theirs.object_id:
        return False
    return not any(_exclude(a, b) for a in mine.conditions for b in theirs.conditions)


def phone_of(terms: Terms | None, form: Filled) -> Read:
    """The phone by the connection's field, by what the source read where it names none."""
    written, field = form.raw_phone, terms.phone_field if terms else ""
    if field:
        wanted = folded(field)
        if wanted in map(folded, form.hidden):
            return Read(why_not="hidden")
        told = {folded(name): value for name, value in form.fields.items()}
        if wanted not in told:
            return Read(why_not="no_field")
        written = told[wanted]
    found = phones.parse(written, REGION, ALSO)
    written = line(written, 100)
    if not isinstance(found, Phone):
        return Read(why_not=found.value, written=written)
    if not found.dialable:
        why_not = found.why_not.value if found.why_not else "no_such_number"
        return Read(why_not=why_not, written=written)
    return Read(found.e164, found.extension, written=written)


def plan_of(connection: Connection | None, form: Filled, zone: str) -> When:
    """By the first planning row that fits, else by the first offset."""
    if connection is None:
        return When()
    terms = connection.terms
    told = {name: value for name, value in _values(form).items() if value}
    if planned := planning.when(terms.planning, told, form.submitted_at, zone):
        return When(planned.at, planned.time, planned.row)
    if terms.offsets:
        return When(cut(form.submitted_at + timedelta(seconds=terms.offsets[0])))
    return When()


def processed(terms: Terms, form: Filled, visit: Visit) -> Visit:
    """The visit with the connection's parameters; what they leave empty stays as it came."""
    names = _names(terms, form)
    made = {each: _made(phrase, names, form) for each, phrase in terms.parameters.items()}
    custom = {each: _made(phrase, names, form) for each, phrase in terms.custom.items()}
    utm = {each: made.pop(each) for each in UTM if made.get(each)}
    visit = replace(
        visit, **{each: line(value, _most(each)) for each, value in made.items() if value}
    )
    return replace(
        visit,
        # Ours first: there is room for so many only.
        utm=marks(utm | {name: value for name, value in visit.utm.items() if name not in utm}),
        custom=visit.custom
        | {name: line(value, LABEL_MAX) for name, value in custom.items() if value},
        entry_domain=visit.entry_domain or _domain(visit.entry_page or visit.page),
        referrer_domain=visit.referrer_domain or _domain(visit.referrer),
    )


async def get(engine: Engine, project: ProjectId, id: str) -> Connection:
    """The connection as it now is; NotFoundError also for another project's."""
    found = await engine.get(Connection, id)
    if found is None or found.project != project or found.gone:
        raise NotFoundError
    return found


def _is_on(connection: Connection) -> bool:
    return connection.terms.active and not connection.gone


def _holds(connection: Connection, form: Filled, told: Mapping[str, str]) -> bool:
    terms = connection.terms
    if not _is_on(connection) or terms.source != form.source:
        return False
    known = _object(form, told)
    if terms.object_id and known and terms.object_id not in known:
        return False
    hidden = frozenset(map(folded, form.hidden))
    return all(_meets(each, told, hidden) for each in terms.conditions)


def _object(form: Filled, told: Mapping[str, str]) -> frozenset[str]:
    """What the source calls the thing that is connected, if the form says; else our channel."""
    match form.source:
        case Source.VK:
            known = (form.group_id,)
        case Source.FACEBOOK:
            known = (told.get("page_id", ""),)
        case Source.MYTARGET:
            known = (told.get("account_id", ""),)
        case Source.YANDEX:
            known = (form.form_id,)
        case _:
            known = (form.channel,)
    return frozenset(filter(None, known))


def _meets(condition: Condition, told: Mapping[str, str], hidden: frozenset[str]) -> bool:
    name = folded(condition.field) if condition.by is By.FIELD else condition.by.value
    if name in hidden:
        return False
    value = folded(told.get(name, ""))
    match condition.op:
        case "is":
            return value in map(folded, condition.values)
        case "is_not":
            return value not in map(folded, condition.values)
        case "contains":
            return any(folded(each) in value for each in condition.values)


def _exclude(one: Condition, other: Condition) -> bool:
    """Whether the two can never hold together."""
    if (one.by, folded(one.field)) != (other.by, folded(other.field)):
        return False
    mine, theirs = set(map(folded, one.values)), set(map(folded, other.values))
    match one.op, other.op:
        case "is", "is":
            return not mine & theirs
        case "is", "is_not":
            return mine <= theirs
        case "is_not", "is":
            return theirs <= mine
        case _:
            return False


def _values(form: Filled) -> dict[str, str]:
    """What conditions and planning look at, by folded names; our own names go before fields."""
    told = {folded(name): value for name, value in form.fields.items()}
    ours = {
        "form_name": form.form,
        "form_id": form.form_id,
        "ad_id": form.ad_id,
        "banner_id": form.ad_id,
        "group_id": form.group_id,
        "submitted_on": f"{form.submitted_at:%d.%m.%Y}",
        "source": form.source,
    }
    return told | {name: value for name, value in ours.items() if value or name not in told}


def _names(terms: Terms, form: Filled) -> dict[str, str]:
    """The names of phrases; one of several words is written with _ between them."""
    told = {
        variant: value
        for name, value in form.fields.items()
        for variant in (name, name.strip().replace(" ", "_"))
    }
    return told | _values(form) | {"connection": terms.name}


def _made(phrase: str, names: Mapping[str, str], form: Filled) -> str:
    made = phrases.render(phrase, names).strip()
    if made or not form.hidden:
        return made
    hidden = frozenset(map(folded, form.hidden))
    return NO_ACCESS if hidden & set(map(folded, phrases.check(phrase, ()))) else ""


def _most(parameter: str) -> int:
    return LABEL_MAX if parameter in ("label", "entry_domain", "referrer_domain") else URL_MAX


def _domain(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "")[:LABEL_MAX]
    except ValueError:
        return ""

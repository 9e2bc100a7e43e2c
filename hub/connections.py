"""Connections: which settings a filled form is handled by, whose phone it has and when to call.

A connection is of one source; of those whose conditions all hold the highest priority handles the
form. What may be a condition is the source's to say: `CONDITIONS`. Pure, but for `get`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from msgspec.structs import replace

from hub import phones, phrases, planning
from hub.calling import Number
from hub.contacts import ALSO, REGION
from hub.errors import BadValueError, NotFoundError
from hub.legible import line, marks
from hub.model import CallTime, ChannelId, DialogId, Document, ProjectId, cut
from hub.phones import Phone
from hub.planning import Row, folded
from hub.store.engine import Engine
from hub.visit import Visit

CONNECTIONS_MAX = 200
CONDITIONS_MAX = 20
VALUES_MAX = 100
OFFSETS_MAX = 10
OFFSET_MAX = 31 * 24 * 3600
CUSTOM_MAX = 20
URL_MAX = 2_000
LABEL_MAX = 300

NO_ACCESS = "no_access"
"""The value of what is made of a field that the source's rights hide from us."""


class Source(StrEnum):
    """Where forms come from."""

    VK = "vk"
    FACEBOOK = "facebook"
    MYTARGET = "mytarget"
    YANDEX = "yandex"
    FORM = "form"
    TILDA = "tilda"
    MARQUIZ = "marquiz"
    WHATSAPP = "whatsapp"
    SITE = "site"


class By(StrEnum):
    """What of a form a condition looks at."""

    FORM_NAME = "form_name"
    FORM_ID = "form_id"
    AD_ID = "ad_id"
    GROUP_ID = "group_id"
    FIELD = "field"


_OURS = frozenset({By.FORM_NAME, By.FORM_ID, By.FIELD})

CONDITIONS: Mapping[Source, frozenset[By]] = MappingProxyType(
    {
        Source.FACEBOOK: frozenset(By),
        Source.VK: frozenset(By),
        Source.MYTARGET: frozenset(By) - {By.GROUP_ID},
        Source.YANDEX: frozenset({By.FORM_NAME, By.FORM_ID, By.FIELD}),
        **dict.fromkeys(
            (Source.FORM, Source.TILDA, Source.MARQUIZ, Source.WHATSAPP, Source.SITE), _OURS
        ),
    }
)
"""By what forms of a source can be told apart; for Yandex name and id are the turbo page's."""

PHONE_FIELDS: Mapping[Source, str] = MappingProxyType(
    {
        # https://dev.vk.com/ru/method/leadForms.getLeads
        Source.VK: "phone_number",
        # https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
        Source.FACEBOOK: "phone_number",
        Source.MYTARGET: "phone",
        Source.YANDEX: "phone",
    }
)
"""The field with the phone that a new connection begins with; others read it by themselves."""

UTM = ("utm_source", "utm_medium", "utm_term", "utm_campaign", "utm_content")
PARAMETERS = (
    *UTM,
    "referrer",
    "entry_page",
    "exit_page",
    "entry_domain",
    "referrer_domain",
    "label",
)
BUILT_IN = (
    "form_name",
    "form_id",
    "ad_id",
    "banner_id",
    "group_id",
    "submitted_on",
    "connection",
    "source",
)
"""Names that every form has beside its own fields."""

KNOWN_FIELDS: Mapping[Source, tuple[str, ...]] = MappingProxyType(
    {
        Source.VK: ("first_name", "last_name", "phone_number", "email", "user_id"),
        Source.FACEBOOK: (
            "full_name",
            "first_name",
            "last_name",
            "phone_number",
            "email",
            "campaign_id",
            "page_id",
        ),
        Source.MYTARGET: ("name", "phone"),
        Source.YANDEX: ("name", "phone"),
    }
)
"""The fields that forms of a source are known to have."""

_CUSTOM = re.compile(r"[\w-]{1,64}")


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the `values`; which form field is looked at stands in `field` where one is."""

    by: By
    values: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=300)], ...],
        Meta(min_length=1, max_length=VALUES_MAX),
    ]
    field: Annotated[str, Meta(max_length=100)] = ""
    op: Literal["is", "is_not", "contains"] = "is"


Short = Annotated[str, Meta(max_length=200)]
Phrase = Annotated[str, Meta(max_length=1_000)]


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an admin says of a connection; `checked` before it is kept.

    Priority 0 is the highest. `phone_field` empty leaves the phone to what the source reads itself;
    None is the source's default. `offsets` are seconds from the form, the first call included.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Source
    active: bool = True
    object_id: Short = ""
    object_name: Short = ""
    priority: Annotated[int, Meta(ge=0, le=1_000)] = 0
    handling: Literal["callback", "register"] = "callback"
    phone_field: Annotated[str, Meta(max_length=100)] | None = None
    conditions: Annotated[tuple[Condition, ...], Meta(max_length=CONDITIONS_MAX)] = ()
    parameters: dict[str, Phrase] = {}
    custom: dict[str, Phrase] = {}
    planning: Annotated[tuple[Row, ...], Meta(max_length=planning.ROWS_MAX)] = ()
    offsets: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=OFFSET_MAX)], ...], Meta(max_length=OFFSETS_MAX)
    ] = ()
    numbers: Annotated[tuple[Number, ...], Meta(max_length=20)] = ()
    shown: Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{6,14})?\Z")] = ""


class Connection(Document, frozen=True, kw_only=True):
    """How forms of one source are handled; one that is gone stays for the reports by its name."""

    project: ProjectId
    terms: Terms
    priority: int
    created_at: datetime
    changed_at: datetime
    gone: bool = False


class Invalid(Document, frozen=True, kw_only=True):
    """A form that asks for a call and whose phone cannot be read; `_id` is its entry's.

    `reason` is a code, `written` what stood in the field. It waits until it is sent again with
    success.
    """

    project: ProjectId
    channel: ChannelId
    dialog: DialogId
    connection: str = ""
    name: str = ""
    form: str = ""
    reason: str
    written: str = ""
    waiting: bool = True
    tries: int = 1
    created_at: datetime
    tried_at: datetime


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
    handling: str = ""


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


class Doubts(Struct, frozen=True, kw_only=True):
    """What is odd about terms that may be kept: by parameter unknown names, and planning rows."""

    unknown: dict[str, tuple[str, ...]] = {}
    rows: tuple[planning.Doubt, ...] = ()


def checked(terms: Terms, zone: str, now: datetime) -> tuple[Terms, Doubts]:
    """The terms as they are kept, and what is doubtful; BadValueError names what cannot be."""
    name = line(terms.name, 200)
    if not name:
        raise BadValueError("a connection needs a name", field="name")
    for number, condition in enumerate(terms.conditions):
        if condition.by not in CONDITIONS[terms.source]:
            raise BadValueError(
                f"forms of {terms.source} are not told apart by {condition.by}",
                field=f"conditions.{number}.by",
            )
        if (condition.by is By.FIELD) != bool(condition.field.strip()):
            raise BadValueError(
                "a field is named where the condition looks at one, and only there",
                field=f"conditions.{number}.field",
            )
    for name_of in terms.parameters:
        if name_of not in PARAMETERS:
            raise BadValueError("there is no such parameter", field="parameters")
    if len(terms.custom) > CUSTOM_MAX:
        raise BadValueError(f"no more than {CUSTOM_MAX}", field="custom")
    for name_of in terms.custom:
        if not _CUSTOM.fullmatch(name_of):
            raise BadValueError("a name has letters, digits, _ and -", field="custom")
    if list(terms.offsets) != sorted(set(terms.offsets)):
        raise BadValueError("each attempt is later than the one before", field="offsets")
    rows, doubts = planning.checked(terms.planning, zone, now)
    phone_field = terms.phone_field
    if phone_field is None:
        phone_field = PHONE_FIELDS.get(terms.source, "")
    kept = replace(
        terms,
        name=name,
        object_id=terms.object_id.strip(),
        object_name=line(terms.object_name, 200),
        phone_field=" ".join(phone_field.split()),
        parameters={each: phrase for each, phrase in terms.parameters.items() if phrase.strip()},
        custom={each: phrase for each, phrase in terms.custom.items() if phrase.strip()},
        planning=rows,
    )
    return kept, Doubts(unknown=_unknown(kept), rows=doubts)


def choose(connections: Iterable[Connection], form: Filled) -> Connection | None:
    """The connection that handles the form: the first of `fitting`."""
    return next(iter(fitting(connections, form)), None)


def fitting(connections: Iterable[Connection], form: Filled) -> list[Connection]:
    """All whose conditions hold, the one that handles the form first; of equals the older does."""
    told = _values(form)
    found = [each for each in connections if _holds(each, form, told)]
    return sorted(found, key=lambda each: (each.terms.priority, each.created_at, each.id))


def meets(one: Connection, other: Connection) -> bool:
    """Whether some form could fit both, as far as their conditions tell."""
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


def _unknown(terms: Terms) -> dict[str, tuple[str, ...]]:
    """By parameter the names that no form of the source is known to have; empty where none is."""
    known = {*BUILT_IN, *KNOWN_FIELDS.get(terms.source, ()), terms.phone_field or ""}
    known |= {each.field for each in terms.planning}
    known |= {each.field for each in terms.conditions}
    known |= {each.replace(" ", "_") for each in known}
    found = {}
    for group, given in (("parameters", terms.parameters), ("custom", terms.custom)):
        for name, phrase in given.items():
            try:
                unknown = phrases.check(phrase, known)
            except phrases.PhraseError as error:
                raise phrases.PhraseError(str(error), field=f"{group}.{name}") from None
            if unknown:
                found[f"{group}.{name}"] = unknown
    return found


def _most(parameter: str) -> int:
    return LABEL_MAX if parameter in ("label", "entry_domain", "referrer_domain") else URL_MAX


def _domain(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "")[:LABEL_MAX]
    except ValueError:
        return ""

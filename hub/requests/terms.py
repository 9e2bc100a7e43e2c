"""A connection as it is kept: its source, conditions, priority and plan, checked.

By what forms are told apart is the source's to say: `CONDITIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from hub import phrases
from hub.calling import Number
from hub.calls import says
from hub.calls.script import VARIABLES, Script
from hub.errors import BadValueError
from hub.legible import line
from hub.model import ChannelId, DialogId, Document, ProjectId
from hub.requests import planning
from hub.requests.planning import Row

CONNECTIONS_MAX = 200
CONDITIONS_MAX = 20
VALUES_MAX = 100
OFFSETS_MAX = 10
OFFSET_MAX = 31 * 24 * 3600
CUSTOM_MAX = 20


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


Handling = Literal["callback", "register"]
"""Whether a form asks for a call, or is only kept for people to handle."""


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
    Without a `script` calls are as the project's.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    source: Source
    active: bool = True
    object_id: Short = ""
    object_name: Short = ""
    priority: Annotated[int, Meta(ge=0, le=1_000)] = 0
    handling: Handling = "callback"
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
    script: Script | None = None


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
    if terms.script is not None:
        says.check(terms.script)
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


def _unknown(terms: Terms) -> dict[str, tuple[str, ...]]:
    """By parameter the names that no form of the source is known to have; empty where none is."""
    known = {*BUILT_IN, *KNOWN_FIELDS.get(terms.source, ()), terms.phone_field or ""}
    known |= {each.field for each in terms.planning}
    known |= {each.field for each in terms.conditions}
    known |= {each.replace(" ", "_") for each in known}
    spoken = {each.replace(" ", "_") for each in known} | known | frozenset(VARIABLES)
    found = says.unknown(terms.script, spoken) if terms.script is not None else {}
    for group, given in (("parameters", terms.parameters), ("custom", terms.custom)):
        for name, phrase in given.items():
            try:
                unknown = phrases.check(phrase, known)
            except phrases.PhraseError as error:
                raise phrases.PhraseError(str(error), field=f"{group}.{name}") from None
            if unknown:
                found[f"{group}.{name}"] = unknown
    return found

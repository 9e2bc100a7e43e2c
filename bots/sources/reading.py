"""What a form's fields say: whose phone it is, what was answered, how the person came.

A field is known by what an admin said of it, else by the words of its name, and a phone also by
itself. Whatever is not understood is an answer like any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from hub import phones
from hub.errors import PayloadError
from hub.events import FormFilled, Sender
from hub.model import cut
from hub.people import contacts
from hub.people.visit import Visit
from hub.phones import Phone

ANSWERS_MAX = 100
PHONE_MAX = 100
NAMED_MAX = 20
DIGITS_MIN = 10
SEARCHED_MAX = 2_000
"""How much of a form is searched for a phone that no field is named for: it costs time."""

MARKS_MAX = 200
"""Cookies, and what stands in an address after its question mark, that are looked at."""

Handling = Literal["", "callback", "register"]


class Mapped(NamedTuple):
    """Which field is what, by its name; an empty one is found by the words of the names."""

    phone: str = ""
    name: str = ""
    email: str = ""
    comment: str = ""
    page: str = ""
    form: str = ""
    request: str = ""


class Told(NamedTuple):
    """A form with what was passed over and why, by the names of the fields."""

    form: FormFilled
    ignored: tuple[tuple[str, str], ...]


class Source(NamedTuple):
    """Where a form came from and what is known of it besides its fields."""

    code: str
    at: datetime
    handling: Handling = ""
    request: str = ""
    form: str = ""
    form_id: str = ""
    cookies: str = ""


_WORDS = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])")

_PHONE = re.compile(
    r"тел|телефон\w*|моб|мобил\w*|сотов\w*|tel|mob|cell|msisdn|mobile|mobilephone|cellphone|"
    r"phone\w*|userphone|telephone|telefon\w*|whatsapp|ватсап|вотсап|viber"
)
_MAYBE_PHONE = frozenset(("номер", "number", "контакт", "контакты", "contact"))
_NAME = frozenset(("name", "имя", "фио", "fio", "fullname", "firstname", "имени", "зовут"))
_FIRST = frozenset(("first", "given"))
_LAST = frozenset(("lastname", "surname", "фамилия", "last", "family"))
_MIDDLE = frozenset(("patronymic", "отчество", "middle", "middlename"))
_OF_PERSONS = _NAME | _FIRST | _LAST | _MIDDLE
_OF_THINGS = frozenset(
    (
        *("form", "page", "company", "product", "file", "site", "quiz", "project", "campaign"),
        *("utm", "user", "service", "host", "domain", "brand", "shop", "store", "форма", "формы"),
        *("компании", "компания", "организации", "товара", "услуги", "файла", "страницы", "сайта"),
    )
)
_EMAIL = re.compile(r"e?mail\w*|mail|почта|почты|имейл|емейл|мейл")
_COMMENT = re.compile(
    r"comments?|message|msg|text|textarea|question|notes?|комментари\w+|сообщени\w+|вопрос\w*"
    r"|пожелани\w+|примечани\w+|описани\w+"
)
_OFFERS = re.compile(
    r"рассылк\w+|реклам\w+|подписк\w+|подписаться|newsletters?|mailing|subscri(?:be|ption)\w*"
    r"|advertising|ads|marketing"
)
_REFUSES = frozenset(("не", "нет", "без", "отказ", "отписаться", "no", "not", "off", "unsubscribe"))
_TICKED = frozenset(
    ("1", "+", "on", "yes", "y", "true", "ok", "checked", "agree", "да", "согласен", "согласна")
)
_PAGE = ("page_url", "page", "url", "href", "source_url", "страница", "location", "link")
_REFERRER = ("referrer", "referer", "ref")
_FORM = ("formname", "form_name", "quiz_name", "form", "quiz", "форма", "subject")
_FORM_ID = ("formid", "form_id", "quiz_id")
_REQUEST = ("request_id", "requestid", "lead_id", "leadid", "tranid", "submission_id", "entry_id")
_UTM = re.compile(r"utm_\w{1,20}")

_SERVICE = re.compile(
    r"utm_\w+|tran_?id|form_?id|form_?name|request_?id|lead_?id|submission_?id|entry_?id|quiz_?id"
    r"|_?ym_?\w*|_?ga|_ga_\w+|gclid|yclid|fbclid|roistat\w*|ref(?:errer|erer)?|action|created\w*"
    r"|timestamp|time_?zone|lang|href|page|page_?url|url|source_?url|_wp\w+"
    r"|api_version|campaign_id|adgroup_id|gcl_?id|is_test"
)
"""The end of a name that no person fills in."""

_ABOUT = frozenset(("utm", "cookies"))
"""What has fields of its own below it that no person fills in either."""

_DROPPED = re.compile(
    r"cookies?|token|csrf\w*|_?nonce|g_recaptcha_response|smart_token|captcha\w*|pass(?:word|wd)?"
    r"|пароль|secret|\w*_key|(?:remote_)?ip(?:_?addr(?:ess)?)?|user_?agent|fingerprint"
)
"""What is not kept at all: it is not needed, and others could do harm with it."""

_CRUMBS = ("TILDAUTM", "_ym_uid", "_ga")
"""The cookies that say how somebody came; the others are nobody's business."""


def read(fields: Mapping[str, str], source: Source, mapped: Mapped) -> Told:
    """Raises PayloadError("empty") where nobody filled anything in."""
    asked = {each for each in mapped if each}
    ignored = [(each, "absent") for each in sorted(asked - fields.keys())]
    answers: list[tuple[str, str]] = []
    kept: dict[str, str] = {}
    for name, value in fields.items():
        if _is_dropped(name):
            ignored.append((name, "dropped"))
        elif len(kept) >= ANSWERS_MAX:
            ignored.append((name, "many"))
        else:
            kept[name] = value
            if name not in asked and (_is_service(name) or _is_title(name, fields)):
                ignored.append((name, "service"))
            else:
                answers.append((name.rpartition(".")[2] or name, value))
    if not answers:
        raise PayloadError("empty")
    said = {name: value for name, value in fields.items() if not _is_dropped(name)}
    phone = _phone(said, mapped.phone)
    number = e164(phone)
    name = said.get(mapped.name, "") or _name(said)
    id = _id(source, said, mapped, number or phone)
    return Told(
        FormFilled(
            sender=Sender(external_id=number or id, name=name, phone=number),
            at=cut(source.at),
            external_id=id,
            form=source.form or said.get(mapped.form, "") or _by(said, _FORM),
            answers=tuple(answers),
            name=name,
            phone=phone,
            email=_email(said, mapped.email),
            comment=said.get(mapped.comment, "") or _worded(said, _COMMENT),
            source=source.code,
            form_id=source.form_id or _by(said, _FORM_ID),
            fields=kept,
            visit=_visit(said, source.cookies, mapped.page),
            handling=source.handling,
            advertising=_advertising(said),
        ),
        tuple(ignored),
    )


def e164(written: str) -> str:
    """The number that is meant, also one that the hub would not call; empty if it is none."""
    found = phones.parse(written[:PHONE_MAX], contacts.REGION, contacts.ALSO)
    return found.e164 if isinstance(found, Phone) else ""


def digest(*told: str) -> str:
    """What a request is known by; as short as an id may be."""
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:32]


def _id(source: Source, said: Mapping[str, str], mapped: Mapped, phone: str) -> str:
    """The same for every copy of one request.

    The phone is a part of it: a sender whose ids are all the same loses nobody's request. Without
    any id, what says the same within a minute is one request.
    """
    request = source.request or said.get(mapped.request, "") or _by(said, _REQUEST)
    if request:
        return f"form:{digest(request, phone)}"
    minute = source.at.strftime("%Y-%m-%dT%H:%M")
    return f"form:{digest(phone, minute, *(f'{name}={said[name]}' for name in sorted(said)))}"


def _parts(name: str) -> list[str]:
    return [re.sub(r"[\s-]+", "_", part) for part in name.lower().split(".")]


def _is_service(name: str) -> bool:
    *above, last = _parts(name)
    if not _ABOUT.isdisjoint(above) or _SERVICE.fullmatch(last):
        return True
    return (above[-1:], last) in ((["form"], "id"), (["quiz"], "id"), (["quiz"], "name"))


def _is_title(name: str, fields: Mapping[str, str]) -> bool:
    """Whether it is what the form itself is called, which has an id beside it."""
    return name == "form.name" and "form.id" in fields


def _is_dropped(name: str) -> bool:
    *above, last = _parts(name)
    if "cookies" in above:
        return last not in _CRUMBS
    return _DROPPED.fullmatch(last) is not None


def _words(name: str) -> list[str]:
    return [each.lower().replace("ё", "е") for each in _WORDS.findall(_CAMEL.sub(" ", name))]


def _phone(said: Mapping[str, str], mapped: str) -> str:
    """As it was written: what is named so, else what can be nothing else."""
    if mapped in said:
        return said[mapped]
    named = [value for name, value in said.items() if any(map(_PHONE.fullmatch, _words(name)))]
    maybe = [value for name, value in said.items() if _MAYBE_PHONE & set(_words(name))]
    for value in (*named[:NAMED_MAX], *maybe[:NAMED_MAX]):
        if e164(value):
            return value
    left = SEARCHED_MAX
    for name, value in said.items():
        if left <= 0:
            break
        if _is_service(name) or sum(map(str.isdigit, value[:left])) < DIGITS_MIN:
            continue
        # The name stands before it: "ИНН" and "заказ" say that it is no phone.
        text = f"{name}: {value[:left]}"
        left -= len(text)
        for found in phones.find(text, contacts.REGION, contacts.ALSO):
            if found.confident:
                return text[found.start : found.end]
    return next((value for value in named if any(map(str.isdigit, value))), "")


def _name(said: Mapping[str, str]) -> str:
    whole = last = middle = ""
    for name, value in said.items():
        words = set(_words(name))
        if words.isdisjoint(_OF_PERSONS) or words & _OF_THINGS:
            continue
        if len(value) > 200 or "@" in value or e164(value):
            continue
        if words & _LAST:
            last = last or value
        elif words & _MIDDLE:
            middle = middle or value
        elif words & (_NAME | _FIRST):
            whole = whole or value
    parts = (part for part in (whole, middle, last) if part)
    return " ".join(dict.fromkeys(parts))


def _email(said: Mapping[str, str], mapped: str) -> str:
    if mapped in said:
        return said[mapped]
    for name, value in said.items():
        if any(map(_EMAIL.fullmatch, _words(name))) and contacts.is_email(value):
            return value
    return next((value for value in said.values() if contacts.is_email(value)), "")


def _advertising(said: Mapping[str, str]) -> str:
    """The words of a ticked box for offers; what is not said plainly is not agreed to."""
    for name, value in said.items():
        words = _words(name)
        if not any(map(_OFFERS.fullmatch, words)) or _is_service(name):
            continue
        if _REFUSES.isdisjoint((*words, *_words(value))) and value.casefold() in _TICKED:
            return name
    return ""


def _worded(said: Mapping[str, str], word: re.Pattern[str]) -> str:
    return next(
        (
            value
            for name, value in said.items()
            if any(map(word.fullmatch, _words(name.rpartition(".")[2])))
        ),
        "",
    )


def _by(said: Mapping[str, str], names: Sequence[str]) -> str:
    """The first field of such a name, in the order of the names."""
    known = _by_end(said)
    return next((known[name] for name in names if name in known), "")


def _by_end(said: Mapping[str, str]) -> dict[str, str]:
    """Fields by the end of their names: `page_url` is also what `page.url` is."""
    known: dict[str, str] = {}
    for name, value in said.items():
        parts = _parts(name)
        known.setdefault(parts[-1], value)
        known.setdefault("_".join(parts[-2:]), value)
    return known


def _visit(said: Mapping[str, str], cookies: str, mapped: str) -> Visit:
    page = said.get(mapped, "") or _address(said, _PAGE)
    referrer = _address(said, _REFERRER)
    if not page:
        page, referrer = referrer, ""
    crumbs = _crumbs(cookies)
    utm = _campaign(said) or _marks(crumbs.get("TILDAUTM", "").replace("|||", "&")) or _asked(page)
    zone = _by(said, ("timezone", "time_zone"))
    return Visit(
        page=page,
        referrer=referrer,
        utm=utm,
        zone=zone if "/" in zone else "",
        lang=_by(said, ("lang",)),
        yclid=_by(said, ("yclid",)) or _query(page).get("yclid", ""),
        gclid=_by(said, ("gclid",)) or _query(page).get("gclid", ""),
        ym_client_id=_by(said, ("_ym_uid", "ym_uid", "ym_client_id")) or crumbs.get("_ym_uid", ""),
        ga_client_id=_by(said, ("_ga", "ga_client_id")) or crumbs.get("_ga", ""),
    )


def _address(said: Mapping[str, str], names: Sequence[str]) -> str:
    known = _by_end(said)
    found = (known[name] for name in names if name in known)
    return next((each for each in found if re.match(r"(?i)https?://\S", each)), "")


def _campaign(said: Mapping[str, str]) -> dict[str, str]:
    """Marks under their own names, or under `utm` as an object has them."""
    utm: dict[str, str] = {}
    for name, value in said.items():
        way = _parts(name)
        if len(way) > 1 and way[-2] == "utm":
            # Some call the campaign's mark its name.
            utm.setdefault(f"utm_{'campaign' if way[-1] == 'name' else way[-1]}", value)
        elif _UTM.fullmatch(way[-1]):
            utm.setdefault(way[-1], value)
    return utm


def _crumbs(cookies: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in cookies.split(";")[:MARKS_MAX])
    return {
        name: unquote(value)[:2_000]
        for name, _, value in ((name.strip(), eq, value.strip()) for name, eq, value in pairs)
        if name in _CRUMBS
    }


def _marks(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, max_num_fields=MARKS_MAX)
    except ValueError:
        return {}
    return {name.lower(): value for name, value in pairs if _UTM.fullmatch(name.lower())}


def _asked(page: str) -> dict[str, str]:
    return {name: value for name, value in _query(page).items() if _UTM.fullmatch(name)}


def _query(page: str) -> dict[str, str]:
    try:
        return {
            name.lower(): value
            for name, value in parse_qsl(urlsplit(page).query, max_num_fields=MARKS_MAX)
        }
    except ValueError:
        return {}

"""Phone numbers in what people write, Russian and neighbouring habits first.

Built on the numbering plans of the `phonenumbers` library, whose data is large: it is loaded
at the first text that has enough digits for a number, not with this module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from msgspec import Struct

from hub.flat_text import flatten

LOOKED_AT = 4096
"""Characters of a text that are looked at; what comes later is not seen."""

MOST = 20
"""Numbers that one text can give."""

# Asks of the numbering plans that one text may cost; real texts need a handful.
_TRIES = 300


class Kind(StrEnum):
    """What a number is, as far as its country's plan tells."""

    MOBILE = "mobile"
    CITY = "city"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    PERSONAL = "personal"
    VOIP = "voip"
    UNKNOWN = "unknown"


class WhyNot(StrEnum):
    """Why a number must not be dialled by itself, or why a field holds none."""

    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    PERSONAL = "personal"
    VOIP = "voip"
    UNKNOWN_KIND = "unknown_kind"
    FOREIGN = "foreign"
    EMPTY = "empty"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    MADE_UP = "made_up"
    NO_SUCH_NUMBER = "no_such_number"


class Phone(Struct, frozen=True):
    """A number that exists in its country's plan, and where in the text it stood.

    `dialable` speaks of automatic calls. Without `confident`, ask the person first.
    `text[start:end]` is the number as written, with its extension.
    """

    e164: str
    extension: str
    kind: Kind
    region: str
    dialable: bool
    why_not: WhyNot | None
    confident: bool
    start: int
    end: int


def find(text: str, region: str = "RU", also: Collection[str] = ()) -> list[Phone]:
    """Every number in a text, in its order.

    `region` is where numbers without a country code are from; only numbers of it and of
    `also` are dialable. What is labelled or shaped as something else (an order, a sum, a
    card, a date, a link) is left out.
    """
    return _Reader(text[:LOOKED_AT], region, also, trusted=False).read()


def parse(field: str, region: str = "RU", also: Collection[str] = ()) -> Phone | WhyNot:
    """The number in a field that is meant for one, or why there is none; the first if several."""
    reader = _Reader(field[:LOOKED_AT], region, also, trusted=True)
    found = reader.read()
    if found:
        return found[0]
    digits = re.sub(r"\D", "", reader.line)
    if not digits:
        return WhyNot.EMPTY
    if len(digits) < 10:
        return WhyNot.TOO_SHORT
    if len(digits) > 15:
        return WhyNot.TOO_LONG
    return WhyNot.MADE_UP if _made_up(digits) else WhyNot.NO_SUCH_NUMBER


def is_only_phone(text: str, region: str = "RU", also: Collection[str] = ()) -> bool:
    """Whether a message says nothing but a number, polite words around it allowed."""
    if len(text) > _SHORT:
        return False
    phones = find(text, region, also)
    rest = text
    for phone in reversed(phones):
        rest = f"{rest[: phone.start]} {rest[phone.end :]}"
    words = re.findall(r"[^\W_]+", flatten(rest)[0])
    return bool(phones) and all(map(_POLITE.fullmatch, words))


# A message longer than this says something else too.
_SHORT = 200

_POLITE = re.compile(
    r"здравствуи\w*|здрасте|привет\w*|добр(?:ыи|ое|ого|ои)|день|дня|вечера?|утр[оа]|времени|суток|ночи"
    r"|мои|моя|моего|это|вот|и|или|а|по|на|для|к|мне|меня|нам|со?|мнои|мною|как|скорее"
    r"|номера?|номеру|т|тел|телефон\w*|моб|мобильн\w+|сот|сотов\w+|контакт\w*|связ[иь]|свяжитесь"
    r"|ват[сц]ап\w*|вотсап\w*|вацап\w*|ваи?бер\w*|телегр\w*|макс"
    r"|звоните|звони|звонок|звонка|позвон\w+|перезвон\w+|набер\w+|жд[уе]м?|срочно|сеичас"
    r"|пожалуи?ст\w*|пож|плиз|прошу|можно|можете|спасибо|благодар\w+|заранее|уважением"
    r"|hello|hi|hey|good|morning|afternoon|evening|day|dear|please|pls|plz|thanks?|you|thx|asap|now"
    r"|my|is|here|s|it|this|the|a|me|us|at|on|to|by|and|or|numbers?|phone|tel|telephone|mobile|cell|mob"
    r"|calls?|ring|text|contact|back|can|could|would|waiting|for|your|wa|whats?app|viber|telegram|max"
)

_PHONE_WORD = re.compile(
    r"т|тел|телеф\w*|моб|мобил\w*|сот|сотов\w*|номер\w*|звон\w+|позвон\w+|перезвон\w+|набер\w+"
    r"|whats?app|wa|ватсап\w*|вотсап\w*|вацап\w*|viber|ваи?бер\w*|telegram|tg|телегр\w*"
    r"|phone\w*|tel|telephone|mobile|mob|cell|call|number|fax|факс|контакт\w*|contact|связ\w+|смс|sms"
)

_LABEL = re.compile(
    r"инн|кпп|огрн|огрнип|бик|снилс|окпо|октмо|паспорт\w*|заказ\w*|артикул\w*|арт|код\w*"
    r"|трек\w*|счет\w*|договор\w*|карт[аыуе]|картои|полис\w*|накладн\w+|чек\w*"
    r"|квитанци\w+|лот\w*|сери\w+|доб|добавочныи|vin|id|ид|ip|imei|sku|inn|order|track|tracking"
    r"|invoice|account|card|contract|passport|code|цена|сумма|бюджет|price"
)
_ACCOUNT = re.compile(r"[рк]/с$")
_NEUTRAL = re.compile(r"номер\w*|n|no|number")

# What may stand between a word and the number that it speaks of.
_LINK = " :№#=-.\"'«»("

_UNIT = re.compile(
    r"\s*(?:₽|\$|€|%|(?:руб|тыс|млн|млрд|тонн|usd|eur|rub)\w*"
    r"|(?:р|шт|кг|гр|км|м2|кв\.? ?м|тг|тенге|сум)\b)"
)
_EXTENSION = re.compile(
    r"[ ,;(]{0,3}(?:(?:доб(?:авочныи)?|внутр(?:еннии)?|вн|ext(?:ension)?)[ .:№]{0,3}|[#x] ?)"
    r"(\d{1,6})(?!\d)\)?",
    re.ASCII,
)
_DATE = re.compile(
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d"
    r"|(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2})(?!\d)",
    re.ASCII,
)
_LETTER_FOR_ZERO = re.compile(r"(?<=\d)[оo]+(?=\d|\b)")
_BLOCK = re.compile(r"(\+ ?)?(\( ?)?(\d+)", re.ASCII)
_SEPARATOR = re.compile(r"[ .()-]{1,4}")
_TOKEN = re.compile(r"[^\s,;]+")
_PHONE_LINK = re.compile(
    r"(?:https?://)?(?:wa\.me/|t\.me/\+|(?:api|web)\.whatsapp\.com/send/?\?phone=)\+?(\d{8,15})(?!\d)"
    r"|(?:tel:|callto:|whatsapp://send\?phone=|viber://\w+\?number=)(?:\+|%2b)?(\d{8,15})(?!\d)",
    re.ASCII,
)

# Ten digits that are written with nothing before them: a mobile, or a big city's code.
_BARE = re.compile(r"9|34[2357]|351|38[13]|391|42[13]|473|49[589]|812|831|84[346]|86[123]")
# Neighbours' country codes: recognised without a plus as well.
_NEAR = ("373", "374", "375", "380", "992", "993", "994", "995", "996", "998")


_Known = tuple[str, Kind, str]
"""E.164, kind, region."""

_Meant = tuple[_Known, bool, bool]
"""What digits mean, whether that is sure, whether they stand without any prefix."""


class _Block(NamedTuple):
    """Digits that stand together, and what is right before them."""

    start: int
    digits_start: int
    end: int
    digits: str
    plus: bool
    bracket: bool


class _Hit(NamedTuple):
    e164: str
    kind: Kind
    region: str
    confident: bool
    bare: bool
    first: int
    last: int


class _Reader:
    """One text being read; positions are those of its flattened copy until the end."""

    def __init__(self, text: str, region: str, also: Collection[str], *, trusted: bool) -> None:
        line, self.origin = flatten(text)
        self.line = _LETTER_FOR_ZERO.sub(lambda run: "0" * len(run[0]), line)
        self.length = len(text)
        self.mended = self.line != line
        self.region = region
        self.also = tuple(also)
        self.trusted = trusted
        self.tries = _TRIES

    def read(self) -> list[Phone]:
        if sum(map(str.isdecimal, self.line)) < 8:
            return []
        phones = list(self._links())
        end = 0
        for chain in self._chains():
            for hit in self._hits(chain):
                start = chain[hit.first].start
                if start < end or len(phones) >= MOST:
                    continue
                end = chain[hit.last].end
                extension = _EXTENSION.match(self.line, end)
                if extension:
                    end = extension.end()
                phones.append(self._phone(hit, extension[1] if extension else "", start, end))
        return sorted(phones, key=lambda phone: phone.start)[:MOST]

    def _links(self) -> Iterator[Phone]:
        """Numbers in links to messengers; then blots every link, address and date."""
        line = self.line
        for token in list(_TOKEN.finditer(line)):
            link = _PHONE_LINK.match(token[0])
            if link:
                known = self._known("+" + (link[1] or link[2]))
                if known and not _made_up(known[0]):
                    group = 1 if link[1] else 2
                    start, end = (token.start() + at for at in link.span(group))
                    yield self._phone(_Hit(*known, True, False, 0, 0), "", start, end)
            if link or _is_address(token[0]):
                line = line[: token.start()] + "\n" * len(token[0]) + line[token.end() :]
        self.line = _DATE.sub(lambda run: "\n" * len(run[0]), line)

    def _chains(self) -> Iterator[list[_Block]]:
        """Blocks of digits with nothing between them but what people put into a number."""
        chain: list[_Block] = []
        for found in _BLOCK.finditer(self.line):
            span = found.start(), found.start(3), found.end()
            block = _Block(*span, found[3], plus=bool(found[1]), bracket=bool(found[2]))
            if chain and (
                block.plus or not _SEPARATOR.fullmatch(self.line, chain[-1].end, block.digits_start)
            ):
                yield chain
                chain = []
            chain.append(block)
        if chain:
            yield chain

    def _hits(self, chain: list[_Block]) -> list[_Hit]:
        hits: list[_Hit] = []
        first = 0
        while first < len(chain):
            hit = self._hit(chain, first)
            if hit:
                hits.append(hit)
                first = hit.last + 1
            else:
                first += 1
        if self.trusted:
            return hits
        return [
            hit._replace(confident=hit.confident and alone == 0)
            for hit in hits
            if (alone := _crowd(chain, hits, hit)) < (3 if hit.bare else 100)
        ]

    def _hit(self, chain: list[_Block], first: int) -> _Hit | None:
        """The number that begins with this block, if one does."""
        digits = ""
        ends: list[tuple[int, str]] = []
        for last in range(first, min(len(chain), first + 18)):
            digits += chain[last].digits
            if len(digits) > 18:
                break
            if len(digits) >= 8:
                ends.append((last, digits))
        # The longest first: a plan of free length would else be cut short.
        for last, digits in reversed(ends):
            meant = self._meant(chain, first, last, digits)
            if meant is None or _made_up(meant[0][0]):
                continue
            known, confident, bare = meant
            if self.trusted or not self._is_something_else(chain, first, last):
                sure = confident and (self.trusted or not self.mended)
                return _Hit(*known, sure, bare, first, last)
        return None

    def _meant(self, chain: list[_Block], first: int, last: int, digits: str) -> _Meant | None:
        """What the digits say as a number; whether that is sure, and whether they are bare."""
        block = chain[first]
        russian = self.region in ("RU", "KZ")
        spoken_of = self.trusted or self._spoken_of(block.start)
        # "8 8 903 …": which of the digits is one too many is anybody's guess.
        doubled = not self.trusted and first > 0 and chain[first - 1].digits in ("7", "8")
        known: _Known | None
        if block.plus:
            if digits[0] == "8" and len(digits) == 11 and block.digits == "8":
                return _with(self._known("+7" + digits[1:]), False)
            known = self._known("+" + digits)
            if known is None and digits[0] == "8" and len(digits) == 11:
                return _with(self._known("+7" + digits[1:]), False)
            return _with(known, True)
        if russian and len(digits) == 11 and digits[0] in "78":
            if doubled:
                return None
            if digits[:2] == "80":
                return _with(self._neighbour(digits), False)
            return _with(self._known("+7" + digits[1:]), True)
        if russian and digits.startswith("810") and len(digits) > 11:
            return _with(self._known("+" + digits[3:]), True)
        if digits.startswith("00") and digits.startswith(("7", *_NEAR), 2):
            return _with(self._known("+" + digits[2:]), spoken_of)
        if len(digits) == 12 and digits.startswith(_NEAR):
            return _with(self._known("+" + digits), spoken_of)
        if russian and len(digits) == 10 and not doubled:
            if _BARE.match(digits) or block.bracket or spoken_of:
                return _with(self._known("+7" + digits), self.trusted, bare=True)
        elif not russian and 9 <= len(digits) <= 12 and (spoken_of or digits[0] == "0"):
            known = self._known(digits, self.region)
            if known:
                return _with(known, spoken_of, bare=True)
        if spoken_of and 9 <= len(digits) <= 12:
            for region in self.also:
                known = self._known(digits, region)
                if known:
                    return _with(known, False, bare=True)
        if self.trusted and len(digits) >= 11 and first == 0 and last == len(chain) - 1:
            return _with(self._known("+" + digits), False)
        return None

    def _neighbour(self, digits: str) -> _Known | None:
        """8 0… is how Belarus and Ukraine dial at home; no Russian number begins so."""
        by_region = (self._known(digits, "BY"), self._known("0" + digits[2:], "UA"))
        wanted = [known for known in by_region if known and known[2] in self.also]
        wanted = wanted or [known for known in by_region if known]
        return wanted[0] if len(wanted) == 1 else None

    def _known(self, number: str, region: str | None = None) -> _Known | None:
        """The number, its kind and its region, if the plan of its country has it."""
        if self.tries <= 0:
            return None
        self.tries -= 1
        import phonenumbers

        try:
            known = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(known):
            return None
        kind = _kinds().get(phonenumbers.number_type(known), Kind.UNKNOWN)
        e164 = phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164)
        return e164, kind, phonenumbers.region_code_for_number(known) or ""

    def _phone(self, hit: _Hit, extension: str, start: int, end: int) -> Phone:
        why_not = _WHY_NOT.get(hit.kind)
        if why_not is None and hit.region not in (self.region, *self.also):
            why_not = WhyNot.FOREIGN
        return Phone(
            e164=hit.e164,
            extension=extension,
            kind=hit.kind,
            region=hit.region,
            dialable=why_not is None,
            why_not=why_not,
            confident=hit.confident,
            start=self.origin[start],
            end=self.origin[end] if end < len(self.origin) else self.length,
        )

    def _is_something_else(self, chain: list[_Block], first: int, last: int) -> bool:
        """Whether the text around the digits, or their grouping, says that they are no number."""
        start, end = chain[first].start, chain[last].end
        if _labelled(self.line[max(0, start - 40) : start]):
            return True
        if re.match(r"[a-z]", self.line[end : end + 1]) and not _EXTENSION.match(self.line, end):
            return True
        if chain[first].plus:
            return False
        if _UNIT.match(self.line, end, end + 12):
            return True
        groups = [len(block.digits) for block in chain[first : last + 1]]
        blanks = all(
            self.line[before.end : after.start] in (" ", ".")
            for before, after in pairwise(chain[first : last + 1])
        )
        in_thousands = len(groups) > 2 and blanks and set(groups[1:]) == {3}
        return in_thousands and not self._spoken_of(start)

    def _spoken_of(self, start: int) -> bool:
        """Whether a word shortly before says that a phone follows."""
        words = re.findall(r"[^\W\d_]+", self.line[max(0, start - 40) : start])
        return any(map(_PHONE_WORD.fullmatch, words[-3:]))


def _with(known: _Known | None, confident: bool, *, bare: bool = False) -> _Meant | None:
    return None if known is None else (known, confident, bare)


def _is_address(token: str) -> bool:
    """Whether a word without blanks is a link, an e-mail address or somebody's handle."""
    if "://" in token or "@" in token or token.startswith("www."):
        return True
    host, slash, _ = token.partition("/")
    _, dot, zone = host.rpartition(".")
    return bool(slash and dot) and len(zone) > 1 and zone.isalpha()


def _labelled(before: str) -> bool:
    """Whether the last words before a number say that it is a number of something else."""
    glued = re.search(r"[a-z]+$", before)
    if glued and not _PHONE_WORD.fullmatch(glued[0]):
        return True
    while True:
        before = before.rstrip(_LINK)
        if _ACCOUNT.search(before):
            return True
        word = re.search(r"[^\W\d_]+$", before)
        if word is None:
            return False
        if _LABEL.fullmatch(word[0]):
            return True
        if not _NEUTRAL.fullmatch(word[0]):
            return False
        before = before[: word.start()]


def _crowd(chain: list[_Block], hits: list[_Hit], hit: _Hit) -> int:
    """Digits of the longest block right beside the number that is no part of another."""
    taken = {at for each in hits for at in range(each.first, each.last + 1)}
    beside = {hit.first - 1, hit.last + 1} - taken
    return max((len(chain[at].digits) for at in beside if 0 <= at < len(chain)), default=0)


def _made_up(number: str) -> bool:
    """Whether the subscriber's part is one or two digits over and over."""
    return len(set(number[-10:])) < 3


_WHY_NOT = {
    Kind.TOLL_FREE: WhyNot.TOLL_FREE,
    Kind.PREMIUM: WhyNot.PREMIUM,
    Kind.PERSONAL: WhyNot.PERSONAL,
    Kind.VOIP: WhyNot.VOIP,
    Kind.UNKNOWN: WhyNot.UNKNOWN_KIND,
}


def _kinds() -> dict[int, Kind]:
    from phonenumbers import PhoneNumberType

    return {
        PhoneNumberType.MOBILE: Kind.MOBILE,
        PhoneNumberType.FIXED_LINE: Kind.CITY,
        # Where a plan does not part the two, the careful one: no SMS is sent to it.
        PhoneNumberType.FIXED_LINE_OR_MOBILE: Kind.CITY,
        PhoneNumberType.TOLL_FREE: Kind.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE: Kind.PREMIUM,
        PhoneNumberType.SHARED_COST: Kind.PREMIUM,
        PhoneNumberType.PERSONAL_NUMBER: Kind.PERSONAL,
        PhoneNumberType.VOIP: Kind.VOIP,
    }

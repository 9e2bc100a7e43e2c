"""Types of requests, their statuses and the only moves between statuses that exist.

Codes are what is stored; labels are what people read. A dialog has up to two sides, its
chat and its calls, and each side has a status of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from hub.errors import RefusedError

Lang = Literal["ru", "en"]


class RequestType(StrEnum):
    """The channel or tool that a request came from."""

    TAXI = "taxi"
    VK = "vk"
    WHATSAPP = "whatsapp"
    VIBER = "viber"
    MOBILE_DIRECT = "mobile_direct"
    TELEGRAM = "telegram"
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"
    EMAIL = "email"
    COMAGIC = "comagic"
    CALLBACK = "callback"
    ODNOKLASSNIKI = "odnoklassniki"
    LIVE_CHAT = "live_chat"
    JIVOSITE = "jivosite"
    INCOMING_CALL = "incoming_call"
    MISSED_CALL = "missed_call"
    SITE_FORM = "site_form"
    MOBILE_APP = "mobile_app"
    VISIT = "visit"
    SMS = "sms"
    AVITO = "avito"
    MAX = "max"
    FACEBOOK_LEAD = "facebook_lead"
    VK_LEAD = "vk_lead"
    MYTARGET_LEAD = "mytarget_lead"
    YANDEX_TURBO = "yandex_turbo"
    SKYPE = "skype"


class Side(StrEnum):
    """The half of a dialog that a status belongs to."""

    CHAT = "chat"
    CALL = "call"


class Status(StrEnum):
    """Where one side of a dialog stands."""

    NEW = "new"
    ACCEPTED = "accepted"
    PROCESSED = "processed"
    MOBILE_DIRECT = "mobile_direct"
    CALLING_OPERATOR = "calling_operator"
    CALLING_VISITOR = "calling_visitor"
    OPERATOR_ON_LINE = "operator_on_line"
    VISITOR_ON_LINE = "visitor_on_line"
    TALKING = "talking"
    ENDED_BY_OPERATOR = "ended_by_operator"
    ENDED_BY_VISITOR = "ended_by_visitor"
    DROPPED = "dropped"
    EMAIL = "email"
    AWAITING_RETRY = "awaiting_retry"
    POTENTIAL = "potential"
    AWAITING_OPERATOR = "awaiting_operator"
    SPAM = "spam"
    SUBSCRIBED = "subscribed"
    CHATTING = "chatting"
    CHAT_CLOSED = "chat_closed"

    OLD_VIBER = "old_viber"
    OLD_WHATSAPP = "old_whatsapp"
    OLD_TELEGRAM = "old_telegram"
    OLD_FACEBOOK = "old_facebook"
    OLD_VK = "old_vk"
    OLD_CHAT_ASKED = "old_chat_asked"


class IllegalMove(RefusedError, ValueError):  # noqa: N818 - it is the field's word, not a fault of ours
    """A status was to change in a way that the table does not know."""

    code = "illegal_move"

    def __init__(self, current: Status | None, to: Status, type_: RequestType) -> None:
        start = f"“{label(current, 'en')}”" if current else "no status"
        super().__init__(
            f"a {type_label(type_, 'en')} request cannot go from {start} to “{label(to, 'en')}”",
            field="status",
        )
        self.current = current
        self.to = to
        self.type = type_


def label(status: Status, lang: Lang) -> str:
    """The status as people read it."""
    return _LABELS[status][lang == "en"]


def type_label(type_: RequestType, lang: Lang) -> str:
    """The type as people read it."""
    return _TYPES[type_][1][lang == "en"]


def has_chat(type_: RequestType) -> bool:
    """Whether requests of this type have a chat status."""
    return Side.CHAT in _TYPES[type_][0]


def has_calls(type_: RequestType) -> bool:
    """Whether requests of this type have a call status."""
    return Side.CALL in _TYPES[type_][0]


def imported_side(type_: RequestType, status: Status) -> Side | None:
    """Where a status of another system belongs in such a request; None if it can have no such."""
    chat = status in _OF_CHATS or not has_calls(type_)
    side = Side.CHAT if chat and has_chat(type_) else Side.CALL
    ways = CHAT_MOVES if side is Side.CHAT else CALL_MOVES
    return side if side in _TYPES[type_][0] and status in ways else None


def moves(current: Status | None, type_: RequestType, side: Side) -> frozenset[Status]:
    """Every status that this side of such a request may take next; `None` is a side not begun."""
    if side not in _TYPES[type_][0]:
        return frozenset()
    ways = (CHAT_MOVES if side is Side.CHAT else CALL_MOVES).get(current, frozenset())
    return ways if type_ is RequestType.MOBILE_DIRECT else ways - {Status.MOBILE_DIRECT}


def move(
    current: Status | None, to: Status, type_: RequestType, side: Side | None = None
) -> Status:
    """`to`, or `IllegalMove` if that side of such a request may not go there.

    `current` is the status of the side that moves, `None` if it has not begun. Without
    `side`, a move that either side knows is legal: enough where one of the two statuses
    belongs to one side alone. Staying is not a move: what has happened cannot happen again.
    """
    sides = (side,) if side else tuple(Side)
    if any(to in moves(current, type_, each) for each in sides):
        return to
    raise IllegalMove(current, to, type_)


def shown(chat: Status | None, call: Status | None) -> Status:
    """The one status that a dialog is listed under.

    The call's while a call is live or planned, else the chat's if there is one.
    """
    shown_status = call if call in LIVE | PLANNED else chat or call
    if shown_status is None:
        raise ValueError("a request has a status on at least one of its sides")
    return shown_status


def listed(chat: Status | None, call: Status | None) -> Status:
    """As `shown`; a request that only a door was opened for is new."""
    return Status.NEW if chat is None and call is None else shown(chat, call)


LIVE = frozenset(
    {
        Status.AWAITING_OPERATOR,
        Status.CALLING_OPERATOR,
        Status.CALLING_VISITOR,
        Status.OPERATOR_ON_LINE,
        Status.VISITOR_ON_LINE,
        Status.TALKING,
    }
)
"""A call is under way."""

PLANNED = frozenset({Status.NEW, Status.AWAITING_RETRY})
"""A call is to come."""

LEGACY = frozenset(
    {
        Status.OLD_VIBER,
        Status.OLD_WHATSAPP,
        Status.OLD_TELEGRAM,
        Status.OLD_FACEBOOK,
        Status.OLD_VK,
        Status.OLD_CHAT_ASKED,
    }
)
"""Given before 2018: they come with imports and nothing moves to them."""

IMPORT_ONLY = frozenset({RequestType.SKYPE})
"""Types of services that have ended: nothing new is made of them."""

_CHAT = frozenset({Side.CHAT})
_CALL = frozenset({Side.CALL})
_BOTH = frozenset(Side)

_TYPES: Mapping[RequestType, tuple[frozenset[Side], tuple[str, str]]] = MappingProxyType(
    {
        RequestType.TAXI: (_CALL, ("Такси", "Taxi")),
        RequestType.VK: (_BOTH, ("Вконтакте", "VK")),
        RequestType.WHATSAPP: (_BOTH, ("WhatsApp", "WhatsApp")),
        RequestType.VIBER: (_BOTH, ("Viber", "Viber")),
        RequestType.MOBILE_DIRECT: (_CALL, ("MobileDirect", "MobileDirect")),
        RequestType.TELEGRAM: (_BOTH, ("Telegram", "Telegram")),
        RequestType.FACEBOOK: (_BOTH, ("Facebook", "Facebook")),
        RequestType.INSTAGRAM: (_BOTH, ("Instagram", "Instagram")),
        RequestType.EMAIL: (_BOTH, ("Email", "Email")),
        RequestType.COMAGIC: (_BOTH, ("CoMagic", "CoMagic")),
        RequestType.CALLBACK: (_CALL, ("Обратный звонок", "Callback")),
        RequestType.ODNOKLASSNIKI: (_BOTH, ("Одноклассники", "Odnoklassniki")),
        RequestType.LIVE_CHAT: (_BOTH, ("LiveChat", "LiveChat")),
        RequestType.JIVOSITE: (_BOTH, ("Jivosite", "Jivosite")),
        RequestType.INCOMING_CALL: (_CALL, ("Входящий звонок", "Incoming call")),
        RequestType.MISSED_CALL: (_CALL, ("Пропущенный звонок", "Missed call")),
        RequestType.SITE_FORM: (_CALL, ("Форма на сайте", "Site form")),
        RequestType.MOBILE_APP: (_CALL, ("Мобильное приложение", "Mobile app")),
        RequestType.VISIT: (_CALL, ("Визит", "Visit")),
        RequestType.SMS: (_BOTH, ("SMS", "SMS")),
        RequestType.AVITO: (_BOTH, ("Авито", "Avito")),
        RequestType.MAX: (_BOTH, ("MAX", "MAX")),
        RequestType.FACEBOOK_LEAD: (_CALL, ("Форма Facebook", "Facebook lead ad")),
        RequestType.VK_LEAD: (_CALL, ("Форма Вконтакте", "VK lead form")),
        RequestType.MYTARGET_LEAD: (
            _CALL,
            ("Форма myTarget / VK Рекламы", "myTarget / VK Ads lead"),
        ),
        RequestType.YANDEX_TURBO: (_CALL, ("Турбо-страница Яндекса", "Yandex turbo page")),
        RequestType.SKYPE: (_CHAT, ("Skype", "Skype")),
    }
)

_LABELS: Mapping[Status, tuple[str, str]] = MappingProxyType(
    {
        Status.NEW: ("Новая", "New"),
        Status.ACCEPTED: ("Принята", "Accepted"),
        Status.PROCESSED: ("Обработана", "Processed"),
        Status.MOBILE_DIRECT: ("MobileDirect", "MobileDirect"),
        Status.CALLING_OPERATOR: ("Вызов оператора", "Calling the operator"),
        Status.CALLING_VISITOR: ("Вызов посетителя", "Calling the visitor"),
        Status.OPERATOR_ON_LINE: ("Оператор на линии", "Operator on the line"),
        Status.VISITOR_ON_LINE: ("Посетитель на линии", "Visitor on the line"),
        Status.TALKING: ("Идет разговор", "Talking"),
        Status.ENDED_BY_OPERATOR: ("Завершено оператором", "Ended by the operator"),
        Status.ENDED_BY_VISITOR: ("Завершено посетителем", "Ended by the visitor"),
        Status.DROPPED: ("Обрыв связи", "Connection lost"),
        Status.EMAIL: ("Email", "Email"),
        Status.AWAITING_RETRY: ("Ожидание повторного звонка", "Waiting for another call"),
        Status.POTENTIAL: ("Потенциальный клиент", "Potential client"),
        Status.AWAITING_OPERATOR: (
            "Ожидаем действие оператора",
            "Waiting for the operator's action",
        ),
        Status.SPAM: ("Помечено как спам", "Marked as spam"),
        Status.SUBSCRIBED: ("Подписка", "Subscription"),
        Status.CHATTING: ("Идет общение", "Chatting"),
        Status.CHAT_CLOSED: ("Диалог закрыт", "Dialog closed"),
        Status.OLD_VIBER: ("Viber", "Viber"),
        Status.OLD_WHATSAPP: ("WhatsApp", "WhatsApp"),
        Status.OLD_TELEGRAM: ("Telegram", "Telegram"),
        Status.OLD_FACEBOOK: ("Facebook", "Facebook"),
        Status.OLD_VK: ("Вконтакте", "VK"),
        Status.OLD_CHAT_ASKED: ("Запрос на чат", "Chat request"),
    }
)

_OF_CHATS = {
    *LEGACY,
    Status.CHATTING,
    Status.CHAT_CLOSED,
    Status.POTENTIAL,
    Status.SUBSCRIBED,
    Status.EMAIL,
    Status.SPAM,
}
"""What a request that has both sides keeps on its chat's when it is brought from elsewhere."""

Moves = Mapping[Status | None, frozenset[Status]]


def _table(rows: Mapping[Status | None, Iterable[Status]]) -> Moves:
    return MappingProxyType({start: frozenset(ends) for start, ends in rows.items()})


_ENDED = {Status.ENDED_BY_OPERATOR, Status.ENDED_BY_VISITOR, Status.DROPPED}

# What a person may do with a request that no call is under way for.
_BY_HAND = {Status.ACCEPTED, Status.PROCESSED, Status.SPAM}

# Where a call that came to nothing leaves its lead: the operator's side was not reached or the
# attempts are used up (new), a person takes over (accepted), it is needless (processed).
_GIVEN_UP = {Status.NEW, *_BY_HAND}

_FIRST_LEG = {Status.AWAITING_OPERATOR, Status.CALLING_OPERATOR, Status.CALLING_VISITOR}

# A talk that was too short, or a voicemail, is not the end of its lead.
_AFTER_A_CALL = {
    Status.AWAITING_RETRY,
    Status.CALLING_OPERATOR,
    Status.CALLING_VISITOR,
    *_GIVEN_UP,
}

CHAT_MOVES = _table(
    {
        # New: the project collects requests for manual handling and opens no dialog.
        None: {
            Status.NEW,
            Status.CHATTING,
            Status.POTENTIAL,
            Status.SUBSCRIBED,
            Status.EMAIL,
            Status.SPAM,
        },
        Status.NEW: {Status.CHATTING, Status.EMAIL, *_BY_HAND},
        Status.ACCEPTED: {
            Status.NEW,
            Status.CHATTING,
            Status.EMAIL,
            Status.PROCESSED,
            Status.SPAM,
        },
        Status.PROCESSED: {Status.CHATTING, Status.ACCEPTED, Status.SPAM},
        Status.CHATTING: {Status.CHAT_CLOSED, Status.PROCESSED, Status.SPAM},
        Status.CHAT_CLOSED: {Status.CHATTING, Status.PROCESSED, Status.SPAM},
        Status.POTENTIAL: {Status.CHATTING, Status.EMAIL, *_GIVEN_UP},
        Status.SUBSCRIBED: {Status.CHATTING, Status.EMAIL, *_GIVEN_UP},
        Status.EMAIL: {Status.CHATTING, *_GIVEN_UP},
        # Undone: back to what it was.
        Status.SPAM: {
            Status.NEW,
            Status.ACCEPTED,
            Status.PROCESSED,
            Status.CHATTING,
            Status.CHAT_CLOSED,
            Status.POTENTIAL,
            Status.SUBSCRIBED,
            Status.EMAIL,
        },
        **{old: {Status.CHATTING, Status.CHAT_CLOSED, *_BY_HAND} for old in LEGACY},
    }
)
"""Where the chat side may go."""

CALL_MOVES = _table(
    {
        # On line or calling: a call from the PBX, or one that an operator dials at once.
        None: {
            Status.NEW,
            Status.MOBILE_DIRECT,
            Status.POTENTIAL,
            Status.SUBSCRIBED,
            Status.EMAIL,
            Status.VISITOR_ON_LINE,
            Status.CALLING_OPERATOR,
            Status.CALLING_VISITOR,
            *_BY_HAND,
        },
        # A letter takes no planned call back: EMAIL comes once somebody has accepted it.
        Status.NEW: {*_FIRST_LEG, *_BY_HAND},
        # Before a call, or with either party already on the line and the key not yet pressed.
        Status.AWAITING_OPERATOR: {
            Status.CALLING_OPERATOR,
            Status.OPERATOR_ON_LINE,
            Status.CALLING_VISITOR,
            Status.TALKING,
            *_ENDED,
            *_GIVEN_UP,
        },
        Status.CALLING_OPERATOR: {
            Status.OPERATOR_ON_LINE,
            Status.TALKING,
            *_ENDED,
            *_GIVEN_UP,
        },
        Status.OPERATOR_ON_LINE: {
            Status.AWAITING_OPERATOR,
            Status.CALLING_VISITOR,
            Status.TALKING,
            *_ENDED,
            *_GIVEN_UP,
        },
        Status.CALLING_VISITOR: {
            Status.VISITOR_ON_LINE,
            Status.TALKING,
            Status.AWAITING_RETRY,
            *_ENDED,
            *_GIVEN_UP,
        },
        Status.VISITOR_ON_LINE: {
            Status.AWAITING_OPERATOR,
            Status.CALLING_OPERATOR,
            Status.TALKING,
            Status.AWAITING_RETRY,
            *_ENDED,
            *_GIVEN_UP,
        },
        # Calling the operator: the live call goes on to a colleague.
        Status.TALKING: {Status.CALLING_OPERATOR, Status.SPAM, *_ENDED},
        **dict.fromkeys(_ENDED, _AFTER_A_CALL),
        Status.AWAITING_RETRY: {*_FIRST_LEG, *_GIVEN_UP},
        Status.ACCEPTED: {
            Status.NEW,
            Status.AWAITING_RETRY,
            Status.CALLING_OPERATOR,
            Status.CALLING_VISITOR,
            Status.EMAIL,
            Status.PROCESSED,
            Status.SPAM,
        },
        Status.PROCESSED: {
            Status.NEW,
            Status.ACCEPTED,
            Status.CALLING_OPERATOR,
            Status.CALLING_VISITOR,
            Status.SPAM,
        },
        # The PBX may see the call that the visitor's tap began.
        Status.MOBILE_DIRECT: {
            Status.VISITOR_ON_LINE,
            Status.CALLING_OPERATOR,
            Status.TALKING,
            *_ENDED,
            *_GIVEN_UP,
        },
        Status.POTENTIAL: {
            Status.CALLING_OPERATOR,
            Status.CALLING_VISITOR,
            Status.EMAIL,
            *_GIVEN_UP,
        },
        Status.SUBSCRIBED: {
            Status.CALLING_OPERATOR,
            Status.CALLING_VISITOR,
            Status.EMAIL,
            *_GIVEN_UP,
        },
        Status.EMAIL: {Status.CALLING_OPERATOR, Status.CALLING_VISITOR, *_GIVEN_UP},
        # Undone: back to what it was, but a call that was hung up stays hung up.
        Status.SPAM: {
            Status.NEW,
            Status.AWAITING_RETRY,
            Status.ACCEPTED,
            Status.PROCESSED,
            Status.MOBILE_DIRECT,
            Status.POTENTIAL,
            Status.SUBSCRIBED,
            Status.EMAIL,
            *_ENDED,
        },
        **dict.fromkeys(LEGACY, _BY_HAND),
    }
)
"""Where the call side may go."""

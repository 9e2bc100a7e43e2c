from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.statuses import (
    CALL_MOVES,
    CHAT_MOVES,
    IMPORT_ONLY,
    LEGACY,
    LIVE,
    PLANNED,
    IllegalMove,
    RequestType,
    Side,
    Status,
    has_calls,
    has_chat,
    label,
    move,
    moves,
    shown,
    type_label,
)

S = Status
T = RequestType

LABELS = {
    S.NEW: "Новая",
    S.ACCEPTED: "Принята",
    S.PROCESSED: "Обработана",
    S.MOBILE_DIRECT: "MobileDirect",
    S.CALLING_OPERATOR: "Вызов оператора",
    S.CALLING_VISITOR: "Вызов посетителя",
    S.OPERATOR_ON_LINE: "Оператор на линии",
    S.VISITOR_ON_LINE: "Посетитель на линии",
    S.TALKING: "Идет разговор",
    S.ENDED_BY_OPERATOR: "Завершено оператором",
    S.ENDED_BY_VISITOR: "Завершено посетителем",
    S.DROPPED: "Обрыв связи",
    S.EMAIL: "Email",
    S.AWAITING_RETRY: "Ожидание повторного звонка",
    S.POTENTIAL: "Потенциальный клиент",
    S.AWAITING_OPERATOR: "Ожидаем действие оператора",
    S.SPAM: "Помечено как спам",
    S.SUBSCRIBED: "Подписка",
    S.CHATTING: "Идет общение",
    S.CHAT_CLOSED: "Диалог закрыт",
}

LEGACY_LABELS = {"Viber", "WhatsApp", "Telegram", "Facebook", "Вконтакте", "Запрос на чат"}

types = st.sampled_from(RequestType)
statuses = st.sampled_from(Status)
sides = st.sampled_from(Side)


def walk(type_: T, side: Side | None, path: str) -> Status | None:
    current: Status | None = None
    for status in path.split():
        current = move(current, Status(status), type_, side)
    return current


def test_there_are_twenty_statuses_with_the_labels_of_the_regulation() -> None:
    assert {s: label(s, "ru") for s in Status if s not in LEGACY} == LABELS
    assert len(LABELS) == 20


def test_the_statuses_before_2018_are_known_for_imports() -> None:
    assert {label(s, "ru") for s in LEGACY} == LEGACY_LABELS


@pytest.mark.parametrize("status", Status)
def test_a_status_has_an_english_label_without_russian_letters(status: Status) -> None:
    assert label(status, "en").isascii()


@pytest.mark.parametrize("type_", RequestType)
def test_a_type_has_a_label_in_both_languages(type_: T) -> None:
    assert type_label(type_, "ru")
    assert type_label(type_, "en").isascii()


def test_two_current_statuses_or_two_types_never_read_the_same() -> None:
    for lang in ("ru", "en"):
        current = [label(s, lang) for s in Status if s not in LEGACY]
        assert len(set(current)) == len(current)
        names = [type_label(t, lang) for t in RequestType]
        assert len(set(names)) == len(names)


def test_the_regulation_says_which_types_chat_and_which_call() -> None:
    both = {T.VK, T.WHATSAPP, T.VIBER, T.TELEGRAM, T.FACEBOOK, T.EMAIL, T.COMAGIC}
    both |= {T.ODNOKLASSNIKI, T.LIVE_CHAT}
    both |= {T.INSTAGRAM, T.MAX, T.AVITO, T.JIVOSITE, T.SMS}
    assert {t for t in T if has_chat(t) and has_calls(t)} == both
    assert {t for t in T if has_chat(t) and not has_calls(t)} == {T.SKYPE} == IMPORT_ONLY
    assert {T.TAXI, T.MOBILE_DIRECT, T.CALLBACK} < {t for t in T if not has_chat(t)}
    assert all(has_chat(t) or has_calls(t) for t in T)


@pytest.mark.parametrize(
    "path",
    [
        # the operator first, asked to confirm
        "new awaiting_operator calling_operator operator_on_line calling_visitor visitor_on_line"
        " talking ended_by_operator processed",
        # the operator first, presses a key while on the line
        "new calling_operator operator_on_line awaiting_operator calling_visitor talking"
        " ended_by_visitor processed",
        # the client first
        "new calling_visitor visitor_on_line calling_operator operator_on_line talking dropped new",
        # nobody at the client's side, then all attempts used up
        "new calling_operator operator_on_line calling_visitor awaiting_retry calling_operator"
        " operator_on_line calling_visitor new accepted",
        # no operator answered
        "new calling_operator new calling_operator accepted processed",
        # the operator cancels: the client has called back himself
        "new calling_operator operator_on_line ended_by_operator processed",
        # a talk that was too short
        "new calling_operator talking ended_by_visitor awaiting_retry",
        # the call goes on to a colleague
        "visitor_on_line calling_operator talking calling_operator talking",
        # a duplicate
        "new processed",
        # a missed call from the PBX, called back by hand
        "calling_operator ended_by_visitor calling_operator",
        # autonomous mode: nothing dials, a person does
        "new accepted calling_visitor talking ended_by_operator processed",
        # back to automatic dialling
        "new accepted new calling_operator",
        # typed and left, then sent after all
        "potential new",
        # answered by a letter, once somebody took the request
        "new accepted email processed",
        "potential email",
        "subscribed email new",
        # spam by hand, taken back
        "new spam new",
    ],
)
def test_a_call_goes_the_ways_of_the_regulation(path: str) -> None:
    assert walk(T.CALLBACK, Side.CALL, path) == path.split()[-1]
    assert walk(T.CALLBACK, None, path) == path.split()[-1]


@pytest.mark.parametrize(
    "path",
    [
        "chatting chat_closed chatting",
        "chatting spam chatting",
        "new accepted processed",
        "new chatting",
        "subscribed chatting",
        # answered by a letter
        "new email chatting",
        "new accepted email processed",
        "potential email new",
        "subscribed email chatting chat_closed",
    ],
)
def test_a_chat_goes_the_ways_of_the_regulation(path: str) -> None:
    assert walk(T.VK, Side.CHAT, path) == path.split()[-1]


@pytest.mark.parametrize(
    ("current", "to"),
    [
        (S.NEW, S.TALKING),
        (S.NEW, S.AWAITING_RETRY),
        (S.CALLING_OPERATOR, S.AWAITING_RETRY),
        (S.TALKING, S.PROCESSED),
        (S.TALKING, S.NEW),
        (S.PROCESSED, S.TALKING),
        (S.SPAM, S.TALKING),
        (S.CHATTING, S.TALKING),
        (S.CHATTING, S.CALLING_VISITOR),
        (S.CHAT_CLOSED, S.NEW),
        (S.TALKING, S.CHAT_CLOSED),
        (None, S.TALKING),
        (None, S.AWAITING_RETRY),
        (None, S.CHAT_CLOSED),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(current: Status | None, to: Status) -> None:
    with pytest.raises(IllegalMove):
        move(current, to, T.TELEGRAM)


def test_a_refusal_names_both_ends_in_words() -> None:
    with pytest.raises(IllegalMove, match="“Chatting” to “Talking”") as refusal:
        move(S.CHATTING, S.TALKING, T.TELEGRAM)
    assert (refusal.value.current, refusal.value.to) == (S.CHATTING, S.TALKING)
    assert isinstance(refusal.value, ValueError)
    with pytest.raises(IllegalMove, match="from no status"):
        move(None, S.TALKING, T.TELEGRAM)


def test_a_type_without_a_side_has_no_status_on_it() -> None:
    assert not moves(None, T.TAXI, Side.CHAT)
    with pytest.raises(IllegalMove):
        move(None, S.CHATTING, T.CALLBACK)
    with pytest.raises(IllegalMove):
        move(S.ACCEPTED, S.CHATTING, T.TELEGRAM, Side.CALL)


def test_mobile_direct_is_a_status_of_its_own_type_only() -> None:
    assert move(None, S.MOBILE_DIRECT, T.MOBILE_DIRECT) == S.MOBILE_DIRECT
    with pytest.raises(IllegalMove):
        move(None, S.MOBILE_DIRECT, T.CALLBACK)


def test_a_letter_takes_no_call_back_and_ends_no_talk() -> None:
    for status in (S.NEW, S.AWAITING_RETRY, S.PROCESSED, S.MOBILE_DIRECT, *LIVE):
        assert S.EMAIL not in CALL_MOVES[status]
    for status in (S.CHATTING, S.CHAT_CLOSED, S.PROCESSED):
        assert S.EMAIL not in CHAT_MOVES[status]


def test_every_current_status_can_be_reached_and_left() -> None:
    reached: set[Status | None] = {None}
    while True:
        more = {
            to
            for table in (CHAT_MOVES, CALL_MOVES)
            for start in reached
            for to in table.get(start, ())
        }
        if more <= reached:
            break
        reached |= more
    assert reached - {None} == set(Status) - LEGACY
    for status in Status:
        assert CHAT_MOVES.get(status) or CALL_MOVES.get(status)


def test_any_live_call_can_be_stopped_as_spam_or_recorded_as_lost() -> None:
    for status in LIVE:
        assert {S.SPAM, S.DROPPED} <= CALL_MOVES[status]


def test_no_table_leads_to_a_legacy_status_or_stays_where_it_is() -> None:
    for table in (CHAT_MOVES, CALL_MOVES):
        for start, ends in table.items():
            assert not ends & LEGACY
            assert start not in ends
            assert all(end in table for end in ends)


@given(types, sides, st.lists(statuses, max_size=40))
def test_no_sequence_of_moves_leaves_the_table(type_: T, side: Side, wishes: list[Status]) -> None:
    table = CHAT_MOVES if side is Side.CHAT else CALL_MOVES
    current: Status | None = None
    for wish in wishes:
        try:
            after = move(current, wish, type_, side)
        except IllegalMove:
            assert wish not in moves(current, type_, side)
        else:
            assert after == wish
            assert wish in table[current]
            current = after
    assert current is None or current in table
    assert current not in LEGACY
    if current is not None:
        assert has_chat(type_) if side is Side.CHAT else has_calls(type_)


@given(st.none() | statuses, statuses, types)
def test_without_a_side_exactly_the_moves_of_either_side_are_legal(
    current: Status | None, to: Status, type_: T
) -> None:
    legal = any(to in moves(current, type_, side) for side in Side)
    try:
        move(current, to, type_)
    except IllegalMove:
        assert not legal
    else:
        assert legal


@given(st.none() | statuses, st.none() | statuses)
def test_the_call_is_shown_while_it_lives_or_is_planned_and_else_the_chat(
    chat: Status | None, call: Status | None
) -> None:
    if chat is None and call is None:
        with pytest.raises(ValueError, match="at least one"):
            shown(chat, call)
    elif call is not None and (call in LIVE or call in PLANNED or chat is None):
        assert shown(chat, call) == call
    else:
        assert shown(chat, call) == chat


def test_a_chat_with_a_planned_call_reads_as_the_call_and_after_it_as_the_chat() -> None:
    assert shown(S.CHATTING, S.AWAITING_RETRY) == S.AWAITING_RETRY
    assert shown(S.CHATTING, S.TALKING) == S.TALKING
    assert shown(S.CHATTING, S.ENDED_BY_VISITOR) == S.CHATTING
    assert shown(None, S.PROCESSED) == S.PROCESSED

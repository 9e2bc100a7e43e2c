"""The row is the fold of its log, whatever the log says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.fold import FIELDS_MAX, PREVIEW_CHARS, closing, fold
from hub.model import (
    HUB,
    Attachment,
    Author,
    Awaits,
    ChannelId,
    ContactId,
    Dialog,
    DialogId,
    Entry,
    EntryKind,
    EntryPoint,
    FileId,
    IdentityId,
    OutState,
    ProjectId,
    Verb,
)
from hub.statuses import CHAT_MOVES, RequestType, Side, Status, has_chat, moves
from tests.spine import START

ANNA, BORIS = Author("operator", "anna", "Anna"), Author("operator", "boris", "Boris")
IVAN = Author("visitor", "ivan", "Иван")
BOT, RULE = Author("bot", "bot"), Author("rule", "rule")


def empty(type: RequestType = RequestType.TELEGRAM) -> Dialog:
    return Dialog(
        id="tg:1:1",
        project=ProjectId("shop"),
        channel=ChannelId("tg"),
        kind="telegram",
        type=type,
        identity=IdentityId("tg:1"),
        contact=ContactId("tg:1"),
        n=1,
        entry_point=EntryPoint(kind="telegram", value="tg"),
        created_at=START,
        last_at=START,
        changed_at=START,
    )


def entry(
    row: Dialog,
    kind: EntryKind,
    author: Author,
    *,
    verb: Verb | None = None,
    after: int = 1,
    late: int = 0,
    question: bool = True,
    text: str = "text",
    result: str | None = None,
    data: dict[str, str] | None = None,
) -> Entry:
    stored = START + timedelta(seconds=row.seq + after)
    made = Entry(
        id=f"{row.id}:{row.seq + 1}",
        project=row.project,
        dialog=DialogId(row.id),
        seq=row.seq + 1,
        kind=kind,
        author=author,
        at=stored - timedelta(seconds=late),
        stored_at=stored,
        changed_at=stored,
        text=text,
        question=question,
        verb=verb,
        data=data or {},
        state=OutState.QUEUED if kind is EntryKind.OUT else None,
    )
    return made if result is None else replace(made, cycle=closing(row, made, result))


def after(row: Dialog, *steps: tuple[EntryKind, Author, Verb | None]) -> Dialog:
    for kind, author, verb in steps:
        row = fold(row, entry(row, kind, author, verb=verb))
    return row


ASKED = (EntryKind.IN, IVAN, None)
TAKEN = (EntryKind.SYSTEM, ANNA, Verb.TAKEN)
ANSWERED = (EntryKind.OUT, ANNA, None)
CLOSED = (EntryKind.SYSTEM, ANNA, Verb.CLOSED)
REOPENED = (EntryKind.SYSTEM, BORIS, Verb.REOPENED)

steps = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(EntryKind),
            "author": st.sampled_from([ANNA, BORIS, IVAN, BOT, RULE]),
            "verb": st.sampled_from([None, *Verb]),
            "question": st.booleans(),
            "late": st.integers(0, 100),
            "after": st.integers(0, 20),
            "text": st.text(max_size=300),
            "result": st.sampled_from([None, "", "sold"]),
            "data": st.dictionaries(
                st.sampled_from(["at", "phone", "operator", "name", "score", "page"])
                | st.sampled_from(["status", "type", "deadline", "rule", "cause"])
                | st.text(),
                st.sampled_from(["2026-03-03T12:00:00+03:00", "2026-03-03", "0001-01-01T00:00Z"])
                | st.sampled_from([*Status, *RequestType])
                | st.text(),
                max_size=6,
            ),
        }
    ),
    max_size=25,
)


def lines(row: Dialog, steps_: list[dict[str, object]]) -> list[Entry]:
    made = []
    for step in steps_:
        made.append(entry(row, **step))  # type: ignore[arg-type]
        row = fold(row, made[-1])
    return made


@given(steps, st.sampled_from(RequestType))
def test_any_log_folds_and_its_row_never_contradicts_itself(
    steps_: list[dict[str, object]], type: RequestType
) -> None:
    row = empty(type)
    for line in lines(row, steps_):
        before, row = row, fold(row, line)
        assert row.seq == before.seq + 1
        waiting = row.awaits is Awaits.OPERATOR
        assert waiting == (row.waiting_since is not None) == (row.unanswered > 0)
        assert row.open == (row.closed_at is None) or row.cycle.n == 1
        if row.open:
            assert row.chat_status is not Status.CHAT_CLOSED
            assert row.cycle.queued_at is not None or before.open or line.kind is EntryKind.SYSTEM
        # A side that only the mark of spam began has not begun once that is taken back.
        undone = None if line.verb is Verb.UNSPAM else before
        if row.chat_status is not before.chat_status and (undone or row.chat_status):
            assert row.chat_status in CHAT_MOVES[before.chat_status]
        if row.call_status is not before.call_status and (undone or row.call_status):
            # What is brought from elsewhere stands as it stood there.
            brought = line.verb is Verb.IMPORTED and row.call_status is Status.MOBILE_DIRECT
            assert brought or row.call_status in moves(before.call_status, row.type, Side.CALL)
        assert has_chat(row.type) or row.chat_status is None
        assert row.type is before.type or before.asked_at is None
        assert row.sealed >= before.sealed
        assert row.last_at >= before.last_at
        assert row.changed_at >= before.changed_at
        assert row.rules_at is not None
        assert row.out_seq <= row.seq
        assert row.out_seq == before.out_seq or row.lane_at is not None
        assert row.preview is None or len(row.preview.text) <= PREVIEW_CHARS
        assert (row.rev, row.ruled_seq, row.lane_by) == (0, 0, "")


@given(steps, st.data())
def test_a_row_that_lagged_is_the_same_as_one_that_did_not(
    steps_: list[dict[str, object]], data: st.DataObject
) -> None:
    """Rules and delivery may write into the row between any two entries."""
    log = lines(empty(), steps_)
    stepwise = lagging = empty()
    for line in log:
        stepwise = fold(stepwise, line)
    at = data.draw(st.integers(0, len(log)))
    for line in log[:at]:
        lagging = fold(lagging, line)
    lagging = replace(lagging, ruled_seq=at, rules_at=None, lane_at=None)
    for line in log[at:]:
        lagging = fold(lagging, line)
    written = {"ruled_seq": 0, "rules_at": None, "lane_at": None}
    assert replace(lagging, **written) == replace(stepwise, **written)


@given(steps)
def test_the_message_shown_last_is_the_one_of_the_latest_place(
    steps_: list[dict[str, object]],
) -> None:
    row, log = empty(), lines(empty(), steps_)
    for line in log:
        row = fold(row, line)
    said = [each for each in log if each.kind in (EntryKind.IN, EntryKind.OUT)]
    if said:
        last = max(said, key=lambda each: each.place)
        assert row.last_place == last.place
        assert row.preview is not None
        assert row.preview.text == " ".join(last.text.split())[:PREVIEW_CHARS]
    else:
        assert row.preview is None


@pytest.mark.parametrize("seq", [0, 1, 3])
def test_only_the_next_entry_is_folded(seq: int) -> None:
    row = after(empty(), ASKED)
    with pytest.raises(ValueError, match="does not follow"):
        fold(row, replace(entry(row, EntryKind.NOTE, ANNA), seq=seq))


def test_an_entry_of_another_dialog_is_not_folded() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        fold(empty(), replace(entry(empty(), EntryKind.IN, IVAN), dialog=DialogId("tg:2:1")))


def test_a_tap_on_the_number_takes_no_mark_of_spam_away() -> None:
    row = empty(RequestType.TAXI)
    for verb in (Verb.SPAM, Verb.TAPPED):
        row = fold(row, entry(row, EntryKind.SYSTEM, HUB, verb=verb, question=False))
    assert (row.type, row.call_status) == (RequestType.TAXI, Status.SPAM)


def test_a_question_opens_the_dialog_and_waits_for_an_operator() -> None:
    row = after(empty(), ASKED)
    assert (row.open, row.owner, row.awaits, row.unanswered) == (True, None, Awaits.OPERATOR, 1)
    assert row.chat_status is Status.CHATTING
    assert row.waiting_since == row.cycle.queued_at == row.changed_at
    assert (row.name, row.cycle.n) == ("Иван", 1)


def test_who_waits_has_waited_since_the_first_unanswered_question() -> None:
    one = after(empty(), ASKED)
    three = after(one, ASKED, ASKED)
    assert (three.waiting_since, three.unanswered) == (one.waiting_since, 3)
    answered = after(three, TAKEN, ANSWERED)
    assert (answered.awaits, answered.waiting_since) == (Awaits.CUSTOMER, None)
    again = after(answered, ASKED)
    assert again.waiting_since == again.changed_at


def test_what_only_opens_the_door_is_no_question() -> None:
    row = empty()
    row = fold(row, entry(row, EntryKind.IN, IVAN, question=False))
    assert (row.open, row.awaits, row.unanswered, row.chat_status) == (
        True,
        Awaits.NOBODY,
        0,
        None,
    )


def test_what_opens_the_door_of_a_closed_dialog_does_not_leave_it_closed_in_name() -> None:
    row = after(empty(), ASKED, CLOSED)
    row = fold(row, entry(row, EntryKind.IN, IVAN, question=False))
    assert (row.open, row.chat_status) == (True, Status.CHATTING)


@pytest.mark.parametrize("author", [BOT, RULE])
def test_what_a_machine_says_is_no_answer(author: Author) -> None:
    row = after(empty(), ASKED, (EntryKind.OUT, author, None))
    assert (row.awaits, row.unanswered, row.cycle.answered_at) == (Awaits.OPERATOR, 1, None)
    assert row.out_seq == 2
    assert row.lane_at is not None


def test_the_first_answer_of_a_cycle_keeps_its_time() -> None:
    row = after(empty(), ASKED, TAKEN, ANSWERED)
    first = row.cycle.answered_at
    assert first == row.changed_at
    assert after(row, ANSWERED).cycle.answered_at == first


def test_each_opening_is_a_cycle_with_times_of_its_own() -> None:
    first = after(empty(), ASKED, TAKEN, ANSWERED)
    line = entry(first, EntryKind.SYSTEM, ANNA, verb=Verb.CLOSED, result="sold")
    closed = fold(first, line)
    assert line.cycle is not None
    assert closed.cycle == line.cycle
    assert (closed.cycle.closed_at, closed.cycle.closed_by) == (line.stored_at, "operator")
    assert (closed.cycle.operator, closed.cycle.result) == ("anna", "sold")
    assert (closed.awaits, closed.closed_by) == (Awaits.NOBODY, "operator")

    second = after(closed, ASKED)
    assert (second.cycle.n, second.owner, second.closed_at) == (2, None, None)
    assert (second.cycle.queued_at, second.cycle.taken_at) == (second.changed_at, None)


def test_who_reopens_owns_the_new_cycle() -> None:
    row = after(empty(), ASKED, TAKEN, CLOSED, REOPENED)
    assert (row.open, row.owner, row.owner_name, row.cycle.n) == (True, "boris", "Boris", 2)
    assert row.cycle.taken_at == row.cycle.queued_at == row.changed_at
    assert row.chat_status is Status.CHATTING


@pytest.mark.parametrize(
    ("author", "closer"), [(ANNA, "operator"), (BOT, "bot"), (RULE, "auto"), (IVAN, "auto")]
)
def test_the_row_knows_who_closed_it(author: Author, closer: str) -> None:
    assert after(empty(), ASKED, (EntryKind.SYSTEM, author, Verb.CLOSED)).closed_by == closer


def test_a_dialog_given_back_is_nobodys_and_keeps_when_it_was_taken() -> None:
    taken = after(empty(), ASKED, TAKEN)
    row = after(taken, (EntryKind.SYSTEM, ANNA, Verb.RETURNED))
    assert (row.owner, row.owner_name, row.open) == (None, "", True)
    assert row.cycle.taken_at == taken.cycle.taken_at


def test_a_late_message_does_not_become_the_last_one() -> None:
    row = after(empty(), ASKED)
    line = entry(row, EntryKind.IN, IVAN, late=60, text="earlier")
    late = fold(row, line)
    assert (late.last_place, late.preview) == (row.last_place, row.preview)
    assert late.unanswered == 2


def test_the_preview_is_one_short_line() -> None:
    row = empty()
    row = fold(row, entry(row, EntryKind.IN, IVAN, text=" a\n\n b\t" + "c" * 500))
    assert row.preview is not None
    assert row.preview.text.startswith("a b ccc")
    assert len(row.preview.text) == PREVIEW_CHARS


def test_the_preview_of_a_picture_says_so() -> None:
    row = empty()
    picture = Attachment(FileId("f"), "cat.png", "image/png", 1, "image")
    line = replace(entry(row, EntryKind.IN, IVAN, text=""), attachments=(picture,))
    preview = fold(row, line).preview
    assert preview is not None
    assert (preview.text, preview.attachment) == ("", "image")


def test_a_note_changes_nothing_that_anybody_waits_for() -> None:
    row = after(empty(), ASKED)
    noted = after(row, (EntryKind.NOTE, ANNA, None))
    assert replace(noted, seq=row.seq, changed_at=row.changed_at) == row


def told(row: Dialog, verb: Verb, author: Author = IVAN, **data: str) -> Dialog:
    return fold(row, entry(row, EntryKind.SYSTEM, author, verb=verb, data=data))


def test_a_call_that_is_asked_for_opens_the_dialog_and_waits_for_an_operator() -> None:
    row = empty(RequestType.CALLBACK)
    row = told(row, Verb.CALL_ASKED, phone="+79161234567", at="2026-03-03T15:00:00+03:00")
    assert (row.open, row.awaits, row.unanswered) == (True, Awaits.OPERATOR, 1)
    assert (row.phone, row.call_status) == ("+79161234567", Status.NEW)
    assert row.call_at == datetime(2026, 3, 3, 12, tzinfo=UTC)
    row = told(row, Verb.CALL_ASKED, phone="+79161234567", at="")
    assert (row.call_at, row.unanswered) == (None, 2)


def test_a_call_asked_for_again_does_not_disturb_one_that_is_under_way() -> None:
    row = told(empty(), Verb.CALL_ASKED, phone="+79161234567")
    talking = replace(row, call_status=Status.TALKING)
    assert told(talking, Verb.CALL_ASKED, phone="+79161234567").call_status is Status.TALKING


def test_a_dialog_handed_over_is_the_others_and_was_not_taken_by_him() -> None:
    row = told(after(empty(), ASKED), Verb.ASSIGNED, ANNA, operator="boris", name="Boris")
    assert (row.owner, row.owner_name, row.cycle.operator) == ("boris", "Boris", "boris")
    assert row.cycle.assigned_at is not None
    assert row.cycle.taken_at is None


def test_no_reply_needed_ends_the_wait_and_leaves_the_dialog_open() -> None:
    row = told(after(empty(), ASKED, TAKEN), Verb.NO_REPLY, ANNA)
    assert (row.open, row.awaits, row.waiting_since, row.unanswered) == (
        True,
        Awaits.NOBODY,
        None,
        0,
    )
    assert row.owner == "anna"


def test_a_score_is_of_the_cycle_and_opens_nothing() -> None:
    row = told(after(empty(), ASKED, TAKEN, CLOSED), Verb.RATED, score="good")
    assert (row.open, row.cycle.score) == (False, "good")
    assert after(row, ASKED).cycle.score == ""


def test_what_a_form_says_is_merged_and_never_grows_without_bound() -> None:
    row = told(told(empty(), Verb.FIELDS, city="Tver", plan="S"), Verb.FIELDS, plan="XL")
    assert row.fields == {"city": "Tver", "plan": "XL"}
    for n in range(3 * FIELDS_MAX):
        more = {f"field{n}": "x"}
        row = fold(row, entry(row, EntryKind.SYSTEM, IVAN, verb=Verb.FIELDS, data=more))
    assert len(row.fields) == FIELDS_MAX
    assert f"field{3 * FIELDS_MAX - 1}" in row.fields


def test_whom_the_site_vouched_for_is_verified_under_the_name_it_gave() -> None:
    row = told(empty(), Verb.IDENTIFIED, id="17", name="Ivan P.")
    assert (row.verified, row.name) == (True, "Ivan P.")
    assert told(row, Verb.IDENTIFIED, id="17").name == "Ivan P."

"""Messages said otherwise, taken back and reacted to: in the lane's order, once, and honestly."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.errors import (
    BadValueError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    ThrottledError,
    TooLargeError,
    TransientError,
)
from hub.hub import Hub
from hub.lanes import LEASE
from hub.model import Dialog, Entry, EntryKind, Identity, OutState, Reaction, Role, Verb
from tests.messenger import Messenger, connected
from tests.scripted import Lost
from tests.spine import (
    Clock,
    Crash,
    Mortal,
    ask,
    deliver,
    log_of,
    operator,
    say,
    sent,
    sound,
    states,
)

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
async def rich(hub: Hub) -> Messenger:
    return await connected(hub)


async def answered(hub: Hub, *texts: str) -> tuple[Dialog, list[Entry]]:
    """A dialog of the rich channel with these answers delivered."""
    row = await ask(hub, channel="rich")
    await say(hub, row, *texts)
    await deliver(hub)
    return row, await sent(hub, row)


async def orders(hub: Hub, row: Dialog) -> list[tuple[str, str, str]]:
    verbs = (Verb.EDITED, Verb.DELETED, Verb.REACTED)
    return [
        (str(each.verb), str(each.state), each.failure)
        for each in await log_of(hub.engine, row.id)
        if each.verb in verbs
    ]


async def one(hub: Hub, entry: Entry) -> Entry:
    found = await hub.engine.get(Entry, entry.id)
    assert found is not None
    return found


async def test_an_edit_reaches_the_person_and_the_log_keeps_what_was_said_before(
    hub: Hub, rich: Messenger, anna: Who, clock: Clock
) -> None:
    row, [entry] = await answered(hub, "one")
    clock.forward(MINUTE)
    for _ in range(3):
        await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    await deliver(hub)
    await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    await deliver(hub)

    after = await one(hub, entry)
    assert rich.bubbles == {"out-1": "uno"}
    assert rich.calls == ["send", "edit out-1 uno"]
    assert (after.text, after.data["before"], after.edited_at) == ("uno", "one", clock.at)
    assert await orders(hub, row) == [("edited", "sent", "")]


async def test_what_has_not_left_is_simply_said_otherwise(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row = await ask(hub, channel="rich")
    await say(hub, row, "one", "two", "three")
    one_, two, _ = await sent(hub, row)
    shown = await hub.amends.edit(anna, row.id, one_.id, "edit-0001", "uno")
    gone = await hub.amends.delete(anna, row.id, two.id, "drop-0001")
    assert (shown.text, shown.edited_at) == ("uno", None)
    assert (gone.state, gone.failure, gone.pending) == (OutState.FAILED, "cancelled", False)

    await deliver(hub)

    assert rich.calls == ["send", "send"]
    assert list(rich.bubbles.values()) == ["uno", "three"]
    assert [each[1] for each in await orders(hub, row)] == ["sent", "sent"]
    with pytest.raises(ConflictError, match="not_failed"):
        await hub.desk.retry(anna, row.id, two.id)


async def test_a_failed_message_is_mended_before_it_is_sent_again(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row = await ask(hub, channel="rich")
    await say(hub, row, "one")
    rich.script.append(RejectedError(reason="too_long"))
    await deliver(hub)
    [entry] = await sent(hub, row)
    await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    await hub.desk.retry(anna, row.id, entry.id)
    await deliver(hub)
    assert rich.bubbles == {"out-1": "uno"}
    assert await states(hub, row) == ["sent"]


async def test_an_edit_given_while_the_message_is_on_its_way_follows_it(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row = await ask(hub, channel="rich")
    await say(hub, row, "one", "two")
    first, second = await sent(hub, row)

    async def meanwhile() -> None:
        await hub.amends.edit(anna, row.id, first.id, "edit-0001", "uno")
        await hub.amends.edit(anna, row.id, first.id, "edit-0002", "eins")
        await hub.amends.delete(anna, row.id, second.id, "drop-0001")

    rich.script.append(meanwhile)
    await deliver(hub)
    await deliver(hub)

    assert rich.calls == ["send", "edit out-1 uno", "edit out-1 eins"]
    assert rich.bubbles == {"out-1": "eins"}
    assert (await one(hub, first)).text == "eins"


async def test_what_turns_out_to_have_left_in_pieces_is_not_changed_by_half(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row = await ask(hub, channel="rich")
    await say(hub, row, "one and more")
    [first] = await sent(hub, row)

    async def meanwhile() -> None:
        await hub.amends.edit(anna, row.id, first.id, "edit-0001", "uno")

    rich.script.append(meanwhile)
    rich.pieces = 2
    await deliver(hub)
    await deliver(hub)

    assert rich.calls == ["send"]
    assert (await one(hub, first)).text == "one and more"
    assert await orders(hub, row) == [("edited", "failed", "not_here")]


async def test_an_order_that_waits_is_not_overtaken_by_a_later_one(
    hub: Hub, rich: Messenger, anna: Who, mortal: Mortal, clock: Clock
) -> None:
    """The process dies with the first edit waiting: the second is still the last word."""
    await hub.pulses.reached(rich.id)
    row = await ask(hub, channel="rich")
    await say(hub, row, "one")
    [entry] = await sent(hub, row)

    async def fails() -> None:
        await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
        mortal.dies_after(1)
        raise RejectedError

    rich.script.append(fails)
    with pytest.raises(Crash):
        await deliver(hub)
    mortal.lives()
    assert await states(hub, row) == ["failed"]
    assert await orders(hub, row) == [("edited", "queued", "")]
    await hub.amends.edit(anna, row.id, entry.id, "edit-0002", "eins")
    clock.forward(LEASE)
    await deliver(hub)
    assert (await one(hub, entry)).text == "eins"


async def test_a_message_taken_back_is_gone_with_all_its_pieces(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    rich.pieces = 3
    row, [entry] = await answered(hub, "one")
    assert entry.data["more"] == "out-1-2 out-1-3"
    with pytest.raises(ConflictError, match="split"):
        await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    await hub.amends.delete(anna, row.id, entry.id, "drop-0001")
    await deliver(hub)
    assert rich.calls[1:] == ["delete out-1 out-1-2 out-1-3"]
    after = await one(hub, entry)
    assert (after.deleted_at is not None, after.state) == (True, OutState.SENT)
    with pytest.raises(ConflictError, match="deleted"):
        await hub.amends.edit(anna, row.id, entry.id, "edit-0002", "uno")
    assert (await hub.amends.delete(anna, row.id, entry.id, "drop-0002")).id == entry.id


async def test_a_reaction_is_one_and_can_be_taken_back(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row, [entry] = await answered(hub, "one")
    question = (await log_of(hub.engine, row.id))[0]
    assert question.kind is EntryKind.IN
    await hub.amends.react(anna, row.id, question.id, "react-001", "👍")
    await hub.amends.react(anna, row.id, question.id, "react-002", "❤")
    await hub.amends.react(anna, row.id, entry.id, "react-003", "👍")
    await deliver(hub)
    assert rich.reactions == {"ivan.1": "❤", "out-1": "👍"}
    assert (await one(hub, question)).reactions == (Reaction("operator", "❤"),)
    await hub.amends.react(anna, row.id, question.id, "react-004", "")
    await deliver(hub)
    assert rich.reactions["ivan.1"] == ""
    assert (await one(hub, question)).reactions == ()


async def test_a_quote_names_the_message_as_the_platform_does(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row, [entry] = await answered(hub, "one")
    question = (await log_of(hub.engine, row.id))[0]
    await hub.desk.reply(anna, row.id, "quote-001", "of yours", reply_to=question.id)
    await hub.desk.reply(anna, row.id, "quote-002", "of ours", reply_to=entry.id)
    await deliver(hub)
    assert rich.quotes == ["", "ivan.1", "out-1"]


async def test_an_order_holds_the_lane_like_a_message(
    hub: Hub, rich: Messenger, anna: Who, clock: Clock
) -> None:
    row, [entry] = await answered(hub, "one")
    await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    await say(hub, row, "two")
    rich.script.append(ThrottledError(retry_after=9 * SECOND))
    await deliver(hub)
    assert rich.bubbles == {"out-1": "one"}
    assert await orders(hub, row) == [("edited", "queued", "throttled")]

    clock.forward(9 * SECOND)
    await deliver(hub)

    assert rich.calls == ["send", "edit out-1 uno", "edit out-1 uno", "send"]
    assert list(rich.bubbles.values()) == ["uno", "two"]


async def test_an_order_whose_answer_was_lost_is_given_again(
    hub: Hub, rich: Messenger, anna: Who, clock: Clock
) -> None:
    row, [entry] = await answered(hub, "one")
    await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    rich.script.append(Lost(TransientError("timeout", maybe_sent=True, reason="timeout")))
    await deliver(hub)
    clock.forward(MINUTE)
    await deliver(hub)
    assert rich.calls == ["send", "edit out-1 uno", "edit out-1 uno"]
    assert await orders(hub, row) == [("edited", "sent", "")]


@pytest.mark.parametrize(
    ("error", "state", "failure"),
    [
        (RejectedError(reason="too_old"), "failed", "too_old"),
        (TransientError(maybe_sent=True, reason="timeout"), "failed", "timeout"),
        (TransientError(reason="page"), "failed", "page"),
    ],
)
async def test_a_refused_order_says_why_and_leaves_the_message_as_it_was(
    hub: Hub,
    rich: Messenger,
    anna: Who,
    clock: Clock,
    error: Exception,
    state: str,
    failure: str,
) -> None:
    row, [entry] = await answered(hub, "one")
    await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno")
    for _ in range(6):
        rich.script.append(error)
        await deliver(hub)
        clock.forward(HOUR)
        rich.script.clear()
    assert await orders(hub, row) == [("edited", state, failure)]
    after = await one(hub, entry)
    assert (after.text, after.edited_at, after.state) == ("one", None, OutState.SENT)


async def test_an_order_for_a_channel_whose_key_died_waits_for_the_new_one(
    hub: Hub, rich: Messenger, anna: Who, clock: Clock
) -> None:
    row, [entry] = await answered(hub, "one")
    await hub.amends.delete(anna, row.id, entry.id, "drop-0001")
    rich.script.append(CredentialsError(reason="dead_key"))
    await deliver(hub)
    clock.forward(HOUR)
    await deliver(hub)
    assert len(rich.calls) == 2
    await hub.pulses.revive(rich.id)
    await deliver(hub)
    assert rich.bubbles == {}


async def amended(hub: Hub, who: Who, row: Dialog, text: str) -> None:
    """The first answer edited, the second taken back, the question reacted to."""
    question = (await log_of(hub.engine, row.id))[0]
    first, second = await sent(hub, row)
    await hub.amends.edit(who, row.id, first.id, "edit-0001", text)
    await hub.amends.delete(who, row.id, second.id, "drop-0001")
    await hub.amends.react(who, row.id, question.id, "react-001", "👍")
    await deliver(hub)


async def test_orders_survive_a_crash_after_every_write(
    hub: Hub, rich: Messenger, mortal: Mortal, anna: Who, clock: Clock
) -> None:
    """An answer, its edit, another answer, a deletion: the same end whenever a process dies."""
    k, died = 0, True
    while died:
        row = await ask(hub, 1, f"visitor{k}", "rich")
        await say(hub, row, f"text {k}", f"more {k}")
        await deliver(hub)
        first, second = await sent(hub, row)
        question = (await log_of(hub.engine, row.id))[0]
        died = False

        mortal.dies_after(k)
        try:
            await amended(hub, anna, row, f"other {k}")
        except Crash:
            died = True
        mortal.lives()
        clock.forward(LEASE)
        # The client asks again for what it was not told of.
        await amended(hub, anna, row, f"other {k}")
        clock.forward(LEASE)
        await deliver(hub)

        one_, two = await one(hub, first), await one(hub, second)
        assert (one_.text, one_.data["before"]) == (f"other {k}", f"text {k}")
        assert two.deleted_at is not None
        assert (await one(hub, question)).reactions == (Reaction("operator", "👍"),)
        assert rich.bubbles[(one_.external_id or "").removeprefix("rich:")] == f"other {k}"
        assert (two.external_id or "").removeprefix("rich:") not in rich.bubbles
        assert len(await orders(hub, row)) == 3
        assert {state for _, state, _ in await orders(hub, row)} == {"sent"}
        await sound(hub.engine, row.id)
        k += 1
    assert k > 12


async def test_nobody_changes_what_another_said_but_who_oversees(
    hub: Hub, rich: Messenger, boris: Who
) -> None:
    row, [entry] = await answered(hub, "one")
    with pytest.raises(ForbiddenError):
        await hub.amends.edit(boris, row.id, entry.id, "edit-0001", "uno")
    with pytest.raises(ForbiddenError):
        await hub.amends.delete(boris, row.id, entry.id, "drop-0001")
    vera = operator("Vera", role=Role.SUPERVISOR)
    await hub.amends.delete(vera, row.id, entry.id, "drop-0001")
    await deliver(hub)
    assert rich.bubbles == {}


async def test_what_the_platform_cannot_is_refused_before_it_is_asked(
    hub: Hub, rich: Messenger, anna: Who, clock: Clock
) -> None:
    plain = await ask(hub, 1, "petr")
    await say(hub, plain, "plain")
    await deliver(hub)
    [other] = await sent(hub, plain)
    for refused in (
        hub.amends.edit(anna, plain.id, other.id, "edit-0001", "uno"),
        hub.amends.delete(anna, plain.id, other.id, "drop-0001"),
        hub.amends.react(anna, plain.id, other.id, "react-001", "👍"),
    ):
        with pytest.raises(ConflictError, match="not_here"):
            await refused
    row, [entry] = await answered(hub, "one")
    question = (await log_of(hub.engine, row.id))[0]
    with pytest.raises(NotFoundError):
        await hub.amends.edit(anna, row.id, question.id, "edit-0001", "uno")
    with pytest.raises(NotFoundError):
        await hub.amends.edit(anna, row.id, other.id, "edit-0001", "uno")
    with pytest.raises(BadValueError):
        await hub.amends.react(anna, row.id, question.id, "react-001", "🦄")
    with pytest.raises(BadValueError):
        await hub.amends.edit(anna, row.id, entry.id, "edit-0001", " ")
    with pytest.raises(TooLargeError):
        await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "x" * 1_001)
    clock.forward(timedelta(hours=48))
    await hub.amends.edit(anna, row.id, entry.id, "edit-0001", "in time")
    clock.forward(MINUTE)
    with pytest.raises(ConflictError, match="too_old"):
        await hub.amends.edit(anna, row.id, entry.id, "edit-0002", "late")
    assert rich.calls == ["send"]


async def test_what_nobody_knows_to_have_arrived_is_not_changed(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row = await ask(hub, channel="rich")
    await say(hub, row, "one")
    rich.script.append(TransientError(maybe_sent=True))
    await deliver(hub)
    [entry] = await sent(hub, row)
    assert entry.state is OutState.UNKNOWN
    for verb in (
        hub.amends.edit(anna, row.id, entry.id, "edit-0001", "uno"),
        hub.amends.delete(anna, row.id, entry.id, "drop-0001"),
    ):
        with pytest.raises(ConflictError, match="in_doubt"):
            await verb


async def test_twenty_edits_at_once_leave_the_person_and_the_log_with_the_same(
    hub: Hub, rich: Messenger, anna: Who
) -> None:
    row, [entry] = await answered(hub, "one")
    await asyncio.gather(
        *(hub.amends.edit(anna, row.id, entry.id, f"edit-{n:04}", f"text {n}") for n in range(20)),
        deliver(hub),
    )
    await deliver(hub)
    assert rich.bubbles["out-1"] == (await one(hub, entry)).text
    assert not any(each.pending for each in await log_of(hub.engine, row.id))


async def test_a_person_may_be_written_to_only_while_the_platform_s_window_is_open(
    hub: Hub, rich: Messenger, anna: Who, clock: Clock
) -> None:
    vars(rich)["capabilities"] = replace(Messenger.capabilities, window=24 * HOUR)
    row = await ask(hub, channel="rich")
    heard = clock.at
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, heard_at=heard))
    clock.forward(24 * HOUR)
    await hub.desk.reply(anna, row.id, "reply-001", "in time")
    clock.forward(SECOND)
    with pytest.raises(ConflictError, match="window"):
        await hub.desk.reply(anna, row.id, "reply-002", "late")
    await hub.desk.reply(anna, row.id, "reply-001", "in time")


async def test_a_person_who_is_gone_gets_no_order(hub: Hub, rich: Messenger, anna: Who) -> None:
    row, [entry] = await answered(hub, "one")
    await hub.amends.delete(anna, row.id, entry.id, "drop-0001")
    await hub.engine.delete_if(Identity, row.identity, lambda _: True)
    await deliver(hub)
    assert await orders(hub, row) == [("deleted", "failed", "unreachable")]

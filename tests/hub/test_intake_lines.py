"""What else stands in a log: files to come, places, forms, answers given elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from hub.accounts import Who
from hub.channels.port import Hook
from hub.content import Card, Remote, Spot
from hub.events import (
    ChannelEvent,
    FormFilled,
    Ignored,
    ReachabilityChanged,
    Sender,
    StaffReplied,
)
from hub.hub import Hub
from hub.intake import Intake
from hub.model import (
    Awaits,
    ChannelId,
    Contact,
    DialogId,
    Entry,
    EntryKind,
    Identity,
    OutState,
)
from hub.records import DeadLetter, Fetch
from hub.store.schema import DEAD_LETTERS, LETTERS_WAITING
from tests.scripted import Platform
from tests.spine import (
    MS,
    SHOP,
    START,
    WEEK,
    Clock,
    Crash,
    Mortal,
    all_of,
    ask,
    current,
    episodes,
    log_of,
    message,
    receive,
    tick,
)

IVAN = Sender(external_id="ivan", name="Иван")
PHOTO = Remote(ref="file-1", name="cat.jpg", mime="image/jpeg", size_bytes=5_000, kind="image")
VOICE = Remote(ref="file-2", mime="audio/ogg", size_bytes=900, kind="audio")


def staff(n: int, at: datetime = START, text: str = "Здравствуйте") -> StaffReplied:
    return StaffReplied(sender=IVAN, at=at, external_id=f"staff.{n}", text=text, name="Ольга")


async def line(hub: Hub, visitor: str = "ivan") -> Entry:
    """The last line of the visitor's dialog."""
    return (await log_of(hub.engine, (await current(hub, visitor)).id))[-1]


async def rules(hub: Hub) -> None:
    while await hub.worker.work():
        pass


async def test_a_file_at_the_platform_is_promised_before_its_message_stands(hub: Hub) -> None:
    sent = replace(message(1, hub.now(), text=" "), text="", media=(PHOTO, VOICE))
    for _ in range(3):
        await receive(hub, sent)

    entry = await line(hub)
    assert [(each.name, each.kind, each.coming) for each in entry.attachments] == [
        ("cat.jpg", "image", True),
        (entry.attachments[1].name, "audio", True),
    ]
    assert entry.data == {}
    for attachment, remote in zip(entry.attachments, (PHOTO, VOICE), strict=True):
        promise = await hub.engine.get(Fetch, attachment.id)
        assert promise is not None
        assert (promise.entry, promise.project, promise.channel) == (entry.id, SHOP, "site")
        assert msgspec.json.decode(promise.remote, type=Remote) == remote
    row = await current(hub)
    assert row.preview is not None
    assert (row.preview.attachment, row.unanswered) == ("image", 1)


async def test_a_repeat_of_a_message_whose_files_are_here_promises_nothing_again(hub: Hub) -> None:
    sent = replace(message(1, hub.now()), media=(PHOTO,))
    await receive(hub, sent)
    [attachment] = (await line(hub)).attachments
    await hub.engine.delete_if(Fetch, attachment.id, lambda _: True)

    await receive(hub, sent)

    assert await hub.engine.get(Fetch, attachment.id) is None


async def test_no_entry_names_a_file_that_nobody_will_bring(hub: Hub, mortal: Mortal) -> None:
    """The power fails after each write in turn, and the platform repeats."""
    for step in range(20):
        visitor = f"visitor{step}"
        sent = replace(message(1, hub.now(), visitor=visitor), media=(PHOTO, VOICE))
        mortal.dies_after(step)
        died = False
        try:
            await receive(hub, sent)
        except Crash:
            died = True
        mortal.lives()
        for entry in [each for each in [await hub.engine.get(Entry, f"site:{visitor}.1")] if each]:
            for attachment in entry.attachments:
                assert await hub.engine.get(Fetch, attachment.id) is not None
        await receive(hub, sent)
        assert len((await line(hub, visitor)).attachments) == 2
        if not died:
            return
    raise AssertionError("it never came to an end")


async def test_a_place_and_a_card_are_kept_as_they_came(hub: Hub) -> None:
    spot = Spot(latitude=55.75, longitude=37.61, title="Кремль")
    card = Card(name="Пётр", phone="8 (912) 345-67-89")
    await receive(hub, replace(message(1, hub.now()), spot=spot))
    await receive(hub, replace(message(2, hub.now()), text="", card=card))

    first, second = await log_of(hub.engine, (await current(hub)).id)
    assert first.spot == spot
    assert second.card == Card(name="Пётр", phone="+79123456789")
    assert second.data == {}, "somebody else's number is nobody's here"
    assert (await current(hub)).phone == ""


@pytest.mark.parametrize("place", [(91.0, 0.0), (0.0, 181.0), (float("nan"), 1.0)])
async def test_a_place_that_is_not_on_this_earth_is_none(
    hub: Hub, place: tuple[float, float]
) -> None:
    spot = Spot(latitude=place[0], longitude=place[1])
    await receive(hub, replace(message(1, hub.now()), text="", spot=spot))
    entry = await line(hub)
    assert (entry.spot, entry.data) == (None, {"unsupported": "plain"})


async def test_an_own_number_is_the_persons_from_then_on(hub: Hub, clock: Clock) -> None:
    card = Card(name="Иван", phone="79123456789", own=True)
    await receive(hub, replace(message(1, hub.now()), text="", card=card, question=False))
    await rules(hub)

    row = await current(hub)
    contact = await hub.engine.get(Contact, row.contact)
    identity = await hub.engine.get(Identity, row.identity)
    assert contact is not None
    assert identity is not None
    assert row.phone == "+79123456789"
    assert contact.phones == ("+79123456789",)
    assert identity.phone == "+79123456789"
    assert row.awaits is Awaits.NOBODY, "a shared contact is no question"


async def test_an_own_number_that_nobody_can_call_is_only_shown(hub: Hub) -> None:
    card = Card(phone="12", own=True)
    await receive(hub, replace(message(1, hub.now()), text="", card=card))
    entry = await line(hub)
    assert (entry.card, entry.data) == (card, {})


async def test_a_button_that_was_pressed_asks_nothing_of_anybody(hub: Hub) -> None:
    told: list[tuple[str, str]] = []

    async def acknowledge(channel: ChannelId, press: str) -> None:
        told.append((channel, press))

    intake = Intake(
        hub.engine,
        hub.bus,
        hub.channels,
        hub.files,
        hub.consents,
        hub.joining,
        hub.now,
        acknowledge=acknowledge,
    )
    pressed = replace(
        message(1, hub.now(), text="Да"), pressed="order:ok", press="cb-7", question=False
    )
    await intake.accept(hub.channels.get("site"), [pressed])

    entry, row = await line(hub), await current(hub)
    assert (entry.text, entry.data) == ("Да", {"pressed": "order:ok"})
    assert (row.open, row.unanswered, row.chat_status) == (True, 0, None)
    assert told == [("site", "cb-7")]


async def test_a_message_with_nothing_to_see_is_one_all_the_same(hub: Hub) -> None:
    await receive(hub, replace(message(1, hub.now()), text=""))
    await receive(hub, replace(staff(1, hub.now()), text=""))
    first, second = await log_of(hub.engine, (await current(hub)).id)
    assert first.data == second.data == {"unsupported": "plain"}


@pytest.mark.parametrize("text", ["/start KEY-of-somebody_1", "KEY-of-somebody_1", ""])
async def test_the_key_of_a_link_is_never_part_of_what_was_said(hub: Hub, text: str) -> None:
    opened = replace(message(1, hub.now()), text=text, start="KEY-of-somebody_1", question=False)
    await receive(hub, opened)
    entry, row = await line(hub), await current(hub)
    assert (entry.text, entry.data) == ("", {"opened": "link"})
    assert "KEY-of" not in repr((entry, row))
    assert row.unanswered == 0


async def test_words_beside_the_key_are_kept(hub: Hub) -> None:
    said = replace(
        message(1, hub.now()),
        text="Здравствуйте! aB3-_0123456789abcdefg",
        start="aB3-_0123456789abcdefg",
    )
    await receive(hub, said)
    entry = await line(hub)
    assert (entry.text, entry.data) == ("Здравствуйте!", {})
    assert (await current(hub)).unanswered == 1


async def test_the_mark_of_a_campaign_is_cut_out_of_nobodys_words(hub: Hub) -> None:
    said = replace(message(1, hub.now()), text="Где sale?", start="sale")
    await receive(hub, said)
    assert (await line(hub)).text == "Где sale?"
    await receive(hub, replace(message(2, hub.now()), text="/start sale", start="sale"))
    entry = await line(hub)
    assert (entry.text, entry.data) == ("", {"opened": "link"})


async def test_an_answer_given_in_the_messenger_is_an_answer_and_takes_nothing(hub: Hub) -> None:
    await receive(hub, message(1, START), staff(1, START + MS))

    row = await current(hub)
    _, answer = await log_of(hub.engine, row.id)
    assert (answer.kind, answer.state, answer.pending) == (EntryKind.OUT, OutState.SENT, False)
    assert (answer.author.kind, answer.author.id, answer.author.name) == ("operator", "", "Ольга")
    assert answer.id == answer.external_id == "site:staff.1"
    assert (row.awaits, row.unanswered, row.waiting_since) == (Awaits.CUSTOMER, 0, None)
    assert (row.owner, row.lane_at) == (None, None)
    assert row.cycle.answered_at == answer.stored_at
    await hub.delivery.deliver(DialogId(row.id))
    live = hub.channels.get("site")
    assert isinstance(live, Platform)
    assert live.attempts == [], "it is there already"


async def test_who_is_written_to_first_in_the_messenger_has_a_dialog(hub: Hub) -> None:
    await receive(hub, staff(1))
    row = await current(hub)
    assert (row.open, row.awaits, row.direction, row.creation) == (
        True,
        Awaits.CUSTOMER,
        "outgoing",
        "operator",
    )
    assert (row.heard_at, row.chat_status) == (None, None)


async def test_an_answer_in_the_messenger_opens_no_closed_dialog(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    await hub.desk.close(anna, row.id)
    await receive(hub, staff(1, hub.now()))
    row = await current(hub)
    assert (row.open, row.awaits, row.n) == (False, Awaits.NOBODY, 1)


async def test_what_we_sent_is_no_answer_of_somebody_elses(
    hub: Hub, site: Platform, anna: Who
) -> None:
    """The platform tells of our message before, while and after it tells us its id."""
    row = await ask(hub)
    text = "Да, **есть**"
    await hub.desk.reply(anna, row.id, "key-0001", text)

    async def meanwhile() -> None:
        await receive(hub, replace(staff(7, hub.now(), "Да, есть"), external_id="out-1"))

    site.script.append(meanwhile)
    await hub.delivery.deliver(DialogId(row.id))
    await meanwhile()

    out = [each for each in await log_of(hub.engine, row.id) if each.kind is EntryKind.OUT]
    assert [(each.text, each.external_id) for each in out] == [(text, "site:out-1")]


async def test_a_later_piece_of_a_long_answer_is_no_answer_of_its_own(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    entry, _ = await hub.desk.reply(anna, row.id, "key-0001", "one two")
    await hub.delivery.deliver(DialogId(row.id))
    await hub.engine.change(Entry, entry.id, lambda had: replace(had, data={"more": "out-1b"}))

    await receive(hub, replace(staff(1, hub.now(), "two"), external_id="out-1b"))
    await receive(hub, tick("out-1b", OutState.READ, hub.now(), upto=True))

    out = [each for each in await log_of(hub.engine, row.id) if each.kind is EntryKind.OUT]
    assert [(each.text, each.state) for each in out] == [("one two", OutState.READ)]


async def test_a_form_is_a_request_with_its_answers_and_its_number(hub: Hub) -> None:
    form = FormFilled(
        sender=Sender(external_id="ivan", name="Иван"),
        at=hub.now(),
        external_id="lead.1",
        form="Запись",
        answers=(("Услуга", "Стрижка"), ("Когда", "Завтра")),
        name="Иван Петров",
        phone="8 912 345-67-89",
        email="ivan@example.org",
    )
    for _ in range(3):
        await receive(hub, form)
    await rules(hub)

    row, entry = await current(hub), await line(hub)
    assert entry.text == (
        "Запись\nУслуга: Стрижка\nКогда: Завтра\nИван Петров\n8 912 345-67-89\nivan@example.org"
    )
    assert entry.data == {
        "form": "Запись",
        "name": "Иван Петров",
        "phone": "+79123456789",
        "raw_phone": "8 912 345-67-89",
        "email": "ivan@example.org",
    }
    assert (row.creation, row.phone, row.unanswered) == ("form", "+79123456789", 1)
    contact = await hub.engine.get(Contact, row.contact)
    assert contact is not None
    assert (contact.phones, contact.emails) == (("+79123456789",), ("ivan@example.org",))


async def test_a_quote_is_of_the_entry_whoever_wrote_it(hub: Hub, anna: Who) -> None:
    row = await ask(hub)
    entry, _ = await hub.desk.reply(anna, row.id, "key-0001", "answer")
    await hub.delivery.deliver(DialogId(row.id))

    await receive(hub, replace(message(2, hub.now()), reply_to="ivan.1"))
    await receive(hub, replace(message(3, hub.now()), reply_to="out-1"))
    await receive(hub, replace(message(4, hub.now()), reply_to="ivan.5"))
    await receive(hub, message(5, hub.now()))

    quotes = [each.reply_to for each in await log_of(hub.engine, row.id) if each.reply_to]
    assert quotes == ["site:ivan.1", entry.id, "site:ivan.5"]


async def test_the_last_word_of_a_person_is_known_in_the_next_episode_too(
    hub: Hub, clock: Clock, anna: Who
) -> None:
    row = await ask(hub)
    assert row.heard_at == START
    await receive(hub, message(0, START - timedelta(hours=1)))
    assert (await current(hub)).heard_at == START
    await hub.desk.close(anna, row.id)
    clock.forward(WEEK + MS)
    await receive(hub, message(2, hub.now(), question=False))
    assert [each.heard_at for each in await episodes(hub)] == [START, hub.now()]


async def test_who_writes_can_be_written_to(hub: Hub) -> None:
    row = await ask(hub)
    await hub.engine.change(Identity, row.identity, lambda had: replace(had, reachable=False))
    await ask(hub, 2)
    await rules(hub)
    identity = await hub.engine.get(Identity, row.identity)
    assert identity is not None
    assert identity.reachable


def turned(visitor: str, ms: int, *, reachable: bool) -> ReachabilityChanged:
    sender = Sender(external_id=visitor)
    return ReachabilityChanged(sender=sender, at=START + MS * ms, reachable=reachable)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_who_is_gone_is_gone_in_whatever_order_it_is_told(
    hub: Hub, order: tuple[int, int]
) -> None:
    for visitor, first, second, reachable in (
        ("a", message(1, START, visitor="a"), turned("a", 2, reachable=False), False),
        ("b", turned("b", 2, reachable=False), message(1, START + MS * 3, visitor="b"), True),
        ("c", turned("c", 2, reachable=False), turned("c", 4, reachable=True), True),
        ("d", turned("d", 2, reachable=True), turned("d", 4, reachable=False), False),
    ):
        await receive(hub, message(0, START - MS, visitor=visitor))
        for n in order:
            await receive(hub, (first, second)[n])
            await rules(hub)
        identity = await hub.engine.get(Identity, f"site:{visitor}")
        assert identity is not None
        assert identity.reachable is reachable, visitor


class Telling(Platform):
    """A platform whose bodies are what the test says."""

    told: Sequence[ChannelEvent] = ()

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return self.told


def telling(*events: ChannelEvent) -> Any:
    platform = Telling(ChannelId("site"))
    platform.told = events
    return platform


async def test_what_nobody_knows_yet_is_kept_raw_and_alarms_nobody(hub: Hub) -> None:
    news = Ignored(sender=IVAN, at=START, name="unknown:telepathy")
    useless = Ignored(sender=IVAN, at=START, name="chat_background")
    body = Hook(body=b'{"telepathy":1}', received_at=START)
    for _ in range(3):
        await hub.intake.take(telling(useless, news, message(1, START)), body)
    await hub.intake.take(telling(useless), Hook(body=b"useless", received_at=START))

    [letter] = await all_of(hub.engine, DEAD_LETTERS, {"project": SHOP})
    assert isinstance(letter, DeadLetter)
    assert (letter.body, letter.error) == (b'{"telepathy":1}', "unknown:telepathy")
    assert await all_of(hub.engine, LETTERS_WAITING, {"project": SHOP, "replayed_at": None}) == []
    assert (await current(hub)).seq == 1


async def test_what_was_unknown_is_read_once_it_is_known(hub: Hub, anna: Who) -> None:
    news = Ignored(sender=IVAN, at=START, name="unknown:telepathy")
    await hub.intake.take(telling(news), Hook(body=b"thought", received_at=START))
    [letter] = await all_of(hub.engine, DEAD_LETTERS, {"project": SHOP})

    async def revive(*_: object) -> Sequence[ChannelEvent]:
        return [message(1, START, text="a thought")]

    done = await hub.letters.replay(letter, revive, anna)

    assert done.outcome == "stored"
    assert (await line(hub)).text == "a thought"


async def test_a_tick_before_we_know_the_id_of_what_we_sent_is_put_on_it(
    hub: Hub, site: Platform, anna: Who
) -> None:
    row = await ask(hub)
    await hub.desk.reply(anna, row.id, "key-0001", "answer")

    async def told() -> None:
        await receive(hub, tick("out-1", OutState.READ, hub.now()))

    site.script.append(told)
    await hub.delivery.deliver(DialogId(row.id))
    await rules(hub)
    assert (await line(hub)).state is OutState.READ


async def test_a_failure_stands_whether_it_came_before_or_after_the_taking(
    hub: Hub, anna: Who
) -> None:
    row = await ask(hub)
    for n, order in enumerate(permutations((OutState.SENT, OutState.FAILED)), 1):
        await hub.desk.reply(anna, row.id, f"key-000{n}", "answer")
        await hub.delivery.deliver(DialogId(row.id))
        for state in order:
            await receive(hub, tick(f"out-{n}", state, hub.now(), failure="window"))
        entry = await line(hub)
        assert (entry.state, entry.failure) == (OutState.FAILED, "window")

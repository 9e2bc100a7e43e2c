"""Letters go out once each, whatever their server does, to those who are to be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.calling import Calling
from hub.leads.lead import Lead
from hub.model import DialogId, Operator, OperatorId, Project
from hub.records import Notice
from hub.schedule import always
from hub.statuses import Status
from hub.store.engine import Engine, Insert
from hub.telling import mail
from hub.telling.errands import KEPT, RETRIES
from hub.telling.mail import CLAIM
from tests.hub.postoffice import ANNA, SHOP, Office, Server, office_of, plain, serving
from tests.spine import Clock


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(Server()) as made:
        yield made


@pytest.fixture
async def office(engine: Engine, clock: Clock) -> Office:
    return await office_of(engine, clock)


async def test_a_letter_says_what_happened_and_where_to_look(
    office: Office, server: Server
) -> None:
    sending = office.mail(plain(server))
    assert await office.promised()
    assert not await office.promised()
    await sending.work()
    [letter] = server.letters
    assert letter["Subject"] == "Не дозвонились: +79161234567"
    assert (letter["To"], letter["Auto-Submitted"]) == (ANNA, "auto-generated")
    assert str(letter["From"]) == "Отклик <hub@example.com>"
    assert letter["Message-ID"] == f"<{(await office.post()).id}@example.com>"
    body = letter.get_content()
    for part in ("Ромашка", "+79161234567", "Имя: Анна", "Попыток: 3"):
        assert part in body
    assert "https://hub.example/inbox#site%3A1%3A1" in body
    post = await office.post()
    assert (post.state, post.due_at) == ("sent", None)
    await sending.work()
    assert len(server.letters) == 1


async def test_two_workers_send_it_once(office: Office, server: Server) -> None:
    await office.promised()
    await asyncio.gather(*(office.mail(plain(server)).work() for _ in range(5)))
    assert len(server.letters) == 1


async def test_an_address_that_is_refused_for_good_is_not_asked_again(
    office: Office, server: Server
) -> None:
    server.says = ["550 no such mailbox"]
    sending = office.mail(plain(server))
    await office.promised()
    await sending.work()
    post = await office.post()
    assert (post.state, post.error, post.due_at) == ("refused", "550", None)
    office.clock.at += timedelta(days=2)
    await sending.work()
    assert server.letters == []


async def test_a_letter_that_is_refused_for_now_goes_later(office: Office, server: Server) -> None:
    server.says = ["451 greylisted"]
    server.after_data = ["452 disk full"]
    sending = office.mail(plain(server))
    await office.promised()
    for wait in RETRIES[:2]:
        await sending.work()
        assert server.letters == []
        assert (await office.post()).due_at == office.clock.at + wait
        await sending.work()
        office.clock.at += wait
    await sending.work()
    assert len(server.letters) == 1
    assert (await office.post()).state == "sent"


async def test_words_that_are_refused_for_good_are_not_said_again(
    office: Office, server: Server
) -> None:
    server.after_data = ["554 spam"]
    await office.promised()
    await office.mail(plain(server)).work()
    assert (await office.post()).state == "refused"


async def test_a_connection_cut_in_the_middle_is_tried_again_as_the_same_letter(
    office: Office, server: Server
) -> None:
    server.drops = 1
    sending = office.mail(plain(server))
    await office.promised()
    await sending.work()
    post = await office.post()
    assert (post.state, post.tries, server.letters) == ("waiting", 1, [])
    office.clock.at += RETRIES[0]
    await sending.work()
    [letter] = server.letters
    assert letter["Message-ID"] == f"<{post.id}@example.com>"


async def test_a_server_that_is_away_is_asked_for_a_day_and_then_no_more(office: Office) -> None:
    async with serving(Server()) as gone:
        url = plain(gone)
    sending = office.mail(url)
    began = office.clock.at
    await office.promised()
    for wait in (*RETRIES, timedelta(0)):
        await sending.work()
        office.clock.at += wait
    post = await office.post()
    assert (post.state, post.error) == ("lost", "offline")
    assert timedelta(hours=20) < office.clock.at - began < timedelta(days=2)


async def test_a_silent_server_is_waited_for_no_longer_than_a_claim_lasts(
    office: Office, server: Server
) -> None:
    sending = office.mail(plain(server))
    assert 2 * timedelta(seconds=sending.seconds) < CLAIM / 2
    sending.seconds = 0.05
    server.silent = True
    await office.promised()
    await sending.work()
    post = await office.post()
    assert (post.state, post.error) == ("waiting", "timeout")


async def test_what_a_dead_process_had_in_hand_is_sent_by_another(
    office: Office, server: Server
) -> None:
    server.silent = True
    await office.promised()
    dying = asyncio.create_task(office.mail(plain(server)).work())
    await server.asked.wait()
    dying.cancel()
    await asyncio.wait([dying])
    server.silent = False
    await office.mail(plain(server)).work()
    assert server.letters == []
    office.clock.at += CLAIM
    await office.mail(plain(server)).work()
    assert len(server.letters) == 1


async def test_without_a_server_a_letter_ends_at_once(office: Office) -> None:
    await office.promised()
    await office.mail("").work()
    assert ((await office.post()).state, (await office.post()).error) == ("lost", "off")
    assert await office.mail("").check() == "off"


def lead(**told: Any) -> Lead:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    given_to: dict[str, Any] = {
        "project": SHOP,
        "phone": "+79161234567",
        "n": 1,
        "name": "Анна",
        "dialog": DialogId("site:1:1"),
        "status": Status.NEW,
        "origin": "site",
        "attempts": 3,
        "calls": 4,
        "created_at": at,
        "changed_at": at,
    }
    return Lead(id="shop:+79161234567:1", **(given_to | told))


async def test_a_lead_that_waits_for_people_is_told_to_every_address_once(
    office: Office, server: Server
) -> None:
    calling = Calling(mails=(ANNA, "boss@example.com"))
    home = Project(
        id=SHOP,
        name="Shop",
        lang="en",
        schedule=always("UTC"),
        calling=calling,
        created_at=office.clock(),
    )
    await office.engine.write(Insert(home))
    for _ in range(2):
        assert await mail.exhausted(office.engine, SHOP, lead(), office.clock()) == 2
    await office.mail(plain(server)).work()
    assert {each["To"] for each in server.letters} == {ANNA, "boss@example.com"}
    assert {each["Subject"] for each in server.letters} == {"Could not reach +79161234567 by phone"}
    assert await mail.exhausted(office.engine, SHOP, lead(calls=5), office.clock()) == 2
    assert len(await office.posts()) == 4


async def test_who_has_no_messenger_gets_the_notice_as_a_letter(
    office: Office, server: Server
) -> None:
    now = office.clock()
    told = Notice(
        id="n1",
        project=SHOP,
        dialog=DialogId("site:1:1"),
        operator=OperatorId("o"),
        what="waiting",
        since=now,
        due_at=now,
        created_at=now,
    )
    olga = Operator(id="o", login="olga", name="Ольга", created_at=now)
    assert not await mail.notice(office.engine, told, olga, "Ждут", now)
    olga = replace(olga, email="olga@example.com")
    for _ in range(2):
        assert await mail.notice(office.engine, told, olga, "Ждут 5 минут\nСколько стоит?", now)
    await office.mail(plain(server)).work()
    [letter] = server.letters
    assert letter["Subject"] == "Проект «»: Ждут 5 минут"
    assert "Сколько стоит?" in letter.get_content()


async def test_what_is_over_is_cleared_away_and_what_waits_is_not(
    office: Office, server: Server
) -> None:
    await office.promised()
    await office.mail(plain(server)).work()
    await office.promised("two")
    sending = office.mail(plain(server))
    office.clock.at += KEPT + timedelta(days=1)
    await sending.sweep(office.clock())
    assert [each.state for each in await office.posts()] == ["waiting"]

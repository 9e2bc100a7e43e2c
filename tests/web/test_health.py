"""How the hub says it is, and what can be done about bodies that it failed to digest."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from msgspec.structs import replace

from hub import model
from hub.keeping.health import Health
from hub.model import (
    Dialog,
    Membership,
    ProjectId,
    Role,
    Timer,
)
from hub.observe import QUEUE_OLDEST, QUEUE_WAITING
from hub.records import DeadLetter
from hub.store.engine import Insert
from hub.store.schema import AUDIT, BY_LIFE
from tests.web.house import ALPHA, BETA, Browser, House, sign

LETTERS = "/projects/alpha/dead-letters"


@pytest.fixture
async def admin(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def hook(house: House, body: object) -> ClientResponse:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    browser = await house.browser()
    return await browser.client.post(
        "/hooks/alpha-echo", data=sent, headers={"X-Signature": sign(sent)}
    )


async def undigested(house: House, body: bytes, channel: str = "alpha-echo") -> None:
    await house.hub.intake.undigested(house.hub.channels.get(channel), body, "ours")


def batch(*messages: tuple[str, str]) -> bytes:
    made = [{"id": id, "from": "ivan", "text": text} for id, text in messages]
    return json.dumps({"messages": made}).encode()


async def texts(house: House, project: ProjectId = ALPHA) -> list[str]:
    page = await house.hub.engine.find(BY_LIFE, {"project": project, "open": True})
    found = []
    for row in page.items:
        entries, _ = await house.hub.desk.log(model.DialogId(row.id))
        found += [each.text for each in entries if each.text]
    return found


async def verbs(house: House) -> list[str]:
    page = await house.hub.engine.find(AUDIT, {"project": ALPHA})
    return [each.verb for each in page.items if each.verb.startswith("letter_")]


async def test_a_quiet_hub_says_that_nothing_waits(house: House, admin: Browser) -> None:
    told = await admin.get("/health")
    for name in (
        "deliveries",
        "deliveries_held",
        "rules",
        "timers_late",
        "calls_late",
        "dead_letters",
    ):
        assert told[name] == {"n": 0, "more": False, "oldest_at": None}, name
    assert told["bus"] == {"kind": "local", "connected": True}
    assert told["store"]["kind"] == house.hub.engine.kind
    assert told["store"]["version"] >= 1
    assert 0 < told["disk"]["free_bytes"] <= told["disk"]["total_bytes"]


async def test_a_disk_with_less_room_than_is_wanted_is_low(house: House) -> None:
    hub, folder = house.hub, house.hub.settings.data.dir
    for wanted, low in ((0, False), (2**60, True)):
        figures = await Health(hub.engine, hub.bus, folder, hub.now, wanted).look([])
        assert figures.disk is not None
        assert figures.disk.low is low


async def test_a_folder_that_is_not_there_yet_has_no_disk(house: House, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    figures = await Health(house.hub.engine, house.hub.bus, nowhere, house.hub.now).look([])
    assert figures.disk is None


async def test_what_waits_is_counted_with_the_time_of_the_oldest(
    house: House, admin: Browser
) -> None:
    then = in_an_hour()
    for n, minutes in enumerate((5, 9, 2)):
        due = then - timedelta(minutes=minutes)
        timer = Timer(id=f"t{n}", project=ALPHA, verb="x", target="y", due_at=due, created_at=due)
        await house.hub.engine.write(Insert(timer))
    soon = Timer(id="s", project=ALPHA, verb="x", target="y", due_at=then, created_at=then)
    await house.hub.engine.write(Insert(soon))
    await undigested(house, b"not json")

    figures = await at(house, then).look([ALPHA])
    oldest = then - timedelta(minutes=9)
    assert (figures.timers_late.n, figures.timers_late.oldest_at) == (3, oldest)
    told = await admin.get("/health")
    assert (told["timers_late"]["n"], told["timers_late"]["oldest_at"]) == (0, None)
    assert told["dead_letters"]["n"] == 1


def in_an_hour() -> datetime:
    """When what is late is so to nobody who works here yet, and nobody takes it."""
    return model.now() + timedelta(hours=1)


def at(house: House, now: datetime) -> Health:
    return Health(house.hub.engine, house.hub.bus, house.hub.settings.data.dir, lambda: now)


async def test_lanes_and_rules_that_are_due_are_waiting_and_leased_ones_are_held(
    house: House,
) -> None:
    hub = house.hub
    visitor = await house.visitor()
    ok = await visitor.write("вопрос")
    row = await hub.engine.get(Dialog, ok["dialog"])
    assert row is not None
    later = model.now() + timedelta(hours=1)
    past_it = later + timedelta(minutes=1)
    await hub.engine.change(Dialog, row.id, lambda had: replace(had, rules_at=later, lane_at=later))
    figures = await Health(hub.engine, hub.bus, hub.settings.data.dir, lambda: past_it).look([])
    assert (figures.rules.n, figures.rules.oldest_at) == (1, later)
    assert (figures.deliveries.n, figures.deliveries_held.n) == (1, 0)
    now = await hub.health.look([])
    assert (now.deliveries.n, now.deliveries_held.n) == (0, 1)


async def test_the_gauges_follow_the_figures(house: House) -> None:
    then = in_an_hour()
    past = then - timedelta(minutes=3)
    timer = Timer(id="t", project=ALPHA, verb="x", target="y", due_at=past, created_at=past)
    await house.hub.engine.write(Insert(timer))
    await undigested(house, b"x")
    await at(house, then).measure()
    assert value(QUEUE_WAITING, "timers_late") == value(QUEUE_WAITING, "dead_letters") == 1
    assert value(QUEUE_OLDEST, "timers_late") >= 180


def value(gauge: Any, queue: str) -> float:
    found: float = gauge.labels(queue=queue)._value.get()
    return found


async def test_an_operator_and_a_supervisor_see_what_their_role_allows(house: House) -> None:
    await undigested(house, batch(("1", "привет")))
    operator = await house.browser("anna")
    for path in ("/health", LETTERS):
        assert (await operator.ask("GET", f"/api/v1{path}"))[0] == 403

    await house.operator("sofia", ALPHA, Role.SUPERVISOR)
    supervisor = await house.browser("sofia")
    [letter] = (await supervisor.get(LETTERS))["items"]
    one = f"{LETTERS}/{letter['id']}"
    assert "привет" in (await supervisor.get(one))["body"].encode().decode("unicode_escape")
    assert (await supervisor.ask("POST", f"/api/v1{one}/replay"))[0] == 403
    assert (await supervisor.ask("DELETE", f"/api/v1{one}"))[0] == 403


async def test_nobody_sees_or_counts_the_letters_of_another_project(house: House) -> None:
    await undigested(house, b"x")
    known = await house.operator("bella", BETA, Role.ADMIN)
    bella = await house.browser("bella")
    [letter] = (await house.hub.letters.of(ALPHA, None)).items
    assert (await bella.get("/health"))["dead_letters"]["n"] == 0
    for method, path in (
        ("GET", LETTERS),
        ("GET", f"/projects/beta/dead-letters/{letter.id}"),
        ("POST", f"/projects/beta/dead-letters/{letter.id}/replay"),
        ("DELETE", f"/projects/beta/dead-letters/{letter.id}"),
    ):
        assert (await bella.ask(method, f"/api/v1{path}"))[0] == 404, path
    assert await house.hub.engine.get(DeadLetter, letter.id) is not None

    # Nor of one where she is a mere operator.
    await house.hub.accounts.join(model.OperatorId(known.id), ALPHA, Role.OPERATOR)
    assert (await bella.get("/health"))["dead_letters"]["n"] == 0
    assert (await bella.ask("GET", f"/api/v1{LETTERS}"))[0] == 403


async def test_a_membership_that_names_channels_sees_letters_of_those_alone(
    house: House, admin: Browser
) -> None:
    await undigested(house, b"x")
    ada = await house.hub.accounts.by_login("ada")
    assert ada is not None
    await house.hub.engine.change(
        Membership,
        f"{ada.id}:alpha",
        lambda had: replace(had, channels=(model.ChannelId("alpha-site"),)),
    )
    [letter] = (await house.hub.letters.of(ALPHA, None)).items
    assert (await admin.get(LETTERS))["items"] == []
    assert (await admin.ask("GET", f"/api/v1{LETTERS}/{letter.id}"))[0] == 404


async def test_a_replayed_body_becomes_its_messages_once(house: House, admin: Browser) -> None:
    await undigested(house, batch(("1", "первое"), ("2", "второе")))
    [letter] = (await admin.get(LETTERS))["items"]
    assert (letter["channel"], letter["error"]) == ("alpha-echo", "ours")

    done = await admin.post(f"{LETTERS}/{letter['id']}/replay")
    assert (done["outcome"], bool(done["letter"]["replayed_at"])) == ("stored", True)
    assert await texts(house) == ["первое", "второе"]
    again = await admin.post(f"{LETTERS}/{letter['id']}/replay")
    assert again["outcome"] == "known"
    assert await texts(house) == ["первое", "второе"]
    assert (await admin.get(LETTERS))["items"] == []
    assert len((await admin.get(f"{LETTERS}?replayed=true"))["items"]) == 1
    assert (await admin.get("/health"))["dead_letters"]["n"] == 0


async def test_a_body_that_the_platform_repeated_meanwhile_is_known(
    house: House, admin: Browser
) -> None:
    body = batch(("1", "первое"))
    await undigested(house, body)
    assert (await hook(house, body)).status == 200
    [letter] = (await admin.get(LETTERS))["items"]
    done = await admin.post(f"{LETTERS}/{letter['id']}/replay")
    assert (done["outcome"], await texts(house)) == ("known", ["первое"])


async def test_two_who_replay_at_once_store_it_once(house: House, admin: Browser) -> None:
    await undigested(house, batch(("1", "первое")))
    [letter] = (await admin.get(LETTERS))["items"]
    done = await asyncio.gather(*(admin.post(f"{LETTERS}/{letter['id']}/replay") for _ in range(4)))
    assert sorted(each["outcome"] for each in done) == ["known", "known", "known", "stored"]
    assert await texts(house) == ["первое"]


async def test_what_fails_again_stays_with_the_new_reason(house: House, admin: Browser) -> None:
    assert (await hook(house, {"messages": [], "explode": True})).status == 200
    [letter] = (await admin.get(LETTERS))["items"]
    assert "ZeroDivisionError" in letter["error"]
    await house.hub.engine.change(DeadLetter, letter["id"], lambda had: replace(had, error="old"))
    done = await admin.post(f"{LETTERS}/{letter['id']}/replay")
    assert done["outcome"] == "failed"
    assert "ZeroDivisionError" in done["letter"]["error"]
    assert len((await admin.get(LETTERS))["items"]) == 1


async def test_a_body_without_a_message_is_done_too(house: House, admin: Browser) -> None:
    await undigested(house, batch())
    [letter] = (await admin.get(LETTERS))["items"]
    assert (await admin.post(f"{LETTERS}/{letter['id']}/replay"))["outcome"] == "nothing"
    assert (await admin.get(LETTERS))["items"] == []


async def test_a_frame_of_the_widget_is_replayed_as_its_visitor_wrote_it(
    house: House, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = await house.visitor()

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(house.hub.intake, "accept", broken)
        assert (await visitor.write("важное", key="broken-001"))["t"] == "error"
    [letter] = (await admin.get(LETTERS))["items"]
    done = await admin.post(f"{LETTERS}/{letter['id']}/replay")
    assert done["outcome"] == "stored"
    assert await texts(house) == ["важное"]
    # The visitor's own second try is the same message.
    ok = await visitor.write("важное", key="broken-001")
    assert (ok["t"], ok["dialog"]) == ("ok", done["dialog"])
    assert await texts(house) == ["важное"]


async def test_a_file_in_a_kept_frame_comes_with_it(house: House, admin: Browser) -> None:
    visitor = await house.visitor()
    visitor_id = visitor.key.partition(".")[0]
    answer = await visitor.browser.client.post(
        "/widget/alpha-site/files?name=a.txt",
        data=b"hello",
        headers={"X-Visitor-Key": visitor.key, "Origin": "https://shop.example"},
    )
    file = (await answer.json())["id"]
    frame = {"t": "send", "key": "kept-0001", "at": 1.0, "text": "", "attachments": [file]}
    kept = {"identity": f"alpha-site:{visitor_id}", "frame": frame}
    await undigested(house, json.dumps(kept).encode(), "alpha-site")
    [letter] = (await admin.get(LETTERS))["items"]
    done = await admin.post(f"{LETTERS}/{letter['id']}/replay")
    log = await admin.get(f"/dialogs/{done['dialog']}/log")
    assert [each["name"] for each in log["items"][-1]["attachments"]] == ["a.txt"]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", "failed"),
        (b"\xff\x00", "failed"),
        (b'{"identity": "alpha-site:v", "frame": {"t": "send"}}', "failed"),
        (b'{"identity": "alpha-site:v", "frame": {"t": "read", "seq": 3}}', "nothing"),
        (
            b'{"identity": "alpha-site:v", "frame": {"t":"send","key":"kept-0001","at":1,'
            b'"text":"x","reply_to":"beta-site:other:1"}}',
            "failed",
        ),
        (b'{"identity": "", "frame": {"t":"send","key":"kept-0001","at":1,"text":"x"}}', "failed"),
    ],
)
async def test_a_frame_that_is_none_is_said_so(
    house: House, admin: Browser, body: bytes, outcome: str
) -> None:
    await undigested(house, body, "alpha-site")
    [letter] = (await admin.get(LETTERS))["items"]
    assert (await admin.post(f"{LETTERS}/{letter['id']}/replay"))["outcome"] == outcome


async def test_a_letter_of_a_channel_that_is_off_waits_for_it(house: House, admin: Browser) -> None:
    await undigested(house, batch(("1", "первое")))
    channel = house.hub.channels.document("alpha-echo")
    await house.hub.engine.change(
        model.Channel, channel.id, lambda had: replace(had, enabled=False)
    )
    await house.hub.channels.refresh()
    [letter] = (await admin.get(LETTERS))["items"]
    status, told = await admin.ask("POST", f"/api/v1{LETTERS}/{letter['id']}/replay", {})
    assert (status, told["code"]) == (409, "channel_off")
    assert len((await admin.get(LETTERS))["items"]) == 1


async def test_a_dropped_letter_is_gone_and_both_deeds_are_on_record(
    house: House, admin: Browser
) -> None:
    await undigested(house, b"rubbish")
    await undigested(house, batch(("1", "первое")))
    useful, rubbish = (await admin.get(LETTERS))["items"]
    await admin.post(f"{LETTERS}/{useful['id']}/replay")
    path = f"/api/v1{LETTERS}/{rubbish['id']}"
    assert (await admin.ask("DELETE", path, {}))[0] == 204
    assert (await admin.ask("DELETE", path, {}))[0] == 404
    assert (await admin.ask("GET", path))[0] == 404
    assert await verbs(house) == ["letter_replayed", "letter_dropped"]


async def test_a_body_is_shown_as_text_without_secrets_whatever_it_was(
    house: House, admin: Browser
) -> None:
    body = b'{"secret": "q7wzq7wz", "x": "<script>\x00\x1b[2J\xff"}' + b"y" * 100_000
    await undigested(house, body)
    [letter] = (await admin.get(LETTERS))["items"]
    shown = await admin.get(f"{LETTERS}/{letter['id']}")
    assert "q7wz" not in shown["body"]
    assert "<script>\\x00\\x1b[2J\\xff" in shown["body"]
    assert (shown["cut"], letter["size_bytes"]) == (True, len(body))


async def test_the_list_is_paged_the_newest_first(house: House, admin: Browser) -> None:
    for n in range(5):
        await undigested(house, b"%d" % n)
    first = await admin.get(f"{LETTERS}?limit=3")
    rest = await admin.get(f"{LETTERS}?limit=3&after={first['next']}")
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 2, None)
    # As times: a whole second is written without a fraction and would sort after it as text.
    every = first["items"] + rest["items"]
    times = [datetime.fromisoformat(each["created_at"]) for each in every]
    assert times == sorted(times, reverse=True)

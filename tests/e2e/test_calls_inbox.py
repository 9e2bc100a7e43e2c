"""Calls in the operator's browser, on the simulator: stages live, the result, the history."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.chaos.process import Program
from tests.telephony.mango_server import KEY, SALT, body

from .guest import guests
from .people import Lang, Operator
from .test_axe import put_on, wrong
from .test_journey import signed_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PHONE = "+7 912 345-67-80"
BUSY = "+7 912 345-67-01"
SIMULATOR = """
[channels.phone]
kind = "simulator"
name = "Учебный телефон"
settings = { numbers = ["+74950000000"], talk_s = 3 }
"""

API = """
async ([method, path, body]) => {
  const { csrf } = await (await fetch("/api/v1/me")).json();
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const answer = await fetch("/api/v1" + path, {
    method, headers, ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.status === 204 ? null : answer.json();
}
"""

WATCH = """
() => {
  window.shown = [];
  const look = () => {
    const panel = document.querySelector(".call-panel.live");
    if (!panel) return;
    const words = (of) => panel.querySelector(of)?.textContent ?? "";
    const now = [words("[role=status]"), words(".call-mark"), words("[aria-current=step]")];
    if (shown.at(-1)?.[0] !== now[0]) shown.push(now);
  };
  new MutationObserver(look).observe(document.body, {
    subtree: true, childList: true, characterData: true,
  });
}
"""
"""Remembers every stage that the panel shows, however short it is."""


@pytest_asyncio.fixture(loop_scope="session")
async def office(tmp_path: Path) -> AsyncIterator[Program]:
    """A hub with a telephone that rings nobody."""
    made = Program(tmp_path, channels=SIMULATOR)
    await made.start()
    yield made
    await made.stop()


async def ask(operator: Operator, method: str, path: str, body: object = None) -> Any:
    return await operator.page.evaluate(API, [method, path, body])


async def equipped(
    browser: Browser, office: Program, lang: Lang = "ru", *, open_now: bool = True, **script: object
) -> Operator:
    """An operator with a phone, in a project whose clients are called at this hour, or are not."""
    operator = await signed_in(browser, office, office.url, lang, "admin")
    await ask(operator, "PUT", "/me/seats/main", {"number": "100"})
    known = await ask(operator, "GET", "/projects/main/settings")
    calling = known["calling"]
    hour = (datetime.now(UTC) + timedelta(hours=3)).hour
    night = ("02:00", "03:00") if hour > 11 else ("20:00", "21:00")
    since, until = ("00:00", "23:59") if open_now else night
    calling["quiet"] = {"since": since, "until": until}
    calling["script"] |= {"short_talk_s": 1} | script
    policy = known["policy"] | {"phone_only": {"enabled": "confirm" in script}}
    change = {"rev": known["rev"], "calling": calling, "policy": policy}
    await ask(operator, "PATCH", "/projects/main/settings", change)
    return operator


def panel(operator: Operator, name: str = "inbox.calls.panel") -> Locator:
    return operator.page.get_by_role("region", name=operator.say(name), exact=True)


async def call_now(operator: Operator, phone: str = PHONE) -> None:
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.step.call_back")).first.click()
    sheet = page.get_by_role("dialog", name=say("inbox.step.call_back"))
    await sheet.get_by_label(say("inbox.lead.phone")).fill(phone)
    await sheet.get_by_role("button", name=say("inbox.lead.soon"), exact=True).click()
    await sheet.get_by_role("button", name=say("inbox.calls.call"), exact=True).click()
    await expect(sheet).to_have_count(0)


async def chat(operator: Operator, office: Program, words: str) -> None:
    async with guests(office.url) as [guest]:
        await guest.write(words)
    await operator.row(words).click()


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_a_call_is_seen_from_the_first_ring_to_its_result(
    browser: Browser, office: Program, lang: Lang
) -> None:
    operator = await equipped(browser, office, lang)
    page, say = operator.page, operator.say
    await chat(operator, office, "Сколько стоит балкон?")
    await page.evaluate(WATCH)
    await call_now(operator)

    task = panel(operator, "inbox.calls.task.result")
    await expect(task).to_contain_text(say("inbox.calls.by.visitor"))
    shown = await page.evaluate("window.shown")
    stages = [say(f"status.{each}") for each in ("calling_operator", "calling_visitor", "talking")]
    seen = [words for words, *_ in shown if words in stages]
    # What is over before a slow screen could show it is left out; nothing comes after a later one.
    assert seen == [each for each in stages if each in seen]
    assert seen[-1:] == stages[-1:]
    assert {mark for _, mark, _ in shown} == {say("inbox.ring.training")}
    assert shown[-1][2] == say("inbox.ring.talking")
    await task.get_by_role("button", name=say("inbox.calls.result.done")).click()
    await task.get_by_label(say("inbox.calls.result.comment")).fill("Замер во вторник")
    await task.get_by_role("button", name=say("inbox.calls.result.save")).click()
    await expect(task).to_have_count(0)

    told = say("inbox.calls.resulted", name="Ольга", result=say("inbox.calls.result.done"))
    await expect(operator.log).to_contain_text(told)
    folded = operator.log.locator("details.dialled")
    await expect(folded).to_have_count(1)
    await expect(folded.locator("li")).not_to_have_count(0)
    await folded.locator("summary").click()
    await expect(folded.get_by_text(say("status.calling_visitor"))).to_be_visible()

    card = page.get_by_role("complementary", name=say("inbox.card"))
    history = card.get_by_role("region", name=say("inbox.calls.history"))
    await expect(history).to_contain_text(say("inbox.calls.by.visitor"))
    await expect(history).to_contain_text(say("inbox.calls.result.done"))
    await history.get_by_text(say("inbox.calls.details")).click()
    await expect(history).to_contain_text(PHONE.replace(" ", "").replace("-", ""))
    assert not operator.troubles


async def test_a_call_is_hung_up_and_another_that_failed_says_why(
    browser: Browser, office: Program
) -> None:
    operator = await equipped(browser, office)
    page, say = operator.page, operator.say
    await chat(operator, office, "Перезвоните мне")
    await call_now(operator)
    await panel(operator).get_by_role("button", name=say("inbox.calls.cancel")).click()
    await expect(panel(operator)).to_have_count(0)
    await expect(operator.log.locator("details.dialled")).to_contain_text(
        say("inbox.ring.outcome.cancelled"), ignore_case=True
    )

    await call_now(operator, BUSY)
    await expect(operator.log.locator("details.dialled").last).to_contain_text(
        say("inbox.ring.outcome.busy")
    )
    await expect(panel(operator)).to_have_count(0)
    await page.get_by_role("button", name=say("inbox.leads"), exact=True).click()
    row = page.locator("#leads").get_by_role("listitem").filter(has_text=BUSY)
    await expect(row.get_by_role("button", name=say("inbox.lead.move"))).to_be_visible()
    await row.get_by_role("button", name=say("inbox.lead.more", name=BUSY)).click()
    await page.get_by_role("menuitem", name=say("inbox.calls.history_of")).click()
    past = page.get_by_role("dialog", name=say("inbox.calls.history_of"))
    await expect(past).to_contain_text(say("inbox.ring.outcome.busy"))
    assert not operator.troubles


async def test_who_calls_at_night_is_asked_whether_it_is_meant(
    browser: Browser, office: Program
) -> None:
    operator = await equipped(browser, office, open_now=False)
    page, say = operator.page, operator.say
    await chat(operator, office, f"Мой номер {PHONE}")
    card = page.get_by_role("complementary", name=say("inbox.card"))
    name = say("inbox.calls.call_to", name=PHONE)
    await card.get_by_role("button", name=name).click()
    asked = page.get_by_role("dialog", name=say("inbox.calls.warning"))
    await expect(asked.get_by_role("alert")).to_contain_text(say("inbox.lead.doubt.outside"))
    await asked.get_by_role("button", name=say("inbox.cancel")).click()
    await expect(panel(operator)).to_have_count(0)

    await card.get_by_role("button", name=name).click()
    await asked.get_by_role("button", name=say("inbox.lead.anyway")).click()
    await expect(panel(operator).get_by_role("status").first).to_be_visible()
    assert not operator.troubles


async def test_a_lead_that_waits_for_a_word_is_connected_or_called_off(
    browser: Browser, office: Program
) -> None:
    operator = await equipped(browser, office, confirm=True)
    page, say = operator.page, operator.say
    async with guests(office.url, 2) as [guest, other]:
        await guest.write(PHONE)
        await other.write(BUSY)
    await operator.row(PHONE).click()
    asked = panel(operator, "inbox.calls.confirm_title")
    await asked.get_by_role("button", name=say("inbox.calls.confirm")).click()
    await expect(panel(operator).get_by_role("status").first).to_be_visible()
    await expect(asked).to_have_count(0)

    await page.get_by_role("button", name=say("inbox.leads"), exact=True).click()
    await page.get_by_role("tab", name=say("inbox.leads.waiting")).click()
    row = page.locator("#leads").get_by_role("listitem").filter(has_text=BUSY)
    await expect(row).to_contain_text(say("inbox.calls.confirm_title"))
    await expect(row.get_by_role("button", name=say("inbox.calls.confirm"))).to_be_visible()
    await row.get_by_role("link").click()
    await asked.get_by_role("button", name=say("inbox.calls.decline")).click()
    await expect(asked).to_have_count(0)
    await expect(operator.log).to_contain_text(say("inbox.call.cancelled", name="Ольга"))
    assert not operator.troubles


async def test_on_a_phone_with_one_thumb_and_for_whoever_does_not_see(
    browser: Browser, office: Program
) -> None:
    operator = await equipped(browser, office)
    page, say = operator.page, operator.say
    await page.set_viewport_size({"width": 390, "height": 844})
    await chat(operator, office, "Позвоните")
    await page.get_by_role("button", name=say("inbox.step.more")).click()
    await page.get_by_role("menuitem", name=say("inbox.step.call_back")).click()
    sheet = page.get_by_role("dialog", name=say("inbox.step.call_back"))
    await sheet.get_by_label(say("inbox.lead.phone")).fill(PHONE)
    await sheet.get_by_role("button", name=say("inbox.lead.soon"), exact=True).click()
    await sheet.get_by_role("button", name=say("inbox.calls.call"), exact=True).click()
    await expect(panel(operator).get_by_role("status").first).to_have_text(say("status.talking"))
    for theme in THEMES:
        await put_on(page, theme)
        assert await wrong(page, ".call-panel") == []
    task = panel(operator, "inbox.calls.task.result")
    await task.get_by_role("button", name=say("inbox.calls.result.call_again")).click()
    assert await wrong(page, ".call-panel") == []
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    await task.get_by_role("button", name=say("inbox.calls.result.voicemail")).click()
    await task.get_by_role("button", name=say("inbox.calls.result.save")).click()
    await expect(task).to_have_count(0)
    await expect(page.locator(".status-chip")).to_have_text(say("status.awaiting_retry"))
    assert not operator.troubles


EXCHANGE = f"""
[channels.mango]
kind = "mango"
name = "АТС"
settings = {{ key = "{KEY}", salt = "{SALT}" }}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def exchange(tmp_path: Path) -> AsyncIterator[Program]:
    """A hub that its telephone exchange tells of calls from outside."""
    made = Program(tmp_path, channels=EXCHANGE)
    await made.start()
    yield made
    await made.stop()


async def told(exchange: Program, news: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with aiohttp.ClientSession() as session:
        answer = await session.post(
            f"{exchange.url}/hooks/mango/events", data=body(news), headers=headers
        )
        assert answer.status == 200, await answer.text()


def rings(id: str, number: str) -> dict[str, Any]:
    return {
        "entry_id": id,
        "call_id": f"{id}-1",
        "timestamp": int(time.time()),
        "seq": 1,
        "call_state": "Appeared",
        "location": "queue",
        "from": {"number": number},
        "to": {"acd_group": 5, "line_number": "74950000000"},
    }


def lost(id: str, number: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "entry_id": id,
        "call_direction": 1,
        "from": {"number": number},
        "to": {},
        "line_number": "74950000000",
        "create_time": now - 35,
        "forward_time": 0,
        "talk_time": 0,
        "end_time": now,
        "entry_result": 0,
        "disconnect_reason": 1110,
    }


async def test_who_calls_from_outside_pops_up_and_a_missed_call_is_a_task(
    browser: Browser, exchange: Program
) -> None:
    operator = await signed_in(browser, exchange, exchange.url)
    page, say = operator.page, operator.say
    async with guests(exchange.url) as [guest]:
        await guest.write(f"Мой номер {PHONE}")
    await expect(operator.row(PHONE)).to_be_visible()

    strange = "79031234567"
    await told(exchange, rings("first", "79123456780"))
    await told(exchange, rings("second", strange))
    pops = page.get_by_role("region", name=say("inbox.calls.pop"))
    known = pops.get_by_role("group").filter(has_text="345-67-80")
    unknown = pops.get_by_role("group").filter(has_text="123-45-67")
    await expect(unknown).to_be_visible()
    await expect(known.get_by_role("button", name=say("inbox.calls.pop.open"))).to_be_visible()
    for theme in THEMES:
        await put_on(page, theme)
        assert await wrong(page, ".pops") == []
    await unknown.get_by_role("button", name=say("inbox.calls.pop.find")).click()
    await expect(page.get_by_label(say("inbox.search"), exact=True)).to_have_value(f"+{strange}")
    await known.get_by_role("button", name=say("inbox.calls.pop.hide")).click()
    await expect(known).to_have_count(0)
    await unknown.get_by_role("button", name=say("inbox.calls.pop.open")).click()

    await told(exchange, lost("second", strange))
    await expect(unknown).to_have_count(0)
    task = panel(operator, "inbox.calls.task.missed")
    await expect(task).to_contain_text(say("inbox.calls.loss.queue"))
    await expect(task).to_contain_text("0:35")
    await expect(task.get_by_role("button", name=say("inbox.calls.call"))).to_be_visible()
    await task.get_by_role("button", name=say("inbox.calls.result.no_need")).click()
    await task.get_by_role("button", name=say("inbox.calls.result.save")).click()
    await expect(task).to_have_count(0)
    await expect(page.locator(".status-chip")).to_have_text(say("status.processed"))
    assert not operator.troubles

"""The health page in a real browser: figures in words, kept bodies taken in or deleted."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from playwright.async_api import Browser, Locator, expect

from hub import model
from hub.model import ChannelId, ProjectId
from hub.records import DeadLetter
from hub.store.engine import Insert
from hub.store.sqlite import SqliteEngine
from tests.chaos.process import Program

from .people import Lang, Operator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HOSTILE = '<img src=x onerror="document.title=1">'


async def keep(program: Program, *bodies: bytes) -> None:
    """Bodies that the hub failed to digest, put beside it while it serves."""
    engine = SqliteEngine(program.folder / "data" / "hub.db", serving=False)
    await engine.open()
    for n, body in enumerate(bodies):
        letter = DeadLetter(
            id=f"letter-{n}",
            project=ProjectId("main"),
            channel=ChannelId("site"),
            body=body,
            error="ZeroDivisionError: ours",
            created_at=model.now(),
        )
        await engine.write(Insert(letter))
    await engine.close()


def frame(text: str, key: str) -> bytes:
    said = {"t": "send", "key": key, "at": 1.0, "order": 1, "text": text}
    return json.dumps({"identity": "site:visitor0001", "frame": said}).encode()


async def signed_in(
    browser: Browser, program: Program, lang: Lang, role: Literal["operator", "admin"]
) -> Operator:
    words = ("user", "add", role, "--name", "Ольга", "--lang", lang, "--role", role)
    printed = await program.command(*words)
    operator = await Operator.arrive(browser, program.url, lang)
    await operator.sign_in(role, printed.split("code ")[1].split()[0])
    return operator


def button(operator: Operator, where: Locator, key: str) -> Locator:
    return where.get_by_role("button", name=operator.say(key), exact=True)


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_an_admin_sees_how_the_hub_is_and_mends_what_was_kept(
    browser: Browser, program: Program, lang: Lang
) -> None:
    await keep(program, b"rubbish " + HOSTILE.encode(), frame("Потерянный вопрос", "kept-0001"))
    admin = await signed_in(browser, program, lang, "admin")
    page = admin.page
    await page.get_by_role("button", name=admin.say("inbox.health")).click()
    figures = page.get_by_role("list", name=admin.say("inbox.health.figures"))
    await expect(figures).to_contain_text(admin.say("inbox.health.letters_some", n=2, more=""))
    await expect(figures).to_contain_text(admin.say("inbox.health.bus_local"))
    await expect(figures).to_contain_text(admin.say("inbox.health.store_sqlite"))

    letters = page.get_by_role("region", name=admin.say("inbox.health.letters"))
    rows = letters.get_by_role("listitem")
    await expect(rows).to_have_count(2)
    lost, rubbish = rows.nth(0), rows.nth(1)
    await button(admin, rubbish, "inbox.health.show").click()
    await expect(rubbish.locator("pre")).to_contain_text(HOSTILE)
    await button(admin, rubbish, "inbox.health.replay").click()
    await expect(rubbish).to_contain_text(admin.say("inbox.health.outcome.failed"))
    await expect(rubbish).to_contain_text("PayloadError")
    await button(admin, rubbish, "inbox.health.drop").click()
    await button(admin, rubbish, "inbox.health.drop_sure").click()
    await expect(rubbish).to_contain_text(admin.say("inbox.health.outcome.dropped"))

    await button(admin, lost, "inbox.health.replay").click()
    await expect(lost).to_contain_text(admin.say("inbox.health.outcome.stored"))
    await expect(figures).not_to_contain_text(admin.say("inbox.health.letters_some", n=1, more=""))
    await button(admin, lost, "inbox.health.to_dialog").click()
    await expect(admin.log).to_contain_text("Потерянный вопрос")

    await page.go_back()
    await expect(figures).to_be_visible()
    await page.reload()
    await expect(letters).to_contain_text(admin.say("inbox.health.letters_none"))
    await page.get_by_role("button", name=admin.say("inbox.title")).click()
    await expect(page.get_by_role("tablist")).to_be_visible()
    assert admin.troubles == []
    assert [line for line in program.errors() if "letter.failed" not in line] == []


async def test_an_operator_has_no_way_there(browser: Browser, program: Program) -> None:
    operator = await signed_in(browser, program, "ru", "operator")
    await expect(
        operator.page.get_by_role("button", name=operator.say("inbox.health"))
    ).to_have_count(0)
    await operator.page.goto(f"{program.url}/inbox#/health")
    await operator.page.reload()
    await expect(operator.page.get_by_role("alert").first).to_contain_text(
        operator.say("error.forbidden")[1:]
    )


async def test_a_phone_shows_it_without_scrolling_aside(browser: Browser, program: Program) -> None:
    await keep(program, b"x" * 3_000)
    admin = await signed_in(browser, program, "ru", "admin")
    await admin.page.set_viewport_size({"width": 390, "height": 844})
    await admin.page.get_by_role("button", name=admin.say("inbox.more_places")).click()
    await admin.page.get_by_role("button", name=admin.say("inbox.health")).click()
    letters = admin.page.get_by_role("region", name=admin.say("inbox.health.letters"))
    await button(admin, letters, "inbox.health.show").click()
    await expect(letters.locator("pre")).to_be_visible()
    assert await admin.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await admin.page.locator(".health").evaluate("e => e.scrollWidth <= e.clientWidth")

"""Every main screen by the rules of axe-core: names, roles, contrast, order, in both themes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.chaos.process import ROOT, Program

from .people import Operator, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

AXE = ROOT / "web/frontend/node_modules/axe-core/axe.min.js"
RUN = """async (within) => {
  const { violations } = await axe.run(within ?? document);
  const said = ({ any, all, none }) => [...any, ...all, ...none].map((each) => each.message);
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html.slice(0, 160)} (${said(node).join("; ")})`));
}"""
Theme = Literal["light", "dark"]


async def wrong(page: Page, within: str | None = None) -> list[str]:
    """What the rules say of the page as it is now, or of that part of it alone."""
    await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(RUN, within)
    return found


async def put_on(page: Page, theme: Theme) -> None:
    # A thing that is still fading in has no contrast yet.
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")


@pytest_asyncio.fixture(loop_scope="session")
async def printed(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """What a demo of its own said of itself."""
    program = Program(tmp_path)
    yield await program.demo()
    await program.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_screen_of_an_operator_breaks_a_rule(
    browser: Browser, printed: dict[str, str], theme: Theme
) -> None:
    operator = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    page, say = operator.page, operator.say
    await put_on(page, theme)
    await expect(page.get_by_role("button", name=say("inbox.sign_in.enter"))).to_be_visible()
    found = {"sign-in": await wrong(page)}

    await operator.sign_in("demo", printed["code"])
    await expect(page.get_by_role("button", name=say("inbox.sounds.skip"))).to_be_visible()
    found["first sign-in"] = await wrong(page)
    await page.get_by_role("button", name=say("inbox.sounds.skip")).click()
    doors = page.get_by_role("region", name=say("admin.doors"))
    await expect(doors.get_by_role("listitem")).to_have_count(3)
    found["empty"] = await wrong(page)

    await doors.get_by_role("button", name=say("admin.doors.play.go")).click()
    rows = page.get_by_role("list", name=say("inbox.dialogs")).get_by_role("listitem")
    await expect(rows).not_to_have_count(0)
    await rows.first.click()
    await expect(operator.log).to_be_visible()
    found["dialog"] = await wrong(page)

    for name, address in {"sounds": "sounds", "health": "health"}.items():
        await page.goto(f"{printed['inbox']}#/{address}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        found[name] = await wrong(page)
    await page.goto(f"{printed['inbox']}#/admin/demo-site/looks")
    await expect(page.get_by_role("heading", name=say("admin.section.looks"))).to_be_visible()
    found["settings"] = await wrong(page)
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_chat_on_a_site_breaks_no_rule(
    browser: Browser, printed: dict[str, str], theme: Theme
) -> None:
    visitor = await Visitor.arrive(browser, "about:blank")
    page = visitor.page
    await put_on(page, theme)
    await page.goto(printed["site"])
    await expect(
        page.get_by_role("button", name=visitor.say("widget.launcher.open"))
    ).to_be_visible()
    found = {"launcher": await wrong(page, "#otklik-widget")}
    await visitor.open_chat()
    found["panel"] = await wrong(page, "#otklik-widget")
    await visitor.write("Сколько стоит котёл?")
    await expect(visitor.log).to_contain_text(visitor.say("widget.state.delivered"))
    found["written"] = await wrong(page, "#otklik-widget")
    assert {name: each for name, each in found.items() if each} == {}

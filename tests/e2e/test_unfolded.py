"""What is unfolded in the inbox folds as soon as anything else is pressed."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.chaos.process import Program

from .people import Visitor
from .test_journey import signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def test_a_press_elsewhere_folds_and_a_press_inside_does_not(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Где вы?")
    await operator.row("Где вы?").click()
    page = operator.page
    folds = (
        (page.locator(".emoji-frame > button"), page.locator(".emoji-frame > :not(button)")),
        (page.locator(".thread-head .menu-frame > button").first, page.get_by_role("menu")),
        (page.locator(".rail .fold > button").first, page.locator(".rail .fold > .menu")),
    )
    for button, unfolded in folds:
        await button.click()
        await expect(unfolded).to_be_visible()
        await unfolded.dispatch_event("pointerdown")
        await expect(unfolded).to_be_visible()
        await page.locator(".log").dispatch_event("pointerdown")
        await expect(unfolded).to_have_count(0)
    for person in (operator, visitor):
        assert person.troubles == []
    assert program.errors() == []

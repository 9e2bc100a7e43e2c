"""An operator at the inbox and a visitor at the widget, by what they see and press."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, FilePayload, Locator, Page, expect

from hub.texts import text

Lang = Literal["ru", "en"]
SECONDS = 15_000
"""How long a page may take to show a thing; a bound against hanging, not a measure."""

expect.set_options(timeout=SECONDS)


class Person:
    """A browser of one's own; `troubles` is what its console complained about."""

    def __init__(self, context: BrowserContext, page: Page, lang: Lang) -> None:
        self.context = context
        self.page = page
        self.lang: Lang = lang
        self.troubles: list[str] = []
        self.asked: set[str] = set()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._heard)
        page.on("request", lambda request: self.asked.add(request.url))

    def _heard(self, message: Any) -> None:
        # A browser reports every refused or lost request by itself; those are the test's doing.
        expected = ("Failed to load resource", "WebSocket connection")
        if message.type == "error" and not any(each in message.text for each in expected):
            self.troubles.append(message.text)

    def say(self, key: str, **values: object) -> str:
        return text(self.lang, key, **values)


async def open_page(
    browser: Browser, lang: Lang, *, width: int = 1440, height: int = 900
) -> tuple[BrowserContext, Page]:
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        locale="ru-RU" if lang == "ru" else "en-GB",
    )
    context.set_default_timeout(SECONDS)
    return context, await context.new_page()


class Operator(Person):
    @classmethod
    async def arrive(cls, browser: Browser, url: str, lang: Lang = "ru") -> Operator:
        operator = cls(*await open_page(browser, lang), lang)
        await operator.page.goto(f"{url}/inbox")
        return operator

    async def sign_in(self, login: str, code: str) -> None:
        """With a one-time code, putting the password off."""
        await self.page.get_by_label(self.say("inbox.sign_in.login")).fill(login)
        await self.page.get_by_label(self.say("inbox.sign_in.password")).fill(code)
        await self.page.get_by_role("button", name=self.say("inbox.sign_in.enter")).click()
        await self.page.get_by_role("button", name=self.say("inbox.password.later")).click()
        await expect(self.page.get_by_role("tablist")).to_be_visible()

    def row(self, words: str) -> Locator:
        rows = self.page.get_by_role("list", name=self.say("inbox.dialogs"))
        return rows.get_by_role("listitem").filter(has_text=words)

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name=self.say("inbox.messages"))

    async def reply(self, words: str) -> None:
        field = self.page.get_by_label(self.say("inbox.reply_text"))
        await field.fill(words)
        await field.press("Enter")

    async def attach(self, file: FilePayload | Path) -> None:
        await self.page.get_by_label(self.say("inbox.attach_files")).set_input_files(file)
        await expect(self.page.get_by_role("progressbar")).to_have_count(0)
        await self.page.get_by_role("button", name=self.say("inbox.send"), exact=True).click()

    def tick(self, state: str) -> Locator:
        return self.log.get_by_role("img", name=self.say(f"inbox.state.{state}"))


class Visitor(Person):
    @classmethod
    async def arrive(cls, browser: Browser, site: str, lang: Lang = "ru") -> Visitor:
        visitor = cls(*await open_page(browser, lang, width=1280, height=800), lang)
        await visitor.page.goto(f"{site}/?lang={lang}")
        return visitor

    async def open_chat(self) -> None:
        launcher = self.page.get_by_role("button", name=self.say("widget.launcher.open"))
        await launcher.click()
        await expect(self.page.get_by_role("dialog")).to_be_visible()

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name=self.say("widget.messages"))

    async def write(self, words: str) -> None:
        field = self.page.get_by_label(self.say("widget.text"))
        await field.fill(words)
        await field.press("Enter")

    async def attach(self, file: FilePayload | Path) -> None:
        await self.page.locator("input[type=file]").set_input_files(file)


async def until(page: Page, yes: str, *asked: object) -> None:
    """Waits until the page answers `yes`, a function that asks the hub or the browser.

    Playwright's own `wait_for_function` does not wait for a promise and takes it for a yes.
    """
    wait = f"""async (asked) => {{
      const yes = {yes};
      while (!(await yes(...asked))) await new Promise((on) => setTimeout(on, 100));
    }}"""
    async with asyncio.timeout(2 * SECONDS / 1_000):
        await page.evaluate(wait, list(asked))


async def shows(picture: Locator) -> None:
    """Waits until the picture's bytes came and made a picture."""
    await expect(picture).to_be_visible()
    await expect(picture).to_have_js_property("complete", True)
    await expect(picture).not_to_have_js_property("naturalWidth", 0)

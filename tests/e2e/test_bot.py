"""An administrator writes the site's bot, tries it unsaved, saves it; a visitor talks with it."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.chaos.process import Program

from .people import Operator, Visitor
from .shop import Shop
from .test_admin_site import administrator, new_chat, save, turn_to
from .test_axe import Theme, put_on, wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def field(operator: Operator, key: str) -> Locator:
    return operator.page.get_by_label(operator.say(key), exact=True)


async def add(operator: Operator, label: str, does: str) -> None:
    await operator.page.get_by_role("button", name=operator.say("admin.bot.button.add")).click()
    await expect(field(operator, "admin.bot.label")).to_be_focused()
    await field(operator, "admin.bot.label").fill(label)
    await field(operator, "admin.bot.does").select_option(does)


async def test_a_bot_is_tried_before_it_is_saved_and_then_answers_a_visitor(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    themes: tuple[Theme, ...] = ("dark", "light")
    channel = await new_chat(operator)
    async with Shop(program.url, channel) as shop:
        await turn_to(operator, "sites")
        await field(operator, "admin.sites.origins").fill(shop.url)
        await save(operator)
        await turn_to(operator, "bot")
        await page.get_by_label(say("admin.bot.enabled")).check()
        await field(operator, "admin.bot.greeting").fill("Что подсказать?")
        await add(operator, "Цены", "answer")
        await add(operator, "Замер", "ask")

        await page.get_by_role("button", name=say("admin.save")).click()
        empty = field(operator, "admin.bot.answer.text")
        await expect(empty).to_be_focused()
        await expect(page.get_by_text(say("admin.bot.wrong.empty")).first).to_be_visible()
        await empty.fill("От 900 ₽ за метр")
        await page.locator("[data-button] .own-name", has_text="Замер").click()
        await field(operator, "admin.bot.ask.question").fill("Какой размер?")
        await field(operator, "admin.bot.ask.field").fill("size")
        await page.get_by_role("button", name=say("admin.bot.button.up", name="Замер")).click()

        talk = page.get_by_role("log", name=say("admin.bot.sandbox.log"))
        text = field(operator, "admin.bot.sandbox.text")
        for words in ("Здравствуйте", "1", "Два метра"):
            await text.fill(words)
            await text.press("Enter")
        await expect(talk.get_by_role("button")).to_have_text(["Замер", "Цены"])
        await expect(talk).to_contain_text("Какой размер?")
        await expect(talk).to_contain_text(say("admin.bot.did.kept", field="size"))
        await field(operator, "admin.bot.ask.question").fill("Сколько метров?")
        await expect(talk).to_contain_text("Сколько метров?")
        for theme in themes:
            await put_on(page, theme)
            assert await wrong(page) == [], theme

        await page.get_by_role("button", name=say("admin.save")).click()
        await expect(page.get_by_text(say("admin.project.saved"))).to_be_visible()

        await page.set_viewport_size({"width": 390, "height": 844})
        await page.wait_for_function(
            "() => document.querySelector('.admin').scrollWidth <= innerWidth"
        )

        visitor = await Visitor.arrive(browser, shop.url)
        await visitor.open_chat()
        await visitor.write("Добрый день")
        await expect(visitor.log).to_contain_text("Что подсказать?")
        await visitor.write("2")
        await expect(visitor.log).to_contain_text("От 900 ₽ за метр")
        await expect(visitor.log).not_to_contain_text("1. Замер")
        assert await wrong(visitor.page, "#otklik-widget") == []
        await visitor.log.get_by_role("button", name="Замер", exact=True).click()
        await expect(visitor.log).to_contain_text("Сколько метров?")
        await visitor.write("Два")
        await expect(visitor.log).to_contain_text(say("rules.bot.thanks"))
        assert operator.troubles == visitor.troubles == []

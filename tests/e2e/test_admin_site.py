"""An administrator sets up the chat of a site, sees it while choosing and gets it onto a page."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from playwright.async_api import Browser, FrameLocator, Locator, expect

from tests.chaos.process import Program

from .people import Lang, Operator, Visitor, open_page
from .shop import Shop, plain

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def administrator(
    browser: Browser, program: Program, lang: Lang = "ru", *, role: str = "admin"
) -> Operator:
    printed = await program.command(
        "user", "add", "olga", "--name", "Ольга", "--lang", lang, "--role", role
    )
    operator = await Operator.arrive(browser, program.url, lang)
    await operator.sign_in("olga", printed.split("code ")[1].split()[0])
    return operator


async def new_chat(operator: Operator) -> str:
    """A site's chat made on the screen, its settings open; its id."""
    page, say = operator.page, operator.say
    await page.get_by_role("button", name=say("inbox.admin")).click()
    await page.get_by_role("link", name=say("admin.channels.add")).click()
    await page.get_by_role("link", name=say("channel.site")).click()
    await page.get_by_label(say("admin.add_site.name")).fill("okna.example")
    await page.get_by_role("button", name=say("admin.add"), exact=True).click()
    await expect(page.get_by_label(say("admin.name"), exact=True)).to_have_value("okna.example")
    return page.url.split("#/admin/")[1].split("/")[0]


async def turn_to(operator: Operator, section: str) -> None:
    words = operator.say(f"admin.section.{section}")
    await operator.page.get_by_role("link", name=words, exact=True).click()
    await expect(operator.page.get_by_role("heading", name=words, exact=True)).to_be_visible()


async def save(operator: Operator) -> None:
    await operator.page.get_by_role("button", name=operator.say("admin.save")).click()
    await expect(operator.page.get_by_text(operator.say("admin.saved"))).to_be_visible()


def preview(operator: Operator) -> FrameLocator:
    return operator.page.frame_locator(f'iframe[title="{operator.say("admin.preview.frame")}"]')


def field(operator: Operator, key: str) -> Locator:
    return operator.page.get_by_label(operator.say(key), exact=True)


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_what_is_typed_is_seen_beside_at_once_and_on_the_site_when_saved(
    browser: Browser, program: Program, lang: Lang
) -> None:
    operator = await administrator(browser, program, lang)
    channel = await new_chat(operator)
    async with Shop(program.url, channel) as shop:
        await turn_to(operator, "sites")
        await field(operator, "admin.sites.origins").fill(f"{shop.url}/prices?x=1")
        await save(operator)
        await expect(field(operator, "admin.sites.origins")).to_have_value(shop.url)

        await turn_to(operator, "texts")
        await field(operator, "admin.texts.greeting").fill("Про окна спрашивайте здесь")
        await expect(preview(operator).get_by_text("Про окна спрашивайте здесь")).to_be_visible()
        visitor = await Visitor.arrive(browser, shop.url, lang)
        await visitor.open_chat()
        await expect(visitor.page.get_by_text("Про окна спрашивайте здесь")).to_have_count(0)

        await save(operator)
        await visitor.page.reload()
        await visitor.open_chat()
        await expect(visitor.page.get_by_text("Про окна спрашивайте здесь")).to_be_visible()
        assert operator.troubles == visitor.troubles == []


async def test_a_section_shows_the_part_of_the_chat_that_it_is_about(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    await new_chat(operator)
    say, seen = operator.say, preview(operator)

    await turn_to(operator, "prechat")
    await operator.page.get_by_label(say("admin.prechat.enabled")).check()
    await expect(seen.get_by_role("form", name=say("widget.prechat.title"))).to_be_visible()
    await turn_to(operator, "callback")
    await operator.page.get_by_label(say("admin.callback.enabled")).check()
    await field(operator, "admin.callback.text").fill("Посчитаем по телефону")
    await expect(seen.get_by_text("Посчитаем по телефону")).to_be_visible()
    await turn_to(operator, "invite")
    await operator.page.get_by_label(say("admin.invite.enabled")).check()
    await field(operator, "admin.invite.text").fill("Подсказать по ценам?")
    await expect(seen.get_by_role("status")).to_contain_text("Подсказать по ценам?")
    await turn_to(operator, "looks")
    await expect(seen.get_by_text(say("widget.sample.answer"))).to_be_visible()
    await expect(seen.get_by_text("Подсказать по ценам?")).to_have_count(0)
    assert operator.troubles == []


async def test_the_colour_says_how_well_it_is_seen(browser: Browser, program: Program) -> None:
    operator = await administrator(browser, program)
    await new_chat(operator)
    await turn_to(operator, "looks")
    color = field(operator, "admin.looks.color")
    await color.fill("#ffe14d")
    faint = operator.page.get_by_text("1,3 : 1")
    await expect(faint).to_be_visible()
    await operator.page.get_by_role("button", name=re.compile("#[0-9a-f]{6}$")).last.click()
    await expect(faint).to_have_count(0)
    await expect(color).not_to_have_value("#ffe14d")
    await save(operator)


async def test_what_is_wrong_is_said_at_its_field_with_an_example_and_nothing_is_saved(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    await new_chat(operator)
    page, say = operator.page, operator.say
    await turn_to(operator, "messengers")
    await page.get_by_role("button", name="Telegram").click()
    await page.get_by_label(say("admin.messengers.url")).fill("javascript:alert(1)")
    await turn_to(operator, "texts")
    await page.get_by_role("button", name=say("admin.save")).click()

    link = page.get_by_label(say("admin.messengers.url"))
    await expect(link).to_be_focused()
    await expect(link).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_text(say("admin.wrong.door")).first).to_be_visible()
    await link.fill("https://t.me/okna_bot")
    await expect(page.get_by_text(say("admin.wrong.door"))).to_have_count(0)
    await expect(preview(operator).get_by_text("Telegram")).to_be_visible()
    await save(operator)
    await page.reload()
    await expect(link).to_have_value("https://t.me/okna_bot")


async def test_a_secret_is_written_and_never_comes_back(browser: Browser, program: Program) -> None:
    operator = await administrator(browser, program)
    await new_chat(operator)
    page, say = operator.page, operator.say
    await turn_to(operator, "identity")
    await page.get_by_role("radio", name=say("admin.identity.optional")).click()
    await field(operator, "admin.identity.secret").fill("short")
    await page.get_by_role("button", name=say("admin.save")).click()
    await expect(page.get_by_text(say("admin.wrong.secret")).first).to_be_visible()
    await page.get_by_role("button", name=say("admin.secret.make")).click()
    await expect(field(operator, "admin.identity.secret")).not_to_have_value("short")
    secret = await field(operator, "admin.identity.secret").input_value()
    assert len(secret) >= 16
    await save(operator)

    await expect(page.get_by_text(say("admin.secret.kept"))).to_be_visible()
    channel = page.url.split("#/admin/")[1].split("/")[0]
    async with page.expect_response(
        lambda answer: answer.url.endswith(f"/{channel}/settings")
    ) as told:
        await page.reload()
    answer = await (await told.value).text()
    await expect(page.get_by_text(say("admin.secret.kept"))).to_be_visible()
    assert channel in answer
    assert secret not in answer
    assert secret not in await page.content()
    await page.get_by_role("button", name=say("admin.secret.replace")).click()
    await expect(field(operator, "admin.identity.secret")).not_to_have_value(secret)


async def test_pasted_code_is_seen_and_a_site_that_is_not_in_the_list_is_let_in_with_one_press(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    channel = await new_chat(operator)
    page, say = operator.page, operator.say
    await expect(page.get_by_text(say("admin.seen.never"))).to_be_visible()
    await expect(page.locator("pre")).to_contain_text(f'data-channel="{channel}"')
    async with Shop(program.url, channel) as shop:
        host = shop.url.removeprefix("http://")
        _, site = await open_page(browser, "ru")
        await site.goto(shop.url)
        await expect(page.get_by_text(re.compile(rf"^{host} просил чат"))).to_be_visible()
        await expect(site.get_by_role("button", name=say("widget.launcher.open"))).to_have_count(0)
        await page.get_by_role("button", name=say("admin.seen.allow")).click()
        await expect(page.get_by_role("button", name=say("admin.seen.allow"))).to_have_count(0)
        await site.reload()
        await expect(site.get_by_role("button", name=say("widget.launcher.open"))).to_be_visible()
        await expect(page.get_by_text(re.compile(rf"Виден на {host}, \d+ сек"))).to_be_visible()


async def test_a_page_is_looked_at_and_what_is_missing_is_named(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    channel = await new_chat(operator)
    page, say = operator.page, operator.say
    steps = page.get_by_role("list", name=say("admin.check.steps"))

    async def check(url: str) -> None:
        await page.get_by_label(say("admin.check.url")).fill(url)
        await page.get_by_role("button", name=say("admin.check.run"), exact=True).click()
        await expect(steps).to_be_visible()

    def without(request: web.Request, tag: str) -> str:
        return plain(request, "")

    async with Shop(program.url, channel, draw=without) as shop:
        await check(shop.url)
        await expect(steps).to_contain_text(say("admin.check.script.missing"))
        await expect(steps).to_contain_text(say("admin.check.origin.missing"))
    async with Shop(program.url, channel) as shop:
        await check(shop.url)
        await expect(steps).to_contain_text(say("admin.check.script.ok"))
        await expect(steps).to_contain_text(say("admin.check.csp.ok"))
        allow = steps.get_by_role("button", name=say("admin.seen.allow"))
        await allow.click()
        # It cannot be pressed again until it is allowed.
        await expect(allow).to_be_enabled()
        await check(shop.url)
        await expect(steps).to_contain_text(say("admin.check.origin.ok"))
        await expect(steps).to_contain_text(say("admin.check.visible.never"))


async def test_a_chat_that_is_switched_off_leaves_the_site_and_comes_back(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    channel = await new_chat(operator)
    page, say = operator.page, operator.say
    async with Shop(program.url, channel) as shop:
        await turn_to(operator, "sites")
        await field(operator, "admin.sites.origins").fill(shop.url)
        await save(operator)
        _, site = await open_page(browser, "ru")
        launcher = site.get_by_role("button", name=say("widget.launcher.open"))
        await site.goto(shop.url)
        await expect(launcher).to_be_visible()
        await page.get_by_role("switch", name=say("admin.on")).click()
        await expect(page.get_by_role("switch", name=say("admin.off"))).not_to_be_checked()
        async with site.expect_response(re.compile("/config")) as answer:
            await site.reload()
        assert not (await answer.value).ok
        await expect(launcher).to_have_count(0)
        await page.get_by_role("switch", name=say("admin.off")).click()
        await expect(page.get_by_role("switch", name=say("admin.on"))).to_be_checked()
        await site.reload()
        await expect(launcher).to_be_visible()


async def test_a_channel_kept_in_the_file_is_shown_and_not_changed(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await page.goto(f"{program.url}/inbox#/admin/site/texts")
    await expect(page.get_by_text(say("admin.as_code"))).to_be_visible()
    await expect(field(operator, "admin.texts.greeting")).to_be_disabled()
    await expect(page.get_by_role("switch", name=say("admin.on"))).to_be_disabled()


async def test_only_an_administrator_finds_the_settings(browser: Browser, program: Program) -> None:
    operator = await administrator(browser, program, role="operator")
    page, say = operator.page, operator.say
    await expect(page.get_by_role("button", name=say("inbox.admin"))).to_have_count(0)
    await page.goto(f"{program.url}/inbox#/admin/site/texts")
    await expect(page.get_by_text(say("admin.not_yours"))).to_be_visible()


async def test_on_a_phone_every_section_fits_and_the_preview_is_a_press_away(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    await new_chat(operator)
    page, say = operator.page, operator.say
    await page.set_viewport_size({"width": 390, "height": 844})
    sections = page.get_by_role("combobox", name=say("admin.sections"))
    await expect(sections).to_be_visible()
    for section in await sections.locator("option").all_inner_texts():
        await sections.select_option(label=section)
        await page.wait_for_function(
            "() => Math.max(document.documentElement.scrollWidth, "
            "document.querySelector('.admin').scrollWidth) <= 390"
        )
    await sections.select_option(label=say("admin.section.looks"))
    await page.get_by_role("button", name=say("admin.preview.show")).click()
    await expect(preview(operator).get_by_role("dialog")).to_be_visible()
    await page.get_by_role("button", name=say("admin.preview.hide")).click()
    await expect(preview(operator).get_by_role("dialog")).to_be_hidden()

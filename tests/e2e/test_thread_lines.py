"""The lines of a dialog in a real browser: files, quotes, retries, and texts at their worst."""

from __future__ import annotations

import io
import math
import struct
import wave

import pytest
from playwright.async_api import Browser, FilePayload, Page, Route, expect

from tests.chaos.process import Program

from .guest import guests
from .people import Visitor, shows
from .test_journey import picture, signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MANY = 130
WILD = {
    "emoji": "😀" * 3_900 + "👨‍👩‍👧‍👦" * 10,
    "one word": "Д" * 3_000,
    "right to left": "\u202eשלום עולם\u202c и ещё текст مرحبا",
    "unseen": "a\u200b\u200d\ufeff\u2060b" * 200,
    "marked up": '<img src=x onerror="document.title=1"><script>document.title=1</script>',
    "address": "javascript:alert(1) data:text/html,<b>x</b> https://example.com/" + "q" * 900,
    "tall": "строка\n" * 300,
}


def tone(name: str) -> FilePayload:
    """Two seconds of sound, as a messenger's voice message would be."""
    body = io.BytesIO()
    with wave.open(body, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        waves = (int(8_000 * math.sin(i / 8_000 * 2_764)) for i in range(16_000))
        sound.writeframes(b"".join(struct.pack("<h", each) for each in waves))
    return {"name": name, "mimeType": "audio/wav", "buffer": body.getvalue()}


def letter(name: str) -> FilePayload:
    return {"name": name, "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n" + b"x" * 200_000}


async def fits(page: Page) -> None:
    """Nothing of the page or the log reaches past its right edge, once a new width was laid out."""
    await page.wait_for_function(
        "() => [document.documentElement, document.querySelector('.log')]"
        ".every(one => one.scrollWidth === one.clientWidth)"
    )


async def test_pictures_files_and_voices_go_both_ways(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Вот файлы")
    await operator.row("Вот файлы").click()

    await visitor.attach(picture("балкон.png", (200, 80, 40)))
    await visitor.attach(letter("План.pdf"))
    await visitor.attach(tone("голос.wav"))
    await shows(operator.log.get_by_role("img", name="балкон.png"))
    card = operator.log.get_by_role("link", name="План.pdf")
    await expect(card).to_contain_text("PDF")
    await expect(card).to_have_attribute("download", "План.pdf")
    voice = operator.log.get_by_role("group", name="голос.wav")
    await expect(voice).to_contain_text("0:02")
    await voice.get_by_role("button", name=operator.say("inbox.voice.speed", speed=1)).click()
    await voice.get_by_role("button", name=operator.say("inbox.voice.play")).click()
    sound = voice.locator("audio")
    await expect(sound).to_have_js_property("playbackRate", 1.5)
    await operator.page.wait_for_function(
        "() => document.querySelector('.log audio').currentTime > 0"
    )

    field = operator.page.get_by_label(operator.say("inbox.attach_files"))
    await field.set_input_files(
        [picture(f"{n}.png", (40 * n, 90, 120)) for n in range(5)] + [tone("ответ.wav")]
    )
    await expect(operator.page.get_by_role("progressbar")).to_have_count(0)
    await operator.page.get_by_role("button", name=operator.say("inbox.send"), exact=True).click()
    grid = operator.log.locator(".message.out .pictures")
    await expect(grid.get_by_role("link")).to_have_count(4)
    await expect(grid).to_contain_text("+1")
    await shows(visitor.log.get_by_role("img", name="4.png"))
    await expect(visitor.log.locator("audio")).to_have_count(2)
    for person in (operator, visitor):
        assert person.troubles == []
    assert program.errors() == []


async def test_pictures_are_walked_through_by_keyboard_and_focus_comes_back(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    for n in range(3):
        await visitor.attach(picture(f"{n}.png", (40, 60 * n, 90)))
    await operator.row("Гость").click()
    first, *others = (
        operator.log.get_by_role("link", name=operator.say("inbox.open_picture", name=f"{n}.png"))
        for n in range(3)
    )
    for each in (*others, first):
        await shows(each.get_by_role("img"))

    await first.focus()
    await operator.page.keyboard.press("Enter")

    def box(name: str) -> str:
        return operator.say("inbox.picture", name=name)

    page = operator.page
    await shows(page.get_by_role("dialog", name=box("0.png")).get_by_role("img", name="0.png"))
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    last = page.get_by_role("dialog", name=box("2.png"))
    await expect(last).to_contain_text(operator.say("inbox.picture.of", n=3, count=3))
    small = await last.get_by_role("img").evaluate("image => image.clientWidth")
    await page.keyboard.press("+")
    await expect(last.locator(".near")).to_have_count(1)
    assert await last.get_by_role("img").evaluate("image => image.clientWidth") > small
    await page.keyboard.press("0")
    await expect(last.locator(".near")).to_have_count(0)
    await visitor.attach(picture("3.png", (40, 180, 90)))
    await expect(last).to_contain_text(operator.say("inbox.picture.of", n=3, count=4))
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate(
            "() => !document.activeElement || document.activeElement === document.body"
            " || !!document.activeElement.closest('dialog')"
        )
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(first).to_be_focused()
    await expect(operator.log).to_be_visible()
    assert operator.troubles == []


async def test_a_quote_leads_to_its_line_even_where_that_is_not_loaded(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    async with guests(program.url) as [guest]:
        await guest.write(*(f"Строка {n}" for n in range(1, MANY + 1)))
    await operator.row(f"Строка {MANY}").click()
    await expect(operator.log.get_by_text(f"Строка {MANY}", exact=True)).to_be_in_viewport()
    await operator.log.evaluate("log => { log.scrollTop = 0 }")
    old = operator.log.get_by_text("Строка 2", exact=True)
    # Whether a line may be quoted is known once the project's channels are.
    await operator.log.get_by_role("button", name=operator.say("inbox.answer")).first.wait_for(
        state="attached"
    )
    await old.dblclick()
    dropped = operator.page.get_by_role("button", name=operator.say("inbox.quote_drop"))
    await expect(dropped).to_be_visible()
    await operator.reply("Отвечаю на вторую")
    await expect(dropped).to_have_count(0)
    await expect(operator.tick("sent")).to_have_count(1)

    await operator.page.reload()
    quote = operator.log.get_by_role("button", name="Строка 2")
    await expect(quote).to_be_visible()
    await expect(operator.log.locator(".text", has_text="Строка 2")).to_have_count(0)
    await quote.click()
    await expect(operator.log.locator(".message.flash")).to_contain_text("Строка 2")
    await expect(operator.log.locator(".message.flash")).to_be_in_viewport()
    assert operator.troubles == []
    assert program.errors() == []


async def test_the_keyboard_chooses_the_line_that_is_answered(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    async with guests(program.url) as [guest]:
        await guest.write("Первый вопрос", "Второй вопрос")
    await operator.row("Второй вопрос").click()
    field = operator.page.get_by_label(operator.say("inbox.reply_text"))
    quoted = operator.page.locator(".quoted")
    # What may be done with a line is known once the project's channels are.
    ways = operator.log.get_by_role("button", name=operator.say("inbox.answer"))
    await expect(ways).to_have_count(2)
    await field.press("Control+ArrowUp")
    await expect(quoted).to_contain_text("Второй вопрос")
    await field.press("Control+ArrowUp")
    await expect(quoted).to_contain_text("Первый вопрос")
    await field.press("Escape")
    await expect(quoted).to_have_count(0)
    await expect(field).to_be_focused()
    await field.press("Control+ArrowUp")
    await operator.reply("Ответ на второй")
    await expect(operator.log.locator(".message.out .quote")).to_contain_text("Второй вопрос")


async def test_a_refused_message_says_why_and_goes_at_the_second_try(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Есть кто?")
    await operator.row("Есть кто?").click()

    async def refuse(route: Route) -> None:
        await route.fulfill(
            status=400, content_type="application/problem+json", json={"code": "rejected"}
        )

    await operator.page.route("**/messages", refuse)
    await operator.reply("Мы здесь")
    reason = operator.say("inbox.not_sent", reason=operator.say("failure.rejected"))
    await expect(operator.log.get_by_text(reason)).to_be_visible()
    await expect(operator.tick("failed")).to_have_count(1)

    # It waits in this browser, so a reload does not lose it.
    await operator.page.reload()
    await expect(operator.tick("failed")).to_have_count(1)
    await operator.page.unroute("**/messages")
    await operator.log.get_by_role("button", name=operator.say("inbox.retry")).click()
    await expect(visitor.log).to_contain_text("Мы здесь")
    await expect(operator.log.get_by_text("Мы здесь", exact=True)).to_have_count(1)
    await expect(visitor.log.get_by_text("Мы здесь", exact=True)).to_have_count(1)
    await expect(operator.tick("failed")).to_have_count(0)


async def test_wild_texts_break_neither_the_page_nor_the_phone(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    async with guests(program.url) as [guest]:
        await guest.write(*WILD.values(), "Последняя")
    await operator.row("Последняя").click()
    await expect(operator.log.get_by_text("Последняя")).to_be_in_viewport()
    await fits(operator.page)
    links = [await link.get_attribute("href") for link in await operator.log.locator("a").all()]
    assert [link for link in links if not (link or "").startswith("https://example.com/")] == []
    assert await operator.page.locator("img[src=x]").count() == 0
    assert await operator.page.title() != "1"

    await operator.log.get_by_role("button", name=operator.say("inbox.unfold")).first.click()
    await expect(operator.log.get_by_role("button", name=operator.say("inbox.fold"))).to_have_count(
        1
    )
    await operator.page.set_viewport_size({"width": 390, "height": 844})
    await fits(operator.page)
    assert operator.troubles == []

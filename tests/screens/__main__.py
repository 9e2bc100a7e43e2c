"""Takes the pictures of docs/screens anew: `make screens`, after the screens have changed."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

from hub.demo import PEOPLE
from hub.texts import text
from tests.chaos.process import ROOT, Program
from tests.e2e.conftest import QUIET, chromium
from tests.e2e.people import Lang, Operator, Visitor, open_page
from web import demo

FOLDER = ROOT / "docs" / "screens"
VISITOR = PEOPLE["visitor"]
DESKTOP, PHONE = (1440, 900), (390, 844)
MOST = 150_000
DRAWN = "Promise.all([document.fonts.ready, ...[...document.images].map((one) => one.decode())])"
SETTINGS = """
color = "#a84a17", answer_time = 5, phone = "+78120000000", callback = { enabled = true },
messengers = [{ kind = "telegram", url = "https://example.com/telegram" },
{ kind = "whatsapp", url = "https://example.com/whatsapp" }],
"""
STORY: dict[Lang, str] = {"ru": "Игорь", "en": "Igor"}
ASKED: dict[Lang, str] = {
    "ru": "Здравствуйте. Сколько стоит заменить котёл в доме 120 м²?",
    "en": "Hello. What does a new boiler cost for a house of 120 m²?",
}
ANSWERED: dict[Lang, str] = {
    "ru": "Добрый день. Замена котла под ключ стоит от 68 900 ₽, старый увезём. Когда вам удобно?",
    "en": "Good day. A new boiler all in is from 68,900 ₽, we take the old one away.",
}


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with (
        async_playwright() as play,
        await play.chromium.launch(executable_path=chromium(), args=QUIET) as browser,
    ):
        for told in (russian, english):
            with tempfile.TemporaryDirectory() as folder:
                program = Program(Path(folder))
                try:
                    await told(browser, program)
                finally:
                    await program.stop()


async def russian(browser: Browser, program: Program) -> None:
    printed = await program.demo()
    inbox = printed["inbox"]
    operator = await Operator.arrive(browser, inbox.removesuffix("/inbox"))
    await operator.sign_in("demo", printed["code"])
    visitor = await talk(browser, operator, printed["site"])
    await take(visitor.page, "chat.ru.light")

    page, say = operator.page, operator.say
    await page.get_by_role("tab", name=say("inbox.view.all")).click()
    await operator.row(STORY["ru"]).click()
    await expect(operator.log).to_be_visible()
    await take(page, "inbox.ru.light")
    field = page.get_by_label(say("inbox.search"), exact=True)
    await field.fill("котлы")
    found = page.get_by_role("list", name=say("inbox.search.results"))
    await expect(found.locator("mark").first).to_be_visible()
    await take(page, "search.ru.dark", dark=True)
    await field.press("Escape")
    for section, dark in {"looks": False, "install": True}.items():
        await page.goto(f"{inbox}#/admin/demo-site/{section}")
        title = page.get_by_role("heading", name=say(f"admin.section.{section}"), exact=True)
        await expect(title).to_be_visible()
        if section == "looks":
            frame = page.frame_locator(f'iframe[title="{say("admin.preview.frame")}"]')
            await expect(frame.get_by_role("dialog")).to_be_visible()
        await take(page, f"{section}.ru.{'dark' if dark else 'light'}", dark=dark)
    await page.goto(f"{inbox}#/sounds")
    await take(page, "sounds.ru.phone.light", size=PHONE)
    await messengers(browser, operator, printed)
    await page.goto(f"{inbox}#")
    await take(page, "list.ru.phone.dark", size=PHONE, dark=True)


async def messengers(browser: Browser, operator: Operator, printed: dict[str, str]) -> None:
    """The visitor's phone with an answer on it, and the list of what is connected."""
    _, phone = await open_page(browser, "ru", width=560, height=860)
    await phone.goto(f"{printed['phone']}/?lang=ru")
    await expect(phone.locator(".starting")).to_have_count(0, timeout=60_000)
    page, log = operator.page, phone.get_by_role("log")
    await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    await page.goto(f"{printed['inbox']}#")
    field = phone.get_by_role("textbox", name=text("ru", "phone.message"), exact=True)
    await field.fill(ASKED["ru"])
    await field.press("Enter")
    await page.get_by_role("tab", name=operator.say("inbox.view.all")).click()
    await operator.row(VISITOR[0]).filter(has_text=ASKED["ru"]).first.click()
    await operator.reply(ANSWERED["ru"])
    await expect(log).to_contain_text(ANSWERED["ru"])
    await take(phone, "phone.ru.light", size=(560, 860))
    await page.goto(f"{printed['inbox']}#/admin")
    await expect(page.get_by_text("Telegram").first).to_be_visible()
    await take(page, "channels.ru.light")


async def english(browser: Browser, program: Program) -> None:
    file = program.folder / "config.toml"
    words = file.read_text().replace('name = "Test"', 'name = "Warm home"\nlang = "en"')
    file.write_text(words.replace('["*"],', f'["*"], {" ".join(SETTINGS.split())}'))
    await program.start()
    printed = await program.command(
        "user", "add", "emma", "--name", "Emma", "--lang", "en", "--role", "admin"
    )
    operator = await Operator.arrive(browser, program.url, "en")
    await operator.sign_in("emma", printed.split("code ")[1].split()[0])
    async with site(program.url) as url:
        visitor = await talk(browser, operator, url)
        await take(visitor.page, "chat.en.phone.dark", size=PHONE, dark=True)
    await operator.page.get_by_role("tab", name=operator.say("inbox.view.all")).click()
    await operator.row(STORY["en"]).click()
    await expect(operator.log).to_be_visible()
    await take(operator.page, "inbox.en.dark", dark=True)
    await take(operator.page, "dialog.en.phone.light", size=PHONE)


@asynccontextmanager
async def site(hub: str) -> AsyncIterator[str]:
    runner = web.AppRunner(demo.build(hub, "site"), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


async def talk(browser: Browser, operator: Operator, url: str) -> Visitor:
    """Fills the inbox with the examples, and with one visitor who asks and is answered."""
    page, say, lang = operator.page, operator.say, operator.lang
    await page.get_by_role("button", name=say("inbox.sounds.skip")).click()
    doors = page.get_by_role("region", name=say("admin.doors"))
    await doors.get_by_role("button", name=say("admin.doors.play.go")).click()
    visitor = await Visitor.arrive(browser, url, lang)
    await visitor.open_chat()
    await visitor.write(ASKED[lang])
    await operator.row(ASKED[lang]).click()
    await operator.reply(ANSWERED[lang])
    await expect(visitor.log).to_contain_text(ANSWERED[lang])
    return visitor


async def take(
    page: Page, name: str, *, size: tuple[int, int] = DESKTOP, dark: bool = False
) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    await page.evaluate(DRAWN)
    whole = await page.screenshot(animations="disabled")
    packed = io.BytesIO()
    with Image.open(io.BytesIO(whole)) as picture:
        picture.convert("RGB").quantize(256).save(packed, "PNG", optimize=True)
    if packed.tell() > MOST:
        raise ValueError(f"{name} has {packed.tell()} bytes, more than a reader should wait for")
    (FOLDER / f"{name}.png").write_bytes(packed.getvalue())


if __name__ == "__main__":
    asyncio.run(main())

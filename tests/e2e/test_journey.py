"""The whole journey in a real browser: a visitor writes, an operator answers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, FilePayload, expect

from tests.chaos.process import Program
from web import demo

from .people import Lang, Operator, Visitor, shows
from .wire import Wire

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def picture(name: str, colour: tuple[int, int, int]) -> FilePayload:
    """A small PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    rows = (b"\0" + bytes(colour) * 32) * 24
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 24, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows))
    body = b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")
    return {"name": name, "mimeType": "image/png", "buffer": body}


@pytest_asyncio.fixture(loop_scope="session")
async def site(wire: Wire) -> AsyncIterator[str]:
    """A company's page on an origin of its own, whose chat reaches the hub over the wire."""
    runner = web.AppRunner(demo.build(wire.url, "site"), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


async def signed_in(
    browser: Browser, program: Program, url: str, lang: Lang = "ru", role: str = "operator"
) -> Operator:
    told = ("--name", "Ольга", "--lang", lang, "--role", role)
    printed = await program.command("user", "add", "olga", *told)
    operator = await Operator.arrive(browser, url, lang)
    await operator.sign_in("olga", printed.split("code ")[1].split()[0])
    return operator


@pytest.mark.parametrize("lang", ["ru", "en"])
async def test_text_and_pictures_go_both_ways_and_survive_a_cut_wire(
    browser: Browser, program: Program, wire: Wire, site: str, lang: Lang
) -> None:
    operator = await signed_in(browser, program, wire.url, lang)
    visitor = await Visitor.arrive(browser, site, lang)
    await visitor.open_chat()

    await visitor.write("Сколько стоит монтаж?")
    await operator.row("Сколько стоит монтаж?").click()
    await operator.reply("От 18 000 ₽")
    await expect(visitor.log).to_contain_text("От 18 000 ₽")
    await expect(operator.tick("read")).to_have_count(1)

    wire.cut()
    await expect(operator.page.get_by_text(operator.say("inbox.offline"))).to_be_visible()
    await visitor.write("А в субботу можно?")
    await operator.reply("Замер бесплатно")
    wire.mend()
    await expect(operator.log).to_contain_text("А в субботу можно?")
    await expect(visitor.log).to_contain_text("Замер бесплатно")

    await visitor.attach(picture("балкон.png", (200, 80, 40)))
    await shows(operator.log.get_by_role("img", name="балкон.png"))
    await operator.attach(picture("смета.png", (40, 120, 90)))
    await shows(visitor.log.get_by_role("img", name="смета.png"))

    for person in (operator, visitor):
        for words in ("Сколько стоит", "От 18 000", "А в субботу", "Замер бесплатно"):
            await expect(person.log.get_by_text(words)).to_have_count(1)
        assert person.troubles == []
    hosts = {urlsplit(url).hostname for url in operator.asked | visitor.asked}
    assert hosts <= {"localhost", "127.0.0.1", None, ""}
    assert program.errors() == []


async def test_after_kill_9_and_a_new_start_both_sides_go_on_where_they_were(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("До обрыва")
    await operator.row("До обрыва").click()
    await operator.reply("Слышу вас")
    await expect(visitor.log).to_contain_text("Слышу вас")

    program.kill()
    await program.ended()
    await visitor.write("Пока сервер лежал")
    await program.start()

    await expect(operator.log).to_contain_text("Пока сервер лежал")
    await operator.reply("И снова слышу")
    await expect(visitor.log).to_contain_text("И снова слышу")
    await visitor.page.reload()
    await visitor.open_chat()
    await operator.page.reload()
    for person in (operator, visitor):
        for words in ("До обрыва", "Слышу вас", "Пока сервер лежал", "И снова слышу"):
            await expect(person.log.get_by_text(words, exact=True)).to_have_count(1)


async def test_a_full_disk_is_shown_as_waiting_on_both_sides_and_mends_by_itself(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("До того")
    await operator.row("До того").click()

    with program.full_disk():
        await visitor.write("Диск полон")
        await operator.reply("Ответ в пустоту")
        await expect(visitor.log).to_contain_text(visitor.say("widget.state.waiting"))
        await expect(operator.tick("queued")).to_have_count(1)
        await expect(operator.log).not_to_contain_text("Диск полон")
    for person in (operator, visitor):
        for words in ("До того", "Диск полон", "Ответ в пустоту"):
            await expect(person.log.get_by_text(words, exact=True)).to_have_count(1)
    await expect(operator.tick("queued")).to_have_count(0)


async def test_a_phone_sees_the_list_then_the_thread_and_comes_back(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    await operator.page.set_viewport_size({"width": 390, "height": 844})
    visitor = await Visitor.arrive(browser, site)
    await visitor.page.set_viewport_size({"width": 390, "height": 844})
    await visitor.open_chat()
    await visitor.write("С телефона")

    await operator.row("С телефона").click()
    await expect(operator.log).to_be_visible()
    await expect(operator.row("С телефона")).to_be_hidden()
    await operator.page.get_by_role("button", name=operator.say("inbox.back")).click()
    await expect(operator.row("С телефона")).to_be_visible()
    for person in (operator, visitor):
        wide = await person.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390


async def test_a_message_is_text_whatever_is_in_it(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    hostile = '<img src=x onerror="document.title=1"> javascript:alert(1) &amp; \u202eabc'
    await visitor.write(hostile)

    await operator.row("onerror").click()
    await expect(operator.log.get_by_text("<img src=x")).to_have_count(1)
    assert await operator.log.locator("img[src=x]").count() == 0
    assert await operator.log.locator("a").count() == 0
    assert operator.troubles == []


async def test_the_demo_prints_addresses_and_a_first_sign_in_that_works_once(
    browser: Browser, tmp_path: Path
) -> None:
    program = Program(tmp_path)
    printed = await program.demo()
    operator = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await operator.sign_in("demo", printed["code"])
    visitor = await Visitor.arrive(browser, printed["site"])
    await visitor.open_chat()
    await visitor.write("Здравствуйте")
    await operator.row("Здравствуйте").click()
    await operator.reply("Добрый день")
    await expect(visitor.log).to_contain_text("Добрый день")

    second = await Operator.arrive(browser, printed["inbox"].removesuffix("/inbox"))
    await second.page.get_by_label(second.say("inbox.sign_in.login")).fill("demo")
    await second.page.get_by_label(second.say("inbox.sign_in.password")).fill(printed["code"])
    await second.page.get_by_role("button", name=second.say("inbox.sign_in.enter")).click()
    await expect(second.page.get_by_role("alert")).to_contain_text(
        second.say("inbox.sign_in.wrong")
    )

    program.kill()
    await program.ended()
    again = await program.demo()
    assert again["code"] != printed["code"]
    await visitor.page.reload()
    await visitor.open_chat()
    await expect(visitor.log).to_contain_text("Добрый день")
    assert (tmp_path / "data" / "demo" / "hub.db").exists()
    assert not (tmp_path / "data" / "hub.db").exists()
    assert program.strangers() == []
    await program.stop()

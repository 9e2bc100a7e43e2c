"""Files that are not here yet, in a real browser: seen to be lost, asked for, come in place."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from playwright.async_api import Browser, Locator, expect

from hub.model import ChannelId, EntryId, ProjectId, now
from hub.records import Fetch
from hub.store.engine import Insert, Replace
from hub.store.schema import LOG_RECENT
from hub.store.sqlite import SqliteEngine
from tests.chaos.process import Program

from .people import Operator, Visitor, shows
from .test_journey import picture, signed_in, site
from .test_thread_lines import letter, tone
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

NAMES = ("балкон.png", "План.pdf", "голос.wav")


async def mislay(program: Program) -> None:
    """Makes of every file one that its platform did not hand over; the bytes stay here."""
    engine = SqliteEngine(program.folder / "data" / "hub.db", serving=False)
    await engine.open()
    page = await engine.find(LOG_RECENT, limit=50)
    for entry in page.items:
        lost = tuple(replace(each, lost="offline", width=0, height=0) for each in entry.attachments)
        for each in lost:
            promise = Fetch(
                id=each.id,
                project=ProjectId("main"),
                channel=ChannelId("site"),
                entry=EntryId(entry.id),
                due_at=None,
                created_at=now(),
            )
            await engine.write(Insert(promise))
        if lost:
            await engine.write(Replace(replace(entry, attachments=lost)))
    await engine.close()


def place(operator: Operator, name: str) -> Locator:
    return operator.log.locator(".awaited").filter(has_text=name)


async def tops(operator: Operator) -> list[float]:
    """Where each line stands from the beginning of the log on, with its height."""
    found: list[float] = await operator.page.evaluate(
        "() => [...document.querySelectorAll('.log .message')].flatMap((one, _, all) => {"
        " const box = one.getBoundingClientRect();"
        " return [box.top - all[0].getBoundingClientRect().top, box.height]; })"
    )
    return found


async def test_a_lost_file_says_why_and_comes_when_asked_for_without_a_jump(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Вот файлы")
    await visitor.attach(picture(NAMES[0], (200, 80, 40)))
    await visitor.attach(letter(NAMES[1]))
    await visitor.attach(tone(NAMES[2]))
    await expect(visitor.log.get_by_text("План.pdf")).to_be_visible()
    await visitor.write("Посмотрите")
    operator = await signed_in(browser, program, wire.url)
    await operator.row("Гость").click()
    await shows(operator.log.get_by_role("img", name=NAMES[0]))
    await visitor.context.close()
    await mislay(program)
    await operator.page.reload()
    await operator.row("Гость").click()
    why = operator.say("inbox.file.lost.offline", channel=operator.say("kind.site"))
    for name in NAMES:
        await expect(place(operator, name)).to_contain_text(why)
    await expect(operator.log.locator("img[alt]")).to_have_count(0)
    before = await tops(operator)
    for name in NAMES:
        again = place(operator, name).get_by_role("button", name=operator.say("inbox.file.again"))
        await again.click()
        await expect(place(operator, name)).to_have_count(0)
    await shows(operator.log.get_by_role("img", name=NAMES[0]))
    await expect(operator.log.get_by_role("group", name=NAMES[2])).to_contain_text("0:02")
    await expect(operator.log.get_by_role("link", name=NAMES[1])).to_be_visible()
    after = await tops(operator)
    assert [round(each) for each in after] == [round(each) for each in before]
    assert operator.troubles == []
    assert program.errors() == []

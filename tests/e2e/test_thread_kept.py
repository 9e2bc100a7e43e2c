"""What a dialog keeps for its operators: drafts, what was read, who is there and who leads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Locator, Response, expect

from tests.chaos.process import Program

from .guest import guests
from .held import held
from .people import Operator, Visitor, open_page
from .test_journey import picture, signed_in, site
from .wire import Wire

__all__ = ["site"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def another(browser: Browser, program: Program, url: str, login: str, name: str) -> Operator:
    printed = await program.command("user", "add", login, "--name", name, "--lang", "ru")
    operator = await Operator.arrive(browser, url)
    await operator.sign_in(login, printed.split("code ")[1].split()[0])
    return operator


async def another_machine(browser: Browser, of: Operator, url: str) -> Operator:
    """The same operator in a browser that remembers nothing but the sign-in."""
    context, page = await open_page(browser, of.lang)
    await context.add_cookies(
        [
            {"name": each["name"], "value": each["value"], "url": url}
            for each in await of.context.cookies()
        ]
    )
    operator = Operator(context, page, of.lang)
    await page.goto(f"{url}/inbox")
    await page.get_by_role("button", name=of.say("inbox.password.later")).click()
    return operator


def field(operator: Operator) -> Locator:
    return operator.page.get_by_label(operator.say("inbox.reply_text"))


def tells(seq: int) -> Callable[[Response], bool]:
    """Whether an answer is that of having told how far a dialog was read."""

    def is_it(answer: Response) -> bool:
        told = answer.request.post_data_json if answer.url.endswith("/seen") else None
        return told is not None and told["seq"] == seq

    return is_it


def keeps(words: str) -> Callable[[Response], bool]:
    """Whether an answer is that of having kept a draft with these words, a quote and a file."""

    def is_it(answer: Response) -> bool:
        told = answer.request.post_data_json if answer.url.endswith("/draft") else None
        if told is None:
            return False
        return told["text"] == words and bool(told["reply_to"] and told["attachments"])

    return is_it


async def test_a_draft_outlives_a_reload_comes_to_another_machine_and_goes_with_the_message(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    page = operator.page
    async with guests(program.url, 2) as [first, second]:
        await first.write("Про окна")
        await second.write("Про двери")
    await operator.row("Про окна").click()
    # Whether a line may be quoted is known once the project's channels are.
    quotable = operator.log.get_by_role("button", name=operator.say("inbox.answer"))
    await expect(quotable).to_be_attached()
    async with page.expect_response(keeps("Окна стоят")) as saved:
        await operator.log.get_by_text("Про окна").dblclick()
        await field(operator).fill("Окна стоят")
        await page.get_by_label(operator.say("inbox.attach_files")).set_input_files(
            picture("окно.png", (9, 90, 200))
        )
        await expect(page.get_by_role("progressbar")).to_have_count(0)
        await operator.row("Про двери").click()
    assert (await saved.value).status == 204
    await expect(field(operator)).to_have_value("")
    begun = operator.page.get_by_text(operator.say("inbox.preview.draft"))
    await expect(begun).to_have_count(1)

    other = await another_machine(browser, operator, wire.url)
    await other.row("Про окна").click()
    await page.reload()
    await operator.row("Окна стоят").click()
    for screen in (other, operator):
        await expect(field(screen)).to_have_value("Окна стоят")
        await expect(screen.page.locator(".quoted")).to_contain_text("Про окна")
        file = screen.page.get_by_role("listitem").filter(has_text="окно.png")
        await expect(file).to_be_visible()

    await field(operator).press("Enter")
    await expect(operator.log.get_by_role("img", name="окно.png")).to_be_visible()
    await expect(begun).to_have_count(0)
    await other.page.reload()
    await expect(other.log.get_by_role("img", name="окно.png")).to_be_visible()
    await expect(field(other)).to_have_value("")
    assert operator.troubles + other.troubles == []
    assert program.errors() == []


async def test_a_file_on_its_way_stays_when_another_tab_writes_in_the_same_draft(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    page = operator.page
    async with guests(program.url, 1) as [guest]:
        await guest.write("Про окна")
    await operator.row("Про окна").click()
    file = page.get_by_role("listitem").filter(has_text="окно.png")
    async with held(page, "**/files?name=*", "POST"):
        async with page.expect_response(lambda answer: answer.url.endswith("/draft")) as saved:
            await page.get_by_label(operator.say("inbox.attach_files")).set_input_files(
                picture("окно.png", (9, 90, 200))
            )
        assert (await saved.value).status == 204
        other = Operator(operator.context, await operator.context.new_page(), "ru")
        await other.page.goto(f"{wire.url}/inbox")
        await other.row("Про окна").click()
        await field(other).fill("Окна стоят")
        await expect(field(operator)).to_have_value("Окна стоят")
        await expect(file).to_be_visible()
    await expect(page.get_by_role("progressbar")).to_have_count(0)
    await expect(file).to_be_visible()
    await expect(field(operator)).to_have_value("Окна стоят")
    assert operator.troubles == []


async def test_a_note_looks_like_one_and_the_visitor_never_gets_it(
    browser: Browser, program: Program, wire: Wire, site: str
) -> None:
    operator = await signed_in(browser, program, wire.url)
    visitor = await Visitor.arrive(browser, site)
    await visitor.open_chat()
    await visitor.write("Перезвоните вечером")
    await operator.row("Перезвоните").click()
    await operator.page.get_by_role(
        "button", name=operator.say("inbox.mode.note"), exact=True
    ).click()
    await expect(operator.page.get_by_text(operator.say("inbox.note_hint"))).to_be_visible()
    note = operator.page.get_by_label(operator.say("inbox.note_text"))
    await note.fill("Осторожно, спорит")
    await note.press("Enter")
    await expect(operator.log.locator(".message.note")).to_contain_text("Осторожно, спорит")
    await expect(operator.page.get_by_label(operator.say("inbox.note_text"))).to_be_focused()

    await operator.page.get_by_role(
        "button", name=operator.say("inbox.mode.reply"), exact=True
    ).click()
    await operator.reply("Перезвоним")
    await expect(visitor.log).to_contain_text("Перезвоним")
    await expect(visitor.log).not_to_contain_text("Осторожно")


async def test_the_unread_are_under_a_line_until_they_were_really_seen(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    page = operator.page
    unread = operator.log.get_by_role("separator").filter(has_text=operator.say("inbox.unread"))
    async with guests(program.url, 2) as [guest, other]:
        await other.write("Другой диалог")
        await guest.write(*(f"Строка {n}" for n in range(1, 41)))
        async with page.expect_response(tells(40)):
            await operator.row("Строка 40").click()
            await expect(operator.log.get_by_text("Строка 40", exact=True)).to_be_in_viewport()
        await expect(unread).to_have_count(0)
        await operator.row("Другой диалог").click()
        await expect(operator.log).to_contain_text("Другой диалог")

        await guest.write(*(f"Новая {n}" for n in range(1, 41)))
        await operator.row("Новая 40").click()
        await expect(unread).to_be_in_viewport()
        await expect(operator.log.get_by_text("Новая 1", exact=True)).to_be_in_viewport()
        await expect(operator.log.get_by_text("Новая 40", exact=True)).not_to_be_in_viewport()

        await guest.write("Самая новая")
        pill = page.get_by_role("button", name=operator.say("inbox.new_below", n=1))
        async with page.expect_response(tells(81)):
            await pill.click()
            await expect(operator.log.get_by_text("Самая новая", exact=True)).to_be_in_viewport()
    await page.reload()
    await expect(operator.log.get_by_text("Самая новая", exact=True)).to_be_in_viewport()
    await expect(unread).to_have_count(0)
    assert operator.troubles == []
    assert program.errors() == []


async def test_two_operators_see_each_other_and_who_is_writing(
    browser: Browser, program: Program, wire: Wire
) -> None:
    olga = await signed_in(browser, program, wire.url)
    oleg = await another(browser, program, wire.url, "oleg", "Олег")
    async with guests(program.url) as [guest]:
        await guest.write("Кто ответит?")
    await olga.row("Кто ответит?").click()
    await oleg.row("Кто ответит?").click()
    await expect(olga.page.get_by_text(olga.say("inbox.here", names="Олег"))).to_be_visible()
    await expect(oleg.page.get_by_text(oleg.say("inbox.here", names="Ольга"))).to_be_visible()
    await field(oleg).press_sequentially("Сейчас")
    await expect(olga.page.get_by_text(olga.say("inbox.writes", name="Олег"))).to_be_visible()
    await field(oleg).press("Enter")
    await expect(olga.page.get_by_text(olga.say("inbox.writes", name="Олег"))).to_have_count(0)

    # One leads it now, the other can only leave a note.
    hint = olga.say("inbox.foreign", name="Олег")
    await expect(olga.page.get_by_text(hint)).to_be_visible()
    await oleg.page.get_by_label(oleg.say("inbox.reply_text")).press("Escape")
    await oleg.page.keyboard.press("Escape")
    await expect(olga.page.get_by_text(olga.say("inbox.here", names="Олег"))).to_have_count(0)
    assert olga.troubles + oleg.troubles == []


async def test_a_dialog_is_handed_over_and_its_history_says_by_whom_and_why(
    browser: Browser, program: Program, wire: Wire
) -> None:
    olga = await signed_in(browser, program, wire.url)
    oleg = await another(browser, program, wire.url, "oleg", "Олег")
    async with guests(program.url) as [guest]:
        await guest.write("Это про договор")
    await olga.row("Это про договор").click()
    head = olga.page.get_by_role("region", name=olga.say("inbox.thread"), exact=True)
    await head.get_by_role("button", name=olga.say("inbox.step.take")).click()
    await expect(olga.page.get_by_test_id("owner")).to_have_text(olga.say("inbox.owner.me"))

    await head.get_by_role("button", name=olga.say("inbox.step.assign"), exact=True).click()
    choice = olga.page.get_by_role("dialog", name=olga.say("inbox.assign"))
    search = choice.get_by_label(olga.say("inbox.assign.search"))
    await expect(search).to_be_focused()
    await search.press_sequentially("оле")
    await expect(choice.get_by_role("listitem")).to_have_count(1)
    await search.press("Enter")
    await expect(choice).to_have_count(0)
    owner = olga.page.get_by_test_id("owner")
    await expect(owner).to_have_text(olga.say("inbox.owner.other", name="Олег"))
    handed = olga.say("inbox.system.assigned", name="Ольга", to="Олег")
    await expect(olga.log).to_contain_text(handed)

    await oleg.page.get_by_role("tab", name=oleg.say("inbox.view.mine")).click()
    await oleg.row("Это про договор").click()
    await oleg.page.get_by_title(oleg.say("inbox.timeline.open")).click()
    history = oleg.page.get_by_role("dialog", name=oleg.say("inbox.timeline"))
    lines = history.get_by_role("listitem")
    await expect(lines.first).to_contain_text(handed)
    await expect(lines.first).to_contain_text(oleg.say("inbox.why.hand"))
    await expect(lines.nth(1)).to_contain_text(oleg.say("inbox.system.taken", name="Ольга"))
    await expect(lines.last).to_contain_text(oleg.say("inbox.timeline.begun"))
    await oleg.page.keyboard.press("Escape")
    await expect(history).to_have_count(0)
    assert olga.troubles + oleg.troubles == []
    assert program.errors() == []


async def test_what_needs_no_reply_waits_no_more_and_closing_leads_to_the_next(
    browser: Browser, program: Program, wire: Wire
) -> None:
    operator = await signed_in(browser, program, wire.url)
    async with guests(program.url, 2) as [first, second]:
        await first.write("Спасибо")
        await second.write("Вопрос")
    await operator.row("Спасибо").click()
    more = operator.page.get_by_role("button", name=operator.say("inbox.step.more"))
    await more.click()
    await operator.page.get_by_role("menuitem", name=operator.say("inbox.step.no_reply")).click()
    told = operator.say("inbox.system.no_reply", name="Ольга")
    await expect(operator.log).to_contain_text(told)
    count = operator.row("Спасибо").get_by_label(operator.say("inbox.unanswered", n=1))
    await expect(count).to_have_count(0)

    await more.click()
    await expect(operator.page.get_by_role("menuitem").first).to_be_focused()
    await operator.page.keyboard.press("Enter")
    await expect(operator.log).to_contain_text("Вопрос")
    await expect(operator.row("Спасибо")).to_have_count(0)
    assert operator.troubles == []

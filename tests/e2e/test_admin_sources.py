"""An administrator opens a door for the site's forms, tries a body and sees the first request."""

from __future__ import annotations

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.chaos.process import Program

from .test_admin_channels import choose, step
from .test_admin_site import administrator
from .test_axe import wrong

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ANNA = {"name": "Анна", "phone": "8 (912) 345-67-89", "comment": "После шести"}


async def test_a_form_is_connected_tried_and_its_first_request_stands_in_the_inbox(
    browser: Browser, program: Program
) -> None:
    operator = await administrator(browser, program)
    page, say = operator.page, operator.say
    await choose(operator, say("channel.form"))
    await page.get_by_role("button", name=say("admin.add_and_try")).click()
    await expect(step(operator, "channel.form.trial.hook.by_hand")).to_be_visible()
    await expect(step(operator, "channel.form.trial.seen.waiting")).to_be_visible()

    handed = page.locator(".handed code")
    await expect(handed).to_have_count(3)
    address, header, key = await handed.all_inner_texts()
    assert (address.startswith(program.url), header) == (True, "X-Hub-Key")

    body = page.get_by_label(say("admin.reading.body"))
    await body.fill("{")
    await page.get_by_role("button", name=say("admin.reading.read")).click()
    await expect(page.get_by_text(say("admin.reading.error.json"))).to_be_visible()
    await body.fill("name=Анна&phone=8 912 345-67-89&utm_source=ya")
    await page.get_by_role("button", name=say("admin.reading.read")).click()
    await expect(page.get_by_text("+79123456789", exact=True)).to_be_visible()
    await expect(page.get_by_text(say("admin.reading.ignored.service"))).to_be_visible()
    assert await wrong(page) == []

    async with aiohttp.ClientSession() as site:
        async with site.post(address, json=ANNA, headers={header: key}) as answer:
            assert (answer.status, (await answer.json())["taken"]) == (200, True)
        async with site.post(address, json=ANNA) as answer:
            assert answer.status == 403
    await expect(page.get_by_text(say("admin.trial.done"))).to_be_visible()

    await page.get_by_role("link", name=say("admin.trial.dialog")).click()
    await expect(operator.log.get_by_text("comment: После шести")).to_be_visible()
    await expect(page.get_by_text(say("inbox.mute"))).to_be_visible()
    await expect(page.get_by_role("button", name=say("inbox.mode.reply"))).to_be_disabled()
    await expect(page.get_by_text(say("inbox.card.comment"))).to_be_visible()

    # Who refused calls and then asks for one is called, and whoever looks is told why.
    await page.get_by_role("switch", name=say("inbox.call.refused_calls")).click()
    await expect(operator.log).to_contain_text(say("inbox.call.refused_calls"))
    again = ANNA | {"comment": "Передумала, позвоните"}
    async with (
        aiohttp.ClientSession() as site,
        site.post(address, json=again, headers={header: key}) as answer,
    ):
        assert answer.status == 200
    await expect(operator.log).to_contain_text("Передумала")
    await page.locator(".status-chip").click()
    told = page.get_by_role("dialog", name=say("inbox.timeline"))
    await expect(told).to_contain_text(say("inbox.why.despite"))
    assert operator.troubles == []

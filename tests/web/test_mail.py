"""Operators say where letters to them go, each for himself."""

from __future__ import annotations

import pytest

from hub.store.schema import AUDIT
from tests.web.house import ALPHA, House


async def test_an_operator_sets_and_clears_the_own_address(house: House) -> None:
    await house.operator("olga", ALPHA)
    olga = await house.browser("olga")
    assert (await olga.get("/me/reaches"))["email"] == ""
    await olga.ask("PATCH", "/api/v1/me", {"email": "olga@example.com"})
    told = await olga.get("/me/reaches")
    assert (told["email"], told["mails"]) == ("olga@example.com", False)
    # A change of something else leaves it.
    await olga.ask("PATCH", "/api/v1/me", {"lang": "en"})
    assert (await olga.get("/me/reaches"))["email"] == "olga@example.com"
    await olga.ask("PATCH", "/api/v1/me", {"email": ""})
    assert (await olga.get("/me/reaches"))["email"] == ""
    noted = await house.hub.engine.find(AUDIT, {"project": ""}, limit=100)
    verbs = [each.verb for each in noted.items]
    assert verbs.count("operator.email_set") == 2


@pytest.mark.parametrize(
    "wrong", ["olga", "a@b.ru\r\nBcc: c@d.ru", "a@b.ru,c@d.ru", "<a@b.ru>", "a" * 300 + "@b.ru"]
)
async def test_what_is_no_address_is_refused(house: House, wrong: str) -> None:
    await house.operator("olga", ALPHA)
    olga = await house.browser("olga")
    status, told = await olga.ask("PATCH", "/api/v1/me", {"email": wrong})
    assert (status, told["field"]) == (400, "email")
    assert (await olga.get("/me/reaches"))["email"] == ""

"""SMS Aero's own client against the played service: what it sends is taken, and read right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from smsaero import SmsAero, SmsAeroException, SmsAeroNoMoneyException

from bots.platforms.smsaero import SmsAeroPlatform


@pytest.fixture
async def platform() -> AsyncIterator[SmsAeroPlatform]:
    made = SmsAeroPlatform()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(platform: SmsAeroPlatform) -> AsyncIterator[Any]:
    made = SmsAero(platform.email, platform.key, url_gate=f"@{platform.url[7:]}/v2/")
    yield made
    await made.close_session()


async def test_a_message_is_taken_and_followed(client: Any, platform: SmsAeroPlatform) -> None:
    assert await client.is_authorized()
    assert await client.balance() == {"balance": 1_000.0}
    sent = await client.send_sms(79161234567, "Ждём вас", sign="Romashka")
    assert (sent["number"], sent["status"], sent["extendStatus"]) == ("79161234567", 0, "queue")
    platform.advance(sent["id"], 1)
    assert (await client.sms_status(sent["id"]))["status"] == 1
    listed = await client.sms_list(page=1)
    assert listed["0"]["id"] == sent["id"]
    assert listed["totalCount"] == "1"
    several = await client.send_sms([79161234567, 79161234568], "Ждём вас")
    assert [each["number"] for each in several] == ["79161234567", "79161234568"]


async def test_refusals_are_read_as_refusals(client: Any, platform: SmsAeroPlatform) -> None:
    with pytest.raises(SmsAeroException):
        await client.send_sms(79161234567, "Ждём вас", sign="Foreign")
    with pytest.raises(SmsAeroException):
        await client.sms_status(1)
    platform.money = 0
    with pytest.raises(SmsAeroNoMoneyException):
        await client.send_sms(79161234567, "Ждём вас")
    platform.key = "another"
    with pytest.raises(SmsAeroException):
        await client.is_authorized()

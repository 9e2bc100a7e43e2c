"""What the tests of the widget's door ask of it, and what they look at afterwards."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from msgspec.structs import replace

from hub.dialogs import latest
from hub.model import Channel, Dialog, Entry, IdentityId, ProjectId
from hub.store.schema import LOG
from tests.web.house import SHOP, House, Visitor

ALPHA = ProjectId("alpha")
SECRET = "a-long-enough-secret"
PHONE = "8 (916) 123-45-67"
ORIGIN = {"Origin": SHOP}


async def arrange(house: House, channel: str = "alpha-site", **settings: Any) -> None:
    await house.hub.engine.change(
        Channel, channel, lambda had: replace(had, settings=had.settings | settings)
    )
    await house.hub.channels.refresh()


async def config(house: House, query: str = "", channel: str = "alpha-site") -> Any:
    browser = await house.browser()
    status, told = await browser.ask("GET", f"/widget/{channel}/config{query}", headers=ORIGIN)
    assert status == 200, told
    return told


async def slots(house: House, zone: str = "Asia/Vladivostok") -> Any:
    browser = await house.browser()
    status, told = await browser.ask("GET", f"/widget/alpha-site/slots?zone={zone}", headers=ORIGIN)
    assert status == 200, told
    return told


async def agreed(house: House, *purposes: str) -> list[dict[str, str]]:
    """The boxes ticked: those of these purposes, or all that must be."""
    return [
        {"purpose": box["purpose"], "version": box["version"]}
        for box in (await config(house))["consents"]
        if (box["purpose"] in purposes if purposes else box["required"])
    ]


async def asks(visitor: Visitor, t: str, key: str = "ask-00001", **frame: Any) -> Any:
    await visitor.socket.say(t=t, key=key, **frame)
    return await visitor.socket.until(
        lambda each: each["t"] in ("ok", "error") and each["key"] == key
    )


async def heard_out(visitor: Visitor) -> None:
    """Until all that was said before has had its effect."""
    await visitor.socket.say(t="ping")
    await visitor.socket.frame("pong")


async def row_of(house: House, visitor: Visitor, channel: str = "alpha-site") -> Dialog | None:
    await heard_out(visitor)
    id = IdentityId(f"{channel}:{visitor.key.partition('.')[0]}")
    return await latest(house.hub.engine, house.hub.channels.document(channel).project, id)


async def log_of(house: House, row: Dialog) -> list[Entry]:
    return (await house.hub.engine.find(LOG, {"dialog": row.id})).items


def signed(id: str, secret: str = SECRET) -> dict[str, str]:
    return {"id": id, "hash": hmac.new(secret.encode(), id.encode(), hashlib.sha256).hexdigest()}

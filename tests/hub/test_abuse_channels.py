"""Who would abuse a channel's settings, its keys and its links, and finds that it does not go."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from msgspec import Meta

from bots.line.line import Line
from bots.line.settings import LineSettings, Secret
from hub.accounts import Who
from hub.channels.setup import Change, Setup
from hub.errors import BadValueError, ConflictError, RejectedError
from hub.hub import Hub
from hub.keeping.secrets import Vault, secret_fields
from hub.model import Channel
from hub.records import Pulse
from hub.store.engine import Insert
from tests.scripted import Platform
from tests.spine import SHOP, operator

TOKEN, OTHER = "1234:the-old-key", "1234:the-new-key"
OWN = "http://10.0.0.7:8081"


class KeyedSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: Secret
    trusted_root: Annotated[str, Meta(max_length=100)] = ""


class Keyed(Platform):
    kind: ClassVar[str] = "keyed"
    settings_type: ClassVar[type[msgspec.Struct]] = KeyedSettings

    @classmethod
    def numbered_by(cls, settings: Any) -> str:
        return str(settings.token).partition(":")[0]


class Room:
    def __init__(self, hub: Hub, who: Who) -> None:
        self.hub, self.who = hub, who
        self.vault = Vault(hub.keys, lambda _: secret_fields(KeyedSettings))
        self.setup = Setup(hub.engine, hub.bus, hub.channels, self.vault, lambda _: Keyed, hub.now)

    async def made(self, **settings: Any) -> Channel:
        given = {"token": TOKEN} | settings
        return await self.setup.add(SHOP, "keyed", "Bot", self.who, settings=given)

    async def changed(self, made: Channel, **settings: Any) -> Any:
        change = Change(settings=settings)
        return self.vault.opened(await self.setup.change(SHOP, made.id, change, self.who)).settings


@pytest.fixture
async def room(hub: Hub) -> Room:
    return Room(hub, operator("anna"))


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({}, {"api_url": "http://evil.example"}),
        ({"api_url": OWN}, {"api_url": "https://evil.example"}),
        ({"api_url": OWN}, {"proxy": "socks5://evil.example:1080"}),
        ({"proxy": "http://proxy.example:3128"}, {"trusted_root": "who signs for evil"}),
        ({}, {"api_url": "http://evil.example", "token": {"secret": True, "set": True}}),
        ({}, {"api_url": "http://evil.example", "token": ""}),
    ],
)
async def test_a_key_that_nobody_may_read_is_not_sent_where_its_owner_did_not_send_it(
    room: Room, before: dict[str, str], change: dict[str, Any]
) -> None:
    made = await room.made(**before)
    with pytest.raises((BadValueError, msgspec.ValidationError)) as refused:
        await room.changed(made, **change)
    if isinstance(refused.value, BadValueError):
        assert (refused.value.code, refused.value.field) == ("key_again", "settings.token")
    told = room.vault.opened(await room.setup.get(SHOP, made.id)).settings
    assert told == {"token": TOKEN, **before}


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({}, {"api_url": OWN, "token": OTHER}),
        ({"api_url": OWN}, {"api_url": None}),
        ({"api_url": OWN}, {"api_url": ""}),
        ({"api_url": OWN}, {"api_url": OWN}),
        ({}, {"proxy": "socks5://proxy.example:1080"}),
        ({"api_url": OWN, "proxy": "http://proxy.example:3128"}, {"proxy": None}),
    ],
)
async def test_the_way_to_the_platform_itself_asks_for_no_key_again(
    room: Room, before: dict[str, str], change: dict[str, Any]
) -> None:
    made = await room.made(**before)
    wanted = {k: v for k, v in ({"token": TOKEN} | before | change).items() if v is not None}
    assert await room.changed(made, **change) == wanted


async def test_another_bot_is_another_channel_for_its_messages_have_the_same_numbers(
    room: Room,
) -> None:
    made = await room.made(token="9:mistaken")
    assert await room.changed(made, token=TOKEN) == {"token": TOKEN}
    said = Pulse(id=made.id, project=SHOP, last_in_at=room.hub.now())
    await room.hub.engine.write(Insert(said))
    with pytest.raises(ConflictError) as refused:
        await room.changed(made, token="5678:of-another-bot")
    assert refused.value.code == "other_account"
    assert await room.changed(made, token=OTHER) == {"token": OTHER}


@pytest.mark.parametrize("address", ["http://[half", "http://evil.example:port/1234:the-old-key"])
async def test_an_address_that_is_none_is_refused_without_being_told(address: str) -> None:
    line = Line("http://127.0.0.1:1")
    with pytest.raises(RejectedError) as uploading:
        await line.call("POST", address)
    with pytest.raises(RejectedError) as downloading:
        async for _ in line.download(address):
            pass
    for each in (uploading, downloading):
        assert each.value.reason == "bad_request"
        assert "the-old-key" not in str(each.value)
        assert each.value.__cause__ is None
    await line.close()

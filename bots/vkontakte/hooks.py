"""The community's Callback servers: ours is put there, confirmed, looked at and taken off.

https://dev.vk.com/ru/api/callback/getting-started
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from bots.vkontakte.call import HOOK_EVENTS, VERSION, Call, asked, within
from hub.channels.port import HookState
from hub.errors import RejectedError, TransientError

TITLE = "Otklik"
CONFIRM_SECONDS = 15
EACH_SECONDS = 0.3


class Server(msgspec.Struct, frozen=True):
    """One of up to ten; `status` is "ok" once it answered with the community's word."""

    id: int
    url: str
    status: str
    secret_key: str = ""


class Hooks:
    """Which of them are ours is known by the secret that we gave, so others' are left alone."""

    def __init__(self, call: Call, group: int, is_ours: Callable[[str], bool]) -> None:
        self._call = call
        self._group = group
        self._is_ours = is_ours

    async def state(self) -> HookState:
        ours = [each for each in await self._servers() if self._is_ours(each.secret_key)]
        if not ours:
            return HookState()
        best = next((each for each in ours if each.status == "ok"), ours[0])
        return HookState(url=best.url, error="" if best.status in ("ok", "wait") else best.status)

    async def put(self, url: str, secret: str) -> None:
        """VK asks the address for its word before this returns."""
        kept = 0
        for each in await self._servers():
            good = (each.url, each.secret_key) == (url, secret) and each.status in ("ok", "wait")
            if good and not kept:
                kept = each.id
            elif each.url == url or self._is_ours(each.secret_key):
                await self._remove(each.id)
        kept = kept or await self._added(url, secret)
        await self._confirmed(kept)
        settings: dict[str, Any] = {"api_version": VERSION} | asked(HOOK_EVENTS)
        await self._call(
            "groups.setCallbackSettings", group_id=self._group, server_id=kept, **settings
        )

    async def drop(self) -> None:
        for each in await self._servers():
            if self._is_ours(each.secret_key):
                await self._remove(each.id)

    async def _servers(self) -> list[Server]:
        given = await self._call("groups.getCallbackServers", group_id=self._group)
        try:
            return msgspec.convert(within(given, "items"), list[Server])
        except msgspec.ValidationError:
            raise TransientError("vk hooks", reason="internal") from None

    async def _added(self, url: str, secret: str) -> int:
        given = await self._call(
            "groups.addCallbackServer",
            group_id=self._group,
            url=url,
            title=TITLE,
            secret_key=secret,
        )
        id = within(given, "server_id")
        if not isinstance(id, int):
            raise TransientError("vk hooks", reason="internal")
        return id

    async def _confirmed(self, id: int) -> None:
        """Returns once VK has asked the hook for its word and heard it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_SECONDS):
                while True:
                    known = {each.id: each.status for each in await self._servers()}
                    status = known.get(id, "failed")
                    if status == "ok":
                        return
                    if status == "failed":
                        break
                    await asyncio.sleep(EACH_SECONDS)
        raise RejectedError("vk hook is not confirmed", reason="no_public_address")

    async def _remove(self, id: int) -> None:
        await self._call("groups.deleteCallbackServer", group_id=self._group, server_id=id)

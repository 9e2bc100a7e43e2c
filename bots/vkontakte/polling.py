"""Asking VK for updates, where nothing of ours can be called.

https://dev.vk.com/ru/api/bots-long-poll/getting-started
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bots.line.line import Line, refused
from bots.vkontakte.call import EVENTS, VERSION, Call, as_json, asked
from hub.channels.port import Polled
from hub.errors import TransientError

WAIT_SECONDS = 25


async def polled(call: Call, line: Line, group: int, marker: str) -> Polled:
    """One question; the marker is where VK told to ask and how far we are."""
    at = _read(marker)
    if "server" not in at:
        if "ts" not in at:
            settings: dict[str, Any] = {"enabled": 1, "api_version": VERSION} | asked(EVENTS)
            await call("groups.setLongPollSettings", group_id=group, **settings)
        # What happened while nobody asked is had by going on from where it ended.
        return await _begun(call, group, at.get("ts", ""))
    query = {"act": "a_check", "key": at["key"], "ts": at["ts"], "wait": str(WAIT_SECONDS)}
    try:
        said = await line.call("GET", at["server"], query=query, seconds=WAIT_SECONDS + 10)
    except TransientError:
        # VK may have moved it since; if not, there is nothing to be done but to wait.
        moved = await _begun(call, group, at["ts"])
        if _read(moved.marker)["server"] == at["server"]:
            raise
        return moved
    if said.status in (403, 404):
        return Polled(bodies=(), marker=as_json({"ts": at["ts"]}))
    refused(said)
    told = said.json()
    if not isinstance(told, dict):
        raise TransientError("not_json", reason="page")
    here = as_json(at | {"ts": _ts(told) or at["ts"]})
    match told.get("failed"):
        case None:
            updates = told.get("updates")
            bodies = (msgspec.json.encode(each) for each in updates or ())
            return Polled(bodies=tuple(bodies), marker=here)
        case 1:
            # Some of what happened is not kept there any more.
            return Polled(bodies=(), marker=here)
        case 2:
            return await _begun(call, group, at["ts"])
        case _:
            return await _begun(call, group, "")


async def _begun(call: Call, group: int, ts: str) -> Polled:
    """Where to ask from now on, going on from `ts` if there is one."""
    given = await call("groups.getLongPollServer", group_id=group)
    try:
        at = {"server": str(given["server"]), "key": str(given["key"])}
        return Polled(bodies=(), marker=as_json(at | {"ts": ts or str(given["ts"])}))
    except (KeyError, TypeError):
        raise TransientError("vk long poll", reason="internal") from None


def _read(marker: str) -> dict[str, str]:
    """Where and how far, or how far alone; nothing if it is neither."""
    try:
        at = msgspec.json.decode(marker, type=dict[str, str]) if marker else {}
    except msgspec.MsgspecError:
        return {}
    return at if at.keys() in ({"server", "key", "ts"}, {"ts"}) else {}


def _ts(told: Mapping[str, Any]) -> str:
    """VK writes it as a text, or as a number after a gap."""
    ts = told.get("ts")
    return str(ts) if isinstance(ts, int | str) else ""

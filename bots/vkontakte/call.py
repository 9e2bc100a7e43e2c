"""How the parts call VK's API, and what they find in its answers."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

API = "https://api.vk.ru"
VERSION = "5.199"
HOSTS = (
    *("vk.com", ".vk.com", "vk.ru", ".vk.ru", ".userapi.com", ".vkuser.net", ".vkuserlive.net"),
    *(".vkuseraudio.net", ".vkuservideo.net", ".vk-cdn.net", ".vk-portal.net", ".mycdn.me"),
    *(".okcdn.ru",),
)
"""Where VK's files, upload servers and long polling are."""

EVENTS = (
    *("message_new", "message_reply", "message_edit", "message_allow", "message_deny"),
    *("message_event", "message_read", "message_typing_state", "message_reaction_event"),
)
HOOK_EVENTS = (*EVENTS, "lead_forms_new")
"""Long polling has no lead forms: https://dev.vk.com/ru/method/groups.setLongPollSettings"""


class Call(Protocol):
    """What a method of the API returned; `sends` is one that says something to a person.

    A value of None is left out. Raises a DeliveryError.
    """

    async def __call__(self, method: str, *, sends: bool = False, **values: Any) -> Any: ...


def asked(events: tuple[str, ...]) -> dict[str, Any]:
    """The switches of these events, on."""
    return dict.fromkeys(events, 1)


def within(told: Any, name: str) -> Any:
    """What an answer has under that name, None also when it is no object."""
    return told.get(name) if isinstance(told, dict) else None


def first(told: Any) -> dict[str, Any]:
    """The first object of a list, an empty one when there is none."""
    found = told[0] if isinstance(told, list) and told else None
    return found if isinstance(found, dict) else {}


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def as_json(value: Any) -> str:
    """Objects go to VK as JSON in a text; vk_api would send only their keys."""
    return msgspec.json.encode(value).decode()

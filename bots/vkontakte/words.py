"""What a message may hold on VK, both ways: mentions, reactions, payloads and keyboards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bots.line.text import Span, marked
from hub.content import Button

REACTIONS: dict[int, str] = dict(enumerate([*"❤🔥😂👍💩❓😭😡👎👌😃🤔🙏😘😍🎉"], 1))
"""VK names a reaction by its number and tells communities no table; this is its clients' order."""

UNKNOWN_REACTION = "❔"

# https://dev.vk.com/ru/api/bots/development/keyboard
LABEL_MAX = 40
INLINE_ROWS_MAX = 6
INLINE_ROW_MAX = 5
INLINE_MAX = 10
PAYLOAD_MAX = 255

MENTION = re.compile(r"\[(id|club|public|event)([0-9]{1,12})\|([^\[\]\n|]{1,300})\]")


def legible(text: str) -> str:
    """The text in the hub's light markup, mentions as links."""
    plain, spans, at = "", [], 0
    for found in MENTION.finditer(text):
        plain += text[at : found.start()]
        label = found[3]
        url = f"https://vk.com/{found[1]}{found[2]}"
        spans.append(Span(len(plain), len(plain) + len(label), "link", url))
        plain += label
        at = found.end()
    return marked(plain + text[at:], spans)


def emoji_of(reaction: int) -> str:
    """What a reaction looks like, or nearly."""
    return REACTIONS.get(reaction, UNKNOWN_REACTION)


def reaction_of(emoji: str) -> int:
    """The number of a reaction, 0 for one that VK does not have."""
    wanted = emoji.replace("\ufe0f", "")
    return next((number for number, each in REACTIONS.items() if each == wanted), 0)


def payload(button: Button) -> str:
    """What a button of ours carries: its data, and its label for whoever reads of the press."""
    full = _json({"data": button.data, "label": button.label[:LABEL_MAX]})
    return full if len(full) <= PAYLOAD_MAX else _json({"data": button.data})


def pressed(payload: Any) -> tuple[str, str]:
    """The data and label of a pressed button; of one that others made, its payload as it is."""
    told = payload
    if isinstance(payload, str):
        try:
            told = msgspec.json.decode(payload.encode(errors="replace"))
        except (msgspec.DecodeError, RecursionError):
            return payload[:PAYLOAD_MAX], ""
    if isinstance(told, dict) and isinstance(data := told.get("data"), str):
        label = told.get("label")
        return data[:PAYLOAD_MAX], label[:LABEL_MAX] if isinstance(label, str) else ""
    return _json(told)[:PAYLOAD_MAX], ""


def is_start(payload: str) -> bool:
    """Whether it came of VK's own button that begins a chat."""
    try:
        told = msgspec.json.decode(payload.encode(errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("command") == "start"


def keyboard(rows: Sequence[Sequence[Button]]) -> str:
    """The buttons under a message as VK wants them; empty when there is none that VK has."""
    made: list[list[dict[str, Any]]] = []
    left = INLINE_MAX
    for row in rows:
        fit = [_button(each) for each in row if each.url or not each.asks]
        while (here := fit[: min(INLINE_ROW_MAX, left)]) and len(made) < INLINE_ROWS_MAX:
            made.append(here)
            fit, left = fit[len(here) :], left - len(here)
    return _json({"inline": True, "buttons": made}) if made else ""


def kept(keyboard: Any) -> str:
    """The buttons that a message has, to be said again with it."""
    rows = keyboard.get("buttons") if isinstance(keyboard, dict) else None
    return _json({"inline": True, "buttons": rows}) if rows and keyboard.get("inline") else ""


def _button(button: Button) -> dict[str, Any]:
    label = button.label[:LABEL_MAX]
    if button.url:
        return {"action": {"type": "open_link", "label": label, "link": button.url}}
    told = {"type": "callback", "label": label, "payload": payload(button)}
    return {"action": told, "color": "secondary"}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

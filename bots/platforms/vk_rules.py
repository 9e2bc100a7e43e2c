"""What VK's methods take, and the errors that they answer with; stricter than VK in one thing:

a parameter that VK would overlook is an error here, because it is a mistake of ours.
https://dev.vk.com/ru/method
"""

from __future__ import annotations

from typing import Any

import msgspec

INT32 = 2**31
TEXT_MAX = 9000
KEYBOARD_ROWS, KEYBOARD_ROW, KEYBOARD_ALL = 6, 5, 10
LABEL_MAX, PAYLOAD_MAX = 40, 255

POLLED = (
    "message_new message_reply message_edit message_allow message_deny message_event message_read "
    "message_typing_state message_reaction_event user_block user_unblock group_join group_leave"
)
HOOKED = f"{POLLED} lead_forms_new"
"""The switches of the events that are played here; lead forms come by hook alone."""

# Of each method, which parameters are numbers and which texts; a star is one that it needs.
METHODS = {
    "groups.getById": ("", "group_ids group_id fields"),
    "groups.getTokenPermissions": ("", ""),
    "groups.getCallbackConfirmationCode": ("*group_id", ""),
    "groups.getCallbackServers": ("*group_id", "server_ids"),
    "groups.addCallbackServer": ("*group_id", "*url *title secret_key"),
    "groups.editCallbackServer": ("*group_id *server_id", "*url *title secret_key"),
    "groups.deleteCallbackServer": ("*group_id *server_id", ""),
    "groups.setCallbackSettings": (f"*group_id server_id {HOOKED}", "api_version"),
    "groups.getLongPollServer": ("*group_id", ""),
    "groups.setLongPollSettings": (f"*group_id enabled {POLLED}", "api_version"),
    "users.get": ("", "user_ids fields name_case"),
    "messages.send": (
        "peer_id user_id *random_id reply_to dont_parse_links disable_mentions group_id",
        "peer_ids message attachment keyboard forward template payload intent content_source",
    ),
    "messages.edit": (
        "*peer_id cmid message_id keep_forward_messages keep_snippets dont_parse_links",
        "message attachment keyboard template",
    ),
    "messages.delete": ("peer_id delete_for_all spam group_id", "cmids message_ids"),
    "messages.sendReaction": ("*peer_id *cmid *reaction_id", ""),
    "messages.deleteReaction": ("*peer_id *cmid", ""),
    "messages.setActivity": ("peer_id user_id group_id", "type"),
    "messages.markAsRead": (
        "peer_id start_message_id group_id mark_conversation_as_read up_to_cmid",
        "message_ids",
    ),
    "messages.sendMessageEventAnswer": ("*user_id *peer_id", "*event_id event_data"),
    "messages.getByConversationMessageId": ("*peer_id extended", "*conversation_message_ids"),
    "photos.getMessagesUploadServer": ("peer_id group_id", ""),
    "photos.saveMessagesPhoto": ("server", "*photo hash"),
    "docs.getMessagesUploadServer": ("peer_id", "type"),
    "docs.save": ("return_tags", "*file title tags"),
}
EVERYWHERE = frozenset({"access_token", "v", "lang", "test_mode", "captcha_sid", "captcha_key"})

WORDS = {
    3: "Unknown method passed",
    5: "User authorization failed: invalid access_token (4).",
    6: "Too many requests per second",
    8: "Invalid request: v is incorrect",
    15: "Access denied",
    900: "Can't send messages for users from blacklist",
    901: "Can't send messages for users without permission",
    909: "Can't edit this message, because it's too old",
    911: "Keyboard format is invalid",
    914: "Message is too long",
    917: "You don't have access to this chat",
    924: "Can't delete this message for everybody",
    1009: "Unknown reaction passed",
    2000: "Servers number limit is reached",
}


class RefusedCallError(Exception):
    """What a method answers with instead of a result."""

    def __init__(self, code: int, words: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.words = words or WORDS.get(code, "Error")


def missing(name: str) -> RefusedCallError:
    return RefusedCallError(
        100, f"One of the parameters specified was missing or invalid: {name} is invalid"
    )


def read(method: str, given: dict[str, str]) -> dict[str, Any]:
    """The parameters with numbers as numbers; RefusedCallError for any that is not right."""
    if method not in METHODS:
        raise RefusedCallError(3)
    # https://dev.vk.com/ru/reference/versions
    if given.get("v", "") < "5.100" or len(given.get("v", "")) != 5:
        raise RefusedCallError(8)
    numbers, texts = (each.split() for each in METHODS[method])
    known = {each.lstrip("*"): each in numbers for each in (*numbers, *texts)}
    made: dict[str, Any] = {}
    for name, value in given.items():
        if name in EVERYWHERE:
            continue
        if name not in known:
            raise missing(name)
        try:
            made[name] = int(value) if known[name] else value
        except ValueError:
            raise missing(name) from None
    for each in (*numbers, *texts):
        if each.startswith("*") and made.get(each[1:], "") == "":
            raise missing(each[1:])
    return made


def listed(value: Any) -> list[int]:
    """Numbers parted by commas."""
    try:
        return [int(each) for each in str(value).split(",") if each]
    except ValueError:
        raise missing("list") from None


def buttons(keyboard: str) -> list[list[dict[str, Any]]]:
    """The rows of a keyboard under a message; RefusedCallError(911) for one that VK refuses."""
    try:
        told = msgspec.json.decode(keyboard, type=dict[str, Any])
        rows = told["buttons"]
        small = len(rows) <= KEYBOARD_ROWS and all(len(row) <= KEYBOARD_ROW for row in rows)
        if not told["inline"] or not small or sum(map(len, rows)) > KEYBOARD_ALL:
            raise RefusedCallError(911)
        for each in (each for row in rows for each in row):
            _button(each)
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise RefusedCallError(911) from None
    made: list[list[dict[str, Any]]] = rows
    return made


def _button(button: dict[str, Any]) -> None:
    action = button["action"]
    if not isinstance(payload := action.get("payload", ""), str):
        # VK takes it as an object too, and shows it as a text ever after.
        action["payload"] = msgspec.json.encode(payload).decode()
    if not 0 < len(action["label"]) <= LABEL_MAX or len(action.get("payload", "")) > PAYLOAD_MAX:
        raise RefusedCallError(911)
    if action["type"] == "open_link":
        if not action["link"].startswith(("https://", "http://")) or "color" in button:
            raise RefusedCallError(911)
    elif action["type"] in ("callback", "text"):
        msgspec.json.decode(action["payload"])
        if button.get("color", "secondary") not in ("primary", "secondary", "negative", "positive"):
            raise RefusedCallError(911)
    else:
        raise RefusedCallError(911)

"""The two sides of a row, where a status may stand on either. Pure, as `hub.fold`."""

from __future__ import annotations

from msgspec.structs import replace

from hub.model import Dialog
from hub.statuses import Side, Status, has_chat, moves


def begun(row: Dialog, status: Status) -> Dialog:
    """The status on the side that has begun, on the chat's if none has, where it may come."""
    if row.chat_status is not None or (row.call_status is None and has_chat(row.type)):
        may = status in moves(row.chat_status, row.type, Side.CHAT)
        return replace(row, chat_status=status) if may else row
    may = status in moves(row.call_status, row.type, Side.CALL)
    return replace(row, call_status=status) if may else row


def marked_spam(row: Dialog) -> Dialog:
    """Every side that has begun, and if none has, the first that the type knows."""
    chat, call = row.chat_status, row.call_status
    if chat is not None or (call is None and has_chat(row.type)):
        chat = Status.SPAM if Status.SPAM in moves(chat, row.type, Side.CHAT) else chat
    if call is not None or chat is None:
        call = Status.SPAM if Status.SPAM in moves(call, row.type, Side.CALL) else call
    return replace(row, chat_status=chat, call_status=call)


def back(row: Dialog, side: Side, code: str) -> Status | None:
    """What stands there once it is no spam any more: the status of that code, if it may come."""
    now = row.chat_status if side is Side.CHAT else row.call_status
    if now is not Status.SPAM:
        return now
    known = {each.value: each for each in moves(Status.SPAM, row.type, side)}
    if not code:
        return None
    return known.get(code, Status.ACCEPTED if Status.ACCEPTED in known.values() else now)

"""A filled lead form, whose answers VK writes in three ways.

https://dev.vk.com/ru/method/leadForms.getLeads
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hub.errors import PayloadError
from hub.events import FormFilled, Sender

ANSWERS_MAX = 100
NAME = ("first_name", "patronymic_name", "last_name")


def filled(form: dict[str, Any], at: datetime) -> FormFilled:
    """Raises PayloadError for what names no form; VK says nothing of when it was filled."""
    ids = (form.get("form_id"), form.get("lead_id"))
    if not all(isinstance(each, int) and each > 0 for each in ids):
        raise PayloadError("a form without a number")
    id = f"form:{ids[0]}:{ids[1]}"
    answers: list[tuple[str, str]] = []
    told: dict[str, str] = {}
    given = form.get("answers")
    for each in (given if isinstance(given, list) else [])[:ANSWERS_MAX]:
        if not isinstance(each, dict):
            continue
        key = _text(each.get("key"))
        answer = _answer(each.get("answer"))
        answers.append((_text(each.get("question")) or key, answer))
        if key:
            told.setdefault(key, answer)
    user = form.get("user_id")
    return FormFilled(
        # Whoever VK does not name is somebody of his own, and nobody that can be written to.
        sender=Sender(external_id=str(user) if isinstance(user, int) and user > 0 else id),
        at=at,
        external_id=id,
        form=_text(form.get("form_name")) or str(ids[0]),
        answers=tuple(answers),
        name=" ".join(filter(None, (told.get(each, "") for each in NAME))),
        phone=told.get("phone_number", ""),
        email=told.get("email", ""),
        source="vk",
        form_id=str(ids[0]),
        group_id=_number(form.get("group_id")),
        ad_id=_number(form.get("ad_id")),
        # Connections may look at who sent it, as at any field.
        fields=told | ({"user_id": _number(user)} if _number(user) else {}),
    )


def _number(value: Any) -> str:
    """VK's zero is none."""
    return str(value) if _is_number(value) and value > 0 else ""


def _answer(answer: Any) -> str:
    """A text, a chosen one with its key, or several of them."""
    several = answer if isinstance(answer, list) else [answer]
    chosen = (each.get("value") if isinstance(each, dict) else each for each in several)
    return ", ".join(filter(None, map(_text, chosen)))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else str(value) if _is_number(value) else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

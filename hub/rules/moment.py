"""What a rule is shown: one line of a log or a timer of it, and how things stand."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hub.bot import BotSettings
from hub.channels.abilities import Capabilities
from hub.model import Contact, Dialog, Entry, EntryKind, Identity, Project, Verb


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """`row` has the entry in it, and perhaps what came after; `at` is the clock.

    With a `timer` the promise of that verb came due, and `entry` is what it was made at.
    `asked_elsewhere` says that the person has asked something in another dialog since.
    """

    row: Dialog
    entry: Entry
    at: datetime
    project: Project
    can: Capabilities
    identity: Identity | None = None
    contact: Contact | None = None
    bot: BotSettings | None = None
    timer: str = ""
    asked_elsewhere: bool = False

    @property
    def names(self) -> dict[str, str]:
        """The variables of phrases."""
        row, visit = self.row, self.row.visit
        told = {f"field_{name}": value for name, value in row.fields.items()}
        utm = {name: value for name, value in visit.utm.items() if name.startswith("utm_")}
        return {
            **told,
            **utm,
            "name": row.name,
            "first_name": row.name.split(" ")[0],
            "phone": row.phone,
            "project": self.project.name,
            "page": visit.page,
            "page_title": visit.title,
            "operator": row.owner_name,
            "text": self.entry.text,
        }


NAMES = (
    "name",
    "first_name",
    "phone",
    "project",
    "page",
    "page_title",
    "operator",
    "text",
)
"""The variables that every phrase of a rule may use, besides `field_…` and `utm_…`."""


def is_heard(entry: Entry) -> bool:
    """Whether the person wrote it."""
    return entry.kind is EntryKind.IN


def asks(entry: Entry) -> bool:
    """Whether it is a question: any text, voice or file that is more than a number or a menu."""
    return is_heard(entry) and entry.question and not entry.data.get("only")


def left_phone(entry: Entry) -> str:
    """The number that came with it, "" if none did or it was only typed."""
    if entry.data.get("unsent"):
        return ""
    told = is_heard(entry) or entry.verb in (Verb.FIELDS, Verb.LEFT)
    return entry.data.get("phone", "") if told else ""

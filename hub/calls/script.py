"""How two phones are connected: who is rung first, what each hears, which keys, how long."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from hub.errors import BadValueError

TEXT_MAX_CHARS = 1_000
VARIABLES = ("name", "first_name", "phone", "page", "site", "project", "connection", "comment")
"""What a text may name besides the fields of the form."""
SAYS = ("operator_says", "visitor_says", "record_notice")

Keys = Annotated[str, Meta(pattern=r"^[0-9*#]{1,4}\Z")]
NoKeys = Annotated[str, Meta(pattern=r"^[0-9*#]{0,4}\Z")]

Doubt = Literal["keys_unsaid"]


class Say(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is heard: a recording (the id of a file) if there is one, else the text, if any.

    In the text are variables, `$name$` or Jinja2.
    """

    text: Annotated[str, Meta(max_length=TEXT_MAX_CHARS)] = ""
    recording: Annotated[str, Meta(max_length=64)] = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.recording)


class Script(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The scenario of a call and its numbers, all durations in seconds.

    Whoever is rung `first` hears his message. With `connect="key"` it is repeated for `wait_s`
    until `keys` are pressed; with `"message"` it is said `repeats` times, and then the other is
    rung. `cancel_keys` are for operators who are rung first. Operators are rung `rounds` times for
    `ring_s` with pauses. A talk shorter than `short_talk_s` is none. With `confirm` nothing is
    dialled before an operator says so.
    """

    first: Literal["operator", "visitor"] = "operator"
    connect: Literal["key", "message"] = "message"
    keys: Keys = "1"
    cancel_keys: NoKeys = ""
    wait_s: Annotated[float, Meta(ge=0.1, le=120)] = 20
    repeats: Annotated[int, Meta(ge=1, le=10)] = 1
    operator_says: Say = Say()
    visitor_says: Say = Say()
    responsible_first: bool = True
    ring_s: Annotated[float, Meta(ge=0.1, le=120)] = 30
    rounds: Annotated[int, Meta(ge=1, le=10)] = 3
    pause_s: Annotated[float, Meta(ge=0, le=300)] = 30
    visitor_ring_s: Annotated[float, Meta(ge=0.1, le=120)] = 45
    talk_max_s: Annotated[int, Meta(ge=60, le=14_400)] = 7_200
    short_talk_s: Annotated[float, Meta(ge=0, le=120)] = 10
    confirm: bool = False
    record: bool = False
    record_notice: Say = Say()


def check(script: Script, field: str = "script") -> None:
    """Raises BadValueError for keys of which one could not be told from the other."""
    keys, cancel = script.keys, script.cancel_keys
    if not cancel:
        return
    if script.first == "visitor":
        raise BadValueError("only operators can cancel", field=f"{field}.cancel_keys")
    if script.connect == "key" and (keys.endswith(cancel) or cancel.endswith(keys)):
        raise BadValueError("the same as the keys to connect", field=f"{field}.cancel_keys")


def doubts(script: Script) -> tuple[Doubt, ...]:
    """What is allowed and seldom meant: keys that the message does not name.

    The product's own words, said where there is no text, name them.
    """
    says = script.operator_says if script.first == "operator" else script.visitor_says
    is_own = bool(says) and not says.recording
    if script.connect == "key" and is_own and script.keys not in says.text:
        return ("keys_unsaid",)
    return ()

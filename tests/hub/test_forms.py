"""The settings of a kind as a form: what is asked for, and that a secret is never in it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

import bots
from bots.line.settings import LineSettings, Receive, Secret
from hub.channels.forms import Field, form
from hub.keeping.secrets import secret_fields
from hub.sites import SiteSettings


class Settings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: Secret
    group_id: Annotated[int, Meta(gt=0, le=2**53)]
    receive: Receive = "auto"
    loud: bool = True
    words: tuple[str, ...] = ("a", "b")
    title: Annotated[str, Meta(max_length=80)] = "Hello"
    pin: Secret = "given-by-default"
    limit: int | None = None
    pace: Annotated[float, Meta(ge=0.1, le=50)] = 1.5
    nested: SiteSettings = SiteSettings()


def named(name: str) -> Field:
    return next(each for each in form(Settings) if each.name == name)


def test_what_has_no_default_is_required() -> None:
    assert {each.name for each in form(Settings) if each.required} == {"token", "group_id"}


def test_a_secret_is_known_and_its_default_is_not_told() -> None:
    hidden = {each.name for each in form(Settings) if each.type == "secret"}
    assert hidden == {"token", "pin", "proxy"} == secret_fields(Settings)
    assert "given-by-default" not in str(form(Settings))


def test_each_sort_of_value_has_its_sort_of_field() -> None:
    assert (named("group_id").type, named("group_id").min, named("group_id").max) == (
        "number",
        1,
        2**53,
    )
    assert (named("loud").type, named("loud").default) == ("bool", True)
    assert (named("words").type, named("words").default) == ("list", ["a", "b"])
    assert (named("title").default, named("title").max) == ("Hello", 80)
    assert (named("limit").type, named("limit").required) == ("number", False)
    assert (named("pace").type, named("pace").default, named("pace").min) == ("number", 1.5, 0.1)
    assert set(named("receive").choices) == {"auto", "hook", "poll"}
    assert named("receive").default == "auto"


def test_what_no_plain_field_can_hold_is_left_to_a_screen_of_its_own() -> None:
    assert "nested" not in {each.name for each in form(Settings)}


class Odd(msgspec.Struct):
    either: str | int = ""
    mixed: Literal["a", 1] = "a"


def test_a_value_of_two_sorts_is_no_field() -> None:
    assert form(Odd) == ()


@pytest.mark.parametrize("kind", bots.kinds())
def test_every_kind_of_ours_can_be_asked_for_all_that_it_needs(kind: str) -> None:
    settings_type = bots.load(kind).settings_type
    asked = {each.name for each in form(settings_type)}
    needed = {each.name for each in msgspec.structs.fields(settings_type) if each.required}
    assert needed <= asked
    assert secret_fields(settings_type) <= asked

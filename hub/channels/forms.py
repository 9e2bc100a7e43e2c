"""The settings of a channel kind as a form: what to ask for, read off their type."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import NODEFAULT, inspect

from hub.keeping.secrets import secret_fields

FieldType = Literal["text", "secret", "choice", "number", "bool", "list"]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting; `min` and `max` bound a number, `max` also how long a text may be.

    A secret's default is never told, and `choices` are there for a choice alone.
    """

    name: str
    type: FieldType
    required: bool = False
    default: str | int | float | bool | list[str] = ""
    choices: tuple[str, ...] = ()
    min: int | float | None = None
    max: int | float | None = None


def form(settings_type: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Its fields in their order; what no plain field can hold has a screen of its own."""
    told = inspect.type_info(settings_type)
    if not isinstance(told, inspect.StructType):
        raise TypeError(f"{settings_type.__name__} is no struct")
    hidden = secret_fields(settings_type)
    fields = (_field(each, secret=each.name in hidden) for each in told.fields)
    return tuple(each for each in fields if each is not None)


def _field(field: inspect.Field, *, secret: bool) -> Field | None:
    type = _bare(field.type)
    made = _plain(field.name, type, required=field.required)
    if made is None:
        return None
    default = field.default
    if field.default_factory is not NODEFAULT:
        default = field.default_factory()
    if secret:
        return msgspec.structs.replace(made, type="secret", required=field.required)
    if default is NODEFAULT or default is None:
        return made
    if made.type == "list":
        default = list(default)
    return msgspec.structs.replace(made, default=msgspec.to_builtins(default))


def _bare(type: inspect.Type) -> inspect.Type:
    """The type without its notes and without None."""
    while True:
        if isinstance(type, inspect.Metadata):
            type = type.type
        elif isinstance(type, inspect.UnionType):
            left = [each for each in type.types if not isinstance(each, inspect.NoneType)]
            if len(left) != 1:
                return type
            type = left[0]
        else:
            return type


def _plain(name: str, type: inspect.Type, *, required: bool) -> Field | None:
    match type:
        case inspect.BoolType():
            return Field(name=name, type="bool", required=required, default=False)
        case inspect.IntType():
            low = type.ge if type.ge is not None else _next(type.gt, 1)
            high = type.le if type.le is not None else _next(type.lt, -1)
            return Field(
                name=name, type="number", required=required, default=low or 0, min=low, max=high
            )
        case inspect.FloatType():
            least, most = type.ge, type.le
            return Field(
                name=name, type="number", required=required, default=least or 0, min=least, max=most
            )
        case inspect.StrType():
            # A pattern may ask for something where the type alone does not.
            asked = required or bool(type.min_length)
            return Field(name=name, type="text", required=asked, max=type.max_length)
        case inspect.LiteralType() if all(isinstance(each, str) for each in type.values):
            return Field(
                name=name,
                type="choice",
                required=required,
                choices=tuple(str(each) for each in type.values),
                default=str(type.values[0]),
            )
        case inspect.EnumType():
            choices = tuple(str(each.value) for each in type.cls)
            return Field(
                name=name, type="choice", required=required, choices=choices, default=choices[0]
            )
        case inspect.VarTupleType() | inspect.ListType() | inspect.FrozenSetType() if isinstance(
            _bare(type.item_type), inspect.StrType
        ):
            return Field(name=name, type="list", required=required, default=[], max=type.max_length)
        case _:
            return None


def _next(bound: Any, step: int) -> int | None:
    return None if bound is None else int(bound) + step

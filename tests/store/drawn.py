"""Any document that the store may be given, drawn from the types of its fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import reject
from hypothesis import strategies as st

from hub.errors import RefusedError
from hub.finding.filters import Filter, Given, Op
from hub.leads.quiet import Quiet
from hub.schedule import Schedule, always, daily


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold."""
    origin, args = get_origin(kind), get_args(kind)
    if hasattr(kind, "__supertype__"):
        return values(kind.__supertype__)
    if origin is Annotated:
        return limited(args[0], next(each for each in args if isinstance(each, msgspec.Meta)))
    if origin in (Union, UnionType):
        return st.one_of(*(values(each) for each in args))
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple and args[-1] is not ...:
        return st.tuples(*map(values, args))
    if origin is tuple:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    if origin is dict:
        # A key that holds a NUL is refused by MongoDB; whoever lets keys in sees to that.
        keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
        return st.dictionaries(
            keys if args[0] is str else values(args[0]), values(args[1]), max_size=3
        )
    if kind in WHOLE:
        return WHOLE[kind]()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind, include_extras=True)
        hints = {name: hint for name, hint in hints.items() if name in kind.__struct_fields__}
        return st.fixed_dictionaries({name: values(hint) for name, hint in hints.items()}).map(
            partial(made, kind)
        )
    simple: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(max_size=20),
        bytes: st.binary(max_size=20),
        object: st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=9),
        type(None): st.none(),
        datetime: st.integers(-(10**12), 10**13).map(
            lambda ms: datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
        ),
    }
    return simple[kind] if kind in simple else st.sampled_from(kind)


def made(kind: type[msgspec.Struct], fields: dict[str, Any]) -> msgspec.Struct:
    try:
        return kind(**fields)
    except (ValueError, RefusedError):
        # Of its fields each may be, all together not.
        return reject()


def limited(kind: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    """What of that type is within the limits."""
    if meta.pattern is not None:
        return st.from_regex(meta.pattern, fullmatch=True)
    if kind is int:
        least, most = meta.ge, meta.le
        return st.integers(
            None if least is None else int(least), None if most is None else int(most)
        )
    if kind is float:
        least, most = meta.ge, meta.le
        return st.floats(
            None if least is None else float(least),
            None if most is None else float(most),
            allow_nan=False,
            allow_infinity=False,
        )
    if kind is str:
        return st.text(min_size=meta.min_length or 0, max_size=min(20, meta.max_length or 20))
    if get_origin(kind) is tuple:
        few = min(2, meta.max_length or 2)
        item = values(get_args(kind)[0])
        return st.lists(item, min_size=meta.min_length or 0, max_size=few).map(tuple)
    return values(kind)


def filters() -> st.SearchStrategy[Filter]:
    """They hold filters, which `values` alone would follow for ever."""
    return st.recursive(
        st.builds(Filter, field=st.text(max_size=9), op=values(Op | None), value=values(Given)),
        lambda parts: st.builds(
            Filter, all=st.none() | st.lists(parts, max_size=2).map(tuple), not_=st.none() | parts
        ),
        max_leaves=4,
    )


WHOLE: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
    Filter: filters,
    Schedule: lambda: st.sampled_from(
        [always("UTC"), daily("Europe/Moscow", "09:00–13:00", "14:00–24:00")]
    ),
    Quiet: lambda: st.sampled_from([Quiet(), Quiet("10:30", "20:00")]),
}

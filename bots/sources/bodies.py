"""A form's body as fields by name, however it is written: JSON, urlencoded or in parts.

Nothing here knows what a field means. What is nested has its way as its name, with points
between, and a list of questions with their answers is as many fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from hub.errors import PayloadError

URLENCODED = "application/x-www-form-urlencoded"
READ_MAX = 1_000
"""Fields that are looked at; a body with more is no form."""

DEPTH_MAX = 3
NAME_MAX = 200
NAMELESS = "field"
KEYS_MAX = 8
EDGE_MIN, EDGE_MAX = 3, 202

ASKED = ("title", "label", "q", "question", "question_text", "name", "column_name", "key", "id")
ANSWERED = ("value", "a", "answer", "answer_text", "string_value", "values", "raw_value")
"""How forms call a question and its answer where each field is an object of its own."""

FIELD_KEYS = frozenset(
    (*ASKED, *ANSWERED, "type", "t", "required", "options", "answer_options", "column_id")
)

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_PART_NAME = re.compile(rb'(?i)\bname="([^"]*)"')
_PART_FILE = re.compile(rb"(?i)\bfilename\*?=")


class Told(NamedTuple):
    """`fields` in the form's order, none of them blank; `ignored` is a name and a code of why."""

    fields: dict[str, str]
    ignored: list[tuple[str, str]]


def read(body: bytes, content_type: str) -> Told:
    """Raises PayloadError, whose text is a code, for what is no form in any writing."""
    told = Told({}, [])
    for name, value in _walked((), _decoded(body, content_type, told), told):
        name, value = name[:NAME_MAX].strip() or NAMELESS, value.strip()
        if not value:
            continue
        if len(told.fields) >= READ_MAX:
            raise PayloadError("many")
        had = told.fields.get(name)
        told.fields[name] = value if had is None or had == value else f"{had}, {value}"
    return told


def _decoded(body: bytes, content_type: str, told: Told) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/") or (not kind and body.startswith(b"--")):
        return _nested(_parts(body, content_type, told))
    # Many a script sends JSON and says that it is a form, as its library does by itself.
    if kind.endswith("json") or body.lstrip()[:1] in (b"{", b"["):
        try:
            return msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            if kind != URLENCODED:
                raise PayloadError("json") from None
    try:
        # What is not UTF-8 comes through as it is and is mended field by field.
        text = body.decode("utf-8", "surrogateescape")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=READ_MAX
        )
    except ValueError:
        raise PayloadError("many") from None
    return _nested((_mended(name), _mended(value)) for name, value in pairs)


def _mended(text: str) -> str:
    """Old sites write Cyrillic in Windows' own bytes and do not say so."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("cp1251", "replace")
    return text


def _parts(body: bytes, content_type: str, told: Told) -> Iterator[tuple[str, str]]:
    """https://www.rfc-editor.org/rfc/rfc7578; files are left where they are."""
    found = re.search(r'(?i)boundary="?([^";,]{1,200})', content_type)
    # A body that was kept has lost what it was called, and begins with its edge all the same.
    edge = f"--{found[1].strip()}".encode(errors="replace") if found else _edge(body)
    if len(edge) < EDGE_MIN:
        raise PayloadError("multipart")
    pieces = body.split(edge, READ_MAX + 2)
    if len(pieces) < 2:
        raise PayloadError("multipart")
    if len(pieces) > READ_MAX + 2:
        raise PayloadError("many")
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        head, _, value = piece.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if name is None:
            continue
        called = _mended(name[1].decode("utf-8", "surrogateescape"))
        if _PART_FILE.search(head):
            told.ignored.append((called, "file"))
        else:
            yield called, _mended(value.removesuffix(b"\r\n").decode("utf-8", "surrogateescape"))


def _edge(body: bytes) -> bytes:
    return body[:EDGE_MAX].partition(b"\r\n")[0]


def _nested(pairs: Iterator[tuple[str, str]]) -> dict[str, Any]:
    """`answers[0][q]` as what it stands for; a name that was there is one with several values."""
    root: dict[str, Any] = {}
    for called, value in pairs:
        name = called[:NAME_MAX]
        first = _BRACKETS.sub("", name)
        keys = [first, *filter(None, _BRACKETS.findall(name))]
        at = root
        if not name.startswith(first) or len(keys) > KEYS_MAX:
            keys = [name]
        for key in keys[:-1]:
            below = at.setdefault(key, {})
            if not isinstance(below, dict):
                at, keys = root, [name]
                break
            at = below
        had = at.get(keys[-1])
        if isinstance(had, dict):
            at, had = root, root.get(name)
            keys = [name]
        if had is None:
            at[keys[-1]] = value
        elif isinstance(had, list):
            had.append(value)
        elif isinstance(had, str):
            at[keys[-1]] = [had, value]
    return root


def _walked(path: tuple[str, ...], value: Any, told: Told) -> Iterator[tuple[str, str]]:
    """Each text under its way; what lies deeper than forms go is named and left."""
    name = ".".join(path)
    said = _scalar(value)
    if said is not None:
        if path:
            yield name, said
        return
    if isinstance(value, dict):
        if path and (pair := _pair(value)) is not None:
            yield pair
            return
        below = list(value.items())
    else:
        joined = _joined(value)
        if path and joined is not None:
            yield name, joined
            return
        below = [(str(n), each) for n, each in enumerate(value)]
    if len(path) < DEPTH_MAX:
        for key, each in below:
            yield from _walked((*path, key), each, told)
    elif below:
        told.ignored.append((name, "deep"))


def _pair(value: dict[str, Any]) -> tuple[str, str] | None:
    """A question with its answer, where that is all that the object is."""
    if not value.keys() <= FIELD_KEYS:
        return None
    asked = next((said for key in ASKED if (said := _scalar(value.get(key)))), None)
    given = next((value[key] for key in ANSWERED if key in value), None)
    answer = _joined(given) if isinstance(given, list) else _scalar(given)
    return None if asked is None or given is None or answer is None else (asked, answer)


def _joined(several: Any) -> str | None:
    """Several chosen ones as one answer; None if any of them is more than a word."""
    if not isinstance(several, list):
        return None
    said = [_chosen(each) if isinstance(each, dict) else _scalar(each) for each in several]
    if any(each is None for each in said):
        return None
    return ", ".join(filter(None, said))


def _chosen(option: dict[str, Any]) -> str | None:
    if any(key in option for key in ANSWERED) and any(key in option for key in ASKED):
        return None
    for key in ("value", "title", "name", "text"):
        if key in option:
            return _scalar(option[key])
    return None


def _scalar(value: Any) -> str | None:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return None

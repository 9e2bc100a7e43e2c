"""Texts with blanks, as admins write them: `{{ name }}` and `$name$`, filled in with what is known.

The language is a small part of Jinja's, and what is not named here is refused: names, plain
strings, a few filters, `if` with `and`, `or`, `not`, `==`, `!=` and `in`. There are no loops, no
calls, no arithmetic and no attributes, so whatever somebody writes costs no more than its length;
a dot is a part of a name. Jinja's sandbox stands behind that. What comes out is text, never HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from jinja2 import Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hub.errors import BadValueError
from hub.legible import legible

TEMPLATE_MAX = 4_000
RESULT_MAX = 4_000
VALUE_MAX = 1_000
DEPTH_MAX = 12
"""How deep conditions and expressions stand inside each other."""

# Prices are written with this sign too: no digit stands before a name, and no blank in it.
_DOLLARS = re.compile(r"(?<!\d)\$([^\W\d](?:[\w.-]*\w)?)\$(?!\d)")


class PhraseError(BadValueError):
    """The text cannot be read as a template; the message says where."""

    code = "phrase"


def render(template: str, names: Mapping[str, str]) -> str:
    """The text with its blanks filled in; a name that nobody knows is an empty one.

    It never raises: what cannot be read, which `check` refuses to save, comes out as it is written.
    """
    try:
        phrase = _read(template)
    except PhraseError:
        return legible(template[:RESULT_MAX])
    return phrase.said(names)


def check(template: str, known: Collection[str]) -> tuple[str, ...]:
    """The names in it that are not among the known, in their order; PhraseError if it is broken."""
    return tuple(name for name in _read(template).names if name not in known)


@dataclass(frozen=True)
class _Phrase:
    names: tuple[str, ...]
    template: Template

    def said(self, names: Mapping[str, str]) -> str:
        values = {f"n{n}": names.get(each, "")[:VALUE_MAX] for n, each in enumerate(self.names)}
        pieces: list[str] = []
        room = RESULT_MAX
        for piece in self.template.generate(values):
            pieces.append(piece[:room])
            room -= len(pieces[-1])
            if not room:
                break
        return legible("".join(pieces))


@lru_cache(maxsize=512)
def _read(template: str) -> _Phrase:
    if len(template) > TEMPLATE_MAX:
        raise PhraseError(f"at most {TEMPLATE_MAX} characters")
    try:
        # Escapes can spell what no store keeps, and Python warns of those that it does not know.
        for line, kind, value in _ENVIRONMENT.lex(template):
            if kind == "string" and "\\" in value:
                raise PhraseError(f"line {line}: no backslash in a string")
        tree = _ENVIRONMENT.parse(template)
        reader = _Reader()
        reader.block(tree, 0)
        code = _ENVIRONMENT.compile(tree)
    except TemplateError as error:
        line = getattr(error, "lineno", 1)
        raise PhraseError(f"line {line}: {error.message}") from None
    except RecursionError:
        raise PhraseError("nested too deep") from None
    return _Phrase(tuple(reader.names), Template.from_code(_ENVIRONMENT, code, {}))


class _Reader:
    """Lets through what is of the language, and gives every name a number.

    Under numbers, no name means anything to Jinja or to Python.
    """

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def block(self, node: nodes.Node, depth: int) -> None:
        _deep(node, depth)
        match node:
            case nodes.Template():
                self._all(node.body, depth)
            case nodes.If(test=nodes.Expr() as test):
                node.test = self._test(test, depth + 1)
                self._all([*node.body, *node.elif_, *node.else_], depth)
            case nodes.Output():
                node.nodes = [
                    piece
                    for each in node.nodes
                    for piece in (
                        self._prose(each)
                        if isinstance(each, nodes.TemplateData)
                        else [self._text(each, depth + 1)]
                    )
                ]
            case _:
                raise _unknown(node)

    def _all(self, blocks: Sequence[nodes.Node], depth: int) -> None:
        for each in blocks:
            self.block(each, depth + 1)

    def _prose(self, node: nodes.TemplateData) -> list[nodes.Expr]:
        pieces: list[nodes.Expr] = []
        for n, part in enumerate(_DOLLARS.split(node.data)):
            if n % 2:
                pieces.append(self._name(part, node))
            elif part:
                pieces.append(nodes.TemplateData(part, lineno=node.lineno))
        return pieces

    def _name(self, name: str, at: nodes.Node) -> nodes.Expr:
        number = self.names.setdefault(name, len(self.names))
        return nodes.Name(f"n{number}", "load", lineno=at.lineno)

    def _text(self, node: nodes.Expr, depth: int) -> nodes.Expr:
        """What is a text, whatever the names hold."""
        _deep(node, depth)
        match node:
            case nodes.Name() | nodes.Getattr():
                return self._name(_dotted(node), node)
            case nodes.Const(value=str()):
                return node
            case nodes.Filter(node=nodes.Expr() as of, name=name, args=args):
                extra = node.kwargs or node.dyn_args or node.dyn_kwargs
                if name not in _FILTERS or extra or len(args) != (name in _WITH_ARGUMENT):
                    raise _unknown(node)
                node.node = self._text(of, depth + 1)
                if name == "truncate":
                    _positive(args[0])
                elif args:
                    node.args = [self._text(args[0], depth + 1)]
            case nodes.CondExpr():
                node.test = self._test(node.test, depth + 1)
                node.expr1 = self._text(node.expr1, depth + 1)
                otherwise = node.expr2 or nodes.Const("", lineno=node.lineno)
                node.expr2 = self._text(otherwise, depth + 1)
            case nodes.And() | nodes.Or():
                node.left = self._text(node.left, depth + 1)
                node.right = self._text(node.right, depth + 1)
            case _:
                raise _unknown(node)
        return node

    def _test(self, node: nodes.Expr, depth: int) -> nodes.Expr:
        """What is true or false, a text among them: an empty one is false."""
        _deep(node, depth)
        match node:
            case nodes.Not():
                node.node = self._test(node.node, depth + 1)
            case nodes.And() | nodes.Or():
                node.left = self._test(node.left, depth + 1)
                node.right = self._test(node.right, depth + 1)
            case nodes.Compare():
                node.expr = self._text(node.expr, depth + 1)
                for operand in node.ops:
                    if operand.op not in ("eq", "ne", "in", "notin"):
                        raise _unknown(operand)
                    operand.expr = self._text(operand.expr, depth + 1)
            case _:
                return self._text(node, depth)
        return node


def _deep(node: nodes.Node, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise PhraseError(f"line {node.lineno}: nested deeper than {DEPTH_MAX}")


def _dotted(node: nodes.Expr) -> str:
    """The name that is written there, with its dots."""
    parts: list[str] = []
    while isinstance(node, nodes.Getattr):
        parts.append(node.attr)
        node = node.node
    if not isinstance(node, nodes.Name) or node.ctx != "load":
        raise _unknown(node)
    return ".".join([node.name, *reversed(parts)])


def _positive(node: nodes.Expr) -> None:
    value = node.value if isinstance(node, nodes.Const) else None
    if type(value) is not int or not 0 < value <= VALUE_MAX:
        raise PhraseError(f"line {node.lineno}: a number from 1 to {VALUE_MAX}")


def _unknown(node: nodes.Node) -> PhraseError:
    what = f"the filter “{node.name}”" if isinstance(node, nodes.Filter) else type(node).__name__
    return PhraseError(f"line {node.lineno}: {what} is not known here")


def _truncate(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


_FILTERS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "capitalize": lambda text: text[:1].upper() + text[1:],
        "default": lambda text, instead: text or instead,
        "lower": str.lower,
        "title": str.title,
        "trim": str.strip,
        "truncate": _truncate,
        "upper": str.upper,
    }
)
_WITH_ARGUMENT = frozenset({"default", "truncate"})


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(keep_trailing_newline=True, cache_size=0)
    made.globals.clear()
    made.tests.clear()
    made.filters.clear()
    made.filters.update(_FILTERS)
    return made


_ENVIRONMENT = _environment()

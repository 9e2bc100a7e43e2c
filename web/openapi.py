"""The OpenAPI document, made from the same routes as the application.

`python -m web.openapi` writes docs/openapi.json; `--check` only says whether it is current.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from hub.rights import Right
from web.routes import ROOT, AnyRoute, Nothing
from web.wire import Problem

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"
SCHEMAS = "#/components/schemas/{name}"
# As msgspec calls types of one name: by the module of each.
_TOLD_APART = re.compile(
    r"(?P<before>[\"/])(?:hub|web|telephony)\.(?:\w+\.)*(?:api_)?(?P<room>\w+)\.(?P<name>\w+)(?=\")"
)
_LIVE = {
    "summary": "The live socket: the client's first frame is "
    '{"hello": {"cursor": null}}, or the last cursor it met',
    "description": "Close codes: 4401 the session is over, 4408 too slow (come back with the "
    "cursor), 4429 too many sockets, 1012 the server stops.",
    "x-right": Right.SELF.value,
    "responses": {
        "101": {"description": "The socket is open"},
        "default": {"$ref": "#/components/responses/Problem"},
    },
}


@cache
def document(routes: tuple[AnyRoute, ...]) -> bytes:
    types = [each for route in routes for each in (route.body, route.answer) if _is_shown(each)]
    types.append(Problem)
    # All at once: only so are types of one name told apart, and referred to as they are told.
    told, components = msgspec.json.schema_components(types, ref_template=SCHEMAS)
    schemas = dict(zip(types, told, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(ROOT + route.path, {})[route.method.lower()] = _operation(route, schemas)
    paths[f"{ROOT}/live"] = {"get": _LIVE}
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Otklik",
            "version": "1",
            "description": "What the inbox uses, and nothing else. Times are RFC 3339 in UTC, ids "
            "are opaque. Changes need the X-CSRF-Token of GET /me.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {
                "Problem": _content("application/problem+json", schemas[Problem], "A refusal")
            },
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "otklik"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }
    written = re.sub(_TOLD_APART, _short, msgspec.json.encode(whole).decode())
    # What Python writes so, the patterns of JSON Schema write otherwise.
    written = written.replace(r"\\Z", "$")
    return msgspec.json.format(written.encode(), indent=2) + b"\n"


def _short(match: re.Match[str]) -> str:
    """The name without the folders of this program, which are nobody's concern and may move."""
    room = "".join(word.capitalize() for word in match["room"].split("_"))
    return f"{match['before']}{room}{match['name']}"


def _operation(route: AnyRoute, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}{_words(route.path)}",
        "x-right": route.right.value,
        "security": [_security(route)],
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ] + _query(route.query)
    if parameters:
        operation["parameters"] = parameters
    if route.raw:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {}},
        }
    elif route.method != "GET" and route.body is not Nothing:
        required = any(each.required for each in msgspec.structs.fields(route.body))
        operation["requestBody"] = {
            "required": required,
            "content": {"application/json": {"schema": schemas[route.body]}},
        }
    good: dict[str, Any] = (
        _content("application/json", schemas[route.answer], "Done")
        if route.answer is not None
        else {"description": "Done"}
    )
    operation["responses"] = {
        str(route.status): good,
        "default": {"$ref": "#/components/responses/Problem"},
    }
    if route.status == 201 and not route.raw:
        operation["responses"]["200"] = good | {"description": "It was done before"}
    return operation


def _security(route: AnyRoute) -> dict[str, list[str]]:
    if route.right is Right.ANYONE:
        return {}
    return {"session": []} if route.method == "GET" else {"session": [], "csrf": []}


def _query(of: type[Any]) -> list[dict[str, Any]]:
    if of is Nothing:
        return []
    (_,), components = msgspec.json.schema_components([of], ref_template=SCHEMAS)
    schema = components[of.__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": each}
        for name, each in schema["properties"].items()
    ]


def _content(media: str, schema: dict[str, Any], words: str) -> dict[str, Any]:
    return {"description": words, "content": {media: {"schema": schema}}}


def _is_shown(of: Any) -> bool:
    return of is not None and of is not Nothing


def _words(path: str) -> str:
    return "".join(part.strip("{}").capitalize() for part in path.split("/") if part)


def main(arguments: list[str]) -> int:
    from web.api import ROUTES

    made = document(ROUTES)
    if "--check" in arguments:
        return 0 if FILE.is_file() and FILE.read_bytes() == made else 1
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

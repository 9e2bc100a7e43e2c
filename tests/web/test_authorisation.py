"""Nobody sees or does what is not theirs, over the whole OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from hub.finding.filters import Filter
from hub.model import ChannelId, Membership, ProjectId, Role
from hub.records import Reach
from hub.requests.automation import Aim
from hub.requests.segments import Draft
from hub.requests.terms import Connection, Source, Terms
from hub.store.engine import Insert
from tests.spine import operator
from tests.telephony.voices import tone, wav
from tests.web.callroom import recorded
from tests.web.house import PASSWORD, Browser, House
from web.api import ROUTES
from web.openapi import FILE, document
from web.routes import ROOT

BODIES: dict[str, object] = {
    "post/session": {"login": "nobody", "password": "nothing at all"},
    "post/dialogs/{dialog}/messages": {"key": "walk-0001", "text": "x"},
    "post/dialogs/{dialog}/notes": {"key": "walk-0002", "text": "x"},
    "post/dialogs/{dialog}/assign": {"operator": "somebody"},
    "patch/dialogs/{dialog}/entries/{entry}": {"key": "walk-0003", "text": "x"},
    "put/dialogs/{dialog}/entries/{entry}/reaction": {"key": "walk-0004", "emoji": ""},
    "put/dialogs/{dialog}/seen": {"seq": 1},
    "post/dialogs/{dialog}/callback": {"key": "walk-0008", "phone": "+79161234567"},
    "post/dialogs/{dialog}/merge": {"contact": "ghost"},
    "post/projects/{project}/leads/{lead}/move": {"at": "2026-03-03T12:00:00Z"},
    "post/projects/{project}/leads/{lead}/cancel": {"cause": "handled"},
    "post/projects/{project}/leads/{lead}/phone": {"phone": "+79161234567"},
    "post/projects/{project}/calls/{call}/result": {"code": "done"},
    "put/dialogs/{dialog}/draft": {"mode": "note", "text": "x"},
    "patch/projects/{project}/settings": {"rev": 0},
    "post/projects/{project}/calendar/{year}": {"rev": 0, "chosen": []},
    "post/projects/{project}/schedule/preview": {"schedule": {"zone": "UTC", "week": [[]] * 7}},
    "post/projects/{project}/channels": {"kind": "site", "name": "Ghost"},
    "post/projects/{project}/connections": {
        "key": "walk-0005",
        "terms": {"name": "Ghost", "source": "vk"},
    },
    "put/projects/{project}/connections/{connection}": {
        "rev": 0,
        "terms": {"name": "Ghost", "source": "vk"},
    },
    "post/projects/{project}/connections/planning": {"rows": []},
    "post/projects/{project}/connections/preview": {"source": "vk"},
    "post/projects/{project}/invalid-forms/resend": {"ids": ["ghost"]},
    "post/projects/{project}/channels/{channel}/check": {"url": "https://shop.example"},
    "put/projects/{project}/channels/{channel}/bot": {"rev": 0, "settings": {}},
    "post/projects/{project}/channels/{channel}/bot/sandbox": {"settings": {}, "lines": []},
    "post/projects/{project}/speech/links": {"url": "https://shop.example/hello.mp3"},
    "post/me/password": {"current": PASSWORD, "new": "another password"},
    "post/me/reaches": {"project": "ghost", "channel": "ghost"},
    "put/me/presence": {"presence": "away"},
    "patch/me": {"name": "Ghost"},
}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    right: str


OPERATIONS = [
    Operation(method.upper(), path.removeprefix(ROOT), operation["x-right"])
    for path, operations in json.loads(document(ROUTES))["paths"].items()
    for method, operation in operations.items()
]


SOMEBODYS = [operation for operation in OPERATIONS if "{" in operation.path]


async def _walk(
    browser: Browser, parts: dict[str, str], operations: list[Operation] = OPERATIONS
) -> dict[Operation, int]:
    statuses = {}
    for operation in operations:
        path = operation.path.format(**parts)
        body = BODIES.get(operation.method.lower() + operation.path, {})
        if operation.method == "GET":
            status, _ = await browser.ask("GET", ROOT + path)
        elif operation.path.endswith("/files"):
            status, _ = await browser.ask(operation.method, ROOT + path, data=b"x")
        else:
            status, _ = await browser.ask(operation.method, ROOT + path, body)
        statuses[operation] = status
    return statuses


@pytest.fixture
async def parts(house: House) -> dict[str, str]:
    """Something of everything in project alpha."""
    visitor = await house.visitor()
    ok = await visitor.write("секрет альфы")
    anna = await house.browser("anna")
    said = await anna.post(
        f"/dialogs/{ok['dialog']}/messages", {"key": "answer-1", "text": "да"}, expect=201
    )
    await visitor.socket.until(lambda f: f["t"] == "entry" and f["entry"]["state"] == "sent")
    kept = house.hub.channels.get("alpha-echo")
    await house.hub.intake.undigested(kept, b"x", "ours")
    [letter] = (await house.hub.letters.of(ProjectId("alpha"), None)).items
    parts = {"project": "alpha", "dialog": ok["dialog"], "entry": said["id"]}
    call = {"key": "callback-1", "phone": "+79161234567", "anyway": True}
    asked = await anna.post(f"/dialogs/{ok['dialog']}/callback", call, expect=201)
    parts |= {"lead": asked["lead"]["id"]}
    parts |= {"call": (await recorded(house, parts["dialog"], "anna")).id}
    known = await house.hub.accounts.by_login("anna")
    assert known is not None
    told = Reach(
        id="alpha-echo:anna",
        project=ProjectId("alpha"),
        operator=_id(known),
        channel=ChannelId("alpha-echo"),
        external_id="anna",
        created_at=house.hub.now(),
    )
    await house.hub.engine.write(Insert(told))
    parts |= {"letter": letter.id, "channel": "alpha-site", "reach": told.id}
    connection = Connection(
        id="leads",
        project=ProjectId("alpha"),
        terms=Terms(name="Leads", source=Source.VK),
        priority=0,
        created_at=house.hub.now(),
        changed_at=house.hub.now(),
    )
    await house.hub.engine.write(Insert(connection))
    parts |= {"connection": connection.id}
    ada = operator("Ada", ProjectId("alpha"), Role.ADMIN)
    draft = Draft(name="All", filters=(Filter(),))
    segment = await house.hub.segments.add(ProjectId("alpha"), draft, ada, "walk-0006")
    aim = Aim(name="All", segment=segment.id)
    automation = await house.hub.automations.add(ProjectId("alpha"), aim, ada, "walk-0007")
    parts |= {"segment": segment.id, "automation": automation.id}
    recording = await house.hub.speech.keep(ProjectId("alpha"), "hello.wav", _hello(), "ada")
    return parts | {"year": "2026", "file": recording.file, "kind": "site"}


async def _hello() -> AsyncIterator[bytes]:
    yield wav(tone(8_000, 0.5))


async def test_a_stranger_gets_nowhere(house: House, parts: dict[str, str]) -> None:
    for operation, status in (await _walk(await house.browser(), parts)).items():
        assert status == 401, operation


async def test_an_operator_of_another_project_sees_and_does_nothing(
    house: House, parts: dict[str, str]
) -> None:
    before = await (await house.browser("anna")).get(f"/dialogs/{parts['dialog']}/log")
    assert len(SOMEBODYS) >= 14
    statuses = await _walk(await house.browser("boris"), parts, SOMEBODYS)
    for operation, status in statuses.items():
        assert status == 404, operation
    after = await (await house.browser("anna")).get(f"/dialogs/{parts['dialog']}/log")
    assert after == before


async def test_what_is_foreign_looks_like_what_is_not(house: House, parts: dict[str, str]) -> None:
    boris = await house.browser("boris")
    absent = parts | {"project": "nowhere", "dialog": "nowhere:1"}
    for operation in (o for o in SOMEBODYS if o.method == "GET"):
        foreign = await boris.ask("GET", ROOT + operation.path.format(**parts))
        nothing = await boris.ask("GET", ROOT + operation.path.format(**absent))
        assert foreign == nothing, operation


async def test_a_revoked_session_gets_nowhere(house: House, parts: dict[str, str]) -> None:
    anna = await house.browser("anna")
    known = await house.hub.accounts.by_login("anna")
    assert known is not None
    await house.hub.accounts.disable(_id(known))
    for operation, status in (await _walk(anna, parts)).items():
        assert status == 401, operation


async def test_an_operator_of_the_project_may_use_all_of_it_but_what_is_for_overseers(
    house: House, parts: dict[str, str]
) -> None:
    await house.operator("ada", ProjectId("alpha"), Role.ADMIN)
    anna, ada = await house.browser("anna"), await house.browser("ada")
    for operation in (o for o in OPERATIONS if o.method == "GET" and o.path != "/live"):
        path = ROOT + operation.path.format(**parts)
        status, told = await anna.ask("GET", path)
        expected = 403 if operation.right in ("oversee", "arrange") else 200
        assert status == expected, (operation, told)
        status, told = await ada.ask("GET", path)
        assert status == 200, (operation, told)


async def test_a_membership_that_names_channels_ends_at_them(
    house: House, parts: dict[str, str]
) -> None:
    await house.operator("vera", _project("alpha"))
    vera = await house.hub.accounts.by_login("vera")
    assert vera is not None
    from msgspec.structs import replace

    await house.hub.engine.change(
        Membership, f"{vera.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    browser = await house.browser("vera")
    assert (await browser.get("/projects/alpha/dialogs"))["items"] == []
    assert [c["id"] for c in (await browser.get("/projects/alpha/channels"))["items"]] == [
        "alpha-echo"
    ]
    status, _ = await browser.ask("GET", f"{ROOT}/dialogs/{parts['dialog']}")
    assert status == 404


async def test_a_change_without_the_token_is_refused(house: House, parts: dict[str, str]) -> None:
    anna = await house.browser("anna")
    other = await house.browser("anna")
    for token in ("", "x" * 43, other.csrf):
        anna.csrf = token
        for operation, status in (await _walk(anna, parts)).items():
            if operation.method != "GET" and operation.path != "/session":
                assert status == 403, operation


async def test_a_change_from_another_site_is_refused(house: House, parts: dict[str, str]) -> None:
    anna = await house.browser("anna")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        for path, body in (
            (f"/dialogs/{parts['dialog']}/take", {}),
            ("/session", {"login": "anna", "password": PASSWORD}),
        ):
            status, told = await anna.ask("POST", ROOT + path, body, headers=headers)
            assert (status, told["code"]) == (403, "origin")


async def test_a_file_of_another_project_or_person_cannot_be_attached(
    house: House, parts: dict[str, str]
) -> None:
    boris, anna = await house.browser("boris"), await house.browser("anna")
    _, theirs = await boris.ask("POST", f"{ROOT}/projects/beta/files?name=a.txt", data=b"hello")
    status, told = await anna.ask(
        "POST",
        f"{ROOT}/dialogs/{parts['dialog']}/messages",
        {"key": "steal-001", "text": "x", "attachments": [theirs["id"]]},
    )
    assert status in (400, 404), told
    visitor = await house.visitor()
    refused = await visitor.write("x", attachments=[theirs["id"]])
    assert (refused["t"], refused["again"]) == ("error", False)


def test_every_route_declares_its_right_and_the_document_is_current() -> None:
    assert {operation.right for operation in OPERATIONS} <= {
        "anyone",
        "self",
        "see",
        "write",
        "take",
        "release",
        "oversee",
        "mend",
        "arrange",
    }
    assert [o for o in OPERATIONS if o.right == "anyone"] == [
        Operation("POST", "/session", "anyone")
    ]
    assert FILE.read_bytes() == document(ROUTES), "run python -m web.openapi"


async def test_every_api_path_served_is_in_the_document(house: House) -> None:
    described = {ROOT + operation.path for operation in OPERATIONS}
    served = {
        resource.canonical
        for resource in house.server.app.router.resources()
        if resource.canonical.startswith("/api/")
    }
    assert served == described | {f"{ROOT}/openapi.json"}
    _, told = await (await house.browser()).ask("GET", f"{ROOT}/openapi.json")
    assert told == json.loads(FILE.read_bytes())


def test_the_document_refers_to_nothing_that_it_does_not_hold() -> None:
    written = document(ROUTES).decode()
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', written))
    assert referred
    assert referred <= json.loads(written)["components"]["schemas"].keys()


def test_a_pattern_of_the_document_is_one_that_browsers_read_alike() -> None:
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', document(ROUTES).decode())
    assert patterns
    for pattern in map(json.loads, patterns):
        # ECMA-262 with the flag u knows no \Z and no needless backslash before a sign.
        assert not re.search(r"\\[^\w.+*?()\[\]{}|^$/-]|\\[AZz]|\(\?P", pattern), pattern


def _id(operator: Any) -> Any:
    return operator.id


def _project(id: str) -> Any:
    return id

"""The bot of a channel over the API: who may set it up, what is refused, and trying it out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hub.answering import LINES_MAX
from hub.model import Channel, Membership, Role
from tests.web.house import ALPHA, BETA, Browser, House

SITE = "/api/v1/projects/alpha/channels/alpha-site/bot"
ECHO = "/api/v1/projects/alpha/channels/alpha-echo/bot"
PRICE = {"id": "price", "label": "Цены", "does": {"type": "answer", "text": "От 900 ₽"}}
ASK = {"type": "ask", "field": "size", "question": "Какой размер?"}
SIZE = {"id": "size", "label": "Замер", "does": ASK}
MAN = {"id": "man", "label": "Человек", "does": {"type": "operator"}}
BOT = {"enabled": True, "greeting": "Здравствуйте", "buttons": [PRICE, SIZE, MAN]}


@pytest.fixture
async def ada(house: House) -> Browser:
    await house.operator("ada", ALPHA, Role.ADMIN)
    return await house.browser("ada")


async def put(who: Browser, settings: object, rev: int = 0, path: str = SITE) -> tuple[int, Any]:
    return await who.ask("PUT", path, {"rev": rev, "settings": settings})


async def tried(who: Browser, *lines: object, settings: object = BOT, path: str = SITE) -> Any:
    status, told = await who.ask(
        "POST", f"{path}/sandbox", {"settings": settings, "lines": [*lines]}
    )
    assert status == 200, told
    return told["answers"]


async def test_a_bot_that_nobody_set_up_is_off_and_says_what_its_channel_can(
    ada: Browser,
) -> None:
    _, told = await ada.ask("GET", SITE)
    assert (told["rev"], told["settings"]["enabled"]) == (0, False)
    assert (told["buttons"], told["phone"]) == (False, False)


async def test_a_kept_bot_comes_back_as_it_was_written_and_greets(
    house: House, ada: Browser
) -> None:
    status, kept = await put(ada, BOT)
    assert (status, kept["rev"]) == (200, 1)
    _, told = await ada.ask("GET", SITE)
    assert told == kept
    assert [each["does"]["type"] for each in told["settings"]["buttons"]] == [
        "answer",
        "ask",
        "operator",
    ]
    visitor = await house.visitor()
    await visitor.write("Добрый день")
    await house.hub.worker.work()
    frame = await visitor.socket.until(lambda f: f["t"] == "entry" and not f["entry"]["mine"])
    assert frame["entry"]["text"] == "Здравствуйте\n\n1. Цены\n2. Замер\n3. Человек"
    assert frame["entry"]["menu"] == ["Цены", "Замер", "Человек"]


async def test_of_two_who_save_at_once_the_second_is_told_and_nothing_is_lost(
    ada: Browser,
) -> None:
    await put(ada, BOT)
    for rev in (0, 2):
        status, told = await put(ada, BOT | {"greeting": "Другое"}, rev)
        assert (status, told["code"]) == (409, "changed")
    _, told = await ada.ask("GET", SITE)
    assert told["settings"]["greeting"] == "Здравствуйте"
    status, told = await put(ada, BOT | {"greeting": "Другое"}, 1)
    assert (status, told["rev"]) == (200, 2)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"buttons": [PRICE, PRICE | {"label": "Ещё"}]}, "settings"),
        ({"buttons": [PRICE, PRICE | {"id": "again", "label": "ЦЕНЫ"}]}, "settings"),
        ({"buttons": [PRICE | {"id": str(n), "label": str(n)} for n in range(9)]}, "settings"),
        ({"buttons": [PRICE | {"label": "x" * 21}]}, "settings.buttons[0].label"),
        ({"buttons": [PRICE | {"label": ""}]}, "settings.buttons[0].label"),
        ({"buttons": [PRICE | {"does": {"type": "answer", "text": ""}}]}, "does.text"),
        ({"buttons": [SIZE | {"does": ASK | {"field": "Размер"}}]}, "does.field"),
        ({"buttons": [PRICE | {"does": {"type": "run", "text": "rm"}}]}, "does"),
        ({"greeting": "x" * 1_001}, "settings.greeting"),
        ({"greeting": "{{ name"}, "settings.greeting"),
        ({"greeting": "{% for a in b %}{% endfor %}"}, "settings.greeting"),
        ({"share": "x" * 21}, "settings.share"),
        ({"script": "x"}, "script"),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_its_place_saved_or_tried(
    ada: Browser, wrong: dict[str, object], field: str
) -> None:
    for status, told in (
        await put(ada, BOT | wrong),
        await ada.ask("POST", f"{SITE}/sandbox", {"settings": BOT | wrong, "lines": []}),
    ):
        assert status == 400, told
        assert field in told["field"]
    _, told = await ada.ask("GET", SITE)
    assert told["rev"] == 0


async def test_a_name_that_nothing_fills_in_is_kept_and_warned_of(ada: Browser) -> None:
    status, told = await put(ada, BOT | {"greeting": "Вы из {{ city }}?"})
    assert status == 200
    assert told["warnings"] == [
        {"field": "settings.greeting", "code": "unknown_names", "names": ["city"]}
    ]


async def test_only_admins_of_that_very_channel_see_and_set_up_its_bot(
    house: House, ada: Browser
) -> None:
    await put(ada, BOT)
    await house.operator("sue", ALPHA, Role.SUPERVISOR)
    await house.operator("bea", BETA, Role.ADMIN)
    vera = await house.operator("vera", ALPHA, Role.ADMIN)
    await house.hub.engine.change(
        Membership, f"{vera.id}:alpha", lambda had: replace(had, channels=("alpha-echo",))
    )
    for login, expected in (("anna", 403), ("sue", 403), ("bea", 404), ("vera", 404)):
        who = await house.browser(login)
        answers = (
            await who.ask("GET", SITE),
            await put(who, BOT | {"greeting": "Взлом"}, 1),
            await who.ask("POST", f"{SITE}/sandbox", {"settings": BOT, "lines": []}),
        )
        assert {status for status, _ in answers} == {expected}, login
    theirs = await house.browser("vera")
    assert (await put(theirs, BOT, 0, ECHO))[0] == 200
    _, told = await ada.ask("GET", SITE)
    assert told["settings"]["greeting"] == "Здравствуйте"


async def test_a_channel_of_another_project_is_not_there(house: House, ada: Browser) -> None:
    for path in (SITE.replace("alpha-site", "beta-site"), SITE.replace("alpha-site", "ghost")):
        assert (await ada.ask("GET", path))[0] == 404
        assert (await put(ada, BOT, 0, path))[0] == 404
        body = {"settings": BOT, "lines": []}
        assert (await ada.ask("POST", f"{path}/sandbox", body))[0] == 404


async def test_the_sandbox_answers_each_line_and_leaves_nothing_behind(
    house: House, ada: Browser
) -> None:
    greeted, asked, told, handed, after = await tried(
        ada,
        {"text": "Привет"},
        {"text": "2"},
        {"text": "два метра"},
        {"text": "Человек"},
        {"text": "Цены"},
        settings=BOT | {"enabled": False},
    )
    assert greeted["says"][0]["text"].endswith("1. Цены\n2. Замер\n3. Человек")
    assert [each["text"] for each in asked["says"]] == ["Какой размер?"]
    assert told["did"] == ["kept:size"]
    assert handed["did"] == ["handed"]
    assert after["silent"]
    anna = await house.browser("anna")
    assert (await anna.get("/projects/alpha/dialogs"))["items"] == []
    _, kept = await ada.ask("GET", SITE)
    assert kept["rev"] == 0


async def test_the_sandbox_calls_the_person_by_the_name_that_it_is_given(ada: Browser) -> None:
    settings = BOT | {"greeting": "Здравствуйте, {{ first_name }}", "buttons": []}
    body = {"settings": settings, "lines": [{"text": "Привет"}], "name": "Анна Ли"}
    _, told = await ada.ask("POST", f"{SITE}/sandbox", body)
    assert told["answers"][0]["says"][0]["text"] == "Здравствуйте, Анна"


async def test_the_sandbox_hears_no_more_lines_than_a_talk_has_and_none_of_another_shape(
    ada: Browser,
) -> None:
    assert len(await tried(ada, *[{"text": "1"}] * LINES_MAX)) == LINES_MAX
    for lines in ([{"text": "1"}] * (LINES_MAX + 1), [{"txt": "1"}], [{"text": "x" * 5_000}]):
        status, _ = await ada.ask("POST", f"{SITE}/sandbox", {"settings": BOT, "lines": lines})
        assert status == 400


async def test_a_bot_is_set_up_and_tried_while_its_channel_is_off(
    house: House, ada: Browser
) -> None:
    await house.hub.engine.change(Channel, "alpha-site", lambda had: replace(had, enabled=False))
    await house.hub.channels.refresh()
    assert (await put(ada, BOT))[0] == 200
    [answer] = await tried(ada, {"text": "Привет"})
    assert not answer["silent"]


async def test_where_nobody_can_be_spoken_to_there_is_no_bot(ada: Browser) -> None:
    made = await ada.post(
        "/projects/alpha/channels", {"kind": "form", "name": "Заявки"}, expect=201
    )
    status, told = await put(ada, BOT, 0, SITE.replace("alpha-site", made["id"]))
    assert (status, told["code"]) == (409, "mute")

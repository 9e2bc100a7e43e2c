"""A visitor and an operator find each other through the real doors."""

from __future__ import annotations

from tests.web.house import House


async def test_a_visitor_writes_and_the_operator_answers(house: House) -> None:
    anna = await house.browser("anna")
    live = await anna.live()
    await live.frame("hello")
    visitor = await house.visitor()
    ok = await visitor.write("Есть ли доставка?")
    assert ok["t"] == "ok"
    assert ok["seq"] == 1

    event = await live.event("dialog.changed")
    assert event["entries"][0]["text"] == "Есть ли доставка?"
    listed = await anna.get("/projects/alpha/dialogs")
    assert [row["id"] for row in listed["items"]] == [ok["dialog"]]

    said = await anna.post(
        f"/dialogs/{ok['dialog']}/messages", {"key": "answer-1", "text": "Да, завтра"}, expect=201
    )
    entry = (await visitor.socket.until(lambda f: f["t"] == "entry" and not f["entry"]["mine"]))[
        "entry"
    ]
    assert (entry["text"], entry["author_name"]) == ("Да, завтра", "Anna")
    await visitor.socket.say(t="read", seq=entry["seq"])
    read = await live.until(
        lambda f: (
            f["t"] == "event"
            and f["event"]["event"] == "entry.changed"
            and f["event"]["entry"]["state"] == "read"
        )
    )
    assert read["event"]["entry"]["id"] == said["id"]


async def test_a_visitor_who_comes_back_gets_only_what_he_missed(house: House) -> None:
    visitor = await house.visitor()
    first = await visitor.write("раз")
    await visitor.socket.ws.close()
    anna = await house.browser("anna")
    await anna.post(
        f"/dialogs/{first['dialog']}/messages", {"key": "answer-1", "text": "два"}, expect=201
    )
    back = await house.visitor(key=visitor.key, dialog=first["dialog"], after_seq=first["seq"])
    assert [entry["text"] for entry in back.greeting["entries"]] == ["два"]
    anew = await house.visitor(key=visitor.key)
    assert [entry["text"] for entry in anew.greeting["entries"]] == ["раз", "два"]
    assert anew.greeting["entries"][0]["key"] == "key-00000001"


async def test_a_repeated_frame_changes_nothing(house: House) -> None:
    visitor = await house.visitor()
    first = await visitor.write("раз", key="same-key-1")
    again = await visitor.write("раз", key="same-key-1")
    assert again == first
    anna = await house.browser("anna")
    log = await anna.get(f"/dialogs/{first['dialog']}/log")
    assert len(log["items"]) == 1


async def test_a_picture_goes_both_ways(house: House) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x06\0\0\0" + bytes(20)
    visitor = await house.visitor()
    status, file = await visitor.browser.ask(
        "POST",
        "/widget/alpha-site/files?name=фото.png",
        data=png,
        headers={"X-Visitor-Key": visitor.key, "Origin": "https://shop.example"},
    )
    assert status == 201, file
    ok = await visitor.write("", attachments=[file["id"]])
    assert ok["t"] == "ok"
    anna = await house.browser("anna")
    log = await anna.get(f"/dialogs/{ok['dialog']}/log")
    [shown] = log["items"][0]["attachments"]
    assert (shown["name"], shown["kind"], shown["width"], shown["height"]) == (
        "фото.png",
        "image",
        2,
        3,
    )
    status, content = await anna.ask("GET", shown["url"])
    assert (status, content) == (200, png)

    status, mine = await anna.ask("POST", "/api/v1/projects/alpha/files?name=a.png", data=png)
    assert status == 201
    said = await anna.post(
        f"/dialogs/{ok['dialog']}/messages",
        {"key": "picture-1", "attachments": [mine["id"]]},
        expect=201,
    )
    entry = await visitor.socket.until(lambda f: f["t"] == "entry" and not f["entry"]["mine"])
    assert entry["entry"]["attachments"][0]["id"] == said["attachments"][0]["id"]


async def test_operators_see_who_types_and_visitors_too(house: House) -> None:
    visitor = await house.visitor()
    ok = await visitor.write("привет")
    anna = await house.browser("anna")
    live = await anna.live()
    await live.frame("hello")
    await visitor.socket.say(t="typing")
    assert (await live.event("visitor.typing"))["dialog"] == ok["dialog"]
    await live.say(t="typing", dialog=ok["dialog"])
    assert (await visitor.socket.frame("typing"))["name"] == "Anna"


async def test_a_note_never_reaches_the_visitor(house: House) -> None:
    visitor = await house.visitor()
    ok = await visitor.write("привет")
    anna = await house.browser("anna")
    path = f"/dialogs/{ok['dialog']}"
    await anna.post(f"{path}/notes", {"key": "note-0001", "text": "не говорить"}, expect=201)
    await anna.post(f"{path}/messages", {"key": "answer-1", "text": "добрый день"}, expect=201)
    await visitor.socket.until(lambda f: f["t"] == "entry" and not f["entry"]["mine"])
    assert "не говорить" not in "".join(visitor.socket.raw)
    back = await house.visitor(key=visitor.key)
    assert [entry["text"] for entry in back.greeting["entries"]] == ["привет", "добрый день"]


async def test_the_visitor_is_told_that_the_dialog_was_closed(house: House) -> None:
    visitor = await house.visitor()
    ok = await visitor.write("привет")
    anna = await house.browser("anna")
    await anna.post(f"/dialogs/{ok['dialog']}/close")
    await visitor.socket.frame("closed")

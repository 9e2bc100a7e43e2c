"""A copy taken of a living process in the middle of a storm, and put back as another hub."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from hub import config
from hub.dialogs import read_log
from hub.model import DialogId
from hub.store.schema import EPISODES
from hub.store.sqlite import SqliteEngine
from tests.chaos.process import Program
from tests.chaos.visitor import Acknowledged, Copy, introduce, send_all

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

VISITORS, EACH, FILES = 5, 100, 25

Told = dict[str, list[tuple[int, str, str]]]


async def told(folder: Path) -> Told:
    """Every log of the store in that folder: number, id and text of each entry."""
    engine = SqliteEngine(folder / "data" / "hub.db", serving=False)
    await engine.open()
    found: Told = {}
    page = await engine.find(EPISODES, {"project": "main"}, limit=500)
    for row in page.items:
        lines: list[tuple[int, str, str]] = []
        more = True
        while more:
            entries, more = await read_log(
                engine, DialogId(row.id), after_seq=len(lines), limit=200
            )
            lines += [(each.seq, each.id, each.text) for each in entries]
        found[row.id] = lines
    await engine.close()
    return found


async def files_too(session: aiohttp.ClientSession, url: str, visitor: str) -> None:
    """Uploads and sends files, one after another."""
    async with session.ws_connect(f"{url}/widget/site/live", origin=url) as socket:
        await socket.send_json(
            {"t": "hello", "key": visitor, "after_seq": 0, "dialog": None, "now": 0}
        )
        for n in range(FILES):
            upload = await session.post(
                f"{url}/widget/site/files",
                params={"name": f"{n}.bin"},
                data=random.Random(n).randbytes(40_000),
                headers={"X-Visitor-Key": visitor, "Origin": url},
            )
            assert upload.status == 201, await upload.text()
            file = await upload.json()
            key = f"file-{n:08}"
            frame: dict[str, object] = {
                "t": "send",
                "key": key,
                "order": n,
                "at": 2**42,
                "text": "",
            }
            frame["attachments"] = [file["id"]]
            await socket.send_json(frame)
            while True:
                answer = await socket.receive_json()
                if answer["t"] == "ok" and answer["key"] == key:
                    break
                if answer["t"] == "error" and answer["key"] == key:
                    assert answer["again"], answer
                    await socket.send_json(frame)


async def test_a_copy_of_a_serving_hub_under_load_is_the_source_up_to_its_moment(
    tmp_path: Path,
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for each in (source, target):
        each.mkdir()
    program = Program(source)
    await program.start()
    acknowledged, rages, copied = Acknowledged(), asyncio.Event(), asyncio.Event()

    def met() -> None:
        if acknowledged.copies >= VISITORS * EACH:
            rages.set()

    async def go_on(session: aiohttp.ClientSession, number: int, key: str, clock: int) -> None:
        """Writes until the copy is made, and once more after it."""
        for first in count(0, EACH):
            last = copied.is_set()
            copies = [
                Copy(f"key-{number:04}-{n:06}", n, clock - 1_000 + n, f"{number}:{n}")
                for n in range(first, first + EACH)
            ]
            await send_all(session, program.url, key, copies, acknowledged, met)
            if last:
                return

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as storm:
        for number in range(VISITORS):
            key, clock = await introduce(session, program.url)
            storm.create_task(go_on(session, number, key, clock))
            if number == 0:
                storm.create_task(files_too(session, program.url, key))
        await rages.wait()
        before = set(acknowledged.seqs)
        said = await program.command("backup", str(tmp_path / "hub.tar"))
        copied.set()
    assert acknowledged.copies == len(acknowledged.seqs)
    assert "The key is not inside" in said
    assert "missing" not in said
    assert "All agrees" in await program.command("verify")
    assert await program.stop() == 0

    other = Program(target)
    shutil.copy(source / "data" / "hub.key", tmp_path / "hub.key")
    said = await other.command("restore", str(tmp_path / "hub.tar"))
    assert str(target / "data" / "hub.key") in said
    with pytest.raises(RuntimeError, match=r"security\.key_file"):
        await other.command("verify")
    shutil.copy(tmp_path / "hub.key", target / "data" / "hub.key")
    assert "All agrees" in await other.command("verify")

    theirs, ours = await told(source), await told(target)
    kept = {line[1].rpartition(":")[2] for lines in ours.values() for line in lines}
    assert before <= kept, "what was acknowledged before is in it"
    for dialog, lines in ours.items():
        assert theirs[dialog][: len(lines)] == lines
    assert sum(map(len, ours.values())) < sum(map(len, theirs.values()))

    await other.start()
    async with aiohttp.ClientSession() as session:
        key, clock = await introduce(session, other.url)
        late = [Copy("key-late-000001", 1, clock, "after")]
        await send_all(session, other.url, key, late, acknowledged, lambda: None)
    assert other.errors() == []
    assert await other.stop() == 0


async def test_a_hub_with_another_key_does_not_start_and_names_the_key_file(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    await program.start()
    assert await program.stop() == 0
    key = tmp_path / "data" / "hub.key"
    key.rename(tmp_path / "away")
    for content in (None, "A" * 43):
        if content is not None:
            key.write_text(content)
        with pytest.raises(RuntimeError, match="did not start") as caught:
            await program.start()
        assert str(key) in str(caught.value)
        assert await program.ended() == 2
    (tmp_path / "away").replace(key)
    await program.start()
    assert await program.stop() == 0


async def test_a_new_key_reaches_a_serving_hub_and_its_visitors_keep_their_names(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    await program.start()
    key_file = tmp_path / "data" / "hub.key"
    old = key_file.read_text().strip()
    async with aiohttp.ClientSession() as session:
        visitor, _ = await introduce(session, program.url)
        assert "begins with a new key" in await program.command("rotate-key")
        await program.logged("keys.read")
        async with session.ws_connect(
            f"{program.url}/widget/site/live", origin=program.url
        ) as socket:
            hello = {"t": "hello", "key": visitor, "after_seq": 0, "dialog": None, "now": 0}
            await socket.send_json(hello)
            renewed = (await socket.receive_json())["key"]
        assert renewed != visitor
        assert renewed.partition(".")[0] == visitor.partition(".")[0]
    with pytest.raises(RuntimeError, match="less than a minute"):
        await program.command("rotate-key", "--finish")
    assert await program.stop() == 0
    assert old not in "\n".join(program.said)
    assert key_file.read_text().split()[1:] == [old]
    assert config.load(tmp_path / "config.toml").security.key_file == key_file


async def test_a_kept_secret_is_in_no_log_and_no_answer(tmp_path: Path) -> None:
    token = "very-secret-env-token"
    program = Program(tmp_path)
    settings = tmp_path / "config.toml"
    settings.write_text(
        settings.read_text().replace('level = "info"', "")
        + f'\n[channels.bot]\nkind = "unheard-of"\nsettings = {{ token = "{token}" }}\n'
    )
    await program.start()
    printed = await program.command("user", "add", "olga", "--role", "admin")
    code = printed.split("code ")[1].split()[0]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(program.url, cookie_jar=jar) as session:
        sign = {"login": "olga", "password": code}
        await session.post("/api/v1/session", json=sign, headers={"Origin": program.url})
        for path in ("/projects/main/channels", "/me", "/projects/main/operators", "/health"):
            answer = await session.get(f"/api/v1{path}")
            assert token not in await answer.text()
    await program.command("backup", str(tmp_path / "hub.tar"), "--with-key")
    assert await program.stop() == 0
    assert token not in "\n".join(program.said)
    assert json.dumps(token).encode() not in (tmp_path / "hub.tar").read_bytes()
    assert token.encode() not in (tmp_path / "data" / "hub.db").read_bytes()

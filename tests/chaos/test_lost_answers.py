"""A platform that took a reply and never said so: nobody gets it twice, and nobody is lied to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

import bots
from bots import platforms
from tests.e2e.test_messengers import toml

from .process import Program
from .screens import signed_in
from .test_killed import pages, whole_log

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]

SENDS = {
    "telegram": "sendMessage",
    "vk": "messages.send",
    "max": "POST messages",
    "whatsapp": "messages",
    "greenapi": "sendMessage",
    "viber": "send_message",
}


@pytest.mark.parametrize("kind", list(SENDS))
async def test_a_reply_whose_answer_was_lost_is_seen_once_and_its_state_is_true(
    kind: str, tmp_path: Path
) -> None:
    platform = platforms.load(kind)()
    await platform.start()
    can = bots.load(kind).capabilities
    settings = platform.settings() | ({"receive": "hook"} if "poll" in can.receives else {})
    program = Program(tmp_path, channels=toml(kind, settings), public=True)
    await program.start()
    session, token = await signed_in(program)
    try:
        await program.logged("hook.set")
        person = platform.person("Анна")
        await platform.write(person, "Сколько стоит?")
        await platform.settled()
        [dialog] = await pages(session, "/api/v1/projects/main/dialogs?view=all&limit=10")
        platform.fail("lost_answer", method=SENDS[kind])
        path = f"/api/v1/dialogs/{quote(dialog['id'], safe='')}/messages"
        headers = {"Origin": program.url, "X-CSRF-Token": token}
        for n, words in enumerate(("От 18 000 ₽", "За один котёл")):
            answer = await session.post(
                URL(path, encoded=True),
                json={"key": f"answer-{n}", "text": words},
                headers=headers,
            )
            assert answer.status == 201, await answer.text()

        async def states() -> dict[str, Any]:
            log = await whole_log(session, dialog["id"])
            return {each["text"]: each["state"] for each in log if each["kind"] == "out"}

        async with asyncio.timeout(60):
            while set((await states()).values()) & {"queued", "sending"}:
                await platform.settled()
        told = await states()
        seen = [each.text for each in platform.shown(person) if not each.mine]
        assert sorted(seen) == ["За один котёл", "От 18 000 ₽"]
        if can.idempotent_for:
            # The platform knew its key again, so the second copy told what became of the first.
            assert told["От 18 000 ₽"] in ("sent", "delivered", "read")
        else:
            assert told["От 18 000 ₽"] in ("unknown", "delivered", "read")
        assert told["За один котёл"] in ("sent", "delivered", "read")
    finally:
        await session.close()
        await program.stop()
        await platform.stop()

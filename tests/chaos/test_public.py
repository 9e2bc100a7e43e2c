"""`hub check --public` beside the program that serves, as an admin calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.process import Program

pytestmark = pytest.mark.chaos


async def test_the_command_looks_at_the_serving_hub_and_says_if_it_is_not_there(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    await program.start()
    told = await program.command("check", "--public", program.url)
    assert "FAIL" not in told
    for words in ("clock:", "/widget.js can be loaded", "live connection: works"):
        assert words in told

    with pytest.raises(RuntimeError):
        await program.command("check", "--public", "http://127.0.0.1:9")
    assert program.errors() == []
    await program.stop()

"""The how-to is true: its two files, taken from the page, make a channel whose tests pass."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "new-channel.md"
CONFTEST = """
import sys
from pathlib import Path

import bots

bots.__path__.append(str(Path(__file__).parent / "kinds"))
"""


def test_one_module_and_one_test_file_are_a_channel(tmp_path: Path) -> None:
    module, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "paper.py").write_text(module, encoding="utf-8")
    (tmp_path / "test_paper.py").write_text(tests, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-c",
            "pyproject.toml",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3_000:]
    assert re.search(r"\d\d passed", run.stdout)

"""What is shipped: the wheel carries all that the program needs and nothing of the workshop."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import sysconfig
from asyncio.subprocess import PIPE
from pathlib import Path
from zipfile import ZipFile

import pytest
from aiohttp import ClientSession

ROOT = Path(__file__).parents[1]
WORKSHOP = (".git", ".venv", "node_modules", "data", "dist", "tests", "htmlcov")
CACHES = shutil.ignore_patterns(*WORKSHOP, "__pycache__", ".*_cache", ".hypothesis", ".coverage*")

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of the checkout is touched; it asks nothing outside."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=CACHES)
    (source / "web/frontend/node_modules").symlink_to(ROOT / "web/frontend/node_modules")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=source,
        check=True,
        capture_output=True,
    )
    [made] = (folder / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def bin_dir(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `hub` is installed, in an environment of its own beside the libraries of ours."""
    home = tmp_path_factory.mktemp("installed") / "env"
    uv = Path(sys.executable).with_name("uv")
    quiet = ("--offline", "--no-config", "--quiet")
    subprocess.run([uv, "venv", *quiet, "--python", sys.executable, home], check=True)
    python = home / "bin" / "python"
    subprocess.run(
        [uv, "pip", "install", *quiet, "--no-deps", "--python", python, wheel], check=True
    )
    # A path in a .pth file is looked into last, and the .pth files there, which would lead
    # back to the checkout, are not read.
    [site] = home.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_it_carries_screens_texts_and_templates(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert {
        "hub/__main__.py",
        "hub/py.typed",
        "hub/texts/ru.json",
        "hub/texts/en.json",
        "bots/site.py",
        "web/demo.py",
        "web/templates/inbox.html",
        "web/templates/demo.html",
        "web/templates/demo.json",
        "web/templates/demo_pictures.css",
        "web/static/manifest.json",
        "web/static/widget.js",
    } <= names
    for start, end in (("inbox.", ".js"), ("inbox.", ".css"), ("panel.", ".js")):
        found = [
            each for each in names if each.startswith(f"web/static/{start}") and each.endswith(end)
        ]
        assert found, (start, end)
    [metadata] = (each for each in names if each.endswith(".dist-info/METADATA"))
    assert "Requires-Dist: aiohttp" in ZipFile(wheel).read(metadata).decode()


def test_it_carries_nothing_of_the_workshop(wheel: Path) -> None:
    for name in ZipFile(wheel).namelist():
        top = name.split("/")[0]
        assert top in ("hub", "bots", "web", "telephony") or ".dist-info" in top, name
        assert not name.startswith("web/frontend"), name
        assert "__pycache__" not in name, name


async def test_installed_elsewhere_it_serves_the_demo(bin_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nport = 0\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    where = await asyncio.create_subprocess_exec(
        *(bin_dir / "python", "-c", "import hub, web; print(hub.__file__, web.__file__)"),
        cwd=tmp_path,
        env=clean,
        stdout=PIPE,
    )
    out, _ = await where.communicate()
    assert out.decode().count(str(bin_dir.parent)) == 2

    demo = await asyncio.create_subprocess_exec(
        *(bin_dir / "hub", "demo"), cwd=tmp_path, env=clean, stdout=PIPE
    )
    try:
        assert demo.stdout is not None
        printed = ""
        async with asyncio.timeout(180):
            while "one-time code" not in printed:
                line = (await demo.stdout.readline()).decode()
                assert line, "it ended"
                printed += line
        site, url = (printed.split(name)[1].split()[0] for name in ("Demo site", "Inbox"))
        url = url.removesuffix("/inbox")
        async with ClientSession() as session:
            for path, words in (
                ("/live", "ok"),
                ("/inbox", "/static/inbox."),
                ("/widget.js", "panel.js"),
                ("/widget/demo-site/config", "text_max_chars"),
                ("/api/v1/openapi.json", '"openapi"'),
            ):
                async with session.get(url + path) as answer:
                    assert (answer.status, words in await answer.text()) == (200, True), path
            async with session.get(site) as answer:
                assert "data-channel" in await answer.text()
    finally:
        demo.terminate()
        assert await asyncio.wait_for(demo.wait(), 90) == 0

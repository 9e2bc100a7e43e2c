"""What holds of the repository as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hub.config import KEYS

ROOT = Path(__file__).parents[1]
PACKAGES = ("hub", "bots", "web", "telephony")
LINES_MAX = 500


@cache
def tree() -> tuple[Path, ...]:
    """Every file that is or may be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return tuple(ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def sources(*suffixes: str) -> list[Path]:
    return [
        path
        for path in tree()
        if path.suffix in suffixes and path.relative_to(ROOT).parts[0] in PACKAGES
    ]


def test_no_source_file_is_two_of_something() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources(".py", ".ts", ".tsx", ".mjs", ".css", ".html")
    }
    assert len(lengths) > 20
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


def test_no_module_is_named_for_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "base", "common", "core", "misc"}
    nothing |= {"manager", "managers", "service", "services"}
    named = [
        path for path in sources(".py", ".ts", ".tsx") if {path.stem, path.parent.name} & nothing
    ]
    assert named == []


def test_nothing_names_a_package_registry_or_a_place_on_somebodys_machine() -> None:
    registry = r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|registry|debian)[\w.-]*"
    place = r"(?<![\w.*}-])/(?:home|root|work|tmp|Users)/\w"
    options = r"--(?:extra-)?index-url|--find-links"
    pattern = re.compile("|".join((registry, place, options)))
    found = []
    for path in tree():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_every_decision_has_its_number_and_a_status() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = []
    for page in pages:
        title, _, status, *_ = page.read_text().splitlines()
        number = int(page.name[:4])
        numbers.append(number)
        assert title.startswith(f"# {number}. "), page.name
        assert re.match(r"Status: (proposed|accepted|replaced by \d+), [A-Z]\w+ 20\d\d", status), (
            page.name
        )
    assert numbers == list(range(1, len(pages) + 1))


def project() -> dict[str, list[str]]:
    read = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = read["project"]["dependencies"]
    return {
        "requirements.lock": runtime,
        "requirements-dev.lock": runtime
        + read["dependency-groups"]["dev"]
        + read["build-system"]["requires"],
    }


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text().replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            assert "--hash=sha256:" in line, line
            pin = Requirement(line.partition("--hash")[0])
            [version] = pin.specifier
            assert version.operator == "=="
            found.setdefault(canonicalize_name(pin.name), set()).add(version.version)
    return found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_pins_what_the_project_asks_for(lock: str) -> None:
    pinned = pins(lock)
    for text in project()[lock]:
        asked = Requirement(text)
        versions = pinned.get(canonicalize_name(asked.name), set())
        assert versions, f"{asked.name} is not in {lock}; run make lock"
        assert all(asked.specifier.contains(each, prereleases=True) for each in versions), text


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    tested = pins("requirements-dev.lock")
    assert {name: tested.get(name) for name in pins("requirements.lock")} == pins(
        "requirements.lock"
    )


def test_the_command_starts_without_what_it_may_not_need() -> None:
    heavy = {"motor", "pymongo", "aiogram", "phonenumbers", "vk_api", "redis", "aiohttp"}
    loaded = subprocess.run(
        [sys.executable, "-c", "import hub.__main__, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert heavy & set(loaded) == set()


def test_every_setting_is_used() -> None:
    code = "".join(
        path.read_text() for path in sources(".py") if path != ROOT / "hub" / "config.py"
    )
    assert [key for key in KEYS if not re.search(rf"\b{re.escape(key)}\b", code)] == []


def blocks(page: str) -> list[str]:
    text = re.sub(r"<[^>\n]*>", "<>", (ROOT / page).read_text())
    return re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_both_readmes_give_the_same_commands_and_they_exist() -> None:
    commands = blocks("README.md")
    assert commands == blocks("docs/ru/README.md")
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    called = re.findall(r"^make (\w+)", "".join(commands), re.MULTILINE)
    assert called == ["run", "test"]
    assert set(called) <= set(targets)
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()


def test_links_between_documents_lead_somewhere() -> None:
    for page in ("README.md", "docs/ru/README.md", "CHANGELOG.md"):
        folder = (ROOT / page).parent
        for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            if "://" not in link:
                assert (folder / link).exists(), f"{page}: {link}"

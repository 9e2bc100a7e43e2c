"""What docs/deploy.md and deploy/ promise is what the program has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from hub import config
from hub.__main__ import parser

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DOCS = (ROOT / "docs/deploy.md", ROOT / "docs/ru/deploy.md")


@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    [line] = re.findall(r"^ExecStart=/opt/otklik/bin/hub (.*)$", unit.read_text(), re.MULTILINE)
    args = parser().parse_args(line.replace("%i", "8080").split())
    assert args.config == Path("/etc/otklik/config.toml")
    assert args.verb in ("run", "web", "worker")
    assert "RestartPreventExitStatus=2" in unit.read_text()


def test_the_containers_settings_can_be_used() -> None:
    read = tomllib.loads((DEPLOY / "container.toml").read_text())
    made = config.settings(read, DEPLOY)
    assert (made.server.host, made.data.dir) == ("0.0.0.0", Path("/data"))  # noqa: S104


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("nginx.conf", r"client_max_body_size (\d+)m;"), ("Caddyfile", r"max_size (\d+)MB")],
)
def test_a_proxy_lets_the_largest_file_through(name: str, pattern: str) -> None:
    [megabytes] = re.findall(pattern, (DEPLOY / name).read_text())
    assert int(megabytes) * 1_000_000 > config.Limits().file_max_bytes


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.parent.name)
def test_every_metric_and_link_of_the_page_exists(page: Path) -> None:
    exported = set(re.findall(r"^# TYPE (\w+)", generate_latest().decode(), re.MULTILINE))
    text = page.read_text()
    assert set(re.findall(r"`(hub_\w+)", text)) <= exported
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link


def test_both_pages_tell_the_same() -> None:
    blocks = [re.findall(r"^```\n(.*?)^```", page.read_text(), re.M | re.S) for page in DOCS]
    assert blocks[0] == blocks[1]
    metrics = [re.findall(r"^\| `(hub_\S+)", page.read_text(), re.M) for page in DOCS]
    assert metrics[0] == metrics[1]

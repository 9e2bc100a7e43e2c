"""A hub whose clock is moved by hand, with a site that offers a messenger."""

from __future__ import annotations

from pathlib import Path

from .process import Program


class Clocked(Program):
    """`hub run` with `clocked_hub.py`; its clock is `ahead` seconds before the real one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, script="clocked_hub.py")
        config = folder / "config.toml"
        told = config.read_text().replace(
            "[channels.site]\nsettings = {",
            "[channels.site]\nsettings = { messengers = "
            '[{ kind = "telegram", url = "https://t.me/okna" }],',
        )
        config.write_text(told)
        self.ahead = 0.0
        self.forward(0)

    def forward(self, seconds: float) -> None:
        self.ahead += seconds
        # In one step: the hub reads it at any moment.
        (self.folder / "clock.new").write_text(str(self.ahead))
        (self.folder / "clock.new").replace(self.folder / "clock")

"""Private Asterisks: one is the exchange that the hub speaks to, another plays every phone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from tests.ports import WORKER, free_port

HERE = Path(__file__).parent
START_SECONDS = 60
# Modules look for these and say so if they are not there.
EMPTY = (
    *("acl", "ccss", "chan_websocket", "cli", "codecs", "features", "geolocation", "stasis"),
    *("udptl", "websocket_client"),
)
RTP_FROM = 10_000
RTP_EACH = 1_000


class NoAsteriskError(Exception):
    """It cannot be had on this machine."""


def built() -> Path:
    """Where a private Asterisk is unpacked; the first time takes 20 seconds and 30 MB."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(os.environ.get("AST_HOME") or Path(cache) / "otklik" / "asterisk")
    done = subprocess.run(
        ["bash", HERE / "build.sh"],
        env=os.environ | {"AST_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoAsteriskError(done.stderr.strip()[-500:])
    return home


class Asterisk:
    """One instance; a start after a kill has the same ports and knows of no call."""

    def __init__(self, home: Path, folder: Path, conf: str, values: Mapping[str, str]) -> None:
        self._home = home
        self.folder = folder
        self._conf = conf
        self.user = conf
        self.password = f"{conf}-{os.urandom(6).hex()}"
        self.http = free_port()
        self.sip = free_port()
        share = RTP_FROM + RTP_EACH * (2 * (WORKER % 4) + (conf == "phones"))
        self._values = {
            "ROOT": str(home / "root"),
            "RUN": str(folder),
            "HTTP": str(self.http),
            "SIP": str(self.sip),
            "RTP": str(share),
            "RTP_END": str(share + RTP_EACH - 1),
            "PASSWORD": self.password,
            **values,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def start(self, **values: str) -> None:
        """Returns once it takes commands, and has loaded everything."""
        self._write(self._values | values)
        with (self.folder / "log" / "stdout").open("ab") as told:
            self._process = subprocess.Popen(
                [self._home / "asterisk", "-f", "-C", self.folder / "etc" / "asterisk.conf"],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self.told()
            assert time.monotonic() < until, self.told()
            time.sleep(0.05)

    def kill(self) -> None:
        """No goodbye to anybody."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def told(self) -> str:
        """The end of what it wrote."""
        logs = [self.folder / "log" / name for name in ("stdout", "messages")]
        return "\n".join(log.read_text()[-2_000:] for log in logs if log.exists())

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _write(self, values: Mapping[str, str]) -> None:
        etc = self.folder / "etc"
        shutil.rmtree(etc, ignore_errors=True)
        for name in ("etc", "lib/keys", "spool/recording", "spool/tmp", "log", "run", "cache"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in EMPTY:
            (etc / f"{name}.conf").touch()
        for kind in ("both", self._conf):
            for template in (HERE / "conf" / kind).glob("*.conf"):
                text = template.read_text()
                for name, value in values.items():
                    text = text.replace(f"@{name}@", value)
                (etc / template.name).write_text(text)

    def _answers(self) -> bool:
        """Until everything is loaded it answers 503."""
        secret = b64encode(f"{self.user}:{self.password}".encode()).decode()
        asked = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/ari/asterisk/ping", headers={"Authorization": f"Basic {secret}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def pair(home: Path, folder: Path, wire: int) -> tuple[Asterisk, Asterisk]:
    """The exchange and the phones of its network, neither started; `wire` is a SIP port."""
    short = {"INCOMING_RING": "2", "WIRE": str(wire)}
    exchange = Asterisk(home, folder / "hub", "hub", short)
    phones = Asterisk(home, folder / "phones", "phones", {"PEER": str(exchange.sip)})
    exchange._values["PHONES"] = str(phones.sip)
    return exchange, phones

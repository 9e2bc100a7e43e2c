"""The hub with short leases and the tests' own channel kind, so that kills heal in seconds."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import bots
from hub import attempts, lanes, worker
from hub.__main__ import main
from hub.calls import dialling
from hub.keeping import housekeeping
from hub.telling import notices

bots.__path__.append(str(Path(__file__).with_name("kinds")))
lanes.LEASE = timedelta(seconds=3)
attempts.SEND_TIMEOUT = timedelta(seconds=1.2)
notices.GRACE = timedelta(seconds=1)
dialling.LEASE = timedelta(seconds=3)
worker.SWEEP_EVERY = timedelta(seconds=2)
worker.LEAD_LASTS = timedelta(seconds=4)
housekeeping.EVERY = timedelta(seconds=2)
housekeeping.TURN_LASTS = timedelta(seconds=4)

if __name__ == "__main__":
    sys.exit(main())

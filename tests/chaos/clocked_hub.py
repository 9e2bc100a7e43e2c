"""The hub whose clock goes ahead by as many seconds as a file in its folder says."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from hub import model, outages

CLOCK = Path(sys.argv[sys.argv.index("--config") + 1]).with_name("clock")
_now = model.now


def _ahead() -> datetime:
    ahead = float(CLOCK.read_text()) if CLOCK.exists() else 0
    return _now() + timedelta(seconds=ahead)


# Before anybody else has taken the name over.
model.now = _ahead
# A jump of this clock is an outage to the hub, which is over once it was seen to be there.
outages.EVERY = timedelta(seconds=0.1)

if __name__ == "__main__":
    from hub.__main__ import main

    sys.exit(main())

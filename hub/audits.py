"""The record of who did what: one line for each thing that somebody may be asked about later."""

from __future__ import annotations

import secrets
from datetime import datetime

from hub.model import ProjectId
from hub.records import Audit
from hub.store.engine import Insert

DATA_MAX_CHARS = 500
"""Of one value; a name or a list of what was changed is cut there."""


def audited(
    now: datetime,
    actor: str,
    verb: str,
    target: str,
    project: ProjectId | None = None,
    address: str = "",
    *,
    id: str = "",
    **data: str,
) -> Insert:
    """The line, to be written with what it tells of or before it.

    A trace without a change misleads less than a change without a trace, and on some stores a
    crash parts the two. With an `id` the same thing done again is refused by the store.
    """
    return Insert(
        Audit(
            id=id or f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}",
            project=project or ProjectId(""),
            actor=actor,
            verb=verb,
            target=target,
            created_at=now,
            address=address,
            data={name: value[:DATA_MAX_CHARS] for name, value in data.items()},
        )
    )

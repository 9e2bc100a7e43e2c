"""One call of a platform on a message's behalf: how long it may take, and what follows from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from hub.channels.pulse import HOLD
from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)

log = logging.getLogger(__name__)

SEND_TIMEOUT = timedelta(seconds=25)
TRIES_MAX = 6

T = TypeVar("T")


@dataclass(frozen=True)
class Policy:
    """What becomes of a message that did not go out."""

    holds: bool
    counted: bool
    wait: timedelta


POLICIES: dict[type[DeliveryError], Policy] = {
    ThrottledError: Policy(holds=True, counted=False, wait=timedelta(seconds=5)),
    TransientError: Policy(holds=True, counted=True, wait=timedelta(seconds=10)),
    DeliveryError: Policy(holds=True, counted=True, wait=timedelta(seconds=10)),
    CredentialsError: Policy(holds=True, counted=False, wait=HOLD),
    RejectedError: Policy(holds=False, counted=True, wait=timedelta(0)),
    UnreachableError: Policy(holds=False, counted=True, wait=timedelta(0)),
}
OFFLINE = Policy(holds=True, counted=False, wait=HOLD)


async def attempt(call: Awaitable[T], within: timedelta) -> T | DeliveryError:
    """What came of the call, or the error that says what to do."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await call
    except DeliveryError as refusal:
        return refusal
    except TimeoutError:
        return TransientError("timeout", maybe_sent=True, reason="timeout")
    except Exception:
        log.exception("delivery.broken")
        return TransientError("internal", maybe_sent=True, reason="internal")


def policy(error: DeliveryError) -> Policy:
    if is_offline(error):
        return OFFLINE
    return next(POLICIES[each] for each in type(error).__mro__ if each in POLICIES)


def is_offline(error: DeliveryError) -> bool:
    """Whether nobody was reached at all, which says nothing of the message."""
    return isinstance(error, TransientError) and not error.maybe_sent and error.reason == "offline"

"""A reply that takes several of the platform's messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from hub.channels.port import Receipt
from hub.errors import DeliveryError, RejectedError, TransientError, UnreachableError


async def in_turn(sayings: Iterable[Callable[[], Awaitable[str]]]) -> Receipt:
    """Says one after another; each gives the platform's id of what it said.

    Once the first is out, no error asks for all of it to be said again, nor denies it.
    """
    ids: list[str] = []
    for say in sayings:
        try:
            ids.append(await say())
        except (RejectedError, UnreachableError) as error:
            error.maybe_sent = bool(ids)
            raise
        except DeliveryError as error:
            if not ids:
                raise
            raise TransientError(str(error), maybe_sent=True, reason=error.reason) from None
    if not ids:
        raise RejectedError("nothing to say", reason="bad_request")
    return Receipt(external_id=ids[0], more=tuple(ids[1:]))

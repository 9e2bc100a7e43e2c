"""VK's codes as the hub's five errors.

The codes are those of https://dev.vk.com/ru/reference/errors and of each method's own page.
"""

from __future__ import annotations

from datetime import timedelta

from hub.errors import (
    CredentialsError,
    DeliveryError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnreachableError,
)

SECOND = timedelta(seconds=1)
FLOOD = timedelta(minutes=1)
QUANTITY = timedelta(minutes=10)
"""VK never says how long to wait; a limit of quantity counts by the hour at least."""

# What VK could not do just now; it does not say whether it was half done.
AGAIN = frozenset({1, 10, 13, 36, 43, 105, 118, 121, 995})

KEY = {
    4: "dead_key",
    5: "dead_key",
    16: "dead_key",
    27: "dead_key",
    28: "dead_key",
    1114: "dead_key",
    1116: "dead_key",
    1117: "dead_key",
    1118: "dead_key",
    3609: "dead_key",
    # A human has to show himself; nothing is let through until then.
    14: "captcha",
    17: "captcha",
    24: "captcha",
    25: "captcha",
    3300: "captcha",
    3301: "captcha",
    3302: "captcha",
    3303: "captcha",
    2: "misconfigured",
    11: "misconfigured",
    38: "misconfigured",
    40: "misconfigured",
    42: "misconfigured",
    101: "misconfigured",
    37: "account_blocked",
    203: "no_rights",
}

RIGHTS = frozenset({7, 15, 20, 21, 23})
"""Of every message alike they mean that the key may not write; of any other call only that call."""

PERSON = {
    18: "blocked",
    900: "blocked",
    901: "opted_out",
    902: "opted_out",
    932: "not_found",
    936: "not_found",
    950: "window",
    1021: "opted_out",
    3610: "blocked",
}

MESSAGE = {
    909: "too_old",
    910: "too_large",
    914: "too_long",
    920: "not_here",
    924: "too_old",
    1009: "not_here",
    1010: "not_here",
    1011: "not_here",
    104: "not_found",
    1150: "file_gone",
    1153: "file_gone",
    22: "file_type",
    129: "file_type",
    2000: "misconfigured",
}


def meant(code: int, *, sends: bool = False) -> DeliveryError:
    """The error that a code stands for; `sends` is a call that says something to a person."""
    words = f"vk {code}"
    if code == 6:
        return ThrottledError(words, retry_after=SECOND, everywhere=True, reason="rate")
    if code in (29, 944, 984, 601):
        return ThrottledError(words, retry_after=QUANTITY, everywhere=True, reason="rate")
    if code == 9:
        return ThrottledError(words, retry_after=FLOOD, reason="rate")
    if code in AGAIN:
        return TransientError(words, maybe_sent=sends, reason="internal")
    if code in KEY:
        return CredentialsError(words, reason=KEY[code])
    if code in RIGHTS:
        error = CredentialsError if sends else RejectedError
        return error(words, reason="no_rights")
    if code in PERSON:
        return UnreachableError(words, reason=PERSON[code])
    return RejectedError(words, reason=MESSAGE.get(code, "bad_request"))

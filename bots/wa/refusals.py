"""Meta's error codes, by what to do about each.

https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
Only the code is stable; texts and subcodes are not.
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

KEY: dict[int, str] = {
    0: "dead_key",
    190: "dead_key",
    3: "no_rights",
    10: "no_rights",
    131005: "no_rights",
    131042: "no_balance",
    131044: "no_balance",
    131031: "account_blocked",
    368: "account_blocked",
    131037: "misconfigured",
    131045: "misconfigured",
    133010: "misconfigured",
}
WAIT: dict[int, timedelta] = {
    4: timedelta(minutes=1),
    80007: timedelta(minutes=1),
    130429: timedelta(seconds=5),
    131048: timedelta(hours=1),
    131064: timedelta(minutes=10),
    133016: timedelta(hours=1),
}
PAIR = 131056
PAIR_WAIT = timedelta(seconds=16)
"""Too fast to one person: the platform asks for 4^n seconds, and this is n = 2."""
PASSING = frozenset({1, 2, 131000, 131016, 131057, 132069, 135000})
GONE = frozenset({131026})
MESSAGE: dict[int, str] = {
    131047: "window",
    131050: "opted_out",
    130472: "rate",
    131049: "rate",
    131030: "misconfigured",
    # Only people of one country are out of reach: no reason to stop for all the others.
    130497: "no_rights",
    131052: "file_gone",
    131053: "file_type",
}


def reason_of(code: int) -> str:
    """Why a message failed, as a report of it says later."""
    if 200 <= code <= 299:
        return "no_rights"
    if code in GONE:
        return "blocked"
    if code in WAIT or code == PAIR:
        return "rate"
    if code in PASSING:
        return "internal"
    return KEY.get(code) or MESSAGE.get(code, "bad_request")


def refusal(code: int, subcode: int, status: int, passing: bool) -> DeliveryError:
    """The error that an answer with this code is."""
    reason, words = reason_of(code), f"{status}/{code}"
    if code in KEY or 200 <= code <= 299 or status == 401:
        return CredentialsError(words, reason="dead_key" if status == 401 else reason)
    if code == 100 and subcode == 33:
        # No such object, or not for this key: the phone number's id is wrong.
        return CredentialsError(words, reason="misconfigured")
    if code in WAIT:
        return ThrottledError(words, retry_after=WAIT[code], everywhere=True, reason=reason)
    if code == PAIR:
        return ThrottledError(words, retry_after=PAIR_WAIT, reason=reason)
    if code in GONE:
        return UnreachableError(words, reason=reason)
    if code in MESSAGE:
        return RejectedError(words, reason=reason)
    if code in PASSING or passing or status >= 500:
        # It is an answer, and of a refusal: nothing has gone out.
        return TransientError(words, reason="internal")
    return RejectedError(words, reason=reason)

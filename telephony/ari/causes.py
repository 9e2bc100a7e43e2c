"""What the codes of a telephone network mean for a call.

SIP's (RFC 3261, 21) are believed before those of Q.850, which Asterisk makes of them and which
say less: nearly everything is 19, "no answer".
"""

from __future__ import annotations

from hub.calls.call import Outcome

BY_SIP = {
    403: Outcome.REJECTED,
    404: Outcome.INVALID_NUMBER,
    408: Outcome.UNREACHABLE,
    410: Outcome.INVALID_NUMBER,
    480: Outcome.NO_ANSWER,
    484: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    500: Outcome.CONGESTION,
    502: Outcome.UNREACHABLE,
    503: Outcome.CONGESTION,
    504: Outcome.UNREACHABLE,
    600: Outcome.BUSY,
    603: Outcome.REJECTED,
    604: Outcome.INVALID_NUMBER,
    # What follows is between us and the provider; no phone has heard of it.
    401: Outcome.PROVIDER_REFUSED,
    402: Outcome.PROVIDER_REFUSED,
    407: Outcome.PROVIDER_REFUSED,
    488: Outcome.PROVIDER_REFUSED,
    606: Outcome.PROVIDER_REFUSED,
}
BY_Q850 = {
    1: Outcome.INVALID_NUMBER,
    3: Outcome.UNREACHABLE,
    17: Outcome.BUSY,
    18: Outcome.UNREACHABLE,
    19: Outcome.NO_ANSWER,
    20: Outcome.UNREACHABLE,
    21: Outcome.REJECTED,
    22: Outcome.INVALID_NUMBER,
    27: Outcome.UNREACHABLE,
    28: Outcome.INVALID_NUMBER,
    34: Outcome.CONGESTION,
    38: Outcome.CONGESTION,
    41: Outcome.CONGESTION,
    42: Outcome.CONGESTION,
    44: Outcome.DROPPED,
    58: Outcome.PROVIDER_REFUSED,
    102: Outcome.UNREACHABLE,
}


def unanswered(sip: int, q850: int) -> Outcome:
    """Why a phone was not answered, by the code of its network."""
    if sip in BY_SIP:
        return BY_SIP[sip]
    if sip >= 500:
        return Outcome.CONGESTION
    if sip >= 400:
        return Outcome.PROVIDER_REFUSED
    return BY_Q850.get(q850, Outcome.UNKNOWN)


def told(sip: int, q850: int, words: str) -> str:
    """The network's own words, for whoever looks for a fault: "486 17 User busy"."""
    return " ".join(str(each) for each in (sip, q850, words) if each)[:100]

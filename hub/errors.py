"""Everything that can go wrong, named by what the one who meets it must do."""

from __future__ import annotations

from datetime import timedelta


class HubError(Exception):
    """Something went wrong; `code` is stable and is what the screens translate."""

    code = "error"

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n")[0])
        self.field = field


class ConfigError(HubError):
    """The settings cannot be used; the message names the key and never its value."""

    code = "config"


class RefusedError(HubError):
    """The request cannot be carried out as it stands; the asker must change it."""

    code = "refused"


class BadValueError(RefusedError):
    """A value of the request is wrong; `field` names it."""

    code = "bad_value"


class TooLargeError(BadValueError):
    """A value is larger than its limit."""

    code = "too_large"


class NotFoundError(RefusedError):
    """There is no such thing, or not for the one who asks."""

    code = "not_found"


class UnauthenticatedError(RefusedError):
    """Sign in first."""

    code = "unauthenticated"


class ForbiddenError(RefusedError):
    """The one who asks may not do this."""

    code = "forbidden"


class LimitedError(RefusedError):
    """Too often; come back after `retry_after`."""

    code = "limited"

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after = retry_after


class ConflictError(RefusedError):
    """Somebody was first; `current` says how things stand now."""

    code = "conflict"

    def __init__(self, code: str, current: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.current = current


class UnavailableError(HubError):
    """The store cannot be reached or cannot write; the same request may be repeated later."""

    code = "unavailable"


class SignatureError(HubError):
    """A hook's request was not made by the platform."""

    code = "signature"


class PayloadError(HubError):
    """A verified body is not what the platform is known to send."""

    code = "payload"


class DeliveryError(HubError):
    """A message did not go out; the subclass says what to do.

    `reason` is a code that people are shown the meaning of (`failure.<reason>` in the texts);
    without one they are shown that of the class. `maybe_sent` if some of it may have gone out.
    """

    code = "delivery"
    maybe_sent = False

    def __init__(self, message: str = "", *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or self.code


class ThrottledError(DeliveryError):
    """The platform asks to wait; the attempt does not count. `everywhere` if not for one chat."""

    code = "throttled"

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: timedelta = timedelta(seconds=5),
        everywhere: bool = False,
        reason: str = "",
    ) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after
        self.everywhere = everywhere


class TransientError(DeliveryError):
    """Nothing is wrong with the message; try again."""

    code = "transient"

    def __init__(self, message: str = "", *, maybe_sent: bool = False, reason: str = "") -> None:
        super().__init__(message, reason=reason)
        self.maybe_sent = maybe_sent


class RejectedError(DeliveryError):
    """The platform will never take this message."""

    code = "rejected"


class UnreachableError(DeliveryError):
    """The person cannot be reached on this channel any more."""

    code = "unreachable"


class CredentialsError(DeliveryError):
    """The channel's key is not accepted; hold everything until it is replaced."""

    code = "credentials"

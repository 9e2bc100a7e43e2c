"""What an admin sets of a Telegram channel."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from bots.line.settings import LineSettings, Receive

API_URL = "https://api.telegram.org"
START = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a link may carry: https://core.telegram.org/bots/features#deep-linking"""

Token = Annotated[
    str,
    Meta(max_length=200, pattern=r"^[0-9]{1,20}:[A-Za-z0-9_-]{3,160}\Z", extra={"secret": True}),
]
"""As @BotFather gives it."""


class TelegramSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: Token
    receive: Receive = "auto"

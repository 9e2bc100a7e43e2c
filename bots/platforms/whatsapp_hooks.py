"""How the played Meta brings what happened: envelopes, the signature, repeats."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import aiohttp

from bots.platforms.platform import Person

RETRIES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""The pauses between repeats; Meta's own make a week."""


class Hooks:
    """Brings to one address, signed with the app's secret."""

    def __init__(
        self,
        *,
        app_secret: str,
        business_id: str,
        phone_number_id: str,
        phone: str,
        now: Callable[[], datetime],
    ) -> None:
        self.url = ""
        self.retries: tuple[float, ...] = RETRIES
        self.answers: list[int] = []
        """What the hub answered to each request, 0 if nothing."""
        self.session: aiohttp.ClientSession | None = None
        self._app_secret = app_secret
        self._business_id = business_id
        self._phone_number_id = phone_number_id
        self._phone = phone
        self._now = now

    async def connect(self, url: str, verify_token: str, challenge: str) -> bool:
        """Whether whoever is there knows the token; then all goes there."""
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": verify_token,
        }
        if self.session is None:
            return False
        try:
            async with self.session.get(url, params=query) as answer:
                right = answer.status == 200 and await answer.text() == challenge
        except aiohttp.ClientError:
            return False
        if right:
            self.url = url
        return right

    def change(self, field: str, value: dict[str, Any]) -> dict[str, Any]:
        told = {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": self._phone,
                "phone_number_id": self._phone_number_id,
            },
        }
        return {"value": told | value, "field": field}

    def status(
        self, person: Person, id: str, status: str, code: int = 0, data: str = ""
    ) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": id,
            "status": status,
            "timestamp": self.seconds(),
            "recipient_user_id": user_id(person),
        }
        contact: dict[str, Any] = {"profile": {"name": person.name}}
        contact["user_id"] = told["recipient_user_id"]
        if not person.username:
            told["recipient_id"] = contact["wa_id"] = person.id
        if data:
            told["biz_opaque_callback_data"] = data
        if code:
            told["errors"] = [_failure(code)]
        value = {"contacts": [contact], "statuses": [told]}
        return self.body([self.change("messages", value)])

    def body(self, changes: Sequence[dict[str, Any]]) -> dict[str, Any]:
        pairs = [list(changes[at : at + 2]) for at in range(0, len(changes), 2)]
        entries = [{"id": self._business_id, "changes": pair} for pair in pairs]
        return {"object": "whatsapp_business_account", "entry": entries}

    async def post(self, body: dict[str, Any]) -> None:
        """Brings it, again and again until it is answered with 200."""
        # Meta escapes what is not ASCII, and slashes: the signature is of the bytes as they are.
        raw = json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()
        signature = hmac.new(self._app_secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={signature}",
            "User-Agent": "facebookexternalua",
        }
        for pause in (*self.retries, 0):
            if not self.url or self.session is None:
                return
            try:
                async with self.session.post(self.url, data=raw, headers=headers) as answer:
                    self.answers.append(answer.status)
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                self.answers.append(0)
            await asyncio.sleep(pause)

    async def post_in_order(self, bodies: Sequence[dict[str, Any]]) -> None:
        for each in bodies:
            await self.post(each)

    def seconds(self) -> str:
        return str(int(self._now().timestamp()))


def user_id(person: Person) -> str:
    """The id of a person that this business alone knows."""
    return person.id if person.id.startswith("RU.") else f"RU.{person.id}00"


def _failure(code: int) -> dict[str, Any]:
    title = {131047: "Re-engagement message", 131026: "Message undeliverable"}.get(code, "Error")
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": title},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }

"""SMS Aero, played: an account with money and allowed senders, and the phones behind it.

https://smsaero.ru/integration/documentation/api/ ; the vendor's own client is the measure.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from aiohttp import web

from bots.platforms.platform import Bubble, Person, Platform

PAGE = 20
WORDS = {
    0: "queue",
    1: "delivery",
    2: "delivery failed",
    3: "smsc submit",
    4: "status waiting",
    6: "reject",
    8: "moderation",
}


@dataclass
class Sms:
    id: int
    number: str
    text: str
    sign: str
    callback: str
    at: int
    status: int = 0


class SmsAeroPlatform(Platform):
    """`told_as` is how a callback's body is written; the documents say only that one comes."""

    kind: ClassVar[str] = "smsaero"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.email = "romashka@example.com"
        self.key = "k7QnB0sVt3WmXy8RzLp5cGdHfJa2eUiO"
        self.signs = {"Sms Aero", "Romashka"}
        self.money = 1_000.0
        self.shortest = 1
        """How short a text may be."""
        self.messages: dict[int, Sms] = {}
        self.answers: list[int] = []
        """What the hub answered to each callback."""
        self.told_as: Literal["form", "json"] = "form"

    def settings(self) -> dict[str, Any]:
        return {
            "api_url": f"{self.url}/v2",
            "email": self.email,
            "api_key": self.key,
            "sign": "Romashka",
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v2/{part:.+}", self._call)]

    def newcomer(self, name: str, phone: str) -> Person:
        digits = phone.lstrip("+")
        return Person(id=digits, name=name, phone=phone)

    def advance(self, id: int, status: int) -> None:
        """The message gets to that status, and whoever asked to be told is told."""
        sms = self.messages[id]
        sms.status = status
        self.changed.set()
        if sms.callback:
            self.bring(lambda: self._told(sms.callback, self._shown(sms)))

    async def _told(self, url: str, told: Mapping[str, Any]) -> None:
        if self._session is None:
            return
        body: dict[str, Any] = (
            {"json": told}
            if self.told_as == "json"
            else {"data": {name: str(value) for name, value in told.items()}}
        )
        # The name and password of the address go as a header, as all clients have it.
        async with self._session.post(url, **body) as answer:
            self.answers.append(answer.status)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["part"].strip("/")
        if not self._known(request):
            words = "Your request was made with invalid credentials."
            return _answer(401, success=False, message=words)
        told = await request.json()
        if not isinstance(told, dict):
            return _answer(400, success=False, message="Validation error.")
        self.calls.append((method, told))
        self.changed.set()
        fault = self.fault(method)
        match fault.failing if fault else None:
            case "429":
                return _answer(429, success=False, message="Too many requests")
            case "500":
                return web.Response(status=500, text="Internal Server Error")
            case "502_page":
                page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                return web.Response(status=502, text=page, content_type="text/html")
            case "refused_key":
                words = "Your request was made with invalid credentials."
                return _answer(401, success=False, message=words)
            case "blocked":
                return _answer(
                    200, success=False, message="Validation error.", data={"number": [""]}
                )
            case "slow":
                await self._released.wait()
            case "lost_answer":
                self._done(method, told, request)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case None:
                pass
        return self._done(method, told, request)

    def _done(self, method: str, told: dict[str, Any], request: web.Request) -> web.Response:
        match method:
            case "auth":
                return _answer(200, success=True, message="Successful authorization.")
            case "balance":
                return _answer(200, success=True, data={"balance": self.money})
            case "sms/send":
                return self._send(told)
            case "sms/status":
                sms = self.messages.get(int(told.get("id") or 0))
                if sms is None:
                    return _answer(200, success=False, message="Message not found.")
                return _answer(200, success=True, data=self._shown(sms))
            case "sms/list":
                return self._list(int(request.query.get("page", "1")))
            case _:
                return _answer(404, success=False, message="Not Found")

    def _send(self, told: dict[str, Any]) -> web.Response:
        wrong = {}
        several = "numbers" in told
        numbers = told.get("numbers") if several else [told.get("number")]
        digits = [str(each) for each in numbers or []]
        if not digits or not all(each.isdecimal() and 10 <= len(each) <= 15 for each in digits):
            wrong["numbers" if several else "number"] = ["incorrect"]
        if not isinstance(told.get("text"), str) or len(told["text"]) < self.shortest:
            wrong["text"] = ["incorrect"]
        if told.get("sign") not in self.signs:
            wrong["sign"] = ["incorrect"]
        if wrong:
            return _answer(400, success=False, message="Validation error.", data=wrong)
        if self.money < 1:
            return web.json_response({"result": "no credits"})
        made = [self._taken(each, told) for each in digits]
        return _answer(200, success=True, data=made if several else made[0])

    def _taken(self, number: str, told: dict[str, Any]) -> dict[str, Any]:
        sms = Sms(
            id=48_000 + self.number(),
            number=number,
            text=told["text"],
            sign=told["sign"],
            callback=told.get("callbackUrl") or "",
            at=int(self._now().timestamp()),
        )
        self.messages[sms.id] = sms
        self.money -= 5.49
        if number in self.chats:
            person = self.chats[number].person
            self.put(person, Bubble(str(sms.id), mine=False, at=self._now(), text=sms.text))
        return self._shown(sms)

    def _list(self, page: int) -> web.Response:
        newest = sorted(self.messages.values(), key=lambda each: -each.id)
        shown = newest[(page - 1) * PAGE : page * PAGE]
        data: dict[str, Any] = {str(at): self._shown(each) for at, each in enumerate(shown)}
        data |= {"links": {"self": f"/v2/sms/list?page={page}"}, "totalCount": str(len(newest))}
        return _answer(200, success=True, data=data)

    def _shown(self, sms: Sms) -> dict[str, Any]:
        return {
            "id": sms.id,
            "from": sms.sign,
            "number": sms.number,
            "text": sms.text,
            "status": sms.status,
            "extendStatus": WORDS[sms.status],
            "channel": "FREE SIGN",
            "cost": 5.49,
            "dateCreate": sms.at,
            "dateSend": sms.at,
        }

    def _known(self, request: web.Request) -> bool:
        way, _, told = request.headers.get("Authorization", "").partition(" ")
        try:
            return way == "Basic" and base64.b64decode(told).decode() == f"{self.email}:{self.key}"
        except ValueError:
            return False


def _answer(status: int, *, success: bool, message: str = "", data: Any = None) -> web.Response:
    told = {"success": success, "data": data, "message": message or None}
    return web.Response(status=status, text=json.dumps(told), content_type="application/json")

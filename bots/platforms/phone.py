"""Phones in the browser, with every played messenger on them: for `hub demo`.

A page shows the chats of one person and does what the person does; the hub is not asked for
anything, all of it goes by the platforms.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from aiohttp import WSMsgType, web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Meta

from bots.platforms.handset import Handset
from bots.platforms.platform import Blob, Bubble, FileKind, Person, Platform
from hub.statuses import Lang
from hub.texts import catalogue

PAGE = Path(__file__).parent / "page"
PARTS = {
    "phone.css": "text/css",
    "phone.js": "text/javascript",
    "calls.css": "text/css",
    "calls.js": "text/javascript",
}
CALLS = "call"
FILE_MAX_BYTES = 20_000_000
TEXT_MAX_CHARS = 20_000
HERE = (59.9386, 30.3141)
"""Where the person of the demo is: in the middle of Saint Petersburg."""

Text = Annotated[str, Meta(max_length=TEXT_MAX_CHARS)]
Id = Annotated[str, Meta(max_length=300)]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What the person does in one of the messengers."""

    kind: Annotated[str, Meta(max_length=40)]
    do: Annotated[str, Meta(max_length=40)]
    text: Text = ""
    bubble: Id = ""
    data: Id = ""
    on: bool = True


class Phone:
    """The people, by whose phone it is, with an account on each of these platforms.

    The first of them is shown to who asks for nobody. `begin` is called at every look; a
    messenger can be used once `ready` says so, and until then the page says that it is starting.
    Those with a handset can be called: `seen` is told who is looked at, as long as it is so.
    """

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        people: Mapping[str, tuple[str, str]],
        *,
        begin: Callable[[], None] = lambda: None,
        ready: Callable[[str], bool] = lambda kind: True,
        handsets: Mapping[str, Handset] = MappingProxyType({}),
        seen: Callable[[str, bool], None] = lambda who, here: None,
    ) -> None:
        self._platforms = dict(platforms)
        self._people = {
            who: {kind: each.person(name, phone) for kind, each in self._platforms.items()}
            for who, (name, phone) in people.items()
        }
        self._begin = begin
        self._ready = ready
        self._numbers = {who: phone for who, (_, phone) in people.items()}
        self._handsets = dict(handsets)
        self._seen = seen
        self._looks: Counter[str] = Counter()
        self._files: dict[str, Blob] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self._environment = Environment(
            loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined
        )

    def build(self) -> web.Application:
        app = web.Application(client_max_size=FILE_MAX_BYTES + 100_000)
        app.router.add_get("/", self._page)
        app.router.add_get("/live", self._live)
        app.router.add_post("/files/{kind}", self._upload)
        app.router.add_get("/files/{id}", self._file)
        app.router.add_get("/sounds/{id}.wav", self._sound)
        for name in PARTS:
            app.router.add_get(f"/{name}", self._part)
        app.on_shutdown.append(self._leave)
        return app

    async def _leave(self, _: web.Application) -> None:
        """Lets go of the pages that are open, which would hold the server up."""
        await asyncio.gather(*(each.close() for each in list(self._sockets)))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self._begin()
        lang = _language(request)
        words = {
            key.removeprefix("phone."): sentence
            for key, sentence in catalogue(lang).items()
            if key.startswith("phone.") and isinstance(sentence, str)
        }
        shown = {kind: words.get(f"kind.{kind}", kind) for kind in self._platforms}
        html = self._environment.get_template("phone.html").render(
            lang=lang,
            words=words,
            kinds=shown,
            who=self._who(request),
            number=self._number(self._who(request)),
            people=list(self._people),
            json=_inside(words),
        )
        csp = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
            "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        return web.Response(
            text=html,
            content_type="text/html",
            headers={"Content-Security-Policy": csp, "X-Content-Type-Options": "nosniff"},
        )

    def _number(self, who: str) -> str:
        """By which the person can be called, as people write it; empty if by none."""
        if who not in self._handsets:
            return ""
        return re.sub(r"^(\+\d)(\d{3})(\d{3})(\d\d)(\d\d)$", r"\1 \2 \3-\4-\5", self._numbers[who])

    def _who(self, request: web.Request) -> str:
        asked = request.query.get("who", "")
        return asked if asked in self._people else next(iter(self._people))

    async def _part(self, request: web.Request) -> web.StreamResponse:
        name = request.path.removeprefix("/")
        text = (PAGE / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=PARTS[name])

    async def _file(self, request: web.Request) -> web.StreamResponse:
        blob = self._files.get(request.match_info["id"])
        if blob is None:
            raise web.HTTPNotFound
        safe = blob.mime if blob.kind in ("image", "audio", "video") else ""
        return web.Response(
            body=blob.data,
            content_type=safe
            if safe.partition("/")[0] == blob.kind
            else "application/octet-stream",
            headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"},
        )

    async def _sound(self, request: web.Request) -> web.StreamResponse:
        asked = request.match_info["id"]
        for each in self._handsets.values():
            path = each.sound(asked)
            if path is not None and path.is_file():
                return web.FileResponse(path, headers={"X-Content-Type-Options": "nosniff"})
        raise web.HTTPNotFound

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        _check(request)
        kind = request.match_info["kind"]
        if kind not in self._platforms or not self._ready(kind):
            raise web.HTTPNotFound
        form = await request.post()
        given = form.get("file")
        if not isinstance(given, web.FileField):
            raise web.HTTPBadRequest
        mime = given.content_type
        first = mime.partition("/")[0]
        sort: FileKind = "file"
        if first == "image" and mime != "image/svg+xml":
            sort = "image"
        elif first == "audio":
            sort = "audio"
        elif first == "video":
            sort = "video"
        blob = Blob(given.filename, mime, given.file.read(), sort)
        await self._platforms[kind].send_file(
            self._people[self._who(request)][kind],
            blob,
            text=str(form.get("text", ""))[:TEXT_MAX_CHARS],
        )
        return web.Response(status=204)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Shows every chat whenever one changes, and hears what the person does."""
        _check(request)
        self._begin()
        who = self._who(request)
        people = self._people[who]
        socket = web.WebSocketResponse(heartbeat=20, max_msg_size=100_000)
        await socket.prepare(request)
        self._sockets.add(socket)
        self._look(who, 1)
        shower = asyncio.create_task(self._show(socket, people, self._handsets.get(who)))
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._hear(socket, who, frame.data)
        finally:
            self._look(who, -1)
            self._sockets.discard(socket)
            shower.cancel()
            await asyncio.wait([shower])
        return socket

    def _look(self, who: str, pages: int) -> None:
        self._looks[who] += pages
        self._seen(who, self._looks[who] > 0)

    async def _show(
        self, socket: web.WebSocketResponse, people: dict[str, Person], handset: Handset | None
    ) -> None:
        shown: dict[str, bytes] = {}
        with suppress(ConnectionError):
            while True:
                if handset is not None:
                    calls = msgspec.json.encode(handset.state())
                    if shown.get(CALLS) != calls:
                        shown[CALLS] = calls
                        await socket.send_str(calls.decode())
                for kind, platform in self._platforms.items():
                    if not self._ready(kind):
                        continue
                    state = msgspec.json.encode(self._state(kind, platform, people[kind]))
                    if shown.get(kind) != state:
                        shown[kind] = state
                        await socket.send_str(state.decode())
                # Platforms are few and chats short: looking again costs less than being told.
                await asyncio.sleep(0.15)

    def _state(self, kind: str, platform: Platform, person: Person) -> dict[str, Any]:
        chat = platform.chats[person.id]
        return {
            "kind": kind,
            "can": _abilities(platform),
            "blocked": chat.blocked,
            "typing": chat.typing_at.isoformat() if chat.typing_at else "",
            "bubbles": [self._bubble(each) for each in chat.bubbles[-200:]],
        }

    def _bubble(self, bubble: Bubble) -> dict[str, Any]:
        return {
            "id": bubble.id,
            "mine": bubble.mine,
            "at": bubble.at.isoformat(),
            "text": bubble.text,
            "files": [self._shown(each) for each in bubble.files],
            "place": bubble.place,
            "card": bubble.card,
            "buttons": bubble.buttons,
            "quote": bubble.quote,
            "edited": bubble.edited,
            "reactions": bubble.reactions,
            "read": bubble.read,
        }

    def _shown(self, blob: Blob) -> dict[str, Any]:
        id = hashlib.sha256(blob.data).hexdigest()[:32]
        self._files.setdefault(id, blob)
        return {
            "url": f"/files/{id}",
            "name": blob.name,
            "kind": blob.kind,
            "size": len(blob.data),
        }

    async def _hear(self, socket: web.WebSocketResponse, who: str, data: str) -> None:
        try:
            deed = msgspec.json.decode(data, type=Deed)
        except msgspec.MsgspecError:
            return
        if deed.kind == CALLS and who in self._handsets:
            self._handsets[who].do(deed.do, deed.bubble, deed.text)
            return
        platform = self._platforms.get(deed.kind)
        if platform is None or not self._ready(deed.kind):
            return
        try:
            await self._do(platform, self._people[who][deed.kind], deed)
        except NotImplementedError:
            await socket.send_json({"kind": deed.kind, "cannot": deed.do})

    async def _do(self, platform: Platform, person: Person, deed: Deed) -> None:
        match deed.do:
            case "write" if deed.text.strip():
                await platform.write(person, deed.text, quote=deed.bubble)
            case "begin":
                await platform.begin(person, deed.text.strip())
            case "press":
                await platform.press(person, deed.bubble, deed.data)
            case "rewrite" if deed.text.strip():
                await platform.rewrite(person, deed.bubble, deed.text)
            case "take_back":
                await platform.take_back(person, deed.bubble)
            case "react":
                await platform.react(person, deed.bubble, deed.text)
            case "read":
                await platform.read(person)
            case "type":
                await platform.type(person)
            case "block":
                await platform.block(person, blocked=deed.on)
            case "send_place":
                await platform.send_place(person, *HERE)
            case "send_card":
                await platform.send_card(person, person.name, person.phone, own=True)
            case "send_voice":
                await platform.send_file(person, Blob("voice.ogg", "audio/ogg", _voice(), "audio"))
            case _:
                return


def _abilities(platform: Platform) -> list[str]:
    """Which of a person's verbs the platform has."""
    verbs = (
        *("write", "send_file", "send_place", "send_card", "begin", "press", "rewrite"),
        *("take_back", "react", "read", "type", "block"),
    )
    return [each for each in verbs if getattr(type(platform), each) is not getattr(Platform, each)]


def _check(request: web.Request) -> None:
    """The page's own requests only: other sites' pages can reach this machine too."""
    origin = request.headers.get("Origin", "")
    if origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden


def _inside(words: dict[str, str]) -> str:
    """JSON that ends no script element."""
    return msgspec.json.encode(words).decode().replace("<", "\\u003c")


def _language(request: web.Request) -> Lang:
    asked = request.query.get("lang", "") or request.headers.get("Accept-Language", "")
    return "en" if asked.lower().startswith("en") else "ru"


def _voice() -> bytes:
    return (PAGE / "voice.ogg").read_bytes()

"""VK: a community's messages, by hook (Callback API) or by asking (Bots Long Poll).

https://dev.vk.com/ru/api/bots/overview
Calls are made by vk_api, which blocks, in threads of the channel's own, so that a call that
hangs holds up nothing but itself; files and polling go by `bots.line`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar

import jconfig
import requests
import urllib3.exceptions
import vk_api
from msgspec import Meta
from requests.adapters import HTTPAdapter

from bots.line.line import Line
from bots.line.settings import LineSettings, Receive, Secret
from bots.line.turns import in_turn
from bots.vkontakte.call import API, HOSTS, VERSION, as_json, first, text, within
from bots.vkontakte.errors import meant
from bots.vkontakte.events import CHATS_FROM, envelope, external_id, parse
from bots.vkontakte.hooks import Hooks
from bots.vkontakte.outgoing import TEXT_MAX, cmid_of, named, planned, random_id, text_of
from bots.vkontakte.polling import polled
from bots.vkontakte.uploads import MAX_BYTES, uploaded
from bots.vkontakte.words import REACTIONS, kept, keyboard, reaction_of
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import (
    OK,
    Account,
    Answer,
    ChannelKind,
    Draft,
    Hook,
    HookState,
    Polled,
    Profile,
    Receipt,
)
from hub.content import Remote
from hub.errors import (
    DeliveryError,
    PayloadError,
    RejectedError,
    SignatureError,
    ThrottledError,
    TransientError,
)
from hub.events import ChannelEvent
from hub.model import Identity
from hub.statuses import RequestType

THREADS = 4
CONNECT_SECONDS = 5
READ_SECONDS = 20
CALL_SECONDS = 40
SNACKBAR_MAX = 90


class VKSettings(LineSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`group_id` is the community's number, as in the address `club<number>`."""

    token: Secret
    group_id: Annotated[int, Meta(ge=1, le=2**53)]
    receive: Receive = "auto"


class VK(ChannelKind[VKSettings]):
    """A community; its person is known by VK's number, a message by its number in their chat."""

    kind = "vk"
    settings_type = VKSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.VK,
        text_max_chars=TEXT_MAX,
        attachments_max=10,
        attachment_max_bytes=MAX_BYTES,
        # messages.send looks for the same random_id in the chat's last hour.
        idempotent_for=timedelta(hours=1),
        hears=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.LOCATION, Ability.QUOTES, Ability.EDITS),
                *(Ability.REACTIONS, Ability.TYPING, Ability.READ, Ability.STAFF, Ability.JOIN),
                *(Ability.BLOCKED, Ability.BUTTONS),
            }
        ),
        does=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.BUTTONS, Ability.QUOTES, Ability.EDITS),
                *(Ability.DELETES, Ability.REACTIONS, Ability.TYPING, Ability.READ, Ability.JOIN),
            }
        ),
        edits_for=timedelta(hours=24),
        deletes_for=timedelta(hours=24),
        reactions=tuple(REACTIONS.values()),
        # https://dev.vk.com/ru/api/api-requests
        pace=Pace(per_second=20),
        receives=frozenset({"hook", "poll"}),
    )

    _line: Line | None = None
    _calls: _Calls | None = None

    async def close(self) -> None:
        line, self._line = self._line, None
        calls, self._calls = self._calls, None
        if calls is not None:
            calls.close()
        if line is not None:
            await line.close()

    @classmethod
    def numbered_by(cls, settings: VKSettings) -> str:
        return str(settings.group_id)

    def verify(self, hook: Hook) -> None:
        try:
            told = envelope(hook.body)
        except PayloadError:
            raise SignatureError from None
        if not self._is_ours(told.secret) or told.group_id != self.settings.group_id:
            raise SignatureError

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return parse(hook)

    async def answer(self, hook: Hook) -> Answer:
        """`ok`; to a confirmation, the word that VK's API tells at this moment.

        The word changes from time to time, so that none is kept.
        """
        if envelope(hook.body).type != "confirmation":
            return OK
        given = await self._call(
            "groups.getCallbackConfirmationCode", group_id=self.settings.group_id
        )
        code = within(given, "code")
        # Of all that could be answered, "remove" has VK take the hook off.
        if not isinstance(code, str) or not code.isalnum() or code == "remove":
            raise TransientError("vk code", reason="internal")
        return Answer(text=code)

    async def poll(self, marker: str) -> Polled:
        return await polled(self._call, self._reach(), self.settings.group_id, marker)

    def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        return self._reach().download(remote.ref)

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        peer, reach = _peer(to), self._reach()
        pieces = planned(draft)
        # First the files: an answer of which VK refuses one is not begun.
        names = [
            [await uploaded(self._call, reach, self.files, peer, file) for file in piece.files]
            for piece in pieces
        ]
        return await in_turn(
            partial(
                self._say,
                peer,
                random_id=random_id(draft.key, n),
                message=piece.text or None,
                attachment=",".join(names[n]) or None,
                keyboard=piece.keyboard or None,
                forward=_reply(peer, piece.reply_to) if piece.reply_to else None,
            )
            for n, piece in enumerate(pieces)
        )

    async def _say(self, peer: int, **message: Any) -> str:
        # Only with `peer_ids` does VK tell the number that the message has in its chat.
        told = first(await self._call("messages.send", sends=True, peer_ids=peer, **message))
        if (error := told.get("error")) is not None:
            code = within(error, "code")
            raise meant(code if isinstance(code, int) else 1, sends=True)
        cmid, id = told.get("conversation_message_id"), told.get("message_id")
        if not isinstance(cmid, int) or not isinstance(id, int):
            raise TransientError("vk send", maybe_sent=True, reason="internal")
        return external_id(peer, cmid, id)

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        peer, cmid = _peer(to), _number(external_id)
        texts = text_of(draft)
        if len(texts) > 1:
            raise RejectedError("too_long", reason="too_long")
        if not (message := await self._had(peer, str(cmid))):
            raise RejectedError("vk edit", reason="not_found")
        await self._call(
            "messages.edit",
            peer_id=peer,
            cmid=cmid,
            message=texts[0] if texts else "",
            # What is not said again is taken off the message.
            attachment=named(message.get("attachments")) or None,
            keyboard=keyboard(draft.buttons) or kept(message.get("keyboard")) or None,
            keep_forward_messages=1,
        )

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        peer, cmids = _peer(to), ",".join(str(_number(each)) for each in external_ids)
        try:
            given = await self._call("messages.delete", peer_id=peer, cmids=cmids, delete_for_all=1)
        except RejectedError:
            if await self._had(peer, cmids):
                raise
            return
        for each in given if isinstance(given, list) else []:
            code = within(within(each, "error"), "code")
            # These are of one that is not there: it was taken back before.
            if isinstance(code, int) and code not in (100, 104):
                raise meant(code)

    async def _had(self, peer: int, cmids: str) -> dict[str, Any]:
        """The first of these messages that is still there; empty when none is."""
        told = await self._call(
            "messages.getByConversationMessageId", peer_id=peer, conversation_message_ids=cmids
        )
        items = within(told, "items")
        there = [each for each in items or () if not within(each, "deleted")]
        return first(there)

    async def react(self, to: Identity, external_id: str, emoji: str) -> None:
        peer, cmid = _peer(to), _number(external_id)
        if not emoji:
            await self._call("messages.deleteReaction", peer_id=peer, cmid=cmid)
            return
        if not (reaction := reaction_of(emoji)):
            raise RejectedError("vk reaction", reason="not_here")
        await self._call("messages.sendReaction", peer_id=peer, cmid=cmid, reaction_id=reaction)

    async def show_typing(self, to: Identity, external_id: str = "") -> None:
        await self._call("messages.setActivity", peer_id=_peer(to), type="typing")

    async def mark_read(self, to: Identity, external_id: str) -> None:
        await self._call("messages.markAsRead", peer_id=_peer(to), up_to_cmid=_number(external_id))

    async def acknowledge(self, ref: str, text: str = "") -> None:
        user, _, rest = ref.partition(":")
        peer, _, event = rest.partition(":")
        shown = {"type": "show_snackbar", "text": text[:SNACKBAR_MAX]}
        await self._call(
            "messages.sendMessageEventAnswer",
            event_id=event,
            user_id=user,
            peer_id=peer,
            event_data=as_json(shown) if text else None,
        )

    async def profile(self, external_id: str) -> Profile | None:
        if not external_id.isdigit():
            return None
        fields = "photo_200,screen_name"
        told = first(await self._call("users.get", user_ids=external_id, fields=fields))
        if not told:
            return None
        username = text(told.get("screen_name"))
        return Profile(
            name=f"{text(told.get('first_name'))} {text(told.get('last_name'))}".strip(),
            username="" if username == f"id{external_id}" else username,
            picture=_picture(told.get("photo_200")),
        )

    async def account(self) -> Account:
        given = await self._call("groups.getById")
        told = first(within(given, "groups"))
        if told.get("id") != self.settings.group_id:
            raise RejectedError("another community's key", reason="misconfigured")
        return Account(
            name=text(told.get("name")),
            username=text(told.get("screen_name")) or f"club{self.settings.group_id}",
            picture=_picture(told.get("photo_200")),
        )

    def join_link(self, username: str, key: str) -> str:
        link = f"https://vk.me/{username}" if username else ""
        return f"{link}?ref={key}" if link and key else link

    async def hook(self) -> HookState:
        return await self._hooks().state()

    async def set_hook(self, url: str) -> None:
        await self._hooks().put(url, self.keys.sign("hook", str(self.id)))

    async def drop_hook(self) -> None:
        await self._hooks().drop()

    def _hooks(self) -> Hooks:
        return Hooks(self._call, self.settings.group_id, self._is_ours)

    def _is_ours(self, secret: str) -> bool:
        return self.keys.verify("hook", str(self.id), secret)

    def _reach(self) -> Line:
        if self._line is None:
            api = self.settings.api_url or API
            self._line = Line(api, proxy=self.settings.proxy, hosts=HOSTS)
        return self._line

    async def _call(self, method: str, *, sends: bool = False, **values: Any) -> Any:
        """What a method of the API returned; a DeliveryError for anything else."""
        if self._calls is None:
            self._calls = _Calls(self.settings)
        given = {name: value for name, value in values.items() if value is not None}
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._calls.made(method, given, sends=sends)
        except TimeoutError:
            raise TransientError("timeout", maybe_sent=sends, reason="timeout") from None


class _Calls:
    """The API from threads; each has a client of its own, for a client holds its lock in a call."""

    def __init__(self, settings: VKSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="vk")
        self._mine = threading.local()
        self._sessions: list[requests.Session] = []

    async def made(self, method: str, values: Mapping[str, Any], *, sends: bool) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._make, method, values, sends)

    def close(self) -> None:
        """Waits for nobody: a call that still hangs ends by its own time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self._sessions:
            each.close()

    def _make(self, method: str, values: Mapping[str, Any], sends: bool) -> Any:
        # What is raised here holds the key in its fields: only its kind goes further.
        try:
            return self._api().method(method, dict(values))
        except vk_api.ApiError as error:
            raise meant(error.code if isinstance(error.code, int) else 1, sends=sends) from None
        except vk_api.ApiHttpError as error:
            raise _http(error.response.status_code, sends) from None
        except requests.RequestException as error:
            raise _trouble(error, sends) from None
        except (KeyError, TypeError, AttributeError, ValueError):
            raise TransientError("not_json", maybe_sent=sends, reason="page") from None

    def _api(self) -> vk_api.VkApiGroup:
        made: vk_api.VkApiGroup | None = getattr(self._mine, "api", None)
        if made is None:
            session = _session(self._settings)
            self._sessions.append(session)
            made = vk_api.VkApiGroup(
                token=self._settings.token,
                api_version=VERSION,
                session=session,
                config=jconfig.MemoryConfig,
            )
            # Its own would sleep and call again without end, or open a page that VK names.
            made.error_handlers.clear()
            self._mine.api = made
        return made


class _Reach(HTTPAdapter):
    """Leads calls, whose host the library has fixed, to where the API is, for so long at most."""

    def __init__(self, api: str) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._address = api.rstrip("/")

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        request.url = self._address + (request.url or "").removeprefix(API)
        return super().send(request, *args, **kwargs | {"timeout": (CONNECT_SECONDS, READ_SECONDS)})


def _session(settings: VKSettings) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    # The key goes along with a redirect: none is followed, and there is no other host.
    session.max_redirects = 0
    session.adapters.clear()
    session.mount(API, _Reach(settings.api_url or API))
    if settings.proxy:
        # The h has the proxy look names up, as it does for everything else of the channel.
        proxy = settings.proxy.replace("socks5://", "socks5h://", 1)
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _http(status: int, sends: bool) -> DeliveryError:
    if status == 429:
        return ThrottledError("429", everywhere=True, reason="rate")
    if status == 413:
        return RejectedError("413", reason="too_large")
    return TransientError(str(status), maybe_sent=sends, reason="page")


def _trouble(error: requests.RequestException, sends: bool) -> DeliveryError:
    """What kind of trouble it was; its own text names addresses."""
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return TransientError("not_json", maybe_sent=sends, reason="page")
    if isinstance(error, requests.TooManyRedirects):
        return TransientError("redirect", reason="page")
    before = requests.ConnectTimeout | requests.exceptions.ProxyError | requests.exceptions.SSLError
    if isinstance(error, before):
        return TransientError("connect", reason="offline")
    if isinstance(error, requests.Timeout):
        return TransientError("timeout", maybe_sent=sends, reason="timeout")
    inner = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(inner, urllib3.exceptions.NewConnectionError):
        return TransientError("connect", reason="offline")
    return TransientError("connection", maybe_sent=sends, reason="internal")


def _peer(to: Identity) -> int:
    """Whom to write to; somebody who only filled in a form may have no number."""
    try:
        peer = int(to.external_id)
    except ValueError:
        raise RejectedError("nobody", reason="not_found") from None
    if not 0 < abs(peer) < CHATS_FROM:
        raise RejectedError("group", reason="not_here")
    return peer


def _number(external_id: str) -> int:
    if not (cmid := cmid_of(external_id)):
        raise RejectedError("vk message", reason="not_found")
    return cmid


def _reply(peer: int, cmid: int) -> str:
    return as_json({"peer_id": peer, "conversation_message_ids": [cmid], "is_reply": True})


def _picture(url: Any) -> Remote | None:
    if not isinstance(url, str) or not url.startswith("http") or "/images/camera_" in url:
        return None
    return Remote(ref=url, name="photo.jpg", mime="image/jpeg", kind="image")

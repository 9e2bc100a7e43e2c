"""Telegram's bots: https://core.telegram.org/bots/api ; aiogram makes the calls, and nothing more.

Updates are read from their own bytes (`bots/tg`), since a typed client refuses a whole batch for
one shape it does not know. The key is a part of every address: none is ever shown or logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar, cast
from urllib.parse import quote

import msgspec
from aiogram import Bot, methods, types
from aiogram.client.session.base import BaseSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import ClientDecodeError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from aiohttp import FormData

from bots.line.line import CALL_SECONDS, Line
from bots.line.text import parts, utf16
from bots.tg import updates, wire
from bots.tg.outgoing import (
    FILE_MAX_BYTES,
    REACTIONS,
    TEXT_MAX,
    WORDS_MAX,
    Piece,
    Sort,
    as_documents,
    entities,
    keyboard,
    pieces,
    refusal,
    sort,
)
from bots.tg.settings import API_URL, START, TelegramSettings
from hub.channels.abilities import Ability, Capabilities, Pace
from hub.channels.port import (
    Account,
    Bytes,
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
    CredentialsError,
    DeliveryError,
    RejectedError,
    SignatureError,
    ThrottledError,
    TransientError,
    UnreachableError,
)
from hub.events import ChannelEvent
from hub.keeping.keys import Keys
from hub.model import Attachment, ChannelId, Identity, cut
from hub.statuses import RequestType

SECRET_HEADER = "x-telegram-bot-api-secret-token"
UPLOAD_SECONDS = 24
POLL_SECONDS = 25
POLL_MAX = 50
"""Fewer than Telegram gives at once, so that the longest of them fit one answer."""
CONNECTIONS_MAX = 40
ANSWER_MAX = 200
PATIENCE = timedelta(seconds=5)
"""How long the rest of a reply waits in place when its beginning has gone out already."""


class _Parameters(msgspec.Struct, frozen=True):
    retry_after: float = 0


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    error_code: int = 0
    description: str = ""
    parameters: _Parameters = _Parameters()


class _Batch(msgspec.Struct, frozen=True):
    result: list[msgspec.Raw]


class _Counted(msgspec.Struct, frozen=True):
    update_id: int


_answers = msgspec.json.Decoder(_Answer)
_batches = msgspec.json.Decoder(_Batch)
_counted = msgspec.json.Decoder(_Counted)

ALONE: dict[Sort, Any] = {
    "photo": methods.SendPhoto,
    "video": methods.SendVideo,
    "audio": methods.SendAudio,
    "voice": methods.SendVoice,
    "document": methods.SendDocument,
}
IN_ALBUM: dict[Sort, Any] = {
    "photo": types.InputMediaPhoto,
    "video": types.InputMediaVideo,
    "audio": types.InputMediaAudio,
    "document": types.InputMediaDocument,
}


class _Upload(types.InputFile):
    """A file of the hub's, read as it goes out; `failed` is why it could not be."""

    def __init__(self, file: Attachment, files: Bytes) -> None:
        super().__init__(filename=file.name or "file")
        self.failed: DeliveryError | None = None
        self._file = file
        self._files = files

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in self._files.read(self._file):
                yield chunk
        except DeliveryError as error:
            self.failed = error
            raise


class _Session(BaseSession):
    """aiogram's calls over our line: our limits, our proxy, our errors, and no address in any."""

    def __init__(self, line: Line) -> None:
        super().__init__(api=TelegramAPIServer.from_base(API_URL))
        self._line = line

    async def close(self) -> None:
        await self._line.close()

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109
    ) -> TelegramType:
        uploads: dict[str, types.InputFile] = {}
        fields = {
            name: self.prepare_value(value, bot=bot, files=uploads)
            for name, value in method.model_dump(warnings=False).items()
        }
        form = FormData(quote_fields=False)
        for name, value in fields.items():
            if value:
                form.add_field(name, value)
        for name, upload in uploads.items():
            form.add_field(name, upload.read(bot), filename=upload.filename)
        seconds = UPLOAD_SECONDS if uploads else timeout or CALL_SECONDS
        try:
            body = await self.ask(bot, method.__api_method__, form, seconds)
        except TransientError:
            for upload in uploads.values():
                if isinstance(upload, _Upload) and upload.failed:
                    # Cut off in the middle of the body: Telegram has no whole request.
                    raise upload.failed from None
            raise
        try:
            read = self.check_response(bot, method, 200, body.decode(errors="replace"))
        except ClientDecodeError:
            raise TransientError("not_its_shape", maybe_sent=True, reason="page") from None
        return cast(TelegramType, read.result)

    async def ask(self, bot: Bot, name: str, form: Any, seconds: float) -> bytes:
        """What is answered to one call; raises the error that it means."""
        said = await self._line.call("POST", f"/bot{bot.token}/{name}", data=form, seconds=seconds)
        try:
            answer = _answers.decode(said.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # A page of something in between, which may or may not have passed the call on.
            raise TransientError("not_json", maybe_sent=True, reason="page") from None
        if answer.ok and said.status < 300:
            return said.body
        raise refusal(
            answer.error_code or said.status, answer.description, answer.parameters.retry_after
        )

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        async for chunk in self._line.download(url, headers=headers):
            yield chunk


class Telegram(ChannelKind[TelegramSettings]):
    """One bot, and the business accounts that are connected to it."""

    kind: ClassVar[str] = "telegram"
    settings_type: ClassVar[type[msgspec.Struct]] = TelegramSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        type=RequestType.TELEGRAM,
        text_max_chars=8_000,
        attachments_max=10,
        attachment_max_bytes=FILE_MAX_BYTES,
        hears=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.LOCATION, Ability.CONTACT, Ability.PHONE),
                *(Ability.BUTTONS, Ability.QUOTES, Ability.EDITS, Ability.REACTIONS),
                *(Ability.STAFF, Ability.JOIN, Ability.BLOCKED),
            }
        ),
        does=frozenset(
            {
                *(Ability.FILES, Ability.VOICE, Ability.PHONE, Ability.BUTTONS, Ability.QUOTES),
                *(Ability.EDITS, Ability.DELETES, Ability.REACTIONS, Ability.TYPING, Ability.JOIN),
            }
        ),
        # https://core.telegram.org/bots/api#deletemessage
        deletes_for=timedelta(hours=48),
        reactions=REACTIONS,
        # https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
        pace=Pace(per_second=30, per_chat=timedelta(seconds=1)),
        receives=frozenset({"hook", "poll"}),
    )

    def __init__(
        self,
        id: ChannelId,
        settings: TelegramSettings,
        keys: Keys,
        files: Bytes | None = None,
    ) -> None:
        super().__init__(id, settings, keys, files)
        self._line = Line(settings.api_url or API_URL, proxy=settings.proxy)
        self._session = _Session(self._line)
        self._bot = Bot(settings.token, session=self._session)

    @classmethod
    def numbered_by(cls, settings: TelegramSettings) -> str:
        # A key is the bot's number and a secret.
        return settings.token.partition(":")[0]

    async def close(self) -> None:
        await self._line.close()

    def verify(self, hook: Hook) -> None:
        told = hook.headers.get(SECRET_HEADER, "")
        if not self.keys.verify("hook", str(self.id), told):
            raise SignatureError("the secret of the hook is not ours")

    def parse(self, hook: Hook) -> Sequence[ChannelEvent]:
        return updates.read(hook)

    async def send(self, to: Identity, draft: Draft) -> Receipt:
        said: list[str] = []
        left = deque(pieces(draft))
        while left:
            piece = left.popleft()
            buttons = keyboard(draft.buttons) if not left else None
            try:
                sent = await self._said(to, piece, "" if said else draft.reply_to, buttons)
            except (RejectedError, UnreachableError) as error:
                if error.reason != "file_type" or piece.bare:
                    error.maybe_sent = bool(said)
                    raise
                left.extendleft(reversed(as_documents(piece)))
            except ThrottledError as error:
                if not said:
                    raise
                if error.retry_after > PATIENCE:
                    raise TransientError(str(error), maybe_sent=True, reason="rate") from None
                await asyncio.sleep(error.retry_after.total_seconds())
                left.appendleft(piece)
            except (TransientError, CredentialsError) as error:
                if not said:
                    raise
                # With half of it there, the whole is not said again.
                raise TransientError(str(error), maybe_sent=True, reason=error.reason) from None
            else:
                said += [f"{to.external_id}:{each.message_id}" for each in sent]
        return Receipt(external_id=said[0], more=tuple(said[1:]))

    async def _said(
        self, to: Identity, piece: Piece, reply_to: str, buttons: dict[str, Any] | None
    ) -> list[types.Message]:
        about = _number(reply_to)
        told: dict[str, Any] = _chat(to) | {
            "reply_parameters": {"message_id": about, "allow_sending_without_reply": True}
            if about
            else None
        }
        caption = {"caption": piece.text or None, "caption_entities": entities(piece)}
        if not piece.files:
            told |= {"text": piece.text, "entities": entities(piece), "reply_markup": buttons}
            return [await self._bot.send_message(**told)]
        if len(piece.files) > 1:
            album = [
                IN_ALBUM[sort(file)](media=self._upload(file), **({} if number else caption))
                for number, file in enumerate(piece.files)
            ]
            return await self._bot.send_media_group(media=album, **told)
        [file] = piece.files
        way = "document" if piece.bare else sort(file)
        told |= caption | {way: self._upload(file), "reply_markup": buttons}
        return [await self._bot(ALONE[way](**told))]

    def _upload(self, file: Attachment) -> _Upload:
        return _Upload(file, self.files)

    async def edit(self, to: Identity, external_id: str, draft: Draft) -> None:
        said = parts(draft.text, TEXT_MAX, utf16)
        if len(said) > 1:
            raise RejectedError("over one message", reason="too_long")
        piece = Piece(text=said[0][0], spans=tuple(said[0][1])) if said else Piece()
        buttons = keyboard(draft.buttons)
        told: dict[str, Any] = _chat(to) | {
            "message_id": _number(external_id, wanted=True),
            "reply_markup": buttons if buttons and "inline_keyboard" in buttons else None,
        }
        caption: dict[str, Any] = {
            "caption": piece.text or None,
            "caption_entities": entities(piece),
        }
        text: dict[str, Any] = {"text": piece.text, "entities": entities(piece)}
        try:
            if draft.attachments or not piece.text:
                await self._bot.edit_message_caption(**told, **caption)
                return
            try:
                await self._bot.edit_message_text(**told, **text)
            except RejectedError as error:
                if "no text in the message" not in str(error):
                    raise
                await self._bot.edit_message_caption(**told, **caption)
        except RejectedError as error:
            if "not modified" not in str(error):
                raise

    async def delete(self, to: Identity, external_ids: Sequence[str]) -> None:
        told = _chat(to)
        connection = told.pop("business_connection_id")
        for external_id in external_ids:
            number = _number(external_id, wanted=True)
            try:
                if connection:
                    await self._bot.delete_business_messages(connection, [number])
                else:
                    await self._bot.delete_message(message_id=number, **told)
            except RejectedError as error:
                if error.reason != "not_found":
                    raise

    async def react(self, to: Identity, external_id: str, emoji: str) -> None:
        told = _chat(to)
        if told.pop("business_connection_id"):
            raise RejectedError("a business account has no reactions of ours", reason="not_here")
        # Telegram's list has them without what asks for colour.
        wanted = emoji.replace("\ufe0f", "")
        await self._bot.set_message_reaction(
            message_id=_number(external_id, wanted=True),
            reaction=[types.ReactionTypeEmoji(emoji=wanted)] if wanted else [],
            **told,
        )

    async def show_typing(self, to: Identity, external_id: str = "") -> None:
        await self._bot.send_chat_action(action="typing", **_chat(to))

    async def acknowledge(self, ref: str, text: str = "") -> None:
        # One that Telegram has given up already waits for nobody.
        with suppress(RejectedError):
            await self._bot.answer_callback_query(ref, text=text[:ANSWER_MAX] or None)

    async def fetch(self, remote: Remote) -> AsyncIterator[bytes]:
        file = await self._bot.get_file(remote.ref)
        path = file.file_path or ""
        if not path or path.startswith("/"):
            # A server of one's own in local mode names places on its disk.
            raise RejectedError("no path to download", reason="misconfigured")
        api = self.settings.api_url or API_URL
        url = f"{api.rstrip('/')}/file/bot{self.settings.token}/{quote(path)}"
        async for chunk in self._line.download(url):
            yield chunk

    async def profile(self, external_id: str) -> Profile | None:
        chat = await self._bot.get_chat(external_id.rpartition("@")[2])
        return Profile(
            name=f"{chat.first_name or ''} {chat.last_name or ''}".strip(),
            username=chat.username or "",
            picture=Remote(
                ref=chat.photo.big_file_id, name="photo.jpg", mime="image/jpeg", kind="image"
            )
            if chat.photo
            else None,
        )

    async def account(self) -> Account:
        me = await self._bot.get_me()
        picture = None
        with suppress(RejectedError, TransientError, ThrottledError):
            photos = (await self._bot.get_user_profile_photos(me.id, limit=1)).photos
            if photos and photos[0]:
                best = max(photos[0], key=lambda each: each.width * each.height)
                picture = Remote(
                    ref=best.file_id, name="photo.jpg", mime="image/jpeg", kind="image"
                )
        return Account(name=me.full_name, username=me.username or "", picture=picture)

    def join_link(self, username: str, key: str) -> str:
        name = username.removeprefix("@")
        if not name or (key and not START.fullmatch(key)):
            return ""
        return f"https://t.me/{name}?start={key}" if key else f"https://t.me/{name}"

    async def hook(self) -> HookState:
        state = await self._bot.get_webhook_info()
        return HookState(
            url=state.url,
            waiting=state.pending_update_count,
            error=(state.last_error_message or "")[:WORDS_MAX],
            error_at=cut(state.last_error_date) if state.last_error_date else None,
        )

    async def set_hook(self, url: str) -> None:
        await self._bot.set_webhook(
            url,
            secret_token=self.keys.sign("hook", str(self.id)),
            allowed_updates=list(wire.WANTED),
            max_connections=CONNECTIONS_MAX,
        )

    async def drop_hook(self) -> None:
        await self._bot.delete_webhook()

    async def poll(self, marker: str) -> Polled:
        asked = {
            "timeout": str(POLL_SECONDS),
            "limit": str(POLL_MAX),
            "allowed_updates": msgspec.json.encode(wire.WANTED).decode(),
        }
        if marker.isascii() and marker.isdigit():
            asked["offset"] = marker
        body = await self._session.ask(self._bot, "getUpdates", asked, POLL_SECONDS + CALL_SECONDS)
        try:
            bodies = _batches.decode(body).result
            numbers = [_counted.decode(body).update_id for body in bodies]
        except msgspec.MsgspecError:
            raise TransientError("not_updates", reason="page") from None
        return Polled(
            bodies=tuple(bytes(body) for body in bodies),
            marker=str(max(numbers) + 1) if numbers else marker,
        )


def _chat(to: Identity) -> dict[str, Any]:
    connection, _, chat = to.external_id.rpartition("@")
    return {"chat_id": chat, "business_connection_id": connection or None}


def _number(external_id: str, *, wanted: bool = False) -> int:
    """The message's number in its chat, or 0 for what is no message there."""
    number = external_id.rpartition(":")[2]
    if number.isascii() and number.isdigit() and len(number) < 19:
        return int(number)
    if wanted:
        raise RejectedError("no message of Telegram", reason="not_found")
    return 0

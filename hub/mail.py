"""Letters by e-mail: to a project whose client was not reached, to operators without a messenger.

A letter is a document with an id that follows from what it tells, so it is promised once however
often it is asked for. Sending is at least once, always under the same Message-ID. The only module
that speaks SMTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache, partial
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec.structs import replace

from hub import config
from hub.accounts import Who
from hub.bus import Bus
from hub.calls import verdict
from hub.calls.call import Call, Outcome
from hub.errors import UnavailableError
from hub.lead import Lead
from hub.legible import legible, line
from hub.mailbox import is_mailbox
from hub.model import Operator, Project, ProjectId
from hub.records import Notice, Post
from hub.statuses import Lang
from hub.store.engine import AbsentError, Engine, Insert, Range, TakenError
from hub.store.schema import POSTS_DUE, POSTS_OLD
from hub.texts import text

WAKE = "mail"
IDLE = timedelta(seconds=5)
AT_ONCE = 5
SECONDS = 20
"""For one word of the server; a letter as a whole has twice as long."""
CLAIM = timedelta(minutes=2)
RETRIES = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 180, 360, 720))
"""A server that greylists wants to be asked again after minutes, one that is away for a day."""
KEPT = timedelta(days=30)
SWEEP_EVERY = timedelta(minutes=30)
VALUE_MAX = 1_000
SUBJECT_MAX = 150
BODY_MAX = 10_000
PORTS = {"smtp": 587, "smtps": 465}
FOR_PEOPLE = (verdict.EXHAUSTED, Outcome.INVALID_NUMBER)
HERE = ("localhost", "127.0.0.1", "::1")

log = logging.getLogger(__name__)


Ended = Literal["sent", "refused", "lost"]


class _OthersError(Exception):
    """Another worker has it."""


class _RefusedError(Exception):
    """The server will never take this letter; its text is a code."""


class _LaterError(Exception):
    """It may be taken another time; its text is a code."""


async def promise(
    engine: Engine,
    id: str,
    project: ProjectId,
    to: str,
    template: str,
    data: Mapping[str, str],
    now: datetime,
    lang: Lang = "ru",
) -> bool:
    """Has that letter sent, once for an id and an address; False if it was promised before.

    What cannot be an address gets none.
    """
    if not is_mailbox(to):
        return False
    named = f"{project}:{id}:{to}"
    post = Post(
        id=hashlib.sha256(named.encode()).hexdigest()[:24],
        project=project,
        to=to,
        template=template,
        lang=lang,
        data={name: legible(value)[:VALUE_MAX] for name, value in data.items()},
        due_at=now,
        created_at=now,
    )
    try:
        await engine.write(Insert(post))
    except TakenError:
        return False
    return True


async def exhausted(engine: Engine, project: ProjectId, lead: Lead, now: datetime) -> int:
    """Tells the project that a lead waits for people; to how many addresses it is on its way.

    Once for as many calls as the lead had: whoever has it called again is told again.
    """
    home = await engine.get(Project, project)
    if home is None:
        return 0
    data = {
        "project": home.name,
        "phone": lead.phone,
        "name": lead.name,
        "tries": str(lead.attempts),
        "dialog": lead.dialog or "",
    }
    for to in home.calling.mails:
        id = f"exhausted:{lead.id}:{lead.calls}"
        await promise(engine, id, project, to, "exhausted", data, now, home.lang)
    return len(home.calling.mails)


async def notice(
    engine: Engine, notice: Notice, operator: Operator, said: str, now: datetime
) -> bool:
    """Tells an operator by e-mail what no messenger took; False if there is no address of his.

    `said` is what the messenger would have shown; its first line is the subject.
    """
    if not operator.email:
        return False
    home = await engine.get(Project, notice.project)
    data = {
        "project": home.name if home is not None else "",
        "first": line(said.partition("\n")[0], SUBJECT_MAX),
        "said": said,
        "dialog": notice.dialog,
    }
    id = f"notice:{notice.id}:{notice.rounds}"
    await promise(engine, id, notice.project, operator.email, "notice", data, now, operator.lang)
    return True


class Mail:
    """Sends what was promised, while there is a server to send it by."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        settings: config.Mail,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._settings = settings
        self._public_url = public_url
        self._now = now
        self.seconds: float = SECONDS

    async def run(self) -> None:
        """Sends what is due until cancelled, and now and then clears away what is over."""
        swept = self._now() - SWEEP_EVERY
        while True:
            try:
                more = await self.work()
                if self._now() - swept >= SWEEP_EVERY:
                    swept = self._now()
                    await self.sweep(swept)
            except UnavailableError as error:
                log.warning("mail.waits", extra={"reason": str(error)})
                more = False
            if not more:
                await self._bus.sleep(WAKE, IDLE)

    async def work(self) -> bool:
        """Sends what is due now; True when there may be more."""
        page = await self._engine.find(
            POSTS_DUE, range=Range("due_at", at_most=self._now()), limit=AT_ONCE
        )
        await asyncio.gather(*(self._guarded(each) for each in page.items))
        return len(page.items) == AT_ONCE

    async def sweep(self, now: datetime) -> int:
        """Deletes what went or will never go, for long."""
        page = await self._engine.find(
            POSTS_OLD, range=Range("created_at", below=now - KEPT), limit=500
        )
        for post in page.items:
            await self._engine.delete_if(Post, post.id, lambda had: had.due_at is None)
        return len(page.items)

    async def called(self, call: Call, lead: Lead | None) -> None:
        """What follows from the end of a call: whom no further one will reach is told of."""
        if lead is None or not lead.live or lead.cause not in FOR_PEOPLE:
            return
        if await exhausted(self._engine, call.project, lead, self._now()):
            await self._bus.wake(WAKE)

    async def unheard(self, told: Notice, who: Who, said: str) -> None:
        """What none of an operator's messengers took."""
        if await notice(self._engine, told, who.operator, said, self._now()):
            await self._bus.wake(WAKE)

    async def check(self) -> str:
        """A code of why the server takes no letters from here, "" if it does."""
        if not self._settings.url:
            return "off"
        try:
            async with asyncio.timeout(self.seconds), self._connected():
                return ""
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            return _code(error)

    async def _guarded(self, post: Post) -> None:
        try:
            await self._fire(post)
        except (_OthersError, AbsentError):
            return
        except UnavailableError:
            raise
        except Exception:
            log.exception("mail.failed", extra={"post": post.id})

    async def _fire(self, post: Post) -> None:
        now, token = self._now(), secrets.token_hex(8)

        def claimed(had: Post) -> Post:
            if had.due_at is None or had.due_at > now:
                raise _OthersError
            return replace(had, due_at=now + CLAIM, by=token)

        post = await self._engine.change(Post, post.id, claimed)
        if not self._settings.url:
            await self._end(post, "lost", "off")
            return
        try:
            await self._sent(post)
        except _RefusedError as error:
            log.warning("mail.refused", extra={"post": post.id, "reason": str(error)})
            await self._end(post, "refused", str(error))
        except _LaterError as error:
            log.warning("mail.later", extra={"post": post.id, "reason": str(error)})
            await self._later(post, str(error))
        except Exception:
            # A letter that cannot even be made is not made better by the next try.
            await self._end(post, "lost", "internal")
            raise
        else:
            await self._end(post, "sent", "")

    async def _sent(self, post: Post) -> None:
        letter = self._letter(post)
        try:
            async with asyncio.timeout(2 * self.seconds), self._connected() as server:
                await server.send_message(letter)
        except SMTPRecipientsRefused as error:
            raise _verdict(error.recipients[0] if error.recipients else error) from None
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            raise _verdict(error) from None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        server = self._server()
        try:
            await server.connect()
            yield server
            # The letter is taken whatever becomes of the goodbye.
            with suppress(SMTPException, OSError):
                await server.quit()
        finally:
            server.close()

    def _server(self) -> aiosmtplib.SMTP:
        """A connection to be; encrypted, but for a server on this machine that wants no name."""
        mail = self._settings
        parts = urlsplit(mail.url)
        bare = parts.scheme == "smtp" and parts.hostname in HERE and not parts.username
        trust = ssl.create_default_context(cafile=mail.ca_file if mail.ca_file != Path() else None)
        return aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or "") if parts.username else None,
            use_tls=parts.scheme == "smtps",
            start_tls=parts.scheme == "smtp" and not bare,
            tls_context=None if bare else trust,
            local_hostname=_domain(mail.sender),
            timeout=self.seconds,
        )

    def _letter(self, post: Post) -> EmailMessage:
        said = {name: line(value, VALUE_MAX) for name, value in post.data.items()}
        subject = text(post.lang, f"mail.{post.template}.subject", **said)
        letter = EmailMessage(policy=SMTP)
        letter["From"] = self._settings.sender
        letter["To"] = post.to
        letter["Subject"] = line(subject, SUBJECT_MAX)
        letter["Date"] = format_datetime(post.created_at)
        letter["Message-ID"] = f"<{post.id}@{_domain(self._settings.sender)}>"
        # Nobody's "I am away" is to come back for it: RFC 3834.
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(self._body(post), cte="base64")
        return letter

    def _body(self, post: Post) -> str:
        dialog = post.data.get("dialog", "")
        link = (
            f"{self._public_url}/inbox#{quote(dialog, safe='')}"
            if dialog and self._public_url
            else ""
        )
        template = _templates().get_template(f"{post.template}.txt")
        said = template.render(post.data, link=link, t=partial(text, post.lang))
        return legible(said)[:BODY_MAX]

    async def _later(self, post: Post, error: str) -> None:
        if post.tries >= len(RETRIES):
            await self._end(post, "lost", error)
            return
        until = self._now() + RETRIES[post.tries]

        def later(had: Post) -> Post | None:
            if had.by != post.by:
                return None
            return replace(had, due_at=until, tries=had.tries + 1, by="", error=error)

        await self._engine.change(Post, post.id, later)

    async def _end(self, post: Post, state: Ended, error: str) -> None:
        def ended(had: Post) -> Post | None:
            if had.by != post.by:
                return None
            return replace(had, state=state, due_at=None, by="", error=error, ended_at=self._now())

        with suppress(AbsentError):
            await self._engine.change(Post, post.id, ended)


def _verdict(error: Exception) -> Exception:
    """5xx of this letter is for good; all else, a wrong password too, may be better tomorrow."""
    code = _code(error)
    of_letter = isinstance(error, SMTPRecipientRefused | SMTPDataError)
    if of_letter and isinstance(error, SMTPResponseException) and error.code >= 500:
        return _RefusedError(code)
    return _LaterError(code)


def _code(error: Exception) -> str:
    """What went wrong without the server's words, which may hold addresses and names."""
    if isinstance(error, SMTPResponseException):
        return str(error.code)
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return "tls"
    if isinstance(error, OSError):
        return "offline"
    return "server"


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]


@cache
def _templates() -> Environment:
    """Plain text comes of it, so nothing is escaped; what is missing is a fault of ours."""
    return Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).parent / "texts" / "mail"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

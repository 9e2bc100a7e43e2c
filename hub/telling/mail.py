"""Letters by e-mail: to a project whose client was not reached, to operators without a messenger.

A letter is an errand: promised once, sent at least once, always under the same Message-ID. The only
module that speaks SMTP.
"""

from __future__ import annotations

import asyncio
import logging
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

from hub import config
from hub.accounts import Who
from hub.bus import Bus
from hub.calls import verdict
from hub.calls.call import Call
from hub.leads.lead import Lead
from hub.legible import legible, line
from hub.model import DialogId, Operator, Project, ProjectId
from hub.records import Notice, Post
from hub.statuses import Lang
from hub.store.engine import Engine
from hub.store.schema import POSTS_DUE, POSTS_OLD
from hub.telling import errands
from hub.telling.errands import RETRIES, Errands
from hub.telling.mailbox import is_mailbox
from hub.texts import text

WAKE = "mail"
AT_ONCE = 5
SECONDS = 20
"""For one word of the server; a letter as a whole has twice as long."""
CLAIM = timedelta(minutes=2)
VALUE_MAX = 1_000
SUBJECT_MAX = 150
BODY_MAX = 10_000
PORTS = {"smtp": 587, "smtps": 465}
HERE = ("localhost", "127.0.0.1", "::1")

log = logging.getLogger(__name__)


Ended = Literal["sent", "refused", "lost"]


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
    *,
    lang: Lang = "ru",
    dialog: DialogId | None = None,
) -> bool:
    """Has that letter sent, once for an id and an address; False if it was promised before.

    What cannot be an address gets none.
    """
    if not is_mailbox(to):
        return False
    post = Post(
        id=errands.id_of(project, id, to),
        project=project,
        dialog=dialog,
        to=to,
        template=template,
        lang=lang,
        data={name: legible(value)[:VALUE_MAX] for name, value in data.items()},
        due_at=now,
        created_at=now,
    )
    return await errands.promise(engine, post)


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
    }
    for to in home.calling.mails:
        id = f"exhausted:{lead.id}:{lead.calls}"
        await promise(
            engine, id, project, to, "exhausted", data, now, lang=home.lang, dialog=lead.dialog
        )
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
    }
    id = f"notice:{notice.id}:{notice.rounds}"
    await promise(
        engine,
        id,
        notice.project,
        operator.email,
        "notice",
        data,
        now,
        lang=operator.lang,
        dialog=notice.dialog,
    )
    return True


class Mail(Errands[Post]):
    """Sends what was promised, while there is a server to send it by."""

    def __init__(
        self,
        engine: Engine,
        bus: Bus,
        settings: config.Mail,
        public_url: str,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(engine, bus, now, WAKE, POSTS_DUE, POSTS_OLD, at_once=AT_ONCE, claim=CLAIM)
        self._settings = settings
        self._public_url = public_url
        self.seconds: float = SECONDS

    async def called(self, call: Call, lead: Lead | None) -> None:
        """What follows from the end of a call: whom no further one will reach is told of."""
        if lead is None or not verdict.is_for_people(lead):
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

    async def _do(self, post: Post) -> None:
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
        is_linked = post.dialog is not None and self._public_url
        link = f"{self._public_url}/inbox#{quote(post.dialog or '', safe='')}" if is_linked else ""
        template = _templates().get_template(f"{post.template}.txt")
        said = template.render(post.data, link=link, t=partial(text, post.lang))
        return legible(said)[:BODY_MAX]

    async def _later(self, post: Post, error: str) -> None:
        if post.tries >= len(RETRIES):
            await self._end(post, "lost", error)
            return
        until = self._now() + RETRIES[post.tries]
        await self.settle(post, due_at=until, tries=post.tries + 1, error=error)

    async def _end(self, post: Post, state: Ended, error: str) -> None:
        await self.settle(post, due_at=None, state=state, error=error)


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
        loader=FileSystemLoader(Path(__file__).parents[1] / "texts" / "mail"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

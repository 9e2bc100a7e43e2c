"""Letters go out once each, whatever their server does, and carry nothing that they should not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import config, mail
from hub.bus import LocalBus
from hub.calling import Calling
from hub.errands import KEPT, RETRIES
from hub.errors import ConfigError
from hub.lead import Lead
from hub.mail import CLAIM, Mail
from hub.mailbox import is_mailbox
from hub.model import DialogId, Operator, OperatorId, Project, ProjectId
from hub.records import Notice, Post
from hub.schedule import always
from hub.statuses import Status
from hub.store.engine import Engine, Insert
from hub.store.schema import POSTS_OLD
from tests.spine import Clock

SHOP = ProjectId("shop")
ANNA = "anna@example.com"


class Server:
    """A real SMTP server that does with its letters as it is told."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.says: list[str] = []
        """What it answers to the next recipients, and then 250."""
        self.after_data: list[str] = []
        self.drops = 0
        """So many connections are cut in the middle of a letter."""
        self.silent = False
        self.asked = asyncio.Event()
        self.port = 0

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        self.asked.set()
        if self.silent:
            await asyncio.Event().wait()
        if self.says and (said := self.says.pop(0)) != "250":
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.drops:
            self.drops -= 1
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 OK"
        if self.after_data:
            return self.after_data.pop(0)
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"


@asynccontextmanager
async def serving(server: Server, *, wrapped: bool = False, **told: Any) -> AsyncIterator[Server]:
    """`wrapped` is TLS from the first byte on."""
    loop = asyncio.get_running_loop()
    around = told.pop("around", None) if wrapped else None
    listening = await loop.create_server(
        lambda: SMTP(server, loop=loop, hostname="mx.example.com", **told),
        "127.0.0.1",
        0,
        ssl=around,
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(Server()) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Office:
    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock

    def mail(self, url: str, **told: Any) -> Mail:
        settings = config.Mail(url=config.Secret(url), sender="Отклик <hub@example.com>", **told)
        return Mail(self.engine, LocalBus(), settings, "https://hub.example", self.clock)

    async def promised(self, id: str = "one", **told: str) -> bool:
        data = {"project": "Ромашка", "phone": "+79161234567", "name": "Анна", "tries": "3"}
        data |= told
        at, row = self.clock(), DialogId("site:1:1")
        return await mail.promise(self.engine, id, SHOP, ANNA, "exhausted", data, at, dialog=row)

    async def posts(self) -> list[Post]:
        return (await self.engine.find(POSTS_OLD, limit=100)).items

    async def post(self) -> Post:
        [one] = await self.posts()
        return one


@pytest.fixture
async def office(engine: Engine, clock: Clock) -> Office:
    return Office(engine, clock)


def plain(server: Server) -> str:
    return f"smtp://127.0.0.1:{server.port}"


async def test_a_letter_says_what_happened_and_where_to_look(
    office: Office, server: Server
) -> None:
    sending = office.mail(plain(server))
    assert await office.promised()
    assert not await office.promised()
    await sending.work()
    [letter] = server.letters
    assert letter["Subject"] == "Не дозвонились: +79161234567"
    assert (letter["To"], letter["Auto-Submitted"]) == (ANNA, "auto-generated")
    assert str(letter["From"]) == "Отклик <hub@example.com>"
    assert letter["Message-ID"] == f"<{(await office.post()).id}@example.com>"
    body = letter.get_content()
    for part in ("Ромашка", "+79161234567", "Имя: Анна", "Попыток: 3"):
        assert part in body
    assert "https://hub.example/inbox#site%3A1%3A1" in body
    post = await office.post()
    assert (post.state, post.due_at) == ("sent", None)
    await sending.work()
    assert len(server.letters) == 1


async def test_two_workers_send_it_once(office: Office, server: Server) -> None:
    await office.promised()
    await asyncio.gather(*(office.mail(plain(server)).work() for _ in range(5)))
    assert len(server.letters) == 1


async def test_an_address_that_is_refused_for_good_is_not_asked_again(
    office: Office, server: Server
) -> None:
    server.says = ["550 no such mailbox"]
    sending = office.mail(plain(server))
    await office.promised()
    await sending.work()
    post = await office.post()
    assert (post.state, post.error, post.due_at) == ("refused", "550", None)
    office.clock.at += timedelta(days=2)
    await sending.work()
    assert server.letters == []


async def test_a_letter_that_is_refused_for_now_goes_later(office: Office, server: Server) -> None:
    server.says = ["451 greylisted"]
    server.after_data = ["452 disk full"]
    sending = office.mail(plain(server))
    await office.promised()
    for wait in RETRIES[:2]:
        await sending.work()
        assert server.letters == []
        assert (await office.post()).due_at == office.clock.at + wait
        await sending.work()
        office.clock.at += wait
    await sending.work()
    assert len(server.letters) == 1
    assert (await office.post()).state == "sent"


async def test_words_that_are_refused_for_good_are_not_said_again(
    office: Office, server: Server
) -> None:
    server.after_data = ["554 spam"]
    await office.promised()
    await office.mail(plain(server)).work()
    assert (await office.post()).state == "refused"


async def test_a_connection_cut_in_the_middle_is_tried_again_as_the_same_letter(
    office: Office, server: Server
) -> None:
    server.drops = 1
    sending = office.mail(plain(server))
    await office.promised()
    await sending.work()
    post = await office.post()
    assert (post.state, post.tries, server.letters) == ("waiting", 1, [])
    office.clock.at += RETRIES[0]
    await sending.work()
    [letter] = server.letters
    assert letter["Message-ID"] == f"<{post.id}@example.com>"


async def test_a_server_that_is_away_is_asked_for_a_day_and_then_no_more(office: Office) -> None:
    async with serving(Server()) as gone:
        url = plain(gone)
    sending = office.mail(url)
    began = office.clock.at
    await office.promised()
    for wait in (*RETRIES, timedelta(0)):
        await sending.work()
        office.clock.at += wait
    post = await office.post()
    assert (post.state, post.error) == ("lost", "offline")
    assert timedelta(hours=20) < office.clock.at - began < timedelta(days=2)


async def test_a_silent_server_is_waited_for_no_longer_than_a_claim_lasts(
    office: Office, server: Server
) -> None:
    sending = office.mail(plain(server))
    assert 2 * timedelta(seconds=sending.seconds) < CLAIM / 2
    sending.seconds = 0.05
    server.silent = True
    await office.promised()
    await sending.work()
    post = await office.post()
    assert (post.state, post.error) == ("waiting", "timeout")


async def test_what_a_dead_process_had_in_hand_is_sent_by_another(
    office: Office, server: Server
) -> None:
    server.silent = True
    await office.promised()
    dying = asyncio.create_task(office.mail(plain(server)).work())
    await server.asked.wait()
    dying.cancel()
    await asyncio.wait([dying])
    server.silent = False
    await office.mail(plain(server)).work()
    assert server.letters == []
    office.clock.at += CLAIM
    await office.mail(plain(server)).work()
    assert len(server.letters) == 1


async def test_without_a_server_a_letter_ends_at_once(office: Office) -> None:
    await office.promised()
    await office.mail("").work()
    assert ((await office.post()).state, (await office.post()).error) == ("lost", "off")
    assert await office.mail("").check() == "off"


def certified(folder: Path, host: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """A certificate of our own making, and a server's side that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public = folder / "mail.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = folder / "mail.key"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


def knows(name: str, password: str) -> Callable[..., AuthResult]:
    def known(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        fits = (data.login, data.password) == (name.encode(), password.encode())
        return AuthResult(success=fits, handled=fits)

    return known


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # it cannot see that it stands behind TLS
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_the_password_goes_only_through_a_channel_that_is_proven(
    office: Office, tmp_path: Path, scheme: str
) -> None:
    public, context = certified(tmp_path)
    asks = {"auth_required": True, "authenticator": knows("hub", "п@роль:1")}
    wrapped = scheme == "smtps"
    around = {"around": context} if wrapped else {"tls_context": context, "require_starttls": True}
    if wrapped:
        asks["auth_require_tls"] = False
    async with serving(Server(), wrapped=wrapped, **around, **asks) as server:
        good = f"{scheme}://hub:%D0%BF%40%D1%80%D0%BE%D0%BB%D1%8C%3A1@127.0.0.1:{server.port}"
        assert await office.mail(good, ca_file=public).check() == ""
        await office.promised()
        await office.mail(good, ca_file=public).work()
        assert len(server.letters) == 1
        assert await office.mail(good).check() == "tls"
        wrong = office.mail(good.replace("hub:", "bub:"), ca_file=public)
        assert await wrong.check() == "535"
        await office.promised("two")
        await wrong.work()
        [later] = [each for each in await office.posts() if each.state != "sent"]
        assert (later.state, later.error) == ("waiting", "535")


async def test_a_server_without_encryption_gets_no_password(office: Office, server: Server) -> None:
    sending = office.mail(f"smtp://hub:secret-1@127.0.0.1:{server.port}")
    assert await sending.check() == "server"
    await office.promised()
    await sending.work()
    assert (server.letters, (await office.post()).state) == ([], "waiting")


@pytest.mark.parametrize(
    "name",
    [
        "Анна\r\nBcc: evil@example.com",
        "Анна\nSubject: x",
        "\r\n\r\n<html>",
        "a\0b",
        "{project} %s {{ 7*7 }}",
        "\u202eannA",
    ],
)
async def test_no_name_becomes_a_header_or_a_template(
    office: Office, server: Server, name: str
) -> None:
    await office.promised(name=name, phone=name)
    await office.mail(plain(server)).work()
    [letter] = server.letters
    assert sorted(letter.keys()) == sorted(
        [
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
            *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
        ]
    )
    assert "\n" not in letter["Subject"]
    assert letter.get_content_type() == "text/plain"
    assert "49" not in letter["Subject"]


@pytest.mark.parametrize(
    "to",
    [
        "",
        "anna",
        "anna@localhost",
        "anna@example.com\r\nBcc: evil@example.com",
        "anna@example.com, evil@example.com",
        "<anna@example.com>",
        "a b@example.com",
        "анна@example.com",
        '"a\\"b"@example.com',
        "a" * 200 + "@example.com",
    ],
)
async def test_what_is_no_address_gets_no_letter(office: Office, to: str) -> None:
    assert not await mail.promise(office.engine, "x", SHOP, to, "notice", {}, office.clock())
    assert await office.posts() == []


@given(st.text(max_size=50).map("{}@example.com".format) | st.emails())
def test_an_address_is_one_word_without_brackets(text: str) -> None:
    if is_mailbox(text):
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set(' <>,;:"()[]\\')
        assert text.count("@") == 1


def lead(**told: Any) -> Lead:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    given_to: dict[str, Any] = {
        "project": SHOP,
        "phone": "+79161234567",
        "n": 1,
        "name": "Анна",
        "dialog": DialogId("site:1:1"),
        "status": Status.NEW,
        "origin": "site",
        "attempts": 3,
        "calls": 4,
        "created_at": at,
        "changed_at": at,
    }
    return Lead(id="shop:+79161234567:1", **(given_to | told))


async def test_a_lead_that_waits_for_people_is_told_to_every_address_once(
    office: Office, server: Server
) -> None:
    calling = Calling(mails=(ANNA, "boss@example.com"))
    home = Project(
        id=SHOP,
        name="Shop",
        lang="en",
        schedule=always("UTC"),
        calling=calling,
        created_at=office.clock(),
    )
    await office.engine.write(Insert(home))
    for _ in range(2):
        assert await mail.exhausted(office.engine, SHOP, lead(), office.clock()) == 2
    await office.mail(plain(server)).work()
    assert {each["To"] for each in server.letters} == {ANNA, "boss@example.com"}
    assert {each["Subject"] for each in server.letters} == {"Could not reach +79161234567 by phone"}
    assert await mail.exhausted(office.engine, SHOP, lead(calls=5), office.clock()) == 2
    assert len(await office.posts()) == 4


async def test_who_has_no_messenger_gets_the_notice_as_a_letter(
    office: Office, server: Server
) -> None:
    now = office.clock()
    told = Notice(
        id="n1",
        project=SHOP,
        dialog=DialogId("site:1:1"),
        operator=OperatorId("o"),
        what="waiting",
        since=now,
        due_at=now,
        created_at=now,
    )
    olga = Operator(id="o", login="olga", name="Ольга", created_at=now)
    assert not await mail.notice(office.engine, told, olga, "Ждут", now)
    olga = replace(olga, email="olga@example.com")
    for _ in range(2):
        assert await mail.notice(office.engine, told, olga, "Ждут 5 минут\nСколько стоит?", now)
    await office.mail(plain(server)).work()
    [letter] = server.letters
    assert letter["Subject"] == "Проект «»: Ждут 5 минут"
    assert "Сколько стоит?" in letter.get_content()


async def test_what_is_over_is_cleared_away_and_what_waits_is_not(
    office: Office, server: Server
) -> None:
    await office.promised()
    await office.mail(plain(server)).work()
    await office.promised("two")
    sending = office.mail(plain(server))
    office.clock.at += KEPT + timedelta(days=1)
    await sending.sweep(office.clock())
    assert [each.state for each in await office.posts()] == ["waiting"]


def test_settings_of_mail_are_checked(tmp_path: Path) -> None:
    good = {"url": "smtp://hub:pa55@mail.example.com:587", "sender": "Отклик <a@b.ru>"}
    read = config.settings({"mail": good}, tmp_path).mail
    assert "pa55" not in repr(read)
    for wrong in (
        {"url": "http://mail.example.com"},
        {"url": "smtp://"},
        {"url": "smtp://mail.example.com/path"},
        {"sender": ""},
        {"sender": "hub"},
        {"sender": "a@b.ru\r\nBcc: c@d.ru"},
        {"url": "smtp://hub:changeme@mail.example.com"},
    ):
        with pytest.raises(ConfigError) as raised:
            config.settings({"mail": good | wrong}, tmp_path)
        assert raised.value.field in ("mail.url", "mail.sender")
        assert "pa55" not in str(raised.value)

"""Letters carry nothing that they should not, and their password is told to no stranger."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
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

from hub import config
from hub.errors import ConfigError
from hub.store.engine import Engine
from hub.telling import mail
from hub.telling.mailbox import is_mailbox
from tests.hub.postoffice import SHOP, Office, Server, office_of, plain, serving
from tests.spine import Clock


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(Server()) as made:
        yield made


@pytest.fixture
async def office(engine: Engine, clock: Clock) -> Office:
    return await office_of(engine, clock)


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

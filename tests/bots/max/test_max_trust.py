"""Whom a channel of MAX believes to be MAX."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from tempfile import NamedTemporaryFile

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bots.max import Max as MaxChannel
from bots.max import MaxSettings, _trust
from hub.errors import TransientError
from hub.model import ChannelId
from tests.bots.contract import KEYS
from tests.bots.house import serving


def test_the_root_that_max_needs_is_believed_beside_all_others() -> None:
    context = _trust("")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    system = ssl.create_default_context().get_ca_certs(binary_form=True)
    added = set(context.get_ca_certs(binary_form=True)) - set(system)
    (root,) = (sha256(each).hexdigest() for each in added)
    assert root == "d26d2d0231b7c39f92cc738512ba54103519e4405d68b5bd703e9788ca8ecf31"


def test_a_root_of_ones_own_has_to_be_a_certificate() -> None:
    with pytest.raises(msgspec.ValidationError, match="no certificate"):
        msgspec.convert({"token": "t", "trusted_root": "-----BEGIN X-----"}, MaxSettings)
    for wrong in ("", "клю\u0447", "two words", "t\n"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"token": wrong}, MaxSettings)


def certified() -> tuple[ssl.SSLContext, str]:
    """A server's certificate for this machine that no system believes, and its PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    began = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile() as file:
        file.write(pem + secret)
        file.flush()
        context.load_cert_chain(file.name)
    return context, pem.decode()


async def test_a_certificate_is_checked_and_a_root_of_ones_own_makes_it_good() -> None:
    context, pem = certified()

    async def me(request: web.Request) -> web.Response:
        assert request.path == "/me"
        return web.json_response({"name": "Ромашка"})

    async with serving(me, context) as url:
        for root, good in (("", False), (pem, True)):
            settings = MaxSettings(token="t", api_url=url, trusted_root=root)
            channel = MaxChannel(ChannelId("c"), settings, KEYS)
            if good:
                assert (await channel.account()).name == "Ромашка"
            else:
                with pytest.raises(TransientError, match="tls"):
                    await channel.account()
            await channel.close()

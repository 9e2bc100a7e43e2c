"""A storage that speaks S3: what is signed, and what is said when it cannot be reached."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import UnavailableError
from hub.files.kept import Files
from hub.files.s3 import S3, Bucket, sign
from hub.keeping.keys import Keys
from hub.store.engine import Engine
from tests.spine import SHOP, START, Clock

if TYPE_CHECKING:
    from tests.bucket import S3Server


async def pieces(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def test_a_storage_that_is_lost_is_unavailable_and_heals(
    s3: S3Server, engine: Engine, tmp_path: Path, clock: Clock
) -> None:
    bucket = s3.new_bucket()
    gone = S3(dataclasses.replace(bucket, url="http://127.0.0.1:9"), tmp_path / "incoming")
    locked = S3(dataclasses.replace(bucket, secret="not the key"), tmp_path / "incoming")
    good = S3(bucket, tmp_path / "incoming")
    for storage in (gone, locked):
        files = Files(engine, storage, Keys(b"k" * 32), 1_000_000, clock)
        with pytest.raises(UnavailableError) as caught:
            await storage.check()
        assert s3.secret not in str(caught.value) + repr(bucket)
        with pytest.raises(UnavailableError):
            await files.keep(SHOP, "a", pieces(b"x"), "")
        with pytest.raises(UnavailableError):
            await anext(storage.read("shop/a"))
        with pytest.raises(UnavailableError):
            await files.sweep(START + timedelta(hours=25))
    assert not list((tmp_path / "incoming").iterdir())

    await good.check()
    files = Files(engine, good, Keys(b"k" * 32), 1_000_000, clock)
    assert await files.sweep(START + timedelta(hours=25)) == 2
    file = await files.keep(SHOP, "a", pieces(b"x", b"y"), "")
    assert [each async for each in files.read(file)] == [b"xy"]
    for storage in (gone, locked, good):
        await storage.close()


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
    st.text("abcXYZ0189/+", min_size=1, max_size=60),
    st.sampled_from(["GET", "PUT", "DELETE", "HEAD"]),
    st.binary(max_size=40),
)
def test_a_request_is_signed_as_the_reference_client_signs_it(
    name: str, secret: str, method: str, body: bytes
) -> None:
    bucket = Bucket("http://127.0.0.1:9000", "files", "eu-central-1", "KEY", secret)
    sha256 = hashlib.sha256(body).hexdigest()
    path = quote(f"/files/{name}", safe="/-_.~")
    ours = sign(bucket, method, path, {"range": "bytes=1-5"}, sha256, START)

    request = AWSRequest(method, bucket.url + path, headers={"range": "bytes=1-5"}, data=body)
    request.headers["X-Amz-Content-SHA256"] = sha256
    request.context["timestamp"] = "20260302T090000Z"
    request.headers["X-Amz-Date"] = "20260302T090000Z"
    signer = S3SigV4Auth(Credentials("KEY", secret), "s3", "eu-central-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert ours["authorization"].endswith(f"Signature={signer.signature(text, request)}")

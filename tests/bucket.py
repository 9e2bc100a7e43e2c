"""A server that speaks S3, another process: every request but the first few must be signed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from hub.files.s3 import Bucket
from tests.ports import free_port

REGION = "eu-central-1"
# Creating a user, letting it do everything with files, and a key of its own.
UNSIGNED = 3
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


@dataclass(frozen=True)
class S3Server:
    """A running server; `stop` and `go` freeze and wake it."""

    url: str
    key_id: str
    secret: str
    process: subprocess.Popen[bytes]

    def new_bucket(self) -> Bucket:
        name = f"files-{uuid4().hex[:12]}"
        where = {"LocationConstraint": REGION}
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration=where)
        return Bucket(self.url, name, REGION, self.key_id, self.secret)

    def keys(self, bucket: Bucket) -> set[str]:
        """What lies in the bucket, as somebody else's client sees it."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket.name)
        return {each["Key"] for page in pages for each in page.get("Contents", ())}

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.key_id,
            aws_secret_access_key=self.secret,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    port = free_port()
    with (folder / "log").open("wb") as told:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": str(UNSIGNED)},
            stdout=told,
            stderr=told,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _answers(port, process)
        iam = S3Server(url, "nobody", "nothing", process).client("iam")
        iam.create_user(UserName="hub")
        iam.put_user_policy(UserName="hub", PolicyName="files", PolicyDocument=POLICY)
        made = iam.create_access_key(UserName="hub")["AccessKey"]
        yield S3Server(url, made["AccessKeyId"], made["SecretAccessKey"], process)
    finally:
        process.kill()
        process.wait()


def _answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when the port is listened on; the connection is made again until then."""
    while process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError("the S3 server did not start")

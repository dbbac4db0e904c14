"""The receiver that the page shows accepts what the farm signs, and nothing else."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.notices.post import post
from bench.notices.signature import signed_headers, signing_key
from tests.documents.blocks import Block
from tests.documents.run import read_steps
from tests.fixtures.notices import SECRET

BODY = b'{"kind":"test"}'


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The program of the page, as a process on a free port."""
    (block,) = [
        step
        for step in read_steps("docs/how-to/notices.md")
        if isinstance(step, Block) and step.marks.get("file") == "receive.py"
    ]
    (tmp_path / "receive.py").write_text(block.text)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {**os.environ, "FARM_HOOK_SECRET": SECRET, "PORT": str(port)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "receive.py"], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}/"
            deadline = time.monotonic() + 30
            while "refused" in post(url, _signed(), BODY).line:
                assert time.monotonic() < deadline
            yield url
        finally:
            process.kill()
            process.wait()


def _signed(secret: str = SECRET, at: float = 0.0) -> dict[str, str]:
    return signed_headers(signing_key(secret, "X"), "msg_1", int(time.time() + at), BODY)


def test_it_accepts_what_is_signed_and_refuses_the_rest(address: str) -> None:
    assert post(address, _signed(), BODY).line == "204 No Content"
    other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    for headers, body in (
        (_signed(other), BODY),
        (_signed(at=-3600), BODY),
        (_signed(), BODY + b" "),
        ({**_signed(), "webhook-id": "msg_2"}, BODY),
    ):
        assert post(address, headers, body).status == 401

"""Listeners start and stop in time, whatever their clients and their neighbours do."""

import errno
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from planner.errors import PlannerError
from planner.serving.unix_endpoint import UnixEndpoint

UNUSED: Any = None


@pytest.fixture
def path() -> Iterator[Path]:
    """A short one: that of a Unix socket has at most 107 bytes."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    yield directory / "s"
    shutil.rmtree(directory)


def test_a_listener_that_is_out_of_descriptors_stops_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    endpoint = UnixEndpoint(path, UNUSED)
    endpoint.begin()
    monkeypatch.setattr(endpoint, "get_request", full)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        stopping = threading.Thread(target=endpoint.stop, args=(1.0,), daemon=True)
        stopping.start()
        stopping.join(60)
        assert not stopping.is_alive()


def test_a_server_that_takes_no_more_connections_still_has_its_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(0)
        waiting.connect(str(path))
        refused: list[str] = []

        def begin() -> None:
            with pytest.raises(PlannerError) as error:
                UnixEndpoint(path, UNUSED)
            refused.append(str(error.value))

        beginning = threading.Thread(target=begin, daemon=True)
        beginning.start()
        beginning.join(60)
        assert refused == [f"{path}: another program serves this socket; stop it or choose another path"]
    assert path.exists()

"""A repository's home may be silent, and a mirror's maker may be killed."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from workers.control import Control, StopReason
from workers.halt import StoppedError
from workers.repository.mirror import ensure_commit


@pytest.fixture
def silent() -> Iterator[tuple[str, Control]]:
    """A repository whose server takes calls and says nothing, and a stop order that comes with the first."""
    control = Control()
    held: list[socket.socket] = []

    def answer() -> None:
        held.append(server.accept()[0])
        control.stop(StopReason.CANCEL)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x.git", control
        for process in held:
            process.close()


def test_a_stop_is_not_held_up_by_a_silent_server_and_leaves_no_process(
    silent: tuple[str, Control], tmp_path: Path
) -> None:
    repo, control = silent
    with pytest.raises(StoppedError):
        ensure_commit(tmp_path, repo, "a" * 40, control)
    # What was killed may still be on its way out.
    assert (
        psutil.wait_procs([process for process in psutil.process_iter() if repo in _command(process)], 60)[1]
        == []
    )


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("missing", ["objects", "refs", "HEAD", "config"])
def test_a_mirror_that_was_half_made_is_made_whole(missing: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", "init", "-q", str(source)], check=True)
    subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "x"], cwd=source, check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=source, text=True).strip()
    mirror = ensure_commit(tmp_path / "mirrors", str(source), commit)
    subprocess.run(["rm", "-r", str(mirror / "refs"), str(mirror / missing)], check=False)
    (mirror / "config.lock").touch()
    (mirror / "HEAD.lock").touch()
    assert ensure_commit(tmp_path / "mirrors", str(source), commit) == mirror

"""A process is known by pid and start time, proven with real processes."""

import os
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from workers.process_identity import identity_of, living


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def seconds_from_boot(pid: int) -> float:
    return psutil.Process(pid).create_time() - psutil.boot_time()


def test_a_running_process_is_found_by_its_identity(child: subprocess.Popen[bytes]) -> None:
    identity = identity_of(child.pid)
    assert identity is not None
    process = living(child.pid, identity)
    assert process is not None
    assert process.pid == child.pid


@pytest.mark.parametrize("other", ["", "another-boot/1", "0.000"])
def test_another_process_with_the_same_pid_is_not_taken_for_it(
    other: str, child: subprocess.Popen[bytes]
) -> None:
    assert living(child.pid, other) is None


def test_a_zombie_and_a_reaped_process_have_no_identity(child: subprocess.Popen[bytes]) -> None:
    identity = identity_of(child.pid)
    assert identity is not None
    child.kill()
    # Waits for the end without reaping.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert (identity_of(child.pid), living(child.pid, identity)) == (None, None)
    child.wait()
    assert (identity_of(child.pid), living(child.pid, identity)) == (None, None)


def test_a_number_of_an_earlier_version_still_identifies(child: subprocess.Popen[bytes]) -> None:
    seconds = seconds_from_boot(child.pid)
    assert living(child.pid, seconds) is not None
    assert living(child.pid, seconds - 5) is None

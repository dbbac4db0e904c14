"""What a worker is told by its environment."""

from pathlib import Path

import pytest

from workers.addresses import without_credentials
from workers.errors import WorkerError
from workers.sandbox.ladder import strictest
from workers.settings import WorkerSettings


def test_defaults_lie_below_the_working_directory() -> None:
    settings = WorkerSettings.from_environment({})
    assert settings.work_dir == Path(".bench/work").absolute()
    assert (settings.sandbox, settings.secrets, settings.disk_reserve_bytes) == ("auto", {}, 512 * 2**20)


def test_secrets_are_named_by_prefix_and_never_printed() -> None:
    settings = WorkerSettings.from_environment({"BENCH_SECRET_API_KEY": "s3cret", "BENCH_SECRET_EMPTY": ""})
    assert settings.secrets == {"API_KEY": "s3cret"}
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("BENCH_SANDBOX", "docker"), ("BENCH_DISK_RESERVE_MB", "-1"), ("BENCH_PARALLEL_CANDIDATES", "0")],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(WorkerError, match=f"{name} is '{value}'; use"):
        WorkerSettings.from_environment({name: value})


def test_the_stricter_sandbox_wins() -> None:
    assert strictest("auto", "bwrap") == strictest("none", "bwrap") == "bwrap"
    assert strictest("auto", "none") == "none"
    assert strictest("auto", "auto") == "auto"


def test_passwords_in_addresses_are_not_repeated() -> None:
    assert without_credentials("fatal: https://me:pw@host/x") == "fatal: https://…@host/x"

"""A worker counts on no lease that the database would not give."""

import pytest

from workers.errors import WorkerError
from workers.lease.timing import LeaseTiming


@pytest.mark.parametrize("seconds", ["5", "180", "3600"])
def test_leases_that_the_database_gives(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_LEASE_SECONDS", seconds)
    timing = LeaseTiming.from_environment()
    assert timing.lease == float(seconds)
    assert timing.heartbeat < timing.self_kill < timing.lease


@pytest.mark.parametrize("seconds", ["4.9", "3601", "nan", "inf", "-1", "soon", ""])
def test_others_are_refused_in_one_line(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_LEASE_SECONDS", seconds)
    with pytest.raises(
        WorkerError, match=r"BENCH_LEASE_SECONDS is .*; give a number of seconds from 5 to 3600"
    ):
        LeaseTiming.from_environment()

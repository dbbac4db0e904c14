"""Rate limits: what headers report, what is taken, and one bucket for all processes of a machine."""

from multiprocessing import get_context
from pathlib import Path

import pytest

from workers.gateway.limits import Bucket, RateLimits

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "6m0s"},
        {
            "anthropic-ratelimit-requests-remaining": "1",
            "anthropic-ratelimit-requests-reset": "2027-01-15T08:06:00Z",
        },
    ],
)
def test_an_empty_bucket_waits_for_its_reset(headers: dict[str, str]) -> None:
    bucket = Bucket().told(headers, NOW)
    assert bucket.wait(NOW) == 0
    empty = bucket.taken(100, NOW)
    assert empty.wait(NOW) == pytest.approx(360, abs=1)
    assert empty.taken(100, NOW + 400).wait(NOW + 400) == 0


def test_unreadable_headers_change_nothing() -> None:
    headers = {"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "soon"}
    assert Bucket().told(headers, NOW) == Bucket()


def test_a_closed_bucket_stays_closed_for_all(tmp_path: Path) -> None:
    first, second = RateLimits(tmp_path), RateLimits(tmp_path)
    first.note("anthropic-m", {}, NOW, closed_for=20)
    assert second.take("anthropic-m", 10, NOW + 5) == pytest.approx(15)
    assert second.take("openai-m", 10, NOW + 5) == 0
    assert second.take("anthropic-m", 10, NOW + 21) == 0


def _take(directory: str) -> int:
    limits = RateLimits(Path(directory))
    return sum(limits.take("p", 1, NOW) == 0 for _ in range(40))


def test_processes_take_together_no_more_than_there_is(tmp_path: Path) -> None:
    headers = {"x-ratelimit-remaining-requests": "50", "x-ratelimit-reset-requests": "60s"}
    RateLimits(tmp_path).note("p", headers, NOW)
    with get_context("fork").Pool(3) as pool:
        assert sum(pool.map(_take, [str(tmp_path)] * 3)) == 50


def test_a_broken_file_is_an_empty_bucket(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{broken")
    assert RateLimits(tmp_path).take("p", 1, NOW) == 0

import pytest

from depot.retry import Breaker, CircuitOpen, GaveUp, call, delays, retry_after


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Flaky:
    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)

    def __call__(self):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_delays_grow_up_to_the_limit():
    assert list(delays(1, 2, 10, attempts=6)) == [1, 2, 4, 8, 10]


def test_one_attempt_never_waits():
    assert list(delays(1, 2, 10, attempts=1)) == []
    assert list(delays(20, 3, 10, attempts=3)) == [10, 10]


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30), (" 7 ", 7), ("900", 60), (None, 5), ("soon", 5), ("", 5), ("-3", 5)]
)
def test_retry_after(header, seconds):
    assert retry_after(header, fallback=5, limit=60) == seconds


def test_call_returns_the_first_success():
    slept = []
    work = Flaky(OSError("a"), OSError("b"), "ok")
    assert call(work, iter([1, 2, 4]), slept.append, OSError) == "ok"
    assert slept == [1, 2]


def test_call_gives_up_with_the_last_error():
    slept = []
    with pytest.raises(GaveUp, match="c"):
        call(Flaky(OSError("a"), OSError("b"), OSError("c")), iter([1, 2]), slept.append, OSError)
    assert slept == [1, 2]


def test_call_does_not_retry_other_errors():
    with pytest.raises(KeyError):
        call(Flaky(KeyError("k"), "ok"), iter([1, 2]), lambda _: None, OSError)


def fail(breaker, times):
    for _ in range(times):
        with pytest.raises(OSError):
            breaker.run(Flaky(OSError("down")))


def test_breaker_opens_after_its_limit():
    breaker = Breaker(3, 30, Clock())
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen, match="30 s"):
        breaker.run(Flaky("ok"))


def test_a_success_starts_the_count_again():
    breaker = Breaker(3, 30, Clock())
    fail(breaker, 2)
    assert breaker.run(Flaky("ok")) == "ok"
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_breaker_lets_one_call_try_after_the_pause():
    clock = Clock()
    breaker = Breaker(2, 30, clock)
    fail(breaker, 2)
    clock.now += 29
    assert breaker.state == "open"
    clock.now += 1
    assert breaker.state == "half-open"
    assert breaker.run(Flaky("ok")) == "ok"
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "closed"


def test_a_failed_try_opens_the_breaker_anew():
    clock = Clock()
    breaker = Breaker(2, 30, clock)
    fail(breaker, 2)
    clock.now += 30
    fail(breaker, 1)
    assert breaker.state == "open"
    clock.now += 29
    assert breaker.state == "open"

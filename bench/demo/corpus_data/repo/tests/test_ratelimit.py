import time

import pytest

from depot.ratelimit import TokenBucket, Window


class Clock:
    now = 50.0

    def __call__(self):
        return self.now


class RealClock:
    readings = 0

    def __call__(self):
        self.readings += 1
        return time.monotonic()


@pytest.fixture
def clock():
    return Clock()


def test_a_full_bucket_allows_a_burst(clock):
    bucket = TokenBucket(2, 3, clock)
    assert [bucket.try_take() for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_at_the_rate(clock):
    bucket = TokenBucket(2, 3, clock)
    assert bucket.try_take(3)
    clock.now += 1
    assert bucket.try_take(2)
    assert not bucket.try_take()


def test_a_bucket_never_overflows(clock):
    bucket = TokenBucket(2, 3, clock)
    clock.now += 100
    assert bucket.try_take(3)
    assert not bucket.try_take()


def test_wait_time(clock):
    bucket = TokenBucket(4, 2, clock)
    assert bucket.wait_time(2) == 0
    bucket.try_take(2)
    assert bucket.wait_time() == 0.25
    clock.now += 0.25
    assert bucket.wait_time(2) == 0.25


def test_more_than_the_bucket_holds_is_refused(clock):
    with pytest.raises(ValueError):
        TokenBucket(1, 2, clock).take(3)


def test_take_waits_for_real():
    bucket = TokenBucket(20, 2)
    started = time.monotonic()
    assert all(bucket.take() for _ in range(8))
    assert time.monotonic() - started >= 0.27


def test_take_gives_up_at_once_when_out_of_patience(monkeypatch):
    clock, slept = RealClock(), []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (slept.append(seconds), sleep(seconds)))
    bucket = TokenBucket(10, 1, clock)
    assert bucket.take()
    clock.readings = 0
    assert not bucket.take(patience=0.005)
    assert not slept
    assert clock.readings < 8
    assert bucket.take(patience=1)
    assert clock.readings < 20


def test_take_waits_within_its_patience():
    bucket = TokenBucket(20, 5)
    assert bucket.take(5)
    assert bucket.take(2, patience=0.5)


def test_window_forgets_old_calls(clock):
    window = Window(2, 10, clock)
    assert [window.allow(), window.allow(), window.allow()] == [True, True, False]
    clock.now += 9.5
    assert not window.allow()
    clock.now += 0.5
    assert window.allow()


def test_window_slides(clock):
    window = Window(2, 10, clock)
    window.allow()
    clock.now += 6
    window.allow()
    clock.now += 4
    assert window.allow()
    assert not window.allow()


def test_window_says_when_it_is_free(clock):
    window = Window(2, 10, clock)
    assert window.free_at() == 50
    window.allow()
    clock.now += 3
    window.allow()
    assert window.free_at() == 60
    clock.now += 20
    assert window.free_at() == 73

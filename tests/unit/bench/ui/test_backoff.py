"""Failed sign-ins are slowed down, successful ones are not."""

import pytest
import sqlalchemy as sa

from bench.ui.sign_in import Backoff, SignInRefusedError

ENGINE = sa.create_engine("postgresql+psycopg://nobody@localhost/none")


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _wrong() -> sa.Engine:
    raise SignInRefusedError("wrong")


def _refusal(backoff: Backoff) -> str:
    with pytest.raises(SignInRefusedError) as refused:
        backoff.attempt(_wrong)
    return str(refused.value)


def test_the_pause_doubles_up_to_a_minute_and_a_success_ends_it() -> None:
    clock = _Clock()
    backoff = Backoff(clock)
    assert [_refusal(backoff) for _ in range(2)] == ["wrong", "wrong"]
    for pause in (2, 4, 8, 16, 32, 60, 60):
        assert _refusal(backoff) == "wrong"
        assert _refusal(backoff) == f"too many failed sign-ins; try again in {pause} s"
        clock.now += pause
    assert backoff.attempt(lambda: ENGINE) is ENGINE
    assert [_refusal(backoff) for _ in range(2)] == ["wrong", "wrong"]


def test_one_attempt_at_a_time_is_checked() -> None:
    backoff = Backoff(_Clock())

    def meanwhile() -> sa.Engine:
        assert _refusal(backoff).startswith("another sign-in is being checked")
        return ENGINE

    assert backoff.attempt(meanwhile) is ENGINE

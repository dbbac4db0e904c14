from datetime import date, datetime, time

import pytest

from depot.workdays import (
    add_workdays,
    delivery_window,
    is_workday,
    next_workday,
    ship_date,
    storage_fee,
    workdays_between,
)

# 2024-05-01 is a Wednesday and a holiday.
HOLIDAYS = {date(2024, 5, 1), date(2024, 5, 9)}
CUTOFF = time(14, 0)


def test_weekends_and_holidays_are_no_workdays():
    days = [date(2024, 5, n) for n in range(1, 7)]
    assert [is_workday(day, HOLIDAYS) for day in days] == [False, True, True, False, False, True]


@pytest.mark.parametrize(("day", "following"), [(2, 3), (3, 6), (4, 6), (8, 10)])
def test_next_workday(day, following):
    assert next_workday(date(2024, 5, day), HOLIDAYS) == date(2024, 5, following)


@pytest.mark.parametrize(("count", "day"), [(0, 3), (1, 6), (3, 8), (4, 10), (-1, 2)])
def test_add_workdays(count, day):
    assert add_workdays(date(2024, 5, 3), count, HOLIDAYS) == date(2024, 5, day)


def test_add_workdays_backwards_over_a_holiday():
    assert add_workdays(date(2024, 5, 3), -2, HOLIDAYS) == date(2024, 4, 30)


@pytest.mark.parametrize(("start", "end", "count"), [(2, 2, 0), (2, 3, 1), (2, 6, 2), (6, 13, 4), (4, 6, 0)])
def test_workdays_between(start, end, count):
    assert workdays_between(date(2024, 5, start), date(2024, 5, end), HOLIDAYS) == count


@pytest.mark.parametrize(
    ("ordered", "day"),
    [
        (datetime(2024, 5, 2, 9, 0), 2),
        (datetime(2024, 5, 2, 13, 59), 2),
        (datetime(2024, 5, 2, 14, 0), 3),
        (datetime(2024, 5, 3, 16, 0), 6),
        (datetime(2024, 5, 4, 9, 0), 6),
        (datetime(2024, 5, 1, 9, 0), 2),
        (datetime(2024, 5, 8, 23, 0), 10),
    ],
)
def test_ship_date(ordered, day):
    assert ship_date(ordered, CUTOFF, HOLIDAYS) == date(2024, 5, day)


def test_delivery_window_counts_workdays():
    window = delivery_window(datetime(2024, 5, 2, 9), CUTOFF, (1, 3), HOLIDAYS)
    assert window == (date(2024, 5, 3), date(2024, 5, 7))


def test_delivery_window_after_the_cutoff():
    window = delivery_window(datetime(2024, 5, 7, 18), CUTOFF, (1, 2), HOLIDAYS)
    assert window == (date(2024, 5, 10), date(2024, 5, 13))


def test_saturday_delivery_comes_before_monday():
    window = delivery_window(datetime(2024, 5, 3, 9), CUTOFF, (1, 2), HOLIDAYS, saturday=True)
    assert window == (date(2024, 5, 4), date(2024, 5, 7))


def test_saturday_delivery_changes_nothing_midweek():
    window = delivery_window(datetime(2024, 5, 6, 9), CUTOFF, (1, 2), HOLIDAYS, saturday=True)
    assert window == (date(2024, 5, 7), date(2024, 5, 8))


def test_saturday_holiday_is_no_delivery_day():
    holidays = {date(2024, 5, 4)}
    window = delivery_window(datetime(2024, 5, 3, 9), CUTOFF, (1, 1), holidays, saturday=True)
    assert window == (date(2024, 5, 6), date(2024, 5, 6))


@pytest.mark.parametrize(("collected", "fee"), [(3, 0), (7, 0), (8, 50), (10, 100), (13, 150)])
def test_storage_fee(collected, fee):
    arrived = date(2024, 5, 2)
    assert storage_fee(arrived, date(2024, 5, collected), 3, 50, HOLIDAYS) == fee

"""Dates that a depot promises: working days, cut-off times, delivery windows."""

from datetime import date, datetime, time, timedelta

SATURDAY = 5


def is_workday(day: date, holidays: set[date]) -> bool:
    return day.weekday() < SATURDAY and day not in holidays


def next_workday(day: date, holidays: set[date]) -> date:
    """The first working day after ``day``."""
    day += timedelta(days=1)
    while not is_workday(day, holidays):
        day += timedelta(days=1)
    return day


def add_workdays(day: date, count: int, holidays: set[date]) -> date:
    """``count`` working days on (or back, where negative)."""
    step = timedelta(days=1 if count >= 0 else -1)
    left = abs(count)
    while left > 0:
        day += step
        if is_workday(day, holidays):
            left -= 1
    return day


def workdays_between(start: date, end: date, holidays: set[date]) -> int:
    """Working days from ``start`` up to, not including, ``end``."""
    count = 0
    while start < end:
        if is_workday(start, holidays):
            count += 1
        start += timedelta(days=1)
    return count


def ship_date(ordered: datetime, cutoff: time, holidays: set[date]) -> date:
    """The day a parcel leaves: today before the cut-off on a working day, else the next one."""
    today = ordered.date()
    if is_workday(today, holidays) and ordered.time() < cutoff:
        return today
    return next_workday(today, holidays)


def delivery_window(
    ordered: datetime, cutoff: time, transit: tuple[int, int], holidays: set[date], saturday: bool = False
) -> tuple[date, date]:
    """Earliest and latest day of delivery for a carrier that needs ``transit`` working days.

    Carriers that deliver on Saturdays may hand over a Friday parcel one day later; the latest day stays.
    """
    leaves = ship_date(ordered, cutoff, holidays)
    fastest, slowest = transit
    earliest = add_workdays(leaves, fastest, holidays)
    latest = add_workdays(leaves, slowest, holidays)
    day_before = earliest - timedelta(days=1)
    while saturday and day_before > leaves:
        if day_before.weekday() == SATURDAY and day_before not in holidays:
            earliest = day_before
        day_before -= timedelta(days=1)
    return earliest, latest


def storage_fee(arrived: date, collected: date, free_days: int, cents_a_day: int, holidays: set[date]) -> int:
    """What a customer pays for a parcel that waited; only working days after the free ones count."""
    waited = workdays_between(arrived, collected, holidays)
    return max(0, waited - free_days) * cents_a_day

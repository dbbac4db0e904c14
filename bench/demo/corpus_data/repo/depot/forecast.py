"""What will be sold: averages, smoothing, weekdays."""


def moving_average(sales: list[float], window: int) -> list[float]:
    """Mean of each day and the ``window - 1`` days before it; shorter at the beginning."""
    means = []
    for index in range(len(sales)):
        span = sales[max(0, index - window + 1) : index + 1]
        means.append(sum(span) / len(span))
    return means


def smooth(sales: list[float], alpha: float) -> float:
    """Exponentially smoothed level after the last day."""
    if not sales:
        return 0.0
    level = sales[0]
    for value in sales[1:]:
        level = alpha * value + (1 - alpha) * level
    return level


def trend(sales: list[float]) -> float:
    """Slope a day of the least-squares line; 0 for fewer than two days."""
    count = len(sales)
    if count < 2:
        return 0.0
    mean_x = (count - 1) / 2
    mean_y = sum(sales) / count
    above = sum((x - mean_x) * (y - mean_y) for x, y in enumerate(sales))
    below = sum((x - mean_x) ** 2 for x in range(count))
    return above / below


def weekday_factors(sales: list[float], first_weekday: int) -> list[float]:
    """How each weekday (Monday first) compares with the mean day; 1 where nothing is known."""
    mean = sum(sales) / len(sales) if sales else 0.0
    factors = []
    for weekday in range(7):
        same = [value for day, value in enumerate(sales) if (first_weekday + day) % 7 == weekday]
        if same and mean:
            factors.append(sum(same) / len(same) / mean)
        else:
            factors.append(1.0)
    return factors


def forecast(sales: list[float], first_weekday: int, days: int, alpha: float = 0.3) -> list[float]:
    """Sales of the coming days: the smoothed level without weekday effects, times the weekday's factor."""
    factors = weekday_factors(sales, first_weekday)
    plain = []
    for day, value in enumerate(sales):
        factor = factors[(first_weekday + day) % 7]
        if factor:
            plain.append(value / factor)
    level = smooth(plain, alpha)
    start = first_weekday + len(sales)
    return [level * factors[(start + day) % 7] for day in range(days)]


def outliers(sales: list[float], limit: float = 3.0) -> list[int]:
    """Days that lie more than ``limit`` median deviations from the median."""
    if not sales:
        return []
    middle = median(sales)
    spread = median([abs(value - middle) for value in sales])
    return [day for day, value in enumerate(sales) if abs(value - middle) > limit * spread]


def median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2

import pytest

from depot.forecast import forecast, median, moving_average, outliers, smooth, trend, weekday_factors


def test_moving_average_grows_into_its_window():
    assert moving_average([3, 6, 9, 12, 0], 3) == [3, 4.5, 6, 9, 7]
    assert moving_average([5, 7], 1) == [5, 7]
    assert moving_average([], 3) == []


def test_smooth_starts_with_the_first_day():
    assert smooth([10], 0.3) == 10
    assert smooth([10, 20], 0.25) == 12.5
    assert smooth([10, 20, 20], 0.5) == 17.5
    assert smooth([], 0.5) == 0


@pytest.mark.parametrize(
    ("sales", "slope"),
    [([1, 3, 5, 7], 2), ([4, 4, 4], 0), ([9], 0), ([], 0), ([5, 3], -2), ([0, 1, 0, 3], 0.8)],
)
def test_trend(sales, slope):
    assert trend(sales) == pytest.approx(slope)


def test_weekday_factors():
    week = [10, 10, 10, 10, 20, 40, 5]
    assert weekday_factors(week * 2, 0) == pytest.approx([value / 15 for value in week])
    assert weekday_factors(week, 5)[5] == pytest.approx(10 / 15)
    assert weekday_factors([6, 2], 0) == [1.5, 0.5, 1, 1, 1, 1, 1]
    assert weekday_factors([], 0) == [1] * 7


def test_forecast_repeats_a_steady_week():
    week = [10, 10, 10, 10, 20, 40, 5]
    assert forecast(week * 3, 0, 7) == pytest.approx(week)
    assert forecast(week * 3, 2, 3) == pytest.approx([10, 10, 10])
    assert forecast((week * 3)[:-2], 0, 3) == pytest.approx([40, 5, 10], rel=0.2)


def test_forecast_follows_the_level():
    assert forecast([10] * 7 + [20] * 7, 0, 1, alpha=1) == pytest.approx([20])
    assert forecast([8, 8], 3, 2) == [8, 8]


def test_days_without_sales_stay_without():
    week = [7, 7, 7, 7, 7, 7, 0]
    assert forecast(week * 2, 0, 7) == pytest.approx(week)


def test_outliers():
    assert outliers([10, 11, 9, 10, 30, 10, 11]) == [4]
    assert outliers([10, 12, 8, 14, 6]) == []
    assert outliers([10, 12, 8, 17, 6], limit=2) == [3]
    assert outliers([]) == []


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([4, 1], 2.5), ([5, 1, 3], 3), ([4, 1, 3, 2], 2.5)])
def test_median(values, middle):
    assert median(values) == middle

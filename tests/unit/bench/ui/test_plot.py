"""Plots: every point inside the axes, round ticks, numbers that do not cover each other."""

from hypothesis import given
from hypothesis import strategies as st

from bench.ui.plot import RatePoint, best_points, rate_plot, spend_plot

_SHARES = st.floats(0, 1)
_POINTS = st.lists(
    st.builds(
        lambda dollars, shares, is_best: RatePoint(
            "a", dollars, sorted(shares)[1], sorted(shares)[0], sorted(shares)[2], is_best
        ),
        st.floats(0, 1e4, allow_subnormal=False),
        st.tuples(_SHARES, _SHARES, _SHARES),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(_POINTS)
def test_points_lie_inside_the_axes_with_their_intervals(points: list[RatePoint]) -> None:
    plot = rate_plot(points)
    assert len(plot.dots) == len(points)
    for dot in plot.dots:
        assert plot.left <= dot.x <= plot.right
        assert plot.top <= dot.high <= dot.y <= dot.low <= plot.bottom
    numbered = [dot for dot in plot.dots if dot.number is not None]
    places = [(dot.x, dot.number_y) for dot in numbered]
    for number, (x, y) in enumerate(places):
        assert all(abs(x - other) >= 14 or abs(y - height) >= 14 for other, height in places[:number])


def test_numbers_follow_the_dollars_of_the_best() -> None:
    points = [RatePoint("dear", 2.0, 0.9, 0.8, 1.0, True), RatePoint("cheap", 0.5, 0.4, 0.3, 0.5, True)]
    assert [point.label for point in best_points([*points, RatePoint("no", 3.0, 0.1, 0, 1, False)])] == [
        "cheap",
        "dear",
    ]
    assert {dot.number: dot.label for dot in rate_plot(points).dots} == {1: "cheap", 2: "dear"}
    assert [tick.label for tick in rate_plot(points).x_ticks] == ["$0", "$0.50", "$1.00", "$1.50", "$2.00"]


def test_spend_rises_from_left_to_right_below_its_cap() -> None:
    plot = spend_plot([0.0, 60.0, 600.0], [1.0, 2.0, 8.0], 10.0)
    assert plot is not None
    points = [tuple(map(float, point.split(","))) for point in plot.line.split()]
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))
    assert plot.limit is not None
    assert plot.limit < points[-1][1]
    assert plot.x_ticks[-1].label == "10 min"


def test_a_cap_far_above_leaves_the_line_its_height() -> None:
    plot = spend_plot([0.0, 1.0], [0.0, 1.0], 1000.0)
    assert plot is not None
    assert plot.limit is None


def test_one_point_is_no_curve() -> None:
    assert spend_plot([0.0], [1.0], None) is None
    assert spend_plot([5.0, 5.0], [1.0, 2.0], None) is None

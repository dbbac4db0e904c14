import pytest

from depot.money import allocate, format_amount, parse_amount, percent_of


@pytest.mark.parametrize(
    ("text", "cents"),
    [("1,234.50", 123450), ("-3", -300), ("EUR 7.5", 750), ("0.05", 5), (".5", 50), ("+12.00", 1200)],
)
def test_parse_amount(text, cents):
    assert parse_amount(text) == cents


@pytest.mark.parametrize("text", ["", "-", "12.345", "1.2.3", "abc"])
def test_parse_amount_refuses_rubbish(text):
    with pytest.raises(ValueError):
        parse_amount(text)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(123456, "1,234.56"), (-123456, "-1,234.56"), (5, "0.05"), (0, "0.00"), (-7, "-0.07")],
)
def test_format_amount(cents, text):
    assert format_amount(cents) == text


@pytest.mark.parametrize(
    ("cents", "percent", "share"),
    [(1000, 19, 190), (50, 19, 10), (150, 1, 2), (149, 1, 1), (-150, 1, -2), (0, 7, 0), (250, 10, 25)],
)
def test_percent_of_rounds_halves_away_from_zero(cents, percent, share):
    assert percent_of(cents, percent) == share


def test_allocate_even_split():
    assert allocate(900, [1, 1, 1]) == [300, 300, 300]


def test_allocate_hands_out_every_spare_cent():
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(101, [1, 1, 1]) == [34, 34, 33]


def test_allocate_prefers_largest_remainders():
    assert allocate(100, [1, 2, 4]) == [14, 29, 57]
    assert allocate(10, [3, 3, 1]) == [4, 4, 2]


def test_allocate_sums_to_total():
    for total in range(0, 60, 7):
        assert sum(allocate(total, [5, 3, 2, 7])) == total


def test_allocate_needs_weight():
    with pytest.raises(ValueError):
        allocate(100, [0, 0])

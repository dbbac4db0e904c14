import pytest

from depot.inventory import OutOfStock, Stock, reorder_quantity


@pytest.fixture
def stock():
    stock = Stock()
    stock.receive("tea", 10, day=1, expires_day=30)
    stock.receive("tea", 5, day=2, expires_day=20)
    stock.receive("tea", 4, day=3)
    return stock


def test_on_hand_counts_unexpired_lots(stock):
    assert [stock.on_hand("tea", day) for day in (1, 19, 20, 29, 30)] == [19, 19, 14, 14, 4]
    assert stock.on_hand("unknown", 1) == 0


def test_delivery_must_hold_something(stock):
    with pytest.raises(ValueError):
        stock.receive("tea", 0, day=4)


def test_reservations_reduce_what_is_available(stock):
    stock.reserve("tea", "o1", 7, day=5)
    stock.reserve("tea", "o2", 3, day=5)
    assert stock.available("tea", 5) == 9
    assert stock.on_hand("tea", 5) == 19


def test_two_orders_cannot_hold_the_same_pieces(stock):
    stock.reserve("tea", "o1", 15, day=5)
    with pytest.raises(OutOfStock):
        stock.reserve("tea", "o2", 5, day=5)
    assert stock.available("tea", 5) == 4


def test_the_last_piece_can_be_reserved(stock):
    stock.reserve("tea", "o1", 19, day=5)
    assert stock.available("tea", 5) == 0


def test_expired_pieces_cannot_be_reserved(stock):
    with pytest.raises(OutOfStock):
        stock.reserve("tea", "o1", 15, day=20)


def test_reserving_twice_adds_up(stock):
    stock.reserve("tea", "o1", 4, day=5)
    stock.reserve("tea", "o1", 2, day=5)
    assert stock.release("tea", "o1") == 6
    assert stock.available("tea", 5) == 19


def test_release_of_nothing_is_nothing(stock):
    assert stock.release("tea", "nobody") == 0
    assert stock.release("unknown", "nobody") == 0


def test_pick_takes_the_first_to_expire_first(stock):
    stock.reserve("tea", "o1", 7, day=5)
    assert stock.pick("tea", "o1", day=5) == [(2, 5), (1, 2)]
    assert stock.on_hand("tea", 5) == 12


def test_pick_takes_unlimited_lots_last(stock):
    stock.reserve("tea", "o1", 18, day=5)
    assert stock.pick("tea", "o1", day=5) == [(2, 5), (1, 10), (3, 3)]


def test_pick_leaves_expired_lots_alone(stock):
    stock.reserve("tea", "o1", 6, day=5)
    assert stock.pick("tea", "o1", day=25) == [(1, 6)]


def test_pick_ends_the_reservation(stock):
    stock.reserve("tea", "o1", 6, day=5)
    stock.pick("tea", "o1", day=5)
    assert stock.available("tea", 5) == 13
    assert stock.pick("tea", "o1", day=5) == []


def test_write_off_removes_what_expired(stock):
    assert stock.write_off("tea", 20) == 5
    assert stock.write_off("tea", 20) == 0
    assert stock.on_hand("tea", 1) == 14


@pytest.mark.parametrize(
    ("available", "quantity"), [(200, 0), (61, 0), (60, 60), (59, 60), (50, 60), (48, 72), (0, 120)]
)
def test_reorder_quantity(available, quantity):
    assert reorder_quantity(available, daily_demand=10, lead_days=5, safety=10, pack=12) == quantity

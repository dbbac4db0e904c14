import pytest

from depot.orders import NotAllowed, Order, late, reachable, returnable


def order(*steps, reference="o1"):
    made = Order(reference)
    for state, day in steps:
        made.advance(state, day)
    return made


def test_an_order_starts_new():
    assert order().state == "new"
    assert not order().is_final


def test_the_usual_way():
    made = order(("paid", 1), ("picking", 2), ("packed", 2), ("shipped", 3), ("delivered", 5))
    assert made.state == "delivered"
    assert not made.is_final


@pytest.mark.parametrize(
    "steps",
    [
        [("shipped", 1)],
        [("paid", 1), ("packed", 2)],
        [("cancelled", 1), ("paid", 2)],
        [("paid", 1), ("new", 2)],
        [("paid", 1), ("picking", 1), ("cancelled", 2)],
    ],
)
def test_steps_cannot_be_skipped(steps):
    with pytest.raises(NotAllowed, match="->"):
        order(*steps)


def test_days_never_go_back():
    assert order(("paid", 3), ("picking", 3)).state == "picking"
    with pytest.raises(NotAllowed, match="day 2 is before day 3"):
        order(("paid", 3), ("picking", 2))


def test_final_states():
    assert order(("cancelled", 1)).is_final
    assert order(("paid", 1), ("refunded", 2)).is_final


def test_entered_is_the_last_visit():
    made = order(("paid", 1), ("picking", 2), ("paid", 4), ("picking", 6))
    assert made.entered("paid") == 4
    assert made.entered("shipped") is None


def test_days_in_a_state_add_up():
    made = order(("paid", 1), ("picking", 2), ("paid", 4), ("picking", 9))
    assert made.days_in("paid", 20) == 6
    assert made.days_in("picking", 20) == 13
    assert made.days_in("packed", 20) == 0


DELIVERED = [("paid", 1), ("picking", 1), ("packed", 1), ("shipped", 2), ("delivered", 4)]


@pytest.mark.parametrize(("today", "allowed"), [(4, True), (17, True), (18, True), (19, False)])
def test_returns_within_fourteen_days(today, allowed):
    assert returnable(order(*DELIVERED), today) is allowed


def test_only_delivered_orders_can_be_returned():
    assert not returnable(order(*DELIVERED[:4]), 4)
    assert not returnable(order(*DELIVERED, ("returned", 6)), 7)


def test_late_orders():
    orders = [
        order(("paid", 5), reference="c"),
        order(("paid", 3), ("picking", 9), reference="b"),
        order(("paid", 3), ("picking", 4), ("packed", 5), ("shipped", 6), reference="gone"),
        order(("paid", 7), reference="fresh"),
        order(reference="new"),
        order(("paid", 3), reference="a"),
    ]
    assert late(orders, today=10, limit=3) == ["a", "b", "c"]


def test_reachable_states():
    assert reachable("shipped") == {"delivered", "lost", "returned", "refunded"}
    assert reachable("refunded") == set()
    assert "new" not in reachable("new")

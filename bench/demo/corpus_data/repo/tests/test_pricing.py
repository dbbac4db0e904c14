import pytest

from depot.pricing import Coupon, Line, Terms, basket_total, bundle_price, loyalty_points, unit_price

TERMS = Terms()
TIERS = [(10, 80), (1, 100), (50, 65)]


@pytest.mark.parametrize(("quantity", "price"), [(1, 100), (9, 100), (10, 80), (49, 80), (50, 65), (500, 65)])
def test_unit_price_takes_the_last_tier_reached(quantity, price):
    assert unit_price(TIERS, quantity) == price


def test_unit_price_needs_a_tier():
    with pytest.raises(ValueError):
        unit_price([(5, 100)], 4)


@pytest.mark.parametrize(("quantity", "price"), [(0, 0), (1, 100), (2, 200), (3, 200), (4, 300), (7, 500)])
def test_three_for_two(quantity, price):
    assert bundle_price(100, quantity, pay=2, get=3) == price


@pytest.mark.parametrize(
    ("quantity", "price"), [(3, 300), (4, 300), (5, 300), (6, 400), (8, 600), (9, 600), (10, 600)]
)
def test_five_for_three(quantity, price):
    assert bundle_price(100, quantity, pay=3, get=5) == price


def test_bundle_must_be_a_bargain():
    with pytest.raises(ValueError):
        bundle_price(100, 3, pay=3, get=3)


@pytest.mark.parametrize(
    ("payable", "tier", "birthday", "points"),
    [
        (1999, "none", False, 19),
        (1999, "gold", False, 38),
        (1999, "silver", False, 28),
        (1999, "none", True, 69),
        (5000, "gold", True, 150),
        (99, "gold", False, 0),
    ],
)
def test_loyalty_points(payable, tier, birthday, points):
    assert loyalty_points(payable, tier, birthday) == points


def test_plain_basket():
    total = basket_total([Line("a", 2, 1000)], [], TERMS)
    assert (total.goods, total.discount, total.shipping, total.payable) == (2000, 0, 490, 2490)
    assert total.tax == 415


def test_free_shipping_starts_at_its_limit():
    assert basket_total([Line("a", 1, 5000)], [], TERMS).shipping == 0
    assert basket_total([Line("a", 1, 4999)], [], TERMS).shipping == 490


def test_discount_can_cost_free_shipping():
    total = basket_total([Line("a", 1, 5200)], [Coupon(percent=10)], TERMS)
    assert (total.discount, total.shipping, total.payable) == (520, 490, 5170)


def test_small_orders_pay_handling():
    total = basket_total([Line("a", 1, 600)], [], TERMS)
    assert (total.handling, total.shipping, total.payable) == (150, 490, 1240)
    assert total.notes == ["small order"]
    assert total.tax == 206


def test_heavy_parcels_pay_a_surcharge_even_when_shipping_is_free():
    total = basket_total([Line("a", 4, 2000, weight_grams=2500)], [], TERMS)
    assert (total.shipping, total.payable, total.notes) == (300, 8300, ["heavy parcel"])
    assert basket_total([Line("a", 4, 2000, weight_grams=2499)], [], TERMS).shipping == 0


def test_coupons_apply_one_after_the_other():
    total = basket_total([Line("a", 1, 10000)], [Coupon(percent=10), Coupon(percent=10)], TERMS)
    assert (total.discount, total.payable) == (1900, 8100)


def test_percentage_and_fixed_parts_add_up():
    total = basket_total([Line("a", 1, 8000)], [Coupon(percent=5, fixed_cents=250)], TERMS)
    assert (total.discount, total.payable) == (650, 7350)


def test_coupon_limit():
    total = basket_total([Line("a", 1, 20000)], [Coupon(percent=50, limit_cents=3000)], TERMS)
    assert (total.discount, total.payable) == (3000, 17000)


def test_coupon_minimum_looks_at_what_is_left():
    coupons = [Coupon(fixed_cents=3000), Coupon(percent=10, minimum_cents=8000)]
    total = basket_total([Line("a", 1, 10000)], coupons, TERMS)
    assert (total.discount, total.notes) == (3000, ["coupon below minimum"])


def test_a_coupon_never_pays_out():
    total = basket_total([Line("a", 1, 400)], [Coupon(fixed_cents=900)], TERMS)
    assert (total.discount, total.payable) == (400, 640)


def test_untaxed_lines_share_the_discount():
    lines = [Line("a", 1, 6000), Line("book", 2, 2000, taxed=False)]
    total = basket_total(lines, [Coupon(percent=20)], TERMS)
    assert (total.goods, total.discount, total.payable) == (10000, 2000, 8000)
    assert total.tax == 800


def test_tax_covers_shipping_but_not_untaxed_goods():
    total = basket_total([Line("book", 1, 2000, taxed=False)], [], TERMS)
    assert (total.tax, total.payable) == (81, 2490)


def test_empty_basket_is_free():
    total = basket_total([], [Coupon(fixed_cents=100)], TERMS)
    assert (total.payable, total.shipping, total.tax, total.handling) == (0, 0, 0, 0)

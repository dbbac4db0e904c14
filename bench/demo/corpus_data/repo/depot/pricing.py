"""What a basket costs. All amounts are cents, all percentages whole numbers."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One article in a basket."""

    sku: str
    quantity: int
    unit_cents: int
    weight_grams: int = 0
    taxed: bool = True


@dataclass(frozen=True)
class Coupon:
    """A reduction: a percentage of the goods, then a fixed amount, up to a limit."""

    percent: int = 0
    fixed_cents: int = 0
    limit_cents: int = 10**9
    minimum_cents: int = 0


@dataclass(frozen=True)
class Terms:
    """The shop's conditions."""

    tax_percent: int = 20
    shipping_cents: int = 490
    free_shipping_from: int = 5000
    heavy_from_grams: int = 10_000
    heavy_surcharge_cents: int = 300
    handling_cents: int = 150
    small_order_below: int = 1000


@dataclass
class Total:
    """The parts of a basket's price."""

    goods: int = 0
    discount: int = 0
    handling: int = 0
    shipping: int = 0
    tax: int = 0
    payable: int = 0
    notes: list[str] = field(default_factory=list)


def unit_price(tiers: list[tuple[int, int]], quantity: int) -> int:
    """Price a piece from ``(from_quantity, cents)`` tiers in any order."""
    price = None
    for start, cents in sorted(tiers):
        if quantity >= start:
            price = cents
    if price is None:
        raise ValueError(f"no tier for {quantity} pieces")
    return price


def bundle_price(unit_cents: int, quantity: int, pay: int, get: int) -> int:
    """Price of ``quantity`` pieces under "pay X, get Y" (3 for 2 is ``pay=2, get=3``)."""
    if pay >= get:
        raise ValueError("a bundle must give more than it charges")
    bundles, rest = divmod(quantity, get)
    return (bundles * pay + min(rest, pay)) * unit_cents


def loyalty_points(payable: int, tier: str, birthday: bool) -> int:
    """Points for an order: one for each full euro, more for gold and on birthdays."""
    points = payable // 100
    if tier == "gold":
        points = points * 2
    elif tier == "silver":
        points = points + points // 2
    if birthday:
        points = points + 50
    return points


def basket_total(lines: list[Line], coupons: list[Coupon], terms: Terms) -> Total:
    """Price a basket: goods, coupons in the order given, handling, shipping and the tax contained."""
    total = Total()
    taxed_goods = 0
    weight = 0
    for line in lines:
        amount = line.quantity * line.unit_cents
        total.goods += amount
        weight += line.quantity * line.weight_grams
        if line.taxed:
            taxed_goods += amount

    remaining = total.goods
    for coupon in coupons:
        if remaining < coupon.minimum_cents:
            total.notes.append("coupon below minimum")
            continue
        cut = remaining * coupon.percent // 100 + coupon.fixed_cents
        cut = min(cut, coupon.limit_cents, remaining)
        total.discount += cut
        remaining -= cut

    if total.goods and remaining < terms.small_order_below:
        total.handling = terms.handling_cents
        total.notes.append("small order")

    if total.goods and remaining < terms.free_shipping_from:
        total.shipping = terms.shipping_cents
    if weight >= terms.heavy_from_grams:
        total.shipping += terms.heavy_surcharge_cents
        total.notes.append("heavy parcel")

    if total.goods:
        taxed_after_discount = taxed_goods * remaining // total.goods
        taxable = taxed_after_discount + total.handling + total.shipping
        total.tax = taxable * terms.tax_percent // (100 + terms.tax_percent)
    total.payable = remaining + total.handling + total.shipping
    return total

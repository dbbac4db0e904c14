import pytest

from depot.packing import BoxType, Item, billable_grams, fits_inside, pack_shipment, volumetric_grams

SMALL = BoxType("small", (200, 150, 100), 2000, 40)
MEDIUM = BoxType("medium", (400, 300, 200), 10_000, 90)
LARGE = BoxType("large", (600, 400, 400), 25_000, 160)
BOXES = [MEDIUM, SMALL, LARGE]


def contents(parcels):
    return [(parcel.box.name, [item.name for item in parcel.items]) for parcel in parcels]


def book(name, grams=800, **more):
    return Item(name, (190, 140, 30), grams, **more)


@pytest.mark.parametrize(
    ("sides", "fits"),
    [((100, 200, 150), True), ((150, 100, 201), False), ((10, 10, 10), True), ((160, 160, 90), False)],
)
def test_items_may_be_turned(sides, fits):
    assert fits_inside(Item("x", sides, 100), SMALL) is fits


def test_too_heavy_does_not_fit():
    assert fits_inside(Item("x", (10, 10, 10), 2000), SMALL)
    assert not fits_inside(Item("x", (10, 10, 10), 2001), SMALL)


@pytest.mark.parametrize(
    ("sides", "grams"),
    [((400, 300, 200), 4800), ((100, 100, 100), 200), ((101, 100, 100), 220), ((1, 1, 1), 1)],
)
def test_volumetric_grams(sides, grams):
    assert volumetric_grams(sides) == grams


@pytest.mark.parametrize(
    ("grams", "billable"), [(4000, 5000), (4800, 5000), (5000, 5000), (5001, 5500), (0, 5000)]
)
def test_billable_grams(grams, billable):
    assert billable_grams((400, 300, 200), grams) == billable


def test_one_item_gets_the_cheapest_box():
    assert contents(pack_shipment([book("a")], BOXES)) == [("small", ["a"])]


def test_nothing_to_pack():
    assert pack_shipment([], BOXES) == []


def test_a_single_item_may_fill_its_box():
    parcels = pack_shipment([Item("block", (200, 150, 100), 900)], BOXES)
    assert contents(parcels) == [("small", ["block"])]


def test_several_items_leave_room_for_padding():
    # Three books are 2.39 of 3.0 litres (80 %), four are 106 %.
    assert contents(pack_shipment([book("a", 600), book("b", 600), book("c", 600)], BOXES)) == [
        ("small", ["a", "b", "c"])
    ]
    four = [book(name, 400) for name in "abcd"]
    assert contents(pack_shipment(four, BOXES)) == [("medium", ["a", "b", "c", "d"])]


def test_fill_limit_is_a_percentage_of_the_box():
    cubes = [Item(name, (100, 100, 100), 10) for name in "abc"]
    assert contents(pack_shipment(cubes, BOXES, fill_percent=100)) == [("small", ["a", "b", "c"])]
    assert contents(pack_shipment(cubes, BOXES, fill_percent=99)) == [("medium", ["a", "b", "c"])]


def test_weight_moves_a_parcel_into_a_stronger_box():
    assert contents(pack_shipment([book("a", 1000), book("b", 1000)], BOXES)) == [("small", ["a", "b"])]
    assert contents(pack_shipment([book("a", 1000), book("b", 1001)], BOXES)) == [("medium", ["b", "a"])]


def test_weight_limit_opens_a_second_parcel():
    bricks = [Item(name, (100, 100, 100), 9000) for name in "abc"]
    assert contents(pack_shipment(bricks, BOXES)) == [("large", ["a", "b"]), ("medium", ["c"])]


def test_larger_items_go_first_and_small_ones_fill_up():
    items = [
        Item("tiny", (50, 50, 50), 50),
        Item("big", (600, 400, 300), 5000),
        Item("mid", (300, 200, 100), 900),
    ]
    assert contents(pack_shipment(items, BOXES)) == [("large", ["big", "mid", "tiny"])]


def test_the_fill_limit_opens_another_parcel():
    items = [Item("big", (600, 400, 300), 5000), Item("mid", (400, 300, 100), 900)]
    assert contents(pack_shipment(items, BOXES)) == [("large", ["big"]), ("medium", ["mid"])]
    assert contents(pack_shipment(items, BOXES, fill_percent=90)) == [("large", ["big", "mid"])]


def test_later_items_may_go_into_earlier_parcels():
    items = [
        Item("a", (600, 400, 320), 20_000),
        Item("b", (500, 300, 200), 4000),
        Item("c", (100, 100, 100), 4500),
    ]
    assert contents(pack_shipment(items, BOXES)) == [("large", ["a", "c"]), ("large", ["b"])]


def test_fragile_items_have_at_most_one_companion():
    vase = Item("vase", (150, 100, 100), 300, fragile=True)
    parcels = pack_shipment([vase, book("a", 200), book("b", 200)], BOXES)
    assert contents(parcels) == [("small", ["vase", "a"]), ("small", ["b"])]


def test_a_fragile_item_does_not_join_a_pair():
    cup = Item("cup", (80, 80, 80), 200, fragile=True)
    parcels = pack_shipment([book("a", 200), book("b", 200), cup], BOXES)
    assert contents(parcels) == [("small", ["a", "b"]), ("small", ["cup"])]


def test_hazardous_items_travel_apart():
    acid = Item("acid", (60, 60, 60), 500, hazard=True)
    glue = Item("glue", (50, 50, 50), 500, hazard=True)
    parcels = pack_shipment([book("a"), acid, glue], BOXES)
    assert contents(parcels) == [("small", ["a"]), ("small", ["acid", "glue"])]


def test_what_fits_no_box_is_refused():
    with pytest.raises(ValueError, match="no box holds sofa"):
        pack_shipment([Item("sofa", (2000, 900, 800), 40_000)], BOXES)

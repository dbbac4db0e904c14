import pytest

from depot.schedule import Lorry, assign_docks, busiest, gaps, merge, overlaps, plan_breaks


@pytest.mark.parametrize(
    ("other", "shared"),
    [((0, 60), False), ((0, 61), True), ((119, 200), True), ((120, 200), False), ((70, 80), True)],
)
def test_overlaps(other, shared):
    assert overlaps((60, 120), other) is shared
    assert overlaps(other, (60, 120)) is shared


def test_merge_joins_what_overlaps_or_touches():
    assert merge([(50, 60), (10, 20), (15, 30), (60, 70)]) == [(10, 30), (50, 70)]


def test_merge_keeps_a_window_inside_another():
    assert merge([(10, 100), (20, 30), (40, 50)]) == [(10, 100)]
    assert merge([]) == []


def test_gaps_of_a_day():
    assert gaps([(540, 600), (660, 720)], 480, 1020) == [(480, 540), (600, 660), (720, 1020)]


def test_gaps_need_their_length():
    assert gaps([(500, 600), (660, 720)], 480, 740, at_least=30) == [(600, 660)]
    assert gaps([(510, 600)], 480, 630, at_least=30) == [(480, 510), (600, 630)]


def test_gaps_respect_opening_hours():
    assert gaps([(400, 500), (900, 1100)], 480, 1020) == [(500, 900)]
    assert gaps([(1020, 1100)], 480, 1020) == [(480, 1020)]


def test_busiest_minute():
    assert busiest([(0, 10), (5, 15), (9, 12), (20, 30)]) == (9, 3)
    assert busiest([(0, 10), (10, 20)]) == (0, 1)
    assert busiest([]) == (0, 0)


def slots(lorries, **options):
    return [(s.plate, s.dock, s.start, s.end) for s in assign_docks(lorries, **options)]


def test_lorries_take_the_first_free_dock():
    lorries = [Lorry("a", 0, 60), Lorry("b", 10, 30), Lorry("c", 20, 10)]
    assert slots(lorries, docks=2, cooled=set()) == [("a", 1, 0, 60), ("b", 2, 10, 40), ("c", 2, 45, 55)]


def test_plain_lorries_keep_off_cooled_docks():
    lorries = [Lorry("a", 0, 60), Lorry("b", 0, 60, cooled=True), Lorry("c", 1, 5)]
    assert slots(lorries, docks=2, cooled={1}) == [("a", 2, 0, 60), ("b", 1, 0, 60), ("c", 2, 65, 70)]


def test_plain_lorries_use_a_cooled_dock_rather_than_wait():
    lorries = [Lorry("a", 0, 60), Lorry("b", 5, 10)]
    assert slots(lorries, docks=2, cooled={1}) == [("a", 2, 0, 60), ("b", 1, 5, 15)]


def test_cooled_goods_wait_for_their_dock():
    lorries = [Lorry("a", 0, 60, cooled=True), Lorry("b", 5, 10, cooled=True)]
    assert slots(lorries, docks=3, cooled={2}) == [("a", 2, 0, 60), ("b", 2, 65, 75)]
    with pytest.raises(ValueError):
        slots(lorries, docks=3, cooled=set())


def test_turnaround_can_be_changed():
    lorries = [Lorry("a", 0, 60), Lorry("b", 60, 10)]
    assert slots(lorries, docks=1, cooled=set(), turnaround=0) == [("a", 1, 0, 60), ("b", 1, 60, 70)]
    assert slots(lorries, docks=1, cooled=set(), turnaround=15) == [("a", 1, 0, 60), ("b", 1, 75, 85)]


def test_breaks_of_one_shift():
    assert plan_breaks([(0, 480)], every=120, length=15, cover=1) == [(120, 135), (255, 270), (390, 405)]


def test_a_break_ends_within_the_shift():
    assert plan_breaks([(0, 135)], every=120, length=15, cover=1) == [(120, 135)]
    assert plan_breaks([(0, 134)], every=120, length=15, cover=1) == []


def test_breaks_wait_for_cover():
    assert plan_breaks([(0, 200), (0, 200)], every=120, length=15, cover=1) == [(120, 135), (135, 150)]
    assert plan_breaks([(0, 200), (0, 200)], every=120, length=15, cover=2) == [(120, 135), (120, 135)]


def test_three_people_share_two_covers():
    planned = plan_breaks([(0, 300), (10, 300), (10, 300)], every=100, length=30, cover=2)
    assert planned == [(100, 130), (110, 140), (130, 160), (230, 260), (240, 270), (260, 290)]

import itertools
import random

import pytest

from depot.routing import nearest_neighbour_tour, tour_length, two_opt


def scatter(count, seed):
    rng = random.Random(seed)
    return [(rng.randrange(1000), rng.randrange(1000)) for _ in range(count)]


def test_length_of_a_square():
    assert tour_length([(0, 0), (0, 2), (2, 2), (2, 0)], [0, 1, 2, 3]) == 8


def test_nearest_neighbour_goes_on_to_the_nearest():
    assert nearest_neighbour_tour([(0, 0), (9, 0), (1, 0), (4, 0)]) == [0, 2, 3, 1]


def test_two_opt_uncrosses_a_square():
    square = [(0, 0), (0, 2), (2, 2), (2, 0)]
    assert tour_length(square, two_opt(square, [0, 2, 1, 3])) == 8


@pytest.mark.parametrize("seed", [1, 2])
def test_two_opt_leaves_no_pair_of_roads_worth_swapping(seed):
    points = scatter(64, seed)
    first = nearest_neighbour_tour(points)
    tour = two_opt(points, first)
    assert sorted(tour) == list(range(64))
    length = tour_length(points, tour)
    assert length < tour_length(points, first) * 0.95
    pairs = list(itertools.combinations(range(0, 64, 3), 2)) + [(i, 63) for i in range(62)]
    for i, j in pairs:
        turned = tour[: i + 1] + tour[i + 1 : j + 1][::-1] + tour[j + 1 :]
        assert tour_length(points, turned) >= length - 1e-6

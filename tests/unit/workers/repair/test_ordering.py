"""The order of edits: decided by the seed, led by suspicion, filled as it is used."""

import random
from collections.abc import Iterator

from workers.repair.ordering import Queue
from workers.repair.source import Edit, Splice


def edit(number: int, weight: float = 0.5) -> Edit:
    return Edit("m.py", (Splice(number, number, b"x"),), "kind", number, weight)


def order(seed: int, pairs: list[tuple[Edit, float]]) -> list[int]:
    return [edit.line for edit in Queue([pairs], random.Random(seed))]


EVEN = [(edit(number), 1.0) for number in range(50)]


def test_the_same_seed_gives_the_same_order() -> None:
    assert order(1, EVEN) == order(1, EVEN)


def test_another_seed_gives_quite_another_order() -> None:
    first, second = order(1, EVEN), order(2, EVEN)
    assert sorted(first) == sorted(second)
    assert len(set(first[:10]) & set(second[:10])) < 7


def test_suspicious_and_likely_edits_mostly_come_first() -> None:
    pairs = [(edit(number, 0.9), 1.0) for number in range(20)]
    pairs += [(edit(100 + number, 0.9), 0.2) for number in range(20)]
    pairs += [(edit(200 + number, 0.01), 1.0) for number in range(20)]
    for seed in range(20):
        assert sum(line < 100 for line in order(seed, pairs)[:20]) >= 18


def test_later_batches_are_made_only_when_the_first_run_low() -> None:
    made = []

    def batches() -> Iterator[list[tuple[Edit, float]]]:
        for number in range(3):
            made.append(number)
            yield [(edit(100 * number + n), 1.0) for n in range(10)]

    queue = iter(Queue(batches(), random.Random(0)))
    next(queue)
    assert made == [0]
    assert len(list(queue)) == 29
    assert made == [0, 1, 2]


def test_an_empty_batch_does_not_end_the_queue() -> None:
    queue = Queue([[], [(edit(1), 1.0)], [], [(edit(2), 1.0)]], random.Random(0))
    assert sorted(edit.line for edit in queue) == [1, 2]

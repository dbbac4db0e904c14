"""What it takes to encode one planner_input, and to find the similar runs that stand in it."""

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from planner.documents.planner_input import RunSummary
from planner.encoding.encoder import encode
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery, similar_runs
from tests.fixtures.planner_examples import DAY_MS, NOW_MS, history, planner_input, run_summary

_ENCODE_AIM_US = 60.0
_QUERY_AIM_MS = 5.0
_QUERIES = 200
_NAIVE_QUERIES = 3


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Encoding with warm caches against reading the same JSON; a query against the plain search."""
    yield _encoding()
    yield _similar(scale.submitted)


def _encoding() -> Row:
    lot = random.Random(1)
    inputs = [
        planner_input(lot, history={"last_n_similar_runs": history(lot, "code", NOW_MS, 8)})
        for _ in range(50)
    ]
    texts = [json.dumps(one) for one in inputs]
    own = _microseconds(encode, inputs)
    read = _microseconds(json.loads, texts)
    ones = statistics.median(len(encode(one).positions) for one in inputs)
    return Row(
        "encode: planner_input with 8 runs",
        f"{own:.0f} µs, {ones:.0f} ones of 3779",
        f"json.loads of the same document: {read:.0f} µs",
        f"{own / read:.1f}×",
        f"≤{_ENCODE_AIM_US:.0f} µs",
        own <= _ENCODE_AIM_US,
    )


def _microseconds(call: Callable[[Any], object], arguments: list[Any]) -> float:
    """Of one call: the best of 40 rounds, as other work on the machine only ever adds."""
    rounds = []
    for _ in range(40):
        started = time.perf_counter()
        for argument in arguments:
            call(argument)
        rounds.append((time.perf_counter() - started) / len(arguments))
    return min(rounds) * 1e6


def _similar(count: int) -> Row:
    lot = random.Random(2)
    runs = list(islice(drawn_runs(lot), count))
    index = RunIndex()
    index.add_many(runs)
    queries = [_query(lot.choice(runs), lot) for _ in range(_QUERIES)]
    own = statistics.median(_seconds(partial(index.query, query)) for query in queries)
    plain = statistics.median(
        _seconds(partial(similar_runs, runs, query)) for query in queries[:_NAIVE_QUERIES]
    )
    return Row(
        f"similar runs among {count:,}",
        f"{own * 1000:.2f} ms a query (median of {_QUERIES})",
        f"looking at every run: {plain * 1000:.0f} ms",
        f"{own / plain:.4f}×",
        f"≤{_QUERY_AIM_MS:.0f} ms",
        own * 1000 <= _QUERY_AIM_MS,
    )


def drawn_runs(lot: random.Random) -> Iterator[RunSummary]:
    """Runs of half a year, eight an issue."""
    number = 0
    while True:
        tags = lot.sample([f"area:{rank}" for rank in range(lot.choice([5, 50, 400]))], lot.randint(1, 5))
        for _ in range(8):
            number += 1
            started = NOW_MS - lot.randrange(180 * DAY_MS)
            document = run_summary(lot, f"run-{number}", started)
            document |= {"tags": tags, "issue_id": f"issue-{number // 8}"}
            yield RunSummary.model_validate(document)


def _query(like: RunSummary, lot: random.Random) -> SimilarQuery:
    return SimilarQuery("code", NOW_MS - lot.randrange(30 * DAY_MS), like.tags or (), like.issue_id)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started

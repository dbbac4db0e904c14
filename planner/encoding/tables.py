"""Lookup tables of the encoder: precomputed positions by value."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, MINUTE_BINS, Bin, nearest_bin
from planner.encoding.layout import (
    CODE_BITS,
    HISTORY_SLOTS,
    LAYOUT_V1,
    LAYOUT_V2,
    NULL,
    OLDER_HISTORY,
    EncodingLayout,
    Field,
    positions,
)

_REMEMBERED_TEXTS: Final = 16_384
_LONGEST_REMEMBERED: Final = 256
_SMALL_NUMBERS: Final = 121


class TextHashes(dict[str, int]):
    """Bounded cache: text → the first 8 hexadecimal digits of its SHA-256 digest as a number."""

    def __missing__(self, text: str) -> int:
        number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4])
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED_TEXTS:
                self.clear()
            self[text] = number
        return number


class CodePositions(dict[str | None, tuple[int, ...]]):
    """Bounded cache: text → the positions of the 1 bits of its bucket among 1024; None → the null position."""

    def __init__(self, start: int) -> None:
        super().__init__({None: (start + CODE_BITS,)})
        self._start = start

    def __missing__(self, text: str) -> tuple[int, ...]:
        bucket = HASHES[text] % 2**CODE_BITS
        bits = tuple(self._start + bit for bit in range(CODE_BITS) if bucket >> bit & 1)
        if len(text) <= _LONGEST_REMEMBERED and len(self) < _REMEMBERED_TEXTS:
            self[text] = bits
        return bits


class NearestPositions(dict[int | None, int]):
    """Number → the position of its nearest bin; None → the position of NA."""

    def __init__(self, start: int, bins: tuple[Bin, ...]) -> None:
        super().__init__()
        self._start, self._bins = start, bins
        self.update({number: self[number] for number in (None, *range(_SMALL_NUMBERS))})

    def __missing__(self, number: int | None) -> int:
        return self._start + self._bins.index(nearest_bin(number, self._bins))


class RunTables(NamedTuple):
    """Lookup tables of one history slot: positions by value, or the first position of a field."""

    job_type: dict[str, int]
    domain: dict[str, int]
    swarm_id: dict[str | None, int]
    max_candidates: NearestPositions
    max_minutes: NearestPositions
    max_iterations: NearestPositions
    status: dict[str, int]
    fail_codes: int
    gates_present: int
    gates_passed: int
    duration_ms: int
    cost_usd_est: int
    cost_null: int
    age: int
    filled: int


def start_of(path: str, layout: EncodingLayout = LAYOUT_V1) -> int:
    """The first position of a field."""
    return positions(layout)[path][0]


def field_of(path: str, layout: EncodingLayout = LAYOUT_V1) -> Field:
    """The field at a path."""
    return positions(layout)[path][1]


def by_label(path: str, layout: EncodingLayout = LAYOUT_V1) -> dict[str, int]:
    """Label → position, without the null label."""
    start, field = positions(layout)[path]
    return {label: start + index for index, label in enumerate(field.labels) if label != NULL}


def by_value(path: str, values: Sequence[Any]) -> dict[Any, int]:
    """Value → position, for fields whose values are not their labels."""
    return {value: start_of(path) + index for index, value in enumerate(values)}


def with_null(path: str, layout: EncodingLayout = LAYOUT_V1) -> dict[str | None, int]:
    """Label → position, and None → the null position."""
    table: dict[str | None, int] = {None: start_of(path, layout) + len(field_of(path, layout).labels) - 1}
    table.update(by_label(path, layout).items())
    return table


def bin_labels(path: str) -> dict[Any, int]:
    """`with_null`, and each label as kernels in the field also write it: `1_2`, `6_plus`."""
    table: dict[Any, int] = dict(with_null(path))
    for label, position in by_label(path).items():
        table[label.replace("-", "_").replace("+", "_plus")] = position
    return table


def hour_labels(path: str) -> dict[Any, int]:
    """`with_null`, and the hours from 0 to 23, six to a label in the order of the labels."""
    table: dict[Any, int] = dict(with_null(path))
    positions = list(by_label(path).values())
    table.update({hour: positions[hour // 6] for hour in range(24)})
    return table


def run_tables(slot: int, layout: EncodingLayout = LAYOUT_V1) -> RunTables:
    """The tables of one slot, 0 for the newest run."""
    at = f"history[{slot}]" if slot < HISTORY_SLOTS else f"{OLDER_HISTORY}[{slot - HISTORY_SLOTS}]"

    def start(field: str) -> int:
        return start_of(f"{at}.{field}", layout)

    return RunTables(
        job_type=by_label(f"{at}.job_type", layout),
        domain=by_label(f"{at}.domain", layout),
        swarm_id=with_null(f"{at}.swarm_id", layout),
        max_candidates=NearestPositions(start("max_candidates"), CANDIDATE_BINS),
        max_minutes=NearestPositions(start("max_minutes"), MINUTE_BINS),
        max_iterations=NearestPositions(start("max_iterations"), ITERATION_BINS),
        status=by_label(f"{at}.status", layout),
        fail_codes=start("fail_codes"),
        gates_present=start("gates_present"),
        gates_passed=start("gates_passed"),
        duration_ms=start("duration_ms"),
        cost_usd_est=start("cost_usd_est"),
        cost_null=with_null(f"{at}.cost_usd_est", layout)[None],
        age=start("age"),
        filled=start("filled"),
    )


HASHES: Final = TextHashes()
KEYWORDS_START: Final = start_of("keywords.keywords", LAYOUT_V2)

"""Feature layout of the encoder as data: blocks of fields, feature names and the fingerprint.

Every feature is binary. A field is a range of adjacent positions, one a label. Blocks are concatenated, and the history
block repeats, one slot a run. `docs/reference/encoder.md` is generated from this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal, get_args

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, JOB_TYPES, MINUTE_BINS, SWARM_IDS
from planner.canonical import sha256_json
from planner.documents.statuses import RunStatus

Kind = Literal["choice", "choices", "range", "nearest", "code", "buckets", "flag"]

NULL: Final = "null"
HISTORY_SLOTS: Final = 8
MOST_RUNS: Final = 16
"""Runs that version 3 holds."""
OLDER_HISTORY: Final = "older_history"
CODE_BITS: Final = 10
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Field:
    """A range of adjacent positions that encodes one value, or one list of values."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    """One a position; a last label `null` encodes a value that is missing or unknown."""
    edges: tuple[float, ...] = ()
    """Lower bounds of every class after the first, in the unit of the document; for a range."""
    first: int | None = None
    """Number of leading values that are encoded, None for all; for buckets."""
    note: str = ""
    """Remark for the reference page; not part of the fingerprint."""

    @property
    def most(self) -> int:
        """Upper bound of the positions that one document sets in this field."""
        if self.kind == "code":
            return CODE_BITS
        if self.kind == "buckets":
            return min(self.first or len(self.labels), len(self.labels))
        if self.kind == "choices":
            return sum(not label.startswith("reserved") for label in self.labels)
        return 1

    def document(self) -> dict[str, Any]:
        """The JSON form; labels of hash buckets are omitted."""
        shown: dict[str, Any] = {"name": self.name, "kind": self.kind, "width": len(self.labels)}
        if self.kind != "buckets":
            shown["labels"] = list(self.labels)
        if self.edges:
            shown["edges"] = list(self.edges)
        if self.first is not None:
            shown["first"] = self.first
        return shown


@dataclass(frozen=True, slots=True)
class FieldBlock:
    """A group of fields; a repeated block has one copy a slot."""

    name: str
    fields: tuple[Field, ...]
    slots: int = 1

    @property
    def width(self) -> int:
        """Positions of one slot."""
        return sum(len(field.labels) for field in self.fields)


@dataclass(frozen=True, slots=True)
class EncodingLayout:
    """One version of the encoding. A new version only appends blocks to version 1."""

    version: int
    blocks: tuple[FieldBlock, ...]

    @property
    def size(self) -> int:
        """Number of positions."""
        return sum(block.width * block.slots for block in self.blocks)

    @property
    def max_positions(self) -> int:
        """Upper bound of the positions that one document sets."""
        return sum(field.most * block.slots for block in self.blocks for field in block.fields)

    def placed(self) -> Iterator[tuple[str, int, Field]]:
        """(path, first position, field) of every field of every slot, in order."""
        start = 0
        for block in self.blocks:
            for slot in range(block.slots):
                prefix = f"{block.name}[{slot}]" if block.slots > 1 else block.name
                for field in block.fields:
                    yield f"{prefix}.{field.name}", start, field
                    start += len(field.labels)


def _choice(name: str, *labels: str, null: bool = False, note: str = "") -> Field:
    return Field(name, "choice", (*labels, NULL) if null else labels, note=note)


def _range(name: str, edges: tuple[float, ...], *labels: str, note: str = "") -> Field:
    return Field(name, "range", labels, edges, note=note)


def _nearest(name: str, bins: tuple[object, ...]) -> Field:
    return Field(name, "nearest", tuple(map(str, bins)))


def _code(name: str) -> Field:
    labels = tuple(f"bit{bit}" for bit in range(CODE_BITS))
    return Field(name, "code", (*labels, NULL))


def _buckets(name: str, width: int, first: int | None = None, note: str = "") -> Field:
    return Field(name, "buckets", tuple(f"#{bucket}" for bucket in range(width)), first=first, note=note)


def _present(name: str, values: tuple[object, ...]) -> Field:
    known = tuple(map(str, values))
    reserved = tuple(f"reserved{index}" for index in range(len(known), 8))
    return Field(name, "choices", known + reserved)


_AGE_EDGES: Final = (_DAY_MS, 7 * _DAY_MS, 30 * _DAY_MS)

_ISSUE: Final = FieldBlock(
    "issue",
    (
        _choice("dk_priority", "P0", "P1", "P2", "P3"),
        _choice("dk_risk", "low", "medium", "high", "critical"),
        _choice("dk_size", "XS", "S", "M", "L", "XL"),
        _range("dk_attempts", (1, 2, 3), "0", "1", "2", "3+"),
        _code("dk_tool_hint"),
        _buckets("tags", 1024, first=8),
    ),
)
_HISTORY: Final = FieldBlock(
    "history",
    (
        _choice("job_type", *JOB_TYPES),
        _choice("domain", *(job_type.replace("-", "_") for job_type in JOB_TYPES)),
        _choice("swarm_id", *SWARM_IDS, null=True),
        _nearest("max_candidates", CANDIDATE_BINS),
        _nearest("max_minutes", MINUTE_BINS),
        _nearest("max_iterations", ITERATION_BINS),
        _choice("status", *get_args(RunStatus)),
        _buckets("fail_codes", 256, first=5),
        _buckets("gates_present", 16),
        _buckets("gates_passed", 16, note="where every gate of the bucket passed"),
        _range(
            "duration_ms",
            # Exactly one hour is in 30-60: the last class is "more than".
            (*(minutes * _MINUTE_MS for minutes in (1, 5, 15, 30)), 60 * _MINUTE_MS + 1),
            *("<1m", "1-5m", "5-15m", "15-30m", "30-60m", ">60m"),
        ),
        _range(
            "cost_usd_est",
            (0.01, 0.1, 1, 10),
            *("<$0.01", "<$0.1", "<$1", "<$10", ">=$10", NULL),
        ),
        _range(
            "age",
            _AGE_EDGES,
            *("<1d", "<7d", "<30d", "older"),
            note="milliseconds from the run's start to `created_at`; a start after it counts as <1d",
        ),
        Field("filled", "flag", ("yes",), note="an empty slot is all zero"),
    ),
    slots=HISTORY_SLOTS,
)
_ACTION_SPACE: Final = FieldBlock(
    "action_space",
    (
        _present("swarm_ids", SWARM_IDS),
        _present("max_candidates_bins", CANDIDATE_BINS),
        _present("max_minutes_bins", MINUTE_BINS),
        _present("max_iterations_bins", ITERATION_BINS),
    ),
)
_UNIVERSE: Final = FieldBlock(
    "universe_defaults", (_choice("swarm_id", *SWARM_IDS, null=True), _code("objective_id"))
)
_LABEL_OR_NUMBER: Final = "a label, or a number that falls into one"
_SYSTEM: Final = FieldBlock(
    "system_state",
    (
        _range("active_workcells_bin", (1, 3, 6), "0", "1-2", "3-5", "6+", NULL, note=_LABEL_OR_NUMBER),
        _range("queue_depth_bin", (1, 6, 21), "0", "1-5", "6-20", "20+", NULL, note=_LABEL_OR_NUMBER),
        _choice("hour_bucket", "night", "morning", "afternoon", "evening", null=True),
        _choice("budget_remaining_bin", "low", "medium", "high", "unlimited", null=True),
        Field("available_toolchains", "choices", ("codex", "claude", "opencode", "crush")),
        Field("present", "flag", ("yes",), note="without a system_state the block is all zero"),
    ),
)
_KEYWORDS: Final = FieldBlock("keywords", (_buckets("keywords", 1024, first=16),))

LAYOUT_V1: Final = EncodingLayout(1, (_ISSUE, _HISTORY, _ACTION_SPACE, _UNIVERSE, _SYSTEM))
LAYOUT_V2: Final = EncodingLayout(2, (*LAYOUT_V1.blocks, _KEYWORDS))
"""Version 1 with hash buckets of the issue's keywords."""

LAYOUT_V3: Final = EncodingLayout(
    3, (*LAYOUT_V1.blocks, replace(_HISTORY, name=OLDER_HISTORY, slots=MOST_RUNS - HISTORY_SLOTS))
)
"""Version 1 with the ninth to sixteenth newest run."""
LAYOUTS: Final = {layout.version: layout for layout in (LAYOUT_V1, LAYOUT_V2, LAYOUT_V3)}

N_FEATURES: Final = LAYOUT_V1.size


@cache
def positions(layout: EncodingLayout) -> dict[str, tuple[int, Field]]:
    """Path → (first position, field)."""
    return {path: (start, field) for path, start, field in layout.placed()}


def feature_names(layout: EncodingLayout = LAYOUT_V1) -> list[str]:
    """One name a position, such as `history[0].status=failed` or `issue.tags=#17`."""
    return [f"{path}={label}" for path, _, field in layout.placed() for label in field.labels]


def layout_document(layout: EncodingLayout = LAYOUT_V1) -> dict[str, Any]:
    """The JSON form of a layout, with its fingerprint."""
    document = _unsigned_document(layout)
    return {**document, "fingerprint": sha256_json(document)}


def _unsigned_document(layout: EncodingLayout) -> dict[str, Any]:
    return {
        "layout_version": layout.version,
        "n_features": layout.size,
        "hash": "first 8 hexadecimal digits of SHA-256 of the UTF-8 text, modulo the width; a code: modulo 1024",
        "blocks": [
            {
                "name": block.name,
                "slots": block.slots,
                "width": block.width,
                "fields": [field.document() for field in block.fields],
            }
            for block in layout.blocks
        ],
    }


FINGERPRINT: Final[str] = layout_document()["fingerprint"]
"""Fingerprint of version 1; a bundle with an unknown fingerprint is refused."""

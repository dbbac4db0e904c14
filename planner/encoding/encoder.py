"""Feature encoder: from a planner_input to the positions of its binary features that are 1.

It reads the plain document without pydantic or numpy, which keeps the import and the call cheap. The meaning of each
position is data in `planner.encoding.layout`; `docs/reference/encoder.md` has the rules in words.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, MINUTE_BINS, SWARM_IDS
from planner.encoding.keywords import keywords
from planner.encoding.layout import (
    HISTORY_SLOTS,
    LAYOUT_V1,
    LAYOUT_V2,
    LAYOUT_V3,
    MOST_RUNS,
    EncodingLayout,
)
from planner.encoding.tables import (
    HASHES,
    KEYWORDS_START,
    CodePositions,
    RunTables,
    bin_labels,
    by_label,
    by_value,
    field_of,
    hour_labels,
    run_tables,
    start_of,
    with_null,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_POSITIONS: Final = LAYOUT_V1.max_positions
"""Upper bound of the positions that one document sets."""

_UNKNOWN: Final = -1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_PRIORITY: Final = by_label("issue.dk_priority")
_RISK: Final = by_label("issue.dk_risk")
_SIZE: Final = by_label("issue.dk_size")
_ATTEMPTS: Final = start_of("issue.dk_attempts")
_ATTEMPT_EDGES: Final = field_of("issue.dk_attempts").edges
_TOOL_HINT: Final = CodePositions(start_of("issue.dk_tool_hint"))
_TAGS: Final = start_of("issue.tags")
_TAG_BUCKETS: Final = len(field_of("issue.tags").labels)
_FIRST_TAGS: Final = field_of("issue.tags").first
_RUNS: Final = tuple(run_tables(slot) for slot in range(HISTORY_SLOTS))
_CODE_BUCKETS: Final = len(field_of("history[0].fail_codes").labels)
_FIRST_CODES: Final = field_of("history[0].fail_codes").first
_GATE_BUCKETS: Final = len(field_of("history[0].gates_present").labels)
_DURATION_EDGES: Final = field_of("history[0].duration_ms").edges
_COST_EDGES: Final = field_of("history[0].cost_usd_est").edges
_AGE_EDGES: Final = field_of("history[0].age").edges
_SPACE: Final = (
    ("swarm_ids", by_value("action_space.swarm_ids", SWARM_IDS)),
    ("max_candidates_bins", by_value("action_space.max_candidates_bins", CANDIDATE_BINS)),
    ("max_minutes_bins", by_value("action_space.max_minutes_bins", MINUTE_BINS)),
    ("max_iterations_bins", by_value("action_space.max_iterations_bins", ITERATION_BINS)),
)
_DEFAULT_SWARM: Final = with_null("universe_defaults.swarm_id")
_OBJECTIVE: Final = CodePositions(start_of("universe_defaults.objective_id"))
_STATE_NUMBERS: Final = tuple(
    (
        key,
        bin_labels(f"system_state.{key}"),
        start_of(f"system_state.{key}"),
        field_of(f"system_state.{key}").edges,
    )
    for key in ("active_workcells_bin", "queue_depth_bin")
)
_STATE_LABELS: Final = (
    ("hour_bucket", hour_labels("system_state.hour_bucket")),
    ("budget_remaining_bin", with_null("system_state.budget_remaining_bin")),
)
_TOOLCHAINS: Final = by_label("system_state.available_toolchains")
_STATE_PRESENT: Final = start_of("system_state.present")
_KEYWORD_BUCKETS: Final = len(field_of("keywords.keywords", LAYOUT_V2).labels)
_FIRST_KEYWORDS: Final = field_of("keywords.keywords", LAYOUT_V2).first


class Encoding(NamedTuple):
    """Sparse encoding of one document."""

    positions: list[int]
    """Distinct positions that are 1, ascending."""
    unknown: int
    """Number of out-of-vocabulary values: the writer may be newer, or have a larger catalogue."""


def encode(planner_input: Mapping[str, Any], layout: EncodingLayout = LAYOUT_V1) -> Encoding:
    """Encode a `cyntra.planner_input.v1` document.

    Never raises for a document that `parse_document` accepts. The result does not depend on the order of keys or on
    fields outside the layout; `created_at` only sets the age of the runs.
    """
    out: list[int] = []
    issue = planner_input["issue"]
    _add_issue(issue, out)
    runs = planner_input["history"]["last_n_similar_runs"]
    if runs:
        tables = _RUNS if layout.version != LAYOUT_V3.version else _more_runs()
        _add_history(runs, _milliseconds(planner_input["created_at"]), tables, out)
    _add_action_space(planner_input["action_space"], out)
    defaults = planner_input["universe_defaults"]
    _add_choice(defaults.get("swarm_id"), _DEFAULT_SWARM, out)
    out += _OBJECTIVE[defaults.get("objective_id")]
    state = planner_input.get("system_state")
    if state is not None:
        _add_system_state(state, out)
    if layout.version == LAYOUT_V2.version:
        _add_keywords(issue, out)
    out.sort()
    unknown = bisect_left(out, 0)
    return Encoding(out[unknown:], unknown)


def dense(positions: Sequence[int], layout: EncodingLayout = LAYOUT_V1) -> "NDArray[np.float32]":
    """Dense float32 features (size of the layout,): 1 at the positions, 0 elsewhere.

    Raises `IndexError` for a position beyond the layout.
    """
    import numpy as np  # imported here: a kernel that only encodes does not need it

    features = np.zeros(layout.size, dtype=np.float32)
    if len(positions):
        features[np.asarray(positions, dtype=np.intp)] = 1
    return features


def _add_issue(issue: Mapping[str, Any], out: list[int]) -> None:
    out += (
        _PRIORITY.get(issue["dk_priority"], _UNKNOWN),
        _RISK.get(issue["dk_risk"], _UNKNOWN),
        _SIZE.get(issue["dk_size"], _UNKNOWN),
        _ATTEMPTS + bisect_right(_ATTEMPT_EDGES, issue["dk_attempts"]),
        *_TOOL_HINT[issue["dk_tool_hint"]],
        *{_TAGS + HASHES[tag] % _TAG_BUCKETS for tag in issue["tags"][:_FIRST_TAGS]},
    )


@cache
def _more_runs() -> tuple[RunTables, ...]:
    """The tables of version 3, made on demand: a kernel that does not use it should not wait for them."""
    return _RUNS + tuple(run_tables(slot, LAYOUT_V3) for slot in range(HISTORY_SLOTS, MOST_RUNS))


def _add_history(
    runs: Sequence[Mapping[str, Any]], now_ms: int, slots: Sequence[RunTables], out: list[int]
) -> None:
    newest_first = sorted(runs, key=_newest_first)
    for run, tables in zip(newest_first, slots, strict=False):
        _add_run(run, tables, now_ms, out)


def _newest_first(run: Mapping[str, Any]) -> tuple[int, str]:
    return -run["started_ms"], run["run_id"]


def _add_run(run: Mapping[str, Any], at: RunTables, now_ms: int, out: list[int]) -> None:
    action, outcome = run["action_executed"], run["outcome"]
    cost = run.get("cost_usd_est")
    _add_choice(action["swarm_id"], at.swarm_id, out)
    out += (
        at.job_type.get(run["job_type"], _UNKNOWN),
        at.domain.get(run["domain"], _UNKNOWN),
        at.max_candidates[action["max_candidates"]],
        at.max_minutes[action["max_minutes"]],
        at.max_iterations[action["max_iterations"]],
        at.status.get(outcome["status"], _UNKNOWN),
        *{at.fail_codes + HASHES[code] % _CODE_BUCKETS for code in outcome["fail_codes"][:_FIRST_CODES]},
        at.duration_ms + bisect_right(_DURATION_EDGES, run["runtime"]["duration_ms"]),
        at.cost_null if cost is None else at.cost_usd_est + bisect_right(_COST_EDGES, cost),
        at.age + bisect_right(_AGE_EDGES, now_ms - run["started_ms"]),
        at.filled,
    )
    _add_gates(outcome["gates"], at, out)


def _add_gates(gates: Sequence[Mapping[str, Any]], at: RunTables, out: list[int]) -> None:
    passed: dict[int, bool] = {}
    for gate in gates:
        bucket = HASHES[gate["name"]] % _GATE_BUCKETS
        passed[bucket] = gate["passed"] and passed.get(bucket, True)
    for bucket, all_passed in passed.items():
        out.append(at.gates_present + bucket)
        if all_passed:
            out.append(at.gates_passed + bucket)


def _add_action_space(space: Mapping[str, Any], out: list[int]) -> None:
    for key, table in _SPACE:
        _add_choices(space[key], table, out)


def _add_system_state(state: Mapping[str, Any], out: list[int]) -> None:
    for key, table, start, edges in _STATE_NUMBERS:
        value = state.get(key)
        if isinstance(value, int | float):
            out.append(start + bisect_right(edges, value))
        else:
            _add_choice(value, table, out)
    for key, table in _STATE_LABELS:
        _add_choice(state.get(key), table, out)
    _add_choices(state.get("available_toolchains") or (), _TOOLCHAINS, out)
    out.append(_STATE_PRESENT)


def _add_keywords(issue: Mapping[str, Any], out: list[int]) -> None:
    words = issue.get("keywords")
    if words is None:
        words = keywords(issue.get("title"), issue.get("description"))
    out += {KEYWORDS_START + HASHES[word] % _KEYWORD_BUCKETS for word in words[:_FIRST_KEYWORDS]}


def _add_choice(value: Any, table: Mapping[Any, int], out: list[int]) -> None:
    """Append the position of `value`; for an unknown one the null position, and count it as unknown."""
    position = table.get(value)
    if position is None:
        out.append(_UNKNOWN)
        position = table[None]
    out.append(position)


def _add_choices(values: Iterable[Any], table: Mapping[Any, int], out: list[int]) -> None:
    positions = [table.get(value, _UNKNOWN) for value in values]
    known = set(positions)
    if _UNKNOWN in known:
        known.discard(_UNKNOWN)
        out += [_UNKNOWN] * positions.count(_UNKNOWN)
    out += known


def _milliseconds(moment: str) -> int:
    """RFC 3339 as whole milliseconds since 1970, rounded down."""
    return (datetime.fromisoformat(moment) - _EPOCH) // _MILLISECOND

"""Field extraction from an archive's files: each field comes from the first file that has it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final, NamedTuple, get_args

from planner.actions import JOB_TYPES, SERIAL, SPECULATE, SWARM_IDS, Action, JobType, canonical_rank
from planner.dataset.issues import planner_issue
from planner.documents.base import parse_document
from planner.documents.planner_input import PlannerInput
from planner.documents.plans import ExecutedPlan
from planner.documents.statuses import RoundStatus
from planner.encoding.build_input import job_type_of
from planner.errors import PlannerError

Json = dict[str, Any]
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final = get_args(RoundStatus)


class BrokenArchiveError(PlannerError):
    """Invalid archive, which gives no example. The message is the reason."""


class Files(NamedTuple):
    """The three core files of an archive; a missing one is an empty object."""

    rollout: Json
    manifest: Json
    proof: Json

    @property
    def planner(self) -> Json:
        """The planner block: input, decision and executed plan."""
        return mapping(self.rollout.get("planner")) or mapping(self.manifest.get("planner"))


class ActualPlan(NamedTuple):
    """The executed plan; None for what an archive does not record."""

    swarm_id: str
    candidates: int | None
    seconds: float | None
    iterations: int | None
    inferred: bool
    """Whether it was inferred, because no executed plan was recorded."""


class Times(NamedTuple):
    """Times of a run in milliseconds since 1970 UTC; the duration in milliseconds."""

    started_ms: int
    completed_ms: int
    duration_ms: int
    provider_wait_ms: int = 0
    """The part of the duration that it waited for a provider."""


def recorded_input(files: Files) -> Json | None:
    """The recorded planner_input, or None. Raises `PlannerError` where it is invalid."""
    document = files.planner.get("planner_input")
    if not document:
        return None
    parse_document(PlannerInput, document, "planner_input")
    return dict(document)


def issue_of(files: Files, recorded: Json | None, backlog: Mapping[str, Json]) -> Json:
    """The issue at planning time. The backlog only fills fields that the archive does not have.

    Raises `BrokenArchiveError` where no file names the issue.
    """
    if recorded is not None:
        return dict(recorded["issue"])
    stated = mapping(files.manifest.get("issue"))
    # Some kernels write `issue_id` as well, and `id` as null.
    ids = (
        stated.get("id"),
        stated.get("issue_id"),
        files.rollout.get("issue_id"),
        files.proof.get("issue_id"),
    )
    issue_id = next((str(name) for name in ids if name), None)
    if issue_id is None:
        raise BrokenArchiveError("it names no issue")
    known = {key: value for key, value in stated.items() if value not in (None, "", [])}
    return planner_issue({**backlog.get(issue_id, {}), **known}, issue_id)


def job_type_in(files: Files, recorded: Json | None, tags: list[str]) -> JobType:
    """The recorded job type, else the one that the tags imply."""
    stated = (at(recorded, "job_type"), files.rollout.get("job_type"), files.manifest.get("job_type"))
    stated_type = next((name for name in stated if name is not None), None) or job_type_of(tags)
    known = next((job_type for job_type in JOB_TYPES if job_type == stated_type), None)
    if known is None:
        raise BrokenArchiveError(f"unknown job type {stated_type!r}; known: {', '.join(JOB_TYPES)}")
    return known


def times_of(files: Files) -> Times:
    """Start, end and duration of the run; either the end or the duration may be missing.

    Raises `BrokenArchiveError` where they are missing or contradictory.
    """
    sections = (files.rollout.get("metadata"), files.proof.get("metadata"))
    started = _moment(sections, "started_at")
    if started is None:
        raise BrokenArchiveError("its start time is missing")
    completed = _moment(sections, "completed_at")
    stated = (at(files.rollout, "scores", "duration_ms"), at(files.proof, "metadata", "duration_ms"))
    duration = amount(next((value for value in stated if value is not None), None), "duration_ms")
    if duration is None:
        if completed is None:
            raise BrokenArchiveError("its end time and its duration are missing")
        duration = completed - started
    if duration < 0:
        raise BrokenArchiveError("it ended before it started")
    waits = (at(files.rollout, "scores", "provider_wait_ms"), at(files.proof, "metadata", "provider_wait_ms"))
    wait = amount(next((value for value in waits if value is not None), None), "provider_wait_ms") or 0
    ended = max(started, completed or started + int(duration))
    return Times(started, ended, int(duration), int(min(wait, duration)))


def _moment(sections: tuple[Any, ...], name: str) -> int | None:
    text = next((at(section, name) for section in sections if at(section, name) is not None), None)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        # Times without a zone are UTC: the reader's own time zone must not matter.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return (moment - _START) // timedelta(milliseconds=1)
    except (TypeError, ValueError, OverflowError):
        raise BrokenArchiveError(f"{name} is not a time: {text!r}") from None


def status_of(files: Files) -> str:
    """Status of the run: success | failed | timeout | error.

    Success requires the toolchain's own status and every required gate.
    """
    stated = (
        at(files.rollout, "outcomes", "verification", "all_passed"),
        at(files.proof, "verification", "all_passed"),
    )
    all_passed = next((value for value in stated if value is not None), False) is True
    words = (at(files.rollout, "outcomes", "status"), files.proof.get("status"))
    word = next((word for word in words if word is not None), "success")
    if word not in _STATUSES:
        raise BrokenArchiveError(f"unknown status {word!r}; known: {', '.join(_STATUSES)}")
    if word in ("success", "partial"):
        return "success" if all_passed else "failed"
    return str(word)


def plan_of(files: Files) -> ActualPlan:
    """The executed plan; for older archives without one, the plan that the manifest implies."""
    recorded = files.planner.get("executed_plan")
    if recorded is None:
        return _inferred_plan(files.manifest)
    plan = parse_document(ExecutedPlan, recorded, "executed_plan")
    if plan.swarm_id_executed not in SWARM_IDS:
        raise BrokenArchiveError(f"swarm {plan.swarm_id_executed!r} is outside the action space")
    return ActualPlan(
        plan.swarm_id_executed,
        plan.max_candidates_executed,
        plan.timeout_seconds_executed,
        plan.max_iterations_executed,
        inferred=False,
    )


def _inferred_plan(manifest: Json) -> ActualPlan:
    """The plan that a manifest implies: every one has the swarm and its width, some a time limit, none the rounds."""
    config = mapping(manifest.get("toolchain_config"))
    seconds = amount(config.get("timeout_seconds"), "timeout_seconds")
    minutes = amount(config.get("timeout_minutes"), "timeout_minutes")
    if seconds is None and minutes is not None:
        seconds = minutes * 60
    if manifest.get("speculate_mode") is not True:
        return ActualPlan(SERIAL, 1, seconds, None, inferred=True)
    width = amount(at(manifest, "control", "speculate_parallelism"), "speculate_parallelism")
    return ActualPlan(SPECULATE, None if width is None else int(width), seconds, None, inferred=True)


def planned_action(files: Files) -> Action | None:
    """The recorded decision, as `planner_action` or `planned_action`; None where there is none that can be read.

    Nothing else of the archive depends on it, so a document of another form makes no archive broken.
    """
    documents = (mapping(files.planner.get(name)) for name in ("planner_action", "planned_action"))
    document = next((document for document in documents if document), {})
    budgets = mapping(document.get("budgets"))
    bins = (budgets.get(f"max_{part}_bin") for part in ("candidates", "minutes", "iterations"))
    try:
        action = Action(document.get("swarm_id"), *bins)  # type: ignore[arg-type]
        canonical_rank(action)
    except (KeyError, TypeError):
        return None
    return action


def gates_of(files: Files) -> list[Json]:
    """Gate outcomes sorted by name, including those that only a rollout names as failed."""
    gates = {
        name: {"name": name, "passed": at(gate, "passed") is True, **_score(at(gate, "score"))}
        for name, gate in mapping(at(files.proof, "verification", "gates")).items()
        if name
    }
    blocking = texts(at(files.rollout, "outcomes", "verification", "blocking_failures"))
    for name in blocking or texts(at(files.proof, "verification", "blocking_failures")):
        gates.setdefault(name, {"name": name, "passed": False})
    return [gates[name] for name in sorted(gates)]


def _score(value: Any) -> Json:
    score = number(value, "score")
    return {} if score is None else {"score": score}


def fail_codes_of(files: Files) -> list[str]:
    """Fail codes of the run, else those of its gates."""
    stated = texts(at(files.proof, "verification", "fail_codes"))
    gates = mapping(at(files.proof, "verification", "gates"))
    return stated or sorted({code for gate in gates.values() for code in texts(at(gate, "fail_codes"))})


def at(document: Any, *path: str) -> Any:
    """The nested value at `path`, or None where a key is missing."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def mapping(value: Any) -> Json:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """The non-empty strings of a list; an empty list for anything else."""
    return [text for text in value if isinstance(text, str) and text] if isinstance(value, list) else []


def amount(value: Any, name: str) -> float | None:
    """A finite number of at least 0, or None. Raises `BrokenArchiveError` for anything else."""
    checked = number(value, name)
    if checked is not None and checked < 0:
        raise BrokenArchiveError(f"{name} is negative: {value!r}")
    return checked


def number(value: Any, name: str) -> float | None:
    """A finite number, or None. Raises `BrokenArchiveError` for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BrokenArchiveError(f"{name} is not a number: {value!r}")
    return value

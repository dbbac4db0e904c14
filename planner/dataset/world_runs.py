"""Reader of fab-world runs, which kernels keep as `.cyntra/runs/<run_id>/` next to the archives of workcells.

Of a run it reads `manifest.json` (stages), `context.json` (universe, world, objective, swarm), the gates' verdict in
`verdict/gate_verdict.json`, and, for the candidates of an evolution, its `evolve_world.json`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from planner.actions import SPECULATE, SWARM_IDS
from planner.dataset import facts
from planner.dataset.archives import Archived, load_document
from planner.dataset.epochs import epoch_of
from planner.dataset.facts import ActualPlan, BrokenArchiveError, Files, Times
from planner.dataset.issues import planner_issue
from planner.errors import PlannerError

Json = dict[str, Any]
_MANIFEST, _CONTEXT = "manifest", "context"
_VERDICT: Final = "gate_verdict"


def world_roots(roots: Sequence[Path]) -> list[Path]:
    """The directories of fab-world runs that belong to `roots`: `.cyntra/runs` next to `.cyntra/archives`."""
    siblings = [root.absolute().parent / "runs" for root in roots if root.name == "archives"]
    own = {root.absolute() for root in roots}
    return [runs for runs in siblings if is_world_root(runs) and runs not in own and runs.is_dir()]


def is_world_root(root: Path) -> bool:
    """Whether a directory is a kernel's directory of runs, most of which are no fab-world runs."""
    return root.absolute().parts[-2:] == (".cyntra", "runs")


def is_world_run(directory: Path) -> bool:
    """Whether a directory of a kernel's runs holds a fab-world run: a manifest and a context."""
    if not is_world_root(directory.parent):
        return False
    return all((directory / f"{name}.json").is_file() for name in (_MANIFEST, _CONTEXT))


class WorldRunReader:
    """Reads the runs of one directory. It knows the population sizes of the evolutions there."""

    def __init__(self, root: Path) -> None:
        self._populations = dict(_populations(root))

    def read(self, directory: Path, backlog: Mapping[str, Json]) -> Archived:
        """Parse the run in `directory`. Raises `BrokenArchiveError` with the reason where it is invalid."""
        manifest, context = (load_document(directory, name) or {} for name in (_MANIFEST, _CONTEXT))
        verdict = load_document(directory / "verdict", _VERDICT) or {}
        name = str(manifest.get("run_id") or directory.name)
        files = Files({}, {**manifest, "job_type": "fab-world"}, {})
        try:
            return self._archived(name, files, context, verdict, backlog)
        except (PlannerError, OverflowError) as error:
            raise BrokenArchiveError(str(error)) from None

    def _archived(
        self, name: str, files: Files, context: Json, verdict: Json, backlog: Mapping[str, Json]
    ) -> Archived:
        recorded = facts.recorded_input(files)
        stages = [stage for stage in files.manifest.get("stages") or [] if isinstance(stage, dict)]
        if not stages:
            raise BrokenArchiveError("manifest.json: it names no stages")
        gates = _gates(verdict)
        passed = all(stage.get("status") == "success" for stage in stages)
        trace = facts.mapping(files.planner.get("policy_trace"))
        return Archived(
            workcell_id=name,
            group=name,
            attempt=0,
            times=_times(files.manifest, stages),
            status="success" if passed and all(gate["passed"] for gate in gates) else "failed",
            job_type="fab-world",
            issue=_issue(name, context, recorded, backlog),
            universe_id=str(context.get("universe_id") or "default"),
            planner_input=recorded,
            plan=self._plan(name, files, context),
            planned=facts.planned_action(files),
            epoch=epoch_of(facts.mapping(trace.get("stability"))),
            propensity=facts.number(trace.get("propensity_executed"), "propensity_executed"),
            benched=False,
            repo=None,
            cost_usd=None,
            gates=gates,
            fail_codes=_fail_codes(stages, verdict),
            diff_lines=None,
        )

    def _plan(self, name: str, files: Files, context: Json) -> ActualPlan:
        """The recorded plan, else the swarm of the context with the population of its evolution."""
        if files.planner.get("executed_plan") is not None:
            return facts.plan_of(files)
        swarm = context.get("swarm_id") or SWARM_IDS[0]
        if swarm not in SWARM_IDS:
            raise BrokenArchiveError(f"swarm {swarm!r} is outside the action space")
        width = self._populations.get(name) if swarm == SPECULATE else 1
        return ActualPlan(swarm, width, None, None, inferred=True)


def _populations(root: Path) -> Iterator[tuple[str, int]]:
    """The population size of each candidate of the evolutions in `root`."""
    for path in sorted(root.glob("*/evolve_world.json")):
        try:
            document = load_document(path.parent, path.stem) or {}
        except BrokenArchiveError:
            continue
        for generation in document.get("history") or []:
            size = facts.at(generation, "population_size")
            for candidate in facts.at(generation, "candidates") or []:
                if isinstance(size, int) and size > 0:
                    yield str(facts.at(candidate, "run_id")), size


def _times(manifest: Json, stages: Sequence[Json]) -> Times:
    taken = sum(facts.amount(stage.get("duration_ms"), "duration_ms") or 0 for stage in stages)
    times = {"started_at": manifest.get("created_at")}
    return facts.times_of(Files({"metadata": times, "scores": {"duration_ms": taken}}, {}, {}))


def _issue(name: str, context: Json, recorded: Json | None, backlog: Mapping[str, Json]) -> Json:
    """The issue of the run; a run of its own stands for itself. Its tags name world and objective."""
    if recorded is not None:
        return dict(recorded["issue"])
    issue_id = str(context.get("issue_id") or name)
    issue = planner_issue(backlog.get(issue_id, {}), issue_id)
    named = [
        f"{kind}:{context[f'{kind}_id']}" for kind in ("world", "objective") if context.get(f"{kind}_id")
    ]
    return {**issue, "tags": list(dict.fromkeys([*issue["tags"], "asset:world", *named]))}


def _gates(verdict: Json) -> list[Json]:
    if not verdict:
        return []
    score = facts.number(facts.at(verdict, "scores", "overall"), "score")
    gate = {
        "name": str(verdict.get("gate_config_id") or "verdict"),
        "passed": verdict.get("verdict") == "pass",
    }
    return [gate if score is None else {**gate, "score": score}]


def _fail_codes(stages: Sequence[Json], verdict: Json) -> list[str]:
    failed = [f"stage_failed:{stage.get('id')}" for stage in stages if stage.get("status") != "success"]
    hard = facts.texts(facts.at(verdict, "failures", "hard"))
    return list(dict.fromkeys([*failed, *hard]))

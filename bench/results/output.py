"""Atomic write of the output files of a finished bench, where its config has an output directory."""

import json
from pathlib import Path
from typing import Any

from bench.errors import FailureError
from bench.experiment.decide import action_of
from bench.results.documents import winners_document
from bench.results.read import BenchResults, DecidedCase
from planner.system.atomic import write_all_atomic


def write_outputs(results: BenchResults) -> dict[str, Any]:
    """Atomic write of the files of the config's `output` block; nothing is written without a directory.

    `<bench>.summary.json` and `<bench>.winners.jsonl` always; `<bench>.outcomes.jsonl`, a line for each execution of
    a decided case, with `include_all_outcomes`; `<bench>.traces.jsonl`, a line for each arm with how it was drawn,
    with `include_traces`.
    Returns the bench summary document with the paths of the files. Raises `FailureError` where writing fails.
    """
    output, bench_id = results.bench.config["output"], results.bench.bench_id
    if output["directory"] is None:
        return results.summary_document()
    directory = Path(output["directory"])
    files = {"winners": winners_document(results)}
    if output["include_all_outcomes"]:
        files["outcomes"] = [line for case in results.decided for line in _outcomes(case)]
    if output["include_traces"]:
        files["traces"] = [line for case in results.decided for line in _traces(case)]
    paths = {name: str(directory / f"{bench_id}.{name}.jsonl") for name in files}
    paths["summary"] = str(directory / f"{bench_id}.summary.json")
    document = results.summary_document(paths)
    texts = {paths[name]: "".join(_line(row) for row in rows) for name, rows in files.items()}
    _write(directory, {**texts, paths["summary"]: json.dumps(document, indent=2, ensure_ascii=False) + "\n"})
    return document


def _outcomes(case: DecidedCase) -> list[dict[str, Any]]:
    return [
        {
            "issue_id": case.issue_id,
            "arm_id": arm.arm_id,
            "action": list(action_of(arm)),
            "propensity": arm.propensity,
            **execution._asdict(),
        }
        for arm in case.rows.arms
        for execution in arm.executions
    ]


def _traces(case: DecidedCase) -> list[dict[str, Any]]:
    return [
        {
            "issue_id": case.issue_id,
            "arm_id": arm.arm_id,
            "execution_ids": [execution.execution_id for execution in arm.executions],
            "action": list(action_of(arm)),
            "strategy": arm.strategy,
            "strategy_version": arm.strategy_version,
            "propensity": arm.propensity,
            "propensity_kind": arm.propensity_kind,
            "stratum": arm.stratum,
            "is_baseline": arm.is_baseline,
            "is_executed": arm.is_executed,
        }
        for arm in case.rows.arms
    ]


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str) + "\n"


def _write(directory: Path, texts: dict[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_all_atomic({Path(name): text for name, text in texts.items()})
    except OSError as error:
        raise FailureError(
            f"cannot write to {directory}: {error.strerror}; correct output.directory"
        ) from error

"""Kernel with embedded inference: `python kernel_host.py BUNDLE ISSUES.jsonl`.

It needs only the install without extras. For each issue it prints the action to run and the record of the decision;
it executes nothing.
"""

import json
import sys
from pathlib import Path

from planner.host.config import read_planner_config
from planner.inference import PlannerInference


def main(bundle: str, issues: str) -> None:
    planner = PlannerInference(read_planner_config({"model": {"path": bundle}}))
    if planner.problem:
        print("the baseline decides:", planner.problem, file=sys.stderr)
    for line in Path(issues).read_text(encoding="utf-8").splitlines():
        issue = json.loads(line)
        plan = planner.plan(issue, history=[])  # history: run_summary.v1 documents of similar earlier runs
        swarm, candidates, minutes, iterations = plan.execution.action
        run = {"swarm": swarm, "candidates": candidates, "minutes": minutes, "iterations": iterations}
        record = {"planner_input": plan.planner_input, "planner_action": plan.planner_action.document()}
        print(json.dumps({"issue": issue["id"], "run": run, "mode": plan.mode, "planner": record}))


if __name__ == "__main__":
    main(*sys.argv[1:])

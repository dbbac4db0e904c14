"""Stage A on the demo corpus: a policy is trained on one stream's runs and predicts those of a second stream."""

from pathlib import Path
from typing import Any, Final

import yaml

from bench.config.models import BenchConfig
from bench.demo.backlog import backlog
from planner.system.atomic import write_atomic

TAUGHT: Final = "taught"
UNSEEN: Final = "unseen"
CONFIG_FILE: Final = "stage-a.yaml"
_EVERY: Final = 3
# Two attempts at most, so that both streams take minutes.
_MAX_ATTEMPTS: Final = 2


def stage_config(demo: BenchConfig) -> dict[str, Any]:
    """The demo's config for two streams with disjoint issues, every third in the second.

    The policy predicts only issues that it was not trained on.
    """
    issues = [issue.id for issue in backlog() if issue.bug]
    unseen = issues[_EVERY - 1 :: _EVERY]
    taught = [issue_id for issue_id in issues if issue_id not in unseen]
    document = demo.stream_document()
    document["slices"] = {TAUGHT: {"id": taught}, UNSEEN: {"id": unseen}}
    document["stream"]["max_attempts"] = _MAX_ATTEMPTS
    # Nothing is paid for here: executions cost time alone.
    document["execution_limits"].update({"max_usd": None, "max_usd_per_issue": None, "max_executions": None})
    # The rules alone would give risky work three candidates, and lane B would stay empty.
    match = {"dk_risk": ["high"], "dk_size": ["M", "L", "XL"]}
    document["routing"] = [{"match": match, "speculate": True, "parallelism": 2}]
    BenchConfig.model_validate(document, strict=True)
    return document


def write_config(demo: BenchConfig, directory: Path) -> Path:
    """Write `stage-a.yaml` into `directory`, atomically, and return its path."""
    path = directory / CONFIG_FILE
    write_atomic(path, yaml.safe_dump(stage_config(demo), sort_keys=False))
    return path

"""Policy epochs of benches: a digest of the rules that their outcomes and labels depend on."""

from typing import Any

from pydantic import ValidationError

from bench.config.models import BenchConfig
from bench.submit.epoch import bench_stability
from db.repositories.bench_rows import BenchRow
from planner.dataset.epochs import epoch_of


def bench_epoch(bench: BenchRow) -> str:
    """The policy epoch of a bench: of gates, toolchains, prompt, universe and routing, not of sampling or caps.

    A bench of a version that did not store its rules has those of its config, and an unknown prompt.
    """
    return epoch_of(bench.stability or _of_config(bench))


def _of_config(bench: BenchRow) -> dict[str, Any]:
    try:
        config = BenchConfig.model_validate(bench.config)
    except ValidationError:
        return {"kernel_config_hash": bench.config_hash}
    return {**bench_stability(config, ""), "prompt_frontier_hash": None}

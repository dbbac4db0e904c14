"""`cyntra.planner_dataset.v1`: a directory with `dataset.jsonl`, one example a line, and `meta.json`."""

from typing import Annotated, Literal

from pydantic import Field

from planner.documents.base import Count, Name, Open, Share
from planner.documents.bench import ActionItem, ExampleCandidate
from planner.documents.planner_input import PlannerInput
from planner.documents.plans import PlannerActionDocument

Split = Literal["train", "val", "test"]
Source = Literal["executed", "inferred", "best_of_k"]
"""Origin of a label: an executed plan, one inferred from a legacy archive, or a bench's winner."""


class SoftTarget(Open):
    """One action's share of a soft label."""

    action: Annotated[list[ActionItem], Field(min_length=4, max_length=4)]
    weight: Share


class DatasetExample(Open):
    """One training example. Optional keys without a value are omitted."""

    run_id: Name
    started_ms: int
    split: Split
    planner_input: PlannerInput
    label_action: PlannerActionDocument
    input_hash: Name
    source: Source
    repo: str | None = None
    """The repository, for splits by repository; null where it is unknown."""
    soft_label: list[SoftTarget] | None = None
    """The probability of each action to be the best; they sum to 1."""
    candidates: list[ExampleCandidate] | None = None
    """Logged executions with their outcomes, for the outcome model and the outcome metrics."""


class DatasetMeta(Open):
    """Metadata of a dataset. `dataset_hash` is the digest of `dataset.jsonl`."""

    schema_version: Literal["cyntra.planner_dataset.v1"]
    dataset_hash: Name
    example_count: Count
    split_counts: dict[str, Count]
    n_similar_runs: Count
    universe_id: str | None
    include_world: bool
    epoch: str | None
    """Policy epoch of all examples; null where epochs were mixed on request."""
    toolchain_versions: dict[str, list[str]] | None = None
    """Known versions of the toolchains of benches that labelled the examples, by name."""

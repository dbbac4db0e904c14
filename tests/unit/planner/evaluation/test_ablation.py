import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planner.dataset.read import Dataset, read_dataset
from planner.errors import PlannerError
from planner.training.ablation.report import ablation_figures, ablation_markdown, write_ablation
from planner.training.ablation.run import BASE, GROUPS, Setting, ablate, settings
from planner.training.config import TrainingConfig
from planner.training.networks.network import NetworkConfig
from tests.fixtures.planner_examples import examples, history, write_examples

SMALL = TrainingConfig(
    network=NetworkConfig(hidden=16, depth=2, token_width=16, token_layers=1, attention_heads=2),
    epochs=2,
    batch_size=8,
    learning_rate=1e-2,
    min_examples=10,
    min_agreement=0,
    threads=1,
)


def dataset(directory: Path, **changes: Any) -> Any:
    documents = examples(240, seed=6)
    for entry in documents:
        entry["planner_input"]["history"] |= changes
    return read_dataset(write_examples(directory, documents))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return dataset(tmp_path_factory.mktemp("ablation"))


def rows(*names: Any, base: Any = SMALL) -> Any:
    return [entry for entry in settings(base) if entry.name in (BASE, *names)]


def interrupt_at(name: str) -> Any:
    """Says what is begun, until a kill."""

    def say(line: str) -> None:
        if name in line:
            raise KeyboardInterrupt

    return say


def decided(result: Any) -> Any:
    return {row.setting.name: row.decisions and row.decisions.cells.tolist() for row in result}


def test_the_table_is_the_one_asked_for() -> None:
    result = settings(TrainingConfig())
    assert [entry.name for entry in result] == [
        "base",
        *(f"history {runs}" for runs in (0, 1, 4, 16)),
        *(f"depth {depth}" for depth in (1, 2, 4)),
        *(f"hidden {hidden}" for hidden in (128, 256, 1024)),
        *(f"dropout {dropout}" for dropout in ("0", "0.2", "0.3")),
        *(f"smoothing {smoothing}" for smoothing in ("0", "0.05", "0.2")),
        *(f"policy {kind}" for kind in ("joint", "autoregressive", "sequence")),
        "layout with keywords",
    ]
    assert {entry.group for entry in result} == {BASE, *GROUPS}
    assert [entry.name for entry in settings(TrainingConfig(), ["depth"])] == [
        "base",
        "depth 1",
        "depth 2",
        "depth 4",
    ]


def test_a_killed_ablation_goes_on_and_ends_with_the_same_rows(data: Dataset, tmp_path: Path) -> None:
    wanted = rows("history 0", "history 16", "policy joint")
    with pytest.raises(KeyboardInterrupt):
        ablate(data, wanted, tmp_path / "killed", interrupt_at("policy joint"))
    begun: list[str] = []
    resumed = ablate(data, wanted, tmp_path / "killed", begun.append)
    assert begun == ["4/4 policy joint"]
    whole = ablate(data, wanted, tmp_path / "whole", begun.append)
    assert decided(resumed) == decided(whole)
    again: list[str] = []
    ablate(data, wanted, tmp_path / "whole", again.append)
    assert again == []
    assert not (tmp_path / "whole" / "work").exists()


def test_without_history_runs_are_not_looked_at(data: Dataset, tmp_path: Path) -> None:
    bare = dataset(tmp_path / "bare", last_n_similar_runs=[])
    wanted = rows("history 0")
    with_runs = decided(ablate(data, wanted, tmp_path / "a", print))
    without = decided(ablate(bare, wanted, tmp_path / "b", print))
    assert with_runs["history 0"] == without["history 0"] == without["base"]
    assert with_runs["history 0"] != with_runs["base"]


def test_a_row_that_cannot_be_trained_says_why_and_the_others_stand(data: Dataset, tmp_path: Path) -> None:
    # Attention heads cannot share such a width.
    odd = replace(SMALL, network=replace(SMALL.network, token_width=15))
    result = {
        row.setting.name: row
        for row in ablate(data, rows("history 16", "policy sequence", base=odd), tmp_path, print)
    }
    assert result["base"].refused is None
    reason = "its histories have 8 runs at most; build it with --similar-runs 16"
    assert result["history 16"].refused == reason
    assert "attention heads" in result["policy sequence"].refused


def test_sixteen_runs_are_used_where_the_dataset_has_them(tmp_path: Path) -> None:
    documents = examples(240, seed=6)
    for number, entry in enumerate(documents):
        rng, asked = random.Random(number), entry["planner_input"]
        asked["history"]["last_n_similar_runs"] = history(rng, asked["job_type"], entry["started_ms"], 16)
    data = read_dataset(write_examples(tmp_path / "data", documents, n_similar_runs=16))
    result = {row.setting.name: row for row in ablate(data, rows("history 16"), tmp_path / "out", print)}
    longer = result["history 16"]
    assert longer.refused is None
    assert longer.parameters == (result["base"].parameters or 0) + 8 * 332 * 16
    assert longer.setting.config.network.layout == 3
    sequence = Setting("history", "history 16", replace(SMALL, kind="sequence"), 16)
    assert sequence.impossible(16) == "the tokens hold 8 runs"


def test_a_base_that_cannot_be_trained_is_an_error(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(PlannerError, match="--min-examples"):
        ablate(data, rows(base=replace(SMALL, min_examples=10_000)), tmp_path, print)


def test_rows_of_another_dataset_or_base_are_trained_anew(data: Dataset, tmp_path: Path) -> None:
    ablate(data, rows(), tmp_path / "out", print)
    other = dataset(tmp_path / "other", last_n_similar_runs=[])
    for changed, base in ((other, SMALL), (data, replace(SMALL, seed=1))):
        begun: list[str] = []
        ablate(changed, rows(base=base), tmp_path / "out", begun.append)
        assert begun == ["1/1 base"]


def test_the_table_compares_every_row_with_the_base(data: Any, tmp_path: Any) -> None:
    result = ablate(data, rows("history 0", "history 16"), tmp_path, print)
    figures = ablation_figures(data, result)
    write_ablation(tmp_path, figures)
    assert json.loads((tmp_path / "ablation.json").read_text()) == json.loads(json.dumps(figures))
    assert {(entry["policy"], entry["reference"]) for entry in figures["differences"]} == {
        ("history 0", "base")
    }
    lines = [line for line in ablation_markdown(figures).splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines] == [
        "setting",
        "---",
        "base",
        "history 0",
        "history 16",
    ]
    assert len({line.count("|") for line in lines}) == 1
    assert "not trained: its histories have 8 runs at most" in lines[-1]

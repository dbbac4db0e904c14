"""What training costs: examples a second for every kind of policy, and the size of what comes out."""

import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from planner.dataset.read import Dataset, read_dataset
from planner.training.config import TrainingConfig
from planner.training.exporting.model import export_model
from planner.training.fitting.batches import Examples, to_tensors
from planner.training.fitting.data import ids_of, read_split
from planner.training.fitting.row_pruning import RowPruning
from planner.training.networks.network import KINDS, Kind, Network, NetworkConfig, build
from planner.training.train import train
from tests.fixtures.planner_examples import write_dataset

_THREADS: Final = 2
_EPOCHS: Final = 2
_BARE_SECONDS: Final = 2.0
_AIM_RATE: Final = 15_000
_AIM_MEGABYTES: Final = 10.0


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Every kind as `planner train` does it, against its network alone; then the bundle of the MLP."""
    with tempfile.TemporaryDirectory(prefix="bench-mark-") as name:
        home = Path(name)
        many = read_dataset(write_dataset(home / "many", scale.submitted // 5, benched=True))
        few = read_dataset(write_dataset(home / "few", scale.submitted // 20 + 60, benched=True))
        for kind in KINDS:
            yield _speed(kind, few if kind == "sequence" else many, home / kind, scale)
        yield _size(home / "mlp", home / "bundle")


def _speed(kind: Kind, dataset: Dataset, out: Path, scale: Scale) -> Row:
    # What is learnt does not matter here: shuffled labels cost the same, and no gate stops them.
    config = TrainingConfig(
        kind, epochs=_EPOCHS, threads=_THREADS, min_examples=1, min_agreement=0.0, shuffle_labels=True
    )
    report = train(dataset, config, out)
    own = report["examples_per_second"]
    bare = _bare_rate(config, dataset, min(_BARE_SECONDS, scale.plane_seconds))
    aim = _AIM_RATE if kind == "mlp" else None
    return Row(
        f"training: {kind}",
        f"{own:,} examples/s, validation and saving included",
        f"forward, backward and AdamW of this network, batches ready: {bare:,.0f}/s",
        f"{bare / own:.1f}×",
        f"≥{aim:,}/s" if aim else "",
        own >= aim if aim else None,
    )


def _bare_rate(config: TrainingConfig, dataset: Dataset, seconds: float) -> float:
    """Examples a second of the same network on batches made beforehand, without labels, gates or clipping."""
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        network, batches = _ready(config, dataset)
        optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, fused=True)
        done, started = 0, time.perf_counter()
        for ids, offsets in cycle(batches):
            optimizer.zero_grad()
            network.ragged(ids, offsets).square().mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            done += len(offsets)
            if time.perf_counter() - started > seconds:
                break
        return done / (time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)


def _ready(config: TrainingConfig, dataset: Dataset) -> tuple[Network, list[tuple[Any, Any]]]:
    """The network with the rows that occur, as training has it, and (ids, offsets) of every batch."""
    split = read_split(dataset, "train", ids_of(config.kind, config.network), None, lambda _count: None)
    examples: Examples = to_tensors(split.read, "cpu")
    network = build(config.kind, config.network)
    pruning = RowPruning(examples, len(network.first.weight) - 1)
    pruning.prune(network)
    order = torch.split(torch.randperm(len(examples)), config.batch_size)
    batches = [examples.read_as(pruning.table).ids.take(rows) for rows in order]
    return network.train(), [(one.columns[0], one.offsets[:-1].to(torch.int32)) for one in batches]


def _size(model: Path, out: Path) -> Row:
    export_model(model, out)
    whole = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    onnx = (out / "model.onnx").stat().st_size / 1e6
    weights = sum(held.numel() for held in build("mlp", NetworkConfig()).parameters()) * 4 / 1e6
    return Row(
        "bundle: MLP",
        f"{whole:.2f} MB, of it {onnx:.2f} the model",
        f"its weights as float32: {weights:.2f} MB",
        f"{whole / weights:.2f}×",
        f"<{_AIM_MEGABYTES:.0f} MB",
        whole < _AIM_MEGABYTES,
    )

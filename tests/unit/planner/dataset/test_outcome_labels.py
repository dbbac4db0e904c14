"""Parquet of outcomes as labels: what is no such file is refused by name, in one line."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from planner.dataset.labels import label_files, read_labels
from planner.dataset.merge import MergeOptions, merge_best_of_k
from planner.dataset.read import read_dataset
from planner.errors import PlannerError
from tests.fixtures.archive_files import label, write_labels


def refusal(path: Path) -> str:
    with pytest.raises(PlannerError) as caught:
        list(read_labels(label_files([path])))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_no_outcomes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.parquet"
    file.write_bytes(b"no parquet at all")
    assert refusal(tmp_path).startswith(f"{file}: not a readable Parquet file: ")
    pq.write_table(pa.table({"bench_id": ["b"]}), file)
    assert "column case_id is missing; export them again" in refusal(file)
    pq.write_table(pa.table({"example": ["{"]}), file)
    assert refusal(file).startswith(f"{file}: row 1: not JSON: ")


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.parquet"
    pq.write_table(pa.table({"example": ["{}"] * 9}), file)
    file.write_bytes(file.read_bytes()[:-8])
    assert refusal(file).startswith(f"{file}: not a readable Parquet file: ")


def versioned(number: int, **versions: list[str]) -> dict[str, Any]:
    document = label(number)
    document["bench_metadata"] |= {"epoch": "e" * 64, "toolchain_versions": versions}
    return document


def test_labels_of_two_versions_of_a_toolchain_are_mixed_only_on_request(tmp_path: Path) -> None:
    known = [versioned(0, claude=["2.0.1"]), versioned(1, claude=["2.1.0"], codex=["1"]), versioned(2)]
    labels = [write_labels(tmp_path / "labels", known)]
    with pytest.raises(PlannerError, match=r"2 versions of claude \(2\.0\.1, 2\.1\.0\).*--mix-epochs"):
        merge_best_of_k(tmp_path / "out", MergeOptions(labels))
    assert not (tmp_path / "out").exists()
    merge_best_of_k(tmp_path / "out", MergeOptions(labels, mix_epochs=True))
    assert read_dataset(tmp_path / "out").meta.epoch is None


def test_a_toolchain_that_only_some_used_is_no_difference_and_versions_are_kept(tmp_path: Path) -> None:
    first = [write_labels(tmp_path / "first", [versioned(0, claude=["2.0.1"]), versioned(1)])]
    merge_best_of_k(tmp_path / "base", MergeOptions(first))
    base = read_dataset(tmp_path / "base").meta
    assert (base.epoch, base.toolchain_versions) == ("e" * 64, {"claude": ["2.0.1"]})
    newer = [write_labels(tmp_path / "newer", [versioned(2, claude=["2.1.0"])])]
    with pytest.raises(PlannerError, match="2 versions of claude"):
        merge_best_of_k(tmp_path / "out", MergeOptions(newer, tmp_path / "base"))
    other = [write_labels(tmp_path / "other", [versioned(3, codex=["1"])])]
    merged = merge_best_of_k(tmp_path / "out", MergeOptions(other, tmp_path / "base")).meta
    assert merged is not None
    assert merged.toolchain_versions == {"claude": ["2.0.1"], "codex": ["1"]}

"""The same archives give the same bytes anywhere, and a dataset appears whole or not at all."""

import errno
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.dataset.read import read_dataset
from planner.dataset.spool import Spool
from planner.dataset.write import drafting
from planner.errors import PlannerError
from tests.fixtures.archive_files import Files, archive, legacy_archive, write_archive
from tests.fixtures.dataset_builder import DatasetBuilder

PINNED = "0c2b454b2ddd721a2141136885da2c5736b672b439095e069d7b53658f8fef4b"
_BUILD = """
import sys
from planner.cli.main import main
raise SystemExit(main(["build-dataset", "--archives", sys.argv[1], "--out", sys.argv[2], "--mix-epochs"]))
"""


def mixed_archives() -> list[Files]:
    """Recorded and legacy archives, three candidates of one execution, and a broken one."""
    bench = {"bench_id": "b-1", "execution_id": 7, "attempt": 1}
    plan = {"swarm_id_executed": "speculate_vote", "max_candidates_executed": 3}
    wide = [archive(30, bench=bench, plan=plan, workcell_id=f"x30-a1-c{n}-0badcafe") for n in range(3)]
    for number, files in enumerate(wide):
        files["rollout"]["scores"]["cost_usd"] = 0.1 * (number + 1)
    broken = archive(31, status="unheard of")
    return [
        *(archive(number) for number in range(8)),
        *(legacy_archive(number, tags=["a", "b"][: number % 3]) for number in range(8, 16)),
        *wide,
        broken,
    ]


def write_all(root: Path, order: int) -> Path:
    files = mixed_archives()
    random.Random(order).shuffle(files)
    for each in files:
        write_archive(root, each)
    return root


def test_the_hash_is_the_same_in_other_processes_places_zones_and_orders(tmp_path: Path) -> None:
    distinct = set()
    for number, (zone, seed) in enumerate([("UTC", "1"), ("Pacific/Chatham", "2"), ("America/Lima", "3")]):
        archives = write_all(tmp_path / f"somewhere-{number}" / "archives", number)
        out = tmp_path / f"out-{number}"
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": "C"}
        command = [sys.executable, "-c", _BUILD, str(archives), str(out)]
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=60)
        distinct.add((out / "dataset.jsonl").read_bytes())
        distinct.add((out / "meta.json").read_bytes())
    assert len(distinct) == 2
    assert not any(str(tmp_path).encode() in each for each in distinct)


def test_the_hash_of_these_archives_is_the_one_of_yesterday(builder: DatasetBuilder) -> None:
    """Changes only where examples are meant to change: every trained model names the hash of its dataset."""
    write_all(builder.archives, 0)
    meta = builder.build(mix_epochs=True).meta
    assert meta is not None
    assert meta.dataset_hash == PINNED


def test_two_directories_give_what_one_gives(tmp_path: Path) -> None:
    together, apart = DatasetBuilder(tmp_path / "1"), DatasetBuilder(tmp_path / "2")
    write_all(together.archives, 0)
    second = tmp_path / "2" / "second"
    for number, files in enumerate(mixed_archives()):
        write_archive(second if number % 2 else apart.archives, files)
    together.build(mix_epochs=True)
    for roots in ([apart.archives, second], [second, apart.archives]):
        apart.build(archives=roots, mix_epochs=True)
        assert (apart.out / "dataset.jsonl").read_bytes() == (together.out / "dataset.jsonl").read_bytes()


def test_a_longer_list_of_runs_changes_nothing_but_what_it_adds(builder: DatasetBuilder) -> None:
    write_all(builder.archives, 0)
    before = {name: {**each, "split": ""} for name, each in builder.examples(mix_epochs=True).items()}
    write_archive(builder.archives, legacy_archive(500))
    after = {name: {**each, "split": ""} for name, each in builder.examples(mix_epochs=True).items()}
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1


def test_issues_or_repositories_stay_on_one_side(builder: DatasetBuilder) -> None:
    for number in range(40):
        files = archive(number, issue_id=f"depot-{number % 11}")
        files["manifest"]["toolchain_config"]["repo"] = f"repo-{number % 4}"
        write_archive(builder.archives, files)
    for split_by, key in (
        ("time", lambda e: e["planner_input"]["issue"]["issue_id"]),
        ("repository", lambda e: e["repo"]),
    ):
        sides: dict[str, set[str]] = {}
        for each in builder.examples(split_by=split_by).values():
            sides.setdefault(key(each), set()).add(each["split"])
        assert all(len(distinct) == 1 for distinct in sides.values())
        assert {side for distinct in sides.values() for side in distinct} == {"train", "val", "test"}


def test_a_dataset_is_replaced_and_other_things_are_not(builder: DatasetBuilder) -> None:
    write_archive(builder.archives, archive(0))
    (builder.archives / "broken").mkdir()
    builder.out.mkdir()
    builder.build()
    assert (builder.out / "skipped.txt").exists()
    (builder.archives / "broken").rmdir()
    write_archive(builder.archives, archive(1))
    builder.build()
    assert sorted(path.name for path in builder.out.iterdir()) == ["dataset.jsonl", "meta.json"]
    assert read_dataset(builder.out).meta.example_count == 2
    (builder.out / "thesis.txt").write_text("mine")
    before = (builder.out / "dataset.jsonl").read_bytes()
    with pytest.raises(PlannerError, match=r"holds other things \(thesis.txt\)"):
        builder.build()
    assert (builder.out / "dataset.jsonl").read_bytes() == before
    shutil.rmtree(builder.out)
    builder.out.write_text("a file")
    with pytest.raises(PlannerError, match="is not a directory"):
        builder.build()


def _full(*_given: Any, **_named: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("owner", "method"), [(Spool, "add"), (Path, "write_text")])
def test_a_full_disk_leaves_the_old_dataset_and_no_litter(
    builder: DatasetBuilder, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    write_archive(builder.archives, archive(0))
    builder.build()
    before = (builder.out / "dataset.jsonl").read_bytes()
    write_archive(builder.archives, archive(1))
    monkeypatch.setattr(owner, method, _full)
    with pytest.raises(OSError, match="No space left on device; nothing was written") as caught:
        builder.build()
    assert caught.value.filename == str(builder.out)
    assert (builder.out / "dataset.jsonl").read_bytes() == before
    assert sorted(path.name for path in builder.out.parent.iterdir()) == ["archives", "dataset"]


def test_what_was_put_there_while_a_dataset_was_built_stays(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    target.mkdir()
    with pytest.raises(PlannerError, match=r"holds other things \(thesis.txt\)"), drafting(target, "time"):
        (target / "thesis.txt").write_text("mine")
    assert (target / "thesis.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]

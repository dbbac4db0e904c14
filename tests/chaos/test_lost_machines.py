"""A machine that is gone the second after it completed an execution takes nothing with it."""

import shutil

import pytest

from bench.results.archives import restore_archives
from bench.results.artifacts import artifacts_of, patch_of
from tests.fixtures.fleet import Fleet

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("store", ["postgres:", "file"])
def test_every_outcome_of_a_lost_machine_has_its_patch_and_its_logs(farm: Fleet, store: str) -> None:
    url = f"file://{farm.directory}/store" if store == "file" else store
    bench = farm.bench(cases=6, seconds=0)
    first = farm.worker("w1", slots=2, artifacts_url=url)
    farm.until("it has completed one", lambda: farm.states(bench).get("done"))
    first.kill_tree()
    shutil.rmtree(farm.directory / "w1")
    farm.let_leases_end()
    farm.worker("w2", slots=2, artifacts_url=url)
    farm.until_finished(bench)
    farm.assert_nothing_lost(bench, {"done": 6})

    completed = farm.rows("SELECT execution_id FROM farm.outcomes ORDER BY execution_id")
    for (execution,) in completed:
        assert b"fixed.txt" in (patch_of(farm.engine, execution) or b"")
        assert "logs/round-1.stdout" in {row.name for row in artifacts_of(farm.engine, execution)}
    restored = restore_archives(farm.engine, farm.directory / "restored", bench)
    assert (restored.incomplete, restored.lost, restored.refused) == ([], [], [])
    patches = list((farm.directory / "restored").glob("*/patch.diff"))
    assert len(patches) >= len(completed) == 6

"""What commands answer where there is nothing to do, through the command line."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from db.repositories.benches import Benches
from tests.fixtures.known_benches import write_known_bench


@pytest.fixture(autouse=True)
def farm(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    (tmp_path / "bench.yaml").write_text("{}\n")


def test_an_export_of_an_unknown_bench_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["archives", "export", str(tmp_path / "out"), "--bench", "nope"]) == 2
    assert "no bench is named 'nope'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_finished_bench_is_not_cancelled(engine: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    bench, _ = write_known_bench(engine, 2)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.benches SET state = 'finished', finished_at = now()"))
    assert main(["cancel", bench]) == 0
    assert capsys.readouterr().err == f"bench {bench} is finished already; nothing to cancel\n"
    assert Benches(engine).get(bench).state == "finished"

"""The list of benches and the comparison of two, read as bench_reader from real rows."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from bench.results.comparison import read_comparison
from bench.ui.app import PageSettings, make_app
from bench.ui.owner import OwnerSessions
from bench.ui.sign_in import SignIn
from db.repositories.bench_search import BenchQuery, BenchSearch
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.logins import logged_in
from tests.fixtures.rows import make_bench

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def client(engine: sa.Engine) -> Iterator[TestClient]:
    with logged_in(engine, "bench_reader") as reader:
        yield TestClient(
            make_app(PageSettings(reader, OwnerSessions(), ["127.0.0.1"], SignIn(""))), "http://127.0.0.1"
        )


def test_benches_are_filtered_by_state_slice_and_text(engine: sa.Engine, client: TestClient) -> None:
    bench, _ = write_known_bench(engine, 6, K=2)
    other = make_bench(engine, slice="critical", bench_id="b-100%_x")
    page = client.get("/benches").text
    assert bench in page
    assert other in page
    for parameters, is_first, is_second in (
        ({"state": "finished"}, False, False),
        ({"slice": "critical"}, False, True),
        ({"words": "KNOWN"}, True, False),
        ({"words": "100%_"}, False, True),
        ({"words": "%"}, False, True),
        ({"words": HOSTILE}, False, False),
    ):
        text = client.get("/benches", params=parameters).text.partition('id="benches"')[2]
        assert (f">{bench}</a>" in text, f">{other}</a>" in text) == (is_first, is_second), parameters
        assert HOSTILE not in text


def test_a_list_counts_runs_and_passes(engine: sa.Engine, client: TestClient) -> None:
    bench, _ = write_known_bench(engine, 8, K=2, error_rate=0.2)
    client.get("/benches")
    (listed,) = BenchSearch(engine).page(BenchQuery(words=bench), 0, 5)
    (row,) = BenchSearch(engine).passes([bench])
    with engine.connect() as connection:
        statuses = list(connection.scalars(sa.text("SELECT status FROM farm.outcomes")))
    assert row.ended == len(statuses)
    assert row.scored == len(statuses) - statuses.count("error")
    assert row.passed == statuses.count("success")
    assert listed.cases == 8
    shown = f"{row.passed}/{row.scored} "
    assert shown in client.get("/benches").text
    # Counts are kept while nothing was settled, and read again after that.
    with engine.begin() as connection:
        # Outcomes are append-only to everybody else.
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("UPDATE farm.outcomes SET status = 'failed' WHERE status = 'success'"))
    assert shown in client.get("/benches").text
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.caps SET ms_spent = ms_spent + 1"))
    assert f"0/{row.scored} " in client.get("/benches").text


def test_a_long_list_has_pages(engine: sa.Engine, client: TestClient) -> None:
    benches = [make_bench(engine) for _ in range(27)]
    first, second = client.get("/benches").text, client.get("/benches?page=2").text
    assert f">{benches[-1]}</a>" in first
    assert f">{benches[0]}</a>" not in first
    assert f">{benches[0]}</a>" in second
    assert "Page 2 of 2" in client.get("/benches?page=99").text


def test_two_benches_are_compared_on_what_both_ran(engine: sa.Engine, client: TestClient) -> None:
    weak, _ = write_known_bench(engine, 40, name="weak", K=4, chance=lambda _issue, _cell: 0.1)
    strong, _ = write_known_bench(engine, 40, name="strong", K=4, chance=lambda _issue, _cell: 0.9)
    comparison = read_comparison(engine, weak, strong)
    assert comparison.passes.value == pytest.approx(0.8, abs=0.1)
    assert comparison.passes.low is not None
    assert comparison.passes.low > 0.5
    again = read_comparison(engine, strong, weak)
    assert again.passes.value == pytest.approx(-comparison.passes.value)
    page = client.get("/compare", params={"a": weak, "b": strong})
    assert page.status_code == 200
    assert len(page.content) < 100_000
    assert page.text.index("passes more often than") < page.text.index("Both benches")
    assert f'href="/cases/{comparison.arms[0].first_case}"' in page.text
    assert "passes less often than" in client.get("/compare", params={"a": strong, "b": weak}).text


def test_benches_of_other_issues_share_nothing(engine: sa.Engine, client: TestClient) -> None:
    page = client.get("/compare", params={"a": make_bench(engine), "b": make_bench(engine)})
    assert "No paired difference" in page.text


def test_a_comparison_needs_two_benches(engine: sa.Engine, client: TestClient) -> None:
    bench = make_bench(engine)
    assert client.get("/compare").status_code == 200
    for first, second in ((bench, bench), (bench, HOSTILE), ("nope", bench)):
        page = client.get("/compare", params={"a": first, "b": second})
        assert page.status_code == 404
        assert HOSTILE not in page.text
        assert 'role="alert"' in page.text

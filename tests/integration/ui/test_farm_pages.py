"""Pages of the farm, its machines, streams and policies: real rows, read as bench_reader."""

import random

import pytest
import sqlalchemy as sa

from bench.results.publish import publish_estimates
from db.repositories.benches import Benches
from db.repositories.calibration import calibration_bins
from db.repositories.machines import Machines
from db.repositories.new_bench import BenchCaps
from tests.fixtures.circuit_scenarios import paused_bench
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.known_streams import write_known_stream
from tests.fixtures.page_client import page_client
from tests.fixtures.random_benches import score_at_random
from tests.fixtures.rows import MACHINE, QUEUE, TOKEN, make_bench, running_bench

EVIL = "<script>alert(1)</script>"


def test_the_farm_shows_slots_queues_spend_and_open_benches(engine: sa.Engine) -> None:
    bench, _ = running_bench(engine, limits=BenchCaps(micro_usd=20_000_000), worst_micro_usd=5_000_000)
    Machines(engine).register(MACHINE, TOKEN, [], 3)
    Benches(engine).set_daily_cap(8_000_000)
    with page_client(engine) as client:
        page, section = client.get("/farm"), client.get("/farm/now")
    assert (page.status_code, section.status_code) == (200, 200)
    for text in (page.text, section.text):
        assert f'href="/benches/{bench}"' in text
        assert "1 of 3" in text
        assert "$0.00 spent and $5.00 reserved of $8.00" in text, "of the day"
        assert "$0.00 spent and $5.00 reserved of $20.00" in text, "of the bench"
        assert QUEUE in text
    assert section.text.lstrip().startswith('<div id="farm-now"')
    assert 'sse-connect="/live/farm/-"' in page.text


def test_the_farm_shows_what_waits_and_why(engine: sa.Engine) -> None:
    make_bench(engine, queues={QUEUE: ["tag:gpu"]})
    with page_client(engine) as client:
        text = client.get("/farm").text
    assert "What waits, and why" in text
    assert "needs tag:gpu; no machine is there" in text


def test_the_farm_shows_a_paused_class_with_its_reason(engine: sa.Engine) -> None:
    paused_bench(engine)
    with page_client(engine) as client:
        text = client.get("/farm").text
    assert "Paused classes" in text
    assert "529 overloaded" in text


def test_an_empty_farm_has_every_page(engine: sa.Engine) -> None:
    with page_client(engine) as client:
        for page in ("/farm", "/machines", "/streams", "/policies", "/owner"):
            response = client.get(page)
            assert response.status_code == 200, page
            assert f'<a href="{page}" aria-current="page">' in response.text or page == "/owner"
        assert client.get("/streams/s-1").status_code == 404


def test_a_stream_shows_its_decisions_with_links_to_their_rows(engine: sa.Engine) -> None:
    stream = write_known_stream(engine, 12)
    with page_client(engine) as client:
        listed, page, section = (
            client.get(each).text for each in ("/streams", f"/streams/{stream}", f"/streams/{stream}/now")
        )
        of_a_bench = client.get(f"/streams/{make_bench(engine)}")
    assert f'href="/streams/{stream}"' in listed
    assert section.count('href="/cases/') >= 12
    assert 'href="/executions/1"' in section
    assert "decisions by the heuristics" in page
    assert "planner_off" in page
    assert of_a_bench.status_code == 404


def test_policies_are_shown_with_their_values_and_intervals(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 36, K=6, replicates=1, error_rate=0.0)
    score_at_random(engine, random.Random(1), [bench], "p-1")
    publish_estimates(engine, bench)
    with engine.connect() as connection:
        row = connection.execute(
            sa.text("""SELECT value, low, high FROM report.policy_values
                       WHERE policy = 'heuristic_baseline' AND quantity = 'value' AND is_recommended""")
        ).one()
    with page_client(engine) as client:
        text = client.get("/policies").text
    assert "p-1" in text
    assert f"{row.value:.3f}" in text
    assert f"{row.low:.3f} … {row.high:.3f}" in text
    assert f'href="/benches/{bench}"' in text
    bins = calibration_bins(engine, 20)
    assert bins
    assert sum(each.won for each in bins) > 0
    for each in bins:
        assert each.bin / 10 <= each.confidence <= (each.bin + 1) / 10
        assert f"{each.bin * 10} to {each.bin * 10 + 10} %" in text


def test_names_of_others_stay_text(engine: sa.Engine) -> None:
    Machines(engine).register(MACHINE, TOKEN, [], 1)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE farm.machines SET machine_id = :evil, capabilities = ARRAY[:evil], suspended = true"
            ),
            {"evil": EVIL},
        )
    make_bench(engine, queues={QUEUE: [EVIL]}, slice=EVIL)
    with page_client(engine) as client:
        pages = [client.get(page).text for page in ("/farm", "/machines")]
    assert all("<script>alert" not in text for text in pages)
    assert all("&lt;script&gt;alert" in text for text in pages)


@pytest.mark.parametrize("page", ["/farm", "/machines", "/streams", "/policies", "/owner"])
def test_a_page_is_small_and_has_no_inline_code(engine: sa.Engine, page: str) -> None:
    for _ in range(30):
        make_bench(engine)
    with page_client(engine) as client:
        text = client.get(page).text
    assert len(text.encode()) < 100_000
    assert " style=" not in text
    assert "<script>" not in text

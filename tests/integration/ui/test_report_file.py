"""The report in one file: nothing is fetched, nothing runs, foreign text stays text, and the size is bounded."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa

from bench.results.evidence import evidence_or_why
from bench.results.read import read_results
from bench.ui.report_file import report_html
from tests.fixtures.known_benches import write_known_bench

HOSTILE = "</td><script>alert(1)</script><img src=//x onerror=alert(2)>"


class _Tags(HTMLParser):
    """Every tag with its attributes, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def _written(engine: sa.Engine, bench: str) -> tuple[str, _Tags]:
    results = read_results(engine, bench)
    text = report_html(
        engine, results, evidence_or_why(engine, bench), archives=None, with_conversations=True
    )
    tags = _Tags()
    tags.feed(text)
    return text, tags


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    bench, _ = write_known_bench(engine, 60, replicates=2, K=4)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            sa.text("UPDATE farm.cases SET issue_id = :text WHERE admission_rank = 0"), {"text": HOSTILE}
        )
        connection.execute(
            sa.text("UPDATE farm.outcomes SET recorded_at = now() + make_interval(secs => execution_id)")
        )
    return bench


def test_the_file_fetches_nothing_and_runs_nothing(engine: sa.Engine, bench: str) -> None:
    text, tags = _written(engine, bench)
    assert not tags.names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert all(target.startswith("#") for target in tags.values("href"))
    assert set(tags.values("href")) <= {f"#{anchor}" for anchor in tags.values("id")}
    assert not [
        name for name, _ in tags.attributes if name.startswith("on") or name in ("style", "src", "action")
    ]
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_names_the_hash_of_its_one_style_sheet(engine: sa.Engine, bench: str) -> None:
    text, _ = _written(engine, bench)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"content=\"default-src 'none'; style-src 'sha256-{digest}'\"" in text


def test_it_has_the_answer_the_plots_the_matrix_and_every_section(engine: sa.Engine, bench: str) -> None:
    text, tags = _written(engine, bench)
    assert "of passes" in text
    assert text.count('<th scope="row">') == 60
    assert {"svg", "polyline", "circle"} <= tags.names
    sections = ("spend", "matrix", "frontier", "winners", "actions", "regret", "bracket", "caps")
    assert set(sections) <= set(tags.values("id"))
    assert len(tags.values("id")) == len(set(tags.values("id")))
    assert len(text.encode()) < 2_000_000


def test_a_hostile_title_stays_text(engine: sa.Engine, bench: str) -> None:
    text, _ = _written(engine, bench)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text

"""Pages of cases and executions, read as bench_reader from real rows: what they show, and that foreign text is text."""

import gzip
import json
import re
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import Lease, case_ids, claim, row, running_bench
from tests.security.hostile_rows import HOSTILE, store_hostile_artifacts, write_hostile_farm

TABS = ("overview", "conversation", "diff", "gates", "logs", "attempts")
SECTIONS = ("diff/section", "head", "logs/section")
MOST_BYTES = 100_000
STEP = {"source": HOSTILE, "message": HOSTILE, "timestamp": HOSTILE, "reasoning_content": HOSTILE}
CALL = {"tool_call_id": "1", "function_name": HOSTILE, "arguments": {"a": HOSTILE, HOSTILE: 1}}


class PageParser(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "action", "hx-get", "sse-connect"):
                self.addresses.add(value or "")


def check_harmless(html: str) -> None:
    """No element, attribute or address of foreign text is live, and no control character is left."""
    parser = PageParser()
    parser.feed(html)
    assert not parser.tags & {"img", "iframe", "object", "style", "base", "b"}, parser.tags
    assert not [name for name in parser.attributes if name.startswith("on") or name == "style"]
    assert all(address.startswith(("/", "#")) for address in parser.addresses), parser.addresses
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b\ufeff]", html)


@pytest.fixture
def hostile_execution(engine: sa.Engine) -> int:
    bench, _ = write_hostile_farm(engine)
    whole = {
        "agent": {"name": HOSTILE},
        "steps": [STEP | {"tool_calls": [CALL], "observation": {"results": [{"content": HOSTILE}]}}, {}],
    }
    return store_hostile_artifacts(engine, bench, gzip.compress(json.dumps(whole).encode()))


def test_hostile_text_stays_text_on_every_page(
    engine: sa.Engine, page_client: TestClient, hostile_execution: int
) -> None:
    facts = row(engine, "SELECT case_id FROM farm.executions WHERE execution_id = :e", e=hostile_execution)
    case = facts["case_id"]
    addresses = [f"/executions/{hostile_execution}/{tab}" for tab in (*TABS, *SECTIONS)]
    addresses += [f"/executions/{hostile_execution}/conversation?step=0", f"/cases/{case}/arms"]
    addresses += [
        f"/cases/{case}",
        f"/cases/{case}/compare?left={hostile_execution}&right={hostile_execution}",
    ]
    seen = 0
    for address in addresses:
        response = page_client.get(address)
        assert response.status_code == 200, address
        assert len(response.content) <= MOST_BYTES, address
        check_harmless(response.text)
        seen += "&lt;img src=http://evil" in response.text
    assert seen >= len(addresses) - 2


def test_a_hostile_file_is_downloaded_and_never_shown_as_a_page(
    engine: sa.Engine, page_client: TestClient, hostile_execution: int
) -> None:
    for name, kind in (("patch.diff", "text/plain"), ("conversation.json.gz", "application/octet-stream")):
        response = page_client.get(f"/executions/{hostile_execution}/files/1/0/{name}")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(kind)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert re.fullmatch(
            r'attachment; filename="[A-Za-z0-9._-]+"', response.headers["content-disposition"]
        )
    patch = page_client.get(f"/executions/{hostile_execution}/files/1/0/patch.diff")
    stored = row(
        engine,
        "SELECT b.bytes FROM farm.artifacts a JOIN farm.blobs b USING (digest) WHERE a.name = 'patch.diff'",
    )
    assert patch.content == stored["bytes"]
    for absent in ("1/0/../../etc/passwd", "1/1/patch.diff", "1/0/%2e%2e%2fpatch.diff"):
        assert page_client.get(f"/executions/{hostile_execution}/files/{absent}").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/cases/9",
        f"/cases/{10**30}",
        "/executions/9",
        f"/executions/{10**30}",
        "/executions/9/diff?candidate=9",
        "/executions/9/output",
        "/cases/x",
    ],
)
def test_what_does_not_exist_is_an_error_page_of_one_line(page_client: TestClient, address: str) -> None:
    response = page_client.get(address)
    assert response.status_code == 404
    assert "<h1>404</h1>" in response.text


@pytest.fixture
def scored(engine: sa.Engine) -> tuple[int, Lease]:
    """A case of two arms: the first one passed, the second one runs."""
    bench, lease = running_bench(engine, arms=2)
    gate = {"name": "test", "passed": True, "duration_ms": 100, "output_tail": "1 passed"}
    candidate = {
        "index": 0, "workcell_id": f"x{lease.execution}-a1-c0", "status": "success", "error_class": None,
        "duration_ms": 400, "micro_usd": 40, "cost_source": "reported", "gates": [gate], "diff_lines": 7,
        "files_modified": ["a.py"], "rounds": [],
    }  # fmt: skip
    complete(engine, lease, gates=[gate], candidates=[candidate], chosen=0)
    (case,) = case_ids(engine, bench)
    return case, lease


def test_the_arms_of_a_case_are_told_apart_by_words(
    engine: sa.Engine, page_client: TestClient, scored: tuple[int, Lease]
) -> None:
    case, lease = scored
    running = claim(engine)
    html = page_client.get(f"/cases/{case}").text
    assert f'sse-connect="/live/case/{case}"' in html
    assert '<span class="state success">passed</span>' in html
    assert '<span class="state running">running</span>' in html
    assert "baseline</span>" in html
    assert f'<a href="/executions/{lease.execution}/diff">7 lines</a>' in html
    assert f'href="/executions/{running.execution}"' in html
    assert html.count('<th scope="row">') == 2
    check_harmless(html)


def test_the_overview_has_money_machine_timeline_and_tabs(
    page_client: TestClient, scored: tuple[int, Lease]
) -> None:
    _, lease = scored
    html = page_client.get(f"/executions/{lease.execution}").text
    for piece in (
        "<dt>reserved</dt><dd>$0.0001</dd>",
        "<dt>overrun</dt><dd>$0.00</dd>",
        "attempt 1 on m-1",
        "outcome recorded: success",
        "gate test",
    ):
        assert piece in html, piece
    for tab in TABS[1:]:
        assert f'href="/executions/{lease.execution}/{tab}"' in html
    assert "sse-connect" not in html
    gates = page_client.get(f"/executions/{lease.execution}/gates?candidate=1.0").text
    assert "1 passed" in gates
    assert 'hx-get="/executions/' in gates
    assert page_client.get(f"/executions/{lease.execution}/diff?candidate=1.1").status_code == 404


def test_two_diffs_of_other_cases_are_not_compared(
    page_client: TestClient, scored: tuple[int, Lease]
) -> None:
    case, lease = scored
    assert page_client.get(f"/cases/{case}/compare?left={lease.execution}&right=999").status_code == 404

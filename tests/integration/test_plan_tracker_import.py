"""A plan tracker brought into a farm from the command line."""

import json
from pathlib import Path

import pytest

from bench.cli.main import main

Said = pytest.CaptureFixture[str]

PLAN = """\
```yaml
id: base
type: completed
```
```yaml
id: api
complexity: L
urgency: high
depends_on: [base, known, lost]
blocks: [ui]
```
```yaml
id: ui
complexity: XS
```
```yaml
id: egg
depends_on: [hen]
```
```yaml
id: hen
depends_on: [egg]
```
```yaml
title: no id
```
"""


@pytest.fixture
def plan(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tracker, in a farm that knows the issue `known` from elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    (tmp_path / "issues.jsonl").write_text('{"id": "known"}\n')
    assert main(["issues", "import", "issues.jsonl"]) == 0
    file = tmp_path / "PLAN.md"
    file.write_text(PLAN)
    return file


def test_an_import_tells_what_the_plan_amounts_to(plan: Path, capsys: Said) -> None:
    capsys.readouterr()
    assert main(["issues", "import", "--format", "plan-tracker", "PLAN.md"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "PLAN.md:25: left out: no id",
        "cycle: egg → hen → egg: none of these can start; drop one wait",
        "api depends on base, which is finished: harmless",
        "api depends on 'lost', which is unknown and blocks nothing",
        "critical path: 9 hours: api → ui",
        "5 new, 0 changed, 0 unchanged",
    ]


def test_the_import_as_json_and_what_is_stored(plan: Path, capsys: Said) -> None:
    capsys.readouterr()
    assert main(["issues", "import", "--format", "plan-tracker", "--json", "PLAN.md"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["new"], document["bad_lines"]) == (5, [{"line": 25, "reason": "no id"}])
    assert document["plan"] == {
        "cycles": [["egg", "hen"]],
        "depends_on_finished": [{"issue": "api", "depends_on": "base"}],
        "depends_on_unknown": [{"issue": "api", "depends_on": "lost"}],
        "critical_path": {"issues": ["api", "ui"], "hours": 9},
    }
    assert main(["issues", "show", "ui", "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)
    assert stored["dependencies"] == [{"issue_id": "ui", "depends_on_id": "api", "type": "blocks"}]
    assert stored["dk_size"] == "XS"


def test_markdown_is_read_as_a_plan_tracker_without_a_format(plan: Path, capsys: Said) -> None:
    capsys.readouterr()
    assert main(["issues", "import", "PLAN.md", "--dry-run"]) == 0
    assert "critical path: 9 hours: api → ui" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "plan-tracker"], "--format plan-tracker needs a file"),
        (["--format", "plan-tracker", "issues.jsonl"], "no cards in it"),
        (["--format", "plan-tracker", "absent.md"], "absent.md: No such file"),
        (["--format", "beads", "PLAN.md"], "no issue in it; line 1: "),
    ],
)
def test_refusals_are_one_line(plan: Path, capsys: Said, arguments: list[str], said: str) -> None:
    capsys.readouterr()
    assert main(["issues", "import", *arguments]) == 2
    refusal = capsys.readouterr().err.strip()
    assert said in refusal
    assert "\n" not in refusal

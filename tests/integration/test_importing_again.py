"""A backlog imported again and again: the newest state counts, changes are told, what left can be closed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cli.main import main

Said = pytest.CaptureFixture[str]
Farm = Callable[..., tuple[int, list[str]]]
DAY = "2026-01-{:02}T00:00:00Z".format


@pytest.fixture
def farm(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> Farm:
    """Runs `bench` in a directory of its own; its exit status and what it told, line by line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    (tmp_path / "bench.yaml").write_text("{}\n")

    def run(*arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        status = main(list(arguments))
        return status, capsys.readouterr().err.splitlines()

    return run


def write(*records: dict[str, Any], file: str = "issues.jsonl") -> None:
    Path(file).write_text("".join(json.dumps(record) + "\n" for record in records))


def shown(capsys: Said, *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def statuses(capsys: Said) -> dict[str, str]:
    return {issue["id"]: issue["status"] for issue in shown(capsys, "issues", "list")}


def test_an_older_export_changes_nothing_unsaid_and_can_be_taken_all_the_same(
    farm: Farm, capsys: Said
) -> None:
    write({"id": "a", "status": "closed", "updated": DAY(3)}, {"id": "b", "updated": DAY(3)})
    assert farm("issues", "import", "issues.jsonl") == (0, ["2 new, 0 changed, 0 unchanged"])
    write({"id": "a", "updated": DAY(2)}, {"id": "b", "updated": DAY(3)}, {"id": "c"}, file="old.jsonl")
    assert farm("issues", "import", "old.jsonl") == (
        0,
        [
            f"a: kept as of {DAY(3)}; this file has it as of {DAY(2)}",
            "to import the older state anyway: bench issues import --force old.jsonl",
            "1 new, 0 changed, 1 unchanged, 1 older than what is stored (kept)",
        ],
    )
    assert statuses(capsys) == {"a": "closed", "b": "open", "c": "open"}
    status, said = farm("issues", "import", "--force", "old.jsonl")
    assert (status, said) == (0, ["a: status closed → open", "0 new, 1 changed, 2 unchanged"])
    assert statuses(capsys)["a"] == "open"


def test_an_issue_that_is_kept_stays_of_the_file_that_it_came_from(farm: Farm, capsys: Said) -> None:
    write({"id": "a", "updated": DAY(3)}, file="trusted.jsonl")
    write({"id": "a", "title": "x", "updated": DAY(2)}, file="other.jsonl")
    farm("issues", "import", "trusted.jsonl")
    farm("issues", "import", "other.jsonl")
    write({"id": "b"}, file="other.jsonl")
    farm("issues", "import", "other.jsonl", "--prune")
    assert statuses(capsys) == {"a": "open", "b": "open"}


def test_changes_are_listed_bounded_and_whole_as_json(farm: Farm, capsys: Said) -> None:
    names = [f"i{number:02}" for number in range(30)]
    write(*({"id": name} for name in names))
    farm("issues", "import", "issues.jsonl")
    write(*({"id": name, "status": "closed", "title": "t"} for name in names))
    status, said = farm("issues", "import", "--dry-run", "issues.jsonl")
    assert (status, said[0], len(said)) == (0, "i00: status open → closed, title", 22)
    assert said[-2] == "… and 10 more like this; -o json lists them all"
    assert said[-1] == "0 new, 30 changed, 0 unchanged; nothing was stored (dry run)"
    document = shown(capsys, "issues", "import", "issues.jsonl")
    assert [change["id"] for change in document["changed"]] == names
    assert document["changed"][0]["fields"]["status"] == {"from": "open", "to": "closed"}
    assert set(statuses(capsys).values()) == {"closed"}


def test_issues_that_left_the_export_are_told_and_closed_on_demand(farm: Farm, capsys: Said) -> None:
    a, b, c = ({"id": name, "updated": DAY(1)} for name in "abc")
    write(a, b, c)
    write({"id": "elsewhere"}, file="other.jsonl")
    farm("issues", "import", "issues.jsonl")
    farm("issues", "import", "other.jsonl")
    write(a)
    left = "open issues of earlier imports of issues.jsonl that are not in it any more: 2 (b, c); "
    offer = f"{left}to close them: bench issues import --prune issues.jsonl"
    assert farm("issues", "import", "issues.jsonl") == (0, [offer, "0 new, 0 changed, 1 unchanged"])
    closings = [f"{name}: closed, it is not in issues.jsonl any more" for name in "bc"]
    counts = "0 new, 0 changed, 1 unchanged, 2 closed"
    status, said = farm("issues", "import", "issues.jsonl", "--prune", "--dry-run")
    assert (status, said) == (0, [*closings, f"{counts}; nothing was stored (dry run)"])
    assert set(statuses(capsys).values()) == {"open"}
    assert farm("issues", "import", "issues.jsonl", "--prune") == (0, [*closings, counts])
    assert statuses(capsys) == {"a": "open", "b": "closed", "c": "closed", "elsewhere": "open"}
    assert farm("issues", "import", "issues.jsonl", "--prune") == (0, ["0 new, 0 changed, 1 unchanged"])
    write(a, b)
    status, said = farm("issues", "import", "issues.jsonl", "--prune")
    assert (status, said[0]) == (0, "b: status closed → open, extra")
    assert statuses(capsys) == {"a": "open", "b": "open", "c": "closed", "elsewhere": "open"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it holds no issue"),
        ('{"_type": "memory", "id": "m"}\n', "it holds no issue"),
        ('{"id": "a"}\nx\ny\n', "2 of its 3 lines hold no issue"),
        ('{"id": "a"}\n{"id": "b", "tit', "its last line is cut off (line 2)"),
        ('{"id": "a", "updated": "2025-12-31"}\n', "it is an older export: 1 of its issues"),
    ],
)
def test_a_file_that_may_lack_issues_by_mistake_closes_nothing(
    farm: Farm, capsys: Said, content: str, reason: str
) -> None:
    write({"id": "a", "updated": DAY(1)}, {"id": "b"})
    farm("issues", "import", "issues.jsonl")
    Path("issues.jsonl").write_text(content)
    status, said = farm("issues", "import", "issues.jsonl", "--prune")
    assert (status, len(said)) == (2, 1)
    assert f"issues.jsonl: nothing is imported or closed: {reason}" in said[0]
    assert statuses(capsys) == {"a": "open", "b": "open"}


def test_an_issue_whose_line_cannot_be_read_is_not_closed(farm: Farm, capsys: Said) -> None:
    write({"id": "a"}, {"id": "b"}, {"id": "c"})
    farm("issues", "import", "issues.jsonl")
    Path("issues.jsonl").write_text('{"id": "a"}\n{"id": "b"},\n')
    status, said = farm("issues", "import", "issues.jsonl", "--prune")
    assert status == 0
    assert "open issues that were not closed, because unreadable lines name them: 1 (b)" in said
    assert statuses(capsys) == {"a": "open", "b": "open", "c": "closed"}


def test_an_edge_that_only_the_file_of_dependencies_has_comes_and_goes(farm: Farm, capsys: Said) -> None:
    write({"id": "1", "updated": DAY(1)}, {"id": "2", "updated": DAY(1)})
    write({"from": "1", "to": "2", "type": "blocks"}, {"to": "2"}, file="deps.jsonl")
    status, said = farm("issues", "import", "issues.jsonl")
    assert status == 0
    assert said == [
        'deps.jsonl:2: left out: names no two issues; write {"from": …, "to": …, "type": "blocks"}',
        "dependencies: 1 in deps.jsonl",
        "2 new, 0 changed, 0 unchanged",
    ]
    assert shown(capsys, "queue")["held"]["2"] == "waits for 1"
    write(file="deps.jsonl")
    status, said = farm("issues", "import", "issues.jsonl")
    assert said == ["dependencies: 0 in deps.jsonl", "2: dependencies", "0 new, 1 changed, 1 unchanged"]
    assert "waits for" not in shown(capsys, "queue")["held"]["2"]


def test_an_import_that_changes_nothing_starts_no_wait_anew(farm: Farm, capsys: Said) -> None:
    write({"id": "a", "title": "t", "workcell": {"repo": "/none"}})
    farm("issues", "import", "issues.jsonl")
    Path("moved.jsonl").write_bytes(Path("issues.jsonl").read_bytes())
    assert farm("issues", "import", "moved.jsonl") == (0, ["0 new, 0 changed, 1 unchanged"])
    write({"id": "b"}, file="moved.jsonl")
    # The file that named an issue last is the one that may close it.
    farm("issues", "import", "moved.jsonl", "--prune")
    assert statuses(capsys) == {"a": "closed", "b": "open"}


def test_design_and_notes_are_shown_and_cannot_command_the_terminal(farm: Farm, capsys: Said) -> None:
    write({"id": "a", "description": "d", "design": "use \x1b[2J rates.csv", "notes": "one\ntwo"})
    farm("issues", "import", "issues.jsonl")
    capsys.readouterr()
    assert main(["issues", "show", "a"]) == 0
    out = capsys.readouterr().out
    assert out.rstrip().endswith("  d\n\nDesign\n  use \\x1b[2J rates.csv\n\nNotes\n  one\n  two")
    assert shown(capsys, "issues", "show", "a")["design"] == "use \x1b[2J rates.csv"

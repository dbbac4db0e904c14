"""Text from outside is text: no command obeys it, none ends in a traceback, and what was written is what is read."""

import importlib
import io
import json
import logging
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
import sqlalchemy as sa
import yaml
from celery import signals
from rich.console import Console

from bench.cli.follow import picture, read_progress
from bench.cli.main import cli, main
from bench.cli.session import Farm
from planner.cli.main import cli as planner_cli
from planner.cli.main import main as planner_main
from planner.system.foreign_text import json_text, markdown_code, markdown_text, visible_line, visible_text
from planner.system.plain_log import PlainFormatter
from tests.security.hostile_rows import HOSTILE, MARKUP, store_hostile_artifacts, write_hostile_farm
from workers.conversation.store import packed

Said = pytest.CaptureFixture[str]
_ROOT: Final = Path(__file__).parents[2]
# Our own colours, and how a live view is drawn anew; the hostile texts say other things.
_OURS: Final = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r?(?:\x1b\[1A)?\x1b\[2K|\r(?=\x1b\[1A)")
_NOT_READ: Final = {
    "up",
    "down",
    "worker",
    "coordinator",
    "ui",
    "run",
    "demo",
    "stage-a",
    "loop",
    "completion",
    "db upgrade",
    "labels watch",
}
"""Commands that start, build or stop something: their notes go the same way as those of the others."""
_SENT: Final = HOSTILE.replace("\n", " ")

_CALL: Final = {"function_name": HOSTILE, "arguments": {HOSTILE: HOSTILE}, "tool_call_id": HOSTILE}
_CONVERSATION: Final = {
    "schema_version": "ATIF-v1.7",
    "agent": {"name": HOSTILE, "version": HOSTILE},
    "steps": [
        {
            "step_id": 1,
            "source": HOSTILE,
            "message": HOSTILE,
            "tool_calls": [_CALL],
            "observation": {"results": [{"content": HOSTILE}]},
        }
    ],
}
"""What an agent and its model may have said."""


def _reads(bench: str, execution: int = 1) -> dict[str, list[list[str]]]:
    """Arguments for each command that shows what others wrote, or quotes what it was given."""
    here, run = [bench], [f"x{execution}"]
    return {
        "status": [[], ["--json"], here, [*here, "--json"], [_SENT]],
        "machines list": [[], ["--json"]],
        "machines trust": [[_SENT]],
        "machines forget": [[_SENT]],
        "circuits list": [[], ["--json"]],
        "circuits close": [[_SENT]],
        "traces": [["--to", "http://127.0.0.1:9"], [_SENT, "--to", "http://127.0.0.1:9"], ["--to", _SENT]],
        "notices list": [[], ["--json"], ["--failed"]],
        "notices add": [[_SENT, "https://h/"], ["ops", _SENT], ["ops", "https://h/", "--secret-env", _SENT]],
        "notices remove": [[_SENT]],
        "notices test": [[_SENT]],
        "notices set": [[], ["--page-url", _SENT]],
        "issues import": [
            *(["hostile.jsonl"], ["hostile.jsonl", "--json"], [f"{HOSTILE}.jsonl"]),
            *(["--map", f"id={_SENT}", "hostile.jsonl"], ["--map", f"{_SENT}=$.id", "hostile.jsonl"]),
            ["--map", "id=$.id", "--items", _SENT, "hostile.jsonl"],
        ],
        "issues list": [[], ["--json"], ["--slice", _SENT]],
        "issues show": [[f"i0{HOSTILE}"], [f"i0{HOSTILE}", "--json"], [_SENT]],
        "submit": [
            ["--dry-run", "--slice", _SENT],
            ["--dry-run", "--issues", _SENT],
            ["--dry-run", "--config", _SENT],
        ],
        "queue": [[], ["--json"]],
        "lanes": [[], ["--json"], ["--epoch", _SENT]],
        "audit": [["--out", "audits", "--archives", "archives"]],
        "cleanup": [["--dry-run"]],
        "watch": [here, [*here, "--json"], [_SENT]],
        "apply": [[_SENT, "-C", "."], ["i0", "-C", _SENT]],
        "pr": [[_SENT], ["i0", "-C", _SENT]],
        "resume": [[_SENT]],
        "cancel": [[_SENT]],
        "caps": [["--daily-usd", _SENT]],
        "winners": [here, [*here, "--json"], [_SENT]],
        "regret": [here, [*here, "--json"], [*here, "--policy", _SENT]],
        "report": [
            here,
            [*here, "--format", "json"],
            [*here, "--format", "md"],
            [*here, "--out", "report.txt"],
        ],
        "show": [
            run,
            [*run, "--json"],
            [*run, "--logs"],
            [*run, "--gate", "t"],
            [*run, "--gate", _SENT],
            [*run, "--conversation"],
            ["case", f"c{execution}"],
            [_SENT],
            ["x1", "--bench", _SENT],
        ],
        "logs": [run, [*run, "--json"], ["-f", *run], [_SENT]],
        # In a pipe a patch is printed as it is: test_a_patch_is_bytes_in_a_pipe_and_text_on_a_terminal.
        "diff": [[*run, "--json"], [*run, "--against", _SENT], [_SENT]],
        "value": [[*here, "--details"], [*here, "--json"], [*here, "--reference", _SENT]],
        "plots": [[*here, "--format", "svg"], here],
        "estimates publish": [here],
        "reliability": [here, [*here, "--json"]],
        "attribution": [here, [*here, "--json"]],
        "power": [["--from", bench], ["--json"]],
        "drift": [[], ["--json"]],
        "psql": [["-c", "SELECT * FROM report.arm_outcomes"], ["-c", _SENT], ["-f", _SENT]],
        "policies list": [[], ["--json"]],
        "policies register": [[_SENT], ["hostile", "--name", _SENT]],
        "policies remove": [[_SENT]],
        "labels export": [
            ["labels", "--json"],
            ["labels", "--bench", _SENT],
            ["parts", "--since", "start"],
            ["parts", "--since", _SENT],
        ],
        "archives export": [["exported"]],
        "agents check": [[_SENT]],
        "archives prune": [["--older-than", "1d"], ["--older-than", _SENT]],
        "archives restore": [["restored"]],
        "db check": [[]],
        "config": [[]],
    }


def _leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from _leaves(found, (*path, name))


@pytest.fixture
def farm(database_url: str, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory on a hostile farm; the id of its decided bench."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("BENCH_ARCHIVES_DIR", str(tmp_path / "archives"))
    monkeypatch.setenv("BENCH_WORK_DIR", str(tmp_path / "work"))
    (tmp_path / "archives" / f"archive{_SENT.replace('/', '')}").mkdir(parents=True)
    (tmp_path / "archives" / "hostile").mkdir()
    (tmp_path / "archives" / "hostile" / "conversation.json.gz").write_bytes(packed(_CONVERSATION, ()))
    workcell = {"repo": "/repo", "base": "main", "gates": [{"name": "t", "command": "true"}]}
    (tmp_path / "bench.yaml").write_text(yaml.safe_dump({"workcell": workcell}))
    lines: list[Any] = [
        {"id": f"j{HOSTILE}", "dk_risk": HOSTILE, "dependencies": HOSTILE},
        HOSTILE,
        {"id": HOSTILE * 9},
    ]
    (tmp_path / "hostile.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "hostile").mkdir()
    bench, poisoned = write_hostile_farm(engine)
    assert {"machines.machine_id", "machines.capabilities", "cases.issue_id", "cases.note"} <= poisoned
    assert {
        "policies.name",
        "policies.kind",
        "executions.reason",
        "benches.halt_reason",
        "cases.reason",
        "notices.subject",
        "notice_targets.url",
        "notice_deliveries.answer",
    } <= poisoned
    return bench


def _in_every_form(command: str, arguments: list[str]) -> Iterator[list[str]]:
    """The arguments as they are, and with each other form of the output where the command has the switch."""
    yield arguments
    switch = next((param for param in _command(command).params if param.name == "table"), None)
    has_switch = any(param.name == "output" for param in _command(command).params)
    if has_switch and not {"--json", "--format", "--out"} & {*arguments}:
        tables = [] if switch is None else list(getattr(switch.type, "choices", []))
        yield [*arguments, "-o", "jsonl"]
        yield [*arguments, "-o", "md"]
        yield from ([*arguments, "-o", "csv", "--table", name] for name in tables)
        if not tables:
            yield [*arguments, "-o", "csv"]


def _command(path: str) -> click.Command:
    command: click.Command = cli
    for name in path.split():
        assert isinstance(command, click.Group)
        child = command.get_command(click.Context(command), name)
        assert child is not None
        command = child
    return command


def _check(text: str, what: object) -> None:
    plain = _OURS.sub("", text)
    found = {
        repr(sign)
        for sign in plain
        if sign != "\n" and unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }
    assert not found, (what, found)
    assert "\nforged" not in plain, what
    assert "💣" not in plain, what
    assert "]8;" not in plain, what
    assert "Traceback" not in plain, what


def test_every_command_is_tried() -> None:
    assert set(_leaves(cli)) == set(_reads("b")) | _NOT_READ


@pytest.mark.slow
@pytest.mark.parametrize("form", ["terminal", "pipe"])
def test_no_command_obeys_what_others_wrote(
    farm: str, engine: sa.Engine, form: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = store_hostile_artifacts(engine, farm, packed(_CONVERSATION, ()))
    if form == "terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "5000")
        # To a pipe click leaves out what a terminal would get.
        monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    else:
        monkeypatch.setattr("bench.terminal._PIPE_WIDTH", 5000)
    shown: dict[tuple[str, int], tuple[int, str]] = {}
    for command, ways in _reads(farm, execution).items():
        for arguments in [
            words for way in ways for words in (_in_every_form(command, way) if form == "pipe" else [way])
        ]:
            capsys.readouterr()
            code = main([*command.split(), *arguments])
            said = capsys.readouterr()
            assert code in {0, 1, 2}, (command, arguments)
            if code == 0 and ("--json" in arguments or "json" in arguments):
                json.loads(_OURS.sub("", said.out))
            elif code == 0 and "jsonl" in arguments:
                assert all(json.loads(line) for line in said.out.splitlines()), (command, arguments)
            elif not {"csv", "md"} & {*arguments}:
                assert code or said.out or said.err, (command, arguments)
            _check(said.out.replace("\r\n", "\n"), (command, arguments))
            _check(said.err, (command, arguments))
            shown.setdefault((command, len(arguments)), (code, _OURS.sub("", said.out + said.err)))
    for place in (
        ("issues list", 0),
        ("status", 0),
        ("winners", 1),
        ("report", 1),
        ("queue", 0),
        ("issues show", 1),
        ("show", 1),
        ("logs", 1),
    ):
        code, text = shown[place]
        assert code == 0, (place, text)
        assert MARKUP in text, place
        assert (
            "\\x1b]52;c;ZXZpbA==\\x07 \\x1b[2J \\x9b31m \\u202egpj \\u200b\\ufeff\\r\\x7f\\x85\\u2028" in text
        ), place


def test_a_patch_is_bytes_in_a_pipe_and_text_on_a_terminal(
    farm: str, engine: sa.Engine, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = f"x{store_hostile_artifacts(engine, farm, packed(_CONVERSATION, ()))}"
    assert main(["diff", run]) == 0
    patch = capfdbinary.readouterr().out
    assert patch.startswith(b"diff --git a/f b/f\n")
    assert b"\x1b]52;c" in patch, "git applies the bytes that were made"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["diff", run]) == 0
    _check(capfdbinary.readouterr().out.decode(), "diff on a terminal")


def test_the_live_view_shows_text(farm: str, engine: sa.Engine, database_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.benches SET state = 'open' WHERE bench_id = :b"), {"b": farm})
        connection.execute(sa.text("UPDATE farm.machines SET suspended = true, seen_at = now()"))
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=5000, markup=False, emoji=False)
    opened = Farm(database_url, None, None)
    terminal.print(picture(read_progress(opened, farm), 0, 60.0))
    opened.engine.dispose()
    _check(written.getvalue(), "the live view")
    assert "is suspended after" in written.getvalue()
    assert MARKUP in written.getvalue()


def test_json_holds_the_text_as_it_is(farm: str, capsys: Said) -> None:
    assert main(["issues", "show", f"i0{HOSTILE}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["title"], document["tags"]) == (HOSTILE, [HOSTILE, "list[str]"])


def test_reports_in_markdown_and_plots_take_no_html_link_or_formula(farm: str, tmp_path: Path) -> None:
    assert main(["report", farm, "--format", "md", "--out", "report.md"]) == 0
    text = (tmp_path / "report.md").read_text()
    _check(text, "report.md")
    assert "\\[/x\\] \\$\\\\frac{ \\<b\\> list\\[int\\] \\[link=http\\://evil\\]" in text
    assert not re.search(r"(?<!\\)<img|(?<!\\)\]\(http|http://|(?<!\\)!\[|(?<!\\)\*b|(?<!\\)@all", text)
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} <= {3, 4, 5, 6, 7, 8, 9, 10, 11}
    for part in text.split("\n\n"):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in part.splitlines() if line.startswith("| ")}
        assert len(counts) <= 1, part
    assert main(["audit", "--out", "audits", "--archives", "archives"]) == 0
    (audit,) = (tmp_path / "audits").glob("*.md")
    _check(audit.read_text(), "audit")
    assert main(["plots", farm, "--format", "svg"]) == 0
    matrix = (tmp_path / "plots" / f"{farm}.win-matrix.svg").read_text()
    assert "[/x] $\\frac{ &lt;b&gt; list[int]" in matrix


def test_every_unseen_character_is_made_visible() -> None:
    for code in range(0x110000):
        sign = chr(code)
        if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert visible_line(sign).isascii(), hex(code)
            assert visible_line(sign).startswith("\\"), hex(code)
            assert json.loads(json_text(sign)) == sign
            assert json_text(sign).isascii()
    plain = "Größe → 10 µs, 日本, עברית, ⚠️ done ✅"
    assert visible_line(plain) == plain
    assert visible_text("a\tb\r\nc\x1b\n") == "a   b\nc\\x1b\n"
    assert visible_line("hidden\ufe0f\u3164\U000e0041") == "hidden\\ufe0f\\u3164\\U000e0041"


def test_markdown_shows_the_text_and_nothing_else() -> None:
    assert markdown_text("# no [heading](x)") == "\\# no \\[heading\\](x)"
    assert markdown_text("1. a") == "1\\. a"
    assert markdown_text("- a\n- b") == "\\- a\\\\n- b"
    assert markdown_text("heuristic_baseline, -5 %, 1.5") == "heuristic_baseline, -5 %, 1.5"
    assert markdown_code("a``b`") == "``` a``b` ```"
    assert markdown_code("<b>|") == "`<b>\\|`"


def test_a_log_line_is_one_line_whatever_its_message_holds() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    logger = logging.Logger("hostile")
    logger.addHandler(handler)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("candidate said %s", HOSTILE)
    first, *trace = written.getvalue().rstrip("\n").split("\n")
    assert first.startswith(f"ERROR candidate said {MARKUP}")
    assert first.endswith("\\nforged")
    assert trace[0] == "Traceback (most recent call last):"
    assert "\x1b" not in written.getvalue()


def test_nothing_writes_to_the_terminal_past_the_one_place() -> None:
    """`click.echo`, `print` and a console of one's own would not pass through `planner.system.foreign_text`."""
    bare = re.compile(
        r"click\.s?echo\(|(?<![\w.])print\(|from_markup|rich\.markup|rich\.print|\bConsole\((?!.*markup=False)"
    )
    allowed = {
        "planner/cli/output.py",  # the one place
        "planner/cli/training_progress.py",
        "db/view_reference.py",  # a tool of developers
        "workers/repair/__main__.py",  # an agent: what it says goes to its log
        "workers/acp/__main__.py",  # the same
        "workers/containers/images.py",  # a probe that runs in the image: the worker reads what it prints
        "workers/testing.py",
    }
    found = {
        str(path.relative_to(_ROOT))
        for floor in ("bench", "planner", "workers", "db")
        for path in (_ROOT / floor).rglob("*.py")
        if "corpus_data" not in path.parts and bare.search(path.read_text())
    }
    assert found <= allowed


@pytest.mark.parametrize("signal", [signals.after_setup_logger, signals.after_setup_task_logger])
def test_what_a_worker_logs_is_text(signal: Any) -> None:
    assert importlib.import_module("workers.tasks")
    written = io.StringIO()
    logger = logging.Logger("worker")
    logger.addHandler(logging.StreamHandler(written))
    signal.send(sender=None, logger=logger, format="%(levelname)s %(message)s")
    logger.error("gate said %s", HOSTILE)
    _check(written.getvalue(), "the log")
    assert written.getvalue().startswith(f"ERROR gate said {MARKUP}")


@pytest.mark.parametrize("form", ["terminal", "pipe"])
def test_the_planner_shows_file_names_and_documents_as_text(
    form: str, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if form == "terminal":
        monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    name = HOSTILE.replace("/", "")
    archive = tmp_path / "archives" / name
    archive.mkdir(parents=True)
    (archive / "manifest.json").write_text(json.dumps({"workcell_id": HOSTILE, HOSTILE: HOSTILE}))
    Path(name).mkdir()
    Path(f"{name}.json").write_text(json.dumps({"schema_version": HOSTILE, HOSTILE: HOSTILE}))
    ways: dict[str, list[list[str]]] = {
        "build-dataset": [["--archives", "archives", "--out", "data"], ["--archives", name, "--out", name]],
        "dataset merge-best-of-k": [["--labels", name, "--out", "data"]],
        "stats": [[name]],
        "train": [["--dataset", name, "--policy", "mlp", "--out", "m"], ["--policy", HOSTILE]],
        "evaluate": [["--bundle", name, "--dataset", name, "--out", "e"], ["--split", HOSTILE]],
        "ablate": [["--dataset", name, "--out", "a"]],
        "export": [["--model", name, "--out", "b"]],
        "verify": [[name], [name, "--json"]],
        "predict": [["--bundle", name, "--input", f"{name}.json"], ["--bundle", name, "--input", HOSTILE]],
        "serve": [["--bundle", name, "--socket", name], ["--bundle", name, "--http", HOSTILE]],
        "world": [["--out", name, "--issues", "-1"], ["--out", f"{name}.json"]],
    }
    assert set(_leaves(planner_cli)) == set(ways)
    for command, several in ways.items():
        for arguments in several:
            capsys.readouterr()
            code = planner_main([*command.split(), *arguments])
            said = capsys.readouterr()
            assert code in {1, 2}, (command, arguments, said)
            assert said.err, (command, arguments)
            _check(said.out, (command, arguments))
            _check(said.err, (command, arguments))

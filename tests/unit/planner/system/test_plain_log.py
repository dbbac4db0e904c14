"""JSON logs: one object a line, whoever wrote what is logged."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from bench.cli.main import main
from bench.cli.session import note
from planner.cli.main import main as planner_main
from planner.system.plain_log import JsonFormatter, line_formatter
from workers.node.supervisor import log_level_name

Said = pytest.CaptureFixture[str]


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger of its own, and what it wrote."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tests.json_log")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, written
    logger.removeHandler(handler)


@pytest.fixture
def _json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_LOG_FORMAT", "json")


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_record_is_one_line_with_its_fields_and_its_traceback(
    logged: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = logged
    try:
        raise ValueError("bad\nline")
    except ValueError:
        logger.exception("attempt %s of\n\x1b[2J", 3, extra={"execution": 7, "at": datetime(2026, 1, 31)})
    assert written.getvalue().count("\n") == 1
    assert "\x1b" not in written.getvalue()
    (line,) = _lines(written.getvalue())
    assert (line["level"], line["logger"]) == ("error", "tests.json_log")
    assert line["message"] == "attempt 3 of\n\x1b[2J"
    assert (line["fields"]["execution"], line["fields"]["at"]) == (7, "2026-01-31 00:00:00")
    assert "ValueError: bad" in line["fields"]["exception"]
    assert line["time"].endswith("Z")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None


def test_fields_that_are_no_json_cost_no_line(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = logged
    ring: dict[str, Any] = {}
    ring["self"] = ring
    logger.warning("a ring", extra={"ring": ring})
    logger.warning("a pair", extra={"pairs": {(1, 2): 3}})
    assert [line["message"] for line in _lines(written.getvalue())] == ["a ring", "a pair"]


@pytest.mark.usefixtures("_json")
def test_notes_and_refusals_are_log_lines_too(capsys: Said) -> None:
    note("a note\nof two lines")
    assert main(["archives", "prune", "--older-than", "soon"]) == 2
    assert main(["nonsense"]) == 2
    assert planner_main(["stats", "/nowhere"]) == 2
    printed, refused, unknown, elsewhere = _lines(capsys.readouterr().err)
    assert (printed["level"], printed["message"]) == ("info", "a note\nof two lines")
    assert (refused["level"], refused["logger"]) == ("error", "bench")
    assert "14d" in refused["message"]
    assert "nonsense" in unknown["message"]
    assert elsewhere["logger"] == "planner"


@pytest.mark.usefixtures("_json")
def test_the_environment_chooses_the_formatter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(line_formatter("%(message)s"), JsonFormatter)
    monkeypatch.delenv("BENCH_LOG_FORMAT")
    assert not isinstance(line_formatter("%(message)s"), JsonFormatter)


@pytest.mark.parametrize("run", [main, planner_main])
def test_a_format_that_there_is_not_is_refused_in_one_line(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("BENCH_LOG_FORMAT", "xml")
    assert run(["--help"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "BENCH_LOG_FORMAT: 'xml' is no format; set it to text or json" in said.err


def test_quiet_leaves_out_notes_and_keeps_errors(capsys: Said, tmp_path: Any) -> None:
    assert main(["demo", "-q", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().err == ""
    assert main(["demo", str(tmp_path / "other")]) == 0
    assert "the demo is in" in capsys.readouterr().err
    assert main(["-q", "archives", "prune", "--older-than", "soon"]) == 2
    assert "14d" in capsys.readouterr().err


@pytest.fixture
def _own_levels() -> Iterator[None]:
    root = logging.getLogger()
    loggers = [
        root,
        *(logging.getLogger(name) for name in ("bench", "workers", "db", "planner", "sqlalchemy")),
    ]
    levels, hook = [logger.level for logger in loggers], sys.excepthook
    yield
    sys.excepthook = hook
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("_own_levels")
@pytest.mark.parametrize(
    ("arguments", "ours", "others"),
    [
        (["-v", "config"], logging.INFO, logging.WARNING),
        (["config", "-v"], logging.INFO, logging.WARNING),
        (["-v", "config", "-v"], logging.DEBUG, logging.INFO),
        (["config", "-vv"], logging.DEBUG, logging.INFO),
    ],
)
def test_verbose_logs_more_of_ours_and_never_sql(arguments: list[str], ours: int, others: int) -> None:
    assert main(arguments) == 0
    assert logging.getLogger("workers.lease").getEffectiveLevel() == ours
    assert logging.getLogger("kombu").getEffectiveLevel() == others
    assert logging.getLogger("sqlalchemy.engine").getEffectiveLevel() == logging.WARNING
    assert log_level_name() == logging.getLevelName(ours)

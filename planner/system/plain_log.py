"""Logging set-up: one line a record, as text or as JSON (`BENCH_LOG_FORMAT`), escaped against log injection."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from planner.errors import PlannerError
from planner.system.clock import rfc3339
from planner.system.foreign_text import json_text, visible_line, visible_text

FORMAT_VARIABLE: Final = "BENCH_LOG_FORMAT"
_FORMATS: Final = ("text", "json")
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OURS: Final = ("bench", "workers", "db", "planner")
_STANDARD: Final = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""Attributes that every record has; the others are its fields."""


def is_json() -> bool:
    """Whether log lines are JSON objects; they are text unless `BENCH_LOG_FORMAT` is `json`."""
    return os.environ.get(FORMAT_VARIABLE) == "json"


def check_log_format() -> None:
    """Raise `PlannerError` for a value of `BENCH_LOG_FORMAT` that is no format."""
    value = os.environ.get(FORMAT_VARIABLE) or "text"
    if value not in _FORMATS:
        raise PlannerError(f"{FORMAT_VARIABLE}: {value!r} is no format; set it to {' or '.join(_FORMATS)}")


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Log this program from `level` on, and its libraries, to standard error.

    Libraries log warnings; at `DEBUG` also what they report as information, but no SQL.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(line_formatter(_TEXT))
    libraries = logging.INFO if level <= logging.DEBUG else max(level, logging.WARNING)
    logging.basicConfig(level=libraries, handlers=[handler])
    logging.getLogger().setLevel(libraries)
    never_log_sql()
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    log_warnings_as_json()


def log_warnings_as_json() -> None:
    """Write Python's warnings and the traceback of a defect as JSON lines, also before logging is set up.

    Nothing changes in a text log.
    """
    if not is_json():
        return
    logger = logging.getLogger("py.warnings")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.propagate = False
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_defect


def never_log_sql() -> None:
    """Keep statements out of the log, however verbose it is: some hold passwords."""
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)


def line_formatter(text_format: str) -> logging.Formatter:
    """The formatter that `BENCH_LOG_FORMAT` asks for; `text_format` is that of the text."""
    return JsonFormatter() if is_json() else PlainFormatter(text_format)


def json_line(level: str, logger: str, message: str, fields: Mapping[str, Any] | None = None) -> str:
    """One JSON log line: time (RFC 3339, UTC), level, logger, message, and `fields` where there are any."""
    return _json_record(datetime.now(UTC), level, logger, message, fields)


class PlainFormatter(logging.Formatter):
    """Formatter that writes one line a record, apart from its traceback, and escapes control characters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The escaped line of a record."""
        return visible_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The escaped traceback of a record."""
        return visible_text(super().formatException(ei))


class JsonFormatter(logging.Formatter):
    """A log whose every record is one JSON object a line, with its traceback and its `extra` in `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        fields = {"pid": record.process, **fields}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        moment = datetime.fromtimestamp(record.created, UTC)
        return _json_record(moment, record.levelname, record.name, record.getMessage(), fields)


def _json_record(
    moment: datetime, level: str, logger: str, message: str, fields: Mapping[str, Any] | None
) -> str:
    record = {
        "time": rfc3339(moment, "milliseconds"),
        "level": level.lower(),
        "logger": logger,
        "message": message,
    }
    return _one_line({**record, **({"fields": fields} if fields else {})})


def _one_line(value: Mapping[str, Any]) -> str:
    try:
        return json_text(value, indent=None, default=str)
    except (TypeError, ValueError):  # a field whose keys are no text, or that holds itself
        plain = {name: part if isinstance(part, str) else repr(part) for name, part in value.items()}
        return json.dumps(plain)


def _log_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(f"{json_line('critical', 'bench', kind.__name__, {'exception': text})}\n")

"""Log lines that are text, whoever wrote what they quote."""

import logging
from typing import Any

from planner.system.foreign_text import visible_line, visible_text


def log_to_stderr() -> None:
    """Warnings of this program and its libraries, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class PlainFormatter(logging.Formatter):
    """A log whose every record is one line, apart from its traceback, and that no message can forge or colour."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line of a record."""
        return visible_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback below it."""
        return visible_text(super().formatException(ei))

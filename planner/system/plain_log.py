"""Log formatting with untrusted text escaped, against log injection."""

import logging
from typing import Any

from planner.system.foreign_text import visible_line, visible_text


def log_to_stderr() -> None:
    """Log warnings of this program and its libraries to standard error, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class PlainFormatter(logging.Formatter):
    """Formatter that writes one line a record, apart from its traceback, and escapes control characters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The escaped line of a record."""
        return visible_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The escaped traceback of a record."""
        return visible_text(super().formatException(ei))

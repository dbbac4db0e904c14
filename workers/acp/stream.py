"""Standard output of the client: one JSON object a line, with the key `type`."""

import json
import sys
from typing import Any


def write_line(kind: str, **fields: Any) -> None:
    """Write one line at once, so that the worker sees it while the agent runs."""
    text = json.dumps({"type": kind, **fields}, ensure_ascii=True)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

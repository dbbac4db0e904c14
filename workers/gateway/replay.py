"""Replay of a recorded transcript: responses are served again, byte for byte, without network or money."""

import threading
from pathlib import Path
from typing import Any

from workers.errors import WorkerError
from workers.gateway.calls import ModelCall
from workers.gateway.transcript import history_key, read

Json = dict[str, Any]


class Replay:
    """The answered calls of a transcript; each is served once, to the request that is most like its own."""

    def __init__(self, path: Path) -> None:
        """Raises `WorkerError` where the transcript cannot be read."""
        try:
            self._calls = [each for each in read(path) if each.get("status") == 200]
        except (OSError, KeyError, TypeError) as error:
            raise WorkerError(f"replay {path}: {error}") from error
        self._path = path
        self._lock = threading.Lock()

    def answer(self, call: ModelCall) -> Json | None:
        """The recorded entry for this request; None where the transcript has none left."""
        shape = _shape(call.kind, call.body)
        with self._lock:
            same_kind = [each for each in self._calls if each["kind"] == call.kind]
            alike = [each for each in same_kind if _shape(call.kind, each["request"]) == shape]
            chosen = next(iter(alike or same_kind), None)
            if chosen is not None:
                self._calls.remove(chosen)
            return chosen


def _shape(kind: str, body: Json) -> tuple[int, bool]:
    """Length of the conversation, and whether there are tools: what an auxiliary call has differently."""
    history = body.get(history_key(kind))
    return (len(history) if isinstance(history, list) else 1, bool(body.get("tools")))

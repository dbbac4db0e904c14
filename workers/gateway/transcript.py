"""Transcript of a door: every call as a JSON line, repeated parts of requests stored once; and its reader."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

from workers.gateway.calls import HISTORY
from workers.gateway.routes import Kind

Json = dict[str, Any]
_COMPARED: Final = 12
_SAME: Final = ("system", "tools", "instructions", "systemInstruction", "generationConfig")
MAX_EVENTS_BYTES: Final = 16 * 1024 * 1024
"""A longer stream is kept up to here, with a mark."""
CUT_MARK: Final = "\n\n: the transcript leaves out the rest\n\n"


class TranscriptWriter:
    """Append-only writer. `redact` removes secrets from each line."""

    def __init__(self, path: Path, redact: Callable[[bytes], bytes]) -> None:
        self._file = path.open("ab")
        self._redact = redact
        self._recent: deque[tuple[int, tuple[bytes, ...], dict[str, str]]] = deque(maxlen=_COMPARED)
        self._count = 0

    def write(self, kind: str, entry: Json, marks: tuple[bytes, ...]) -> None:
        """Append one call; `entry["request"]` is its whole body, `marks` are digests of its messages in order."""
        number = self._count
        self._count += 1
        request = entry.get("request") or {}
        short, references = self._shortened(kind, number, request, marks)
        fields = {"n": number, "kind": kind, **entry, "request": short, **references}
        line = json.dumps(fields, ensure_ascii=False)
        self._file.write(self._redact(line.encode("utf-8", "replace")) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _shortened(
        self, kind: str, number: int, request: Json, marks: tuple[bytes, ...]
    ) -> tuple[Json, Json]:
        """The request without what it repeats, and references to the earlier calls that have it: `same` for whole
        keys, `begins` for the start of the conversation. They are no part of the request, which is not trusted."""
        name = history_key(kind)
        given = request.get(name)
        history = given if isinstance(given, list) else []
        marks = marks if history else ()
        digests: dict[str, str] = {key: _digest(request[key]) for key in _SAME if key in request}
        same_as: dict[str, int] = {}
        best, count = None, 0
        for earlier, each, same in self._recent:
            common = _common(marks, each)
            if common > count:
                best, count = earlier, common
            for key, digest in digests.items():
                if same.get(key) == digest:
                    same_as[key] = earlier
        short = {key: value for key, value in request.items() if key not in same_as}
        references: Json = {"same": same_as} if same_as else {}
        if best is not None:
            short[name] = history[count:]
            references["begins"] = {"call": best, "count": count}
        self._recent.append((number, marks, digests))
        return short, references


def history_key(kind: str) -> str:
    """The key of the conversation in a request of this kind."""
    return HISTORY.get(cast(Kind, kind), "")


def stored_body(content_type: str, body: str) -> Json:
    """The fields of an entry that hold a response: `events` of a stream, else `response`.

    `body` is kept beside a response that JSON would not write in the same bytes.
    """
    if content_type == "text/event-stream":
        return {"content_type": content_type, "events": body, "response": None}
    try:
        response = json.loads(body)
    except (ValueError, RecursionError):
        return {"content_type": content_type, "events": None, "response": None, "body": body}
    fields: Json = {"content_type": content_type, "events": None, "response": response}
    return fields if json.dumps(response, ensure_ascii=False) == body else {**fields, "body": body}


def body_of(entry: Json) -> bytes:
    """The bytes of an entry's response, as they were received."""
    text = entry.get("events") or entry.get("body") or json.dumps(entry.get("response"), ensure_ascii=False)
    return str(text).encode("utf-8", "replace")


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _common(first: tuple[bytes, ...], second: tuple[bytes, ...]) -> int:
    """The length of the common start."""
    count = 0
    for ours, theirs in zip(first, second, strict=False):
        if ours != theirs:
            break
        count += 1
    return count


def read(path: Path) -> Iterator[Json]:
    """The calls of a transcript, each with its whole request; lines that are none are skipped."""
    requests: dict[int, Json] = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
                request = _whole(entry, requests)
                requests[entry["n"]] = request
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue
            yield {**entry, "request": request}


def _whole(entry: Json, earlier: dict[int, Json]) -> Json:
    """The request with what `same` and `begins` refer to."""
    request = {key: earlier[number][key] for key, number in (entry.get("same") or {}).items()}
    request.update(entry.get("request") or {})
    begins = entry.get("begins")
    if begins:
        name = history_key(entry["kind"])
        request[name] = [*earlier[begins["call"]][name][: begins["count"]], *request[name]]
    return request

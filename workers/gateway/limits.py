"""Rate limits of providers, shared by the processes of a machine: token buckets fed by response headers."""

import fcntl
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

_LONGEST_SECONDS: Final = 600.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(frozen=True)
class Bucket:
    """State of one provider and model; times are wall clock, seconds since the epoch."""

    requests: int | None = None
    """Requests left until `requests_reset`; None where the provider reports no limit."""
    requests_reset: float = 0.0
    tokens: int | None = None
    tokens_reset: float = 0.0
    closed_until: float = 0.0
    """No request before: the provider asked for it."""

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent."""
        ready = self.closed_until
        if self.requests is not None and self.requests < 1:
            ready = max(ready, self.requests_reset)
        # A request above the whole limit is the provider's to refuse: an empty bucket alone delays it.
        if self.tokens is not None and self.tokens < 1:
            ready = max(ready, self.tokens_reset)
        return min(max(0.0, ready - now), _LONGEST_SECONDS)

    def taken(self, tokens: int, now: float) -> "Bucket":
        """The bucket after a request; a count whose reset has passed is unknown again."""
        requests = None if self.requests is None or now >= self.requests_reset else max(0, self.requests - 1)
        left = None if self.tokens is None or now >= self.tokens_reset else max(0, self.tokens - tokens)
        return replace(self, requests=requests, tokens=left)

    def told(self, headers: Mapping[str, str], now: float) -> "Bucket":
        """The bucket with what a response's headers (names in lower case) report."""
        requests, requests_reset = _limit(headers, "requests", now)
        tokens, tokens_reset = _limit(headers, "tokens", now)
        return Bucket(
            requests if requests is not None else self.requests,
            requests_reset if requests is not None else self.requests_reset,
            tokens if tokens is not None else self.tokens,
            tokens_reset if tokens is not None else self.tokens_reset,
            self.closed_until,
        )


def _limit(headers: Mapping[str, str], what: str, now: float) -> tuple[int | None, float]:
    """(left, reset) of Anthropic's or OpenAI's headers for `requests` or `tokens`."""
    for prefix in ("anthropic-ratelimit-{0}-{1}", "x-ratelimit-{1}-{0}"):
        left = headers.get(prefix.format(what, "remaining"), "")
        reset = headers.get(prefix.format(what, "reset"), "")
        if left.isdecimal() and (at := _reset(reset, now)) is not None:
            return int(left), at
    return None, 0.0


def _reset(text: str, now: float) -> float | None:
    """A time in RFC 3339, or a duration such as `6m0s`, as seconds since the epoch."""
    parts = _DURATION.findall(text)
    if parts and _DURATION.sub("", text) == "":
        return now + sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


class RateLimits:
    """Buckets in one directory of the machine; each method is one short transaction under a file lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def take(self, name: str, tokens: int, now: float) -> float:
        """Take a request of `tokens` input tokens: 0, or the seconds to wait where there is no room for it."""
        with _Locked(self._path(name)) as file:
            wait = file.bucket.wait(now)
            if wait == 0:
                file.store(file.bucket.taken(tokens, now))
            return wait

    def note(self, name: str, headers: Mapping[str, str], now: float, closed_for: float = 0.0) -> None:
        """Keep what a response reported; `closed_for` seconds nothing more is sent."""
        with _Locked(self._path(name)) as file:
            bucket = file.bucket.told(headers, now)
            closed = max(bucket.closed_until, now + min(closed_for, _LONGEST_SECONDS))
            changed = replace(bucket, closed_until=closed if closed_for > 0 else bucket.closed_until)
            if changed != file.bucket:
                file.store(changed)

    def _path(self, name: str) -> Path:
        return self._directory / (re.sub(r"[^A-Za-z0-9._-]", "_", name)[:120] + ".json")


class _Locked:
    """One bucket's file, locked between the processes of this machine."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def __enter__(self) -> "_Locked":
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self.bucket = _bucket(os.pread(self._handle, 4096, 0))
        return self

    def store(self, bucket: Bucket) -> None:
        """Replace the bucket."""
        data = json.dumps(asdict(bucket)).encode()
        os.pwrite(self._handle, data, 0)
        os.ftruncate(self._handle, len(data))

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _bucket(data: bytes) -> Bucket:
    """The bucket in a file; an empty one where the file holds none."""
    try:
        fields: dict[str, Any] = json.loads(data)
        return Bucket(**fields)
    except (ValueError, TypeError):
        return Bucket()

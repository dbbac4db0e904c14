"""Memoisation: values that are computed once for each state of what they are of; the oldest are dropped."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class StateMemo(Generic[Value]):
    """Values by key, each with the state that it is of. Safe for concurrent threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[str, tuple[Hashable, Value]] = {}
        self._lock = Lock()

    def get(self, key: str, state: Hashable) -> Value | None:
        """The value of `key` in this state; None where it is not known."""
        with self._lock:
            known = self._values.get(key)
        return None if known is None or known[0] != state else known[1]

    def put(self, key: str, state: Hashable, value: Value) -> None:
        """Store a value in place of that of any other state; beyond `most` keys the oldest is dropped."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (state, value)
            while len(self._values) > self._most:
                del self._values[next(iter(self._values))]

    def value(self, key: str, state: Hashable, compute: Callable[[], Value]) -> Value:
        """The value of `key` in this state, computed where it is not known."""
        known = self.get(key, state)
        if known is None:
            known = compute()
            self.put(key, state, known)
        return known

"""A cache for carrier quotes: the least recently used go first, old ones are never served."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class QuoteCache:
    """At most ``size`` quotes, each for ``ttl`` seconds."""

    def __init__(self, size: int, ttl: float, clock: Callable[[], float]) -> None:
        if size < 1:
            raise ValueError("a cache holds at least one entry")
        self._size = size
        self._ttl = ttl
        self._clock = clock
        self._entries: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """The quote, or None where there is none or it is too old; using it keeps it in the cache."""
        now = self._clock()
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        expires, value = entry
        if expires <= now:
            del self._entries[key]
            self.misses += 1
            return None
        self._entries.move_to_end(key)
        self.hits += 1
        return value

    def put(self, key: Hashable, value: Any, ttl: float | None = None) -> None:
        """Keep a quote; where the cache is full, expired quotes go first, then the least recently used."""
        now = self._clock()
        if key not in self._entries and len(self._entries) >= self._size:
            self._drop_expired(now)
        while key not in self._entries and len(self._entries) >= self._size:
            self._entries.popitem(last=False)
        self._entries[key] = (now + (self._ttl if ttl is None else ttl), value)
        self._entries.move_to_end(key)

    def _drop_expired(self, now: float) -> None:
        for key, (expires, _) in list(self._entries.items()):
            if expires <= now:
                del self._entries[key]

    def fetch(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """The cached quote, else a loaded one; a load that returns None is not kept."""
        value = self.get(key)
        if value is None:
            value = load()
            if value is not None:
                self.put(key, value)
        return value

    def hit_rate(self) -> float:
        """Share of look-ups that were served, 0 where there were none."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0

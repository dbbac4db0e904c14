"""Token counts of model calls."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Tokens:
    """Token counts that do not overlap: `input` holds neither cached nor cache-write tokens."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    """Written to a cache of five minutes, or of a provider that has one kind."""
    output: int = 0
    cache_write_1h: int = 0
    """Written to a cache of one hour."""

    @property
    def total_in(self) -> int:
        return self.input + self.cached + self.cache_write + self.cache_write_1h

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.total_in + self.output > 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def highest(first: Tokens | None, second: Tokens | None) -> Tokens | None:
    """The higher value of each count: the high-water mark of a running total, also where it was reset."""
    if first is None or second is None:
        return second if first is None else first
    return Tokens(*map(max, astuple(first), astuple(second)))

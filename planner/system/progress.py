"""Progress reporting of long loops: the interface that pure code is given, and its null object."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class ProgressReporter(Protocol):
    """Progress reporter of a loop: `for item in progress(items, "reading archives"): …`.

    Yields the same items, lazily and in order, and shows how many of them the loop has finished. `total` is their
    number, by default their length where they have one, else unknown. A call inside the loop of another is shown below
    it. Neither the items nor what the loop does with them depends on it, and its own failures are never raised.
    """

    def __call__(self, items: Iterable[Item], what: str, total: int | None = None, /) -> Iterator[Item]:
        """The items, with `what` as the description of the loop."""
        ...


def no_progress(items: Iterable[Item], _what: str, _total: int | None = None, /) -> Iterator[Item]:
    """Progress reporter that shows nothing."""
    return iter(items)

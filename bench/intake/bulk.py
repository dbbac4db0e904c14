"""Building many objects at once: the cyclic garbage collector waits until they are there."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collection of cyclic garbage inside the block; reference counting frees everything else as ever.

    While a large backlog is built, each collection walks all issues built so far and frees none of them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

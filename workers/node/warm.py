"""Warm-up of the prefork pool: what every child needs is loaded before the fork, so that the memory is shared."""

import gc
import os
from contextlib import suppress

from db.engine import open_engine
from workers.sandbox import ladder


def warm_up() -> None:
    """Warm up the pool's parent: load the database driver and probe the sandbox. It opens no connection."""
    url = os.environ.get("BENCH_DATABASE_URL")
    if url:
        open_engine(url, "bench worker").dispose()
    # Where there is none, each execution reports it.
    with suppress(ladder.SandboxMissingError):
        ladder.choose("auto")
    gc.collect()


def freeze_heap() -> None:
    """Exclude the loaded objects from garbage collection, which would copy every shared page that it visits."""
    gc.freeze()

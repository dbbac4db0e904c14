"""What every child of the pool needs, loaded once before they are forked: they start at once and share the memory."""

import gc
import os
from contextlib import suppress

from db.engine import open_engine
from workers.sandbox import ladder


def warm_up() -> None:
    """Load the database driver and find the sandbox. No connection is opened: none survives a fork."""
    url = os.environ.get("BENCH_DATABASE_URL")
    if url:
        open_engine(url, "bench worker").dispose()
    # Where there is none, each execution says so.
    with suppress(ladder.SandboxMissingError):
        ladder.choose("auto")
    gc.collect()


def freeze_heap() -> None:
    """Keep the collector of the children off what is loaded: its marks would copy every page it visits."""
    gc.freeze()

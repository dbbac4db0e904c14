"""`python -m bench`: the same as the console script."""

import sys
from pathlib import Path

# Without `-P` the working directory comes first on the import path, where a user may have a `db.py`.
if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from bench_farm import bench

bench()

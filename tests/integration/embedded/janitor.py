"""Takes down the farms it is told of, one directory a line, when its standard input ends: however the tests end."""

import shutil
import sys
from pathlib import Path

from bench.embedded.errors import EmbeddedError
from bench.embedded.farm import EmbeddedFarm

if __name__ == "__main__":
    for line in sys.stdin.read().splitlines():
        for root in [Path(line) / ".bench", *Path(line).glob("**/.bench")]:
            try:
                EmbeddedFarm(root).down()
            except EmbeddedError as error:
                print(error, file=sys.stderr)
        shutil.rmtree(line, ignore_errors=True)

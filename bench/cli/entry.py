"""The console script, with one line on what to install where only the planner core is installed."""

import sys

from planner.cli.terminal import guarded


def run() -> None:
    """Run `bench`; prints one line instead of a traceback where the farm's libraries are missing."""
    sys.exit(guarded("bench", _main))


def _main() -> int:
    try:
        from bench.cli.main import main
    except ModuleNotFoundError as error:
        library = (error.name or "bench").partition(".")[0]
        if library in ("bench", "workers", "db", "planner"):
            raise
        sys.exit(f"bench: {library} is not installed; the farm needs: pip install 'bench-farm[farm]'")
    return main()

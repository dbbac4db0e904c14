"""The console script: says what is missing where only the planner core is installed."""

import sys


def run() -> None:
    """Run `bench`; one line instead of a traceback where the farm's libraries are not there."""
    try:
        from bench.cli.main import main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("bench", "workers", "db", "planner"):
            raise
        sys.exit(f"bench: {error.name} is not installed; the farm needs: pip install 'bench-farm[farm]'")
    sys.exit(main())

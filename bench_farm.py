"""The console scripts, in a module with a name that no other distribution has.

Other distributions also have packages named `bench`, `workers`, `db`, `planner` or `migrations`. Before a command
imports them, their origin is checked; where one is another distribution's, an error names it.
"""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

_HOME = Path(__file__).resolve().parent
_PACKAGES = ("bench", "workers", "db", "planner", "migrations")
# Each `__init__` of bench-farm has a docstring and no code; one that pip wrote over it has code.
_DOCSTRING = re.compile(rb'\s*"""[^"]*"""\s*')
_REMEDY = "remove it from the import path (PYTHONPATH), or install bench-farm in an environment of its own"


def bench() -> None:
    """Run `bench`, after the check of the packages."""
    _check("bench", _PACKAGES)
    from bench.cli.entry import run

    run()


def planner() -> None:
    """Run `planner`, after the check of the package."""
    _check("planner", ("planner",))
    from planner.cli.main import run

    run()


def foreign_package(names: tuple[str, ...], home: Path) -> str | None:
    """An error line on the first of the packages that is not the one in `home`; None where all are.

    Imports nothing.
    """
    for name in names:
        ours = home / name / "__init__.py"
        origin = _origin(name)
        if origin is None or origin.resolve() != ours:
            what = f"would be imported from {origin}" if origin else "is not found"
            return f"package {name} {what}; bench-farm's own is {ours}: {_REMEDY}"
        if not _DOCSTRING.fullmatch(ours.read_bytes()):
            return (
                f"package {name} in {home} was overwritten by another distribution{_owners(name)}; "
                "uninstall it and install bench-farm again, or install each in its own environment"
            )
    return None


def _check(program: str, names: tuple[str, ...]) -> None:
    line = foreign_package(names, _HOME)
    if line is not None:
        print(f"{program}: {line}", file=sys.stderr)
        sys.exit(1)


def _origin(name: str) -> Path | None:
    """The file that `import` would load, the directory for a package without `__init__`; None where there is none."""
    spec = find_spec(name)
    if spec is None:
        return None
    return Path(spec.origin or next(iter(spec.submodule_search_locations or ()), name))


def _owners(name: str) -> str:
    from importlib.metadata import packages_distributions

    others = sorted(set(packages_distributions().get(name, ())) - {"bench-farm"})
    return f" ({', '.join(others)})" if others else ""


if __name__ == "__main__":
    bench()

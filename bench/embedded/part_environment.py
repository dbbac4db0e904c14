"""Environment of an embedded farm's parts: which shell variables they get, and when a change requires a restart.

The values are stored only in a part's own environment, never in a file. A shell without a variable therefore removes
it from no part, and a restarted part inherits its earlier values.
"""

import os
from collections.abc import Collection, Container, Iterable, Mapping
from pathlib import Path
from typing import Final

from bench.embedded.errors import EmbeddedError
from workers.artifacts.stores import is_credential
from workers.gateway.keys import is_private, without_replaced
from workers.own_variables import check_passed_names
from workers.settings import passed_names

HANDED: Final = "FARM_HANDED"
"""The variable of a part with the names (comma separated) of all variables that it got from a shell."""
_HIDE: Final = "BENCH_SANDBOX_HIDE"
_FOR_COMMANDS: Final = frozenset(
    {
        *("BENCH_DATABASE_URL", "BENCH_BROKER_URL", "BENCH_EMBEDDED_USER", "BENCH_EMBEDDED_HOME"),
        *("BENCH_HOME", "BENCH_CONFIG"),
        *("BENCH_UI_DATABASE_URL", "BENCH_UI_TOKEN"),
        *("BENCH_POSTGRES_BIN", "BENCH_VALKEY_SERVER", "BENCH_TRUST_ISSUE_WORKCELLS"),
        *("BENCH_READER_PASSWORD", "BENCH_WORKER_PASSWORD"),
    }
)


def handed_before(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a running part with this environment got from earlier shells; empty where none runs."""
    names = environment.get(HANDED, "").split(",")
    handed = {name: environment[name] for name in names if name in environment}
    if _HIDE in handed:
        # The first entry is the farm's own directory.
        handed[_HIDE] = handed[_HIDE].partition(os.pathsep)[2]
    return handed


def for_coordinator(
    shell: Mapping[str, str], before: Mapping[str, str], names: Collection[str] = ()
) -> dict[str, str]:
    """The coordinator's variables: the farm's settings, without secrets but those of targets of notices, in `names`."""
    both = {**before, **shell}
    return {name: value for name, value in both.items() if _is_setting(name) or name in names}


def for_worker(shell: Mapping[str, str], before: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The worker's variables: settings, secrets, and those named by `names`, `BENCH_PASS_ENV` or earlier commands.

    With an object store for artifacts, its credentials, too.
    Secrets are also the keys of providers in the variables of their own clients. A key that the shell gives replaces an
    earlier one, whichever variable that came from. Variables that are not set are left out.

    Raises: `BenchError` or `WorkerError` for a name that may not be passed to programs.
    """
    both = {**without_replaced(before, shell), **shell}
    passed = passed_names(both.get("BENCH_PASS_ENV", ""))
    refuse_own(names)
    wanted = {*names, *passed, *before}
    store = both.get("BENCH_ARTIFACTS_URL", "")
    return {
        name: both[name]
        for name in both
        if name in wanted or _is_setting(name) or is_private(name) or is_credential(name, store)
    }


def environment_of(handed: Mapping[str, str], root: Path) -> dict[str, str]:
    """The environment of a part of the farm in `root` with the shell variables `handed`."""
    hidden = [str(root), *filter(None, [handed.get(_HIDE)])]
    return {
        "BENCH_WORK_DIR": str(root / "work"),
        "BENCH_ARCHIVES_DIR": str(root / "archives"),
        **handed,
        _HIDE: os.pathsep.join(hidden),
        HANDED: ",".join(sorted(handed)),
    }


def changed(handed: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """The names of variables that the running part lacks or has with another value."""
    return sorted(name for name, value in handed.items() if before.get(name) != value)


def missing_line(toolchains: Iterable[tuple[str, Iterable[str]]], known: Container[str]) -> str | None:
    """An error line for the first variable of a toolchain that is not `known`; None where all are."""
    for toolchain, names in toolchains:
        for name in names:
            if name not in known:
                what = f"toolchain {toolchain}: env names {name}, which is not set here"
                return f"{what}; export it, or take it out of env"
    return None


def refuse_own(names: Iterable[str]) -> None:
    """Check the names of a toolchain's variables.

    Raises: `EmbeddedError` for a name that may not be passed to programs.
    """
    try:
        check_passed_names(names)
    except ValueError as error:
        raise EmbeddedError(f"a toolchain's env: {error}") from None


def _is_setting(name: str) -> bool:
    return name.startswith("BENCH_") and not is_private(name) and name not in _FOR_COMMANDS

"""Settings of a worker, read from environment variables."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

import psutil

from db.repositories.artifacts import IN_POSTGRES
from planner.system.project import state_directory
from workers.artifacts.stores import check_store_url
from workers.errors import WorkerError
from workers.gateway.keys import check_no_keys, read_keys
from workers.own_variables import check_passed_names
from workers.spec import Sandbox

_MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class WorkerSettings:
    """Directories, secrets and limits of a worker.

    | variable | meaning | default |
    | --- | --- | --- |
    | `BENCH_WORK_DIR` | workcells, mirrors and set-ups | `work` in `BENCH_HOME`, or in `.bench` of the project |
    | `BENCH_ARCHIVES_DIR` | what finished candidates leave | `archives` there |
    | `BENCH_ARTIFACTS_URL` | store of logs: `postgres:`, `file://…`, `s3://…`, `gs://…`, `az://…` | `postgres:` |
    | `BENCH_SANDBOX` | `auto`, `bwrap` or `none`; as root `auto` takes nothing below bubblewrap | `auto` |
    | `BENCH_SECRET_<NAME>` | secret `<NAME>`, such as a provider's key; before all the ways below | |
    | `BENCH_KEY_COMMAND_<NAME>` | a command whose first line of output is secret `<NAME>`; no shell, 10 s | |
    | `ANTHROPIC_API_KEY`, `OPENAI_API_KEY` … | keys of providers, by the names that their own clients read | |
    | `ANTHROPIC_API_KEY_FILE` … | absolute path of a file with such a key, mode 0600 | |
    | `BENCH_PASS_ENV` | names (comma separated) of variables for programs that have the network | |
    | `BENCH_GIT_CONFIG` | a Git configuration that fetches read in place of the account's and the machine's | |
    | `BENCH_SANDBOX_READ` | more paths (`:` separated) that a sandboxed program may read | |
    | `BENCH_SANDBOX_HIDE` | more directories (`:` separated) that no sandboxed program sees | |
    | `BENCH_DISK_RESERVE_MB` | free space below which nothing is started and what runs is stopped | 512 |
    | `BENCH_MAX_DISK_MB` | most disk space of a candidate's directory, and of a set-up's | 8192 |
    | `BENCH_MAX_MEMORY_MB` | most memory of a program with all its processes | half of the machine's |
    | `BENCH_MAX_PROCESSES` | most processes of a program | 1024 |
    | `BENCH_TMP_MB` | size of a program's own `/tmp` and `/dev/shm` in memory, each | 512 |
    | `BENCH_CAPTURE_MB` | most output kept of one program while it runs | 32 |
    | `BENCH_MAX_PATCH_MB` | the largest patch that is still judged | 8 |
    | `BENCH_MAX_PATCH_FILES` | the most files of a patch that is still judged | 5000 |
    | `BENCH_PARALLEL_CANDIDATES` | candidates of one execution that run at the same time | 5 |
    | `BENCH_REPLAY_DIR` | transcripts `<issue id>.jsonl` that answer calls of models in place of a provider | |
    """

    work_dir: Path
    archives_dir: Path
    sandbox: Sandbox = "auto"
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    pass_env: tuple[str, ...] = ()
    sandbox_read: tuple[Path, ...] = ()
    sandbox_hide: tuple[Path, ...] = ()
    disk_reserve_bytes: int = 512 * _MEBIBYTE
    max_disk_bytes: int = 8192 * _MEBIBYTE
    max_memory_bytes: int = field(default_factory=lambda: _half_of_memory() * _MEBIBYTE)
    max_processes: int = 1024
    scratch_bytes: int = 512 * _MEBIBYTE
    capture_bytes: int = 32 * _MEBIBYTE
    max_patch_bytes: int = 8 * _MEBIBYTE
    max_patch_files: int = 5000
    parallel_candidates: int = 5
    replay_dir: Path | None = None
    artifacts_url: str = IN_POSTGRES

    @classmethod
    def from_environment(
        cls, env: Mapping[str, str] | None = None, *, with_secrets: bool = True
    ) -> "WorkerSettings":
        """Read the variables above. Raises `WorkerError` naming the variable that is invalid.

        Without `with_secrets` no key's file is read and no command runs: for callers that need directories alone.
        """
        given = os.environ if env is None else env
        return cls(
            work_dir=_directory(given, "BENCH_WORK_DIR", "work"),
            archives_dir=_directory(given, "BENCH_ARCHIVES_DIR", "archives"),
            sandbox=_sandbox(given.get("BENCH_SANDBOX", "auto")),
            secrets=read_keys(given) if with_secrets else {},
            pass_env=passed_names(given.get("BENCH_PASS_ENV", "")),
            sandbox_read=_paths(given, "BENCH_SANDBOX_READ"),
            sandbox_hide=_paths(given, "BENCH_SANDBOX_HIDE"),
            disk_reserve_bytes=_number(given, "BENCH_DISK_RESERVE_MB", 512, least=0) * _MEBIBYTE,
            max_disk_bytes=_number(given, "BENCH_MAX_DISK_MB", 8192, least=1) * _MEBIBYTE,
            max_memory_bytes=_number(given, "BENCH_MAX_MEMORY_MB", _half_of_memory(), least=1) * _MEBIBYTE,
            max_processes=_number(given, "BENCH_MAX_PROCESSES", 1024, least=8),
            scratch_bytes=_number(given, "BENCH_TMP_MB", 512, least=1) * _MEBIBYTE,
            capture_bytes=_number(given, "BENCH_CAPTURE_MB", 32, least=1) * _MEBIBYTE,
            max_patch_bytes=_number(given, "BENCH_MAX_PATCH_MB", 8, least=1) * _MEBIBYTE,
            max_patch_files=_number(given, "BENCH_MAX_PATCH_FILES", 5000, least=1),
            parallel_candidates=_number(given, "BENCH_PARALLEL_CANDIDATES", 5, least=1),
            replay_dir=_optional(given, "BENCH_REPLAY_DIR"),
            artifacts_url=check_store_url(given.get("BENCH_ARTIFACTS_URL") or IN_POSTGRES),
        )


def _directory(given: Mapping[str, str], name: str, default: str) -> Path:
    path = given.get(name)
    return state_directory(Path.cwd(), given) / default if path is None else Path(path).absolute()


def _optional(given: Mapping[str, str], name: str) -> Path | None:
    return Path(given[name]).absolute() if given.get(name) else None


def _paths(given: Mapping[str, str], name: str) -> tuple[Path, ...]:
    return tuple(Path(path).absolute() for path in given.get(name, "").split(os.pathsep) if path)


def _half_of_memory() -> int:
    """In mebibytes; of a container's own limit where it has one (cgroup v2)."""
    total = int(psutil.virtual_memory().total)
    with suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return total // 2 // _MEBIBYTE


def _sandbox(value: str) -> Sandbox:
    for known in get_args(Sandbox):
        if value == known:
            choice: Sandbox = known
            return choice
    raise WorkerError(f"BENCH_SANDBOX is {value!r}; use {', '.join(get_args(Sandbox))}")


def passed_names(value: str) -> tuple[str, ...]:
    """The names in `BENCH_PASS_ENV`. Raises `WorkerError` for one that must not be passed to a program."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    try:
        check_passed_names(names)
    except ValueError as error:
        raise WorkerError(f"BENCH_PASS_ENV: {error}") from None
    check_no_keys(names, "BENCH_PASS_ENV")
    return names


def _number(given: Mapping[str, str], name: str, default: int, least: int) -> int:
    value = given.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise WorkerError(f"{name} is {value!r}; use a whole number from {least}")
    return int(value)

"""Cache of the optional set-up command: it runs once per (repository, base, command).

It runs in a check-out of the base commit, with the network (`egress` of the workcell), and writes its products to
`$BENCH_SETUP_DIR` (also written `{setup_dir}` in the command), typically a virtual environment. Its changes to the
check-out are discarded, so a project must not be installed in editable mode. Candidates and gates may read the
directory, and have its `bin`, `venv/bin` and `.venv/bin` first on their PATH. They cannot write it; its seal is
verified before each use, and a changed one is made anew.
"""

import logging
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from planner.canonical import sha256_json
from workers.containers.images import Image
from workers.private import keep_private
from workers.repository import seal
from workers.sandbox import allowlist
from workers.sandbox.capture import redact
from workers.sandbox.process import ProgramExit, StopConditions, refused_message
from workers.sandbox.runner import MissingProgramError, ProgramRunner
from workers.sandbox.sweep import remove_tree
from workers.sandbox.watchdog import EXCESS_CODES, excess_message
from workers.spec import Workcell

_log = logging.getLogger(__name__)

_BINARIES = ("bin", "venv/bin", ".venv/bin")
_TAIL = 20_000
_LONGEST_LINE, _MOST_LINES = 300, 3
_TELLING = re.compile(
    r"\b(error|fatal|fail(ed|ure)?|not found|no such|no matching|cannot|could not|missing|denied|refused|unable)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Products:
    """Products of a set-up; empty where there is no set-up."""

    programs: tuple[Path, ...] = ()
    reads: tuple[Path, ...] = ()


class SetupFailedError(Exception):
    """The set-up failed; the message is one line."""


def products_directory(work_dir: Path, workcell: Workcell, image: Image | None = None) -> Path:
    """The directory of this set-up's products, content-addressed by a hash of everything they depend on."""
    inputs: list[object] = [
        workcell.repo,
        workcell.base,
        workcell.setup,
        list(map(str, allowlist.own_python())) if image is None else image.digest,
    ]
    inputs += [name for name in ("submodules", "lfs") if getattr(workcell.git, name)]
    return work_dir / "setups" / sha256_json(inputs)[:24]


def kept_products(directory: Path) -> Products | None:
    """The cached products of an earlier run, marked as used; None where none completed, or they were changed."""
    try:
        os.utime(stamp(directory))
    except FileNotFoundError:
        return None
    if not seal.holds(directory, stamp(directory)):
        _log.warning(
            "set-up %s does not match its seal (changed, or of an older version): made anew", directory
        )
        return None
    programs = tuple(directory / name for name in _BINARIES if (directory / name).is_dir())
    return Products(programs, (directory,))


def make_products(runner: ProgramRunner, workcell: Workcell, directory: Path, checkout: Path) -> Products:
    """Run the command in `checkout`; the caller holds the lock. Raises `SetupFailedError`.

    The command's output is kept in full next to the products, also where it fails.
    """
    log = log_of(directory)
    stamp(directory).unlink(missing_ok=True)
    remove_tree(directory)
    keep_private(directory.parent)
    log.unlink(missing_ok=True)
    directory.mkdir()
    command = tuple(part.replace("{setup_dir}", str(directory)) for part in workcell.setup or [])
    try:
        ended = runner.run(
            command,
            checkout,
            checkout.parent,
            {"BENCH_SETUP_DIR": str(directory)},
            StopConditions(workcell.setup_timeout_seconds),
            log,
            network=True,
            writes=(directory,),
        )
    except (MissingProgramError, OSError) as error:
        raise SetupFailedError(f"set-up cannot run: {error}") from None
    refused = f"\n{refused_message(ended.refused)}\n" if ended.refused else ""
    log.write_bytes(redact(log.read_bytes(), runner.secrets.values()) + refused.encode())
    if ended.exit_code != 0:
        words = _failure_lines(runner.text(log, _TAIL))
        raise SetupFailedError(f"set-up {_how(ended)}: {words} (its whole log: {log} on {platform.node()})")
    seal.seal(directory, stamp(directory), contents=True)
    return kept_products(directory) or Products()


def stamp(directory: Path) -> Path:
    """The seal of the products, next to their directory; its mtime is their last use."""
    return directory.with_name(f"{directory.name}.done")


def log_of(directory: Path) -> Path:
    """The output of the set-up, next to the directory of its products."""
    return directory.with_name(f"{directory.name}.log")


def _how(ended: ProgramExit) -> str:
    if ended.ended_by == "exit":
        return f"ended with exit code {ended.exit_code}"
    if ended.ended_by == "full" or ended.ended_by in EXCESS_CODES:
        return f"was stopped: {excess_message(ended.ended_by)}"
    return "ran out of time"


def _failure_lines(output: str) -> str:
    """The lines of a program's output that name its failure, and the last line; joined to one, bounded line."""
    lines = [line.strip()[:_LONGEST_LINE] for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)][-_MOST_LINES:]
    return " | ".join(dict.fromkeys([*telling, *lines[-1:]])) or "no output"

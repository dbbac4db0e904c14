"""Prompt frontier: what agents are asked with, as part of the policy epoch."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.errors import BenchError
from planner.canonical import sha256_json
from planner.system.regular_files import MIB, read_regular
from workers.execution.prompt import rendered_sample

_LARGEST: Final = 64 * MIB


def prompt_frontier(path: str | None) -> Any:
    """The value whose hash is the `prompt_frontier_hash` of a policy epoch.

    It is the farm's own prompt, and with it the digest of the genomes at `path` where the config names some. Raises
    `BenchError` as `genomes_digest`.
    """
    if path is None:
        return rendered_sample()
    return {"prompt": rendered_sample(), "genomes": genomes_digest(Path(path))}


def genomes_digest(path: Path) -> str:
    """SHA-256 digest of a directory of prompt genomes: its sorted relative paths, each with the digest of its content.

    A single file has the digest of its content, whatever its name. Hidden files are left out: editors and Git write
    them. Raises `BenchError` in one line where there is no genome, or one cannot be read.
    """
    try:
        if not path.is_dir():
            return _digest(path)
        genomes = {file.relative_to(path).as_posix(): _digest(file) for file in _files(path)}
    except OSError as error:
        where = error.filename or path
        raise BenchError(f"prompt_frontier: {where}: {error.strerror or error}") from None
    if not genomes:
        raise BenchError(f"prompt_frontier: {path} holds no file; name the directory of the prompt genomes")
    # Sorted keys: the order of a directory differs between file systems.
    return sha256_json(genomes)


def _files(directory: Path) -> Iterator[Path]:
    for entry in directory.iterdir():
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield entry
        elif entry.is_symlink():
            # A loop of links would never end, and a link that is skipped would hide what changes behind it.
            raise BenchError(
                f"prompt_frontier: {entry} is a link to a directory; name that directory instead"
            )
        else:
            yield from _files(entry)


def _digest(file: Path) -> str:
    return hashlib.sha256(read_regular(file, _LARGEST)).hexdigest()

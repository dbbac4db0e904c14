"""Secret store of a worker: the keys of model providers, from variables, files and commands. No candidate gets one.

A key named `<NAME>` is taken from the first of these that is set and not empty; the others are not read:

1. `BENCH_SECRET_<NAME>`: the key itself, for the farm alone;
2. `BENCH_KEY_COMMAND_<NAME>`: a command that prints the key, such as one of a password manager;
3. `<NAME>`: the key itself, in the variable that the provider's own clients read;
4. `<NAME>_FILE`: the absolute path of a file that holds the key.

The first two take any name, the last two those of `PROVIDERS`.
"""

import logging
import os
import shlex
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from workers.errors import WorkerError
from workers.gateway.providers import PROVIDERS, Provider
from workers.own_variables import is_own

SECRET_PREFIX: Final = "BENCH_SECRET_"  # noqa: S105 — a prefix of names
COMMAND_PREFIX: Final = "BENCH_KEY_COMMAND_"
FILE_SUFFIX: Final = "_FILE"
COMMAND_SECONDS: Final = 10.0
"""Timeout of a command that prints a key."""
KEY_NAMES: Final = tuple(dict.fromkeys(name for provider in PROVIDERS.values() for name in provider.keys))
"""The variables of all known providers, each once."""
Kind = Literal["value", "command", "file"]
_PREFIXES: Final[tuple[tuple[str, Kind], ...]] = ((SECRET_PREFIX, "value"), (COMMAND_PREFIX, "command"))
_SUFFIXES: Final[tuple[tuple[str, Kind], ...]] = (("", "value"), (FILE_SUFFIX, "file"))
_MAX_KEY_BYTES: Final = 64 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeySource:
    """Where a key comes from: the variable, and how its value is to be read."""

    name: str
    """Such as `ANTHROPIC_API_KEY`."""
    variable: str
    kind: Kind


def is_key_variable(name: str) -> bool:
    """Whether a variable holds a provider's key or the path of one, in the names that the provider's clients use."""
    return name.removesuffix(FILE_SUFFIX) in KEY_NAMES


def is_private(name: str) -> bool:
    """Whether a variable belongs to the worker alone: a key, or where it gets one."""
    return name.startswith((SECRET_PREFIX, COMMAND_PREFIX)) or is_key_variable(name)


def sources_of(env: Mapping[str, str]) -> dict[str, KeySource]:
    """The source of each key by name, by precedence; nothing is read or started."""
    by_prefix = [
        KeySource(variable.removeprefix(prefix), variable, kind)
        for prefix, kind in _PREFIXES
        for variable in env
        if variable.startswith(prefix) and variable != prefix
    ]
    by_name = [
        KeySource(name, name + suffix, kind)
        for suffix, kind in _SUFFIXES
        for name in KEY_NAMES
        if name + suffix in env
    ]
    known: dict[str, KeySource] = {}
    for source in (*by_prefix, *by_name):
        if env[source.variable]:
            known.setdefault(source.name, source)
    return known


def without_replaced(before: Mapping[str, str], shell: Mapping[str, str]) -> dict[str, str]:
    """The variables `before` without the sources of keys that `shell` gives in whatever way."""
    replaced = sources_of(shell)
    stale = {
        variable
        for name in replaced
        for variable in (SECRET_PREFIX + name, COMMAND_PREFIX + name, name, name + FILE_SUFFIX)
    }
    return {name: value for name, value in before.items() if name not in stale}


def read_keys(
    env: Mapping[str, str], warn: Callable[[str], None] = _log.warning, *, run_commands: bool = True
) -> dict[str, str]:
    """Every key by name. `warn` receives a line for each file that other accounts can read.

    Without `run_commands` those of commands are left out, and only whether the program exists is checked.

    Raises: `WorkerError` with the variable, never the value, where a file or a command gives no key.
    """
    keys = {}
    for source in sources_of(env).values():
        if source.kind == "value":
            keys[source.name] = env[source.variable]
        elif source.kind == "file":
            keys[source.name] = _of_file(source.variable, env[source.variable], warn)
        else:
            argv = _command(source.variable, env[source.variable], env)
            if run_commands:
                keys[source.name] = _of_command(source.variable, argv, env)
    return keys


def resolved(env: Mapping[str, str], warn: Callable[[str], None] = _log.warning) -> dict[str, str]:
    """The keys of files and commands as `BENCH_SECRET_<NAME>`, for a child process that then reads none again.

    Raises: `WorkerError` as `read_keys` does.
    """
    sources = sources_of(env)
    return {
        SECRET_PREFIX + name: key
        for name, key in read_keys(env, warn).items()
        if sources[name].kind != "value"
    }


def key_of(provider: Provider, keys: Mapping[str, str]) -> str | None:
    """The provider's key, the preferred name first; None where there is none."""
    return next((keys[name] for name in provider.keys if keys.get(name)), None)


def missing_key_line(provider: Provider, names: Collection[str]) -> str | None:
    """An error line where `names`, those of the keys that exist, include none of the provider's; None otherwise."""
    if any(name in names for name in provider.keys):
        return None
    first = provider.keys[0]
    if first not in KEY_NAMES:
        return f"no key for {provider.name}: export {SECRET_PREFIX}{first} or {COMMAND_PREFIX}{first}"
    return (
        f"no key for {provider.name}: export {' or '.join(provider.keys)} (or <NAME>{FILE_SUFFIX}, "
        f"{COMMAND_PREFIX}<NAME>, {SECRET_PREFIX}<NAME>)"
    )


def check_no_keys(names: Iterable[str], what: str) -> None:
    """Raises `WorkerError` where `names`, the variables of `what`, hold a provider's key or the path of one."""
    for name in names:
        if is_key_variable(name):
            raise WorkerError(
                f"{what}: {name} is a provider key that the gateway holds; take it out of {what}"
            )


def _of_file(variable: str, path_text: str, warn: Callable[[str], None]) -> str:
    path = Path(path_text)
    if not path.is_absolute():
        raise WorkerError(f"{variable} is not an absolute path; give the whole path of the key's file")
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        raise WorkerError(f"{variable}: cannot read the key's file {path}: {error.strerror}") from None
    if stat.S_IMODE(mode) & 0o077:
        warn(f"{variable}: other accounts can read {path} (mode {stat.S_IMODE(mode):04o}); chmod 600 {path}")
    return _key(variable, data.strip(), f"the file {path}")


def _command(variable: str, text: str, env: Mapping[str, str]) -> list[str]:
    try:
        argv = shlex.split(text)
    except ValueError:
        argv = []
    if not argv:
        raise WorkerError(f"{variable} is not a command line; check its quotes")
    if shutil.which(argv[0], path=env.get("PATH", os.defpath)) is None:
        raise WorkerError(f"{variable}: there is no executable {argv[0]!r} on PATH")
    return argv


def _of_command(variable: str, argv: list[str], env: Mapping[str, str]) -> str:
    try:
        command = subprocess.Popen(
            argv,
            env={name: value for name, value in env.items() if not is_own(name)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # It may print a key there, too.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerError(f"{variable}: the command cannot start: {error.strerror}") from None
    with command:
        try:
            output = command.communicate(timeout=COMMAND_SECONDS)[0]
        except subprocess.TimeoutExpired:
            raise WorkerError(f"{variable}: the command did not end within {COMMAND_SECONDS:.0f} s") from None
        finally:
            # A process that it left may keep the pipe open.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(command.pid, signal.SIGKILL)
    if command.returncode:
        raise WorkerError(
            f"{variable}: the command ended with exit code {command.returncode}; run it in a shell to see why"
        )
    return _key(variable, (output.splitlines() or [b""])[0].strip(), "the first line of the command's output")


def _key(variable: str, data: bytes, where: str) -> str:
    text = data.decode("utf-8", "replace")
    if not text:
        raise WorkerError(f"{variable}: {where} is empty; it must hold the key")
    if not (text.isascii() and text.isprintable()) or " " in text or len(text) > _MAX_KEY_BYTES:
        raise WorkerError(f"{variable}: {where} is not one key on one line")
    return text

"""Version of an installed program, cached by its file."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

LIMIT_SECONDS = 5.0
_NUMBER = re.compile(r"\d+(?:\.\d+)+[0-9A-Za-z.+-]*")
_known: dict[tuple[str, int, int], str] = {}


def _output_of(program: str, arguments: tuple[str, ...], env: Mapping[str, str]) -> str:
    """Both outputs of the program; empty at the timeout. Its process group is killed in any case."""
    with tempfile.TemporaryDirectory(prefix="bench-version-", ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LANG": "C.UTF-8", **env},
            start_new_session=True,
        )
        try:
            return process.communicate(timeout=LIMIT_SECONDS)[0][:65536].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            return ""
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def ask(
    program: str, arguments: tuple[str, ...] = ("--version",), env: Mapping[str, str] | None = None
) -> str | None:
    """The version number of an executable; None where it is missing, prints none or is too slow."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        status = Path(path).stat()
        key = (str(Path(path).resolve()), status.st_mtime_ns, status.st_size)
        if key not in _known:
            match = _NUMBER.search(_output_of(path, arguments, env or {}))
            if match is None:
                return None
            _known[key] = match.group()[:64].rstrip(".+-")
        return _known[key]
    except OSError:
        return None

"""A bash session in a directory of its own: the reader of one page, who runs its commands in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.documents.blocks import Command

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final = Path(sys.executable).parent
_COMMAND_SECONDS: Final = 900
_INTERRUPT_AFTER_SECONDS: Final = 20
_KEPT_OF_OUTPUT: Final = 4000
# Those of the tests and of the make that runs them, and what would configure farm, database or Git.
_NOT_THE_READERS: Final = (
    *("BENCH_", "PG", "GIT_", "PYTEST_", "VIRTUAL_ENV"),
    *("MAKE", "MFLAGS", "VENV", "MINI", "TEST_FLAGS", "DEMO"),
)


class CommandFailedError(AssertionError):
    """A command that ended otherwise than its page shows; the message has the end of its output."""


@dataclass
class PageShell:
    """One bash process. Directory, variables and functions persist from command to command."""

    directory: Path
    files: Path
    """Scripts and outputs, outside of what the reader sees."""
    environment: Mapping[str, str]
    _process: "subprocess.Popen[str]" = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def run(self, command: Command, where: str, code: int = 0, interpreter: str = "") -> str:
        """Run one command and return its output, both streams together.

        Every statement of it must succeed; where another exit code is expected, only the last one counts.
        `interpreter` is a program that gets the text as the argument that is a file, in place of bash.

        Raises: `CommandFailedError` where it ends with another exit code, or not in time.
        """
        self._count += 1
        script, output, ended = (
            self.files / f"{self._count}.{kind}" for kind in ("script", "output", "ended")
        )
        interrupted = "^C" in (line.strip() for line in command.shown)
        script.write_text(_interrupted(command.text) if interrupted else command.text, encoding="utf-8")
        call = f"{interpreter} {script}" if interpreter else f". {script}"
        # A statement that fails ends bash itself, unless an exit code is expected.
        strict = "set -eE; " if code == 0 and not interrupted and not interpreter else ""
        lines = (
            f"{strict}{call} >{output} 2>&1 </dev/null",
            f"echo $? >{ended}.part; set +eE; mv {ended}.part {ended}",
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("".join(f"{line}\n" for line in lines))
            self._process.stdin.flush()
        actual = self._wait(ended, where, command.text)
        text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        if actual not in ({code, 130} if interrupted else {code}):
            raise CommandFailedError(
                f"{where}: exit code {actual}, not {code}:\n{command.text}\n{text[-_KEPT_OF_OUTPUT:]}"
            )
        return text

    def _wait(self, ended: Path, where: str, command: str) -> int:
        """The exit code of the running command, or of bash itself where that ended."""
        deadline = time.monotonic() + _COMMAND_SECONDS
        while not ended.exists():
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(0.1)
            if time.monotonic() > deadline:
                raise CommandFailedError(
                    f"{where}: runs for more than {_COMMAND_SECONDS} seconds:\n{command}"
                )
        return int(ended.read_text(encoding="ascii"))

    def close(self) -> None:
        """End the session with every process of its group, and stop each farm below its directory."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        for state in self.directory.glob("**/.bench"):
            subprocess.run(
                [PROGRAMS / "bench", "down"],
                cwd=state.parent,
                env=dict(self.environment),
                capture_output=True,
                timeout=120,
                check=False,
            )


def _interrupted(command: str) -> str:
    """The command, interrupted as by Ctrl-C after some seconds."""
    return f"timeout --signal=INT --preserve-status {_INTERRUPT_AFTER_SECONDS} {command}"


def reader_environment(home: Path) -> dict[str, str]:
    """The variables of a reader who has the programs on the PATH, and no farm, account or database configured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_THE_READERS)}
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Reader\n\temail = reader@example.org\n", encoding="utf-8"
    )
    passed = [name for name in ("PIP_CERT", "PIP_INDEX_URL", "SSL_CERT_FILE") if name in kept]
    return {
        **kept,
        # A set-up of a page reaches the package index as this machine does.
        "BENCH_PASS_ENV": ",".join(passed),
        "BENCH_EMBEDDED_HOME": os.environ["BENCH_EMBEDDED_HOME"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "DOCUMENTS_REPOSITORY": str(ROOT),
        "DOCUMENTS_SETUPS": str(ROOT / "tests" / "documents" / "setups"),
        "DOCUMENTS_VENV": sys.prefix,
    }


@contextmanager
def page_shell(directory: Path, **variables: str) -> Iterator[PageShell]:
    """A session in an empty directory below `directory`; its farms and processes end with it."""
    reader, home, files = (directory / name for name in ("r", "home", "files"))
    for path in (reader, home, files):
        path.mkdir()
    shell = PageShell(reader, files, {**reader_environment(home), **variables})
    try:
        yield shell
    finally:
        shell.close()

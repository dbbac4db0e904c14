"""The command that serves a gate's tests: the gate's own interpreter, variables and options of pytest.

The gate's command is kept, except that our own script replaces pytest; so `env NAME=VALUE`, a virtual environment on
the PATH and `sh -c` have the effect that they have for the gate.
"""

import os
import re
import shlex
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from workers.gates.program import SHELLS, pytest_position
from workers.repair import wire

SERVER = Path(__file__).with_name("serve_inside.py")
_INTERPRETER = re.compile(r"(python|pypy)[\d.]*")
_ASSIGNMENTS = r"(?:[A-Za-z_]\w*=\S*\s+)*"
_AS_MODULE = re.compile(r"(?<!\S)-m\s+pytest(?=[\s;&|)]|$)")
_AS_PROGRAM = re.compile(
    rf"(?:^|[;&|(\n]\s*|\b(?:exec|run|then|do)\s+)\s*{_ASSIGNMENTS}(?P<program>(?:\S*/)?(?:pytest|py\.test))(?=[\s;&|)]|$)"
)
_LONG_SHEBANG = re.compile(rb"""exec' "?([^"\s]+)""")


@dataclass(frozen=True)
class Suite:
    """The tests of one gate, and how they are served."""

    before: tuple[str, ...]
    """The command up to our script; its last element is the start of the shell script where there is a shell."""
    after: tuple[str, ...]
    """The arguments of pytest; for a shell the rest of its text."""
    is_module: bool
    """Whether the gate uses `-m pytest`, which puts the working directory on the import path."""
    in_shell: bool = False

    def argv(self, fd: int) -> list[str]:
        """The command whose tests are served over the descriptor `fd`."""
        mode = f"{fd}:{'module' if self.is_module else 'program'}"
        if not self.in_shell:
            return [*self.before, str(SERVER), mode, *self.after]
        *words, text = self.before
        script, *more = self.after
        return [*words, f"{text}{shlex.quote(str(SERVER))} {mode}{script}", *more]


def suite_of(command: Sequence[str], path: str) -> Suite | None:
    """The suite of a gate; None where it does not run pytest, or where pytest cannot be located. `path`: the PATH."""
    position = pytest_position(command)
    if position is None:
        return _in_shell(command, path)
    before, after = list(command[:position]), tuple(command[position + 1 :])
    if "-m" not in before:
        # `uv run pytest` finds its interpreter as it finds the program.
        interpreter = "python" if before[-1:] == ["run"] else interpreter_of(command[position], path)
        return Suite((*before, interpreter), after, is_module=False)
    # Of `python -m coverage run -m pytest` and `coverage run -m pytest` only the interpreter is wanted.
    before = before[: before.index("-m")]
    if not any(_is_interpreter(word) for word in before):
        program = next((position for position, word in enumerate(before) if _is_program(word)), 0)
        before = [*before[:program], interpreter_of(before[program] if before else "pytest", path)]
    return Suite(tuple(before), after, is_module=True)


def _in_shell(command: Sequence[str], path: str) -> Suite | None:
    words = [PurePosixPath(word).name for word in command]
    shell = next((position for position, word in enumerate(words) if word in SHELLS), len(words))
    option = next(
        (position for position, word in enumerate(words[shell:], shell) if re.fullmatch(r"-\w*c", word)), None
    )
    if option is None or option + 1 >= len(command):
        return None
    text = command[option + 1]
    as_module = list(_AS_MODULE.finditer(text))
    as_program = list(_AS_PROGRAM.finditer(text))
    if len(as_module) + len(as_program) != 1:
        return None
    if as_module:
        (match,) = as_module
        start, lead = match.start(), ""
    else:
        (match,) = as_program
        start = match.start("program")
        lead = f"{shlex.quote(interpreter_of(match['program'], path))} "
    before = (*command[: option + 1], text[:start] + lead)
    return Suite(before, (text[match.end() :], *command[option + 2 :]), bool(as_module), in_shell=True)


def _is_interpreter(word: str) -> bool:
    return _INTERPRETER.fullmatch(PurePosixPath(word).name) is not None


def _is_program(word: str) -> bool:
    return "=" not in word and not word.startswith("-") and PurePosixPath(word).name != "env"


def interpreter_of(program: str, path: str) -> str:
    """The interpreter of a Python script by its shebang, else the one in its directory or on the PATH."""
    path_found = shutil.which(program, path=path)
    if path_found is None:
        return "python"
    with open(path_found, "rb") as file:  # noqa: PTH123 - a path that `which` found
        head = file.read(1024)
    first = head.split(b"\n")[0]
    words = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
    for word in words[:2]:
        if _is_interpreter(word):
            return word
    if (match := _LONG_SHEBANG.search(head)) is not None:
        return os.fsdecode(match[1])
    sibling = Path(path_found).with_name("python")
    return str(sibling) if sibling.exists() else "python"


def serving(suite: Suite, workdir: str, env: Mapping[str, str], log: Path) -> Callable[[socket.socket], None]:
    """A body of a zygote that executes the gate's command; its output until it serves is written to `log`."""

    def body(sock: socket.socket) -> None:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sock.set_inheritable(True)
        argv = suite.argv(sock.fileno())
        os.chdir(workdir)
        try:
            os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is wanted
        except OSError as error:
            wire.send(sock, {"error": f"{argv[0]} cannot be started: {error.strerror}"})

    return body

"""Command parsing: where in an argument vector pytest is started, and by which program. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

_PYTEST: Final = frozenset(("pytest", "py.test"))
_INHERITING: Final = frozenset(
    (
        *(
            "env",
            "nice",
            "ionice",
            "timeout",
            "time",
            "nohup",
            "setsid",
            "stdbuf",
            "xvfb-run",
            "chronic",
            "taskset",
        ),
        *("uv", "uvx", "poetry", "pipenv", "rye", "pixi", "mise", "dotenv"),
        *("coverage", "kernprof", "viztracer", "scalene"),
    )
)
"""Programs that start the one in their arguments, which inherits their open files."""
_CLOSING: Final = frozenset(("pdm", "hatch", "conda", "mamba", "micromamba", "pipx"))
"""Programs that start it with only the three standard streams."""
SHELLS: Final = frozenset(("sh", "bash", "dash", "zsh", "ksh"))
"""Programs that run the script after their option `-c`."""
_OF_TARGETS: Final = SHELLS | frozenset(
    (
        *("make", "gmake", "ninja", "bazel", "npm", "npx", "yarn", "pnpm"),
        *("tox", "nox", "just", "task", "rake", "invoke", "inv", "doit"),
    )
)
"""Programs whose arguments name their own targets: the `pytest` of `make pytest` is none of ours."""
_OWN_WORDS: Final = re.compile(r"run|exec|tool|\w+=.*|(0x)?[\d.a-f]+[smhd]?", re.DOTALL)
"""Words between such a program and the one that it starts, besides options: sub-commands, variables, numbers."""
_WITH_VALUE: Final = ("-W", "-X", "--check-hash-based-pycs")
_FLAGS: Final = re.compile(r"-([A-VYZabd-ln-z]+)")
"""Options of the interpreter, which may be joined: `-IB`. None with a value, as in `-WError`."""


def pytest_position(argv: Sequence[str]) -> int | None:
    """The index of `pytest` in an argument vector; None where another program is run."""
    previous = ""
    for index, word in enumerate(argv):
        name = _name(word)
        if name in _PYTEST and not _is_value(argv, index):
            return index
        if is_python(word):
            return _behind_python(argv, index)
        is_program = index == 0 or not (word.startswith("-") or previous.startswith("-"))
        is_known = name in _INHERITING or name in _CLOSING or (index > 0 and _OWN_WORDS.fullmatch(word))
        if name in _OF_TARGETS or (is_program and not is_known):
            return None
        previous = word
    return None


def inherits_files(argv: Sequence[str]) -> bool:
    """Whether pytest inherits the open files of the command."""
    return _name(argv[0]) not in _CLOSING


def ignores_environment(argv: Sequence[str]) -> bool:
    """Whether an option makes the interpreter ignore its variables, or `env` remove them."""
    flags = (_FLAGS.match(word) for word in argv)
    is_told = any({"I", "E"} & set(each[1]) for each in flags if each)
    is_cleared = "env" in map(_name, argv) and bool(
        {"-i", "-", "--ignore-environment", "PYTHONPATH"} & set(argv)
    )
    return is_told or is_cleared


def _name(word: str) -> str:
    return PurePosixPath(word).name


def is_python(word: str) -> bool:
    """Whether it is a Python interpreter, by its name."""
    return _name(word).startswith(("python", "pypy"))


def _behind_python(argv: Sequence[str], python: int) -> int | None:
    """The index of pytest as the interpreter's module or script, or as that of `coverage run` in it."""
    index = python + 1
    while index < len(argv) and argv[index].startswith("-") and argv[index] != "-m":
        if argv[index] == "-c":
            return None
        index += 2 if argv[index] in _WITH_VALUE else 1
    index += index < len(argv) and argv[index] == "-m"
    rest = pytest_position(argv[index:]) if index < len(argv) else None
    return None if rest is None else index + rest


def _is_value(argv: Sequence[str], index: int) -> bool:
    """Whether it is the value of an option (`--with pytest`), because the program comes later."""
    is_behind_option = index > 0 and argv[index - 1].startswith("--") and argv[index - 1] != "--"
    return is_behind_option and any(_name(word) in _PYTEST for word in argv[index + 1 :])

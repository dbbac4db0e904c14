"""Files of the repository that a gate's command runs: they define what the gate checks. Pure."""

import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from workers.gates.program import SHELLS
from workers.spec import Gate

_BETWEEN: Final = re.compile(r"[;&|()<>]+")
_LINTERS: Final = (
    "ruff flake8 pylint mypy pyright black isort bandit pycodestyle pydocstyle vulture eslint tsc "
    "py_compile compileall shellcheck prettier biome standard yamllint jsonlint xmllint hadolint rubocop gofmt "
    "rustfmt clang-format"
)
_COMPILERS: Final = "cc gcc g++ c++ clang clang++ rustc javac kotlinc ghc cython"
_SEARCHES: Final = "grep egrep fgrep rg ag jq yq --doctest-modules --doctest-glob --check"
_LOOKS_AT: Final = frozenset(f"{_LINTERS} {_COMPILERS} {_SEARCHES}".split())
"""Programs whose file arguments are under test, so that a fix may have to change them."""
_LOOKS_AT_AS_PROGRAM: Final = frozenset(["test", "[", "[[", "cat", "head", "tail", "wc", "ls", "stat"])
_BEFORE_A_PROGRAM: Final = frozenset(
    ["!", "if", "elif", "while", "until", "then", "else", "do", "exec", "time", "env"]
)
_LOOKING_OPTIONS: Final = ("--cov", "--source", "--include", "--omit", "--ignore", "--deselect", "--exclude")
_POSITION_IN_FILE: Final = re.compile(r"(::.*|:\d+)$", re.DOTALL)
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def named_files(gates: Sequence[Gate], base_files: Collection[str]) -> list[str]:
    """The files of the base commit that the gates run, or pass to a program that they run, in order.

    Arguments of a linter, a compiler or `grep` are not included: there the file itself is under test.
    """
    known = frozenset(base_files)
    names = (name for gate in gates for name in _of_words(gate.command, "", known))
    return list(dict.fromkeys(names))


def _of_words(words: Sequence[str], directory: str, known: Collection[str]) -> Iterator[str]:
    """The files that one command names, relative to a directory of the check-out."""
    program = next((position for position, word in enumerate(words) if _is_program(word)), 0)
    for position, word in enumerate(words):
        name = PurePosixPath(word).name
        looks = name in _LOOKS_AT or (position == program and name in _LOOKS_AT_AS_PROGRAM)
        if looks and not (position == program and _in(directory, word, known)):
            return
        if name in SHELLS and (text := _text_of(words[position + 1 :])) is not None:
            yield from _of_text(text, directory, known)
            return
        yield from _of_word(word, directory, known, is_unittest="unittest" in words[:position])


def _is_program(word: str) -> bool:
    return word not in _BEFORE_A_PROGRAM and not word.startswith("-") and "=" not in word


def _of_word(word: str, directory: str, known: Collection[str], *, is_unittest: bool) -> Iterator[str]:
    option, equals, value = word.partition("=")
    if option.startswith("-") and (not equals or option.startswith(_LOOKING_OPTIONS)):
        return
    path = _POSITION_IN_FILE.sub("", value if option.startswith("-") else word)
    if file := _in(directory, path, known):
        yield file
    elif is_unittest and _MODULE.fullmatch(path):
        # `python -m unittest checks.verify.Case.test_it`
        parts = path.split(".")
        names = ("/".join(parts[:length]) + ".py" for length in range(len(parts), 0, -1))
        yield from (module for name in names if (module := _in(directory, name, known)))


def _in(directory: str, path: str, known: Collection[str]) -> str | None:
    """The path from the root of the check-out; None where the base commit has no such file."""
    joined = posixpath.normpath(posixpath.join(directory, path)) if path else ""
    return joined if joined in known else None


def _text_of(words: Sequence[str]) -> str | None:
    """The script in the arguments of a shell (`-c`); None where there is none."""
    for position, word in enumerate(words):
        if not word.startswith("-"):
            return None
        if not word.startswith("--") and word.endswith("c"):
            return words[position + 1] if position + 1 < len(words) else None
    return None


def _of_text(text: str, directory: str, known: Collection[str]) -> Iterator[str]:
    for words in commands_of(text):
        if words[:1] == ["cd"] and len(words) > 1:
            directory = posixpath.join(directory, words[1])
        else:
            yield from _of_words(words, directory, known)


def commands_of(text: str) -> Iterator[list[str]]:
    """The commands of a shell script as words; a line that cannot be parsed is split at spaces."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            words = line.split()
        command: list[str] = []
        for word in words:
            if _BETWEEN.fullmatch(word):
                yield command
                command = []
            else:
                command.append(word)
        yield command

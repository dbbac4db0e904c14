"""Live functions take on new code, whoever holds them; what ran at import is recognised."""

import functools
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from workers.repair import compiled
from workers.repair.swap import index_functions, swap

FILE = "/nowhere/swapped_module.py"
OLD = b"""
import functools

def twice(f):
    @functools.wraps(f)
    def inner(*args):
        return f(*args) * 2
    return inner

@twice
@functools.lru_cache
def decorated(a):
    return a + 1

class Thing:
    size = 3

    @property
    def area(self):
        return self.size + self.size

    @staticmethod
    def fixed():
        return [n for n in range(3)]

def default(a=1):
    return a

def outer(a):
    def nested():
        return 1
    return nested()
"""


def code(text: bytes) -> CodeType:
    return compiled.compile_at(text, 1, FILE, 0)


def swapped(old: bytes, new: bytes) -> tuple[bool, dict[str, Any]]:
    module: dict[str, Any] = {"functools": functools, "__name__": "swapped"}
    exec(code(OLD), module)
    index = index_functions(str(Path(FILE).parent))
    return swap(index, code(OLD), code(OLD.replace(old, new))), module


def test_a_decorated_and_cached_function_is_swapped() -> None:
    done, module = swapped(b"a + 1", b"a + 5")
    assert done
    assert module["decorated"](1) == 12


def test_a_decorator_s_closure_is_swapped() -> None:
    done, module = swapped(b"* 2", b"* 3")
    assert done
    assert module["decorated"](1) == 6


def test_methods_properties_and_comprehensions_are_swapped() -> None:
    done, module = swapped(b"self.size + self.size", b"self.size * self.size")
    assert done
    assert module["Thing"]().area == 9
    done, module = swapped(b"range(3)", b"range(4)")
    assert done
    assert module["Thing"].fixed() == [0, 1, 2, 3]


def test_nested_functions_are_swapped_with_their_outer_one() -> None:
    done, module = swapped(b"return 1\n    return nested", b"return 2\n    return nested")
    assert done
    assert module["outer"](0) == 2


def test_what_runs_at_import_cannot_be_swapped() -> None:
    assert not swapped(b"a=1", b"a=2")[0]
    assert not swapped(b"size = 3", b"size = 4")[0]
    assert not swapped(b"    @property\n", b"")[0]


def test_fingerprints_tell_behaviour_from_layout() -> None:
    def prints(text: bytes) -> bytes:
        return compiled.fingerprint(code(text))

    assert prints(b"def f(a):\n    return a\n") == prints(b"def f(a):\n\n    return (a)  # same\n")
    assert prints(b"x = 1") != prints(b"x = 1.0")
    assert prints(b"x = 1") != prints(b"x = True")
    assert prints(b"def f():\n    return {1, 2}") != prints(b"def f():\n    return {1, 3}")


def test_only_functions_under_the_root_are_indexed() -> None:
    module: dict[str, Any] = {"functools": functools, "__name__": "swapped"}
    exec(code(OLD), module)
    index = index_functions(str(Path(FILE).parent))
    assert all(key[0] == FILE for key in index)
    assert isinstance(next(iter(index.values()))[0], FunctionType)

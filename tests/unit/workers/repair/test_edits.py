"""Edits change their own span only, compile, and reach the mistakes that programmers make."""

import ast
import warnings
from typing import Any

import pytest

from workers.repair.candidates import Workbench, parsed
from workers.repair.enumerate import (
    LARGE_OF_EXPRESSIONS,
    LARGE_OF_STATEMENTS,
    SMALL_OF_EXPRESSIONS,
    SMALL_OF_STATEMENTS,
    Family,
    edits,
)
from workers.repair.scope import Scope, scopes
from workers.repair.source import Edit, SourceFile

SAMPLE = '''"""Märchen, größer als ASCII.\t"""
from __future__ import annotations

import math  # kept

RATE = 0.25
NAMES = ["a", "b"]


class Shelf:
    """Holds things."""

    limit = 3

    def __init__(self, items, spare = [] ):
        self.total = 0
        self.items = list(items);  self.spare = spare

    def add(self, item, amount=1, *, loud: bool = False) -> int:
        if item in self.items and not loud or amount > self.limit:   # why: ä
            raise ValueError("zu groß")
        elif amount == 0:
            return 0
        else:
            self.total += amount
        for index in range(len(self.items)):
            if self.items[index] is None:
                continue
            self.items[index:] = [x for x in self.items[1:index] if x]
        while amount > 0:
            amount -= 1
            if amount * 2 + 1 < self.total: break
        log(f"{item} {amount:>{self.limit}}", item)
        return self.total if loud else -amount


def log(text, *rest):
    try:
        pairs = {key: value for key, value in zip(text, rest)}
    except (KeyError, TypeError):
        return None
    with open(text) as file:
        first, second = file.readline().strip(), math.floor(RATE)
    print(sorted(pairs, key=lambda pair: pair[0]), first, second[0][1])
    yield text
'''


def everything(text: str, family: Family | None = None) -> list[Edit]:
    source = SourceFile("m.py", text.encode())
    lines = dict.fromkeys(range(1, text.count("\n") + 2), 1.0)
    families = [family] if family else list(Family)
    return [edit for each in families for edit, _ in edits(source, lines, {}, each)]


def every_right_text(wrong: str) -> set[str]:
    return {edit.apply(wrong.encode()).decode() for edit in everything(wrong)}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_bytes_outside_the_splices_stay_as_they_are(newline: str) -> None:
    raw = SAMPLE.replace("\n", newline).encode()
    source = SourceFile("m.py", raw)
    for family in Family:
        for edit, _ in edits(source, dict.fromkeys(range(1, 60), 1.0), {}, family):
            begin, end = edit.span
            changed = edit.apply(raw)
            assert changed[:begin] == raw[:begin]
            assert changed[len(changed) - (len(raw) - end) :] == raw[end:]
            if newline == "\r\n":
                assert b"\n" not in changed.replace(b"\r\n", b"")


def test_nearly_every_edit_compiles() -> None:
    raw = SAMPLE.encode()
    compiled, total = 0, 0
    for edit in everything(SAMPLE)[::41]:
        total += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(edit.apply(raw), "m.py", "exec")
        except SyntaxError:
            continue
        compiled += 1
    assert total > 300
    assert compiled / total > 0.95


def test_each_family_of_edits_has_something_to_say_about_the_sample() -> None:
    source = SourceFile("m.py", SAMPLE.encode())
    everywhere = [Scope(source, root, {}) for root in scopes(source)]
    for of_statement in (*SMALL_OF_STATEMENTS, *LARGE_OF_STATEMENTS):
        assert any(any(of_statement(s, stmt)) for s in everywhere for stmt in s.statements), of_statement
    for of_expression in (*SMALL_OF_EXPRESSIONS, *LARGE_OF_EXPRESSIONS):
        nodes = [(s, n) for s in everywhere for stmt in s.statements for n in s.own(stmt)]
        assert any(any(of_expression(s, node)) for s, node in nodes), of_expression


def test_weights_are_positive_and_at_most_one() -> None:
    assert all(0 < edit.weight <= 1 for edit in everything(SAMPLE))


def test_only_lines_with_a_score_are_edited() -> None:
    source = SourceFile("m.py", SAMPLE.encode())
    line = 1 + SAMPLE[: SAMPLE.index("if item in")].count("\n")
    assert {edit.line for family in Family for edit, _ in edits(source, {line: 1.0}, {}, family)} == {line}


REACHED = {
    "boundary": ("if a < b:\n        return a", "if a <= b:\n        return a"),
    "operator": ("return a - b", "return a + b"),
    "and or": ("return a and b", "return a or b"),
    "not": ("if a:\n        return b", "if not (a):\n        return b"),
    "one more": ("return b[a]", "return b[a + 1]"),
    "constant": ("return a + 1", "return a + 2"),
    "variable": ("return a", "return b"),
    "argument order": ("return pow(a, b)", "return pow(b, a)"),
    "method": ("return a.lstrip()", "return a.strip()"),
    "function": ("return min(a, b)", "return max(a, b)"),
    "wrapped": ("return a", "return len(a)"),
    "condition joined": ("if a:\n        return b", "if a and b:\n        return b"),
    "condition dropped": ("return a and b", "return a"),
    "deleted": ("a = 1\n    return a", "return a"),
    "returned": ("a.pop()", "return a.pop()"),
    "return added": ("a = a + b", "a = a + b\n    return a"),
    "guard": ("return a / b", "if b == 0:\n        return None\n    return a / b"),
    "moved out": (
        "for x in a:\n        b += x\n        return b",
        "for x in a:\n        b += x\n    return b",
    ),
    "jump": ("for x in a:\n        break", "for x in a:\n        continue"),
    "augmented": ("a = b\n    return a", "a += b\n    return a"),
    "slice": ("return a[:b]", "return a[b:]"),
    "reverse": ("return sorted(a)", "return sorted(a, reverse=True)"),
    "range": ("return range(a)", "return range(1, a)"),
    "elements": ("return a, b", "return b, a"),
    "ternary": ("return a if b else 0", "return 0 if b else a"),
    "lookup": ("return a[b]", "return a.get(b, 0)"),
    "while": ("if a:\n        a -= 1\n    return a", "while a:\n        a -= 1\n    return a"),
    "regrouped": ("return a + b * 2", "return ((a) + (b)) * (2)"),
}


@pytest.mark.parametrize(("wrong", "right"), REACHED.values(), ids=REACHED)
def test_an_edit_reaches_the_right_code(wrong: str, right: str) -> None:
    head = "def f(a, b):\n    "
    assert f"{head}{right}\n" in every_right_text(f"{head}{wrong}\n")


def test_a_shared_default_is_made_anew() -> None:
    wrong = "def f(x, seen=[]):\n    seen.append(x)\n    return seen\n"
    right = (
        "def f(x, seen=None):\n    if seen is None:\n        seen = []\n    seen.append(x)\n    return seen\n"
    )
    assert right in every_right_text(wrong)


def test_replacements_keep_their_meaning_by_parentheses() -> None:
    texts = every_right_text("def f(a, b, c):\n    x = a + b\n    return c * 2\n")
    assert "def f(a, b, c):\n    x = a + b\n    return (a + b) * 2\n" in texts


def test_expressions_inside_format_strings_are_left_alone_where_positions_lie() -> None:
    for edit in everything('def f(a, b):\n    return f"{a} and {b}"\n'):
        text = edit.apply(b'def f(a, b):\n    return f"{a} and {b}"\n').decode()
        assert text.startswith("def f(a, b):\n") or "a=" in text


def test_no_candidate_comes_twice_or_does_what_the_code_did() -> None:
    raw = b"def f(a):\n    return a < 1\n"
    source = parsed("m.py", raw)
    assert source is not None
    bench = Workbench(source, "/nowhere", [])
    made = [bench.candidate(edit) for edit in everything(raw.decode()) * 2]
    texts = [candidate.raw for candidate in made if candidate]
    assert raw not in texts
    shapes = [ast.dump(ast.parse(text)) for text in texts]
    assert len(shapes) == len(set(shapes))


def test_edits_of_what_runs_at_import_need_a_fresh_import() -> None:
    raw = b"LIMIT = 3\n\ndef f(a=1):\n    return a < LIMIT\n"
    source = parsed("m.py", raw)
    assert source is not None
    bench = Workbench(source, "/nowhere", [])
    kinds: dict[Any, Any] = {}
    for edit in everything(raw.decode(), Family.SMALL):
        candidate = bench.candidate(edit)
        if candidate:
            kinds.setdefault(edit.line, set()).add(candidate.warm is None)
    assert kinds[1] == {True}
    assert True in kinds[3]
    assert kinds[4] == {False}


def test_functions_that_ran_at_import_need_a_fresh_import() -> None:
    raw = b"def f(a):\n    return a + 1\n\nTABLE = f(1)\n"
    source = parsed("m.py", raw)
    assert source is not None
    bench = Workbench(source, "/nowhere", [1, 2, 4])
    made = [bench.candidate(edit) for edit in everything(raw.decode(), Family.SMALL)]
    assert all(candidate.warm is None for candidate in made if candidate)

"""Style metrics of the packages: sizes, docstrings, idioms, and names with several meanings.

`python -m tests.architecture.figures` prints a table, one row a package. The tests in this directory hold its limits.
"""

import ast
import io
import re
import statistics
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("bench", "workers", "db", "planner")
BANNED_VARIABLES: Final = frozenset({"found", "one", "told", "place", "those", "said"})
"""Names that do not say what the value is."""
# Phrases of speech where the field has a plain word: "the lease says" for "the lease has", "is gone" for "ended".
_IDIOMS: Final = re.compile(
    r"\bbells?\b|\btruth\b|\bhears?\b|\bheard\b|\bmend\w*|\btold\b|\btells?\b|\bcomes? to\b|\bcame (?:to|of)\b"
    r"|\bsaid\b|\bsays?\b|\bwhoever\b|\bas far as\b|\bfor (?:ever|good)\b|\bstands?\b|\b(?:is|be|was) gone\b"
    r"|\bgo(?:es)? on\b|\bbeside\b|\bspeaks? |\blets? go\b|\blooks? again\b|\bway of\b"
    r"|\bhand(?:s|ed)? (?:back|over|in)\b|\bsit down\b|\bgreet",
    re.IGNORECASE,
)


class Module(NamedTuple):
    """One parsed source file; `path` is relative to the repository."""

    path: Path
    text: str
    tree: ast.Module


class Function(NamedTuple):
    """A function definition, and whether it is public: no leading underscore in it or what holds it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    public: bool

    @property
    def lines(self) -> int:
        """Its length, decorators excluded."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


def modules(*packages: str) -> Iterator[Module]:
    """The source files of packages, without the demo's corpus, which is data."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "corpus_data" not in path.parts:
                text = path.read_text(encoding="utf-8")
                yield Module(path.relative_to(ROOT), text, ast.parse(text))


def functions(tree: ast.AST, public: bool = True) -> Iterator[Function]:
    """All functions of a module, methods and nested ones included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(node, public and not node.name.startswith("_"))
            yield from functions(node, public=False)
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, public and not node.name.startswith("_"))
        else:
            yield from functions(node, public)


def prose(module: Module) -> str:
    """All docstrings and comments of a module."""
    holders = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    parts = [ast.get_docstring(node) or "" for node in ast.walk(module.tree) if isinstance(node, holders)]
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    parts += [token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join(parts)


def words(text: str) -> int:
    """How many words a text has."""
    return len(re.findall(r"[A-Za-z']+", text))


def idioms(text: str) -> list[str]:
    """The idioms in a text, each as it occurs."""
    return [match.group() for match in _IDIOMS.finditer(text)]


def idiom_rate(package: str) -> float:
    """Idioms per 1,000 words in the docstrings and comments of a package."""
    text = "\n".join(prose(module) for module in modules(package))
    return 1000 * len(idioms(text)) / max(words(text), 1)


def class_names(*packages: str) -> dict[str, list[str]]:
    """Where each class is defined, as `path:line`."""
    defined = defaultdict(list)
    for module in modules(*packages):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                defined[node.name].append(f"{module.path}:{node.lineno}")
    return dict(defined)


def banned_variables(*packages: str) -> list[str]:
    """Variables, arguments and fields with a banned name, as `path:line name`."""
    uses = []
    for module in modules(*packages):
        for node in ast.walk(module.tree):
            name = None
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                name = node.id
            elif isinstance(node, ast.arg):
                name = node.arg
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                name = node.attr
            if name is not None and name.lstrip("_") in BANNED_VARIABLES:
                uses.append(f"{module.path}:{node.lineno} {name}")  # type: ignore[attr-defined]
    return uses


def _percentile(values: list[int], share: float) -> int:
    return sorted(values)[round(share * (len(values) - 1))]


def _row(package: str) -> list[str]:
    parsed = [module for module in modules(package) if module.text.count("\n") >= 5]
    lengths = [module.text.count("\n") for module in parsed]
    imports = [
        sum(isinstance(node, ast.Import | ast.ImportFrom) for node in module.tree.body) for module in parsed
    ]
    defined = [function for module in parsed for function in functions(module.tree)]
    sizes = [function.lines for function in defined]
    public = [function for function in defined if function.public]
    documented = sum(ast.get_docstring(function.node) is not None for function in public)
    return [
        package,
        f"{statistics.median_low(lengths)} / {_percentile(lengths, 0.95)} / {max(lengths)}",
        f"{_percentile(sizes, 0.95)} / {max(sizes)}",
        str(sum(size > 60 for size in sizes)),
        f"{statistics.median_low(imports)} / {max(imports)}",
        f"{100 * documented / max(len(public), 1):.0f} %",
        f"{idiom_rate(package):.1f}",
        str(len(banned_variables(package))),
    ]


def main() -> None:
    """Print the table, then every class name with several definitions."""
    heads = (
        "package",
        "lines a file: median / p95 / max",
        "function: p95 / max",
        "functions > 60 lines",
        "imports a file: median / max",
        "public docstrings",
        "idioms per 1,000 words",
        "banned variable names",
    )
    rows = [heads, ["---"] * len(heads), *(_row(package) for package in PACKAGES)]
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows)
    doubled = {name: places for name, places in class_names(*PACKAGES).items() if len(places) > 1}
    sys.stdout.write(f"\n{len(doubled)} class names with several definitions\n")
    sys.stdout.writelines(f"{name}: {', '.join(places)}\n" for name, places in sorted(doubled.items()))


if __name__ == "__main__":
    main()

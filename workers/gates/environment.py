"""Environment failures: why the environment, not the code, makes a gate fail on the base commit. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from workers.gates.hidden import hidden_failure
from workers.gates.imports import missing_imports, objection
from workers.gates.sources import Sources
from workers.gates.suite import SuiteRun
from workers.spec import Gate

_FETCH_LFS = "set `git: {lfs: true}`"


def environment_objection(
    suite: SuiteRun | None, output: str, sources: Sources, root: str, pointers_read: Sequence[str] = ()
) -> str | None:
    """Why a failed gate is no verdict on the code, with the remedy; None where it is one.

    `suite`: the tests of the reporter or a JUnit file. `output`: what the gate wrote. `root`: the check-out.
    `pointers_read`: files that it read and that hold an LFS pointer in place of their content.
    """
    hidden = hidden_failure(output) if suite is None else None
    test_outputs = [] if suite is None else [*suite.collection_errors.values(), *suite.failures.values()]
    texts = test_outputs or [output]
    if suite is not None:
        sources = sources.with_outside(suite.outside)
    return (
        hidden
        or _pointers(pointers_read)
        or next(_import_objections(texts, sources, root, last_only=bool(test_outputs)), None)
        or _submodule_objection(texts, sources)
    )


def concerning(gate: Gate, suite: SuiteRun | None) -> SuiteRun | None:
    """The run without the failures that do not count: those of tests that a gate with lists does not list."""
    if suite is None or not gate.is_listed:
        return suite
    listed = (*gate.fail_to_pass, *gate.pass_to_pass)
    return replace(
        suite,
        failures={name: text for name, text in suite.failures.items() if name in listed},
        collection_errors={
            name: text
            for name, text in suite.collection_errors.items()
            if any(each.startswith(name) for each in listed)
        },
    )


def shadow_objection(shadowed: Mapping[str, str]) -> str | None:
    """The reason for packages of the repository that were imported from elsewhere; None where there are none."""
    for name, path in sorted(shadowed.items()):
        return (
            f"it imports {name} from {path}, an installed copy, and not from the check-out: it would judge that copy "
            "and no candidate's code; put the check-out first (begin its command with `env PYTHONPATH=…`), or let "
            "set-up install the dependencies alone"
        )
    return None


def _import_objections(
    texts: Sequence[str], sources: Sources, root: str, *, last_only: bool
) -> Iterator[str]:
    """`last_only`: each text is of one test, which the last error in it ended."""
    for text in texts:
        missing = missing_imports(text, root)
        for each in missing[-1:] if last_only else missing:
            if (reason := objection(each, sources)) is not None:
                yield reason


def _pointers(paths: Sequence[str]) -> str | None:
    if not paths:
        return None
    return f"it reads {paths[0]}, which is a Git LFS pointer and not the file; {_FETCH_LFS}"


def _submodule_objection(texts: Sequence[str], sources: Sources) -> str | None:
    """The reason for a path in a submodule that was not fetched; None where no text names one."""
    for submodule in sources.submodules:
        if any(f"{submodule}/" in text for text in texts):
            return (
                f"it asks for a file in the submodule {submodule}, which was not fetched; "
                "set `git: {submodules: true}`"
            )
    return None

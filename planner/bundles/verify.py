"""Bundle verification: digests, golden cases, numerical equivalence and latency. It needs onnxruntime alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from planner.bundles.bundle import Bundle, open_bundle
from planner.bundles.equivalence import compare
from planner.bundles.goldens import Golden, changed_decisions, read_goldens
from planner.bundles.policy import BundlePolicy, Decoder

Result = Literal["ok", "failed", "measured", "left out"]
_ROUNDS: Final = 20


class Check(NamedTuple):
    """Result of one check."""

    name: str
    result: Result
    figure: str


def passed(name: str, is_ok: bool, figure: str) -> Check:
    """The result of a check that can fail."""
    return Check(name, "ok" if is_ok else "failed", figure)


def verify(path: Path, extra_checks: Iterable[Callable[[Bundle], Check]] = ()) -> Iterator[Check]:
    """Run every check, then `extra_checks`, and yield each result as it completes.

    Raises `BundleError` where the bundle cannot be opened.
    """
    started = perf_counter()
    bundle = open_bundle(path)
    opened = perf_counter()
    policy = BundlePolicy(bundle)
    loaded = perf_counter()
    opening, session = (opened - started) * 1000, (loaded - opened) * 1000
    yield passed("files", True, f"{len(bundle.metadata['files'])} files with the hashes in metadata.json")
    yield Check(
        "load", "measured", f"{opening + session:.0f} ms: hashes {opening:.0f} ms, session {session:.0f} ms"
    )
    cases, expected = read_goldens(bundle)
    changed = changed_decisions(policy, cases)
    yield passed("goldens", not changed, f"{len(cases) - changed} of {len(cases)} decisions as recorded")
    yield _equivalence(bundle, policy, cases, expected)
    yield from _timings(bundle, policy, cases)
    for check in extra_checks:
        yield check(bundle)


def _equivalence(bundle: Bundle, policy: BundlePolicy, cases: Sequence[Golden], expected: Any) -> Check:
    decode = Decoder(bundle)
    actual = np.stack([policy.session.run(bundle.input.indices(case.planner_input)) for case in cases])
    changed = sum(
        decode(row, case.planner_input).action != case.action for row, case in zip(actual, cases, strict=True)
    )
    difference = compare(expected, actual, changed)
    return passed("equivalence", difference.within, f"torch as recorded: {difference}")


def _timings(bundle: Bundle, policy: BundlePolicy, cases: Sequence[Golden]) -> Iterator[Check]:
    inputs = [case.planner_input for case in cases] * _ROUNDS
    indices = [bundle.input.indices(document) for document in inputs]
    yield Check("encode", "measured", _spread(bundle.input.indices, inputs))
    yield Check("session", "measured", _spread(policy.session.run, indices))
    yield Check("decision", "measured", f"{_spread(policy.decide, inputs)}: encode, run, decode")


def _spread(call: Callable[[Any], Any], inputs: Sequence[Any]) -> str:
    taken = []
    for document in inputs:
        started = perf_counter()
        call(document)
        taken.append((perf_counter() - started) * 1e6)
    median, rare = np.percentile(taken, (50, 99))
    return f"p50 {median:.0f} µs, p99 {rare:.0f} µs"

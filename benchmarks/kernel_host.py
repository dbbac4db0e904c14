"""`python -m benchmarks.kernel_host BUNDLE INPUTS IDLE`: what decisions cost in a process that makes no others.

Prints one JSON object of microseconds, each a list [p50, p99]. INPUTS is a file of planner_inputs, one a line; IDLE is
how many decisions are taken after a pause.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from planner.bundles.bundle import OUTPUTS, open_bundle
from planner.bundles.session import INPUTS, session_options
from planner.encoding.encoder import encode
from planner.encoding.input_hash import hash_of
from planner.host.config import InferenceConfig, ModelConfig, PlannerConfig
from planner.host.deadline import DeadlineCalls
from planner.inference import PlannerInference

ROUNDS = 60
PAUSE_SECONDS = 0.25
Json = dict[str, Any]


def main(bundle: str, inputs: str, idle: int) -> Json:
    """All figures."""
    import onnxruntime

    documents = [json.loads(line) for line in Path(inputs).read_text(encoding="utf-8").splitlines()]
    opened = open_bundle(bundle)
    session = onnxruntime.InferenceSession(
        opened.model, session_options(), providers=["CPUExecutionProvider"]
    )
    outputs = list(OUTPUTS[opened.output_form])
    ones = np.ones((1, 1, opened.input.longest), dtype=np.float32)
    planner = PlannerInference(
        PlannerConfig(
            model=ModelConfig(bundle), inference=InferenceConfig(confidence_threshold=0, timeout_ms=60_000)
        )
    )
    calls = DeadlineCalls()

    def feed(positions: list[int]) -> Json:
        return dict(zip(INPUTS, (np.array([positions]), ones[:, :, : len(positions)]), strict=True))

    def floor(document: Json) -> object:
        return session.run(outputs, feed(encode(document).positions))

    feeds = [feed(encode(document).positions) for document in documents]
    parts = [
        (one["issue"], one["history"]["last_n_similar_runs"], one["universe_defaults"], one["system_state"])
        for one in documents
    ]
    measured: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "session": (lambda ready: session.run(outputs, ready), feeds),
        "encode": (encode, documents),
        "floor": (floor, documents),
        "hash": (hash_of, documents),
        "thread": (lambda _: calls.call(time.monotonic() + 60, len, ""), documents),
        "decide": (planner.decide, documents),
        "predict": (lambda known: planner.predict(*known), parts),
        "plan": (lambda known: planner.plan(*known), parts),
    }
    found: Json = _warm(measured)
    for name in ("floor", "predict"):
        found[f"{name} after idle"] = _after_idle(*measured[name], idle)
    return found


def _warm(measured: dict[str, tuple[Callable[[Any], object], list[Any]]]) -> Json:
    """Round by round, so that a noisy moment falls on all alike."""
    taken: dict[str, list[int]] = {name: [] for name in measured}
    for number in range(ROUNDS + 1):
        for name, (call, arguments) in measured.items():
            times = [_nanoseconds(call, argument) for argument in arguments]
            taken[name] += times if number else []
    return {name: _percentiles(times) for name, times in taken.items()}


def _after_idle(call: Callable[[Any], object], arguments: list[Any], count: int) -> list[float]:
    times = []
    for place in range(count):
        time.sleep(PAUSE_SECONDS)
        times.append(_nanoseconds(call, arguments[place % len(arguments)]))
    return _percentiles(times)


def _nanoseconds(call: Callable[[Any], object], argument: Any) -> int:
    started = time.perf_counter_ns()
    call(argument)
    return time.perf_counter_ns() - started


def _percentiles(nanoseconds: list[int]) -> list[float]:
    p50, p99 = np.percentile(nanoseconds, [50, 99]) / 1000
    return [float(p50), float(p99)]


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2], int(sys.argv[3])), sys.stdout)

"""What one decision costs inside a kernel, and what the kernel carries for it."""

import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from planner.canonical import canonical_json
from tests.fixtures.bundles import make_bundle
from tests.fixtures.planner_examples import NOW_MS, history, planner_input

FULL_WIDTH = 512
_INPUTS = 50
_AIM_RATIO = 2.0
_AIM_LOAD_MS = 50.0
_AIM_MEGABYTES = 90.0
_OLD_AIM_US = 100_000.0
Json = dict[str, Any]

_IMPORT = "import time; begun = time.perf_counter(); import {module}; print(time.perf_counter() - begun)"
_RESIDENT = (
    "\nprint(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmRSS')))"
)
_HOST = """
import sys
from planner.inference import PlannerInference
from planner.host.config import read_planner_config
planner = PlannerInference(read_planner_config({"model": {"path": sys.argv[1]}}))
for number in range(100):
    planner.predict({"id": str(number), "tags": ["area:" + str(number)]})
assert planner.problem is None
"""
_BARE_HOST = """
import sys, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.enable_cpu_mem_arena = False
session = onnxruntime.InferenceSession(sys.argv[1] + "/model.onnx", options, providers=["CPUExecutionProvider"])
"""
_LOAD = """
import sys, time
from planner.inference import PlannerInference
from planner.host.config import ModelConfig, PlannerConfig
begun = time.perf_counter()
planner = PlannerInference(PlannerConfig(model=ModelConfig(sys.argv[1])))
print(time.perf_counter() - begun)
assert planner.problem is None
"""
_BARE_LOAD = _BARE_HOST.replace("options = ", "import time; begun = time.perf_counter(); options = ", 1) + (
    "print(time.perf_counter() - begun)"
)


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Decisions, loading and memory with a bundle of full width, each in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        bundle = make_bundle(Path(directory) / "bundle", hidden=FULL_WIDTH)
        found = _decisions(bundle, scale)
        yield from _decision_rows(found, scale)
        yield _sidecar(bundle, found)
        yield _load(bundle, scale)
        yield _memory(bundle)
        yield _import(scale)
        yield _size(bundle)


def _decisions(bundle: Path, scale: Scale) -> Json:
    lot = random.Random(1)
    inputs = bundle.parent / "inputs.jsonl"
    lines = [
        canonical_json(planner_input(lot, history={"last_n_similar_runs": history(lot, "code", NOW_MS, 8)}))
        for _ in range(_INPUTS)
    ]
    inputs.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.kernel_host", str(bundle), str(inputs), str(_idle(scale))]
    found: Json = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def _idle(scale: Scale) -> int:
    """How many decisions are taken after a pause."""
    return max(5, scale.bells)


def _decision_rows(found: Json, scale: Scale) -> Iterator[Row]:
    floor = "encode + session call, back to back"
    yield Row(
        "bare session call",
        _pair(found["session"]),
        f"encode alone: {_pair(found['encode'])}",
        f"{found['session'][0] / found['encode'][0]:.1f}×",
    )
    for place, name, aim in ((0, "p50", _AIM_RATIO), (1, "p99", None)):
        ratio = found["predict"][place] / found["floor"][place]
        yield Row(
            f"predict, warm, {name}",
            f"{found['predict'][place]:.0f} µs; of it hash {found['hash'][place]:.0f}, "
            f"thread {found['thread'][place]:.0f}",
            f"{floor}: {found['floor'][place]:.0f} µs",
            f"{ratio:.1f}×",
            "" if aim is None else f"≤{aim:.0f}×",
            None if aim is None else ratio <= aim,
        )
    ratio = found["predict after idle"][0] / found["floor after idle"][0]
    yield Row(
        f"predict after idle, {_idle(scale)} times",
        _pair(found["predict after idle"]),
        f"{floor}, after idle: {_pair(found['floor after idle'])}",
        f"{ratio:.1f}×",
        f"p99 <{_OLD_AIM_US / 1000:.0f} ms",
        found["predict after idle"][1] < _OLD_AIM_US,
    )


def _pair(figures: list[float]) -> str:
    return f"p50 {figures[0]:.0f} µs, p99 {figures[1]:.0f} µs"


def _sidecar(bundle: Path, found: Json) -> Row:
    path = bundle.parent / "socket"
    command = [
        sys.executable,
        "-m",
        "planner.cli.main",
        "serve",
        "--bundle",
        str(bundle),
        "--socket",
        str(path),
    ]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        socket.socket(socket.AF_UNIX) as client,
    ):
        assert server.stdout is not None
        server.stdout.readline()
        client.connect(str(path))
        times = [_round_trip(client, line) for line in _requests(bundle) * 20]
        server.terminate()
    p50, p99 = statistics.quantiles(times[_INPUTS:], n=100)[49::49]
    return Row(
        "predict over the sidecar's socket",
        _pair([p50, p99]),
        f"predict in the process: {_pair(found['predict'])}",
        f"{p50 / found['predict'][0]:.1f}×",
    )


def _requests(bundle: Path) -> list[bytes]:
    lines = (bundle.parent / "inputs.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        f'{{"jsonrpc":"2.0","id":1,"method":"predict","params":{{"planner_input":{line}}}}}\n'.encode()
        for line in lines
    ]


def _round_trip(client: socket.socket, request: bytes) -> float:
    """Microseconds from sending a request to the end of its response."""
    begun = time.perf_counter()
    client.sendall(request)
    while not client.recv(65_536).endswith(b"\n"):
        pass
    return (time.perf_counter() - begun) * 1e6


def _load(bundle: Path, scale: Scale) -> Row:
    own, bare = (_median_ms(code, bundle, scale) for code in (_LOAD, _BARE_LOAD))
    return Row(
        "open a bundle: hashes, session, first runs",
        f"{own:.0f} ms",
        f"bare onnxruntime session: {bare:.0f} ms",
        f"{own / bare:.1f}×",
        f"≤{_AIM_LOAD_MS:.0f} ms",
        own <= _AIM_LOAD_MS,
    )


def _memory(bundle: Path) -> Row:
    own, bare = (float(_output(code + _RESIDENT, bundle)) / 1000 for code in (_HOST, _BARE_HOST))
    return Row(
        "kernel host, resident",
        f"{own:.0f} MB",
        f"onnxruntime with the same model: {bare:.0f} MB",
        f"{own / bare:.2f}×",
        f"≤{_AIM_MEGABYTES:.0f} MB",
        own <= _AIM_MEGABYTES,
    )


def _import(scale: Scale) -> Row:
    own, bare = (
        _median_ms(_IMPORT.format(module=module), Path(), scale)
        for module in ("planner.inference", "onnxruntime")
    )
    return Row(
        "import planner.inference",
        f"{own:.0f} ms",
        f"import onnxruntime: {bare:.0f} ms",
        f"{own / bare:.2f}×",
    )


def _size(bundle: Path) -> Row:
    model, whole = (
        (bundle / "model.onnx").stat().st_size,
        sum(file.stat().st_size for file in bundle.iterdir()),
    )
    return Row(
        "size of a bundle",
        f"{whole / 1e6:.1f} MB, the model {model / 1e6:.1f} MB",
        f"its weights as float32: {_weights() / 1e6:.1f} MB",
        f"{model / _weights():.2f}×",
        "model <10 MB",
        model < 10e6,
    )


def _weights() -> int:
    """Bytes of the parameters of the network: a row more than features, three layers, their norms, 17 logits."""
    from planner.training.networks.network import build

    return sum(4 * parameter.numel() for parameter in build("mlp").parameters())


def _median_ms(code: str, bundle: Path, scale: Scale) -> float:
    return (
        statistics.median(float(_output(code, bundle)) for _ in range(scale.fixed_cost_runs // 2 + 1)) * 1000
    )


def _output(code: str, bundle: Path) -> str:
    command = [sys.executable, "-c", code, str(bundle)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

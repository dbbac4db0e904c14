"""What the gateway costs: one call through a door and without one, and many candidates at once."""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp

from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from workers.gateway.door import DoorSpec
from workers.gateway.gateway import Gateway
from workers.gateway.scripted.scenarios import lab_key

_BODY_BYTES = 100_000
_CANDIDATES = 64
_KEY = lab_key("success", "benchmark")
_MODEL = "claude-sonnet-4-5"


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Calls with a request of 100 kB and a streamed answer, from a client process to a model server on loopback."""
    calls = 20 * scale.fixed_cost_runs
    with (
        tempfile.TemporaryDirectory(prefix="bench-gateway-") as name,
        _model_server() as url,
        Gateway({"ANTHROPIC_API_KEY": _KEY}, Path(name) / "limits") as gateway,
        ExitStack() as doors,
    ):
        targets = []
        for number in range(_CANDIDATES):
            spec = DoorSpec(
                f"c{number}",
                10**12,
                {"anthropic": url},
                transcript=Path(name) / f"{number}.jsonl",
            )
            door = doors.enter_context(gateway.open_door(spec, tcp=True))
            targets.append((f"http://127.0.0.1:{door.port}/anthropic", door.open.token))
        yield _one_at_a_time([(url, _KEY), targets[0]], calls)
        yield _together(targets, max(2, calls // 16))


def _one_at_a_time(targets: list[tuple[str, str]], calls: int) -> Row:
    direct, through = (statistics.median(times) * 1000 for times in _measured(targets, calls, together=False))
    return Row(
        "gateway: a call, 100 kB",
        f"{through:.1f} ms",
        f"without it {direct:.1f} ms; it adds {through - direct:.1f} ms (p50 of {calls})",
        f"{through / direct:.2f}×",
    )


def _together(targets: list[tuple[str, str]], calls: int) -> Row:
    times = _measured(targets, calls, together=True)
    means = sorted(statistics.mean(each) for each in times)
    flat = sorted(value for each in times for value in each)
    return Row(
        f"gateway: {len(targets)} candidates at once",
        f"{len(flat) / max(sum(each) for each in times):.0f} calls/s",
        f"p50 {flat[len(flat) // 2] * 1000:.0f} ms, p99 {flat[len(flat) * 99 // 100] * 1000:.0f} ms a call",
        f"slowest candidate {means[-1] / means[0]:.2f}× the fastest",
    )


def _measured(targets: list[tuple[str, str]], calls: int, *, together: bool) -> list[list[float]]:
    """Seconds of each call, by target, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gateway", str(calls), "together" if together else "in-turns"],
        input=json.dumps(targets),
        capture_output=True,
        text=True,
        check=True,
    )
    times: list[list[float]] = json.loads(done.stdout)
    return times


@contextmanager
def _model_server() -> Iterator[str]:
    """The scripted model server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.gateway.scripted", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield next(word for word in line.split() if word.startswith("http://")).rstrip(".,")
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def _client(targets: list[tuple[str, str]], calls: int, *, together: bool) -> list[list[float]]:
    messages = [{"role": "user", "content": "x" * (_BODY_BYTES - 500)}]
    tools = [{"name": "Bash", "input_schema": {"type": "object", "properties": {}}}]
    body = {"model": _MODEL, "max_tokens": 500, "stream": True, "messages": messages, "tools": tools}
    data = json.dumps(body).encode()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(target: tuple[str, str]) -> float:
            begun = time.perf_counter()
            headers = {"x-api-key": target[1], "content-type": "application/json"}
            async with session.post(f"{target[0]}/v1/messages", data=data, headers=headers) as response:
                await response.read()
                assert response.status == 200
            return time.perf_counter() - begun

        async def several(target: tuple[str, str]) -> list[float]:
            return [await one(target) for _ in range(calls)]

        if together:
            return list(await asyncio.gather(*map(several, targets)))
        for target in targets:  # connections and caches of both are warm
            await one(target)
        turns = [[await one(target) for target in targets] for _ in range(calls)]
        return [list(times) for times in zip(*turns, strict=True)]


if __name__ == "__main__":
    print(
        json.dumps(
            asyncio.run(_client(json.load(sys.stdin), int(sys.argv[1]), together=sys.argv[2] == "together"))
        )
    )

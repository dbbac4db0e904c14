"""Whatever a program leaves behind, `report` and `spent` return, with values that can be stored."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.toolchains.tests_toolchains_support import ref_of
from tests.fixtures.round_contexts import round_context
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain, known_toolchains

DATA = Path(__file__).resolve().parents[2] / "data"
LEFT_BEHIND = {
    "command": ("result.json",),
    "repair": ("result.json",),
    "claude": ("stdout",),
    "codex": ("stdout", "codex/sessions/2026/11/21/rollout-1.jsonl"),
    "opencode": ("stdout",),
    "aider": ("aider-events.jsonl", "stdout"),
    "mini-swe-agent": ("trajectory.json", "stdout"),
    "acp": ("stdout",),
    "pi": ("stdout",),
    "gemini": ("stdout",),
    "qwen": ("stdout",),
    "copilot": ("stdout", "copilot-spans.jsonl"),
}
SAMPLES = {
    "command": "toolchains/command-*",
    "repair": "toolchains/command-*",
    "claude": "toolchains/claude-*",
    "codex": "toolchains/codex-*",
    "opencode": "toolchains/opencode-*",
    "aider": "toolchains/aider-*",
    "mini-swe-agent": "toolchains/mini-*",
    "acp": "toolchains/acp-*",
    "pi": "recorded/pi/*.jsonl",
    "gemini": "recorded/gemini/*.jsonl",
    "qwen": "recorded/qwen/*.jsonl",
    "copilot": "recorded/copilot/*.jsonl",
}
ENDINGS = st.sampled_from(["exit", "result", "budget", "silence", "cap", "cancel"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def samples(name: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(DATA.glob(SAMPLES[name]))]
    assert found
    return found


def context_in(root: Path, name: str) -> RoundContext:
    return round_context(root, ref_of(name), budget_seconds=1.0)


def storable(report: Report) -> None:
    message = report.message.encode("utf-8")
    assert b"\0" not in message
    assert b"\n" not in message
    assert len(report.message) <= 400
    assert (report.error_class is not None) == (report.status == "error")
    for number in (report.micro_usd, report.priced_micro_usd, report.tokens_in, report.tokens_out):
        assert number is None or 0 <= number < 2**62


def survives(name: str, left: bytes, stderr: bytes, ended_by: Any, code: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context = context_in(Path(folder), name)
        for relative in LEFT_BEHIND[name]:
            path = context.out / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(left)
        (context.out / "stderr").write_bytes(stderr)
        stdout = context.out / "stdout"
        toolchain = get_toolchain(name)
        spent = toolchain.spent(context, stdout)
        assert spent is None or 0 <= spent < 2**62
        assert toolchain.result_count(context, stdout) in (None, *range(10_000))
        finished = Finished(code if ended_by == "exit" else None, stdout, context.out / "stderr", ended_by, 1)
        storable(toolchain.report(context, finished))


FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", known_toolchains())
@FEW
@given(
    left=st.binary(max_size=400), stderr=st.binary(max_size=100), ended_by=ENDINGS, code=st.integers(0, 255)
)
def test_any_bytes(name: str, left: bytes, stderr: bytes, ended_by: str, code: int) -> None:
    survives(name, left, stderr, ended_by, code)


@pytest.mark.parametrize("name", known_toolchains())
@FEW
@given(data=st.data(), ended_by=ENDINGS, code=st.integers(0, 2))
def test_a_recording_cut_off_anywhere_with_bytes_flipped(
    name: str, data: st.DataObject, ended_by: str, code: int
) -> None:
    left = bytearray(data.draw(st.sampled_from(samples(name))))
    del left[data.draw(st.integers(0, len(left))) :]
    for place in data.draw(st.lists(st.integers(0, max(len(left) - 1, 0)), max_size=3)):
        if left:
            left[place] = data.draw(st.integers(0, 255))
    survives(name, bytes(left), b"", ended_by, code)


def swapped(value: Any, data: st.DataObject) -> Any:
    """The same document with some of its values replaced by any JSON."""
    if data.draw(st.integers(0, 9)) == 0:
        return data.draw(JSON)
    if isinstance(value, dict):
        return {key: swapped(inner, data) for key, inner in value.items()}
    return [swapped(inner, data) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", known_toolchains())
@FEW
@given(data=st.data(), ended_by=ENDINGS)
def test_a_recording_with_values_of_the_wrong_kind(name: str, data: st.DataObject, ended_by: str) -> None:
    sample = data.draw(st.sampled_from(samples(name)))
    lines = []
    for line in [sample] if name == "mini-swe-agent" else sample.splitlines():
        try:
            lines.append(json.dumps(swapped(json.loads(line), data)).encode())
        except ValueError:
            lines.append(line)
    survives(name, b"\n".join(lines), b"", ended_by, 0)


@pytest.mark.parametrize("name", known_toolchains())
def test_pipes_links_and_folders_in_place_of_files_are_passed_over(name: str, tmp_path: Path) -> None:

    context = context_in(tmp_path, name)
    secret = tmp_path / "secret"
    secret.write_text('{"status": "success", "cost_usd": 3, "message": "leaked"}')
    makers = {
        "pipe": os.mkfifo,
        "link": lambda path: Path(path).symlink_to(secret),
        "folder": lambda path: Path(path).mkdir(),
    }
    for make in makers.values():
        path = context.out / LEFT_BEHIND[name][0]
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
        toolchain = get_toolchain(name)
        stdout = context.out / "stdout"
        finished = Finished(1, stdout, context.out / "stderr", "exit", 1)
        report = toolchain.report(context, finished)
        assert "leaked" not in report.message
        assert toolchain.spent(context, stdout) in (None, 0)

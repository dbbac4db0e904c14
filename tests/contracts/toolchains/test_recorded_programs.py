"""What the adapters of pi, gemini, qwen and copilot make of recorded sessions, compared with what was served.

A recording is `NAME.jsonl`, its exit code in `.exit`, what the model server answered in `.served.json`, and, for
copilot, its OpenTelemetry file in `.spans.jsonl`.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

RECORDED = Path(__file__).resolve().parents[2] / "data" / "recorded"
MODELS = {
    "pi": "anthropic/claude-sonnet-4-5",
    "gemini": "gemini-2.5-pro",
    "qwen": "qwen3-coder-plus",
    "copilot": "anthropic/claude-sonnet-4-5",
}
RECORDINGS = [
    (program, path.name.removesuffix(".jsonl"))
    for program in MODELS
    for path in sorted((RECORDED / program).glob("*.jsonl"))
    if not path.name.endswith(".spans.jsonl")
]
ENDINGS = {
    "fix": ("success", None, None),
    "e401": ("error", "provider", None),
    "e402": ("error", "provider", None),
    # The program is silent while it waits; it was killed at a time limit.
    "e429": ("partial", None, None),
    "refusal": ("failed", None, "refused"),
    "empty": ("failed", None, None),
    "maxtok": ("failed", None, None),
    "overflow1": ("failed", None, "context_overflow"),
    "errevx1": ("error", "provider", None),
    "truncx1": ("success", None, None),
    "nousage": ("success", None, None),
    "loop": ("partial", None, None),
}
"""Status, error class and fail code by situation."""
ENDINGS_OF_ONE = {
    ("pi", "errevx1"): ("success", None, None),  # it called again
    # It asks for the rest of a cut answer until it gives up, and reports that as a success.
    ("qwen", "maxtok"): ("success", None, None),
}
PARTS = {
    ("pi", "errevx1"),
    ("pi", "nousage"),
    ("pi", "overflow1"),  # it tried to shorten the conversation, by a call without an event
    ("gemini", "e429"),
    ("gemini", "loop"),  # the sum of the calls is longer than the base tier
    ("qwen", "maxtok"),
    ("qwen", "empty"),
    ("qwen", "overflow1"),
    ("copilot", "truncx1"),
}
"""Recordings in which a call may have been charged that the program does not count."""
MakeContext = Callable[..., RoundContext]


@dataclass
class Served:
    """What a model server answered in one session."""

    micro_usd: float | None
    tokens_in: int
    tokens_out: int
    has_usage: bool

    @classmethod
    def of(cls, calls: list[dict[str, Any]]) -> "Served":
        answered = [call for call in calls if "usage" in call]
        usages = [call["usage"] for call in answered if call["usage"] is not None]
        prices = [call.get("micro") for call in answered]
        return cls(
            sum(prices) if None not in prices else None,
            sum(each["input"] + each["cached"] + each["write"] for each in usages),
            sum(each["out"] for each in usages),
            len(usages) == len(answered),
        )


@pytest.fixture
def replay(make_context: MakeContext) -> Callable[[str, str], tuple[Report, Served, int | None]]:
    """The report on a recording, what was served, and what the adapter saw as spent at the end."""

    def make(program: str, name: str) -> tuple[Report, Served, int | None]:
        context = make_context(ToolchainRef(name=program, model=MODELS[program]))
        source, stdout = RECORDED / program / f"{name}.jsonl", context.out / "stdout"
        shutil.copy(source, stdout)
        if (spans := source.with_name(f"{source.name}.spans.jsonl")).exists():
            shutil.copy(spans, context.out / "copilot-spans.jsonl")
        ending = source.with_name(f"{source.name}.exit").read_text().strip()
        code = int(ending) if ending.isdigit() else None
        calls = json.loads(source.with_name(f"{source.name}.served.json").read_text())
        toolchain = get_toolchain(program)
        finished = Finished(code, stdout, context.out / "stderr", "exit" if code is not None else "budget", 1)
        return toolchain.report(context, finished), Served.of(calls), toolchain.spent(context, stdout)

    return make


Replay = Callable[[str, str], tuple[Report, Served, int | None]]


@pytest.mark.parametrize(("program", "name"), RECORDINGS)
def test_money_is_what_was_served_or_is_marked(program: str, name: str, replay: Replay) -> None:
    report, served, spent = replay(program, name)
    money = report.micro_usd if report.micro_usd is not None else report.priced_micro_usd
    assert report.is_lower_bound == ((program, name) in PARTS)
    assert money != 0 or served.micro_usd == 0
    assert spent == money
    if money is None or served.micro_usd is None:
        return
    assert money <= served.micro_usd if report.is_lower_bound else money == served.micro_usd


@pytest.mark.parametrize(("program", "name"), RECORDINGS)
def test_tokens_are_what_was_served_or_are_marked(program: str, name: str, replay: Replay) -> None:
    report, served, _ = replay(program, name)
    if report.is_lower_bound:
        assert (report.tokens_in or 0) <= served.tokens_in
        assert (report.tokens_out or 0) <= served.tokens_out
    elif served.tokens_in and (program, name) != ("qwen", "errevx1"):
        assert (report.tokens_in, report.tokens_out) == (served.tokens_in, served.tokens_out)
    else:
        assert not report.tokens_in


@pytest.mark.parametrize(("program", "name"), [each for each in RECORDINGS if each[1] in ("fix", "refusal")])
def test_a_whole_session_is_known_exactly(program: str, name: str, replay: Replay) -> None:
    report, served, _ = replay(program, name)
    assert not report.is_lower_bound
    assert report.tokens_in == served.tokens_in > 0
    if served.micro_usd is not None:
        assert report.priced_micro_usd == served.micro_usd > 0


def test_an_answer_without_usage_is_unknown_and_not_free(replay: Replay) -> None:
    report, served, _ = replay("pi", "nousage")
    assert not served.has_usage
    assert (report.micro_usd, report.priced_micro_usd, report.tokens_in) == (None, None, None)


@pytest.mark.parametrize(("program", "name"), RECORDINGS)
def test_a_session_ends_as_it_did(program: str, name: str, replay: Replay) -> None:
    report, _, _ = replay(program, name)
    expected = ENDINGS_OF_ONE.get((program, name), ENDINGS[name])
    assert (report.status, report.error_class, report.fail_code) == expected, report
    assert report.message


@pytest.mark.parametrize("program", MODELS)
def test_a_recorded_result_is_counted_once(program: str, make_context: MakeContext) -> None:
    context = make_context(ToolchainRef(name=program, model=MODELS[program]))
    stdout = context.out / "stdout"
    lines = (RECORDED / program / "fix.jsonl").read_bytes().splitlines(keepends=True)
    stdout.write_bytes(b"".join(lines[:-1]))
    assert get_toolchain(program).result_count(context, stdout) is None
    stdout.write_bytes(b"".join(lines))
    assert get_toolchain(program).result_count(context, stdout) == 1

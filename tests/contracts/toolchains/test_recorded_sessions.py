"""What each adapter makes of real sessions: the money is what was served, or is marked as less or unknown."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

RECORDED = Path(__file__).resolve().parents[2] / "data" / "recorded"
MODELS = {
    "claude": "claude-sonnet-4-5",
    "codex": "gpt-5.2-codex",
    "opencode": "anthropic/claude-sonnet-4-5",
    "aider": "openai/gpt-5-mini",
}
SESSIONS = {
    (program, name): facts
    for program in MODELS
    for name, facts in json.loads((RECORDED / program / "served.json").read_text()).items()
}
TITLE_MICRO_USD = 150
"""opencode was recorded without `--title`: it then asks for one, in a call that its stream does not tell."""
TOLD_NOWHERE = {("aider", "error-event-once.txt"), ("aider", "truncated-stream-once.txt")}
"""The first answer broke off and was asked for again inside of a library, without a word."""

FAIL_CODES = {
    ("claude", "refusal.jsonl"): "refused",
    ("codex", "refusal.jsonl"): "refused",
    ("opencode", "refusal.jsonl"): "refused",
    ("claude", "context-overflow-after-one-call.jsonl"): "context_overflow",
    ("codex", "context-overflow-after-one-call.jsonl"): "context_overflow",
    ("opencode", "context-overflow-after-one-call.jsonl"): "context_overflow",
}
PROVIDERS_FAULT = ("401", "402", "404", "529", "quota")
MakeContext = Callable[..., RoundContext]


def report_of(context: RoundContext, program: str, name: str, exit_code: int | None) -> Report:
    shutil.copy(RECORDED / program / name, context.out / "stdout")
    events = RECORDED / program / f"{name}.events.jsonl"
    if events.exists():
        shutil.copy(events, context.out / "aider-events.jsonl")
    toolchain, stdout = get_toolchain(program), context.out / "stdout"
    ended_by: Any = "exit"
    if exit_code is None:
        ended_by = "budget" if toolchain.result_count(context, stdout) is None else "result"
    return toolchain.report(context, Finished(exit_code, stdout, context.out / "stderr", ended_by, 1))


@pytest.fixture
def report(make_context: MakeContext) -> Callable[[str, str], Report]:
    def make(program: str, name: str) -> Report:
        context = make_context(ToolchainRef(name=program, model=MODELS[program]))
        return report_of(context, program, name, SESSIONS[program, name]["exit_code"])

    return make


@pytest.mark.parametrize(("program", "name"), SESSIONS)
def test_money_is_what_was_served_or_is_marked(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    made, served = report(program, name), SESSIONS[program, name]["served_micro_usd"]
    money = made.micro_usd if made.micro_usd is not None else made.priced_micro_usd
    if made.is_lower_bound or (program, name) in TOLD_NOWHERE:
        assert (money or 0) <= served
    elif money is not None:
        assert money == served - (TITLE_MICRO_USD if program == "opencode" else 0)


@pytest.mark.parametrize(("program", "name"), [key for key in SESSIONS if "usage-told" in key[1]])
def test_an_answer_without_usage_is_unknown_and_not_free(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    made = report(program, name)
    assert (made.micro_usd, made.priced_micro_usd) == (None, None)


PARTS = [
    key for key in SESSIONS if key[1].startswith(("truncated", "sub-agent", "error-event", "killed-mid"))
]


@pytest.mark.parametrize(("program", "name"), [key for key in PARTS if key[0] != "aider"])
def test_a_part_of_the_cost_is_marked_as_one(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    counts_sub_agents = (program, name) == ("claude", "sub-agent.jsonl")
    assert report(program, name).is_lower_bound == (not counts_sub_agents)


@pytest.mark.parametrize(("program", "name"), SESSIONS)
def test_a_session_ends_as_it_did(program: str, name: str, report: Callable[[str, str], Report]) -> None:
    made = report(program, name)
    assert made.fail_code == FAIL_CODES.get((program, name))
    if name.startswith("success"):
        assert made.status == "success"
    if made.fail_code is not None:
        # Killed at its limit while it asked again and again, it is a timeout.
        assert made.status in ("failed", "partial")
    if name.startswith(PROVIDERS_FAULT) and "after-one-call" not in name:
        silent = (program, name) == ("opencode", "529-killed-while-retrying.jsonl")
        assert made.error_class == (None if silent else "provider")


def test_a_program_that_lingered_after_its_last_word_is_judged(report: Callable[[str, str], Report]) -> None:
    made = report("aider", "killed-mid-loop.txt")
    assert (made.status, made.micro_usd, made.is_lower_bound) == ("success", 33_000, False)

"""What each adapter makes of its program's output, format by format."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts.toolchains.tests_toolchains_support import ref_of
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

RECORDED = Path(__file__).resolve().parents[2] / "data" / "toolchains"

# file, exit code -> status, error class, reported, priced, tokens in, tokens out, a word of the message
CASES = {
    ("claude-success.jsonl", 0): ("success", None, 73_457, None, 97_124, 1410, "off-by-one"),
    ("claude-rate-limit.jsonl", 0): ("error", "provider", 37_000, None, 97_124, 1410, "429"),
    ("claude-1-0-limit.jsonl", 0): ("error", "provider", 0, None, 0, 0, "usage limit"),
    ("claude-access-lost.jsonl", 1): ("error", "provider", 3_250_000, None, 97_124, 1410, "disabled"),
    ("claude-max-turns.jsonl", 0): ("partial", None, 73_457, None, 97_124, 1410, "--max-turns"),
    ("claude-budget.jsonl", 1): ("error", "killed_by_cap", 520_000, None, 97_124, 1410, "--max-budget"),
    ("claude-too-long.jsonl", 1): ("failed", None, 73_457, None, 97_124, 1410, "too long"),
    # 10 x 3 + 9,000 x 0.3 + 9,100 x 3.75 + 542 x 15
    ("claude-killed.jsonl", 0): ("error", "provider", None, 44_985, 18_110, 542, "no result"),
    ("claude-killed-unknown-model.jsonl", 0): ("error", "provider", None, None, 18_110, 542, "no result"),
    ("claude-denied.jsonl", 0): ("partial", None, 73_457, None, 97_124, 1410, "Bash, Write"),
    ("claude-talks-of-limits.jsonl", 0): ("success", None, 73_457, None, 97_124, 1410, "rate limit"),
    ("codex-success.jsonl", 0): ("success", None, None, 14_170, 24_763, 622, "off-by-one"),
    ("codex-success.jsonl", 1): ("failed", None, None, 14_170, 24_763, 622, "exit code 1"),
    ("codex-two-turns.jsonl", 0): ("success", None, None, 14_170, 24_763, 622, ""),
    ("codex-reconnects.jsonl", 0): ("success", None, None, 14_170, 24_763, 622, ""),
    ("codex-limit.jsonl", 1): ("error", "provider", None, None, None, None, "usage limit"),
    ("codex-window.jsonl", 1): ("failed", None, None, None, None, None, "context window"),
    ("codex-empty-turn.jsonl", 0): ("failed", None, None, None, 0, 0, "no answer"),
    ("codex-cut-off.jsonl", 0): ("error", "provider", None, None, None, None, "did not complete"),
    ("opencode-success.jsonl", 0): ("success", None, 8_115, None, 22_587, 239, "comparison"),
    ("opencode-error.jsonl", 0): ("error", "provider", 7_015, None, 11_087, 145, "529 Overloaded"),
    ("opencode-error-then-stop.jsonl", 0): ("error", "provider", 8_015, None, 22_174, 290, "529"),
    ("opencode-auth.jsonl", 0): ("error", "provider", None, None, None, None, "ProviderAuthError"),
    ("opencode-window.jsonl", 0): ("failed", None, 20_000, None, 190_000, 10, "ContextOverflow"),
    ("opencode-v2-recovered.jsonl", 1): ("success", None, 1_100, None, 200, 30, "comparison"),
    ("opencode-empty.jsonl", 0): ("failed", None, 7_015, None, 11_087, 145, "no answer"),
    ("opencode-price-unknown.jsonl", 0): ("success", None, None, 350, 200, 30, ""),
    # $0.50 told for one step, and 1 token in and out at 1 and 5 for the other
    ("opencode-one-step-without-cost.jsonl", 0): ("success", None, None, 500_006, 201, 31, ""),
    ("aider-events.jsonl", 0): ("success", None, 21_300, None, 5600, 300, ""),
    ("aider-events-refused-later.jsonl", 0): ("failed", None, 10_050, None, 2300, 210, "no answer"),
    ("aider-events-price-unknown.jsonl", 0): ("success", None, None, 3_350, 2300, 210, ""),
    ("aider-events-exception.jsonl", 0): ("error", "provider", None, None, None, None, "refused"),
    ("aider-words.txt", 0): ("success", None, 50_000, None, 13_500, 1160, ""),
    ("aider-words-limit.txt", 0): ("error", "provider", None, None, None, None, "rate limited"),
    ("aider-words-no-price.txt", 0): ("success", None, None, 3_500, 2000, 300, ""),
    ("mini-submitted.json", 0): ("success", None, 210_000, None, 11_000, 150, "submitted"),
    ("mini-money-limit.json", 0): ("error", "killed_by_cap", 930_000, None, 5000, 100, "--cost-limit"),
    ("mini-step-limit.json", 0): ("partial", None, 130_000, None, 5000, 100, "step limit"),
    ("mini-rate-limit.json", 1): ("error", "provider", 100_000, None, 5000, 100, "RateLimitError"),
    ("mini-window.json", 1): ("failed", None, 100_000, None, 5000, 100, "too long"),
    ("mini-format.json", 0): ("failed", None, 300_000, None, None, None, "format"),
    ("mini-running.json", 0): ("failed", None, 110_000, None, 5000, 100, "without an exit status"),
    ("mini-price-unknown.json", 0): ("success", None, None, 1_900, 5000, 100, ""),
    ("mini-price-and-tokens-unknown.json", 0): ("success", None, None, None, None, None, ""),
    ("mini-refused-at-once.json", 1): ("error", "provider", 0, None, None, None, "RateLimitError"),
    ("acp-success.jsonl", 0): ("success", None, None, None, None, None, "ended its turn"),
    ("acp-refusal.jsonl", 0): ("failed", None, None, None, None, None, "refused"),
    ("acp-rate-limit.jsonl", 1): ("error", "provider", None, None, None, None, "429"),
    ("acp-empty.jsonl", 0): ("failed", None, None, None, None, None, "empty"),
    ("acp-turns.jsonl", 0): ("partial", None, None, None, None, None, "turn limit"),
    ("acp-cut-off.jsonl", 0): ("failed", None, None, None, None, None, "output limit"),
    ("command-full.json", 0): ("success", None, 250_000, None, 1200, 80, "done"),
    ("command-full.json", 2): ("failed", None, 250_000, None, 1200, 80, "exit code 2"),
    ("command-partial.json", 0): ("partial", None, 250_000, None, None, None, ""),
}
LOWER_BOUNDS = {
    "claude-killed.jsonl",
    "claude-killed-unknown-model.jsonl",
    "codex-cut-off.jsonl",
    "codex-reconnects.jsonl",
    "opencode-empty.jsonl",
    "opencode-v2-recovered.jsonl",
}
"""Files that tell a part of the cost: no end, or a stream that broke."""
FAIL_CODES = {
    "claude-too-long.jsonl": "context_overflow",
    "codex-window.jsonl": "context_overflow",
    "opencode-window.jsonl": "context_overflow",
    "mini-window.json": "context_overflow",
    "acp-refusal.jsonl": "refused",
}
NAMES = {"mini": "mini-swe-agent"}
LEFT_AT = {"aider-events": "aider-events.jsonl", "mini": "trajectory.json", "command": "result.json"}


def report_of(context: RoundContext, file: str, code: int) -> Report:
    kind = file.split("-", 1)[0]
    where = next((path for prefix, path in LEFT_AT.items() if file.startswith(prefix)), "stdout")
    shutil.copy(RECORDED / file, context.out / where)
    finished = Finished(code, context.out / "stdout", context.out / "stderr", "exit", 1)
    return get_toolchain(NAMES.get(kind, kind)).report(context, finished)


@pytest.mark.parametrize(("file", "code"), CASES, ids=lambda value: str(value))
def test_recorded_output_is_understood(
    file: str, code: int, make_context: Callable[..., RoundContext]
) -> None:
    kind = file.split("-", 1)[0]
    report = report_of(make_context(ref_of(NAMES.get(kind, kind)), max_micro_usd=1_000_000), file, code)
    *expected, word = CASES[file, code]
    assert [
        report.status,
        report.error_class,
        report.micro_usd,
        report.priced_micro_usd,
        report.tokens_in,
        report.tokens_out,
    ] == expected, report
    assert word in report.message
    assert report.is_lower_bound == (file in LOWER_BOUNDS)
    assert report.fail_code == FAIL_CODES.get(file)


def test_every_recording_is_used() -> None:
    used = {file for file, _ in CASES}
    assert {path.name for path in RECORDED.iterdir()} - {"README.md"} == used

"""What the adapters of claude, codex and opencode make of every recording: status, class, code, money and tokens."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import pytest

from tests.contracts.toolchains.tests_toolchains_support import (
    RECORDED,
    Served,
    recorded_report,
    recordings,
)
from workers.sandbox.process import EndedBy
from workers.spec import ToolchainRef
from workers.toolchains.base import Report, ReportStatus, RoundContext

MODELS = {
    "claude": "claude-sonnet-4-5",
    "codex": "gpt-5.2-codex",
    "opencode": "anthropic/claude-sonnet-4-5",
}
TITLE = Served(0, 150, 90, 12)
"""opencode was recorded without `--title` but for `log-`: it then requests one, in a call without events."""


class Outcome(NamedTuple):
    """What a report has to be."""

    status: ReportStatus
    money: Literal["exact", "part", "unknown"]
    """`exact`: what was served, tokens included; `part`: a lower bound; `unknown`: no figure."""
    blame: Literal["provider", "refused", "context_overflow"] | None = None
    """The error class, or the code of a failure that is the candidate's own."""


PROVIDER_UNKNOWN = Outcome("error", "unknown", "provider")
PROVIDER_EXACT = Outcome("error", "exact", "provider")
SUCCESS = Outcome("success", "exact")
SUCCESS_PART = Outcome("success", "part")
SUCCESS_UNKNOWN = Outcome("success", "unknown")
REFUSED = Outcome("failed", "exact", "refused")
OVERFLOW = Outcome("failed", "exact", "context_overflow")
FAILED = Outcome("failed", "exact")
STOPPED = Outcome("partial", "part")
ALWAYS = {
    "429-twice-then-success": SUCCESS,
    "empty-answer": FAILED,
    "error-event-once": SUCCESS_PART,
    "no-usage-told": SUCCESS_UNKNOWN,
    "refusal": REFUSED,
    "says-done-changes-nothing": SUCCESS,
    "success": SUCCESS,
    "truncated-stream-once": SUCCESS_PART,
    "401-killed-while-retrying": PROVIDER_UNKNOWN,
}
OUTCOMES = {
    "claude": ALWAYS
    | {
        "402": PROVIDER_EXACT,
        "402-after-one-call": PROVIDER_EXACT,
        "404-model": PROVIDER_EXACT,
        "529-killed-while-retrying": PROVIDER_UNKNOWN,
        "context-overflow-after-one-call": OVERFLOW,
        "cut-off-at-output-limit": FAILED,
        "killed-mid-loop": STOPPED,
        "quota": PROVIDER_EXACT,
        "streamed-529": PROVIDER_EXACT,
        "streamed-error-event-once": SUCCESS_PART,
        "streamed-killed-mid-loop": STOPPED,
        "streamed-no-usage-told": SUCCESS_UNKNOWN,
        "streamed-reset-once": SUCCESS_PART,
        "streamed-stalled": Outcome("error", "part", "provider"),
        "streamed-sub-agent": SUCCESS,
        "streamed-success": SUCCESS,
        "streamed-truncated-once": SUCCESS_PART,
        "sub-agent": SUCCESS,
        # It then requests answers without streaming, which arrive.
        "truncated-stream-always": SUCCESS_PART,
    },
    "codex": ALWAYS
    | {
        "402": PROVIDER_UNKNOWN,
        "402-after-one-call": PROVIDER_UNKNOWN,
        "404-model": PROVIDER_UNKNOWN,
        "529-killed-while-retrying": PROVIDER_UNKNOWN,
        "context-overflow-after-one-call": Outcome("failed", "unknown", "context_overflow"),
        "cut-off-at-output-limit": Outcome("failed", "unknown"),
        "killed-mid-loop": Outcome("partial", "unknown"),
        "quota": PROVIDER_UNKNOWN,
        "sessions-402-after-one-call": PROVIDER_EXACT,
        "sessions-context-overflow-after-one-call": OVERFLOW,
        "sessions-forked-sub-agent": SUCCESS,
        "sessions-killed-mid-loop": STOPPED,
        "sessions-reset-once": SUCCESS_PART,
        "sessions-sub-agent": SUCCESS,
        "sessions-sub-agent-truncated-once": SUCCESS_PART,
        "sessions-unreachable": PROVIDER_UNKNOWN,
        # Recorded without the session of the sub-agent.
        "sub-agent": SUCCESS_PART,
        "truncated-stream-always": PROVIDER_UNKNOWN,
    },
    "opencode": ALWAYS
    | {
        "402": PROVIDER_UNKNOWN,
        "402-after-one-call": PROVIDER_EXACT,
        "404-model": PROVIDER_UNKNOWN,
        # Recorded without its log, the only place where it mentions what it retries.
        "529-killed-while-retrying": Outcome("partial", "unknown"),
        "context-overflow-after-one-call": Outcome("failed", "part", "context_overflow"),
        "cut-off-at-output-limit": FAILED,
        "killed-mid-loop": STOPPED,
        "log-529-killed-while-retrying": PROVIDER_UNKNOWN,
        "log-success": SUCCESS,
        "quota": PROVIDER_UNKNOWN,
        "sub-agent": SUCCESS_PART,
        "truncated-stream-always": PROVIDER_UNKNOWN,
    },
}
ENDED_BY: dict[str, EndedBy] = {"streamed-stalled": "silence"}
CASES = [(program, name) for program, outcomes in OUTCOMES.items() for name in outcomes]


@pytest.fixture
def report(make_context: Callable[..., RoundContext]) -> Callable[[str, str], Report]:
    def make(program: str, name: str) -> Report:
        context = make_context(ToolchainRef(name=program, model=MODELS[program]))
        served = recordings(program)[f"{name}.jsonl"]
        ended_by = ENDED_BY.get(name, "budget")
        return recorded_report(context, program, f"{name}.jsonl", served.exit_code, ended_by)

    return make


def money_of(made: Report) -> int | None:
    return made.micro_usd if made.micro_usd is not None else made.priced_micro_usd


@pytest.mark.parametrize(("program", "name"), CASES)
def test_status_class_and_code_are_those_of_the_situation(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    made, expected = report(program, name), OUTCOMES[program][name]
    assert (made.status, made.error_class or made.fail_code) == (expected.status, expected.blame), made


@pytest.mark.parametrize(("program", "name"), CASES)
def test_money_and_tokens_are_what_was_served_or_marked(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    made, served = report(program, name), recordings(program)[f"{name}.jsonl"]
    if program == "opencode" and not name.startswith("log-") and served.served_micro_usd:
        served = Served(
            served.exit_code,
            served.served_micro_usd - TITLE.served_micro_usd,
            served.tokens_in - TITLE.tokens_in,
            served.tokens_out - TITLE.tokens_out,
        )
    figures = (money_of(made), made.tokens_in, made.tokens_out)
    match OUTCOMES[program][name].money:
        case "exact":
            assert figures == (served.served_micro_usd, served.tokens_in, served.tokens_out)
            assert not made.is_lower_bound
        case "part":
            assert made.is_lower_bound
            assert 0 < (figures[0] or 0) <= served.served_micro_usd
            assert (made.tokens_in or 0) <= served.tokens_in
        case "unknown":
            assert figures == (None, None, None)


@pytest.mark.parametrize("program", OUTCOMES)
def test_every_recording_has_an_outcome(program: str) -> None:
    files = {path.name for path in (RECORDED / program).glob("*.jsonl")}
    assert files == {f"{name}.jsonl" for name in OUTCOMES[program]} == set(recordings(program))


@pytest.mark.parametrize(
    ("program", "name"),
    [("claude", "streamed-killed-mid-loop"), ("codex", "sessions-killed-mid-loop")],
)
def test_a_killed_program_has_told_every_ended_call(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    """Partial messages and records a call make the lower bound of a killed run tight."""
    assert money_of(report(program, name)) == recordings(program)[f"{name}.jsonl"].served_micro_usd

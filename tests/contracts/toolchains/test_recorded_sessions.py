"""What the adapter of aider makes of real sessions: the money is what was served, or is marked as less or unknown."""

from collections.abc import Callable

import pytest

from tests.contracts.toolchains.tests_toolchains_support import recorded_report, recordings
from workers.spec import ToolchainRef
from workers.toolchains.base import Report, RoundContext

MODELS = {"aider": "openai/gpt-5-mini"}
SESSIONS = {(program, name): facts for program in MODELS for name, facts in recordings(program).items()}
TOLD_NOWHERE = {("aider", "error-event-once.txt"), ("aider", "truncated-stream-once.txt")}
"""The first answer broke off and was asked for again inside of a library, without a word."""

PROVIDERS_FAULT = ("401", "402", "404", "529", "quota")
MakeContext = Callable[..., RoundContext]


@pytest.fixture
def report(make_context: MakeContext) -> Callable[[str, str], Report]:
    def make(program: str, name: str) -> Report:
        context = make_context(ToolchainRef(name=program, model=MODELS[program]))
        return recorded_report(context, program, name, SESSIONS[program, name].exit_code)

    return make


@pytest.mark.parametrize(("program", "name"), SESSIONS)
def test_money_is_what_was_served_or_is_marked(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    made, served = report(program, name), SESSIONS[program, name].served_micro_usd
    money = made.micro_usd if made.micro_usd is not None else made.priced_micro_usd
    if made.is_lower_bound or (program, name) in TOLD_NOWHERE:
        assert (money or 0) <= served
    elif money is not None:
        assert money == served


@pytest.mark.parametrize(("program", "name"), [key for key in SESSIONS if "usage-told" in key[1]])
def test_an_answer_without_usage_is_unknown_and_not_free(
    program: str, name: str, report: Callable[[str, str], Report]
) -> None:
    made = report(program, name)
    assert (made.micro_usd, made.priced_micro_usd) == (None, None)


@pytest.mark.parametrize(("program", "name"), SESSIONS)
def test_a_session_ends_as_it_did(program: str, name: str, report: Callable[[str, str], Report]) -> None:
    made = report(program, name)
    if name.startswith("success"):
        assert made.status == "success"
    if name.startswith(PROVIDERS_FAULT) and "after-one-call" not in name:
        assert made.error_class == "provider"


def test_a_program_that_lingered_after_its_last_word_is_judged(report: Callable[[str, str], Report]) -> None:
    made = report("aider", "killed-mid-loop.txt")
    assert (made.status, made.micro_usd, made.is_lower_bound) == ("success", 33_000, False)

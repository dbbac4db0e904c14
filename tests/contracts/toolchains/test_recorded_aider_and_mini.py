"""What the adapters of aider and mini-swe-agent make of real sessions, each recording with what a server served it.

`recorded` were started by hand, of mini without its trajectory; `as-started` are of the adapters' own command lines.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

RECORDED = Path(__file__).resolve().parents[2] / "data" / "recorded"
FOLDERS = {"recorded": RECORDED, "as-started": RECORDED / "as-started"}
EVENTS = {".events.jsonl": "aider-events.jsonl", ".trajectory.json": "trajectory.json"}
MakeContext = Callable[..., RoundContext]


class Session(NamedTuple):
    """One recording."""

    origin: str
    program: str
    name: str

    @property
    def path(self) -> Path:
        return FOLDERS[self.origin] / self.program / f"{self.name}.txt"

    @property
    def served(self) -> list[dict[str, Any]]:
        """The calls that the server answered with a model's answer, whole or in part."""
        calls = json.loads(Path(f"{self.path}.served.json").read_text())
        return [call for call in calls if "usage" in call]


SESSIONS = [
    Session(origin, program, path.name.removesuffix(".txt"))
    for origin, folder in FOLDERS.items()
    for program in ("aider", "mini-swe-agent")
    for path in sorted((folder / program).glob("*.txt"))
]
UNSEEN = {
    Session("recorded", "aider", "error-event-once"),
    Session("recorded", "aider", "truncated-stream-once"),
}
"""An HTTP client with retries of its own requested the broken answer again: nothing in the output shows it."""
PROVIDER = ("error", "provider", None)
SUCCESS = ("success", None, None)
FAILED = ("failed", None, None)
ENDINGS = {
    "success": SUCCESS,
    "429-twice-then-success": SUCCESS,
    "error-event-once": SUCCESS,
    "truncated-stream-once": SUCCESS,
    "says-done-changes-nothing": SUCCESS,
    "no-usage-told": SUCCESS,
    "401": PROVIDER,
    "401-killed-while-retrying": PROVIDER,
    "402": PROVIDER,
    "402-after-one-call": PROVIDER,
    "404-model": PROVIDER,
    "529": PROVIDER,
    "529-killed-while-retrying": PROVIDER,
    "quota": PROVIDER,
    "truncated-stream-always": PROVIDER,
    "cut-off-at-output-limit": FAILED,
    "empty-answer": FAILED,
    "refusal": ("failed", None, "refused"),
    "context-overflow": ("failed", None, "context_overflow"),
    "context-overflow-after-one-call": ("failed", None, "context_overflow"),
    "killed-mid-loop": ("partial", None, None),
}
"""By situation: status, error class, fail code."""
OTHER_ENDINGS = {
    # One answer was all that aider asked for.
    Session("recorded", "aider", "402-after-one-call"): SUCCESS,
    Session("recorded", "aider", "context-overflow-after-one-call"): SUCCESS,
    Session("recorded", "aider", "killed-mid-loop"): SUCCESS,
    # Printed like an empty answer.
    Session("recorded", "aider", "refusal"): FAILED,
    Session("recorded", "mini-swe-agent", "refusal"): FAILED,
    # mini wants a command in every answer.
    Session("recorded", "mini-swe-agent", "says-done-changes-nothing"): FAILED,
    # Without a cost it does not go on.
    Session("recorded", "mini-swe-agent", "no-usage-told"): PROVIDER,
    Session("as-started", "mini-swe-agent", "no-usage-told"): PROVIDER,
}


def report_of(context: RoundContext, session: Session, stopped_by: Any, *, kill: bool) -> Report:
    toolchain, stdout = get_toolchain(session.program), context.out / "stdout"
    shutil.copy(session.path, stdout)
    for suffix, name in (*EVENTS.items(), (".stderr", "stderr")):
        # Standard error last: a retry is the program's last word where it is newer than the trajectory.
        if Path(f"{session.path}{suffix}").exists():
            shutil.copy(f"{session.path}{suffix}", context.out / name)
    exit_text = Path(f"{session.path}.exit").read_text().strip()
    exit_code = int(exit_text) if exit_text.isdigit() and not kill else None
    ended_by: Any = stopped_by if kill else "exit"
    if exit_code is None and not kill:
        ended_by = stopped_by if toolchain.result_count(context, stdout) is None else "result"
    return toolchain.report(context, Finished(exit_code, stdout, context.out / "stderr", ended_by, 1))


@pytest.fixture
def report(make_context: MakeContext) -> Callable[..., Report]:
    def make(session: Session, stopped_by: str = "budget", *, kill: bool = False) -> Report:
        ref = ToolchainRef(name=session.program, model="openai/gpt-5-mini")
        return report_of(make_context(ref), session, stopped_by, kill=kill)

    return make


@pytest.mark.parametrize("session", SESSIONS, ids=str)
def test_money_and_tokens_are_what_was_served_or_are_marked(
    session: Session, report: Callable[..., Report]
) -> None:
    made, calls = report(session), session.served
    money = made.micro_usd if made.micro_usd is not None else made.priced_micro_usd
    told = (money, made.tokens_in, made.tokens_out)
    usages = [call["usage"] for call in calls if call["usage"] is not None]
    served = (
        round(sum(call["micro"] or 0 for call in calls)),
        sum(usage["input"] + usage["cached"] + usage["write"] for usage in usages),
        sum(usage["out"] for usage in usages),
    )
    if made.is_lower_bound or session in UNSEEN:
        assert all(value is None or value <= whole for value, whole in zip(told, served, strict=True))
    else:
        assert money in (None, served[0])
        assert made.tokens_in in (None, served[1])
    if calls:
        assert money != 0
    if len(usages) < len(calls):
        assert money is None


@pytest.mark.parametrize("session", SESSIONS, ids=str)
def test_a_session_ends_with_the_class_of_its_situation(
    session: Session, report: Callable[..., Report]
) -> None:
    made = report(session)
    expected = OTHER_ENDINGS.get(session, ENDINGS[session.name])
    assert (made.status, made.error_class, made.fail_code) == expected, made


@pytest.mark.parametrize("program", ["aider", "mini-swe-agent"])
def test_geminis_refused_answers_have_an_unknown_cost(program: str, make_context: MakeContext) -> None:
    context = make_context(ToolchainRef(name=program, model="gemini/gemini-2.5-flash"))
    made = report_of(context, Session("as-started", program, "refusal"), "budget", kill=False)
    assert made.fail_code == "refused"
    assert (made.micro_usd, made.priced_micro_usd, made.tokens_in) == (None, None, None)


KILLED = [
    each
    for each in SESSIONS
    if Path(f"{each.path}.exit").read_text().startswith("killed") and ENDINGS[each.name] == PROVIDER
]


@pytest.mark.parametrize("session", KILLED, ids=str)
def test_a_program_silent_while_its_provider_fails_is_the_providers(
    session: Session, report: Callable[..., Report]
) -> None:
    made = report(session, "silence")
    assert (made.status, made.error_class) == ("error", "provider"), made


@pytest.mark.parametrize("name", ["401", "402-after-one-call", "529"])
def test_mini_killed_while_it_ends_by_its_providers_error_is_the_providers(
    name: str, report: Callable[..., Report]
) -> None:
    made = report(Session("as-started", "mini-swe-agent", name), kill=True)
    assert (made.status, made.error_class) == ("error", "provider"), made


@pytest.mark.parametrize("name", ["error-event-once", "truncated-stream-once"])
@pytest.mark.parametrize("program", ["aider", "mini-swe-agent"])
def test_an_answer_that_was_requested_again_makes_the_cost_a_lower_bound(
    program: str, name: str, report: Callable[..., Report]
) -> None:
    session = Session("as-started", program, name)
    made = report(session)
    assert made.is_lower_bound
    assert made.micro_usd == sum(call["micro"] for call in session.served if call["served"] == "ok")


def test_aider_counts_an_answer_at_the_output_limit_by_its_printed_tokens(
    report: Callable[..., Report],
) -> None:
    made = report(Session("as-started", "aider", "cut-off-at-output-limit"))
    assert (made.micro_usd, made.priced_micro_usd, made.is_lower_bound) == (None, 2250, False)


@pytest.mark.parametrize("name", ["success", "refusal", "empty-answer", "killed-mid-loop"])
def test_minis_trajectory_has_every_micro_dollar(name: str, report: Callable[..., Report]) -> None:
    session = Session("as-started", "mini-swe-agent", name)
    made = report(session)
    # Killed during a call: served, but never written.
    lost = 33_000 if name == "killed-mid-loop" else 0
    assert made.micro_usd == sum(call["micro"] for call in session.served) - lost
    assert made.is_lower_bound == (lost > 0)

"""What every adapter promises, proven by running it against an executable that behaves like its program."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.toolchains.tests_toolchains_support import MODELS, ref_of
from workers.errors import WorkerError
from workers.toolchains.base import Finished, RoundContext
from workers.toolchains.registry import get_toolchain, known_toolchains, missing_executable

WITH_STAND_IN = [name for name in known_toolchains() if name != "repair"]
AT_THE_END = ("gemini",)
"""Programs that report their usage only when they end."""
PROVIDERS = [name for name in WITH_STAND_IN if name != "command"]
COUNTED = [name for name in WITH_STAND_IN if name != "acp"]
"""Programs that report what they spend: of agents behind the protocol, only the gateway knows it."""
MakeContext = Callable[..., RoundContext]
REPORTED = {
    "command": (20_000, None, 1000, 50),
    "claude": (12_300, None, 21_022, 550),
    "codex": (None, 14_170, 24_763, 622),  # 4,315 x 1.25 + 20,448 x 0.125 + 622 x 10
    "opencode": (8_215, None, 25_587, 245),
    "aider": (13_400, None, 5_600, 300),
    "mini-swe-agent": (15_000, None, 10_000, 200),
    "pi": (None, 17_400, 48_400, 700),  # 2 x (1,200 x 1 + 20,000 x 0.1 + 3,000 x 1.25 + 350 x 5)
    "gemini": (None, 22_500, 48_400, 700),  # 2 x (4,200 x 1.25 + 20,000 x 0.125 + 350 x 10)
    "qwen": (None, 22_500, 48_400, 700),
    "copilot": (None, 17_400, 48_400, 700),
    "acp": (None, None, None, None),
}
"""Micro-dollars reported and priced, tokens in and out, of what each stand-in says it used."""


@pytest.mark.parametrize("name", known_toolchains())
def test_invocation_is_complete_and_stays_in_the_workcell(
    name: str, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAK", "inherited")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-verysecret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret")
    context = make_context(ref_of(name))
    invocation = get_toolchain(name).invocation(context)
    everything = json.dumps([invocation.argv, dict(invocation.env)])
    assert "verysecret" not in everything
    assert "LEAK" not in invocation.env
    assert invocation.env["HOME"] == str(context.home)
    assert invocation.env["PATH"]
    assert invocation.stdin in (None, context.prompt)
    assert all("\0" not in argument for argument in invocation.argv)
    assert list(context.checkout.iterdir()) == [context.checkout / "calc.py"]
    assert not any(context.out.glob("result*"))


@pytest.mark.parametrize("name", known_toolchains())
def test_invocation_says_the_same_thing_twice(name: str, make_context: MakeContext) -> None:
    context = make_context(ref_of(name))
    toolchain = get_toolchain(name)
    assert toolchain.invocation(context) == toolchain.invocation(context)


@pytest.mark.parametrize("name", known_toolchains())
def test_only_what_the_reference_names_is_handed_over(
    name: str, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PROXY", "http://localhost:1")
    monkeypatch.setenv("NOT_NAMED", "kept")
    env = get_toolchain(name).invocation(make_context(ref_of(name, env=["MY_PROXY"]))).env
    assert env["MY_PROXY"] == "http://localhost:1"
    assert "NOT_NAMED" not in env
    with pytest.raises(WorkerError, match="NOT_SET, which this worker does not have"):
        get_toolchain(name).invocation(make_context(ref_of(name, env=["NOT_SET"]), cell="other"))


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_prompt_too_long_for_an_argument_still_reaches_the_program(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(ref_of(name))
    context.prompt.write_text("repair this\0 " + "x" * 300_000)
    assert run(get_toolchain(name), context).report.status == "success"


@pytest.mark.parametrize("how", ["good", "garbage", "huge", "recovers"])
@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_success_is_seen_with_its_cost_whatever_lies_around_it(
    name: str, how: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    done = run(get_toolchain(name), make_context(ref_of(name)), how)
    report = done.report
    assert (report.status, report.error_class, done.fixed) == ("success", None, True), report
    told = (report.micro_usd, report.priced_micro_usd, report.tokens_in, report.tokens_out)
    assert told == REPORTED[name]


@pytest.mark.parametrize("how", ["rate-limit", "auth"])
@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_a_provider_that_refuses_is_never_the_candidates_failure(
    name: str, how: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    done = run(get_toolchain(name), make_context(ref_of(name)), how)
    assert (done.report.status, done.report.error_class) == ("error", "provider"), done.report
    assert done.report.message
    assert not done.fixed


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_program_gets_the_secret_of_its_provider_and_no_other(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    wrong = {"MISTRAL_API_KEY": "x"}
    done = run(get_toolchain(name), make_context(ref_of(name)), secrets=wrong)
    assert (done.report.status, done.report.error_class) == ("error", "provider")


@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_an_empty_answer_is_not_a_success(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    report = run(get_toolchain(name), make_context(ref_of(name)), "empty").report
    assert report.status in ("failed", "error"), report


@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_a_silent_program_is_a_failure_without_a_made_up_cost(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(ref_of(name))
    done = run(get_toolchain(name), context, "silent", stop="silence", stop_when=lambda: True)
    assert (done.report.status, done.report.error_class) == ("failed", None)
    assert done.report.micro_usd is None
    assert done.report.priced_micro_usd is None
    assert set(done.spent) == {None}


@pytest.mark.parametrize("name", COUNTED)
def test_a_program_stopped_half_way_keeps_its_work_and_its_spend(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context, toolchain = make_context(ref_of(name)), get_toolchain(name)

    def half_way() -> bool:
        edited = "a + b" in (context.checkout / "calc.py").read_text()
        known = toolchain.spent(context, context.out / "stdout") is not None
        return edited and (known or name in AT_THE_END)

    done = run(toolchain, context, "killed", stop="budget", stop_when=half_way)
    assert (done.report.status, done.fixed) == ("partial", True)
    if name in AT_THE_END:
        assert (done.report.micro_usd, done.report.priced_micro_usd, done.report.is_lower_bound) == (
            None,
            None,
            True,
        )
        return
    cost = done.report.micro_usd if done.report.micro_usd is not None else done.report.priced_micro_usd
    assert cost is not None
    assert cost > 0
    assert done.spent[-1] == cost
    assert done.report.is_lower_bound


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_program_that_tells_its_result_and_does_not_end_is_judged_by_it(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context, toolchain = make_context(ref_of(name)), get_toolchain(name)
    done = run(
        toolchain,
        context,
        "lingers",
        stop="result",
        stop_when=lambda: toolchain.result_count(context, context.out / "stdout") is not None,
    )
    assert done.finished.ended_by == "result"
    assert (done.report.status, done.fixed, done.report.is_lower_bound) == ("success", True, False), (
        done.report
    )
    told = (
        done.report.micro_usd,
        done.report.priced_micro_usd,
        done.report.tokens_in,
        done.report.tokens_out,
    )
    assert told == REPORTED[name]


@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_a_program_at_work_has_told_no_result(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context, toolchain = make_context(ref_of(name)), get_toolchain(name)
    half_way = lambda: "a + b" in (context.checkout / "calc.py").read_text()  # noqa: E731
    run(toolchain, context, "killed", stop="budget", stop_when=half_way)
    assert toolchain.result_count(context, context.out / "stdout") is None


@pytest.mark.parametrize("code", [126, 127])
@pytest.mark.parametrize("name", known_toolchains())
def test_a_program_that_this_machine_cannot_run_is_no_failure_and_costs_nothing(
    name: str, code: int, make_context: MakeContext
) -> None:
    context = make_context(ref_of(name))
    stdout, stderr = context.out / "stdout", context.out / "stderr"
    stdout.touch()
    stderr.write_text("env: 'node': No such file or directory\n")
    report = get_toolchain(name).report(context, Finished(code, stdout, stderr, "exit", 1))
    assert (report.status, report.error_class, report.micro_usd) == ("error", "infra", 0)
    assert "'node'" in report.message
    assert not report.is_lower_bound


LAUNCHERS = {
    "claude": "Error: claude native binary not installed.\n\nEither postinstall did not run",
    "codex": "Error: Missing optional dependency @openai/codex-linux-x64. Reinstall Codex: npm install -g",
    "opencode": "Error: opencode-ai's postinstall script was not run.",
    "aider": "ModuleNotFoundError: No module named 'aider'",
    "mini-swe-agent": "ModuleNotFoundError: No module named 'minisweagent'",
    "pi": "Error: Cannot find module '/opt/pi-coding-agent/dist/cli.js'",
    "gemini": "Error: Cannot find module '/opt/gemini-cli/bundle/gemini.js'",
    "qwen": "Error: Cannot find module '/opt/qwen-code/cli.js'",
    "copilot": "GitHub Copilot CLI: no platform package found. Reinstall with `npm install -g @github/copilot`",
    "acp": "ModuleNotFoundError: No module named 'acp'",
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_launcher_without_its_binary_is_no_failure_and_costs_nothing(
    name: str, make_context: MakeContext
) -> None:
    context = make_context(ref_of(name))
    stdout, stderr = context.out / "stdout", context.out / "stderr"
    stdout.touch()
    stderr.write_text(LAUNCHERS[name])
    report = get_toolchain(name).report(context, Finished(1, stdout, stderr, "exit", 1))
    assert (report.status, report.error_class, report.micro_usd) == ("error", "infra", 0)


def test_a_command_that_wrote_before_it_could_not_go_on_may_have_spent(make_context: MakeContext) -> None:
    context = make_context(ref_of("command"))
    stdout = context.out / "stdout"
    stdout.write_text("asked the model\n")
    finished = Finished(127, stdout, context.out / "stderr", "exit", 1)
    report = get_toolchain("command").report(context, finished)
    assert (report.status, report.error_class, report.micro_usd) == ("error", "infra", None)


@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_a_cost_that_is_missing_stays_unknown(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    model = {"claude": "claude-house-model"}.get(name, MODELS[name] and f"{MODELS[name]}-house-model")
    report = run(get_toolchain(name), make_context(ref_of(name, model=model)), "no-cost").report
    assert report.status == "success", report
    assert report.micro_usd is None
    assert report.priced_micro_usd is None


@pytest.mark.parametrize("name", [name for name in COUNTED if name not in AT_THE_END])
def test_a_program_that_overspends_is_noticed_while_it_runs(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(ref_of(name), max_micro_usd=700_000)
    if name == "mini-swe-agent":
        context.out.joinpath("stdout").touch()
        done = run(get_toolchain(name), context, "spender")
        assert done.report.error_class == "killed_by_cap"
        assert done.report.micro_usd == 900_000  # one call of $0.30 over its limit of $0.63
        return
    done = run(get_toolchain(name), context, "spender")
    assert done.finished.ended_by == "cap"
    assert (done.report.status, done.report.error_class) == ("error", "killed_by_cap")
    spent = [amount for amount in done.spent if amount is not None]
    assert spent == sorted(spent)
    assert 700_000 < spent[-1] < 3_000_000


@pytest.mark.parametrize("name", ["claude", "mini-swe-agent"])
def test_the_programs_own_money_limit_is_a_cap_not_a_failure(
    name: str, make_context: MakeContext, run: Callable[..., Any]
) -> None:
    done = run(get_toolchain(name), make_context(ref_of(name), max_micro_usd=250_000), "own-limit")
    assert (done.report.status, done.report.error_class) == ("error", "killed_by_cap")
    assert done.report.micro_usd is not None
    assert done.report.micro_usd <= 300_000


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_money_set_aside_never_means_no_limit(name: str, make_context: MakeContext) -> None:
    argv = " ".join(get_toolchain(name).invocation(make_context(ref_of(name), max_micro_usd=0)).argv)
    if name == "claude":
        assert "--max-budget-usd 0.000001" in argv
    if name == "mini-swe-agent":
        assert "--cost-limit=0.000001" in argv


def test_denied_calls_make_a_success_partial(make_context: MakeContext, run: Callable[..., Any]) -> None:
    report = run(get_toolchain("claude"), make_context(ref_of("claude")), "denied").report
    assert (report.status, report.message) == ("partial", "1 calls denied: Bash")


def test_aider_without_its_event_log_is_read_from_its_words(
    make_context: MakeContext, run: Callable[..., Any]
) -> None:
    report = run(get_toolchain("aider"), make_context(ref_of("aider")), "no-log").report
    assert (report.status, report.micro_usd) == ("success", 10_000)
    assert (report.tokens_in, report.tokens_out) == (5600, 300)


def test_codex_waits_for_ever_on_an_open_standard_input(
    make_context: MakeContext, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap is real in the stand-in: what keeps it shut is that the invocation closes standard input."""
    context = make_context(ref_of("codex"))
    assert run(get_toolchain("codex"), make_context(ref_of("codex"), cell="closed")).fixed
    invocation = get_toolchain("codex").invocation(context)
    assert invocation.stdin is None
    process = subprocess.Popen(
        invocation.argv,
        env=dict(invocation.env),
        cwd=context.checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert b"Reading additional input from stdin" in process.stderr.readline()
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_a_broken_result_file_is_an_error_of_the_tool(
    make_context: MakeContext, run: Callable[..., Any]
) -> None:
    report = run(get_toolchain("command"), make_context(ref_of("command")), "broken").report
    assert (report.status, report.error_class, report.micro_usd) == ("error", "provider", None)


def test_a_command_without_money_and_network_costs_nothing(
    make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(ref_of("command", network=None), max_micro_usd=0)
    assert run(get_toolchain("command"), context, "no-cost").report.micro_usd == 0


@pytest.mark.parametrize("name", WITH_STAND_IN)
def test_a_missing_program_is_named_with_what_mends_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = missing_executable(ref_of(name))
    assert line is not None
    assert "install" in line
    assert "\n" not in line


@pytest.mark.parametrize("name", known_toolchains())
@pytest.mark.parametrize("ended_by", ["exit", "budget", "silence", "cap", "cancel"])
def test_no_output_at_all_is_never_a_success_of_a_model(
    name: str, ended_by: str, make_context: MakeContext
) -> None:
    context = make_context(ref_of(name))
    gone = context.out / "gone"
    code = 0 if ended_by == "exit" else None
    finished = Finished(code, gone, gone, ended_by, 0)  # type: ignore[arg-type]
    report = get_toolchain(name).report(context, finished)
    if name in PROVIDERS:
        assert report.status != "success"
        assert (report.micro_usd, report.priced_micro_usd) == (None, None)
    if ended_by == "cap":
        assert (report.status, report.error_class) == ("error", "killed_by_cap")

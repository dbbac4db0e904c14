"""Real agent programs through `bench submit`, their network off: money to the micro-dollar, status and class.

Run by `make agents`, in part by `make agents-ci`. The models are scripted; nothing leaves the machine.
"""

import itertools
from pathlib import Path

import pytest

from tests.agents.farm import RESERVED_USD, SMALL_USD, AgentsFarm
from tests.agents.install import PROGRAMS
from tests.agents.table import AGENTS, CI_AGENTS, CI_SCENARIOS, OUTAGES, Agent, expectations
from workers.gateway.scripted.scenarios import BACKGROUND_SECONDS, lab_key
from workers.toolchains.registry import known_toolchains

_RUNS = itertools.count()
_TABLE = expectations()


def _case(program: str, scenario: str) -> object:
    """One case; those of CI carry a mark."""
    in_ci = program in CI_AGENTS and scenario in CI_SCENARIOS
    marks: list[pytest.MarkDecorator] = [pytest.mark.agents_ci] if in_ci else []
    return pytest.param(program, scenario, id=f"{program}-{scenario}", marks=marks)


def _agent(program: str) -> Agent:
    """The program as a toolchain; skips the test where it cannot run here."""
    agent = AGENTS[program]
    if agent.toolchain not in known_toolchains():
        pytest.skip(f"there is no adapter of {program}")
    if not PROGRAMS[program].is_installed:
        pytest.skip(f"{program} is not installed; `python -m tests.agents.install {program}` says why")
    return agent


@pytest.mark.parametrize(
    ("program", "scenario"), [_case(*each) for each in itertools.product(AGENTS, OUTAGES)]
)
def test_an_outage_pauses_the_class_and_costs_nothing(
    fresh_farm: AgentsFarm, program: str, scenario: str
) -> None:
    agent = _agent(program)
    key = lab_key(scenario, program)
    (paused,) = fresh_farm.paused(agent, key)
    assert agent.toolchain in paused.values()
    assert {call.outcome for call in fresh_farm.models.served(key) if call.micro_usd == 0} == {scenario}
    assert sum(call.micro_usd for call in fresh_farm.models.served(key) if call.status != 200) == 0


@pytest.mark.parametrize(("program", "scenario"), [_case(*each) for each in _TABLE])
def test_a_bench_ends_and_is_charged_as_the_provider_served(
    farm: AgentsFarm, program: str, scenario: str
) -> None:
    agent, expected = _agent(program), _TABLE[program, scenario]
    key = lab_key(scenario, f"{program}-{next(_RUNS)}")
    reserved_usd = SMALL_USD if expected.error_class == "killed_by_cap" else RESERVED_USD
    outcome = farm.bench(agent, key, reserved_usd)
    calls = farm.models.served(key)
    served = sum(call.micro_usd for call in calls)
    ended = (outcome["status"], outcome["error_class"])
    seen = [(call.status, call.outcome, call.micro_usd) for call in calls]
    assert ended == (expected.status, expected.error_class), (seen, farm.errors())
    assert expected.fail_code is None or expected.fail_code in outcome["fail_codes"]
    assert served <= outcome["charged_micro_usd"] <= reserved_usd * 1_000_000
    assert not expected.is_exact or outcome["charged_micro_usd"] == served, seen
    assert calls
    assert _processes_left() == []


def _processes_left() -> list[str]:
    """The command lines of what a scenario started in the background."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip())
        except OSError:
            continue  # it has ended
    return [line for line in lines if line == f"sleep {BACKGROUND_SECONDS}"]

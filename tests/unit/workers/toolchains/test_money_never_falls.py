"""The cost of a run never falls: not in its own stream, nor below anything that its program once reported."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.execution.spending import Spending
from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

Event = dict[str, Any]
MODELS = {
    "claude": "claude-haiku-4-5",
    "codex": "gpt-5",
    "opencode": "anthropic/claude-haiku-4-5",
    "aider": "anthropic/claude-haiku-4-5",
    "mini-swe-agent": "anthropic/claude-haiku-4-5",
    "command": None,
}
COUNTS = st.integers(0, 100_000)
DOLLARS = st.sampled_from([None, 0, 0.01, 0.2, 0.42, 3.5])
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def claude_tokens(given: int, out: int) -> Event:
    return {"input_tokens": given, "output_tokens": out}


CLAUDE = st.one_of(
    st.builds(
        lambda usd, given, out, turns, failed, session: {
            "type": "result",
            "subtype": "success",
            "is_error": failed,
            "num_turns": turns,
            "result": "done",
            "session_id": session,
            "total_cost_usd": usd,
            "usage": claude_tokens(given, out),
        },
        *(DOLLARS, COUNTS, COUNTS, st.integers(0, 3), st.booleans(), st.sampled_from(["a", "a", "b"])),
    ),
    st.builds(
        lambda number, given, out, parent: {
            "type": "assistant",
            "parent_tool_use_id": parent,
            "message": {"id": f"m{number}", "model": MODELS["claude"], "usage": claude_tokens(given, out)},
        },
        *(st.integers(0, 3), COUNTS, COUNTS, st.sampled_from([None, "t"])),
    ),
    st.sampled_from([{"type": "user"}, {"type": "system", "subtype": "api_retry", "error_status": 529}]),
)
CODEX = st.one_of(
    st.builds(
        lambda given, out: {"type": "turn.completed", "usage": claude_tokens(given, out)}, COUNTS, COUNTS
    ),
    st.sampled_from([{"type": "turn.started"}, {"type": "turn.failed", "error": {"message": "no"}}]),
    st.just({"type": "item.completed", "item": {"type": "agent_message", "text": "hm"}}),
)
OPENCODE = st.one_of(
    st.builds(
        lambda usd, given, out, reason, session: {
            "type": "step_finish",
            "sessionID": session,
            "part": {"reason": reason, "cost": usd, "tokens": {"input": given, "output": out}},
        },
        *(DOLLARS, COUNTS, COUNTS, st.sampled_from(["stop", "tool-calls", "unknown"]), st.sampled_from("ab")),
    ),
    st.sampled_from(
        [
            {"type": "step_start"},
            {"type": "text", "part": {"text": "hm"}},
            {"type": "error", "error": {"name": "APIError"}},
            {"type": "tool_use", "part": {"tool": "task"}},
        ]
    ),
)
AIDER = st.builds(
    lambda usd, total, given, out: {
        "event": "message_send",
        "properties": {"cost": usd, "total_cost": total, "prompt_tokens": given, "completion_tokens": out},
    },
    *(DOLLARS, DOLLARS, COUNTS, COUNTS),
)
MINI = st.builds(
    lambda usd, calls: {"info": {"model_stats": {"instance_cost": usd, "api_calls": calls}}, "messages": []},
    *(DOLLARS, st.integers(0, 9)),
)
COMMAND = st.builds(lambda usd: {"status": "success", "cost_usd": usd}, DOLLARS)
EVENTS = {"claude": CLAUDE, "codex": CODEX, "opencode": OPENCODE, "aider": AIDER}
REWRITTEN = {"mini-swe-agent": ("trajectory.json", MINI), "command": ("result.json", COMMAND)}


def context_in(root: Path, name: str) -> RoundContext:
    argv = ["agent"] if name == "command" else None
    ref = ToolchainRef(name=name, model=MODELS[name], argv=argv, network=True)
    out = root / "out"
    out.mkdir()
    return RoundContext(ref, root, root / "p", root / "m", out, root, 1, 1, 60.0, 10**12)


def reported(event: Event) -> float:
    """The dollars that one event says were spent by the program up to it, or in it."""
    reported = (
        event.get("total_cost_usd"),
        event.get("cost_usd"),
        event.get("part", {}).get("cost"),
        event.get("properties", {}).get("total_cost"),
        event.get("info", {}).get("model_stats", {}).get("instance_cost"),
    )
    return max((usd for usd in reported if usd), default=0.0)


def money(report: Report) -> int:
    return max(report.micro_usd or 0, report.priced_micro_usd or 0)


def booked(name: str, events: list[Event], ask: bool) -> Iterator[tuple[int, float]]:
    """After each event: what would be booked, cost or lower bound, and the most the program has reported."""
    with tempfile.TemporaryDirectory() as folder:
        context = context_in(Path(folder), name)
        toolchain, stdout = get_toolchain(name), context.out / "stdout"
        file, _ = REWRITTEN.get(name, ("aider-events.jsonl" if name == "aider" else "stdout", None))
        path, most = context.out / file, 0.0
        spending = Spending(lambda: toolchain.spent(context, stdout), 10**12)
        for event in events:
            with path.open("w" if name in REWRITTEN else "a") as stream:
                stream.write(json.dumps(event) + "\n")
            most = max(most, reported(event))
            finished = Finished(0, stdout, context.out / "stderr", "exit", 1)
            if ask:
                spending.money_stop()
                yield money(spending.settled(toolchain.report(context, finished))), most
            else:
                yield money(toolchain.report(context, finished)), most


@pytest.mark.parametrize("name", MODELS)
@FEW
@given(data=st.data())
def test_what_is_booked_only_grows(name: str, data: st.DataObject) -> None:
    events = EVENTS[name] if name in EVENTS else REWRITTEN[name][1]
    amounts = list(booked(name, data.draw(st.lists(events, max_size=8)), ask=True))
    assert [amount for amount, _ in amounts] == sorted(amount for amount, _ in amounts)
    assert all(amount >= round(most * 1e6) for amount, most in amounts)


@pytest.mark.parametrize("name", EVENTS)
@FEW
@given(data=st.data())
def test_a_stream_read_only_at_its_end_says_no_less_than_it_ever_reported(
    name: str, data: st.DataObject
) -> None:
    for amount, most in booked(name, data.draw(st.lists(EVENTS[name], max_size=8)), ask=False):
        assert amount >= round(most * 1e6)

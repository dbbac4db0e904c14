"""Conversation steps on a page: texts, calls with their results, totals, and a bounded size."""

from typing import Any

from markupsafe import escape

from bench.ui.views.steps import PAGE_CHARACTERS, step_page, whole_step
from planner.system.foreign_text import visible_text

Json = dict[str, Any]


def conversation(*steps: Json) -> Json:
    return {"agent": {"name": "claude"}, "steps": list(steps)}


CALL: Json = {
    "step_id": 1,
    "source": "agent",
    "message": "I look.",
    "tool_calls": [{"tool_call_id": "c1", "function_name": "bash", "arguments": {"command": "ls\n-l"}}],
    "observation": {"results": [{"source_call_id": "c1", "content": "a.py"}, {"content": "loose"}]},
    "metrics": {"prompt_tokens": 1200, "completion_tokens": 30, "cost_usd": 0.0123},
}


def test_a_call_is_followed_by_its_result() -> None:
    (step,) = step_page(conversation(CALL)).steps
    assert [(block.kind, block.title, block.text) for block in step.blocks] == [
        ("message", "", "I look."),
        ("call", "bash", "ls\n    -l"),
        ("result", "", "a.py"),
        ("result", "", "loose"),
    ]
    assert (step.agent, step.source, step.tools, step.preview) == ("claude", "agent", ("bash",), "I look.")
    assert (step.tokens_in, step.tokens_out, step.micro_usd) == (1200, 30, 12_300)


def test_totals_are_of_the_whole_conversation_and_missing_where_nothing_is_known() -> None:
    page = step_page(conversation(CALL, {"message": "x"}, CALL), 2)
    assert (page.tokens_in, page.tokens_out, page.micro_usd, page.total) == (2400, 60, 24_600, 3)
    assert step_page(conversation({"message": "x"})).tokens_in is None
    assert step_page({}).total == 0


def test_sub_agents_follow_the_agent() -> None:
    whole = conversation(CALL) | {
        "subagent_trajectories": [{"agent": {"name": "sub"}, "steps": [{"message": "y"}]}]
    }
    assert [step.agent for step in step_page(whole).steps] == ["claude", "sub"]


def test_a_long_conversation_is_paged_without_losing_a_step() -> None:
    whole = conversation(*({"message": f"{number} " + "<&>" * 1500} for number in range(40)))
    start: int | None = 0
    shown: list[int] = []
    while start is not None:
        page = step_page(whole, start)
        assert sum(len(escape(b.text)) for s in page.steps for b in s.blocks) < PAGE_CHARACTERS
        shown += [step.number for step in page.steps]
        start = page.next_step
    assert shown == list(range(40))


def test_a_long_text_is_cut_on_the_list_and_longer_by_itself() -> None:
    text = "\u202e" * 50_000
    (step,) = step_page(conversation({"message": text})).steps
    assert step.blocks[0].left_out == 50_000 - len(step.blocks[0].text) > 0
    alone = whole_step(conversation({"message": text}), 0)
    assert alone is not None
    assert len(step.blocks[0].text) < len(alone.blocks[0].text)
    assert len(escape(visible_text(alone.blocks[0].text))) <= PAGE_CHARACTERS
    assert whole_step(conversation(CALL), 1) is None


def test_values_of_other_types_are_missing() -> None:
    odd: Json = {
        "source": 7,
        "message": {"a": 1},
        "tool_calls": "x",
        "observation": [],
        "metrics": {"prompt_tokens": -1, "completion_tokens": "many", "cost_usd": 1e300},
    }
    (step,) = step_page({"steps": [odd, "no step"][:1], "agent": None}).steps
    assert (step.tokens_in, step.tokens_out, step.micro_usd, step.agent) == (None, None, None, "")

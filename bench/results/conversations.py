"""Steps of a conversation as rows, for people and for programs."""

from typing import Any

Json = dict[str, Any]


def step_rows(conversation: Json) -> list[Json]:
    """A row for each step, sub-agents after the agent that started them."""
    agent = (conversation.get("agent") or {}).get("name")
    rows = [_row(agent, step) for step in conversation.get("steps") or ()]
    for branch in conversation.get("subagent_trajectories") or ():
        rows += step_rows(branch)
    return rows


def _row(agent: str | None, step: Json) -> Json:
    metrics = step.get("metrics") or {}
    calls = [f"{call.get('function_name')} {call.get('arguments')}" for call in step.get("tool_calls") or ()]
    results = [text_of(each.get("content")) for each in (step.get("observation") or {}).get("results") or ()]
    return {
        "step": step.get("step_id"),
        "agent": agent,
        "source": step.get("source"),
        "message": text_of(step.get("message")),
        "tool_calls": "; ".join(calls),
        "results": "; ".join(results),
        "usd": metrics.get("cost_usd"),
        "tokens_in": metrics.get("prompt_tokens"),
        "tokens_out": metrics.get("completion_tokens"),
    }


def text_of(message: Any) -> str:
    """The text of a message or a result: the text itself, or its parts, one a line; empty where there is none."""
    if isinstance(message, list):
        return "\n".join(
            str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in message
        )
    return "" if message is None else str(message)

"""Conversation of a candidate, read from its archive: steps as rows, for people and for programs."""

from pathlib import Path
from typing import Any

from bench.errors import BenchError
from workers.conversation.store import FILE, unpacked
from workers.execution.archive import is_archive_name

Json = dict[str, Any]
_SHOWN = 400


def conversation_in(archives: Path, workcell: str | None) -> tuple[str, Json]:
    """The name of a workcell and its conversation, an ATIF trajectory; without a name, that of the newest archive.

    Raises: `BenchError` where there is no such archive, or it has no readable conversation.
    """
    if workcell is None:
        newest = max(archives.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            raise BenchError(f"no archive in {archives} has a conversation; run a bench with a coding agent")
        workcell = newest.parent.name
    path = archives / workcell / FILE
    if not is_archive_name(workcell) or not path.is_file():
        raise BenchError(f"no conversation of workcell {workcell!r:.140} in {archives}; see the names there")
    try:
        return workcell, unpacked(path.read_bytes())
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(f"{path} cannot be read: {error}") from error


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
    results = [str(each.get("content")) for each in (step.get("observation") or {}).get("results") or ()]
    return {
        "step": step.get("step_id"),
        "agent": agent,
        "source": step.get("source"),
        "message": _text(step.get("message")),
        "tool_calls": "; ".join(calls),
        "results": "; ".join(results),
        "usd": metrics.get("cost_usd"),
        "tokens_in": metrics.get("prompt_tokens"),
        "tokens_out": metrics.get("completion_tokens"),
    }


def _text(message: Any) -> str:
    if isinstance(message, list):
        return " ".join(
            str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in message
        )
    return "" if message is None else str(message)


def shortened(text: str) -> str:
    """`text` for a cell of a table: its start, and what is left out."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} … (+{len(text) - _SHOWN} characters)"

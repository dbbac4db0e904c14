"""Conversation from aider's chat history, with usage and times from its event log; else from what it prints."""

from collections.abc import Iterator
from pathlib import Path

from workers.conversation.programs.reading import Round, add_prompt, add_raw, events, iso, read_text
from workers.conversation.steps import AtifStep, AtifTrajectory, Json, Metrics
from workers.untrusted import count, dollars, mapping, micro

_MARKS = {"####": "user", ">": "system"}


def aider(program: str, rounds: list[Round]) -> AtifTrajectory:
    """The conversation in the chat histories; in the printed text of a round without one."""
    trajectory = AtifTrajectory(program)
    for each in rounds:
        sends = _sends(each)
        history = read_text(each.out / "aider-chat.md")
        if history.strip():
            for step in _steps(history):
                if step.source == "agent" and sends:
                    step.at, step.metrics = sends.pop(0)
                trajectory.add(step)
        else:
            add_prompt(trajectory, each.prompt)
            text = read_text(each.stdout).strip()
            if text:
                add_raw(trajectory, text)
        _add_total(trajectory, sends)
    return trajectory


def _steps(history: str) -> Iterator[AtifStep]:
    """Steps by the marks at the start of lines: `####` the user's words, `>` aider's own, none the model's."""
    who, is_code = "", False
    lines: list[str] = []
    for line in history.split("\n"):
        mark = line.split(" ", 1)[0].rstrip()
        kind = "agent" if is_code else _MARKS.get(mark, "agent")
        if line.startswith("```"):
            is_code = kind == "agent" and not is_code
        if kind == "agent" and line.startswith("# aider chat started at") and not is_code:
            kind = "system"
        if kind != who and (line.strip() or who != "agent"):
            yield from _step(who, lines)
            who, lines = kind, []
        lines.append(line if kind == "agent" else line.removeprefix(mark).strip() if mark in _MARKS else line)
    yield from _step(who, lines)


def _step(who: str, lines: list[str]) -> Iterator[AtifStep]:
    text = "\n".join(lines).strip()
    if text:
        yield AtifStep("user" if who == "user" else "system" if who == "system" else "agent", text)


def _sends(each: Round) -> list[tuple[str | None, Metrics]]:
    """Time and usage of each answer in the event log."""
    sends = []
    for path in _logs(each):
        for event in events(path):
            if isinstance(event, dict) and event.get("event") == "message_send":
                properties = mapping(event.get("properties"))
                sends.append((iso(event.get("time")), _metrics(properties)))
    return sends


def _logs(each: Round) -> list[Path]:
    return [each.out / "aider-events.jsonl"]


def _metrics(properties: Json) -> Metrics:
    return Metrics(
        count(properties.get("prompt_tokens")),
        count(properties.get("completion_tokens")),
        micro_usd=micro(dollars(properties.get("cost"))) or None,
    )


def _add_total(trajectory: AtifTrajectory, sends: list[tuple[str | None, Metrics]]) -> None:
    """Usage of answers that the history does not show apart."""
    for at, metrics in sends:
        trajectory.add(AtifStep("agent", at=at, metrics=metrics, extra={"text": "in the printed text above"}))
